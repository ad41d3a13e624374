//! The ciphers as SRTP contexts and bursts want them.

use abi::Suite;
use crypto::{Cipher, CryptoError, Job, Key, Manager, Op, Results, Span, Tag};
use srtp::{CipherJob, Expand, SessionKey, Traffic};

/// The generator's ciphers.
#[derive(Debug)]
pub struct Ciphers(Manager);

impl Ciphers {
    /// Starts the ciphers.
    ///
    /// # Errors
    /// They do not run here.
    pub fn new() -> Result<Self, CryptoError> {
        Manager::new().map(Self)
    }

    /// Runs jobs, as many as a burst takes.
    pub fn run<'p>(&mut self, jobs: impl IntoIterator<Item = Job<'p>>) -> Results<'_> {
        let mut burst = self.0.burst();
        jobs.into_iter().for_each(|job| burst.push(job));
        burst.run()
    }
}

impl Expand for Ciphers {
    type Key = Key;

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

/// The job of one packet: `plan` says where things lie in it.
#[must_use]
pub fn job<'a>(key: &'a Key, op: Op, packet: &'a mut [u8], plan: &CipherJob, tag: Tag) -> Job<'a> {
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
