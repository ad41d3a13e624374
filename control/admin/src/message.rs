//! Requests and responses.

use std::path::Path;

use abi::provision::{StaticOutcome, StaticStream, Step};
use policy::Finding;
use serde::{Deserialize, Serialize};

/// What the operator wants.
// What is not known is refused: a mistyped `enforce` must not be taken for its absence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Put a configuration in force, all or nothing.
    Apply {
        /// Its text.
        text: String,
        /// Absolute path of the file that it came from; relative paths in it start there.
        path: String,
        /// Close established sessions that it does not allow.
        #[serde(default)]
        enforce: bool,
    },
    /// Set the TLS proxy limit of the running configuration.
    SetTlsLimit {
        /// Sessions, 1 to the model's maximum.
        sessions: u32,
        /// Close the newest established sessions above it.
        #[serde(default)]
        enforce: bool,
    },
    /// Clear the running configuration; what the unit is stays, what it does goes.
    ClearConfiguration {
        /// The unit is a standby, and its primary is about to restore the configuration.
        standby: bool,
    },
    /// Put a version that ran before in force again.
    Rollback {
        /// Its number; `None` is the newest that differs from what runs.
        version: Option<u64>,
        /// Close established sessions that it does not allow.
        #[serde(default)]
        enforce: bool,
    },
    /// Install a licence file.
    InstallLicence {
        /// Its text.
        text: String,
    },
    /// Remove an installed licence.
    RemoveLicence {
        /// Its serial number.
        serial: u64,
        /// Close the newest established sessions above what is left.
        #[serde(default)]
        enforce: bool,
    },
    /// Open or close media streams that no signalling sets up; control hands them on and keeps
    /// nothing.
    ProvisionStreams {
        /// The list that they are of: any number that no other list has.
        list: u64,
        /// What is to be done with them.
        step: Step,
        /// The streams, with their keys.
        streams: Vec<StaticStream>,
    },
    /// Say which licences are installed.
    Licences,
    /// Say how control is.
    Status,
    /// Say which versions are kept.
    History,
    /// Say what TLS proxy limits the model takes.
    TlsLimit,
    /// Say what configuration runs.
    Configuration,
}

impl Request {
    /// What is wrong with it though it reads.
    #[must_use]
    pub fn problem(&self) -> Option<&'static str> {
        match self {
            Self::Apply { path, .. } if path.contains('\0') => Some("a NUL in 'path'"),
            Self::Apply { path, .. } if !Path::new(path).is_absolute() => {
                Some("'path' is not absolute")
            }
            _ => None,
        }
    }

    /// The command that asks it, in the operator's words.
    #[must_use]
    pub fn command(&self) -> String {
        let enforced = if self.enforces() { " --enforce" } else { "" };
        let command = match self {
            Self::Apply { path, .. } => format!("apply {path}"),
            Self::SetTlsLimit { sessions, .. } => format!("tls-proxy maximum-sessions {sessions}"),
            Self::ClearConfiguration { standby: false } => "clear-configuration".into(),
            Self::ClearConfiguration { standby: true } => "clear-configuration --standby".into(),
            Self::Rollback { version: None, .. } => "rollback".into(),
            Self::Rollback {
                version: Some(version),
                ..
            } => format!("rollback {version}"),
            Self::InstallLicence { .. } => "license install".into(),
            Self::RemoveLicence { serial, .. } => format!("license remove {serial}"),
            Self::ProvisionStreams { step, streams, .. } => {
                let what = match step {
                    Step::Begin => "a list begins",
                    Step::Keep => "of which those that are open stay",
                    Step::Close => "all others closed",
                    Step::Open => "opened",
                };
                format!("media provision, {} streams, {what}", streams.len())
            }
            Self::Licences => "license show".into(),
            Self::Status => "show status".into(),
            Self::History => "history".into(),
            Self::TlsLimit => "tls-proxy maximum-sessions ?".into(),
            Self::Configuration => "show configuration".into(),
        };
        command + enforced
    }

    /// Whether established sessions are closed that what it asks for does not allow.
    #[must_use]
    pub const fn enforces(&self) -> bool {
        matches!(
            self,
            Self::Apply { enforce: true, .. }
                | Self::SetTlsLimit { enforce: true, .. }
                | Self::Rollback { enforce: true, .. }
                | Self::RemoveLicence { enforce: true, .. }
        )
    }

    /// Whether it changes nothing.
    #[must_use]
    pub const fn is_look(&self) -> bool {
        matches!(
            self,
            Self::Licences | Self::Status | Self::History | Self::TlsLimit | Self::Configuration
        )
    }
}

/// What control answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Response {
    /// The configuration was taken.
    Applied(Applied),
    /// The configuration has errors; the one before stays in force.
    Refused {
        /// All that is wrong with it.
        findings: Vec<Finding>,
    },
    /// Something else kept it from being taken; the one before stays in force.
    Failed(Failure),
    /// What became of static streams, in their order.
    Streams {
        /// Of each.
        outcomes: Vec<StaticOutcome>,
    },
    /// How control is.
    Status(Status),
    /// What TLS proxy limits the model takes.
    TlsLimit(TlsLimit),
    /// What configuration runs.
    Configuration(Configuration),
    /// The licences that are installed.
    Licences {
        /// By serial number.
        licences: Vec<InstalledLicence>,
    },
    /// The versions that are kept.
    History {
        /// The newest first.
        versions: Vec<Version>,
    },
}

/// How a configuration was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// Generation under which every worker obeys it; `None` while no data plane runs, in which
    /// case it holds as soon as one starts.
    pub generation: Option<u64>,
    /// Part of it holds only after a restart of the data plane.
    pub restart_needed: bool,
    /// The keys of that part; empty when it is not known what the data plane was started with.
    #[serde(default)]
    pub after_restart: Vec<String>,
    /// Established sessions that were closed because it was enforced; `None` when it was not.
    #[serde(default)]
    pub closed: Option<u64>,
    /// Warnings.
    pub findings: Vec<Finding>,
    /// What the operator must be told besides.
    #[serde(default)]
    pub notice: Option<String>,
    /// Why it could not be kept: it runs, but the next start will not know of it.
    #[serde(default)]
    pub not_kept: Option<String>,
}

/// Why a request came to nothing though nothing is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// The frame is no request.
    #[error("control did not understand the request: {reason}")]
    Malformed {
        /// Why.
        reason: String,
    },
    /// Too many requests at once.
    #[error("control is busy with other requests; try again")]
    Busy,
    /// The image does not fit the shared memory of the data plane.
    #[error("the compiled policy takes {needed} octets, the shared memory has room for {room}")]
    TooLarge {
        /// Octets of the image.
        needed: u64,
        /// Octets of a slot.
        room: u64,
    },
    /// The private keys do not fit one message to the data plane.
    #[error("the private keys of the configuration take more room than a message has")]
    TooManyKeys,
    /// Nothing is wrong with the configuration, but control cannot hold it.
    #[error("control cannot hold the configuration: {reason}")]
    Unusable {
        /// Why.
        reason: String,
    },
    /// The data plane could not use the image; its log says why.
    #[error("the data plane refused the policy; its log says why")]
    DataPlaneRefused,
    /// Not every worker has taken it in time; it stays wanted.
    #[error("taken, but not every worker of the data plane has acknowledged it yet")]
    NotAcknowledged,
    /// Who asks has not the role for it.
    #[error("not allowed: this takes the role '{role}', see 'access' in the configuration")]
    Denied {
        /// The role that it takes.
        role: String,
    },
    /// Nothing runs yet.
    #[error("no configuration runs; put one in force with 'ucproxy apply FILE'")]
    NoConfiguration,
    /// No such version is kept.
    #[error("no such version is kept; 'ucproxy history' shows which are")]
    NoSuchVersion,
    /// The versions cannot be read; control's log says why.
    #[error("versions cannot be read; control's log says why")]
    Unreadable,
    /// Nobody's licence files are taken.
    #[error("no licence files are taken; name their issuer's public key in license.issuers first")]
    NoIssuers,
    /// The licence cannot be used.
    #[error("{reason}")]
    LicenceRefused {
        /// Why.
        reason: String,
    },
    /// A licence of that serial number is installed.
    #[error("licence {serial} is installed already")]
    LicenceInstalled {
        /// Its serial number.
        serial: u64,
    },
    /// No licence of that serial number is installed.
    #[error("licence {serial} is not installed")]
    NoSuchLicence {
        /// The number asked for.
        serial: u64,
    },
    /// The licence's file could not be written or removed.
    #[error("licence file: {reason}")]
    LicenceFile {
        /// What the system said.
        reason: String,
    },
    /// The profile is `unlimited`.
    #[error("no appliance's licences hold, so no TLS proxy limit does; set license.model first")]
    NoModel,
    /// The model has no such TLS proxy limit.
    #[error("{given} is no TLS proxy limit of this model, which takes 1 to {max}")]
    TlsLimitOutOfRange {
        /// What was asked for.
        given: u32,
        /// The model's maximum.
        max: u32,
    },
    /// The running configuration is written so that the command cannot edit it.
    #[error("cannot edit the running configuration; change the file and apply it")]
    NotEditable,
    /// No data plane takes streams.
    #[error("the data plane takes no streams: {reason}")]
    NoStreams {
        /// Why.
        reason: String,
    },
    /// The control process is ending.
    #[error("control is ending")]
    Ending,
}

/// How control is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its version; empty from one that is older than this field.
    #[serde(default)]
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// When it started, seconds since 1970.
    pub started: u64,
    /// Path of the configuration that it holds; `None` when it has none.
    pub config: Option<String>,
    /// It is attached to a data plane's shared memory.
    pub attached: bool,
    /// The start of the data plane whose memory that is, as `show status` prints it.
    pub dataplane: Option<String>,
    /// Every worker obeys that configuration.
    pub in_force: bool,
    /// What keeps it from being in force, if anything is known to.
    pub problem: Option<String>,
    /// Part of it holds only after a restart of the data plane.
    #[serde(default)]
    pub restart_needed: bool,
    /// The keys of that part; empty when it is not known what the data plane was started with.
    #[serde(default)]
    pub after_restart: Vec<String>,
}

/// The TLS proxy limits of the model, and the one that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsLimit {
    /// Name of the model.
    pub model: String,
    /// Highest limit that may be set; the lowest is 1.
    pub max: u32,
    /// Limit of a unit that nobody configured.
    pub default: u32,
    /// The limit as set, or as licences raised it.
    pub configured: u32,
    /// Sessions admitted under it: fewer where the export class or `limits` lower it.
    pub in_force: u64,
    /// UC sessions licensed.
    pub uc_sessions: u32,
}

/// A configuration and where it came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// Its text.
    pub text: String,
    /// Absolute path of the file that it came from.
    pub path: String,
}

/// A configuration that ran.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Its number; each is one more than the one before.
    pub version: u64,
    /// When it was taken, seconds since 1970.
    pub time: u64,
    /// User id of who had it taken.
    pub uid: u32,
    /// That user's name.
    pub user: String,
    /// The command that had it taken.
    pub change: String,
    /// Absolute path of the file that its text came from.
    pub path: String,
}

/// An installed licence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledLicence {
    /// Its serial number.
    pub serial: u64,
    /// What it grants; `None` when its file is not to be trusted.
    pub grant: Option<Granted>,
    /// Why it does not count; `None` when it does.
    pub problem: Option<String>,
}

/// What a licence grants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// The model that it is for.
    pub model: String,
    /// UC sessions.
    pub uc_sessions: Option<u32>,
    /// IME sessions.
    pub ime: bool,
    /// Export class, `K8` or `K9`.
    pub class: String,
    /// First second since 1970 at which it no longer holds; `None` for ever.
    pub expires: Option<u64>,
}

/// A line of the audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// When, seconds since 1970.
    pub time: u64,
    /// User id of who asked.
    pub uid: u32,
    /// That user's name.
    pub user: String,
    /// The process that asked.
    pub pid: i32,
    /// The command.
    pub command: String,
    /// `applied`, `refused` (the configuration has errors), `denied` (the role is missing),
    /// `failed`, or `malformed`.
    pub outcome: String,
    /// The generation, or the reason.
    pub detail: Option<String>,
}
