//! Frames that must not get through. Each is counted under its own name, and a call that is up
//! meanwhile does not notice.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};

use e2e::error::Result;
use e2e::frames::{Frame, Link, send, station};
use e2e::lab::Host;
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
fn counted(counter: &str, frame: impl FnOnce(&Base) -> Frame) -> Result<()> {
    during_a_call(&Setting::default(), |stage, before| {
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
    counted("ip-fragment", |base| base.udp().first_fragment())
}

#[test]
fn hop_limit_that_runs_out() -> Result<()> {
    counted("ip-ttl-expired", |base| {
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
fn frame_cut_in_its_vlan_tag() -> Result<()> {
    counted("eth-truncated", |base| {
        Frame::ethernet(base.link, 0x8100, &[0])
    })
}

#[test]
fn frame_with_an_unknown_vlan() -> Result<()> {
    counted("vlan-unknown", |base| {
        Frame::ethernet(
            base.link,
            0x8100,
            &[&[0x0f, 0xa0, 0x08, 0x00][..], &[0; 60]].concat(),
        )
    })
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
        Frame::ack(
            base.link,
            from,
            SocketAddrV4::new(base.manager, 5_061),
            b"late",
        )
    })
}
