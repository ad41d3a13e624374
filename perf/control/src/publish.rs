//! How soon a large policy is in force, and whether media notices.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use dpdk::Clock;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use perf_harness::Unit;
use perf_loadgen::synth::{FIRST_PORT, LOCALS_FROM, Network, Synth, streams};
use perf_loadgen::{Drive, Ends, Link, Load, Report, Sink, Source, Stations, Stream, Traffics};
use perf_sessions::{Proxy, devices, open_ports};
use wire::Nic;

use crate::observer::{Observer, longest};
use crate::part::Sample;
use crate::rules::{RULES, rules};

/// Calls that are up.
const CALLS: u32 = 400;
/// Their packets a second: each phone talks as G.711 does.
const RATE: f64 = 20_000.0;
/// Media flows for this long, in nanoseconds.
const WINDOW: u64 = 2_500_000_000;
/// Into which the policy is applied after this long.
const LEAD: Duration = Duration::from_millis(500);
/// An application that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(10);
/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_micros(50);
/// Time that the proxy has to answer for its addresses, in nanoseconds.
const RESOLVE: u64 = 10_000_000_000;

pub(crate) const IN_FORCE: &str = "policy of 10,000 rules in force after its publication";
pub(crate) const APPLY: &str = "ucproxy apply of it, with its check and its keeping";
pub(crate) const MISSING: &str = "media packets missing meanwhile";
const SENT: &str = "media packets sent meanwhile";
const LONGEST: &str = "longest turn of the worker meanwhile, putting it in force included";

/// The sections `interfaces` and `media` for the load generator's networks.
pub(crate) fn networks() -> String {
    let own = |network: Network, number| network.host(number, false);
    let last = u32::from(FIRST_PORT) + 4 * CALLS - 1;
    let (mut interfaces, mut media) = (String::new(), String::new());
    for (name, network) in [("outside", Network::Outside), ("inside", Network::Inside)] {
        interfaces.push_str(&format!(
            "  - {{ name: {name}, device: {name}, addresses: [{}/24] }}\n",
            own(network, 1)
        ));
        media.push_str(&format!(
            "  - {{ name: {name}, interface: {name}, address: {}, udp_ports: {FIRST_PORT}-{last} }}\n",
            own(network, LOCALS_FROM)
        ));
    }
    format!("interfaces:\n{interfaces}media:\n{media}")
}

/// When a policy was published, in force, and the command over.
#[derive(Debug)]
struct Applied {
    in_force: Duration,
    all: Duration,
}

/// Measures `runs` runs.
pub(crate) fn measure(runs: usize) -> Result<Vec<Sample>, String> {
    let small = |dir: &Path| devices(dir, 1, 64) + &networks();
    let proxy = Proxy::start(small)?;
    let mut made = streams(&Synth {
        count: CALLS,
        ..Synth::default()
    });
    provision(&proxy, &mut made)?;
    let observer = Observer::of(&proxy)?;
    let [outside, inside] = open_ports(&proxy, 1)?;
    let mut drive = drive(&made, Ends { outside, inside })?;
    let mut samples = Vec::new();
    for edition in (1..).take(runs) {
        let large = small(proxy.dir()) + &rules(RULES, edition);
        let large = proxy.file("large.yaml", &large)?;
        let before = observer.turns();
        let (applied, report) = thread::scope(|scope| {
            let applying = scope.spawn(|| apply(&proxy, &observer, &large));
            drive.restart();
            let report = drive.run(Load::Live(WINDOW), Some(RATE));
            let applied = applying.join().map_err(|_| "a thread panicked".to_owned());
            (applied, report)
        });
        let (applied, report) = (applied??, report.map_err(|e| e.to_string())?);
        samples.extend(record(&applied, &report));
        let longest = longest(&observer.turns().since(&before));
        samples.push(Sample::new(LONGEST, Unit::Us, longest));
        let path = proxy.file("small.yaml", &small(proxy.dir()))?;
        proxy.ucproxy(&["apply", &path])?;
    }
    Ok(samples)
}

fn record(applied: &Applied, report: &Report) -> [Sample; 4] {
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    #[expect(clippy::cast_precision_loss, reason = "packets of some seconds")]
    let count = |row, packets: u64| Sample::new(row, Unit::Count, packets as f64);
    [
        Sample::new(IN_FORCE, Unit::Ms, millis(applied.in_force)),
        Sample::new(APPLY, Unit::Ms, millis(applied.all)),
        count(MISSING, report.missing),
        count(SENT, report.good),
    ]
}

/// Applies the file at `path` after a while, and watches what becomes of it in shared memory.
#[expect(
    clippy::disallowed_methods,
    reason = "times other processes, which have no other way to tell"
)]
fn apply(proxy: &Proxy, observer: &Observer, path: &str) -> Result<Applied, String> {
    // The thread that started this one is bound to the CPU on which it makes media.
    sched_setaffinity(Pid::from_raw(0), &all_cpus()?).map_err(|e| format!("affinity: {e}"))?;
    thread::sleep(LEAD);
    let before = observer.generation();
    let began = Instant::now();
    let wait = |what: &str, done: &dyn Fn() -> bool| {
        while !done() {
            if began.elapsed() > PATIENCE {
                return Err(format!("{path}: never {what}\n{}", proxy.logs()));
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(Instant::now())
    };
    thread::scope(|scope| {
        let command = scope.spawn(|| {
            let done = proxy.ucproxy(&["apply", path]);
            done.map(|_| began.elapsed())
        });
        let published = wait("published", &|| observer.generation() != before);
        let in_force = wait("in force", &|| observer.is_in_force(before + 1));
        let all = command.join().map_err(|_| "a thread panicked".to_owned())?;
        Ok(Applied {
            in_force: in_force?.duration_since(published?),
            all: all?,
        })
    })
}

fn all_cpus() -> Result<CpuSet, String> {
    let mut cpus = CpuSet::new();
    for cpu in 0..CpuSet::count() {
        cpus.set(cpu).map_err(|e| format!("CPU {cpu}: {e}"))?;
    }
    Ok(cpus)
}

/// Opens `streams`, and puts the proxy's ports into them.
fn provision(proxy: &Proxy, streams: &mut Vec<Stream>) -> Result<(), String> {
    for stream in streams.iter_mut() {
        stream.client.local.set_port(0);
        stream.server.local.set_port(0);
    }
    let path = proxy.dir().join("streams.jsonl");
    perf_loadgen::write(&path, streams).map_err(|e| e.to_string())?;
    let opened = proxy.ucproxy(&["media", "provision", &path.display().to_string()])?;
    let opened: Result<Vec<Stream>, _> = opened.lines().map(serde_json::from_str).collect();
    *streams = opened.map_err(|e| e.to_string())?;
    Ok(())
}

/// The media of `streams`, which the proxy has heard already.
fn drive<N: Nic>(streams: &[Stream], ends: Ends<N>) -> Result<Drive<N, impl Fn() -> u64>, String> {
    let clock = Clock::calibrate();
    let traffics = Traffics::default();
    let told = |e: perf_loadgen::LoadError| e.to_string();
    let source = Source::new(streams, &traffics).map_err(told)?;
    let sink = Sink::new(streams, &traffics).map_err(told)?;
    let stations = Stations::new(ends.outside.info().mac, ends.inside.info().mac);
    let link = Link::new(stations, streams);
    let mut drive = Drive::new(ends, source, sink, link, move || clock.now());
    drive.resolve(RESOLVE).map_err(told)?;
    drive.warm_up(RATE).map_err(told)?;
    Ok(drive)
}
