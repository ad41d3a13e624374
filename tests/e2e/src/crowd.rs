//! Hundreds of TLS clients at once, and a server for what the proxy makes of them: with a process
//! each, as [`TlsPeer`](crate::tls_peer::TlsPeer) is one, they would take minutes.

use std::io::{self, ErrorKind, Read as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::certs::Identity;
use crate::error::{Failure, Result};
use crate::kamailio::SIP_PORT;
use crate::lab::{Host, Lab};
use crate::wait::STEP;

type Client = StreamOwned<ClientConnection, TcpStream>;

/// Clients outside that share a certificate, and a call manager inside that only listens.
#[derive(Debug)]
pub struct Crowd<'l> {
    lab: &'l Lab,
    target: SocketAddr,
    config: Arc<ClientConfig>,
    clients: Vec<Client>,
    manager: TcpListener,
    /// The manager's ends.
    accepted: Vec<TcpStream>,
}

impl<'l> Crowd<'l> {
    /// A crowd of nobody yet, whose clients will aim at `target` with the certificate of
    /// `identity`. Takes the place of the call manager.
    ///
    /// # Errors
    /// When a file cannot be read, or another listens in the call manager's place.
    pub fn new(lab: &'l Lab, target: SocketAddr, identity: &Identity) -> Result<Self> {
        allow_many_sockets()?;
        let address = SocketAddr::new(Host::Manager.v4(), SIP_PORT);
        let manager = lab.inside.enter(|| {
            let listener = TcpListener::bind(address).map_err(failed("listen"))?;
            listener.set_nonblocking(true).map_err(failed("listen"))?;
            Ok(listener)
        })?;
        Ok(Self {
            lab,
            target,
            config: Arc::new(config(lab, identity)?),
            clients: Vec::new(),
            manager,
            accepted: Vec::new(),
        })
    }

    /// Has `count` more clients shake hands, one after another.
    ///
    /// # Errors
    /// When one cannot.
    pub fn grow(&mut self, count: usize) -> Result<()> {
        for _ in 0..count {
            let mut client = self.connect()?;
            let Client { conn, sock } = &mut client;
            conn.complete_io(sock).map_err(failed("shake hands"))?;
            self.clients.push(client);
            self.serve()?;
        }
        Ok(())
    }

    /// Has one more client connect, which the proxy must turn away.
    ///
    /// # Errors
    /// When it does not.
    pub fn one_too_many(&mut self) -> Result<()> {
        let mut client = match self.connect() {
            // The proxy may be done before the system looks.
            Err(Failure::Io { source, .. }) if source.kind() == ErrorKind::ConnectionReset => {
                return Ok(());
            }
            client => client?,
        };
        // Reading shakes hands first; either may be what the proxy ends.
        let ended = client.read(&mut [0]);
        let reason = match ended {
            Ok(0) => return Ok(()),
            Ok(_) => "data".to_owned(),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => "silence".to_owned(),
                ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::InvalidData => {
                    return Ok(());
                }
                _ => error.to_string(),
            },
        };
        Err(Failure::Unexpected(format!(
            "one too many is not turned away: {reason}"
        )))
    }

    /// Has all clients but `left` go.
    pub fn shrink_to(&mut self, left: usize) {
        for mut client in self.clients.drain(left..) {
            client.conn.send_close_notify();
            // The proxy may have gone before, which is as good.
            client.conn.complete_io(&mut client.sock).ok();
        }
    }

    /// Does the manager's part: takes connections, and ends those that the proxy has ended.
    /// Returns how many are open.
    ///
    /// # Errors
    /// When the system refuses a connection.
    pub fn serve(&mut self) -> Result<usize> {
        loop {
            match self.manager.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(true).map_err(failed("accept"))?;
                    self.accepted.push(stream);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(failed("accept")(error)),
            }
        }
        let is_open = |stream: &mut TcpStream| {
            let read = stream.read(&mut [0]);
            read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
        };
        self.accepted.retain_mut(is_open);
        Ok(self.accepted.len())
    }

    fn connect(&self) -> Result<Client> {
        let sock = self.lab.outside.enter(|| {
            let sock = TcpStream::connect(self.target).map_err(failed("connect"))?;
            sock.set_read_timeout(Some(STEP))
                .map_err(failed("connect"))?;
            Ok(sock)
        })?;
        let name = ServerName::IpAddress(self.target.ip().into());
        let conn = ClientConnection::new(Arc::clone(&self.config), name).map_err(unusable)?;
        Ok(StreamOwned::new(conn, sock))
    }
}

fn config(lab: &Lab, identity: &Identity) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_file(lab.authority.ca()).map_err(unusable)?;
    roots.add(root).map_err(unusable)?;
    let chain = vec![CertificateDer::from_pem_file(&identity.cert).map_err(unusable)?];
    let key = PrivateKeyDer::from_pem_file(&identity.key).map_err(unusable)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(unusable)
}

/// Two sockets a client are more than a shell allows by itself.
fn allow_many_sockets() -> Result<()> {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most));
    raised.map_err(|errno| failed("allow many sockets")(errno.into()))
}

fn failed(what: &'static str) -> impl Fn(io::Error) -> Failure {
    move |source| {
        let what = format!("crowd: {what}");
        Failure::Io { what, source }
    }
}

fn unusable(error: impl std::fmt::Display) -> Failure {
    Failure::Unexpected(format!("crowd: {error}"))
}
