//! From a checked configuration to the image, with everything derived that can be.

use core::net::IpAddr;
use std::collections::HashSet;

use abi::policy::{Device, DeviceKind, Interface, PolicyImage};

use crate::check::Checked;

/// The image of a configuration in which nothing is wrong.
pub(crate) fn image(checked: &Checked) -> PolicyImage {
    let mut image = checked.image.clone();
    for (interface, address) in &checked.owned {
        if let Some(interface) = image.interfaces.get_mut(usize::from(*interface)) {
            own(interface, *address);
        }
    }
    for interface in &mut image.interfaces {
        let mut seen = HashSet::new();
        interface.owned.retain(|address| seen.insert(*address));
    }
    let workers = image.boot.workers;
    for device in &mut image.boot.devices {
        give_queues(device, workers);
    }
    image
}

fn own(interface: &mut Interface, address: IpAddr) {
    let has = interface.addresses.iter().any(|own| own.address == address);
    if !has {
        interface.owned.push(address);
    }
}

/// Each worker polls a queue of its own; packet sockets have one unless told.
fn give_queues(device: &mut Device, workers: u16) {
    if let DeviceKind::Vdev(vdev) = &mut device.kind
        && vdev.starts_with("net_af_packet")
        && !vdev.split(',').any(|part| part.starts_with("qpairs="))
    {
        vdev.push_str(&format!(",qpairs={workers}"));
    }
}
