//! What opening an SRTP packet costs: by our contexts and cipher bursts, by libsrtp on OpenSSL,
//! and by the burst of ciphers alone, which is the limit.
//!
//! `cargo run --release -p perf-ciphers`. Packets carry 160 octets, are of 1,000 streams with keys
//! of their own, and each packet of a burst is another stream's.
#![expect(
    clippy::expect_used,
    reason = "a benchmark has nothing better to do with an error than to stop"
)]

mod ours;
mod theirs;

use std::time::Instant;

use abi::Suite;
use perf_harness::{Options, Question, Target, Unit};

/// Streams.
const STREAMS: usize = 1_000;
/// Packets of each stream in one run.
const ROUNDS: u16 = 64;
/// Octets of payload.
const PAYLOAD: usize = 160;

/// The suites that the peer knows; it derives AES-192 keys wrongly.
const SUITES: [Suite; 5] = [
    Suite::AesCm128HmacSha1_80,
    Suite::AesCm128HmacSha1_32,
    Suite::AesCm256HmacSha1_80,
    Suite::AeadAes128Gcm,
    Suite::AeadAes256Gcm,
];

fn main() {
    let options = Options::from_args().expect("arguments");
    let mut question = Question::new(
        "ciphers",
        "What does opening an SRTP packet cost?",
        "One thread opens sealed packets of 1,000 streams, 160 octets of payload, each packet of \
         a burst of 32 under another key. Ours: replay check, ciphers of intel-ipsec-mb over the \
         burst, commit. libsrtp: a session a stream, one packet at a time, on OpenSSL. The burst \
         alone: the same cipher jobs with nothing around them.",
    );
    for _ in 0..options.runs {
        for suite in SUITES {
            let name = suite.name();
            let ns = Unit::NsPerPacket;
            question.record(&format!("libsrtp, {name}"), ns, theirs::open(suite));
            let (whole, alone) = ours::open(suite);
            question.record(&format!("ours, {name}"), ns, whole);
            question.record(&format!("burst alone, {name}"), ns, alone);
        }
    }
    for suite in SUITES {
        let row = |whose: &str| format!("{whose}, {}", suite.name());
        let (ours, peer) = (row("ours"), row("libsrtp"));
        let what = format!("times as fast as libsrtp, {}", suite.name());
        question.claim_ratio(&what, &peer, &ours, Target::Informative);
        let what = format!("ours against the burst alone, {}", suite.name());
        question.claim_ratio(&what, &row("burst alone"), &ours, Target::Informative);
    }
    let answer = question.answer().expect("enough runs");
    answer.publish(&options.results).expect("results");
}

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
