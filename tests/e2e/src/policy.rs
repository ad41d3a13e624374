//! The policy that the proxy runs with in the lab.

use std::fs;
use std::path::{Path, PathBuf};

use crate::certs::{Identity, Request};
use crate::error::Result;
use crate::lab::{Host, Lab};
use crate::template::{fill, write};

/// Source address of the proxy's connections to the call manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The phone's own.
    Client,
    /// One of the proxy's.
    Proxy,
}

/// What differs between runs.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Poll-mode workers; tests set them by [`each_way`](crate::scenario::each_way).
    pub workers: u16,
    /// Handshake threads.
    pub handshake_threads: u16,
    /// Whether the cluster is encrypted: TLS to the call manager and SRTP inside.
    pub secure: bool,
    /// Source towards the call manager.
    pub source: Source,
    /// VLAN of the inside network, if its frames are tagged.
    pub inside_vlan: Option<u16>,
    /// Revocation list of the lab's authority.
    pub crl: Option<PathBuf>,
    /// Cryptography of TLS.
    pub provider: &'static str,
    /// Further keys of the `tls` section, YAML.
    pub tls: String,
    /// Further sections, YAML.
    pub more: String,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            workers: 1,
            handshake_threads: 1,
            secure: false,
            source: Source::Client,
            inside_vlan: None,
            crl: None,
            provider: "aws-lc-rs",
            tls: String::new(),
            more: String::new(),
        }
    }
}

/// Hugepages of 2 MiB that the dataplane of the lab takes at most.
const HUGEPAGES: u64 = 256;

impl Policy {
    /// Writes the policy to `path`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, lab: &Lab, identity: &Identity, path: &Path) -> Result<()> {
        let server = if self.secure {
            SECURE_SERVER
        } else {
            NONSECURE_SERVER
        };
        let vlan = self.inside_vlan.map(|vlan| format!("    vlan: {vlan}"));
        let crl = self.crl.as_ref();
        let crl = crl.map(|path| format!("    crl: [{}]", path.display()));
        let hugepages = HUGEPAGES <= free_hugepages();
        let own = [
            ("WORKERS", self.workers.to_string()),
            ("HANDSHAKE_THREADS", self.handshake_threads.to_string()),
            ("HUGEPAGES", hugepages.to_string()),
            ("SERVER", server.to_owned()),
            ("SOURCE", self.source.written()),
            ("INSIDE_VLAN", vlan.unwrap_or_default()),
            ("PROVIDER", self.provider.to_owned()),
            ("TLS", self.tls.clone()),
            ("MORE", self.more.clone()),
            ("CRL", crl.unwrap_or_default()),
            ("CA", lab.authority.ca().display().to_string()),
            ("CERT", identity.cert.display().to_string()),
            ("KEY", identity.key.display().to_string()),
        ];
        let hosts = HOSTS
            .into_iter()
            .flat_map(|(v4, v6, host)| [(v4, host.v4().to_string()), (v6, host.v6().to_string())]);
        let values: Vec<(&str, String)> = own.into_iter().chain(hosts).collect();
        let values: Vec<(&str, &str)> = values
            .iter()
            .map(|(place, text)| (*place, text.as_str()))
            .collect();
        let text = fill(include_str!("../config/ucproxy.yaml"), &values)?;
        write(path, &text).map(drop)
    }
}

impl Source {
    fn written(self) -> String {
        let (v4, v6) = (Host::ProxySource.v4(), Host::ProxySource.v6());
        match self {
            Self::Client => "client".to_owned(),
            Self::Proxy => format!("[{v4}, \"{v6}\"]"),
        }
    }
}

/// Places of the template for a host's IPv4 and IPv6 address.
const HOSTS: [(&str, &str, Host); 6] = [
    ("OUTSIDE4", "OUTSIDE6", Host::OutsideRouter),
    ("INSIDE4", "INSIDE6", Host::InsideRouter),
    ("MANAGER4", "MANAGER6", Host::Manager),
    ("MAPPED4", "MAPPED6", Host::Mapped),
    ("OUTSIDE_MEDIA4", "OUTSIDE_MEDIA6", Host::OutsideMedia),
    ("INSIDE_MEDIA4", "INSIDE_MEDIA6", Host::InsideMedia),
];

const NONSECURE_SERVER: &str = "      security: nonsecure";
const SECURE_SERVER: &str =
    "      security: encrypted\n      tls: { identity: proxy, trust: [lab] }";

/// The certificate that the proxy shows to phones and, if it must, to the call manager: it
/// stands in for the latter, so it carries the addresses that phones aim at.
///
/// # Errors
/// When it cannot be made.
pub fn proxy_identity(lab: &Lab, name: &str) -> Result<Identity> {
    let hosts = [Host::Manager, Host::Mapped];
    let names = hosts.map(|host| [host.v4().to_string(), host.v6().to_string()]);
    let names: Vec<&str> = names.iter().flatten().map(String::as_str).collect();
    lab.authority.issue(&Request::server(name, &names))
}

fn free_hugepages() -> u64 {
    let path = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";
    fs::read_to_string(path)
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0)
}
