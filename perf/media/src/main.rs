//! What a media packet costs on its way through one worker, stage by stage, beside the ciphers
//! alone.
//!
//! `cargo run --release -p perf-media [stages | lone | directions | refusals | streams | memory]`
//! answers the question named, or all. One thread drives what the worker drives: a burst from a
//! DPDK port (rings in memory, nothing copied), parsing, classification, the media engine with
//! its ciphers, the neighbour table, and a burst to the port on the other side. Packets are
//! prepared before and looked at after, outside the time that is measured. On a machine that does
//! other things as well, put `chrt -f 10` in front.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark prints, and has nothing better to do with an error than to stop"
)]

mod calls;
mod drive;
mod limit;
mod memory;
mod network;
mod questions;

use std::error::Error;
use std::process::ExitCode;

use dpdk::eal::Memory;
use dpdk::{Eal, EalConfig};
use perf_harness::{MEASURE, Options, Question, Tool};

use network::Network;

/// As in the data plane.
#[global_allocator]
static HEAP: shm::Heap = shm::Heap;

const TOOL: Tool<'_> = Tool {
    name: "perf-media",
    about: "What a media packet costs on one core, beside the cipher alone.",
    noun: "question",
    questions: &[
        ("stages", "a packet from SRTP to RTP, stage by stage"),
        ("lone", "the same of a packet that comes alone"),
        ("directions", "every suite and direction"),
        ("refusals", "a packet that must be refused"),
        ("streams", "whether the rate holds as streams grow"),
        ("memory", "what a call's media holds"),
    ],
    options: &[MEASURE],
};

/// A question that is driven through a network.
type Ask = fn(&mut Network, &Options) -> Question;

const DRIVEN: [(&str, Ask); 5] = [
    ("stages", questions::stages),
    ("lone", questions::lone),
    ("directions", questions::directions),
    ("refusals", questions::refusals),
    ("streams", questions::streams),
];

fn main() -> ExitCode {
    TOOL.main(run)
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if let Some(call) = &options.measure {
        println!("{}", memory::measure(&call.concat()).ok_or("no such call")?);
        return Ok(());
    }
    // The main thread is the measured one; hugepages where the machine has them.
    let config = |memory| EalConfig {
        workers: vec![0],
        memory,
        ..EalConfig::default()
    };
    let hugepages = std::fs::read_to_string("/proc/sys/vm/nr_hugepages").unwrap_or_default();
    let has_hugepages = hugepages
        .trim()
        .parse::<u32>()
        .is_ok_and(|pages| pages >= 64);
    let memory = if has_hugepages {
        Memory::HugeInMemory
    } else {
        Memory::NoHuge
    };
    let eal = Eal::init(&config(memory))?;
    let mut network = Network::new(&eal);
    let mut answers = Vec::new();
    for (name, ask) in DRIVEN {
        if options.asks(name) {
            answers.push(ask(&mut network, options));
        }
    }
    if options.asks("memory") {
        answers.push(questions::memory(options));
    }
    for mut question in answers {
        question.fact("hugepages", if has_hugepages { "yes" } else { "no" });
        question.fact("dpdk", Eal::version());
        question.answer()?.publish(&options.results)?;
        println!();
    }
    Ok(())
}
