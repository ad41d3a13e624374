//! What an operator may set for a phone proxy.

use core::net::IpAddr;

use abi::Suite;
use serde::{Deserialize, Serialize};

/// How the media of one side is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MediaSecurity {
    /// As the side's signalling: `secure` under TLS, else `clear`.
    #[default]
    Auto,
    /// RTP is offered. A peer that offers SRTP gets it all the same.
    Clear,
    /// SRTP or nothing.
    Secure,
    /// SRTP is offered and taken, and clear RTP is taken where the peer wants it: a cluster with
    /// authenticated and encrypted phones.
    BestEffort,
}

/// A UC server besides the one that a session was opened to, whose address turns up in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerAddress {
    /// The address that it has.
    pub real: IpAddr,
    /// The address that phones know it by.
    pub mapped: IpAddr,
}

/// The options as the operator writes them, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawConfig {
    /// Media towards phones.
    pub client_media: MediaSecurity,
    /// Media towards the servers.
    pub server_media: MediaSecurity,
    /// SRTP suites that are accepted, the preferred one first.
    pub suites: Vec<String>,
    /// SRTP suites that are offered, in order; each is also one of `suites`.
    pub offered_suites: Vec<String>,
    /// Further UC servers.
    pub servers: Vec<ServerAddress>,
    /// Carry T.38 fax, which is never encrypted.
    pub fax: bool,
    /// Count Max-Forwards down, and refuse a request where it has run out.
    pub decrement_max_forwards: bool,
    /// Accept lone line feeds and a missing Content-Length.
    pub lenient_framing: bool,
    /// Octets of one SIP message.
    pub message_max: u32,
    /// Octets of one header block.
    pub header_block_max: u32,
    /// Octets of one line.
    pub line_max: u32,
    /// Header fields of one message.
    pub headers_max: u32,
    /// Calls of one phone at once.
    pub calls_max: u32,
    /// Transactions that one side may have pending.
    pub transactions_max: u32,
    /// Media streams of one call.
    pub streams_max: u32,
    /// Seconds that an INVITE may go without any news (RFC 3261 timer C).
    pub invite_timeout_s: u32,
}

impl Default for RawConfig {
    fn default() -> Self {
        let names = |suites: &[Suite]| suites.iter().map(|s| s.name().to_owned()).collect();
        Self {
            client_media: MediaSecurity::Auto,
            server_media: MediaSecurity::Auto,
            suites: names(&[
                Suite::AesCm128HmacSha1_80,
                Suite::AesCm128HmacSha1_32,
                Suite::AesCm256HmacSha1_80,
                Suite::AesCm256HmacSha1_32,
                Suite::AeadAes256Gcm,
                Suite::AeadAes128Gcm,
            ]),
            offered_suites: names(&[Suite::AesCm128HmacSha1_80, Suite::AesCm128HmacSha1_32]),
            servers: Vec::new(),
            fax: true,
            decrement_max_forwards: false,
            lenient_framing: false,
            message_max: 64 * 1024,
            header_block_max: 16 * 1024,
            line_max: 8 * 1024,
            headers_max: 256,
            calls_max: 32,
            transactions_max: 128,
            streams_max: 8,
            invite_timeout_s: 180,
        }
    }
}

/// Something wrong with an option.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct Finding {
    /// The option.
    pub option: &'static str,
    /// Which of its entries, where it is a list.
    pub entry: Option<usize>,
    /// What is wrong.
    pub problem: Problem,
}

/// What can be wrong with an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// No suite is called so.
    #[error("no such SRTP suite")]
    UnknownSuite,
    /// The entry is there twice.
    #[error("listed twice")]
    Repeated,
    /// The list is empty.
    #[error("expected at least one entry")]
    Empty,
    /// A suite that is offered is not accepted.
    #[error("offered, but not one of 'suites'")]
    NotAccepted,
    /// The two addresses of a server are of different families.
    #[error("addresses of different families")]
    MixedFamilies,
    /// The number is out of range.
    #[error("expected {min} to {max}")]
    OutOfRange {
        /// Least that is allowed.
        min: u32,
        /// Most that is allowed.
        max: u32,
    },
    /// A header block may be larger than a message.
    #[error("larger than 'message_max'")]
    LargerThanMessage,
    /// A line may be larger than a header block.
    #[error("larger than 'header_block_max'")]
    LargerThanHeaderBlock,
}

/// The options, checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    pub(crate) client_media: MediaSecurity,
    pub(crate) server_media: MediaSecurity,
    #[serde(with = "suite_ids")]
    pub(crate) suites: Vec<Suite>,
    #[serde(with = "suite_ids")]
    pub(crate) offered_suites: Vec<Suite>,
    pub(crate) servers: Vec<ServerAddress>,
    pub(crate) fax: bool,
    pub(crate) decrement_max_forwards: bool,
    pub(crate) lenient_framing: bool,
    pub(crate) message_max: u32,
    pub(crate) header_block_max: u32,
    pub(crate) line_max: u32,
    pub(crate) headers_max: u32,
    pub(crate) calls_max: u32,
    pub(crate) transactions_max: u32,
    pub(crate) streams_max: u32,
    pub(crate) invite_timeout_s: u32,
}

/// Numbers with the least and the most that each may be.
const fn numbers(raw: &RawConfig) -> [(&'static str, u32, u32, u32); 8] {
    [
        ("message_max", raw.message_max, 1024, 1024 * 1024),
        ("header_block_max", raw.header_block_max, 512, 256 * 1024),
        ("line_max", raw.line_max, 256, 64 * 1024),
        ("headers_max", raw.headers_max, 16, 1024),
        ("calls_max", raw.calls_max, 1, 1024),
        ("transactions_max", raw.transactions_max, 8, 4096),
        ("streams_max", raw.streams_max, 1, 16),
        ("invite_timeout_s", raw.invite_timeout_s, 5, 3600),
    ]
}

impl Config {
    /// Checks what the operator wrote.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn check(raw: RawConfig) -> Result<Self, Vec<Finding>> {
        let mut findings = Vec::new();
        let suites = check_suites("suites", &raw.suites, &mut findings);
        let offered_suites = check_suites("offered_suites", &raw.offered_suites, &mut findings);
        for (entry, suite) in offered_suites.iter().enumerate() {
            if !suites.contains(suite) {
                findings.push(Finding::in_list(
                    "offered_suites",
                    entry,
                    Problem::NotAccepted,
                ));
            }
        }
        for (entry, server) in raw.servers.iter().enumerate() {
            if server.real.is_ipv4() != server.mapped.is_ipv4() {
                findings.push(Finding::in_list("servers", entry, Problem::MixedFamilies));
            }
            let is_same = |s: &&ServerAddress| s.real == server.real || s.mapped == server.mapped;
            if raw.servers.iter().take(entry).any(|s| is_same(&s)) {
                findings.push(Finding::in_list("servers", entry, Problem::Repeated));
            }
        }
        for (option, value, min, max) in numbers(&raw) {
            if !(min..=max).contains(&value) {
                findings.push(Finding::whole(option, Problem::OutOfRange { min, max }));
            }
        }
        if raw.header_block_max > raw.message_max {
            findings.push(Finding::whole(
                "header_block_max",
                Problem::LargerThanMessage,
            ));
        }
        if raw.line_max > raw.header_block_max {
            findings.push(Finding::whole("line_max", Problem::LargerThanHeaderBlock));
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        Ok(Self::assemble(raw, suites, offered_suites))
    }

    fn assemble(raw: RawConfig, suites: Vec<Suite>, offered_suites: Vec<Suite>) -> Self {
        Self {
            client_media: raw.client_media,
            server_media: raw.server_media,
            suites,
            offered_suites,
            servers: raw.servers,
            fax: raw.fax,
            decrement_max_forwards: raw.decrement_max_forwards,
            lenient_framing: raw.lenient_framing,
            message_max: raw.message_max,
            header_block_max: raw.header_block_max,
            line_max: raw.line_max,
            headers_max: raw.headers_max,
            calls_max: raw.calls_max,
            transactions_max: raw.transactions_max,
            streams_max: raw.streams_max,
            invite_timeout_s: raw.invite_timeout_s,
        }
    }

    /// The octets that cross shared memory.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Serialising owned, bounded fields into memory does not fail.
        postcard::to_allocvec(self).unwrap_or_default()
    }

    /// Reads what [`encode`](Self::encode) wrote; `None` for anything else.
    #[must_use]
    pub fn decode(octets: &[u8]) -> Option<Self> {
        match postcard::take_from_bytes(octets) {
            Ok((config, [])) => Some(config),
            _ => None,
        }
    }

    pub(crate) fn sip_limits(&self) -> sip::Limits {
        let octets = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        sip::Limits {
            header_block: octets(self.header_block_max),
            line: octets(self.line_max),
            headers: octets(self.headers_max),
            message: octets(self.message_max),
            lenient: self.lenient_framing,
        }
    }
}

impl Default for Config {
    /// What holds when the operator sets nothing.
    fn default() -> Self {
        let raw = RawConfig::default();
        let known = |names: &[String]| {
            names
                .iter()
                .filter_map(|n| Suite::from_name(n.as_bytes()))
                .collect()
        };
        let (suites, offered_suites) = (known(&raw.suites), known(&raw.offered_suites));
        Self::assemble(raw, suites, offered_suites)
    }
}

impl Finding {
    const fn whole(option: &'static str, problem: Problem) -> Self {
        Self {
            option,
            entry: None,
            problem,
        }
    }

    const fn in_list(option: &'static str, entry: usize, problem: Problem) -> Self {
        Self {
            option,
            entry: Some(entry),
            problem,
        }
    }
}

fn check_suites(option: &'static str, names: &[String], findings: &mut Vec<Finding>) -> Vec<Suite> {
    let mut suites = Vec::with_capacity(names.len());
    if names.is_empty() {
        findings.push(Finding::whole(option, Problem::Empty));
    }
    for (entry, name) in names.iter().enumerate() {
        match Suite::from_name(name.as_bytes()) {
            None => findings.push(Finding::in_list(option, entry, Problem::UnknownSuite)),
            Some(suite) if suites.contains(&suite) => {
                findings.push(Finding::in_list(option, entry, Problem::Repeated));
            }
            Some(suite) => suites.push(suite),
        }
    }
    suites
}

/// Suites by their numbers.
mod suite_ids {
    use abi::Suite;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(suites: &[Suite], out: S) -> Result<S::Ok, S::Error> {
        suites
            .iter()
            .map(|s| s.id())
            .collect::<Vec<u16>>()
            .serialize(out)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<Suite>, D::Error> {
        let ids = Vec::<u16>::deserialize(input)?;
        let suites = ids.into_iter().map(Suite::from_id);
        suites
            .collect::<Option<_>>()
            .ok_or_else(|| D::Error::custom("unknown suite"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_options_pass_the_check() {
        assert_eq!(Config::check(RawConfig::default()), Ok(Config::default()));
    }

    #[test]
    fn every_finding_is_reported_at_once() {
        let raw = RawConfig {
            suites: vec!["AES_CM_128_HMAC_SHA1_80".into(), "ROT13".into()],
            offered_suites: vec!["AEAD_AES_256_GCM".into(), "AEAD_AES_256_GCM".into()],
            servers: vec![ServerAddress {
                real: "192.0.2.1".parse().unwrap(),
                mapped: "2001:db8::1".parse().unwrap(),
            }],
            calls_max: 0,
            line_max: 32 * 1024,
            ..RawConfig::default()
        };
        let found = Config::check(raw).unwrap_err();
        let found: Vec<_> = found.iter().map(|f| (f.option, f.entry)).collect();
        assert_eq!(
            found,
            [
                ("suites", Some(1)),
                ("offered_suites", Some(1)),
                ("offered_suites", Some(0)),
                ("servers", Some(0)),
                ("calls_max", None),
                ("line_max", None),
            ]
        );
    }

    #[test]
    fn octets_round_trip_and_others_are_refused() {
        let raw = RawConfig {
            server_media: MediaSecurity::BestEffort,
            ..RawConfig::default()
        };
        let config = Config::check(raw).unwrap();
        let octets = config.encode();
        assert_eq!(Config::decode(&octets), Some(config));
        assert_eq!(Config::decode(&octets[1..]), None);
        assert_eq!(Config::decode(&[octets.as_slice(), &[0]].concat()), None);
        assert_eq!(Config::decode(&[]), None);
    }
}
