//! What `ucproxy show … --json` says, as the runs use it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::Value;

use crate::error::{Failure, Result, ensure};

/// Counters by name, all workers together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters(BTreeMap<String, u64>);

impl Counters {
    /// Reads `show counters`: an object for each worker, or their total.
    #[must_use]
    pub fn read(json: &Value) -> Self {
        let mut counters = BTreeMap::new();
        let source = json.get("total").unwrap_or(json);
        add_numbers(source, &mut counters);
        Self(counters)
    }

    /// The value of a counter; one that was never counted is zero.
    #[must_use]
    pub fn value(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// How much each counter has grown since `before`; those that did not are left out.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let grown = self
            .0
            .iter()
            .map(|(name, value)| (name.clone(), value.saturating_sub(before.value(name))));
        Self(grown.filter(|&(_, value)| value != 0).collect())
    }
}

impl std::fmt::Display for Counters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (name, value) in &self.0 {
            write!(f, "{name} {value}  ")?;
        }
        Ok(())
    }
}

fn add_numbers(json: &Value, counters: &mut BTreeMap<String, u64>) {
    match json {
        Value::Object(map) => {
            for (name, value) in map {
                match value.as_u64() {
                    Some(n) => *counters.entry(name.clone()).or_default() += n,
                    None => add_numbers(value, counters),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| add_numbers(value, counters)),
        _ => {}
    }
}

/// Whether `show status` says that workers run under the newest policy, and that it is in force as
/// far as the process `control` knows, if there is one.
#[must_use]
pub fn is_ready(status: &Value, control: Option<u32>) -> bool {
    let of_control = |key| status.pointer(&format!("/control/{key}"));
    let is_at_work = |pid: u32| {
        of_control("pid").and_then(Value::as_u64) == Some(pid.into())
            && of_control("in_force").and_then(Value::as_bool) == Some(true)
    };
    status.get("ready").and_then(Value::as_bool) == Some(true) && control.is_none_or(is_at_work)
}

/// A live session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its identifier.
    pub id: u64,
    /// The worker that serves it.
    pub worker: u64,
    /// How far it has come.
    pub state: String,
    /// The client's address.
    pub client: SocketAddr,
    /// Address that the client aimed at.
    pub client_local: SocketAddr,
    /// The server's address.
    pub server: SocketAddr,
    /// The proxy's source address towards the server.
    pub server_local: SocketAddr,
    /// TLS version of the client's leg, empty when clear.
    pub client_tls: String,
    /// TLS version of the server's leg, empty when clear.
    pub server_tls: String,
}

/// Live sessions.
///
/// # Errors
/// When a field is missing.
pub fn sessions(json: &Value) -> Result<Vec<Session>> {
    list(json, "sessions")?
        .iter()
        .map(|s| {
            Ok(Session {
                id: number(s, "id")?,
                worker: number(s, "worker")?,
                state: text(s, "state")?.to_owned(),
                client: address(s, "client")?,
                client_local: address(s, "client_local")?,
                server: address(s, "server")?,
                server_local: address(s, "server_local")?,
                client_tls: s
                    .get("client_tls")
                    .and_then(Value::as_str)
                    .unwrap_or("")
                    .to_owned(),
                server_tls: s
                    .get("server_tls")
                    .and_then(Value::as_str)
                    .unwrap_or("")
                    .to_owned(),
            })
        })
        .collect()
}

/// One side of a live media stream: what came in on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// The proxy's RTP address.
    pub local: SocketAddr,
    /// The peer's RTP address.
    pub remote: SocketAddr,
    /// SRTP suite; `clear` without.
    pub suite: String,
    /// RTP packets passed on.
    pub rtp_packets: u64,
    /// Octets of them.
    pub rtp_octets: u64,
    /// RTCP packets passed on.
    pub rtcp_packets: u64,
    /// Octets of them.
    pub rtcp_octets: u64,
    /// Packets that did not authenticate.
    pub auth_failures: u64,
    /// Packets seen before.
    pub replays: u64,
    /// Packets refused for another reason.
    pub refused: u64,
}

/// A live media stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Identifier of its session.
    pub session: u64,
    /// From the client.
    pub client: Side,
    /// From the server's side.
    pub server: Side,
}

/// Live media streams.
///
/// # Errors
/// When a field is missing.
pub fn streams(json: &Value) -> Result<Vec<Stream>> {
    list(json, "streams")?
        .iter()
        .map(|s| {
            Ok(Stream {
                session: number(s, "session")?,
                client: side(member(s, "client")?)?,
                server: side(member(s, "server")?)?,
            })
        })
        .collect()
}

fn side(json: &Value) -> Result<Side> {
    Ok(Side {
        local: address(json, "local")?,
        remote: address(json, "remote")?,
        suite: text(json, "suite")?.to_owned(),
        rtp_packets: number(json, "rtp_packets")?,
        rtp_octets: number(json, "rtp_octets")?,
        rtcp_packets: number(json, "rtcp_packets")?,
        rtcp_octets: number(json, "rtcp_octets")?,
        auth_failures: number(json, "auth_failures")?,
        replays: number(json, "replays")?,
        refused: number(json, "refused")?,
    })
}

/// One-way delay of media through the proxy, from receive to send, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// Packets measured.
    pub packets: u64,
    /// Half of them were faster.
    pub p50_ns: u64,
    /// Ninety-nine in a hundred were faster.
    pub p99_ns: u64,
}

/// The media delay of all workers together; `None` before the first packet.
///
/// # Errors
/// When a field is missing.
pub fn delay(json: &Value) -> Result<Option<Delay>> {
    let delay = member(json, "delay")?;
    let packets = number(delay, "packets")?;
    if packets == 0 {
        return Ok(None);
    }
    Ok(Some(Delay {
        packets,
        p50_ns: number(delay, "p50_ns")?,
        p99_ns: number(delay, "p99_ns")?,
    }))
}

/// A pool of licence units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// What is counted.
    pub name: String,
    /// Units in use.
    pub in_use: u64,
}

/// Every pool.
///
/// # Errors
/// When a field is missing.
pub fn pools(json: &Value) -> Result<Vec<Pool>> {
    list(json, "pools")?
        .iter()
        .map(|pool| {
            Ok(Pool {
                name: text(pool, "name")?.to_owned(),
                in_use: number(pool, "in_use")?,
            })
        })
        .collect()
}

/// Fails unless no unit of any pool is in use.
///
/// # Errors
/// Names the pools.
pub fn ensure_all_given_back(license: &Value) -> Result<()> {
    let held: Vec<Pool> = pools(license)?
        .into_iter()
        .filter(|p| p.in_use != 0)
        .collect();
    ensure(held.is_empty(), || {
        format!("licence units still in use: {held:?}")
    })
}

fn member<'j>(json: &'j Value, key: &str) -> Result<&'j Value> {
    json.get(key)
        .ok_or_else(|| Failure::Unexpected(format!("no {key:?} in {json}")))
}

fn list<'j>(json: &'j Value, key: &str) -> Result<&'j Vec<Value>> {
    member(json, key)?
        .as_array()
        .ok_or_else(|| Failure::Unexpected(format!("{key:?} is no list in {json}")))
}

fn number(json: &Value, key: &str) -> Result<u64> {
    member(json, key)?
        .as_u64()
        .ok_or_else(|| Failure::Unexpected(format!("{key:?} is no number in {json}")))
}

fn text<'j>(json: &'j Value, key: &str) -> Result<&'j str> {
    member(json, key)?
        .as_str()
        .ok_or_else(|| Failure::Unexpected(format!("{key:?} is no text in {json}")))
}

fn address(json: &Value, key: &str) -> Result<SocketAddr> {
    let written = text(json, key)?;
    written
        .parse()
        .map_err(|_| Failure::Unexpected(format!("{key:?} is no address: {written}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn counters_of_workers_are_added_up() {
        let json = json!({"workers": [{"rx-frames": 1, "x": 0}, {"rx-frames": 2}]});
        let counters = Counters::read(&json);
        assert_eq!(counters.value("rx-frames"), 3);
        assert_eq!(counters.value("never"), 0);
    }

    #[test]
    fn growth_leaves_out_what_stood_still() {
        let before = Counters::read(&json!({"total": {"a": 1, "b": 2}}));
        let after = Counters::read(&json!({"total": {"a": 1, "b": 5}, "workers": [{"a": 9}]}));
        assert_eq!(after.since(&before), Counters::read(&json!({"b": 3})));
    }
}
