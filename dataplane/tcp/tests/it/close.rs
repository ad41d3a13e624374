use std::time::Duration;

use smoltcp::wire::TcpControl;
use tcp::{CloseCause, Params, State};

use crate::sim::{Sim, To, read_all, roomy};

const FINISHED: State = State::Closed(CloseCause::Finished);

#[test]
fn client_finishes_first_and_the_server_goes_on_sending() {
    let mut sim = Sim::open(&Params::default());
    sim.client.send(b"question");
    sim.client.finish();
    assert_eq!(sim.client.send(b"more"), 0);
    sim.settle();
    assert!(!sim.server().peer_finished());
    assert_eq!(read_all(sim.server()), b"question");
    assert!(sim.server().peer_finished());
    assert_eq!(sim.client.state(), State::Open);
    sim.server().send(b"long answer");
    sim.settle();
    assert_eq!(read_all(&mut sim.client), b"long answer");
    assert!(!sim.client.peer_finished());
    sim.server().finish();
    sim.settle();
    assert!(sim.client.peer_finished());
    assert_eq!(
        (sim.client.state(), sim.server().state()),
        (FINISHED, FINISHED)
    );
    assert_eq!(CloseCause::Finished.reason(), None);
}

#[test]
fn server_finishes_first_and_the_client_goes_on_sending() {
    let mut sim = Sim::open(&Params::default());
    sim.server().finish();
    sim.settle();
    assert!(sim.client.peer_finished());
    assert!(!sim.client.is_finished());
    sim.client.send(b"still here");
    sim.settle();
    assert_eq!(read_all(sim.server()), b"still here");
    sim.client.finish();
    assert!(sim.client.is_finished());
    sim.settle();
    assert_eq!(
        (sim.client.state(), sim.server().state()),
        (FINISHED, FINISHED)
    );
}

#[test]
fn both_finish_at_once() {
    let mut sim = Sim::open(&Params::default());
    sim.client.send(b"a");
    sim.client.finish();
    sim.server().send(b"b");
    sim.server().finish();
    sim.settle();
    assert_eq!(read_all(sim.server()), b"a");
    assert_eq!(read_all(&mut sim.client), b"b");
    assert_eq!(
        (sim.client.state(), sim.server().state()),
        (FINISHED, FINISHED)
    );
}

#[test]
fn finish_before_the_connection_is_open_waits_for_it() {
    let mut sim = Sim::new(&Params::default());
    sim.client.finish();
    assert!(sim.client.is_finished());
    sim.run_until(|sim| {
        sim.server
            .as_ref()
            .is_some_and(|server| server.peer_finished())
    });
    sim.server().finish();
    sim.settle();
    assert_eq!(sim.client.state(), FINISHED);
}

#[test]
fn what_is_pending_goes_out_before_the_fin() {
    let mut sim = Sim::open(&roomy());
    let data = [7; 8_000];
    assert_eq!(sim.client.send(&data), data.len());
    sim.client.finish();
    let mut got = 0;
    sim.run_until(|sim| {
        got += read_all(sim.server()).len();
        sim.server().peer_finished()
    });
    assert_eq!(got, data.len());
}

#[test]
fn lost_fin_is_sent_again() {
    let mut sim = Sim::open(&Params::default());
    sim.client.finish();
    sim.poll();
    sim.flying.clear();
    sim.run_for(Duration::from_secs(2));
    assert!(sim.server().peer_finished());
}

#[test]
fn abort_resets_the_peer() {
    let mut sim = Sim::open(&Params::default());
    sim.client.send(b"never mind");
    sim.client.abort();
    assert_eq!(sim.client.state(), State::Closed(CloseCause::Aborted));
    assert!(!sim.client.is_done());
    sim.settle();
    assert!(sim.client.is_done());
    assert_eq!(sim.server().state(), State::Closed(CloseCause::Reset));
    assert!(sim.server().is_done());
    assert_eq!(
        sim.segments(To::Server).last().unwrap().control,
        TcpControl::Rst
    );
    assert_eq!((sim.client.send(b"x"), sim.server().send(b"x")), (0, 0));
}

#[test]
fn octets_received_before_a_reset_can_still_be_read() {
    let mut sim = Sim::open(&Params::default());
    sim.client.send(b"last words");
    sim.settle();
    sim.client.abort();
    sim.settle();
    assert_eq!(sim.server().state(), State::Closed(CloseCause::Reset));
    assert!(!sim.server().peer_finished());
    assert_eq!(read_all(sim.server()), b"last words");
}

#[test]
fn octets_received_before_an_orderly_end_can_still_be_read() {
    let mut sim = Sim::open(&Params::default());
    sim.server().finish();
    sim.settle();
    sim.client.send(b"last words");
    sim.client.finish();
    sim.run_for(Duration::from_secs(60));
    assert!(sim.server().is_done());
    assert!(!sim.server().peer_finished());
    assert_eq!(read_all(sim.server()), b"last words");
    assert!(sim.server().peer_finished());
}

#[test]
fn leg_that_closed_first_is_done_after_its_time_wait() {
    let mut sim = Sim::open(&Params::default());
    sim.client.finish();
    sim.server().finish();
    sim.run_until(|sim| sim.client.state() == FINISHED);
    assert!(!sim.client.is_done());
    sim.run_for(Duration::from_millis(1_100));
    assert!(sim.client.is_done() && sim.server().is_done());
    assert_eq!(sim.client.deadline(sim.now), None);
}

#[test]
fn time_wait_of_zero_ends_with_the_last_acknowledgement() {
    let params = Params {
        time_wait: Duration::ZERO,
        ..Params::default()
    };
    let mut sim = Sim::open(&params);
    sim.client.finish();
    sim.settle();
    sim.server().finish();
    sim.settle();
    assert!(sim.client.is_done() && sim.server().is_done());
    assert_eq!(sim.server().state(), FINISHED);
}

#[test]
fn lost_last_acknowledgement_is_repeated_in_time_wait() {
    let mut sim = Sim::open(&Params::default());
    sim.client.finish();
    sim.settle();
    sim.server().finish();
    sim.run_until(|sim| sim.client.state() == FINISHED);
    sim.poll();
    sim.flying.clear();
    sim.run_for(Duration::from_millis(2_000));
    assert_eq!(sim.server().state(), FINISHED);
}
