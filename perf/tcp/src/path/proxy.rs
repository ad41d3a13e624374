//! One worker with a port outside and one inside, under a policy of one application.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use abi::layout::{Layout, Shape};
use abi::policy::{ClientAuth, TlsProvider};
use abi::{Now, Reason};
use sim::{Authority, Credentials, KeyRing, Leaf, Random, Setup, proxy_info};
use tls::{
    ClientProfile, ClientSpec, HandshakePool, LegLimits, PoolConfig, TlsContext, TrustpointSpec,
    Versions, WallClock,
};
use worker::{Handoff, Policy, PolicyInbox, Worker, WorkerSetup};

use super::nic::MemNic;

/// Name in the certificate that the proxy shows.
const NAME: &str = "manager.example";
/// Sessions that the worker has room for beyond those that are opened.
const SPARE: u32 = 64;

/// The worker, its ports and how a phone reaches it.
pub(crate) struct Proxy {
    pub(crate) worker: Worker<MemNic>,
    pub(crate) outside: MemNic,
    pub(crate) inside: MemNic,
    pub(crate) setup: Setup,
    /// How phones do TLS, if they do.
    pub(crate) phones: Option<ClientProfile>,
    layout: Layout<'static>,
    _handshakes: HandshakePool,
}

impl Proxy {
    /// A worker with room for `sessions`.
    pub(crate) fn new(sessions: u32, secure: bool, now: Now) -> Self {
        let setup = Setup {
            sessions: sessions + SPARE,
            client_auth: secure.then_some(ClientAuth::Required),
            ..Setup::default()
        };
        let authority = Authority::new("Authority");
        let mut keys = KeyRing::default();
        let shown = authority.issue(&Leaf {
            dns: Some(NAME),
            ..Leaf::phone("proxy")
        });
        let image = setup.image(&Credentials {
            crls: Vec::new(),
            anchor: authority.certificate.clone(),
            certificate: shown.certificate.clone(),
            key: keys.keep(&shown),
        });
        let shape = Shape {
            workers: 1,
            sessions: image.boot.sessions_max as usize,
            streams: image.boot.streams_max as usize,
            image_words: 8,
        };
        let words: Vec<AtomicU64> = (0..shape.words()).map(|_| AtomicU64::new(0)).collect();
        let layout = Layout::format(words.leak(), shape).expect("a region");
        layout.limits().expect("limits").store(&setup.limits);
        let pool = PoolConfig {
            threads: 0,
            workers: 1,
            queue_max: 4_096,
        };
        let (handshakes, mut ports) = HandshakePool::start(pool).expect("handshakes");
        let policy = Policy::compile(1, image, &keys, LegLimits::default()).expect("a policy");
        let [outside, inside] = [0, 1].map(|device| MemNic::new(proxy_info(device)));
        let parts = WorkerSetup {
            id: 0,
            workers: 1,
            layout,
            nics: vec![outside, inside],
            senders: vec![0, 0],
            handoff: Handoff::mesh(1).remove(0),
            handshakes: ports.remove(0),
            policies: PolicyInbox::default(),
            policy: Arc::new(policy),
            entropy: Arc::new(Random::new(1)),
            stop: Arc::new(AtomicBool::new(false)),
        };
        let worker = Worker::new(parts, now).expect("a worker");
        let phones = secure.then(|| phones(&authority));
        Self {
            worker,
            outside,
            inside,
            setup,
            phones,
            layout,
            _handshakes: handshakes,
        }
    }

    /// What has been refused, by name.
    pub(crate) fn refusals(&self) -> Vec<(&'static str, u64)> {
        let counters = self.layout.counters(0).expect("counters");
        let all = Reason::ALL
            .iter()
            .map(|&reason| (reason.name(), counters.refused(reason)));
        all.filter(|(_, count)| *count > 0).collect()
    }
}

/// How phones do TLS.
fn phones(authority: &Authority) -> ClientProfile {
    let identity = authority.issue(&Leaf::phone("SEP001122334455"));
    let context = TlsContext::new(
        TlsProvider::AwsLcRs,
        WallClock::System,
        LegLimits::default(),
    );
    let trustpoint = context
        .trustpoint(&TrustpointSpec {
            anchors: std::slice::from_ref(&authority.certificate),
            chain: std::slice::from_ref(&identity.certificate),
            key: Some(&identity.key),
            ..TrustpointSpec::default()
        })
        .expect("a trustpoint");
    let spec = ClientSpec {
        identity: Some(&trustpoint),
        trust: &[&trustpoint],
        verify_name: Some(NAME),
        pass_sni: false,
        versions: Versions::default(),
        resumption: false,
    };
    context.client(&spec).expect("a profile")
}
