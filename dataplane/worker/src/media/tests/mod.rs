mod bench;

use abi::layout::{Layout, Shape};
use abi::records::StreamRecord;
use abi::{Counter, Reason, Suite};
use core::sync::atomic::AtomicU64;
use core::time::Duration;
use pipeline::{Leg, MediaPlan};
use srtp::Traffic;

use super::{RECORD_EVERY, RECORDS_AT_ONCE};
use bench::{Bench, CLIENT, Peer, SERVER, addr, clear_plan, keys, rtcp, rtp, rtp_of, secure};

const CM: Suite = Suite::AesCm128HmacSha1_80;

/// A phone with SRTP outside, a phone in clear inside.
fn translating(suite: Suite) -> (MediaPlan, Peer) {
    let mut plan = clear_plan();
    secure(&mut plan, Leg::Client, suite, 1);
    (plan, Peer::new(suite, 1))
}

#[test]
fn srtp_becomes_rtp_and_rtp_becomes_srtp_in_every_suite() {
    for suite in Suite::ALL {
        let mut bench = Bench::new(1);
        let (plan, mut phone) = translating(suite);
        let (_, local) = bench.open(&plan).unwrap();
        for seq in 0..5 {
            let clear = rtp(7, seq);
            let srtp = phone.protect(Traffic::Rtp, &clear);
            let sent = bench.pass(CLIENT, local.client.rtp, &srtp);
            assert_eq!(sent.len(), 1, "{suite:?}: {:?}", bench.refusals());
            assert_eq!((sent[0].src, sent[0].dst), (local.server.rtp, addr(SERVER)));
            assert_eq!((&sent[0].payload, sent[0].traffic_class), (&clear, 0xb8));

            let sent = bench.pass(SERVER, local.server.rtp, &clear);
            assert_eq!((sent[0].src, sent[0].dst), (local.client.rtp, addr(CLIENT)));
            assert_eq!(phone.unprotect(Traffic::Rtp, &sent[0].payload), Ok(clear));
        }
        let report = phone.protect(Traffic::Rtcp, &rtcp(7));
        let sent = bench.pass("198.51.100.7:4001", local.client.rtcp, &report);
        assert_eq!(
            (sent[0].src, sent[0].dst),
            (local.server.rtcp, addr("192.0.2.9:5001"))
        );
        assert_eq!(sent[0].payload, rtcp(7));
        let sent = bench.pass("192.0.2.9:5001", local.server.rtcp, &rtcp(8));
        assert_eq!(
            phone.unprotect(Traffic::Rtcp, &sent[0].payload),
            Ok(rtcp(8))
        );
        assert_eq!(bench.refusals(), []);
        let counters = bench.counters();
        let count = [
            Counter::MediaPackets,
            Counter::MediaDecrypted,
            Counter::MediaEncrypted,
        ];
        assert_eq!(count.map(|counter| counters.count(counter)), [12, 6, 6]);
        assert_eq!(counters.count(Counter::MediaBytes), 10 * 172 + 2 * 16);
    }
}

#[test]
fn every_packet_of_a_burst_finds_its_own_stream() {
    let mut bench = Bench::new(41);
    // Until the neighbour has answered, only a few packets may wait for it.
    let (_, local) = bench.open(&clear_plan()).unwrap();
    bench.pass(CLIENT, local.client.rtp, &rtp(1, 1));
    let suites = Suite::ALL.into_iter().cycle();
    let mut calls: Vec<_> = suites
        .zip(0..40_u8)
        .map(|(suite, n)| {
            let mut plan = clear_plan();
            secure(&mut plan, Leg::Client, suite, n * 4);
            if n % 3 == 0 {
                secure(&mut plan, Leg::Server, CM, n * 4 + 2);
            }
            let (_, local) = bench.open(&plan).unwrap();
            (Peer::new(suite, n * 4), Peer::new(CM, n * 4 + 2), local, n)
        })
        .collect();
    for seq in 0..3 {
        for calls in calls.chunks_mut(32) {
            for (phone, _, local, n) in calls.iter_mut() {
                let srtp = phone.protect(Traffic::Rtp, &rtp(u32::from(*n), seq));
                bench.queue(addr(CLIENT), local.client.rtp, &srtp);
            }
            let sent = bench.run();
            assert_eq!(sent.len(), calls.len(), "{:?}", bench.refusals());
            for (_, inside, local, n) in calls.iter_mut() {
                let got = sent.iter().find(|got| got.src == local.server.rtp).unwrap();
                let payload = got.payload.clone();
                let clear = if *n % 3 == 0 {
                    inside.unprotect(Traffic::Rtp, &payload).unwrap()
                } else {
                    payload
                };
                assert_eq!(clear, rtp(u32::from(*n), seq));
            }
        }
    }
}

#[test]
fn bad_packets_are_refused_by_name_beside_good_ones() {
    let mut bench = Bench::new(1);
    let (plan, mut phone) = translating(CM);
    let (slot, local) = bench.open(&plan).unwrap();
    let mut srtp = |seq| phone.protect(Traffic::Rtp, &rtp(7, seq));
    let good: Vec<_> = (0..6).map(&mut srtp).collect();
    let to = local.client.rtp;
    let client = addr(CLIENT);
    bench.queue(client, to, &good[0]);
    let mut forged = good[1].clone();
    forged[20] ^= 1;
    bench.queue(client, to, &forged);
    bench.queue(client, to, &good[1]);
    // Twice in one burst, and once more in the next.
    bench.queue(client, to, &good[2]);
    bench.queue(client, to, &good[2]);
    bench.queue(client, to, &good[3][..20]);
    bench.queue(client, to, &[0x80]);
    bench.queue(client, to, &[0xff; 40]);
    bench.queue(client, to, &[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42]);
    bench.queue(client, local.client.rtcp, &good[3]);
    bench.queue(addr("192.0.2.66:5000"), local.server.rtp, &rtp(8, 1));
    bench.queue(client, addr("198.51.100.1:20198"), &good[3]);
    let mut jumped = srtp(1000);
    bench.queue(client, to, &good[4]);
    assert_eq!(bench.run().len(), 4);
    bench.queue(client, to, &good[2]);
    bench.queue(client, to, &jumped);
    bench.queue(client, to, &rtp(9, 9));
    assert_eq!(bench.run().len(), 1);
    jumped[3] = 0;
    bench.queue(client, to, &good[5]);
    assert_eq!(bench.run().len(), 0);

    let expected = [
        (Reason::MediaNoSession, 1),
        (Reason::MediaUnknownSource, 1),
        (Reason::RtpInvalidLength, 2),
        (Reason::RtpInvalidVersion, 1),
        (Reason::RtpUnknownDemux, 2),
        (Reason::SrtpAuthFailed, 2),
        (Reason::SrtpReplayed, 2),
        (Reason::SrtpTooOld, 1),
    ];
    assert_eq!(bench.refusals(), expected);
    let record = bench.engine.record(slot).unwrap();
    let flow = record.client.flow;
    assert_eq!((flow.rtp_packets, flow.rtp_octets), (5, 5 * 172));
    assert_eq!((flow.auth_failures, flow.replays, flow.refused), (2, 2, 6));
    assert_eq!(record.server.flow.refused, 1);
}

#[test]
fn forged_packet_teaches_no_address() {
    let mut bench = Bench::new(1);
    let (plan, mut phone) = translating(CM);
    let (_, local) = bench.open(&plan).unwrap();
    let mut forged = phone.protect(Traffic::Rtp, &rtp(7, 1));
    forged[30] ^= 1;
    assert!(
        bench
            .pass("198.51.100.66:666", local.client.rtp, &forged)
            .is_empty()
    );
    let sent = bench.pass(SERVER, local.server.rtp, &rtp(8, 1));
    assert_eq!(sent[0].dst, addr(CLIENT));
    assert_eq!(bench.counters().count(Counter::MediaLatched), 1);
}

#[test]
fn media_follows_a_peer_to_where_its_authentic_packets_come_from() {
    let mut bench = Bench::new(1);
    let (plan, mut phone) = translating(CM);
    let (slot, local) = bench.open(&plan).unwrap();
    // Behind another router than the signalled address, and then on the link itself.
    for (seq, source) in [(1, "203.0.113.50:61000"), (2, "198.51.100.77:4444")] {
        let srtp = phone.protect(Traffic::Rtp, &rtp(7, seq));
        assert_eq!(bench.pass(source, local.client.rtp, &srtp).len(), 1);
        let sent = bench.pass(SERVER, local.server.rtp, &rtp(8, seq));
        assert_eq!(sent[0].dst, addr(source));
        assert_eq!(
            bench.engine.record(slot).unwrap().client.remote,
            addr(source)
        );
    }
}

#[test]
fn media_does_not_follow_an_authentic_packet_to_where_nobody_is() {
    let mut bench = Bench::new(1);
    let (plan, mut phone) = translating(CM);
    let (_, local) = bench.open(&plan).unwrap();
    let nobody = [
        // Ours on both sides, the broadcast addresses of our networks, and no route at all.
        "198.51.100.1:5000",
        "192.0.2.1:5000",
        "198.51.100.255:5000",
        "198.51.100.0:5000",
        "203.0.114.7:5000",
        "198.51.100.9:0",
    ];
    for (seq, source) in (1..).zip(nobody) {
        let srtp = phone.protect(Traffic::Rtp, &rtp(7, seq));
        assert_eq!(bench.pass(source, local.client.rtp, &srtp).len(), 1);
        let sent = bench.pass(SERVER, local.server.rtp, &rtp(8, seq));
        assert_eq!(sent[0].dst, addr(CLIENT), "{source}");
    }
    let srtp = phone.protect(Traffic::Rtp, &rtp(7, 100));
    bench.pass("198.51.100.77:4444", local.client.rtp, &srtp);
    let sent = bench.pass(SERVER, local.server.rtp, &rtp(8, 100));
    assert_eq!(sent[0].dst, addr("198.51.100.77:4444"));
    // That of the peer in clear is the other.
    assert_eq!(bench.counters().count(Counter::MediaLatched), 2);
    assert_eq!(bench.refusals(), []);
}

#[test]
fn same_keys_on_both_sides_leave_packets_as_they_are() {
    for suite in [CM, Suite::AesCm128HmacSha1_32, Suite::AeadAes128Gcm] {
        let mut bench = Bench::new(1);
        let mut plan = clear_plan();
        secure(&mut plan, Leg::Client, suite, 1);
        secure(&mut plan, Leg::Server, suite, 1);
        let server = &mut plan.sides.server;
        core::mem::swap(&mut server.receive, &mut server.transmit);
        let (_, local) = bench.open(&plan).unwrap();
        let mut phone = Peer::new(suite, 1);
        let srtp = phone.protect(Traffic::Rtp, &rtp(7, 1));
        let srtcp = phone.protect(Traffic::Rtcp, &rtcp(7));
        assert_eq!(bench.pass(CLIENT, local.client.rtp, &srtp)[0].payload, srtp);
        let sent = bench.pass("198.51.100.7:4001", local.client.rtcp, &srtcp);
        assert_eq!(sent[0].payload, srtcp);
        // Unchanged is not unchecked.
        assert!(bench.pass(CLIENT, local.client.rtp, &srtp).is_empty());
        let mut forged = phone.protect(Traffic::Rtp, &rtp(7, 2));
        forged[40] ^= 1;
        assert!(bench.pass(CLIENT, local.client.rtp, &forged).is_empty());
        assert_eq!(
            bench.refusals(),
            [(Reason::SrtpAuthFailed, 1), (Reason::SrtpReplayed, 1)]
        );
        assert_eq!(bench.counters().count(Counter::MediaDecrypted), 0);
    }
}

#[test]
fn clear_media_is_relayed() {
    let mut bench = Bench::new(1);
    let (_, local) = bench.open(&clear_plan()).unwrap();
    assert_eq!(
        bench.pass(CLIENT, local.client.rtp, &rtp(1, 1))[0].payload,
        rtp(1, 1)
    );
    assert_eq!(
        bench.pass(SERVER, local.server.rtp, &rtp(2, 1))[0].payload,
        rtp(2, 1)
    );
    assert_eq!(bench.refusals(), []);
}

#[test]
fn peer_that_joined_after_a_wrap_is_understood() {
    for suite in [CM, Suite::AeadAes256Gcm] {
        let mut bench = Bench::new(1);
        let (plan, mut phone) = translating(suite);
        let (_, local) = bench.open(&plan).unwrap();
        phone.protect(Traffic::Rtp, &rtp(7, 0xffff));
        for seq in 0..3 {
            let srtp = phone.protect(Traffic::Rtp, &rtp(7, seq));
            let sent = bench.pass(CLIENT, local.client.rtp, &srtp);
            assert_eq!(sent[0].payload, rtp(7, seq));
        }
    }
}

/// What a phone sends under these indices, one after another.
fn protect_all(phone: &mut Peer, ssrc: u32, indices: impl Iterator<Item = u32>) -> Vec<Vec<u8>> {
    indices
        .map(|index| {
            let [_, _, high, low] = index.to_be_bytes();
            phone.protect(Traffic::Rtp, &rtp(ssrc, u16::from_be_bytes([high, low])))
        })
        .collect()
}

#[test]
fn burst_of_a_peer_past_a_wrap_is_understood_as_a_whole() {
    for suite in [CM, Suite::AeadAes256Gcm] {
        let mut bench = Bench::new(1);
        let (plan, mut phone) = translating(suite);
        let (slot, local) = bench.open(&plan).unwrap();
        let to = local.client.rtp;
        // So that no packet waits for the neighbour.
        let first = protect_all(&mut phone, 1, 1..2);
        bench.pass(CLIENT, to, &first[0]);
        // Past a wrap, through one, and that in another order.
        let past = protect_all(&mut phone, 7, 0xffff..0x1_000a);
        let through = protect_all(&mut phone, 8, 0xfffd..0x1_0004);
        let reordered = protect_all(&mut phone, 9, 0xfffd..0x1_0004);
        let reordered = [1, 4, 2, 6, 0, 3, 5].map(|at| reordered[at].clone());
        let mut passed = 1;
        for burst in [&past[1..], &through, &reordered] {
            for packet in burst {
                bench.queue(addr(CLIENT), to, packet);
            }
            assert_eq!(bench.run().len(), burst.len(), "{:?}", bench.refusals());
            passed += burst.len() as u64;
        }
        assert_eq!(bench.refusals(), []);
        let flow = bench.engine.record(slot).unwrap().client.flow;
        assert_eq!((flow.rtp_packets, flow.auth_failures), (passed, 0));
        assert_eq!(bench.counters().count(Counter::MediaDecrypted), passed);
    }
}

#[test]
fn second_try_in_a_burst_takes_neither_a_forged_nor_a_repeated_packet() {
    let mut bench = Bench::new(1);
    let (plan, mut phone) = translating(CM);
    let (slot, local) = bench.open(&plan).unwrap();
    let packets = protect_all(&mut phone, 7, 0xffff..0x1_0005);
    let mut forged = packets[2].clone();
    forged[20] ^= 1;
    for packet in [
        &packets[1],
        &forged,
        &packets[3],
        &packets[3],
        &packets[2],
        &forged,
    ] {
        bench.queue(addr(CLIENT), local.client.rtp, packet);
    }
    let sent = bench.run();
    let clear: Vec<_> = sent.into_iter().map(|sent| sent.payload).collect();
    assert_eq!(clear, [0, 2, 1].map(|seq| rtp(7, seq)));
    let flow = bench.engine.record(slot).unwrap().client.flow;
    assert_eq!(
        (flow.rtp_packets, flow.auth_failures, flow.replays),
        (3, 2, 1)
    );
    assert_eq!(
        bench.refusals(),
        [(Reason::SrtpAuthFailed, 2), (Reason::SrtpReplayed, 1)]
    );
}

#[test]
fn sides_may_have_different_address_families() {
    let mut bench = Bench::new(1);
    let mut plan = clear_plan();
    let peer = addr("[2001:db8:1::7]:4000");
    plan.sides.client.family_of = peer.ip();
    plan.sides.client.remote = Some(pipeline::Endpoint {
        rtp: peer,
        rtcp: peer,
    });
    let (_, local) = bench.open(&plan).unwrap();
    assert!(local.client.rtp.is_ipv6() && local.server.rtp.is_ipv4());
    let sent = bench.pass("[2001:db8:1::7]:4000", local.client.rtp, &rtp(1, 1));
    assert_eq!((sent[0].src, sent[0].dst), (local.server.rtp, addr(SERVER)));
    // An address that our side has no way to is refused, not sent to.
    plan.sides.client.remote = clear_plan().sides.client.remote;
    bench.engine.update(0, &plan).unwrap();
    assert!(bench.pass(SERVER, local.server.rtp, &rtp(2, 1)).is_empty());
    assert_eq!(bench.refusals(), [(Reason::NoRoute, 1)]);
}

#[test]
fn hold_and_missing_addresses_have_their_own_names() {
    let mut bench = Bench::new(1);
    let mut plan = clear_plan();
    plan.sides.server.remote = None;
    plan.sides.client.peer_receives = false;
    let (slot, local) = bench.open(&plan).unwrap();
    bench.pass(CLIENT, local.client.rtp, &rtp(1, 1));
    bench.pass(SERVER, local.server.rtp, &rtp(1, 1));
    plan.sides.server.remote = clear_plan().sides.server.remote;
    bench.engine.update(slot, &plan).unwrap();
    bench.pass(SERVER, local.server.rtp, &rtp(1, 1));
    plan.sides.server.secure = true;
    bench.engine.update(slot, &plan).unwrap();
    bench.pass(CLIENT, local.client.rtp, &rtp(1, 2));
    let expected = [
        (Reason::MediaUnknownSource, 1),
        (Reason::MediaNoRemote, 1),
        (Reason::MediaNoKey, 1),
        (Reason::MediaOnHold, 1),
    ];
    assert_eq!(bench.refusals(), expected);
}

#[test]
fn source_that_restarts_its_numbers_is_not_encrypted_twice() {
    let mut bench = Bench::new(1);
    let (plan, _) = translating(CM);
    let (_, local) = bench.open(&plan).unwrap();
    let mut passed = 0;
    for seq in [500, 501, 501, 10] {
        bench.queue(addr(SERVER), local.server.rtp, &rtp(8, seq));
    }
    passed += bench.run().len();
    passed += bench.pass(SERVER, local.server.rtp, &rtp(8, 502)).len();
    assert_eq!(passed, 3);
    assert_eq!(bench.refusals(), [(Reason::SrtpIndexReused, 2)]);
}

/// What was passed and refused of a stream's RTP from a side, and what was counted of all.
fn passed_and_refused(bench: &Bench, slot: u32, leg: Leg) -> [u64; 5] {
    let record = bench.engine.record(slot).unwrap();
    let flow = match leg {
        Leg::Client => record.client.flow,
        Leg::Server => record.server.flow,
    };
    let counters = bench.counters();
    [
        flow.rtp_packets,
        flow.refused,
        counters.count(Counter::MediaPackets),
        counters.count(Counter::MediaEncrypted),
        counters.refused(Reason::IpTooBig),
    ]
}

#[test]
fn what_protection_makes_too_big_is_refused_before_it_costs_an_index() {
    // The first ones find no exit and no neighbour yet.
    for known in [false, true] {
        let mut bench = Bench::new(1);
        let (plan, mut phone) = translating(CM);
        let (slot, local) = bench.open(&plan).unwrap();
        let before = u64::from(known);
        if known {
            bench.pass(SERVER, local.server.rtp, &rtp(8, 1));
        }
        for seq in 10..20 {
            bench.queue(addr(SERVER), local.server.rtp, &rtp_of(1500, 8, seq));
        }
        assert!(bench.run().is_empty());
        assert_eq!(
            passed_and_refused(&bench, slot, Leg::Server),
            [before, 10, before, before, 10]
        );
        // The largest that there is room for, under an index that was not spent.
        let largest = rtp_of(1490, 8, 10);
        let sent = bench.pass(SERVER, local.server.rtp, &largest);
        assert_eq!(phone.unprotect(Traffic::Rtp, &sent[0].payload), Ok(largest));
        let one_more = rtp_of(1491, 8, 11);
        assert!(bench.pass(SERVER, local.server.rtp, &one_more).is_empty());
        let mut report = rtcp(8);
        report[3] = 255;
        report.resize(4 * 256, 0);
        report.extend([0x80, 204, 0, 109]);
        report.resize(1024 + 440, 0);
        let sent = bench.pass("192.0.2.9:5001", local.server.rtcp, &report);
        assert!(
            sent.is_empty(),
            "1,464 octets are 1,506 with headers, index and tag"
        );
        assert_eq!(
            passed_and_refused(&bench, slot, Leg::Server),
            [before + 1, 12, before + 1, before + 1, 12]
        );
        assert_eq!(bench.refusals(), [(Reason::IpTooBig, 12)]);
    }
}

#[test]
fn what_is_too_big_for_its_way_out_counts_as_refused() {
    let mut bench = Bench::with_mtus(1, [1500, 1000]);
    let (plan, mut phone) = translating(CM);
    let (slot, local) = bench.open(&plan).unwrap();
    // The first waits for the neighbour, the second finds it known.
    for (seq, len, passes) in [(1, 1001, 0), (2, 1000, 1), (3, 1001, 0)] {
        let srtp = phone.protect(Traffic::Rtp, &rtp_of(len, 7, seq));
        assert_eq!(bench.pass(CLIENT, local.client.rtp, &srtp).len(), passes);
    }
    assert_eq!(
        passed_and_refused(&bench, slot, Leg::Client),
        [1, 2, 1, 0, 2]
    );
    // Where the link takes so little, a sealed packet is refused at its end.
    let mut bench = Bench::with_mtus(1, [1000, 1500]);
    let (plan, _) = translating(CM);
    let (slot, local) = bench.open(&plan).unwrap();
    for (seq, len, passes) in [(1, 991, 0), (2, 990, 1), (3, 991, 0)] {
        let sent = bench.pass(SERVER, local.server.rtp, &rtp_of(len, 8, seq));
        assert_eq!(sent.len(), passes);
    }
    assert_eq!(
        passed_and_refused(&bench, slot, Leg::Server),
        [1, 2, 1, 3, 2]
    );
}

#[test]
fn what_a_stream_took_is_given_back() {
    let mut bench = Bench::new(2);
    let (first, local) = bench.open(&clear_plan()).unwrap();
    bench.open(&clear_plan()).unwrap();
    assert_eq!(bench.open(&clear_plan()), Err(Reason::MediaTableFull));
    let mut bad = clear_plan();
    secure(&mut bad, Leg::Client, CM, 1);
    bad.sides.client.receive = Some(pipeline::SrtpParams {
        mki: Some(pipeline::Mki { value: 256, len: 1 }),
        ..keys(CM, 1)
    });
    bench.engine.close(first);
    assert!(bench.pass(CLIENT, local.client.rtp, &rtp(1, 1)).is_empty());
    assert_eq!(bench.refusals(), [(Reason::MediaNoSession, 1)]);
    // Each termination has a hundred pairs: a leak of either leg's would show.
    for _ in 0..150 {
        assert_eq!(bench.open(&bad).err(), Some(Reason::SdpBadCrypto));
        let (slot, _) = bench.open(&clear_plan()).unwrap();
        bench.engine.close(slot);
        bench.engine.close(slot);
    }
    assert_eq!(bench.engine.streams(), 1);
    assert_eq!(
        bench.engine.update(first, &clear_plan()),
        Err(Reason::MediaNoSession)
    );
}

#[test]
fn packets_in_line_do_not_reach_the_next_stream_of_a_slot() {
    let mut bench = Bench::new(1);
    let (slot, local) = bench.open(&clear_plan()).unwrap();
    bench.queue(addr(CLIENT), local.client.rtp, &rtp(1, 1));
    bench.engine.close(slot);
    assert_eq!(bench.open(&clear_plan()).map(|(slot, _)| slot), Ok(slot));
    assert!(bench.run().is_empty());
    assert_eq!(bench.refusals(), [(Reason::MediaNoSession, 1)]);
}

/// Of one worker with a hundred streams.
fn layout() -> Layout<'static> {
    let shape = Shape {
        workers: 1,
        sessions: 1,
        streams: 100,
        image_words: 64,
    };
    let words: Vec<AtomicU64> = (0..shape.words()).map(|_| AtomicU64::new(0)).collect();
    Layout::format(words.leak(), shape).unwrap()
}

#[test]
fn records_are_published_and_cleared() {
    let layout = layout();
    let load = |slot: u32| StreamRecord::load(layout.stream(0, slot as usize).unwrap());
    let mut bench = Bench::new(100);
    let slots: Vec<u32> = (0..90)
        .map(|_| bench.open(&clear_plan()).unwrap().0)
        .collect();
    let opened = bench.now.nanos();
    for _ in 0..2 {
        bench.publish_in(&layout, Duration::from_millis(1));
    }
    for &slot in &slots {
        let record = load(slot).unwrap();
        assert_eq!(Some(record), bench.engine.record(slot));
        assert_eq!(
            (record.session, record.media, record.opened),
            (9, 3, opened)
        );
    }
    bench.engine.close(slots[7]);
    bench.publish_in(&layout, Duration::ZERO);
    assert_eq!(load(slots[7]), None);
    // A slot that is used again before the next turn is not cleared after it was written.
    bench.engine.close(slots[8]);
    assert_eq!(
        bench.open(&clear_plan()).map(|(slot, _)| slot),
        Ok(slots[8])
    );
    for _ in 0..3 {
        bench.publish_in(&layout, Duration::from_millis(1));
    }
    assert!(load(slots[8]).is_some());
}

#[test]
fn records_are_written_one_by_one_as_time_passes() {
    let layout = layout();
    let mut bench = Bench::new(100);
    for _ in 0..90 {
        bench.open(&clear_plan()).unwrap();
    }
    let written = || {
        (0..90)
            .filter(|&slot| StreamRecord::load(layout.stream(0, slot).unwrap()).is_some())
            .count()
    };
    bench.publish_in(&layout, Duration::from_millis(1));
    assert_eq!(
        written(),
        RECORDS_AT_ONCE,
        "a late worker writes no more at once"
    );
    bench.publish_in(&layout, RECORD_EVERY / 2);
    assert_eq!(written(), RECORDS_AT_ONCE);
    bench.publish_in(&layout, RECORD_EVERY / 2);
    assert_eq!(written(), RECORDS_AT_ONCE + 1);
    bench.publish_in(&layout, RECORD_EVERY * 5 / 2);
    bench.publish_in(&layout, RECORD_EVERY / 2);
    assert_eq!(
        written(),
        RECORDS_AT_ONCE + 4,
        "nothing that is due is forgotten"
    );
}
