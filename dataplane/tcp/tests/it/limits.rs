use std::time::Duration;

use abi::Reason;
use smoltcp::wire::{TcpControl, TcpRepr};
use tcp::{CloseCause, Params, State};

use crate::sim::{CLIENT_ISN, Sim, To, ends, packet, read_all, roomy, segment};

#[test]
fn owner_that_does_not_read_closes_the_window_and_reading_opens_it() {
    let params = roomy();
    let mut sim = Sim::open(&params);
    let data = [9; 8_192];
    assert_eq!(sim.client.send(&data), data.len());
    sim.settle();
    assert_eq!(sim.server().unread(), params.rx_buffer);
    assert_eq!(sim.client.pending(), data.len() - params.rx_buffer);
    assert_eq!(sim.segments(To::Client).last().unwrap().window, 0);
    assert_eq!(sim.client.send(&data), params.rx_buffer);
    assert_eq!(sim.client.send_room(), 0);
    let before = sim.now;
    let mut got = read_all(sim.server()).len();
    sim.run_until(|sim| {
        got += read_all(sim.server()).len();
        got == data.len() + params.rx_buffer
    });
    // Announced at once, not found out by a probe.
    assert!(sim.now.since(before) < Duration::from_millis(500));
}

#[test]
fn lost_announcement_of_the_open_window_is_found_out_by_a_probe() {
    let mut sim = Sim::open(&roomy());
    let data = [9; 8_192];
    sim.client.send(&data);
    sim.settle();
    let mut got = read_all(sim.server()).len();
    sim.poll();
    sim.flying.clear();
    sim.run_until(|sim| {
        got += read_all(sim.server()).len();
        got == data.len()
    });
}

/// Shows the client an acknowledgement of its first `len` octets, with a window, and loses whatever
/// else is on its way.
fn acknowledge(sim: &mut Sim, len: u32, window: u16) {
    let said = sim.segments(To::Client).last().unwrap().clone();
    let (client, server) = ends(false);
    let seq = said.seq + u32::from(said.control == TcpControl::Syn);
    let repr = segment(seq, CLIENT_ISN.wrapping_add(1 + len), b"");
    let repr = TcpRepr {
        window_len: window,
        ..repr
    };
    let packet = packet(server, client, repr);
    sim.poll();
    sim.flying.clear();
    sim.receive(To::Client, &packet);
    sim.poll();
    sim.flying.clear();
}

/// Runs until the server has `len` octets, and checks that it did not take long. The client is
/// polled more often than it asks for, as it is when something else goes on.
fn arrives_soon(sim: &mut Sim, len: usize) {
    let (before, mut got) = (sim.now, 0);
    sim.run_until(|sim| {
        sim.run_for(Duration::from_millis(300));
        got += read_all(sim.server()).len();
        got == len
    });
    assert!(sim.now.since(before) < Duration::from_secs(15));
}

#[test]
fn old_window_that_comes_late_does_not_stop_a_sender() {
    for keepalive in [None, Some(Duration::from_secs(60))] {
        let mut sim = Sim::open(&Params {
            keepalive,
            ..Params::default()
        });
        sim.client.send(&[9; 4_096]);
        acknowledge(&mut sim, 0, 0);
        arrives_soon(&mut sim, 4_096);
    }
}

#[test]
fn what_is_lost_while_the_window_is_shut_is_sent_again() {
    for keepalive in [None, Some(Duration::from_secs(60))] {
        let mut sim = Sim::open(&Params {
            keepalive,
            ..Params::default()
        });
        sim.client.send(&[9; 4_096]);
        sim.poll();
        sim.flying.truncate(1);
        sim.run_until(|sim| sim.server().unread() > 0);
        // The window shuts while the rest is in flight, and opens once that is lost.
        acknowledge(&mut sim, 1_460, 0);
        acknowledge(&mut sim, 1_460, 4_096);
        arrives_soon(&mut sim, 4_096);
    }
}

#[test]
fn peer_that_never_reads_is_cut_off_for_stalling() {
    let params = Params {
        dead: Duration::from_secs(40),
        ..roomy()
    };
    let mut sim = Sim::open(&params);
    sim.client.send(&[9; 8_192]);
    sim.run_for(Duration::from_secs(59));
    assert_eq!(sim.client.state(), State::Open);
    sim.run_for(Duration::from_secs(5));
    assert_eq!(sim.client.state(), State::Closed(CloseCause::Stalled));
    assert_eq!(CloseCause::Stalled.reason(), Some(Reason::PeerStalled));
    assert_eq!(sim.server().state(), State::Closed(CloseCause::Reset));
}

#[test]
fn peer_that_sends_and_never_reads_is_cut_off_all_the_same() {
    let mut sim = Sim::open(&roomy());
    sim.client.send(&[9; 8_192]);
    for _ in 0..70 {
        sim.server().send(b"still talking");
        sim.run_for(Duration::from_secs(1));
        read_all(&mut sim.client);
    }
    assert_eq!(sim.client.state(), State::Closed(CloseCause::Stalled));
}

#[test]
fn idle_connection_stays_open_by_its_keepalives() {
    let mut sim = Sim::open(&Params::default());
    sim.run_for(Duration::from_secs(7_200));
    assert_eq!(
        (sim.client.state(), sim.server().state()),
        (State::Open, State::Open)
    );
    let keepalives = sim.segments(To::Server).len();
    assert!((60..400).contains(&keepalives), "{keepalives}");
}

#[test]
fn keepalives_find_a_dead_peer() {
    let mut sim = Sim::open(&Params::default());
    sim.cut = true;
    sim.run_for(Duration::from_secs(170));
    assert_eq!(sim.client.state(), State::Open);
    sim.run_for(Duration::from_secs(20));
    assert_eq!(sim.client.state(), State::Closed(CloseCause::TimedOut));
    assert_eq!(CloseCause::TimedOut.reason(), Some(Reason::TcpTimeout));
    assert!(sim.client.is_done());
}

#[test]
fn without_keepalives_an_idle_connection_says_nothing_for_ever() {
    let params = Params {
        keepalive: None,
        ..Params::default()
    };
    let mut sim = Sim::open(&params);
    let before = sim.log.len();
    sim.run_for(Duration::from_secs(100_000));
    assert_eq!(sim.log.len(), before);
    assert_eq!(sim.client.state(), State::Open);
    assert_eq!(sim.client.deadline(sim.now), None);
}

#[test]
fn peer_that_acknowledges_nothing_is_dead() {
    let mut sim = Sim::open(&Params::default());
    sim.cut = true;
    sim.client.send(b"anybody there?");
    sim.run_for(Duration::from_secs(119));
    assert_eq!(sim.client.state(), State::Open);
    sim.run_for(Duration::from_secs(2));
    assert_eq!(sim.client.state(), State::Closed(CloseCause::TimedOut));
    // Doubling pauses: a dozen tries at most.
    assert!(
        sim.segments(To::Server)
            .iter()
            .filter(|s| s.len > 0)
            .count()
            < 12
    );
}

#[test]
fn long_silence_does_not_count_against_a_peer_once_something_is_sent() {
    let params = Params {
        keepalive: None,
        ..Params::default()
    };
    let mut sim = Sim::open(&params);
    sim.run_for(Duration::from_secs(5_000));
    sim.client.send(b"good morning");
    sim.settle();
    assert_eq!(read_all(sim.server()), b"good morning");
    assert_eq!(sim.client.state(), State::Open);
}

#[test]
fn peer_that_never_finishes_is_cut_off_after_we_have() {
    let mut sim = Sim::open(&Params::default());
    sim.client.finish();
    sim.settle();
    for _ in 0..10 {
        sim.server().send(b"there is more");
        sim.run_for(Duration::from_secs(30));
        read_all(&mut sim.client);
        assert_eq!(sim.client.state(), State::Open);
    }
    sim.run_for(Duration::from_secs(61));
    assert_eq!(sim.client.state(), State::Closed(CloseCause::TimedOut));
}

#[test]
fn deadline_is_reached_in_few_polls() {
    let mut sim = Sim::open(&Params::default());
    let before = sim.log.len();
    let mut polls = 0;
    let end = sim.now + Duration::from_secs(600);
    while sim.step(end) {
        polls += 1;
    }
    let packets = sim.log.len() - before;
    assert!(polls < 3 * packets + 10, "{polls} for {packets}");
}
