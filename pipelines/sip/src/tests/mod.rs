//! Facts about single parts of the crate.

mod framing;
mod parsing;
mod writing;

use crate::{Frame, Framer, Limits, Message, Parsed};

/// The one message that `text` holds, its lines ended by LF here.
pub(super) fn frame(text: &str) -> Frame {
    let bytes = text.replace('\n', "\r\n");
    let mut input = bytes.as_bytes();
    match Framer::new(Limits::default()).read(&mut input) {
        Ok(Parsed::Frame(frame)) if input.is_empty() => frame,
        other => panic!("{other:?}"),
    }
}

pub(super) fn message(text: &str) -> Message {
    Message::parse(frame(text)).unwrap()
}

/// An INVITE with `extra` lines and `body`.
pub(super) fn invite(extra: &str, body: &str) -> String {
    format!(
        "INVITE sip:bob@192.0.2.1 SIP/2.0\n\
         Via: SIP/2.0/TLS 192.0.2.9:40000;branch=z9hG4bKabc;rport\n\
         From: \"A\" <sip:alice@192.0.2.1>;tag=f1\n\
         To: <sip:bob@192.0.2.1>\n\
         Call-ID: c1@192.0.2.9\n\
         CSeq: 7 INVITE\n\
         {extra}Content-Length: {}\n\n{body}",
        body.replace('\n', "\r\n").len()
    )
}
