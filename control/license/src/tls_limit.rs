//! The TLS proxy limit as it moves with licences, commands and a cleared configuration.

use core::fmt;

use crate::entitle::Entitlement;
use crate::file::Grant;
use crate::model::Model;

/// The configured limit, `T`: 1 up to the model's maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsLimit(u32);

/// Why a limit cannot be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsLimitError {
    /// It is not in the model's range (L14).
    #[error("{model} takes a TLS proxy limit from 1 to {max}, not {given}")]
    OutOfRange {
        /// Name of the model.
        model: &'static str,
        /// Its maximum.
        max: u32,
        /// The value asked for.
        given: u32,
    },
}

/// What clearing the configuration left (L16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleared {
    /// The model's default.
    pub limit: TlsLimit,
    /// What the operator must be told, if anything.
    pub warning: Option<TooLow>,
}

/// The limit after clearing is below the licensed sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLow {
    /// The limit in force.
    pub limit: u32,
    /// UC sessions licensed.
    pub licensed: u32,
    /// A primary will restore its own limit on this unit, so the message is harmless (L17).
    pub standby: bool,
}

impl fmt::Display for TooLow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            limit, licensed, ..
        } = self;
        write!(
            f,
            "TLS proxy limit is now the model's default of {limit}, below the {licensed} licensed \
             UC sessions; raise it with 'ucproxy tls-proxy maximum-sessions {licensed}'"
        )?;
        if self.standby {
            f.write_str(" (harmless here: the primary restores its limit with the next sync)")?;
        }
        Ok(())
    }
}

impl TlsLimit {
    /// The limit of a unit that nobody configured.
    #[must_use]
    pub const fn default_of(model: &Model) -> Self {
        Self(model.tls_default)
    }

    /// The limit that the operator sets, licence or none (L14, L15).
    ///
    /// # Errors
    /// [`TlsLimitError::OutOfRange`].
    pub const fn set(model: &Model, sessions: u32) -> Result<Self, TlsLimitError> {
        if sessions == 0 || sessions > model.tls_max {
            return Err(TlsLimitError::OutOfRange {
                model: model.name,
                max: model.tls_max,
                given: sessions,
            });
        }
        Ok(Self(sessions))
    }

    /// Sessions.
    #[must_use]
    pub const fn sessions(self) -> u32 {
        self.0
    }

    /// The limit after a licence of `uc_sessions` was applied, with the IME licence or without.
    ///
    /// A licence above the model's default raises the limit to match (L11), with IME by the
    /// model's extra sessions more (L29); one that is not leaves it (L12). It never lowers (L13).
    #[must_use]
    pub fn licensed(self, model: &Model, uc_sessions: u32, ime: bool) -> Self {
        if uc_sessions <= model.tls_default {
            return self;
        }
        let extra = if ime { model.ime_extra() } else { 0 };
        Self(self.0.max((uc_sessions + extra).min(model.tls_max)))
    }

    /// The limit after `grant` was installed beside what the unit `held` (L13): both together
    /// count, so that their order does not (L29). A grant that raises nothing by itself leaves
    /// the limit (L12).
    #[must_use]
    pub fn installed(self, model: &Model, held: &Entitlement, grant: &Grant) -> Self {
        let tier = grant.tier.unwrap_or(0);
        if tier <= model.tls_default && !grant.ime {
            return self;
        }
        self.licensed(model, tier.max(held.uc_sessions), grant.ime || held.ime)
    }

    /// The limit after the whole configuration was cleared (L16, L17).
    #[must_use]
    pub fn cleared(model: &Model, uc_sessions: u32, standby: bool) -> Cleared {
        let limit = Self::default_of(model);
        let warning = (limit.0 < uc_sessions).then_some(TooLow {
            limit: limit.0,
            licensed: uc_sessions,
            standby,
        });
        Cleared { limit, warning }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entitle::entitle;
    use crate::key::{ExportClass, Licence};
    use crate::model::MODELS;

    fn model(name: &str) -> &'static Model {
        Model::by_name(name).unwrap()
    }

    #[test]
    fn l13_a_higher_limit_set_by_hand_stays_and_a_lower_one_is_raised() {
        let model = model("ASA5520");
        let high = TlsLimit::set(model, 1_100).unwrap();
        assert_eq!(high.licensed(model, 750, false).sessions(), 1_100);
        let low = TlsLimit::set(model, 10).unwrap();
        assert_eq!(low.licensed(model, 750, false).sessions(), 750);
        assert_eq!(low.licensed(model, 250, false).sessions(), 10);
    }

    fn grant(serial: u64, tier: Option<u32>, ime: bool) -> Grant {
        Grant {
            serial,
            model: model("ASA5520"),
            tier,
            ime,
            class: ExportClass::K9,
            expires: None,
        }
    }

    /// A limit set by hand after licences of these tiers and IME were installed, one by one.
    fn after(set: u32, files: &[(Option<u32>, bool)]) -> u32 {
        let model = model("ASA5520");
        let mut limit = TlsLimit::set(model, set).unwrap();
        let mut held: Vec<Licence> = Vec::new();
        for (serial, &(tier, ime)) in (1..).zip(files) {
            let grant = grant(serial, tier, ime);
            let before = entitle(model, &held, Some(limit.sessions())).unwrap();
            limit = limit.installed(model, &before, &grant);
            held.extend(grant.licences());
        }
        limit.sessions()
    }

    #[test]
    fn l29_uc_and_ime_raise_a_limit_alike_in_every_order() {
        let (uc, ime, both) = ((Some(750), false), (None, true), (Some(750), true));
        for files in [&[both][..], &[uc, ime], &[ime, uc], &[ime, both]] {
            assert_eq!(after(300, files), 950, "{files:?}");
            assert_eq!(after(1_100, files), 1_100, "L13, {files:?}");
        }
        assert_eq!(after(300, &[ime]), 300);
    }

    #[test]
    fn l12_a_small_licence_beside_a_large_one_leaves_the_limit() {
        let (small, large) = ((Some(24), false), (Some(1_000), false));
        assert_eq!(after(10, &[small]), 10);
        assert_eq!(after(10, &[large, small]), 1_000);
        let model = model("ASA5520");
        let large = Licence::perpetual(crate::Feature::Uc { sessions: 1_000 }, ExportClass::K9);
        let held = entitle(model, &[large], Some(10)).unwrap();
        let low = TlsLimit::set(model, 10).unwrap();
        assert_eq!(low.installed(model, &held, &grant(2, small.0, false)), low);
    }

    #[test]
    fn l16_every_tier_above_the_default_complains_when_cleared() {
        for model in &MODELS {
            for &tier in model.tiers {
                let cleared = TlsLimit::cleared(model, tier, false);
                assert_eq!(cleared.limit.sessions(), model.tls_default);
                assert_eq!(cleared.warning.is_some(), tier > model.tls_default);
            }
        }
    }

    #[test]
    fn l17_a_standby_is_told_that_the_message_is_harmless() {
        let warning = TlsLimit::cleared(model("ASA5540"), 2_000, true).warning;
        let text = warning.unwrap().to_string();
        assert!(text.contains("maximum-sessions 2000"), "{text}");
        assert!(text.contains("harmless"), "{text}");
        let warning = TlsLimit::cleared(model("ASA5540"), 2_000, false).warning;
        assert!(!warning.unwrap().to_string().contains("harmless"));
    }
}
