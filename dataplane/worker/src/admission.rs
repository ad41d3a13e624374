//! Taking licence units before a session or encrypted media begins.
//!
//! What the numbers mean is `control/license`; here they are only compared. Every unit is a
//! [`Permit`], given back when it is dropped, so that no way of ending a session can forget one.

use abi::limits::LimitWords;
use abi::usage::Usage;
use abi::{Limit, Permit, Pool, Reason};
use pipeline::LicenceClass;

/// The pools and their limits, as one worker reaches them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admission {
    limits: LimitWords<'static>,
    usage: Usage<'static>,
}

/// The units that one session holds.
#[derive(Debug)]
pub(crate) struct SessionPermit {
    /// Held for their `Drop`: the TLS proxy session, the UC session, the phone proxy session.
    units: [Option<Permit<'static>>; 3],
}

impl SessionPermit {
    /// How many units the session holds.
    #[must_use]
    pub(crate) fn units(&self) -> u64 {
        self.units.iter().flatten().count() as u64
    }
}

impl Admission {
    /// Admission against the limits and pools of a region.
    #[must_use]
    pub(crate) const fn new(limits: LimitWords<'static>, usage: Usage<'static>) -> Self {
        Self { limits, usage }
    }

    /// Whether a session of `class` could be admitted now. Takes nothing: it spares a client that
    /// would be refused anyhow its handshake, and us too.
    ///
    /// # Errors
    /// As [`Admission::session`].
    pub(crate) fn has_room(&self, class: LicenceClass) -> Result<(), Reason> {
        self.check_licensed(class)?;
        for &(pool, limit, reason) in pools(class) {
            if self.usage.read(pool).in_use >= self.limits.get(limit) {
                return Err(reason);
            }
        }
        Ok(())
    }

    /// Takes what one session of `class` needs, or nothing.
    ///
    /// # Errors
    /// The first limit that is in the way, in the order of `asa-uc-proxy.md` §7.4.
    pub(crate) fn session(&self, class: LicenceClass) -> Result<SessionPermit, Reason> {
        self.check_licensed(class)?;
        let mut units = [None, None, None];
        // What was taken before a refusal is given back as `units` is dropped.
        for (unit, &(pool, limit, reason)) in units.iter_mut().zip(pools(class)) {
            *unit = Some(self.take(pool, limit, reason)?);
        }
        Ok(SessionPermit { units })
    }

    /// Whether sessions of `class` may be at all.
    pub(crate) fn is_licensed(&self, class: LicenceClass) -> bool {
        self.check_licensed(class).is_ok()
    }

    /// Whether any limit is below what is in use.
    pub(crate) fn is_any_over(&self) -> bool {
        self.is_srtp_over() || self.is_over(LicenceClass::PhoneProxy)
    }

    /// Whether a limit that holds for sessions of `class` is below what is in use.
    pub(crate) fn is_over(&self, class: LicenceClass) -> bool {
        let mut pools = pools(class).iter();
        pools.any(|&(pool, limit, _)| self.exceeds(pool, limit))
    }

    /// Whether the limit of calls with encrypted media is below what is in use.
    pub(crate) fn is_srtp_over(&self) -> bool {
        self.exceeds(Pool::SrtpSessions, Limit::SrtpSessions)
    }

    fn exceeds(&self, pool: Pool, limit: Limit) -> bool {
        self.usage.read(pool).in_use > self.limits.get(limit)
    }

    fn check_licensed(&self, class: LicenceClass) -> Result<(), Reason> {
        if class == LicenceClass::ImePool && self.limits.get(Limit::ImeLicensed) == 0 {
            return Err(Reason::ImeUnlicensed);
        }
        Ok(())
    }

    /// Takes the unit of one call whose media is encrypted or decrypted here.
    ///
    /// # Errors
    /// [`Reason::LimitSrtpSessions`].
    pub(crate) fn srtp(&self) -> Result<Permit<'static>, Reason> {
        self.take(
            Pool::SrtpSessions,
            Limit::SrtpSessions,
            Reason::LimitSrtpSessions,
        )
    }

    /// Takes a place among the handshakes in progress.
    ///
    /// # Errors
    /// [`Reason::LimitHandshakes`].
    pub(crate) fn handshake(&self) -> Result<Permit<'static>, Reason> {
        self.take(Pool::Handshakes, Limit::Handshakes, Reason::LimitHandshakes)
    }

    fn take(&self, pool: Pool, limit: Limit, reason: Reason) -> Result<Permit<'static>, Reason> {
        self.usage.take(pool, self.limits.get(limit)).ok_or(reason)
    }
}

/// The pools that a session of `class` takes from, in the order in which they are asked.
const fn pools(class: LicenceClass) -> &'static [(Pool, Limit, Reason)] {
    const TLS: (Pool, Limit, Reason) = (
        Pool::TlsSessions,
        Limit::TlsSessions,
        Reason::LimitTlsSessions,
    );
    const UC: (Pool, Limit, Reason) =
        (Pool::UcSessions, Limit::UcSessions, Reason::LimitUcSessions);
    const PHONE: (Pool, Limit, Reason) = (
        Pool::PhoneProxySessions,
        Limit::PhoneProxySessions,
        Reason::LimitPhoneProxySessions,
    );
    match class {
        LicenceClass::PhoneProxy => &[TLS, UC, PHONE],
        LicenceClass::UcSession => &[TLS, UC],
        LicenceClass::ImePool | LicenceClass::Unlicensed => &[TLS],
    }
}

#[cfg(test)]
mod tests;
