//! The operator's side of a connection.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::frame::{self, FrameError};
use crate::message::{Request, Response};

/// Why control could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nobody listens: control does not run, or runs with another runtime directory.
    #[error("no control process answers: {0}")]
    Connect(#[source] io::Error),
    /// It did not answer as it should.
    #[error("control process: {0}")]
    Frame(#[from] FrameError),
}

/// Asks the control process of `runtime_dir`; it must keep moving at least every `timeout`.
///
/// # Errors
/// See [`CallError`].
pub fn call(
    runtime_dir: &Path,
    request: &Request,
    timeout: Duration,
) -> Result<Response, CallError> {
    let path = runtime_dir.join(crate::SOCKET_NAME);
    let mut stream = UnixStream::connect(path).map_err(CallError::Connect)?;
    stream
        .set_read_timeout(Some(timeout))
        .and_then(|()| stream.set_write_timeout(Some(timeout)))
        .map_err(CallError::Connect)?;
    frame::write(&mut stream, request)?;
    Ok(frame::read(&mut stream)?)
}
