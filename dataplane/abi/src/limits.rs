//! Limits that control sets and workers read directly, so that a change holds at once.

use crate::sync::{AtomicU64, Ordering::Relaxed};

use crate::digest::{Field, places};

places! {
    /// What may be limited. The first four are taken from licences, the rest from configuration.
    Limit, Field::word("");
    /// TLS proxy sessions of every application: `Tk` of the licence rules.
    TlsSessions "tls-sessions",
    /// Sessions of the applications that the UC licence covers: `U`.
    UcSessions "uc-sessions",
    /// Phone proxy sessions, a part of the UC sessions.
    PhoneProxySessions "phone-proxy-sessions",
    /// Calls whose media is encrypted or decrypted here.
    SrtpSessions "srtp-sessions",
    /// Handshakes in progress, all workers together.
    Handshakes "handshakes",
    /// One when IME sessions are licensed, zero when not.
    ImeLicensed "ime-licensed",
}

/// Words that the limits take: one cache line.
pub const LIMITS_WORDS: usize = 8;

/// No limit.
pub const UNLIMITED: u64 = u64::MAX;

/// A value of every limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// See [`Limit::TlsSessions`].
    pub tls_sessions: u64,
    /// See [`Limit::UcSessions`].
    pub uc_sessions: u64,
    /// See [`Limit::PhoneProxySessions`].
    pub phone_proxy_sessions: u64,
    /// See [`Limit::SrtpSessions`].
    pub srtp_sessions: u64,
    /// See [`Limit::Handshakes`].
    pub handshakes: u64,
    /// See [`Limit::ImeLicensed`].
    pub ime_licensed: bool,
}

impl Limits {
    /// Nothing is limited.
    pub const UNLIMITED: Self = Self {
        tls_sessions: UNLIMITED,
        uc_sessions: UNLIMITED,
        phone_proxy_sessions: UNLIMITED,
        srtp_sessions: UNLIMITED,
        handshakes: UNLIMITED,
        ime_licensed: true,
    };
}

/// The limits in shared memory. Control writes, workers read at each admission.
#[derive(Clone, Copy, Debug)]
pub struct LimitWords<'r> {
    words: &'r [AtomicU64],
}

impl<'r> LimitWords<'r> {
    /// A view over [`LIMITS_WORDS`] words; `None` if there are fewer.
    #[must_use]
    pub fn new(words: &'r [AtomicU64]) -> Option<Self> {
        Some(Self {
            words: words.get(..LIMITS_WORDS)?,
        })
    }

    /// The value of one limit now.
    #[must_use]
    pub fn get(&self, limit: Limit) -> u64 {
        self.words
            .get(limit as usize)
            .map_or(0, |w| w.load(Relaxed))
    }

    /// Every limit now. Each is read on its own; a change may fall between two of them.
    #[must_use]
    pub fn load(&self) -> Limits {
        Limits {
            tls_sessions: self.get(Limit::TlsSessions),
            uc_sessions: self.get(Limit::UcSessions),
            phone_proxy_sessions: self.get(Limit::PhoneProxySessions),
            srtp_sessions: self.get(Limit::SrtpSessions),
            handshakes: self.get(Limit::Handshakes),
            ime_licensed: self.get(Limit::ImeLicensed) != 0,
        }
    }

    /// Sets every limit. Only control calls this.
    pub fn store(&self, limits: &Limits) {
        let set = |limit: Limit, value: u64| {
            if let Some(word) = self.words.get(limit as usize) {
                word.store(value, Relaxed);
            }
        };
        set(Limit::TlsSessions, limits.tls_sessions);
        set(Limit::UcSessions, limits.uc_sessions);
        set(Limit::PhoneProxySessions, limits.phone_proxy_sessions);
        set(Limit::SrtpSessions, limits.srtp_sessions);
        set(Limit::Handshakes, limits.handshakes);
        set(Limit::ImeLicensed, u64::from(limits.ime_licensed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_limits_read_back() {
        let words: Vec<AtomicU64> = (0..LIMITS_WORDS).map(|_| AtomicU64::new(0)).collect();
        let limits = LimitWords::new(&words).unwrap();
        let wanted = Limits {
            tls_sessions: 1,
            uc_sessions: 2,
            phone_proxy_sessions: 3,
            srtp_sessions: UNLIMITED,
            handshakes: 5,
            ime_licensed: true,
        };
        limits.store(&wanted);
        assert_eq!(limits.load(), wanted);
    }
}
