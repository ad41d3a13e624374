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

// Each is one line of the caches, and is fetched ahead as one.
const _: () = assert!(size_of::<Option<Exit>>() == 64);

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

    /// Finds out whether `len` octets have room in one packet to where `path` leads.
    ///
    /// # Errors
    /// [`Reason::IpTooBig`], or as [`Exits::to`].
    pub(super) fn check_room<F: Frame>(
        &mut self,
        path: &Path,
        len: usize,
        stack: &mut Stack<F>,
        now: Now,
    ) -> Result<(), Reason> {
        self.to(path, stack, now)?.check_room(path, len, stack)
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

    /// As [`Exits::check_room`].
    fn check_room<F: Frame>(
        &self,
        path: &Path,
        len: usize,
        stack: &mut Stack<F>,
    ) -> Result<(), Reason> {
        let mtu = match stack.link_header(self.hop) {
            Some(link) => link.mtu,
            None => stack.mtu(stack.interface_towards(path.destination.ip())?),
        };
        if len + self.headers.headers_len() > usize::from(mtu) {
            return Err(Reason::IpTooBig);
        }
        Ok(())
    }

    /// Writes the headers ahead of the payload in `frame`, and sends it by the hop that is
    /// remembered, or by the one that is found.
    ///
    /// # Errors
    /// Why it was not sent, which is the caller's to count.
    #[inline]
    pub(super) fn send<F: Frame>(
        &mut self,
        frame: F,
        traffic_class: u8,
        path: &Path,
        stack: &mut Stack<F>,
        out: &mut impl Egress<F>,
        now: Now,
    ) -> Result<(), Reason> {
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
        link.send_around(frame, headers.headers_len(), write, out)
    }

    /// Finds the hop anew. A packet that waits for it counts as sent; should it wait in vain, the
    /// stack counts it.
    #[cold]
    fn find_hop<F: Frame>(
        &mut self,
        mut frame: F,
        traffic_class: u8,
        path: &Path,
        stack: &mut Stack<F>,
        out: &mut impl Egress<F>,
        now: Now,
    ) -> Result<(), Reason> {
        self.hop = stack.next_hop(path.destination.ip(), now)?;
        self.check_room(path, frame.data().len(), stack)?;
        if !frame.prepend(self.headers.headers_len()) {
            return Err(Reason::NoBuffer);
        }
        let written = self.headers.emit(frame.data_mut(), traffic_class);
        written.ok_or(Reason::NoBuffer)?;
        stack.transmit_to(frame, self.hop, now, out);
        Ok(())
    }
}
