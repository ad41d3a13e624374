//! One media stream and what signalling does to it.

use core::fmt;
use core::net::SocketAddr;

use abi::records::StreamSide;
use abi::{Now, Reason, Suite};
use pipeline::{Endpoint, Leg, MediaKind, MediaPlan, PerLeg, SrtpParams};
use srtp::{Config, Expand, OpenPlan, Receiver, Sender};

use crate::Component;
use crate::side::{NewContexts, Side};

/// Has the processor fetch memory ahead of its use.
pub trait Fetch {
    /// Fetches all of `value`.
    fn fetch<T>(&self, value: &T);
}

/// One media stream between two legs, its ciphers' keys of type `K`.
pub struct Stream<K> {
    pub(crate) sides: PerLeg<Side<K>>,
}

impl<K> Stream<K> {
    /// A stream as `plan` wants it, with our addresses on each side.
    ///
    /// # Errors
    /// [`Reason::SdpBadCrypto`] for keys that do not suit their suite or an impossible MKI.
    pub fn new<E: Expand<Key = K>>(
        plan: &MediaPlan,
        local: PerLeg<Endpoint>,
        config: Config,
        expand: &mut E,
    ) -> Result<Self, Reason> {
        let sides = &plan.sides;
        let client = NewContexts::make(None, &sides.client, config, expand)?;
        let server = NewContexts::make(None, &sides.server, config, expand)?;
        let sides = PerLeg {
            client: Side::new(local.client, &sides.client, client),
            server: Side::new(local.server, &sides.server, server),
        };
        let mut stream = Self { sides };
        stream.set_kind(plan.kind, unchanged(plan));
        Ok(stream)
    }

    /// Takes note of what is carried, and whether it passes unchanged, by the leg it comes from.
    fn set_kind(&mut self, kind: MediaKind, unchanged: PerLeg<bool>) {
        for leg in Leg::BOTH {
            let inbound = &mut self.sides[leg].inbound;
            (inbound.kind, inbound.unchanged) = (kind, unchanged[leg]);
        }
    }

    /// Changes the stream to what `plan` wants. Contexts whose keys stay keep their indices.
    ///
    /// # Errors
    /// As [`Stream::new`]; [`Reason::SrtpIndexReused`] if a key that packets passed unchanged
    /// under were now used by us, or the other way round. The stream stays as it was.
    pub fn update<E: Expand<Key = K>>(
        &mut self,
        plan: &MediaPlan,
        config: Config,
        expand: &mut E,
    ) -> Result<(), Reason> {
        let passes = unchanged(plan);
        for leg in Leg::BOTH {
            // The indices that the other end of the leg used under its key are not ours to know.
            let kept =
                self.transmit_params(leg.other()) == plan.sides[leg.other()].transmit.as_ref();
            if kept && self.sides[leg].inbound.unchanged != passes[leg] {
                return Err(Reason::SrtpIndexReused);
            }
        }
        let (ours, wanted) = (&self.sides, &plan.sides);
        let client = NewContexts::make(Some(&ours.client), &wanted.client, config, expand)?;
        let server = NewContexts::make(Some(&ours.server), &wanted.server, config, expand)?;
        self.set_kind(plan.kind, passes);
        self.sides.client.apply(&plan.sides.client, client);
        self.sides.server.apply(&plan.sides.server, server);
        Ok(())
    }

    fn transmit_params(&self, leg: Leg) -> Option<&SrtpParams> {
        let sender = self.sides[leg].outbound.sender.as_ref();
        sender.map(|keyed| &*keyed.params)
    }

    /// Has fetched what a packet from a leg needs first.
    #[inline]
    pub fn fetch(&self, from: Leg, fetch: &impl Fetch) {
        fetch.fetch(&self.sides[from].inbound);
        // The rest of it stands behind, and is looked at when something changes.
        fetch.fetch(&self.sides[from.other()].outbound.head.secure);
    }

    /// Has fetched what an admitted packet from a leg needs next.
    #[inline]
    pub fn fetch_sender(&self, from: Leg, fetch: &impl Fetch) {
        let outbound = &self.sides[from.other()].outbound;
        if outbound.head.secure {
            fetch.fetch(&outbound.sender);
        }
    }

    /// The context that opens a leg's packets; `None` while there is no key.
    #[inline]
    pub fn receiver(&self, leg: Leg) -> Option<&Receiver<K>> {
        let receiver = self.sides[leg].inbound.receiver.as_ref();
        receiver.map(|keyed| &keyed.context)
    }

    /// The context that seals packets to a leg; `None` while there is no key.
    #[inline]
    pub fn sender(&self, leg: Leg) -> Option<&Sender<K>> {
        let sender = self.sides[leg].outbound.sender.as_ref();
        sender.map(|keyed| &keyed.context)
    }

    /// The same, to plan with.
    #[inline]
    pub fn sender_mut(&mut self, leg: Leg) -> Option<&mut Sender<K>> {
        let sender = self.sides[leg].outbound.sender.as_mut();
        sender.map(|keyed| &mut keyed.context)
    }

    /// Another way to open a packet that did not authenticate; see [`srtp::Receiver::retry`].
    pub fn retry(
        &mut self,
        leg: Leg,
        failed: &OpenPlan,
        packet: &[u8],
        now: Now,
    ) -> Option<OpenPlan> {
        let receiver = self.sides[leg].inbound.receiver.as_mut()?;
        receiver.context.retry(failed, packet, now)
    }

    /// Our addresses.
    #[must_use]
    pub fn local(&self) -> PerLeg<Endpoint> {
        PerLeg::from_fn(|leg| self.sides[leg].local())
    }

    /// What `show` says of one side.
    #[must_use]
    pub fn record(&self, leg: Leg) -> StreamSide {
        let side = &self.sides[leg];
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        StreamSide {
            local: side.local().rtp,
            remote: side.outbound.head.ways[Component::Rtp]
                .destination()
                .unwrap_or(unknown),
            suite: side.suite().map_or(0, Suite::id),
            flow: side.inbound.flow,
        }
    }
}

/// By the leg that packets come from: whether the keys on both sides are the same.
fn unchanged(plan: &MediaPlan) -> PerLeg<bool> {
    PerLeg::from_fn(|leg| {
        let (from, to) = (&plan.sides[leg], &plan.sides[leg.other()]);
        from.secure && to.secure && from.receive.is_some() && from.receive == to.transmit
    })
}

impl<K> fmt::Debug for Stream<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("kind", &self.sides.client.inbound.kind)
            .field("local", &self.local())
            .finish_non_exhaustive()
    }
}
