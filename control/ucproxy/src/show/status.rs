//! `show status`: processes, workers and policy.

use core::fmt;
use std::path::Path;
use std::time::Duration;

use abi::LayoutId;
use admin::{Request, Response};
use serde::Serialize;

use crate::clock::{self, span};
use crate::out::{CliError, keys_after_restart};
use crate::region::View;

/// Control that does not answer this soon is not well.
pub(super) const ASK_TIMEOUT: Duration = Duration::from_secs(2);

/// Both processes, and how the policy stands.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    /// Workers run, and every one obeys the newest policy; `null` when it is not known.
    ready: Option<bool>,
    dataplane: DataPlane,
    policy: Option<Policy>,
    control: Control,
}

#[derive(Debug, Default, Serialize)]
struct DataPlane {
    /// `null` when it is not known.
    alive: Option<bool>,
    pid: Option<u64>,
    /// Seconds since 1970.
    started: Option<u64>,
    uptime_seconds: Option<u64>,
    /// Its own clock when it last did its housekeeping.
    heartbeat_ns: Option<u64>,
    workers: usize,
    /// Which start of it this is.
    boot: Option<String>,
    layout_version: Option<u64>,
    layout_hash: Option<String>,
    /// Why its shared memory cannot be read.
    problem: Option<String>,
}

#[derive(Debug, Default, Serialize)]
struct Policy {
    /// Generation in force; 0 before the first.
    published: u64,
    /// What each worker has acknowledged.
    acknowledged: Vec<u64>,
    /// The last generation that the data plane could not use, if any.
    refused: Option<u64>,
}

#[derive(Debug, Default, Serialize)]
struct Control {
    alive: bool,
    pid: Option<u32>,
    /// Seconds since 1970.
    started: Option<u64>,
    config: Option<String>,
    in_force: Option<bool>,
    /// The start of the data plane that it speaks of.
    boot: Option<String>,
    problem: Option<String>,
    /// Part of the configuration holds only after a restart of the data plane; `null` when it is
    /// not known.
    restart_needed: Option<bool>,
    /// The keys of that part, as far as they are known.
    after_restart: Vec<String>,
}

impl Status {
    /// Looks at both processes; neither has to be there.
    pub(crate) fn read(runtime_dir: &Path) -> Self {
        let (dataplane, policy) = match View::open(runtime_dir) {
            Ok(view) => look(&view),
            Err(error) => unseen(&error),
        };
        let obeyed = policy.as_ref().map(Policy::is_obeyed);
        let works = |alive, obeyed| alive && dataplane.workers > 0 && obeyed;
        Self {
            ready: dataplane.alive.zip(obeyed).map(|(a, o)| works(a, o)),
            control: ask(runtime_dir).about(dataplane.boot.as_ref()),
            dataplane,
            policy,
        }
    }
}

impl Policy {
    /// Whether there is one, and every worker obeys it.
    fn is_obeyed(&self) -> bool {
        let obeyed = |&generation: &u64| generation >= self.published;
        self.published > 0 && self.acknowledged.iter().all(obeyed)
    }
}

/// What is known without shared memory: nothing of one that is there but not for us to read.
fn unseen(error: &CliError) -> (DataPlane, Option<Policy>) {
    let is_absent = !matches!(error, CliError::NotOurs { .. });
    let dataplane = DataPlane {
        alive: is_absent.then_some(false),
        problem: Some(error.to_string()),
        ..DataPlane::default()
    };
    (dataplane, is_absent.then(Policy::default))
}

fn look(view: &View) -> (DataPlane, Option<Policy>) {
    let layout = &view.layout;
    let (alive, started) = (view.is_alive(), layout.started());
    let workers = layout.workers_running();
    let uptime = clock::wall_seconds().saturating_sub(started);
    let dataplane = DataPlane {
        alive: Some(alive),
        pid: Some(layout.pid()),
        started: Some(started),
        uptime_seconds: alive.then_some(uptime),
        heartbeat_ns: Some(layout.heartbeat()),
        workers,
        boot: Some(layout.boot().to_string()),
        layout_version: Some(LayoutId::OURS.version),
        layout_hash: Some(format!("{:016x}", LayoutId::OURS.hash)),
        problem: None,
    };
    let refused = layout.refused_generation();
    let policy = Policy {
        published: layout.policy().map_or(0, |slots| slots.generation()),
        acknowledged: (0..workers).map(|w| layout.acknowledged(w)).collect(),
        refused: (refused > 0).then_some(refused),
    };
    (dataplane, Some(policy))
}

impl Control {
    /// The same, unless what it says is of another start of the data plane than the `shown` one;
    /// where none is shown, there is nothing to hold it against.
    fn about(self, shown: Option<&String>) -> Self {
        if shown.is_none() || self.boot.is_none() || self.boot.as_ref() == shown {
            return self;
        }
        Self {
            in_force: Some(false),
            restart_needed: None,
            after_restart: Vec::new(),
            problem: Some("has yet to see that the data plane was started again".to_owned()),
            ..self
        }
    }
}

fn ask(runtime_dir: &Path) -> Control {
    match admin::call(runtime_dir, &Request::Status, ASK_TIMEOUT) {
        Ok(Response::Status(status)) => Control {
            alive: true,
            pid: Some(status.pid),
            started: Some(status.started),
            config: status.config,
            in_force: Some(status.in_force),
            boot: status.dataplane,
            problem: status.problem,
            restart_needed: Some(status.restart_needed),
            after_restart: status.after_restart,
        },
        Ok(other) => Control {
            problem: Some(format!("unexpected answer {other:?}")),
            ..Control::default()
        },
        Err(error) => Control {
            problem: Some(error.to_string()),
            ..Control::default()
        },
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let acknowledged: Vec<_> = self.acknowledged.iter().map(u64::to_string).collect();
        writeln!(
            f,
            "policy      generation {}, workers at [{}]",
            self.published,
            acknowledged.join(", ")
        )?;
        if let Some(refused) = self.refused {
            writeln!(f, "            generation {refused} was refused")?;
        }
        Ok(())
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            ready,
            dataplane,
            policy,
            control,
        } = self;
        writeln!(f, "ready       {}", ready.map_or("unknown", yes))?;
        write!(f, "data plane  ")?;
        match (dataplane.pid, dataplane.uptime_seconds) {
            (Some(pid), Some(uptime)) => {
                let workers = dataplane.workers;
                writeln!(f, "pid {pid}, up {}, {workers} workers", span(uptime))?;
            }
            (Some(pid), None) => writeln!(f, "gone (was pid {pid})")?,
            (None, _) => {
                let there = dataplane.alive.map_or("unknown", |_| "not there");
                writeln!(f, "{there}: {}", text(dataplane.problem.as_ref()))?;
            }
        }
        match policy {
            Some(policy) => write!(f, "{policy}")?,
            None => writeln!(f, "policy      unknown")?,
        }
        write!(f, "control     ")?;
        match control.pid {
            Some(pid) => writeln!(f, "pid {pid}, {}", text(control.config.as_ref()))?,
            None => return writeln!(f, "not there: {}", text(control.problem.as_ref())),
        }
        if let Some(problem) = &control.problem {
            writeln!(f, "            {problem}")?;
        }
        if control.restart_needed == Some(true) {
            let keys = keys_after_restart(&control.after_restart);
            writeln!(f, "            after a restart of the data plane: {keys}")?;
        }
        Ok(())
    }
}

const fn yes(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

fn text(value: Option<&String>) -> &str {
    value.map_or("no configuration", String::as_str)
}
