//! The proxy's processes in the lab.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::certs::Identity;
use crate::error::{Failure, Result};
use crate::lab::Lab;
use crate::netns::run;
use crate::policy::{Policy, proxy_identity};
use crate::process::Process;
use crate::show::Counters;
use crate::wait::{Deadline, STEP};

/// The proxy: its runtime directory, its policy, and those of its processes that run.
#[derive(Debug)]
pub struct Proxy<'l> {
    lab: &'l Lab,
    binaries: PathBuf,
    runtime_dir: PathBuf,
    config: PathBuf,
    identity: Identity,
    control: Option<Process>,
    dataplane: Option<Process>,
}

impl<'l> Proxy<'l> {
    /// Prepares a proxy with a policy; nothing runs yet.
    ///
    /// # Errors
    /// When a file cannot be written, or the binaries are not built.
    pub fn prepare(lab: &'l Lab, policy: &Policy) -> Result<Self> {
        let dir = lab.subdir("proxy")?;
        let proxy = Self {
            lab,
            binaries: binaries()?,
            runtime_dir: lab.subdir("proxy/run")?,
            config: dir.join("ucproxy.yaml"),
            identity: proxy_identity(lab, "proxy")?,
            control: None,
            dataplane: None,
        };
        proxy.set_policy(policy)?;
        Ok(proxy)
    }

    /// Starts both processes and waits until phones can be served.
    ///
    /// # Errors
    /// When one of them ends or is not ready in time.
    pub fn start(lab: &'l Lab, policy: &Policy) -> Result<Self> {
        let mut proxy = Self::prepare(lab, policy)?;
        proxy.start_dataplane()?;
        proxy.start_control()?;
        proxy.wait_ready()?;
        Ok(proxy)
    }

    /// Writes another policy to the file that control reads.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set_policy(&self, policy: &Policy) -> Result<()> {
        policy.write(self.lab, &self.identity, &self.config)
    }

    /// Puts another certificate and key, for `name`, into the files of the proxy's own.
    ///
    /// # Errors
    /// When they cannot be made or written.
    pub fn renew_identity(&self, name: &str) -> Result<()> {
        let renewed = proxy_identity(self.lab, name)?;
        for (from, to) in [
            (&renewed.cert, &self.identity.cert),
            (&renewed.key, &self.identity.key),
        ] {
            fs::copy(from, to).map_err(|error| Failure::io("renew", to, error))?;
        }
        Ok(())
    }

    /// Starts the dataplane.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_dataplane(&mut self) -> Result<()> {
        let binary = self.binary("ucproxy-dataplane");
        let runtime_dir = self.runtime_dir();
        let command = [binary.as_str(), "--runtime-dir", &runtime_dir];
        self.dataplane = Some(self.spawn("dataplane", &command)?);
        Ok(())
    }

    /// Starts control.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_control(&mut self) -> Result<()> {
        let binary = self.binary("ucproxy-control");
        let (runtime_dir, config) = (self.runtime_dir(), self.config.display().to_string());
        let command = [
            binary.as_str(),
            "--runtime-dir",
            &runtime_dir,
            "--config",
            &config,
        ];
        self.control = Some(self.spawn("control", &command)?);
        Ok(())
    }

    /// Has control read its file again.
    pub fn reload_control(&self) {
        if let Some(control) = &self.control {
            control.signal(Signal::SIGHUP);
        }
    }

    /// Kills the dataplane as a crash would.
    pub fn kill_dataplane(&mut self) {
        drop(self.dataplane.take());
    }

    /// Kills control as a crash would.
    pub fn kill_control(&mut self) {
        drop(self.control.take());
    }

    /// Ends both as an operator would, and returns whether each ended well.
    ///
    /// # Errors
    /// When one does not end.
    pub fn stop(mut self) -> Result<()> {
        for process in [self.control.take(), self.dataplane.take()] {
            let Some(mut process) = process else { continue };
            process.signal(Signal::SIGTERM);
            let status = process.wait_exit(STEP)?;
            if !status.success() {
                let tail = process.log().tail();
                return Err(Failure::Unexpected(format!("ended with {status}:\n{tail}")));
            }
        }
        Ok(())
    }

    /// Waits until `show status` says that the dataplane has the newest policy in force and, if
    /// control was started, that this very process is at work: what one before it put in force
    /// stays in force.
    ///
    /// # Errors
    /// When a process ends, or it takes too long.
    pub fn wait_ready(&mut self) -> Result<()> {
        let deadline = Deadline::after(STEP);
        loop {
            let status = self.show("status");
            let control = self.control.as_ref().map(Process::pid);
            if status
                .as_ref()
                .is_ok_and(|status| crate::show::is_ready(status, control))
            {
                return Ok(());
            }
            for process in [&mut self.dataplane, &mut self.control]
                .into_iter()
                .flatten()
            {
                process.check_running()?;
            }
            deadline.pause("proxy ready", || match status {
                Ok(value) => value.to_string(),
                Err(error) => error.to_string(),
            })?;
        }
    }

    /// Fails if a process that should run does not.
    ///
    /// # Errors
    /// With the end of its log.
    pub fn check_running(&mut self) -> Result<()> {
        for process in [&mut self.dataplane, &mut self.control]
            .into_iter()
            .flatten()
        {
            process.check_running()?;
        }
        Ok(())
    }

    /// What `ucproxy show <what> --json` says.
    ///
    /// # Errors
    /// When the command fails or prints no JSON.
    pub fn show(&self, what: &str) -> Result<Value> {
        let words: Vec<&str> = what.split(' ').collect();
        let text = self.ucproxy(&[&["show"], &words[..], &["--json"]].concat())?;
        serde_json::from_str(&text)
            .map_err(|e| Failure::Unexpected(format!("ucproxy show {what}: {e}: {text}")))
    }

    /// The counters of all workers together.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn counters(&self) -> Result<Counters> {
        Ok(Counters::read(&self.show("counters")?))
    }

    /// Publishes the policy file as it is now.
    ///
    /// # Errors
    /// When it has faults.
    pub fn apply(&self) -> Result<String> {
        let config = self.config.display().to_string();
        self.ucproxy(&["apply", &config])
    }

    /// Publishes the policy file and has sessions from before held against it.
    ///
    /// # Errors
    /// When it has faults.
    pub fn enforce(&self) -> Result<String> {
        let config = self.config.display().to_string();
        self.ucproxy(&["apply", "--enforce", &config])
    }

    /// Runs the operator's tool.
    ///
    /// # Errors
    /// When it fails.
    pub fn ucproxy(&self, args: &[&str]) -> Result<String> {
        let (binary, runtime_dir) = (self.binary("ucproxy"), self.runtime_dir());
        let mut command = vec![binary.as_str(), "--runtime-dir", &runtime_dir];
        command.extend_from_slice(args);
        run(&command)
    }

    /// The runtime directory, for a command line.
    #[must_use]
    pub fn runtime_dir(&self) -> String {
        self.runtime_dir.display().to_string()
    }

    /// The path of a binary, for a command line.
    #[must_use]
    pub fn binary(&self, name: &str) -> String {
        self.binaries.join(name).display().to_string()
    }

    /// Number of control's process, if it runs.
    #[must_use]
    pub fn control_pid(&self) -> Option<u32> {
        self.control.as_ref().map(Process::pid)
    }

    /// Number of the dataplane's process, if it runs.
    #[must_use]
    pub fn dataplane_pid(&self) -> Option<u32> {
        self.dataplane.as_ref().map(Process::pid)
    }

    fn spawn(&self, name: &str, command: &[&str]) -> Result<Process> {
        let dir = self.config.parent().unwrap_or_else(|| Path::new("/"));
        Process::start(&self.lab.proxy, dir, name, command)
    }
}

/// The folder of the binaries under test: `UCP_BINARIES`, or the release build in the target
/// folder that this program is in too, whatever its own profile.
///
/// # Errors
/// When they are not built.
pub fn binaries() -> Result<PathBuf> {
    let here = std::env::current_exe().map_err(|source| Failure::Io {
        what: "find the program itself".to_owned(),
        source,
    })?;
    let chosen = std::env::var_os("UCP_BINARIES").map(PathBuf::from);
    let built = here.ancestors().skip(2).map(|dir| dir.join("release"));
    chosen
        .into_iter()
        .chain(built)
        .find(|dir| dir.join("ucproxy-dataplane").exists())
        .ok_or_else(|| {
            Failure::Unexpected(format!(
                "no release build of ucproxy-dataplane near {}: run `make build` first",
                here.display()
            ))
        })
}
