use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use abi::{Now, Reason, Suite};
use pipeline::{
    CallId, Endpoint, Leg, MasterKey, MediaKind, MediaPlan, Mki, PerLeg, SidePlan, SrtpParams,
};
use proptest::prelude::*;
use srtp::{Config, Expand, SessionKey, Traffic};

use crate::{Accepted, Admission, Component, Content, Forward, Origin, Screened, Stream};

/// Names each key it is given: these tests run no cipher.
struct Names(u32);

impl Expand for Names {
    type Key = u32;

    fn expand(&mut self, _: &SessionKey, _: Traffic) -> Option<u32> {
        self.0 += 1;
        Some(self.0)
    }
}

const NOW: Now = Now::from_millis(1_000);
const SUITE: Suite = Suite::AesCm128HmacSha1_80;

/// The key that a leg's RTP is opened with.
fn open_key(stream: &Stream<u32>, leg: Leg) -> Option<&u32> {
    stream
        .receiver(leg)
        .map(|receiver| receiver.key(Traffic::Rtp))
}

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn endpoint(ip: &str, port: u16) -> Endpoint {
    let ip: IpAddr = ip.parse().unwrap();
    Endpoint {
        rtp: SocketAddr::new(ip, port),
        rtcp: SocketAddr::new(ip, port + 1),
    }
}

fn local() -> PerLeg<Endpoint> {
    PerLeg {
        client: endpoint("203.0.113.1", 20_000),
        server: endpoint("192.0.2.1", 30_000),
    }
}

fn clear_side(remote: Option<Endpoint>) -> SidePlan {
    SidePlan {
        family_of: IpAddr::V4(Ipv4Addr::LOCALHOST),
        remote,
        rtcp_mux: false,
        secure: false,
        receive: None,
        transmit: None,
        peer_sends: true,
        peer_receives: true,
    }
}

fn keys(octet: u8) -> Option<SrtpParams> {
    let key = MasterKey::new(SUITE, &[octet; 30]).unwrap();
    Some(SrtpParams {
        suite: SUITE,
        key,
        mki: None,
    })
}

fn secure_side(remote: Option<Endpoint>, receive: u8, transmit: u8) -> SidePlan {
    let (receive, transmit) = (keys(receive), keys(transmit));
    SidePlan {
        secure: true,
        receive,
        transmit,
        ..clear_side(remote)
    }
}

/// A phone with SRTP outside, a phone in clear inside.
fn plan() -> MediaPlan {
    MediaPlan {
        call: CallId(1),
        kind: MediaKind::Rtp,
        sides: PerLeg {
            client: secure_side(Some(endpoint("198.51.100.7", 4000)), 1, 2),
            server: clear_side(Some(endpoint("192.0.2.9", 5000))),
        },
    }
}

fn stream(plan: &MediaPlan) -> Stream<u32> {
    Stream::new(plan, local(), Config::default(), &mut Names(0)).unwrap()
}

const fn origin(leg: Leg, component: Component, source: &SocketAddr) -> Origin<'_> {
    Origin {
        leg,
        component,
        source,
    }
}

const fn v4([a, b, c, d]: [u8; 4], port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), port)
}

/// Where the client's phone seems to be, whose address was translated on the way.
const OUTSIDE: SocketAddr = v4([198, 51, 100, 99], 61_000);
const INSIDE: SocketAddr = v4([192, 0, 2, 9], 5_000);

const fn outside() -> Origin<'static> {
    origin(Leg::Client, Component::Rtp, &OUTSIDE)
}

const fn inside() -> Origin<'static> {
    origin(Leg::Server, Component::Rtp, &INSIDE)
}

fn rtp(seq: u16) -> Vec<u8> {
    let [high, low] = seq.to_be_bytes();
    let mut packet = vec![0x80, 8, high, low, 0, 0, 0, 0, 0, 0, 0, 1];
    packet.extend([0x11; 40]);
    packet
}

/// A receiver report with room for an SRTCP index and tag behind it.
fn rtcp(index: u8) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1, 0, 0, 0, 1];
    packet.extend([0x80, 0, 0, index]);
    packet.extend([0x11; 10]);
    packet
}

fn admit(stream: &Stream<u32>, origin: Origin<'_>, packet: &[u8]) -> Result<Admission, Reason> {
    match stream.screen(origin, packet)? {
        Screened::Clear(content) => Ok(Admission::Clear(content)),
        Screened::Protected(traffic) => stream.admit(origin.leg, traffic, packet),
    }
}

/// Admits and accepts, as if any tag were right.
fn pass(stream: &mut Stream<u32>, origin: Origin<'_>, packet: &[u8]) -> Result<Accepted, Reason> {
    let admission = admit(stream, origin, packet)?;
    stream.accept(origin, &admission, |_| true, NOW)
}

fn destination(stream: &Stream<u32>, from: Leg, content: Content) -> SocketAddr {
    stream.path(from, content).unwrap().destination
}

#[test]
fn srtp_is_opened_one_way_and_sealed_the_other() {
    let stream = stream(&plan());
    let admission = admit(&stream, outside(), &rtp(1)).unwrap();
    assert!(matches!(admission, Admission::Open(_)));
    let forward = stream.forward(Leg::Client, &admission, &rtp(1));
    assert_eq!(forward, Ok(Forward::AsIs));

    let admission = admit(&stream, inside(), &rtp(1)).unwrap();
    assert_eq!(admission, Admission::Clear(Content::Rtp));
    let forward = stream.forward(Leg::Server, &admission, &rtp(1)).unwrap();
    assert!(matches!(forward, Forward::Seal(Traffic::Rtp)));
    assert_ne!(
        open_key(&stream, Leg::Client),
        stream
            .sender(Leg::Client)
            .map(|sender| sender.key(Traffic::Rtp))
    );
}

#[test]
fn re_encryption_opens_and_seals() {
    let mut plan = plan();
    plan.sides.server = secure_side(Some(endpoint("192.0.2.9", 5000)), 3, 4);
    let stream = stream(&plan);
    for origin in [outside(), inside()] {
        let admission = admit(&stream, origin, &rtp(1)).unwrap();
        assert!(matches!(admission, Admission::Open(_)));
        let forward = stream.forward(origin.leg, &admission, &rtp(1)).unwrap();
        assert!(matches!(forward, Forward::Seal(Traffic::Rtp)));
    }
}

#[test]
fn same_keys_on_both_sides_pass_checked_and_unchanged() {
    let mut plan = plan();
    plan.sides.client = secure_side(Some(endpoint("198.51.100.7", 4000)), 1, 2);
    plan.sides.server = secure_side(Some(endpoint("192.0.2.9", 5000)), 2, 1);
    let mut stream = stream(&plan);
    for origin in [outside(), inside()] {
        let admission = admit(&stream, origin, &rtp(1)).unwrap();
        assert!(matches!(admission, Admission::Check(_)));
        stream.accept(origin, &admission, |_| true, NOW).unwrap();
        let forward = stream.forward(origin.leg, &admission, &rtp(1));
        assert_eq!(forward, Ok(Forward::AsIs));
        assert_eq!(admit(&stream, origin, &rtp(1)), Err(Reason::SrtpReplayed));
    }
    // We must not begin to protect packets ourselves under a key that others have used.
    plan.sides.client.receive = keys(9);
    let changed = stream.update(&plan, Config::default(), &mut Names(0));
    assert_eq!(changed, Err(Reason::SrtpIndexReused));
    plan.sides.server.transmit = keys(8);
    assert_eq!(
        stream.update(&plan, Config::default(), &mut Names(0)),
        Ok(())
    );
}

#[test]
fn authentic_packet_shows_where_the_peer_is() {
    let mut stream = stream(&plan());
    assert_eq!(
        destination(&stream, Leg::Server, Content::Rtp),
        addr("198.51.100.7:4000")
    );
    let admission = admit(&stream, outside(), &rtp(1)).unwrap();
    // Admission alone, before the tag is verified, teaches nothing.
    assert_eq!(
        destination(&stream, Leg::Server, Content::Rtp),
        addr("198.51.100.7:4000")
    );
    let accepted = stream.accept(outside(), &admission, |_| true, NOW);
    assert_eq!(accepted, Ok(Accepted { latched: true }));
    assert_eq!(destination(&stream, Leg::Server, Content::Rtp), OUTSIDE);
    // RTCP has an address of its own.
    assert_eq!(
        destination(&stream, Leg::Server, Content::Rtcp),
        addr("198.51.100.7:4001")
    );
    let accepted = pass(&mut stream, outside(), &rtp(2));
    assert_eq!(accepted, Ok(Accepted { latched: false }));
}

#[test]
fn packet_from_where_nobody_can_be_does_not_move_the_peer() {
    let mut stream = stream(&plan());
    pass(&mut stream, outside(), &rtp(1)).unwrap();
    let sources = [
        "0.0.0.0:5000",
        "127.0.0.1:5000",
        "224.0.0.5:5000",
        "255.255.255.255:5000",
        "198.51.100.200:0",
        "[::]:5000",
        "[::1]:5000",
        "[ff02::1]:5000",
        "[::ffff:127.0.0.1]:5000",
    ];
    for (seq, source) in (2..).zip(sources.map(addr)) {
        let origin = origin(Leg::Client, Component::Rtp, &source);
        let accepted = pass(&mut stream, origin, &rtp(seq));
        assert_eq!(accepted, Ok(Accepted { latched: false }), "{source}");
        assert_eq!(destination(&stream, Leg::Server, Content::Rtp), OUTSIDE);
    }
}

#[test]
fn packet_from_where_no_way_leads_does_not_move_the_peer() {
    let mut stream = stream(&plan());
    let signalled = destination(&stream, Leg::Server, Content::Rtp);
    let admission = admit(&stream, outside(), &rtp(1)).unwrap();
    let mut asked = None;
    let leads_to = |ip| asked.replace(ip).is_some();
    let accepted = stream.accept(outside(), &admission, leads_to, NOW);
    assert_eq!(accepted, Ok(Accepted { latched: false }));
    assert_eq!(asked, Some(OUTSIDE.ip()));
    assert_eq!(destination(&stream, Leg::Server, Content::Rtp), signalled);
    // Packets to a peer in clear go where it said, whatever comes from there.
    let admission = admit(&stream, inside(), &rtp(1)).unwrap();
    let accepted = stream.accept(inside(), &admission, |_| unreachable!(), NOW);
    assert_eq!(accepted, Ok(Accepted { latched: true }));
}

#[test]
fn late_packet_does_not_move_the_peer() {
    let mut stream = stream(&plan());
    pass(&mut stream, outside(), &rtp(5)).unwrap();
    let elsewhere = origin(
        Leg::Client,
        Component::Rtp,
        &const { v4([198, 51, 100, 200], 1_000) },
    );
    let accepted = pass(&mut stream, elsewhere, &rtp(4));
    assert_eq!(accepted, Ok(Accepted { latched: false }));
    assert_eq!(destination(&stream, Leg::Server, Content::Rtp), OUTSIDE);
    pass(&mut stream, elsewhere, &rtp(6)).unwrap();
    assert_eq!(
        destination(&stream, Leg::Server, Content::Rtp),
        *elsewhere.source
    );
}

#[test]
fn clear_media_comes_from_the_signalled_host_alone() {
    let mut stream = stream(&plan());
    for stranger in ["192.0.2.10:5000", "198.51.100.7:5000", "[2001:db8::9]:5000"] {
        let refused = admit(
            &stream,
            origin(Leg::Server, Component::Rtp, &addr(stranger)),
            &rtp(1),
        );
        assert_eq!(refused, Err(Reason::MediaUnknownSource));
    }
    // Another port of that host will do until the signalled one is heard.
    let other_port = origin(
        Leg::Server,
        Component::Rtp,
        &const { v4([192, 0, 2, 9], 6_000) },
    );
    pass(&mut stream, other_port, &rtp(1)).unwrap();
    let third_port = origin(
        Leg::Server,
        Component::Rtp,
        &const { v4([192, 0, 2, 9], 7_000) },
    );
    assert_eq!(
        admit(&stream, third_port, &rtp(2)),
        Err(Reason::MediaUnknownSource)
    );
    pass(&mut stream, inside(), &rtp(2)).unwrap();
    assert_eq!(
        admit(&stream, other_port, &rtp(3)),
        Err(Reason::MediaUnknownSource)
    );
    // Clear media always goes where signalling said.
    assert_eq!(
        destination(&stream, Leg::Client, Content::Rtp),
        addr("192.0.2.9:5000")
    );
}

#[test]
fn nothing_passes_before_addresses_and_keys_are_known() {
    let mut plan = plan();
    plan.sides.server.remote = None;
    plan.sides.client.transmit = None;
    let mut stream = stream(&plan);
    assert_eq!(
        admit(&stream, inside(), &rtp(1)),
        Err(Reason::MediaUnknownSource)
    );
    assert_eq!(
        stream.path(Leg::Client, Content::Rtp),
        Err(Reason::MediaNoRemote)
    );
    plan.sides.server.remote = Some(endpoint("192.0.2.9", 5000));
    plan.sides.client.receive = None;
    stream
        .update(&plan, Config::default(), &mut Names(0))
        .unwrap();
    assert_eq!(admit(&stream, outside(), &rtp(1)), Err(Reason::MediaNoKey));
    let admission = admit(&stream, inside(), &rtp(1)).unwrap();
    let forward = stream.forward(Leg::Server, &admission, &rtp(1));
    assert_eq!(forward, Err(Reason::MediaNoKey));
}

#[test]
fn hold_stops_media_and_lets_reports_go_on() {
    let mut plan = plan();
    plan.sides.client.peer_sends = false;
    plan.sides.client.peer_receives = false;
    let mut stream = stream(&plan);
    assert_eq!(admit(&stream, outside(), &rtp(1)), Err(Reason::MediaOnHold));
    let admission = admit(&stream, inside(), &rtp(1)).unwrap();
    let forward = stream.forward(Leg::Server, &admission, &rtp(1));
    assert_eq!(forward, Err(Reason::MediaOnHold));
    let report = origin(
        Leg::Client,
        Component::Rtcp,
        &const { v4([198, 51, 100, 99], 61_001) },
    );
    assert!(pass(&mut stream, report, &rtcp(1)).is_ok());
    let report = origin(
        Leg::Server,
        Component::Rtcp,
        &const { v4([192, 0, 2, 9], 5_001) },
    );
    let admission = admit(&stream, report, &rtcp(1)[..8]).unwrap();
    let forward = stream
        .forward(Leg::Server, &admission, &rtcp(1)[..8])
        .unwrap();
    assert!(matches!(forward, Forward::Seal(Traffic::Rtcp)));
}

#[test]
fn rtcp_finds_its_port_on_each_side() {
    let mut plan = plan();
    plan.sides.client.rtcp_mux = true;
    let both = addr("198.51.100.7:4000");
    plan.sides.client.remote = Some(Endpoint {
        rtp: both,
        rtcp: both,
    });
    let mut stream = stream(&plan);
    let admission = admit(&stream, outside(), &rtcp(1)).unwrap();
    assert_eq!(admission.content(), Content::Rtcp);
    stream.accept(outside(), &admission, |_| true, NOW).unwrap();
    let path = stream.path(Leg::Client, Content::Rtcp).unwrap();
    assert_eq!(
        (path.source, path.destination, path.component),
        (local().server.rtcp, addr("192.0.2.9:5001"), Component::Rtcp)
    );
    // What proved authentic on the shared port holds for both protocols.
    assert_eq!(destination(&stream, Leg::Server, Content::Rtcp), OUTSIDE);
    assert_eq!(destination(&stream, Leg::Server, Content::Rtp), OUTSIDE);
}

#[test]
fn malformed_reports_are_refused_on_their_way_out() {
    let stream = stream(&plan());
    let report = origin(
        Leg::Server,
        Component::Rtcp,
        &const { v4([192, 0, 2, 9], 5_001) },
    );
    let packet = [0x80, 201, 0, 9, 0, 0, 0, 1];
    let admission = admit(&stream, report, &packet).unwrap();
    let forward = stream.forward(Leg::Server, &admission, &packet);
    assert_eq!(forward, Err(Reason::RtcpInvalidLength));
}

#[test]
fn datagrams_pass_between_clear_sides_alone() {
    let mut plan = plan();
    plan.kind = MediaKind::Datagram;
    let mut stream = stream(&plan);
    assert_eq!(admit(&stream, outside(), &[0; 20]), Err(Reason::MediaNoKey));
    let admission = admit(&stream, inside(), &[0; 20]).unwrap();
    let forward = stream.forward(Leg::Server, &admission, &[0; 20]);
    assert_eq!(forward, Err(Reason::MediaNoKey));
    plan.sides.client = clear_side(Some(endpoint("198.51.100.7", 4000)));
    stream
        .update(&plan, Config::default(), &mut Names(0))
        .unwrap();
    let forward = stream.forward(Leg::Server, &admission, &[0; 20]);
    assert_eq!(forward, Ok(Forward::AsIs));
}

#[test]
fn contexts_whose_keys_stay_keep_their_indices() {
    let mut plan = plan();
    let mut stream = stream(&plan);
    pass(&mut stream, outside(), &rtp(1)).unwrap();
    plan.sides.client.transmit = keys(7);
    plan.sides.server.remote = Some(endpoint("192.0.2.20", 7000));
    stream
        .update(&plan, Config::default(), &mut Names(100))
        .unwrap();
    assert_eq!(
        admit(&stream, outside(), &rtp(1)),
        Err(Reason::SrtpReplayed)
    );
    assert_eq!(open_key(&stream, Leg::Client), Some(&1));
    assert_eq!(
        stream
            .sender(Leg::Client)
            .map(|sender| sender.key(Traffic::Rtp)),
        Some(&101)
    );
    // The side that did not move is still where its packets came from.
    assert_eq!(destination(&stream, Leg::Server, Content::Rtp), OUTSIDE);
    assert_eq!(
        destination(&stream, Leg::Client, Content::Rtp),
        addr("192.0.2.20:7000")
    );
}

#[test]
fn key_that_comes_back_does_not_use_its_indices_again() {
    let mut plan = plan();
    let mut stream = stream(&plan);
    let send = |stream: &mut Stream<u32>| {
        let admission = admit(stream, inside(), &rtp(1)).unwrap();
        match stream.forward(Leg::Server, &admission, &rtp(1))? {
            Forward::AsIs => Ok(()),
            Forward::Seal(traffic) => {
                let sender = stream.sender_mut(Leg::Client).unwrap();
                sender.plan(traffic, &rtp(1), NOW).map(|_| ())
            }
        }
    };
    assert_eq!(send(&mut stream), Ok(()));
    plan.sides.client.transmit = keys(7);
    stream
        .update(&plan, Config::default(), &mut Names(100))
        .unwrap();
    assert_eq!(send(&mut stream), Ok(()));
    plan.sides.client.transmit = keys(2);
    stream
        .update(&plan, Config::default(), &mut Names(200))
        .unwrap();
    assert_eq!(send(&mut stream), Err(Reason::SrtpIndexReused));
    plan.sides.client.secure = false;
    stream
        .update(&plan, Config::default(), &mut Names(300))
        .unwrap();
    assert_eq!(send(&mut stream), Ok(()));
    plan.sides.client.secure = true;
    stream
        .update(&plan, Config::default(), &mut Names(400))
        .unwrap();
    assert_eq!(send(&mut stream), Err(Reason::SrtpIndexReused));
}

#[test]
fn side_that_moves_is_learned_anew() {
    let mut plan = plan();
    let mut stream = stream(&plan);
    pass(&mut stream, outside(), &rtp(1)).unwrap();
    plan.sides.client.remote = Some(endpoint("198.51.100.8", 4000));
    stream
        .update(&plan, Config::default(), &mut Names(0))
        .unwrap();
    assert_eq!(
        destination(&stream, Leg::Server, Content::Rtp),
        addr("198.51.100.8:4000")
    );
}

#[test]
fn refused_update_changes_nothing() {
    let mut plan = plan();
    let mut stream = stream(&plan);
    pass(&mut stream, outside(), &rtp(1)).unwrap();
    plan.sides.client.remote = None;
    plan.sides.client.receive = keys(7);
    if let Some(params) = &mut plan.sides.client.transmit {
        params.mki = Some(Mki { value: 1, len: 9 });
    }
    let changed = stream.update(&plan, Config::default(), &mut Names(0));
    assert_eq!(changed, Err(Reason::SdpBadCrypto));
    assert_eq!(destination(&stream, Leg::Server, Content::Rtp), OUTSIDE);
    assert_eq!(
        admit(&stream, outside(), &rtp(1)),
        Err(Reason::SrtpReplayed)
    );
}

#[test]
fn counts_are_kept_by_the_side_that_a_packet_came_from() {
    let mut stream = stream(&plan());
    stream.count_passed(Leg::Client, Content::Rtp, 172);
    stream.count_passed(Leg::Client, Content::Rtcp, 60);
    for reason in [
        Reason::SrtpAuthFailed,
        Reason::SrtpReplayed,
        Reason::SrtpTooOld,
    ] {
        stream.count_refused(Leg::Server, reason);
    }
    let (client, server) = (stream.record(Leg::Client), stream.record(Leg::Server));
    assert_eq!((client.flow.rtp_packets, client.flow.rtp_octets), (1, 172));
    assert_eq!((client.flow.rtcp_packets, client.flow.rtcp_octets), (1, 60));
    assert_eq!(
        (
            server.flow.auth_failures,
            server.flow.replays,
            server.flow.refused
        ),
        (1, 1, 1)
    );
    assert_eq!((client.suite, server.suite), (SUITE.id(), 0));
    assert_eq!(client.local, local().client.rtp);
}

proptest! {
    #[test]
    fn any_packet_is_admitted_or_refused_on_every_port(
        packet in prop::collection::vec(any::<u8>(), 0..100),
        first in prop::sample::select(vec![0x80_u8, 0x90, 0x00, 0x14, 0xff]),
        mux in any::<bool>(),
    ) {
        let mut plan = plan();
        plan.sides.client.rtcp_mux = mux;
        let mut stream = stream(&plan);
        let mut packet = packet;
        if let Some(octet) = packet.first_mut() {
            *octet = first | *octet & 0x0f;
        }
        for component in Component::BOTH {
            for source in [OUTSIDE, INSIDE] {
                for leg in Leg::BOTH {
                    let origin = origin(leg, component, &source);
                    if let Ok(admission) = admit(&stream, origin, &packet) {
                        let _ = stream.forward(leg, &admission, &packet);
                        let _ = stream.accept(origin, &admission, |_| true, NOW);
                    }
                }
            }
        }
    }
}
