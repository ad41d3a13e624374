//! Sessions over a limit are refused and counted; what is up already does not notice, and a unit
//! that is given back can be taken again.

use e2e::certs::{Identity, Request};
use e2e::crowd::Crowd;
use e2e::error::{Result, ensure};
use e2e::lab::{Family, Lab, Router};
use e2e::policy::Policy;
use e2e::provision::{encrypted_stream, provision};
use e2e::proxy::Proxy;
use e2e::scenario::{during_a_call, on_stage};
use e2e::show::{ensure_all_given_back, sessions, streams};
use e2e::stage::{Aim, INSIDE, Setting, Stage};
use e2e::tls_peer::TlsPeer;
use e2e::wait::{STEP, until};

fn limited(limits: &str) -> Setting {
    with(format!("limits:\n  {limits}\n"))
}

fn with(more: String) -> Setting {
    Setting {
        policy: Policy {
            more,
            ..Policy::default()
        },
        ..Setting::default()
    }
}

/// Another client, with a certificate of its own.
fn connect(stage: &Stage<'_>) -> Result<TlsPeer> {
    connect_as(
        stage,
        &stage.lab.authority.issue(&Request::phone("another"))?,
    )
}

fn connect_as(stage: &Stage<'_>, identity: &Identity) -> Result<TlsPeer> {
    let dir = stage.lab.subdir("peers")?;
    TlsPeer::connect(&stage.lab.outside, &dir, stage.target, Some(identity), &[])
}

/// The outside phone holds the only unit; one more session is refused as `counter` says.
fn one_more_is_refused(limits: &str, counter: &str) -> Result<()> {
    during_a_call(&limited(limits), |stage, before| {
        let mut peer = connect(stage)?;
        peer.wait_closed()?;
        stage.wait_counted(before, counter)?;
        let open = sessions(&stage.proxy.show("tls-proxy session")?)?;
        ensure(open.len() == 1, || format!("sessions: {open:?}"))
    })
}

#[test]
fn uc_sessions() -> Result<()> {
    one_more_is_refused("uc_sessions: 1", "limit-uc-sessions")
}

#[test]
fn tls_sessions() -> Result<()> {
    one_more_is_refused("tls_sessions: 1", "limit-tls-sessions")
}

#[test]
fn phone_proxy_sessions() -> Result<()> {
    one_more_is_refused("phone_proxy_sessions: 1", "limit-phone-proxy-sessions")
}

#[test]
fn calls_with_srtp() -> Result<()> {
    on_stage(&limited("srtp_sessions: 0"), |stage| {
        let before = stage.proxy.counters()?;
        stage.outside.dial(INSIDE.0)?;
        stage.outside.wait_closed()?;
        stage.wait_counted(&before, "limit-srtp-sessions")?;
        stage.wait_media_closed()
    })
}

#[test]
fn export_class_k8_ends_at_250_srtp_sessions() -> Result<()> {
    const MOST: u16 = 250;
    let k8 = "license: { model: ASA5520, uc_sessions: 1000, export: k8 }\n";
    on_stage(&with(k8.to_owned()), |stage| {
        let before = stage.proxy.counters()?;
        let lines: String = (0..=MOST).map(encrypted_stream).collect();
        let refused = provision(stage.lab, &stage.proxy, &lines);
        ensure(refused.is_err(), || format!("all opened: {refused:?}"))?;
        stage.wait_counted(&before, "limit-srtp-sessions")?;
        let open = streams(&stage.proxy.show("media")?)?.len();
        ensure(open == usize::from(MOST), || format!("{open} streams"))?;
        provision(stage.lab, &stage.proxy, "")?;
        stage.wait_media_closed()
    })
}

#[test]
fn export_class_k8_ends_at_1000_tls_sessions() -> Result<()> {
    const MOST: usize = 1_000;
    let k8 = "license: { model: ASA5540, uc_sessions: 2000, tls_max_sessions: 4500, export: k8 }\n";
    let policy = Policy {
        workers: 2,
        ..with(k8.to_owned()).policy
    };
    Lab::run(Router::Proxy, |lab| {
        let proxy = Proxy::start(lab, &policy)?;
        let identity = lab.authority.issue(&Request::phone("crowd"))?;
        let mut crowd = Crowd::new(lab, Aim::Manager.address(Family::V4), &identity)?;
        crowd.grow(MOST)?;
        wait_open(&proxy, &mut crowd, MOST)?;
        let before = proxy.counters()?;
        crowd.one_too_many()?;
        let refused = proxy.counters()?.since(&before);
        ensure(refused.value("limit-tls-sessions") != 0, || {
            format!("refused for another reason: {refused}")
        })?;
        wait_open(&proxy, &mut crowd, MOST)?;
        crowd.shrink_to(MOST - 1);
        wait_open(&proxy, &mut crowd, MOST - 1)?;
        crowd.grow(1)?;
        wait_open(&proxy, &mut crowd, MOST)?;
        crowd.shrink_to(0);
        wait_open(&proxy, &mut crowd, 0)?;
        ensure_all_given_back(&proxy.show("license")?)?;
        proxy.stop()
    })
}

/// Waits until just so many sessions are up, each to the call manager.
fn wait_open(proxy: &Proxy<'_>, crowd: &mut Crowd<'_>, count: usize) -> Result<()> {
    until(&format!("{count} sessions"), STEP, || {
        let served = crowd.serve()?;
        let states = sessions(&proxy.show("tls-proxy session")?)?;
        let all_open = states.iter().all(|session| session.state == "open");
        Ok((all_open && [served, states.len()] == [count; 2]).then_some(()))
    })
}

#[test]
fn exactly_one_is_admitted_at_the_last_unit() -> Result<()> {
    const AT_ONCE: usize = 12;
    on_stage(&limited("uc_sessions: 2"), |stage| {
        let before = stage.proxy.counters()?;
        let identity = stage.lab.authority.issue(&Request::phone("another"))?;
        let peers: Result<Vec<TlsPeer>> =
            (0..AT_ONCE).map(|_| connect_as(stage, &identity)).collect();
        let mut peers = peers?;
        until("one peer left", STEP, || {
            let left = peers
                .iter_mut()
                .filter_map(|peer| peer.connected().then_some(()))
                .count();
            ensure(left != 0, || "every peer was refused".to_owned())?;
            Ok((left == 1).then_some(()))
        })?;
        let grown = stage.proxy.counters()?.since(&before);
        // A client that speaks before it hears of its refusal is refused twice: nothing is kept
        // of it by which to tell.
        let refused = grown.value("limit-uc-sessions");
        // The units of one phone proxy session: TLS, UC and phone proxy.
        let one_in = grown.value("permits-taken") == 3 && AT_ONCE as u64 - 1 <= refused;
        ensure(one_in, || format!("{refused} refused: {grown}"))?;
        // The one that is in gives its unit back, and another takes it.
        peers.clear();
        until("the unit to come back", STEP, || {
            let open = sessions(&stage.proxy.show("tls-proxy session")?)?.len();
            Ok((open == 1).then_some(()))
        })?;
        let mut next = connect_as(stage, &identity)?;
        next.wait_connected()?;
        until("the next one in", STEP, || {
            let open = sessions(&stage.proxy.show("tls-proxy session")?)?.len();
            Ok((open == 2).then_some(()))
        })
    })
}
