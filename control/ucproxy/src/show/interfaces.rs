//! `show interfaces`: devices with what they have counted, and the interfaces on them.

use core::fmt;
use core::net::IpAddr;

use abi::layout::Shape;
use abi::policy::{Interface, PolicyImage};
use abi::records::{DeviceRecord, QueueCounts};
use serde::Serialize;

use crate::region::View;
use crate::table::Table;

/// Every device that runs, and every interface of the policy.
#[derive(Debug, Serialize)]
pub(crate) struct Interfaces {
    interfaces: Vec<Layer3>,
    devices: Vec<Device>,
}

#[derive(Debug, Serialize)]
struct Layer3 {
    name: String,
    /// Name of its device; empty when the policy has none of that number.
    device: String,
    vlan: Option<u16>,
    addresses: Vec<String>,
    /// Addresses that it answers for besides its own.
    owned: Vec<IpAddr>,
}

#[derive(Debug, Serialize)]
struct Device {
    name: String,
    mac: String,
    mtu: u16,
    link_up: bool,
    /// `null` when unknown.
    speed_mbps: Option<u32>,
    full_duplex: bool,
    rx_queues: u16,
    tx_queues: u16,
    rx_packets: u64,
    rx_octets: u64,
    rx_errors: u64,
    rx_missed: u64,
    rx_no_mbuf: u64,
    tx_packets: u64,
    tx_octets: u64,
    tx_errors: u64,
    queues: Vec<Queue>,
}

#[derive(Debug, Serialize)]
struct Queue {
    queue: usize,
    rx_packets: u64,
    rx_octets: u64,
    rx_errors: u64,
    tx_packets: u64,
    tx_octets: u64,
}

impl Interfaces {
    /// Reads the management thread's records, and the policy in force.
    pub(crate) fn read(view: &View) -> Self {
        let policy = view.policy().unwrap_or_default();
        let records =
            (0..Shape::DEVICES).filter_map(|index| DeviceRecord::load(view.layout.device(index)?));
        Self {
            interfaces: policy
                .interfaces
                .iter()
                .map(|i| layer3(&policy, i))
                .collect(),
            devices: records.map(|record| device(&record)).collect(),
        }
    }
}

fn layer3(policy: &PolicyImage, interface: &Interface) -> Layer3 {
    let device = policy.boot.devices.get(usize::from(interface.device));
    let addresses = interface.addresses.iter();
    Layer3 {
        name: interface.name.clone(),
        device: device.map_or_else(String::new, |device| device.name.clone()),
        vlan: interface.vlan,
        addresses: addresses
            .map(|prefix| format!("{}/{}", prefix.address, prefix.len))
            .collect(),
        owned: interface.owned.clone(),
    }
}

fn device(record: &DeviceRecord) -> Device {
    let counts = record.counts;
    Device {
        name: record.name.to_string(),
        mac: record.mac.to_string(),
        mtu: record.mtu,
        link_up: record.link_up,
        speed_mbps: (record.speed_mbps != u32::MAX).then_some(record.speed_mbps),
        full_duplex: record.full_duplex,
        rx_queues: record.rx_queues,
        tx_queues: record.tx_queues,
        rx_packets: counts.rx_packets,
        rx_octets: counts.rx_octets,
        rx_errors: counts.rx_errors,
        rx_missed: counts.rx_missed,
        rx_no_mbuf: counts.rx_no_mbuf,
        tx_packets: counts.tx_packets,
        tx_octets: counts.tx_octets,
        tx_errors: counts.tx_errors,
        queues: record
            .queues_in_use()
            .iter()
            .enumerate()
            .map(|(index, counts)| queue(index, counts))
            .collect(),
    }
}

const fn queue(queue: usize, counts: &QueueCounts) -> Queue {
    Queue {
        queue,
        rx_packets: counts.rx_packets,
        rx_octets: counts.rx_octets,
        rx_errors: counts.rx_errors,
        tx_packets: counts.tx_packets,
        tx_octets: counts.tx_octets,
    }
}

impl Device {
    fn link(&self) -> String {
        let duplex = if self.full_duplex { "full" } else { "half" };
        match (self.link_up, self.speed_mbps) {
            (false, _) => "down".into(),
            (true, Some(speed)) => format!("up, {speed} Mbit/s {duplex} duplex"),
            (true, None) => "up".into(),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, mac, mtu, .. } = self;
        writeln!(
            f,
            "device {name}, link {}, MAC {mac}, MTU {mtu}",
            self.link()
        )?;
        writeln!(
            f,
            "  in  {} packets, {} octets, {} errors, {} missed, {} without buffer",
            self.rx_packets, self.rx_octets, self.rx_errors, self.rx_missed, self.rx_no_mbuf
        )?;
        writeln!(
            f,
            "  out {} packets, {} octets, {} errors",
            self.tx_packets, self.tx_octets, self.tx_errors
        )?;
        for q in &self.queues {
            writeln!(
                f,
                "  queue {}: in {} packets, {} octets, {} errors; out {} packets, {} octets",
                q.queue, q.rx_packets, q.rx_octets, q.rx_errors, q.tx_packets, q.tx_octets
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Interfaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.devices
            .iter()
            .try_for_each(|device| write!(f, "{device}"))?;
        let mut table = Table::new(["interface", "device", "vlan", "addresses", "answers for"]);
        for i in &self.interfaces {
            let owned: Vec<_> = i.owned.iter().map(IpAddr::to_string).collect();
            table.row([
                i.name.clone(),
                i.device.clone(),
                i.vlan.map_or_else(|| "-".into(), |vlan| vlan.to_string()),
                i.addresses.join(" "),
                owned.join(" "),
            ]);
        }
        write!(f, "{table}")
    }
}
