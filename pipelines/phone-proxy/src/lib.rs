//! The phone proxy: phones outside speak SIP over TLS and SRTP, the call managers inside speak
//! what their cluster speaks.
//!
//! A session is transparent: one SIP transaction end to end, with the same Call-ID, tags, CSeq and
//! branches, and no Via or Record-Route of ours. Addresses are translated in place, so that each
//! side sees the proxy's address on its side and nothing of the other, and every translation is
//! undone exactly on the way back. Offers and answers are followed (RFC 3264, RFC 6337): each
//! stream gets addresses and keys of ours on both sides, and no media flows outside a dialog.
//!
//! What it refuses: other protocols on the port, messages against the grammar or over a limit,
//! media without keys where they are required, and more calls or transactions than allowed.
//!
//! Deliberately absent: TLS, packets, licences and clocks (the worker's), and SIP's grammar (the
//! `sip` crate's).

mod addresses;
mod body;
mod call;
mod config;
mod contacts;
mod headers;
mod identities;
mod keys;
mod lines;
mod local;
mod media;
mod negotiate;
mod request;
mod response;
mod session;
mod store;
mod transaction;
mod uri;
mod vias;

#[cfg(test)]
mod tests;

pub use config::{Config, Finding, MediaSecurity, Problem, RawConfig, ServerAddress};
pub use session::Session;

use pipeline::{AppDef, LicenceClass};

/// The application, as the registry lists it.
pub const APP: AppDef = AppDef {
    name: "phone-proxy",
    licence: LicenceClass::PhoneProxy,
    tcp_port: 5061,
};
