//! Who is at the other end of a connection, as the kernel knows it.

use std::io;
use std::os::unix::net::UnixStream;

use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::{Uid, User};

/// A user on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// User id.
    pub(crate) uid: u32,
    /// The user's name, or the number where it has none.
    pub(crate) user: String,
}

impl Peer {
    /// The user of the process that connected `stream`.
    pub(crate) fn of(stream: &UnixStream) -> io::Result<Self> {
        Ok(Self::by_uid(
            getsockopt(stream, sockopt::PeerCredentials)?.uid(),
        ))
    }

    /// The user that this process runs as.
    pub(crate) fn own() -> Self {
        Self::by_uid(Uid::effective().as_raw())
    }

    fn by_uid(uid: u32) -> Self {
        let known = User::from_uid(Uid::from_raw(uid)).ok().flatten();
        Self {
            uid,
            user: known.map_or_else(|| uid.to_string(), |user| user.name),
        }
    }
}
