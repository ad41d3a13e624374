use std::sync::atomic::AtomicU64;

use abi::Limits;
use abi::limits::{LIMITS_WORDS, UNLIMITED};
use abi::usage::USAGE_WORDS;
use license::{
    ExportClass, Feature, K8_SRTP_SESSIONS, K8_TLS_SESSIONS, Licence, MODELS, Model, entitle,
};

use super::*;

fn words(n: usize) -> &'static [AtomicU64] {
    (0..n).map(|_| AtomicU64::new(0)).collect::<Vec<_>>().leak()
}

fn admission(limits: Limits) -> Admission {
    let limit_words = LimitWords::new(words(LIMITS_WORDS)).unwrap();
    limit_words.store(&limits);
    Admission::new(limit_words, Usage::new(words(USAGE_WORDS)).unwrap())
}

fn in_use(admission: &Admission) -> [u64; 3] {
    [
        Pool::TlsSessions,
        Pool::UcSessions,
        Pool::PhoneProxySessions,
    ]
    .map(|pool| admission.usage.read(pool).in_use)
}

#[test]
fn l01_l02_each_class_takes_its_own_pools() {
    let admission = admission(Limits::UNLIMITED);
    let _phone = admission.session(LicenceClass::PhoneProxy).unwrap();
    assert_eq!(in_use(&admission), [1, 1, 1]);
    let _presence = admission.session(LicenceClass::UcSession).unwrap();
    assert_eq!(in_use(&admission), [2, 2, 1]);
    let _mobility = admission.session(LicenceClass::Unlicensed).unwrap();
    assert_eq!(in_use(&admission), [3, 2, 1]);
}

#[test]
fn l05_a_refusal_takes_nothing() {
    let admission = admission(Limits {
        uc_sessions: 1,
        ..Limits::UNLIMITED
    });
    let held = admission.session(LicenceClass::PhoneProxy).unwrap();
    let refused = admission.session(LicenceClass::PhoneProxy).unwrap_err();
    assert_eq!(refused, Reason::LimitUcSessions);
    assert_eq!(in_use(&admission), [1, 1, 1]);
    drop(held);
    assert_eq!(in_use(&admission), [0, 0, 0]);
}

#[test]
fn l07_phone_proxy_part_of_the_uc_licence_is_its_own_limit() {
    let admission = admission(Limits {
        phone_proxy_sessions: 1,
        uc_sessions: 2,
        ..Limits::UNLIMITED
    });
    let _phone = admission.session(LicenceClass::PhoneProxy).unwrap();
    let refused = admission.session(LicenceClass::PhoneProxy).unwrap_err();
    assert_eq!(refused, Reason::LimitPhoneProxySessions);
    assert!(admission.session(LicenceClass::UcSession).is_ok());
}

#[test]
fn l03_ime_is_refused_without_its_licence() {
    let admission = admission(Limits {
        ime_licensed: false,
        ..Limits::UNLIMITED
    });
    let refused = admission.session(LicenceClass::ImePool).unwrap_err();
    assert_eq!(refused, Reason::ImeUnlicensed);
    assert_eq!(in_use(&admission), [0, 0, 0]);
}

#[test]
fn l10_the_tls_limit_wins_over_the_uc_licence() {
    let admission = admission(Limits {
        tls_sessions: 1,
        uc_sessions: 5,
        ..Limits::UNLIMITED
    });
    let _one = admission.session(LicenceClass::UcSession).unwrap();
    let refused = admission.session(LicenceClass::UcSession).unwrap_err();
    assert_eq!(refused, Reason::LimitTlsSessions);
}

#[test]
fn l20_the_call_past_the_srtp_limit_is_refused() {
    let admission = admission(Limits {
        srtp_sessions: 2,
        ..Limits::UNLIMITED
    });
    let held = [admission.srtp().unwrap(), admission.srtp().unwrap()];
    assert_eq!(admission.srtp().unwrap_err(), Reason::LimitSrtpSessions);
    drop(held);
    assert!(admission.srtp().is_ok());
}

/// Admission on `model` under licences of its largest tier and of IME, with its highest TLS
/// proxy limit.
fn licensed(model: &Model, class: ExportClass) -> (Admission, Limits) {
    let uc = Feature::Uc {
        sessions: model.top_tier(),
    };
    let licences = [uc, Feature::Ime].map(|feature| Licence::perpetual(feature, class));
    let limits = entitle(model, &licences, Some(model.tls_max)).unwrap();
    let limits = limits.limits(UNLIMITED);
    (admission(limits), limits)
}

/// Admits sessions of `class` until one is refused, and says why.
fn fill(admission: &Admission, class: LicenceClass, held: &mut Vec<SessionPermit>) -> Reason {
    loop {
        match admission.session(class) {
            Ok(permit) => held.push(permit),
            Err(reason) => return reason,
        }
    }
}

#[test]
fn every_model_ends_each_pool_at_its_limit_and_gets_every_unit_back() {
    for model in &MODELS {
        let (admission, limits) = licensed(model, ExportClass::K9);
        let mut held = Vec::new();
        let reason = fill(&admission, LicenceClass::PhoneProxy, &mut held);
        let phones = held.len() as u64;
        let capped = limits.phone_proxy_sessions < limits.uc_sessions;
        let expected = if capped {
            (limits.phone_proxy_sessions, Reason::LimitPhoneProxySessions)
        } else if limits.uc_sessions < limits.tls_sessions {
            (limits.uc_sessions, Reason::LimitUcSessions)
        } else {
            (limits.tls_sessions, Reason::LimitTlsSessions)
        };
        assert_eq!((phones, reason), expected, "{}", model.name);
        if capped {
            let reason = fill(&admission, LicenceClass::UcSession, &mut held);
            let all = (held.len() as u64, reason);
            assert_eq!(all, (limits.uc_sessions, Reason::LimitUcSessions));
        }
        let reason = fill(&admission, LicenceClass::ImePool, &mut held);
        assert_eq!(reason, Reason::LimitTlsSessions, "{}", model.name);
        assert_eq!(
            held.len() as u64,
            u64::from(model.tls_max),
            "{}",
            model.name
        );
        assert_eq!(
            in_use(&admission)[2],
            phones,
            "IME takes of the TLS pool alone"
        );
        drop(held);
        assert_eq!(in_use(&admission), [0, 0, 0], "{}", model.name);
    }
}

#[test]
fn l14_l20_class_k8_ends_at_a_thousand_tls_and_250_srtp_sessions() {
    let (admission, _) = licensed(Model::by_name("ASA5580").unwrap(), ExportClass::K8);
    let mut held = Vec::new();
    let reason = fill(&admission, LicenceClass::PhoneProxy, &mut held);
    assert_eq!(reason, Reason::LimitTlsSessions);
    assert_eq!(held.len(), K8_TLS_SESSIONS as usize);
    let calls: Vec<_> = (0..K8_SRTP_SESSIONS).map(|_| admission.srtp()).collect();
    assert!(calls.iter().all(Result::is_ok));
    assert_eq!(admission.srtp().unwrap_err(), Reason::LimitSrtpSessions);
    drop(calls);
    assert!(admission.srtp().is_ok());
}
