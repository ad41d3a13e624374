//! Configuration: from the operator's YAML to the policy image that the data plane obeys.
//!
//! ```text
//! text ─ yaml ─► Document ─ raw ─► RawPolicy ─ check ─► Policy ─ compile ─► PolicyImage
//!                    └────────── Finding, with line, column and path ──────────┘
//! ```
//! Every step notes all that is wrong and goes on, so that an operator sees everything at once.
//!
//! Deliberately absent: shared memory and sockets (`ucproxy-control`), licence arithmetic
//! (`license`), and what an application's options mean (its own crate).

mod access;
mod catalog;
mod check;
mod compile;
mod diff;
mod document;
mod edit;
mod files;
mod finding;
mod form;
mod inventory;
mod options;
mod pki;
mod raw;
mod reference;
mod report;
mod schema;
mod section;
#[cfg(test)]
mod tests;
mod value;
mod write;
mod yaml;

pub use access::{Access, Role, touches_secrets};
pub use check::{Appliance, Bounds, Licensed};
pub use diff::{Change, diff, restart_keys};
pub use edit::{cleared, with_tls_limit};
pub use files::{FILE_OCTETS_MAX, FileContent, FileError, Files, Folder};
pub use finding::{Finding, Place, Problem, Severity};
pub use inventory::{CertificateRole, HeldCertificate, certificates};
pub use reference::reference;
pub use report::{Policy, Report};
pub use schema::schema;
