//! Times and burst sizes, all workers together.

use core::fmt::{self, Write};
use core::ops::RangeInclusive;

use abi::Counter;
use abi::bursts::BURST_BOUNDS;
use abi::histogram::{Histogram, Snapshot};
use abi::layout::Layout;

use super::{Page, seconds};

/// Bounds of the delay histogram: one nanosecond less than two to these powers, where buckets of
/// the data plane end, from 1 us to 1 s.
const DELAY_POWERS: RangeInclusive<u32> = 10..=30;
/// The same of handshakes, from 131 us to 17 s.
const HANDSHAKE_POWERS: RangeInclusive<u32> = 17..=34;

pub(super) fn write(page: &mut Page, layout: &Layout<'static>) -> fmt::Result {
    times(
        page,
        "ucproxy_media_delay_seconds",
        "Media packets, from the receive burst to the transmit burst.",
        DELAY_POWERS,
        &merged(layout, |worker| layout.media_delay(worker)),
    )?;
    times(
        page,
        "ucproxy_client_handshake_seconds",
        "Clients, from their connection to the end of their TLS handshake.",
        HANDSHAKE_POWERS,
        &merged(layout, |worker| layout.handshake_time(worker)),
    )?;
    times(
        page,
        "ucproxy_worker_turn_seconds",
        "Turns of the workers' loops, idle ones too.",
        DELAY_POWERS,
        &merged(layout, |worker| layout.turn_time(worker)),
    )?;
    bursts(page, layout)
}

fn merged<'r>(layout: &Layout<'_>, histogram: impl Fn(usize) -> Option<Histogram<'r>>) -> Snapshot {
    let mut all = Snapshot::default();
    for worker in 0..layout.shape().workers {
        if let Some(histogram) = histogram(worker) {
            all.merge(&histogram.snapshot());
        }
    }
    all
}

fn times(
    page: &mut Page,
    name: &str,
    help: &str,
    powers: RangeInclusive<u32>,
    all: &Snapshot,
) -> fmt::Result {
    page.metric(name, "histogram", help)?;
    for power in powers {
        let nanos = (1 << power) - 1;
        write!(page.0, "{name}_bucket{{le=\"")?;
        seconds(page, nanos)?;
        writeln!(page.0, "\"}} {}", all.up_to(nanos))?;
    }
    let count = all.count();
    writeln!(page.0, "{name}_bucket{{le=\"+Inf\"}} {count}")?;
    write!(page.0, "{name}_sum ")?;
    seconds(page, all.sum())?;
    writeln!(page.0, "\n{name}_count {count}")
}

fn bursts(page: &mut Page, layout: &Layout<'static>) -> fmt::Result {
    let name = "ucproxy_receive_burst_frames";
    let help = "Frames that came in one receive burst; empty bursts are not counted.";
    page.metric(name, "histogram", help)?;
    let mut classes = [0_u64; BURST_BOUNDS.len()];
    let mut frames = 0_u64;
    for worker in 0..layout.shape().workers {
        let counts = layout.bursts(worker).map(|bursts| bursts.counts());
        for (sum, count) in classes.iter_mut().zip(counts.into_iter().flatten()) {
            *sum = sum.saturating_add(count);
        }
        let counters = layout.counters(worker);
        let received = counters.map_or(0, |counters| counters.count(Counter::RxFrames));
        frames = frames.saturating_add(received);
    }
    let mut count = 0_u64;
    for (bound, class) in BURST_BOUNDS.into_iter().zip(classes) {
        count = count.saturating_add(class);
        writeln!(page.0, "{name}_bucket{{le=\"{bound}\"}} {count}")?;
    }
    writeln!(page.0, "{name}_bucket{{le=\"+Inf\"}} {count}")?;
    writeln!(page.0, "{name}_sum {frames}\n{name}_count {count}")
}
