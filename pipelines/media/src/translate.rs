//! The steps of one packet from one leg to the other.

use core::net::{IpAddr, SocketAddr};
use core::num::NonZeroU32;

use abi::{Now, Reason};
use pipeline::{Leg, MediaKind};
use srtp::{Header, OpenPlan, Traffic};

use crate::side::{Outbound, Side};
use crate::{Component, Stream, demux, rtcp};

/// Where a packet came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// From which leg.
    pub leg: Leg,
    /// To which of our ports on it.
    pub component: Component,
    /// The packet's source address.
    pub source: &'a SocketAddr,
}

/// A packet that may come from where it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screened {
    /// It is in clear, and nothing is left to check.
    Clear(Content),
    /// It is protected, as a packet of that protocol.
    Protected(Traffic),
}

/// A packet that may pass if what is left to check proves right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is in clear, and nothing is left to check.
    Clear(Content),
    /// It is to be opened.
    Open(OpenPlan),
    /// It is to be checked, and passes with its protection unchanged.
    Check(OpenPlan),
}

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// RTP.
    Rtp,
    /// RTCP.
    Rtcp,
    /// Something else that is passed on as it is.
    Datagram,
}

/// What an authentic packet taught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Whether the peer's address has changed by it.
    pub latched: bool,
}

/// How a packet leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forward {
    /// As it is.
    AsIs,
    /// Sealed by [`Stream::sender_mut`], as a packet of that protocol.
    Seal(Traffic),
}

/// From where to where a packet leaves. What each packet needs comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Path {
    /// Another one whenever the destination is another, so that what was made of both addresses
    /// can be kept while it stays.
    pub version: NonZeroU32,
    /// Which of the peer's addresses that is.
    pub component: Component,
    /// The peer's.
    pub destination: SocketAddr,
    /// Our address.
    pub source: SocketAddr,
}

impl Admission {
    /// What the packet carries.
    #[must_use]
    pub const fn content(&self) -> Content {
        match self {
            Self::Clear(content) => *content,
            Self::Open(plan) | Self::Check(plan) => match plan.traffic() {
                Traffic::Rtp => Content::Rtp,
                Traffic::Rtcp => Content::Rtcp,
            },
        }
    }
}

impl<K> Stream<K> {
    /// Whether `packet` may come from where it does. Changes nothing.
    ///
    /// # Errors
    /// Why the packet is to be dropped.
    #[inline]
    pub fn screen(&self, origin: Origin<'_>, packet: &[u8]) -> Result<Screened, Reason> {
        let side = &self.sides[origin.leg];
        let inbound = &side.inbound;
        if inbound.kind == MediaKind::Datagram {
            return side.screen_datagram(origin);
        }
        let traffic = demux::traffic(packet, origin.component, inbound.rtcp_mux)?;
        // On hold the media stops; reports go on (RFC 3264 §5.1).
        if traffic == Traffic::Rtp && !inbound.peer_sends {
            return Err(Reason::MediaOnHold);
        }
        if inbound.secure {
            Ok(Screened::Protected(traffic))
        } else {
            side.screen_clear(origin, traffic, packet)
        }
    }

    /// What is left to check of a protected `packet` from a leg. A step of its own, since what it
    /// finds out is large: whoever calls it for RTP in one place and for RTCP in another has it
    /// written to where it is kept, and not joined first.
    ///
    /// Changes nothing: a packet that is refused, here or by its tag, leaves no trace but its
    /// count.
    ///
    /// # Errors
    /// Why the packet is to be dropped.
    #[inline(always)]
    pub fn admit(&self, from: Leg, traffic: Traffic, packet: &[u8]) -> Result<Admission, Reason> {
        let inbound = &self.sides[from].inbound;
        let receiver = inbound.receiver.as_ref().ok_or(Reason::MediaNoKey)?;
        let plan = receiver.context.plan(traffic, packet)?;
        Ok(if inbound.unchanged {
            Admission::Check(plan)
        } else {
            Admission::Open(plan)
        })
    }

    /// Takes note of an admitted packet that was in clear or has proved authentic.
    ///
    /// The newest of a protected peer moves the way to it, unless nothing can be sent to where it
    /// says that it comes from; `leads_to` says whether there is a way to an address.
    ///
    /// # Errors
    /// An earlier packet of the same burst had the same index, or there are too many sources.
    #[inline]
    pub fn accept(
        &mut self,
        origin: Origin<'_>,
        admission: &Admission,
        leads_to: impl FnOnce(IpAddr) -> bool,
        now: Now,
    ) -> Result<Accepted, Reason> {
        let Origin {
            leg,
            component,
            source,
        } = origin;
        let side = &mut self.sides[leg];
        let may_latch = match admission {
            Admission::Clear(_) => true,
            Admission::Open(plan) | Admission::Check(plan) => {
                let receiver = side.inbound.receiver.as_mut().ok_or(Reason::MediaNoKey)?;
                receiver.context.commit(plan, now)?
            }
        };
        let latched = may_latch && side.latch(component, source, leads_to);
        Ok(Accepted { latched })
    }

    /// How `packet`, now in clear unless it passes unchanged, leaves towards the other leg.
    ///
    /// # Errors
    /// The other side does not want it, has no key, or the packet is malformed.
    #[inline]
    pub fn forward(
        &self,
        from: Leg,
        admission: &Admission,
        packet: &[u8],
    ) -> Result<Forward, Reason> {
        let Outbound { head: side, sender } = &self.sides[from.other()].outbound;
        let traffic = match admission.content() {
            Content::Rtp => Traffic::Rtp,
            Content::Rtcp => Traffic::Rtcp,
            Content::Datagram if side.secure => return Err(Reason::MediaNoKey),
            Content::Datagram if !side.peer_receives => return Err(Reason::MediaOnHold),
            Content::Datagram => return Ok(Forward::AsIs),
        };
        if traffic == Traffic::Rtp && !side.peer_receives {
            return Err(Reason::MediaOnHold);
        }
        if matches!(admission, Admission::Check(_)) {
            return Ok(Forward::AsIs);
        }
        if traffic == Traffic::Rtcp {
            rtcp::check(packet)?;
        }
        if !side.secure {
            return Ok(Forward::AsIs);
        }
        if sender.is_none() {
            return Err(Reason::MediaNoKey);
        }
        Ok(Forward::Seal(traffic))
    }

    /// From where to where what came from a leg leaves.
    ///
    /// # Errors
    /// [`Reason::MediaNoRemote`] until the other side has said where it is or shown it.
    #[inline(always)]
    pub fn path(&self, from: Leg, content: Content) -> Result<&Path, Reason> {
        let side = &self.sides[from.other()].outbound.head;
        let component = match content {
            Content::Rtcp if !side.rtcp_mux => Component::Rtcp,
            _ => Component::Rtp,
        };
        let path = side.ways[component].path.as_ref();
        path.ok_or(Reason::MediaNoRemote)
    }

    /// Counts a packet from a leg that was passed on with `octets`, tags left out.
    #[inline]
    pub fn count_passed(&mut self, from: Leg, content: Content, octets: usize) {
        let flow = &mut self.sides[from].inbound.flow;
        let octets = octets as u64;
        if content == Content::Rtcp {
            flow.rtcp_packets += 1;
            flow.rtcp_octets += octets;
        } else {
            flow.rtp_packets += 1;
            flow.rtp_octets += octets;
        }
    }

    /// Counts a packet from a leg that was dropped.
    pub fn count_refused(&mut self, from: Leg, reason: Reason) {
        let flow = &mut self.sides[from].inbound.flow;
        match reason {
            Reason::SrtpAuthFailed => flow.auth_failures += 1,
            Reason::SrtpReplayed => flow.replays += 1,
            _ => flow.refused += 1,
        }
    }
}

impl<K> Side<K> {
    fn screen_clear(
        &self,
        origin: Origin<'_>,
        traffic: Traffic,
        packet: &[u8],
    ) -> Result<Screened, Reason> {
        if !self.may_come_from(*origin.source, origin.component) {
            return Err(Reason::MediaUnknownSource);
        }
        Ok(Screened::Clear(match traffic {
            Traffic::Rtp => {
                Header::parse(packet)?;
                Content::Rtp
            }
            // What it is made of is checked on its way out.
            Traffic::Rtcp => Content::Rtcp,
        }))
    }

    /// There is no protection for datagrams of other protocols, so a secure side has none.
    fn screen_datagram(&self, origin: Origin<'_>) -> Result<Screened, Reason> {
        if self.inbound.secure {
            return Err(Reason::MediaNoKey);
        }
        if !self.inbound.peer_sends {
            return Err(Reason::MediaOnHold);
        }
        if origin.component == Component::Rtcp {
            return Err(Reason::RtpUnknownDemux);
        }
        if !self.may_come_from(*origin.source, origin.component) {
            return Err(Reason::MediaUnknownSource);
        }
        Ok(Screened::Clear(Content::Datagram))
    }
}
