//! The policy as workers use it: compiled once by the management thread, immutable, shared.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use std::collections::HashMap;
use std::sync::Arc;

use abi::policy::{
    Application, ClientTls, KeyId, MediaTermination, PolicyImage, Prefix, ServerTls, Source,
    Trustpoint as TrustpointImage, UcServer,
};
use pipeline::{Leg, PerLeg};
use registry::{AppConfig, RegistryError};
use tls::{
    ClientProfile, ClientSpec, LegLimits, ProfileError, ServerProfile, ServerSpec, TlsContext,
    Trustpoint, TrustpointError, TrustpointSpec, Versions, WallClock,
};
use wire::Packet;
use zeroize::Zeroizing;

use crate::enforce::Enforcement;

/// Where private keys are looked up while a policy is compiled.
pub trait Keys {
    /// The key of `id`, DER, wiped when dropped.
    fn key(&self, id: &KeyId) -> Option<Zeroizing<Vec<u8>>>;
}

/// Why an image cannot be put in force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// A key that the policy names has not been pushed.
    #[error("the key of trustpoint {0} has not arrived")]
    KeyMissing(u16),
    /// A trustpoint is not usable.
    #[error(transparent)]
    Trustpoint(#[from] TrustpointError),
    /// An application's TLS settings are not usable.
    #[error("application {app}: {error}")]
    Profile {
        /// Position in the policy's list.
        app: u16,
        /// What is wrong.
        error: ProfileError,
    },
    /// An application is unknown or its configuration does not decode.
    #[error("application {app}: {error}")]
    App {
        /// Position in the policy's list.
        app: u16,
        /// What is wrong.
        error: RegistryError,
    },
}

/// What workers obey.
#[derive(Debug)]
pub struct Policy {
    /// Its generation.
    pub generation: u64,
    /// What it was compiled from, without certificates.
    pub image: PolicyImage,
    /// Present when sessions from before are held against this policy.
    pub(crate) enforcement: Option<Arc<Enforcement>>,
    apps: Vec<Arc<App>>,
    listeners: HashMap<(u16, SocketAddr), Binding>,
    /// By index.
    interfaces: Vec<Arc<str>>,
    /// By name.
    interface_indices: HashMap<Arc<str>, u16>,
}

/// Which application and server a listener stands for.
#[derive(Clone, Copy, Debug)]
struct Binding {
    app: u16,
    server: u16,
}

/// A client that reached a listener.
#[derive(Clone, Debug)]
pub struct Match {
    /// The application.
    pub app: Arc<App>,
    /// The server that the listener stands for.
    pub server: ServerSide,
    /// Name of the interface that the client came in by.
    pub interface: Arc<str>,
}

/// One configured application, kept alive by the sessions that began under it.
#[derive(Debug)]
pub struct App {
    /// Position in the policy's list.
    pub index: u16,
    /// The operator's name for it.
    pub name: String,
    /// Its own configuration.
    pub config: AppConfig,
    /// TLS with clients; `None` is clear TCP.
    pub client_tls: Option<ServerProfile>,
    /// Source address towards servers.
    pub source: Source,
    /// Media terminations towards clients and servers. Not their positions in the policy's list:
    /// a session goes on under later policies, which list them elsewhere.
    media: PerLeg<Vec<MediaTermination>>,
    servers: HashMap<u16, ServerSide>,
}

/// How a server is reached by one application.
#[derive(Clone, Debug)]
pub struct ServerSide {
    /// Its real address and port.
    pub address: SocketAddr,
    /// TLS with it; `None` is clear TCP.
    pub tls: Option<ClientProfile>,
}

impl Policy {
    /// Compiles `image`.
    ///
    /// # Errors
    /// See [`CompileError`]; the policy in force stays.
    pub fn compile(
        generation: u64,
        mut image: PolicyImage,
        keys: &dyn Keys,
        limits: LegLimits,
    ) -> Result<Self, CompileError> {
        let context = TlsContext::new(image.tls.provider, WallClock::System, limits);
        let trustpoints = (0_u16..)
            .zip(&image.trustpoints)
            .map(|(index, trustpoint)| read_trustpoint(&context, index, trustpoint, keys))
            .collect::<Result<Vec<_>, _>>()?;
        let compiler = Compiler {
            context,
            trustpoints,
            servers: &image.servers,
            media: &image.media,
        };
        let apps = (0_u16..)
            .zip(&image.apps)
            .map(|(index, app)| compiler.app(index, app).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        let mut listeners = HashMap::new();
        for (app, application) in (0_u16..).zip(&image.apps) {
            for listener in &application.listeners {
                let aimed_at = SocketAddr::new(listener.address, listener.tcp_port);
                let binding = Binding {
                    app,
                    server: listener.server,
                };
                listeners.insert((listener.interface, aimed_at), binding);
            }
        }
        let interfaces: Vec<Arc<str>> = image
            .interfaces
            .iter()
            .map(|interface| interface.name.as_str().into())
            .collect();
        image.trustpoints.clear();
        Ok(Self {
            generation,
            image,
            enforcement: None,
            apps,
            listeners,
            interface_indices: interfaces.iter().cloned().zip(0..).collect(),
            interfaces,
        })
    }

    /// The same policy for `workers` workers, which are to close the sessions that it does not
    /// allow.
    #[must_use]
    pub fn enforced(self, workers: usize) -> Self {
        Self {
            enforcement: Some(Arc::new(Enforcement::of(workers))),
            ..self
        }
    }

    /// The application and server behind `aimed_at` for clients that come in by `interface`.
    #[must_use]
    pub fn listener(&self, interface: u16, aimed_at: SocketAddr) -> Option<Match> {
        let binding = self.listeners.get(&(interface, aimed_at))?;
        let app = self.apps.get(usize::from(binding.app))?;
        let server = app.servers.get(&binding.server)?.clone();
        Some(Match {
            app: Arc::clone(app),
            server,
            interface: self.interfaces.get(usize::from(interface))?.clone(),
        })
    }

    /// The same for the interface of that name.
    pub(crate) fn listener_on(&self, interface: &str, aimed_at: SocketAddr) -> Option<Match> {
        self.listener(*self.interface_indices.get(interface)?, aimed_at)
    }

    /// Whether a packet that is not proxied may pass from one interface to another.
    #[must_use]
    pub fn may_forward(&self, from: u16, to: u16, packet: &Packet) -> bool {
        self.image.forward.iter().any(|rule| {
            let within = |prefix: Option<Prefix>, address| {
                prefix.is_none_or(|prefix| contains(prefix, address))
            };
            rule.from == from
                && rule.to == to
                && within(rule.source, packet.src)
                && within(rule.destination, packet.dst)
                && rule
                    .protocol
                    .is_none_or(|protocol| protocol == packet.protocol)
                && rule
                    .ports
                    .is_none_or(|(first, last)| (first..=last).contains(&packet.dst_port))
        })
    }

    /// Positions in this policy's list of the media terminations of `app`, which may be of an
    /// earlier policy; those that are listed no more are left out.
    pub(crate) fn media_of(&self, app: &App) -> PerLeg<Vec<u16>> {
        let position = |wanted: &MediaTermination| {
            let mut all = (0_u16..).zip(&self.image.media);
            let found = all.find(|(_, listed)| is_same_media(listed, wanted));
            found.map(|(index, _)| index)
        };
        PerLeg::from_fn(|leg| app.media[leg].iter().filter_map(position).collect())
    }

    /// Whether somebody listens there; cheaper than [`Policy::listener`].
    #[must_use]
    pub fn is_listener(&self, interface: u16, aimed_at: SocketAddr) -> bool {
        self.listeners.contains_key(&(interface, aimed_at))
    }
}

impl App {
    /// Our source address towards `server` for a client at `client`; `None` when the policy has
    /// none of the server's family.
    #[must_use]
    pub fn source_for(&self, server: IpAddr, client: IpAddr) -> Option<IpAddr> {
        let same_family = |address: &&IpAddr| address.is_ipv4() == server.is_ipv4();
        match &self.source {
            Source::Client => Some(&client).filter(same_family).copied(),
            Source::Proxy(addresses) => addresses.iter().find(same_family).copied(),
        }
    }

    /// Whether a session that began under `before` is one that this application would have made
    /// too: of the same name and options, with the same media terminations.
    pub(crate) fn continues(&self, before: &Self) -> bool {
        let has_media = |leg: Leg| {
            let kept = |old| self.media[leg].iter().any(|new| is_same_media(new, old));
            before.media[leg].iter().all(kept)
        };
        self.name == before.name
            && self.config == before.config
            && self.client_tls.is_some() == before.client_tls.is_some()
            && Leg::BOTH.into_iter().all(has_media)
    }
}

/// What compiling one application takes.
struct Compiler<'a> {
    context: TlsContext,
    trustpoints: Vec<Trustpoint>,
    servers: &'a [UcServer],
    media: &'a [MediaTermination],
}

impl Compiler<'_> {
    fn app(&self, index: u16, app: &Application) -> Result<App, CompileError> {
        let profile_error = |error| CompileError::Profile { app: index, error };
        let config = AppConfig::decode(&app.kind, &app.config)
            .map_err(|error| CompileError::App { app: index, error })?;
        let client_tls = app
            .client_tls
            .as_ref()
            .map(|tls| self.server_profile(tls))
            .transpose()
            .map_err(profile_error)?;
        let server_tls = app
            .server_tls
            .as_ref()
            .map(|tls| self.client_profile(tls))
            .transpose()
            .map_err(profile_error)?;
        let servers = app.listeners.iter().filter_map(|listener| {
            let server = self.servers.get(usize::from(listener.server))?;
            let port = if server_tls.is_some() {
                server.tls_port
            } else {
                server.tcp_port
            };
            let address = SocketAddr::new(server.address, port);
            Some((
                listener.server,
                ServerSide {
                    address,
                    tls: server_tls.clone(),
                },
            ))
        });
        let media = |indices: &[u16]| {
            let media = |&index| self.media.get(usize::from(index));
            indices.iter().filter_map(media).cloned().collect()
        };
        Ok(App {
            index,
            name: app.name.clone(),
            media: PerLeg {
                client: media(&app.client_media),
                server: media(&app.server_media),
            },
            config,
            client_tls,
            source: app.source.clone(),
            servers: servers.collect(),
        })
    }

    fn server_profile(&self, tls: &ServerTls) -> Result<ServerProfile, ProfileError> {
        let identity = self.trustpoints.get(usize::from(tls.identity));
        self.context.server(&ServerSpec {
            identity: identity.ok_or(ProfileError::NoTrust)?,
            client_auth: tls.client_auth,
            trust: &self.named(&tls.trust),
            versions: Versions::default(),
            resumption: tls.resumption,
        })
    }

    fn client_profile(&self, tls: &ClientTls) -> Result<ClientProfile, ProfileError> {
        let identity = tls
            .identity
            .and_then(|index| self.trustpoints.get(usize::from(index)));
        self.context.client(&ClientSpec {
            identity,
            trust: &self.named(&tls.trust),
            verify_name: tls.verify_name.as_deref(),
            pass_sni: tls.pass_sni,
            versions: Versions::default(),
            resumption: tls.resumption,
        })
    }

    fn named(&self, indices: &[u16]) -> Vec<&Trustpoint> {
        indices
            .iter()
            .filter_map(|&index| self.trustpoints.get(usize::from(index)))
            .collect()
    }
}

/// Whether two policies mean the same media termination: its ports may change, and its interface.
fn is_same_media(one: &MediaTermination, other: &MediaTermination) -> bool {
    one.name == other.name && one.address == other.address
}

/// Whether `address` lies within `prefix`.
fn contains(prefix: Prefix, address: IpAddr) -> bool {
    let (own, other, bits) = match (prefix.address, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits()), u128::from(b.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
        _ => return false,
    };
    let host_bits = u32::from(bits - prefix.len.min(bits));
    (own ^ other).checked_shr(host_bits).unwrap_or(0) == 0
}

fn read_trustpoint(
    context: &TlsContext,
    index: u16,
    trustpoint: &TrustpointImage,
    keys: &dyn Keys,
) -> Result<Trustpoint, CompileError> {
    let key = trustpoint
        .key
        .as_ref()
        .map(|id| keys.key(id).ok_or(CompileError::KeyMissing(index)))
        .transpose()?;
    let spec = TrustpointSpec {
        index,
        chain: &trustpoint.chain,
        key: key.as_ref().map(|key| key.as_slice()),
        anchors: &trustpoint.anchors,
        pinned: &trustpoint.pinned,
        crls: &trustpoint.crls,
    };
    Ok(context.trustpoint(&spec)?)
}

impl fmt::Debug for dyn Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}
