//! `license` and `limits`.

use abi::limits::{Limits, UNLIMITED};
use license::{EntitleError, Entitlement, ExportClass, Feature, Issuer, Licence, Model, entitle};

use crate::document::{Findings, NodeId};
use crate::files::Files;
use crate::finding::Problem;
use crate::raw::{Export, Profile, RawLicense, RawLimits, RawPolicy};
use crate::section::At;
use crate::value::Bound;

/// A model, and what its licences entitle it to.
pub type Appliance = (&'static Model, Entitlement);

/// What is licensed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Licensed {
    /// The appliance model, and what the licences in the configuration entitle it to; `None` is
    /// the profile `unlimited`.
    pub appliance: Option<Appliance>,
    /// The limits of that: the entitlement's, lowered by configuration.
    pub limits: Limits,
    /// Whose licence files count. With any, the two above know of no licence at all; see
    /// [`Licensed::with`].
    pub issuers: Vec<Issuer>,
    /// The TLS proxy limit that the operator set.
    pub set_limit: Option<u32>,
    /// What lowers the limits.
    pub bounds: Bounds,
}

/// Limits of the configuration's own, each the most there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    tls_sessions: u64,
    uc_sessions: u64,
    phone_proxy_sessions: u64,
    srtp_sessions: u64,
    handshakes: u64,
}

impl Bounds {
    fn of(limits: &RawLimits) -> Self {
        let most = |bound: Option<At<Bound>>| bound.map_or(UNLIMITED, |bound| value(bound.value));
        Self {
            tls_sessions: most(limits.tls_sessions),
            uc_sessions: most(limits.uc_sessions),
            phone_proxy_sessions: most(limits.phone_proxy_sessions),
            srtp_sessions: most(limits.srtp_sessions),
            handshakes: value(limits.handshakes.value),
        }
    }

    fn lower(&self, granted: &Limits) -> Limits {
        Limits {
            tls_sessions: granted.tls_sessions.min(self.tls_sessions),
            uc_sessions: granted.uc_sessions.min(self.uc_sessions),
            phone_proxy_sessions: granted.phone_proxy_sessions.min(self.phone_proxy_sessions),
            srtp_sessions: granted.srtp_sessions.min(self.srtp_sessions),
            handshakes: self.handshakes,
            ime_licensed: granted.ime_licensed,
        }
    }
}

impl Licensed {
    /// What `licences` out of files, all in force, entitle to, and the limits of that. Without
    /// issuers the files do not count.
    ///
    /// # Errors
    /// As [`entitle`].
    pub fn with(&self, licences: &[Licence]) -> Result<(Option<Appliance>, Limits), EntitleError> {
        let (Some((model, _)), false) = (self.appliance, self.issuers.is_empty()) else {
            return Ok((self.appliance, self.limits));
        };
        let entitlement = entitle(model, licences, self.set_limit)?;
        let limits = self.bounds.lower(&entitlement.limits(UNLIMITED));
        Ok((Some((model, entitlement)), limits))
    }
}

/// Checks both sections; `None` when the licence makes no sense.
pub(crate) fn licensed(
    findings: &mut Findings<'_>,
    raw: &RawPolicy,
    files: &dyn Files,
) -> Option<Licensed> {
    let appliance = match profile(findings, &raw.license) {
        Profile::Unlimited => None,
        Profile::Appliance => Some(appliance(findings, &raw.license)?),
    };
    let issuers = issuers(findings, &raw.license, files);
    let bounds = Bounds::of(&raw.limits);
    let granted = appliance.map_or(Limits::UNLIMITED, |(_, e)| e.limits(UNLIMITED));
    if raw.license.issuers.is_empty() {
        note_bounds_above(findings, &raw.limits, &granted);
    }
    Some(Licensed {
        appliance,
        limits: bounds.lower(&granted),
        issuers,
        set_limit: raw.license.tls_max_sessions.map(|limit| limit.to()),
        bounds,
    })
}

/// The keys of those whose licence files count; notes what the configuration says beside them.
fn issuers(findings: &mut Findings<'_>, raw: &RawLicense, files: &dyn Files) -> Vec<Issuer> {
    if !raw.issuers.is_empty() {
        let nodes = [
            raw.uc_sessions.map(|at| at.node),
            raw.export.map(|at| at.node),
            raw.ime.map(|at| at.node),
        ];
        for node in nodes.into_iter().flatten() {
            let message = "licences come from files, because license.issuers is there";
            findings
                .error(node, Problem::Conflict, message)
                .fix("leave this out, and install the licence with 'ucproxy license install'");
        }
    }
    let mut issuers = Vec::new();
    for path in raw.issuers.iter() {
        let content = match files.read(&path.0) {
            Ok(content) => content,
            Err(error) => {
                findings.unread(path.node, &path.0, error);
                continue;
            }
        };
        match Issuer::from_pem(&String::from_utf8_lossy(&content.octets)) {
            Ok(issuer) => issuers.push(issuer),
            Err(error) => {
                let message = format!("{}: {error}", path.0);
                findings.error(path.node, Problem::File, message);
            }
        }
    }
    issuers
}

/// The profile, said or implied by a model; notes keys that the profile has no use for.
fn profile(findings: &mut Findings<'_>, raw: &At<RawLicense>) -> Profile {
    let implied = if findings.doc.gives(raw.node, "model") {
        Profile::Appliance
    } else {
        Profile::Unlimited
    };
    let profile = raw.profile.map_or(implied, |profile| profile.value);
    if raw.profile.is_none() && findings.doc.gives(raw.node, "profile") {
        return profile;
    }
    let fix = match raw.profile {
        Some(_) => "set license.profile to appliance, or leave this out",
        None => "set license.model, or leave this out",
    };
    if profile == Profile::Unlimited {
        let nodes = [
            raw.model.as_ref().map(|at| at.node),
            raw.uc_sessions.map(|at| at.node),
            raw.export.map(|at| at.node),
            raw.ime.map(|at| at.node),
            raw.tls_max_sessions.map(|at| at.node),
            (!raw.issuers.is_empty()).then_some(raw.issuers.node),
        ];
        for node in nodes.into_iter().flatten() {
            let message = "means nothing without an appliance's profile";
            findings.error(node, Problem::Conflict, message).fix(fix);
        }
    }
    profile
}

fn appliance(findings: &mut Findings<'_>, raw: &At<RawLicense>) -> Option<Appliance> {
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
    if let (Some(uc), false) = (raw.uc_sessions, findings.doc.gives(raw.node, "export")) {
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
        if raw.profile.is_some() && !findings.doc.gives(raw.node, "model") {
            let place = findings.doc.place(raw.node);
            let message = "missing, expected an appliance's model such as ASA5520";
            findings.error_at_key(raw.node, "model", place, Problem::MissingKey, message);
        }
        return None;
    };
    Some(name.0)
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

/// Notes limits above what is granted.
fn note_bounds_above(findings: &mut Findings<'_>, limits: &RawLimits, granted: &Limits) {
    for (bound, granted) in [
        (limits.tls_sessions, granted.tls_sessions),
        (limits.uc_sessions, granted.uc_sessions),
        (limits.phone_proxy_sessions, granted.phone_proxy_sessions),
        (limits.srtp_sessions, granted.srtp_sessions),
    ] {
        if let Some(bound) = bound
            && value(bound.value) > granted
        {
            note_above(findings, bound.node, value(bound.value), granted);
        }
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
