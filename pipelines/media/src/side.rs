//! One side of a stream: whom we speak with, and under which keys.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::num::NonZeroU32;
use core::ops::{Index, IndexMut};

use abi::records::StreamFlow;
use abi::{Reason, Suite};
use pipeline::{Endpoint, MediaKind, SidePlan, SrtpParams};
use srtp::{Config, Expand, Mki, Params, Receiver, Sender};

use crate::{Component, Path};

/// One side of a stream.
pub(crate) struct Side<K> {
    pub(crate) inbound: Inbound<K>,
    pub(crate) outbound: Outbound<K>,
    /// Our addresses.
    local: PerComponent<SocketAddr>,
    /// Where the peer said that it wants its media.
    signalled: Option<PerComponent<SocketAddr>>,
    /// Contexts of earlier keys. Signalling that goes back to one, as after an offer that was
    /// refused, must find the indices that were used, or they would be used again.
    earlier: Earlier<K>,
}

/// What packets from a side's peer need, on cache lines of their own. What RTP needs comes first.
#[repr(C, align(64))]
pub(crate) struct Inbound<K> {
    pub(crate) receiver: Option<Keyed<Receiver<K>>>,
    pub(crate) kind: MediaKind,
    pub(crate) rtcp_mux: bool,
    pub(crate) secure: bool,
    /// Whether packets pass with their protection unchanged.
    pub(crate) unchanged: bool,
    pub(crate) peer_sends: bool,
    /// The peer's addresses as its packets show them.
    pub(crate) latched: PerComponent<Option<SocketAddr>>,
    /// What came in on this side.
    pub(crate) flow: StreamFlow,
}

/// What packets to a side's peer need.
#[repr(C, align(64))]
pub(crate) struct Outbound<K> {
    pub(crate) head: Head,
    pub(crate) sender: Option<Keyed<Sender<K>>>,
}

/// What packets to a side's peer need whether they are sealed or not; what RTP needs comes first.
#[repr(C)]
pub(crate) struct Head {
    pub(crate) rtcp_mux: bool,
    pub(crate) secure: bool,
    pub(crate) peer_receives: bool,
    pub(crate) ways: PerComponent<Way>,
}

/// From where to where packets to a peer go. What each packet needs comes first.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Way {
    /// The way, once the destination is known.
    pub(crate) path: Option<Path>,
    /// That of the latest path.
    version: NonZeroU32,
    source: SocketAddr,
}

impl Way {
    const fn from(source: SocketAddr) -> Self {
        Self {
            path: None,
            version: NonZeroU32::MIN,
            source,
        }
    }

    pub(crate) fn destination(&self) -> Option<SocketAddr> {
        self.path.map(|path| path.destination)
    }

    fn lead_to(&mut self, component: Component, destination: Option<SocketAddr>) {
        if self.destination() == destination {
            return;
        }
        self.version = self.version.checked_add(1).unwrap_or(NonZeroU32::MIN);
        self.path = destination.map(|destination| Path {
            version: self.version,
            component,
            destination,
            source: self.source,
        });
    }
}

/// A value for each of a side's ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct PerComponent<T> {
    rtp: T,
    rtcp: T,
}

impl<T> Index<Component> for PerComponent<T> {
    type Output = T;

    #[inline]
    fn index(&self, component: Component) -> &T {
        match component {
            Component::Rtp => &self.rtp,
            Component::Rtcp => &self.rtcp,
        }
    }
}

impl<T> IndexMut<Component> for PerComponent<T> {
    #[inline]
    fn index_mut(&mut self, component: Component) -> &mut T {
        match component {
            Component::Rtp => &mut self.rtp,
            Component::Rtcp => &mut self.rtcp,
        }
    }
}

impl From<Endpoint> for PerComponent<SocketAddr> {
    fn from(Endpoint { rtp, rtcp }: Endpoint) -> Self {
        Self { rtp, rtcp }
    }
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
#[repr(C)]
pub(crate) struct Keyed<C> {
    pub(crate) context: C,
    pub(crate) params: Box<SrtpParams>,
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
        let receiver = side.and_then(|side| side.inbound.receiver.as_ref());
        let sender = side.and_then(|side| side.outbound.sender.as_ref());
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
        let local = PerComponent::from(local);
        let mut side = Self {
            inbound: Inbound {
                receiver: None,
                kind: MediaKind::Rtp,
                rtcp_mux: false,
                secure: false,
                unchanged: false,
                peer_sends: false,
                latched: PerComponent::default(),
                flow: StreamFlow::default(),
            },
            outbound: Outbound {
                head: Head {
                    rtcp_mux: false,
                    secure: false,
                    peer_receives: false,
                    ways: PerComponent {
                        rtp: Way::from(local.rtp),
                        rtcp: Way::from(local.rtcp),
                    },
                },
                sender: None,
            },
            local,
            signalled: None,
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
        let Self {
            inbound,
            outbound,
            signalled,
            earlier,
            ..
        } = self;
        let wanted = plan.remote.map(PerComponent::from);
        if *signalled != wanted {
            *signalled = wanted;
            inbound.latched = PerComponent::default();
        }
        (inbound.rtcp_mux, outbound.head.rtcp_mux) = (plan.rtcp_mux, plan.rtcp_mux);
        (inbound.secure, outbound.head.secure) = (plan.secure, plan.secure);
        inbound.peer_sends = plan.peer_sends;
        outbound.head.peer_receives = plan.peer_receives;
        contexts
            .receiver
            .apply(&mut inbound.receiver, &mut earlier.receivers);
        contexts
            .sender
            .apply(&mut outbound.sender, &mut earlier.senders);
        Component::BOTH
            .into_iter()
            .for_each(|component| self.find_way(component));
    }

    /// Where a component's packets to the peer go from now on. A peer behind address translation
    /// is where its authentic packets come from; a peer in clear is where it said.
    fn find_way(&mut self, component: Component) {
        let signalled = self.signalled(component);
        let latched = self.inbound.latched[component].filter(|_| self.inbound.secure);
        let way = &mut self.outbound.head.ways[component];
        way.lead_to(component, latched.or(signalled));
    }

    /// Takes note of where a component's packets come from. Returns whether that is news.
    ///
    /// Where packets to the peer will follow, `leads_to` says whether there is a way to a host.
    #[inline]
    pub(crate) fn latch(
        &mut self,
        component: Component,
        source: &SocketAddr,
        leads_to: impl FnOnce(IpAddr) -> bool,
    ) -> bool {
        let is_same = self.inbound.latched[component].as_ref() == Some(source);
        !is_same && self.move_to(component, *source, leads_to)
    }

    #[cold]
    fn move_to(
        &mut self,
        component: Component,
        source: SocketAddr,
        leads_to: impl FnOnce(IpAddr) -> bool,
    ) -> bool {
        if self.inbound.secure && !(is_of_a_host(&source) && leads_to(source.ip())) {
            return false;
        }
        self.inbound.latched[component] = Some(source);
        self.find_way(component);
        true
    }

    /// Where the peer said that it wants a component's packets.
    fn signalled(&self, component: Component) -> Option<SocketAddr> {
        self.signalled.map(|signalled| signalled[component])
    }

    /// Our addresses.
    pub(crate) const fn local(&self) -> Endpoint {
        Endpoint {
            rtp: self.local.rtp,
            rtcp: self.local.rtcp,
        }
    }

    /// Whether a clear packet may come from `source`: from the signalled address, or from another
    /// port of that host while nothing has come from the signalled one (RFC 4961 asks for
    /// symmetric ports, but not all do so).
    pub(crate) fn may_come_from(&self, source: SocketAddr, component: Component) -> bool {
        let Some(signalled) = self.signalled(component) else {
            return false;
        };
        let latched = self.inbound.latched[component];
        source == signalled
            || source.ip() == signalled.ip() && latched.is_none_or(|latched| latched == source)
    }

    /// The suite that shows for this side.
    pub(crate) fn suite(&self) -> Option<Suite> {
        let received = self
            .inbound
            .receiver
            .as_ref()
            .map(|keyed| keyed.params.suite);
        received.or_else(|| {
            self.outbound
                .sender
                .as_ref()
                .map(|keyed| keyed.params.suite)
        })
    }
}

/// Whether a packet can have come from there and be answered: a port of one host. No tag covers a
/// packet's addresses, so whoever is on its way can write anything there.
fn is_of_a_host(source: &SocketAddr) -> bool {
    let ip = source.ip().to_canonical();
    let is_group = ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST);
    !is_group && !ip.is_unspecified() && !ip.is_loopback() && source.port() != 0
}
