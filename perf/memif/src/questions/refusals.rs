//! What packets cost that must be refused, and what they do to the others.

use perf_harness::{Question, Target, Unit};
use perf_loadgen::Fault;
use perf_loadgen::synth::Synth;

use super::{PACKETS, WARM_UP, once, provisioned};
use crate::bench::Bench;
use crate::error::{BenchError, Result};

const GOOD: &str = "a good packet";

pub(crate) fn ask(bench: &Bench) -> Result<Question> {
    let mut question = Question::new(
        "refusals",
        "What does refusing a packet cost, and what do good streams lose?",
        "As in `srtp`, with a bad packet after each good one. At full rate: what the bad one adds \
         to the time of the good one. At a quarter of the rate: how many good packets are \
         missing.",
    );
    for run in 0..bench.options.runs {
        let (proxy, mut streams, _) = provisioned(bench, &Synth::default())?;
        // A generator begins its numbers anew, so it needs streams that have heard none.
        let mut generator = || {
            proxy.provision(bench, &mut streams)?;
            let path = bench.streams("proxy", &streams)?;
            let generator = bench.generator(&path).over_memif();
            Ok::<_, BenchError>(generator.set("warm-up", WARM_UP).flag("no-rtcp"))
        };
        let report = once(&generator()?.set("stored", PACKETS))?;
        let good = report.received_per_second;
        question.record(GOOD, Unit::NsPerPacket, 1e9 / good);
        for fault in Fault::ALL {
            let name = fault.name();
            let before = proxy.counters()?;
            let mut bad = || {
                let generator = generator()?.set("bad", name);
                Ok::<_, BenchError>(generator.set("bad-percent", "50"))
            };
            let report = once(&bad()?.set("stored", PACKETS))?;
            // Two packets in the time of a good one and a bad one.
            let both = 2e9 / report.sent_per_second;
            question.record(
                &format!("refused: {name}"),
                Unit::NsPerPacket,
                both - 1e9 / good,
            );
            let quarter = format!("{:.0}", good / 4.0);
            let report = once(&bad()?.set("rate", &quarter).set("seconds", "0.5"))?;
            #[expect(clippy::cast_precision_loss, reason = "a count")]
            let missing = report.missing as f64;
            question.record(&format!("missing beside: {name}"), Unit::Count, missing);
            if run == 0 {
                let counted = proxy.counters()?.since(&before);
                question.fact(&format!("counted with {name}"), counted.to_string());
            }
        }
    }
    for fault in Fault::ALL {
        let name = fault.name();
        question.claim_ratio(
            &format!("refusing a packet, of translating one: {name}"),
            &format!("refused: {name}"),
            GOOD,
            Target::AtMost(1.0),
        );
        question.claim(
            &format!("good packets missing beside bad ones: {name}"),
            &format!("missing beside: {name}"),
            Target::AtMost(0.0),
        );
    }
    Ok(question)
}
