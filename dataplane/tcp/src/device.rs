//! The port that a leg's smoltcp interface believes it has.

use smoltcp::phy::{ChecksumCapabilities, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;

use crate::segment::Segment;
use crate::track::Track;

/// Where packets go.
pub trait Transmit {
    /// Takes a buffer for an IP packet of `len` octets, calls `fill` on exactly those octets
    /// once, and emits the packet. `fill` leaves the checksums of IPv4 and TCP at zero: they are
    /// the sender's to complete, or its port's. Without a buffer it returns `false` and does not call `fill`.
    fn transmit(&mut self, len: usize, fill: &mut dyn FnMut(&mut [u8])) -> bool;

    /// Whether there is likely to be a buffer. A leg asks before it builds a segment, since what
    /// it does not build it need not send again.
    fn has_room(&mut self) -> bool {
        true
    }
}

/// One packet in, any number out.
pub(crate) struct LegDevice<'a> {
    pub(crate) received: Option<&'a [u8]>,
    pub(crate) tx: &'a mut dyn Transmit,
    pub(crate) track: &'a mut Track,
    pub(crate) mtu: u16,
}

impl Device for LegDevice<'_> {
    type RxToken<'b>
        = Received<'b>
    where
        Self: 'b;
    type TxToken<'b>
        = Emitted<'b>
    where
        Self: 'b;

    fn receive(&mut self, _: Instant) -> Option<(Received<'_>, Emitted<'_>)> {
        let packet = self.received.take()?;
        Some((
            Received(packet),
            Emitted {
                tx: self.tx,
                track: self.track,
            },
        ))
    }

    fn transmit(&mut self, _: Instant) -> Option<Emitted<'_>> {
        self.tx.has_room().then_some(Emitted {
            tx: self.tx,
            track: self.track,
        })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        capabilities(self.mtu)
    }
}

/// What an interface with the given MTU is built with.
pub(crate) fn capabilities(mtu: u16) -> DeviceCapabilities {
    let mut caps = DeviceCapabilities::default();
    caps.medium = Medium::Ip;
    caps.max_transmission_unit = usize::from(mtu);
    // What comes in is verified by whoever received it, what goes out completed by who sends it.
    caps.checksum = ChecksumCapabilities::ignored();
    caps
}

pub(crate) struct Received<'a>(&'a [u8]);

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

pub(crate) struct Emitted<'a> {
    tx: &'a mut dyn Transmit,
    track: &'a mut Track,
}

impl TxToken for Emitted<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let track = self.track;
        let mut build = Some(f);
        let mut built = None;
        self.tx.transmit(len, &mut |buffer| {
            if let Some(f) = build.take() {
                built = Some(f(&mut *buffer));
                if let Ok(segment) = Segment::parse(buffer) {
                    track.emitted(&segment);
                }
            }
        });
        match (built, build) {
            (Some(result), _) => result,
            // No buffer after all. smoltcp takes the segment for sent, and sends it again when
            // no acknowledgement comes.
            (None, Some(f)) => f(&mut vec![0; len]),
            (None, None) => unreachable!("`build` is taken only to fill `built`"),
        }
    }
}
