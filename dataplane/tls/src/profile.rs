//! How legs behave: what they show, whom they trust, what they allow.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use abi::policy::{ClientAuth, TlsProvider};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs, ring};
use rustls::pki_types::{DnsName, ServerName, UnixTime};
use rustls::server::{NoClientAuth, NoServerSessionStorage, ProducesTickets};
use rustls::sign::SingleCertAndKey;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion};

use crate::leg::LegLimits;
use crate::shown::Shown;
use crate::trustpoint::{Trustpoint, TrustpointError, TrustpointSpec};
use crate::verify::{ClientVerifier, ServerVerifier, Trust};

/// Sessions with servers that a client profile remembers when it resumes.
const REMEMBERED_MAX: usize = 64;

/// Where the time comes from that certificates are verified at.
#[derive(Clone, Debug)]
pub enum WallClock {
    /// The system's clock, read once or twice a handshake on the thread that runs it.
    System,
    /// Seconds since 1970, which the caller keeps right.
    Shared(Arc<AtomicU64>),
}

impl TimeProvider for WallClock {
    fn current_time(&self) -> Option<UnixTime> {
        match self {
            Self::System => Some(UnixTime::now()),
            Self::Shared(seconds) => Some(UnixTime::since_unix_epoch(Duration::from_secs(
                seconds.load(Ordering::Relaxed),
            ))),
        }
    }
}

/// Protocol versions allowed. What is older than TLS 1.2 is never allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Versions {
    /// TLS 1.3, or 1.2 with peers that have no better.
    #[default]
    Tls12And13,
    /// TLS 1.2 alone, for peers that trip over 1.3.
    Tls12,
    /// TLS 1.3 alone.
    Tls13,
}

static TLS12_ALONE: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
static TLS13_ALONE: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

impl Versions {
    fn allowed(self) -> &'static [&'static SupportedProtocolVersion] {
        match self {
            Self::Tls12And13 => rustls::ALL_VERSIONS,
            Self::Tls12 => TLS12_ALONE,
            Self::Tls13 => TLS13_ALONE,
        }
    }

    /// Whether the version of this number on the wire is allowed.
    pub(crate) fn allow(self, version: u16) -> bool {
        let mut allowed = self.allowed().iter();
        allowed.any(|allowed| u16::from(allowed.version) == version)
    }
}

/// The proxy as TLS server, towards clients.
#[derive(Clone, Copy, Debug)]
pub struct ServerSpec<'a> {
    /// Whose chain and key are shown.
    pub identity: &'a Trustpoint,
    /// Whether clients show a certificate.
    pub client_auth: ClientAuth,
    /// What clients' certificates are verified against; unused with [`ClientAuth::None`].
    pub trust: &'a [&'a Trustpoint],
    /// Protocol versions allowed.
    pub versions: Versions,
    /// Give clients tickets to resume with. A client that resumes shows no certificate again, so
    /// an expiry is noticed up to 12 hours late; a new profile takes no ticket of an old one.
    pub resumption: bool,
}

/// The proxy as TLS client, towards servers.
#[derive(Clone, Copy, Debug)]
pub struct ClientSpec<'a> {
    /// Whose chain and key are shown when the server asks.
    pub identity: Option<&'a Trustpoint>,
    /// What servers' certificates are verified against. A pinned certificate is good for any
    /// name.
    pub trust: &'a [&'a Trustpoint],
    /// Name (DNS, or IP address as text) that the certificate must be for, sent as SNI when it is
    /// a DNS name; `None`: the server's address.
    pub verify_name: Option<&'a str>,
    /// Send the client's SNI, when it had one, instead. What is verified stays the same.
    pub pass_sni: bool,
    /// Protocol versions allowed.
    pub versions: Versions,
    /// Resume earlier sessions. Not done for a leg that passes an SNI on and verifies the
    /// server's address: what one address proved says nothing about another.
    pub resumption: bool,
}

/// Why a profile cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// A trustpoint is not fit for its part.
    #[error(transparent)]
    Trustpoint(#[from] TrustpointError),
    /// Peers' certificates are to be verified, and no trustpoint holds an anchor or a pin.
    #[error("nothing to verify the peer's certificate against")]
    NoTrust,
    /// The name to verify is neither a DNS name nor an IP address.
    #[error("name to verify is neither a DNS name nor an IP address")]
    Name,
    /// The cryptography library failed, as for want of random octets.
    #[error("the cryptography library failed")]
    Library,
}

/// What all profiles of a policy share.
#[derive(Clone)]
pub struct TlsContext {
    kind: TlsProvider,
    provider: Arc<CryptoProvider>,
    clock: Arc<WallClock>,
    limits: LegLimits,
}

impl TlsContext {
    /// A context in which the library `kind` does the cryptography.
    #[must_use]
    pub fn new(kind: TlsProvider, clock: WallClock, limits: LegLimits) -> Self {
        let provider = match kind {
            TlsProvider::AwsLcRs => aws_lc_rs::default_provider(),
            TlsProvider::Ring => ring::default_provider(),
        };
        Self {
            kind,
            provider: Arc::new(provider),
            clock: Arc::new(clock),
            limits,
        }
    }

    /// Reads the certificates and the key of a trustpoint.
    ///
    /// # Errors
    /// The first part that is wrong.
    pub fn trustpoint(&self, spec: &TrustpointSpec<'_>) -> Result<Trustpoint, TrustpointError> {
        Trustpoint::new(self.kind, &self.provider, spec)
    }

    /// Builds a profile for server legs.
    ///
    /// # Errors
    /// See [`ProfileError`].
    pub fn server(&self, spec: &ServerSpec<'_>) -> Result<ServerProfile, ProfileError> {
        let identity = spec.identity.identity()?;
        let builder = ServerConfig::builder_with_details(self.provider(), self.clock())
            .with_protocol_versions(spec.versions.allowed())
            .map_err(|_| ProfileError::Library)?;
        let verifier = match spec.client_auth {
            ClientAuth::None => None,
            auth => {
                let trust = Trust::new(&self.provider, spec.trust).ok_or(ProfileError::NoTrust)?;
                let verifier = trust
                    .clients(auth == ClientAuth::Required)
                    .map_err(|_| ProfileError::Library)?;
                Some(Arc::new(verifier))
            }
        };
        let builder = match &verifier {
            None => builder.with_client_cert_verifier(Arc::new(NoClientAuth {})),
            Some(verifier) => builder.with_client_cert_verifier(verifier.clone()),
        };
        let mut config = builder.with_cert_resolver(Arc::new(Shown(identity)));
        config.session_storage = Arc::new(NoServerSessionStorage {});
        // For the records of an open leg, which are ours.
        config.enable_secret_extraction = true;
        config.send_tls13_tickets = usize::from(spec.resumption);
        if spec.resumption {
            config.ticketer = self.ticketer()?;
        }
        Ok(ServerProfile {
            config: Arc::new(config),
            verifier,
            versions: spec.versions,
            limits: self.limits,
        })
    }

    /// Builds a profile for client legs.
    ///
    /// # Errors
    /// See [`ProfileError`].
    pub fn client(&self, spec: &ClientSpec<'_>) -> Result<ClientProfile, ProfileError> {
        let verify_name = spec
            .verify_name
            .map(|name| ServerName::try_from(name).map(|name| name.to_owned()))
            .transpose()
            .map_err(|_| ProfileError::Name)?;
        let verifier = Trust::new(&self.provider, spec.trust)
            .ok_or(ProfileError::NoTrust)?
            .servers(verify_name.clone())
            .map_err(|_| ProfileError::Library)?;
        let builder = ClientConfig::builder_with_details(self.provider(), self.clock())
            .with_protocol_versions(spec.versions.allowed())
            .map_err(|_| ProfileError::Library)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier.clone()));
        let mut config = match spec.identity {
            None => builder.with_no_client_auth(),
            Some(trustpoint) => {
                let identity = SingleCertAndKey::from(trustpoint.identity()?);
                builder.with_client_cert_resolver(Arc::new(identity))
            }
        };
        config.enable_secret_extraction = true;
        config.resumption = if spec.resumption {
            Resumption::in_memory_sessions(REMEMBERED_MAX)
        } else {
            Resumption::disabled()
        };
        Ok(ClientProfile {
            config: Arc::new(config),
            verifier,
            verify_name,
            versions: spec.versions,
            pass_sni: spec.pass_sni,
            limits: self.limits,
        })
    }

    fn provider(&self) -> Arc<CryptoProvider> {
        Arc::clone(&self.provider)
    }

    fn clock(&self) -> Arc<dyn TimeProvider> {
        Arc::clone(&self.clock) as Arc<dyn TimeProvider>
    }

    fn ticketer(&self) -> Result<Arc<dyn ProducesTickets>, ProfileError> {
        match self.kind {
            TlsProvider::AwsLcRs => aws_lc_rs::Ticketer::new(),
            TlsProvider::Ring => ring::Ticketer::new(),
        }
        .map_err(|_| ProfileError::Library)
    }
}

impl fmt::Debug for TlsContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsContext")
            .field("kind", &self.kind)
            .field("clock", &self.clock)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// How legs towards clients behave. Cheap to clone.
#[derive(Clone)]
pub struct ServerProfile {
    pub(crate) config: Arc<ServerConfig>,
    /// What verifies clients' certificates; `None` when they are not asked for one.
    pub(crate) verifier: Option<Arc<ClientVerifier>>,
    pub(crate) versions: Versions,
    pub(crate) limits: LegLimits,
}

impl fmt::Debug for ServerProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerProfile").finish_non_exhaustive()
    }
}

/// How legs towards servers behave. Cheap to clone.
#[derive(Clone)]
pub struct ClientProfile {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) verifier: ServerVerifier,
    pub(crate) verify_name: Option<ServerName<'static>>,
    pub(crate) versions: Versions,
    pass_sni: bool,
    pub(crate) limits: LegLimits,
}

/// Which server a client leg is for.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The server's address.
    pub address: IpAddr,
    /// SNI of the session's client, if it sent one.
    pub client_sni: Option<&'a str>,
}

impl ClientProfile {
    /// Configuration for a connection to `target`, and the name that rustls sends if it is a DNS
    /// name and verifies unless the verifier expects another.
    pub(crate) fn connect(&self, target: &Target<'_>) -> (Arc<ClientConfig>, ServerName<'static>) {
        let config = Arc::clone(&self.config);
        let sni = target
            .client_sni
            .filter(|_| self.pass_sni)
            .and_then(|sni| DnsName::try_from(sni).ok())
            .map(|sni| ServerName::DnsName(sni.to_owned()));
        let address = || ServerName::IpAddress(target.address.into());
        match (sni, &self.verify_name) {
            (Some(sni), Some(_)) => (config, sni),
            (Some(sni), None) => {
                let mut config = ClientConfig::clone(&config);
                let verifier = self.verifier.expecting(address());
                config
                    .dangerous()
                    .set_certificate_verifier(Arc::new(verifier));
                (Arc::new(config), sni)
            }
            (None, Some(name)) => (config, name.clone()),
            (None, None) => (config, address()),
        }
    }
}

impl fmt::Debug for ClientProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientProfile")
            .field("verify_name", &self.verify_name)
            .field("pass_sni", &self.pass_sni)
            .finish_non_exhaustive()
    }
}
