//! What opening an SRTP packet costs: by our contexts and cipher bursts, by libsrtp on OpenSSL,
//! and by the burst of ciphers alone, which is the limit.
//!
//! Packets carry 160 octets, are of 1,000 streams with keys of their own, and each packet of a
//! burst is another stream's.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a benchmark has nothing better to do with an error than to stop"
)]

pub mod ours;
pub mod theirs;

use std::time::Instant;

use abi::Suite;

/// Streams.
const STREAMS: usize = 1_000;
/// Packets of each stream in one run.
const ROUNDS: u16 = 64;
/// Octets of payload.
const PAYLOAD: usize = 160;

/// Master key and salt of a stream.
fn key_salt(suite: Suite, stream: usize) -> Vec<u8> {
    let seed = u64::try_from(stream).unwrap_or(0) + 1;
    perf_loadgen::synth::Keys::new(seed).take(suite.key_salt_len())
}

/// A clear RTP packet of a stream.
fn rtp(stream: usize, seq: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(seq.to_be_bytes());
    packet.extend([0; 4]);
    packet.extend(ssrc(stream).to_be_bytes());
    packet.resize(12 + PAYLOAD, 0x55);
    packet
}

/// The source of a stream.
fn ssrc(stream: usize) -> u32 {
    u32::try_from(stream).unwrap_or(0)
}

/// Nanoseconds a packet, when `packets` of them began at `began`.
#[expect(clippy::cast_precision_loss, reason = "a few thousand")]
fn per_packet(began: Instant, packets: usize) -> f64 {
    began.elapsed().as_secs_f64() * 1e9 / packets as f64
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn now() -> Instant {
    Instant::now()
}
