//! Models of the protocols of shared memory: loom plays through every order of events, and every
//! value that a relaxed load may see, of which the hardware at hand shows but a few.
//!
//! Run by `.ci/loom`. In one run threads are interrupted at most twice ([`model`]), without which
//! the models would take days.
#![cfg(loom)]

use std::sync::atomic::Ordering::{AcqRel, Relaxed};

use abi::limits::{LIMITS_WORDS, LimitWords};
use abi::publish::{Acknowledgements, PolicySlots, PublishError, publish_words};
use abi::seqlock::SeqRecord;
use abi::usage::{USAGE_WORDS, Usage};
use abi::{Limit, Limits, Pool};
use loom::sync::atomic::AtomicU64;
use loom::sync::{Arc, Mutex, mpsc};
use loom::thread;

/// Words of a policy image here.
const IMAGE_WORDS: usize = 1;
/// Words of one worker's acknowledgement.
const ACK_WORDS: usize = 8;

type Words = Arc<Vec<AtomicU64>>;

fn words(n: usize) -> Words {
    Arc::new((0..n).map(|_| AtomicU64::new(0)).collect())
}

fn model(test: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(test);
}

/// The generation that reads now. Each image says its own, so that one taken for another shows.
fn read(slots: &PolicySlots<'_>) -> Option<u64> {
    match slots.read() {
        Ok(Some((generation, image))) => {
            assert_eq!(image, generation.to_le_bytes());
            Some(generation)
        }
        Ok(None) | Err(PublishError::Torn) => None,
        Err(error) => panic!("{error}"),
    }
}

fn publish(slots: &PolicySlots<'_>, generation: u64) {
    assert_eq!(slots.publish(&generation.to_le_bytes()), Ok(generation));
}

#[test]
fn no_slot_is_written_while_a_worker_may_read_it() {
    model(|| {
        let (area, acks) = (words(publish_words(IMAGE_WORDS)), words(2 * ACK_WORDS));
        let workers = [0, 1].map(|worker| {
            let (area, acks) = (area.clone(), acks.clone());
            thread::spawn(move || {
                let slots = PolicySlots::new(&area).unwrap();
                if let Some(generation) = read(&slots) {
                    Acknowledgements::new(&acks).set(worker, generation);
                }
            })
        });
        let slots = PolicySlots::new(&area).unwrap();
        let acks = Acknowledgements::new(&acks);
        for generation in 1..=3 {
            if generation == 1 || acks.by_all(2, generation - 1) {
                publish(&slots, generation);
            }
        }
        workers
            .into_iter()
            .for_each(|worker| worker.join().map(drop).unwrap());
        assert!(read(&slots).is_some());
    });
}

#[test]
fn an_onlooker_whom_nobody_waits_for_sees_a_whole_image_or_a_torn_one() {
    model(|| {
        let area = words(publish_words(IMAGE_WORDS));
        publish(&PolicySlots::new(&area).unwrap(), 1);
        let onlookers = [0, 1].map(|_| {
            let area = area.clone();
            thread::spawn(move || read(&PolicySlots::new(&area).unwrap()))
        });
        // The third lies where the first did.
        let slots = PolicySlots::new(&area).unwrap();
        publish(&slots, 2);
        publish(&slots, 3);
        onlookers
            .into_iter()
            .for_each(|onlooker| onlooker.join().map(drop).unwrap());
        assert_eq!(read(&slots), Some(3));
    });
}

#[test]
fn control_that_dies_at_any_instant_leaves_the_old_policy_to_the_next() {
    // How many words of the idle slot are written before death: its head has three, then one.
    for written in 0..=4 {
        model(move || {
            let area = words(publish_words(IMAGE_WORDS));
            publish(&PolicySlots::new(&area).unwrap(), 1);
            let reader = {
                let area = area.clone();
                thread::spawn(move || {
                    let slots = PolicySlots::new(&area).unwrap();
                    // Torn means that there is another, which then is whole.
                    assert!(read(&slots).or_else(|| read(&slots)).is_some());
                })
            };
            // Even generations lie in the first slot, which follows a line of its own.
            for word in area.iter().skip(8).take(written) {
                word.store(u64::MAX, Relaxed);
            }
            publish(&PolicySlots::new(&area).unwrap(), 2);
            reader.join().unwrap();
        });
    }
}

#[test]
fn keys_are_there_before_the_policy_that_names_them() {
    model(|| {
        let (area, keys) = (words(publish_words(IMAGE_WORDS)), Arc::new(Mutex::new(0)));
        let (pushed, push) = mpsc::channel();
        let (answered, answer) = mpsc::channel();
        let socket = {
            let keys = keys.clone();
            thread::spawn(move || {
                *keys.lock().unwrap() = push.recv().unwrap();
                answered.send(()).unwrap();
            })
        };
        let manager = {
            let (area, keys) = (area.clone(), keys.clone());
            thread::spawn(move || {
                if let Some(generation) = read(&PolicySlots::new(&area).unwrap()) {
                    assert_eq!(*keys.lock().unwrap(), generation);
                }
            })
        };
        pushed.send(1_u64).unwrap();
        answer.recv().unwrap();
        publish(&PolicySlots::new(&area).unwrap(), 1);
        socket.join().unwrap();
        manager.join().unwrap();
    });
}

#[test]
fn records_are_read_whole_or_not_at_all() {
    model(|| {
        let record = words(3);
        SeqRecord::new(&record).write(&[1, 1]);
        let readers = [0, 1].map(|_| {
            let record = record.clone();
            thread::spawn(move || {
                let mut out = [0; 2];
                if SeqRecord::new(&record).read(&mut out) {
                    assert_eq!(out[0], out[1]);
                }
            })
        });
        let writer = SeqRecord::new(&record);
        writer.write(&[2, 2]);
        readers
            .into_iter()
            .for_each(|reader| reader.join().map(drop).unwrap());
        let mut out = [0; 2];
        assert!(writer.read(&mut out));
        assert_eq!(out, [2, 2]);
    });
}

#[test]
fn l31_l32_units_are_taken_within_limits_and_all_come_back() {
    model(|| {
        let (pools, limits, held) = (words(USAGE_WORDS), words(LIMITS_WORDS), words(1));
        let one = Limits {
            uc_sessions: 1,
            ..Limits::UNLIMITED
        };
        LimitWords::new(&limits).unwrap().store(&one);
        let worker = |pools: Words, limits: Words, held: Words| {
            let (usage, limits) = (
                Usage::new(&pools).unwrap(),
                LimitWords::new(&limits).unwrap(),
            );
            // As a session does: the second pool may refuse, and the first gets its unit back.
            let tls = usage.take(Pool::TlsSessions, limits.get(Limit::TlsSessions));
            assert!(tls.is_some());
            if let Some(_uc) = usage.take(Pool::UcSessions, limits.get(Limit::UcSessions)) {
                assert_eq!(held[0].fetch_add(1, AcqRel), 0, "one at a time");
                held[0].fetch_sub(1, AcqRel);
            }
        };
        let workers = [0, 1].map(|_| {
            let (pools, limits, held) = (pools.clone(), limits.clone(), held.clone());
            thread::spawn(move || worker(pools, limits, held))
        });
        workers
            .into_iter()
            .for_each(|worker| worker.join().map(drop).unwrap());
        let usage = Usage::new(&pools).unwrap();
        for pool in [Pool::TlsSessions, Pool::UcSessions] {
            let pool = usage.read(pool);
            assert_eq!((pool.in_use, pool.taken), (0, pool.returned));
        }
        assert!(usage.read(Pool::UcSessions).most_used == 1);
    });
}

#[test]
fn l23_a_limit_lowered_meanwhile_takes_nothing_from_anybody() {
    model(|| {
        let (pools, limits) = (words(USAGE_WORDS), words(LIMITS_WORDS));
        let two = Limits {
            uc_sessions: 2,
            ..Limits::UNLIMITED
        };
        LimitWords::new(&limits).unwrap().store(&two);
        let workers = [0, 1].map(|_| {
            let (pools, limits) = (pools.clone(), limits.clone());
            thread::spawn(move || {
                let limit = LimitWords::new(&limits).unwrap().get(Limit::UcSessions);
                drop(Usage::new(&pools).unwrap().take(Pool::UcSessions, limit));
            })
        });
        LimitWords::new(&limits).unwrap().store(&Limits {
            uc_sessions: 1,
            ..two
        });
        workers
            .into_iter()
            .for_each(|worker| worker.join().map(drop).unwrap());
        let pool = Usage::new(&pools).unwrap().read(Pool::UcSessions);
        assert_eq!((pool.in_use, pool.taken), (0, pool.returned));
        assert!(pool.most_used <= 2);
    });
}
