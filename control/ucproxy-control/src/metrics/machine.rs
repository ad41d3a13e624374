//! Devices, workers, packet buffers and certificates.

use core::fmt::{self, Write};
use std::collections::HashSet;

use abi::layout::{Layout, Shape};
use abi::policy::PolicyImage;
use abi::records::{DeviceRecord, PortQueues, ProcessRecord, WorkerRecord};

use super::{Page, seconds};

/// What a metric is called and means, and where a record has it.
type Value<R, V = u64> = (&'static str, &'static str, &'static str, fn(&R) -> V);

pub(super) fn write(page: &mut Page, layout: &Layout<'static>) -> fmt::Result {
    buffers(page, layout)?;
    workers(page, layout)?;
    queues(page, layout)?;
    devices(page, layout)?;
    certificates(page, layout)
}

fn buffers(page: &mut Page, layout: &Layout<'static>) -> fmt::Result {
    let Some(process) = layout.process().and_then(ProcessRecord::load) else {
        return Ok(());
    };
    let name = "ucproxy_packet_buffers";
    page.gauge(name, "Packet buffers in all.", process.mbufs)?;
    let name = "ucproxy_packet_buffers_free";
    page.gauge(name, "Packet buffers that are free.", process.mbufs_free)?;
    page.gauge(
        "ucproxy_handshakes_waiting",
        "Handshakes that wait for a thread.",
        process.handshakes.waiting,
    )
}

fn workers(page: &mut Page, layout: &Layout<'static>) -> fmt::Result {
    let records: Vec<_> = worker_records(layout).collect();
    let values: [Value<WorkerRecord>; 6] = [
        ("sessions", "gauge", "Live sessions.", |w| w.sessions),
        ("streams", "gauge", "Live media streams.", |w| w.streams),
        (
            "handshakes",
            "gauge",
            "Handshakes away at their threads.",
            |w| w.handshakes,
        ),
        (
            "handoff_waiting",
            "gauge",
            "Messages of other workers that wait.",
            |w| w.handoff.waiting,
        ),
        (
            "handoff_fullest",
            "gauge",
            "Messages that wait in the fullest ring from another worker.",
            |w| w.handoff_fullest.waiting,
        ),
        (
            "handshakes_back",
            "gauge",
            "Handshakes back from their threads that wait.",
            |w| w.handshakes_back.waiting,
        ),
    ];
    for (value, kind, help, of) in values {
        let name = format!("ucproxy_worker_{value}");
        page.metric(&name, kind, help)?;
        for (worker, record) in &records {
            writeln!(page.0, "{name}{{worker=\"{worker}\"}} {}", of(record))?;
        }
    }
    let name = "ucproxy_worker_longest_turn_seconds";
    page.metric(name, "gauge", "The longest turn that found work.")?;
    for (worker, record) in &records {
        write!(page.0, "{name}{{worker=\"{worker}\"}} ")?;
        seconds(page, record.longest_turn)?;
        writeln!(page.0)?;
    }
    Ok(())
}

/// Of each worker's queues on each device.
fn queues(page: &mut Page, layout: &Layout<'static>) -> fmt::Result {
    let devices: Vec<_> = device_records(layout)
        .map(|device| label(&device.name.to_string()))
        .collect();
    let records: Vec<_> = worker_records(layout).collect();
    let values: [Value<PortQueues, Option<u64>>; 3] = [
        (
            "receive_waiting",
            "gauge",
            "Frames in the receive queue, where the driver can say.",
            |q| q.rx.map(|rx| rx.waiting),
        ),
        (
            "transmit_packets_total",
            "counter",
            "Frames that the transmit queue took.",
            |q| Some(q.tx_taken),
        ),
        (
            "transmit_refused_total",
            "counter",
            "Frames that the transmit queue did not take.",
            |q| Some(q.tx_refused),
        ),
    ];
    for (value, kind, help, of) in values {
        let name = format!("ucproxy_queue_{value}");
        page.metric(&name, kind, help)?;
        for (worker, record) in &records {
            for (device, queues) in devices.iter().zip(&record.ports) {
                if let Some(value) = of(queues) {
                    let labels = format!("worker=\"{worker}\",device=\"{device}\"");
                    writeln!(page.0, "{name}{{{labels}}} {value}")?;
                }
            }
        }
    }
    Ok(())
}

fn worker_records(layout: &Layout<'static>) -> impl Iterator<Item = (usize, WorkerRecord)> {
    (0..layout.shape().workers)
        .filter_map(|worker| Some((worker, WorkerRecord::load(layout.worker(worker)?)?)))
}

/// Devices are numbered without gaps.
fn device_records(layout: &Layout<'static>) -> impl Iterator<Item = DeviceRecord> {
    (0..Shape::DEVICES).map_while(|index| DeviceRecord::load(layout.device(index)?))
}

fn devices(page: &mut Page, layout: &Layout<'static>) -> fmt::Result {
    let records: Vec<_> = device_records(layout).collect();
    let values: [Value<DeviceRecord>; 9] = [
        ("link_up", "gauge", "Whether frames can pass.", |d| {
            d.link_up.into()
        }),
        (
            "receive_packets_total",
            "counter",
            "Frames received.",
            |d| d.counts.rx_packets,
        ),
        ("receive_bytes_total", "counter", "Octets received.", |d| {
            d.counts.rx_octets
        }),
        (
            "receive_errors_total",
            "counter",
            "Frames received damaged.",
            |d| d.counts.rx_errors,
        ),
        (
            "receive_missed_total",
            "counter",
            "Frames lost to a full receive ring.",
            |d| d.counts.rx_missed,
        ),
        (
            "receive_no_buffer_total",
            "counter",
            "Frames lost for want of a buffer.",
            |d| d.counts.rx_no_mbuf,
        ),
        ("transmit_packets_total", "counter", "Frames sent.", |d| {
            d.counts.tx_packets
        }),
        ("transmit_bytes_total", "counter", "Octets sent.", |d| {
            d.counts.tx_octets
        }),
        (
            "transmit_errors_total",
            "counter",
            "Frames that could not be sent.",
            |d| d.counts.tx_errors,
        ),
    ];
    for (value, kind, help, of) in values {
        let name = format!("ucproxy_device_{value}");
        page.metric(&name, kind, help)?;
        for record in &records {
            let device = label(&record.name.to_string());
            writeln!(page.0, "{name}{{device=\"{device}\"}} {}", of(record))?;
        }
    }
    Ok(())
}

/// When certificates end, each once: a chain may name one again.
fn certificates(page: &mut Page, layout: &Layout<'static>) -> fmt::Result {
    let name = "ucproxy_certificate_not_after_timestamp_seconds";
    let help = "Last second at which a certificate of the policy holds, since 1970.";
    page.metric(name, "gauge", help)?;
    let image = layout.policy().and_then(|slots| slots.read().ok()?);
    let Some(image) = image.and_then(|(_, octets)| PolicyImage::decode(&octets).ok()) else {
        return Ok(());
    };
    let mut told = HashSet::new();
    for held in policy::certificates(&image) {
        let labels = format!(
            "trustpoint=\"{}\",role=\"{}\",subject=\"{}\",serial=\"{}\"",
            label(&held.trustpoint),
            held.role.name(),
            label(&held.subject),
            held.serial
        );
        if told.insert(labels.clone()) {
            writeln!(page.0, "{name}{{{labels}}} {}", held.not_after)?;
        }
    }
    Ok(())
}

/// A label's value as the format wants it.
fn label(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    text.replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_hold_any_text() {
        assert_eq!(label("a\\b\"c\nd"), "a\\\\b\\\"c\\nd");
    }
}
