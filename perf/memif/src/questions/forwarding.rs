//! What forwarding alone can do over the memif.

use perf_harness::{Question, Unit};
use perf_loadgen::synth::{Synth, streams};

use crate::bench::Bench;
use crate::error::Result;
use crate::testpmd::Testpmd;

/// Frames of one run.
const FRAMES: &str = "2000000";

pub(crate) fn ask(bench: &Bench) -> Result<Question> {
    let mut question = Question::new(
        "forwarding",
        "How many frames a second does forwarding pass over memif?",
        "perf-loadgen on one core sends frames of 1,000 streams over a memif pair, dpdk-testpmd \
         in macswap mode on the other core sends them back over the other pair.",
    );
    let made = streams(&Synth {
        client_suite: None,
        ..Synth::default()
    });
    let path = bench.streams("forwarding", &made)?;
    for (name, mix) in [
        ("Opus, 134 octets", "opus"),
        ("G.711, 214 octets", "g711"),
        ("video, 1154 octets", "video"),
    ] {
        let _testpmd = Testpmd::start(bench)?;
        let generator = bench
            .generator(&path)
            .over_memif()
            .flag("mirror")
            .flag("no-rtcp");
        let runs = bench.options.runs.to_string();
        let generator = generator
            .set("stored", FRAMES)
            .set("mix", mix)
            .set("repeat", &runs);
        for report in generator.run()? {
            let row = format!("testpmd macswap, {name}");
            question.record(&row, Unit::PacketsPerSecond, report.received_per_second);
        }
    }
    Ok(question)
}
