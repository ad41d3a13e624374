//! What rtpengine does on one core.

use perf_harness::{Question, Unit};
use perf_loadgen::synth::{Synth, streams};

use crate::bench::Bench;
use crate::error::Result;
use crate::rtpengine::Rtpengine;

/// Calls. Fewer would flatter nobody: past its limit its queue guard drops whole streams.
const CALLS: u32 = 400;

pub(crate) fn ask(bench: &Bench) -> Result<Question> {
    let mut question = Question::new(
        "rtpengine",
        "How many packets a second does rtpengine translate from SRTP to RTP?",
        "perf-loadgen on one core, rtpengine in userspace with one thread on the other, two veth \
         pairs between them; 400 calls set up over its ng protocol. The highest rate at which no \
         more than one packet in ten thousand is missing, found by halving, a second a trial.",
    );
    let mut made = streams(&Synth {
        count: CALLS,
        ..Synth::default()
    });
    let mut rtpengine = Rtpengine::start(bench)?;
    rtpengine.call(&mut made)?;
    let path = bench.streams("rtpengine", &made)?;
    let runs = bench.options.runs.to_string();
    let generator = rtpengine.generator(bench, &path).set("warm-up", "5000");
    let generator = generator.set("search", "2000:400000").set("loss", "0.0001");
    let generator = generator.set("seconds", "1").set("repeat", &runs);
    for report in generator.run()? {
        question.record(
            "rtpengine, one core",
            Unit::PacketsPerSecond,
            report.received_per_second,
        );
    }
    Ok(question)
}
