//! Phones, call managers and real workers in one thread, over simulated cables and a virtual
//! clock: whole calls, bad networks and hostile peers, to the frame, in milliseconds.
//!
//! A [`World`] holds [`Segment`]s, [`Host`]s and the [`Proxy`] under test, and jumps from one
//! thing that happens to the next. A [`Lab`] is the usual one: phones outside, a call manager and
//! a desk phone inside, the proxy in between as a [`Setup`] says. The stories are `tests/it`.
//!
//! Deliberately absent: DPDK, threads, sockets, clocks and sleeps, so that a run repeats from its
//! seed. Real peers are `tests/e2e`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a laboratory for tests, which fail where it does"
)]

mod agent;
mod call;
mod conn;
mod host;
mod lab;
mod media;
mod packets;
mod pki;
mod proxy;
mod random;
mod segment;
mod setup;
mod sip;
mod verify;
mod world;

pub use agent::{Agent, Audio, DESK_NUMBER, Dialog, PHONE_NUMBER, ack_refusal, cancel, endpoint};
pub use call::{Call, DESK_RTP, PHONE_RTP, Party};
pub use conn::{Conn, ConnId};
pub use host::{Datagram, Host, HostSpec};
pub use lab::{DESK, Lab, MANAGER, PHONE, STRANGER};
pub use media::{Heard, MediaEnd, Sdes};
pub use packets::{datagram, echo_request, fragments, segment, too_big};
pub use pki::{Authority, Identity, KeyRing, Leaf};
pub use proxy::{Proxy, Snapshot};
pub use random::Random;
pub use segment::{Segment, Steering, Weather};
pub use setup::{Addressing, Cluster, Credentials, Family, Place, Setup, Source};
pub use sip::Message;
pub use world::{HostId, SegmentId, World, proxy_info};
