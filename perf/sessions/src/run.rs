//! One measurement: ramp up, settle, read, hang up.

use core::time::Duration;

use perf_sessions::{Keys, Lab, Memory, Spec, Versions, devices, phone_proxy};

use crate::report::Measured;

/// Quiet time after the ramp before memory is read and units are counted.
const SETTLE: Duration = Duration::from_secs(3);
/// Quiet time after the end before units are counted.
const SETTLE_END: Duration = Duration::from_millis(500);
/// Sessions that the proxy has room for beyond those of the run.
const SPARE: usize = 1_024;

/// What one ramp and its end have shown.
struct Cycle {
    idle: Memory,
    ramp: Duration,
    set_up_times: Vec<Duration>,
    end: Duration,
}

/// Measures `sessions` sessions.
pub(crate) fn run(sessions: usize, versions: Versions) -> Result<Measured, String> {
    let spec = Spec {
        phones: sessions,
        workers: 1,
        versions,
        keys: Keys::Rsa2048,
    };
    let mut lab = Lab::start(spec, |dir| {
        devices(dir, 1, sessions + SPARE) + phone_proxy()
    })?;
    measure(&mut lab, sessions).map_err(|error| format!("{error}\n{}", lab.proxy().logs()))
}

/// Two ramps: the second may take no memory that the first did not, or something leaks.
fn measure(lab: &mut Lab, sessions: usize) -> Result<Measured, String> {
    // What the first session of all touches, such as code, belongs to none.
    lab.ramp(1)?;
    lab.hang_up();
    lab.pass(SETTLE_END);
    let before = Memory::of(lab.proxy().dataplane());
    lab.renew_phones();
    let mut faults = Vec::new();
    let first = cycle(lab, sessions, &mut faults)?;
    lab.renew_phones();
    let second = cycle(lab, sessions, &mut faults)?;
    Ok(Measured {
        sessions,
        grown: first.idle - before,
        grown_again: second.idle - first.idle,
        ramp: first.ramp,
        set_up_times: first.set_up_times,
        end: first.end,
        refusals: lab.refusals()?,
        faults,
    })
}

/// Ramps up, settles, reads, and hangs up.
fn cycle(lab: &mut Lab, sessions: usize, faults: &mut Vec<String>) -> Result<Cycle, String> {
    let began = lab.now();
    lab.ramp(sessions)?;
    let ramp = lab.now().since(began);
    lab.pass(SETTLE);
    let idle = Memory::of(lab.proxy().dataplane());
    faults.extend(lab.faults_while_up(sessions)?);
    let ending = lab.now();
    lab.hang_up();
    let end = lab.now().since(ending);
    lab.pass(SETTLE_END);
    faults.extend(lab.faults_at_end()?);
    Ok(Cycle {
        idle,
        ramp,
        set_up_times: lab.take_set_up_times(),
        end,
    })
}
