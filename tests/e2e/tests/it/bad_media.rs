//! Media that must not get through. Each packet is counted under its own name, and the call that
//! it is aimed at does not notice.

use std::net::{IpAddr, SocketAddr, SocketAddrV4, UdpSocket};

use e2e::error::{Failure, Result, ensure};
use e2e::frames::{Frame, Link, repeat_audio, send, station};
use e2e::lab::Host;
use e2e::netns::Netns;
use e2e::scenario::during_a_call;
use e2e::show::{Stream, streams};
use e2e::stage::{Setting, Stage};

/// Packets of each kind: more than one, so that a counter which sticks is seen.
const PACKETS: u64 = 5;

fn stream(stage: &Stage<'_>) -> Result<Stream> {
    streams(&stage.proxy.show("media")?)?
        .into_iter()
        .next()
        .ok_or_else(|| Failure::Unexpected("no stream is open".to_owned()))
}

fn v4(address: SocketAddr) -> Result<SocketAddrV4> {
    match address {
        SocketAddr::V4(v4) => Ok(v4),
        SocketAddr::V6(_) => Err(Failure::Unexpected(format!("{address} is not IPv4"))),
    }
}

/// An RTP packet of version 2 with a sequence number and an SSRC that no phone uses.
fn rtp(sequence: u64) -> Vec<u8> {
    let [.., high, low] = sequence.to_be_bytes();
    let mut packet = vec![0x80, 0x00, high, low, 0, 0, 0, 1, 0xde, 0xad, 0xbe, 0xef];
    packet.resize(12 + 160 + 10, 0x55);
    packet
}

/// Sends from a host that has the address.
fn send_from(netns: &Netns, from: IpAddr, to: SocketAddr, packets: &[Vec<u8>]) -> Result<()> {
    netns.enter(|| {
        let failed = |source| Failure::Io {
            what: "send media".to_owned(),
            source,
        };
        let socket = UdpSocket::bind((from, 0)).map_err(failed)?;
        for packet in packets {
            socket.send_to(packet, to).map_err(failed)?;
        }
        Ok(())
    })
}

/// Frames from the outside hosts to the proxy.
fn outside_link(stage: &Stage<'_>) -> Result<Link> {
    Ok(Link {
        to: station(&stage.lab.proxy, "outside")?,
        from: station(&stage.lab.outside, "eth0")?,
    })
}

#[test]
fn forged_packets_in_the_phones_name() -> Result<()> {
    during_a_call(&Setting::default(), |stage, before| {
        let stream = stream(stage)?;
        let (from, to) = (v4(stream.client.remote)?, v4(stream.client.local)?);
        let link = outside_link(stage)?;
        let forged: Vec<Frame> = (0..PACKETS)
            .map(|n| Frame::udp(link, from, to, &rtp(n)))
            .collect();
        send(&stage.lab.outside, &forged)?;
        stage.wait_counted(before, "srtp-auth-failed")
    })
}

#[test]
fn replayed_packets() -> Result<()> {
    during_a_call(&Setting::default(), |stage, before| {
        let to = *v4(stream(stage)?.client.local)?.ip();
        repeat_audio(&stage.lab.outside, to, 5)?;
        stage.wait_counted(before, "srtp-replayed")
    })
}

#[test]
fn clear_media_on_the_encrypted_side_from_a_stranger() -> Result<()> {
    during_a_call(&Setting::default(), |stage, before| {
        let to = stream(stage)?.client.local;
        let packets: Vec<Vec<u8>> = (0..PACKETS).map(rtp).collect();
        send_from(&stage.lab.outside, Host::OutsideStranger.v4(), to, &packets)?;
        // Whether its address or its tag is looked at first, it must not be learnt.
        e2e::wait::until("strangers to be counted", e2e::wait::STEP, || {
            let grown = stage.proxy.counters()?.since(before);
            let refused = grown.value("media-unknown-source") + grown.value("srtp-auth-failed");
            Ok((PACKETS <= refused).then_some(()))
        })?;
        let remote = stream(stage)?.client.remote.ip();
        ensure(remote == Host::OutsidePhone.v4(), || {
            format!("media goes to {remote} now")
        })
    })
}

#[test]
fn media_from_an_inside_host_that_nobody_signalled() -> Result<()> {
    during_a_call(&Setting::default(), |stage, before| {
        let to = stream(stage)?.server.local;
        let packets: Vec<Vec<u8>> = (0..PACKETS).map(rtp).collect();
        send_from(&stage.lab.inside, Host::InsideStranger.v4(), to, &packets)?;
        stage.wait_counted(before, "media-unknown-source")?;
        let remote = stream(stage)?.server.remote.ip();
        ensure(remote == Host::InsidePhone.v4(), || {
            format!("media goes to {remote} now")
        })
    })
}

#[test]
fn media_to_a_port_that_no_call_has_open() -> Result<()> {
    during_a_call(&Setting::default(), |stage, before| {
        let open = stream(stage)?.client.local;
        // Of the range, even, and not the call's.
        let udp_port = if open.port() == 17_000 {
            17_002
        } else {
            17_000
        };
        let to = SocketAddr::new(open.ip(), udp_port);
        send_from(&stage.lab.outside, Host::OutsidePhone.v4(), to, &[rtp(1)])?;
        stage.wait_counted(before, "media-no-session")
    })
}

#[test]
fn packets_that_are_no_rtp() -> Result<()> {
    during_a_call(&Setting::default(), |stage, before| {
        let stream = stream(stage)?;
        let (from, to) = (v4(stream.client.remote)?, v4(stream.client.local)?);
        let link = outside_link(stage)?;
        let version_1 = {
            let mut packet = rtp(1);
            packet[0] = 0x40;
            packet
        };
        let frames = [
            Frame::udp(link, from, to, &version_1),
            Frame::udp(link, from, to, &[0x80, 0x00, 0x00]),
            Frame::udp(link, from, to, b""),
        ];
        send(&stage.lab.outside, &frames)?;
        e2e::wait::until("all three to be counted", e2e::wait::STEP, || {
            let grown = stage.proxy.counters()?.since(before);
            let names = [
                "rtp-invalid-version",
                "rtp-invalid-length",
                "rtp-unknown-demux",
                "rtcp-invalid-version",
                "rtcp-invalid-length",
            ];
            let refused: u64 = names.iter().map(|name| grown.value(name)).sum();
            Ok((3 <= refused).then_some(()))
        })
    })
}
