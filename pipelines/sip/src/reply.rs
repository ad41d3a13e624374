//! Responses that the proxy gives itself (RFC 3261 §8.2.6).

use crate::{Frame, Name, NameAddr};

/// A response to the request in `frame`, with `tag` added to To if it has none.
///
/// `None` when `frame` is no request, is an ACK (which nothing answers), or lacks a field that a
/// response repeats.
#[must_use]
pub fn to_request(frame: &Frame, status: u16, phrase: &str, tag: &str) -> Option<Vec<u8>> {
    let line = frame.start_line();
    let is_response = line
        .get(..4)
        .is_some_and(|w| w.eq_ignore_ascii_case(b"SIP/"));
    if is_response || line.starts_with(b"ACK ") {
        return None;
    }
    let mut out = format!("SIP/2.0 {status} {phrase}\r\n").into_bytes();
    let mut vias = frame.fields_named(Name::Via).peekable();
    vias.peek()?;
    for via in vias {
        push_field(&mut out, "Via", via.value.of(frame.bytes()));
    }
    push_field(&mut out, "From", frame.text(Name::From)?);
    let to = frame.text(Name::To)?;
    push_field(&mut out, "To", &with_tag(frame, to, tag));
    push_field(&mut out, "Call-ID", frame.text(Name::CallId)?);
    push_field(&mut out, "CSeq", frame.text(Name::CSeq)?);
    out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    Some(out)
}

fn with_tag(frame: &Frame, to: &[u8], tag: &str) -> Vec<u8> {
    let mut out = to.to_vec();
    let parsed = frame
        .value(Name::To)
        .and_then(|v| NameAddr::parse(frame.bytes(), v).ok());
    if parsed.is_some_and(|to| to.tag(frame.bytes()).is_none()) {
        out.extend_from_slice(format!(";tag={tag}").as_bytes());
    }
    out
}

pub(crate) fn push_field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}
