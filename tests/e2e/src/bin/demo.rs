//! `make demo`: see [`e2e::demo`].

use std::io::Write;
use std::process::ExitCode;

use e2e::demo::{Options, run};
use e2e::error::Failure;
use e2e::wait::catch_interrupts;

const USAGE: &str = "demo [--stay] [--secure]

Runs a call each way through the proxy, between namespaces, and checks it.
  --stay, STAY=1       leave everything up until Ctrl-C
  --secure, SECURE=1   TLS and SRTP on the inside too
";

fn main() -> ExitCode {
    let is_set = |name: &str| std::env::var(name).is_ok_and(|value| value == "1");
    let mut options = Options {
        stay: is_set("STAY"),
        secure: is_set("SECURE"),
    };
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--stay" => options.stay = true,
            "--secure" => options.secure = true,
            "--help" | "-h" => return end(USAGE, ExitCode::SUCCESS),
            _ => return end(USAGE, ExitCode::from(2)),
        }
    }
    match catch_interrupts().and_then(|()| run(options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Interrupted) if options.stay => ExitCode::SUCCESS,
        Err(failure) => end(&format!("\ndemo failed: {failure}\n"), ExitCode::FAILURE),
    }
}

fn end(text: &str, code: ExitCode) -> ExitCode {
    // Nobody is left to tell when this fails.
    std::io::stderr().write_all(text.as_bytes()).ok();
    code
}
