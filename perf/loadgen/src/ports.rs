//! `perf-loadgen run`: the loop on an lcore of its own, between two DPDK ports.

use std::error::Error;
use std::thread;
use std::time::Duration;

use dpdk::eal::Memory;
use dpdk::{Clock, Eal, EalConfig, Pool, PoolConfig, Port, PortConfig, QueuePair, lcore};
use perf_loadgen::{
    Drive, Ends, Link, Load, LoadError, Report, Sink, Source, Stations, Store, Stream,
};
use wire::Nic;

use crate::args::{Amount, Run};

/// Time that the proxy has to open its ports and to answer for its addresses, in seconds.
const PATIENCE: u64 = 30;
/// Buffers besides those in rings.
const SPARE_MBUFS: u32 = 8_191;

/// Runs the load and prints a report for each repetition.
pub(crate) fn run(run: &Run) -> Result<(), Box<dyn Error>> {
    let streams = perf_loadgen::read(&run.streams)?;
    let eal = Eal::init(&EalConfig {
        workers: vec![run.cpu],
        memory: if run.hugepages {
            Memory::HugeInMemory
        } else {
            Memory::NoHuge
        },
        vdevs: vec![run.outside.clone(), run.inside.clone()],
        ..EalConfig::default()
    })?;
    let clock = Clock::calibrate();
    let pool = Pool::create(
        &eal,
        "frames",
        &PoolConfig {
            mbufs: 8 * u32::from(run.descriptors) + SPARE_MBUFS,
            ..PoolConfig::default()
        },
    )?;
    let outside = open(&eal, &run.outside, run.descriptors, &pool)?;
    let inside = open(&eal, &run.inside, run.descriptors, &pool)?;
    let lcore = *eal.workers().first().ok_or("no lcore")?;
    let ends = Ends { outside, inside };
    let load = run.clone();
    let reports = lcore::spawn(&eal, lcore, move || drive(&load, &streams, ends, clock))?;
    for report in reports.join()?? {
        println!("{}", serde_json::to_string(&report)?);
    }
    Ok(())
}

/// Opens the port of a vdev and waits until its other end is there.
fn open(eal: &Eal, vdev: &str, descriptors: u16, pool: &Pool) -> Result<QueuePair, Box<dyn Error>> {
    let name = vdev.split(',').next().unwrap_or(vdev);
    let config = PortConfig {
        rx_descriptors: descriptors,
        tx_descriptors: descriptors,
        promiscuous: true,
        ..PortConfig::default()
    };
    let mut queues = Port::configure(eal, name, &config, pool)?;
    for _ in 0..PATIENCE * 100 {
        if queues.port.link()?.up {
            return Ok(queues.pairs.remove(0));
        }
        pause();
    }
    Err(format!("{name}: the link stays down").into())
}

#[expect(clippy::disallowed_methods, reason = "waits for another process")]
fn pause() {
    thread::sleep(Duration::from_millis(10));
}

fn drive(
    run: &Run,
    streams: &[Stream],
    ends: Ends<QueuePair>,
    clock: Clock,
) -> Result<Vec<Report>, LoadError> {
    let source = Source::new(streams, &run.traffics)?;
    let sink = if run.mirror {
        Sink::mirrored(streams, &run.traffics)?
    } else {
        Sink::new(streams, &run.traffics)?
    };
    let stations = Stations::new(ends.outside.info().mac, ends.inside.info().mac);
    let link = Link::new(stations, streams);
    let mut drive = Drive::new(ends, source, sink, link, || clock.now());
    if !run.mirror {
        drive.resolve(PATIENCE * 1_000_000_000)?;
    }
    drive.warm_up(run.warm_up)?;
    let mut trial = |rate| {
        drive.restart();
        let load = match run.amount {
            Amount::Stored(packets) => Load::Stored(Store::make(drive.source(), packets)?),
            Amount::Seconds(seconds) => Load::Live(nanos(seconds)),
        };
        drive.run(load, rate)
    };
    let mut reports = Vec::new();
    for _ in 0..run.repeat {
        match run.search {
            None => reports.push(trial(run.rate)?),
            Some(search) => {
                let found = search.run(|rate| trial(Some(rate)))?;
                reports.push(found.ok_or(LoadError::AlwaysLost)?);
            }
        }
    }
    Ok(reports)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates"
)]
fn nanos(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}
