//! How the rate of media grows with workers.
//!
//! `cargo run --release -p perf-scaling`. Real workers, one a core, with DPDK ring ports between
//! them and a generator on the same core, whose time is measured apart. Packets come in by the
//! queue of the worker that owns their stream, or by the one that receive-side scaling would
//! choose, in which case the others are handed over.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark has nothing better to do with an error than to stop"
)]

mod lane;
mod policy;
mod surroundings;
mod world;

use std::error::Error;
use std::process::ExitCode;

use dpdk::eal::Memory;
use dpdk::{Clock, Eal, EalConfig, Pool, PoolConfig};
use perf_harness::{Options, Question, Target, Tool, Unit};

use world::{Done, Placement, World};

/// As in the data plane.
#[global_allocator]
static HEAP: shm::Heap = shm::Heap;

/// More workers than this are not tried: every one has rings and streams of its own.
const WORKERS_MAX: u16 = 8;

const METHOD: &str = "Each worker runs on a core of its own and polls its queues of two DPDK ring \
    ports, as in the data plane. A generator on the same core puts 992 sealed packets of other \
    streams each (AES_CM_128_HMAC_SHA1_80, 160 octets, 1,000 streams a worker) on the rings, lets \
    the worker run until it finds nothing to do, and takes in what came out. Only the worker's \
    turns that had work count, while all workers run at once; the rate is the sum of theirs. \
    Placed by RSS: each packet comes in by the queue that the symmetric Toeplitz hash names, and \
    is handed over to the owner of its stream if that is another.";

const TOOL: Tool<'_> = Tool::of_one_question(
    "perf-scaling",
    "How the rate of media grows with workers, one a core.",
);

fn main() -> ExitCode {
    TOOL.main(run)
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let most = u16::try_from(cores).unwrap_or(u16::MAX).min(WORKERS_MAX);
    if most < 2 {
        return Err("scaling takes two cores".into());
    }
    let eal = Eal::init(&config(most))?;
    let clock = Clock::calibrate();
    let pool = PoolConfig {
        mbufs: 8_192 * u32::from(most) - 1,
        ..PoolConfig::default()
    };
    let pool = Pool::create(&eal, "scaling", &pool)?;
    let mut counts = vec![1, 2];
    counts.extend((most > 2).then_some(most));
    let worlds = counts.into_iter().flat_map(|workers| {
        let placements = Placement::ALL.iter().take(usize::from(workers.min(2)));
        placements.map(move |&placement| (workers, placement))
    });
    let mut worlds: Vec<World> = worlds
        .map(|(workers, placement)| World::new(&eal, &pool, clock, workers, placement))
        .collect();
    let mut question = Question::new("scaling", "How does the rate grow with workers?", METHOD);
    question = question.along("workers");
    for _ in 0..options.runs {
        for world in &mut worlds {
            let done = world.run(&eal);
            record(&mut question, world, &done);
        }
    }
    claim(&mut question);
    question.fact("dpdk", Eal::version());
    Ok(question.answer()?.publish(&options.results)?)
}

/// One lcore a worker; hugepages where the machine has them.
fn config(workers: u16) -> EalConfig {
    let free = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";
    let free = std::fs::read_to_string(free).unwrap_or_default();
    let has_room = free.trim().parse::<u32>().is_ok_and(|pages| pages >= 128);
    EalConfig {
        workers: (0..workers).collect(),
        memory: if has_room {
            Memory::HugeInMemory
        } else {
            Memory::NoHuge
        },
        ..EalConfig::default()
    }
}

fn record(question: &mut Question, world: &World, done: &[Done]) {
    let name = world.placement().name();
    let at = f64::from(world.workers());
    let mut row = |what: &str, unit, value| {
        question.record_at(&format!("{name}{what}"), at, unit, value);
    };
    let sum = |of: fn(&Done) -> f64| done.iter().map(of).sum::<f64>();
    row("", Unit::PacketsPerSecond, sum(Done::per_second));
    let arrived = sum(|done| done.received);
    if world.placement() == Placement::Rss {
        row(
            ": share placed right",
            Unit::Share,
            1.0 - sum(|done| done.handed) / arrived,
        );
        let handed = sum(|done| done.handed / done.seconds);
        row(": handed over", Unit::PacketsPerSecond, handed);
    }
    row(": lost", Unit::Count, arrived - sum(|done| done.passed));
    let generator = sum(|done| done.generator) / arrived;
    row(": generator, left out", Unit::NsPerPacket, generator * 1e9);
}

fn claim(question: &mut Question) {
    let [right, rss] = Placement::ALL.map(Placement::name);
    question.claim_ratio(
        "two workers, times one",
        &format!("{right}, 2"),
        &format!("{right}, 1"),
        Target::AtLeast(1.8),
    );
    question.claim_ratio(
        "two workers with hand-over, times one",
        &format!("{rss}, 2"),
        &format!("{right}, 1"),
        Target::Informative,
    );
}
