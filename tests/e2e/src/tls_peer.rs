//! A scripted TLS client: `openssl s_client`, which shares no code with the proxy.

use std::io::{ErrorKind, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ChildStdin;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::certs::Identity;
use crate::error::{Failure, Result};
use crate::netns::Netns;
use crate::process::{Log, Process};
use crate::wait::STEP;

/// A running `openssl s_client`.
#[derive(Debug)]
pub struct TlsPeer {
    process: Process,
    stdin: Option<ChildStdin>,
}

impl TlsPeer {
    /// Connects from `netns` to `server`, with further `options` of `s_client` such as `-tls1_1`.
    ///
    /// # Errors
    /// When it cannot be started. A failed handshake is seen by the waits below.
    pub fn connect(
        netns: &Netns,
        dir: &Path,
        server: SocketAddr,
        identity: Option<&Identity>,
        options: &[&str],
    ) -> Result<Self> {
        static PEERS: AtomicU32 = AtomicU32::new(0);
        let name = format!("tls-peer-{}", PEERS.fetch_add(1, Relaxed));
        let server = server.to_string();
        let files = identity
            .map(|identity| [&identity.cert, &identity.key].map(|path| path.display().to_string()));
        let mut command = vec![
            "openssl", "s_client", "-connect", &server, "-brief", "-ign_eof",
        ];
        if let Some([cert, key]) = &files {
            command.extend_from_slice(&["-cert", cert, "-key", key]);
        }
        command.extend_from_slice(options);
        let mut process = Process::start_piped(netns, dir, &name, &command)?;
        let stdin = process.take_stdin();
        Ok(Self { process, stdin })
    }

    /// Waits until the handshake is done as far as a client can tell. In TLS 1.3 the server may
    /// still refuse the client's certificate.
    ///
    /// # Errors
    /// When the handshake fails or takes too long.
    pub fn wait_connected(&mut self) -> Result<()> {
        self.process
            .wait_line("CONNECTION ESTABLISHED", STEP)
            .map(|_| ())
    }

    /// Sends text. That the server ends the connection meanwhile, as it may within a message that
    /// is too large, is no failure here: the waits below see it.
    ///
    /// # Errors
    /// When the text cannot be written for another reason.
    pub fn send(&mut self, text: &str) -> Result<()> {
        let stdin = self.stdin.as_mut();
        let sent = stdin.map(|stdin| {
            stdin
                .write_all(text.as_bytes())
                .and_then(|()| stdin.flush())
        });
        match sent {
            Some(Err(source)) if source.kind() != ErrorKind::BrokenPipe => Err(Failure::Io {
                what: "send to the TLS server".to_owned(),
                source,
            }),
            _ => Ok(()),
        }
    }

    /// Waits until a line with `text` has come from the server.
    ///
    /// # Errors
    /// When it does not come, or the connection ends.
    pub fn wait_line(&mut self, text: &str) -> Result<String> {
        self.process.wait_line(text, STEP)
    }

    /// Waits until the server has ended the connection; returns everything that was said.
    ///
    /// # Errors
    /// When the server keeps it.
    pub fn wait_closed(&mut self) -> Result<String> {
        self.process.wait_exit(STEP)?;
        Ok(self.process.log().text())
    }

    /// Everything that was said.
    #[must_use]
    pub const fn log(&self) -> &Log {
        self.process.log()
    }

    /// Whether the connection stands.
    #[must_use]
    pub fn connected(&mut self) -> bool {
        self.process.running()
    }
}
