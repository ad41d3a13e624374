//! TLS for one leg of a session, without sockets, clocks or threads of its own.
//!
//! [`TlsLeg`] is the whole of TLS that a worker sees: octets of ciphertext in and out, octets of
//! plaintext in and out, and a [`State`]. A leg in clear has the same face. A [`Trustpoint`] holds
//! certificates and keys, a [`ServerProfile`] or [`ClientProfile`] says how legs behave, and a
//! [`HandshakePool`] runs what a worker must not: the public-key operations of a handshake.
//!
//! rustls shakes hands, by its unbuffered interface; the records of an open leg are ours
//! ([`Records`]). An idle leg owns no buffer at all, and what is held for a busy one is bounded
//! by [`LegLimits`].
//!
//! Deliberately absent: TLS 1.0 and 1.1, static RSA key exchange, 0-RTT, renegotiation, ALPN, and
//! the process-wide default provider of rustls, which nothing here reads or sets.

mod buffer;
mod certificate;
mod engine;
mod handshake;
mod leg;
mod peer;
mod profile;
mod recheck;
mod record;
mod refusal;
mod shown;
mod trustpoint;
mod verify;

#[cfg(test)]
pub(crate) mod tests;

pub use abi::policy::{ClientAuth, TlsProvider};
pub use handshake::{HandshakePool, HandshakePort, PoolConfig};
pub use leg::{LegLimits, State, TlsLeg};
pub use peer::PeerInfo;
pub use profile::{
    ClientProfile, ClientSpec, ProfileError, ServerProfile, ServerSpec, Target, TlsContext,
    Versions, WallClock,
};
pub use recheck::Recheck;
pub use record::Records;
pub use trustpoint::{Fault, Trustpoint, TrustpointError, TrustpointSpec};
