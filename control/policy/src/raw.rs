//! The configuration as written: every key that exists, its type, default and reference.
//!
//! Values are in range and of the right kind when they get here; whether they fit each other is
//! for `check`.

mod access;
mod apps;
mod license;
mod network;
mod runtime;
mod settings;
mod trust;

pub(crate) use access::RawAccess;
pub(crate) use apps::{
    Auth, ClientSecurity, RawApplication, RawClientTls, RawListener, RawServerTls, RawSource,
    ServerSecurity,
};
pub(crate) use license::{Export, Profile, RawLicense, RawLimits};
pub(crate) use network::{RawDevice, RawForward, RawInterface, RawMedia, RawRoute, RawUcServer};
pub(crate) use runtime::{IdleMode, RawRuntime};
pub(crate) use settings::{Provider, RawRtp, RawTcp, RawTls};
pub(crate) use trust::RawTrustpoint;

use crate::document::{Content, Findings, NodeId};
use crate::section::{List, Value, section, wrong_type};

section! {
    /// The whole file. Times are written with their unit (`20s`, `500ms`), sizes in octets or
    /// with one (`64KiB`). Relative paths start from the file's own folder.
    RawPolicy {
        /// Threads, memory and table sizes. Takes a restart of the data plane to change.
        runtime: RawRuntime, nested;
        /// Network ports. Takes a restart of the data plane to change.
        devices: List<RawDevice>, nested;
        /// Layer 3 interfaces on the devices.
        interfaces: List<RawInterface>, nested;
        /// Static routes. Networks of the interfaces' own addresses need none.
        routes: List<RawRoute>, nested;
        /// What may be routed between interfaces without being proxied. All else is dropped.
        forward: List<RawForward>, nested;
        /// Certificate authorities, identities and pinned certificates.
        trustpoints: List<RawTrustpoint>, nested;
        /// Call managers and their like.
        servers: List<RawUcServer>, nested;
        /// Addresses and UDP ports that media ends at.
        media: List<RawMedia>, nested;
        /// What is proxied, for whom, and how.
        applications: List<RawApplication>, nested;
        /// Connections of the signalling.
        tcp: RawTcp, nested;
        /// TLS of every application.
        tls: RawTls, nested;
        /// Media of every application.
        rtp: RawRtp, nested;
        /// Which appliance's licences hold. Without this section, none limit anything.
        license: RawLicense, nested;
        /// Limits below those of the licence.
        limits: RawLimits, nested;
        /// Who may ask the control process for what.
        access: RawAccess, nested;
    }
}

/// When a change of a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Applies {
    /// At once.
    Live,
    /// After the next start of the data plane.
    Restart,
}

impl Applies {
    /// Keys that are read once: what the EAL and its ports are made of, and how the local TCP
    /// ports divide among the workers, by which connections that are up find theirs.
    const AT_RESTART: [&str; 3] = ["runtime", "devices", "tcp.ports"];

    /// When a change of the key at `path` holds, such as `tcp.ports` or `devices[].mtu`.
    pub(crate) fn of(path: &str) -> Self {
        let within = |key: &str| {
            let rest = path.strip_prefix(key);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        if Self::AT_RESTART.into_iter().any(within) {
            Self::Restart
        } else {
            Self::Live
        }
    }

    /// One word for people and editors.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Restart => "restart",
        }
    }
}

impl RawPolicy {
    /// Reads the document, noting every key that is unknown, missing or wrong.
    pub(crate) fn load(findings: &mut Findings<'_>) -> Option<Self> {
        if matches!(findings.doc.content(NodeId::ROOT), Content::Null) {
            return wrong_type(findings, NodeId::ROOT, &Self::KIND);
        }
        Self::read(NodeId::ROOT, findings)
    }
}
