//! SRTP contexts and ciphers put together one packet at a time, to be compared with published
//! packets and with libsrtp.
//!
//! Neither crate can test the other: `srtp` runs no cipher and `crypto` knows no SRTP.

use abi::{Now, Reason, Suite};
use crypto::{Cipher, Job, Key, Manager, Op, Outcome, Span, Tag};
use srtp::{CipherJob, Expand, OpenPlan, Params, Receiver, Sender, SessionKey, Traffic};

/// The ciphers, as contexts and tests want them.
#[derive(Debug)]
pub struct Ciphers(Manager);

impl Expand for Ciphers {
    type Key = Key;

    fn expand(&mut self, key: &SessionKey, traffic: Traffic) -> Option<Key> {
        let cipher = cipher(key.suite());
        let made = match traffic {
            Traffic::Rtp => self.0.key(cipher, key.cipher(), key.auth()),
            Traffic::Rtcp => self.0.packed_key(cipher, key.cipher(), key.auth()),
        };
        made.ok()
    }
}

/// The cipher of a suite.
#[must_use]
pub const fn cipher(suite: Suite) -> Cipher {
    match suite {
        Suite::AesCm128HmacSha1_80 | Suite::AesCm128HmacSha1_32 => Cipher::AesCm128,
        Suite::AesCm192HmacSha1_80 | Suite::AesCm192HmacSha1_32 => Cipher::AesCm192,
        Suite::AesCm256HmacSha1_80 | Suite::AesCm256HmacSha1_32 => Cipher::AesCm256,
        Suite::AeadAes128Gcm => Cipher::AesGcm128,
        Suite::AeadAes256Gcm => Cipher::AesGcm256,
    }
}

impl Ciphers {
    /// Starts the ciphers; `None` where they do not run.
    #[must_use]
    pub fn new() -> Option<Self> {
        Manager::new().ok().map(Self)
    }

    /// A receiving context.
    pub fn receiver(&mut self, params: &Params<'_>) -> Option<Receiver<Key>> {
        Receiver::new(params, srtp::Config::default(), self)
    }

    /// A sending context.
    pub fn sender(&mut self, params: &Params<'_>) -> Option<Sender<Key>> {
        Sender::new(params, srtp::Config::default(), self)
    }

    /// Protects `packet`.
    ///
    /// # Errors
    /// As [`Sender::plan`]; [`Reason::SrtpEncryptFailed`] if the cipher refuses the job.
    pub fn protect(
        &mut self,
        sender: &mut Sender<Key>,
        traffic: Traffic,
        packet: &mut Vec<u8>,
        now: Now,
    ) -> Result<(), Reason> {
        let plan = sender.plan(traffic, packet, now)?;
        packet.resize(packet.len() + sender.growth(traffic), 0);
        plan.stage(packet);
        let tag = Tag::empty(plan.tag_len());
        let cipher = sender.job(&plan, packet);
        let job = job(sender.key(traffic), Op::Seal, packet, &cipher, tag);
        let mut burst = self.0.burst();
        burst.push(job);
        let sealed = burst.run().tags().next().flatten();
        let tag = sealed.ok_or(Reason::SrtpEncryptFailed)?;
        plan.finish(packet, tag.octets());
        Ok(())
    }

    /// Opens `packet`, with a second attempt where the context allows one. A packet that is
    /// refused is left as it arrived, unless it was replayed within its burst.
    ///
    /// # Errors
    /// As [`Receiver::plan`] and [`Receiver::commit`], or [`Reason::SrtpAuthFailed`].
    pub fn unprotect(
        &mut self,
        receiver: &mut Receiver<Key>,
        traffic: Traffic,
        packet: &mut Vec<u8>,
        now: Now,
    ) -> Result<(), Reason> {
        let mut plan = receiver.plan(traffic, packet)?;
        while !self.open(receiver, &plan, packet) {
            plan = receiver
                .retry(&plan, packet, now)
                .ok_or(Reason::SrtpAuthFailed)?;
        }
        packet.truncate(plan.plain_len());
        receiver.commit(&plan, now).map(|_| ())
    }

    fn open(&mut self, receiver: &Receiver<Key>, plan: &OpenPlan, packet: &mut [u8]) -> bool {
        let tag = Tag::received(plan.tag(packet));
        let cipher = receiver.job(plan, packet);
        plan.stage(packet);
        let key = receiver.key(plan.traffic());
        let job = job(key, Op::Open, packet, &cipher, tag);
        let mut burst = self.0.burst();
        burst.push(job);
        let is_open = burst.run().outcomes().next() == Some(Outcome::Done);
        if !is_open {
            plan.unstage(packet);
        }
        is_open
    }
}

fn job<'a>(key: &'a Key, op: Op, packet: &'a mut [u8], job: &CipherJob, tag: Tag) -> Job<'a> {
    let span = |span: srtp::Span| Span {
        start: span.start,
        len: span.len,
    };
    Job {
        key,
        op,
        packet,
        iv: job.iv,
        cipher: span(job.cipher),
        auth: span(job.auth),
        aad: job.aad,
        tag,
    }
}
