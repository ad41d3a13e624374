//! How soon a limit that changes holds.

use core::time::Duration;

use abi::{Counter, Limits, Reason};
use perf_harness::Unit;
use perf_sessions::{Keys, Lab, Spec, Versions, devices, phone_proxy};

use crate::observer::Observer;
use crate::part::Sample;

/// Workers that have to obey.
const WORKERS: u8 = 2;
/// Changes of a run.
const CHANGES: usize = 40;
/// Clients that are refused after a change: enough that each worker gets one.
const CLIENTS: usize = 16;
/// A change whose clients all went to one worker tells nothing after this long.
const PATIENCE: Duration = Duration::from_secs(1);
/// Time between two changes, in which the refused clients leave.
const PAUSE: Duration = Duration::from_millis(5);

pub(crate) const IN_FORCE: &str = "limit in force on both workers after the write";

/// Measures `runs` runs of [`CHANGES`] each; the figure of a run is their median.
pub(crate) fn measure(runs: usize) -> Result<Vec<Sample>, String> {
    let clients = 2 * runs * CHANGES * CLIENTS + 1;
    let spec = Spec {
        phones: clients,
        workers: WORKERS,
        versions: Versions::Tls13,
        keys: Keys::P256,
    };
    let mut lab = Lab::start(spec, |dir| devices(dir, WORKERS, 64) + phone_proxy())?;
    // Neighbours are known once one session is up.
    lab.ramp(1)?;
    let observer = Observer::of(lab.proxy())?;
    let mut samples = Vec::new();
    for _ in 0..runs {
        let mut times = Vec::new();
        for _ in 0..2 * CHANGES {
            times.extend(change(&mut lab, &observer)?);
            if times.len() == CHANGES {
                break;
            }
        }
        times.sort_unstable();
        let median = times.get(times.len() / 2).ok_or("no change was seen")?;
        let micros = median.as_secs_f64() * 1e6;
        samples.push(Sample::new(IN_FORCE, Unit::Us, micros));
    }
    Ok(samples)
}

/// Has clients come as far as the last packet of their TCP handshakes, writes a limit of no
/// sessions, sends those packets, and takes the time until every worker has refused one; `None`
/// when one worker had no client.
fn change(lab: &mut Lab, observer: &Observer) -> Result<Option<Duration>, String> {
    let words = observer.limits()?;
    let limits = words.load();
    bring_clients(lab, observer)?;
    let before = observer.refused(Reason::LimitUcSessions);
    let written = lab.now();
    words.store(&Limits {
        uc_sessions: 0,
        ..limits
    });
    let by_all = |_: &Lab| {
        let now = observer.refused(Reason::LimitUcSessions);
        now.iter().zip(&before).all(|(now, before)| now > before)
    };
    let refused = lab.pass_until(PATIENCE, by_all);
    let took = lab.now().since(written);
    lab.pass(PAUSE);
    words.store(&limits);
    Ok(refused.then_some(took))
}

/// Has clients begin, until the proxy has answered all of them and they have not looked yet.
fn bring_clients(lab: &mut Lab, observer: &Observer) -> Result<(), String> {
    let answered = observer.counted(Counter::TcpCookiesSent) + CLIENTS as u64;
    for _ in 0..CLIENTS {
        lab.start_one();
    }
    lab.send();
    let until = lab.now() + PATIENCE;
    while observer.counted(Counter::TcpCookiesSent) < answered {
        if lab.now() > until {
            return Err("clients are not answered".to_owned());
        }
        std::thread::yield_now();
    }
    Ok(())
}
