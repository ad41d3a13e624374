//! The questions.

mod latency;
mod memory;
mod refusals;
mod relay;
mod srtp;
mod streams;
mod suites;

use perf_harness::{Question, Unit};
use perf_loadgen::Report;
use perf_loadgen::synth::{Synth, streams as synthetic};

use crate::bench::{Bench, Generator};
use crate::error::{BenchError, Result};
use crate::proxy::Proxy;
use crate::rtpengine::Rtpengine;
use crate::testpmd::Testpmd;

/// A question: its name, what it asks, and how.
type Ask = (&'static str, &'static str, fn(&Bench) -> Result<Question>);

/// Every question, in the order in which they are asked.
pub(crate) const ALL: [Ask; 7] = [
    ("srtp", "packets a second from SRTP to RTP", srtp::ask),
    ("relay", "packets a second without crypto", relay::ask),
    ("latency", "how much later a packet arrives", latency::ask),
    (
        "streams",
        "whether the rate holds as streams grow",
        streams::ask,
    ),
    ("refusals", "what refusing a packet costs", refusals::ask),
    ("suites", "other suites, directions and sizes", suites::ask),
    ("memory", "what a call takes", memory::ask),
];

/// Those of the short set, which must be over in minutes.
pub(crate) const SHORT: &[&str] = &["srtp", "latency", "refusals", "memory"];

/// Packets of one run at full rate: half a second of them, or a quarter in the short set.
const fn packets(bench: &Bench) -> &'static str {
    if bench.options.short {
        "1000000"
    } else {
        "2000000"
    }
}

/// Calls through rtpengine. Fewer would flatter nobody: past its limit its queue guard drops
/// whole streams.
const RTPENGINE_CALLS: u32 = 400;

/// Packets a second for streams that are heard for the first time.
const WARM_UP: &str = "300000";

/// Runs the generator once. There is no report of packets that come back as they should not: a
/// rate of those is none.
fn once(generator: &Generator<'_>) -> Result<Report> {
    let report = generator.run()?.into_iter().next();
    let report = report.ok_or_else(|| BenchError::Generator("no report".to_owned()))?;
    match report.counts.faults() {
        0 => Ok(report),
        _ => Err(BenchError::Faulty(Box::new(report.counts))),
    }
}

/// Records the rate at which the packets of `whose` came back, and those that did not.
fn record_rate(question: &mut Question, whose: &str, report: &Report) {
    let rate = report.received_per_second;
    question.record(whose, Unit::PacketsPerSecond, rate);
    question.record(&missing_row(whose), Unit::Count, missing(report));
}

/// The row of [`missing`] packets of `whose`.
fn missing_row(whose: &str) -> String {
    format!("not returned, of a million: {whose}")
}

/// Good packets that did not come back, of a million.
#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark")]
fn missing(report: &Report) -> f64 {
    report.missing as f64 / report.good.max(1) as f64 * 1e6
}

/// A running proxy with `synth`'s streams, and the list with its ports.
fn provisioned(bench: &Bench, synth: &Synth) -> Result<(Proxy, String)> {
    let mut proxy = Proxy::start(bench, synth.count, synth.v6)?;
    let path = proxy.provision(bench, synth)?;
    Ok((proxy, path))
}

/// What the proxy does with packets that come as fast as it takes them.
fn through_proxy(bench: &Bench, synth: &Synth) -> Result<Report> {
    let (_proxy, path) = provisioned(bench, synth)?;
    let generator = bench.generator(&path).over_memif().set("warm-up", WARM_UP);
    once(&generator.set("stored", packets(bench)))
}

/// What testpmd does with the same packets.
fn through_testpmd(bench: &Bench, synth: &Synth) -> Result<Report> {
    let path = bench.streams("testpmd", &synthetic(synth))?;
    let _testpmd = Testpmd::start(bench)?;
    let generator = bench.generator(&path).over_memif().flag("mirror");
    once(
        &generator
            .set("stored", packets(bench))
            .set("warm-up", WARM_UP),
    )
}

/// A running rtpengine with calls, and the list of their streams.
fn called(bench: &Bench) -> Result<(Rtpengine, String)> {
    let mut made = synthetic(&Synth {
        count: RTPENGINE_CALLS,
        ..Synth::default()
    });
    let mut rtpengine = Rtpengine::start(bench)?;
    rtpengine.call(&mut made)?;
    let path = bench.streams("rtpengine", &made)?;
    Ok((rtpengine, path))
}

/// The highest rate that rtpengine passes without loss, and what came of it.
fn through_rtpengine(bench: &Bench, rtpengine: &Rtpengine, path: &str) -> Result<Report> {
    let generator = rtpengine.generator(bench, path).set("warm-up", "5000");
    let generator = generator.set("search", "2000:400000").set("loss", "0.0001");
    let trial = if bench.options.short { "0.3" } else { "1" };
    once(&generator.set("seconds", trial))
}
