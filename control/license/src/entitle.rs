//! From a model, its licences and the operator's TLS proxy limit to the limits in force.

use abi::limits::{Limits, UNLIMITED};

use crate::key::{ExportClass, Feature, Licence};
use crate::model::{CAPPED_TIER, Model, PHONE_PROXY_CAP};
use crate::tls_limit::{TlsLimit, TlsLimitError};

/// Most TLS proxy sessions under export class K8.
pub const K8_TLS_SESSIONS: u32 = 1_000;
/// Most SRTP sessions under export class K8.
pub const K8_SRTP_SESSIONS: u32 = 250;

/// What a unit may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entitlement {
    /// `U`: UC sessions licensed.
    pub uc_sessions: u32,
    /// Phone proxy sessions, a part of them.
    pub phone_proxy_sessions: u32,
    /// `T`: TLS proxy limit as configured or as licences set it.
    pub tls_configured: u32,
    /// `Tk`: TLS proxy limit as it holds, clamped by the export class (L14).
    pub tls_sessions: u32,
    /// SRTP sessions; `None` is without limit.
    pub srtp_sessions: Option<u32>,
    /// Whether IME sessions are admitted at all.
    pub ime: bool,
    /// Export class.
    pub class: ExportClass,
}

impl Entitlement {
    /// The limits that workers read; `handshakes` is configuration, no licence speaks of it.
    #[must_use]
    pub fn limits(&self, handshakes: u64) -> Limits {
        Limits {
            tls_sessions: self.tls_sessions.into(),
            uc_sessions: self.uc_sessions.into(),
            phone_proxy_sessions: self.phone_proxy_sessions.into(),
            srtp_sessions: self.srtp_sessions.map_or(UNLIMITED, u64::from),
            handshakes,
            ime_licensed: self.ime,
        }
    }

    /// Licensed UC sessions that the TLS proxy limit keeps from ever being used (L10).
    #[must_use]
    pub const fn unusable(&self) -> u32 {
        self.uc_sessions.saturating_sub(self.tls_sessions)
    }
}

/// Why licences and model do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntitleError {
    /// No UC licence of this size exists for the model.
    #[error("{model} takes no UC licence of {sessions} sessions")]
    Tier {
        /// Name of the model.
        model: &'static str,
        /// The size asked for.
        sessions: u32,
    },
    /// The TLS proxy limit is not one of the model's.
    #[error(transparent)]
    TlsLimit(#[from] TlsLimitError),
}

/// What `model` may do with `licences`, all in force (see [`crate::in_force`]), when the operator
/// set the TLS proxy limit to `set_limit`; `None` leaves it to the model and the licences.
///
/// Of several UC licences the largest counts (they replace, not add), and one K9 licence makes
/// the unit K9. Without any, the base sessions count as K8.
///
/// # Errors
/// See [`EntitleError`].
pub fn entitle(
    model: &Model,
    licences: &[Licence],
    set_limit: Option<u32>,
) -> Result<Entitlement, EntitleError> {
    let uc_sessions = uc_sessions(model, licences)?;
    let ime = licences.iter().any(|l| l.feature == Feature::Ime);
    let class = licences.iter().map(|l| l.class).max().unwrap_or_default();
    let limit = match set_limit {
        Some(sessions) => TlsLimit::set(model, sessions)?,
        None => TlsLimit::default_of(model).licensed(model, uc_sessions, ime),
    };
    let tls_configured = limit.sessions();
    let (tls_sessions, srtp_sessions) = match class {
        ExportClass::K8 => (tls_configured.min(K8_TLS_SESSIONS), Some(K8_SRTP_SESSIONS)),
        ExportClass::K9 => (tls_configured, None),
    };
    let phone_proxy_sessions = if uc_sessions >= CAPPED_TIER {
        PHONE_PROXY_CAP
    } else {
        uc_sessions
    };
    Ok(Entitlement {
        uc_sessions,
        phone_proxy_sessions,
        tls_configured,
        tls_sessions,
        srtp_sessions,
        ime,
        class,
    })
}

fn uc_sessions(model: &Model, licences: &[Licence]) -> Result<u32, EntitleError> {
    let mut most = model.base;
    for licence in licences {
        if let Feature::Uc { sessions } = licence.feature {
            if !model.takes(sessions) {
                let model = model.name;
                return Err(EntitleError::Tier { model, sessions });
            }
            most = most.max(sessions);
        }
    }
    Ok(most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MODELS;

    fn uc(sessions: u32, class: ExportClass) -> Licence {
        Licence::perpetual(Feature::Uc { sessions }, class)
    }

    fn ime(class: ExportClass) -> Licence {
        Licence::perpetual(Feature::Ime, class)
    }

    fn model(name: &str) -> &'static Model {
        Model::by_name(name).unwrap()
    }

    fn of(name: &str, licences: &[Licence], set: Option<u32>) -> Entitlement {
        entitle(model(name), licences, set).unwrap()
    }

    #[test]
    fn l11_l12_every_tier_of_every_model_raises_the_default_or_leaves_it() {
        for model in &MODELS {
            for &tier in model.tiers {
                let got = entitle(model, &[uc(tier, ExportClass::K9)], None).unwrap();
                assert_eq!(got.uc_sessions, tier);
                assert_eq!(
                    got.tls_sessions,
                    tier.max(model.tls_default),
                    "{} {tier}",
                    model.name
                );
            }
        }
    }

    #[test]
    fn l24_without_a_licence_the_base_sessions_are_left() {
        for model in &MODELS {
            let got = entitle(model, &[], None).unwrap();
            assert_eq!(
                (got.uc_sessions, got.tls_configured),
                (2, model.tls_default)
            );
            assert_eq!(got.class, ExportClass::K8);
            assert!(!got.ime);
        }
    }

    #[test]
    fn l25_ime_alone_gives_no_uc_sessions() {
        let got = of("ASA5520", &[ime(ExportClass::K9)], None);
        assert_eq!((got.uc_sessions, got.tls_sessions, got.ime), (2, 300, true));
    }

    #[test]
    fn l29_ime_adds_what_the_model_leaves_above_its_top_tier() {
        for model in &MODELS {
            for &tier in model.tiers {
                let licences = [uc(tier, ExportClass::K9), ime(ExportClass::K9)];
                let got = entitle(model, &licences, None).unwrap();
                let raised = tier + model.ime_extra();
                let expected = if tier > model.tls_default {
                    raised.min(model.tls_max)
                } else {
                    model.tls_default
                };
                assert_eq!(got.tls_sessions, expected, "{} {tier}", model.name);
            }
        }
    }

    #[test]
    fn l14_k8_clamps_use_and_prints_what_was_configured() {
        let got = of("ASA5550", &[uc(100, ExportClass::K8)], Some(4_500));
        assert_eq!((got.tls_configured, got.tls_sessions), (4_500, 1_000));
        let got = of("ASA5550", &[uc(100, ExportClass::K9)], Some(4_500));
        assert_eq!((got.tls_configured, got.tls_sessions), (4_500, 4_500));
    }

    #[test]
    fn l14_the_limit_runs_from_one_to_the_models_maximum() {
        for model in &MODELS {
            for bad in [0, model.tls_max + 1, u32::MAX] {
                assert!(entitle(model, &[], Some(bad)).is_err());
            }
            for good in [1, model.tls_max] {
                assert_eq!(
                    entitle(model, &[], Some(good)).unwrap().tls_configured,
                    good
                );
            }
        }
    }

    #[test]
    fn l15_the_limit_may_be_set_without_a_licence() {
        assert_eq!(of("ASA5510", &[], Some(150)).tls_sessions, 150);
    }

    #[test]
    fn l18_l20_srtp_is_capped_under_k8_only() {
        assert_eq!(
            of("ASA5520", &[uc(750, ExportClass::K8)], None).srtp_sessions,
            Some(250)
        );
        let got = of("ASA5520", &[uc(750, ExportClass::K9)], None);
        assert_eq!(got.srtp_sessions, None);
        assert_eq!(got.limits(9).srtp_sessions, UNLIMITED);
        assert_eq!(got.limits(9).handshakes, 9);
    }

    #[test]
    fn l07_l09_ten_thousand_sessions_cap_the_phone_proxy() {
        let got = of("ASA5580", &[uc(10_000, ExportClass::K9)], None);
        assert_eq!((got.phone_proxy_sessions, got.uc_sessions), (5_000, 10_000));
        let got = of("ASA5580", &[uc(5_000, ExportClass::K9)], None);
        assert_eq!((got.phone_proxy_sessions, got.uc_sessions), (5_000, 5_000));
        let got = of("ASA5580", &[uc(3_000, ExportClass::K9)], None);
        assert_eq!((got.phone_proxy_sessions, got.uc_sessions), (3_000, 3_000));
    }

    #[test]
    fn a_tier_of_another_model_is_refused() {
        for model in &MODELS {
            for sessions in [0, 1, 2, 25, model.top_tier() + 1] {
                assert_eq!(
                    entitle(model, &[uc(sessions, ExportClass::K9)], None),
                    Err(EntitleError::Tier {
                        model: model.name,
                        sessions
                    })
                );
            }
        }
    }

    #[test]
    fn the_largest_of_several_licences_counts_and_one_k9_frees() {
        let licences = [uc(750, ExportClass::K8), uc(250, ExportClass::K9)];
        let got = of("ASA5520", &licences, None);
        assert_eq!((got.uc_sessions, got.class), (750, ExportClass::K9));
    }
}
