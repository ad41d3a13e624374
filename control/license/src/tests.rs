//! The worked examples E1 to E14, each under its own id, and the properties behind them.

use crate::{
    ExportClass, Feature, InUse, Kind, Licence, MODELS, Model, TlsLimit, entitle, headroom, refusal,
};
use abi::{Limits, Reason};
use proptest::prelude::*;

const fn limits(tls: u64, uc: u64, ime: bool) -> Limits {
    Limits {
        tls_sessions: tls,
        uc_sessions: uc,
        ime_licensed: ime,
        ..Limits::UNLIMITED
    }
}

/// Sessions in use: UC ones (no phones) and IME ones.
const fn using(uc: u64, ime: u64) -> InUse {
    InUse {
        total: uc + ime,
        uc,
        phone_proxy: 0,
    }
}

fn uc(sessions: u32, class: ExportClass) -> Licence {
    Licence::perpetual(Feature::Uc { sessions }, class)
}

const fn ime(class: ExportClass) -> Licence {
    Licence::perpetual(Feature::Ime, class)
}

fn model(name: &str) -> &'static Model {
    Model::by_name(name).unwrap()
}

#[test]
fn e1_l26_ime_in_the_free_room_leaves_uc_whole() {
    assert_eq!(headroom(&limits(1000, 750, true), &using(0, 250)).uc, 750);
}

#[test]
fn e2_l27_one_ime_session_more_costs_a_uc_session() {
    assert_eq!(headroom(&limits(1000, 750, true), &using(0, 251)).uc, 749);
}

#[test]
fn e3_full_uc_leaves_ime_the_free_room() {
    assert_eq!(headroom(&limits(1000, 750, true), &using(750, 0)).ime, 250);
}

#[test]
fn e4_l28_ime_alone_may_take_everything() {
    assert_eq!(headroom(&limits(1000, 750, true), &using(0, 0)).ime, 1000);
}

#[test]
fn e5_at_the_total_both_are_refused_by_the_tls_limit() {
    let (limits, in_use) = (limits(1000, 750, true), using(600, 400));
    for kind in [Kind::Uc, Kind::Ime, Kind::PhoneProxy, Kind::Mobility] {
        assert_eq!(
            refusal(&limits, &in_use, kind),
            Some(Reason::LimitTlsSessions)
        );
    }
}

#[test]
fn e6_l10_a_tls_limit_below_the_licence_wins() {
    let got = entitle(model("ASA5520"), &[uc(750, ExportClass::K9)], Some(500)).unwrap();
    assert_eq!(got.unusable(), 250);
    assert_eq!(headroom(&got.limits(u64::MAX), &using(0, 0)).uc, 500);
}

#[test]
fn e7_base_unit_with_ime() {
    let got = entitle(model("ASA5520"), &[ime(ExportClass::K9)], None).unwrap();
    let limits = got.limits(u64::MAX);
    assert_eq!(headroom(&limits, &using(0, 0)).ime, 300);
    assert_eq!(headroom(&limits, &using(0, 298)).uc, 2);
    assert_eq!(headroom(&limits, &using(0, 300)).uc, 0);
}

#[test]
fn e8_l11_a_licence_above_the_default_raises_the_limit() {
    let got = entitle(model("ASA5520"), &[uc(750, ExportClass::K9)], None).unwrap();
    assert_eq!(got.tls_sessions, 750);
}

#[test]
fn e9_l12_a_licence_below_the_default_leaves_it() {
    let got = entitle(model("ASA5520"), &[uc(250, ExportClass::K9)], None).unwrap();
    assert_eq!(got.tls_sessions, 300);
}

#[test]
fn e10_a_licence_equal_to_the_default_leaves_it() {
    let got = entitle(model("ASA5510"), &[uc(100, ExportClass::K8)], None).unwrap();
    assert_eq!(got.tls_sessions, 100);
}

#[test]
fn e11_l07_the_phone_proxy_cap_leaves_the_rest_to_others() {
    let licences = [uc(10_000, ExportClass::K9), ime(ExportClass::K9)];
    let got = entitle(model("ASA5580"), &licences, Some(13_000)).unwrap();
    let limits = got.limits(u64::MAX);
    let in_use = InUse {
        total: 5_000,
        uc: 5_000,
        phone_proxy: 5_000,
    };
    assert_eq!(
        refusal(&limits, &in_use, Kind::PhoneProxy),
        Some(Reason::LimitPhoneProxySessions)
    );
    assert_eq!(refusal(&limits, &in_use, Kind::Uc), None);
    assert_eq!(headroom(&limits, &in_use).uc, 5_000);
}

#[test]
fn e12_k8_caps_ime_and_uc_together() {
    let licences = [uc(100, ExportClass::K8), ime(ExportClass::K8)];
    let got = entitle(model("ASA5550"), &licences, None).unwrap();
    assert_eq!(got.tls_configured, 2_000);
    let limits = got.limits(u64::MAX);
    assert_eq!(headroom(&limits, &using(100, 900)).ime, 0);
    assert_eq!(headroom(&limits, &using(100, 899)).ime, 1);
}

#[test]
fn e13_l16_clearing_the_configuration_complains() {
    let cleared = TlsLimit::cleared(model("ASA5540"), 2_000, false);
    assert_eq!(cleared.limit.sessions(), 1_000);
    assert!(cleared.warning.is_some());
}

#[test]
fn e14_refused_by_the_tls_limit_though_the_licence_has_room() {
    let (limits, in_use) = (limits(1000, 750, true), using(700, 300));
    assert_eq!(
        refusal(&limits, &in_use, Kind::Uc),
        Some(Reason::LimitTlsSessions)
    );
}

#[test]
fn l06_the_licence_counts_sessions_whoever_opens_them() {
    // Each row: sessions by phone, and whether a licence of 24 has room for one more.
    for (phones, admitted) in [
        (&[1; 23][..], true),
        (&[1; 24][..], false),
        (&[23][..], true),
        (&[12, 12][..], false),
        (&[2; 12][..], false),
    ] {
        let sessions: usize = phones.iter().sum();
        let in_use =
            (0..sessions).fold(InUse::default(), |in_use, _| in_use.plus(Kind::PhoneProxy));
        let limits = entitle(model("ASA5505"), &[uc(24, ExportClass::K8)], None).unwrap();
        let refused = refusal(&limits.limits(u64::MAX), &in_use, Kind::PhoneProxy);
        assert_eq!(refused.is_none(), admitted, "{phones:?}: {refused:?}");
    }
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::PhoneProxy),
        Just(Kind::Uc),
        Just(Kind::Mobility),
        Just(Kind::Ime)
    ]
}

fn units() -> impl Strategy<Value = (&'static Model, Vec<Licence>, Option<u32>)> {
    (0..MODELS.len()).prop_flat_map(|index| {
        let model = &MODELS[index];
        let class = prop_oneof![Just(ExportClass::K8), Just(ExportClass::K9)];
        let tier = proptest::sample::select(model.tiers);
        let licences = (proptest::option::of(tier), any::<bool>(), class).prop_map(
            |(tier, with_ime, class)| {
                let uc = tier.map(|sessions| uc(sessions, class));
                uc.into_iter()
                    .chain(with_ime.then(|| ime(class)))
                    .collect::<Vec<_>>()
            },
        );
        let set = proptest::option::of(1..=model.tls_max);
        (Just(model), licences, set)
    })
}

proptest! {
    #[test]
    fn no_sequence_of_admissions_passes_a_limit(
        (model, licences, set) in units(),
        wanted in proptest::collection::vec(kinds(), 0..400),
    ) {
        let limits = entitle(model, &licences, set).unwrap().limits(u64::MAX);
        let mut in_use = InUse::default();
        for kind in wanted {
            let left = headroom(&limits, &in_use);
            let room = match kind {
                Kind::PhoneProxy => left.phone_proxy,
                Kind::Uc => left.uc,
                Kind::Mobility => left.mobility,
                Kind::Ime => left.ime,
            };
            prop_assert_eq!(room == 0, refusal(&limits, &in_use, kind).is_some());
            if room > 0 {
                in_use = in_use.plus(kind);
            }
            prop_assert!(in_use.total <= limits.tls_sessions);
            prop_assert!(in_use.uc <= limits.uc_sessions);
            prop_assert!(in_use.phone_proxy <= limits.phone_proxy_sessions);
        }
    }

    #[test]
    fn entitlements_stay_within_the_model((model, licences, set) in units()) {
        let got = entitle(model, &licences, set).unwrap();
        prop_assert!(got.tls_sessions <= got.tls_configured);
        prop_assert!((1..=model.tls_max).contains(&got.tls_configured));
        prop_assert!(got.phone_proxy_sessions <= got.uc_sessions);
        prop_assert!(got.class == ExportClass::K9 || got.tls_sessions <= 1_000);
    }
}
