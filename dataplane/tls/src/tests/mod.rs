//! Whole legs against each other, against bad peers, and against OpenSSL.

mod certificates;
mod handshakes;
mod openssl;
mod pki;
mod pool;
mod profiles;
mod records;
mod refusals;
mod resumption;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use abi::policy::{ClientAuth, TlsProvider};

use crate::{
    ClientProfile, ClientSpec, LegLimits, ServerProfile, ServerSpec, State, Target, TlsContext,
    TlsLeg, Trustpoint, Versions, WallClock,
};
use pki::{Ca, Identity, Leaf};

/// The time at which test certificates are verified: some time in 2033.
const NOW: u64 = 2_000_000_000;
const SERVER_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 10));
const PROVIDERS: [TlsProvider; 2] = [TlsProvider::AwsLcRs, TlsProvider::Ring];

fn context(provider: TlsProvider) -> TlsContext {
    let clock = WallClock::Shared(Arc::new(AtomicU64::new(NOW)));
    TlsContext::new(provider, clock, LegLimits::default())
}

/// Two authorities, and what a proxy and a phone hold from them.
struct World {
    provider: TlsProvider,
    server_ca: Ca,
    client_ca: Ca,
    server: Identity,
    client: Identity,
}

impl World {
    fn new() -> Self {
        Self::of(TlsProvider::AwsLcRs)
    }

    fn of(provider: TlsProvider) -> Self {
        let (server_ca, client_ca) = (Ca::new("Server CA"), Ca::new("Phone CA"));
        Self {
            provider,
            server: server_ca.issue(&Leaf::server("ucm.example.com")),
            client: client_ca.issue(&Leaf::phone("SEP001122334455")),
            server_ca,
            client_ca,
        }
    }

    /// Demands client certificates and has everything else at its default.
    fn server(&self) -> ServerSide {
        let tls = context(self.provider);
        ServerSide {
            identity: tls.trustpoint(&self.server.spec()).unwrap(),
            trust: vec![tls.trustpoint(&self.client_ca.spec()).unwrap()],
            auth: ClientAuth::Required,
            versions: Versions::default(),
            resumption: false,
            tls,
        }
    }

    /// Shows its certificate, verifies the server by DNS name.
    fn client(&self) -> ClientSide {
        let tls = context(self.provider);
        ClientSide {
            identity: Some(tls.trustpoint(&self.client.spec()).unwrap()),
            trust: vec![tls.trustpoint(&self.server_ca.spec()).unwrap()],
            verify_name: Some("ucm.example.com"),
            pass_sni: false,
            versions: Versions::default(),
            resumption: false,
            tls,
        }
    }
}

struct ServerSide {
    tls: TlsContext,
    identity: Trustpoint,
    trust: Vec<Trustpoint>,
    auth: ClientAuth,
    versions: Versions,
    resumption: bool,
}

impl ServerSide {
    fn profile(&self) -> ServerProfile {
        let spec = ServerSpec {
            identity: &self.identity,
            client_auth: self.auth,
            trust: &self.trust.iter().collect::<Vec<_>>(),
            versions: self.versions,
            resumption: self.resumption,
        };
        self.tls.server(&spec).unwrap()
    }
}

struct ClientSide {
    tls: TlsContext,
    identity: Option<Trustpoint>,
    trust: Vec<Trustpoint>,
    verify_name: Option<&'static str>,
    pass_sni: bool,
    versions: Versions,
    resumption: bool,
}

impl ClientSide {
    fn show(&mut self, identity: &Identity) {
        self.identity = Some(self.tls.trustpoint(&identity.spec()).unwrap());
    }

    fn profile(&self) -> ClientProfile {
        let spec = ClientSpec {
            identity: self.identity.as_ref(),
            trust: &self.trust.iter().collect::<Vec<_>>(),
            verify_name: self.verify_name,
            pass_sni: self.pass_sni,
            versions: self.versions,
            resumption: self.resumption,
        };
        self.tls.client(&spec).unwrap()
    }
}

const TARGET: Target<'static> = Target {
    address: SERVER_ADDRESS,
    client_sni: None,
};

/// Two legs joined back to back.
pub(crate) struct Pair {
    pub(crate) client: TlsLeg,
    pub(crate) server: TlsLeg,
}

impl Pair {
    fn new(server: &ServerSide, client: &ClientSide) -> Self {
        Self {
            client: TlsLeg::client(&client.profile(), &TARGET),
            server: TlsLeg::server(&server.profile()),
        }
    }

    /// A pair that has shaken hands.
    pub(crate) fn open(versions: Versions) -> Self {
        let world = World::new();
        let mut client = world.client();
        client.versions = versions;
        let mut pair = Self::new(&world.server(), &client);
        assert_eq!(pair.run(), (State::Open, State::Open));
        pair
    }

    /// Carries octets both ways until nothing moves; returns where client and server stand.
    pub(crate) fn run(&mut self) -> (State, State) {
        self.run_by(usize::MAX)
    }

    /// The same, `most` octets at a time.
    fn run_by(&mut self, most: usize) -> (State, State) {
        loop {
            step(&mut self.client);
            step(&mut self.server);
            let moved = carry(&mut self.client, &mut self.server, most)
                + carry(&mut self.server, &mut self.client, most);
            if moved == 0 && !self.client.wants_step() && !self.server.wants_step() {
                return (self.client.state(), self.server.state());
            }
        }
    }
}

fn step(leg: &mut TlsLeg) {
    while leg.wants_step() {
        leg.step();
    }
}

fn carry(from: &mut TlsLeg, to: &mut TlsLeg, most: usize) -> usize {
    from.take_output(|octets| {
        let (some, _) = octets.split_at(most.min(octets.len()));
        let taken = to.feed(some);
        step(to);
        taken
    })
}

pub(crate) fn output_of(leg: &mut TlsLeg) -> Vec<u8> {
    let mut all = Vec::new();
    leg.take_output(|octets| {
        all.extend_from_slice(octets);
        octets.len()
    });
    all
}

pub(crate) fn plaintext_of(leg: &mut TlsLeg) -> Vec<u8> {
    let mut all = Vec::new();
    leg.take_plaintext(|octets| {
        all.extend_from_slice(octets);
        octets.len()
    });
    all
}
