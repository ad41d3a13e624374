//! Memory of established legs on which nothing is said.

use std::error::Error;
use std::fs;
use std::hint::{black_box, spin_loop};
use std::process::Command;

use perf_harness::{MEASURE, Options, Question, Unit};
use tls::{HandshakePool, HandshakePort, PoolConfig, State, TlsLeg};

use crate::buffered::Buffered;
use crate::pki::{Keys, Pki, Profiles, carry, exchange};
use crate::{PROVIDERS, VERSIONS};

const PAGE: usize = 4096;

/// What is measured: legs of this crate's, and rustls's buffered connections beside them.
const WHAT: [&str; 5] = [
    "server",
    "client",
    "server-by-pool",
    "buffered-server",
    "buffered-client",
];

/// Memory of established legs.
pub(crate) fn ask(options: &Options) -> Question {
    let mut question = Question::new(
        "tls-idle",
        "How much memory does an idle TLS leg take?",
        "Growth of the resident set over many established legs with RSA certificates of both \
         sides, on which nothing is said; each kind in a process of its own. By pool: the \
         handshake's steps are made on another thread. Buffered: rustls's own connection.",
    );
    // The short set leaves out what explains the figures.
    let (legs, kinds) = if options.short {
        (1_000, &WHAT[..2])
    } else {
        (10_000, &WHAT[..])
    };
    question.fact("legs", legs.to_string());
    let program = std::env::current_exe().expect("own path");
    for _ in 0..options.runs {
        for ((library, _), (version, _)) in
            PROVIDERS.into_iter().flat_map(|p| VERSIONS.map(|v| (p, v)))
        {
            for what in kinds {
                let output = Command::new(&program)
                    .args([MEASURE.name, library, version, what, &legs.to_string()])
                    .output()
                    .expect("own process");
                let text = String::from_utf8_lossy(&output.stdout);
                let octets = text.trim().parse().expect("a number");
                let row = format!("{library}, TLS {version}, {what}");
                question.record(&row, Unit::Octets, octets);
            }
        }
    }
    question
}

/// Makes the legs that `asked` names, by library, version, kind and number, and prints the growth
/// of the resident set for each.
pub(crate) fn measure(asked: &[String]) -> Result<(), Box<dyn Error>> {
    let [library, version, what, legs] = asked else {
        return Err("a library, a version, a kind of leg and a number are measured".into());
    };
    let (what, legs): (&str, usize) = (what, legs.parse()?);
    let provider = PROVIDERS.iter().find(|(name, _)| name == library);
    let versions = VERSIONS.iter().find(|(name, _)| name == version);
    let known = provider.zip(versions).filter(|_| WHAT.contains(&what));
    let (&(_, provider), &(_, versions)) = known.ok_or("no such leg")?;
    let pki = Pki::new(Keys::Rsa2048);
    let octets = match what {
        "server-by-pool" => {
            let profiles = Profiles::new(&pki, provider, versions);
            let (pool, mut ports) = start_pool();
            let port = ports.first_mut().expect("one port");
            let octets = grow(legs, || open_by_pool(&profiles, port));
            pool.shutdown();
            octets
        }
        "server" | "client" => {
            let profiles = Profiles::new(&pki, provider, versions);
            grow(legs, || pick(what, profiles.open_pair()))
        }
        _ => {
            let buffered = Buffered::new(&pki, provider, version);
            grow(legs, || buffered.open(what))
        }
    };
    println!("{octets}");
    Ok(())
}

fn pick(what: &str, (client, server): (Box<TlsLeg>, Box<TlsLeg>)) -> Box<TlsLeg> {
    if what == "server" { server } else { client }
}

fn start_pool() -> (HandshakePool, Vec<HandshakePort>) {
    HandshakePool::start(PoolConfig {
        threads: 1,
        workers: 1,
        queue_max: 8,
    })
    .expect("threads start")
}

/// A server leg whose steps were made on a handshake thread, so that its memory comes from
/// there.
fn open_by_pool(profiles: &Profiles, port: &mut HandshakePort) -> Box<TlsLeg> {
    let (mut client, mut server) = profiles.pair();
    while client.state() != State::Open || server.state() != State::Open {
        client.step();
        carry(&mut client, &mut server);
        if server.wants_step() {
            port.submit(0, server).expect("room in the queue");
            server = loop {
                if let Some((_, leg)) = port.poll() {
                    break leg;
                }
                spin_loop();
            };
        }
        carry(&mut server, &mut client);
    }
    exchange(&mut client, &mut server, b"REGISTER");
    exchange(&mut server, &mut client, b"200 OK");
    server
}

/// Growth of the resident set for each thing made, after a few that warm up.
fn grow<T>(legs: usize, mut make: impl FnMut() -> T) -> usize {
    let warm: Vec<T> = (0..100).map(|_| make()).collect();
    let mut kept = Vec::with_capacity(legs);
    let before = resident();
    kept.extend((0..legs).map(|_| make()));
    let after = resident();
    black_box((warm, kept));
    after.saturating_sub(before) / legs
}

/// Octets of the resident set.
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").expect("statm");
    let pages = statm.split(' ').nth(1).expect("second field");
    pages.parse::<usize>().expect("a number") * PAGE
}
