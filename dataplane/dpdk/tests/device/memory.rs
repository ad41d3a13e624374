//! Pools and packet buffers.

use crate::common::{burst, frame, pool, with_eal};
use dpdk::{HEADROOM, Pool, PoolConfig, PoolError, Port, PortConfig};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use wire::{Burst, Frame, Nic, RxChecksum};

#[test]
fn empty_pool_gives_none_and_recovers() {
    with_eal(0, |eal| {
        let pool = pool(&eal, "small", 63);
        let mut held: Vec<_> = std::iter::from_fn(|| pool.alloc()).collect();
        assert_eq!(held.len(), 63);
        assert!(pool.alloc().is_none());
        assert_eq!(pool.available(), 0);
        held.pop();
        assert!(pool.alloc().is_some());
        drop(held);
        assert_eq!(pool.available(), pool.size());
    });
}

#[test]
fn buffers_come_back_from_any_thread() {
    with_eal(0, |eal| {
        let pool = pool(&eal, "shared", 127);
        for _ in 0..10 {
            let frames = burst(&pool, 32);
            std::thread::spawn(move || drop(frames)).join().unwrap();
        }
        assert_eq!(pool.available(), pool.size());
    });
}

#[test]
fn impossible_pools_are_refused() {
    with_eal(0, |eal| {
        let config = PoolConfig {
            mbufs: 127,
            cache: 0,
            ..PoolConfig::default()
        };
        let refusal = |name, config| Pool::create(&eal, name, &config).unwrap_err();
        assert_eq!(
            refusal(
                "p",
                PoolConfig {
                    cache: 100,
                    ..config
                }
            ),
            PoolError::CacheTooLarge {
                cache: 100,
                mbufs: 127
            }
        );
        assert_eq!(
            refusal(
                "p",
                PoolConfig {
                    data_room: u16::MAX,
                    ..config
                }
            ),
            PoolError::BufferTooLarge(u16::MAX)
        );
        assert_eq!(refusal("p\0", config), PoolError::Nul);
        let huge = PoolConfig {
            mbufs: 1 << 22,
            ..config
        };
        assert!(matches!(refusal("p", huge), PoolError::Create(_)));
        let _first = Pool::create(&eal, "p", &config).unwrap();
        assert!(matches!(refusal("p", config), PoolError::Create(_)));
    });
}

#[test]
fn fresh_frame_is_empty_with_room_on_both_sides() {
    with_eal(0, |eal| {
        let pool = pool(&eal, "fresh", 63);
        let frame = pool.alloc().unwrap();
        assert!(frame.data().is_empty());
        assert_eq!(frame.headroom(), usize::from(HEADROOM));
        assert_eq!(frame.tailroom(), usize::from(pool.data_room()));
        assert!(frame.is_contiguous());
        assert_eq!(frame.rx_ip_checksum(), RxChecksum::Unknown);
        assert_eq!(frame.rx_l4_checksum(), RxChecksum::Unknown);
        frame.prefetch();
    });
}

#[test]
fn frame_grows_and_shrinks_within_its_buffer_only() {
    with_eal(0, |eal| {
        let pool = pool(&eal, "bounds", 63);
        let mut frame = frame(&pool, 7, 100);
        let (head, tail) = (frame.headroom(), frame.tailroom());

        for refused in [head + 1, usize::from(u16::MAX) + 1, usize::MAX] {
            assert!(!frame.prepend(refused));
        }
        for refused in [tail + 1, usize::from(u16::MAX) + 1, usize::MAX] {
            assert!(!frame.append(refused));
        }
        for refused in [101, usize::from(u16::MAX) + 101, usize::MAX] {
            assert!(!frame.trim_front(refused));
            frame.truncate(refused);
        }
        assert_eq!((frame.headroom(), frame.tailroom()), (head, tail));
        assert_eq!(frame.data(), [7; 100]);

        assert!(frame.prepend(head) && frame.append(tail));
        assert_eq!(frame.data().len(), head + 100 + tail);
        assert_eq!(frame.frame_len() as usize, head + 100 + tail);
        frame.data_mut().fill(9);
        assert!(frame.trim_front(head));
        frame.truncate(100);
        assert_eq!((frame.headroom(), frame.tailroom()), (head, tail));
        assert_eq!(frame.data(), [9; 100]);

        assert!(frame.trim_front(100));
        assert!(frame.data().is_empty());
        frame.truncate(0);
        assert_eq!(frame.frame_len(), 0);
    });
}

/// One call on a frame.
#[derive(Clone, Copy, Debug)]
enum Step {
    Prepend(usize),
    TrimFront(usize),
    Append(usize),
    Truncate(usize),
}

fn step() -> impl Strategy<Value = Step> {
    // Now and then far more than any buffer has.
    let len = || prop_oneof![9 => 0..400_usize, 1 => 2_000..100_000_usize];
    prop_oneof![
        len().prop_map(Step::Prepend),
        len().prop_map(Step::TrimFront),
        len().prop_map(Step::Append),
        len().prop_map(Step::Truncate),
    ]
}

#[test]
fn any_calls_keep_the_frame_within_its_buffer() {
    with_eal(0, |eal| {
        let pool = pool(&eal, "model", 63);
        let steps = prop::collection::vec(step(), 0..40);
        let config = Config {
            failure_persistence: None,
            ..Config::default()
        };
        TestRunner::new(config)
            .run(&steps, |steps| {
                let mut frame = pool.alloc().unwrap();
                let mut model = (frame.headroom(), 0, frame.tailroom());
                for step in steps {
                    let (head, len, tail) = model;
                    let (done, after) = match step {
                        Step::Prepend(n) => (
                            frame.prepend(n),
                            (head.checked_sub(n), Some(len + n), Some(tail)),
                        ),
                        Step::TrimFront(n) => (
                            frame.trim_front(n),
                            (Some(head + n), len.checked_sub(n), Some(tail)),
                        ),
                        Step::Append(n) => (
                            frame.append(n),
                            (Some(head), Some(len + n), tail.checked_sub(n)),
                        ),
                        Step::Truncate(n) => {
                            frame.truncate(n);
                            let cut = len.saturating_sub(n);
                            (true, (Some(head), Some(len - cut), Some(tail + cut)))
                        }
                    };
                    let (Some(head), Some(len), Some(tail)) = after else {
                        prop_assert!(!done);
                        continue;
                    };
                    prop_assert!(done);
                    model = (head, len, tail);
                    prop_assert_eq!(
                        (frame.headroom(), frame.data().len(), frame.tailroom()),
                        model
                    );
                    frame.data_mut().fill(0xa5);
                }
                Ok(())
            })
            .unwrap();
        assert_eq!(pool.available(), pool.size());
    });
}

/// A capture file with one frame of `len` octets.
fn capture(len: u32) -> Vec<u8> {
    let header = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 1];
    let record = [0, 0, len, len];
    let words = header
        .iter()
        .chain(&record)
        .flat_map(|word: &u32| word.to_ne_bytes());
    words
        .chain(std::iter::repeat_n(0x11, len as usize))
        .collect()
}

#[test]
fn frame_in_several_buffers_shows_its_first_and_frees_all() {
    with_eal(0, |eal| {
        let pool = pool(&eal, "chain", 2_047);
        let path = std::env::temp_dir().join(format!("ucproxy-{}.pcap", std::process::id()));
        std::fs::write(&path, capture(5_000)).unwrap();
        eal.attach(&format!("net_pcap0,rx_pcap={}", path.display()))
            .unwrap();
        let mut queues = Port::configure(&eal, "net_pcap0", &PortConfig::default(), &pool).unwrap();
        std::fs::remove_file(path).unwrap();
        let in_port = pool.size() - pool.available();
        let mut received = Burst::new();
        assert_eq!(queues.pairs[0].rx_burst(&mut received), 1);
        let mut frame = received.pop().unwrap();

        assert!(!frame.is_contiguous());
        assert_eq!((frame.frame_len(), frame.data().len()), (5_000, 2_048));
        assert_eq!(pool.size() - pool.available(), in_port + 3);
        assert!(!frame.append(1) && frame.tailroom() == 0);
        frame.truncate(4_000);
        assert_eq!(frame.frame_len(), 5_000);
        frame.truncate(100);
        assert!(frame.is_contiguous());
        assert_eq!(
            (frame.frame_len(), frame.data()),
            (100, [0x11; 100].as_slice())
        );
        assert_eq!(pool.size() - pool.available(), in_port + 1);
        drop(frame);
        assert_eq!(pool.size() - pool.available(), in_port);
    });
}
