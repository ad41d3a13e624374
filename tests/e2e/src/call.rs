//! The story of a call, as every run tells it: dial, talk, listen, hang up.

use std::time::Duration;

use crate::baresip::Phone;
use crate::error::{Result, ensure};
use crate::tone::{Heard, listen};
use crate::wait::{STEP, until};
use crate::wav::RATE_HZ;

/// A phone in a call, with the tone that it plays.
#[derive(Debug)]
pub struct Party<'a> {
    /// The phone.
    pub phone: &'a mut Phone,
    /// Its number.
    pub user: &'a str,
    /// Its tone.
    pub tone_hz: f64,
}

/// What both sides heard.
#[derive(Clone, Copy, Debug)]
pub struct Talk {
    /// What the caller heard of the callee's tone.
    pub caller: Heard,
    /// What the callee heard of the caller's tone.
    pub callee: Heard,
}

/// Calls `callee` and waits until both phones say that the call stands.
///
/// # Errors
/// When it is refused or does not come up in time.
pub fn dial(caller: &mut Party<'_>, callee: &mut Party<'_>) -> Result<()> {
    callee.phone.new_call()?;
    caller.phone.dial(callee.user)?;
    caller.phone.wait_established()?;
    callee.phone.wait_established()
}

/// Waits until both have recorded at least `length` in this call.
///
/// # Errors
/// When one of them hears too little in time.
pub fn talk(caller: &Party<'_>, callee: &Party<'_>, length: Duration) -> Result<()> {
    let wanted = length.as_secs_f64() * f64::from(RATE_HZ);
    for party in [caller, callee] {
        let what = format!("{} s of sound at {}", length.as_secs_f32(), party.user);
        until(&what, length + STEP, || {
            #[expect(clippy::cast_precision_loss, reason = "a few million samples")]
            let heard = party.phone.heard()?.len() as f64;
            Ok((wanted <= heard).then_some(()))
        })?;
    }
    Ok(())
}

/// The caller hangs up; both phones say that the call is over.
///
/// # Errors
/// When one of them does not learn of it in time.
pub fn hang_up(caller: &mut Party<'_>, callee: &mut Party<'_>) -> Result<()> {
    caller.phone.command("hangup")?;
    callee.phone.wait_closed()?;
    caller.phone.wait_closed().map(|_| ())
}

/// What each has heard in this call so far.
///
/// # Errors
/// When a recording cannot be read.
pub fn heard(caller: &Party<'_>, callee: &Party<'_>) -> Result<Talk> {
    Ok(Talk {
        caller: listen(&caller.phone.heard()?, callee.tone_hz, caller.tone_hz),
        callee: listen(&callee.phone.heard()?, caller.tone_hz, callee.tone_hz),
    })
}

/// A whole call of `length` in which each must hear the other's tone, and nothing else.
///
/// # Errors
/// When the call fails, or a recording is not clean.
pub fn whole(caller: &mut Party<'_>, callee: &mut Party<'_>, length: Duration) -> Result<Talk> {
    dial(caller, callee)?;
    talk(caller, callee, length)?;
    hang_up(caller, callee)?;
    let talk = heard(caller, callee)?;
    check(caller, callee, &talk, length)?;
    Ok(talk)
}

/// Fails unless both recordings are clean and `length` long.
///
/// # Errors
/// Says who heard what.
pub fn check(caller: &Party<'_>, callee: &Party<'_>, talk: &Talk, length: Duration) -> Result<()> {
    let min_ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    for (party, heard) in [(caller, talk.caller), (callee, talk.callee)] {
        ensure(heard.is_clean(min_ms), || {
            format!("{} heard {heard:?}", party.user)
        })?;
    }
    Ok(())
}
