//! The demo's proof: what must hold of two calls, and the table that shows it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::baresip::Phone;
use crate::call::Talk;
use crate::error::{Result, ensure};
use crate::show::{Counters, Delay, Side, Stream};
use crate::tone::Heard;

/// Unencrypted RTCP packets that baresip sends on an encrypted stream: one as it starts, before
/// its SRTP is up, and one as it ends. They do not authenticate, and must not.
const PLAIN_RTCP: u64 = 2;

/// RTP packets a second of a phone with 20 ms of sound in each.
const PACKETS_PER_S: u64 = 50;

/// Everything that a demo has seen.
#[derive(Debug, Default)]
pub struct Report {
    /// The calls.
    pub calls: Vec<CallReport>,
    /// Media delay through the proxy.
    pub delay: Option<Delay>,
    /// The proxy's counters at the end.
    pub totals: Option<Counters>,
}

/// What was seen of one call.
#[derive(Debug)]
pub struct CallReport {
    /// Who called whom.
    pub title: String,
    /// Seconds of talk.
    pub seconds: u32,
    /// Its media streams just before it ended.
    pub streams: Vec<Stream>,
    /// What the phones heard.
    pub talk: Talk,
    /// The SRTP keys that the phones used.
    pub keys: Keys,
}

/// SRTP keys, as the phones' own SDP and their peer's carry them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// On the outside.
    pub outside: BTreeSet<String>,
    /// On the inside.
    pub inside: BTreeSet<String>,
}

/// The keys of the call that both phones are in.
///
/// # Errors
/// When a phone does not answer.
pub fn keys(outside: &mut Phone, inside: &mut Phone) -> Result<Keys> {
    Ok(Keys {
        outside: inline_keys(&outside.command("callstat")?),
        inside: inline_keys(&inside.command("callstat")?),
    })
}

fn inline_keys(callstat: &str) -> BTreeSet<String> {
    let parts = callstat.split("inline:").skip(1);
    parts
        .filter_map(|part| {
            part.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=".contains(c)))
                .next()
        })
        .map(str::to_owned)
        .collect()
}

impl Report {
    /// Fails unless everything holds that the demo is to show.
    ///
    /// # Errors
    /// Says what does not.
    pub fn check(&self, secure: bool) -> Result<()> {
        for call in &self.calls {
            call.check(secure)?;
        }
        ensure(self.delay.is_some(), || {
            "no media delay was measured".to_owned()
        })?;
        let totals = self.totals.clone().unwrap_or_default();
        let pairs = [
            ("sessions-opened", "sessions-closed"),
            ("calls-started", "calls-ended"),
            ("permits-taken", "permits-returned"),
        ];
        for (begun, ended) in pairs {
            let (begun_n, ended_n) = (totals.value(begun), totals.value(ended));
            ensure(begun_n != 0 && begun_n == ended_n, || {
                format!("{begun} {begun_n}, {ended} {ended_n}")
            })?;
        }
        Ok(())
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = String::new();
        for call in &self.calls {
            call.rows(&mut text);
        }
        let totals = self.totals.clone().unwrap_or_default();
        let mut row = |name: &str, value: String| {
            // Writing to a String cannot fail.
            writeln!(text, "  {name:<34}{value}").ok();
        };
        row(
            "sessions opened, closed",
            format!(
                "{}, {}",
                totals.value("sessions-opened"),
                totals.value("sessions-closed")
            ),
        );
        row(
            "licence units taken, given back",
            format!(
                "{}, {}",
                totals.value("permits-taken"),
                totals.value("permits-returned")
            ),
        );
        row(
            "SRTP authentication failures",
            format!(
                "{} (phones send {PLAIN_RTCP} RTCP packets a call in clear: refused)",
                totals.value("srtp-auth-failed")
            ),
        );
        row(
            "replayed packets",
            totals.value("srtp-replayed").to_string(),
        );
        row(
            "one-way media delay in the proxy",
            self.delay.map_or_else(|| "none".to_owned(), show_delay),
        );
        text
    }
}

fn show_delay(delay: Delay) -> String {
    format!(
        "half below {} us, 99 % below {} us ({} packets)",
        delay.p50_ns.div_ceil(1_000),
        delay.p99_ns.div_ceil(1_000),
        delay.packets
    )
}

impl CallReport {
    fn check(&self, secure: bool) -> Result<()> {
        let title = &self.title;
        let min_ms = u64::from(self.seconds) * 1_000;
        for (who, heard) in [("caller", self.talk.caller), ("callee", self.talk.callee)] {
            ensure(heard.is_clean(min_ms), || {
                format!("{title}: the {who} heard {heard:?}")
            })?;
        }
        ensure(self.streams.len() == 1, || {
            format!("{title}: {} streams", self.streams.len())
        })?;
        for stream in &self.streams {
            check_side(title, "outside", &stream.client, self.seconds, true)?;
            check_side(title, "inside", &stream.server, self.seconds, secure)?;
        }
        self.check_keys(secure)
    }

    /// Keys both ways on an encrypted side: one for each suite that is offered, and that of the
    /// answer; none on a clear side; no key on both sides.
    fn check_keys(&self, secure: bool) -> Result<()> {
        let Keys { outside, inside } = &self.keys;
        let inside_fits = if secure {
            inside.len() >= 2
        } else {
            inside.is_empty()
        };
        ensure(outside.len() >= 2 && inside_fits, || {
            format!(
                "{}: {} keys outside, {} inside",
                self.title,
                outside.len(),
                inside.len()
            )
        })?;
        ensure(outside.is_disjoint(inside), || {
            format!("{}: both sides use one key", self.title)
        })
    }

    fn rows(&self, text: &mut String) {
        let rule = "-".repeat(86);
        writeln!(text, "\n  {}\n  {rule}", self.title).ok();
        writeln!(
            text,
            "  {:<9}{:<26}{:>8}{:>10}{:>6}{:>8}{:>8}{:>11}",
            "from", "SRTP", "packets", "octets", "RTCP", "auth", "replay", "tone heard"
        )
        .ok();
        let (outside_hears, inside_hears) = self.heard();
        for stream in &self.streams {
            side_row(text, "outside", &stream.client, inside_hears);
            side_row(text, "inside", &stream.server, outside_hears);
        }
        text.push('\n');
    }

    /// What the outside phone and the inside phone heard.
    fn heard(&self) -> (Heard, Heard) {
        if self.title.starts_with(crate::stage::OUTSIDE.0) {
            (self.talk.caller, self.talk.callee)
        } else {
            (self.talk.callee, self.talk.caller)
        }
    }
}

fn side_row(text: &mut String, from: &str, side: &Side, heard: Heard) {
    writeln!(
        text,
        "  {from:<9}{:<26}{:>8}{:>10}{:>6}{:>8}{:>8}{:>10.1}s",
        side.suite,
        side.rtp_packets,
        side.rtp_octets,
        side.rtcp_packets,
        side.auth_failures,
        side.replays,
        heard.seconds(),
    )
    .ok();
}

fn check_side(title: &str, name: &str, side: &Side, seconds: u32, encrypted: bool) -> Result<()> {
    let wanted = PACKETS_PER_S * u64::from(seconds) * 9 / 10;
    ensure(wanted <= side.rtp_packets, || {
        format!(
            "{title}: {} RTP packets from {name}, want {wanted}",
            side.rtp_packets
        )
    })?;
    ensure(side.rtcp_packets != 0, || {
        format!("{title}: no RTCP from {name}")
    })?;
    let failures_max = if encrypted { PLAIN_RTCP } else { 0 };
    ensure(
        side.auth_failures <= failures_max && side.replays == 0,
        || {
            format!(
                "{title}: from {name}: {} not authentic, {} replayed",
                side.auth_failures, side.replays
            )
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_callstat() {
        let text =
            "crypto='1 AES_CM_128_HMAC_SHA1_80 inline:HbR1fD58+/=='\n crypto='1 X inline:zz|2^31'";
        let keys: Vec<String> = inline_keys(text).into_iter().collect();
        assert_eq!(keys, ["HbR1fD58+/==", "zz"]);
    }
}
