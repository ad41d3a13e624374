//! The policy that the proxy runs with in the lab.

use std::fs;
use std::path::Path;

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
    /// Poll-mode workers.
    pub workers: u16,
    /// Handshake threads.
    pub handshake_threads: u16,
    /// Whether the cluster is encrypted: TLS to the call manager and SRTP inside.
    pub secure: bool,
    /// Source towards the call manager.
    pub source: Source,
    /// VLAN of the inside network, if its frames are tagged.
    pub inside_vlan: Option<u16>,
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
        let (workers, threads) = (self.workers.to_string(), self.handshake_threads.to_string());
        let hosts = [
            ("OUTSIDE4", Host::OutsideRouter.v4()),
            ("OUTSIDE6", Host::OutsideRouter.v6()),
            ("INSIDE4", Host::InsideRouter.v4()),
            ("INSIDE6", Host::InsideRouter.v6()),
            ("MANAGER4", Host::Manager.v4()),
            ("MANAGER6", Host::Manager.v6()),
            ("MAPPED4", Host::Mapped.v4()),
            ("MAPPED6", Host::Mapped.v6()),
            ("OUTSIDE_MEDIA4", Host::OutsideMedia.v4()),
            ("OUTSIDE_MEDIA6", Host::OutsideMedia.v6()),
            ("INSIDE_MEDIA4", Host::InsideMedia.v4()),
            ("INSIDE_MEDIA6", Host::InsideMedia.v6()),
        ]
        .map(|(place, address)| (place, address.to_string()));
        let files = [
            ("CA", lab.authority.ca()),
            ("CERT", &identity.cert),
            ("KEY", &identity.key),
        ]
        .map(|(place, path)| (place, path.display().to_string()));
        let hugepages = (HUGEPAGES <= free_hugepages()).to_string();
        let source = match self.source {
            Source::Client => "client".to_owned(),
            Source::Proxy => {
                format!(
                    "[{}, \"{}\"]",
                    Host::ProxySource.v4(),
                    Host::ProxySource.v6()
                )
            }
        };
        let vlan = self
            .inside_vlan
            .map_or_else(String::new, |vlan| format!("    vlan: {vlan}"));
        let mut values = vec![
            ("WORKERS", workers.as_str()),
            ("HANDSHAKE_THREADS", &threads),
            ("HUGEPAGES", &hugepages),
            (
                "SERVER",
                if self.secure {
                    SECURE_SERVER
                } else {
                    NONSECURE_SERVER
                },
            ),
            ("SOURCE", &source),
            ("INSIDE_VLAN", &vlan),
            ("PROVIDER", self.provider),
            ("TLS", &self.tls),
            ("MORE", &self.more),
        ];
        values.extend(
            hosts
                .iter()
                .chain(&files)
                .map(|(place, text)| (*place, text.as_str())),
        );
        write(
            path,
            &fill(include_str!("../config/ucproxy.yaml"), &values)?,
        )
        .map(|_| ())
    }
}

const NONSECURE_SERVER: &str = "      security: nonsecure";
const SECURE_SERVER: &str =
    "      security: encrypted\n      tls: { identity: proxy, trust: [lab] }";

/// The certificate that the proxy shows to phones and, if it must, to the call manager: it
/// stands in for the latter, so it carries the addresses that phones aim at.
///
/// # Errors
/// When it cannot be made.
pub fn proxy_identity(lab: &Lab) -> Result<Identity> {
    let hosts = [Host::Manager, Host::Mapped];
    let names = hosts.map(|host| [host.v4().to_string(), host.v6().to_string()]);
    let names: Vec<&str> = names.iter().flatten().map(String::as_str).collect();
    lab.authority.issue(&Request::server("proxy", &names))
}

fn free_hugepages() -> u64 {
    let path = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";
    fs::read_to_string(path)
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0)
}
