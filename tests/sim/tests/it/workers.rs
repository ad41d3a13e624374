//! Several workers: who owns what, and what crosses between them.

use abi::{Counter, Suite};
use sim::{Lab, PHONE, Setup, Steering};
use wire::TxChecksums;

use crate::common::ALL_CHECKSUMS;

const SUITE: Suite = Suite::AesCm128HmacSha1_80;

/// A laboratory with `workers` workers that frames reach by `steering`.
fn lab(workers: usize, steering: Steering) -> Lab {
    Lab::new(Setup {
        workers,
        steering,
        ..Setup::default()
    })
}

/// How often each worker has counted something.
fn by_worker(lab: &mut Lab, counter: Counter) -> Vec<u64> {
    let workers = lab.setup.workers;
    (0..workers)
        .map(|worker| lab.proxy().counted_by(worker, counter))
        .collect()
}

#[test]
fn sessions_spread_over_the_workers() {
    let mut lab = lab(4, Steering::Symmetric);
    for _ in 0..40 {
        lab.dial();
    }
    lab.settle();
    let opened = by_worker(&mut lab, Counter::SessionsOpened);
    assert_eq!(opened.iter().sum::<u64>(), 40);
    assert!(opened.iter().all(|n| *n > 0), "{opened:?}");
}

#[test]
fn session_and_its_media_stay_with_one_worker_whoever_is_reached() {
    for steering in [
        Steering::Symmetric,
        Steering::Next,
        Steering::Spray,
        Steering::Fixed(1),
    ] {
        let mut lab = lab(2, steering);
        let mut call = lab.call_inside(SUITE);
        lab.talk(&mut call, 4);
        let opened = by_worker(&mut lab, Counter::SessionsOpened);
        let media = by_worker(&mut lab, Counter::MediaPackets);
        assert_eq!(media.iter().sum::<u64>(), 10);
        for (opened, media) in opened.iter().zip(&media) {
            assert_eq!(*opened > 0, *media > 0, "{steering:?} {opened} {media}");
        }
        lab.hang_up(&mut call);
    }
}

#[test]
fn frames_of_others_are_handed_over_once() {
    for owner in 0..2 {
        let mut lab = lab(2, Steering::Fixed(1 - owner));
        // Which worker a client belongs to follows from its port.
        let phone = (0..20).find_map(|_| {
            let conn = lab.dial();
            lab.settle();
            let opened = by_worker(&mut lab, Counter::SessionsOpened);
            if opened[owner] == 1 && opened[1 - owner] == 0 {
                return Some(conn);
            }
            lab.host(PHONE).abort(conn);
            lab.settle();
            None
        });
        let Some(phone) = phone else {
            continue;
        };
        let out = by_worker(&mut lab, Counter::HandoffOut);
        lab.host(PHONE).send(phone, "\r\n\r\n");
        lab.settle();
        let after = by_worker(&mut lab, Counter::HandoffOut);
        assert!(after[1 - owner] > out[1 - owner]);
        assert_eq!(after[owner], out[owner], "nothing is handed back");
    }
}

#[test]
fn worker_without_a_queue_sends_by_another() {
    let mut lab = Lab::new(Setup {
        workers: 4,
        queues: Some(2),
        ..Setup::default()
    });
    let mut calls: Vec<_> = (0..8).map(|_| lab.call_inside(SUITE)).collect();
    let opened = by_worker(&mut lab, Counter::SessionsOpened);
    assert!(opened[2] + opened[3] > 0, "{opened:?}");
    let sent = by_worker(&mut lab, Counter::TxFrames);
    assert!(
        sent[0] > 0 && sent[1] > 0 && sent[2] + sent[3] == 0,
        "{sent:?}"
    );
    for call in &mut calls {
        lab.hang_up(call);
    }
}

#[test]
fn ports_are_asked_for_the_checksums_that_they_fill_in_and_no_others() {
    for (workers, queues) in [(1, 1), (3, 1)] {
        for (tx_checksums, is_able) in [(TxChecksums::NONE, false), (ALL_CHECKSUMS, true)] {
            let mut lab = Lab::new(Setup {
                workers,
                queues: Some(queues),
                tx_checksums,
                ..Setup::default()
            });
            let mut call = lab.call_inside(SUITE);
            lab.talk(&mut call, 2);
            lab.hang_up(&mut call);
            // Every frame of TCP and UDP but those that waited for a neighbour.
            for cable in &lab.proxy().cables()[..2] {
                assert_eq!(cable.filled_frames() > 0, is_able, "{workers} workers");
            }
        }
    }
}
