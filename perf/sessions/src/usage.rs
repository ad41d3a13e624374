//! What a process takes of the machine.

use core::time::Duration;
use std::fs;

/// Time that all threads of a process ran, which `stat` has only in hundredths of a second.
///
/// # Errors
/// When there is no such process.
pub fn busy(pid: u32) -> Result<Duration, String> {
    let tasks = format!("/proc/{pid}/task");
    let entries = fs::read_dir(&tasks).map_err(|e| format!("{tasks}: {e}"))?;
    let nanos = entries.filter_map(|entry| -> Option<u64> {
        let text = fs::read_to_string(entry.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse().ok()
    });
    Ok(Duration::from_nanos(nanos.sum()))
}

/// Octets of a process's resident memory.
///
/// # Errors
/// When there is no such process.
pub fn resident(pid: u32) -> Result<u64, String> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    let kib = kib.ok_or_else(|| format!("{path}: no VmRSS"))?;
    Ok(kib * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_time_and_memory_are_known() {
        assert!(busy(std::process::id()).unwrap() > Duration::ZERO);
        assert!(resident(std::process::id()).unwrap() > 100_000);
    }
}
