//! What is wanted, what is in force, and how the one becomes the other.

mod allowed;
mod change;
mod entitled;
mod look;
mod pending;
mod publish;
mod restart;
mod streams;
mod wanted;

use std::collections::VecDeque;
use std::sync::mpsc::Sender;
use std::time::Duration;

use abi::Limits;
use admin::{Failure, Request, Response};

use crate::args::Args;
use crate::audit::Audit;
use crate::licences::Licences;
use crate::link::Link;
use crate::server::Call;
use crate::versions::Versions;
use change::Proposal;
use pending::Pending;
use publish::Stage;
use wanted::Wanted;

/// Time between two looks at the data plane when nothing is under way.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The same while somebody waits for the outcome.
const HURRY: Duration = Duration::from_millis(2);
/// Requests that wait while one is carried out.
const WAITING_MAX: usize = 64;

/// The state of the control process.
#[derive(Debug)]
pub(crate) struct Controller {
    args: Args,
    versions: Versions,
    licences: Licences,
    audit: Audit,
    /// The latest time that was seen, seconds since 1970: a clock set back revives no licence.
    latest: u64,
    /// The latest end of a licence that is known to have passed, and was kept.
    latest_end: u64,
    /// The limits that the data plane was last told.
    told: Option<Limits>,
    started: u64,
    wanted: Option<Wanted>,
    link: Option<Link>,
    stage: Stage,
    /// Keys that hold only after a restart of the data plane, as far as they can be told; `None`
    /// when nothing waits for one.
    after_restart: Option<Vec<String>>,
    pending: Option<Pending>,
    waiting: VecDeque<Call>,
    /// The configuration file is to be read again as soon as nothing is pending.
    is_reload_due: bool,
    /// What keeps the wanted configuration from being in force; logged when it changes.
    problem: Option<String>,
}

impl Controller {
    /// A controller that holds no configuration yet; `started` is in seconds since 1970.
    pub(crate) fn new(args: Args, started: u64) -> Self {
        Self {
            versions: Versions::of(args.state_dir()),
            licences: Licences::of(args.state_dir()),
            audit: Audit::of(args.state_dir()),
            latest: started,
            latest_end: 0,
            told: None,
            args,
            started,
            wanted: None,
            link: None,
            stage: Stage::Due,
            after_restart: None,
            pending: None,
            waiting: VecDeque::new(),
            is_reload_due: false,
            problem: None,
        }
    }

    /// Takes up the configuration to start with: the file named on the command line, or else
    /// what was applied last.
    pub(crate) fn start(&mut self) {
        self.look_for_later_times();
        let named = self.args.config.clone();
        if named.is_some_and(|path| self.load(&path, "start")) {
            return;
        }
        match self.versions.newest(|_| true) {
            Ok(Some((version, source))) => {
                let version = version.version;
                tracing::info!(
                    path = source.path,
                    version,
                    "taking up what was applied last"
                );
                self.take(source, "start");
            }
            Ok(None) => tracing::warn!("no configuration: waiting for 'ucproxy apply FILE'"),
            Err(error) => tracing::error!(%error, "what was applied last cannot be read"),
        }
    }

    /// Reads the configuration file again, if one was named, once the changes before are through:
    /// a licence that comes with one must not get lost.
    pub(crate) fn reload(&mut self) {
        self.is_reload_due = self.pending.is_some();
        if self.is_reload_due {
            return;
        }
        if let Some(path) = self.args.config.clone() {
            self.load(&path, "reload");
        }
    }

    /// Answers an operator, or notes who waits for an answer.
    pub(crate) fn handle(&mut self, call: Call) {
        if let Err(failure) = self.may_ask(&call.peer, &call.request) {
            return send(&call.reply, Response::Failed(failure));
        }
        match call.request {
            Request::Status => send(&call.reply, Response::Status(self.status())),
            Request::TlsLimit => send(&call.reply, self.tls_limit()),
            Request::Licences => send(&call.reply, self.installed()),
            Request::Configuration => send(&call.reply, self.configuration()),
            Request::History => send(&call.reply, self.history()),
            Request::ProvisionStreams {
                list,
                step,
                streams,
            } => self.provision_streams(list, step, streams, call.reply),
            Request::Apply { .. }
            | Request::Rollback { .. }
            | Request::InstallLicence { .. }
            | Request::RemoveLicence { .. }
            | Request::SetTlsLimit { .. }
            | Request::ClearConfiguration { .. } => self.change(call),
        }
    }

    /// Changes what runs, now or once the changes before are through.
    fn change(&mut self, call: Call) {
        if self.pending.is_none() {
            let enforce = call.request.enforces();
            let proposal = self.proposal(call.request).and_then(|proposal| {
                self.may_propose(&call.peer, &proposal)?;
                Ok(proposal)
            });
            return match proposal {
                Ok(proposal) => {
                    let proposal = Proposal {
                        enforce,
                        ..proposal
                    };
                    self.apply(proposal, &call.peer, call.reply);
                }
                Err(failure) => send(&call.reply, Response::Failed(failure)),
            };
        }
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push_back(call);
        } else {
            send(&call.reply, Response::Failed(Failure::Busy));
        }
    }

    /// Looks after the data plane; returns how long to wait before the next look.
    pub(crate) fn tick(&mut self) -> Duration {
        self.look_at_link();
        self.advance();
        self.refresh_limits();
        if matches!(self.stage, Stage::InForce(_)) {
            self.remember();
        }
        self.look_for_what_waits();
        self.settle();
        if self.is_reload_due {
            self.reload();
        }
        if self.pending.is_none()
            && let Some(call) = self.waiting.pop_front()
        {
            self.handle(call);
            return Duration::ZERO;
        }
        if self.pending.is_some() {
            HURRY
        } else {
            LOOK_EVERY
        }
    }

    /// Tells everybody who waits that there will be no answer.
    pub(crate) fn end(&mut self) {
        let waiting = self.waiting.drain(..).map(|call| call.reply);
        let pending = self.pending.take().map(|pending| pending.reply);
        for reply in waiting.chain(pending) {
            send(&reply, Response::Failed(Failure::Ending));
        }
    }
}

/// Answers; an operator who has left does not mind.
fn send(reply: &Sender<Response>, response: Response) {
    drop(reply.send(response));
}
