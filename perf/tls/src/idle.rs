//! Memory of established legs on which nothing is said.

use std::fs;
use std::hint::{black_box, spin_loop};
use std::process::Command;

use tls::{HandshakePool, HandshakePort, PoolConfig, State, TlsLeg};

use crate::buffered::Buffered;
use crate::pki::{Keys, Pki, Profiles, carry, exchange};
use crate::{PROVIDERS, VERSIONS};

const LEGS: usize = 10_000;
const PAGE: usize = 4096;

/// What is measured: legs of this crate's, and rustls's buffered connections beside them.
const WHAT: [&str; 5] = [
    "server",
    "client",
    "server-by-pool",
    "buffered-server",
    "buffered-client",
];

pub(crate) fn print() {
    println!("Octets of memory of an idle leg, of {LEGS} with certificates of both sides (RSA)");
    print!("{:10} {:8}", "library", "version");
    for what in WHAT {
        print!(" {what:>16}");
    }
    println!();
    let program = std::env::current_exe().expect("own path");
    for ((library, _), (version, _)) in PROVIDERS.into_iter().flat_map(|p| VERSIONS.map(|v| (p, v)))
    {
        print!("{library:10} {version:8}");
        for what in WHAT {
            let output = Command::new(&program)
                .args(["idle", library, version, what])
                .output()
                .expect("own process");
            print!(" {:>16}", String::from_utf8_lossy(&output.stdout).trim());
        }
        println!();
    }
}

/// Makes the legs and prints the growth of the resident set for each.
pub(crate) fn measure(library: &str, version: &str, what: &str) {
    let provider = PROVIDERS.iter().find(|(name, _)| *name == library);
    let versions = VERSIONS.iter().find(|(name, _)| *name == version);
    let (&(_, provider), &(_, versions)) = provider.zip(versions).expect("known names");
    let pki = Pki::new(Keys::Rsa2048);
    let octets = match what {
        "server-by-pool" => {
            let profiles = Profiles::new(&pki, provider, versions);
            let (pool, mut ports) = start_pool();
            let port = ports.first_mut().expect("one port");
            let octets = grow(|| open_by_pool(&profiles, port));
            pool.shutdown();
            octets
        }
        "server" | "client" => {
            let profiles = Profiles::new(&pki, provider, versions);
            grow(|| pick(what, profiles.open_pair()))
        }
        _ => {
            let buffered = Buffered::new(&pki, provider, version);
            grow(|| buffered.open(what))
        }
    };
    println!("{octets}");
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
fn grow<T>(mut make: impl FnMut() -> T) -> usize {
    let warm: Vec<T> = (0..100).map(|_| make()).collect();
    let mut kept = Vec::with_capacity(LEGS);
    let before = resident();
    kept.extend((0..LEGS).map(|_| make()));
    let after = resident();
    black_box((warm, kept));
    after.saturating_sub(before) / LEGS
}

/// Octets of the resident set.
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").expect("statm");
    let pages = statm.split(' ').nth(1).expect("second field");
    pages.parse::<usize>().expect("a number") * PAGE
}
