//! Settings that hold for every application.

use postcard_schema::Schema;
use serde::{Deserialize, Serialize};

/// TCP settings. Times in milliseconds, sizes in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct TcpSettings {
    /// Receive buffer of a leg.
    pub rx_buffer: u32,
    /// Transmit buffer of a leg.
    pub tx_buffer: u32,
    /// A connection that takes longer is given up.
    pub connect_ms: u32,
    /// Quiet time before a keepalive.
    pub keepalive_ms: u32,
    /// A peer that acknowledges nothing for this long is gone.
    pub dead_ms: u32,
    /// A session in which nothing is said for this long is ended.
    pub idle_ms: u32,
    /// A peer that keeps its window shut for this long is cut off.
    pub stall_ms: u32,
    /// First and last local port for connections to servers.
    pub ports: (u16, u16),
}

impl Default for TcpSettings {
    fn default() -> Self {
        Self {
            rx_buffer: 4_096,
            tx_buffer: 6_144,
            connect_ms: 10_000,
            keepalive_ms: 60_000,
            dead_ms: 120_000,
            idle_ms: 3_600_000,
            stall_ms: 60_000,
            ports: (20_000, 60_999),
        }
    }
}

/// Which library does the cryptography of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum TlsProvider {
    /// AWS-LC.
    #[default]
    AwsLcRs,
    /// ring.
    Ring,
}

/// TLS settings that hold for every application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct TlsSettings {
    /// Cryptography library.
    pub provider: TlsProvider,
    /// A handshake that takes longer is given up, in milliseconds.
    pub handshake_ms: u32,
    /// Handshakes in progress that one source (IPv4 address, IPv6 /64) may have with one worker.
    pub handshakes_per_source: u32,
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self {
            provider: TlsProvider::default(),
            handshake_ms: 20_000,
            handshakes_per_source: 512,
        }
    }
}

/// Media settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct RtpSettings {
    /// SRTP replay window, in packets, 64 to 1024.
    pub replay_window: u16,
    /// SSRCs that one direction of a stream may have at once.
    pub sources_max: u8,
}

impl Default for RtpSettings {
    fn default() -> Self {
        Self {
            replay_window: 128,
            sources_max: 8,
        }
    }
}
