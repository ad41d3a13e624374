//! SRTP to RTP over memif.

use abi::Suite;
use perf_harness::{Question, Target, Unit};
use perf_loadgen::synth::Synth;

use super::{called, record_rate, through_proxy, through_rtpengine, through_testpmd};
use crate::bench::Bench;
use crate::error::Result;

const OURS: &str = "ucproxy";
const PEER: &str = "rtpengine, 400 calls, without loss";
const FORWARDING: &str = "testpmd macswap, the same frames";
const CEILING: &str = "ceiling: forwarding and the cipher burst";
const CIPHER: &str = "cipher burst alone";

pub(crate) fn ask(bench: &Bench) -> Result<Question> {
    let mut question = Question::new(
        "srtp",
        "How many packets a second does one core translate from SRTP to RTP?",
        "perf-loadgen on one core makes AES_CM_128_HMAC_SHA1_80 packets of 1,000 streams with 160 \
         octets of payload, and checks all that come back octet by octet. On the other core in \
         turn: ucproxy over memif, as fast as it takes packets; testpmd over the same memif, \
         which only sends the frames on; rtpengine in userspace over veth, at the highest rate \
         at which at most one packet in ten thousand is missing. The ceiling is what the time of \
         testpmd and that of the ciphers alone allow together.",
    );
    let synth = Synth::default();
    for _ in 0..bench.options.runs {
        let (_, cipher) = perf_ciphers::ours::open(Suite::AesCm128HmacSha1_80);
        let forwarding = through_testpmd(bench, &synth)?;
        record_rate(&mut question, FORWARDING, &forwarding);
        let ceiling = 1e9 / (1e9 / forwarding.received_per_second + cipher);
        question.record(CEILING, Unit::PacketsPerSecond, ceiling);
        record_rate(&mut question, OURS, &through_proxy(bench, &synth)?);
        let (rtpengine, path) = called(bench)?;
        let report = through_rtpengine(bench, &rtpengine, &path)?;
        record_rate(&mut question, PEER, &report);
        question.record(CIPHER, Unit::NsPerPacket, cipher);
    }
    question.claim_ratio(
        "SRTP to RTP over memif, times rtpengine on one core",
        OURS,
        PEER,
        Target::AtLeast(25.0),
    );
    question.claim_ratio(
        "SRTP to RTP over memif, of the ceiling",
        OURS,
        CEILING,
        Target::AtLeast(0.85),
    );
    Ok(question)
}
