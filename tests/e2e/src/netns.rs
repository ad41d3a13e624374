//! Network namespaces: made, entered and removed.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::error::{Failure, Result};
use crate::wait::{STEP, until};

/// Prefix of every namespace that a run makes, `ucp-<pid>-<run>-<role>`, and of its folder.
pub const PREFIX: &str = "ucp-";

/// Runs a command to its end and returns what it printed.
///
/// # Errors
/// [`Failure::Command`] when it fails, [`Failure::Io`] when it cannot be started.
pub fn run(command: &[&str]) -> Result<String> {
    let line = command.join(" ");
    let (program, args) = command
        .split_first()
        .ok_or_else(|| Failure::Unexpected("empty command".to_owned()))?;
    let output = Command::new(program)
        .args(args)
        .output()
        .map_err(|source| Failure::Io {
            what: line.clone(),
            source,
        })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Failure::Command {
        command: line,
        output: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// A network namespace of this run; removed on drop with every process in it.
#[derive(Debug)]
pub struct Netns {
    name: String,
}

impl Netns {
    /// Makes a namespace with its loopback up.
    ///
    /// # Errors
    /// When `ip` refuses, for want of root say.
    pub fn create(run_id: &str, role: &str) -> Result<Self> {
        let name = format!("{PREFIX}{run_id}-{role}");
        run(&["ip", "netns", "add", &name])?;
        let netns = Self { name };
        netns.ip(&["link", "set", "lo", "up"])?;
        Ok(netns)
    }

    /// The namespace's name, as `ip netns` shows it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that names the namespace to `nsenter`.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        PathBuf::from("/run/netns").join(&self.name)
    }

    /// Runs `ip` in the namespace.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn ip(&self, args: &[&str]) -> Result<String> {
        let mut command = vec!["ip", "-n", &self.name];
        command.extend_from_slice(args);
        run(&command)
    }

    /// Runs a command to its end in the namespace.
    ///
    /// # Errors
    /// As [`run`].
    pub fn exec(&self, args: &[&str]) -> Result<String> {
        let net = format!("--net={}", self.path().display());
        let mut command = vec!["nsenter", &net, "--"];
        command.extend_from_slice(args);
        run(&command)
    }

    /// Sets a `net.*` kernel parameter, such as `ipv4/ip_forward`.
    ///
    /// # Errors
    /// When there is no such parameter.
    pub fn sysctl(&self, parameter: &str, value: &str) -> Result<()> {
        let path = PathBuf::from("/proc/sys/net").join(parameter);
        self.enter(|| fs::write(&path, value).map_err(|e| Failure::io("write", &path, e)))
    }

    /// Runs `work` on a thread inside the namespace. A socket that it opens stays there.
    ///
    /// # Errors
    /// When the namespace cannot be entered, or what `work` fails with.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let path = self.path();
        thread::scope(|scope| {
            let worker = scope.spawn(|| {
                let file = File::open(&path).map_err(|e| Failure::io("open", &path, e))?;
                setns(&file, CloneFlags::CLONE_NEWNET)
                    .map_err(|e| Failure::io("enter", &path, e.into()))?;
                work()
            });
            worker.join().unwrap_or_else(|_| {
                Err(Failure::Unexpected(format!(
                    "panic inside {}",
                    path.display()
                )))
            })
        })
    }

    fn pids(&self) -> Vec<Pid> {
        pids_in(&self.name)
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        remove(&self.name, || self.pids());
    }
}

fn pids_in(name: &str) -> Vec<Pid> {
    run(&["ip", "netns", "pids", name])
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.trim().parse().ok().map(Pid::from_raw))
        .collect()
}

/// Kills what still runs in the namespace, which only this run put there, then deletes it.
fn remove(name: &str, pids: impl Fn() -> Vec<Pid>) {
    let gone = until("empty namespace", STEP, || {
        let left = pids();
        for &pid in &left {
            // A process that ended meanwhile is what we want.
            kill(pid, Signal::SIGKILL).ok();
        }
        Ok(left.is_empty().then_some(()))
    });
    // Deleting also works while processes linger; they keep only the anonymous namespace.
    drop(gone);
    run(&["ip", "netns", "del", name]).ok();
}

/// Removes namespaces that runs left behind which were killed before they could clean up.
pub fn sweep() {
    let listed = run(&["ip", "netns", "list"]).unwrap_or_default();
    let names = listed
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    for name in names.filter(|name| is_of_a_dead_run(name)) {
        remove(name, || pids_in(name));
    }
}

/// Whether a namespace or folder bears the number of a process that is gone.
#[must_use]
pub fn is_of_a_dead_run(name: &str) -> bool {
    name.strip_prefix(PREFIX)
        .and_then(|rest| rest.split('-').next())
        .and_then(|pid| pid.parse::<u32>().ok())
        .is_some_and(|pid| !PathBuf::from(format!("/proc/{pid}")).exists())
}
