//! Whether the values fit each other: names, addresses, ranges, certificates, licences.

mod apps;
mod license;
mod media;
mod names;
mod net;
mod network;
mod runtime;
mod settings;
mod trust;

use core::net::IpAddr;

use abi::policy::PolicyImage;
use abi::secrets::Secret;

use apps::Parts;
use names::Names;
use trust::Store;

pub use license::{Appliance, Bounds, Licensed};

use crate::access::Access;
use crate::document::Findings;
use crate::files::Files;
use crate::raw::RawPolicy;

/// A configuration that was checked.
#[derive(Debug)]
pub(crate) struct Checked {
    /// The image, without what compiling derives.
    pub(crate) image: PolicyImage,
    /// Addresses that interfaces answer for besides their own, with the interface's index.
    pub(crate) owned: Vec<(u16, IpAddr)>,
    /// Private keys.
    pub(crate) secrets: Vec<Secret>,
    /// What is licensed; `None` when the licence makes no sense.
    pub(crate) licensed: Option<Licensed>,
    /// Who may ask control for what.
    pub(crate) access: Access,
}

/// Checks everything, noting all that is wrong; the result is for use only if nothing was.
pub(crate) fn check(
    findings: &mut Findings<'_>,
    raw: &RawPolicy,
    files: &dyn Files,
    now: u64,
) -> Checked {
    let devices = Names::collect(findings, "device", &raw.devices, |d| d.name.as_ref());
    let interfaces = Names::collect(findings, "interface", &raw.interfaces, |i| i.name.as_ref());
    let trustpoints = Names::collect(findings, "trustpoint", &raw.trustpoints, |t| {
        t.name.as_ref()
    });
    let servers = Names::collect(findings, "server", &raw.servers, |s| s.name.as_ref());
    let media = Names::collect(findings, "media termination", &raw.media, |m| {
        m.name.as_ref()
    });
    // Only for names given twice: nothing refers to an application.
    Names::collect(findings, "application", &raw.applications, |a| {
        a.name.as_ref()
    });

    let boot = runtime::boot(findings, raw);
    let topology = network::topology(findings, raw, &devices, &interfaces);
    let forward = network::forward(findings, raw, &interfaces);
    let (trustpoint_list, secrets) = Store::new(files, now).trustpoints(findings, raw);
    let server_list = media::servers(findings, raw, &topology);
    let media_list = media::terminations(findings, raw, &interfaces, &topology);
    let mut owned = media_list
        .iter()
        .flatten()
        .map(|m| (m.interface, m.address))
        .collect();
    let parts = Parts {
        topology: &topology,
        interfaces: &interfaces,
        servers: &servers,
        trustpoints: &trustpoints,
        media: &media,
        server_list: &server_list,
        trustpoint_list: &raw.trustpoints,
        media_list: &media_list,
    };
    let apps = apps::applications(findings, raw, &parts, &mut owned);
    let tcp = settings::tcp(findings, raw);
    let licensed = license::licensed(findings, raw, files);
    if !findings.has_errors() {
        for names in [&devices, &trustpoints, &servers, &media] {
            names.warn_unused(findings);
        }
    }
    Checked {
        image: PolicyImage {
            boot,
            interfaces: topology.interfaces,
            routes: topology.routes,
            forward,
            trustpoints: trustpoint_list,
            servers: server_list.into_iter().flatten().collect(),
            media: media_list.into_iter().flatten().collect(),
            apps,
            tcp,
            tls: settings::tls(&raw.tls),
            rtp: settings::rtp(&raw.rtp),
        },
        owned,
        secrets,
        licensed,
        access: Access::of(&raw.access),
    }
}
