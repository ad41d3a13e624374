//! Whether the cost stays flat as streams grow.

use perf_harness::{Question, Target, Unit};
use perf_loadgen::synth::Synth;

use super::{missing, missing_row, through_proxy};
use crate::bench::Bench;
use crate::error::Result;

const OURS: &str = "ucproxy, SRTP to RTP";

pub(crate) fn ask(bench: &Bench) -> Result<Question> {
    let mut question = Question::new(
        "streams",
        "Does the rate hold as streams grow?",
        "As in `srtp`, with more and fewer streams; each packet is another stream's, in an order \
         that is not that of the proxy's table.",
    )
    .along("streams");
    let counts: &[u32] = if bench.options.short {
        &[1_000, 100_000]
    } else {
        &[1, 10, 100, 1_000, 10_000, 100_000]
    };
    for _ in 0..bench.options.runs {
        for &count in counts {
            let synth = Synth {
                count,
                ..Synth::default()
            };
            let report = through_proxy(bench, &synth)?;
            let (at, rate) = (f64::from(count), report.received_per_second);
            question.record_at(OURS, at, Unit::PacketsPerSecond, rate);
            question.record_at(&missing_row(OURS), at, Unit::Count, missing(&report));
        }
    }
    question.claim_ratio(
        "SRTP to RTP with 100,000 streams, of that with 1,000",
        &format!("{OURS}, 100000"),
        &format!("{OURS}, 1000"),
        Target::AtLeast(0.75),
    );
    Ok(question)
}
