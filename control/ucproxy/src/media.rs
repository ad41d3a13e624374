//! `media provision`: media streams that no signalling sets up.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use abi::provision::{StaticOutcome, StaticSide, StaticStream};
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
    #[error("{path}, line {line}: {what}")]
    Side {
        path: PathBuf,
        line: usize,
        what: &'static str,
    },
    #[error("{0}")]
    Failed(Failure),
    #[error("control answered something else than was asked")]
    Answer,
}

/// A stream as a line of the file has it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    client: LineSide,
    server: LineSide,
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
    let mut outcomes = Vec::with_capacity(lines.len());
    // An empty list closes what is open.
    let mut batches = streams.chunks(STREAMS_A_REQUEST);
    let mut batch = batches.next().unwrap_or_default();
    let mut first = true;
    loop {
        outcomes.extend(open(runtime_dir, batch, first)?);
        first = false;
        match batches.next() {
            Some(next) => batch = next,
            None => break,
        }
    }
    let mut refused = 0;
    let mut printed = String::new();
    for (number, (line, outcome)) in lines.iter_mut().zip(&outcomes).enumerate() {
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
                    "{}, stream {}: {phrase}",
                    file.display(),
                    number + 1
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
        let line = serde_json::from_str(&text).map_err(|error| MediaError::Line {
            path: path.to_owned(),
            line: number + 1,
            error,
        });
        lines.push(line?);
    }
    Ok(lines)
}

fn streams(path: &Path, lines: &[Line]) -> Result<Vec<StaticStream>, MediaError> {
    let stream = |(number, line): (usize, &Line)| {
        let wrong = |what| MediaError::Side {
            path: path.to_owned(),
            line: number + 1,
            what,
        };
        Ok(StaticStream {
            client: side(&line.client).map_err(wrong)?,
            server: side(&line.server).map_err(wrong)?,
        })
    };
    lines.iter().enumerate().map(stream).collect()
}

fn side(line: &LineSide) -> Result<StaticSide, &'static str> {
    let local: IpAddr = line.local.ip();
    if line.local.port() != 0 {
        return Err("the port of 'local' is the data plane's to choose: write 0");
    }
    let (suite, receive, transmit) = match &line.suite {
        None if line.receive.is_some() || line.transmit.is_some() => {
            return Err("keys without a suite");
        }
        None => (0, Vec::new(), Vec::new()),
        Some(name) => {
            let suite = Suite::from_name(name.as_bytes()).ok_or("no such SRTP suite")?;
            let key = |text: &Option<String>| {
                let octets = text.as_deref().and_then(from_hex);
                octets
                    .filter(|octets| octets.len() == suite.key_salt_len())
                    .ok_or("'receive' and 'transmit' are the suite's key and salt in hexadecimal")
            };
            (suite.id(), key(&line.receive)?, key(&line.transmit)?)
        }
    };
    Ok(StaticSide {
        local,
        peer: line.peer,
        rtcp_mux: line.rtcp_mux,
        suite,
        receive,
        transmit,
    })
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let octet = |&[high, low]: &[u8; 2]| u8::try_from(digit(high)? << 4 | digit(low)?).ok();
    pairs.iter().map(octet).collect()
}

/// Has control open some streams.
fn open(
    runtime_dir: &Path,
    streams: &[StaticStream],
    first: bool,
) -> Result<Vec<StaticOutcome>, CliError> {
    let request = Request::OpenStreams {
        first,
        streams: streams.to_vec(),
    };
    match admin::call(runtime_dir, &request, TIMEOUT)? {
        Response::Streams { outcomes } if outcomes.len() == streams.len() => Ok(outcomes),
        Response::Failed(failure) => Err(MediaError::Failed(failure).into()),
        _ => Err(MediaError::Answer.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(suite: &str, key: &str, port: u16) -> LineSide {
        let text = format!(
            r#"{{"local":"192.0.2.1:{port}","peer":"192.0.2.9:5004","suite":"{suite}",
                "receive":"{key}","transmit":"{key}"}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn sides_are_checked() {
        let key = "0f".repeat(30);
        let good = side(&line("AES_CM_128_HMAC_SHA1_80", &key, 0)).unwrap();
        assert_eq!(good.suite, 1);
        assert_eq!(good.receive, vec![0x0f; 30]);
        for (suite, key, port, wanted) in [
            ("ROT13", key.as_str(), 0, "no such SRTP suite"),
            ("AES_CM_128_HMAC_SHA1_80", "0f", 0, "'receive' and"),
            (
                "AES_CM_128_HMAC_SHA1_80",
                &key,
                5_004,
                "the port of 'local'",
            ),
        ] {
            let said = side(&line(suite, key, port)).unwrap_err();
            assert!(said.starts_with(wanted), "{said}");
        }
    }

    #[test]
    fn debug_output_shows_no_key() {
        let text = format!("{:?}", line("AES_CM_128_HMAC_SHA1_80", "0badcafe", 0));
        assert!(!text.contains("0badcafe"), "{text}");
    }
}
