//! Where phones aim, and where the call manager sees them come from, in every mix; and that each
//! side learns no address of the other.

use e2e::error::{Result, ensure};
use e2e::kamailio::Kamailio;
use e2e::lab::Host;
use e2e::policy::{Policy, Source};
use e2e::scenario::{calls_both_ways, on_stage};
use e2e::show::sessions;
use e2e::stage::{Aim, OUTSIDE, Setting, Stage};

fn setting(aim: Aim, source: Source) -> Setting {
    Setting {
        aim,
        policy: Policy {
            source,
            ..Policy::default()
        },
        ..Setting::default()
    }
}

/// Calls both ways, then looks at who has seen what.
fn mix(aim: Aim, source: Source) -> Result<()> {
    on_stage(&setting(aim, source), |stage| {
        calls_both_ways(stage)?;
        source_is(stage, source)?;
        manager_saw_no_foreign_media(stage, source)?;
        phone_saw_no_inside_host(stage, aim)
    })
}

fn source_is(stage: &Stage<'_>, source: Source) -> Result<()> {
    let host = match source {
        Source::Client => Host::OutsidePhone,
        Source::Proxy => Host::ProxySource,
    };
    let from = stage.manager.wait_registered(OUTSIDE.0)?;
    ensure(from.starts_with(&format!("tcp:{}:", host.v4())), || {
        format!("the call manager saw the phone at {from}")
    })?;
    let sessions = sessions(&stage.proxy.show("tls-proxy session")?)?;
    let shown = sessions
        .iter()
        .all(|session| session.server_local.ip() == host.v4());
    ensure(!sessions.is_empty() && shown, || format!("{sessions:?}"))
}

fn manager_saw_no_foreign_media(stage: &Stage<'_>, source: Source) -> Result<()> {
    for message in Kamailio::received(stage.manager.log()) {
        let text = &message.text;
        // A phone's own address may stand in headers when connections keep it, never in the SDP.
        let hidden = match source {
            Source::Proxy => text.as_str(),
            Source::Client => text.split_once("\n\n").map_or("", |(_, body)| body),
        };
        ensure(!hidden.contains("198.51.100."), || {
            format!("the call manager saw an outside address:\n{text}")
        })?;
        ensure(!text.contains("crypto:"), || {
            format!("a key on the clear side:\n{text}")
        })?;
    }
    Ok(())
}

fn phone_saw_no_inside_host(stage: &Stage<'_>, aim: Aim) -> Result<()> {
    let seen = stage.outside.process().log().text();
    let hidden = match aim {
        Aim::Manager => vec![Host::InsidePhone, Host::InsideMedia, Host::ProxySource],
        Aim::Mapped => {
            vec![
                Host::InsidePhone,
                Host::InsideMedia,
                Host::ProxySource,
                Host::Manager,
            ]
        }
    };
    for host in hidden.into_iter().map(Host::v4) {
        // Not 192.0.2.2 in 192.0.2.20.
        let address = host.to_string();
        let found = seen.match_indices(&address).any(|(at, _)| {
            seen.get(at + address.len()..)
                .and_then(|rest| rest.chars().next())
                .is_none_or(|next| !next.is_ascii_digit())
        });
        ensure(!found, || {
            format!("the outside phone saw {address}; see its log")
        })?;
    }
    Ok(())
}

#[test]
fn transparent_with_the_phones_address() -> Result<()> {
    mix(Aim::Manager, Source::Client)
}

#[test]
fn transparent_with_the_proxys_address() -> Result<()> {
    mix(Aim::Manager, Source::Proxy)
}

#[test]
fn mapped_with_the_phones_address() -> Result<()> {
    mix(Aim::Mapped, Source::Client)
}

#[test]
fn mapped_with_the_proxys_address() -> Result<()> {
    mix(Aim::Mapped, Source::Proxy)
}
