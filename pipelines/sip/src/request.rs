//! Requests that the proxy sends itself, when it has to end what a peer began.

use crate::{Frame, Message, Name, Start, reply::push_field};

/// The CANCEL of an INVITE that was sent as `invite` (RFC 3261 §9.1).
///
/// `None` when `invite` lacks a field that the CANCEL repeats.
#[must_use]
pub fn cancel(invite: &Message) -> Option<Vec<u8>> {
    let to = invite.frame().text(Name::To)?;
    hop_by_hop(invite, "CANCEL", to)
}

/// The ACK of `refusal`, a final response other than 2xx to an INVITE that was sent as `invite`
/// (RFC 3261 §17.1.1.3).
///
/// `None` when a field that the ACK repeats is missing.
#[must_use]
pub fn ack_refusal(invite: &Message, refusal: &Message) -> Option<Vec<u8>> {
    hop_by_hop(invite, "ACK", refusal.frame().text(Name::To)?)
}

/// The ACK of `success`, a 2xx to an INVITE (RFC 3261 §13.2.2.4), with `via` as its Via.
///
/// `None` when `success` has no usable Contact.
#[must_use]
pub fn ack_success(success: &Message, via: &str) -> Option<Vec<u8>> {
    in_dialog(success, "ACK", success.cseq().number, via)
}

/// The BYE that ends the dialog that `success`, a 2xx to an INVITE, has made (RFC 3261 §15.1.1),
/// with `via` as its Via.
///
/// `None` when `success` has no usable Contact.
#[must_use]
pub fn bye(success: &Message, via: &str) -> Option<Vec<u8>> {
    in_dialog(success, "BYE", success.cseq().number + 1, via)
}

/// A request of the INVITE's own transaction: its target, route, top Via and From.
fn hop_by_hop(invite: &Message, method: &str, to: &[u8]) -> Option<Vec<u8>> {
    let Start::Request { uri, .. } = invite.start() else {
        return None;
    };
    let bytes = invite.bytes();
    let frame = invite.frame();
    let mut out = request_line(method, uri.of(bytes));
    push_field(&mut out, "Via", invite.via().span.of(bytes));
    for route in frame.fields_named(Name::Route) {
        push_field(&mut out, "Route", route.value.of(bytes));
    }
    push_common(&mut out, frame, to, invite.cseq().number, method)?;
    Some(out)
}

/// A request of the caller's in the dialog that `success` made, along its route set.
fn in_dialog(success: &Message, method: &str, number: u32, via: &str) -> Option<Vec<u8>> {
    let bytes = success.bytes();
    let contacts = success.addresses(Name::Contact).ok()?;
    let mut out = request_line(method, contacts.first()?.uri.span.of(bytes));
    push_field(&mut out, "Via", via.as_bytes());
    for route in success.frame().values(Name::RecordRoute).ok()?.iter().rev() {
        push_field(&mut out, "Route", route.of(bytes));
    }
    let to = success.frame().text(Name::To)?;
    push_common(&mut out, success.frame(), to, number, method)?;
    Some(out)
}

fn request_line(method: &str, uri: &[u8]) -> Vec<u8> {
    let mut out = format!("{method} ").into_bytes();
    out.extend_from_slice(uri);
    out.extend_from_slice(b" SIP/2.0\r\n");
    out
}

fn push_common(
    out: &mut Vec<u8>,
    frame: &Frame,
    to: &[u8],
    number: u32,
    method: &str,
) -> Option<()> {
    push_field(out, "From", frame.text(Name::From)?);
    push_field(out, "To", to);
    push_field(out, "Call-ID", frame.text(Name::CallId)?);
    push_field(out, "CSeq", format!("{number} {method}").as_bytes());
    push_field(out, "Max-Forwards", b"70");
    out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    Some(())
}
