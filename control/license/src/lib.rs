//! Licence arithmetic: which model and which licences allow how many sessions.
//!
//! Pure functions over numbers. Statements are named by the ids L01 to L32 that the tests carry,
//! worked examples by E1 to E14. Taking and giving back units at run time is done by the data
//! plane on the atomics of `abi`; where licence files are kept is for control. Neither is here.

pub mod date;
mod entitle;
mod file;
mod headroom;
mod key;
mod model;
mod pem;
#[cfg(test)]
mod tests;
mod tls_limit;

pub use entitle::{EntitleError, Entitlement, K8_SRTP_SESSIONS, K8_TLS_SESSIONS, entitle};
pub use file::{Grant, GrantError, Issuer, IssuerKey, KeyError, LICENCE_OCTETS_MAX};
pub use headroom::{Headroom, InUse, Kind, headroom, refusal};
pub use key::{ExportClass, Feature, Licence, in_force};
pub use model::{MODELS, Model, Origin};
pub use tls_limit::{Cleared, TlsLimit, TlsLimitError, TooLow};
