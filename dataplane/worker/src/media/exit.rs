//! The ways out of a stream, remembered between packets: headers and the next hop.

use core::num::NonZeroU32;

use abi::{Now, Reason};
use ip::{Egress, HopId, Stack};
use media::{Component, Path};
use wire::udp::UdpHeaders;
use wire::{Frame, TxOffload};

/// Hops that a packet may take from here; it begins anew at a media termination.
const HOP_LIMIT: u8 = 64;

/// The ways out on one side.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Exits {
    rtp: Option<Exit>,
    rtcp: Option<Exit>,
}

/// The way to one of a peer's addresses: a cache line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exit {
    version: NonZeroU32,
    hop: HopId,
    headers: UdpHeaders,
}

impl Exits {
    /// The way that `path` describes.
    ///
    /// # Errors
    /// There is none, or signalling named an address of the other family.
    #[inline]
    pub(super) fn to<F: Frame>(
        &mut self,
        path: &Path,
        stack: &mut Stack<F>,
        now: Now,
    ) -> Result<&mut Exit, Reason> {
        let place = match path.component {
            Component::Rtp => &mut self.rtp,
            Component::Rtcp => &mut self.rtcp,
        };
        if place.is_none_or(|exit| exit.version != path.version) {
            *place = Some(Exit::find(path, stack, now)?);
        }
        place.as_mut().ok_or(Reason::NoRoute)
    }

    /// What packets that carry RTP need.
    #[inline]
    pub(super) const fn rtp(&self) -> &Option<Exit> {
        &self.rtp
    }
}

impl Exit {
    #[cold]
    fn find<F: Frame>(path: &Path, stack: &mut Stack<F>, now: Now) -> Result<Self, Reason> {
        let headers = UdpHeaders::new(path.source, path.destination, HOP_LIMIT);
        Ok(Self {
            version: path.version,
            headers: headers.ok_or(Reason::NoRoute)?,
            hop: stack.next_hop(path.destination.ip(), now)?,
        })
    }

    /// Writes the headers ahead of the payload in `frame`, and sends it by the hop that is
    /// remembered, or by the one that is found.
    #[inline]
    pub(super) fn send<F: Frame>(
        &mut self,
        frame: F,
        traffic_class: u8,
        path: &Path,
        stack: &mut Stack<F>,
        out: &mut impl Egress<F>,
        now: Now,
    ) {
        let Some(link) = stack.link_header(self.hop) else {
            return self.find_hop(frame, traffic_class, path, stack, out, now);
        };
        let (headers, able) = (&self.headers, link.tx_checksums);
        let write = |packet: &mut [u8]| {
            if able.is_none() {
                headers.emit(packet, traffic_class)?;
                Some(TxOffload::NONE)
            } else {
                headers.emit_for(packet, traffic_class, able)
            }
        };
        link.send_around(frame, headers.headers_len(), write, out);
    }

    #[cold]
    fn find_hop<F: Frame>(
        &mut self,
        mut frame: F,
        traffic_class: u8,
        path: &Path,
        stack: &mut Stack<F>,
        out: &mut impl Egress<F>,
        now: Now,
    ) {
        let has_room = frame.prepend(self.headers.headers_len());
        if !has_room || self.headers.emit(frame.data_mut(), traffic_class).is_none() {
            return out.refuse(Reason::NoBuffer);
        }
        match stack.next_hop(path.destination.ip(), now) {
            Ok(hop) => {
                self.hop = hop;
                stack.transmit_to(frame, hop, now, out);
            }
            Err(reason) => out.refuse(reason),
        }
    }
}
