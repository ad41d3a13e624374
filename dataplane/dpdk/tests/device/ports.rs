//! Ports and queues, on software devices.

use std::{env, process, thread};

use crate::common::{burst, ip, own_namespace, pool, tags, with_eal};
use arrayvec::ArrayVec;
use dpdk::{Eal, Mbuf, Pool, Port, PortConfig, PortError, PortQueues, ring};
use wire::{Burst, Depth, Frame, Nic};

fn configure(eal: &Eal, name: &str, workers: u16, pool: &Pool) -> PortQueues {
    Port::configure(
        eal,
        name,
        &PortConfig {
            workers,
            ..PortConfig::default()
        },
        pool,
    )
    .unwrap()
}

/// Two ports, joined by `queues` queues of `slots` frames each way.
fn cross(eal: &Eal, queues: u16, slots: u32, workers: u16, pool: &Pool) -> [PortQueues; 2] {
    ring::cross(eal, "left", "right", queues, slots + 1).unwrap();
    ["left", "right"].map(|name| configure(eal, &ring::port_name(name), workers, pool))
}

#[test]
fn what_one_port_sends_the_other_receives_per_queue() {
    with_eal(0, |eal| {
        let pool = pool(&eal, "cross", 511);
        let [mut left, mut right] = cross(&eal, 2, 63, 2, &pool);
        let mut sent = burst(&pool, 8);
        assert_eq!(left.pairs[1].tx_burst(&mut sent), 8);
        assert!(sent.is_empty());

        let mut received = Burst::new();
        assert_eq!(right.pairs[0].rx_burst(&mut received), 0);
        assert_eq!(right.pairs[1].rx_burst(&mut received), 8);
        assert_eq!(tags(&received), (0..8).collect::<Vec<_>>());
        assert_eq!(received[3].data().len(), 60);
        drop(received);
        assert_eq!(pool.available(), pool.size());
    });
}

#[test]
fn full_port_takes_the_front_and_leaves_the_rest() {
    with_eal(0, |eal| {
        let pool = pool(&eal, "partial", 511);
        let [mut left, mut right] = cross(&eal, 1, 7, 1, &pool);
        let mut frames = burst(&pool, 20);
        assert_eq!(left.pairs[0].tx_burst(&mut frames), 7);
        assert_eq!(tags(&frames), (7..20).collect::<Vec<_>>());
        assert_eq!(left.pairs[0].tx_burst(&mut frames), 0);
        assert_eq!(frames.len(), 13);

        let mut received = Burst::new();
        assert_eq!(right.pairs[0].rx_burst(&mut received), 7);
        assert_eq!(left.pairs[0].tx_burst(&mut frames), 7);
        assert_eq!(right.pairs[0].rx_burst(&mut received), 7);
        assert_eq!(tags(&received), (0..14).collect::<Vec<_>>());
        drop((frames, received));
        assert_eq!(pool.available(), pool.size());
    });
}

#[test]
fn receiving_stops_at_the_room_of_the_burst() {
    with_eal(0, |eal| {
        let pool = pool(&eal, "room", 511);
        let [mut left, mut right] = cross(&eal, 1, 63, 1, &pool);
        left.pairs[0].tx_burst(&mut burst(&pool, 32));
        let mut received = burst(&pool, 30);
        assert_eq!(right.pairs[0].rx_burst(&mut received), 2);
        assert_eq!(right.pairs[0].rx_burst(&mut received), 0);
        assert_eq!(received.len(), 32);
        assert_eq!(&tags(&received)[30..], [0, 1]);
        // Frames in a ring belong to nobody: take them out.
        received.clear();
        assert_eq!(right.pairs[0].rx_burst(&mut received), 30);
    });
}

#[test]
fn empty_burst_sends_nothing() {
    with_eal(0, |eal| {
        let pool = pool(&eal, "none", 127);
        let [mut left, _right] = cross(&eal, 1, 7, 1, &pool);
        assert_eq!(left.pairs[0].tx_burst(&mut Burst::new()), 0);
    });
}

#[test]
fn workers_beyond_the_ports_queues_have_none() {
    with_eal(0, |eal| {
        let pool = pool(&eal, "few", 511);
        let [mut left, _right] = cross(&eal, 1, 7, 3, &pool);
        let queues: Vec<_> = left
            .pairs
            .iter()
            .map(|pair| (pair.info().has_rx, pair.info().has_tx))
            .collect();
        assert_eq!(queues, [(true, true), (false, false), (false, false)]);
        let mut frames = burst(&pool, 4);
        assert_eq!(left.pairs[2].tx_burst(&mut frames), 0);
        assert_eq!(left.pairs[2].rx_burst(&mut frames), 0);
        assert_eq!(frames.len(), 4);
        assert!(left.pairs[2].alloc().is_some());
    });
}

#[test]
fn queues_are_handed_out_once() {
    with_eal(0, |eal| {
        let pool = pool(&eal, "once", 2_047);
        eal.attach("net_null0").unwrap();
        let first = configure(&eal, "net_null0", 1, &pool);
        let again = Port::configure(&eal, "net_null0", &PortConfig::default(), &pool);
        assert_eq!(again.unwrap_err(), PortError::InUse);
        drop(first);
    });
}

#[test]
fn impossible_ports_are_refused_and_may_be_tried_again() {
    with_eal(0, |eal| {
        let pool = pool(&eal, "refused", 2_047);
        eal.attach("net_null0").unwrap();
        let refusal = |name: &str, config: &PortConfig| {
            Port::configure(&eal, name, config, &pool).unwrap_err()
        };
        let config = PortConfig::default();
        assert_eq!(refusal("net_null1", &config), PortError::NoSuchPort);
        assert_eq!(
            refusal(
                "net_null0",
                &PortConfig {
                    workers: 0,
                    ..config
                }
            ),
            PortError::NoWorkers
        );
        assert!(matches!(
            refusal(
                "net_null0",
                &PortConfig {
                    mtu: 9_000,
                    ..config
                }
            ),
            PortError::BufferTooSmall {
                mtu: 9_000,
                have: 2_048,
                ..
            }
        ));
        assert!(matches!(
            refusal("net_null0", &PortConfig { mtu: 20, ..config }),
            PortError::MtuOutOfRange { mtu: 20, .. }
        ));
        assert_eq!(configure(&eal, "net_null0", 1, &pool).port.mtu(), 1_500);
    });
}

#[test]
fn unknown_devices_do_not_attach() {
    with_eal(0, |eal| {
        assert!(eal.attach("net_no_such_driver0").is_err());
        assert!(eal.attach("net_null0\0").is_err());
    });
}

#[test]
fn every_software_driver_probes() {
    with_eal(0, |eal| {
        let pool = pool(&eal, "drivers", 4_095);
        let socket = format!("ucproxy-test-{}", process::id());
        for (name, arguments) in [
            ("net_null0", String::new()),
            ("net_ring0", String::new()),
            (
                "net_memif0",
                format!(",role=server,socket-abstract=yes,socket={socket}"),
            ),
        ] {
            eal.attach(&format!("{name}{arguments}")).unwrap();
            let queues = configure(&eal, name, 1, &pool);
            assert!(!queues.port.mac().is_multicast());
            queues.port.stats().unwrap();
            queues.port.link().unwrap();
        }
    });
}

#[test]
fn receiving_survives_an_empty_pool() {
    with_eal(0, |eal| {
        let pool = pool(&eal, "empty", 1_151);
        eal.attach("net_null0,copy=1").unwrap();
        let PortQueues { port, mut pairs } = configure(&eal, "net_null0", 1, &pool);
        let mut held: ArrayVec<Mbuf, 2_048> = ArrayVec::new();
        while let Some(frame) = pool.alloc() {
            held.push(frame);
        }
        let mut received = Burst::new();
        assert_eq!(pairs[0].rx_burst(&mut received), 0);
        assert!(pairs[0].alloc().is_none());
        held.clear();
        assert_eq!(pairs[0].rx_burst(&mut received), 32);
        assert_eq!(port.stats().unwrap().rx_packets, 32);
    });
}

#[test]
fn receive_queues_tell_their_depth_where_the_driver_can() {
    with_eal(0, |eal| {
        let pool = pool(&eal, "depth", 4_095);
        let socket = env::temp_dir().join(format!("ucproxy-test-{}", process::id()));
        eal.attach(&format!("net_vhost0,iface={}", socket.display()))
            .unwrap();
        eal.attach("net_null0").unwrap();
        let depths = ["net_vhost0", "net_null0"].map(|name| {
            let mut queues = configure(&eal, name, 2, &pool);
            [queues.pairs[0].rx_depth(), queues.pairs[1].rx_depth()]
        });
        let empty = Depth {
            waiting: 0,
            room: 1_024,
        };
        assert_eq!(depths, [[Some(empty), None], [None, None]]);
    });
}

/// By this the data plane tells that the peer agreed to fewer queues, which DPDK says nowhere else.
#[test]
fn memif_counts_nothing_by_queues_that_its_peer_has_not() {
    with_eal(0, |eal| {
        let pool = pool(&eal, "memif", 8_191);
        let socket = format!("socket-abstract=yes,socket=ucproxy-test-{}", process::id());
        let [mut ours, mut peer] = [("server", 2), ("client", 1)].map(|(role, workers)| {
            let name = format!("net_memif_{role}");
            eal.attach(&format!("{name},role={role},{socket}")).unwrap();
            configure(&eal, &name, workers, &pool)
        });
        while ![&ours, &peer].iter().all(|end| end.port.link().unwrap().up) {
            thread::yield_now();
        }
        assert_eq!(ours.port.tx_queues(), 2);
        // The client's end offers its buffers when it is looked at.
        peer.pairs[0].rx_burst(&mut Burst::new());
        assert_eq!(ours.pairs[0].tx_burst(&mut burst(&pool, 8)), 8);
        // May be taken or not: to the driver it is the first ring that the other end sends by.
        ours.pairs[1].tx_burst(&mut burst(&pool, 8));
        let counted = ours.port.stats().unwrap().queues;
        assert_eq!([0, 1].map(|queue: usize| counted[queue].tx_packets), [8, 0]);
    });
}

/// Needs root, as the demo and any NIC do.
#[test]
fn af_packet_carries_frames_over_a_veth_pair() {
    with_eal(0, |eal| {
        own_namespace();
        ip("link add left type veth peer name right");
        ip("link set left addrgenmode none up");
        ip("link set right addrgenmode none up");
        let pool = pool(&eal, "veth", 8_191);
        let [mut left, mut right] = ["left", "right"].map(|side| {
            let name = format!("net_af_packet_{side}");
            eal.attach(&format!("{name},iface={side},qpairs=2"))
                .unwrap();
            configure(&eal, &name, 2, &pool)
        });
        assert!(left.port.link().unwrap().up);
        assert_ne!(left.port.mac(), right.port.mac());

        let mut sent = burst(&pool, 10);
        assert_eq!(left.pairs[0].tx_burst(&mut sent), 10);
        let mut received = Burst::new();
        while received.len() < 10 {
            for pair in &mut right.pairs {
                pair.rx_burst(&mut received);
            }
            thread::yield_now();
        }
        let mut tags = tags(&received);
        tags.sort_unstable();
        assert_eq!(tags, (0..10).collect::<Vec<_>>());
        assert!(left.port.stats().unwrap().tx_packets >= 10);
        assert!(right.port.stats().unwrap().rx_packets >= 10);
    });
}
