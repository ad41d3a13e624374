//! The proxy's two processes, as an operator runs them.

use core::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::process::Process;
use e2e::show::is_ready;
use e2e::wait::until;
use serde_json::Value;

/// Time that it takes to start at most.
const PATIENCE: Duration = Duration::from_secs(30);

/// Frames in a ring of the ports between us and the proxy, as a power of two: where both share a
/// core, a ring has to last while the other does not run.
const RING_LOG2: u8 = 12;

/// The proxy; it ends when this is dropped, and with this process however that ends.
#[derive(Debug)]
pub struct Proxy {
    dir: PathBuf,
    binaries: PathBuf,
    dataplane: Process,
    control: Process,
}

impl Proxy {
    /// Starts both processes and waits until they are ready. `configure` is given the folder for
    /// what the configuration names, and writes it.
    ///
    /// # Errors
    /// For people, with the ends of the logs.
    pub fn start(configure: impl FnOnce(&Path) -> String) -> Result<Self, String> {
        let dir = std::env::temp_dir().join(format!("perf-proxy-{}", std::process::id()));
        let run = dir.join("run");
        fs::create_dir_all(&run).map_err(|e| format!("{}: {e}", dir.display()))?;
        let config = dir.join("ucproxy.yaml");
        let text = configure(&dir);
        fs::write(&config, text).map_err(|e| format!("{}: {e}", config.display()))?;
        let binaries = binaries()?;
        let start = |name: &str, more: &[&str]| {
            let program = binaries.join(name).display().to_string();
            let run = run.display().to_string();
            let mut command = vec![program.as_str(), "--runtime-dir", &run];
            command.extend(more);
            Process::start_here(&dir, name, &command).map_err(|e| e.to_string())
        };
        let dataplane = start("ucproxy-dataplane", &[])?;
        let config = config.display().to_string();
        let control = start("ucproxy-control", &["--config", &config])?;
        let mut proxy = Self {
            dir,
            binaries,
            dataplane,
            control,
        };
        until("proxy ready", PATIENCE, || {
            proxy.dataplane.check_running()?;
            proxy.control.check_running()?;
            let status = proxy.show(&["status"]);
            Ok(status.is_ok_and(|s| is_ready(&s, None)).then_some(()))
        })
        .map_err(|error| format!("{error}\n{}", proxy.logs()))?;
        Ok(proxy)
    }

    /// Arguments of the EAL for the other ends of the proxy's ports, outside first.
    pub(crate) fn vdevs(&self) -> [String; 2] {
        [0, 1].map(|id| {
            format!(
                "net_memif{id},role=client,rsize={RING_LOG2},{}",
                memif(&self.dir, id)
            )
        })
    }

    /// Number of the data plane's process.
    #[must_use]
    pub fn dataplane(&self) -> u32 {
        self.dataplane.pid()
    }

    /// Number of control's process.
    #[must_use]
    pub fn control(&self) -> u32 {
        self.control.pid()
    }

    /// The folder of what the configuration names.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The shared memory, which the data plane made.
    #[must_use]
    pub fn region(&self) -> PathBuf {
        self.dir.join("run").join(abi::layout::REGION_NAME)
    }

    /// `ucproxy` with `arguments`, about to be started.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.binaries.join("ucproxy"));
        command.arg("--runtime-dir").arg(self.dir.join("run"));
        command.args(arguments);
        command
    }

    /// Runs `ucproxy` with `arguments` and returns what it prints.
    ///
    /// # Errors
    /// What it says.
    pub fn ucproxy(&self, arguments: &[&str]) -> Result<String, String> {
        let output = self.command(arguments).output();
        let output = output.map_err(|e| format!("ucproxy: {e}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("ucproxy {}: {said}", arguments.join(" ")));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// What `ucproxy show <what> --json` says.
    ///
    /// # Errors
    /// As [`Proxy::ucproxy`].
    pub fn show(&self, what: &[&str]) -> Result<Value, String> {
        let text = self.ucproxy(&[&["show"], what, &["--json"]].concat())?;
        serde_json::from_str(&text).map_err(|e| format!("ucproxy show {what:?}: {e}"))
    }

    /// Writes `text` as the file `name` beside the configuration, and returns its path.
    ///
    /// # Errors
    /// What the system says.
    pub fn file(&self, name: &str, text: &str) -> Result<String, String> {
        let path = self.dir.join(name);
        fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(path.display().to_string())
    }

    /// Fails if one of the processes has ended.
    pub(crate) fn check(&mut self) -> Result<(), String> {
        let both = [&mut self.dataplane, &mut self.control];
        both.into_iter()
            .try_for_each(|process| process.check_running().map_err(|e| e.to_string()))
    }

    /// The ends of both logs.
    #[must_use]
    pub fn logs(&self) -> String {
        let [dataplane, control] = [&self.dataplane, &self.control].map(|p| p.log().tail());
        format!("--- ucproxy-dataplane\n{dataplane}\n--- ucproxy-control\n{control}\n")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // What cannot be removed is left for people to look at.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Where cargo has put the binaries: beside this one.
fn binaries() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|e| format!("own path: {e}"))?;
    let dir = own.parent().unwrap_or(&own).to_owned();
    for name in ["ucproxy-dataplane", "ucproxy-control", "ucproxy"] {
        if !dir.join(name).exists() {
            return Err(format!(
                "no {name} in {}: run `cargo build --release -p {name}` first",
                dir.display()
            ));
        }
    }
    Ok(dir)
}

fn memif(dir: &Path, id: u8) -> String {
    let socket = dir.join("memif.sock");
    format!("id={id},socket-abstract=no,socket={}", socket.display())
}

/// The sections `runtime`, without hugepages, for `workers` workers with room for
/// `sessions_max` sessions each, and `devices`: the two memif ports, outside first.
#[must_use]
pub fn devices(dir: &Path, workers: u8, sessions_max: usize) -> String {
    let [outside, inside] =
        [0, 1].map(|id| format!("net_memif{id},role=server,{}", memif(dir, id)));
    let cpus: Vec<String> = (0..workers).map(|cpu| cpu.to_string()).collect();
    format!(
        "\
runtime:
  workers: {workers}
  cpus: [{}]
  handshake_threads: 1
  idle: backoff
  hugepages: false
  memory: 64MiB
  sessions_max: {sessions_max}
  streams_max: 1024
  mbufs: 8192
devices:
  - {{ name: outside, vdev: \"{outside}\" }}
  - {{ name: inside, vdev: \"{inside}\" }}
",
        cpus.join(", ")
    )
}

/// Everything else that a [`crate::Lab`] needs: the proxy stands in the phones' way to the call
/// manager. Its files are `Authority::write_proxy`'s.
#[must_use]
pub const fn phone_proxy() -> &'static str {
    "\
interfaces:
  - { name: outside, device: outside, addresses: [198.51.100.1/24] }
  - { name: inside, device: inside, addresses: [192.0.2.1/24] }
routes:
  - { to: 203.0.113.0/24, via: 198.51.100.254 }
trustpoints:
  - { name: authority, ca: [ca.pem] }
  - { name: proxy, certificate: proxy.pem, key: proxy.key }
servers:
  - { name: manager, address: 192.0.2.10 }
media:
  - { name: outside, interface: outside, address: 198.51.100.2 }
  - { name: inside, interface: inside, address: 192.0.2.2 }
applications:
  - name: phones
    kind: phone-proxy
    listeners:
      - { interface: outside, address: 192.0.2.10, port: 5061, server: manager }
    client:
      tls: { identity: proxy, trust: [authority] }
      media: [outside]
    server:
      security: nonsecure
      source: client
      media: [inside]
"
}
