//! `interfaces`, `routes` and `forward`.

use core::net::IpAddr;
use std::collections::HashMap;

use abi::policy::{ForwardRule, Interface, Prefix, Route};

use super::names::Names;
use super::net;
use crate::document::{Findings, NodeId};
use crate::finding::Problem;
use crate::raw::{RawForward, RawInterface, RawPolicy, RawRoute};
use crate::section::At;
use crate::value::{Destination, Network};

/// Smallest MTU of a link that carries IPv6 (RFC 8200 §5).
const IPV6_MTU_MIN: u64 = 1_280;

/// Interfaces and routes, as far as they are known to be right.
#[derive(Debug, Default)]
pub(crate) struct Topology {
    pub(crate) interfaces: Vec<Interface>,
    pub(crate) routes: Vec<Route>,
}

impl Topology {
    /// The interface that has `address` as its own.
    pub(crate) fn owner(&self, address: IpAddr) -> Option<u16> {
        self.find(|prefix| prefix.address == address)
    }

    /// The interface on whose network `address` is.
    pub(crate) fn on_link(&self, address: IpAddr) -> Option<u16> {
        self.find(|prefix| net::contains(prefix, address))
    }

    /// Whether `address` is on a network of interface `index`.
    pub(crate) fn is_on(&self, index: u16, address: IpAddr) -> bool {
        self.interface(index).is_some_and(|interface| {
            interface
                .addresses
                .iter()
                .any(|&prefix| net::contains(prefix, address))
        })
    }

    /// The interface by which packets to `address` leave.
    pub(crate) fn egress(&self, address: IpAddr) -> Option<u16> {
        self.on_link(address).or_else(|| {
            self.routes
                .iter()
                .filter(|route| net::contains(route.prefix, address))
                .max_by_key(|route| route.prefix.len)
                .map(|route| route.interface)
        })
    }

    /// The name of interface `index`.
    pub(crate) fn name(&self, index: u16) -> &str {
        self.interface(index)
            .map_or("", |interface| &interface.name)
    }

    fn interface(&self, index: u16) -> Option<&Interface> {
        self.interfaces.get(usize::from(index))
    }

    fn find(&self, test: impl Fn(Prefix) -> bool) -> Option<u16> {
        let position = self
            .interfaces
            .iter()
            .position(|interface| interface.addresses.iter().any(|&prefix| test(prefix)));
        position.and_then(|index| u16::try_from(index).ok())
    }
}

/// Checks interfaces and routes.
pub(crate) fn topology(
    findings: &mut Findings<'_>,
    raw: &RawPolicy,
    devices: &Names<'_>,
    interfaces: &Names<'_>,
) -> Topology {
    let mut topology = Topology::default();
    let mut links = HashMap::new();
    for item in raw.interfaces.iter() {
        let interface = interface(findings, raw, item, devices);
        let link = (interface.device, interface.vlan);
        if let Some(first) = links.insert(link, item.node)
            && item.device.is_some()
        {
            let line = findings.doc.place(first).line;
            let message = format!("the interface on line {line} has the same device and VLAN");
            findings.error(item.node, Problem::Conflict, message);
        }
        topology.interfaces.push(interface);
    }
    refuse_overlaps(findings, raw);
    let mut seen = HashMap::new();
    for item in raw.routes.iter() {
        let Some(route) = route(findings, item, interfaces, &topology) else {
            continue;
        };
        if let Some(first) = seen.insert(route.prefix, item.node) {
            let line = findings.doc.place(first).line;
            let message = format!("the route on line {line} has the same destinations");
            findings.error(item.node, Problem::Overlap, message);
        }
        topology.routes.push(route);
    }
    topology
}

fn interface(
    findings: &mut Findings<'_>,
    raw: &RawPolicy,
    item: &At<RawInterface>,
    devices: &Names<'_>,
) -> Interface {
    let device = devices.resolve_if(findings, item.device.as_ref());
    let mtu = device.and_then(|d| raw.devices.get(usize::from(d)).map(|d| d.mtu));
    for address in item.addresses.iter() {
        let prefix = address.0;
        if let Some(what) = net::not_an_interface(prefix) {
            let message = format!(
                "expected the address of a host, {} is {what}",
                prefix.address
            );
            findings.error(address.node, Problem::BadValue, message);
        }
        if let (IpAddr::V6(_), Some(mtu)) = (prefix.address, mtu)
            && mtu.0 < IPV6_MTU_MIN
        {
            let message = format!(
                "IPv6 needs an MTU of at least {IPV6_MTU_MIN}, the device has {}",
                mtu.0
            );
            findings.error(address.node, Problem::Conflict, message);
        }
    }
    if !findings.doc.gives(item.node, "addresses") {
        let message = "an interface without addresses reaches nobody";
        findings.warning(item.node, Problem::MissingKey, message);
    }
    Interface {
        name: item
            .name
            .as_ref()
            .map_or_else(String::new, |n| n.0.clone().into()),
        device: device.unwrap_or_default(),
        vlan: item.vlan.as_ref().map(|vlan| vlan.to()),
        addresses: item.addresses.iter().map(|address| address.0).collect(),
        owned: Vec::new(),
        reassemble: item.reassemble.0,
    }
}

/// Notes addresses given twice, and networks of one interface that reach into another's.
fn refuse_overlaps(findings: &mut Findings<'_>, raw: &RawPolicy) {
    let mut all = Vec::new();
    let mut seen: HashMap<IpAddr, NodeId> = HashMap::new();
    for (index, item) in raw.interfaces.iter().enumerate() {
        for address in item.addresses.iter() {
            if let Some(&first) = seen.get(&address.0.address) {
                let line = findings.doc.place(first).line;
                let message = format!("{} is on line {line} too", address.0.address);
                findings.error(address.node, Problem::Conflict, message);
                continue;
            }
            seen.insert(address.0.address, address.node);
            let (first, last) = net::bounds(address.0);
            all.push((address.0.address.is_ipv4(), first, last, index, address));
        }
    }
    // Networks are nested or apart, so each need only be held against the widest before it.
    all.sort_by_key(|&(v4, first, last, ..)| (v4, first, u128::MAX - last));
    let mut widest: Option<(bool, u128, usize, &At<Network>)> = None;
    for (v4, first, last, index, address) in all {
        match widest {
            Some((family, end, owner, other)) if family == v4 && first <= end => {
                if owner != index {
                    let line = findings.doc.place(other.node).line;
                    let message = format!("network overlaps that of the interface on line {line}");
                    findings.error(address.node, Problem::Overlap, message);
                }
            }
            _ => widest = Some((v4, last, index, address)),
        }
    }
}

fn route(
    findings: &mut Findings<'_>,
    item: &At<RawRoute>,
    interfaces: &Names<'_>,
    topology: &Topology,
) -> Option<Route> {
    let to = item.to.as_ref()?;
    let via = item.via.as_ref().map(|via| via.0);
    let prefix = match (to.value, via) {
        (Destination::Network(prefix), _) => canonical(findings, to.node, prefix),
        (Destination::Default, Some(IpAddr::V4(_))) => net::network(Prefix {
            address: IpAddr::from([0; 4]),
            len: 0,
        }),
        (Destination::Default, Some(IpAddr::V6(_))) => net::network(Prefix {
            address: IpAddr::from([0; 16]),
            len: 0,
        }),
        (Destination::Default, None) if findings.doc.gives(item.node, "via") => return None,
        (Destination::Default, None) => {
            let message = "a default route needs its next router";
            findings
                .error(item.node, Problem::MissingKey, message)
                .fix("add 'via'");
            return None;
        }
    };
    let interface = match (&item.interface, &item.via) {
        (Some(name), _) => interfaces.resolve(findings, name)?,
        (None, Some(via)) => {
            let Some(index) = topology.on_link(via.0) else {
                let message = format!("{} is on the network of no interface", via.0);
                findings.error(via.node, Problem::Unreachable, message);
                return None;
            };
            index
        }
        (None, None) => {
            let gives = |key| findings.doc.gives(item.node, key);
            if !gives("via") && !gives("interface") {
                let message = "a route needs 'via' or 'interface'";
                findings.error(item.node, Problem::MissingKey, message);
            }
            return None;
        }
    };
    if let Some(via) = &item.via {
        check_via(findings, via.node, via.0, prefix, interface, topology);
    }
    Some(Route {
        prefix,
        via,
        interface,
    })
}

fn check_via(
    findings: &mut Findings<'_>,
    node: NodeId,
    via: IpAddr,
    prefix: Prefix,
    interface: u16,
    topology: &Topology,
) {
    if !net::same_family(via, prefix.address) {
        let message = format!(
            "{} router for {} destinations",
            net::family(via),
            net::family(prefix.address)
        );
        findings.error(node, Problem::Conflict, message);
    } else if topology.owner(via).is_some() {
        let message = format!("{via} is an address of this proxy, expected the next router");
        findings.error(node, Problem::Conflict, message);
    } else if !topology.is_on(interface, via) {
        let name = topology.name(interface);
        let message = format!("{via} is not on a network of interface '{name}'");
        findings.error(node, Problem::Unreachable, message);
    }
}

/// `prefix` as a network; host bits are noted.
fn canonical(findings: &mut Findings<'_>, node: NodeId, prefix: Prefix) -> Prefix {
    let network = net::network(prefix);
    if network != prefix {
        let Prefix { address, len } = network;
        let message = format!("expected a network, {} has host bits", prefix.address);
        findings
            .error(node, Problem::BadValue, message)
            .fix(format!("write {address}/{len}"));
    }
    network
}

/// Checks `forward`.
pub(crate) fn forward(
    findings: &mut Findings<'_>,
    raw: &RawPolicy,
    interfaces: &Names<'_>,
) -> Vec<ForwardRule> {
    raw.forward
        .iter()
        .filter_map(|item| rule(findings, item, interfaces))
        .collect()
}

fn rule(
    findings: &mut Findings<'_>,
    item: &At<RawForward>,
    interfaces: &Names<'_>,
) -> Option<ForwardRule> {
    const WITH_PORTS: [u8; 2] = [6, 17];
    let from = interfaces.resolve_if(findings, item.from.as_ref());
    let to = interfaces.resolve_if(findings, item.to.as_ref());
    let mut network =
        |at: &Option<At<Network>>| at.as_ref().map(|at| canonical(findings, at.node, at.0));
    let (source, destination) = (network(&item.source), network(&item.destination));
    if let (Some(source), Some(destination)) = (source, destination)
        && !net::same_family(source.address, destination.address)
    {
        let message = "source and destination are of different address families";
        findings.error(item.node, Problem::Conflict, message);
    }
    let protocol = item.protocol.map(|protocol| protocol.0);
    let has_ports = match protocol {
        Some(protocol) => WITH_PORTS.contains(&protocol),
        None => findings.doc.gives(item.node, "protocol"),
    };
    if let (Some(ports), false) = (item.ports, has_ports) {
        let message = "ports need the protocol to be tcp or udp";
        findings.error(ports.node, Problem::Conflict, message);
    }
    Some(ForwardRule {
        from: from?,
        to: to?,
        source,
        destination,
        protocol,
        ports: item.ports.map(|ports| (ports.first, ports.last)),
    })
}
