//! Several workers, a receive queue each, over which the kernel spreads frames by a hash of its
//! own: what one takes in for another is handed over, and nobody outside can tell.

use e2e::certs::Request;
use e2e::error::{Failure, Result, ensure};
use e2e::policy::Policy;
use e2e::scenario::{calls_both_ways, on_one_stage};
use e2e::show::sessions;
use e2e::sip::Script;
use e2e::stage::{Setting, Stage};
use e2e::tls_peer::TlsPeer;
use e2e::wait::{STEP, until};

/// Clients until each of two workers has one: chance spreads them.
const PEERS_MAX: usize = 32;

fn on_two_workers() -> Setting {
    Setting {
        policy: Policy {
            workers: 2,
            ..Policy::default()
        },
        ..Setting::default()
    }
}

/// Opens sessions, each of which registers a number, until every worker serves one.
fn spread(stage: &Stage<'_>) -> Result<Vec<TlsPeer>> {
    let identity = stage.lab.authority.issue(&Request::phone("many"))?;
    let dir = stage.lab.subdir("peers")?;
    let mut peers = Vec::new();
    for number in 0..PEERS_MAX {
        let (netns, target) = (&stage.lab.outside, stage.target);
        let mut peer = TlsPeer::connect(netns, &dir, target, Some(&identity), &[])?;
        peer.wait_connected()?;
        let (user, unique) = (format!("87{number:02}"), format!("many{number}"));
        let script = Script {
            user: &user,
            own: "198.51.100.10:5061".parse().map_err(unreadable)?,
            manager: target,
            unique: &unique,
        };
        peer.send(&script.register())?;
        peer.wait_line("SIP/2.0 200")?;
        peers.push(peer);
        let open = sessions(&stage.proxy.show("tls-proxy session")?)?;
        if [0, 1].map(|w| open.iter().any(|s| s.worker == w)) == [true, true] {
            return Ok(peers);
        }
    }
    ensure(false, || "one worker has every session".to_owned()).map(|()| peers)
}

fn unreadable(error: std::net::AddrParseError) -> Failure {
    Failure::Unexpected(error.to_string())
}

#[test]
fn both_workers_serve_sessions_and_calls_go_on() -> Result<()> {
    on_one_stage(&on_two_workers(), |stage| {
        let peers = spread(stage)?;
        // Frames may be on their way from one to the other at any time.
        until("all that was handed over to be taken", STEP, || {
            let counters = stage.proxy.counters()?;
            let [out, taken] = ["handoff-out", "handoff-in"].map(|name| counters.value(name));
            Ok((out != 0 && out == taken).then_some(()))
        })?;
        calls_both_ways(stage)?;
        drop(peers);
        Ok(())
    })
}
