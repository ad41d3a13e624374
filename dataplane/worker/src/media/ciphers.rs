//! The ciphers as contexts and bursts want them, and the stages that they run in.

use abi::counters::Counters;
use abi::{Now, Reason, Suite};
use arrayvec::ArrayVec;
use crypto::{Burst, Cipher, CryptoError, Job, Key, Manager, Op, Outcome, Span, Tag};
use media::Admission;
use srtp::{CipherJob, Expand, OpenPlan, Receiver, SealPlan, Sender, SessionKey, Traffic};
use wire::{BURST, Frame};

use super::burst::Totals;
use super::line::{Step, Waiting};
use super::terminations::Place;
use super::{MediaEngine, Open, stream_at};

// A line is one burst of the ciphers.
const _: () = assert!(BURST <= crypto::BURST);

/// The worker's ciphers.
#[derive(Debug)]
pub(super) struct Ciphers(Manager);

impl Ciphers {
    pub(super) fn new() -> Result<Self, CryptoError> {
        Manager::new().map(Self)
    }

    #[inline]
    fn burst<'p>(&mut self) -> Burst<'_, 'p> {
        self.0.burst()
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
    }
}

/// Puts in the job that opens or checks a packet, and stages the packet for it.
#[inline(always)]
fn push_opening<'p>(
    burst: &mut Burst<'_, 'p>,
    receiver: &'p Receiver<Key>,
    op: Op,
    plan: &OpenPlan,
    packet: &'p mut [u8],
) {
    let tag = Tag::received(plan.tag(packet));
    let cipher = receiver.job(plan, packet);
    plan.stage(packet);
    let key = receiver.key(plan.traffic());
    burst.push(job(key, op, packet, &cipher, tag));
}

/// The same for RTCP, out of line: what is found out in two ways and then joined is moved.
#[inline(never)]
fn push_opening_rtcp<'p>(
    burst: &mut Burst<'_, 'p>,
    receiver: &'p Receiver<Key>,
    op: Op,
    plan: &OpenPlan,
    packet: &'p mut [u8],
) {
    push_opening(burst, receiver, op, plan, packet);
}

/// Puts in the job that seals a staged packet.
#[inline(always)]
fn push_sealing<'p>(
    burst: &mut Burst<'_, 'p>,
    sender: &'p Sender<Key>,
    plan: &SealPlan,
    packet: &'p mut [u8],
) {
    let cipher = sender.job(plan, packet);
    let (key, tag) = (sender.key(plan.traffic()), Tag::empty(plan.tag_len()));
    burst.push(job(key, Op::Seal, packet, &cipher, tag));
}

/// The same for RTCP, out of line for the same reason.
#[inline(never)]
fn push_sealing_rtcp<'p>(
    burst: &mut Burst<'_, 'p>,
    sender: &'p Sender<Key>,
    plan: &SealPlan,
    packet: &'p mut [u8],
) {
    push_sealing(burst, sender, plan, packet);
}

impl<F: Frame> MediaEngine<F> {
    /// Verifies and decrypts what has to be. The outcomes are those of the packets to be opened, in
    /// line's order.
    pub(super) fn open_burst(&mut self) -> ArrayVec<Outcome, BURST> {
        let mut burst = self.ciphers.burst();
        for waiting in &mut self.line {
            let Place { slot, leg, .. } = waiting.place;
            let Some((op, plan, frame)) = waiting.opening() else {
                continue;
            };
            let open = self.streams.get(slot as usize).and_then(Option::as_ref);
            // Admission found the receiver; without it no outcome would follow in its place.
            let Some(receiver) = open.and_then(|open| open.stream.receiver(leg)) else {
                break;
            };
            let packet = frame.data_mut();
            match plan.traffic() {
                Traffic::Rtp => push_opening(&mut burst, receiver, op, plan, packet),
                Traffic::Rtcp => push_opening_rtcp(&mut burst, receiver, op, plan, packet),
            }
        }
        burst.run().outcomes().collect()
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
        let mut burst = self.ciphers.burst();
        let sealing = self.line.iter_mut().filter(|waiting| waiting.is_sealing());
        for (waiting, plan) in sealing.zip(plans) {
            let Place { slot, leg, .. } = waiting.place;
            let open = self.streams.get(slot as usize).and_then(Option::as_ref);
            // Forwarding found the sender; without it no tag would follow in its place.
            let Some(sender) = open.and_then(|open| open.stream.sender(leg.other())) else {
                break;
            };
            let packet = waiting.frame.data_mut();
            match plan.traffic() {
                Traffic::Rtp => push_sealing(&mut burst, sender, plan, packet),
                Traffic::Rtcp => push_sealing_rtcp(&mut burst, sender, plan, packet),
            }
        }
        let mut sealed = plans.iter().zip(burst.run().tags());
        for waiting in self.line.iter_mut().filter(|waiting| waiting.is_sealing()) {
            if let Some((plan, Some(tag))) = sealed.next() {
                plan.finish(waiting.frame.data_mut(), tag.octets());
                waiting.step = Step::Leaving;
                totals.sealed += 1;
            } else if let Some(open) = stream_at(&mut self.streams, waiting.place.slot) {
                waiting.refuse(open, Reason::SrtpEncryptFailed, counters);
            }
        }
    }
}

/// Tries to open a packet that failed, once more in another way, if there is one. Those before it
/// in line must have been accepted: the other way may follow from them.
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
    let mut burst = ciphers.burst();
    push_opening(&mut burst, receiver, op, &plan, frame.data_mut());
    burst.run().outcomes().next() == Some(Outcome::Done)
}
