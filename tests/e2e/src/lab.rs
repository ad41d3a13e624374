//! The lab: an outside and an inside network with the proxy as the router between them.
//!
//! ```text
//!  outside namespace            proxy namespace             inside namespace
//!  198.51.100.0/24       "outside" ──────── "inside"        192.0.2.0/24
//!  phone .10, stranger .66     (the dataplane)              manager .10, phone .20, stranger .66
//! ```
//! Every address also exists in IPv6, under 2001:db8:1::/64 and 2001:db8:2::/64. The kernel of
//! the proxy namespace has no address and never sees a packet, unless [`Router::Kernel`] asks it
//! to route: that proves the lab without the proxy.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use crate::certs::Authority;
use crate::error::{Failure, Result};
use crate::frames;
use crate::netns::{Netns, PREFIX, is_of_a_dead_run, sweep};
use crate::process::Process;
use crate::wait::{STEP, until};

/// Who routes between the two networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Router {
    /// The dataplane.
    Proxy,
    /// The kernel of the proxy namespace, for a call without the proxy.
    Kernel,
}

/// An address family of the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// A host of the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// The proxy as router of the outside network.
    OutsideRouter,
    /// The proxy's outside address that is mapped to the call manager.
    Mapped,
    /// The proxy's outside media-termination address.
    OutsideMedia,
    /// The phone on the outside network.
    OutsidePhone,
    /// Another phone there.
    SecondPhone,
    /// A host there that nobody knows.
    OutsideStranger,
    /// The proxy as router of the inside network.
    InsideRouter,
    /// The proxy's inside media-termination address.
    InsideMedia,
    /// The proxy's address for connections to the call manager.
    ProxySource,
    /// The call manager.
    Manager,
    /// The phone on the inside network.
    InsidePhone,
    /// A host there that nobody knows.
    InsideStranger,
}

impl Host {
    const OUTSIDE: [Self; 3] = [Self::OutsidePhone, Self::SecondPhone, Self::OutsideStranger];
    const INSIDE: [Self; 3] = [Self::Manager, Self::InsidePhone, Self::InsideStranger];

    const fn number(self) -> (bool, u8) {
        match self {
            Self::OutsideRouter => (true, 1),
            Self::Mapped => (true, 5),
            Self::OutsideMedia => (true, 6),
            Self::OutsidePhone => (true, 10),
            Self::SecondPhone => (true, 11),
            Self::OutsideStranger => (true, 66),
            Self::InsideRouter => (false, 1),
            Self::InsideMedia => (false, 6),
            Self::ProxySource => (false, 7),
            Self::Manager => (false, 10),
            Self::InsidePhone => (false, 20),
            Self::InsideStranger => (false, 66),
        }
    }

    /// The host's address.
    #[must_use]
    pub fn address(self, family: Family) -> IpAddr {
        let (outside, number) = self.number();
        match (family, outside) {
            (Family::V4, true) => Ipv4Addr::new(198, 51, 100, number).into(),
            (Family::V4, false) => Ipv4Addr::new(192, 0, 2, number).into(),
            (Family::V6, _) => {
                let net = if outside { 1 } else { 2 };
                Ipv6Addr::new(0x2001, 0xdb8, net, 0, 0, 0, 0, number.into()).into()
            }
        }
    }

    /// The host's IPv4 address.
    #[must_use]
    pub fn v4(self) -> IpAddr {
        self.address(Family::V4)
    }

    /// The host's IPv6 address.
    #[must_use]
    pub fn v6(self) -> IpAddr {
        self.address(Family::V6)
    }
}

/// The lab; removed on drop.
#[derive(Debug)]
pub struct Lab {
    /// The outside network's hosts.
    pub outside: Netns,
    /// The inside network's hosts.
    pub inside: Netns,
    /// Where the dataplane runs.
    pub proxy: Netns,
    /// Issues every certificate that is good.
    pub authority: Authority,
    dir: PathBuf,
    keep_dir: bool,
    _turn: Turn,
}

/// Routes the link and, by `router`, everything else. What has no address of its own speaks from
/// `phone`: phones bind their signalling to an address but not their media, and media from another
/// address than the signalled one is refused.
fn route(hosts: &Netns, phone: IpAddr, router: IpAddr) -> Result<()> {
    let (family, network) = match phone {
        IpAddr::V4(a) => {
            let [b, c, d, _] = a.octets();
            ("-4", format!("{b}.{c}.{d}.0/24"))
        }
        IpAddr::V6(a) => {
            let [b, c, d, ..] = a.segments();
            ("-6", format!("{b:x}:{c:x}:{d:x}::/64"))
        }
    };
    let (src, via) = (phone.to_string(), router.to_string());
    hosts.ip(&[family, "route", "add", &network, "dev", "eth0", "src", &src])?;
    hosts
        .ip(&[family, "route", "add", "default", "via", &via, "src", &src])
        .map(drop)
}

/// Gives `eth0` its addresses and routes.
fn settle(hosts: &Netns, addresses: &[Host], router: Host) -> Result<()> {
    for host in addresses {
        let (v4, v6) = (format!("{}/24", host.v4()), format!("{}/64", host.v6()));
        // The kernel's own route of the network would name no source.
        hosts.ip(&["addr", "add", &v4, "dev", "eth0", "noprefixroute"])?;
        hosts.ip(&["addr", "add", &v6, "dev", "eth0", "nodad", "noprefixroute"])?;
    }
    hosts.ip(&["link", "set", "eth0", "up"])?;
    let phone = if router == Host::InsideRouter {
        Host::InsidePhone
    } else {
        Host::OutsidePhone
    };
    route(hosts, phone.v4(), router.v4())?;
    route(hosts, phone.v6(), router.v6())
}

/// Each held by a lab that is up. Labs mostly wait, for speech or for a timer, so three share
/// the cores of a small machine well; more would make each other late.
const TURNS: [&str; 3] = [
    "/run/lock/ucproxy-lab-0.lock",
    "/run/lock/ucproxy-lab-1.lock",
    "/run/lock/ucproxy-lab-2.lock",
];

/// Longest time that others may keep all turns: a soak runs for hours.
const TURN: Duration = Duration::from_secs(24 * 3_600);

impl Lab {
    /// Builds a lab of this process's own; what dead runs left behind is removed first.
    ///
    /// # Errors
    /// When the caller is not root, or a tool is missing.
    pub fn create(router: Router) -> Result<Self> {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        let turn = take_turn()?;
        sweep();
        sweep_folders();
        let run_id = format!("{}-{}", std::process::id(), RUNS.fetch_add(1, Relaxed));
        let dir = std::env::temp_dir().join(format!("{PREFIX}{run_id}"));
        fs::create_dir_all(&dir).map_err(|e| Failure::io("make", &dir, e))?;
        let lab = Self {
            outside: Netns::create(&run_id, "out")?,
            inside: Netns::create(&run_id, "in")?,
            proxy: Netns::create(&run_id, "dp")?,
            authority: Authority::create(&dir.join("certs"), "ca")?,
            dir,
            keep_dir: false,
            _turn: turn,
        };
        lab.wire(&lab.outside, "outside", &Host::OUTSIDE, Host::OutsideRouter)?;
        lab.wire(&lab.inside, "inside", &Host::INSIDE, Host::InsideRouter)?;
        if router == Router::Kernel {
            lab.route_by_kernel()?;
        }
        Ok(lab)
    }

    /// Builds a lab, runs `test` in it, and removes it. When the test fails its folder is kept,
    /// and the error says where.
    ///
    /// # Errors
    /// What `test` fails with.
    pub fn run(router: Router, test: impl FnOnce(&Self) -> Result<()>) -> Result<()> {
        let mut lab = Self::create(router)?;
        test(&lab).map_err(|error| {
            lab.keep_dir = true;
            Failure::Unexpected(format!(
                "{error}\nlogs are kept in {}",
                lab.kept().display()
            ))
        })
    }

    /// The lab's folder, for logs, recordings and configurations.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the folder goes when it is kept, out of the way of the sweep.
    fn kept(&self) -> PathBuf {
        let name = self.dir.file_name().unwrap_or_default().to_string_lossy();
        let run_id = name.strip_prefix(PREFIX).unwrap_or(&name);
        self.dir.with_file_name(format!("{PREFIX}kept-{run_id}"))
    }

    /// A new folder in the lab's folder.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn subdir(&self, name: &str) -> Result<PathBuf> {
        let dir = self.dir.join(name);
        fs::create_dir_all(&dir).map_err(|e| Failure::io("make", &dir, e))?;
        Ok(dir)
    }

    /// Joins `hosts` to the proxy namespace by a veth pair, with `router` as default route.
    fn wire(&self, hosts: &Netns, link: &str, addresses: &[Host], router: Host) -> Result<()> {
        let proxy = &self.proxy;
        for netns in [hosts, proxy] {
            netns.sysctl("ipv6/conf/all/accept_ra", "0")?;
            netns.sysctl("ipv6/conf/default/accept_ra", "0")?;
        }
        proxy.ip(&[
            "link",
            "add",
            link,
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            hosts.name(),
        ])?;
        proxy.sysctl(&format!("ipv6/conf/{link}/disable_ipv6"), "1")?;
        offload_off(hosts, "eth0")?;
        offload_off(proxy, link)?;
        proxy.ip(&["link", "set", link, "up"])?;
        settle(hosts, addresses, router)
    }

    /// Moves the inside hosts behind a trunk: their frames carry the tag of `vlan` for as long as
    /// the process returned runs. It stands in for a switch, and for kernels without 802.1Q.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn tag_inside(&self, vlan: u16) -> Result<Process> {
        let hosts = &self.inside;
        hosts.ip(&["addr", "flush", "dev", "eth0"])?;
        hosts.ip(&["link", "set", "eth0", "down"])?;
        hosts.ip(&["link", "set", "eth0", "name", "trunk"])?;
        hosts.ip(&[
            "link", "add", "port", "type", "veth", "peer", "name", "eth0",
        ])?;
        for link in ["trunk", "port", "eth0"] {
            offload_off(hosts, link)?;
            hosts.ip(&["link", "set", link, "up"])?;
        }
        settle(hosts, &Host::INSIDE, Host::InsideRouter)?;
        let (script, vlan) = (frames::script().display().to_string(), vlan.to_string());
        let command = ["python3", &script, "trunk", "trunk", "port", &vlan];
        let mut relay = Process::start(hosts, &self.dir, "trunk", &command)?;
        relay.wait_line("relaying", STEP)?;
        Ok(relay)
    }

    fn route_by_kernel(&self) -> Result<()> {
        let proxy = &self.proxy;
        for (link, router) in [
            ("outside", Host::OutsideRouter),
            ("inside", Host::InsideRouter),
        ] {
            proxy.sysctl(&format!("ipv6/conf/{link}/disable_ipv6"), "0")?;
            let (v4, v6) = (format!("{}/24", router.v4()), format!("{}/64", router.v6()));
            proxy.ip(&["addr", "add", &v4, "dev", link])?;
            proxy.ip(&["addr", "add", &v6, "dev", link, "nodad"])?;
        }
        proxy.sysctl("ipv4/ip_forward", "1")?;
        proxy.sysctl("ipv6/conf/all/forwarding", "1")
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.keep_dir || std::env::var_os("UCP_KEEP").is_some() {
            fs::rename(&self.dir, self.kept()).ok();
        } else {
            fs::remove_dir_all(&self.dir).ok();
        }
    }
}

/// A kernel that leaves checksums to the (absent) hardware sends partial ones over a veth pair,
/// and a packet that it has merged is larger than any MTU: both are switched off.
fn offload_off(netns: &Netns, link: &str) -> Result<()> {
    netns
        .exec(&[
            "ethtool", "-K", link, "tx", "off", "rx", "off", "sg", "off", "tso", "off", "gso",
            "off", "gro", "off",
        ])
        .map(|_| ())
}

/// The right to be one of the labs that are up; given up on drop, and by the end of the process.
#[derive(Debug)]
struct Turn {
    path: &'static str,
    #[expect(dead_code, reason = "held for its lock")]
    file: File,
}

/// Takes whichever turn is free first.
fn take_turn() -> Result<Turn> {
    until("a lab that ends", TURN, || {
        for path in TURNS {
            let file = open_turn(path)?;
            if file.try_lock().is_ok()
                && let Some(turn) = Turn::of(path, file)
            {
                return Ok(Some(turn));
            }
        }
        Ok(None)
    })
}

fn open_turn(path: &str) -> Result<File> {
    File::create(path).map_err(|e| Failure::io("open", Path::new(path), e))
}

impl Turn {
    /// `None` if who held it before has removed the file, and another may have made it anew.
    fn of(path: &'static str, file: File) -> Option<Self> {
        let ours = file.metadata().ok()?.ino();
        // Made only then: a turn that is dropped removes the file, which is another's here.
        (ours == fs::metadata(path).ok()?.ino()).then(|| Self { path, file })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        fs::remove_file(self.path).ok();
    }
}

/// Removes the folders of runs that were killed before they could.
fn sweep_folders() {
    for entry in fs::read_dir(std::env::temp_dir())
        .into_iter()
        .flatten()
        .flatten()
    {
        if entry.file_name().to_str().is_some_and(is_of_a_dead_run) {
            fs::remove_dir_all(entry.path()).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_documentation_addresses() {
        assert_eq!(Host::Manager.v4().to_string(), "192.0.2.10");
        assert_eq!(Host::OutsidePhone.v4().to_string(), "198.51.100.10");
        assert_eq!(Host::OutsidePhone.v6().to_string(), "2001:db8:1::a");
    }
}
