//! Frames that must not get through. Each is counted under its own name, and a call that is up
//! meanwhile does not notice.
//!
//! The kernel keeps some from a port on AF_PACKET: frames that end within their Ethernet or VLAN
//! header, and fragments of IPv4, which it puts together itself (PACKET_FANOUT_FLAG_DEFRAG).
//! `wire` and `ip` have tests of these.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV4};

use e2e::error::Result;
use e2e::frames::{Frame, Link, send, station};
use e2e::lab::Host;
use e2e::policy::Policy;
use e2e::scenario::during_a_call;
use e2e::stage::{Setting, Stage};

/// What frames are built from: from the outside stranger to the proxy.
struct Base {
    link: Link,
    stranger: Ipv4Addr,
    router: Ipv4Addr,
    media: Ipv4Addr,
    manager: Ipv4Addr,
}

const fn v4(address: IpAddr) -> Ipv4Addr {
    match address {
        IpAddr::V4(v4) => v4,
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    }
}

fn v6(host: Host) -> Ipv6Addr {
    match host.v6() {
        IpAddr::V6(v6) => v6,
        IpAddr::V4(_) => Ipv6Addr::UNSPECIFIED,
    }
}

impl Base {
    fn of(stage: &Stage<'_>) -> Result<Self> {
        Ok(Self {
            link: Link {
                to: station(&stage.lab.proxy, "outside")?,
                from: station(&stage.lab.outside, "eth0")?,
            },
            stranger: v4(Host::OutsideStranger.v4()),
            router: v4(Host::OutsideRouter.v4()),
            media: v4(Host::OutsideMedia.v4()),
            manager: v4(Host::Manager.v4()),
        })
    }

    fn udp(&self) -> Frame {
        let from = SocketAddrV4::new(self.stranger, 4_000);
        Frame::udp(
            self.link,
            from,
            SocketAddrV4::new(self.media, 16_384),
            &[0x80; 172],
        )
    }

    fn syn(&self) -> Frame {
        let from = SocketAddrV4::new(self.stranger, 4_000);
        Frame::syn(self.link, from, SocketAddrV4::new(self.manager, 5_061))
    }
}

/// The frame is counted as `counter`.
fn counted(counter: &str, frame: impl Fn(&Base) -> Frame) -> Result<()> {
    counted_under(&Setting::default(), counter, frame)
}

fn counted_under(setting: &Setting, counter: &str, frame: impl Fn(&Base) -> Frame) -> Result<()> {
    during_a_call(setting, |stage, before| {
        send(&stage.lab.outside, &[frame(&Base::of(stage)?)])?;
        stage.wait_counted(before, counter)
    })
}

#[test]
fn wrong_ip_checksum() -> Result<()> {
    counted("ip-bad-checksum", |base| base.udp().bad_ip_checksum())
}

#[test]
fn wrong_udp_checksum() -> Result<()> {
    counted("udp-bad-checksum", |base| base.udp().bad_payload())
}

#[test]
fn wrong_tcp_checksum() -> Result<()> {
    counted("tcp-bad-checksum", |base| base.syn().bad_payload())
}

#[test]
fn packet_shorter_than_it_says() -> Result<()> {
    counted("ip-truncated", |base| base.udp().overlong_total_length())
}

#[test]
fn packet_cut_in_its_ip_header() -> Result<()> {
    counted("ip-truncated", |base| base.udp().cut(14 + 12))
}

#[test]
fn datagram_shorter_than_it_says() -> Result<()> {
    counted("udp-malformed", |base| base.udp().overlong_udp_length())
}

#[test]
fn fragment_without_reassembly() -> Result<()> {
    counted("ip-fragment", |base| {
        Frame::first_fragment(base.link, v6(Host::OutsideStranger), v6(Host::OutsideMedia))
    })
}

#[test]
fn hop_limit_that_runs_out() -> Result<()> {
    let policy = Policy {
        more: "forward:\n  - { from: outside, to: inside, protocol: udp, ports: 9 }\n".to_owned(),
        ..Policy::default()
    };
    let setting = Setting {
        policy,
        ..Setting::default()
    };
    counted_under(&setting, "ip-ttl-expired", |base| {
        let from = SocketAddrV4::new(base.stranger, 4_000);
        let inside = SocketAddrV4::new(v4(Host::InsidePhone.v4()), 9);
        Frame::udp(base.link, from, inside, b"too far").hop_limit(1)
    })
}

#[test]
fn packet_that_no_rule_lets_through() -> Result<()> {
    counted("forward-denied", |base| {
        let from = SocketAddrV4::new(base.stranger, 4_000);
        Frame::udp(
            base.link,
            from,
            SocketAddrV4::new(v4(Host::InsidePhone.v4()), 9),
            b"knock",
        )
    })
}

#[test]
fn frame_of_a_protocol_that_nobody_speaks() -> Result<()> {
    counted("eth-unknown-type", |base| {
        Frame::ethernet(base.link, 0x88b5, &[0; 60])
    })
}

#[test]
fn frame_with_an_unknown_vlan() -> Result<()> {
    counted("vlan-unknown", |base| base.udp().tagged(4_000))
}

#[test]
fn packet_from_an_impossible_source() -> Result<()> {
    counted("ip-bad-source", |base| {
        let from = SocketAddrV4::new(Ipv4Addr::BROADCAST, 4_000);
        Frame::udp(
            base.link,
            from,
            SocketAddrV4::new(base.router, 9),
            b"from everybody",
        )
    })
}

#[test]
fn segment_of_no_connection() -> Result<()> {
    counted("tcp-no-flow", |base| {
        let from = SocketAddrV4::new(base.stranger, 4_000);
        Frame::ack(base.link, from, SocketAddrV4::new(base.media, 9), b"late")
    })
}

#[test]
fn third_packet_of_no_handshake() -> Result<()> {
    counted("tcp-bad-cookie", |base| {
        let from = SocketAddrV4::new(base.stranger, 4_000);
        let listener = SocketAddrV4::new(base.manager, 5_061);
        Frame::ack(base.link, from, listener, b"made up")
    })
}
