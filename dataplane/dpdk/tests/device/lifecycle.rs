//! Starting, running closures on workers, and shutting down.

use std::sync::mpsc;

use crate::common::{burst, pool, with_eal};
use dpdk::{Eal, EalConfig, EalError, LcoreError, Port, PortConfig, ShutdownError, lcore, ring};
use wire::{Burst, Nic};

#[test]
fn a_process_starts_the_eal_once() {
    with_eal(0, |_eal| {
        assert_eq!(
            Eal::init(&EalConfig::default()).unwrap_err(),
            EalError::Once
        );
    });
}

#[test]
fn version_is_the_librarys() {
    with_eal(0, |_eal| {
        assert!(Eal::version().starts_with("DPDK "));
    });
}

#[test]
fn closure_runs_on_its_workers_cpu_and_returns() {
    with_eal(2, |eal| {
        assert_eq!(eal.workers().len(), 2);
        for &worker in eal.workers() {
            // SAFETY: no arguments, no conditions.
            let cpu = lcore::spawn(&eal, worker, || unsafe { libc::sched_getcpu() }).unwrap();
            assert_eq!(cpu.join(), Ok(i32::from(worker.cpu())));
        }
    });
}

#[test]
fn panic_ends_the_closure_and_not_the_worker() {
    with_eal(1, |eal| {
        let worker = eal.workers()[0];
        let failed = lcore::spawn(&eal, worker, || panic!("on purpose")).unwrap();
        assert_eq!(
            failed.join(),
            Err::<(), _>(LcoreError::Panicked(worker.id()))
        );
        assert_eq!(lcore::spawn(&eal, worker, || 7).unwrap().join(), Ok(7));
    });
}

#[test]
fn busy_worker_refuses_a_second_closure() {
    with_eal(1, |eal| {
        let worker = eal.workers()[0];
        let (release, held) = mpsc::channel::<()>();
        let first = lcore::spawn(&eal, worker, move || held.recv().is_ok()).unwrap();
        let second = lcore::spawn(&eal, worker, || ());
        assert_eq!(second.unwrap_err(), LcoreError::Busy(worker.id()));
        assert!(!first.is_finished());
        release.send(()).unwrap();
        assert_eq!(first.join(), Ok(true));
        assert!(!worker.is_running());
    });
}

#[test]
fn queues_move_to_a_worker_and_back() {
    with_eal(1, |eal| {
        let pool = pool(&eal, "moved", 511);
        ring::cross(&eal, "left", "right", 1, 64).unwrap();
        let [left, right] = ["left", "right"].map(|name| {
            Port::configure(&eal, &ring::port_name(name), &PortConfig::default(), &pool).unwrap()
        });
        let (mut left, mut right) = (left.pairs.remove_first(), right.pairs.remove_first());
        let echo = lcore::spawn(&eal, eal.workers()[0], move || {
            let mut frames = Burst::new();
            while frames.len() < 32 {
                right.rx_burst(&mut frames);
            }
            right.tx_burst(&mut frames)
        });
        left.tx_burst(&mut burst(&pool, 32));
        assert_eq!(echo.unwrap().join(), Ok(32));
        let mut returned = Burst::new();
        assert_eq!(left.rx_burst(&mut returned), 32);
    });
}

#[test]
fn shutdown_succeeds_once_all_is_returned() {
    with_eal(1, |eal| {
        let pool = pool(&eal, "done", 2_047);
        eal.attach("net_null0,copy=1").unwrap();
        let mut queues = Port::configure(&eal, "net_null0", &PortConfig::default(), &pool).unwrap();
        let mut frames = Burst::new();
        assert_eq!(queues.pairs[0].rx_burst(&mut frames), 32);
        assert_eq!(queues.pairs[0].tx_burst(&mut frames), 32);
        drop((queues, pool));
        assert_eq!(eal.shutdown(), Ok(()));
    });
}

#[test]
fn shutdown_refuses_while_a_pool_is_held() {
    with_eal(0, |eal| {
        let pool = pool(&eal, "held", 63);
        assert_eq!(eal.shutdown(), Err(ShutdownError::StillReferenced));
        assert!(pool.alloc().is_some());
    });
}

#[test]
fn shutdown_refuses_while_a_buffer_is_out() {
    with_eal(0, |eal| {
        let pool = pool(&eal, "out", 63);
        let frame = pool.alloc().unwrap();
        drop(pool);
        assert_eq!(eal.shutdown(), Err(ShutdownError::MbufsOutstanding(1)));
        drop(frame);
    });
}

#[test]
fn shutdown_refuses_while_a_worker_runs() {
    with_eal(1, |eal| {
        let worker = eal.workers()[0];
        let (release, held) = mpsc::channel::<()>();
        let running = lcore::spawn(&eal, worker, move || held.recv().is_ok()).unwrap();
        assert_eq!(
            eal.shutdown(),
            Err(ShutdownError::WorkerRunning(worker.id()))
        );
        release.send(()).unwrap();
        assert_eq!(running.join(), Ok(true));
    });
}

trait RemoveFirst<T> {
    fn remove_first(self) -> T;
}

impl<T> RemoveFirst<T> for Vec<T> {
    fn remove_first(self) -> T {
        self.into_iter().next().unwrap()
    }
}
