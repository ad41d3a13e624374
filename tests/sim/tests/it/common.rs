//! What many stories share.

use std::ops::Range;

use abi::Counter;
use sim::{Lab, Setup, Steering};
use wire::TxChecksums;

/// A port that fills in every checksum.
pub(crate) const ALL_CHECKSUMS: TxChecksums = TxChecksums {
    ipv4: true,
    udp: true,
    tcp: true,
};

/// What moves when a phone with a certificate is connected to a nonsecure cluster.
pub(crate) const OPENED: [(Counter, u64); 6] = [
    (Counter::TcpCookiesSent, 1),
    (Counter::TcpAccepted, 1),
    (Counter::TcpConnected, 1),
    (Counter::TlsHandshakesServer, 1),
    (Counter::SessionsOpened, 1),
    (Counter::PermitsTaken, 3),
];

/// What moves when a session ends.
pub(crate) const CLOSED: [(Counter, u64); 2] =
    [(Counter::SessionsClosed, 1), (Counter::PermitsReturned, 3)];

/// Tells a story with one worker, with two that frames reach rightly and wrongly, and with three
/// of which only one has a queue; on ports that fill in checksums, and on ports that do not.
pub(crate) fn each_way(setup: &Setup, story: impl Fn(Lab)) {
    let ways = [
        (1, 1, Steering::Symmetric, TxChecksums::NONE),
        (1, 1, Steering::Symmetric, ALL_CHECKSUMS),
        (2, 2, Steering::Symmetric, TxChecksums::NONE),
        (2, 2, Steering::Next, ALL_CHECKSUMS),
        (2, 2, Steering::Spray, TxChecksums::NONE),
        (3, 1, Steering::Symmetric, ALL_CHECKSUMS),
    ];
    for (workers, queues, steering, tx_checksums) in ways {
        println!(
            "with {workers} workers, {queues} queues, frames by {steering:?}, {tx_checksums:?}"
        );
        story(Lab::new(Setup {
            workers,
            queues: Some(queues),
            steering,
            tx_checksums,
            ..setup.clone()
        }));
    }
}

/// The seeds of a story of chance: `usual`, or `SIM_SEEDS=1000-2000` for others.
pub(crate) fn seeds(usual: Range<u64>) -> Range<u64> {
    let Ok(text) = std::env::var("SIM_SEEDS") else {
        return usual;
    };
    let (first, last) = text.split_once('-').unwrap();
    first.parse().unwrap()..last.parse().unwrap()
}
