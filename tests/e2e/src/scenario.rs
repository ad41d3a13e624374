//! The frames in which tests tell their story.

use std::time::Duration;

use crate::baresip::Answer;
use crate::call::{check, dial, hang_up, heard, talk, whole};
use crate::error::Result;
use crate::lab::{Lab, Router};
use crate::show::Counters;
use crate::stage::{Setting, Stage};

/// Talk in a test's call.
pub const TALK: Duration = Duration::from_secs(2);

/// Sets a stage, lets `act` play on it, and checks that nothing is left behind.
///
/// # Errors
/// What fails first.
pub fn on_stage(setting: &Setting, act: impl FnOnce(&mut Stage<'_>) -> Result<()>) -> Result<()> {
    Lab::run(Router::Proxy, |lab| {
        let mut stage = Stage::set(lab, setting)?;
        act(&mut stage)?;
        stage.strike().map(drop)
    })
}

/// A whole call each way; each phone hears the other's tone and nothing else.
///
/// # Errors
/// What fails first.
pub fn calls_both_ways(stage: &mut Stage<'_>) -> Result<()> {
    let (mut outside, mut inside) = stage.parties();
    whole(&mut outside, &mut inside, TALK)?;
    whole(&mut inside, &mut outside, TALK)?;
    stage.wait_media_closed()
}

/// Lets `act` play while a call is up, which must not notice: both phones hear the other's tone
/// without a gap, and no packet of theirs is refused.
///
/// `act` gets the counters as they were before it.
///
/// # Errors
/// What fails first.
pub fn during_a_call(
    setting: &Setting,
    act: impl FnOnce(&mut Stage<'_>, &Counters) -> Result<()>,
) -> Result<()> {
    on_stage(setting, |stage| {
        let (mut outside, mut inside) = stage.parties();
        dial(&mut outside, &mut inside)?;
        talk(&outside, &inside, TALK / 2)?;
        let before = stage.proxy.counters()?;
        act(stage, &before)?;
        let (mut outside, mut inside) = stage.parties();
        talk(&outside, &inside, TALK)?;
        hang_up(&mut outside, &mut inside)?;
        let talk = heard(&outside, &inside)?;
        check(&outside, &inside, &talk, TALK)?;
        stage.wait_media_closed()
    })
}

/// A setting in which phones wait for a person to answer.
#[must_use]
pub fn answered_by_hand() -> Setting {
    Setting {
        answer: Answer::Manual,
        ..Setting::default()
    }
}
