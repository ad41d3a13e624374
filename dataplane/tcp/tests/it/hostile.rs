use std::time::Duration;

use abi::Reason;
use proptest::prelude::*;
use smoltcp::wire::{TcpControl, TcpRepr};
use tcp::{CloseCause, Params, State};

use crate::sim::{CLIENT_ISN, Sent, Sim, To, ends, packet, read_all, seen, segment};

/// Next sequence numbers of the client and of the server.
fn numbers(sim: &Sim) -> (u32, u32) {
    let ack = |to| sim.segments(to).iter().rev().find_map(|s| s.ack).unwrap();
    (ack(To::Client), ack(To::Server))
}

/// What the server's leg says about a segment from the client, and what it answers.
fn inject(sim: &mut Sim, tcp: TcpRepr<'_>) -> (Result<(), Reason>, Sent) {
    let (client, server) = ends(false);
    let bytes = packet(client, server, tcp);
    let mut sent = Sent::default();
    let now = sim.now;
    (sim.server().on_segment(&bytes, now, &mut sent), sent)
}

#[test]
fn reset_with_the_exact_number_resets() {
    let mut sim = Sim::open(&Params::default());
    let (seq, ack) = numbers(&sim);
    let rst = TcpRepr {
        control: TcpControl::Rst,
        ..segment(seq, ack, &[])
    };
    assert_eq!(inject(&mut sim, rst).0, Ok(()));
    assert_eq!(sim.server().state(), State::Closed(CloseCause::Reset));
    assert_eq!(CloseCause::Reset.reason(), Some(Reason::TcpReset));
}

#[test]
fn reset_with_a_number_in_the_window_is_challenged() {
    let mut sim = Sim::open(&Params::default());
    let (seq, ack) = numbers(&sim);
    for offset in [1, 1_000, 4_095] {
        sim.settle();
        let number = seq.wrapping_add(offset);
        let rst = TcpRepr {
            control: TcpControl::Rst,
            ..segment(number, ack, &[])
        };
        let (result, sent) = inject(&mut sim, rst);
        assert_eq!(result, Err(Reason::TcpOutOfWindow));
        assert_eq!(sim.server().state(), State::Open);
        assert_eq!(sent.0.len(), 1, "at {offset}");
        assert_eq!(seen(sim.now, &sent.0[0]).ack, Some(seq));
    }
    let rst = TcpRepr {
        control: TcpControl::Rst,
        ..segment(seq.wrapping_add(5), ack, &[])
    };
    assert!(
        inject(&mut sim, rst).1.0.is_empty(),
        "a second challenge within a second"
    );
}

#[test]
fn reset_far_away_is_ignored() {
    let mut sim = Sim::open(&Params::default());
    let (seq, ack) = numbers(&sim);
    for offset in [u32::MAX, 4_096, 1 << 31, 1 << 20] {
        let number = seq.wrapping_add(offset);
        let rst = TcpRepr {
            control: TcpControl::Rst,
            ..segment(number, ack, &[])
        };
        let (result, sent) = inject(&mut sim, rst);
        assert_eq!(result, Err(Reason::TcpOutOfWindow));
        assert!(sent.0.is_empty());
    }
    assert_eq!(sim.server().state(), State::Open);
}

#[test]
fn peer_that_restarted_ends_the_old_connection_by_the_challenge() {
    let mut sim = Sim::open(&Params::default());
    let syn = TcpRepr {
        control: TcpControl::Syn,
        ack_number: None,
        ..segment(0x1234_5678, 0, &[])
    };
    let (_, sent) = inject(&mut sim, syn);
    assert_eq!(sim.server().state(), State::Open);
    assert_eq!(sent.0.len(), 1);
    let mut answer = Sent::default();
    assert!(tcp::reset_for(&sent.0[0], &mut answer));
    sim.receive(To::Server, &answer.0[0]);
    assert_eq!(sim.server().state(), State::Closed(CloseCause::Reset));
}

#[test]
fn octets_beyond_the_announced_window_are_refused() {
    // The window of the SYN-ACK is not scaled, and must not be taken for a scaled one.
    for rx_buffer in [4_096, 65_535, 65_536, 100_000, 1 << 20] {
        let params = Params {
            rx_buffer,
            ..Params::default()
        };
        let mut sim = Sim::new(&params);
        sim.run_until(|sim| sim.server.is_some());
        let (_, ack) = numbers(&sim);
        let seq = CLIENT_ISN.wrapping_add(1);
        let announced = u32::try_from(rx_buffer.min(65_535)).unwrap();
        let beyond = seq.wrapping_add(announced - 99);
        assert_eq!(
            inject(&mut sim, segment(beyond, ack, &[1; 100])).0,
            Err(Reason::TcpOutOfWindow),
            "{rx_buffer}"
        );
        assert_eq!(inject(&mut sim, segment(beyond, ack, &[1; 99])).0, Ok(()));
        assert_eq!(inject(&mut sim, segment(seq, ack, &[2; 10])).0, Ok(()));
        assert_eq!(read_all(sim.server()), [2; 10]);
    }
}

#[test]
fn fin_beyond_the_announced_window_does_not_cut_the_stream() {
    let mut sim = Sim::open(&Params::default());
    let (seq, ack) = numbers(&sim);
    let fin = TcpRepr {
        control: TcpControl::Fin,
        ..segment(seq, ack, &[1; 4_097])
    };
    assert_eq!(inject(&mut sim, fin).0, Err(Reason::TcpOutOfWindow));
    assert!(!sim.server().peer_finished());
    let fin = TcpRepr {
        control: TcpControl::Fin,
        ..segment(seq, ack, &[1; 4_096])
    };
    assert_eq!(inject(&mut sim, fin).0, Ok(()));
    assert_eq!(read_all(sim.server()).len(), 4_096);
    assert!(sim.server().peer_finished());
}

#[test]
fn packets_that_are_no_tcp_of_ours_are_refused_by_name() {
    let mut sim = Sim::open(&Params::default());
    let (client, server) = ends(false);
    let (seq, ack) = numbers(&sim);
    let good = packet(client, server, segment(seq, ack, b"x"));
    let now = sim.now;
    let mut try_bytes = |bytes: &[u8]| sim.server().on_segment(bytes, now, &mut Sent::default());
    assert_eq!(try_bytes(&[]), Err(Reason::IpTruncated));
    assert_eq!(try_bytes(&good[..30]), Err(Reason::IpTruncated));
    let changed = |at: usize, to: u8| {
        let mut bytes = good.clone();
        bytes[at] = to;
        bytes
    };
    assert_eq!(try_bytes(&changed(0, 0x95)), Err(Reason::IpMalformed));
    assert_eq!(try_bytes(&changed(6, 0x20)), Err(Reason::IpMalformed));
    assert_eq!(try_bytes(&changed(9, 17)), Err(Reason::IpUnknownProtocol));
    assert_eq!(try_bytes(&changed(32, 0x40)), Err(Reason::TcpMalformed));
    assert_eq!(try_bytes(&changed(32, 0xf0)), Err(Reason::TcpMalformed));
    assert_eq!(try_bytes(&good), Ok(()));
}

/// Numbers near the ones that matter, and any.
fn near() -> impl Strategy<Value = u32> {
    prop_oneof![
        4 => (-3_i32..4).prop_map(i32::cast_unsigned),
        2 => (-5_000_i32..70_000).prop_map(i32::cast_unsigned),
        1 => any::<u32>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// In a debug build smoltcp's own assertions watch too.
    #[test]
    fn no_sequence_of_segments_panics(
        rx_buffer in prop_oneof![Just(536_usize), Just(4_096), Just(70_000)],
        connecting: bool,
        steps in prop::collection::vec(
            (near(), near(), 0_u8..64, 0_usize..1_400, any::<u16>(), 0_u8..8),
            1..40,
        ),
    ) {
        let params = Params { rx_buffer, ..Params::default() };
        let mut sim = if connecting { Sim::new(&params) } else { Sim::open(&params) };
        let (client, server) = ends(false);
        let (seq, ack) =
            if connecting { (700, CLIENT_ISN.wrapping_add(1)) } else { numbers(&sim) };
        let payload = [7; 1_400];
        for (seq_offset, ack_offset, flags, len, window, action) in steps {
            let mut tcp = segment(
                seq.wrapping_add(seq_offset),
                ack.wrapping_add(ack_offset),
                &payload[..len],
            );
            tcp.window_len = window;
            let (from, to) = if connecting { (server, client) } else { (client, server) };
            let mut bytes = packet(from, to, tcp);
            bytes[33] = flags;
            let now = sim.now;
            let leg = if connecting { &mut sim.client } else { sim.server.as_mut().unwrap() };
            let _ = leg.on_segment(&bytes, now, &mut Sent::default());
            match action {
                0 => drop(leg.recv(|octets| octets.len() / 2)),
                1 => drop(leg.send(&payload)),
                2 => drop(read_all(leg)),
                3 => leg.finish(),
                _ => {}
            }
            leg.poll(now, &mut Sent::default());
            let _ = leg.deadline(now);
            sim.now = now + Duration::from_millis(u64::from(window) % 3_000);
        }
    }

    #[test]
    fn no_options_panic(options in prop::collection::vec(any::<u8>(), 0..40_usize), flags: u8) {
        for connecting in [true, false] {
            let params = Params::default();
            let mut sim = if connecting { Sim::new(&params) } else { Sim::open(&params) };
            sim.poll();
            let (client, server) = ends(false);
            let (from, to) = if connecting { (server, client) } else { (client, server) };
            let (seq, ack) =
                if connecting { (700, CLIENT_ISN.wrapping_add(1)) } else { numbers(&sim) };
            let mut bytes = packet(from, to, segment(seq, ack, &[]));
            bytes.extend(&options);
            let padded = options.len().div_ceil(4) * 4;
            bytes.resize(40 + padded, 0);
            bytes[2..4].copy_from_slice(&u16::try_from(40 + padded).unwrap().to_be_bytes());
            bytes[32] = u8::try_from((5 + padded / 4) << 4).unwrap();
            bytes[33] = flags;
            let now = sim.now;
            let leg = if connecting { &mut sim.client } else { sim.server.as_mut().unwrap() };
            let _ = leg.on_segment(&bytes, now, &mut Sent::default());
            leg.poll(now, &mut Sent::default());
        }
    }
}
