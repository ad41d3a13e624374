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

use dpdk::eal::Memory;
use dpdk::{Eal, EalConfig};
use perf_harness::Options;

use network::Network;

/// As in the data plane.
#[global_allocator]
static HEAP: shm::Heap = shm::Heap;

fn main() {
    let options = Options::from_args().expect("arguments");
    let asked: Vec<&str> = options.rest.iter().map(String::as_str).collect();
    if let ["measure-memory", name] = asked[..] {
        println!("{}", memory::measure(name));
        return;
    }
    let wants = |name: &str| asked.is_empty() || asked.contains(&name);
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
    let eal = Eal::init(&config(memory)).expect("EAL");
    let mut network = Network::new(&eal);
    let mut answers = Vec::new();
    if wants("stages") {
        answers.push(questions::stages(&mut network, &options));
    }
    if wants("lone") {
        answers.push(questions::lone(&mut network, &options));
    }
    if wants("directions") {
        answers.push(questions::directions(&mut network, &options));
    }
    if wants("refusals") {
        answers.push(questions::refusals(&mut network, &options));
    }
    if wants("streams") {
        answers.push(questions::streams(&mut network, &options));
    }
    if wants("memory") {
        answers.push(questions::memory(&options));
    }
    for mut question in answers {
        question.fact("hugepages", if has_hugepages { "yes" } else { "no" });
        question.fact("dpdk", Eal::version());
        let answer = question.answer().expect("enough runs");
        answer.publish(&options.results).expect("results");
        println!();
    }
}
