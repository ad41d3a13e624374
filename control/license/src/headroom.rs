//! What may still be admitted, and which limit stands in the way.
//!
//! The data plane decides on its atomics; this says the same of a snapshot, in the same order of
//! checks, so that `show license` can explain it and tests have an oracle.

use abi::{Limits, Reason};

/// Sessions by the rule that counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Phone proxy: counts as UC, and by itself (L01, L07).
    PhoneProxy,
    /// Encrypted voice inspection and presence federation: count as UC (L01).
    Uc,
    /// Mobility: counts in the total alone (L02).
    Mobility,
    /// IME: counts in the total alone, and needs its licence (L03).
    Ime,
}

/// Sessions in use. `total` counts every one once, `uc` those under the UC licence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InUse {
    /// Every TLS proxy session.
    pub total: u64,
    /// UC sessions among them.
    pub uc: u64,
    /// Phone proxy sessions among those.
    pub phone_proxy: u64,
}

impl InUse {
    /// Counts one more session of `kind`; who calls it has asked [`refusal`] before.
    #[must_use]
    pub const fn plus(self, kind: Kind) -> Self {
        let (uc, phone_proxy) = match kind {
            Kind::PhoneProxy => (1, 1),
            Kind::Uc => (1, 0),
            Kind::Mobility | Kind::Ime => (0, 0),
        };
        Self {
            total: self.total + 1,
            uc: self.uc + uc,
            phone_proxy: self.phone_proxy + phone_proxy,
        }
    }
}

/// Sessions of each kind that would still be admitted if no other kind took any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headroom {
    /// Phone proxy.
    pub phone_proxy: u64,
    /// Other UC applications.
    pub uc: u64,
    /// Mobility.
    pub mobility: u64,
    /// IME.
    pub ime: u64,
}

/// Why one more session of `kind` would be refused; `None` when it would be admitted.
///
/// The order is: IME licence, TLS proxy limit, UC limit, phone proxy limit.
#[must_use]
pub const fn refusal(limits: &Limits, in_use: &InUse, kind: Kind) -> Option<Reason> {
    if matches!(kind, Kind::Ime) && !limits.ime_licensed {
        return Some(Reason::ImeUnlicensed);
    }
    if in_use.total >= limits.tls_sessions {
        return Some(Reason::LimitTlsSessions);
    }
    let counts_as_uc = matches!(kind, Kind::PhoneProxy | Kind::Uc);
    if counts_as_uc && in_use.uc >= limits.uc_sessions {
        return Some(Reason::LimitUcSessions);
    }
    let is_phone = matches!(kind, Kind::PhoneProxy);
    if is_phone && in_use.phone_proxy >= limits.phone_proxy_sessions {
        return Some(Reason::LimitPhoneProxySessions);
    }
    None
}

/// How much of each kind is left.
#[must_use]
pub fn headroom(limits: &Limits, in_use: &InUse) -> Headroom {
    let total = limits.tls_sessions.saturating_sub(in_use.total);
    let uc = limits.uc_sessions.saturating_sub(in_use.uc).min(total);
    let phones = limits
        .phone_proxy_sessions
        .saturating_sub(in_use.phone_proxy);
    Headroom {
        phone_proxy: phones.min(uc),
        uc,
        mobility: total,
        ime: if limits.ime_licensed { total } else { 0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        tls_sessions: 4,
        uc_sessions: 2,
        phone_proxy_sessions: 1,
        ..Limits::UNLIMITED
    };

    #[test]
    fn l01_l02_l03_each_kind_counts_where_it_should() {
        let none = InUse::default();
        let counts = |kind| {
            let InUse {
                total,
                uc,
                phone_proxy,
            } = none.plus(kind);
            (total, uc, phone_proxy)
        };
        assert_eq!(counts(Kind::PhoneProxy), (1, 1, 1));
        assert_eq!(counts(Kind::Uc), (1, 1, 0));
        assert_eq!(counts(Kind::Mobility), (1, 0, 0));
        assert_eq!(counts(Kind::Ime), (1, 0, 0));
    }

    #[test]
    fn l03_ime_without_its_licence_is_refused_before_any_limit() {
        let limits = Limits {
            ime_licensed: false,
            tls_sessions: 0,
            ..LIMITS
        };
        let none = InUse::default();
        assert_eq!(
            refusal(&limits, &none, Kind::Ime),
            Some(Reason::ImeUnlicensed)
        );
        assert_eq!(headroom(&limits, &none).ime, 0);
    }

    #[test]
    fn limits_are_checked_in_their_order() {
        let full = InUse {
            total: 4,
            uc: 2,
            phone_proxy: 1,
        };
        let at = |in_use: InUse, kind| refusal(&LIMITS, &in_use, kind);
        assert_eq!(at(full, Kind::PhoneProxy), Some(Reason::LimitTlsSessions));
        let full = InUse { total: 3, ..full };
        assert_eq!(at(full, Kind::PhoneProxy), Some(Reason::LimitUcSessions));
        let full = InUse { uc: 1, ..full };
        assert_eq!(
            at(full, Kind::PhoneProxy),
            Some(Reason::LimitPhoneProxySessions)
        );
        assert_eq!(at(full, Kind::Uc), None);
    }

    #[test]
    fn l04_a_phone_with_two_call_managers_uses_two_units() {
        let limits = Limits {
            tls_sessions: 10,
            uc_sessions: 3,
            ..Limits::UNLIMITED
        };
        let two_phones = InUse::default()
            .plus(Kind::PhoneProxy)
            .plus(Kind::PhoneProxy)
            .plus(Kind::PhoneProxy);
        assert_eq!(
            refusal(&limits, &two_phones, Kind::PhoneProxy),
            Some(Reason::LimitUcSessions)
        );
    }
}
