//! `show tls-proxy session [detail]` and `count`: live signalling sessions.

use core::fmt;
use core::net::SocketAddr;
use std::collections::BTreeMap;

use abi::Pool;
use abi::limits::{Limit, UNLIMITED};
use abi::policy::PolicyImage;
use abi::records::SessionRecord;
use serde::Serialize;

use super::owner::owner;
use super::tls_names::{cipher, version};
use crate::args::Filter;
use crate::clock::span;
use crate::region::View;
use crate::table::Table;

/// How the pool of TLS proxy sessions stands.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Totals {
    /// Sessions in use.
    pub(super) in_use: u64,
    /// Most sessions ever in use at once.
    pub(super) most_used: u64,
    /// Sessions that may be in use; `null` is without limit.
    pub(super) maximum: Option<u64>,
}

impl Totals {
    /// Reads the pool and its limit.
    pub(super) fn read(view: &View) -> Self {
        let pool = view
            .layout
            .usage()
            .map(|usage| usage.read(Pool::TlsSessions));
        let limits = view.layout.limits();
        let limit = limits.map_or(UNLIMITED, |limits| limits.get(Limit::TlsSessions));
        Self {
            in_use: pool.map_or(0, |pool| pool.in_use),
            most_used: pool.map_or(0, |pool| pool.most_used),
            maximum: (limit != UNLIMITED).then_some(limit),
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in use, {} most used", self.in_use, self.most_used)?;
        match self.maximum {
            Some(maximum) => write!(f, ", {maximum} at most"),
            None => Ok(()),
        }
    }
}

/// Live sessions, oldest first.
#[derive(Debug, Serialize)]
pub(crate) struct Sessions {
    #[serde(flatten)]
    totals: Totals,
    sessions: Vec<Session>,
    #[serde(skip)]
    detail: bool,
}

#[derive(Debug, Serialize)]
struct Session {
    id: u64,
    worker: usize,
    /// Name of the application, or its position when the policy has changed since.
    app: String,
    state: &'static str,
    client: SocketAddr,
    client_local: SocketAddr,
    server: SocketAddr,
    server_local: SocketAddr,
    /// Octets of plaintext from the client.
    from_client: u64,
    /// Octets of plaintext from the server.
    from_server: u64,
    client_tls: Option<String>,
    client_cipher: Option<String>,
    server_tls: Option<String>,
    server_cipher: Option<String>,
    /// Common name of the client's certificate.
    name: String,
    age_seconds: u64,
    idle_seconds: u64,
}

impl Sessions {
    /// Reads every worker's table.
    pub(crate) fn read(view: &View, filter: &Filter, detail: bool) -> Self {
        let policy = view.policy();
        let mut sessions: Vec<_> = view
            .sessions()
            .map(|(worker, record)| session(view, worker, &record, policy.as_ref()))
            .filter(|session| session.is_wanted(filter))
            .collect();
        sessions.sort_by_key(|session| session.id);
        Self {
            totals: Totals::read(view),
            sessions,
            detail,
        }
    }

    fn brief(&self) -> Table {
        let mut table = Table::new([
            "id", "app", "state", "client", "server", "in", "out", "age", "idle", "name",
        ]);
        for s in &self.sessions {
            table.row([
                s.id.to_string(),
                s.app.clone(),
                s.state.into(),
                s.client.to_string(),
                s.server.to_string(),
                s.from_client.to_string(),
                s.from_server.to_string(),
                span(s.age_seconds),
                span(s.idle_seconds),
                printable(&s.name),
            ]);
        }
        table
    }
}

fn session(
    view: &View,
    worker: usize,
    record: &SessionRecord,
    policy: Option<&PolicyImage>,
) -> Session {
    let owner = owner(record, policy);
    Session {
        id: record.id,
        worker,
        app: owner.app,
        state: record.state.name(),
        client: record.client,
        client_local: record.client_local,
        server: record.server,
        server_local: record.server_local,
        from_client: record.from_client,
        from_server: record.from_server,
        client_tls: version(record.client_tls),
        client_cipher: cipher(record.client_suite),
        server_tls: version(record.server_tls),
        server_cipher: cipher(record.server_suite),
        name: owner.user,
        age_seconds: view.seconds_since(record.opened),
        idle_seconds: view.seconds_since(record.active),
    }
}

impl Session {
    fn is_wanted(&self, filter: &Filter) -> bool {
        let addresses = [
            self.client,
            self.client_local,
            self.server,
            self.server_local,
        ];
        filter.takes(addresses.map(|a| a.ip()), &self.name, &self.app)
    }

    /// Both legs, as the original tells them.
    fn write_detail(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "session {} of {}, worker {}, {}, age {}, idle {}, name {}",
            self.id,
            self.app,
            self.worker,
            self.state,
            span(self.age_seconds),
            span(self.idle_seconds),
            printable(&self.name),
        )?;
        let legs = [
            ("client", self.client, self.client_local),
            ("server", self.server, self.server_local),
        ];
        let tls = [
            (&self.client_tls, &self.client_cipher, self.from_client),
            (&self.server_tls, &self.server_cipher, self.from_server),
        ];
        for ((side, peer, local), (version, cipher, octets)) in legs.into_iter().zip(tls) {
            let version = version.as_deref().unwrap_or("clear");
            let cipher = cipher.as_deref().unwrap_or("no cipher");
            writeln!(
                f,
                "  {side} {peer} at {local}, {version}, {cipher}, {octets} octets"
            )?;
        }
        Ok(())
    }
}

/// A name that the client chose, so that it may hold anything.
fn printable(name: &str) -> String {
    name.escape_debug().to_string()
}

impl fmt::Display for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.totals)?;
        if self.detail {
            self.sessions.iter().try_for_each(|s| s.write_detail(f))?;
        } else {
            write!(f, "{}", self.brief())?;
        }
        writeln!(f, "{} sessions", self.sessions.len())
    }
}

/// How many sessions there are.
#[derive(Debug, Serialize)]
pub(crate) struct Count {
    #[serde(flatten)]
    totals: Totals,
    /// By application, in each state.
    applications: BTreeMap<String, BTreeMap<&'static str, u64>>,
}

impl Count {
    /// Counts every worker's sessions.
    pub(crate) fn read(view: &View, filter: &Filter) -> Self {
        let mut applications = BTreeMap::<String, BTreeMap<_, u64>>::new();
        for session in Sessions::read(view, filter, false).sessions {
            let states = applications.entry(session.app).or_default();
            *states.entry(session.state).or_default() += 1;
        }
        Self {
            totals: Totals::read(view),
            applications,
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(["app", "state", "sessions"]);
        for (app, states) in &self.applications {
            for (state, count) in states {
                table.row([app.clone(), (*state).into(), count.to_string()]);
            }
        }
        write!(f, "{}\n{table}", self.totals)
    }
}
