//! `servers` and `media`.

use abi::policy::{MediaTermination, UcServer};

use super::names::Names;
use super::net;
use super::network::Topology;
use crate::document::Findings;
use crate::finding::Problem;
use crate::raw::{RawMedia, RawPolicy, RawUcServer};
use crate::section::At;
use crate::value::{Address, PortRange};

/// Checks `servers`; one that is wrong keeps its position.
pub(crate) fn servers(
    findings: &mut Findings<'_>,
    raw: &RawPolicy,
    topology: &Topology,
) -> Vec<Option<UcServer>> {
    raw.servers
        .iter()
        .map(|item| server(findings, item, topology))
        .collect()
}

fn server(
    findings: &mut Findings<'_>,
    item: &At<RawUcServer>,
    topology: &Topology,
) -> Option<UcServer> {
    let address = item.address.as_ref()?;
    if check_host(findings, address) {
        if let Some(owner) = topology.owner(address.0) {
            let name = topology.name(owner);
            let message = format!("{} is an address of interface '{name}'", address.0);
            findings.error(address.node, Problem::Conflict, message);
        } else if topology.egress(address.0).is_none() {
            let message = format!("no interface or route leads to {}", address.0);
            findings.warning(address.node, Problem::Unreachable, message);
        }
    }
    Some(UcServer {
        name: item.name.as_ref()?.0.clone().into(),
        address: address.0,
        tcp_port: item.tcp_port.to(),
        tls_port: item.tls_port.to(),
    })
}

/// Notes an address that no host can have; `true` when it is one that a host can.
pub(crate) fn check_host(findings: &mut Findings<'_>, address: &At<Address>) -> bool {
    let Some(what) = net::not_a_host(address.0) else {
        return true;
    };
    let message = format!("expected the address of a host, {} is {what}", address.0);
    findings.error(address.node, Problem::BadValue, message);
    false
}

/// Checks `media`; one that is wrong keeps its position.
pub(crate) fn terminations(
    findings: &mut Findings<'_>,
    raw: &RawPolicy,
    interfaces: &Names<'_>,
    topology: &Topology,
) -> Vec<Option<MediaTermination>> {
    let mut media = Vec::with_capacity(raw.media.len());
    for item in raw.media.iter() {
        check_ports(findings, &item.udp_ports);
        media.push(termination(findings, item, interfaces, topology));
    }
    refuse_overlaps(findings, raw);
    refuse_servers(findings, raw);
    media
}

fn termination(
    findings: &mut Findings<'_>,
    item: &At<RawMedia>,
    interfaces: &Names<'_>,
    topology: &Topology,
) -> Option<MediaTermination> {
    let interface = interfaces.resolve_if(findings, item.interface.as_ref());
    let address = item.address.as_ref()?;
    if check_host(findings, address) {
        let interface = interface?;
        check_ours(findings, address, interface, topology);
    }
    Some(MediaTermination {
        name: item.name.as_ref()?.0.clone().into(),
        interface: interface?,
        address: address.0,
        udp_port_min: item.udp_ports.first,
        udp_port_max: item.udp_ports.last,
    })
}

/// Notes an address meant to be ours on `interface` that is another interface's, the next
/// router's, or on no network of `interface`.
pub(crate) fn check_ours(
    findings: &mut Findings<'_>,
    address: &At<Address>,
    interface: u16,
    topology: &Topology,
) {
    let name = topology.name(interface);
    match topology.owner(address.0) {
        Some(owner) if owner == interface => {}
        Some(owner) => {
            let other = topology.name(owner);
            let message = format!("{} is an address of interface '{other}'", address.0);
            findings.error(address.node, Problem::Conflict, message);
        }
        None if topology.routes.iter().any(|r| r.via == Some(address.0)) => {
            let message = format!("{} is the next router of a route", address.0);
            findings.error(address.node, Problem::Conflict, message);
        }
        None if !topology.is_on(interface, address.0) => {
            let message = format!(
                "{} is on no network of interface '{name}', so neighbours need a route to it",
                address.0
            );
            findings.warning(address.node, Problem::Unreachable, message);
        }
        None => {}
    }
}

fn check_ports(findings: &mut Findings<'_>, ports: &At<PortRange>) {
    let PortRange { first, last } = ports.value;
    if first % 2 == 0 && last % 2 == 1 {
        return;
    }
    let odd = last.saturating_sub(1) | 1;
    let even = first.checked_next_multiple_of(2);
    let fixed = even
        .filter(|&even| even < odd && odd <= last)
        .map(|even| format!("write {even}-{odd}"));
    let message = format!("expected an even first and an odd last port, found {first}-{last}");
    findings
        .error(ports.node, Problem::BadValue, message)
        .fix_if(fixed);
}

/// Notes ranges of one address that have ports in common.
fn refuse_overlaps(findings: &mut Findings<'_>, raw: &RawPolicy) {
    let with_address = |item: &'_ At<RawMedia>| item.address.as_ref().map(|a| a.0);
    let mut all: Vec<_> = raw
        .media
        .iter()
        .filter_map(|item| Some((with_address(item)?, item.udp_ports)))
        .collect();
    all.sort_by_key(|(address, ports)| (*address, ports.first, ports.node));
    let mut furthest: Option<(_, At<PortRange>)> = None;
    for (address, ports) in all {
        match furthest {
            Some((other, wide)) if other == address && ports.first <= wide.last => {
                let line = findings.doc.place(wide.node).line;
                let message = format!(
                    "ports {}-{} of {address} overlap {}-{} on line {line}",
                    ports.first, ports.last, wide.first, wide.last
                );
                findings.error(ports.node, Problem::Overlap, message);
                if wide.last >= ports.last {
                    continue;
                }
            }
            _ => {}
        }
        furthest = Some((address, ports));
    }
}

fn refuse_servers(findings: &mut Findings<'_>, raw: &RawPolicy) {
    let servers: std::collections::HashSet<_> = raw
        .servers
        .iter()
        .filter_map(|server| server.address.as_ref().map(|a| a.0))
        .collect();
    for address in raw.media.iter().filter_map(|item| item.address.as_ref()) {
        if servers.contains(&address.0) {
            let message = format!("{} is the address of a server", address.0);
            findings.error(address.node, Problem::Conflict, message);
        }
    }
}
