//! What only the management thread knows: the process, and its ports.

use crate::sync::AtomicU64;

use super::{Depth, Mac, Text, guarded, load, store};
use crate::part::{Part, part};

/// Words of the process's record.
pub const PROCESS_WORDS: usize = guarded::<ProcessRecord>();
/// Words of a device's record.
pub const DEVICE_WORDS: usize = guarded::<DeviceRecord>();
/// Queues of a port that are told apart.
pub const QUEUES_MAX: usize = 16;

part! {
    /// The data plane's process.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub ProcessRecord {
        /// Its version.
        version: Text,
        /// The version of DPDK that it runs on.
        dpdk: Text,
        /// Packet buffers in all.
        mbufs: u64,
        /// Packet buffers that are free.
        mbufs_free: u64,
        /// Legs of all workers that wait for a handshake thread.
        handshakes: Depth,
    }
}

part! {
    /// What a port has counted since it started.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub PortCounts {
        /// Frames received.
        rx_packets: u64,
        /// Octets received.
        rx_octets: u64,
        /// Frames lost because a receive ring was full.
        rx_missed: u64,
        /// Frames received damaged.
        rx_errors: u64,
        /// Frames lost because there was no buffer.
        rx_no_mbuf: u64,
        /// Frames sent.
        tx_packets: u64,
        /// Octets sent.
        tx_octets: u64,
        /// Frames that could not be sent.
        tx_errors: u64,
    }
}

part! {
    /// What one queue pair of a port has counted; some drivers keep no such counts.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub QueueCounts {
        /// Frames received.
        rx_packets: u64,
        /// Octets received.
        rx_octets: u64,
        /// Frames received damaged or dropped.
        rx_errors: u64,
        /// Frames sent.
        tx_packets: u64,
        /// Octets sent.
        tx_octets: u64,
    }
}

part! {
    /// A port, at the last look.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub DeviceRecord {
        /// The operator's name for it.
        name: Text,
        /// When this was written, nanoseconds of the data plane's clock; 0 is no port.
        at: u64,
        /// Station address.
        mac: Mac,
        /// Largest IP packet, in octets.
        mtu: u16,
        /// Whether frames can pass.
        link_up: bool,
        /// Speed in Mbit/s; all ones if unknown.
        speed_mbps: u32,
        /// Whether both directions can be used at once.
        full_duplex: bool,
        /// Receive queues in use.
        rx_queues: u16,
        /// Transmit queues in use.
        tx_queues: u16,
        /// What the port has counted.
        counts: PortCounts,
        /// What each queue pair has counted, as far as there are any.
        queues: [QueueCounts; QUEUES_MAX],
    }
}

impl ProcessRecord {
    /// Writes the record to its place. Only the owner may call this.
    pub fn store(&self, words: &[AtomicU64]) {
        store::<{ Self::WORDS }>(self, words);
    }

    /// Reads the record; `None` before the first was written.
    #[must_use]
    pub fn load(words: &[AtomicU64]) -> Option<Self> {
        load::<{ Self::WORDS }, Self>(words).filter(|record| record.version != Text::default())
    }
}

impl DeviceRecord {
    /// Writes the record to its place. Only the owner may call this.
    pub fn store(&self, words: &[AtomicU64]) {
        store::<{ Self::WORDS }>(self, words);
    }

    /// Reads a record; `None` when there is no such port.
    #[must_use]
    pub fn load(words: &[AtomicU64]) -> Option<Self> {
        load::<{ Self::WORDS }, Self>(words).filter(|record| record.at > 0)
    }

    /// The queue pairs that are in use and told apart.
    #[must_use]
    pub fn queues_in_use(&self) -> &[QueueCounts] {
        let pairs = usize::from(self.rx_queues.max(self.tx_queues));
        self.queues.get(..pairs.min(QUEUES_MAX)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(n: usize) -> Vec<AtomicU64> {
        (0..n).map(|_| AtomicU64::new(0)).collect()
    }

    #[test]
    fn process_record_round_trips() {
        let record = ProcessRecord {
            version: Text::new("0.1.0"),
            dpdk: Text::new("DPDK 22.11.7"),
            mbufs: 16_383,
            mbufs_free: 9,
            handshakes: Depth {
                waiting: 3,
                room: 4_096,
            },
        };
        let words = words(PROCESS_WORDS);
        assert_eq!(ProcessRecord::load(&words), None);
        record.store(&words);
        assert_eq!(ProcessRecord::load(&words), Some(record));
    }

    #[test]
    fn device_record_round_trips() {
        let queue = |n| QueueCounts {
            rx_packets: n,
            rx_octets: n + 1,
            rx_errors: n + 2,
            tx_packets: n + 3,
            tx_octets: n + 4,
        };
        let mut record = DeviceRecord {
            name: Text::new("outside"),
            at: 5,
            mac: Mac([2, 0, 0, 0, 0, 0xfe]),
            mtu: 9_000,
            link_up: true,
            speed_mbps: u32::MAX,
            full_duplex: true,
            rx_queues: 2,
            tx_queues: 1,
            counts: PortCounts {
                rx_packets: 1,
                rx_octets: 2,
                rx_missed: 3,
                rx_errors: 4,
                rx_no_mbuf: 5,
                tx_packets: 6,
                tx_octets: 7,
                tx_errors: 8,
            },
            queues: [queue(100); QUEUES_MAX],
        };
        record.queues[15] = queue(900);
        let words = words(DEVICE_WORDS);
        assert_eq!(DeviceRecord::load(&words), None);
        record.store(&words);
        assert_eq!(DeviceRecord::load(&words), Some(record));
        assert_eq!(record.queues_in_use(), [queue(100); 2]);
        record.tx_queues = u16::MAX;
        assert_eq!(record.queues_in_use().len(), QUEUES_MAX);
    }
}
