//! What the management thread tells of ports, packet buffers and handshake threads, for `show` and
//! Prometheus, and of ports in its log.

use std::time::Duration;

use abi::Now;
use abi::layout::Layout;
use abi::policy::Device;
use abi::records::{
    DeviceRecord, Mac, PortCounts, ProcessRecord, QUEUES_MAX, QueueCounts, Text, WorkerRecord,
};
use dpdk::{Eal, Port, PortStats};

use crate::boot::Running;
use crate::stalls::Stall;

/// Time between two tellings; drivers of real ports talk to the card for each.
const EVERY: Duration = Duration::from_millis(200);

/// When the next telling is due.
#[derive(Debug, Default)]
pub(crate) struct Statistics {
    due: Now,
    /// By worker, then by device.
    stalls: Vec<Vec<Stall>>,
}

impl Statistics {
    /// Writes the records of what is `running` on `devices`, if it is time.
    pub(crate) fn tell(
        &mut self,
        layout: &Layout<'_>,
        devices: &[Device],
        running: &Running,
        now: Now,
    ) {
        if now < self.due {
            return;
        }
        self.due = now + EVERY;
        if let Some(words) = layout.process() {
            process(running).store(words);
        }
        for (index, (device, port)) in devices.iter().zip(&running.ports).enumerate() {
            if let Some(words) = layout.device(index) {
                record(device, port, now).store(words);
            }
        }
        self.warn_of_stalls(layout, devices, now);
    }

    fn warn_of_stalls(&mut self, layout: &Layout<'_>, devices: &[Device], now: Now) {
        self.stalls.resize(
            layout.workers_running(),
            vec![Stall::default(); devices.len()],
        );
        for (worker, stalls) in self.stalls.iter_mut().enumerate() {
            let Some(record) = layout.worker(worker).and_then(WorkerRecord::load) else {
                continue;
            };
            let queues = devices.iter().zip(&record.ports).zip(stalls);
            for (index, ((device, queues), stall)) in queues.enumerate() {
                let Some(port) = layout.device(index).and_then(DeviceRecord::load) else {
                    continue;
                };
                if stall.look((device, &port), (worker, queues), now) {
                    tracing::warn!(
                        interface = device.name,
                        worker,
                        "link up, but nothing leaves by the worker's transmit queue: \
                         the peer may have fewer queues than there are workers"
                    );
                }
            }
        }
    }
}

fn process(running: &Running) -> ProcessRecord {
    ProcessRecord {
        version: Text::new(env!("CARGO_PKG_VERSION")),
        dpdk: Text::new(Eal::version()),
        mbufs: running.pool.size().into(),
        mbufs_free: running.pool.available().into(),
        handshakes: running.handshakes.depth(),
    }
}

/// What a driver cannot say is zero, or a link that is down.
fn record(device: &Device, port: &Port, now: Now) -> DeviceRecord {
    let stats = port.stats().unwrap_or_default();
    let link = port.link().ok();
    DeviceRecord {
        name: Text::new(&device.name),
        at: now.nanos(),
        mac: Mac(port.mac().0),
        mtu: port.mtu(),
        link_up: link.is_some_and(|link| link.up),
        speed_mbps: link.map_or(u32::MAX, |link| link.speed_mbps),
        full_duplex: link.is_some_and(|link| link.full_duplex),
        rx_queues: port.rx_queues(),
        tx_queues: port.tx_queues(),
        counts: counts(&stats),
        queues: queues(&stats),
    }
}

const fn counts(stats: &PortStats) -> PortCounts {
    PortCounts {
        rx_packets: stats.rx_packets,
        rx_octets: stats.rx_bytes,
        rx_missed: stats.rx_missed,
        rx_errors: stats.rx_errors,
        rx_no_mbuf: stats.rx_no_mbuf,
        tx_packets: stats.tx_packets,
        tx_octets: stats.tx_bytes,
        tx_errors: stats.tx_errors,
    }
}

fn queues(stats: &PortStats) -> [QueueCounts; QUEUES_MAX] {
    let mut queues = [QueueCounts::default(); QUEUES_MAX];
    for (to, from) in queues.iter_mut().zip(&stats.queues) {
        *to = QueueCounts {
            rx_packets: from.rx_packets,
            rx_octets: from.rx_bytes,
            rx_errors: from.rx_errors,
            tx_packets: from.tx_packets,
            tx_octets: from.tx_bytes,
        };
    }
    queues
}
