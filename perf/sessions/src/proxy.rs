//! The proxy's two processes, as an operator runs them.

use core::time::Duration;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::Value;

use crate::pki::Authority;

/// Time between two questions whether the proxy is ready.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// Times that it is asked.
const ASK_MAX: u32 = 600;
/// Sessions that the proxy has room for beyond those of the run.
const SPARE: usize = 1_024;

/// The proxy; it ends when this is dropped.
pub(crate) struct Proxy {
    dir: PathBuf,
    binaries: PathBuf,
    children: Vec<Child>,
    dataplane: u32,
}

impl Proxy {
    /// Starts both processes with room for `sessions`, and waits until they are ready.
    pub(crate) fn start(sessions: usize, authority: &Authority) -> Result<Self, String> {
        let dir = std::env::temp_dir().join(format!("perf-sessions-{}", std::process::id()));
        fs::create_dir_all(dir.join("run")).map_err(|e| format!("{}: {e}", dir.display()))?;
        let mut proxy = Self {
            binaries: binaries()?,
            dir,
            children: Vec::new(),
            dataplane: 0,
        };
        authority.write_proxy(&proxy.dir);
        let config = proxy.dir.join("ucproxy.yaml");
        fs::write(&config, configuration(&proxy.dir, sessions + SPARE))
            .map_err(|e| format!("{}: {e}", config.display()))?;
        proxy.dataplane = proxy.spawn("ucproxy-dataplane", &[])?;
        proxy.spawn("ucproxy-control", &["--config", &config.to_string_lossy()])?;
        proxy.wait_ready()?;
        Ok(proxy)
    }

    /// Arguments of the EAL for the other ends of the proxy's ports, outside first.
    pub(crate) fn vdevs(&self) -> [String; 2] {
        [0, 1].map(|id| format!("net_memif{id},role=client,{}", memif(&self.dir, id)))
    }

    /// Number of the data plane's process.
    pub(crate) const fn dataplane(&self) -> u32 {
        self.dataplane
    }

    /// What `ucproxy show <what> --json` says.
    pub(crate) fn show(&self, what: &str) -> Result<Value, String> {
        let output = Command::new(self.binaries.join("ucproxy"))
            .arg("--runtime-dir")
            .arg(self.dir.join("run"))
            .args(["show", what, "--json"])
            .output()
            .map_err(|e| format!("ucproxy: {e}"))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        serde_json::from_slice(&output.stdout).map_err(|e| format!("ucproxy show {what}: {e}"))
    }

    /// Fails if one of the processes has ended.
    pub(crate) fn check(&mut self) -> Result<(), String> {
        for child in &mut self.children {
            if let Ok(Some(status)) = child.try_wait() {
                return Err(format!("process {} ended: {status}", child.id()));
            }
        }
        Ok(())
    }

    /// The ends of both logs.
    pub(crate) fn logs(&self) -> String {
        let mut text = String::new();
        for name in ["ucproxy-dataplane", "ucproxy-control"] {
            let log = fs::read_to_string(self.log(name)).unwrap_or_default();
            let lines: Vec<&str> = log.lines().rev().take(20).collect();
            text.push_str(&format!("--- {name}\n"));
            for line in lines.into_iter().rev() {
                text.push_str(line);
                text.push('\n');
            }
        }
        text
    }

    fn log(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.log"))
    }

    fn spawn(&mut self, name: &str, arguments: &[&str]) -> Result<u32, String> {
        let log = File::create(self.log(name)).map_err(|e| format!("{name}.log: {e}"))?;
        let child = Command::new(self.binaries.join(name))
            .arg("--runtime-dir")
            .arg(self.dir.join("run"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|e| format!("{name}: {e}"))?;
        let pid = child.id();
        self.children.push(child);
        Ok(pid)
    }

    fn wait_ready(&mut self) -> Result<(), String> {
        for _ in 0..ASK_MAX {
            self.check().map_err(|e| format!("{e}\n{}", self.logs()))?;
            let status = self.show("status").unwrap_or_default();
            if status.get("ready").and_then(Value::as_bool) == Some(true) {
                return Ok(());
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "another process is waited for, which has no other way to tell"
            )]
            thread::sleep(ASK_EVERY);
        }
        Err(format!("the proxy is not ready\n{}", self.logs()))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        for child in &mut self.children {
            // An error means that it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
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

fn configuration(dir: &Path, sessions_max: usize) -> String {
    let [outside, inside] =
        [0, 1].map(|id| format!("net_memif{id},role=server,{}", memif(dir, id)));
    format!(
        "\
runtime:
  workers: 1
  cpus: [0]
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
interfaces:
  - {{ name: outside, device: outside, addresses: [198.51.100.1/24] }}
  - {{ name: inside, device: inside, addresses: [192.0.2.1/24] }}
routes:
  - {{ to: 203.0.113.0/24, via: 198.51.100.254 }}
trustpoints:
  - {{ name: authority, ca: [ca.pem] }}
  - {{ name: proxy, certificate: proxy.pem, key: proxy.key }}
servers:
  - {{ name: manager, address: 192.0.2.10 }}
media:
  - {{ name: outside, interface: outside, address: 198.51.100.2 }}
  - {{ name: inside, interface: inside, address: 192.0.2.2 }}
applications:
  - name: phones
    kind: phone-proxy
    listeners:
      - {{ interface: outside, address: 192.0.2.10, port: 5061, server: manager }}
    client:
      tls: {{ identity: proxy, trust: [authority] }}
      media: [outside]
    server:
      security: nonsecure
      source: client
      media: [inside]
"
    )
}
