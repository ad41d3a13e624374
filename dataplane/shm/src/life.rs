//! Whether the process that made a region still runs: its memory outlives it.

use std::fs::{self, File, TryLockError};
use std::path::Path;

/// Whether process `pid` runs and is the one that holds the lock file at `lock` for its life.
///
/// Its number alone says too little: a process that was killed keeps it until its parent has
/// looked, and afterwards any other may get it. Where there is no such file to ask, the number
/// has to do.
#[must_use]
pub fn lives(pid: u64, lock: &Path) -> bool {
    // The lock is asked for only where the number is in use, and given back at once where nobody
    // holds it, so that this is hardly ever in the way of a process that is about to take it.
    runs(pid) && is_held(lock).unwrap_or(true)
}

/// Whether there is a process of that number that has not ended.
fn runs(pid: u64) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name before the state is the process's own choice, brackets and all.
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest);
    state.is_some_and(|state| !state.starts_with(['Z', 'X', 'x']))
}

/// Whether somebody holds the lock file; `None` if that is not to be learnt.
fn is_held(lock: &Path) -> Option<bool> {
    match File::open(lock).ok()?.try_lock_shared() {
        Ok(()) => Some(false),
        Err(TryLockError::WouldBlock) => Some(true),
        Err(TryLockError::Error(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::process::Command;

    use super::*;

    fn ours() -> u64 {
        std::process::id().into()
    }

    /// An empty file of the test's own.
    fn file(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("ucproxy-{name}-{}", ours()));
        File::create(&path).unwrap();
        path
    }

    #[test]
    fn a_process_lives_while_it_holds_its_lock() {
        let path = file("held");
        let holder = File::open(&path).unwrap();
        holder.try_lock().unwrap();
        assert!(lives(ours(), &path));
        assert!(lives(ours(), &path), "looking takes nothing away");
        holder.unlock().unwrap();
        assert!(!lives(ours(), &path), "another has got its number");
        holder.lock().unwrap();
        fs::remove_file(&path).unwrap();
        assert!(lives(ours(), &path), "no lock to ask");
    }

    #[test]
    fn a_process_that_ended_is_dead_before_its_parent_looks() {
        let missing = Path::new("/proc/self/no-such-lock");
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = child.id().into();
        assert!(lives(pid, missing));
        child.kill().unwrap();
        while lives(pid, missing) {
            std::thread::yield_now();
        }
        assert!(
            Path::new(&format!("/proc/{pid}")).exists(),
            "not yet reaped"
        );
        child.wait().unwrap();
        assert!(!lives(pid, missing));
    }
}
