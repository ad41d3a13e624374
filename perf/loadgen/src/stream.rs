//! Media streams through a proxy, as the file that both the generator and the proxy read has them.

use core::fmt;
use core::net::SocketAddr;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use abi::Suite;
use serde::{Deserialize, Serialize};

/// A media stream between two peers of a proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// The side of the client: outside.
    pub client: Side,
    /// The side of the server: inside.
    pub server: Side,
}

/// One side of a stream.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// The proxy's address for RTP; RTCP goes to the port above unless multiplexed.
    pub local: SocketAddr,
    /// The peer's address for RTP; RTCP goes to the port above unless multiplexed.
    pub peer: SocketAddr,
    /// Whether RTCP shares the port of RTP.
    #[serde(default)]
    pub rtcp_mux: bool,
    /// The SRTP suite; absent where the side is in clear.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "suite_name")]
    pub suite: Option<Suite>,
    /// Master key and salt that the peer sends with, in hexadecimal.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "hex")]
    pub receive: Vec<u8>,
    /// Master key and salt that the proxy sends with, in hexadecimal.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "hex")]
    pub transmit: Vec<u8>,
}

impl fmt::Debug for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Side")
            .field("local", &self.local)
            .field("peer", &self.peer)
            .field("rtcp_mux", &self.rtcp_mux)
            .field("suite", &self.suite)
            .finish_non_exhaustive()
    }
}

/// A stream file that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StreamsError {
    /// The file itself.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line of it.
    #[error("{path}, line {line}: {source}")]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
}

/// Reads a file of one stream a line, each a JSON object.
///
/// # Errors
/// When the file cannot be read or a line is no stream.
pub fn read(path: &Path) -> Result<Vec<Stream>, StreamsError> {
    let failed = |source| StreamsError::File {
        path: path.to_owned(),
        source,
    };
    let file = BufReader::new(File::open(path).map_err(failed)?);
    let mut streams = Vec::new();
    for (number, line) in file.lines().enumerate() {
        let line = line.map_err(failed)?;
        if line.trim().is_empty() {
            continue;
        }
        let stream = serde_json::from_str(&line).map_err(|source| StreamsError::Line {
            path: path.to_owned(),
            line: number + 1,
            source,
        });
        streams.push(stream?);
    }
    Ok(streams)
}

/// Writes `streams` to a file that only its owner can read: it holds keys.
///
/// # Errors
/// When it cannot be written.
pub fn write(path: &Path, streams: &[Stream]) -> Result<(), StreamsError> {
    let failed = |source| StreamsError::File {
        path: path.to_owned(),
        source,
    };
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = File::options();
    options.create(true).truncate(true).write(true).mode(0o600);
    let mut file = BufWriter::new(options.open(path).map_err(failed)?);
    for stream in streams {
        serde_json::to_writer(&mut file, stream).map_err(|error| failed(error.into()))?;
        file.write_all(b"\n").map_err(failed)?;
    }
    file.flush().map_err(failed)
}

mod suite_name {
    use abi::Suite;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "what serde calls it with")]
    pub(super) fn serialize<S: Serializer>(
        suite: &Option<Suite>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(suite.map_or("", Suite::name))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Suite>, D::Error> {
        let name = String::deserialize(deserializer)?;
        let suite = Suite::from_name(name.as_bytes());
        suite
            .map(Some)
            .ok_or_else(|| D::Error::custom(format_args!("{name} is no suite")))
    }
}

mod hex {
    use core::fmt::Write as _;

    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        octets: &[u8],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(2 * octets.len());
        for octet in octets {
            // Writing to a string does not fail.
            let _ = write!(text, "{octet:02x}");
        }
        serializer.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        decode(text.as_bytes()).ok_or_else(|| D::Error::custom("a key is no hexadecimal number"))
    }

    fn decode(text: &[u8]) -> Option<Vec<u8>> {
        let (pairs, []) = text.as_chunks::<2>() else {
            return None;
        };
        let digit = |digit: u8| char::from(digit).to_digit(16);
        let octet = |&[high, low]: &[u8; 2]| u8::try_from(digit(high)? << 4 | digit(low)?).ok();
        pairs.iter().map(octet).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::{Synth, streams};

    #[test]
    fn file_round_trips() {
        let synth = Synth {
            count: 10,
            server_suite: None,
            ..Synth::default()
        };
        let made = streams(&synth);
        let path = std::env::temp_dir().join(format!("loadgen-{}.jsonl", std::process::id()));
        write(&path, &made).unwrap();
        let read = read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read, made);
    }

    #[test]
    fn unknown_suites_odd_keys_and_unknown_fields_are_refused() {
        let line = |suite: &str, key: &str, more: &str| {
            format!(
                r#"{{"local":"192.0.2.1:2","peer":"192.0.2.2:2","suite":"{suite}","receive":"{key}"{more}}}"#
            )
        };
        let parse = |text: String| serde_json::from_str::<Side>(&text).map_err(|e| e.to_string());
        let good = parse(line("AEAD_AES_128_GCM", "00ff", "")).unwrap();
        assert_eq!(good.receive, [0, 255]);
        for (suite, key, more) in [
            ("ROT13", "00", ""),
            ("AEAD_AES_128_GCM", "0", ""),
            ("AEAD_AES_128_GCM", "0g", ""),
            ("AEAD_AES_128_GCM", "00", r#","port":1"#),
        ] {
            assert!(parse(line(suite, key, more)).is_err());
        }
    }
}
