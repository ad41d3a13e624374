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

use std::error::Error;
use std::process::ExitCode;

use perf_harness::{MEASURE, Options, Question, Tool};
use tls::{TlsProvider, Versions};

/// Libraries, by the names that they have in the configuration.
const PROVIDERS: [(&str, TlsProvider); 2] = [
    ("aws-lc-rs", TlsProvider::AwsLcRs),
    ("ring", TlsProvider::Ring),
];
const VERSIONS: [(&str, Versions); 2] = [("1.2", Versions::Tls12), ("1.3", Versions::Tls13)];

const TOOL: Tool<'_> = Tool {
    name: "perf-tls",
    about: "What TLS costs with either library.",
    noun: "question",
    questions: &[
        ("speed", "the time of handshakes and records"),
        ("idle", "the memory of legs on which nothing is said"),
    ],
    options: &[MEASURE],
};

fn main() -> ExitCode {
    TOOL.main(run)
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if let Some(what) = &options.measure {
        return idle::measure(what);
    }
    for (name, ask) in [
        ("speed", speed::ask as fn(&Options) -> Question),
        ("idle", idle::ask),
    ] {
        if options.asks(name) {
            ask(options).answer()?.publish(&options.results)?;
        }
    }
    Ok(())
}
