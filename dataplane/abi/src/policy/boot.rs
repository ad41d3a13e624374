//! What the data plane reads once, when it starts.

use postcard_schema::Schema;
use serde::{Deserialize, Serialize};

/// Keys that take a restart of the data plane to change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Boot {
    /// Ports to open.
    pub devices: Vec<Device>,
    /// Poll-mode workers, 1 or more.
    pub workers: u16,
    /// Handshake threads; 0 runs handshakes on the workers.
    pub handshake_threads: u16,
    /// CPUs that workers are pinned to, in order; empty: those that the process may use, in turn.
    pub cpus: Vec<u16>,
    /// Where packet memory comes from.
    pub memory: Memory,
    /// What an idle worker does.
    pub idle: Idle,
    /// Proxied sessions that one worker has room for.
    pub sessions_max: u32,
    /// Media streams that one worker has room for.
    pub streams_max: u32,
    /// Packet buffers in all.
    pub mbufs: u32,
}

/// Where packet memory comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Memory {
    /// Use hugepages.
    pub hugepages: bool,
    /// MiB to take at start; 0 lets the EAL grow as needed.
    pub mib: u32,
}

/// What a worker does when a turn found nothing to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum Idle {
    /// Poll on.
    #[default]
    Busy,
    /// Pause, then sleep for up to this long.
    Backoff {
        /// Longest sleep, in microseconds.
        sleep_us_max: u32,
    },
}

/// A port of the data plane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Device {
    /// The operator's name for it.
    pub name: String,
    /// How the EAL finds it.
    pub kind: DeviceKind,
    /// Largest IP packet, in octets.
    pub mtu: u16,
    /// Receive and transmit descriptors a queue.
    pub descriptors: u16,
}

/// How the EAL finds a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum DeviceKind {
    /// A virtual device, in the EAL's words, such as `net_af_packet0,iface=veth0,qpairs=2`.
    Vdev(String),
    /// A PCI address, such as `0000:3b:00.0`.
    Pci(String),
}
