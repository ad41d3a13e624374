//! What packets cost that must be refused, what they do to the others, and whether each is
//! counted by its name.

use abi::Reason;
use e2e::show::Counters;
use perf_harness::{Question, Target, Unit};
use perf_loadgen::Fault;
use perf_loadgen::synth::Synth;

use super::{WARM_UP, once, packets};
use crate::bench::{Bench, Generator};
use crate::error::Result;
use crate::proxy::Proxy;

const GOOD: &str = "a good packet";

pub(crate) fn ask(bench: &Bench) -> Result<Question> {
    let mut question = Question::new(
        "refusals",
        "What does refusing a packet cost, and what do good streams lose?",
        "As in `srtp`, with a bad packet after each good one. At full rate: what the bad one adds \
         to the time of the good one. At a quarter of the rate: how many good packets are \
         missing, and how many of the bad ones are counted under the name that they should be, \
         or under another. A warm-up of good packets goes before.",
    );
    let faults: &[Fault] = if bench.options.short {
        &[Fault::Unauthentic, Fault::UnknownPort]
    } else {
        &Fault::ALL
    };
    for _ in 0..bench.options.runs {
        let synth = Synth::default();
        let proxy = Proxy::start(bench, synth.count, synth.v6)?;
        let mut lab = Lab {
            bench,
            proxy,
            synth,
        };
        let load = packets(bench);
        let good = once(&lab.generator(None)?.set("stored", load))?.received_per_second;
        question.record(GOOD, Unit::NsPerPacket, 1e9 / good);
        for &fault in faults {
            lab.refuse(&mut question, fault, good)?;
        }
    }
    for &fault in faults {
        claim(&mut question, fault.name());
    }
    Ok(question)
}

/// The proxy and its streams.
struct Lab<'b> {
    bench: &'b Bench,
    proxy: Proxy,
    synth: Synth,
}

impl<'b> Lab<'b> {
    /// A generator that begins its numbers anew, for streams that have heard none.
    fn generator(&mut self, fault: Option<Fault>) -> Result<Generator<'b>> {
        let path = self.proxy.provision(self.bench, &self.synth)?;
        let generator = self.bench.generator(&path).over_memif();
        let generator = generator.set("warm-up", WARM_UP).flag("no-rtcp");
        Ok(match fault {
            None => generator,
            Some(fault) => generator.set("bad", fault.name()).set("bad-percent", "50"),
        })
    }

    /// Sends packets with `fault`, beside good ones of which `good` pass in a second.
    #[expect(clippy::cast_precision_loss, reason = "counts of a benchmark")]
    fn refuse(&mut self, question: &mut Question, fault: Fault, good: f64) -> Result<()> {
        let name = fault.name();
        let load = packets(self.bench);
        let report = once(&self.generator(Some(fault))?.set("stored", load))?;
        // Two packets in the time of a good one and a bad one.
        let cost = 2e9 / report.sent_per_second - 1e9 / good;
        question.record(&format!("refused: {name}"), Unit::NsPerPacket, cost);
        let quarter = format!("{:.0}", good / 4.0);
        let generator = self.generator(Some(fault))?.set("rate", &quarter);
        let before = self.proxy.counters()?;
        let report = once(&generator.set("seconds", "0.5"))?;
        let missing = report.missing as f64;
        question.record(&format!("missing beside: {name}"), Unit::Count, missing);
        let grown = self.proxy.counters()?.since(&before);
        let named = grown.value(reason(fault).name());
        let share = named as f64 / report.bad.max(1) as f64;
        question.record(&format!("counted: {name}"), Unit::Share, share);
        let others = others(&grown, reason(fault));
        let sum: u64 = others.iter().map(|(_, count)| count).sum();
        question.record(
            &format!("counted under another name: {name}"),
            Unit::Count,
            sum as f64,
        );
        for (other, count) in others {
            question.note(format!("beside {name}, counted as {other}: {count}"));
        }
        Ok(())
    }
}

/// What a packet with the fault is refused for. Another's SSRC shows in that its tag is wrong.
const fn reason(fault: Fault) -> Reason {
    match fault {
        Fault::Unauthentic | Fault::WrongSsrc => Reason::SrtpAuthFailed,
        Fault::Replayed => Reason::SrtpReplayed,
        Fault::Truncated => Reason::RtpInvalidLength,
        Fault::UnknownPort => Reason::MediaNoSession,
    }
}

/// Reasons other than `reason` for which packets were refused, and how many were.
fn others(grown: &Counters, reason: Reason) -> Vec<(&'static str, u64)> {
    let others = Reason::ALL.iter().filter(|&&other| other != reason);
    let counted = others.map(|other| (other.name(), grown.value(other.name())));
    counted.filter(|(_, count)| *count > 0).collect()
}

fn claim(question: &mut Question, name: &str) {
    question.claim_ratio(
        &format!("refusing a packet, of translating one: {name}"),
        &format!("refused: {name}"),
        GOOD,
        Target::AtMost(1.0),
    );
    for (what, row, target) in [
        (
            "good packets missing beside bad ones",
            "missing beside",
            Target::AtMost(0.0),
        ),
        (
            "bad packets counted by name, of those sent",
            "counted",
            Target::Exactly(1.0),
        ),
        (
            "bad packets counted under another name",
            "counted under another name",
            Target::AtMost(0.0),
        ),
    ] {
        question.claim(
            &format!("{what}: {name}"),
            &format!("{row}: {name}"),
            target,
        );
    }
}
