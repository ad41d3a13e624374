//! Processes of a run: started inside a namespace, logged to a file, ended for certain.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::error::{Failure, Result};
use crate::netns::Netns;
use crate::wait::{Deadline, until};

/// A running process whose output goes to a log file.
///
/// It dies with this value (SIGKILL to its process group), and with the thread that started it
/// even if that is killed (`PR_SET_PDEATHSIG`): start processes from the thread that keeps them.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: Log,
}

impl Process {
    /// Starts `command` in `netns`; standard output and error go to `<dir>/<name>.log`.
    ///
    /// # Errors
    /// When the log cannot be made or the process cannot be started.
    pub fn start(netns: &Netns, dir: &Path, name: &str, command: &[&str]) -> Result<Self> {
        Self::spawn(Some(netns), dir, name, command, false)
    }

    /// As [`Process::start`], with a pipe to its standard input.
    ///
    /// # Errors
    /// As [`Process::start`].
    pub fn start_piped(netns: &Netns, dir: &Path, name: &str, command: &[&str]) -> Result<Self> {
        Self::spawn(Some(netns), dir, name, command, true)
    }

    /// As [`Process::start`], in no particular namespace.
    ///
    /// # Errors
    /// As [`Process::start`].
    pub fn start_here(dir: &Path, name: &str, command: &[&str]) -> Result<Self> {
        Self::spawn(None, dir, name, command, false)
    }

    /// As [`Process::start_here`], with a pipe to its standard input.
    ///
    /// # Errors
    /// As [`Process::start`].
    pub fn start_here_piped(dir: &Path, name: &str, command: &[&str]) -> Result<Self> {
        Self::spawn(None, dir, name, command, true)
    }

    fn spawn(
        netns: Option<&Netns>,
        dir: &Path,
        name: &str,
        command: &[&str],
        piped: bool,
    ) -> Result<Self> {
        let path = dir.join(format!("{name}.log"));
        let io = |e| Failure::io("start; log to", &path, e);
        let file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(io)?;
        let log = Log::at_end(&path);
        let stdin = if piped { Stdio::piped() } else { Stdio::null() };
        // Both wrappers replace themselves, so the child's pid is the command's own.
        let mut wrapped = Command::new("nsenter");
        if let Some(netns) = netns {
            wrapped.arg(format!("--net={}", netns.path().display()));
        }
        let child = wrapped
            .args(["--", "setpriv", "--pdeathsig", "KILL", "--"])
            .args(command)
            .current_dir(dir)
            .process_group(0)
            .stdin(stdin)
            .stdout(file.try_clone().map_err(io)?)
            .stderr(file)
            .spawn()
            .map_err(io)?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log,
        })
    }

    /// The process's number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it printed since it was started.
    #[must_use]
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// The pipe to its standard input, if it has one and nobody took it yet.
    #[must_use]
    pub const fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Whether it still runs.
    #[must_use]
    pub fn running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Fails if the process has ended, with the end of its log.
    ///
    /// # Errors
    /// [`Failure::Unexpected`].
    pub fn check_running(&mut self) -> Result<()> {
        if self.running() {
            return Ok(());
        }
        Err(Failure::Unexpected(format!(
            "{} ended:\n{}",
            self.name,
            self.log.tail()
        )))
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        if let Ok(pid) = i32::try_from(self.pid()) {
            // The process may have ended; who cares looks at its status.
            kill(Pid::from_raw(pid), signal).ok();
        }
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// [`Failure::TimedOut`] with the end of its log.
    pub fn wait_exit(&mut self, limit: Duration) -> Result<ExitStatus> {
        let deadline = Deadline::after(limit);
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Ok(status);
            }
            deadline.pause(&format!("end of {}", self.name), || self.log.tail())?;
        }
    }

    /// Waits for a line that contains `text` since the process was started.
    ///
    /// # Errors
    /// [`Failure::TimedOut`], or [`Failure::Unexpected`] when the process ends before.
    pub fn wait_line(&mut self, text: &str, limit: Duration) -> Result<String> {
        let deadline = Deadline::after(limit);
        loop {
            if let Some(line) = self.log.find(text) {
                return Ok(line);
            }
            self.check_running()?;
            deadline.pause(&format!("{text:?} from {}", self.name), || self.log.tail())?;
        }
    }

    fn end(&mut self) {
        if let Ok(pid) = i32::try_from(self.pid()) {
            // Before the wait below the number cannot name anything but this process's group.
            killpg(Pid::from_raw(pid), Signal::SIGKILL).ok();
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// A log file from some point on.
#[derive(Clone, Debug)]
pub struct Log {
    path: PathBuf,
    from: usize,
}

/// Lines of a log that an error shows.
const TAIL_LINES: usize = 25;

impl Log {
    /// What will be appended to the file from now on.
    #[must_use]
    pub fn at_end(path: &Path) -> Self {
        let len = fs::metadata(path).map_or(0, |m| m.len());
        Self {
            path: path.to_owned(),
            from: usize::try_from(len).unwrap_or(usize::MAX),
        }
    }

    /// The same log from now on.
    #[must_use]
    pub fn mark(&self) -> Self {
        Self::at_end(&self.path)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Everything that was written since.
    #[must_use]
    pub fn text(&self) -> String {
        let octets = fs::read(&self.path).unwrap_or_default();
        String::from_utf8_lossy(octets.get(self.from..).unwrap_or_default()).into_owned()
    }

    /// The first line that contains `text`.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<String> {
        self.text()
            .lines()
            .find(|line| line.contains(text))
            .map(str::to_owned)
    }

    /// How many lines contain `text`.
    #[must_use]
    pub fn count(&self, text: &str) -> usize {
        self.text()
            .lines()
            .filter(|line| line.contains(text))
            .count()
    }

    /// Waits for a line that contains `text`.
    ///
    /// # Errors
    /// [`Failure::TimedOut`] with the end of the log.
    pub fn wait(&self, text: &str, limit: Duration) -> Result<String> {
        until(
            &format!("{text:?} in {}", self.path.display()),
            limit,
            || Ok(self.find(text)),
        )
        .map_err(|e| match e {
            Failure::TimedOut { what, limit_s, .. } => Failure::TimedOut {
                what,
                limit_s,
                seen: self.tail(),
            },
            other => other,
        })
    }

    /// The last lines.
    #[must_use]
    pub fn tail(&self) -> String {
        let text = self.text();
        let lines: Vec<&str> = text.lines().collect();
        let skipped = lines.len().saturating_sub(TAIL_LINES);
        lines
            .into_iter()
            .skip(skipped)
            .collect::<Vec<_>>()
            .join("\n")
    }
}
