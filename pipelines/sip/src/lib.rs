//! SIP (RFC 3261) as a transparent proxy needs it: framing on a stream, a view of a message that
//! says where everything stands, and rewriting by edits, so that every octet that nobody asked to
//! change leaves as it came.
//!
//! The way of a message: [`Framer::read`] cuts a [`Frame`] out of the stream, [`Message::parse`]
//! checks what every element must check, [`Edits`] gather changes, [`Message::render`] writes the
//! result with its lengths put right. [`reply`] and [`request`] write messages of our own.
//!
//! A refusal says what and where ([`SipError`]); what to answer is the application's to decide,
//! with [`Cause::status`] as the RFC's advice.
//!
//! Deliberately absent: sockets, timers, routing by DNS, and any idea of what the addresses in a
//! message ought to become.

mod address;
mod body;
mod cseq;
mod dialog;
mod error;
mod frame;
mod framing;
mod header;
mod limits;
mod message;
mod method;
mod params;
pub mod reply;
pub mod request;
mod rewrite;
mod scan;
mod span;
mod start;
mod uri;
mod via;

#[cfg(test)]
mod tests;

pub use address::NameAddr;
pub use body::{MediaType, Part};
pub use cseq::CSeq;
pub use dialog::{DialogId, TransactionId};
pub use error::{Cause, Fault, SipError};
pub use frame::{Field, Frame};
pub use framing::{Framer, FramingError, Parsed};
pub use header::Name;
pub use limits::Limits;
pub use message::{Message, Rejected};
pub use method::Method;
pub use params::{Param, Params};
pub use rewrite::Edits;
pub use span::Span;
pub use start::Start;
pub use uri::{Scheme, Uri};
pub use via::Via;
