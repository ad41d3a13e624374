//! One side of a stream: whom we speak with, and under which keys.

use core::net::SocketAddr;

use abi::records::StreamFlow;
use abi::{Reason, Suite};
use pipeline::{Endpoint, SidePlan, SrtpParams};
use srtp::{Config, Expand, Mki, Params, Receiver, Sender};

use crate::Component;

/// One side of a stream.
pub(crate) struct Side<K> {
    /// Our addresses.
    pub(crate) local: Endpoint,
    /// Where the peer said that it wants its media.
    pub(crate) remote: Option<Endpoint>,
    /// Where its media has been seen to come from.
    pub(crate) latched: Latched,
    pub(crate) rtcp_mux: bool,
    pub(crate) secure: bool,
    pub(crate) peer_sends: bool,
    pub(crate) peer_receives: bool,
    /// What came in on this side.
    pub(crate) flow: StreamFlow,
    pub(crate) receiver: Option<Keyed<Receiver<K>>>,
    pub(crate) sender: Option<Keyed<Sender<K>>>,
    /// Contexts of earlier keys. Signalling that goes back to one, as after an offer that was
    /// refused, must find the indices that were used, or they would be used again.
    earlier: Earlier<K>,
}

/// Contexts of earlier keys, the latest last.
struct Earlier<K> {
    receivers: Vec<Keyed<Receiver<K>>>,
    senders: Vec<Keyed<Sender<K>>>,
}

/// Earlier contexts of one kind that are kept.
const EARLIER_MAX: usize = 4;

/// A context with what signalling said of it, to see whether it changes. Boxed, since it is
/// looked at when signalling speaks and not when a packet comes.
pub(crate) struct Keyed<C> {
    pub(crate) context: C,
    pub(crate) params: Box<SrtpParams>,
}

/// The peer's addresses as its packets show them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Latched {
    rtp: Option<SocketAddr>,
    rtcp: Option<SocketAddr>,
}

impl Latched {
    pub(crate) const fn get(&self, component: Component) -> Option<SocketAddr> {
        match component {
            Component::Rtp => self.rtp,
            Component::Rtcp => self.rtcp,
        }
    }

    pub(crate) const fn set(&mut self, component: Component, address: Option<SocketAddr>) {
        match component {
            Component::Rtp => self.rtp = address,
            Component::Rtcp => self.rtcp = address,
        }
    }
}

/// The contexts that a plan asks for, made before anything changes.
pub(crate) struct NewContexts<K> {
    receiver: Change<Receiver<K>>,
    sender: Change<Sender<K>>,
}

/// What becomes of a context.
enum Change<C> {
    /// The key is the same: so is the context, with all its indices.
    Keep,
    /// There is no key any more.
    Drop,
    /// There is the key again that an earlier context is for.
    Restore(usize),
    /// There is a new key.
    Replace(Keyed<C>),
}

impl<K> NewContexts<K> {
    /// Makes the contexts of `plan` that `side` does not have yet.
    pub(crate) fn make<E: Expand<Key = K>>(
        side: Option<&Side<K>>,
        plan: &SidePlan,
        config: Config,
        expand: &mut E,
    ) -> Result<Self, Reason> {
        let receiver = side.and_then(|side| side.receiver.as_ref());
        let sender = side.and_then(|side| side.sender.as_ref());
        let receivers = side.map_or(&[][..], |side| &side.earlier.receivers);
        let senders = side.map_or(&[][..], |side| &side.earlier.senders);
        let wanted = |params: &Option<SrtpParams>| params.clone().filter(|_| plan.secure);
        Ok(Self {
            receiver: Change::new(receiver, receivers, wanted(&plan.receive), |params| {
                let mut new = Receiver::new(params, config, expand)?;
                if let Some(old) = receiver {
                    new.follow(&old.context);
                }
                Some(new)
            })?,
            sender: Change::new(sender, senders, wanted(&plan.transmit), |params| {
                Sender::new(params, config, expand)
            })?,
        })
    }
}

impl<C> Change<C> {
    fn new(
        now: Option<&Keyed<C>>,
        earlier: &[Keyed<C>],
        wanted: Option<SrtpParams>,
        make: impl FnOnce(&Params<'_>) -> Option<C>,
    ) -> Result<Self, Reason> {
        let Some(wanted) = wanted else {
            return Ok(Self::Drop);
        };
        if now.is_some_and(|now| *now.params == wanted) {
            return Ok(Self::Keep);
        }
        if let Some(at) = earlier.iter().position(|earlier| *earlier.params == wanted) {
            return Ok(Self::Restore(at));
        }
        let mki = match wanted.mki {
            Some(mki) => Some(Mki::new(mki.value, mki.len).ok_or(Reason::SdpBadCrypto)?),
            None => None,
        };
        let (suite, key, salt) = (wanted.suite, wanted.key.key(), wanted.key.salt());
        let context = make(&Params {
            suite,
            key,
            salt,
            mki,
        })
        .ok_or(Reason::SdpBadCrypto)?;
        Ok(Self::Replace(Keyed {
            context,
            params: Box::new(wanted),
        }))
    }

    fn apply(self, place: &mut Option<Keyed<C>>, earlier: &mut Vec<Keyed<C>>) {
        let next = match self {
            Self::Keep => return,
            Self::Drop => None,
            Self::Restore(at) => Some(earlier.remove(at)),
            Self::Replace(new) => Some(new),
        };
        if let Some(old) = core::mem::replace(place, next) {
            if earlier.len() == EARLIER_MAX {
                earlier.remove(0);
            }
            earlier.push(old);
        }
    }
}

impl<K> Side<K> {
    /// A side as `plan` wants it.
    pub(crate) fn new(local: Endpoint, plan: &SidePlan, contexts: NewContexts<K>) -> Self {
        let mut side = Self {
            local,
            remote: None,
            latched: Latched::default(),
            rtcp_mux: false,
            secure: false,
            peer_sends: false,
            peer_receives: false,
            flow: StreamFlow::default(),
            receiver: None,
            sender: None,
            earlier: Earlier {
                receivers: Vec::new(),
                senders: Vec::new(),
            },
        };
        side.apply(plan, contexts);
        side
    }

    /// Changes the side to what `plan` wants. An address that was signalled anew counts for more
    /// than where packets came from before.
    pub(crate) fn apply(&mut self, plan: &SidePlan, contexts: NewContexts<K>) {
        if self.remote != plan.remote {
            self.remote = plan.remote;
            self.latched = Latched::default();
        }
        self.rtcp_mux = plan.rtcp_mux;
        self.secure = plan.secure;
        self.peer_sends = plan.peer_sends;
        self.peer_receives = plan.peer_receives;
        contexts
            .receiver
            .apply(&mut self.receiver, &mut self.earlier.receivers);
        contexts
            .sender
            .apply(&mut self.sender, &mut self.earlier.senders);
    }

    /// Where the peer said that it wants a component's packets.
    pub(crate) fn signalled(&self, component: Component) -> Option<SocketAddr> {
        let remote = self.remote?;
        Some(match component {
            Component::Rtp => remote.rtp,
            Component::Rtcp => remote.rtcp,
        })
    }

    /// Our address for a component.
    pub(crate) const fn local(&self, component: Component) -> SocketAddr {
        match component {
            Component::Rtp => self.local.rtp,
            Component::Rtcp => self.local.rtcp,
        }
    }

    /// Where a component's packets to the peer go. A peer behind address translation is where its
    /// authentic packets come from; a peer in clear is where it said.
    pub(crate) fn destination(&self, component: Component) -> Option<SocketAddr> {
        let latched = if self.secure {
            self.latched.get(component)
        } else {
            None
        };
        latched.or_else(|| self.signalled(component))
    }

    /// Whether a clear packet may come from `source`: from the signalled address, or from another
    /// port of that host while nothing has come from the signalled one (RFC 4961 asks for
    /// symmetric ports, but not all do so).
    pub(crate) fn may_come_from(&self, source: SocketAddr, component: Component) -> bool {
        let Some(signalled) = self.signalled(component) else {
            return false;
        };
        let latched = self.latched.get(component);
        source == signalled
            || source.ip() == signalled.ip() && latched.is_none_or(|latched| latched == source)
    }

    /// The suite that shows for this side.
    pub(crate) fn suite(&self) -> Option<Suite> {
        let received = self.receiver.as_ref().map(|keyed| keyed.params.suite);
        received.or_else(|| self.sender.as_ref().map(|keyed| keyed.params.suite))
    }
}
