use std::net::SocketAddr;
use std::time::Duration;

use abi::{Now, Reason};
use smoltcp::wire::{TcpControl, TcpRepr};
use tcp::{CloseCause, Cookies, Params, State, TcpLeg, Transmit};

use crate::sim::{CLIENT_ISN, Sent, Sim, To, ends, packet, read_all, seen, segment};

#[test]
fn connection_opens_for_ipv4_and_ipv6() {
    for is_ipv6 in [false, true] {
        let params = Params::default();
        let mut sim = Sim::with(&params, &params, is_ipv6, 1);
        assert_eq!(sim.client.state(), State::Connecting);
        sim.run_until(|sim| sim.server.is_some());
        assert_eq!(sim.client.state(), State::Open);
        assert_eq!(sim.server().state(), State::Open);
        assert_eq!((sim.client.local(), sim.client.remote()), ends(is_ipv6));
        assert_eq!((sim.server().remote(), sim.server().local()), ends(is_ipv6));
    }
}

#[test]
fn both_sides_use_the_sequence_numbers_that_were_chosen_for_them() {
    let mut sim = Sim::open(&Params::default());
    let to_server = sim.segments(To::Server);
    assert_eq!(
        (to_server[0].control, to_server[0].seq),
        (TcpControl::Syn, CLIENT_ISN)
    );
    let syn_ack = sim.segments(To::Client)[0].clone();
    sim.server().send(b"hello");
    sim.settle();
    let hello = sim
        .segments(To::Client)
        .into_iter()
        .find(|s| s.len == 5)
        .unwrap();
    assert_eq!(hello.seq, syn_ack.seq.wrapping_add(1));
}

#[test]
fn handshake_begins_to_make_a_leg_at_the_third_packet() {
    let mut sim = Sim::new(&Params::default());
    sim.run_until(|sim| sim.segments(To::Client).len() == 1);
    assert!(sim.server.is_none());
    sim.run_until(|sim| sim.server.is_some());
}

#[test]
fn lost_syn_is_sent_again_with_growing_pauses() {
    let mut sim = Sim::new(&Params {
        connect: Duration::from_secs(60),
        ..Params::default()
    });
    sim.cut = true;
    sim.run_for(Duration::from_secs(9));
    let at: Vec<_> = sim
        .segments(To::Server)
        .iter()
        .map(|s| s.at.since(Now::from_millis(3_333_333)))
        .collect();
    assert_eq!(at.len(), 4, "{at:?}");
    assert!(at.windows(3).all(|w| w[2] - w[1] > w[1] - w[0]), "{at:?}");
    sim.cut = false;
    sim.run_until(|sim| sim.client.state() == State::Open);
}

#[test]
fn connecting_to_nobody_ends_in_time() {
    let mut sim = Sim::new(&Params::default());
    sim.cut = true;
    sim.run_for(Duration::from_secs(9));
    assert_eq!(sim.client.state(), State::Connecting);
    sim.run_for(Duration::from_secs(2));
    assert_eq!(sim.client.state(), State::Closed(CloseCause::Refused));
    assert_eq!(CloseCause::Refused.reason(), Some(Reason::TcpConnectFailed));
    assert!(sim.client.is_done());
    assert_eq!(sim.client.deadline(sim.now), None);
}

#[test]
fn refused_connection_ends_at_once() {
    let mut sim = Sim::new(&Params::default());
    sim.poll();
    let (_, _, syn) = sim.log[0].clone();
    let mut reset = Sent::default();
    assert!(tcp::reset_for(&syn, &mut reset));
    sim.receive(To::Client, &reset.0[0]);
    assert_eq!(sim.client.state(), State::Closed(CloseCause::Refused));
    assert!(sim.client.is_done());
}

#[test]
fn forged_refusal_is_ignored() {
    let mut sim = Sim::new(&Params::default());
    sim.poll();
    let (client, server) = ends(false);
    let forged = TcpRepr {
        control: TcpControl::Rst,
        ..segment(0, 77, &[])
    };
    sim.receive(To::Client, &packet(server, client, forged));
    assert_eq!(sim.client.state(), State::Connecting);
}

#[test]
fn addresses_that_cannot_be_connected_are_refused() {
    let (local, remote) = ends(false);
    let (_, remote_v6) = ends(true);
    let connect = |local, remote| {
        TcpLeg::connect(local, remote, 1, &Params::default(), Now::ZERO).map(|_| ())
    };
    let refused = Err(Reason::TcpConnectFailed);
    assert_eq!(connect(local, remote), Ok(()));
    assert_eq!(connect(local, remote_v6), refused);
    assert_eq!(connect(local, SocketAddr::new(remote.ip(), 0)), refused);
    assert_eq!(connect(SocketAddr::new(local.ip(), 0), remote), refused);
    assert_eq!(connect(local, SocketAddr::from(([0, 0, 0, 0], 1))), refused);
    assert_eq!(
        connect(local, SocketAddr::from(([224, 0, 0, 1], 1))),
        refused
    );
    assert_eq!(
        connect(SocketAddr::from(([255, 255, 255, 255], 1)), remote),
        refused
    );
}

/// Answers the client's SYN, then opens the server's leg with a third packet made by hand.
fn accept_with(control: TcpControl, payload: &[u8]) -> (TcpLeg, Sent, Now) {
    let (client, server) = ends(false);
    let now = Now::from_millis(50_000);
    let params = Params::default();
    let mut cookies = Cookies::new(&[1; 32], &params, now);
    let mut sent = Sent::default();
    let syn = TcpRepr {
        control: TcpControl::Syn,
        ack_number: None,
        max_seg_size: Some(1_400),
        ..segment(999, 0, &[])
    };
    cookies
        .on_syn(&packet(client, server, syn), now, &mut sent)
        .unwrap();
    let cookie = seen(now, &sent.0.remove(0)).seq;
    let third = TcpRepr {
        control,
        ..segment(1_000, cookie.wrapping_add(1), payload)
    };
    let third = packet(client, server, third);
    let accepted = cookies.on_ack(&third, now).unwrap();
    let leg = TcpLeg::accept(&accepted, &third, &params, now, &mut sent).unwrap();
    assert!(sent.0.is_empty());
    (leg, sent, now)
}

#[test]
fn data_in_the_third_packet_is_kept() {
    let (mut leg, mut sent, now) = accept_with(TcpControl::Psh, b"client hello");
    assert_eq!(leg.state(), State::Open);
    assert_eq!(read_all(&mut leg), b"client hello");
    assert!(!leg.peer_finished());
    leg.poll(now + Duration::from_millis(10), &mut sent);
    assert_eq!(seen(now, &sent.0[0]).ack, Some(1_012));
}

#[test]
fn fin_in_the_third_packet_is_kept() {
    let (mut leg, mut sent, now) = accept_with(TcpControl::Fin, &[]);
    assert_eq!(leg.state(), State::Open);
    assert!(leg.peer_finished());
    assert_eq!(leg.send(b"bye"), 3);
    leg.poll(now, &mut sent);
    assert_eq!(
        (seen(now, &sent.0[0]).ack, seen(now, &sent.0[0]).len),
        (Some(1_001), 3)
    );
}

#[test]
fn data_and_fin_in_the_third_packet_are_kept() {
    let (mut leg, mut sent, now) = accept_with(TcpControl::Fin, b"one shot");
    assert!(!leg.peer_finished());
    assert_eq!(read_all(&mut leg), b"one shot");
    assert!(leg.peer_finished());
    leg.poll(now + Duration::from_millis(10), &mut sent);
    assert_eq!(seen(now, &sent.0[0]).ack, Some(1_009));
}

#[test]
fn first_data_takes_the_place_of_a_lost_third_packet() {
    let mut sim = Sim::new(&Params::default());
    sim.run_until(|sim| sim.client.state() == State::Open);
    sim.client.send(b"hello");
    sim.poll();
    // The acknowledgement may be one with the data; what comes alone is lost.
    let ends = |p: &[u8]| seen(Now::ZERO, p).len;
    sim.flying.retain(|(_, _, p)| ends(p) > 0);
    sim.run_until(|sim| sim.server.is_some());
    assert_eq!(read_all(sim.server()), b"hello");
}

#[test]
fn leg_of_another_flow_takes_nothing() {
    let mut sim = Sim::open(&Params::default());
    let (client, server) = ends(false);
    let stranger = SocketAddr::new(client.ip(), client.port() + 1);
    let bytes = packet(stranger, server, segment(CLIENT_ISN + 1, 5, b"x"));
    let now = sim.now;
    let mut sent = Sent::default();
    assert_eq!(
        sim.server().on_segment(&bytes, now, &mut sent),
        Err(Reason::TcpNoFlow)
    );
    assert!(sent.0.is_empty());
}

#[test]
fn flood_of_syns_leaves_nothing_behind() {
    let params = Params::default();
    let mut sim = Sim::new(&params);
    let (_, server) = ends(false);
    struct Count(usize);
    impl Transmit for Count {
        fn transmit(&mut self, len: usize, fill: &mut dyn FnMut(&mut [u8])) -> bool {
            fill(&mut vec![0; len]);
            self.0 += 1;
            true
        }
    }
    let mut answered = Count(0);
    for n in 0..20_000_u32 {
        let [_, a, b, c] = n.to_be_bytes();
        let attacker = SocketAddr::from(([203, 0, 113, a], u16::from_be_bytes([b, c]).max(1)));
        let syn = TcpRepr {
            control: TcpControl::Syn,
            ack_number: None,
            ..segment(n, 0, &[])
        };
        let syn = packet(attacker, server, syn);
        sim.cookies.on_syn(&syn, sim.now, &mut answered).unwrap();
    }
    assert_eq!(answered.0, 20_000);
    sim.run_until(|sim| sim.server.is_some());
}

#[test]
fn reset_answers_what_has_no_flow_as_the_standard_says() {
    let (client, server) = ends(false);
    let mut sent = Sent::default();
    let data = packet(client, server, segment(100, 200, b"abc"));
    assert!(tcp::reset_for(&data, &mut sent));
    let reset = seen(Now::ZERO, &sent.0[0]);
    assert_eq!(
        (reset.control, reset.seq, reset.ack),
        (TcpControl::Rst, 200, None)
    );

    let syn = TcpRepr {
        control: TcpControl::Syn,
        ack_number: None,
        ..segment(100, 0, &[])
    };
    assert!(tcp::reset_for(&packet(client, server, syn), &mut sent));
    let reset = seen(Now::ZERO, &sent.0[1]);
    assert_eq!(
        (reset.control, reset.seq, reset.ack),
        (TcpControl::Rst, 0, Some(101))
    );

    let rst = TcpRepr {
        control: TcpControl::Rst,
        ..segment(100, 200, &[])
    };
    assert!(!tcp::reset_for(&packet(client, server, rst), &mut sent));
    let group = SocketAddr::from(([224, 0, 0, 5], 1));
    assert!(!tcp::reset_for(
        &packet(client, group, segment(1, 2, &[])),
        &mut sent
    ));
    assert!(!tcp::reset_for(&[], &mut sent));
}
