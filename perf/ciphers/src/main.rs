//! What opening an SRTP packet costs: by our contexts and cipher bursts, by libsrtp on OpenSSL,
//! and by the burst of ciphers alone, which is the limit.
//!
//! `cargo run --release -p perf-ciphers`. Packets carry 160 octets, are of 1,000 streams with keys
//! of their own, and each packet of a burst is another stream's.

use std::error::Error;
use std::process::ExitCode;

use abi::Suite;
use perf_ciphers::{ours, theirs};
use perf_harness::{Options, Question, Target, Tool, Unit};

/// The suites that the peer knows; it derives AES-192 keys wrongly.
const SUITES: [Suite; 5] = [
    Suite::AesCm128HmacSha1_80,
    Suite::AesCm128HmacSha1_32,
    Suite::AesCm256HmacSha1_80,
    Suite::AeadAes128Gcm,
    Suite::AeadAes256Gcm,
];

const TOOL: Tool<'_> = Tool::of_one_question(
    "perf-ciphers",
    "What opening an SRTP packet costs, beside libsrtp and the burst of ciphers alone.",
);

fn main() -> ExitCode {
    TOOL.main(run)
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
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
    Ok(question.answer()?.publish(&options.results)?)
}
