//! The configuration that is wanted: how one is taken up, and by whom.

use std::path::Path;
use std::sync::mpsc::Sender;

use admin::{Response, Version};
use license::Grant;
use policy::{Folder, Policy, Report, Severity};

use super::change::Proposal;
use super::pending::{ACKNOWLEDGE_WITHIN, Pending};
use super::publish::Stage;
use super::{Controller, send};
use crate::audit;
use crate::clock;
use crate::keys::Keys;
use crate::licences::Staged;
use crate::peer::Peer;
use crate::store::Source;

/// A configuration ready to be put in force.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) source: Source,
    /// What it makes; its private keys are in `keys`.
    pub(super) policy: Policy,
    pub(super) keys: Keys,
    /// What the licence files grant that are signed by the configuration's issuers.
    pub(super) grants: Vec<Grant>,
    /// The image in the form that it is published in.
    pub(super) image: Vec<u8>,
    /// Established sessions are to be held against it; `false` once they were.
    pub(super) enforce: bool,
    /// Who had it taken, when and how; `None` once it was kept for the next start.
    pub(super) to_keep: Option<Version>,
    /// The licence that comes or goes with it, counted already; `None` once that was carried out.
    pub(super) licence: Option<Staged>,
}

impl Wanted {
    /// Whether the data plane would be told nothing new but limits, which workers read by
    /// themselves: nothing has to be published for them.
    fn differs_in_limits(&self, other: &Self) -> bool {
        self.image == other.image && self.keys == other.keys
    }
}

impl Controller {
    /// Loads the file at `path`; `false` when it cannot be used.
    pub(super) fn load(&mut self, path: &Path, change: &str) -> bool {
        match Source::read(path) {
            Ok(source) => self.take(source, change),
            Err(error) => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
                let path = path.display();
                tracing::error!(%path, %error, "configuration cannot be read");
                self.record(change, "failed", format!("{path}: {error}"));
                false
            }
        }
    }

    /// Takes a configuration up unless errors keep it from working; nobody waits.
    pub(super) fn take(&mut self, source: Source, change: &str) -> bool {
        let path = source.path.clone();
        match self.take_up(source, change) {
            Ok(wanted) => {
                self.record(change, "applied", path);
                self.want(wanted);
                true
            }
            Err((outcome, why)) => {
                tracing::error!("configuration is not taken up: {why}");
                self.record(change, outcome, why);
                false
            }
        }
    }

    /// What `source` makes, or the outcome and the reason for the audit log.
    fn take_up(&mut self, source: Source, change: &str) -> Result<Wanted, (&'static str, String)> {
        let report = check(&source);
        for finding in &report.findings {
            let text = format!("{}:{finding}", source.path).replace('\n', ";");
            match finding.severity {
                Severity::Error => tracing::error!("{text}"),
                Severity::Warning => tracing::warn!("{text}"),
            }
        }
        let path = source.path.replace('\n', ";");
        let Some(policy) = report.policy else {
            let error = audit::first_error(&report.findings).unwrap_or_default();
            return Err(("refused", format!("{path}:{error}")));
        };
        let about = about(change, &Peer::own(), self.now());
        let wanted = self.wanted_of(source, about, policy);
        wanted.map_err(|failure| ("failed", format!("{path}: {failure}")))
    }

    /// Records what came of something that nobody asked for over the admin socket.
    fn record(&self, change: &str, outcome: &str, detail: String) {
        // Logged if it cannot be recorded.
        drop(
            self.audit
                .record(&Peer::own(), change, outcome, Some(detail)),
        );
    }

    pub(super) fn apply(&mut self, proposal: Proposal, peer: &Peer, reply: Sender<Response>) {
        let Proposal {
            source,
            change,
            notice,
            strict,
            enforce,
            licence,
        } = proposal;
        let report = check(&source);
        let errors = strict && report.has_errors();
        let Some(policy) = report.policy.filter(|_| !errors) else {
            tracing::warn!(path = source.path, "configuration refused");
            let findings = report.findings;
            return send(&reply, Response::Refused { findings });
        };
        let about = about(&change, peer, self.now());
        let wanted = self.wanted_of(source, about, policy);
        let mut wanted = match wanted.and_then(|wanted| self.with_licence(wanted, licence)) {
            Ok(wanted) => wanted,
            Err(failure) => return send(&reply, Response::Failed(failure)),
        };
        wanted.enforce = enforce;
        tracing::info!(
            path = wanted.source.path,
            change,
            by = peer.user,
            "configuration taken"
        );
        let closed_before = enforce.then(|| self.closed_so_far());
        let before = self.want(wanted);
        self.pending = Some(Pending {
            reply,
            deadline: clock::monotonic() + ACKNOWLEDGE_WITHIN,
            warnings: report.findings,
            notice,
            not_kept: None,
            closed_before,
            before,
        });
    }

    /// Wants something else; returns what was wanted before.
    pub(super) fn want(&mut self, wanted: Wanted) -> Option<Wanted> {
        match (&self.link, &self.wanted, self.stage) {
            (Some(_), Some(before), Stage::InForce(_))
                if before.differs_in_limits(&wanted) && !wanted.enforce => {}
            _ => self.stage = Stage::Due,
        }
        let before = self.wanted.replace(wanted);
        self.after_restart = None;
        self.refresh_limits();
        self.open_socket();
        before
    }
}

pub(super) fn check(source: &Source) -> Report {
    let folder = Folder::of(Path::new(&source.path));
    Report::of(&source.text, &folder, clock::wall_seconds())
}

/// What is kept of a change at `time` besides its text.
pub(super) fn about(change: &str, peer: &Peer, time: u64) -> Version {
    Version {
        time,
        uid: peer.uid,
        user: peer.user.clone(),
        change: change.to_owned(),
        ..Version::default()
    }
}
