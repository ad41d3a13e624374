//! `show tls-proxy`: the applications that end TLS, as configured and with what they carry.

use core::fmt;
use std::collections::HashMap;

use abi::policy::{Application, ClientAuth, ClientTls, PolicyImage, ServerTls};
use serde::Serialize;

use super::tls_sessions::Totals;
use crate::args::Filter;
use crate::region::View;

/// Every application of the policy in force.
#[derive(Debug, Serialize)]
pub(crate) struct Proxies {
    #[serde(flatten)]
    totals: Totals,
    proxies: Vec<Proxy>,
}

#[derive(Debug, Serialize)]
struct Proxy {
    name: String,
    kind: String,
    listeners: Vec<String>,
    /// Towards clients; `null` is clear TCP.
    server_proxy: Option<ServerProxy>,
    /// Towards servers; `null` is clear TCP.
    client_proxy: Option<ClientProxy>,
    sessions: u64,
    /// Of plaintext that live sessions have passed on.
    octets: u64,
}

#[derive(Debug, Serialize)]
struct ServerProxy {
    trustpoint: String,
    client_certificate: &'static str,
    trust: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ClientProxy {
    trustpoint: Option<String>,
    trust: Vec<String>,
    verify_name: Option<String>,
}

impl Proxies {
    /// Reads the policy and every worker's sessions; `filter` picks the sessions, and the
    /// application if it names one.
    pub(crate) fn read(view: &View, filter: &Filter) -> Self {
        let mut carried = HashMap::<u16, (u64, u64)>::new();
        let policy = view.policy().unwrap_or_default();
        for (_, record) in view.sessions() {
            let owner = super::owner::owner(&record, Some(&policy));
            let ends = [
                record.client,
                record.client_local,
                record.server,
                record.server_local,
            ];
            if filter.takes(ends.map(|a| a.ip()), &owner.user, &owner.app) {
                let (sessions, octets) = carried.entry(record.app).or_default();
                *sessions += 1;
                let both = record.from_client.saturating_add(record.from_server);
                *octets = octets.saturating_add(both);
            }
        }
        let apps = (0_u16..).zip(&policy.apps);
        let proxies = apps
            .filter(|(_, app)| filter.names(&app.name))
            .map(|(index, app)| {
                let (sessions, octets) = carried.get(&index).copied().unwrap_or_default();
                Proxy {
                    sessions,
                    octets,
                    ..proxy(&policy, app)
                }
            })
            .collect();
        Self {
            totals: Totals::read(view),
            proxies,
        }
    }
}

fn proxy(policy: &PolicyImage, app: &Application) -> Proxy {
    let listener = |l: &abi::policy::Listener| {
        let server = policy.servers.get(usize::from(l.server));
        let server = server.map_or_else(String::new, |server| format!(" to {}", server.name));
        format!(
            "{}{server}",
            core::net::SocketAddr::new(l.address, l.tcp_port)
        )
    };
    Proxy {
        name: app.name.clone(),
        kind: app.kind.clone(),
        listeners: app.listeners.iter().map(listener).collect(),
        server_proxy: app.client_tls.as_ref().map(|tls| server(policy, tls)),
        client_proxy: app.server_tls.as_ref().map(|tls| client(policy, tls)),
        sessions: 0,
        octets: 0,
    }
}

fn server(policy: &PolicyImage, tls: &ServerTls) -> ServerProxy {
    ServerProxy {
        trustpoint: trustpoint(policy, tls.identity),
        client_certificate: match tls.client_auth {
            ClientAuth::Required => "required",
            ClientAuth::Optional => "optional",
            ClientAuth::None => "none",
        },
        trust: tls.trust.iter().map(|&at| trustpoint(policy, at)).collect(),
    }
}

fn client(policy: &PolicyImage, tls: &ClientTls) -> ClientProxy {
    ClientProxy {
        trustpoint: tls.identity.map(|at| trustpoint(policy, at)),
        trust: tls.trust.iter().map(|&at| trustpoint(policy, at)).collect(),
        verify_name: tls.verify_name.clone(),
    }
}

fn trustpoint(policy: &PolicyImage, at: u16) -> String {
    let found = policy.trustpoints.get(usize::from(at));
    found.map_or_else(|| at.to_string(), |trustpoint| trustpoint.name.clone())
}

impl fmt::Display for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "TLS proxy sessions: {}", self.totals)?;
        for proxy in &self.proxies {
            writeln!(f, "{} ({})", proxy.name, proxy.kind)?;
            for listener in &proxy.listeners {
                writeln!(f, "  listens at {listener}")?;
            }
            match &proxy.server_proxy {
                Some(tls) => writeln!(
                    f,
                    "  server proxy: trustpoint {}, client certificate {}, trusts [{}]",
                    tls.trustpoint,
                    tls.client_certificate,
                    tls.trust.join(", ")
                )?,
                None => writeln!(f, "  server proxy: clear TCP")?,
            }
            match &proxy.client_proxy {
                Some(tls) => writeln!(
                    f,
                    "  client proxy: trustpoint {}, trusts [{}]",
                    tls.trustpoint.as_deref().unwrap_or("none"),
                    tls.trust.join(", ")
                )?,
                None => writeln!(f, "  client proxy: clear TCP")?,
            }
            writeln!(f, "  {} sessions, {} octets", proxy.sessions, proxy.octets)?;
        }
        Ok(())
    }
}
