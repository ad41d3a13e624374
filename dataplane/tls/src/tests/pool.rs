//! Legs that go to handshake threads and come back.

use std::collections::HashMap;

use abi::Reason;

use super::*;
use crate::{HandshakePool, HandshakePort, PoolConfig};

fn start(threads: usize, workers: usize, queue_max: usize) -> (HandshakePool, Vec<HandshakePort>) {
    HandshakePool::start(PoolConfig {
        threads,
        workers,
        queue_max,
    })
    .unwrap()
}

/// Waits for a leg as a worker does, by looking.
fn wait(port: &mut HandshakePort) -> (u64, Box<TlsLeg>) {
    loop {
        if let Some(back) = port.poll() {
            return back;
        }
        std::thread::yield_now();
    }
}

/// Shakes hands on `count` pairs through one port.
fn shake(port: &mut HandshakePort, server: &ServerProfile, client: &ClientProfile, count: u64) {
    // Even marks are clients, odd ones their servers.
    let mut here: HashMap<u64, Box<TlsLeg>> = (0..count)
        .flat_map(|i| {
            [
                (2 * i, Box::new(TlsLeg::client(client, &TARGET))),
                (2 * i + 1, Box::new(TlsLeg::server(server))),
            ]
        })
        .collect();
    loop {
        let marks: Vec<u64> = here.keys().copied().collect();
        for mark in marks {
            if here[&mark].wants_step() {
                port.submit(mark, here.remove(&mark).unwrap()).unwrap();
            }
        }
        if port.away() == 0 {
            break;
        }
        let (mark, mut leg) = wait(port);
        if let Some(mut other) = here.remove(&(mark ^ 1)) {
            carry_stored(&mut leg, &mut other);
            carry_stored(&mut other, &mut leg);
            here.insert(mark ^ 1, other);
        }
        here.insert(mark, leg);
    }
    assert_eq!(here.len() as u64, 2 * count);
    for leg in here.values() {
        assert_eq!(leg.state(), State::Open);
    }
}

/// Carries octets without making a step.
fn carry_stored(from: &mut TlsLeg, to: &mut TlsLeg) {
    from.take_output(|octets| to.feed(octets));
}

#[test]
fn handshakes_finish_on_threads_and_without_them() {
    let world = World::new();
    let (server, client) = (world.server().profile(), world.client().profile());
    for threads in [0, 1, 3] {
        let (pool, mut ports) = start(threads, 2, 256);
        std::thread::scope(|scope| {
            for port in &mut ports {
                scope.spawn(|| shake(port, &server, &client, 40));
            }
        });
        pool.shutdown();
    }
}

#[test]
fn without_threads_each_poll_makes_one_step() {
    let (pool, mut ports) = start(0, 1, 8);
    let profile = World::new().client().profile();
    for mark in 0..3 {
        let leg = Box::new(TlsLeg::client(&profile, &TARGET));
        ports[0].submit(mark, leg).unwrap();
    }
    assert_eq!((ports[0].depth().waiting, ports[0].depth().room), (3, 8));
    assert_eq!(pool.depth().room, 0, "nothing waits for threads");
    for expected in 0..3 {
        let (mark, leg) = ports[0].poll().unwrap();
        assert_eq!(mark, expected);
        assert!(leg.pending_output() > 0 && !leg.wants_step());
    }
    assert!(ports[0].poll().is_none());
}

#[test]
fn leg_that_finds_the_queue_full_comes_back_failed() {
    for threads in [0, 1] {
        let (pool, mut ports) = start(threads, 1, 2);
        assert_eq!(pool.depth().room, 2 * threads as u64);
        let profile = World::new().client().profile();
        let leg = || Box::new(TlsLeg::client(&profile, &TARGET));
        ports[0].submit(0, leg()).unwrap();
        ports[0].submit(1, leg()).unwrap();
        let refused = ports[0].submit(2, leg()).unwrap_err();
        assert_eq!(
            refused.state(),
            State::Failed(Reason::TlsHandshakeQueueFull)
        );
        assert_eq!(ports[0].away(), 2);
        wait(&mut ports[0]);
        ports[0].submit(2, leg()).unwrap();
    }
}

#[test]
fn shutdown_waits_for_the_threads_and_refuses_afterwards() {
    let (pool, mut ports) = start(2, 1, 64);
    let profile = World::new().client().profile();
    for mark in 0..32 {
        let leg = Box::new(TlsLeg::client(&profile, &TARGET));
        ports[0].submit(mark, leg).unwrap();
    }
    pool.shutdown();
    assert_eq!(ports[0].depth().waiting, 32);
    let mut back = 0;
    while ports[0].poll().is_some() {
        back += 1;
    }
    assert_eq!(back, 32, "steps that waited were made");
    let leg = Box::new(TlsLeg::client(&profile, &TARGET));
    let refused = ports[0].submit(99, leg).unwrap_err();
    assert!(matches!(refused.state(), State::Failed(_)));
}
