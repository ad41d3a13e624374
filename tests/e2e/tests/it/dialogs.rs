//! What may happen in a call besides answering and hanging up.

use e2e::call::{check, dial, hang_up, heard, talk};
use e2e::error::{Result, ensure};
use e2e::scenario::{TALK, answered_by_hand, each_way, on_stage};
use e2e::show::{Stream, streams};
use e2e::stage::{INSIDE, OUTSIDE, Setting, Stage};
use e2e::wait::{STEP, until};

fn only_stream(stage: &Stage<'_>) -> Result<Stream> {
    let mut streams = streams(&stage.proxy.show("media")?)?;
    ensure(streams.len() == 1, || {
        format!("one stream expected: {streams:?}")
    })?;
    Ok(streams.remove(0))
}

/// Waits until a second's worth of packets has come from both sides after `before`.
fn wait_flow(stage: &Stage<'_>, before: &Stream) -> Result<Stream> {
    until("media both ways", STEP, || {
        let now = only_stream(stage)?;
        let grown = before.client.rtp_packets + 50 <= now.client.rtp_packets
            && before.server.rtp_packets + 50 <= now.server.rtp_packets;
        Ok(grown.then_some(now))
    })
}

#[test]
fn reinvite_does_not_disturb_the_talk() -> Result<()> {
    on_stage(&Setting::default(), |stage| {
        for by_outside in [true, false] {
            let (mut outside, mut inside) = stage.parties();
            dial(&mut outside, &mut inside)?;
            talk(&outside, &inside, TALK)?;
            let party = if by_outside {
                &mut outside
            } else {
                &mut inside
            };
            party.phone.command("reinvite")?;
            talk(&outside, &inside, 2 * TALK)?;
            hang_up(&mut outside, &mut inside)?;
            let talk = heard(&outside, &inside)?;
            check(&outside, &inside, &talk, 2 * TALK)?;
            stage.wait_media_closed()?;
        }
        Ok(())
    })
}

#[test]
fn hold_stops_media_and_resume_brings_it_back() -> Result<()> {
    on_stage(&Setting::default(), |stage| {
        for by_outside in [true, false] {
            let (mut outside, mut inside) = stage.parties();
            dial(&mut outside, &mut inside)?;
            talk(&outside, &inside, TALK)?;
            let party = if by_outside {
                &mut outside
            } else {
                &mut inside
            };
            party.phone.command("hold")?;
            // baresip falls silent both ways as soon as the hold is agreed.
            let mut last = only_stream(stage)?;
            let held = until("silence on hold", STEP, || {
                e2e::wait::let_pass(std::time::Duration::from_millis(500))?;
                let now = only_stream(stage)?;
                let silent = now.client.rtp_packets == last.client.rtp_packets
                    && now.server.rtp_packets == last.server.rtp_packets;
                last = now.clone();
                Ok(silent.then_some(now))
            })?;
            let (mut outside, mut inside) = stage.parties();
            let party = if by_outside {
                &mut outside
            } else {
                &mut inside
            };
            party.phone.command("resume")?;
            let resumed = wait_flow(stage, &held)?;
            ensure(
                resumed.client.replays == 0 && resumed.server.replays == 0,
                || format!("replays after a hold: {resumed:?}"),
            )?;
            let (mut outside, mut inside) = stage.parties();
            hang_up(&mut outside, &mut inside)?;
            stage.wait_media_closed()?;
        }
        Ok(())
    })
}

#[test]
fn cancelled_call_opens_nothing_for_long() -> Result<()> {
    on_stage(&answered_by_hand(), |stage| {
        for by_outside in [true, false] {
            let (outside, inside) = stage.parties();
            let (caller, callee) = if by_outside {
                (outside, inside)
            } else {
                (inside, outside)
            };
            callee.phone.new_call()?;
            caller.phone.dial(callee.user)?;
            callee.phone.wait_ringing()?;
            caller.phone.command("hangup")?;
            callee.phone.wait_closed()?;
            caller.phone.wait_closed()?;
            stage.wait_media_closed()?;
        }
        Ok(())
    })
}

#[test]
fn refused_call_closes_its_media() -> Result<()> {
    on_stage(&answered_by_hand(), |stage| {
        let (outside, inside) = stage.parties();
        inside.phone.new_call()?;
        outside.phone.dial(INSIDE.0)?;
        inside.phone.wait_ringing()?;
        inside.phone.command("hangup")?;
        outside.phone.wait_closed()?;
        stage.wait_media_closed()
    })
}

#[test]
fn unknown_number_is_told_so() -> Result<()> {
    on_stage(&Setting::default(), |stage| {
        stage.outside.dial("8999")?;
        let reason = stage.outside.wait_closed()?;
        ensure(reason.contains("404"), || {
            format!("the phone heard {reason:?}")
        })?;
        stage.wait_media_closed()
    })
}

#[test]
fn answered_by_hand_and_ended_by_the_callee() -> Result<()> {
    on_stage(&answered_by_hand(), |stage| {
        let (mut outside, mut inside) = stage.parties();
        inside.phone.new_call()?;
        outside.phone.dial(INSIDE.0)?;
        inside.phone.wait_ringing()?;
        inside.phone.command("accept")?;
        outside.phone.wait_established()?;
        talk(&outside, &inside, TALK)?;
        hang_up(&mut inside, &mut outside)?;
        let talk = heard(&outside, &inside)?;
        check(&outside, &inside, &talk, TALK)?;
        stage.wait_media_closed()
    })
}

#[test]
fn phone_that_vanishes_frees_its_session_and_media() -> Result<()> {
    use e2e::lab::{Lab, Router};
    let story = |setting: &Setting, lab: &Lab| {
        let mut stage = Stage::set(lab, setting)?;
        let (mut outside, mut inside) = stage.parties();
        dial(&mut outside, &mut inside)?;
        talk(&outside, &inside, TALK)?;
        // The kernel of a killed phone resets its connection.
        stage.outside.kill()?;
        stage.wait_media_closed()?;
        until("end of the session", STEP, || {
            let license = stage.proxy.show("license")?;
            Ok(e2e::show::ensure_all_given_back(&license)
                .is_ok()
                .then_some(()))
        })?;
        let registered = stage
            .manager
            .log()
            .count(&format!("REGISTERED {} ", OUTSIDE.0));
        ensure(registered == 1, || {
            "the phone registered more than once".to_owned()
        })?;
        stage.proxy.check_running()
    };
    each_way(&Setting::default(), |setting| {
        Lab::run(Router::Proxy, |lab| story(setting, lab))
    })
}
