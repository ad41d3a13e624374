//! Session descriptions (RFC 8866) as a proxy needs them: typed where it must understand or
//! change something, byte for byte everywhere else, and always in the sender's order.
//!
//! [`Sdp::parse`] checks every line that the accessors read, so what parses can be worked with.
//! What is wrong with one stream only (an address that is a name, a crypto line with an unknown
//! suite) is reported when that stream is asked for, with the line's number, so that one bad
//! stream can be rejected while the others go on.
//!
//! Keys are wiped when dropped and never appear in `Debug` output.
//!
//! Deliberately absent: offer/answer state and the choice among suites, which are the
//! application's.

mod address;
mod base64;
mod crypto;
mod description;
mod direction;
mod error;
mod line;
mod media;
mod rewrite;

#[cfg(test)]
mod tests;

pub use abi::Suite;
pub use address::{Connection, Endpoint, Origin};
pub use crypto::{Crypto, KeySalt, Mki};
pub use description::Sdp;
pub use direction::Direction;
pub use error::{Cause, SdpError};
pub use media::{Media, Proto};

/// Octets that a description may have.
pub const MAX_LEN: usize = 64 * 1024;

/// Lines that a description may have.
pub const MAX_LINES: usize = 1024;

/// Octets that one line may have, without its ending.
pub const MAX_LINE_LEN: usize = 8 * 1024;

/// Streams (m= lines) that a description may have.
pub const MAX_MEDIA: usize = 16;

/// a=crypto lines that one stream may have.
pub const MAX_CRYPTO: usize = 16;
