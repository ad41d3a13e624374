//! The ciphers as contexts and bursts want them.

use abi::Suite;
use crypto::{Cipher, CryptoError, Job, Key, Manager, Op, Outcome, Span, Tag};
use srtp::{CipherJob, Expand, SessionKey, Traffic};

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
pub(super) fn job<'a>(
    key: &'a Key,
    op: Op,
    packet: &'a mut [u8],
    plan: &CipherJob,
    tag: Tag,
) -> Job<'a> {
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
