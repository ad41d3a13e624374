//! What Prometheus is told, in its text format (version 0.0.4): base units, `_total` on what only
//! grows, histograms of times and of bursts.

mod histograms;
mod machine;

use core::fmt::{self, Write};

use abi::layout::Layout;
use abi::limits::UNLIMITED;
use abi::{Counter, Limit, Pool, Reason};
use admin::Status;

/// The page, of a data plane's shared memory if there is one.
pub(crate) fn page(status: &Status, layout: Option<&Layout<'static>>) -> String {
    let mut page = Page(String::new());
    // Writing to a string cannot fail.
    let _ = control(&mut page, status);
    if let Some(layout) = layout {
        let _ = dataplane(&mut page, status, layout);
    }
    page.0
}

struct Page(String);

impl Page {
    /// Begins a metric.
    fn metric(&mut self, name: &str, kind: &str, help: &str) -> fmt::Result {
        writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}")
    }

    /// A metric of one value.
    fn gauge(&mut self, name: &str, help: &str, value: impl fmt::Display) -> fmt::Result {
        self.metric(name, "gauge", help)?;
        writeln!(self.0, "{name} {value}")
    }
}

fn control(page: &mut Page, status: &Status) -> fmt::Result {
    let name = "ucproxy_build_info";
    page.metric(name, "gauge", "Version of the control process.")?;
    let version = env!("CARGO_PKG_VERSION");
    writeln!(page.0, "{name}{{version=\"{version}\"}} 1")?;
    page.gauge(
        "ucproxy_control_start_time_seconds",
        "When the control process started, since 1970.",
        status.started,
    )?;
    page.gauge(
        "ucproxy_dataplane_up",
        "Whether the data plane's process lives.",
        u8::from(status.attached),
    )?;
    page.gauge(
        "ucproxy_policy_in_force",
        "Whether every worker obeys the configuration that control holds.",
        u8::from(status.in_force),
    )
}

fn dataplane(page: &mut Page, status: &Status, layout: &Layout<'static>) -> fmt::Result {
    page.gauge(
        "ucproxy_dataplane_start_time_seconds",
        "When the data plane started, since 1970.",
        layout.started(),
    )?;
    page.gauge(
        "ucproxy_workers",
        "Workers that run.",
        if status.attached {
            layout.workers_running()
        } else {
            0
        },
    )?;
    page.gauge(
        "ucproxy_policy_generation",
        "Generation of the policy in shared memory.",
        layout.policy().map_or(0, |slots| slots.generation()),
    )?;
    pools(page, layout)?;
    counters(page, layout)?;
    refusals(page, layout)?;
    machine::write(page, layout)?;
    histograms::write(page, layout)
}

fn pools(page: &mut Page, layout: &Layout<'static>) -> fmt::Result {
    let (Some(usage), Some(limits)) = (layout.usage(), layout.limits()) else {
        return Ok(());
    };
    let limit = |pool: &str| {
        let limit = Limit::ALL.iter().find(|(_, name)| *name == pool);
        match limit.map_or(UNLIMITED, |(limit, _)| limits.get(*limit)) {
            UNLIMITED => "+Inf".to_owned(),
            limit => limit.to_string(),
        }
    };
    let mut each = |name: &str, kind, help, value: &dyn Fn(Pool, &str) -> String| {
        page.metric(name, kind, help)?;
        Pool::ALL.iter().try_for_each(|&(pool, label)| {
            let value = value(pool, label);
            writeln!(page.0, "{name}{{pool=\"{label}\"}} {value}")
        })
    };
    each(
        "ucproxy_pool_limit",
        "gauge",
        "Units that may be in use.",
        &|_, label| limit(label),
    )?;
    each(
        "ucproxy_pool_in_use",
        "gauge",
        "Units in use.",
        &|pool, _| usage.read(pool).in_use.to_string(),
    )?;
    each(
        "ucproxy_pool_most_used",
        "gauge",
        "Most units ever in use at once.",
        &|pool, _| usage.read(pool).most_used.to_string(),
    )?;
    each(
        "ucproxy_pool_taken_total",
        "counter",
        "Units taken.",
        &|pool, _| usage.read(pool).taken.to_string(),
    )?;
    each(
        "ucproxy_pool_returned_total",
        "counter",
        "Units given back.",
        &|pool, _| usage.read(pool).returned.to_string(),
    )
}

fn counters(page: &mut Page, layout: &Layout<'static>) -> fmt::Result {
    for &counter in Counter::ALL {
        let name = name(counter);
        page.metric(&name, "counter", &sentence(counter.phrase()))?;
        for worker in 0..layout.shape().workers {
            let Some(block) = layout.counters(worker) else {
                continue;
            };
            let count = block.count(counter);
            write!(page.0, "{name}{{worker=\"{worker}\"}} ")?;
            if counter == Counter::BusyNanos {
                seconds(page, count)?;
            } else {
                write!(page.0, "{count}")?;
            }
            writeln!(page.0)?;
        }
    }
    Ok(())
}

/// `rx-frames` becomes `ucproxy_rx_frames_total`; times are told in seconds.
fn name(counter: Counter) -> String {
    let name = counter.name().replace('-', "_").replace("nanos", "seconds");
    format!("ucproxy_{name}_total")
}

/// A phrase as a sentence, with the unit that is told.
fn sentence(phrase: &str) -> String {
    let phrase = phrase.replace("nanoseconds", "seconds");
    let mut letters = phrase.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    format!("{}{}.", first.unwrap_or(' '), letters.as_str())
}

fn refusals(page: &mut Page, layout: &Layout<'static>) -> fmt::Result {
    let name = "ucproxy_refused_total";
    page.metric(name, "counter", "What was refused, by reason.")?;
    for worker in 0..layout.shape().workers {
        let Some(block) = layout.counters(worker) else {
            continue;
        };
        for &reason in Reason::ALL {
            let (label, count) = (reason.name(), block.refused(reason));
            writeln!(
                page.0,
                "{name}{{worker=\"{worker}\",reason=\"{label}\"}} {count}"
            )?;
        }
    }
    Ok(())
}

/// Nanoseconds as seconds, all digits of them.
fn seconds(page: &mut Page, nanos: u64) -> fmt::Result {
    write!(
        page.0,
        "{}.{:09}",
        nanos / 1_000_000_000,
        nanos % 1_000_000_000
    )
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::AtomicU64;
    use std::collections::HashSet;

    use abi::layout::Shape;
    use abi::records::{Depth, DeviceRecord, PortQueues, Text, WorkerRecord};

    use super::*;

    fn layout() -> Layout<'static> {
        let shape = Shape {
            workers: 2,
            sessions: 1,
            streams: 1,
            image_words: 16,
        };
        let words: Vec<AtomicU64> = (0..shape.words()).map(|_| AtomicU64::new(0)).collect();
        Layout::format(words.leak(), shape).unwrap()
    }

    #[test]
    fn values_are_told_in_base_units() {
        let layout = layout();
        let counters = layout.counters(1).unwrap();
        counters.add(Counter::BusyNanos, 1_500_000_000);
        counters.refuse(Reason::LimitUcSessions);
        layout.media_delay(0).unwrap().record(2_000, 3);
        layout.handshake_time(1).unwrap().record(1_000_000, 2);
        layout.turn_time(1).unwrap().record(70_000, 4);
        layout.bursts(0).unwrap().record(3);
        WorkerRecord {
            at: 1,
            longest_turn: 77_000,
            sessions: 5,
            ports: [PortQueues {
                rx: Some(Depth {
                    waiting: 6,
                    room: 1_024,
                }),
                tx_taken: 7,
                tx_refused: 8,
            }; Shape::DEVICES],
            ..WorkerRecord::default()
        }
        .store(layout.worker(1).unwrap());
        DeviceRecord {
            name: Text::new("wan"),
            at: 1,
            link_up: true,
            ..DeviceRecord::default()
        }
        .store(layout.device(0).unwrap());
        let page = page(&Status::default(), Some(&layout));
        for line in [
            "ucproxy_busy_seconds_total{worker=\"1\"} 1.500000000",
            "ucproxy_refused_total{worker=\"1\",reason=\"limit-uc-sessions\"} 1",
            "ucproxy_media_delay_seconds_bucket{le=\"0.000001023\"} 0",
            "ucproxy_media_delay_seconds_bucket{le=\"0.000002047\"} 3",
            "ucproxy_media_delay_seconds_bucket{le=\"+Inf\"} 3",
            "ucproxy_media_delay_seconds_sum 0.000006000",
            "ucproxy_worker_turn_seconds_count 4",
            "ucproxy_pool_limit{pool=\"uc-sessions\"} 0",
            "ucproxy_dataplane_up 0",
            "ucproxy_client_handshake_seconds_bucket{le=\"0.001048575\"} 2",
            "ucproxy_client_handshake_seconds_bucket{le=\"0.000524287\"} 0",
            "ucproxy_receive_burst_frames_bucket{le=\"2\"} 0",
            "ucproxy_receive_burst_frames_bucket{le=\"4\"} 1",
            "ucproxy_worker_sessions{worker=\"1\"} 5",
            "ucproxy_worker_longest_turn_seconds{worker=\"1\"} 0.000077000",
            "ucproxy_queue_receive_waiting{worker=\"1\",device=\"wan\"} 6",
            "ucproxy_queue_transmit_packets_total{worker=\"1\",device=\"wan\"} 7",
            "ucproxy_queue_transmit_refused_total{worker=\"1\",device=\"wan\"} 8",
            "ucproxy_device_link_up{device=\"wan\"} 1",
            "ucproxy_device_receive_missed_total{device=\"wan\"} 0",
        ] {
            assert!(page.lines().any(|l| l == line), "{line}\n{page}");
        }
        layout.limits().unwrap().store(&abi::Limits::UNLIMITED);
        let page = super::page(&Status::default(), Some(&layout));
        assert!(page.contains("ucproxy_pool_limit{pool=\"uc-sessions\"} +Inf\n"));
    }

    #[test]
    fn every_series_is_there_once_and_under_its_metric() {
        let page = page(&Status::default(), Some(&layout()));
        let (mut metrics, mut seen) = (HashSet::new(), HashSet::new());
        let mut metric = "";
        for line in page.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                metric = rest.split(' ').next().unwrap();
                assert!(metrics.insert(metric), "{metric} twice");
            } else if !line.starts_with('#') {
                let (series, _) = line.rsplit_once(' ').unwrap();
                assert!(series.starts_with(metric), "{line}");
                assert!(seen.insert(series), "{series} twice");
            }
        }
        assert!(page.ends_with('\n'));
    }

    #[test]
    fn without_a_data_plane_control_speaks_for_itself() {
        let page = page(&Status::default(), None);
        assert!(page.contains("ucproxy_build_info{version=") && !page.contains("_total"));
    }
}
