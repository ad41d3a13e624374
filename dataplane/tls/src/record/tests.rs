//! Records that a peer's TLS library would never make.

use super::*;
use crate::tests::{Pair, output_of, plaintext_of};
use crate::{State, TlsLeg, Versions};

const BOTH: [Versions; 2] = [Versions::Tls12, Versions::Tls13];

/// Has the client send `records`; returns where the server then stands.
fn after(pair: &mut Pair, records: &[(u8, &[u8])]) -> State {
    let mut output = Pending::default();
    for (kind, body) in records {
        let send = &mut pair.client.records_mut().send;
        send.seal(*kind, body, &mut output).unwrap();
    }
    feed_all(&mut pair.server, output.as_slice());
    pair.server.state()
}

fn feed_all(leg: &mut TlsLeg, mut octets: &[u8]) {
    while !octets.is_empty() {
        let taken = leg.feed(octets);
        assert!(taken > 0, "plaintext is in the way");
        octets = &octets[taken..];
    }
}

/// The alert that the client then finds.
fn alert_at(pair: &mut Pair) -> Option<u8> {
    pair.run();
    pair.client.peer_alert()
}

#[test]
fn open_leg_keeps_its_keys_in_one_block() {
    for versions in BOTH {
        let mut pair = Pair::open(versions);
        assert_eq!(
            pair.server.records_mut().schedule.is_fixed(),
            versions == Versions::Tls12
        );
        assert_eq!(pair.client.records_mut().chain().len(), 1);
    }
    assert!(size_of::<Records>() <= 1536, "{}", size_of::<Records>());
}

type Record = (u8, &'static [u8]);

/// Records, why they are refused, and the alert that the peer gets.
type Misplaced = (&'static [Record], Reason, u8);

const MISPLACED_IN_13: &[Misplaced] = &[
    (&[(HANDSHAKE, &[1, 0, 0, 0])], Reason::TlsMalformed, 10),
    (&[(HANDSHAKE, &[13, 0, 0, 0])], Reason::TlsMalformed, 10),
    (&[(HANDSHAKE, &[24, 0, 0, 1, 2])], Reason::TlsMalformed, 47),
    (
        &[(HANDSHAKE, &[24, 0, 0, 2, 0, 0])],
        Reason::TlsMalformed,
        50,
    ),
    (
        &[(HANDSHAKE, &[24, 0, 0, 1, 0, 24])],
        Reason::TlsMalformed,
        10,
    ),
    (&[(HANDSHAKE, &[4, 0, 0, 0])], Reason::TlsMalformed, 10),
    (&[(HANDSHAKE, &[4, 1, 0, 0])], Reason::TlsMalformed, 50),
    (&[(HANDSHAKE, &[])], Reason::TlsMalformed, 10),
    (&[(HANDSHAKE, &[24, 0]), DATA], Reason::TlsMalformed, 10),
    (
        &[(HANDSHAKE, &[24, 0]), (ALERT, &[1, 0])],
        Reason::TlsMalformed,
        10,
    ),
    (&[(20, &[1])], Reason::TlsMalformed, 10),
    (&[(99, b"x")], Reason::TlsMalformed, 10),
    (&[(0, &[0, 0])], Reason::TlsMalformed, 10),
    (&[(ALERT, &[1])], Reason::TlsMalformed, 50),
    (&[(ALERT, &[1, 0, 1])], Reason::TlsMalformed, 50),
    (&[(ALERT, &[3, 40])], Reason::TlsPeerAlert, 47),
    (&[(ALERT, &[1, 41])], Reason::TlsPeerAlert, 50),
];

const MISPLACED_IN_12: &[Misplaced] = &[
    (&[(HANDSHAKE, &[24, 0, 0, 1, 0])], Reason::TlsMalformed, 10),
    (&[(HANDSHAKE, &[0, 0, 0, 0])], Reason::TlsMalformed, 10),
    (&[(20, &[1])], Reason::TlsMalformed, 10),
    (&[(ALERT, &[1, 41, 0])], Reason::TlsMalformed, 50),
    (&[(ALERT, &[0, 41])], Reason::TlsPeerAlert, 47),
];

const DATA: Record = (APPLICATION_DATA, b"x");

#[test]
fn what_has_no_place_after_a_handshake_is_refused_and_the_peer_told() {
    let of_13 = MISPLACED_IN_13.iter().map(|row| (Versions::Tls13, row));
    let of_12 = MISPLACED_IN_12.iter().map(|row| (Versions::Tls12, row));
    for (versions, (records, reason, alert)) in of_13.chain(of_12) {
        let mut pair = Pair::open(versions);
        let state = after(&mut pair, records);
        assert_eq!(state, State::Failed(*reason), "{records:?}");
        assert_eq!(alert_at(&mut pair), Some(*alert), "{records:?}");
        assert_eq!(pair.server.pending_plaintext(), 0);
    }
}

#[test]
fn fatal_alert_ends_the_leg_and_is_not_answered() {
    for versions in BOTH {
        let mut pair = Pair::open(versions);
        let state = after(&mut pair, &[(ALERT, &[2, 80])]);
        assert_eq!(state, State::Failed(Reason::TlsPeerAlert));
        assert_eq!(pair.server.peer_alert(), Some(80));
        assert_eq!(pair.server.pending_output(), 0);
    }
}

#[test]
fn warnings_that_mean_nothing_change_nothing() {
    for (versions, warning) in [
        (Versions::Tls13, 90),
        (Versions::Tls12, 90),
        (Versions::Tls12, 41),
    ] {
        let mut pair = Pair::open(versions);
        assert_eq!(after(&mut pair, &[(ALERT, &[1, warning])]), State::Open);
        assert_eq!(after(&mut pair, &[(ALERT, &[2, 0])]), State::PeerClosed);
    }
}

#[test]
fn padding_is_taken_off() {
    let mut pair = Pair::open(Versions::Tls13);
    let padded = [b'B', b'Y', b'E', 0, APPLICATION_DATA, 0, 0, 0];
    assert_eq!(after(&mut pair, &[(0, &padded)]), State::Open);
    assert_eq!(plaintext_of(&mut pair.server), b"BYE\0");
}

#[test]
fn record_with_too_much_in_it_is_refused() {
    for versions in BOTH {
        let mut pair = Pair::open(versions);
        let most = vec![7; 1 << 14];
        assert_eq!(after(&mut pair, &[(APPLICATION_DATA, &most)]), State::Open);
        assert_eq!(plaintext_of(&mut pair.server), most);
        let state = after(
            &mut pair,
            &[(APPLICATION_DATA, &[&most[..], &[7]].concat())],
        );
        assert_eq!(state, State::Failed(Reason::TlsRecord));
        assert_eq!(alert_at(&mut pair), Some(alert::RECORD_OVERFLOW));
    }
}

#[test]
fn endless_records_without_data_are_cut_off() {
    let update: (u8, &[u8]) = (HANDSHAKE, &[24, 0, 0, 1, 1]);
    for (versions, idle) in [
        (Versions::Tls12, (APPLICATION_DATA, &[][..])),
        (Versions::Tls12, (ALERT, &[1, 90][..])),
        (Versions::Tls13, (APPLICATION_DATA, &[][..])),
        (Versions::Tls13, (ALERT, &[1, 90][..])),
    ] {
        let mut pair = Pair::open(versions);
        assert_eq!(after(&mut pair, &[idle; IDLE_MAX as usize]), State::Open);
        assert_eq!(after(&mut pair, &[(APPLICATION_DATA, b"x")]), State::Open);
        assert_eq!(plaintext_of(&mut pair.server), b"x");
        assert_eq!(after(&mut pair, &[idle; IDLE_MAX as usize]), State::Open);
        assert_eq!(
            after(&mut pair, &[idle]),
            State::Failed(Reason::TlsMalformed)
        );
    }
    let mut pair = Pair::open(Versions::Tls13);
    for _ in 0..IDLE_MAX {
        assert_eq!(after(&mut pair, &[update]), State::Open);
        let next = pair.client.records_mut().schedule.next_to_send().unwrap();
        pair.client.records_mut().send.rekey(&next).unwrap();
    }
    assert_eq!(
        pair.server.pending_output(),
        0,
        "one answer to all of them, and with data"
    );
    assert_eq!(
        after(&mut pair, &[update]),
        State::Failed(Reason::TlsMalformed)
    );
}

#[test]
fn renegotiation_is_declined_a_few_times() {
    let hello: (u8, &[u8]) = (HANDSHAKE, &[1, 0, 0, 2, 3, 3]);
    let mut pair = Pair::open(Versions::Tls12);
    for _ in 0..RENEGOTIATIONS_MAX {
        // In two records, as a long hello comes.
        let halves = [(HANDSHAKE, &hello.1[..3]), (HANDSHAKE, &hello.1[3..])];
        assert_eq!(after(&mut pair, &halves), State::Open);
        let mut warning = output_of(&mut pair.server);
        let (kind, body) = pair
            .client
            .records_mut()
            .receive
            .open(&mut warning)
            .unwrap();
        assert_eq!((kind, body), (ALERT, &[1, alert::NO_RENEGOTIATION][..]));
    }
    assert_eq!(
        after(&mut pair, &[hello]),
        State::Failed(Reason::TlsMalformed)
    );
}

#[test]
fn server_that_asks_for_renegotiation_is_declined() {
    let mut pair = Pair::open(Versions::Tls12);
    let mut output = Pending::default();
    let send = &mut pair.server.records_mut().send;
    send.seal(HANDSHAKE, &[0, 0, 0, 0], &mut output).unwrap();
    feed_all(&mut pair.client, output.as_slice());
    assert_eq!(pair.client.state(), State::Open);
    assert!(pair.client.pending_output() > 0);
}

#[test]
fn ticket_that_does_not_parse_is_refused() {
    let mut pair = Pair::open(Versions::Tls13);
    let mut output = Pending::default();
    let send = &mut pair.server.records_mut().send;
    send.seal(HANDSHAKE, &[4, 0, 0, 1, 0], &mut output).unwrap();
    feed_all(&mut pair.client, output.as_slice());
    assert_eq!(pair.client.state(), State::Failed(Reason::TlsMalformed));
}

#[test]
fn worn_keys_are_replaced_where_the_version_can() {
    let mut pair = Pair::open(Versions::Tls13);
    for round in 0..40_u8 {
        pair.client.records_mut().wear_after(2);
        assert_eq!(pair.client.write(&[round]), 1);
        assert_eq!(pair.client.write(&[round]), 1);
        pair.run();
        assert_eq!(plaintext_of(&mut pair.server), [round]);
        pair.run();
        assert_eq!(plaintext_of(&mut pair.server), [round]);
    }
    let mut pair = Pair::open(Versions::Tls12);
    pair.client.records_mut().wear_after(2);
    assert_eq!(pair.client.write(b"last"), 4);
    assert_eq!(pair.client.write(b"more"), 0);
    assert_eq!(pair.client.state(), State::Failed(Reason::TlsKeysExhausted));
}

#[test]
fn worn_keys_still_say_goodbye() {
    let mut pair = Pair::open(Versions::Tls12);
    pair.client.records_mut().wear_after(2);
    assert_eq!(pair.client.write(b"last"), 4);
    pair.client.close();
    pair.run();
    assert_eq!(plaintext_of(&mut pair.server), b"last");
    pair.run();
    assert_eq!(pair.server.state(), State::PeerClosed);
}
