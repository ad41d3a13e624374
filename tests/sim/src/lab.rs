//! The usual world: phones outside, a call manager and a desk phone inside, the proxy between.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use abi::policy::{ClientAuth, TlsProvider};
use abi::{Counter, Reason};
use tcp::Params;
use tls::{
    ClientProfile, ClientSpec, LegLimits, ServerProfile, ServerSpec, TlsContext, Trustpoint,
    TrustpointSpec, Versions, WallClock,
};

use crate::host::{Host, HostSpec};
use crate::setup::{Cluster, Credentials, Place, Setup};
use crate::{
    Authority, ConnId, HostId, Identity, KeyRing, Leaf, Proxy, SegmentId, Snapshot, World,
    proxy_info,
};

/// The phone outside.
pub const PHONE: HostId = HostId(0);
/// The call manager.
pub const MANAGER: HostId = HostId(1);
/// The phone inside.
pub const DESK: HostId = HostId(2);
/// Somebody outside who may not be who they say.
pub const STRANGER: HostId = HostId(3);

/// DNS name of the call manager, in the certificate that the proxy shows in its place.
const MANAGER_NAME: &str = "manager.example";

/// Seconds since 1970 by the hosts' clocks, in the year 2030.
const WALL_CLOCK: u64 = 1_900_000_000;

/// Counters of how much there was of something, which no step names.
const VOLUMES: [&str; 12] = [
    "rx-frames",
    "rx-bytes",
    "tx-frames",
    "tx-bytes",
    "loops",
    "busy-loops",
    "sleeps",
    "busy-nanos",
    "handoff-in",
    "handoff-out",
    "arp-requests",
    "media-bytes",
];

/// A world with the proxy in its middle.
#[derive(Debug)]
pub struct Lab {
    /// Everything in it.
    pub world: World,
    /// How it is set up.
    pub setup: Setup,
    /// The segment of the phones.
    pub outside: SegmentId,
    /// The segment of the call manager.
    pub inside: SegmentId,
    /// The authority that everybody trusts.
    pub authority: Authority,
    context: TlsContext,
    /// The certificates that the policy names.
    pub credentials: Credentials,
    phone_tls: Option<ClientProfile>,
    /// What the counters stood at when a step last looked.
    seen: Snapshot,
}

impl Lab {
    /// Sets a laboratory up; the call manager listens already.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let mut world = World::new(setup.seed);
        let (outside, inside) = (world.add_segment(), world.add_segment());
        let authority = Authority::new("Lab Authority");
        let clock = WallClock::Shared(Arc::new(AtomicU64::new(WALL_CLOCK)));
        let context = TlsContext::new(TlsProvider::AwsLcRs, clock, LegLimits::default());
        for (at, spec) in hosts(&setup) {
            let segment = if at { inside } else { outside };
            world.add_host(segment, &spec);
        }
        let mut keys = KeyRing::default();
        let stands_in = authority.issue(&Leaf {
            dns: Some(MANAGER_NAME),
            addresses: &[setup.address(Place::Manager), setup.address(Place::Mapped)],
            ..Leaf::phone("proxy")
        });
        let credentials = Credentials {
            anchor: authority.certificate.clone(),
            crls: Vec::new(),
            certificate: stands_in.certificate.clone(),
            key: keys.keep(&stands_in),
        };
        let image = setup.image(&credentials);
        let queues = setup.queues.unwrap_or(setup.workers);
        let size = (setup.workers, queues);
        world.add_proxy(&[outside, inside], size, setup.tx_checksums, |nics, now| {
            Proxy::start(image, keys, nics, &setup.limits, now)
        });
        for (device, segment) in [(0, outside), (1, inside)] {
            world
                .segment(segment)
                .steer(proxy_info(device).mac, setup.steering);
        }
        let seen = world.proxy().counters();
        let mut lab = Self {
            world,
            setup,
            outside,
            inside,
            authority,
            context,
            credentials,
            phone_tls: None,
            seen,
        };
        if lab.setup.client_auth.is_some() {
            let identity = lab.authority.issue(&Leaf::phone("SEP001122334455"));
            lab.phone_tls = Some(lab.client_profile(Some(&identity)));
        }
        let manager_tls = (lab.setup.cluster == Cluster::Encrypted).then(|| lab.manager_profile());
        let port = lab.setup.manager_port();
        lab.host(MANAGER).listen(port, manager_tls);
        lab
    }

    /// A host.
    pub fn host(&mut self, id: HostId) -> &mut Host {
        self.world.host(id)
    }

    /// The proxy.
    pub const fn proxy(&mut self) -> &mut Proxy {
        self.world.proxy()
    }

    /// Runs until all that was said has arrived and been answered.
    pub fn settle(&mut self) {
        self.world.settle();
    }

    /// Runs for a while.
    pub fn run_for(&mut self, time: Duration) {
        self.world.run_for(time);
    }

    /// How a phone with `identity` does TLS: it expects the call manager.
    ///
    /// # Panics
    /// When the identity is of no use.
    #[must_use]
    pub fn client_profile(&self, identity: Option<&Identity>) -> ClientProfile {
        let identity = identity.map(|identity| self.identity(identity));
        self.context
            .client(&ClientSpec {
                identity: identity.as_ref(),
                trust: &[&self.anchor()],
                verify_name: Some(MANAGER_NAME),
                pass_sni: false,
                versions: Versions::default(),
                resumption: false,
            })
            .unwrap()
    }

    /// How a server with `identity` does TLS: it wants to know the proxy.
    ///
    /// # Panics
    /// When the identity is of no use.
    #[must_use]
    pub fn server_profile(&self, identity: &Identity) -> ServerProfile {
        self.context
            .server(&ServerSpec {
                identity: &self.identity(identity),
                client_auth: ClientAuth::Required,
                trust: &[&self.anchor()],
                versions: Versions::default(),
                resumption: false,
            })
            .unwrap()
    }

    /// How the call manager does TLS.
    fn manager_profile(&self) -> ServerProfile {
        self.server_profile(&self.authority.issue(&Leaf {
            addresses: &[self.setup.address(Place::Manager)],
            ..Leaf::phone("manager")
        }))
    }

    fn identity(&self, identity: &Identity) -> Trustpoint {
        let chain = [identity.certificate.clone()];
        let spec = TrustpointSpec {
            chain: &chain,
            key: Some(&identity.key),
            ..TrustpointSpec::default()
        };
        self.context.trustpoint(&spec).unwrap()
    }

    fn anchor(&self) -> Trustpoint {
        let anchors = [self.authority.certificate.clone()];
        let spec = TrustpointSpec {
            anchors: &anchors,
            ..TrustpointSpec::default()
        };
        self.context.trustpoint(&spec).unwrap()
    }

    /// Has the phone begin a connection to the call manager.
    pub fn dial(&mut self) -> ConnId {
        self.dial_from(PHONE)
    }

    /// Has a host begin a connection to the call manager as the phone does.
    pub fn dial_from(&mut self, host: HostId) -> ConnId {
        let target = self.setup.target();
        let tls = self.phone_tls.clone();
        self.host(host).connect(target, tls.as_ref())
    }

    /// Opens a connection through the proxy: the phone's end and the call manager's.
    pub fn open(&mut self) -> (ConnId, ConnId) {
        // What was accepted before is not meant.
        while self.host(MANAGER).accepted().is_some() {}
        let phone = self.dial();
        self.world.run_until("the phone is connected", |world| {
            world.host(PHONE).conn(phone).is_open()
        });
        let mut manager = None;
        self.world
            .run_until("the call manager is connected", |world| {
                let host = world.host(MANAGER);
                // One that was accepted before and is over is not meant.
                manager = manager.filter(|conn| !host.conn(*conn).is_closed());
                manager = manager.or_else(|| host.accepted());
                manager.is_some_and(|conn| host.conn(conn).is_open())
            });
        (phone, manager.unwrap())
    }

    /// Publishes the policy of the set-up as it is now, and waits until it is obeyed.
    pub fn apply(&mut self) {
        let image = self.setup.image(&self.credentials);
        self.proxy().apply(image);
        self.world.run_for(Duration::from_millis(1));
        assert!(self.proxy().has_acknowledged());
    }

    /// The same, and sessions that it does not allow are closed.
    pub fn enforce(&mut self) {
        let image = self.setup.image(&self.credentials);
        let limits = self.setup.limits;
        self.proxy().set_limits(&limits);
        self.proxy().enforce(image);
        self.world
            .run_until("sessions are held against the policy", |world| {
                world.proxy().has_acknowledged()
            });
    }

    /// Checks that since the last look these counters have moved by so much, and no other but
    /// those of volume.
    ///
    /// # Panics
    /// When anything else is the case.
    #[track_caller]
    pub fn moved(&mut self, counted: &[(Counter, u64)], refused: &[(Reason, u64)]) {
        let now = self.proxy().counters();
        let mut moved = now.since(&self.seen);
        moved.retain(|(name, _)| !VOLUMES.contains(name));
        moved.sort_unstable();
        let counted = counted.iter().map(|(counter, n)| (counter.name(), *n));
        let refused = refused.iter().map(|(reason, n)| (reason.name(), *n));
        let mut wanted: Vec<_> = counted.chain(refused).filter(|(_, n)| *n > 0).collect();
        wanted.sort_unstable();
        assert_eq!(moved, wanted, "counters that moved, and that should have");
        self.seen = now;
    }

    /// What has moved since the last look, volumes and all, and looks.
    pub fn look(&mut self) -> Snapshot {
        std::mem::replace(&mut self.seen, self.world.proxy().counters())
    }

    /// How often something has been counted since the last look.
    pub fn count(&mut self, counter: Counter) -> u64 {
        let now = self.proxy().counters();
        now.count(counter) - self.seen.count(counter)
    }

    /// How often something has been refused since the last look.
    pub fn refused(&mut self, reason: Reason) -> u64 {
        let now = self.proxy().counters();
        now.refused(reason) - self.seen.refused(reason)
    }
}

/// The hosts, in the order of their names, and whether each is inside.
fn hosts(setup: &Setup) -> [(bool, HostSpec); 4] {
    let spec = |name, place: Place, router: Place, vlan| HostSpec {
        name,
        addresses: vec![setup.prefix(place)],
        routers: vec![setup.address(router)],
        vlan,
        // A host waits for a peer that takes nothing, as kernels do.
        tcp: Params {
            stall: Duration::from_secs(7_200),
            ..Params::default()
        },
    };
    let outside = |name, place| (false, spec(name, place, Place::OutsideRouter, setup.vlan));
    let inside = |name, place| (true, spec(name, place, Place::InsideRouter, None));
    [
        outside("phone", Place::Phone),
        inside("manager", Place::Manager),
        inside("desk", Place::Desk),
        outside("stranger", Place::Stranger),
    ]
}
