//! `applications`.

use core::net::IpAddr;
use std::collections::HashMap;

use abi::policy::{
    Application, ClientAuth, ClientTls, Listener, MediaTermination, ServerTls, Source, UcServer,
};

use super::media::{check_host, check_ours};
use super::names::Names;
use super::net;
use super::network::Topology;
use crate::document::{Findings, NodeId};
use crate::finding::Problem;
use crate::options;
use crate::raw::{
    Auth, ClientSecurity, RawApplication, RawClientTls, RawListener, RawPolicy, RawServerTls,
    RawSource, RawTrustpoint, ServerSecurity,
};
use crate::section::{At, List};
use crate::value::{Address, Name};

/// What applications refer to.
pub(crate) struct Parts<'p> {
    pub(crate) topology: &'p Topology,
    pub(crate) interfaces: &'p Names<'p>,
    pub(crate) servers: &'p Names<'p>,
    pub(crate) trustpoints: &'p Names<'p>,
    pub(crate) media: &'p Names<'p>,
    pub(crate) server_list: &'p [Option<UcServer>],
    pub(crate) trustpoint_list: &'p [At<RawTrustpoint>],
    pub(crate) media_list: &'p [Option<MediaTermination>],
}

impl Parts<'_> {
    fn server(&self, index: u16) -> Option<&UcServer> {
        self.server_list.get(usize::from(index))?.as_ref()
    }

    fn media_address(&self, index: u16) -> Option<IpAddr> {
        let termination = self.media_list.get(usize::from(index))?.as_ref()?;
        Some(termination.address)
    }
}

/// Checks `applications`. Addresses that they need and their interfaces are added to `owned`.
pub(crate) fn applications(
    findings: &mut Findings<'_>,
    raw: &RawPolicy,
    parts: &Parts<'_>,
    owned: &mut Vec<(u16, IpAddr)>,
) -> Vec<Application> {
    let mut taken = HashMap::new();
    let mut apps = Vec::with_capacity(raw.applications.len());
    for item in raw.applications.iter() {
        let kind = item.kind.map(|kind| kind.0);
        let port = kind.map(|kind| kind.tcp_port);
        let mut listeners = Vec::with_capacity(item.listeners().len());
        for at in item.listeners() {
            if let Some(listener) = listener(findings, at, parts, port, owned) {
                refuse_taken(findings, at.node, &listener, &mut taken);
                check_family(findings, at, &listener, item, parts);
                listeners.push(listener);
            }
        }
        let name = item.name.as_ref();
        apps.push(Application {
            name: name.map_or_else(String::new, |name| name.0.clone().into()),
            kind: kind.map_or_else(String::new, |kind| kind.name.into()),
            client_tls: client_side(findings, item, parts),
            server_tls: server_side(findings, item, parts),
            source: source(findings, item, &listeners, parts, owned),
            client_media: media(
                findings,
                "clients",
                item.client.node,
                &item.client.media,
                parts,
            ),
            server_media: media(
                findings,
                "servers",
                item.server.node,
                &item.server.media,
                parts,
            ),
            config: kind.map_or_else(Vec::new, |kind| {
                let written = item.options.as_ref().map(|at| at.node);
                options::encode(findings, kind.name, written)
            }),
            listeners,
        });
    }
    apps
}

fn listener(
    findings: &mut Findings<'_>,
    item: &At<RawListener>,
    parts: &Parts<'_>,
    default_port: Option<u16>,
    owned: &mut Vec<(u16, IpAddr)>,
) -> Option<Listener> {
    let interface = parts
        .interfaces
        .resolve_if(findings, item.interface.as_ref());
    let server = parts.servers.resolve_if(findings, item.server.as_ref());
    let address = item.address.as_ref()?;
    let (interface, server) = (interface?, server?);
    let real = parts.server(server)?.address;
    if check_host(findings, address) {
        if address.0 == real {
            check_transparent(findings, address, interface, parts.topology);
        } else {
            refuse_servers(findings, address, parts, |name| {
                Some(format!("set server to {name}"))
            });
            check_ours(findings, address, interface, parts.topology);
            owned.push((interface, address.0));
        }
    }
    Some(Listener {
        interface,
        address: address.0,
        tcp_port: item.port.map(|port| port.to()).or(default_port)?,
        server,
    })
}

/// A transparent listener works only where the proxy is the router between client and server.
fn check_transparent(
    findings: &mut Findings<'_>,
    address: &At<Address>,
    interface: u16,
    topology: &Topology,
) {
    if topology.egress(address.0) == Some(interface) {
        let name = topology.name(interface);
        let message = format!(
            "the server is on the same interface '{name}' as its clients, who may reach it past \
             the proxy"
        );
        findings.warning(address.node, Problem::Unreachable, message);
    }
}

/// Notes an address meant to be ours that is a server's; `fix` knows what to do about that one.
fn refuse_servers(
    findings: &mut Findings<'_>,
    address: &At<Address>,
    parts: &Parts<'_>,
    fix: impl Fn(&str) -> Option<String>,
) {
    let mut servers = parts.server_list.iter().flatten();
    if let Some(other) = servers.find(|server| server.address == address.0) {
        let message = format!("{} is the address of server '{}'", address.0, other.name);
        findings
            .error(address.node, Problem::Conflict, message)
            .fix_if(fix(&other.name));
    }
}

fn refuse_taken(
    findings: &mut Findings<'_>,
    node: NodeId,
    listener: &Listener,
    taken: &mut HashMap<(u16, IpAddr, u16), NodeId>,
) {
    let key = (listener.interface, listener.address, listener.tcp_port);
    if let Some(first) = taken.insert(key, node) {
        let line = findings.doc.place(first).line;
        let message =
            format!("the listener on line {line} has the same interface, address and port");
        findings.error(node, Problem::Overlap, message);
    }
}

/// The client's own address can be kept only towards a server of its family.
fn check_family(
    findings: &mut Findings<'_>,
    item: &At<RawListener>,
    listener: &Listener,
    app: &RawApplication,
    parts: &Parts<'_>,
) {
    let keeps = match &app.server.source {
        Some(source) => matches!(source.value, RawSource::Client),
        None => !findings.doc.gives(app.server.node, "source"),
    };
    let server = parts.server(listener.server);
    if let Some(server) = server
        && keeps
        && !net::same_family(server.address, listener.address)
    {
        let message = format!(
            "{} clients keep their address towards an {} server",
            net::family(listener.address),
            net::family(server.address)
        );
        findings
            .error(item.node, Problem::Conflict, message)
            .fix("list one of our addresses under server.source");
    }
}

fn client_side(
    findings: &mut Findings<'_>,
    item: &At<RawApplication>,
    parts: &Parts<'_>,
) -> Option<ServerTls> {
    let encrypted = item.client.security.value == ClientSecurity::Encrypted;
    let tls = side_tls(
        findings,
        item.node,
        "client.tls",
        encrypted,
        item.client.tls.as_ref(),
    )?;
    let identity = tls
        .identity
        .as_ref()
        .and_then(|name| identity(findings, name, parts));
    let trust = trust(findings, &tls.trust, parts);
    check_client_auth(findings, tls);
    Some(ServerTls {
        identity: identity?,
        client_auth: match tls.client_auth.value {
            Auth::Required => ClientAuth::Required,
            Auth::Optional => ClientAuth::Optional,
            Auth::None => ClientAuth::None,
        },
        trust,
        resumption: tls.resumption.0,
    })
}

fn check_client_auth(findings: &mut Findings<'_>, tls: &At<RawServerTls>) {
    let asks = tls.client_auth.value != Auth::None;
    if asks && !findings.doc.gives(tls.node, "trust") {
        let message = "clients show certificates that no trustpoint verifies";
        findings
            .error(tls.node, Problem::MissingKey, message)
            .fix("add 'trust', or set client_auth to none");
    } else if !asks && !tls.trust.is_empty() {
        let message = "clients are not asked for a certificate, so there is none to verify";
        findings.warning(tls.trust.node, Problem::Unused, message);
    }
}

fn server_side(
    findings: &mut Findings<'_>,
    item: &At<RawApplication>,
    parts: &Parts<'_>,
) -> Option<ClientTls> {
    let encrypted = item.server.security.value == ServerSecurity::Encrypted;
    let tls: &At<RawClientTls> = side_tls(
        findings,
        item.node,
        "server.tls",
        encrypted,
        item.server.tls.as_ref(),
    )?;
    let identity = tls
        .identity
        .as_ref()
        .and_then(|name| identity(findings, name, parts));
    let trust = trust(findings, &tls.trust, parts);
    if !findings.doc.gives(tls.node, "trust") {
        let message = "no trustpoint verifies the server's certificate";
        findings
            .error(tls.node, Problem::MissingKey, message)
            .fix("add 'trust'");
    }
    if let (Some(name), true) = (&tls.verify_name, tls.pass_sni.0) {
        let message = "excludes pass_sni, which takes the name from the client";
        findings.error(name.node, Problem::Conflict, message);
    }
    Some(ClientTls {
        identity,
        trust,
        verify_name: tls.verify_name.as_ref().map(|name| name.0.clone().into()),
        pass_sni: tls.pass_sni.0,
        resumption: tls.resumption.0,
    })
}

/// The TLS section of a side that has one; notes one missing, and one that is not used.
fn side_tls<'r, T>(
    findings: &mut Findings<'_>,
    app: NodeId,
    key: &str,
    encrypted: bool,
    tls: Option<&'r At<T>>,
) -> Option<&'r At<T>> {
    match (encrypted, tls) {
        (true, None) => {
            let place = findings.doc.place(app);
            let message = "missing, expected a mapping: this side is encrypted";
            findings.error_at_key(app, key, place, Problem::MissingKey, message);
            None
        }
        (false, Some(tls)) => {
            let message = "this side is nonsecure, so its TLS is not used";
            findings
                .warning(tls.node, Problem::Unused, message)
                .fix("set security to encrypted, or leave tls out");
            None
        }
        (true, Some(tls)) => Some(tls),
        (false, None) => None,
    }
}

fn identity(findings: &mut Findings<'_>, name: &At<Name>, parts: &Parts<'_>) -> Option<u16> {
    let index = parts.trustpoints.resolve(findings, name)?;
    let trustpoint = parts.trustpoint_list.get(usize::from(index))?;
    let gives = |key| findings.doc.gives(trustpoint.node, key);
    if !gives("certificate") && !gives("key") {
        let message = format!("trustpoint '{}' has no certificate of our own", name.0);
        findings
            .error(name.node, Problem::Certificate, message)
            .fix("give it 'certificate' and 'key'");
    }
    Some(index)
}

fn trust(findings: &mut Findings<'_>, names: &List<Name>, parts: &Parts<'_>) -> Vec<u16> {
    let mut indices = Vec::with_capacity(names.len());
    for name in names.iter() {
        let Some(index) = parts.trustpoints.resolve(findings, name) else {
            continue;
        };
        let gives = |node, key| findings.doc.gives(node, key);
        let usable = parts
            .trustpoint_list
            .get(usize::from(index))
            .is_some_and(|t| gives(t.node, "ca") || gives(t.node, "pinned"));
        if !usable {
            let message = format!("trustpoint '{}' trusts nobody", name.0);
            findings
                .error(name.node, Problem::Certificate, message)
                .fix("give it 'ca' or 'pinned'");
        }
        indices.push(index);
    }
    indices
}

fn media(
    findings: &mut Findings<'_>,
    side: &str,
    section: NodeId,
    names: &List<Name>,
    parts: &Parts<'_>,
) -> Vec<u16> {
    if !findings.doc.gives(section, "media") {
        let message = format!("no media termination towards {side}, so calls carry no media");
        findings.warning(section, Problem::MissingKey, message);
    }
    let mut indices: Vec<u16> = Vec::with_capacity(names.len());
    for name in names.iter() {
        let Some(index) = parts.media.resolve(findings, name) else {
            continue;
        };
        let address = parts.media_address(index);
        let again = address.is_some_and(|address| {
            let mut earlier = indices.iter().filter_map(|&i| parts.media_address(i));
            earlier.any(|other| net::same_family(other, address))
        });
        if let (true, Some(address)) = (again, address) {
            let family = net::family(address);
            let message = format!("a second {family} termination, expected at most one");
            findings.error(name.node, Problem::Conflict, message);
        }
        indices.push(index);
    }
    indices
}

fn source(
    findings: &mut Findings<'_>,
    item: &RawApplication,
    listeners: &[Listener],
    parts: &Parts<'_>,
    owned: &mut Vec<(u16, IpAddr)>,
) -> Source {
    let Some(RawSource::Proxy(addresses)) = item.server.source.as_ref().map(|at| &at.value) else {
        return Source::Client;
    };
    let node = item
        .server
        .source
        .as_ref()
        .map_or(item.server.node, |at| at.node);
    let servers: Vec<_> = listeners
        .iter()
        .filter_map(|l| parts.server(l.server))
        .collect();
    for address in addresses.iter() {
        let towards = servers
            .iter()
            .filter(|server| net::same_family(server.address, address.0))
            .find_map(|server| parts.topology.egress(server.address));
        if let (true, Some(interface)) = (check_host(findings, address), towards) {
            refuse_servers(findings, address, parts, |_| None);
            check_ours(findings, address, interface, parts.topology);
            owned.push((interface, address.0));
        }
    }
    if addresses.len() < findings.doc.items(node).len() {
        // One that is wrong may be the one that a server needs.
        return Source::Client;
    }
    for server in servers {
        let covered = addresses
            .iter()
            .any(|address| net::same_family(address.0, server.address));
        if !covered {
            let family = net::family(server.address);
            let message = format!("no {family} address, which server '{}' needs", server.name);
            findings.error(node, Problem::MissingKey, message);
        }
    }
    Source::Proxy(addresses.iter().map(|address| address.0).collect())
}
