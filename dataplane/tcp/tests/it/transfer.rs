use std::time::Duration;

use proptest::prelude::*;
use tcp::{Congestion, Params, State, TcpLeg, Transmit};

use crate::sim::{Sent, Sim, To, Weather, read_all, roomy};

fn pattern(len: usize, salt: u8) -> Vec<u8> {
    (0..len)
        .map(|i| i.wrapping_mul(31).to_le_bytes()[i % 2] ^ salt)
        .collect()
}

/// Sends what is left of `data`, and finishes when nothing is.
fn push(leg: &mut TcpLeg, data: &mut &[u8]) {
    let sent = leg.send(data);
    *data = &data[sent..];
    if data.is_empty() && leg.state() == State::Open && !leg.is_finished() {
        leg.finish();
    }
}

/// Both ends send all they have and finish; what each receives is returned.
fn exchange(sim: &mut Sim, mut up: &[u8], mut down: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut at_server, mut at_client) = (Vec::new(), Vec::new());
    sim.run_until(|sim| {
        push(&mut sim.client, &mut up);
        at_client.extend(read_all(&mut sim.client));
        let Some(server) = &mut sim.server else {
            return false;
        };
        push(server, &mut down);
        at_server.extend(read_all(server));
        sim.poll();
        let closed = |leg: &TcpLeg| matches!(leg.state(), State::Closed(_));
        closed(&sim.client) && sim.server.as_ref().is_some_and(closed)
    });
    (at_server, at_client)
}

#[test]
fn bytes_arrive_in_order_and_complete() {
    for is_ipv6 in [false, true] {
        let params = Params::default();
        let mut sim = Sim::with(&params, &params, is_ipv6, 5);
        let (up, down) = (pattern(100_000, 1), pattern(70_000, 2));
        let (at_server, at_client) = exchange(&mut sim, &up, &down);
        assert!(at_server == up && at_client == down);
        let retransmitted = sim
            .segments(To::Server)
            .iter()
            .map(|s| s.len)
            .sum::<usize>();
        assert_eq!(retransmitted, up.len());
    }
}

#[test]
fn large_buffers_are_used_by_window_scaling() {
    let params = Params {
        rx_buffer: 1 << 19,
        tx_buffer: 1 << 19,
        ..Params::default()
    };
    let mut sim = Sim::open(&params);
    let data = pattern(400_000, 3);
    assert_eq!(sim.client.send(&data), data.len());
    sim.settle();
    assert_eq!(sim.client.pending(), 0);
    assert_eq!(sim.server().unread(), data.len());
    assert!(read_all(sim.server()) == data);
}

#[test]
fn reno_and_cubic_deliver_over_a_bad_network() {
    for congestion in [Congestion::Reno, Congestion::Cubic] {
        let params = Params {
            rx_buffer: 1 << 17,
            tx_buffer: 1 << 17,
            congestion,
            ..Params::default()
        };
        let mut sim = Sim::with(&params, &params, false, 11);
        sim.weather = Weather {
            loss: 30,
            duplication: 10,
            reorder: 50,
        };
        let up = pattern(300_000, 4);
        let (at_server, _) = exchange(&mut sim, &up, &[]);
        assert!(at_server == up);
    }
}

#[test]
fn small_segments_are_sent_at_once() {
    let mut sim = Sim::open(&Params::default());
    let before = sim.log.len();
    for word in [&b"one"[..], b"two", b"three"] {
        sim.client.send(word);
        sim.poll();
    }
    assert_eq!(sim.log.len() - before, 3);
}

#[test]
fn segment_clamp_bounds_both_directions() {
    let server = Params {
        mss_max: Some(700),
        ..Params::default()
    };
    let mut sim = Sim::with(&Params::default(), &server, false, 1);
    let (up, down) = (pattern(9_000, 1), pattern(9_000, 2));
    let (at_server, at_client) = exchange(&mut sim, &up, &down);
    assert!(at_server == up && at_client == down);
    assert_eq!(
        sim.segments(To::Server).iter().map(|s| s.len).max(),
        Some(700)
    );
    assert_eq!(
        sim.segments(To::Client).iter().map(|s| s.len).max(),
        Some(700)
    );
}

#[test]
fn lowered_mtu_is_kept_to_by_retransmissions_too() {
    let mut sim = Sim::open(&roomy());
    let data = pattern(8_000, 6);
    sim.client.send(&data);
    sim.poll();
    sim.flying.clear();
    sim.client.lower_mtu(1_000, sim.now);
    let before = sim.log.len();
    let mut got = Vec::new();
    sim.run_until(|sim| {
        got.extend(read_all(sim.server()));
        got.len() == data.len()
    });
    assert!(got == data);
    assert!(
        sim.log[before..]
            .iter()
            .all(|(_, _, packet)| packet.len() <= 1_000)
    );
    sim.client.lower_mtu(1_400, sim.now);
    sim.client.send(&data[..1_400]);
    sim.poll();
    assert!(sim.log.last().unwrap().2.len() <= 1_000);
}

#[test]
fn owner_may_take_as_little_as_it_likes() {
    let mut sim = Sim::open(&Params::default());
    sim.client.send(b"abcdef");
    sim.settle();
    let server = sim.server();
    assert_eq!(server.unread(), 6);
    assert_eq!(server.recv(|octets| octets.len() - 4), 2);
    assert_eq!(server.recv(|_| 0), 0);
    assert_eq!(server.recv(|octets| octets.len() + 99), 4);
    assert_eq!(server.recv(|octets| octets.len()), 0);
}

/// Has no buffer, and says so beforehand or only when asked for one.
struct NoRoom {
    says_so: bool,
}

impl Transmit for NoRoom {
    fn transmit(&mut self, _: usize, _: &mut dyn FnMut(&mut [u8])) -> bool {
        false
    }

    fn has_room(&mut self) -> bool {
        !self.says_so
    }
}

#[test]
fn segment_without_a_buffer_goes_out_once_there_is_one() {
    let mut sim = Sim::open(&Params::default());
    sim.client.send(b"hello");
    sim.client.poll(sim.now, &mut NoRoom { says_so: true });
    assert!(sim.client.deadline(sim.now).unwrap() <= sim.now);
    let mut sent = Sent::default();
    sim.client.poll(sim.now, &mut sent);
    assert_eq!(sent.0.len(), 1);
}

#[test]
fn segment_that_lost_its_buffer_is_retransmitted() {
    let mut sim = Sim::open(&Params::default());
    sim.client.send(b"hello");
    sim.client.poll(sim.now, &mut NoRoom { says_so: false });
    sim.run_for(Duration::from_secs(3));
    assert_eq!(read_all(sim.server()), b"hello");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn bytes_survive_loss_reordering_and_duplication(
        seed: u64,
        is_ipv6: bool,
        loss in 0_u32..150,
        duplication in 0_u32..150,
        reorder in 0_u32..400,
        up in 0_usize..40_000,
        down in 0_usize..40_000,
        rx_buffer in 536_usize..80_000,
        tx_buffer in 536_usize..20_000,
    ) {
        // A network as bad as this takes its time.
        let patient = Duration::from_secs(1_800);
        let server = Params {
            connect: patient, dead: patient, stall: patient, fin: patient, ..Params::default()
        };
        let client = Params { rx_buffer, tx_buffer, ..server };
        let mut sim = Sim::with(&client, &server, is_ipv6, seed);
        sim.weather = Weather { loss, duplication, reorder };
        let (up, down) = (pattern(up, 1), pattern(down, 2));
        let (at_server, at_client) = exchange(&mut sim, &up, &down);
        prop_assert!(at_server == up, "{} of {} up", at_server.len(), up.len());
        prop_assert!(at_client == down, "{} of {} down", at_client.len(), down.len());
    }
}
