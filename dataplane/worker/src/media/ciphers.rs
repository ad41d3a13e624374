//! The ciphers as contexts and bursts want them, and the stages that they run in.

use abi::counters::Counters;
use abi::{Now, Reason, Suite};
use arrayvec::ArrayVec;
use crypto::{Cipher, CryptoError, Job, Key, Manager, Op, Outcome, Span, Tag};
use media::{Admission, Content};
use srtp::{CipherJob, Expand, OpenPlan, Receiver, SealPlan, SessionKey, Traffic};
use wire::{BURST, Frame};

use super::burst::Totals;
use super::line::{Step, Waiting};
use super::{MediaEngine, Open, stream_at};

/// The worker's ciphers.
#[derive(Debug)]
pub(super) struct Ciphers(Manager);

impl Ciphers {
    pub(super) fn new() -> Result<Self, CryptoError> {
        Manager::new().map(Self)
    }

    #[inline]
    pub(super) fn run(&mut self, jobs: &mut [Job<'_>]) {
        self.0.run(jobs);
    }
}

impl Expand for Ciphers {
    type Key = Key;

    /// RTCP is rare, so its keys are kept small.
    fn expand(&mut self, key: &SessionKey, traffic: Traffic) -> Option<Key> {
        let cipher = match key.suite() {
            Suite::AesCm128HmacSha1_80 | Suite::AesCm128HmacSha1_32 => Cipher::AesCm128,
            Suite::AesCm192HmacSha1_80 | Suite::AesCm192HmacSha1_32 => Cipher::AesCm192,
            Suite::AesCm256HmacSha1_80 | Suite::AesCm256HmacSha1_32 => Cipher::AesCm256,
            Suite::AeadAes128Gcm => Cipher::AesGcm128,
            Suite::AeadAes256Gcm => Cipher::AesGcm256,
        };
        let made = match traffic {
            Traffic::Rtp => self.0.key(cipher, key.cipher(), key.auth()),
            Traffic::Rtcp => self.0.packed_key(cipher, key.cipher(), key.auth()),
        };
        made.ok()
    }
}

/// One packet's job: `plan` says where things lie in `packet`.
#[inline(always)]
fn job<'a>(key: &'a Key, op: Op, packet: &'a mut [u8], plan: &CipherJob, tag: Tag) -> Job<'a> {
    let span = |span: srtp::Span| Span {
        start: span.start,
        len: span.len,
    };
    Job {
        key,
        op,
        packet,
        iv: plan.iv,
        cipher: span(plan.cipher),
        auth: span(plan.auth),
        aad: plan.aad,
        tag,
        outcome: Outcome::Pending,
    }
}

/// The job that opens or checks a packet, which is staged for it.
#[inline(always)]
fn opening<'a>(
    receiver: &'a Receiver<Key>,
    op: Op,
    plan: &OpenPlan,
    packet: &'a mut [u8],
) -> Job<'a> {
    let tag = Tag::received(plan.tag(packet));
    let cipher = receiver.job(plan, packet);
    plan.stage(packet);
    let key = receiver.key(plan.traffic());
    job(key, op, packet, &cipher, tag)
}

impl<F: Frame> MediaEngine<F> {
    /// Verifies and decrypts what has to be, and notes what became of it.
    pub(super) fn open_burst(&mut self) {
        let mut jobs = ArrayVec::<Job<'_>, BURST>::new();
        let mut places = ArrayVec::<usize, BURST>::new();
        for (at, waiting) in self.line.iter_mut().enumerate() {
            let Waiting {
                frame,
                place,
                step: Step::Arrived,
                admission,
                ..
            } = waiting
            else {
                continue;
            };
            let (op, plan) = match admission {
                Some(Admission::Open(plan)) => (Op::Open, &*plan),
                Some(Admission::Check(plan)) => (Op::Check, &*plan),
                _ => continue,
            };
            let Some(Some(open)) = self.streams.get(place.slot as usize) else {
                continue;
            };
            let Some(receiver) = open.stream.receiver(place.leg) else {
                continue;
            };
            jobs.push(opening(receiver, op, plan, frame.data_mut()));
            places.push(at);
        }
        if jobs.is_empty() {
            return;
        }
        self.ciphers.run(&mut jobs);
        let outcomes: ArrayVec<Outcome, BURST> = jobs.iter().map(|job| job.outcome).collect();
        drop(jobs);
        for (at, outcome) in places.into_iter().zip(outcomes) {
            if let Some(waiting) = self.line.get_mut(at) {
                waiting.opened = outcome;
            }
        }
    }

    /// Encrypts what has to be, by `plans` in line's order, and completes it. Whatever should be
    /// sealed and is not does not leave.
    pub(super) fn seal_burst(
        &mut self,
        plans: &[SealPlan],
        counters: &Counters<'_>,
        totals: &mut Totals,
    ) {
        if plans.is_empty() {
            return;
        }
        let mut jobs = ArrayVec::<Job<'_>, BURST>::new();
        let sealing = self.line.iter_mut().filter(|waiting| waiting.is_sealing());
        for (waiting, plan) in sealing.zip(plans) {
            let (leg, content) = (waiting.place.leg, waiting.content);
            let open = self.streams.get(waiting.place.slot as usize);
            let key = open
                .and_then(Option::as_ref)
                .and_then(|open| open.stream.seal_key(leg.other(), traffic(content)));
            // Forwarding found the key; without it no job would follow in its place.
            let Some(key) = key else { break };
            let tag = Tag::empty(plan.tag_len());
            jobs.push(job(
                key,
                Op::Seal,
                waiting.frame.data_mut(),
                plan.job(),
                tag,
            ));
        }
        self.ciphers.run(&mut jobs);
        let sealed = jobs.iter().map(|job| (job.outcome, job.tag));
        let sealed: ArrayVec<(Outcome, Tag), BURST> = sealed.collect();
        drop(jobs);
        self.finish(plans, &sealed, counters, totals);
    }

    fn finish(
        &mut self,
        plans: &[SealPlan],
        sealed: &[(Outcome, Tag)],
        counters: &Counters<'_>,
        totals: &mut Totals,
    ) {
        let mut sealed = plans.iter().zip(sealed);
        for waiting in self.line.iter_mut().filter(|waiting| waiting.is_sealing()) {
            if let Some((plan, (Outcome::Done, tag))) = sealed.next() {
                plan.finish(waiting.frame.data_mut(), tag.octets());
                waiting.step = Step::Leaving;
                totals.sealed += 1;
            } else if let Some(open) = stream_at(&mut self.streams, waiting.place.slot) {
                waiting.refuse(open, Reason::SrtpEncryptFailed, counters);
            }
        }
    }
}

/// Tries to open a packet that failed, once more in another way, if there is one.
#[cold]
pub(super) fn retry<F: Frame>(
    ciphers: &mut Ciphers,
    open: &mut Open,
    waiting: &mut Waiting<F>,
    now: Now,
) -> bool {
    let Waiting {
        frame,
        place,
        admission: Some(admission),
        ..
    } = waiting
    else {
        return false;
    };
    let (op, failed) = match admission {
        Admission::Open(failed) => (Op::Open, failed),
        Admission::Check(failed) => (Op::Check, failed),
        Admission::Clear(_) => return false,
    };
    let Some(plan) = open.stream.retry(place.leg, failed, frame.data(), now) else {
        return false;
    };
    *failed = plan;
    let Some(receiver) = open.stream.receiver(place.leg) else {
        return false;
    };
    let mut jobs = [opening(receiver, op, &plan, frame.data_mut())];
    ciphers.run(&mut jobs);
    let [Job { outcome, .. }] = jobs;
    outcome == Outcome::Done
}

/// The protocol whose key protects a packet; datagrams are never protected.
pub(super) const fn traffic(content: Content) -> Traffic {
    match content {
        Content::Rtcp => Traffic::Rtcp,
        Content::Rtp | Content::Datagram => Traffic::Rtp,
    }
}
