//! ICMP that is meant for us: echo, neighbour discovery, and errors about what we sent.

use core::net::IpAddr;

use abi::{Counter, Now, Reason};
use wire::{
    Frame, Packet,
    checksum::update,
    icmpv4::{self, Icmpv4Repr},
    icmpv6::{self, Icmpv6Repr},
    quote::Quote,
};

use crate::{Egress, IcmpError, InterfaceId, Stack, interface::Interface};

/// Hop limit of what we answer.
pub(crate) const HOP_LIMIT: u8 = 64;

/// Smallest MTU that a report may name: what every link carries (RFC 791, RFC 8200 §5). A smaller
/// one is an attack on our segment size.
const fn least_mtu(v6: bool) -> u32 {
    if v6 { 1280 } else { 576 }
}

/// An error that somebody on the way reports about a packet that we sent, or that we let pass.
/// Nothing proves it: believe it only of a flow that exists, and only as a hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpReport {
    /// Who says so.
    pub from: IpAddr,
    /// What went wrong. An MTU is that of the link that the packet did not fit.
    pub error: IcmpError,
    /// The packet that it is about.
    pub about: Quote,
}

impl IcmpReport {
    /// The error that an ICMP packet reports, whoever it is addressed to.
    #[must_use]
    pub fn read<F: Frame>(frame: &F, packet: &Packet) -> Option<Self> {
        match read(frame, packet) {
            Ok(Message::Report(error, about)) => Some(Self {
                from: packet.src,
                error,
                about,
            }),
            _ => None,
        }
    }
}

enum Message {
    Echo,
    Ndp(wire::ndp::NdpRepr),
    Report(IcmpError, Quote),
    Ignored,
}

impl<F: Frame> Stack<F> {
    /// Takes in an ICMP packet whose destination is one of our addresses or a group. Echo is
    /// answered and neighbour discovery obeyed here; errors about flows are returned.
    pub fn on_icmp(
        &mut self,
        frame: F,
        packet: &Packet,
        id: InterfaceId,
        now: Now,
        out: &mut impl Egress<F>,
    ) -> Option<IcmpReport> {
        let message = read(&frame, packet);
        let outcome = message.and_then(|message| match message {
            Message::Echo => self.answer_echo(frame, packet, id, now, out).map(|()| None),
            Message::Ndp(ndp) => self.take_ndp(id, packet, ndp, now, out).map(|()| None),
            Message::Report(error, about) => Ok(Some(IcmpReport {
                from: packet.src,
                error,
                about,
            })),
            Message::Ignored => Ok(None),
        });
        outcome.unwrap_or_else(|reason| {
            out.refuse(reason);
            None
        })
    }

    fn answer_echo(
        &mut self,
        mut frame: F,
        packet: &Packet,
        id: InterfaceId,
        now: Now,
        out: &mut impl Egress<F>,
    ) -> Result<(), Reason> {
        if !self.locality(packet.dst).is_ours() {
            return Ok(()); // a broadcast ping is nobody's to answer (RFC 1122 §3.2.2.6)
        }
        if self.locality(packet.src).is_ours() {
            return Err(Reason::IpBadSource);
        }
        if !self.echo_replies.take(now) {
            return Err(Reason::IcmpRateLimited);
        }
        let interface = self.interface(id).ok_or(Reason::VlanUnknown)?;
        interface
            .turn_around(&mut frame, packet)
            .ok_or(Reason::IcmpMalformed)?;
        out.count(Counter::EchoReplies);
        out.send(interface.port, frame);
        Ok(())
    }
}

impl Interface {
    /// Makes the echo request in `frame` its reply. It goes back to the station that it came
    /// from, so that an answer needs no route and no neighbour.
    fn turn_around<F: Frame>(&self, frame: &mut F, packet: &Packet) -> Option<()> {
        frame.truncate(packet.end.into());
        let data = frame.data_mut();
        self.readdress(data, packet.link.src)?;
        let header = data.get_mut(packet.ip_range())?;
        // Addresses that change places leave every checksum as it is.
        let is_reply = match packet.src {
            IpAddr::V4(_) => {
                swap(header.get_mut(12..20)?);
                set_ipv4_hop_limit(header)?;
                icmpv4::echo_request_to_reply(data.get_mut(packet.transport_range())?)
            }
            IpAddr::V6(_) => {
                swap(header.get_mut(8..40)?);
                *header.get_mut(7)? = HOP_LIMIT;
                icmpv6::echo_request_to_reply(data.get_mut(packet.transport_range())?)
            }
        };
        is_reply.then_some(())
    }
}

fn swap(addresses: &mut [u8]) {
    let half = addresses.len() / 2;
    addresses.rotate_left(half);
}

fn set_ipv4_hop_limit(header: &mut [u8]) -> Option<()> {
    let &[old, protocol, c0, c1] = header.get(8..)?.first_chunk()?;
    let checksum = u16::from_be_bytes([c0, c1]);
    let [n0, n1] = update(checksum, &[old, protocol], &[HOP_LIMIT, protocol]).to_be_bytes();
    *header.get_mut(8..)?.first_chunk_mut()? = [HOP_LIMIT, protocol, n0, n1];
    Some(())
}

fn read<F: Frame>(frame: &F, packet: &Packet) -> Result<Message, Reason> {
    let bytes = frame
        .data()
        .get(packet.transport_range())
        .ok_or(Reason::IcmpMalformed)?;
    match (packet.src, packet.dst) {
        (IpAddr::V6(src), IpAddr::V6(dst)) => Ok(match Icmpv6Repr::parse(bytes, src, dst)? {
            Icmpv6Repr::EchoRequest { .. } => Message::Echo,
            Icmpv6Repr::Ndp(ndp) => Message::Ndp(ndp),
            Icmpv6Repr::Unreachable { code, quote } => report(unreachable_v6(code), quote),
            Icmpv6Repr::PacketTooBig { mtu, quote } => report(too_big(mtu, true), quote),
            Icmpv6Repr::TimeExceeded { quote, .. } => report(IcmpError::TimeExceeded, quote),
            Icmpv6Repr::EchoReply { .. } | Icmpv6Repr::Other { .. } => Message::Ignored,
        }),
        _ => Ok(match Icmpv4Repr::parse(bytes)? {
            Icmpv4Repr::EchoRequest { .. } => Message::Echo,
            Icmpv4Repr::Unreachable { code, mtu, quote } => {
                report(unreachable_v4(code, mtu), quote)
            }
            Icmpv4Repr::TimeExceeded { quote, .. } => report(IcmpError::TimeExceeded, quote),
            Icmpv4Repr::EchoReply { .. } | Icmpv4Repr::Other { .. } => Message::Ignored,
        }),
    }
}

fn report(error: IcmpError, quote: &[u8]) -> Message {
    Quote::parse(quote).map_or(Message::Ignored, |about| Message::Report(error, about))
}

const fn unreachable_v6(code: u8) -> IcmpError {
    match code {
        icmpv6::unreachable::PORT => IcmpError::PortUnreachable,
        icmpv6::unreachable::PROHIBITED => IcmpError::Prohibited,
        icmpv6::unreachable::NO_ROUTE => IcmpError::NoRoute,
        _ => IcmpError::HostUnreachable,
    }
}

fn unreachable_v4(code: u8, mtu: u16) -> IcmpError {
    match code {
        icmpv4::unreachable::PORT => IcmpError::PortUnreachable,
        icmpv4::unreachable::FRAGMENTATION_NEEDED => too_big(mtu.into(), false),
        icmpv4::unreachable::NET => IcmpError::NoRoute,
        9 | 10 | icmpv4::unreachable::PROHIBITED => IcmpError::Prohibited,
        _ => IcmpError::HostUnreachable,
    }
}

fn too_big(mtu: u32, v6: bool) -> IcmpError {
    let mtu = mtu.clamp(least_mtu(v6), u32::from(u16::MAX));
    IcmpError::TooBig {
        mtu: u16::try_from(mtu).unwrap_or(u16::MAX),
    }
}
