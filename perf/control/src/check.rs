//! What `ucproxy check` takes for a large policy.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use perf_harness::Unit;
use perf_sessions::devices;

use crate::part::Sample;
use crate::publish::networks;
use crate::rules::{RULES, rules};

pub(crate) const TIME: &str = "ucproxy check, 10,000 rules";
pub(crate) const MEMORY: &str = "ucproxy check, 10,000 rules: memory at its peak";

/// Measures `runs` runs. No other child of this process may end before: the system tells the
/// peak of the largest.
pub(crate) fn measure(runs: usize) -> Result<Vec<Sample>, String> {
    let path = std::env::temp_dir().join(format!("perf-control-{}.yaml", std::process::id()));
    let text = devices(Path::new("/run"), 1, 64) + &networks() + &rules(RULES, 1);
    fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
    let checked: Result<Vec<_>, String> = (0..runs).map(|_| check(&path)).collect();
    // What cannot be removed is in the folder for temporary files.
    let _ = fs::remove_file(&path);
    Ok(checked?.into_iter().flatten().collect())
}

#[expect(clippy::disallowed_methods, reason = "times another process")]
fn check(path: &Path) -> Result<[Sample; 2], String> {
    let program = std::env::current_exe().map_err(|e| format!("own path: {e}"))?;
    let began = Instant::now();
    let status = Command::new(program.with_file_name("ucproxy"))
        .arg("check")
        .arg(path)
        .stdout(Stdio::null())
        .status()
        .map_err(|e| format!("ucproxy: {e}"))?;
    let took = began.elapsed();
    if !status.success() {
        return Err(format!("ucproxy check: {status}"));
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|e| format!("getrusage: {e}"))?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let octets = usage.max_rss() as f64 * 1_024.0;
    Ok([
        Sample::new(TIME, Unit::Ms, took.as_secs_f64() * 1e3),
        Sample::new(MEMORY, Unit::Octets, octets),
    ])
}
