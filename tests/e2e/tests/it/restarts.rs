//! Either process may start first, die, and come back.

use e2e::call::{check, dial, hang_up, heard, talk};
use e2e::error::{Result, ensure};
use e2e::kamailio::Kamailio;
use e2e::lab::{Host, Lab, Router};
use e2e::policy::Policy;
use e2e::proxy::Proxy;
use e2e::scenario::{TALK, calls_both_ways, during_a_call, each_way, in_a_call, on_stage};
use e2e::show::sessions;
use e2e::stage::{OUTSIDE, Setting, Stage, outside_phone};
use e2e::tls_peer::TlsPeer;
use e2e::wait::STEP;
use serde_json::{Value, json};

#[test]
fn control_may_start_first() -> Result<()> {
    each_way(&Setting::default(), |setting| {
        Lab::run(Router::Proxy, |lab| {
            let manager = Kamailio::start(lab)?;
            let mut proxy = Proxy::prepare(lab, &setting.policy)?;
            proxy.start_control()?;
            // Long enough that it has looked for the dataplane in vain.
            e2e::wait::let_pass(std::time::Duration::from_secs(1))?;
            proxy.check_running()?;
            proxy.start_dataplane()?;
            proxy.wait_ready()?;
            let mut stage = Stage::with_phones(lab, setting, manager, proxy)?;
            calls_both_ways(&mut stage)?;
            stage.strike().map(drop)
        })
    })
}

#[test]
fn calls_go_on_and_new_ones_are_admitted_with_control_dead() -> Result<()> {
    on_stage(&Setting::default(), |stage| {
        let (mut outside, mut inside) = stage.parties();
        dial(&mut outside, &mut inside)?;
        talk(&outside, &inside, TALK)?;
        stage.proxy.kill_control();
        let (mut outside, mut inside) = stage.parties();
        talk(&outside, &inside, 2 * TALK)?;
        hang_up(&mut outside, &mut inside)?;
        let talk = heard(&outside, &inside)?;
        check(&outside, &inside, &talk, 2 * TALK)?;
        calls_both_ways(stage)?;
        let open = sessions(&stage.proxy.show("tls-proxy session")?)?;
        ensure(open.len() == 1, || {
            format!("show without control: {open:?}")
        })?;
        stage.proxy.start_control()?;
        stage.proxy.wait_ready()
    })
}

#[test]
fn control_that_comes_back_keeps_the_counts() -> Result<()> {
    during_a_call(&Setting::default(), |stage, before| {
        let taken = before.value("permits-taken");
        stage.proxy.kill_control();
        stage.proxy.start_control()?;
        stage.proxy.wait_ready()?;
        let counters = stage.proxy.counters()?;
        ensure(counters.value("permits-taken") == taken, || {
            format!("{counters}")
        })?;
        let held = e2e::show::ensure_all_given_back(&stage.proxy.show("license")?);
        ensure(held.is_err(), || {
            "the call's units are no longer counted".to_owned()
        })
    })
}

#[test]
fn phones_come_back_after_the_dataplane_died() -> Result<()> {
    on_stage(&Setting::default(), |stage| {
        calls_both_ways(stage)?;
        let mut forgotten = TlsPeer::connect(
            &stage.lab.outside,
            &stage.lab.subdir("peers")?,
            stage.target,
            Some(&stage.identity),
            &[],
        )?;
        forgotten.wait_connected()?;
        restart_dataplane(stage)?;
        // A connection of the time before is reset as soon as it speaks.
        forgotten.send("\r\n\r\n")?;
        forgotten.wait_closed()?;
        calls_both_ways(stage)
    })
}

/// Starts the dataplane again, and has the outside phone come back.
fn restart_dataplane(stage: &mut Stage<'_>) -> Result<()> {
    stage.proxy.kill_dataplane();
    stage.proxy.start_dataplane()?;
    stage.proxy.wait_ready()?;
    let manager_log = stage.manager.log().mark();
    stage.outside.kill()?;
    stage.outside = outside_phone(
        stage.lab,
        &stage.setting,
        OUTSIDE,
        Host::OutsidePhone,
        &stage.identity,
    )?;
    stage.outside.wait_registered()?;
    manager_log
        .wait(&format!("REGISTERED {} ", OUTSIDE.0), STEP)
        .map(drop)
}

#[test]
fn policy_applied_in_a_call_holds_for_the_next_one() -> Result<()> {
    during_a_call(&Setting::default(), |stage, _| {
        let policy = Policy {
            more: "limits:\n  uc_sessions: 7\n".to_owned(),
            ..stage.setting.policy.clone()
        };
        stage.proxy.set_policy(&policy)?;
        stage.proxy.apply()?;
        stage.proxy.wait_ready()?;
        let license = stage.proxy.show("license")?.to_string();
        ensure(license.contains('7'), || license)
    })
}

/// The workers that run, and what control says waits for a restart.
fn workers_and_waiting(stage: &Stage<'_>) -> Result<(Option<u64>, Vec<Value>)> {
    let status = stage.proxy.show("status")?;
    let workers = status.pointer("/dataplane/workers").and_then(Value::as_u64);
    let waiting = status
        .pointer("/control/after_restart")
        .and_then(Value::as_array);
    Ok((workers, waiting.cloned().unwrap_or_default()))
}

#[test]
fn other_number_of_workers_waits_for_a_restart() -> Result<()> {
    on_stage(&Setting::default(), |stage| {
        let before = stage.setting.policy.workers;
        let policy = Policy {
            workers: if before == 1 { 2 } else { 1 },
            ..stage.setting.policy.clone()
        };
        in_a_call(stage, |stage| {
            stage.proxy.set_policy(&policy)?;
            let told = stage.proxy.apply()?;
            ensure(
                told.contains("after a restart of the data plane: runtime.workers\n"),
                || told,
            )?;
            stage.proxy.wait_ready()?;
            let seen = workers_and_waiting(stage)?;
            let expected = (Some(before.into()), vec![json!("runtime.workers")]);
            ensure(seen == expected, || format!("{seen:?}, not {expected:?}"))
        })?;
        restart_dataplane(stage)?;
        let seen = workers_and_waiting(stage)?;
        let expected = (Some(policy.workers.into()), Vec::new());
        ensure(seen == expected, || format!("{seen:?}, not {expected:?}"))?;
        calls_both_ways(stage)
    })
}

#[test]
fn bad_policy_is_refused_whole() -> Result<()> {
    during_a_call(&Setting::default(), |stage, _| {
        let policy = Policy {
            more: "limits:\n  uc_sessions: 0\nroutes:\n  - { to: nowhere, via: 192.0.2.300 }\n"
                .to_owned(),
            ..stage.setting.policy.clone()
        };
        stage.proxy.set_policy(&policy)?;
        let refused = stage.proxy.apply();
        let Err(error) = refused else {
            return ensure(false, || "a bad policy was taken".to_owned());
        };
        let text = error.to_string();
        ensure(
            text.contains("routes") && text.contains("ucproxy.yaml:"),
            || text,
        )
    })
}
