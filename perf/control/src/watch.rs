//! What watching many sessions costs the operator and the workers, and control at rest.

use core::time::Duration;
use std::process::Stdio;
use std::time::Instant;

use perf_harness::Unit;
use perf_sessions::{Keys, Lab, Spec, Versions, busy, devices, phone_proxy, resident};

use crate::observer::{Observer, longest};
use crate::part::Sample;

/// Sessions that are up.
const SESSIONS: usize = 10_000;
/// The same of the short set.
const SESSIONS_SHORT: usize = 2_000;
/// Times that they are shown in a window.
const SHOWS: u32 = 3;
/// Time that control is left alone.
const REST: Duration = Duration::from_secs(10);
/// The same of the short set.
const REST_SHORT: Duration = Duration::from_secs(2);
/// Quiet time after the ramp.
const SETTLE: Duration = Duration::from_secs(2);

pub(crate) const LONGEST: &str = "longest turn of the worker while sessions are shown";
pub(crate) const LONGEST_QUIET: &str = "longest turn of the worker in as long a quiet window";
pub(crate) const CPU: &str = "control at rest: share of a core";
pub(crate) const MEMORY: &str = "control at rest: resident memory";

/// The row of the time that `show` takes.
pub(crate) fn show_row(short: bool) -> String {
    format!("show tls-proxy session, {} sessions", sessions(short))
}

const fn sessions(short: bool) -> usize {
    if short { SESSIONS_SHORT } else { SESSIONS }
}

/// Measures `runs` runs, all of the same sessions.
pub(crate) fn measure(runs: usize, short: bool) -> Result<Vec<Sample>, String> {
    let count = sessions(short);
    let spec = Spec {
        phones: count,
        workers: 1,
        versions: Versions::Tls13,
        keys: Keys::P256,
    };
    let mut lab = Lab::start(spec, |dir| devices(dir, 1, count + 64) + phone_proxy())?;
    lab.ramp(count)?;
    lab.pass(SETTLE);
    let observer = Observer::of(lab.proxy())?;
    let mut samples = Vec::new();
    for _ in 0..runs {
        samples.extend(show(&mut lab, &observer, short)?);
        let rest = if short { REST_SHORT } else { REST };
        samples.extend(at_rest(&mut lab, rest)?);
    }
    let faults = lab.faults_while_up(count)?;
    if faults.is_empty() {
        Ok(samples)
    } else {
        Err(faults.join("; "))
    }
}

/// Shows all sessions a few times, then lets as much time pass without.
#[expect(clippy::disallowed_methods, reason = "times another process")]
fn show(lab: &mut Lab, observer: &Observer, short: bool) -> Result<[Sample; 3], String> {
    let before = observer.turns();
    let began = Instant::now();
    for _ in 0..SHOWS {
        // A terminal would be slower than the command; a pipe has to be emptied as it is filled.
        let mut command = lab.proxy().command(&["show", "tls-proxy", "session"]);
        let output = command.stderr(Stdio::inherit()).output();
        let output = output.map_err(|e| format!("ucproxy: {e}"))?;
        let lines = output
            .stdout
            .iter()
            .filter(|&&octet| octet == b'\n')
            .count();
        if !output.status.success() || lines < sessions(short) {
            return Err(format!("ucproxy show: {}, {lines} lines", output.status));
        }
    }
    let window = began.elapsed();
    let shown = longest(&observer.turns().since(&before));
    let before = observer.turns();
    lab.pass(window);
    let quiet = longest(&observer.turns().since(&before));
    let millis = window.as_secs_f64() * 1e3 / f64::from(SHOWS);
    Ok([
        Sample::new(&show_row(short), Unit::Ms, millis),
        Sample::new(LONGEST, Unit::Us, shown),
        Sample::new(LONGEST_QUIET, Unit::Us, quiet),
    ])
}

/// Leaves control alone.
fn at_rest(lab: &mut Lab, rest: Duration) -> Result<[Sample; 2], String> {
    let control = lab.proxy().control();
    let before = busy(control)?;
    let began = lab.now();
    lab.pass(rest);
    let took = busy(control)?.saturating_sub(before);
    let share = took.as_secs_f64() / lab.now().since(began).as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "some megabytes")]
    let octets = resident(control)? as f64;
    Ok([
        Sample::new(CPU, Unit::Share, share),
        Sample::new(MEMORY, Unit::Octets, octets),
    ])
}
