//! Who is at the other end of a connection, as the kernel knows it.

use std::ffi::CString;
use std::io;
use std::os::unix::net::UnixStream;

use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::{Gid, Group, Uid, User, getgrouplist};

/// A user on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// User id.
    pub(crate) uid: u32,
    /// The user's name, or the number where it has none.
    pub(crate) user: String,
    /// The process that connected.
    pub(crate) pid: i32,
    /// Names of the user's groups, as the machine's database has them.
    pub(crate) groups: Vec<String>,
}

impl Peer {
    /// The user of the process that connected `stream`.
    pub(crate) fn of(stream: &UnixStream) -> io::Result<Self> {
        let peer = getsockopt(stream, sockopt::PeerCredentials)?;
        let known = known(peer.uid());
        let groups = groups(known.as_ref(), Gid::from_raw(peer.gid()));
        Ok(Self::new(peer.uid(), known, peer.pid(), groups))
    }

    /// The user that this process runs as.
    pub(crate) fn own() -> Self {
        let uid = Uid::effective().as_raw();
        let pid = i32::try_from(std::process::id()).unwrap_or(0);
        Self::new(uid, known(uid), pid, Vec::new())
    }

    /// Whether it may do everything: root, and whoever control runs as.
    pub(crate) fn is_master(&self) -> bool {
        self.uid == 0 || self.uid == Uid::effective().as_raw()
    }

    fn new(uid: u32, known: Option<User>, pid: i32, groups: Vec<String>) -> Self {
        Self {
            uid,
            user: known.map_or_else(|| uid.to_string(), |user| user.name),
            pid,
            groups,
        }
    }
}

fn known(uid: u32) -> Option<User> {
    User::from_uid(Uid::from_raw(uid)).ok().flatten()
}

/// The group of the connecting process, and those of its user.
fn groups(user: Option<&User>, own: Gid) -> Vec<String> {
    let name = user.and_then(|user| CString::new(user.name.as_str()).ok());
    let more = name.and_then(|name| getgrouplist(&name, own).ok());
    let mut ids = more.unwrap_or_default();
    ids.push(own);
    let name = |id: &Gid| Some(Group::from_gid(*id).ok()??.name);
    ids.iter().filter_map(name).collect()
}
