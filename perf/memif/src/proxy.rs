//! The proxy itself: both of its processes, and streams that it was given as an operator would.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use e2e::netns::run;
use e2e::process::Process;
use e2e::show::{Counters, is_ready};
use e2e::wait::until;
use perf_loadgen::Stream;
use perf_loadgen::synth::{
    FIRST_PORT, LOCALS_FROM, Network, PAIRS_PER_ADDRESS, Synth, streams as synthetic,
};
use serde_json::Value;

use crate::bench::{Bench, MEASURED_CPU};
use crate::error::{BenchError, Result, io};

/// Time that it takes to start at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// Port pairs of an address that no stream has.
const SPARE_PAIRS: u32 = 4_096;

/// A running proxy with one worker between the two ends of the memif; ends with this value.
#[derive(Debug)]
pub(crate) struct Proxy {
    runtime_dir: PathBuf,
    binaries: PathBuf,
    dataplane: Process,
    control: Process,
    /// Times that it was given streams.
    provisions: u64,
}

impl Proxy {
    /// Starts it with room for `streams` streams, of IPv6 if `v6`.
    pub(crate) fn start(bench: &Bench, streams: u32, v6: bool) -> Result<Self> {
        let here = std::env::current_exe().map_err(io("this program"))?;
        let binaries = here.parent().map(PathBuf::from).unwrap_or_default();
        if !binaries.join("ucproxy-dataplane").is_file() {
            let missing = "is not built: cargo build --release --bins";
            return Err(BenchError::Usage(format!("ucproxy-dataplane {missing}")));
        }
        let runtime_dir = bench.folder().join(format!("run-{streams}"));
        fs::create_dir_all(&runtime_dir).map_err(io("runtime directory"))?;
        let config = bench.folder().join("ucproxy.yaml");
        fs::write(&config, policy(bench, streams, v6)).map_err(io("ucproxy.yaml"))?;
        let program = |name: &str| binaries.join(name).display().to_string();
        let (dir, config) = (
            runtime_dir.display().to_string(),
            config.display().to_string(),
        );
        let dataplane = program("ucproxy-dataplane");
        let command = [dataplane.as_str(), "--runtime-dir", &dir];
        let dataplane = Process::start_here(bench.folder(), "dataplane", &command)?;
        let control = program("ucproxy-control");
        let command = [control.as_str(), "--runtime-dir", &dir, "--config", &config];
        let control = Process::start_here(bench.folder(), "control", &command)?;
        let mut proxy = Self {
            runtime_dir,
            binaries,
            dataplane,
            control,
            provisions: 0,
        };
        until("proxy ready", PATIENCE, || {
            proxy.dataplane.check_running()?;
            let status = proxy.show("status");
            let control = Some(proxy.control.pid());
            let ready = status.is_ok_and(|status| is_ready(&status, control));
            Ok(ready.then_some(()))
        })?;
        Ok(proxy)
    }

    /// Opens `synth`'s streams and no others, and returns the path of their list, with the proxy's
    /// ports. Keys are others each time: a stream whose line stays the same is kept, with what it
    /// has heard, while a generator begins its numbers anew.
    pub(crate) fn provision(&mut self, bench: &Bench, synth: &Synth) -> Result<String> {
        let mut streams = synthetic(&Synth {
            seed: synth.seed.wrapping_add(self.provisions),
            ..synth.clone()
        });
        self.provisions += 1;
        for stream in &mut streams {
            stream.client.local.set_port(0);
            stream.server.local.set_port(0);
        }
        let path = bench.streams("provision", &streams)?;
        let opened = self.ucproxy(&["media", "provision", &path])?;
        let opened: core::result::Result<Vec<Stream>, _> =
            opened.lines().map(serde_json::from_str).collect();
        let opened = opened.map_err(|error| BenchError::Usage(error.to_string()))?;
        bench.streams("proxy", &opened)
    }

    /// What has been counted so far.
    pub(crate) fn counters(&self) -> Result<Counters> {
        Ok(Counters::read(&self.show("counters")?))
    }

    /// What the workers say of the delay that they add, from receive to transmit burst: the median,
    /// in microseconds.
    pub(crate) fn media_delay(&self) -> Result<f64> {
        let media = self.show("media")?;
        let nanos = media.pointer("/delay/p50_ns").and_then(Value::as_f64);
        let missing = || BenchError::Usage("show media tells of no delay".to_owned());
        Ok(nanos.ok_or_else(missing)? / 1e3)
    }

    /// Octets of memory that the dataplane has of its own.
    pub(crate) fn memory(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.dataplane.pid());
        let text = fs::read_to_string(path).map_err(io("status of the dataplane"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
        Ok(kib.unwrap_or(0) * 1_024)
    }

    fn show(&self, what: &str) -> Result<Value> {
        let text = self.ucproxy(&["show", what, "--json"])?;
        serde_json::from_str(&text).map_err(|error| BenchError::Usage(error.to_string()))
    }

    fn ucproxy(&self, arguments: &[&str]) -> Result<String> {
        let program = self.binaries.join("ucproxy").display().to_string();
        let dir = self.runtime_dir.display().to_string();
        let mut command = vec![program.as_str(), "--runtime-dir", &dir];
        command.extend(arguments);
        run(&command).map_err(|failure| {
            let log = self.dataplane.log().tail();
            BenchError::Proxy { failure, log }
        })
    }
}

/// The configuration: one worker, both memifs, and the termination addresses that the streams
/// need.
fn policy(bench: &Bench, streams: u32, v6: bool) -> String {
    let [outside, inside] = [0, 1].map(|end| bench.memif(end, "server"));
    let addresses = u8::try_from(streams.div_ceil(PAIRS_PER_ADDRESS)).unwrap_or(u8::MAX);
    // A few more pairs than streams, so that some ports lead nowhere.
    let last_port = u32::from(FIRST_PORT) + 2 * (PAIRS_PER_ADDRESS + SPARE_PAIRS) - 1;
    let (own, hugepages) = (if v6 { 64 } else { 24 }, bench.hugepages);
    let host = |network: Network, number| network.host(number, v6);
    let mut media = String::new();
    for (name, network) in [("outside", Network::Outside), ("inside", Network::Inside)] {
        for number in 0..addresses {
            let address = host(network, LOCALS_FROM + number);
            // Writing to a string does not fail.
            let _ = writeln!(
                media,
                "  - {{ name: {name}{number}, interface: {name}, address: \"{address}\", \
                 udp_ports: {FIRST_PORT}-{last_port} }}"
            );
        }
    }
    format!(
        "runtime:\n  workers: 1\n  cpus: [{MEASURED_CPU}]\n  handshake_threads: 1\n  idle: busy\n\
         \x20 hugepages: {hugepages}\n  streams_max: {streams}\n  sessions_max: 16\n\
         \x20 mbufs: 16384\n\
         devices:\n  - {{ name: outside, vdev: \"{outside}\" }}\n\
         \x20 - {{ name: inside, vdev: \"{inside}\" }}\n\
         interfaces:\n\
         \x20 - {{ name: outside, device: outside, addresses: [\"{}/{own}\"] }}\n\
         \x20 - {{ name: inside, device: inside, addresses: [\"{}/{own}\"] }}\n\
         media:\n{media}",
        host(Network::Outside, 1),
        host(Network::Inside, 1),
    )
}
