//! The load generator's command line: see `perf-loadgen --help`.
#![expect(clippy::print_stdout, reason = "prints its report")]

mod args;
mod capture;
mod ports;

use std::process::ExitCode;

use args::{Command, USAGE};
use perf_loadgen::synth;

fn main() -> ExitCode {
    let command = match Command::parse(std::env::args().skip(1)) {
        Ok(command) => command,
        Err(mistake) => {
            eprintln!("perf-loadgen: {mistake}\n`perf-loadgen --help` says more");
            return ExitCode::from(2);
        }
    };
    let done = match command {
        Command::Help => {
            println!("{USAGE}");
            Ok(())
        }
        Command::Run(run) => ports::run(&run),
        Command::Pcap(capture) => capture::write(&capture),
        Command::Streams { synth, to } => {
            perf_loadgen::write(&to, &synth::streams(&synth)).map_err(Into::into)
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("perf-loadgen: {error}");
            ExitCode::FAILURE
        }
    }
}
