//! Either process dies by `kill -9` at random instants, again and again, under load.
//!
//! `UCP_KILLS` processes are killed, 200 if it is not set: four in five are control. `UCP_SEED`
//! repeats a run, as far as real processes can be repeated.

use std::time::Duration;

use e2e::baresip::TONE_S;
use e2e::call::{dial, hang_up, talk};
use e2e::chance::Chance;
use e2e::error::{Failure, Result, ensure};
use e2e::lab::Host;
use e2e::onlooker::Onlooker;
use e2e::policy::Policy;
use e2e::provision::provision;
use e2e::proxy::Proxy;
use e2e::scenario::{TALK, calls_both_ways, on_one_stage};
use e2e::show::{Counters, Pool, Session, pools, sessions, streams};
use e2e::sip::Script;
use e2e::stage::{OUTSIDE, Setting, Stage, outside_phone};
use e2e::steady::Steady;
use e2e::tls_peer::TlsPeer;
use e2e::wait::{STEP, sleep, until};

/// Streams whose every packet is looked for.
const STREAMS: u16 = 4;
/// Registered connections besides the call.
const PEERS: usize = 4;
/// Control is killed sooner than this after its start: it is up and has published in less.
const CONTROL_LIVES: Duration = Duration::from_millis(120);
/// Time within which control is killed once it is told to take up another policy.
const CONTROL_APPLIES: Duration = Duration::from_millis(30);
/// The dataplane is killed sooner than this after its start: it opens its ports in less.
const DATAPLANE_LIVES: Duration = Duration::from_millis(1_500);

fn kills() -> u64 {
    let wanted = std::env::var("UCP_KILLS").ok();
    wanted.and_then(|n| n.parse().ok()).unwrap_or(200)
}

fn chance() -> Chance {
    let chance = Chance::from_env();
    eprintln!("UCP_SEED={}", chance.seed());
    chance
}

/// Has control's file say something else than before, so that there is an image to publish.
fn write_policy(proxy: &Proxy<'_>, number: u64) -> Result<()> {
    let window = 64 + number % 900;
    proxy.set_policy(&Policy {
        more: format!("rtp: {{ replay_window: {window} }}\n"),
        ..Policy::default()
    })
}

/// Waits until control says that what its file has is in force.
fn wait_in_force(proxy: &mut Proxy<'_>) -> Result<()> {
    proxy.wait_ready()?;
    until("control to be in force", STEP, || {
        let status = proxy.show("status")?;
        let in_force = status.pointer("/control/in_force");
        Ok((in_force == Some(&true.into())).then_some(()))
    })
}

/// What no death of control may change.
#[derive(Debug, PartialEq)]
struct Held {
    sessions: Vec<Session>,
    units: Vec<Pool>,
    /// Taken and given back since the dataplane's start.
    counted: [u64; 2],
}

impl Held {
    fn read(proxy: &Proxy<'_>) -> Result<Self> {
        let counters = proxy.counters()?;
        Ok(Self {
            sessions: sessions(&proxy.show("tls-proxy session")?)?,
            units: pools(&proxy.show("license")?)?,
            counted: ["permits-taken", "permits-returned"].map(|name| counters.value(name)),
        })
    }
}

fn register(stage: &Stage<'_>) -> Result<Vec<TlsPeer>> {
    let dir = stage.lab.subdir("peers")?;
    let peer = |n: usize| {
        let mut peer = TlsPeer::connect(
            &stage.lab.outside,
            &dir,
            stage.target,
            Some(&stage.identity),
            &[],
        )?;
        peer.wait_connected()?;
        let (user, unique) = (format!("90{n:02}"), format!("kills{n}"));
        let script = Script {
            user: &user,
            own: ([198, 51, 100, 10], 5_061).into(),
            manager: stage.target,
            unique: &unique,
        };
        peer.send(&script.register())?;
        peer.wait_line("SIP/2.0 200")?;
        Ok(peer)
    };
    (0..PEERS).map(peer).collect()
}

/// Starts control and kills it: while it starts, or while it takes up another policy after it has
/// caught up.
fn live_and_die(stage: &mut Stage<'_>, chance: &mut Chance, number: u64) -> Result<()> {
    let proxy = &mut stage.proxy;
    write_policy(proxy, number)?;
    proxy.start_control()?;
    if chance.below(2) == 0 {
        sleep(chance.time(CONTROL_LIVES));
    } else {
        wait_in_force(proxy)?;
        for change in 0..=chance.below(3) {
            write_policy(proxy, number + 1 + change)?;
            proxy.reload_control();
            sleep(chance.time(CONTROL_APPLIES));
        }
    }
    proxy.kill_control();
    Ok(())
}

#[test]
fn control_dies_while_it_applies_and_no_call_notices() -> Result<()> {
    let kills = kills() * 4 / 5;
    // One call lasts through them all; few take a second.
    let setting = Setting {
        tone_s: TONE_S.saturating_add(u32::try_from(2 * kills).unwrap_or(u32::MAX)),
        ..Setting::default()
    };
    on_one_stage(&setting, |stage| {
        let mut chance = chance();
        let mut peers = register(stage)?;
        let (mut outside, mut inside) = stage.parties();
        dial(&mut outside, &mut inside)?;
        talk(&outside, &inside, TALK / 2)?;
        let steady = Steady::start(stage.lab, &stage.proxy, STREAMS)?;
        let onlooker = Onlooker::start(&stage.proxy.runtime_dir());
        let before = Held::read(&stage.proxy)?;
        stage.proxy.kill_control();
        for number in 0..kills {
            live_and_die(stage, &mut chance, 4 * number)?;
            stage.proxy.check_running()?;
        }
        stage.proxy.start_control()?;
        wait_in_force(&mut stage.proxy)?;
        let after = Held::read(&stage.proxy)?;
        ensure(after == before, || format!("{before:?} became {after:?}"))?;
        ensure(peers.iter_mut().all(TlsPeer::connected), || {
            "a registered connection is gone".to_owned()
        })?;
        let (sent, seen) = (steady.stop()?, onlooker.stop()?);
        eprintln!("{kills} deaths of control, {sent} packets a stream and way, {seen:?}");
        ensure(kills / 4 <= seen.generations, || format!("{seen:?}"))?;
        ensure_media_flows(stage)?;
        let (mut outside, mut inside) = stage.parties();
        talk(&outside, &inside, TALK)?;
        hang_up(&mut outside, &mut inside)?;
        drop(peers);
        close_streams(stage)
    })
}

/// The call's media goes both ways, and none of it is refused.
fn ensure_media_flows(stage: &Stage<'_>) -> Result<()> {
    let call = || {
        let all = streams(&stage.proxy.show("media")?)?;
        let call = all
            .into_iter()
            .find(|stream| stream.client.suite != "clear");
        call.ok_or_else(|| Failure::Unexpected("the call has no stream".to_owned()))
    };
    let before = call()?;
    until("media of the call", STEP, || {
        let now = call()?;
        let flows = before.client.rtp_packets < now.client.rtp_packets
            && before.server.rtp_packets < now.server.rtp_packets;
        Ok(flows.then_some(()))
    })?;
    let refused = |counters: &Counters| {
        ["srtp-auth-failed", "srtp-replayed", "media-no-session"].map(|name| counters.value(name))
    };
    let refused = refused(&stage.proxy.counters()?);
    ensure(refused == [0; 3], || format!("refused: {refused:?}"))
}

fn close_streams(stage: &Stage<'_>) -> Result<()> {
    provision(stage.lab, &stage.proxy, "").map(drop)
}

/// Which start of the dataplane `show status` tells of.
fn boot(proxy: &Proxy<'_>) -> Result<String> {
    let status = proxy.show("status")?;
    let boot = status.pointer("/dataplane/boot").and_then(|b| b.as_str());
    let missing = || Failure::Unexpected(format!("no start in {status}"));
    boot.map(str::to_owned).ok_or_else(missing)
}

#[test]
fn the_dataplane_dies_and_control_brings_the_next_one_up() -> Result<()> {
    let kills = kills().div_ceil(5);
    on_one_stage(&Setting::default(), |stage| {
        let mut chance = chance();
        calls_both_ways(stage)?;
        let proxy = &mut stage.proxy;
        let (control, mut last) = (proxy.control_pid(), boot(proxy)?);
        for _ in 0..kills {
            proxy.kill_dataplane();
            proxy.start_dataplane()?;
            if chance.below(2) == 0 {
                sleep(chance.time(DATAPLANE_LIVES));
                continue;
            }
            wait_in_force(proxy)?;
            let now = boot(proxy)?;
            ensure(now != last, || format!("start {now} came round again"))?;
            last = now;
            e2e::show::ensure_all_given_back(&proxy.show("license")?)?;
        }
        proxy.kill_dataplane();
        proxy.start_dataplane()?;
        wait_in_force(proxy)?;
        ensure(proxy.control_pid() == control, || {
            "another control".to_owned()
        })?;
        proxy.check_running()?;
        eprintln!("{kills} deaths of the dataplane");
        stage.outside.kill()?;
        stage.outside = outside_phone(
            stage.lab,
            &Setting::default(),
            OUTSIDE,
            Host::OutsidePhone,
            &stage.identity,
        )?;
        stage.outside.wait_registered()?;
        calls_both_ways(stage)
    })
}
