//! `runtime` and `devices`: what the data plane reads once, at its start.

use std::collections::HashMap;

use abi::policy::{Boot, Device, DeviceKind, Idle, Memory};

use crate::document::{Findings, NodeId};
use crate::finding::Problem;
use crate::raw::{IdleMode, RawDevice, RawPolicy, RawRuntime};
use crate::section::At;
use crate::value::Vdev;

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
    match (&device.vdev, &device.pci) {
        (Some(vdev), _) => {
            let name = vdev.0.split(',').next().unwrap_or_default();
            (name.to_ascii_lowercase(), vdev.node)
        }
        (None, Some(pci)) => (pci.0.to_string(), pci.node),
        (None, None) => (String::new(), device.node),
    }
}

fn kind(findings: &mut Findings<'_>, device: &At<RawDevice>, workers: u16) -> Option<DeviceKind> {
    match (&device.vdev, &device.pci) {
        (Some(vdev), None) => {
            check_queues(findings, vdev, workers);
            Some(DeviceKind::Vdev(vdev.0.clone().into()))
        }
        (None, Some(pci)) => Some(DeviceKind::Pci(pci.0.clone().into())),
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

fn check_queues(findings: &mut Findings<'_>, vdev: &At<Vdev>, workers: u16) {
    let mut parts = vdev.0.split(',');
    if !parts
        .next()
        .is_some_and(|name| name.starts_with("net_af_packet"))
    {
        return;
    }
    for value in parts.filter_map(|part| part.strip_prefix("qpairs=")) {
        if value.parse::<u16>().ok() != Some(workers) {
            let message = format!("qpairs={value} for {workers} workers, expected one each");
            findings
                .error(vdev.node, Problem::Conflict, message)
                .fix("leave qpairs out");
        }
    }
}
