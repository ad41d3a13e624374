//! What commands propose to run next: always a whole configuration, so that each change is
//! checked, put in force and kept like any other.

use abi::Limits;
use admin::{Failure, Request, Response, TlsLimit};
use license::{Entitlement, Grant, Model, TlsLimitError};

use super::Controller;
use super::wanted::Wanted;
use crate::licences::{Change, refused};
use crate::store::Source;

/// A configuration that an operator wants to run.
#[derive(Debug)]
pub(super) struct Proposal {
    pub(super) source: Source,
    /// The command that means it.
    pub(super) change: String,
    /// What the operator must be told once it runs.
    pub(super) notice: Option<String>,
    /// Whether certificates out of date keep it from being taken. They do not when all but one
    /// setting runs already.
    pub(super) strict: bool,
    /// Whether established sessions that it does not allow are closed.
    pub(super) enforce: bool,
    /// The licence that comes or goes with it, once it is kept.
    pub(super) licence: Option<Change>,
}

impl Controller {
    /// The configuration that a request for a change means.
    pub(super) fn proposal(&mut self, request: Request) -> Result<Proposal, Failure> {
        match request {
            Request::Apply { text, path, .. } => Ok(Proposal {
                source: Source {
                    path,
                    text: text.into_bytes(),
                },
                change: "apply".into(),
                notice: None,
                strict: true,
                enforce: false,
                licence: None,
            }),
            Request::SetTlsLimit { sessions, .. } => self.with_tls_limit(sessions),
            Request::ClearConfiguration { standby } => self.cleared(standby),
            Request::Rollback { version, .. } => self.rolled_back(version),
            Request::InstallLicence { text } => self.install(&text),
            Request::RemoveLicence { serial, .. } => self.remove(serial),
            Request::ProvisionStreams { .. }
            | Request::Status
            | Request::History
            | Request::Licences
            | Request::TlsLimit
            | Request::Configuration => Err(Failure::Malformed {
                reason: "it changes nothing".to_owned(),
            }),
        }
    }

    /// The limits that the model takes, and the one that is set.
    pub(super) fn tls_limit(&mut self) -> Response {
        let (model, entitlement, limits) = match self.appliance() {
            Ok(appliance) => appliance,
            Err(failure) => return Response::Failed(failure),
        };
        Response::TlsLimit(TlsLimit {
            model: model.name.to_owned(),
            max: model.tls_max,
            default: model.tls_default,
            configured: entitlement.tls_configured,
            in_force: limits.tls_sessions,
            uc_sessions: entitlement.uc_sessions,
        })
    }

    fn with_tls_limit(&mut self, sessions: u32) -> Result<Proposal, Failure> {
        let (model, ..) = self.appliance()?;
        let limit = license::TlsLimit::set(model, sessions).map_err(
            |TlsLimitError::OutOfRange { max, given, .. }| Failure::TlsLimitOutOfRange {
                given,
                max,
            },
        )?;
        let edited = policy::with_tls_limit(self.text()?, limit.sessions());
        let change = format!("tls-proxy maximum-sessions {sessions}");
        self.edited(edited.ok_or(Failure::NotEditable)?, change, None)
    }

    /// Clears the configuration (L16); on a standby the message is known to be harmless (L17).
    fn cleared(&mut self, standby: bool) -> Result<Proposal, Failure> {
        let cleared = match self.appliance() {
            Ok((model, entitlement, _)) => {
                let uc_sessions = entitlement.uc_sessions;
                Some(license::TlsLimit::cleared(model, uc_sessions, standby))
            }
            Err(Failure::NoModel) => None,
            Err(failure) => return Err(failure),
        };
        let limit = cleared.map(|cleared| cleared.limit.sessions());
        let text = policy::cleared(self.text()?, limit).ok_or(Failure::NotEditable)?;
        let warning = cleared.and_then(|cleared| cleared.warning);
        let change = "clear-configuration".to_owned();
        self.edited(text, change, warning.map(|warning| warning.to_string()))
    }

    fn rolled_back(&self, version: Option<u64>) -> Result<Proposal, Failure> {
        let running = self.wanted.as_ref().map(|wanted| &wanted.source);
        let kept = match version {
            Some(number) => self.versions.read(number),
            None => self
                .versions
                .newest(|source| Some(source) != running)
                .map_err(|error| super::look::unreadable(&error))?,
        };
        let (version, source) = kept.ok_or(Failure::NoSuchVersion)?;
        Ok(Proposal {
            source,
            change: format!("rollback {}", version.version),
            notice: None,
            strict: false,
            enforce: false,
            licence: None,
        })
    }

    fn edited(
        &self,
        text: String,
        change: String,
        notice: Option<String>,
    ) -> Result<Proposal, Failure> {
        let path = self.running()?.source.path.clone();
        let text = text.into_bytes();
        Ok(Proposal {
            source: Source { path, text },
            change,
            notice,
            strict: false,
            enforce: false,
            licence: None,
        })
    }

    fn running(&self) -> Result<&Wanted, Failure> {
        self.wanted.as_ref().ok_or(Failure::NoConfiguration)
    }

    fn text(&self) -> Result<&str, Failure> {
        core::str::from_utf8(&self.running()?.source.text).map_err(|_| Failure::NotEditable)
    }

    /// The unit as its licences make it now.
    fn appliance(&mut self) -> Result<(&'static Model, Entitlement, Limits), Failure> {
        let now = self.now();
        let (appliance, limits) = self.running()?.entitled(now);
        let (model, entitlement) = appliance.ok_or(Failure::NoModel)?;
        Ok((model, entitlement, limits))
    }

    /// Installs a licence that holds on this unit. A TLS proxy limit that was set by hand below
    /// what it grants is raised (L13).
    fn install(&mut self, text: &str) -> Result<Proposal, Failure> {
        let (model, held, _) = self.appliance()?;
        let now = self.now();
        let licensed = &self.running()?.policy.licensed;
        if licensed.issuers.is_empty() {
            return Err(Failure::NoIssuers);
        }
        let grant = Grant::read(text, &licensed.issuers).map_err(refused)?;
        grant.check(model, now).map_err(refused)?;
        let running = self.text()?;
        let raised = licensed.set_limit.and_then(|set| {
            let limit = license::TlsLimit::set(model, set).ok()?;
            let limit = limit.installed(model, &held, &grant);
            (set < limit.sessions()).then_some(limit.sessions())
        });
        let edited = match raised {
            Some(limit) => policy::with_tls_limit(running, limit).ok_or(Failure::NotEditable)?,
            None => running.to_owned(),
        };
        let serial = grant.serial;
        let text = text.to_owned();
        let licence = Change::Install { serial, text };
        self.licences.check(&licence)?;
        let notice = raised.map(|limit| format!("the TLS proxy limit was raised to {limit}"));
        let proposal = self.edited(edited, format!("license install {serial}"), notice)?;
        Ok(Proposal {
            licence: Some(licence),
            ..proposal
        })
    }

    fn remove(&self, serial: u64) -> Result<Proposal, Failure> {
        let text = self.text()?.to_owned();
        let licence = Change::Remove { serial };
        self.licences.check(&licence)?;
        let proposal = self.edited(text, format!("license remove {serial}"), None)?;
        Ok(Proposal {
            licence: Some(licence),
            ..proposal
        })
    }
}
