//! End-to-end runs: the real binaries between real peers, in network namespaces.
//!
//! A run builds a [`lab::Lab`], starts peers in it ([`kamailio`], [`baresip`], `openssl`) and the
//! proxy's processes, and watches them. Everything that it starts dies with it.
//!
//! | variable | meaning |
//! |---|---|
//! | `UCP_BINARIES` | folder of the binaries under test, in place of the release build |
//! | `UCP_WORKERS` | tells every story with so many workers only, in place of one and then two |
//! | `UCP_SEED` | what chance is drawn from, in place of the clock; printed where it is used |
//! | `UCP_KILLS` | processes that `tests/kills.rs` kills, in place of 200 |
//! | `UCP_KEEP` | keeps every lab's folder as `ucp-kept-…`, not only those of failed tests |
//!
//! Deliberately absent: sleeps in place of conditions ([`wait`] has the only one), and skipping:
//! a missing tool or right is a failure that says so.

pub mod baresip;
pub mod call;
pub mod certs;
pub mod chance;
pub mod crowd;
pub mod ctrl;
pub mod demo;
pub mod error;
pub mod frames;
pub mod kamailio;
pub mod lab;
pub mod netns;
pub mod onlooker;
pub mod policy;
pub mod process;
pub mod provision;
pub mod proxy;
pub mod report;
pub mod scenario;
pub mod show;
pub mod sip;
pub mod stage;
pub mod steady;
pub mod template;
pub mod terminal;
pub mod tls_peer;
pub mod tone;
pub mod wait;
pub mod wav;
