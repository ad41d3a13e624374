//! `show conn`: every TCP connection and media flow that we are an end of.

use core::fmt;
use core::net::SocketAddr;

use abi::records::{SessionRecord, SessionState, StreamRecord, StreamSide};
use serde::Serialize;

use super::owner::{Owner, Owners, owner};
use crate::args::Filter;
use crate::clock::span;
use crate::region::View;
use crate::table::Table;

/// Both legs of every session and stream.
#[derive(Debug, Serialize)]
pub(crate) struct Connections {
    connections: Vec<Connection>,
}

/// One connection: a leg of a session, or a side of a media stream.
#[derive(Clone, Debug, Serialize)]
struct Connection {
    protocol: &'static str,
    session: u64,
    leg: &'static str,
    app: String,
    name: String,
    peer: SocketAddr,
    local: SocketAddr,
    /// See [`LEGEND`].
    flags: String,
    age_seconds: u64,
    /// `null` for media.
    idle_seconds: Option<u64>,
    /// From the peer: of plaintext, or of media without tags.
    octets_in: u64,
    /// To the peer.
    octets_out: u64,
}

const LEGEND: &str = "flags: B opened by the client, s waits for the server, h in handshake, U up, \
                      I and O octets in and out, E encrypted, m media, f ending";

impl Connections {
    /// Reads every worker's tables.
    pub(crate) fn read(view: &View, filter: &Filter) -> Self {
        let policy = view.policy();
        let mut connections: Vec<_> = view
            .sessions()
            .flat_map(|(_, record)| legs(view, &record, owner(&record, policy.as_ref())))
            .collect();
        let owners = Owners::read(view);
        let flows = view.streams().flat_map(|(_, record)| {
            let owner = owners.of_session(record.session);
            sides(view, &record, &owner)
        });
        connections.extend(flows);
        // Both legs go together: whoever asks for one end wants to see the other.
        let wanted = |pair: &[Connection]| {
            let ends = pair.iter().flat_map(|c| [c.peer.ip(), c.local.ip()]);
            let (name, app) = pair.first().map_or(("", ""), |c| (&c.name, &c.app));
            filter.takes(ends, name, app)
        };
        let mut kept: Vec<_> = connections
            .chunks(2)
            .filter(|pair| wanted(pair))
            .flatten()
            .cloned()
            .collect();
        kept.sort_by_key(|c| c.session);
        Self { connections: kept }
    }
}

fn legs(view: &View, record: &SessionRecord, owner: Owner) -> [Connection; 2] {
    let leg = |leg, peer, local, octets_in, octets_out, tls: u16| Connection {
        protocol: "TCP",
        session: record.id,
        leg,
        app: owner.app.clone(),
        name: owner.user.clone(),
        peer,
        local,
        flags: flags(record.state, leg, octets_in, octets_out, tls != 0),
        age_seconds: view.seconds_since(record.opened),
        idle_seconds: Some(view.seconds_since(record.active)),
        octets_in,
        octets_out,
    };
    let (from_client, from_server) = (record.from_client, record.from_server);
    [
        leg(
            "client",
            record.client,
            record.client_local,
            from_client,
            from_server,
            record.client_tls,
        ),
        leg(
            "server",
            record.server,
            record.server_local,
            from_server,
            from_client,
            record.server_tls,
        ),
    ]
}

fn flags(
    state: SessionState,
    leg: &str,
    octets_in: u64,
    octets_out: u64,
    encrypted: bool,
) -> String {
    let is_client = leg == "client";
    let up = match state {
        SessionState::Open | SessionState::Closing => true,
        SessionState::ServerConnect => is_client,
        SessionState::ClientHandshake | SessionState::Free => false,
    };
    let all = [
        (is_client, 'B'),
        (!up && !is_client, 's'),
        (!up && is_client, 'h'),
        (up, 'U'),
        (octets_in > 0, 'I'),
        (octets_out > 0, 'O'),
        (encrypted, 'E'),
        (state == SessionState::Closing, 'f'),
    ];
    let set = all.into_iter().filter(|(is_set, _)| *is_set);
    set.map(|(_, flag)| flag).collect()
}

fn sides(view: &View, record: &StreamRecord, owner: &Owner) -> [Connection; 2] {
    let octets = |side: &StreamSide| side.flow.rtp_octets.saturating_add(side.flow.rtcp_octets);
    let side = |leg, side: &StreamSide, other: &StreamSide| Connection {
        protocol: "UDP",
        session: record.session,
        leg,
        app: owner.app.clone(),
        name: owner.user.clone(),
        peer: side.remote,
        local: side.local,
        flags: media_flags(octets(side), octets(other), side.suite != 0),
        age_seconds: view.seconds_since(record.opened),
        idle_seconds: None,
        octets_in: octets(side),
        octets_out: octets(other),
    };
    [
        side("client", &record.client, &record.server),
        side("server", &record.server, &record.client),
    ]
}

fn media_flags(octets_in: u64, octets_out: u64, encrypted: bool) -> String {
    let all = [
        (true, 'm'),
        (octets_in > 0, 'I'),
        (octets_out > 0, 'O'),
        (encrypted, 'E'),
    ];
    let set = all.into_iter().filter(|(is_set, _)| *is_set);
    set.map(|(_, flag)| flag).collect()
}

impl fmt::Display for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new([
            "protocol", "session", "leg", "peer", "local", "flags", "age", "idle", "in", "out",
            "app", "name",
        ]);
        for c in &self.connections {
            table.row([
                c.protocol.into(),
                c.session.to_string(),
                c.leg.into(),
                c.peer.to_string(),
                c.local.to_string(),
                c.flags.clone(),
                span(c.age_seconds),
                c.idle_seconds.map_or_else(|| "-".into(), span),
                c.octets_in.to_string(),
                c.octets_out.to_string(),
                c.app.clone(),
                c.name.escape_debug().to_string(),
            ]);
        }
        writeln!(f, "{table}{} connections\n{LEGEND}", self.connections.len())
    }
}
