//! `show version`: of the programs, and of what lies between them.

use core::fmt;
use std::path::Path;

use abi::LayoutId;
use abi::records::ProcessRecord;
use admin::{Request, Response};
use serde::Serialize;

use crate::clock;
use crate::region::View;
use crate::show::status::ASK_TIMEOUT;

/// This program, the shared memory that it can read, and the data plane.
#[derive(Debug, Serialize)]
pub(crate) struct Version {
    version: &'static str,
    layout_version: u64,
    /// Of what determines the meaning of shared memory, in hexadecimal.
    layout_hash: String,
    dataplane: DataPlane,
    control: Control,
}

#[derive(Debug, Default, Serialize)]
struct Control {
    /// `null` while it does not answer.
    version: Option<String>,
    /// Seconds since 1970.
    started: Option<u64>,
    uptime_seconds: Option<u64>,
    /// Why it does not answer.
    problem: Option<String>,
}

#[derive(Debug, Default, Serialize)]
struct DataPlane {
    /// `null` until its workers run.
    version: Option<String>,
    dpdk: Option<String>,
    /// Seconds since 1970.
    started: Option<u64>,
    uptime_seconds: Option<u64>,
    /// Why its shared memory cannot be read.
    problem: Option<String>,
}

impl Version {
    /// Looks at both processes; neither has to be there.
    pub(crate) fn read(runtime_dir: &Path) -> Self {
        let dataplane = match View::open(runtime_dir) {
            Ok(view) => look(&view),
            Err(error) => DataPlane {
                problem: Some(error.to_string()),
                ..DataPlane::default()
            },
        };
        Self {
            version: env!("CARGO_PKG_VERSION"),
            layout_version: LayoutId::OURS.version,
            layout_hash: format!("{:016x}", LayoutId::OURS.hash),
            dataplane,
            control: ask(runtime_dir),
        }
    }
}

fn ask(runtime_dir: &Path) -> Control {
    let problem = match admin::call(runtime_dir, &Request::Status, ASK_TIMEOUT) {
        Ok(Response::Status(status)) => {
            let uptime = clock::wall_seconds().saturating_sub(status.started);
            return Control {
                version: Some(status.version),
                started: Some(status.started),
                uptime_seconds: Some(uptime),
                problem: None,
            };
        }
        Ok(other) => format!("unexpected answer {other:?}"),
        Err(error) => error.to_string(),
    };
    Control {
        problem: Some(problem),
        ..Control::default()
    }
}

fn look(view: &View) -> DataPlane {
    let process = view.layout.process().and_then(ProcessRecord::load);
    let started = view.layout.started();
    let uptime = clock::wall_seconds().saturating_sub(started);
    DataPlane {
        version: process.map(|process| process.version.to_string()),
        dpdk: process.map(|process| process.dpdk.to_string()),
        started: Some(started),
        uptime_seconds: view.is_alive().then_some(uptime),
        problem: None,
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            version,
            layout_version,
            layout_hash,
            dataplane,
            control,
        } = self;
        writeln!(f, "ucproxy       {version}")?;
        writeln!(
            f,
            "shared memory layout {layout_version}, hash {layout_hash}"
        )?;
        write!(f, "data plane    {dataplane}control       {control}")
    }
}

impl fmt::Display for DataPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(problem) = &self.problem {
            return writeln!(f, "{problem}");
        }
        let version = self.version.as_deref().unwrap_or("no workers yet");
        let up = self.uptime_seconds.map(clock::span);
        let up = up.map_or_else(|| "gone".into(), |up| format!("up {up}"));
        writeln!(f, "{version}, {up}")?;
        match &self.dpdk {
            Some(dpdk) => writeln!(f, "              {dpdk}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.version, self.uptime_seconds.map(clock::span)) {
            (Some(version), Some(up)) => writeln!(f, "{version}, up {up}"),
            _ => writeln!(f, "{}", self.problem.as_deref().unwrap_or("not there")),
        }
    }
}
