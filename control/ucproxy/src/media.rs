//! `media provision`: media streams that no signalling sets up.

use std::collections::hash_map::RandomState;
use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use abi::provision::{StaticOutcome, StaticSide, StaticStream, Step};
use abi::{Reason, Suite};
use admin::{Failure, Request, Response};
use serde::{Deserialize, Serialize};

use crate::out::{self, CliError, Outcome};

/// Streams of one request: they take at most 900 octets each, a third of what a frame holds.
const STREAMS_A_REQUEST: usize = 10_000;

/// Control gives up before.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Why streams could not be provisioned.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MediaError {
    #[error("{path}: {error}")]
    File { path: PathBuf, error: io::Error },
    #[error("{path}, line {line}: {error}")]
    Line {
        path: PathBuf,
        line: usize,
        error: serde_json::Error,
    },
    #[error("{path}, line {line}: {whose}: {error}")]
    Side {
        path: PathBuf,
        line: usize,
        whose: &'static str,
        error: SideError,
    },
    #[error("{0}")]
    Failed(Failure),
    #[error("control answered something else than was asked")]
    Answer,
}

/// What is wrong with one side of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SideError {
    #[error("the port of 'local' is the data plane's to choose: write 0")]
    LocalPort,
    #[error("'local' and 'peer' are of different address families")]
    Families,
    #[error("'peer' is no address of a host")]
    PeerAddress,
    #[error("the port of 'peer' must be from 1 to 65535")]
    PeerPort,
    #[error(
        "RTCP goes to the port above that of 'peer', and there is none: set 'rtcp_mux', or use a lower port"
    )]
    NoRtcpPort,
    #[error("keys without a suite")]
    NoSuite,
    #[error("no such SRTP suite; there are {}", suites())]
    UnknownSuite,
    #[error("'receive' and 'transmit' are the suite's key and salt in hexadecimal, {0} digits")]
    Key(usize),
}

fn suites() -> String {
    let names: Vec<_> = Suite::ALL.iter().map(|suite| suite.name()).collect();
    names.join(", ")
}

/// A stream as a line of the file has it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    client: LineSide,
    server: LineSide,
    /// Which line it is.
    #[serde(skip)]
    number: usize,
}

/// One side of it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LineSide {
    /// A media termination address of the policy; its port is the data plane's choice.
    local: SocketAddr,
    peer: SocketAddr,
    #[serde(default)]
    rtcp_mux: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suite: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    receive: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transmit: Option<String>,
}

impl std::fmt::Debug for LineSide {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LineSide")
            .field("local", &self.local)
            .field("peer", &self.peer)
            .field("suite", &self.suite)
            .finish_non_exhaustive()
    }
}

/// Has the streams of `file` opened, and none but those; prints them with the ports that the data
/// plane chose.
pub(crate) fn provision(runtime_dir: &Path, file: &Path) -> Result<Outcome, CliError> {
    let mut lines = read(file)?;
    let streams = streams(file, &lines)?;
    let list = RandomState::new().build_hasher().finish();
    let ask = |step, batch: &[StaticStream]| ask(runtime_dir, list, step, batch);
    ask(Step::Begin, &[])?;
    for batch in streams.chunks(STREAMS_A_REQUEST) {
        ask(Step::Keep, batch)?;
    }
    ask(Step::Close, &[])?;
    let mut outcomes = Vec::with_capacity(lines.len());
    for batch in streams.chunks(STREAMS_A_REQUEST) {
        outcomes.extend(ask(Step::Open, batch)?);
    }
    let mut refused = 0;
    let mut printed = String::new();
    for (line, outcome) in lines.iter_mut().zip(&outcomes) {
        match *outcome {
            StaticOutcome::Open {
                client_port,
                server_port,
            } => {
                line.client.local.set_port(client_port);
                line.server.local.set_port(server_port);
                printed.push_str(&serde_json::to_string(line).unwrap_or_default());
                printed.push('\n');
            }
            StaticOutcome::Refused(reason) => {
                refused += 1;
                let reason = Reason::from_index(reason.into());
                let phrase = reason.map_or("refused", Reason::phrase);
                out::complain(&format!(
                    "{}, line {}: {phrase}",
                    file.display(),
                    line.number
                ));
            }
        }
    }
    out::print(&printed)?;
    Ok(if refused == 0 {
        Outcome::Good
    } else {
        Outcome::Bad
    })
}

fn read(path: &Path) -> Result<Vec<Line>, MediaError> {
    let failed = |error| MediaError::File {
        path: path.to_owned(),
        error,
    };
    let file = BufReader::new(File::open(path).map_err(failed)?);
    let mut lines = Vec::new();
    for (number, text) in file.lines().enumerate() {
        let text = text.map_err(failed)?;
        if text.trim().is_empty() {
            continue;
        }
        let number = number + 1;
        let line: Line = serde_json::from_str(&text).map_err(|error| MediaError::Line {
            path: path.to_owned(),
            line: number,
            error,
        })?;
        lines.push(Line { number, ..line });
    }
    Ok(lines)
}

fn streams(path: &Path, lines: &[Line]) -> Result<Vec<StaticStream>, MediaError> {
    let stream = |line: &Line| {
        let side = |whose, line_side| {
            side(line_side).map_err(|error| MediaError::Side {
                path: path.to_owned(),
                line: line.number,
                whose,
                error,
            })
        };
        Ok(StaticStream {
            client: side("client", &line.client)?,
            server: side("server", &line.server)?,
        })
    };
    lines.iter().map(stream).collect()
}

fn side(line: &LineSide) -> Result<StaticSide, SideError> {
    check_addresses(line)?;
    let (suite, receive, transmit) = match &line.suite {
        None if line.receive.is_some() || line.transmit.is_some() => {
            return Err(SideError::NoSuite);
        }
        None => (0, Vec::new(), Vec::new()),
        Some(name) => {
            let suite = Suite::from_name(name.as_bytes()).ok_or(SideError::UnknownSuite)?;
            let key = |text: &Option<String>| {
                let octets = text.as_deref().and_then(from_hex);
                let octets = octets.filter(|octets| octets.len() == suite.key_salt_len());
                octets.ok_or_else(|| SideError::Key(2 * suite.key_salt_len()))
            };
            (suite.id(), key(&line.receive)?, key(&line.transmit)?)
        }
    };
    Ok(StaticSide {
        local: line.local.ip(),
        peer: line.peer,
        rtcp_mux: line.rtcp_mux,
        suite,
        receive,
        transmit,
    })
}

fn check_addresses(line: &LineSide) -> Result<(), SideError> {
    let LineSide { local, peer, .. } = line;
    let is_broadcast = peer.ip() == Ipv4Addr::BROADCAST;
    if local.port() != 0 {
        Err(SideError::LocalPort)
    } else if local.is_ipv4() != peer.is_ipv4() {
        Err(SideError::Families)
    } else if peer.ip().is_unspecified() || peer.ip().is_multicast() || is_broadcast {
        Err(SideError::PeerAddress)
    } else if peer.port() == 0 {
        Err(SideError::PeerPort)
    } else if peer.port() == u16::MAX && !line.rtcp_mux {
        Err(SideError::NoRtcpPort)
    } else {
        Ok(())
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let octet = |&[high, low]: &[u8; 2]| u8::try_from(digit(high)? << 4 | digit(low)?).ok();
    pairs.iter().map(octet).collect()
}

/// Has control do one step with some streams.
fn ask(
    runtime_dir: &Path,
    list: u64,
    step: Step,
    streams: &[StaticStream],
) -> Result<Vec<StaticOutcome>, CliError> {
    let request = Request::ProvisionStreams {
        list,
        step,
        streams: streams.to_vec(),
    };
    let expected = if step == Step::Open { streams.len() } else { 0 };
    match admin::call(runtime_dir, &request, TIMEOUT)? {
        Response::Streams { outcomes } if outcomes.len() == expected => Ok(outcomes),
        Response::Failed(failure) => Err(MediaError::Failed(failure).into()),
        _ => Err(MediaError::Answer.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(first: u8) -> String {
        format!("{first:02x}") + &"0f".repeat(29)
    }

    fn line(edit: impl FnOnce(&mut LineSide)) -> LineSide {
        let text = format!(
            r#"{{"local":"192.0.2.1:0","peer":"192.0.2.9:5004","suite":"AES_CM_128_HMAC_SHA1_80",
                "receive":"{}","transmit":"{}"}}"#,
            key(1),
            key(2)
        );
        let mut line = serde_json::from_str(&text).unwrap();
        edit(&mut line);
        line
    }

    #[test]
    fn sides_are_checked() {
        let good = side(&line(|_| {})).unwrap();
        assert_eq!((good.suite, good.receive[0], good.transmit[0]), (1, 1, 2));
        type Edit = fn(&mut LineSide);
        let cases: [(Edit, SideError); 10] = [
            (
                |side| side.suite = Some("ROT13".into()),
                SideError::UnknownSuite,
            ),
            (|side| side.suite = None, SideError::NoSuite),
            (|side| side.transmit = None, SideError::Key(60)),
            (|side| side.receive = Some("0f".into()), SideError::Key(60)),
            (|side| side.local.set_port(5_004), SideError::LocalPort),
            (|side| side.peer.set_port(0), SideError::PeerPort),
            (|side| side.peer.set_port(65_535), SideError::NoRtcpPort),
            (
                |side| side.peer = "[2001:db8::9]:5004".parse().unwrap(),
                SideError::Families,
            ),
            (
                |side| side.peer.set_ip([224, 0, 0, 1].into()),
                SideError::PeerAddress,
            ),
            (
                |side| side.peer.set_ip([0, 0, 0, 0].into()),
                SideError::PeerAddress,
            ),
        ];
        for (edit, wanted) in cases {
            assert_eq!(side(&line(edit)).unwrap_err(), wanted);
        }
        let muxed =
            line(|side| (side.rtcp_mux, side.peer) = (true, "192.0.2.9:65535".parse().unwrap()));
        assert!(side(&muxed).is_ok());
        assert!(
            SideError::UnknownSuite
                .to_string()
                .contains("AEAD_AES_256_GCM")
        );
    }

    #[test]
    fn debug_output_shows_no_key() {
        let text = format!("{:?}", line(|side| side.receive = Some("0badcafe".into())));
        assert!(!text.contains("0badcafe"), "{text}");
    }
}
