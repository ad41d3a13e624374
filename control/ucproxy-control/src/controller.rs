//! What is wanted, what is in force, and how the one becomes the other.

mod allowed;
mod change;
mod entitled;
mod restart;
mod streams;

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use abi::Limits;
use abi::publish::PublishError;
use admin::{Applied, Configuration, Failure, Request, Response, Status, Version};
use license::Grant;
use policy::{Finding, Folder, Policy, Report, Severity};

use crate::args::Args;
use crate::audit::Audit;
use crate::clock;
use crate::http::Scrape;
use crate::keys::Keys;
use crate::licences::Licences;
use crate::link::{Link, Progress};
use crate::metrics;
use crate::peer::Peer;
use crate::server::Call;
use crate::socket::SocketError;
use crate::store::Source;
use crate::versions::Versions;
use change::Proposal;

/// Time between two looks at the data plane when nothing is under way.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The same while somebody waits for the outcome.
const HURRY: Duration = Duration::from_millis(2);
/// An operator is told that workers have not acknowledged a policy after this long.
const ACKNOWLEDGE_WITHIN: Duration = Duration::from_secs(10);
/// Requests that wait while one is carried out.
const WAITING_MAX: usize = 64;

/// A configuration ready to be put in force.
#[derive(Debug)]
struct Wanted {
    source: Source,
    /// What it makes; its private keys are in `keys`.
    policy: Policy,
    keys: Keys,
    /// What the licence files grant that are signed by the configuration's issuers.
    grants: Vec<Grant>,
    /// The image in the form that it is published in.
    image: Vec<u8>,
    /// Established sessions are to be held against it; `false` once they were.
    enforce: bool,
    /// Who had it taken, when and how; `None` once it was kept for the next start.
    to_keep: Option<Version>,
}

/// Where the data plane stands with what is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It has not been told.
    Due,
    /// It was told, under this generation.
    Published(u64),
    /// Every worker obeys, under this generation.
    InForce(u64),
    /// It could not use it, or will never have room for it.
    Refused,
}

/// A change whose outcome is awaited.
#[derive(Debug)]
struct Pending {
    reply: Sender<Response>,
    deadline: Instant,
    warnings: Vec<Finding>,
    /// What the operator must be told besides.
    notice: Option<String>,
    /// Why it could not be kept.
    not_kept: Option<String>,
    /// Sessions that had been closed by enforcement before; `None` when it is not enforced.
    closed_before: Option<u64>,
    /// What to go back to if the data plane refuses.
    before: Option<Wanted>,
}

/// The state of the control process.
#[derive(Debug)]
pub(crate) struct Controller {
    args: Args,
    versions: Versions,
    licences: Licences,
    audit: Audit,
    /// The latest time that was seen, seconds since 1970: a clock set back revives no licence.
    latest: u64,
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
            told: None,
            args,
            started,
            wanted: None,
            link: None,
            stage: Stage::Due,
            after_restart: None,
            pending: None,
            waiting: VecDeque::new(),
            problem: None,
        }
    }

    /// Takes up the configuration to start with: the file named on the command line, or else
    /// what was applied last.
    pub(crate) fn start(&mut self) {
        let named = self.args.config.clone();
        if named.is_some_and(|path| self.load(&path, "start")) {
            return;
        }
        match self.versions.newest(|_| true) {
            Ok(Some((version, source))) => {
                self.latest = self.latest.max(version.time);
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

    /// Reads the configuration file again, if one was named.
    pub(crate) fn reload(&mut self) {
        if let Some(path) = self.args.config.clone() {
            self.load(&path, "reload");
        }
    }

    /// Answers an operator, or notes who waits for an answer.
    pub(crate) fn handle(&mut self, call: Call, now: Instant) {
        if let Err(failure) = self.may_ask(&call.peer, &call.request) {
            return send(&call.reply, Response::Failed(failure));
        }
        match call.request {
            Request::Status => send(&call.reply, Response::Status(self.status())),
            Request::TlsLimit => send(&call.reply, self.tls_limit()),
            Request::Licences => send(&call.reply, self.installed()),
            Request::Configuration => send(&call.reply, self.configuration()),
            Request::History => send(&call.reply, self.history()),
            Request::OpenStreams { first, streams } => {
                self.open_streams(streams, first, call.reply);
            }
            Request::Apply { .. }
            | Request::Rollback { .. }
            | Request::InstallLicence { .. }
            | Request::RemoveLicence { .. }
            | Request::SetTlsLimit { .. }
            | Request::ClearConfiguration { .. } => self.change(call, now),
        }
    }

    /// Changes what runs, now or once the changes before are through.
    fn change(&mut self, call: Call, now: Instant) {
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
                    self.apply(proposal, &call.peer, call.reply, now);
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
    pub(crate) fn tick(&mut self, now: Instant) -> Duration {
        self.look_at_link();
        self.advance();
        self.refresh_limits();
        if matches!(self.stage, Stage::InForce(_)) {
            self.remember();
        }
        self.look_for_what_waits();
        self.settle(now);
        if self.pending.is_none()
            && let Some(call) = self.waiting.pop_front()
        {
            self.handle(call, now);
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

    /// Loads the file at `path`; `false` when it cannot be used.
    fn load(&mut self, path: &Path, change: &str) -> bool {
        match Source::read(path) {
            Ok(source) => self.take(source, change),
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "configuration cannot be read");
                false
            }
        }
    }

    /// Takes a configuration up unless errors keep it from working; nobody waits.
    fn take(&mut self, source: Source, change: &str) -> bool {
        let report = check(&source);
        for finding in &report.findings {
            let text = format!("{}:{finding}", source.path).replace('\n', ";");
            match finding.severity {
                Severity::Error => tracing::error!("{text}"),
                Severity::Warning => tracing::warn!("{text}"),
            }
        }
        let peer = Peer::own();
        let path = source.path.clone();
        let about = about(change, &peer);
        let taken = report
            .policy
            .ok_or_else(|| "it has errors".to_owned())
            .and_then(|policy| {
                let wanted = self.wanted_of(source, about, policy);
                wanted.map_err(|failure| failure.to_string())
            });
        let outcome = if taken.is_ok() { "applied" } else { "refused" };
        // Logged if it cannot be recorded.
        drop(self.audit.record(&peer, change, outcome, Some(path)));
        let wanted = match taken {
            Ok(wanted) => wanted,
            Err(why) => {
                tracing::error!("configuration is not taken up: {why}");
                return false;
            }
        };
        self.want(wanted);
        true
    }

    fn apply(&mut self, proposal: Proposal, peer: &Peer, reply: Sender<Response>, now: Instant) {
        let Proposal {
            source,
            change,
            notice,
            strict,
            enforce,
        } = proposal;
        let report = check(&source);
        let errors = strict && report.has_errors();
        let Some(policy) = report.policy.filter(|_| !errors) else {
            tracing::warn!(path = source.path, "configuration refused");
            let findings = report.findings;
            return send(&reply, Response::Refused { findings });
        };
        let about = about(&change, peer);
        let mut wanted = match self.wanted_of(source, about, policy) {
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
            deadline: now + ACKNOWLEDGE_WITHIN,
            warnings: report.findings,
            notice,
            not_kept: None,
            closed_before,
            before,
        });
    }

    /// Wants something else; returns what was wanted before.
    fn want(&mut self, wanted: Wanted) -> Option<Wanted> {
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

    /// Attaches to a data plane that has appeared, and leaves one that was replaced.
    fn look_at_link(&mut self) {
        if let Some(link) = self.link.take_if(|link| link.is_stale()) {
            tracing::info!("data plane has gone");
            link.detach();
            self.stage = Stage::Due;
        }
        if self.link.is_some() {
            return;
        }
        match Link::attach(&self.args.runtime_dir) {
            Ok(link) => {
                tracing::info!(pid = link.pid(), boot = %link.boot(), "attached to the data plane");
                self.link = Some(link);
                self.told = None;
                self.stage = Stage::Due;
                self.note(None);
            }
            Err(error) if error.is_absence() => self.note(None),
            Err(error) => self.note(Some(error.to_string())),
        }
    }

    /// Brings the data plane one step nearer to what is wanted.
    fn advance(&mut self) {
        let now = self.now();
        let (Some(link), Some(wanted)) = (&self.link, &self.wanted) else {
            return;
        };
        match self.stage {
            Stage::Due => match publish(link, wanted, &wanted.limits(now)) {
                Ok(Some(generation)) => {
                    self.stage = Stage::Published(generation);
                    self.note(None);
                    self.advance();
                }
                Ok(None) => {}
                Err(Hindrance::Now(error)) => self.note(Some(error.to_string())),
                Err(Hindrance::Always(failure)) => self.refused(failure),
            },
            Stage::Published(generation) => match link.progress(generation) {
                Progress::Waiting => {}
                Progress::Acknowledged => {
                    tracing::info!(generation, "policy in force");
                    self.stage = Stage::InForce(generation);
                    if let Some(wanted) = &mut self.wanted {
                        wanted.enforce = false;
                    }
                }
                Progress::Refused => self.refused(Failure::DataPlaneRefused),
            },
            Stage::InForce(_) | Stage::Refused => {}
        }
    }

    /// Notes that what is wanted cannot be had. An operator who waits for it is told, and the
    /// configuration before is wanted again.
    fn refused(&mut self, failure: Failure) {
        self.stage = Stage::Refused;
        self.note(Some(failure.to_string()));
        let Some(pending) = self.pending.take() else {
            return;
        };
        if let Some(before) = pending.before {
            self.want(before);
        } else {
            self.wanted = None;
        }
        send(&pending.reply, Response::Failed(failure));
    }

    /// Answers the operator who waits once the outcome is known, or it is time.
    fn settle(&mut self, now: Instant) {
        let Some(pending) = &self.pending else {
            return;
        };
        let running = self.link.as_ref().is_some_and(Link::is_running);
        let generation = match self.stage {
            Stage::InForce(generation) => Some(generation),
            // Nobody is there to acknowledge it; it holds as soon as somebody is.
            _ if !running => None,
            _ if now >= pending.deadline => {
                self.remember();
                return self.answer(|_| Response::Failed(Failure::NotAcknowledged));
            }
            _ => return,
        };
        if generation.is_none() {
            self.remember();
        }
        let after_restart = self.after_restart.clone();
        let closed_so_far = self.closed_so_far();
        self.answer(|pending| {
            let closed = |before| closed_so_far.saturating_sub(before);
            Response::Applied(Applied {
                generation,
                restart_needed: after_restart.is_some(),
                after_restart: after_restart.unwrap_or_default(),
                closed: pending.closed_before.map(closed),
                findings: pending.warnings,
                notice: pending.notice,
                not_kept: pending.not_kept,
            })
        });
    }

    fn answer(&mut self, response: impl FnOnce(Pending) -> Response) {
        if let Some(pending) = self.pending.take() {
            let reply = pending.reply.clone();
            send(&reply, response(pending));
        }
    }

    /// Keeps what is wanted for the next start, once. What cannot be kept runs all the same.
    fn remember(&mut self) {
        let Some(wanted) = &mut self.wanted else {
            return;
        };
        let Some(about) = wanted.to_keep.take() else {
            return;
        };
        if let Err(error) = self.versions.keep(about, &wanted.source) {
            tracing::error!(%error, "configuration is taken but could not be kept");
            if let Some(pending) = &mut self.pending {
                pending.not_kept = Some(error.to_string());
            }
        }
    }

    /// Sessions that enforcement has closed since the data plane's start.
    fn closed_so_far(&self) -> u64 {
        self.link.as_ref().map_or(0, Link::closed_by_enforcement)
    }

    fn note(&mut self, problem: Option<String>) {
        if self.problem != problem {
            if let Some(problem) = &problem {
                tracing::info!(problem, "policy not in force");
            }
            self.problem = problem;
        }
    }

    /// Answers a scraper.
    pub(crate) fn scrape(&self, reply: &Scrape) {
        let layout = self.link.as_ref().map(Link::layout);
        // One that has left does not mind.
        drop(reply.send(metrics::page(&self.status(), layout)));
    }

    fn history(&self) -> Response {
        match self.versions.list() {
            Ok(versions) => Response::History { versions },
            Err(error) => Response::Failed(unreadable(&error)),
        }
    }

    fn configuration(&self) -> Response {
        self.wanted.as_ref().map_or(
            Response::Failed(Failure::NoConfiguration),
            |Wanted { source, .. }| {
                Response::Configuration(Configuration {
                    text: String::from_utf8_lossy(&source.text).into_owned(),
                    path: source.path.clone(),
                })
            },
        )
    }

    fn status(&self) -> Status {
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started: self.started,
            config: self.wanted.as_ref().map(|w| w.source.path.clone()),
            attached: self.link.as_ref().is_some_and(Link::is_alive),
            dataplane: self.link.as_ref().map(|link| link.boot().to_string()),
            in_force: matches!(self.stage, Stage::InForce(_)),
            problem: self.problem.clone(),
            restart_needed: self.after_restart.is_some(),
            after_restart: self.after_restart.clone().unwrap_or_default(),
        }
    }
}

/// What keeps an image from being published.
enum Hindrance {
    /// Something that may pass.
    Now(SocketError),
    /// Something that will not.
    Always(Failure),
}

/// Sends keys, limits and image over. Returns the generation; `None` when it is too early.
fn publish(link: &Link, wanted: &Wanted, limits: &Limits) -> Result<Option<u64>, Hindrance> {
    if !link.may_publish() {
        return Ok(None);
    }
    link.push_keys(&wanted.keys).map_err(|error| match error {
        SocketError::TooLong => Hindrance::Always(Failure::TooManyKeys),
        error => Hindrance::Now(error),
    })?;
    link.set_limits(limits);
    if let Some(generation) = link
        .generation_of(&wanted.image)
        .filter(|_| !wanted.enforce)
    {
        return Ok(Some(generation));
    }
    let generation = link
        .publish(&wanted.image, wanted.enforce)
        .map_err(|error| Hindrance::Always(failure(error)))?;
    tracing::info!(generation, octets = wanted.image.len(), "policy published");
    Ok(Some(generation))
}

fn check(source: &Source) -> Report {
    let folder = Folder::of(Path::new(&source.path));
    Report::of(&source.text, &folder, clock::wall_seconds())
}

/// What is kept of a change besides its text.
fn about(change: &str, peer: &Peer) -> Version {
    Version {
        time: clock::wall_seconds(),
        uid: peer.uid,
        user: peer.user.clone(),
        change: change.to_owned(),
        ..Version::default()
    }
}

fn unreadable(error: &io::Error) -> Failure {
    tracing::error!(%error, "versions cannot be read");
    Failure::Unreadable
}

impl Wanted {
    /// Whether the data plane would be told nothing new but limits, which workers read by
    /// themselves: nothing has to be published for them.
    fn differs_in_limits(&self, other: &Self) -> bool {
        self.image == other.image && self.keys == other.keys
    }
}

fn failure(error: PublishError) -> Failure {
    match error {
        PublishError::TooLarge { needed, room } => Failure::TooLarge {
            needed: needed as u64,
            room: room as u64,
        },
        PublishError::Damaged { .. } | PublishError::Torn => Failure::DataPlaneRefused,
    }
}

/// Answers; an operator who has left does not mind.
fn send(reply: &Sender<Response>, response: Response) {
    drop(reply.send(response));
}
