//! What the operator's tool and the control process say to each other.
//!
//! Over `control.sock` in the runtime directory (mode 0600): one request a connection, one
//! response back, each a frame of its length (four octets, big-endian) and that much JSON.
//!
//! Deliberately absent: reading state, which needs no control process (shared memory has it).

mod client;
mod frame;
mod line;
mod message;

pub use client::{CallError, call};
pub use frame::{FRAME_OCTETS_MAX, FrameError, read, write};
pub use line::{from_line, to_line};
pub use message::{
    Applied, AuditRecord, Configuration, Failure, Granted, InstalledLicence, Request, Response,
    Status, TlsLimit, Version,
};

/// File name of the socket in the runtime directory.
pub const SOCKET_NAME: &str = "control.sock";
