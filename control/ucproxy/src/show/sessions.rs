//! `show sessions`: live signalling sessions.

use core::fmt;
use core::net::SocketAddr;

use abi::policy::PolicyImage;
use abi::records::SessionRecord;
use serde::Serialize;

use super::tls_names::{cipher, version};
use crate::region::View;
use crate::table::Table;

/// Every live session, oldest first.
#[derive(Debug, Serialize)]
pub(crate) struct Sessions {
    sessions: Vec<Session>,
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
}

impl Sessions {
    /// Reads every worker's table.
    pub(crate) fn read(view: &View) -> Self {
        let policy = view.policy();
        let mut sessions: Vec<_> = view
            .workers()
            .flat_map(|worker| records(view, worker).map(move |record| (worker, record)))
            .map(|(worker, record)| session(worker, &record, policy.as_ref()))
            .collect();
        sessions.sort_by_key(|session| session.id);
        Self { sessions }
    }
}

fn records(view: &View, worker: usize) -> impl Iterator<Item = SessionRecord> {
    (0..view.layout.shape().sessions)
        .filter_map(move |i| SessionRecord::load(view.layout.session(worker, i)?))
}

fn session(worker: usize, record: &SessionRecord, policy: Option<&PolicyImage>) -> Session {
    Session {
        id: record.id,
        worker,
        app: app(record.app, policy),
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
        name: record.name.to_string(),
    }
}

fn app(index: u16, policy: Option<&PolicyImage>) -> String {
    policy
        .and_then(|policy| policy.apps.get(usize::from(index)))
        .map_or_else(|| index.to_string(), |app| app.name.clone())
}

impl fmt::Display for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new([
            "id", "app", "state", "client", "to", "server", "from", "tls", "in", "out", "name",
        ]);
        let clear = |tls: &Option<String>| tls.clone().unwrap_or_else(|| "clear".into());
        for s in &self.sessions {
            table.row([
                s.id.to_string(),
                s.app.clone(),
                s.state.into(),
                s.client.to_string(),
                s.client_local.to_string(),
                s.server.to_string(),
                s.server_local.to_string(),
                format!("{}/{}", clear(&s.client_tls), clear(&s.server_tls)),
                s.from_client.to_string(),
                s.from_server.to_string(),
                // Chosen by the client, so it may hold anything.
                s.name.escape_debug().to_string(),
            ]);
        }
        writeln!(f, "{table}{} sessions", self.sessions.len())
    }
}
