//! What finding a packet's flow costs: in our table, one at a time and in bursts, in a general
//! hash table, and in a flat table indexed by address and port, which media uses.
//!
//! `cargo run --release -p perf-flow`. Keys are looked up in random order, all of them present.
#![expect(
    clippy::expect_used,
    reason = "a benchmark has nothing better to do with an error than to stop"
)]

mod tables;

use std::error::Error;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use flow::{FlowKey, FlowTable, LOOKUP_BURST};
use perf_harness::{Options, Question, Target, Tool, Unit};
use perf_loadgen::synth::Keys;

use tables::{Flat, Tables};

/// As in the data plane.
#[global_allocator]
static HEAP: shm::Heap = shm::Heap;

/// Lookups in one run.
const LOOKUPS: usize = 1 << 20;

/// Rows of one number of flows.
const BURST: &str = "our table, burst of 32";
const SMALL_PAGES: &str = "our table in ordinary pages, burst of 32";
const SINGLE: &str = "our table, one at a time";
const HASHBROWN: &str = "hashbrown";
const FLAT: &str = "flat table by port, burst of 32";

const TOOL: Tool<'_> = Tool::of_one_question(
    "perf-flow",
    "What finding a packet's flow costs: in our table, in hashbrown, in a flat table.",
);

fn main() -> ExitCode {
    TOOL.main(run)
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let mut question = Question::new(
        "flow-lookup",
        "What does finding a packet's flow cost?",
        "One thread looks up 5-tuples in random order, all of them there. A burst of 32 is \
         looked up in stages, so that its cache misses overlap. hashbrown has the same keys and \
         its own default hash. Our table is in huge pages if the kernel gives them, and once more \
         in ordinary ones. The flat table is indexed by our own address and port: it does \
         for media, whose ports we choose.",
    )
    .along("flows");
    let counts: &[u32] = if options.short {
        &[1_000_000]
    } else {
        &[1_000, 10_000, 100_000, 1_000_000]
    };
    for &count in counts {
        let tables = Tables::new(count);
        let order = order(count);
        let wanted: Vec<FlowKey> = order.iter().map(|&n| tables::key(n)).collect();
        for _ in 0..options.runs {
            let mut record = |row: &str, ns: f64| {
                question.record_at(row, f64::from(count), Unit::NsPerPacket, ns);
            };
            record(BURST, in_bursts(&tables.flows, &wanted));
            record(SMALL_PAGES, in_bursts(&tables.in_small_pages, &wanted));
            record(SINGLE, each(&wanted, |key| tables.flows.get(key).is_some()));
            record(HASHBROWN, each(&wanted, |key| tables.map.contains_key(key)));
            record(FLAT, in_flat_bursts(&tables.flat, &wanted));
        }
    }
    let largest = |row: &str| format!("{row}, 1000000");
    question.claim(
        "ns for a flow among a million, burst of 32",
        &largest(BURST),
        Target::AtMost(30.0),
    );
    question.claim_ratio(
        "times as fast in huge pages as in ordinary ones, a million flows",
        &largest(SMALL_PAGES),
        &largest(BURST),
        Target::Informative,
    );
    question.claim_ratio(
        "times as fast as hashbrown among a million",
        &largest(HASHBROWN),
        &largest(BURST),
        Target::Informative,
    );
    Ok(question.answer()?.publish(&options.results)?)
}

/// Flows to look up, at random.
fn order(count: u32) -> Vec<u32> {
    let mut random = Keys::new(9);
    let draw = |_| u32::try_from(random.next() % u64::from(count)).unwrap_or(0);
    (0..LOOKUPS).map(draw).collect()
}

fn each(wanted: &[FlowKey], found: impl Fn(&FlowKey) -> bool) -> f64 {
    let began = now();
    let hits = wanted.iter().filter(|key| found(key)).count();
    let ns = per_lookup(began);
    assert_eq!(hits, LOOKUPS);
    ns
}

fn in_bursts(flows: &FlowTable, wanted: &[FlowKey]) -> f64 {
    let mut found = [None; LOOKUP_BURST];
    let began = now();
    let mut hits = 0;
    for burst in wanted.chunks(LOOKUP_BURST) {
        flows.get_burst(burst, &mut found);
        hits += found.iter().take(burst.len()).flatten().count();
    }
    let ns = per_lookup(began);
    assert_eq!(hits, LOOKUPS);
    ns
}

fn in_flat_bursts(flat: &Flat, wanted: &[FlowKey]) -> f64 {
    let began = now();
    let mut sum = 0;
    for burst in wanted.chunks(LOOKUP_BURST) {
        let mut places = [0; LOOKUP_BURST];
        for (place, key) in places.iter_mut().zip(burst) {
            *place = flat.place(key);
        }
        // Nothing in this loop waits for the load before, so they are all under way together.
        sum += places.iter().map(|&place| flat.at(place)).sum::<u64>();
    }
    let ns = per_lookup(began);
    black_box(sum);
    ns
}

#[expect(clippy::cast_precision_loss, reason = "a round number")]
fn per_lookup(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e9 / LOOKUPS as f64
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn now() -> Instant {
    Instant::now()
}
