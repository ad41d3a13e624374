//! The demo: a call each way through the proxy, told while it happens, proved at the end.

use std::io::{self, IsTerminal as _, Write};
use std::time::Duration;

use crate::call::{self, Party};
use crate::error::{Failure, Result};
use crate::kamailio::Kamailio;
use crate::lab::{Host, Lab, Router};
use crate::policy::Policy;
use crate::proxy::Proxy;
use crate::report::{CallReport, Report, keys};
use crate::show::{delay, sessions, streams};
use crate::stage::{INSIDE, OUTSIDE, Setting, Stage};
use crate::wait::{interrupted, let_pass};

/// What the operator asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Leave everything up until Ctrl-C.
    pub stay: bool,
    /// TLS and SRTP on the inside too.
    pub secure: bool,
}

/// Seconds of talk in each call.
const TALK_S: u32 = 6;

/// Runs the demo; prints its progress and its proof.
///
/// # Errors
/// When a step fails, or the proof does not hold.
pub fn run(options: Options) -> Result<()> {
    let setting = Setting {
        policy: Policy {
            secure: options.secure,
            ..Policy::default()
        },
        ..Setting::default()
    };
    step(
        "networks",
        "outside 198.51.100.0/24, inside 192.0.2.0/24, the proxy in between",
    );
    let lab = Lab::create(Router::Proxy)?;
    step("call manager", "Kamailio at 192.0.2.10");
    let manager = Kamailio::start(&lab)?;
    step(
        "proxy",
        "dataplane on two veth ports, control with the lab's policy",
    );
    let proxy = Proxy::start(&lab, &setting.policy)?;
    step(
        "phones",
        "8001 outside (TLS, SRTP), 8002 inside, both register",
    );
    let mut stage = Stage::with_phones(&lab, &setting, manager, proxy)?;
    told_by_manager(&stage)?;

    let mut report = Report::default();
    report.calls.push(talk(&mut stage, Caller::Outside)?);
    report.calls.push(talk(&mut stage, Caller::Inside)?);
    report.delay = delay(&stage.proxy.show("media")?)?;
    if options.stay {
        look_around(&mut stage)?;
    }
    step("end", "phones unregister, sessions close, units go back");
    report.totals = Some(stage.strike()?);
    say(&report.table());
    report.check(options.secure)?;
    say("\nAll of it holds.\n");
    Ok(())
}

/// Who calls: the outside phone or the inside phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The outside phone.
    Outside,
    /// The inside phone.
    Inside,
}

fn told_by_manager(stage: &Stage<'_>) -> Result<()> {
    let from = stage.manager.wait_registered(OUTSIDE.0)?;
    say(&format!(
        "      the call manager saw {} register from {from}\n",
        OUTSIDE.0
    ));
    for session in sessions(&stage.proxy.show("tls-proxy session")?)? {
        say(&format!(
            "      session {}: {} -> {} as {} -> {}\n",
            session.id, session.client, session.client_local, session.server_local, session.server
        ));
    }
    Ok(())
}

/// One call with its live progress.
fn talk(stage: &mut Stage<'_>, from: Caller) -> Result<CallReport> {
    let title = match from {
        Caller::Outside => format!("{} (outside) calls {} (inside)", OUTSIDE.0, INSIDE.0),
        Caller::Inside => format!("{} (inside) calls {} (outside)", INSIDE.0, OUTSIDE.0),
    };
    step("call", &title);
    in_order(stage, from, call::dial)?;
    for second in 1..=TALK_S {
        let length = Duration::from_secs(second.into());
        in_order(stage, from, |caller, callee| {
            call::talk(caller, callee, length)
        })?;
        progress(stage, second)?;
    }
    let streams = streams(&stage.proxy.show("media")?)?;
    let keys = keys(&mut stage.outside, &mut stage.inside)?;
    in_order(stage, from, call::hang_up)?;
    let talk = in_order(stage, from, |caller, callee| call::heard(caller, callee))?;
    stage.wait_media_closed()?;
    Ok(CallReport {
        title,
        seconds: TALK_S,
        streams,
        talk,
        keys,
    })
}

fn in_order<T>(
    stage: &mut Stage<'_>,
    from: Caller,
    act: impl FnOnce(&mut Party<'_>, &mut Party<'_>) -> Result<T>,
) -> Result<T> {
    let (mut outside, mut inside) = stage.parties();
    match from {
        Caller::Outside => act(&mut outside, &mut inside),
        Caller::Inside => act(&mut inside, &mut outside),
    }
}

/// A line that is written over while the call lasts, or a line a second where it cannot be.
fn progress(stage: &Stage<'_>, second: u32) -> Result<()> {
    let mut line = format!("      {second:>2} s");
    for stream in streams(&stage.proxy.show("media")?)? {
        line.push_str(&format!(
            "   from outside {} packets ({}), from inside {} packets ({})",
            stream.client.rtp_packets,
            stream.client.suite,
            stream.server.rtp_packets,
            stream.server.suite,
        ));
    }
    if io::stdout().is_terminal() {
        say(&format!(
            "\r{line}{}",
            if second == TALK_S { "\n" } else { "" }
        ));
    } else {
        say(&format!("{line}\n"));
    }
    Ok(())
}

/// Leaves a call up and says how to look at it, until Ctrl-C.
fn look_around(stage: &mut Stage<'_>) -> Result<()> {
    in_order(stage, Caller::Outside, |caller, callee| {
        call::dial(caller, callee)
    })?;
    let tool = format!(
        "{} --runtime-dir {}",
        stage.proxy.binary("ucproxy"),
        stage.proxy.runtime_dir()
    );
    let lab = stage.lab;
    say(&format!(
        "\nA call is up, and stays. From another terminal:\n\
         \n  {tool} show status        (or tls-proxy session, conn, media, counters, license)\
         \n  ip netns exec {} tshark -ni eth0        # outside: TLS and SRTP\
         \n  ip netns exec {} tshark -ni eth0        # inside\
         \n  ls {}        # logs, policy, recordings\
         \n\nThe call manager is {}. Ctrl-C ends the call and removes everything.\n",
        lab.outside.name(),
        lab.inside.name(),
        lab.dir().display(),
        Host::Manager.v4(),
    ));
    while !interrupted() {
        stage.proxy.check_running()?;
        let_pass(Duration::from_secs(1))?;
    }
    Err(Failure::Interrupted)
}

fn step(name: &str, what: &str) {
    say(&format!("{name:>12}  {what}\n"));
}

/// Prints; a reader that went away ends nothing here.
fn say(text: &str) {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .ok();
}
