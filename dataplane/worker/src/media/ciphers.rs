//! The ciphers as contexts and bursts want them, and the stages that they run in.

use abi::counters::Counters;
use abi::{Now, Reason, Suite};
use arrayvec::ArrayVec;
use crypto::{Cipher, CryptoError, Job, Key, Manager, Op, Outcome, Span, Tag};
use media::{Admission, Content};
use srtp::{CipherJob, Expand, SessionKey, Traffic};
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
#[inline]
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
                Some(Admission::Open(plan)) => (Op::Open, plan),
                Some(Admission::Check(plan)) => (Op::Check, plan),
                _ => continue,
            };
            let Some(Some(open)) = self.streams.get(place.slot as usize) else {
                continue;
            };
            let key = open.stream.open_key(place.leg, plan.traffic());
            let (Some(key), Some(tag)) = (key, Tag::received(plan.tag())) else {
                continue;
            };
            jobs.push(job(key, op, frame.data_mut(), plan.job(), tag));
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

    /// Encrypts what has to be. By the place in line: what became of it, and its tag.
    pub(super) fn seal_burst(&mut self) -> ArrayVec<(usize, Outcome, Tag), BURST> {
        let mut jobs = ArrayVec::<Job<'_>, BURST>::new();
        let mut places = ArrayVec::<usize, BURST>::new();
        for (at, waiting) in self.line.iter_mut().enumerate() {
            let Waiting {
                frame,
                place,
                step: Step::Sealing,
                seal: Some(plan),
                content,
                ..
            } = waiting
            else {
                continue;
            };
            let Some(Some(open)) = self.streams.get(place.slot as usize) else {
                continue;
            };
            let key = open.stream.seal_key(place.leg.other(), traffic(*content));
            let Some(key) = key else { continue };
            let tag = Tag::empty(plan.tag_len());
            jobs.push(job(key, Op::Seal, frame.data_mut(), plan.job(), tag));
            places.push(at);
        }
        if !jobs.is_empty() {
            self.ciphers.run(&mut jobs);
        }
        let made = places.into_iter().zip(&jobs);
        made.map(|(at, job)| (at, job.outcome, job.tag)).collect()
    }

    /// Completes what is sealed. Whatever should be and is not does not leave.
    pub(super) fn finish(
        &mut self,
        sealed: &[(usize, Outcome, Tag)],
        counters: &Counters<'_>,
        totals: &mut Totals,
    ) {
        for (at, outcome, tag) in sealed {
            let Some(waiting) = self.line.get_mut(*at) else {
                continue;
            };
            if let (Outcome::Done, Some(plan)) = (outcome, &waiting.seal) {
                plan.finish(waiting.frame.data_mut(), tag.octets());
                waiting.step = Step::Leaving;
                totals.sealed += 1;
            }
        }
        for waiting in self
            .line
            .iter_mut()
            .filter(|waiting| waiting.step == Step::Sealing)
        {
            if let Some(open) = stream_at(&mut self.streams, waiting.place.slot) {
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
    let Some(tag) = Tag::received(plan.tag()) else {
        return false;
    };
    let Some(key) = open.stream.open_key(place.leg, plan.traffic()) else {
        return false;
    };
    *failed = plan;
    plan.stage(frame.data_mut());
    let mut jobs = [job(key, op, frame.data_mut(), plan.job(), tag)];
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
