//! Plaintext both ways, back-pressure, and the ends that a connection can have.

use abi::Reason;
use proptest::prelude::*;

use super::*;

const VERSIONS: [Versions; 2] = [Versions::Tls12, Versions::Tls13];

#[test]
fn plaintext_arrives_in_order_however_the_ciphertext_is_cut() {
    for (versions, most) in VERSIONS
        .into_iter()
        .flat_map(|v| [1, 7, 1460].map(|m| (v, m)))
    {
        let mut pair = Pair::open(versions);
        let sent: Vec<u8> = (0..9000_u32).map(|i| i.to_le_bytes()[0]).collect();
        assert_eq!(pair.client.write(&sent), sent.len());
        let mut received = Vec::new();
        while pair.client.pending_output() > 0 {
            carry(&mut pair.client, &mut pair.server, most);
            received.extend(plaintext_of(&mut pair.server));
        }
        assert_eq!(received, sent);
    }
}

/// Sends `total` octets while each side takes only a little at a time, and watches the bounds.
fn transfer(from: &mut TlsLeg, to: &mut TlsLeg, total: usize) {
    let limits = LegLimits::default();
    let octet = |i: usize| i.to_le_bytes()[0] ^ i.to_le_bytes()[1];
    let sent: Vec<u8> = (0..total).map(octet).collect();
    let (mut written, mut received) = (0, Vec::new());
    while received.len() < total {
        written += from.write(&sent[written..]);
        assert!(from.pending_output() <= limits.output_max + 128);
        from.take_output(|octets| to.feed(&octets[..octets.len().min(1460)]));
        assert!(to.pending_plaintext() <= limits.input_max);
        let mut left = 1000;
        to.take_plaintext(|octets| {
            let n = octets.len().min(left);
            received.extend_from_slice(&octets[..n]);
            left -= n;
            n
        });
    }
    assert_eq!(received, sent);
    assert_eq!(from.pending_output() + to.pending_plaintext(), 0);
}

#[test]
fn slow_readers_hold_the_sender_back_and_lose_nothing() {
    for versions in VERSIONS {
        let mut pair = Pair::open(versions);
        transfer(&mut pair.client, &mut pair.server, 300_000);
        transfer(&mut pair.server, &mut pair.client, 300_000);
    }
    let (mut a, mut b) = clear_pair();
    transfer(&mut a, &mut b, 300_000);
}

#[test]
fn session_that_reads_nothing_leaves_octets_in_tcp() {
    let mut pair = Pair::open(Versions::Tls13);
    assert_eq!(pair.client.write(&[1; 100]), 100);
    assert_eq!(pair.client.write(&[2; 100]), 100);
    let octets = output_of(&mut pair.client);
    let taken = pair.server.feed(&octets);
    assert!(taken < octets.len(), "one record and no more");
    assert_eq!(pair.server.feed(&octets[taken..]), 0);
    assert_eq!(plaintext_of(&mut pair.server), [1; 100]);
    pair.server.feed(&octets[taken..]);
    assert_eq!(plaintext_of(&mut pair.server), [2; 100]);
}

#[test]
fn peer_that_reads_nothing_stops_the_writer() {
    for mut leg in [Pair::open(Versions::Tls12).client, clear_pair().0] {
        let mut total = 0;
        while let n @ 1.. = leg.write(&[0; 5000]) {
            total += n;
        }
        assert!(total <= LegLimits::default().output_max, "{total}");
        assert!(leg.pending_output() <= LegLimits::default().output_max + 512);
        output_of(&mut leg);
        assert_eq!(leg.write(&[0; 5000]), 5000);
    }
}

#[test]
fn peer_that_reads_a_little_at_a_time_does_not_make_tiny_records() {
    let mut pair = Pair::open(Versions::Tls13);
    let mut written = 0;
    for _ in 0..2000 {
        let n = pair.client.write(&[0; 5000]);
        assert!(n == 0 || n >= 1000, "{n}");
        written += n;
        let mut left = 20;
        pair.client
            .take_output(|octets| std::mem::take(&mut left).min(octets.len()));
    }
    assert!(written > 2000 * 18, "{written}");
}

#[test]
fn each_direction_ends_by_itself() {
    for versions in VERSIONS {
        let mut pair = Pair::open(versions);
        pair.client.write(b"BYE");
        pair.client.close();
        assert_eq!(pair.client.write(b"more"), 0);
        pair.run();
        assert_eq!(plaintext_of(&mut pair.server), b"BYE");
        pair.run();
        assert_eq!(pair.server.state(), State::PeerClosed);
        assert_eq!(pair.client.state(), State::Open);

        assert_eq!(pair.server.write(b"200 OK"), 6);
        pair.server.close();
        pair.run();
        assert_eq!(plaintext_of(&mut pair.client), b"200 OK");
        pair.run();
        assert_eq!(pair.client.state(), State::PeerClosed);
        pair.client.feed_end();
        pair.server.feed_end();
        assert_eq!(pair.run(), (State::PeerClosed, State::PeerClosed));
    }
}

#[test]
fn end_without_close_notify_is_a_truncation_after_what_came_before() {
    for versions in VERSIONS {
        let mut pair = Pair::open(versions);
        pair.client.write(b"one");
        pair.client.write(b"two");
        let octets = output_of(&mut pair.client);
        let first = pair.server.feed(&octets);
        assert_eq!(plaintext_of(&mut pair.server), b"one");
        pair.server.feed(&octets[first..]);
        pair.server.feed_end();
        assert_eq!(pair.server.state(), State::Open, "plaintext waits");
        assert_eq!(plaintext_of(&mut pair.server), b"two");
        assert_eq!(pair.server.state(), State::Failed(Reason::TlsTruncated));
    }
}

#[test]
fn end_in_the_middle_of_a_handshake_is_a_truncation() {
    let world = World::new();
    let mut pair = Pair::new(&world.server(), &world.client());
    step(&mut pair.client);
    let hello = output_of(&mut pair.client);
    pair.server.feed(&hello[..hello.len() / 2]);
    pair.server.feed_end();
    step(&mut pair.server);
    assert_eq!(pair.server.state(), State::Failed(Reason::TlsTruncated));
}

#[test]
fn end_right_after_an_alert_is_the_alert() {
    let world = World::new();
    let mut server = TlsLeg::server(&world.server().profile());
    server.feed(&[21, 3, 1, 0, 2, 2, 80]);
    server.feed_end();
    step(&mut server);
    assert_eq!(server.state(), State::Failed(Reason::TlsPeerAlert));
    assert_eq!(server.peer_alert(), Some(80));
}

#[test]
fn record_that_was_tampered_with_fails_the_leg_and_says_so() {
    for versions in VERSIONS {
        let mut pair = Pair::open(versions);
        pair.client.write(b"REGISTER sip:ucm.example.com SIP/2.0");
        let mut octets = output_of(&mut pair.client);
        let last = octets.len() - 1;
        octets[last] ^= 1;
        pair.server.feed(&octets);
        assert_eq!(pair.server.state(), State::Failed(Reason::TlsRecord));
        assert_eq!(pair.server.pending_plaintext(), 0);
        pair.run();
        assert_eq!(pair.client.peer_alert(), Some(20), "bad_record_mac");
    }
}

#[test]
fn record_that_was_tampered_with_fails_a_leg_that_has_closed() {
    for versions in VERSIONS {
        let mut pair = Pair::open(versions);
        pair.client.write(b"REGISTER sip:ucm.example.com SIP/2.0");
        let mut octets = output_of(&mut pair.client);
        let last = octets.len() - 1;
        octets[last] ^= 1;
        pair.server.close();
        pair.server.feed(&octets);
        assert_eq!(pair.server.state(), State::Failed(Reason::TlsRecord));
    }
}

#[test]
fn replayed_record_fails_the_leg() {
    for versions in VERSIONS {
        let mut pair = Pair::open(versions);
        pair.client.write(b"once");
        let octets = output_of(&mut pair.client);
        pair.server.feed(&octets);
        assert_eq!(plaintext_of(&mut pair.server), b"once");
        pair.server.feed(&octets);
        assert_eq!(pair.server.state(), State::Failed(Reason::TlsRecord));
    }
}

#[test]
fn failed_leg_swallows_input_and_accepts_nothing() {
    let mut pair = Pair::open(Versions::Tls13);
    pair.server.fail(Reason::PeerStalled);
    pair.server.fail(Reason::TlsRecord);
    assert_eq!(pair.server.state(), State::Failed(Reason::PeerStalled));
    assert_eq!(pair.server.feed(&[0; 99]), 99);
    assert_eq!(pair.server.write(b"x"), 0);
    pair.server.close();
    assert_eq!(pair.server.pending_output(), 0);
    assert!(!pair.server.wants_step());
}

/// Carries octets between rustls's own connection and a leg until nothing moves.
fn run_with_rustls(theirs: &mut rustls::ClientConnection, ours: &mut TlsLeg) {
    loop {
        let mut octets = Vec::new();
        theirs.write_tls(&mut octets).unwrap();
        let mut moved = octets.len();
        let mut rest = &octets[..];
        while !rest.is_empty() {
            let taken = ours.feed(rest);
            step(ours);
            assert!(taken > 0);
            rest = &rest[taken..];
        }
        let mut back = &output_of(ours)[..];
        while !back.is_empty() {
            moved += theirs.read_tls(&mut back).unwrap();
            theirs.process_new_packets().unwrap();
        }
        if moved == 0 {
            return;
        }
    }
}

#[test]
fn keys_are_updated_when_the_peer_asks() {
    use std::io::{Read, Write};
    let world = World::new();
    let (config, name) = world.client().profile().connect(&TARGET);
    let mut theirs = rustls::ClientConnection::new(config, name).unwrap();
    let mut ours = TlsLeg::server(&world.server().profile());
    run_with_rustls(&mut theirs, &mut ours);
    assert_eq!(ours.state(), State::Open);
    for round in 0..20_u8 {
        theirs.refresh_traffic_keys().unwrap();
        theirs.writer().write_all(&[round]).unwrap();
        run_with_rustls(&mut theirs, &mut ours);
        assert_eq!(plaintext_of(&mut ours), [round]);
        assert_eq!(ours.write(&[round]), 1);
        run_with_rustls(&mut theirs, &mut ours);
        let mut echo = [0xff];
        theirs.reader().read_exact(&mut echo).unwrap();
        assert_eq!(echo, [round]);
    }
    assert_eq!(ours.state(), State::Open);
}

#[test]
fn keys_updated_in_the_flight_that_ends_the_handshake_are_followed() {
    use std::io::{Read, Write};
    let world = World::new();
    let (config, name) = world.client().profile().connect(&TARGET);
    let mut theirs = rustls::ClientConnection::new(config, name).unwrap();
    let mut ours = TlsLeg::server(&world.server().profile());
    let mut hello = Vec::new();
    theirs.write_tls(&mut hello).unwrap();
    ours.feed(&hello);
    step(&mut ours);
    let flight = output_of(&mut ours);
    theirs.read_tls(&mut &flight[..]).unwrap();
    theirs.process_new_packets().unwrap();
    theirs.refresh_traffic_keys().unwrap();
    run_with_rustls(&mut theirs, &mut ours);
    theirs.writer().write_all(b"REGISTER").unwrap();
    run_with_rustls(&mut theirs, &mut ours);
    assert_eq!(plaintext_of(&mut ours), b"REGISTER");
    assert_eq!(ours.write(b"200 OK"), 6);
    run_with_rustls(&mut theirs, &mut ours);
    let mut answer = [0; 6];
    theirs.reader().read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"200 OK");
}

fn clear_pair() -> (TlsLeg, TlsLeg) {
    let limits = LegLimits::default();
    (TlsLeg::clear(limits), TlsLeg::clear(limits))
}

#[test]
fn leg_in_clear_has_the_same_face() {
    let (mut a, mut b) = clear_pair();
    assert_eq!(
        (a.state(), a.is_tls(), a.wants_step()),
        (State::Open, false, false)
    );
    assert_eq!(a.write(b"REGISTER"), 8);
    carry(&mut a, &mut b, usize::MAX);
    assert_eq!(plaintext_of(&mut b), b"REGISTER");
    a.close();
    assert_eq!(a.write(b"more"), 0);
    assert_eq!(a.pending_output(), 0, "in clear the end is FIN");
    b.feed_end();
    assert_eq!(b.state(), State::PeerClosed);
    assert_eq!(b.write(b"200 OK"), 6);
    b.fail(Reason::PeerStalled);
    assert!(!b.is_tls());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn garbage_never_panics_a_server_before_its_hello(garbage: Vec<u8>) {
        let world = World::new();
        let mut server = TlsLeg::server(&world.server().profile());
        prop_assert_eq!(server.feed(&garbage), garbage.len());
        step(&mut server);
        prop_assert_ne!(server.state(), State::Open);
    }

    #[test]
    fn flipped_bit_anywhere_in_a_handshake_never_panics(
        flight in 0_usize..4, at: prop::sample::Index, bit in 0_u8..8, tls13: bool,
    ) {
        let world = World::new();
        let mut client = world.client();
        client.versions = if tls13 { Versions::Tls13 } else { Versions::Tls12 };
        let mut pair = Pair::new(&world.server(), &client);
        for i in 0..6 {
            step(&mut pair.client);
            step(&mut pair.server);
            let (from, to) = if i % 2 == 0 {
                (&mut pair.client, &mut pair.server)
            } else {
                (&mut pair.server, &mut pair.client)
            };
            let mut octets = output_of(from);
            if i == flight && !octets.is_empty() {
                let at = at.index(octets.len());
                octets[at] ^= 1 << bit;
            }
            to.feed(&octets);
        }
        pair.run();
    }

    #[test]
    fn garbage_after_the_handshake_passes_no_plaintext(
        garbage in prop::collection::vec(any::<u8>(), 1..600), kind in 20_u8..25, tls13: bool,
    ) {
        let mut pair = Pair::open(if tls13 { Versions::Tls13 } else { Versions::Tls12 });
        let len = u16::try_from(garbage.len()).unwrap().to_be_bytes();
        let mut record = vec![kind, 3, 3, len[0], len[1]];
        record.extend_from_slice(&garbage);
        pair.server.feed(&record);
        pair.server.feed_end();
        prop_assert!(matches!(pair.server.state(), State::Failed(_)), "{:?}", pair.server.state());
        prop_assert_eq!(pair.server.pending_plaintext(), 0);
    }
}
