//! What a call holds: the growth of the resident set over many open streams.

use std::process::Command;

use abi::{Now, Suite};
use perf_harness::MEASURE;
use pipeline::{Leg, MediaId, PerLeg};
use wire::sim::SimFrame;
use worker::MediaEngine;

use crate::calls::Case;
use crate::network::terminations;

const STREAMS: u32 = 10_000;

const CM: Option<Suite> = Some(Suite::AesCm128HmacSha1_80);
const GCM: Option<Suite> = Some(Suite::AeadAes256Gcm);

/// Calls by what is protected on each side.
pub(crate) const CALLS: [(&str, Option<Suite>, Option<Suite>); 4] = [
    ("SRTP to RTP, AES_CM_128_HMAC_SHA1_80", CM, None),
    ("SRTP to SRTP, AES_CM_128_HMAC_SHA1_80", CM, CM),
    ("SRTP to SRTP, AEAD_AES_256_GCM", GCM, GCM),
    ("RTP to RTP", None, None),
];

/// Octets that one call of the kind holds, measured in a process of its own, because what one
/// measurement frees the next would reuse.
pub(crate) fn of_call(name: &str) -> f64 {
    let program = std::env::current_exe().expect("own path");
    let output = Command::new(program)
        .args([MEASURE.name, name])
        .output()
        .expect("run");
    let text = String::from_utf8(output.stdout).expect("text");
    text.trim().parse().expect("a number")
}

/// The measurement itself; `None` if there are no calls of the kind.
pub(crate) fn measure(name: &str) -> Option<f64> {
    let kind = CALLS.iter().find(|call| call.0 == name)?;
    let case = Case {
        name: "memory",
        from: Leg::Client,
        arrives: kind.1,
        leaves: kind.2,
        unchanged: false,
        payload: 160,
        bad: None,
    };
    let mut engine = MediaEngine::<SimFrame>::new(0, 1, STREAMS, 1).expect("engine");
    engine.configure(&terminations(STREAMS), abi::policy::RtpSettings::default());
    let among = PerLeg {
        client: &[0_u16][..],
        server: &[1_u16][..],
    };
    let before = resident_octets();
    for number in 0..STREAMS {
        let plan = case.plan(number);
        engine
            .open(1, MediaId(number), &plan, among, Now::ZERO)
            .expect("stream");
    }
    Some((resident_octets() - before) / f64::from(STREAMS))
}

/// Octets of this process in memory.
fn resident_octets() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("statm");
    let pages: f64 = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .expect("pages");
    pages * 4096.0
}
