//! What is asked.

use abi::Suite;
use perf_harness::{Options, Question, Target, Unit};
use pipeline::Leg;

use crate::calls::{Bad, Case};
use crate::drive::{PARTS, Run};
use crate::limit::cipher_alone;
use crate::memory::{CALLS, of_call};
use crate::network::{BLOCK, Network};

const CM80: Suite = Suite::AesCm128HmacSha1_80;

/// Packets of one run in which they come one by one.
const LONE_PACKETS: usize = 100_000;

/// Packets of one run: a sixth of a second at three million a second.
const PACKETS: usize = BLOCK * 512;

const METHOD: &str = "One thread drives the worker's path: a burst of 32 frames from a DPDK ring \
    port, parsing with checksums in software, classification, the media engine with its ciphers, \
    the neighbour table, a burst to the ring port across. Frames are prepared, and taken in after, \
    outside the time measured, 992 at a time; every packet of a burst belongs to another stream. \
    Each run opens all streams anew, and the first packet of each is not counted, by which a stream \
    finds its way out and learns its peer's address. The ciphers alone seal packets of the same \
    size in bursts of 32 under as many keys.";

fn per_second(nanos: f64) -> f64 {
    1e9 / nanos
}

/// A packet's way by stage.
pub(crate) fn stages(network: &mut Network, options: &Options) -> Question {
    let title = "What does a packet from SRTP to RTP cost, stage by stage?";
    let mut question = Question::new("media-stages", title, METHOD);
    let case = Case::decrypting("SRTP to RTP", CM80);
    for _ in 0..options.runs {
        let cost = Run::new(network, &case, 1_000, PACKETS).go(network, false);
        let parts = Run::new(network, &case, 1_000, PACKETS)
            .go(network, true)
            .parts;
        for (name, nanos) in PARTS.iter().zip(parts) {
            question.record(name, Unit::NsPerPacket, nanos);
        }
        let limit = cipher_alone(network.clock, CM80, 1_000, case.payload);
        question.record("in all", Unit::NsPerPacket, cost.total);
        question.record("ciphers alone", Unit::NsPerPacket, limit);
        question.record(
            "packets a second",
            Unit::PacketsPerSecond,
            per_second(cost.total),
        );
    }
    let at_least = Target::AtLeast(3e6);
    question.claim(
        "SRTP to RTP on one core, 1,000 streams",
        "packets a second",
        at_least,
    );
    let share = Target::AtLeast(0.6);
    question.claim_ratio(
        "share of the cipher alone",
        "ciphers alone",
        "in all",
        share,
    );
    question
        .note("The stages are measured in runs of their own: reading the clock costs a little.");
    question
}

/// The way of a packet that no other shares a burst with.
pub(crate) fn lone(network: &mut Network, options: &Options) -> Question {
    let title = "What does a packet cost that comes alone, stage by stage?";
    let method = "As media-stages, but a frame is put into the ring only when the one before it \
        has come out. In all is from the ring to the ring, an empty poll after it included.";
    let mut question = Question::new("media-lone", title, method);
    let cases = [
        Case::decrypting("AES_CM_128_HMAC_SHA1_80", CM80),
        Case::decrypting("AEAD_AES_128_GCM", Suite::AeadAes128Gcm),
        Case {
            name: "no crypto",
            from: Leg::Server,
            arrives: None,
            leaves: None,
            ..Case::decrypting("no crypto", CM80)
        },
    ];
    for _ in 0..options.runs {
        for case in &cases {
            let mut run = |with_parts| {
                let run = Run::new(network, case, 1_000, LONE_PACKETS);
                run.one_by_one().go(network, with_parts)
            };
            let (cost, parts) = (run(false), run(true).parts);
            for (part, nanos) in PARTS.iter().zip(parts) {
                question.record(&format!("{}, {part}", case.name), Unit::NsPerPacket, nanos);
            }
            let all = format!("{}, in all", case.name);
            question.record(&all, Unit::NsPerPacket, cost.total);
        }
    }
    question
        .note("The stages are measured in runs of their own: reading the clock costs a little.");
    question
}

/// Asks for each case once.
fn ask(question: &mut Question, network: &mut Network, cases: &[Case]) {
    for case in cases {
        let cost = Run::new(network, case, 1_000, PACKETS).go(network, false);
        question.record(case.name, Unit::PacketsPerSecond, per_second(cost.total));
    }
}

/// Every direction, and what else SRTP is protected with.
fn cases() -> [Case; 10] {
    let of = Case::decrypting;
    let other = Case {
        leaves: Some(CM80),
        ..of("SRTP to SRTP, other keys", CM80)
    };
    let same = Case {
        name: "SRTP to SRTP, same keys, checked",
        unchanged: true,
        ..other
    };
    let encrypting = Case {
        name: "RTP to SRTP, AES_CM_128_HMAC_SHA1_80",
        from: Leg::Server,
        arrives: None,
        ..other
    };
    [
        of("SRTP to RTP, AES_CM_128_HMAC_SHA1_80", CM80),
        of(
            "SRTP to RTP, AES_CM_128_HMAC_SHA1_32",
            Suite::AesCm128HmacSha1_32,
        ),
        of(
            "SRTP to RTP, AES_256_CM_HMAC_SHA1_80",
            Suite::AesCm256HmacSha1_80,
        ),
        of("SRTP to RTP, AEAD_AES_128_GCM", Suite::AeadAes128Gcm),
        of("SRTP to RTP, AEAD_AES_256_GCM", Suite::AeadAes256Gcm),
        Case {
            payload: 1_100,
            ..of("SRTP to RTP, 1,100 octets", CM80)
        },
        encrypting,
        other,
        same,
        Case {
            name: "RTP to RTP",
            leaves: None,
            ..encrypting
        },
    ]
}

/// Every direction and suite.
pub(crate) fn directions(network: &mut Network, options: &Options) -> Question {
    let title = "How many packets pass by direction and suite?";
    let mut question = Question::new("media-directions", title, METHOD);
    for _ in 0..options.runs {
        ask(&mut question, network, &cases());
        for (row, suite, payload) in [
            ("ciphers alone, AES_CM_128_HMAC_SHA1_80", CM80, 160),
            ("ciphers alone, AEAD_AES_128_GCM", Suite::AeadAes128Gcm, 160),
            ("ciphers alone, 1,100 octets", CM80, 1_100),
        ] {
            let limit = cipher_alone(network.clock, suite, 1_000, payload);
            question.record(row, Unit::PacketsPerSecond, per_second(limit));
        }
    }
    for (what, suite, least) in [
        ("share of the cipher alone", "AES_CM_128_HMAC_SHA1_80", 0.6),
        ("the same with AES-GCM", "AEAD_AES_128_GCM", 0.45),
    ] {
        let (of, to) = (
            format!("SRTP to RTP, {suite}"),
            format!("ciphers alone, {suite}"),
        );
        question.claim_ratio(what, &of, &to, Target::AtLeast(least));
    }
    question
}

/// What refusing costs.
pub(crate) fn refusals(network: &mut Network, options: &Options) -> Question {
    let title = "Does it cost less to refuse a packet than to pass it on?";
    let mut question = Question::new("media-refusals", title, METHOD);
    let bad = |name, bad| Case {
        bad: Some(bad),
        ..Case::decrypting(name, CM80)
    };
    let passed = "SRTP to RTP, passed on";
    let refused = [
        bad("tag that does not verify", Bad::Forged),
        bad("replayed", Bad::Replayed),
        bad("truncated", Bad::Truncated),
        bad("another's SSRC", Bad::WrongSsrc),
        bad("port that no stream has open", Bad::UnknownPort),
    ];
    for _ in 0..options.runs {
        ask(&mut question, network, &[Case::decrypting(passed, CM80)]);
        ask(&mut question, network, &refused);
    }
    for case in refused {
        question.claim_ratio(case.name, case.name, passed, Target::AtLeast(1.0));
    }
    question
}

/// The same path by the number of streams.
pub(crate) fn streams(network: &mut Network, options: &Options) -> Question {
    let title = "Does a packet cost more where there are more streams?";
    let mut question = Question::new("media-streams", title, METHOD).along("streams");
    let case = Case::decrypting("SRTP to RTP", CM80);
    let counts: &[u32] = if options.short {
        &[1, 1_000, 100_000]
    } else {
        &[1, 100, 1_000, 10_000, 100_000]
    };
    for _ in 0..options.runs {
        for &count in counts {
            let cost = Run::new(network, &case, count, PACKETS).go(network, false);
            let at = f64::from(count);
            question.record_at(
                case.name,
                at,
                Unit::PacketsPerSecond,
                per_second(cost.total),
            );
        }
    }
    let (of, to) = ("SRTP to RTP, 100000", "SRTP to RTP, 1000");
    question.claim_ratio(
        "100,000 streams against 1,000",
        of,
        to,
        Target::AtLeast(0.75),
    );
    question
}

/// What a call holds.
pub(crate) fn memory(options: &Options) -> Question {
    let title = "What does a call's media hold in memory?";
    let method = "Growth of the resident set over 10,000 open streams, both legs and both \
        directions, RTP and RTCP, each kind in a process of its own.";
    let mut question = Question::new("media-memory", title, method);
    for _ in 0..options.runs {
        for (name, ..) in CALLS {
            question.record(name, Unit::Octets, of_call(name));
        }
    }
    for (name, ..) in CALLS {
        question.claim(name, name, Target::AtMost(8_192.0));
    }
    question
}
