//! Putting a policy's interfaces and routes in force.

use core::net::IpAddr;

use abi::policy;
use wire::{Frame, MacAddr, NicInfo};

use crate::{
    InterfaceId, Stack,
    interface::Interface,
    local::LocalAddresses,
    route::{RouteTable, Via},
};

/// Why a configuration cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// An interface is on a port that the worker does not have.
    #[error("interface on port {0}, which does not exist")]
    NoSuchPort(u16),
    /// A route leads to an interface that is not there.
    #[error("route over interface {0}, which does not exist")]
    NoSuchInterface(u16),
    /// Two interfaces have the same port and VLAN.
    #[error("two interfaces on port {port} and VLAN {vlan:?}")]
    SameLink {
        /// The port.
        port: u16,
        /// The VLAN.
        vlan: Option<u16>,
    },
}

/// A link and its interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinkSlot {
    pub(crate) key: LinkKey,
    /// Our station address there.
    pub(crate) mac: MacAddr,
    pub(crate) id: InterfaceId,
}

/// A port and a VLAN of it in one word, which compares at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LinkKey(u32);

impl LinkKey {
    /// `None` when untagged.
    #[inline]
    pub(crate) fn new(port: u16, vlan: Option<u16>) -> Self {
        Self(u32::from(port) << 16 | u32::from(vlan.unwrap_or(0)))
    }
}

impl<F: Frame> Stack<F> {
    /// Puts interfaces and routes in force; `ports` are the worker's, in the policy's order.
    ///
    /// Neighbours stay known unless the interfaces have changed. When these or the routes have,
    /// every [`HopId`](crate::HopId) is void: the way may lead elsewhere now.
    ///
    /// # Errors
    /// [`ConfigError`]; nothing changes then.
    pub fn configure(
        &mut self,
        interfaces: &[policy::Interface],
        routes: &[policy::Route],
        ports: &[NicInfo],
    ) -> Result<(), ConfigError> {
        let interfaces: Vec<Interface> = interfaces
            .iter()
            .map(|i| Interface::new(i, ports))
            .collect::<Result<_, _>>()?;
        let links = sorted_links(&interfaces)?;
        let routes = compile_routes(&interfaces, routes)?;
        if interfaces != self.interfaces {
            self.neighbors.clear();
            self.reassembler.clear();
        } else if routes != self.routes {
            self.neighbors.void_handles();
        }
        self.locals = LocalAddresses::new(&interfaces);
        (self.interfaces, self.links, self.routes) = (interfaces, links, routes);
        Ok(())
    }
}

fn sorted_links(interfaces: &[Interface]) -> Result<Vec<LinkSlot>, ConfigError> {
    let slot = |(i, id): (&Interface, _)| LinkSlot {
        key: LinkKey::new(i.port, i.vlan),
        mac: i.mac,
        id,
    };
    let mut links: Vec<_> = interfaces
        .iter()
        .zip((0..).map(InterfaceId))
        .map(slot)
        .collect();
    links.sort_unstable_by_key(|link| link.key);
    let followers = links.iter().skip(1);
    let double = links
        .iter()
        .zip(followers)
        .find(|(a, b)| a.key == b.key)
        .and_then(|(link, _)| interfaces.get(usize::from(link.id.0)));
    match double {
        Some(&Interface { port, vlan, .. }) => Err(ConfigError::SameLink { port, vlan }),
        None => Ok(links),
    }
}

/// Connected prefixes first, so that no static route hides one.
fn compile_routes(
    interfaces: &[Interface],
    routes: &[policy::Route],
) -> Result<RouteTable, ConfigError> {
    let mut table = RouteTable::default();
    for (id, interface) in (0..).map(InterfaceId).zip(interfaces) {
        for &(address, len) in &interface.addresses {
            // Link-local destinations are reached by interface, never by route.
            if address != IpAddr::V6(interface.link_local) {
                table.insert(
                    address,
                    len,
                    Via {
                        interface: id,
                        router: None,
                    },
                );
            }
        }
    }
    for route in routes {
        if usize::from(route.interface) >= interfaces.len() {
            return Err(ConfigError::NoSuchInterface(route.interface));
        }
        let via = Via {
            interface: InterfaceId(route.interface),
            router: route.via,
        };
        table.insert(route.prefix.address, route.prefix.len, via);
    }
    Ok(table)
}
