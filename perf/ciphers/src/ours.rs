//! Our contexts and cipher bursts.

use std::time::Instant;

use abi::{Now, Suite};
use arrayvec::ArrayVec;
use crypto::{BURST, Job, Key, Op, Outcome, Tag, prefetch};
use perf_loadgen::{Ciphers, job};
use srtp::{Config, OpenPlan, Params, Receiver, Sender, Traffic};

use crate::{ROUNDS, STREAMS, key_salt, now, per_packet, rtp};

/// Nanoseconds a packet: everything, and the burst of ciphers alone.
#[must_use]
pub fn open(suite: Suite) -> (f64, f64) {
    let mut ciphers = Ciphers::new().expect("ciphers");
    let (mut receivers, sealed) = streams(suite, &mut ciphers);
    let packets = STREAMS * usize::from(ROUNDS);
    // Plans and keys are those of the packets that are opened afterwards.
    let mut copy = sealed.clone();
    let mut spent = std::time::Duration::ZERO;
    for round in &mut copy {
        for (receivers, packets) in receivers.chunks(BURST).zip(round.chunks_mut(BURST)) {
            let plans = planned(receivers, packets);
            let jobs: Jobs<'_> = jobs(receivers, packets, &plans).collect();
            let began = now();
            run(&mut ciphers, jobs);
            spent += began.elapsed();
        }
    }
    let alone = spent.as_secs_f64() * 1e9 / f64::from(u32::try_from(packets).unwrap_or(u32::MAX));
    (whole(&mut ciphers, &mut receivers, sealed), alone)
}

/// Octets of a cache line.
const LINE: usize = 64;

type Plans = ArrayVec<OpenPlan, BURST>;
type Jobs<'a> = ArrayVec<Job<'a>, BURST>;
type Rounds = Vec<Vec<Vec<u8>>>;

/// A receiver for each stream, and what their senders have sent, round by round.
fn streams(suite: Suite, ciphers: &mut Ciphers) -> (Vec<Receiver<Key>>, Rounds) {
    let mut receivers = Vec::with_capacity(STREAMS);
    let mut sealed = vec![Vec::with_capacity(STREAMS); usize::from(ROUNDS)];
    for stream in 0..STREAMS {
        let key_salt = key_salt(suite, stream);
        let (key, salt) = key_salt.split_at(suite.key_len());
        let params = Params {
            suite,
            key,
            salt,
            mki: None,
        };
        let sender = Sender::new(&params, Config::default(), ciphers);
        let mut sender = sender.expect("a key");
        let receiver = Receiver::new(&params, Config::default(), ciphers);
        receivers.push(receiver.expect("a key"));
        for (seq, round) in (0..).zip(&mut sealed) {
            let mut packet = rtp(stream, seq);
            seal(ciphers, &mut sender, &mut packet);
            round.push(packet);
        }
    }
    (receivers, sealed)
}

fn seal(ciphers: &mut Ciphers, sender: &mut Sender<Key>, packet: &mut Vec<u8>) {
    let plan = sender.plan(Traffic::Rtp, packet, Now::ZERO);
    let plan = plan.expect("a fresh index");
    packet.resize(packet.len() + sender.growth(Traffic::Rtp), 0);
    plan.stage(packet);
    let tag = Tag::empty(plan.tag_len());
    let key = sender.key(Traffic::Rtp);
    let cipher = sender.job(&plan, packet);
    let job = job(key, Op::Seal, packet, &cipher, tag);
    let sealed = ciphers.run([job]).tags().next().flatten();
    plan.finish(packet, sealed.expect("a tag").octets());
}

fn whole(ciphers: &mut Ciphers, receivers: &mut [Receiver<Key>], mut sealed: Rounds) -> f64 {
    let began: Instant = now();
    for round in &mut sealed {
        for (receivers, packets) in receivers.chunks_mut(BURST).zip(round.chunks_mut(BURST)) {
            fetch(packets);
            let plans = planned(receivers, packets);
            run(ciphers, jobs(receivers, packets, &plans));
            for (receiver, plan) in receivers.iter_mut().zip(&plans) {
                receiver.commit(plan, Now::ZERO).expect("a fresh packet");
            }
        }
    }
    per_packet(began, STREAMS * usize::from(ROUNDS))
}

/// Has the packets of a burst fetched, as a worker does when they come in.
fn fetch(packets: &[Vec<u8>]) {
    for packet in packets {
        packet.iter().step_by(LINE).for_each(prefetch);
    }
}

fn planned(receivers: &[Receiver<Key>], packets: &[Vec<u8>]) -> Plans {
    let plan = |(receiver, packet): (&Receiver<Key>, &Vec<u8>)| {
        let plan = receiver.plan(Traffic::Rtp, packet).expect("a fresh packet");
        receiver.key(Traffic::Rtp).prefetch(plan.payload_len());
        plan
    };
    receivers.iter().zip(packets).map(plan).collect()
}

fn jobs<'a>(
    receivers: &'a [Receiver<Key>],
    packets: &'a mut [Vec<u8>],
    plans: &'a [OpenPlan],
) -> impl Iterator<Item = Job<'a>> {
    let all = receivers.iter().zip(packets).zip(plans);
    all.map(|((receiver, packet), plan)| {
        let tag = Tag::received(plan.tag(packet));
        let cipher = receiver.job(plan, packet);
        plan.stage(packet);
        let key = receiver.key(Traffic::Rtp);
        job(key, Op::Open, packet, &cipher, tag)
    })
}

fn run<'p>(ciphers: &mut Ciphers, jobs: impl IntoIterator<Item = Job<'p>>) {
    let mut outcomes = ciphers.run(jobs).outcomes();
    assert!(outcomes.all(|outcome| outcome == Outcome::Done));
}
