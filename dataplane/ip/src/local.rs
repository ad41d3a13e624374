//! Which addresses are ours.

use core::net::{IpAddr, Ipv4Addr};

use crate::{InterfaceId, interface::Interface};

/// Whose an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locality {
    /// An interface's own address.
    Own(InterfaceId),
    /// An address that an interface answers for: static NAT or media termination.
    Owned(InterfaceId),
    /// A multicast group or a broadcast address.
    Group,
    /// Somebody else's.
    Remote,
}

impl Locality {
    /// Whether packets to the address end here.
    #[must_use]
    pub const fn is_ours(self) -> bool {
        matches!(self, Self::Own(_) | Self::Owned(_))
    }
}

/// All addresses of all interfaces, and the broadcast addresses of their networks, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LocalAddresses {
    sorted: Vec<(IpAddr, Locality)>,
}

impl LocalAddresses {
    pub(crate) fn new(interfaces: &[Interface]) -> Self {
        let mut sorted = Vec::new();
        for (id, interface) in (0..).map(InterfaceId).zip(interfaces) {
            let own = interface
                .addresses
                .iter()
                .map(|&(a, _)| (a, Locality::Own(id)));
            let owned = interface.owned.iter().map(|&a| (a, Locality::Owned(id)));
            sorted.extend(own.chain(owned));
        }
        let broadcasts = interfaces.iter().flat_map(Interface::broadcasts);
        sorted.extend(broadcasts.map(|address| (address, Locality::Group)));
        // Stable: of the same address twice, what was added first stays.
        sorted.sort_by_key(|&(address, _)| address);
        sorted.dedup_by_key(|&mut (address, _)| address);
        Self { sorted }
    }

    /// Whose `address` is.
    pub(crate) fn get(&self, address: IpAddr) -> Locality {
        if address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST) {
            return Locality::Group;
        }
        match self.sorted.binary_search_by_key(&address, |&(a, _)| a) {
            Ok(at) => self.sorted.get(at).map_or(Locality::Remote, |&(_, l)| l),
            Err(_) => Locality::Remote,
        }
    }
}
