//! What TLS costs: handshakes and records in time, idle legs in memory, with either library.
//!
//! `cargo run --release -p perf-tls` prints everything; the choice of the default library
//! (`docs/decisions/0005-tls-provider.md`) rests on these tables. Memory is the growth of the
//! resident set over 10,000 legs, each measured in a process of its own, because what one
//! measurement frees the next would reuse.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark prints, and has nothing better to do with an error than to stop"
)]

mod buffered;
mod idle;
mod pki;
mod speed;

use tls::{TlsProvider, Versions};

/// Libraries, by the names that they have in the configuration.
const PROVIDERS: [(&str, TlsProvider); 2] = [
    ("aws-lc-rs", TlsProvider::AwsLcRs),
    ("ring", TlsProvider::Ring),
];
const VERSIONS: [(&str, Versions); 2] = [("1.2", Versions::Tls12), ("1.3", Versions::Tls13)];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            speed::print();
            idle::print();
        }
        ["speed"] => speed::print(),
        ["idle"] => idle::print(),
        ["idle", provider, version, what] => idle::measure(provider, version, what),
        _ => println!("usage: perf-tls [speed | idle]"),
    }
}
