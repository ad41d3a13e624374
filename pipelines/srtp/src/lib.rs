//! SRTP and SRTCP without the ciphers (RFC 3711, RFC 6188, RFC 7714).
//!
//! A context says what is to be done with a packet and learns what became of it:
//! [`Receiver::plan`] estimates the packet's index, looks for a replay and describes the cipher
//! job; someone runs it; [`Receiver::commit`] takes note of what proved authentic. Nothing is
//! remembered of a packet before that. Of packets that are planned together, those that fail are
//! planned once more in their order ([`Receiver::retry`]), after those before them are committed. [`Sender::plan`] claims an index at once, since one index
//! under one key must never protect two packets.
//!
//! Deliberately absent: the bulk ciphers (`dataplane/crypto` runs whole bursts of jobs; contexts
//! carry its expanded keys without knowing their type), clocks and sockets. Key derivation rates
//! other than zero and F8 are not supported: nothing in the field uses them.

mod context;
mod index;
mod kdf;
mod plan;
mod profile;
mod replay;
mod rtcp;
mod rtp;
mod source;

pub use context::{Config, Expand, Mki, Params, Receiver, Sender};
pub use kdf::{SessionKey, SessionKeys};
pub use plan::{CipherJob, OpenPlan, SealPlan, Span};
pub use profile::{AUTH_KEY_LEN, Traffic, is_aead, tag_len};
pub use replay::WindowSize;
pub use rtp::Header;
