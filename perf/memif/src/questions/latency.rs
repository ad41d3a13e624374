//! What the proxy adds to the way of a packet.

use perf_harness::{Question, Target, Unit};
use perf_loadgen::Report;
use perf_loadgen::synth::Synth;

use super::{
    RTPENGINE_CALLS, called, missing, missing_row, once, provisioned, synthetic, through_rtpengine,
};
use crate::bench::Bench;
use crate::error::{BenchError, Result};
use crate::testpmd::Testpmd;

const FORWARDING: &str = "testpmd macswap, in clear";

pub(crate) fn ask(bench: &Bench) -> Result<Question> {
    let mut question = Question::new(
        "latency",
        "How much later does a packet arrive?",
        "One-way delay from the time at which an SRTP packet is due to the arrival of its RTP \
         packet at the generator, from times that the packets carry, 400 streams. They are made \
         and sealed before. Both at the same load: half of what rtpengine passes without loss, \
         found once beforehand. Two passes over memif are in it: testpmd, which forwards packets \
         in clear, shows what they take.",
    );
    let (rtpengine, path) = called(bench)?;
    let load = through_rtpengine(bench, &rtpengine, &path)?.received_per_second / 2.0;
    let load = format!("{load:.0}");
    let seconds = if bench.options.short { "1" } else { "2" };
    question.fact("load, packets a second", load.clone());
    drop(rtpengine);
    for _ in 0..bench.options.runs {
        // A generator begins its numbers anew, so it needs calls that have heard none.
        let (rtpengine, path) = called(bench)?;
        let generator = rtpengine.generator(bench, &path).set("warm-up", "5000");
        let report = once(&generator.set("rate", &load).set("seconds", seconds))?;
        record(&mut question, "rtpengine", &report)?;
        drop(rtpengine);
        let synth = Synth {
            count: RTPENGINE_CALLS,
            ..Synth::default()
        };
        let (proxy, path) = provisioned(bench, &synth)?;
        let generator = bench.generator(&path).over_memif();
        let report = once(&generator.set("rate", &load).set("seconds", seconds))?;
        record(&mut question, "ucproxy", &report)?;
        let own = proxy.media_delay()?;
        question.record(
            "ucproxy, from receive to transmit burst, p50",
            Unit::Us,
            own,
        );
        drop(proxy);
        let synth = Synth {
            client_suite: None,
            ..synth
        };
        let path = bench.streams("testpmd", &synthetic(&synth))?;
        let _testpmd = Testpmd::start(bench)?;
        let generator = bench.generator(&path).over_memif().flag("mirror");
        let report = once(&generator.set("rate", &load).set("seconds", seconds))?;
        record(&mut question, FORWARDING, &report)?;
    }
    for percentile in ["p50", "p99"] {
        question.claim_ratio(
            &format!("one-way delay, {percentile}, of rtpengine's at the same load"),
            &format!("ucproxy, {percentile}"),
            &format!("rtpengine, {percentile}"),
            Target::AtMost(0.1),
        );
        question.claim_ratio(
            &format!("one-way delay, {percentile}, of testpmd's"),
            &format!("ucproxy, {percentile}"),
            &format!("{FORWARDING}, {percentile}"),
            Target::Informative,
        );
    }
    Ok(question)
}

fn record(question: &mut Question, whose: &str, report: &Report) -> Result<()> {
    let delay = report.delay;
    let delay = delay.ok_or_else(|| BenchError::Generator("no delays".to_owned()))?;
    for (percentile, nanos) in [
        ("p50", delay.p50),
        ("p90", delay.p90),
        ("p99", delay.p99),
        ("p99.9", delay.p999),
    ] {
        #[expect(clippy::cast_precision_loss, reason = "well under a second")]
        let micros = nanos as f64 / 1e3;
        question.record(&format!("{whose}, {percentile}"), Unit::Us, micros);
    }
    question.record(&missing_row(whose), Unit::Count, missing(report));
    Ok(())
}
