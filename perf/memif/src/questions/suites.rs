//! Every suite, direction and family.

use abi::Suite;
use perf_harness::Question;
use perf_loadgen::synth::Synth;

use super::{WARM_UP, once, packets, provisioned, record_rate};
use crate::bench::Bench;
use crate::error::Result;

const SUITES: [Suite; 5] = [
    Suite::AesCm128HmacSha1_80,
    Suite::AesCm128HmacSha1_32,
    Suite::AesCm256HmacSha1_80,
    Suite::AeadAes128Gcm,
    Suite::AeadAes256Gcm,
];

pub(crate) fn ask(bench: &Bench) -> Result<Question> {
    let mut question = Question::new(
        "suites",
        "What do other suites, directions, families and sizes do?",
        "As in `srtp`. To SRTP from SRTP the keys are others. The mix has seven streams in ten \
         of G.711, two of Opus and one of video with 1,100 octets, both ways.",
    );
    for _ in 0..bench.options.runs {
        for suite in SUITES {
            let name = suite.name();
            for (server, v6, direction, mix, row) in [
                (None, false, "inward", "g711", "SRTP to RTP"),
                (None, false, "outward", "g711", "RTP to SRTP"),
                (Some(suite), false, "inward", "g711", "SRTP to SRTP"),
                (None, true, "inward", "g711", "SRTP to RTP, IPv6"),
                (None, false, "both", "mixed", "mixed sizes, both ways"),
            ] {
                let synth = Synth {
                    client_suite: Some(suite),
                    server_suite: server,
                    v6,
                    ..Synth::default()
                };
                let (_proxy, path) = provisioned(bench, &synth)?;
                let generator = bench.generator(&path).over_memif().set("warm-up", WARM_UP);
                let generator = generator.set("direction", direction).set("mix", mix);
                let report = once(&generator.set("stored", packets(bench)))?;
                record_rate(&mut question, &format!("{row}, {name}"), &report);
            }
        }
    }
    Ok(question)
}
