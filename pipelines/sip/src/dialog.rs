//! What names a dialog and a transaction.

use crate::{Message, Method};

/// Names a dialog for one of its parties (RFC 3261 §12): Call-ID and that party's tag. The other
/// tag tells the forks of one dialog apart, and is not part of the name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DialogId {
    /// Call-ID.
    pub call_id: Vec<u8>,
    /// Tag of the party.
    pub tag: Vec<u8>,
}

impl DialogId {
    /// The dialog as its party `tag` knows it.
    #[must_use]
    pub fn new(call_id: &[u8], tag: &[u8]) -> Self {
        Self {
            call_id: call_id.to_vec(),
            tag: tag.to_vec(),
        }
    }

    /// Whether this is the dialog `call_id` of the party `tag`.
    #[must_use]
    pub fn is(&self, call_id: &[u8], tag: &[u8]) -> bool {
        self.call_id == call_id && self.tag == tag
    }

    /// Octets held.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.call_id.len() + self.tag.len()
    }
}

/// Names a transaction on one connection (RFC 3261 §17.1.3, §17.2.3).
///
/// Call-ID and number stand beside the branch because peers older than RFC 3261 do not make the
/// branch unique.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TransactionId {
    branch: Vec<u8>,
    call_id: Vec<u8>,
    number: u32,
    method: Method,
    method_text: Vec<u8>,
}

impl TransactionId {
    /// The transaction that `message` belongs to. An ACK belongs to one of its own; see
    /// [`TransactionId::of_invite`].
    #[must_use]
    pub fn of(message: &Message) -> Self {
        let cseq = message.cseq();
        Self {
            branch: message.branch().to_vec(),
            call_id: message.call_id().to_vec(),
            number: cseq.number,
            method: cseq.method,
            method_text: match cseq.method {
                Method::Other => cseq.method_span.of(message.bytes()).to_vec(),
                _ => Vec::new(),
            },
        }
    }

    /// The INVITE transaction that a CANCEL or the ACK of a refusal speaks of (RFC 3261 §9.2,
    /// §17.1.1.3).
    #[must_use]
    pub fn of_invite(message: &Message) -> Self {
        Self {
            method: Method::Invite,
            method_text: Vec::new(),
            ..Self::of(message)
        }
    }

    /// Octets held.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.branch.len() + self.call_id.len() + self.method_text.len()
    }
}
