//! Time of handshakes and records, on one thread.

use std::time::{Duration, Instant};

use perf_harness::{Options, Question, Target, Unit};
use tls::{State, TlsLeg, TlsProvider, Versions};

use crate::pki::{Keys, Pki, Profiles, carry, exchange};
use crate::{PROVIDERS, VERSIONS};

/// Handshakes of one run.
const HANDSHAKES: usize = 100;
/// Messages of one run.
const MESSAGES: u32 = 50_000;
/// Octets of a SIP message of middling size.
const MESSAGE: [u8; 700] = [b'x'; 700];

/// Time of handshakes and records.
pub(crate) fn ask(options: &Options) -> Question {
    let mut question = Question::new(
        "tls-speed",
        "What do TLS handshakes and records cost?",
        "One thread takes both sides' steps in turn; the median of 100 handshakes with \
         certificates of both sides is one run. A message of 700 octets is sealed and opened.",
    );
    let pkis = [Keys::Rsa2048, Keys::EcdsaP256].map(|keys| (format!("{keys:?}"), Pki::new(keys)));
    for _ in 0..options.runs {
        for (keys, pki) in &pkis {
            for (version, versions) in VERSIONS {
                for (library, provider) in PROVIDERS {
                    let profiles = Profiles::new(pki, provider, versions);
                    let row = format!("{library}, {keys}, TLS {version}");
                    record(&mut question, &row, &profiles);
                }
            }
        }
        let [(_, rsa), (_, ecdsa)] = &pkis;
        for (library, provider) in PROVIDERS {
            let profiles = Profiles::resuming(rsa, provider, Versions::Tls13, true);
            profiles.open_pair();
            record(
                &mut question,
                &format!("{library}, resumed, TLS 1.3"),
                &profiles,
            );
            let row = format!("{library}, a message sealed and opened");
            question.record(&row, Unit::Ns, message_ns(ecdsa, provider));
        }
    }
    for what in ["Rsa2048, TLS 1.2", "EcdsaP256, TLS 1.3"] {
        question.claim_ratio(
            &format!("server's time, aws-lc-rs of ring's, {what}"),
            &format!("aws-lc-rs, {what}, server"),
            &format!("ring, {what}, server"),
            Target::Informative,
        );
    }
    question
}

fn record(question: &mut Question, row: &str, profiles: &Profiles) {
    let (server, client): (Vec<_>, Vec<_>) = (0..HANDSHAKES).map(|_| handshake(profiles)).unzip();
    question.record(&format!("{row}, server"), Unit::Us, median_us(server));
    question.record(&format!("{row}, client"), Unit::Us, median_us(client));
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

fn message_ns(pki: &Pki, provider: TlsProvider) -> f64 {
    let profiles = Profiles::new(pki, provider, Versions::Tls13);
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
