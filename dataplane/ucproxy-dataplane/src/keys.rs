//! Private keys, held for the trustpoints that a policy names; and the socket that they, and
//! static streams, come by.
//!
//! Control pushes them over a socket that only the owner can open; they are wiped when they are
//! replaced. The management thread alone reads them, when it compiles a policy.

use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use abi::policy::KeyId;
use abi::secrets::{self, MESSAGE_MAX, Provisioned, Request, Response};
use abi::{BootId, LayoutId};
use shm::LockedBytes;
use zeroize::Zeroizing;

use crate::orders::Orders;

/// A client that says nothing for this long is cut off.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(5);

/// The keys pushed so far.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::disallowed_types,
    reason = "shared by the socket's thread and the management thread; no worker comes near it"
)]
pub(crate) struct KeyStore(Arc<std::sync::Mutex<HashMap<KeyId, LockedBytes>>>);

impl KeyStore {
    /// A copy of the key of `id`, wiped when dropped.
    pub(crate) fn get(&self, id: &KeyId) -> Option<Zeroizing<Vec<u8>>> {
        let keys = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        keys.get(id)
            .map(|key| Zeroizing::new(key.as_slice().to_vec()))
    }

    fn put(&self, pushed: &[secrets::Secret]) -> io::Result<()> {
        let locked = pushed
            .iter()
            .map(|secret| Ok((secret.id, LockedBytes::new(&secret.der)?)))
            .collect::<Result<HashMap<_, _>, shm::ShmError>>()
            .map_err(io::Error::other)?;
        *self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = locked;
        Ok(())
    }
}

/// What the socket serves.
#[derive(Debug)]
pub(crate) struct KeyServer {
    /// This start of the data plane.
    pub(crate) boot: BootId,
    /// Where keys go.
    pub(crate) store: KeyStore,
    /// Who opens static streams.
    pub(crate) orders: Orders,
}

/// Starts serving the key socket of `runtime_dir` on a thread of its own.
///
/// # Errors
/// When the socket cannot be made.
pub(crate) fn serve(runtime_dir: &Path, mut server: KeyServer) -> io::Result<()> {
    // Bound under another name, so that the socket is never seen before it listens, nor with
    // another mode. What a dead process left is of no use: we hold the lock.
    let staged = runtime_dir.join(format!(".{}.new", secrets::SOCKET_NAME));
    match fs::remove_file(&staged) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&staged)?;
    fs::set_permissions(&staged, Permissions::from_mode(0o600))?;
    fs::rename(&staged, runtime_dir.join(secrets::SOCKET_NAME))?;
    std::thread::Builder::new()
        .name("keys".into())
        .spawn(move || {
            for stream in listener.incoming() {
                if let Err(error) = stream.and_then(|stream| answer(stream, &mut server)) {
                    tracing::warn!(%error, "key socket: client failed");
                }
            }
        })?;
    Ok(())
}

fn answer(mut stream: UnixStream, server: &mut KeyServer) -> io::Result<()> {
    stream.set_read_timeout(Some(CLIENT_TIMEOUT))?;
    stream.set_write_timeout(Some(CLIENT_TIMEOUT))?;
    let response = match read_request(&mut stream)? {
        Some(Request::PutKeys { layout, .. }) if layout != LayoutId::OURS => {
            secrets::encode(&Response::WrongLayout(LayoutId::OURS))
        }
        Some(Request::PutKeys { boot, .. }) if boot != server.boot => {
            secrets::encode(&Response::WrongBoot(server.boot))
        }
        Some(Request::PutKeys { keys, .. }) => {
            server.store.put(&keys)?;
            tracing::info!(keys = keys.len(), "keys received");
            secrets::encode(&Response::Ok)
        }
        Some(Request::PutStreams { layout, .. }) if layout != LayoutId::OURS => {
            secrets::encode(&Provisioned::WrongLayout(LayoutId::OURS))
        }
        Some(Request::PutStreams {
            list,
            step,
            streams,
            ..
        }) => {
            let named = streams.len();
            let answer = server.orders.carry_out(list, step, streams);
            let done = matches!(answer, Provisioned::Done(_));
            tracing::info!(named, ?step, done, "static streams");
            secrets::encode(&answer)
        }
        None => secrets::encode(&Response::Malformed),
    };
    match response {
        Some(bytes) => stream.write_all(&bytes),
        None => Ok(()),
    }
}

/// Reads one message; `None` when it is too long or does not decode.
fn read_request(stream: &mut UnixStream) -> io::Result<Option<Request>> {
    let mut len = [0; 4];
    stream.read_exact(&mut len)?;
    let len = usize::try_from(u32::from_be_bytes(len)).unwrap_or(usize::MAX);
    if len > MESSAGE_MAX {
        return Ok(None);
    }
    // At most MESSAGE_MAX, and filled before it is believed.
    let mut body = Zeroizing::new(vec![0; len]);
    stream.read_exact(&mut body)?;
    Ok(secrets::decode(&body))
}
