//! TCP, one connection at a time: bytes in order for one flow.
//!
//! A worker answers SYNs with [`Cookies`], which keep no state, and builds a [`TcpLeg`] when the
//! third packet of a handshake shows one; towards servers it opens legs with
//! [`TcpLeg::connect`]. Each leg is a smoltcp interface with one socket, fed one IP packet at a
//! time, so that the cost of a packet does not depend on the number of legs.
//!
//! smoltcp is used for the state machine, retransmission and reassembly. What it lacks is here:
//! SYN cookies, sequence numbers that cannot be guessed (RFC 6528), resets that cannot be guessed
//! (RFC 5961), a close look at the announced window, and time limits that tell a dead peer from
//! a stalled one.
//!
//! Deliberately absent: finding the leg of a packet (`flow`), checksums of what comes in (`wire`
//! has verified them), routes and neighbours (`ip`), clocks and random numbers (arguments).

mod cookie;
mod device;
mod isn;
mod leg;
mod liveness;
mod nudge;
mod params;
mod reset;
mod segment;
mod stack;
mod state;
mod track;

pub use cookie::{Accepted, Cookies};
pub use device::Transmit;
pub use isn::IsnSource;
pub use leg::TcpLeg;
pub use params::{Congestion, Params};
pub use reset::reset_for;
pub use state::{CloseCause, State};
