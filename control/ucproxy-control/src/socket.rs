//! The data plane's socket: what holds keys goes over it, never through shared memory.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use abi::provision::{StaticOutcome, StaticStream, Step};
use abi::secrets::{self, MESSAGE_MAX, Provisioned, Request, Response};
use abi::{BootId, LayoutId};
use zeroize::Zeroizing;

use crate::keys::Keys;

/// The data plane takes keys at once or not at all.
const KEYS_TIMEOUT: Duration = Duration::from_secs(2);
/// It gives up on streams before.
const STREAMS_TIMEOUT: Duration = Duration::from_secs(60);

/// Streams of one message: they take at most 300 octets each.
const STREAMS_A_MESSAGE: usize = 2_000;

/// Why something did not get across.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketError {
    #[error("data plane's socket: {0}")]
    Io(#[from] io::Error),
    #[error("keys take more than {MESSAGE_MAX} octets")]
    TooLong,
    #[error("data plane has {0}, this program has {ours}", ours = LayoutId::OURS)]
    Layout(LayoutId),
    #[error("data plane has been started again")]
    Restarted,
    #[error("another list of static streams has begun since: try again")]
    Overtaken,
    #[error("no worker runs yet, or they take too long")]
    NotNow,
    #[error("data plane did not understand the message")]
    Malformed,
}

/// Sends the private keys over, meant for that start of the data plane.
pub(crate) fn push_keys(runtime_dir: &Path, boot: BootId, keys: &Keys) -> Result<(), SocketError> {
    let request = Request::PutKeys {
        layout: LayoutId::OURS,
        boot,
        keys: keys.to_send(),
    };
    let body = ask(runtime_dir, &request, KEYS_TIMEOUT)?;
    match secrets::decode(&body) {
        Some(Response::Ok) => Ok(()),
        Some(Response::WrongLayout(theirs)) => Err(SocketError::Layout(theirs)),
        Some(Response::WrongBoot(_)) => Err(SocketError::Restarted),
        Some(Response::Malformed) | None => Err(SocketError::Malformed),
    }
}

/// Has the data plane do `step` of `list` with `streams`; returns what became of each that was to be
/// opened.
pub(crate) fn provision_streams(
    runtime_dir: &Path,
    list: u64,
    step: Step,
    streams: &[StaticStream],
) -> Result<Vec<StaticOutcome>, SocketError> {
    if matches!(step, Step::Begin | Step::Close) {
        return provision_batch(runtime_dir, list, step, &[]);
    }
    let mut outcomes = Vec::with_capacity(streams.len());
    for batch in streams.chunks(STREAMS_A_MESSAGE) {
        outcomes.extend(provision_batch(runtime_dir, list, step, batch)?);
    }
    Ok(outcomes)
}

fn provision_batch(
    runtime_dir: &Path,
    list: u64,
    step: Step,
    streams: &[StaticStream],
) -> Result<Vec<StaticOutcome>, SocketError> {
    let request = Request::PutStreams {
        layout: LayoutId::OURS,
        list,
        step,
        streams: streams.to_vec(),
    };
    let expected = if step == Step::Open { streams.len() } else { 0 };
    let body = ask(runtime_dir, &request, STREAMS_TIMEOUT)?;
    match secrets::decode(&body) {
        Some(Provisioned::Done(outcomes)) if outcomes.len() == expected => Ok(outcomes),
        Some(Provisioned::NotNow) => Err(SocketError::NotNow),
        Some(Provisioned::Overtaken) => Err(SocketError::Overtaken),
        Some(Provisioned::WrongLayout(theirs)) => Err(SocketError::Layout(theirs)),
        Some(Provisioned::Done(_)) | None => Err(SocketError::Malformed),
    }
}

/// Says one thing; returns the body of the answer.
fn ask(runtime_dir: &Path, request: &Request, timeout: Duration) -> Result<Vec<u8>, SocketError> {
    let message = Zeroizing::new(secrets::encode(request).ok_or(SocketError::TooLong)?);
    let mut stream = UnixStream::connect(runtime_dir.join(secrets::SOCKET_NAME))?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    stream.write_all(&message)?;
    let mut len = [0; 4];
    stream.read_exact(&mut len)?;
    let len = u32::from_be_bytes(len);
    if usize::try_from(len).map_or(true, |len| len > MESSAGE_MAX) {
        return Err(SocketError::Malformed);
    }
    let mut body = Vec::new();
    stream.take(len.into()).read_to_end(&mut body)?;
    Ok(body)
}
