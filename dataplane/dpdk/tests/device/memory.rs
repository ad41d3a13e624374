//! Pools and packet buffers.

use crate::common::{burst, frame, pool, with_eal};
use dpdk::{HEADROOM, Pool, PoolConfig, PoolError};
use wire::{Frame, RxChecksum};

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
