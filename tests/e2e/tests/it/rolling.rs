//! Certificates, keys and revocation lists that are replaced while a call is up.

use e2e::certs::{Identity, Request};
use e2e::error::{Result, ensure};
use e2e::policy::Policy;
use e2e::scenario::during_a_call;
use e2e::stage::{Setting, Stage};
use e2e::tls_peer::TlsPeer;

/// Connects as a phone with `identity` does.
fn connect(stage: &Stage<'_>, identity: &Identity) -> Result<TlsPeer> {
    let dir = stage.lab.subdir("peers")?;
    TlsPeer::connect(&stage.lab.outside, &dir, stage.target, Some(identity), &[])
}

/// Waits for a connection and says whose certificate was shown on it.
fn shown(peer: &mut TlsPeer) -> Result<String> {
    peer.wait_connected()?;
    peer.wait_line("Peer certificate")
}

#[test]
fn certificate_key_and_list_roll_in_a_call_and_what_is_up_goes_on() -> Result<()> {
    during_a_call(&Setting::default(), |stage, before| {
        let good = stage.lab.authority.issue(&Request::phone("good"))?;
        let bad = stage.lab.authority.issue(&Request::phone("bad"))?;
        let (mut good_peer, mut bad_peer) = (connect(stage, &good)?, connect(stage, &bad)?);
        let old = [shown(&mut good_peer)?, shown(&mut bad_peer)?].concat();
        ensure(!old.contains("renewed"), || old)?;

        stage.proxy.renew_identity("renewed")?;
        stage.proxy.set_policy(&Policy {
            crl: Some(stage.lab.authority.revoke(&bad)?),
            ..stage.setting.policy.clone()
        })?;
        stage.proxy.apply()?;

        let new = shown(&mut connect(stage, &good)?)?;
        ensure(new.contains("renewed"), || new)?;
        connect(stage, &bad)?.wait_closed()?;
        stage.wait_counted(before, "tls-certificate-revoked")?;
        ensure(bad_peer.connected(), || "closed unasked".to_owned())?;

        ensure(good_peer.connected(), || "closed unasked".to_owned())?;

        // Enforced, the list holds for what is up, too: that phone's session ends in order, and
        // the other's and the call's go on.
        let said = stage.proxy.enforce()?;
        ensure(said.contains("1 established sessions closed"), || said)?;
        let end = bad_peer.wait_closed()?;
        ensure(!end.contains("errno"), || end)?;
        ensure(good_peer.connected(), || "closed with another".to_owned())
    })
}
