//! Via: ours towards the receiver of a request, the sender's own again in the response.
//!
//! The Vias below the topmost are hops behind the sender. The receiver has no use for them, since
//! it answers on the connection that the request came by, and they would show it the other side;
//! so it sees one Via, and the response gets them all back (RFC 3261 §18.2.2 looks at the topmost
//! alone).

use core::net::SocketAddr;

use sip::{Edits, Message, Name, Span, Via};

use crate::addresses::Face;
use crate::uri::names_address;

/// The Vias of a request as its sender wrote them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vias {
    /// The topmost.
    top: Vec<u8>,
    /// What follows it in the same field.
    tail: Vec<u8>,
    /// The other fields, with their line endings.
    lines: Vec<u8>,
}

impl Vias {
    /// Takes the Vias of a request out and puts ours in, towards `face`.
    pub(crate) fn replace(message: &Message, face: &Face, edits: &mut Edits) -> Self {
        let bytes = message.bytes();
        let via = message.via();
        if via.transport.of(bytes) != face.transport.via().as_bytes() {
            edits.replace(via.transport, face.transport.via());
        }
        edits.replace(via.sent_by, face.local.to_string());
        for param in via.params.iter() {
            let value = param.value.map(|v| v.of(bytes)).unwrap_or_default();
            // The branch names the transaction, whatever else is in it.
            if !param.name.of(bytes).eq_ignore_ascii_case(b"branch") && names_address(value) {
                edits.remove(param.span);
            }
        }
        let mut fields = message.frame().fields_named(Name::Via);
        let first = fields.next().map_or(via.span, |field| field.value);
        let tail = Span::new(via.span.end, first.end.max(via.span.end));
        edits.remove(tail);
        let mut lines = Vec::new();
        for field in fields {
            lines.extend_from_slice(field.line.of(bytes));
            edits.remove(field.line);
        }
        Self {
            top: via.span.of(bytes).to_vec(),
            tail: tail.of(bytes).to_vec(),
            lines,
        }
    }

    /// Puts them back in a response, in the place of ours and whatever else is there. A sender that
    /// asks for it learns its own address, `peer` (RFC 3581 §4).
    pub(crate) fn restore(&self, message: &Message, peer: SocketAddr, edits: &mut Edits) {
        let mut value = filled(&self.top, peer);
        value.extend_from_slice(&self.tail);
        let ours = message.via().span;
        edits.replace(ours, value);
        for field in message.frame().fields_named(Name::Via) {
            if field.value.contains(ours) {
                edits.remove(Span::new(ours.end, field.value.end));
                edits.insert(field.line.end, self.lines.clone());
            } else {
                edits.remove(field.line);
            }
        }
    }

    /// Octets held.
    pub(crate) fn octets(message: &Message) -> usize {
        let fields = message.frame().fields_named(Name::Via);
        fields.map(|field| field.line.len()).sum()
    }
}

/// A Via with its empty `rport` filled in.
fn filled(top: &[u8], peer: SocketAddr) -> Vec<u8> {
    let via = Via::parse(top, Span::new(0, top.len()));
    let rport = via.ok().and_then(|via| via.params.find(top, "rport"));
    match rport.filter(|param| param.value.is_none()) {
        Some(param) => {
            let mut edits = Edits::new();
            let learnt = format!("={};received={}", peer.port(), peer.ip());
            edits.insert(param.name.end, learnt);
            edits.apply(top)
        }
        None => top.to_vec(),
    }
}
