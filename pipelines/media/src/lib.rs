//! Media between two legs: RTP and SRTP, RTCP and SRTCP, translated, re-encrypted or relayed.
//!
//! A [`Stream`] is what signalling asked for in one `pipeline::MediaPlan`. For each packet it says
//! whether the packet may pass ([`Stream::screen`]), what there is to decrypt ([`Stream::admit`]),
//! what it learned once the packet proved authentic ([`Stream::accept`]), and how the packet leaves
//! ([`Stream::forward`], [`Stream::path`]). Whoever drives it runs the ciphers between these
//! steps, for a whole burst of packets at once.
//!
//! Deliberately absent: frames, ports and ciphers (`dataplane`), and signalling.

mod demux;
mod side;
mod stream;
mod translate;

pub mod rtcp;
pub mod rtp;

#[cfg(test)]
mod tests;

pub use demux::Component;
pub use stream::{Fetch, Stream};
pub use translate::{Accepted, Admission, Content, Forward, Origin, Path, Screened};
