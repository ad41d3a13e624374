//! Media without crypto over memif.

use perf_harness::{Question, Target};
use perf_loadgen::synth::Synth;

use super::{record_rate, through_proxy, through_testpmd};
use crate::bench::Bench;
use crate::error::Result;

const OURS: &str = "ucproxy, relaying";
const PEER: &str = "testpmd macswap, the same frames";

pub(crate) fn ask(bench: &Bench) -> Result<Question> {
    let mut question = Question::new(
        "relay",
        "How many packets a second does one core relay without crypto?",
        "As in `srtp`, with both sides of the 1,000 streams in clear: ucproxy finds the stream, \
         checks the source, and writes new headers; testpmd swaps station addresses.",
    );
    let synth = Synth {
        client_suite: None,
        ..Synth::default()
    };
    for _ in 0..bench.options.runs {
        record_rate(&mut question, PEER, &through_testpmd(bench, &synth)?);
        record_rate(&mut question, OURS, &through_proxy(bench, &synth)?);
    }
    question.claim_ratio(
        "relay, of testpmd macswap",
        OURS,
        PEER,
        Target::AtLeast(0.8),
    );
    Ok(question)
}
