//! The control process under test.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use super::harness::until;

const PROGRAM: &str = env!("CARGO_BIN_EXE_ucproxy-control");

pub(super) struct Control {
    child: Child,
    log: PathBuf,
}

impl Control {
    pub(super) fn spawn(dir: &Path, config: Option<&Path>) -> Self {
        // A port of its own for each of the many that run at once.
        Self::spawn_with(dir, config, &["--metrics", "127.0.0.1:0"])
    }

    pub(super) fn spawn_with(dir: &Path, config: Option<&Path>, args: &[&str]) -> Self {
        Self::spawn_in(dir, config, args, &[])
    }

    /// With these variables in its environment.
    pub(super) fn spawn_in(
        dir: &Path,
        config: Option<&Path>,
        args: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let command = Command::new(PROGRAM);
        Self::run(command, dir, config, args, variables)
    }

    /// With so many file descriptors and no more.
    pub(super) fn spawn_within(dir: &Path, descriptors: u32) -> Self {
        let mut command = Command::new("prlimit");
        command.arg(format!("--nofile={descriptors}:{descriptors}"));
        command.arg(PROGRAM);
        Self::run(command, dir, None, &["--metrics", "127.0.0.1:0"], &[])
    }

    fn run(
        mut command: Command,
        dir: &Path,
        config: Option<&Path>,
        args: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let log = dir.join("control.log");
        let errors = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .unwrap();
        command.arg("--runtime-dir").arg(dir);
        command.args(args);
        if let Some(config) = config {
            command.arg("--config").arg(config);
        }
        let child = command
            .env("UCPROXY_LOG", "info")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .unwrap();
        Self { child, log }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(super) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it as a crash would.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal by name.
    pub(super) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    pub(super) fn wait_exit(&mut self) -> ExitStatus {
        let mut status = None;
        until("control ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
