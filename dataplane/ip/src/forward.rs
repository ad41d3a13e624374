//! Routing packets that are neither for us nor proxied.

use core::net::IpAddr;

use abi::{Counter, Now, Reason};
use wire::{Frame, Packet, RxChecksum, offload, proto, rewrite};

use crate::{Egress, IcmpError, InterfaceId, Stack};

impl<F: Frame> Stack<F> {
    /// Routes the packet in `frame`, which came in by `id`: takes one hop off it and sends it on,
    /// or tells its sender why not. Whether it may pass at all is for the caller to have asked.
    ///
    /// Packets are not fragmented: one that is too large is reported to its sender even where it
    /// allows fragments.
    pub fn forward(
        &mut self,
        mut frame: F,
        mut packet: Packet,
        id: InterfaceId,
        now: Now,
        out: &mut impl Egress<F>,
    ) {
        let outcome = self.check_forward(&packet);
        let hop = match outcome.and_then(|()| self.next_hop(packet.dst, now)) {
            Ok(hop) => hop,
            Err(reason) => {
                if let Some(error) = error_for(reason, 0) {
                    self.send_error(&frame, &packet, id, error, now, out);
                }
                return out.refuse(reason);
            }
        };
        let mtu = self
            .interface_towards(packet.dst)
            .map_or(0, |id| self.mtu(id));
        if let Err(reason) = take_hop(&mut frame, &mut packet, mtu) {
            if let Some(error) = error_for(reason, mtu) {
                self.send_error(&frame, &packet, id, error, now, out);
            }
            return out.refuse(reason);
        }
        let is_incomplete = lacks_checksum(&frame, &packet);
        frame.truncate(packet.end.into());
        if !frame.trim_front(packet.l3.into()) {
            return out.refuse(Reason::IpTruncated);
        }
        out.count(Counter::Forwarded);
        if is_incomplete {
            let l4 = usize::from(packet.l4 - packet.l3);
            let finish =
                |bytes: &mut [u8], able| offload::complete(bytes, l4, packet.protocol, able);
            self.finish_and_transmit_to(frame, hop, finish, now, out);
        } else {
            self.transmit_to(frame, hop, now, out);
        }
    }

    /// Refuses what no router may pass on: from us, or of one link only.
    fn check_forward(&self, packet: &Packet) -> Result<(), Reason> {
        if self.locality(packet.src).is_ours() {
            return Err(Reason::IpBadSource);
        }
        if is_link_local(packet.src) || is_link_local(packet.dst) || packet.src.is_unspecified() {
            return Err(Reason::ForwardDenied);
        }
        Ok(())
    }
}

/// Whether the packet came with a checksum that its sender left to us to fill in.
fn lacks_checksum<F: Frame>(frame: &F, packet: &Packet) -> bool {
    let has_transport = matches!(packet.protocol, proto::TCP | proto::UDP) && !packet.fragment;
    let words = [frame.rx_ip_checksum(), frame.rx_l4_checksum()];
    has_transport && words.contains(&RxChecksum::Absent)
}

fn take_hop<F: Frame>(frame: &mut F, packet: &mut Packet, mtu: u16) -> Result<(), Reason> {
    let is_too_big = packet.ip_range().len() > mtu.into();
    if is_too_big && packet.hop_limit > 1 {
        return Err(Reason::IpTooBig);
    }
    rewrite::decrement_hop_limit(frame.data_mut(), packet)
}

/// What the sender is told about a refusal, if anything.
const fn error_for(reason: Reason, mtu: u16) -> Option<IcmpError> {
    match reason {
        Reason::NoRoute => Some(IcmpError::NoRoute),
        Reason::NeighborUnresolved => Some(IcmpError::HostUnreachable),
        Reason::IpTtlExpired => Some(IcmpError::TimeExceeded),
        Reason::IpTooBig => Some(IcmpError::TooBig { mtu }),
        _ => None,
    }
}

const fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => a.is_link_local(),
        IpAddr::V6(a) => a.is_unicast_link_local(),
    }
}
