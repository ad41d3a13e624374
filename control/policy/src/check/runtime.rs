//! `runtime` and `devices`: what the data plane reads once, at its start.

use std::collections::HashMap;

use abi::policy::{Boot, Device, DeviceKind, Idle, Memory};

use crate::document::{Findings, NodeId};
use crate::finding::Problem;
use crate::raw::{IdleMode, RawDevice, RawPolicy, RawRuntime};
use crate::section::{At, quoted};
use crate::value::Text;

/// Checks both sections.
pub(crate) fn boot(findings: &mut Findings<'_>, raw: &RawPolicy) -> Boot {
    let runtime = &raw.runtime;
    check_cpus(findings, runtime);
    let workers = runtime.workers.to();
    Boot {
        devices: devices(findings, raw, workers),
        workers,
        handshake_threads: runtime.handshake_threads.to(),
        cpus: runtime.cpus.iter().map(|cpu| cpu.to()).collect(),
        memory: Memory {
            hugepages: runtime.hugepages.0,
            mib: u32::try_from(runtime.memory.0 >> 20).unwrap_or(u32::MAX),
        },
        idle: match runtime.idle.value {
            IdleMode::Busy => Idle::Busy,
            IdleMode::Backoff => Idle::Backoff {
                sleep_us_max: runtime.idle_sleep_max.units(),
            },
        },
        sessions_max: runtime.sessions_max.to(),
        streams_max: runtime.streams_max.to(),
        mbufs: runtime.mbufs.to(),
    }
}

fn check_cpus(findings: &mut Findings<'_>, runtime: &At<RawRuntime>) {
    let (cpus, workers) = (runtime.cpus.len(), runtime.workers.0);
    if cpus > 0 && cpus as u64 != workers && workers_known(findings, runtime) {
        let message = format!("{cpus} CPUs for {workers} workers, expected one each");
        findings.error(runtime.cpus.node, Problem::Conflict, message);
    }
    let mut seen = HashMap::new();
    for cpu in runtime.cpus.iter() {
        if seen.insert(cpu.0, ()).is_some() {
            let message = format!("CPU {} is named twice", cpu.0);
            findings.error(cpu.node, Problem::Conflict, message);
        }
    }
}

/// Whether the number of workers is what the configuration says, and not a default in the place
/// of what is wrong.
pub(crate) fn workers_known(findings: &Findings<'_>, runtime: &At<RawRuntime>) -> bool {
    let written = findings.doc.child(runtime.node, "workers");
    written.is_none_or(|node| node == runtime.workers.node)
}

fn devices(findings: &mut Findings<'_>, raw: &RawPolicy, workers: u16) -> Vec<Device> {
    let mut seen = HashMap::new();
    let mut devices = Vec::with_capacity(raw.devices.len());
    for item in raw.devices.iter() {
        let Some(kind) = kind(findings, item, workers) else {
            continue;
        };
        let (identity, node) = identity(item);
        if let Some(first) = seen.insert(identity, node) {
            let line = findings.doc.place(first).line;
            let message = format!("the device on line {line} is the same port");
            findings.error(node, Problem::Conflict, message);
        }
        devices.push(Device {
            name: item
                .name
                .as_ref()
                .map_or_else(String::new, |n| n.0.clone().into()),
            kind,
            mtu: item.mtu.to(),
            descriptors: item.descriptors.to(),
        });
    }
    devices
}

/// What two devices may not have in common, and where it is written.
fn identity(device: &At<RawDevice>) -> (String, NodeId) {
    let word = device.vdev.as_ref().or(device.pci.as_ref());
    word.map_or_else(
        || (String::new(), device.node),
        |word| {
            let name = word.0.split(',').next().unwrap_or_default();
            (name.to_ascii_lowercase(), word.node)
        },
    )
}

fn kind(findings: &mut Findings<'_>, device: &At<RawDevice>, workers: u16) -> Option<DeviceKind> {
    match (&device.vdev, &device.pci) {
        (Some(vdev), None) => {
            check_vdev(findings, vdev, workers);
            Some(DeviceKind::Vdev(vdev.0.clone().into()))
        }
        (None, Some(pci)) => pci_address(findings, pci).map(DeviceKind::Pci),
        (Some(vdev), Some(_)) => {
            let message = "a device has either 'vdev' or 'pci', not both";
            findings.error(vdev.node, Problem::Conflict, message);
            None
        }
        (None, None) => {
            let gives = |key| findings.doc.gives(device.node, key);
            if !gives("vdev") && !gives("pci") {
                let message = "a device needs 'vdev' or 'pci'";
                findings.error(device.node, Problem::MissingKey, message);
            }
            None
        }
    }
}

fn check_vdev(findings: &mut Findings<'_>, vdev: &At<Text>, workers: u16) {
    let mut parts = vdev.0.split(',');
    let name = parts.next().unwrap_or_default();
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !name.starts_with("net_") || !name.chars().all(word) {
        let found = quoted(&vdev.0);
        let message =
            format!("expected a virtual device such as net_af_packet0,iface=eth1, found {found}");
        findings.error(vdev.node, Problem::BadValue, message);
        return;
    }
    for part in parts {
        let Some((key, value)) = part.split_once('=') else {
            let message = format!(
                "expected key=value after the device, found {}",
                quoted(part)
            );
            findings.error(vdev.node, Problem::BadValue, message);
            continue;
        };
        let queues = value.parse::<u16>().ok();
        if name.starts_with("net_af_packet") && key == "qpairs" && queues != Some(workers) {
            let message = format!("qpairs={value} for {workers} workers, expected one each");
            findings
                .error(vdev.node, Problem::Conflict, message)
                .fix("leave qpairs out");
        }
    }
}

/// `[domain:]bus:device.function`, all hexadecimal; the domain is 0000 when left out.
fn pci_address(findings: &mut Findings<'_>, pci: &At<Text>) -> Option<String> {
    let text = pci.0.to_ascii_lowercase();
    let parts: Vec<&str> = text.split([':', '.']).collect();
    let hex = |text: &str, digits: usize| {
        text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit())
    };
    let full = match parts.as_slice() {
        [domain, bus, device, function] => {
            hex(domain, 4)
                && hex(bus, 2)
                && hex(device, 2)
                && hex(function, 1)
                && text == format!("{domain}:{bus}:{device}.{function}")
        }
        [bus, device, function] if text == format!("{bus}:{device}.{function}") => {
            if hex(bus, 2) && hex(device, 2) && hex(function, 1) {
                return Some(format!("0000:{text}"));
            }
            false
        }
        _ => false,
    };
    if full {
        return Some(text);
    }
    let message = format!(
        "expected a PCI address such as 0000:3b:00.0, found {}",
        quoted(&pci.0)
    );
    findings.error(pci.node, Problem::BadValue, message);
    None
}
