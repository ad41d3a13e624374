//! One control process a runtime directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Name of the lock file.
const LOCK_NAME: &str = "control.lock";

/// Held for as long as the process lives; the system gives it back however the process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Why the lock was not to be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    #[error("another control process, pid {pid}, holds {path}")]
    Held { pid: String, path: String },
    #[error("lock file: {0}")]
    Io(#[from] io::Error),
}

impl Lock {
    /// Takes the lock of `runtime_dir` and writes our process id into it.
    pub(crate) fn take(runtime_dir: &Path) -> Result<Self, LockError> {
        let path = runtime_dir.join(LOCK_NAME);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held {
                    pid: holder(&mut file),
                    path: path.display().to_string(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        file.set_len(0)?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self { _file: file })
    }
}

/// The process id in the file, as far as it reads.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    // A holder that dies while we read leaves less to read, which is no reason to say less.
    drop(file.take(20).read_to_string(&mut text));
    let pid = text.trim();
    if !pid.is_empty() && pid.bytes().all(|b| b.is_ascii_digit()) {
        pid.to_owned()
    } else {
        "unknown".to_owned()
    }
}
