//! Time of handshakes and records, on one thread.

use std::time::{Duration, Instant};

use tls::{State, TlsLeg, TlsProvider, Versions};

use crate::pki::{Keys, Pki, Profiles, carry, exchange};
use crate::{PROVIDERS, VERSIONS};

const HANDSHAKES: usize = 1000;
const MESSAGES: u32 = 200_000;
/// Octets of a SIP message of middling size.
const MESSAGE: [u8; 700] = [b'x'; 700];

pub(crate) fn print() {
    println!("Handshake with certificates of both sides, us on one core, median of {HANDSHAKES}");
    println!(
        "{:10} {:10} {:8} {:>8} {:>8}",
        "library", "keys", "version", "server", "client"
    );
    for keys in [Keys::Rsa2048, Keys::EcdsaP256] {
        let pki = Pki::new(keys);
        for (version, versions) in VERSIONS {
            for (library, provider) in PROVIDERS {
                let profiles = Profiles::new(&pki, provider, versions);
                row(library, &format!("{keys:?}"), version, &profiles);
            }
        }
    }
    for (library, provider) in PROVIDERS {
        let pki = Pki::new(Keys::Rsa2048);
        let profiles = Profiles::resuming(&pki, provider, Versions::Tls13, true);
        profiles.open_pair();
        row(library, "resumed", "1.3", &profiles);
    }
    println!();
    println!(
        "A message of {} octets encrypted, and decrypted, ns",
        MESSAGE.len()
    );
    for (library, provider) in PROVIDERS {
        println!("{library:10} {:>8.0}", message_ns(provider));
    }
    println!();
}

fn row(library: &str, keys: &str, version: &str, profiles: &Profiles) {
    let (server, client): (Vec<_>, Vec<_>) = (0..HANDSHAKES).map(|_| handshake(profiles)).unzip();
    let (server, client) = (median_us(server), median_us(client));
    println!("{library:10} {keys:10} {version:8} {server:8.0} {client:8.0}");
}

fn median_us(mut times: Vec<Duration>) -> f64 {
    let (_, median, _) = times.select_nth_unstable(HANDSHAKES / 2);
    median.as_secs_f64() * 1e6
}

/// One handshake; the time that each side took.
fn handshake(profiles: &Profiles) -> (Duration, Duration) {
    let (mut client, mut server) = profiles.pair();
    let (mut server_time, mut client_time) = (Duration::ZERO, Duration::ZERO);
    while client.state() != State::Open || server.state() != State::Open {
        client_time += timed(&mut client);
        carry(&mut client, &mut server);
        server_time += timed(&mut server);
        carry(&mut server, &mut client);
    }
    (server_time, client_time)
}

fn timed(leg: &mut TlsLeg) -> Duration {
    let start = now();
    leg.step();
    start.elapsed()
}

fn message_ns(provider: TlsProvider) -> f64 {
    let profiles = Profiles::new(&Pki::new(Keys::EcdsaP256), provider, Versions::Tls13);
    let (mut client, mut server) = profiles.open_pair();
    let start = now();
    for _ in 0..MESSAGES {
        exchange(&mut client, &mut server, &MESSAGE);
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(MESSAGES)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn now() -> Instant {
    Instant::now()
}
