//! `tcp`, `tls` and `rtp`.

use crate::section::section;
use crate::value::{Int, Millis, Octets, PortRange, choice};

section! {
    /// Connections of the signalling.
    RawTcp {
        /// Receive buffer of each side of a session, in octets.
        rx_buffer: Octets<2_048, 1_048_576>, default = "4KiB";
        /// Transmit buffer of each side of a session, in octets.
        tx_buffer: Octets<2_048, 1_048_576>, default = "6KiB";
        /// A connection to a server that takes longer is given up.
        connect_timeout: Millis<100, 300_000>, default = "10s";
        /// Quiet time before a keepalive is sent.
        keepalive: Millis<1_000, 86_400_000>, default = "1m";
        /// A peer that acknowledges nothing for this long is gone.
        dead_timeout: Millis<1_000, 3_600_000>, default = "2m";
        /// A session in which nothing is said for this long is ended.
        idle_timeout: Millis<1_000, 604_800_000>, default = "1h";
        /// A peer that keeps its window shut for this long is cut off.
        stall_timeout: Millis<1_000, 3_600_000>, default = "1m";
        /// Local ports for connections to servers, when the source is one of our addresses.
        ports: PortRange, default = "20000-60999";
    }
}

choice! {
    /// Which library does the cryptography of TLS.
    Provider {
        AwsLcRs "aws-lc-rs",
        Ring "ring",
    }
}

section! {
    /// TLS of every application.
    RawTls {
        /// Library that does the cryptography.
        provider: Provider, default = "aws-lc-rs";
        /// A handshake that takes longer is given up.
        handshake_timeout: Millis<1_000, 300_000>, default = "20s";
        /// Handshakes in progress that one source (an IPv4 address, or an IPv6 /64) may have with
        /// one worker. Many phones behind one address come back at once after an outage.
        handshakes_per_source: Int<1, 1_000_000>, default = "512";
    }
}

section! {
    /// Media of every application.
    RawRtp {
        /// SRTP replay window, in packets.
        replay_window: Int<64, 1_024>, default = "128";
        /// SSRCs that one direction of a stream may have at once.
        sources_max: Int<1, 255>, default = "8";
    }
}
