//! The certificate that a server leg shows, and the server name that it was asked for.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

thread_local! {
    /// Server name in the ClientHello that this thread has just handled.
    static ASKED: Cell<Option<Box<str>>> = const { Cell::new(None) };
}

/// Shows one certificate to everyone and notes the name that was asked for.
///
/// rustls's unbuffered connection keeps the server name to itself and hands it only to the
/// resolver, which every connection of a profile shares. The resolver runs inside
/// `process_tls_records`, so the name waits in the thread until that call is over.
pub(crate) struct Shown(pub(crate) Arc<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        ASKED.set(hello.server_name().map(Box::from));
        Some(Arc::clone(&self.0))
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown").finish_non_exhaustive()
    }
}

/// Takes the server name of the ClientHello that this thread has just handled, if it had one.
pub(crate) fn take_asked() -> Option<Box<str>> {
    ASKED.take()
}
