//! The frames in which tests tell their story.

use std::time::Duration;

use crate::baresip::Answer;
use crate::call::{check, dial, hang_up, heard, talk, whole};
use crate::error::{Failure, Result};
use crate::lab::{Lab, Router};
use crate::show::Counters;
use crate::stage::{Setting, Stage};

/// Talk in a test's call.
pub const TALK: Duration = Duration::from_secs(2);

/// Tells a story with one worker, and with two between which the kernel spreads the frames. With
/// `UCP_WORKERS` in the environment, with so many only.
///
/// # Errors
/// What fails first, and with how many workers.
pub fn each_way(setting: &Setting, story: impl Fn(&Setting) -> Result<()>) -> Result<()> {
    let only = std::env::var("UCP_WORKERS").ok();
    let ways = match only.and_then(|text| text.parse().ok()) {
        Some(workers) => vec![workers],
        None => vec![1, 2],
    };
    ways.into_iter().try_for_each(|workers| {
        let mut setting = setting.clone();
        setting.policy.workers = workers;
        story(&setting).map_err(|failure| Failure::With {
            workers,
            failure: Box::new(failure),
        })
    })
}

/// Sets a stage [`each_way`], lets `act` play on it, and checks that nothing is left behind.
///
/// # Errors
/// What fails first.
pub fn on_stage(setting: &Setting, act: impl Fn(&mut Stage<'_>) -> Result<()>) -> Result<()> {
    each_way(setting, |setting| on_one_stage(setting, &act))
}

/// Sets one stage just so, lets `act` play on it, and checks that nothing is left behind.
///
/// # Errors
/// What fails first.
pub fn on_one_stage(setting: &Setting, act: impl Fn(&mut Stage<'_>) -> Result<()>) -> Result<()> {
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

/// Lets `act` play [`each_way`] while a call is up, which must not notice: both phones hear the other's tone
/// without a gap, and no packet of theirs is refused.
///
/// `act` gets the counters as they were before it.
///
/// # Errors
/// What fails first.
pub fn during_a_call(
    setting: &Setting,
    act: impl Fn(&mut Stage<'_>, &Counters) -> Result<()>,
) -> Result<()> {
    on_stage(setting, |stage| {
        in_a_call(stage, |stage| {
            let before = stage.proxy.counters()?;
            act(stage, &before)
        })
    })
}

/// The same on a stage that is set.
///
/// # Errors
/// What fails first.
pub fn in_a_call<'l>(
    stage: &mut Stage<'l>,
    act: impl FnOnce(&mut Stage<'l>) -> Result<()>,
) -> Result<()> {
    let (mut outside, mut inside) = stage.parties();
    dial(&mut outside, &mut inside)?;
    talk(&outside, &inside, TALK / 2)?;
    act(stage)?;
    let (mut outside, mut inside) = stage.parties();
    talk(&outside, &inside, TALK)?;
    hang_up(&mut outside, &mut inside)?;
    let talk = heard(&outside, &inside)?;
    check(&outside, &inside, &talk, TALK)?;
    stage.wait_media_closed()
}

/// A setting in which phones wait for a person to answer.
#[must_use]
pub fn answered_by_hand() -> Setting {
    Setting {
        answer: Answer::Manual,
        ..Setting::default()
    }
}
