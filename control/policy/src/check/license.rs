//! `license` and `limits`.

use abi::limits::{Limits, UNLIMITED};
use license::{EntitleError, Entitlement, ExportClass, Feature, Licence, MODELS, Model, entitle};

use crate::document::{Findings, NodeId};
use crate::finding::{Problem, nearest};
use crate::raw::{Export, Profile, RawLicense, RawLimits, RawPolicy};
use crate::section::At;
use crate::value::Bound;

/// What is licensed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Licensed {
    /// The appliance model, and what its licences entitle it to; `None` is the profile
    /// `unlimited`.
    pub appliance: Option<(&'static Model, Entitlement)>,
    /// The limits in force: the entitlement's, lowered by configuration.
    pub limits: Limits,
}

/// Checks both sections; `None` when the licence makes no sense.
pub(crate) fn licensed(findings: &mut Findings<'_>, raw: &RawPolicy) -> Option<Licensed> {
    let appliance = match profile(findings, &raw.license) {
        Profile::Unlimited => None,
        Profile::Appliance => Some(appliance(findings, &raw.license)?),
    };
    let handshakes = value(raw.limits.handshakes.value);
    let granted = appliance.map_or(Limits::UNLIMITED, |(_, e)| e.limits(UNLIMITED));
    let limits = lowered(findings, &raw.limits, granted);
    Some(Licensed {
        appliance,
        limits: Limits {
            handshakes,
            ..limits
        },
    })
}

/// The profile, said or implied by a model; notes keys that the profile has no use for.
fn profile(findings: &mut Findings<'_>, raw: &At<RawLicense>) -> Profile {
    let implied = if raw.model.is_some() {
        Profile::Appliance
    } else {
        Profile::Unlimited
    };
    let profile = raw.profile.map_or(implied, |profile| profile.value);
    if profile == Profile::Unlimited {
        let nodes = [
            raw.model.as_ref().map(|at| at.node),
            raw.uc_sessions.map(|at| at.node),
            raw.export.map(|at| at.node),
            raw.ime.map(|at| at.node),
            raw.tls_max_sessions.map(|at| at.node),
        ];
        for node in nodes.into_iter().flatten() {
            let message = "means nothing without an appliance's profile";
            findings
                .error(node, Problem::Conflict, message)
                .fix("set license.model, or leave this out");
        }
    }
    profile
}

fn appliance(
    findings: &mut Findings<'_>,
    raw: &At<RawLicense>,
) -> Option<(&'static Model, Entitlement)> {
    let model = model(findings, raw)?;
    let class = match raw.export.map(|export| export.value) {
        Some(Export::K9) => ExportClass::K9,
        Some(Export::K8) | None => ExportClass::K8,
    };
    let uc = raw.uc_sessions.map(|sessions| Feature::Uc {
        sessions: sessions.to(),
    });
    let ime = raw.ime.is_some_and(|ime| ime.0).then_some(Feature::Ime);
    let licences: Vec<_> = uc
        .into_iter()
        .chain(ime)
        .map(|feature| Licence::perpetual(feature, class))
        .collect();
    if let (Some(export), true) = (raw.export, licences.is_empty()) {
        let message = "the base sessions have no export class, they count as k8";
        findings.warning(export.node, Problem::Unused, message);
    }
    if let (Some(uc), None) = (raw.uc_sessions, raw.export) {
        let message = "missing, expected one of k8, k9: the end of the licence's part number";
        let place = findings.doc.place(uc.node);
        findings.error_at_key(raw.node, "export", place, Problem::MissingKey, message);
    }
    let set_limit = raw.tls_max_sessions.map(|limit| limit.to());
    match entitle(model, &licences, set_limit) {
        Ok(entitlement) => {
            warn_unusable(findings, raw, &entitlement);
            Some((model, entitlement))
        }
        Err(error) => {
            note_refused(findings, raw, model, error);
            None
        }
    }
}

fn model(findings: &mut Findings<'_>, raw: &At<RawLicense>) -> Option<&'static Model> {
    let Some(name) = &raw.model else {
        if raw.profile.is_some() {
            let place = findings.doc.place(raw.node);
            let message = "missing, expected an appliance's model such as ASA5520";
            findings.error_at_key(raw.node, "model", place, Problem::MissingKey, message);
        }
        return None;
    };
    let found = Model::by_name(&name.0);
    if found.is_none() {
        let names: Vec<_> = MODELS.iter().map(|model| model.name).collect();
        let message = format!("no such model, expected one of {}", names.join(", "));
        let fix = nearest(&name.0, names).map(|name| format!("write {name}"));
        findings
            .error(name.node, Problem::Licence, message)
            .fix_if(fix);
    }
    found
}

/// Says where the TLS proxy limit or the export class keeps licensed sessions from use (L10).
fn warn_unusable(findings: &mut Findings<'_>, raw: &RawLicense, entitlement: &Entitlement) {
    if entitlement.unusable() == 0 {
        return;
    }
    let node = raw
        .tls_max_sessions
        .map(|at| at.node)
        .or_else(|| raw.uc_sessions.map(|at| at.node));
    let Some(node) = node else {
        return;
    };
    let message = format!(
        "only {} of the {} licensed UC sessions can be used",
        entitlement.tls_sessions, entitlement.uc_sessions
    );
    findings.warning(node, Problem::Licence, message);
}

fn note_refused(
    findings: &mut Findings<'_>,
    raw: &At<RawLicense>,
    model: &Model,
    error: EntitleError,
) {
    let node = match error {
        EntitleError::Tier { .. } => raw.uc_sessions.map(|at| at.node),
        EntitleError::TlsLimit(_) => raw.tls_max_sessions.map(|at| at.node),
    };
    let fix = matches!(error, EntitleError::Tier { .. }).then(|| {
        let tiers: Vec<_> = model.tiers.iter().map(ToString::to_string).collect();
        format!("write one of {}", tiers.join(", "))
    });
    findings
        .error(
            node.unwrap_or(raw.node),
            Problem::Licence,
            error.to_string(),
        )
        .fix_if(fix);
}

/// What is granted, lowered to what `limits` says; notes limits above it.
fn lowered(findings: &mut Findings<'_>, limits: &RawLimits, granted: Limits) -> Limits {
    let mut lower = |bound: Option<At<Bound>>, granted: u64| {
        bound.map_or(granted, |bound| {
            let wanted = value(bound.value);
            if wanted > granted {
                note_above(findings, bound.node, wanted, granted);
            }
            wanted.min(granted)
        })
    };
    Limits {
        tls_sessions: lower(limits.tls_sessions, granted.tls_sessions),
        uc_sessions: lower(limits.uc_sessions, granted.uc_sessions),
        phone_proxy_sessions: lower(limits.phone_proxy_sessions, granted.phone_proxy_sessions),
        srtp_sessions: lower(limits.srtp_sessions, granted.srtp_sessions),
        ..granted
    }
}

fn note_above(findings: &mut Findings<'_>, node: NodeId, wanted: u64, granted: u64) {
    let wanted = if wanted == UNLIMITED {
        "unlimited".into()
    } else {
        wanted.to_string()
    };
    let message = format!("{wanted} is above the {granted} that the licence allows");
    findings.error(node, Problem::Licence, message);
}

const fn value(bound: Bound) -> u64 {
    match bound {
        Bound::Most(most) => most,
        Bound::Unlimited => UNLIMITED,
    }
}
