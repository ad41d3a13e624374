//! What TLS costs: handshakes and records in time, idle legs in memory, with either library.
//!
//! `cargo run --release -p perf-tls [speed | idle]` answers the question named, or both; the choice
//! of the default library (`docs/decisions/0005-tls-provider.md`) rests on them. Memory is the
//! growth of the resident set over many legs, each kind measured in a process of its own, because
//! what one measurement frees the next would reuse.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark prints, and has nothing better to do with an error than to stop"
)]

mod buffered;
mod idle;
mod pki;
mod speed;

use perf_harness::Options;
use tls::{TlsProvider, Versions};

/// Libraries, by the names that they have in the configuration.
const PROVIDERS: [(&str, TlsProvider); 2] = [
    ("aws-lc-rs", TlsProvider::AwsLcRs),
    ("ring", TlsProvider::Ring),
];
const VERSIONS: [(&str, Versions); 2] = [("1.2", Versions::Tls12), ("1.3", Versions::Tls13)];

fn main() {
    let options = Options::from_args().expect("arguments");
    let asked: Vec<&str> = options.rest.iter().map(String::as_str).collect();
    let wants = |name: &str| asked.is_empty() || asked == [name];
    if let ["measure", provider, version, what, legs] = asked[..] {
        return idle::measure(provider, version, what, legs.parse().expect("a number"));
    }
    let mut questions = Vec::new();
    if wants("speed") {
        questions.push(speed::ask(&options));
    }
    if wants("idle") {
        questions.push(idle::ask(&options));
    }
    assert!(!questions.is_empty(), "usage: perf-tls [speed | idle]");
    for question in questions {
        let answer = question.answer().expect("enough runs");
        answer.publish(&options.results).expect("results");
    }
}
