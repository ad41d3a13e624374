//! What a call takes.

use perf_harness::{Question, Target, Unit};
use perf_loadgen::synth::Synth;

use crate::bench::Bench;
use crate::error::Result;
use crate::proxy::Proxy;

/// Calls that are opened.
const CALLS: u32 = 20_000;

const OURS: &str = "a translated call";

pub(crate) fn ask(bench: &Bench) -> Result<Question> {
    let mut question = Question::new(
        "memory",
        "How much memory does a translated call take?",
        "Growth of the dataplane's resident memory over 20,000 calls from SRTP to RTP, two legs, \
         both directions, RTP and RTCP.",
    );
    for _ in 0..bench.options.runs {
        let mut proxy = Proxy::start(bench, CALLS, false)?;
        let before = proxy.memory()?;
        let synth = Synth {
            count: CALLS,
            ..Synth::default()
        };
        proxy.provision(bench, &synth)?;
        let grown = proxy.memory()?.saturating_sub(before);
        #[expect(clippy::cast_precision_loss, reason = "some megabytes")]
        let each = grown as f64 / f64::from(CALLS);
        question.record(OURS, Unit::Octets, each);
    }
    question.claim("octets a translated call", OURS, Target::AtMost(8_192.0));
    Ok(question)
}
