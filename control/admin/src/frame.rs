//! Frames: a length and that much JSON.

use std::io::{self, ErrorKind, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use zeroize::Zeroizing;

/// Longest frame, in octets: a configuration of the longest kind, escaped.
pub const FRAME_OCTETS_MAX: u32 = 32 << 20;

/// Longest reason for a frame that does not read.
const REASON_CHARS_MAX: usize = 200;

/// Why a frame cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The connection failed or ended too early.
    #[error("connection: {0}")]
    Io(#[from] io::Error),
    /// The frame says that it is longer than any may be.
    #[error("frame of {0} octets")]
    TooLong(u32),
    /// The frame is not what was expected.
    #[error("frame does not read: {0}")]
    Malformed(String),
}

/// Writes one message.
///
/// # Errors
/// [`FrameError::Io`], and [`FrameError::TooLong`] for one that the other side would refuse.
pub fn write<T: Serialize>(to: &mut impl Write, message: &T) -> Result<(), FrameError> {
    // Some hold keys.
    let body = serde_json::to_vec(message).map_err(|e| malformed(&e))?;
    let body = Zeroizing::new(body);
    let len = u32::try_from(body.len()).unwrap_or(u32::MAX);
    if len > FRAME_OCTETS_MAX {
        return Err(FrameError::TooLong(len));
    }
    to.write_all(&len.to_be_bytes())?;
    to.write_all(&body)?;
    to.flush()?;
    Ok(())
}

/// Reads one message. Memory grows with what arrives, not with what the length promises.
///
/// # Errors
/// See [`FrameError`].
pub fn read<T: DeserializeOwned>(from: &mut impl Read) -> Result<T, FrameError> {
    let mut len = [0; 4];
    from.read_exact(&mut len)?;
    let len = u32::from_be_bytes(len);
    if len > FRAME_OCTETS_MAX {
        return Err(FrameError::TooLong(len));
    }
    let mut body = Zeroizing::new(Vec::new());
    from.take(len.into()).read_to_end(&mut body)?;
    if u32::try_from(body.len()) != Ok(len) {
        return Err(io::Error::from(ErrorKind::UnexpectedEof).into());
    }
    serde_json::from_slice(&body).map_err(|e| malformed(&e))
}

/// Says where and why, but repeats no values: they may be keys.
fn malformed(error: &serde_json::Error) -> FrameError {
    let text = error.to_string();
    let kinds = ["unknown field", "missing field", "duplicate field"];
    let names_only = kinds.iter().any(|kind| text.starts_with(kind));
    FrameError::Malformed(match error.classify() {
        Category::Data if names_only => text.chars().take(REASON_CHARS_MAX).collect(),
        Category::Data => format!("not what is expected at column {}", error.column()),
        Category::Io | Category::Syntax | Category::Eof => "no JSON".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::{Applied, Failure, Request, Response, Status};

    fn round_trip(response: &Response) {
        let mut octets = Vec::new();
        write(&mut octets, response).unwrap();
        assert_eq!(&read::<Response>(&mut &octets[..]).unwrap(), response);
    }

    #[test]
    fn every_response_round_trips() {
        let text = "colour: blue\n".as_bytes();
        let findings =
            policy::Report::of(text, &policy::Folder::of("/ucproxy.yaml".as_ref()), 0).findings;
        assert!(!findings.is_empty());
        round_trip(&Response::Applied(Applied {
            generation: Some(3),
            restart_needed: true,
            after_restart: vec!["runtime.workers".into()],
            closed: Some(2),
            findings: findings.clone(),
            notice: Some("so".into()),
            not_kept: None,
        }));
        round_trip(&Response::Refused { findings });
        round_trip(&Response::Failed(Failure::TooLarge { needed: 5, room: 4 }));
        round_trip(&Response::Status(Status::default()));
    }

    #[test]
    fn a_long_length_is_refused_before_anything_is_read() {
        let octets = u32::MAX.to_be_bytes();
        let error = read::<Request>(&mut &octets[..]).unwrap_err();
        assert!(matches!(error, FrameError::TooLong(u32::MAX)));
    }

    /// Why a request with this body is none.
    fn reason(body: &str) -> String {
        let mut octets = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
        octets.extend_from_slice(body.as_bytes());
        match read::<Request>(&mut &octets[..]) {
            Err(FrameError::Malformed(reason)) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_not_known_is_refused_by_its_name() {
        for (body, expected) in [
            (
                r#"{"set-tls-limit": {"sessions": 500, "bogus": 1}}"#,
                "unknown field `bogus`",
            ),
            (
                r#"{"remove-licence": {"serial": 1, "enforced": true}}"#,
                "unknown field `enforced`",
            ),
            (
                r#"{"rollback": {"version": 3, "Enforce": true}}"#,
                "unknown field `Enforce`",
            ),
            (
                r#"{"apply": {"text": "", "path": "/x", "force": 1}}"#,
                "unknown field `force`",
            ),
            (r#"{"set-tls-limit": {}}"#, "missing field `sessions`"),
            (
                r#"{"set-tls-limit": {"sessions": 5, "sessions": 6}}"#,
                "duplicate field",
            ),
            (r#""reboot""#, "not what is expected at column 8"),
            ("{", "no JSON"),
        ] {
            let reason = reason(body);
            assert!(reason.starts_with(expected), "{reason}");
        }
    }

    #[test]
    fn values_are_not_repeated() {
        let key = "5a".repeat(30);
        for body in [
            format!(r#"{{"provision-streams": {{"list": 1, "step": "{key}", "streams": []}}}}"#),
            format!(
                r#"{{"provision-streams": {{"list": 1, "step": "open", "streams": ["{key}"]}}}}"#
            ),
            format!(r#"{{"set-tls-limit": {{"sessions": "{key}"}}}}"#),
            format!("\"{key}\""),
        ] {
            assert!(!reason(&body).contains(&key), "{}", reason(&body));
        }
        let long = "x".repeat(10_000);
        let long = format!(r#"{{"rollback": {{"{long}": 1}}}}"#);
        assert_eq!(reason(&long).len(), REASON_CHARS_MAX);
    }

    #[test]
    fn a_frame_cut_short_is_an_end_of_file() {
        let mut octets = Vec::new();
        write(&mut octets, &Request::Status).unwrap();
        for len in 0..octets.len() {
            let error = read::<Request>(&mut &octets[..len]).unwrap_err();
            assert!(matches!(error, FrameError::Io(_)), "{len}");
        }
    }

    proptest! {
        #[test]
        fn no_octets_panic(octets in any::<Vec<u8>>()) {
            let _ = read::<Request>(&mut &octets[..]);
        }

        #[test]
        fn no_json_panics(body in "[ \\[\\]{}:,\"a-z0-9]{0,60}") {
            let mut octets = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
            octets.extend_from_slice(body.as_bytes());
            let _ = read::<Request>(&mut &octets[..]);
        }
    }
}
