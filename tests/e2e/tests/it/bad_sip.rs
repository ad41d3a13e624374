//! SIP and SDP that must not get through. Each is counted under its own name, and a call that is
//! up meanwhile, over another session, does not notice.

use std::net::SocketAddr;

use e2e::certs::Request;
use e2e::error::{Result, ensure};
use e2e::kamailio::Kamailio;
use e2e::lab::Host;
use e2e::scenario::during_a_call;
use e2e::show::Counters;
use e2e::sip::Script;
use e2e::stage::{INSIDE, Setting, Stage};
use e2e::tls_peer::TlsPeer;

/// Number of the scripted phone.
const USER: &str = "8666";

/// A scripted phone with a good certificate, connected to the proxy.
fn connect(stage: &Stage<'_>) -> Result<TlsPeer> {
    let identity = stage.lab.authority.issue(&Request::phone("scripted"))?;
    let dir = stage.lab.subdir("peers")?;
    let bind = format!("{}:0", Host::OutsideStranger.v4());
    let options = ["-bind", &bind];
    let mut peer = TlsPeer::connect(
        &stage.lab.outside,
        &dir,
        stage.target,
        Some(&identity),
        &options,
    )?;
    peer.wait_connected()?;
    Ok(peer)
}

const fn script<'a>(stage: &Stage<'_>, unique: &'a str) -> Script<'a> {
    Script {
        user: USER,
        own: SocketAddr::new(
            std::net::IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 66)),
            5061,
        ),
        manager: stage.target,
        unique,
    }
}

/// What a scripted phone sends is counted as `counter`, and the call manager sees nothing of it.
fn counted(counter: &str, message: impl Fn(&Script<'_>) -> String) -> Result<()> {
    during_a_call(&Setting::default(), |stage, before| {
        let log = stage.manager.log().mark();
        let mut peer = connect(stage)?;
        peer.send(&message(&script(stage, "bad")))?;
        stage.wait_counted(before, counter)?;
        let seen = Kamailio::received(&log);
        ensure(
            seen.iter().all(|m| !m.text.contains("Call-ID: bad@lab")),
            || format!("the call manager saw {seen:?}"),
        )
    })
}

#[test]
fn good_scripted_phone_registers() -> Result<()> {
    during_a_call(&Setting::default(), |stage, _| {
        let mut peer = connect(stage)?;
        peer.send(&script(stage, "good").register())?;
        peer.wait_line("SIP/2.0 200")?;
        stage.manager.wait_registered(USER).map(drop)
    })
}

#[test]
fn text_that_is_no_sip() -> Result<()> {
    counted("sip-malformed", |_| {
        "how do you do\r\nmy name: nobody\r\n\r\n".to_owned()
    })
}

#[test]
fn endless_header() -> Result<()> {
    counted("sip-too-large", |script| {
        let padding = format!("X-Padding: {}\r\n", "x".repeat(100_000));
        script.request("OPTIONS", INSIDE.0, &padding, "")
    })
}

#[test]
fn body_over_its_limit() -> Result<()> {
    counted("sip-too-large", |script| {
        script.request(
            "MESSAGE",
            INSIDE.0,
            "Content-Type: text/plain\r\n",
            &"x".repeat(1_000_000),
        )
    })
}

#[test]
fn request_without_a_length() -> Result<()> {
    counted("sip-bad-length", |script| {
        script
            .request("OPTIONS", INSIDE.0, "", "")
            .replace("Content-Length: 0\r\n", "")
    })
}

#[test]
fn request_with_two_lengths() -> Result<()> {
    counted("sip-bad-length", |script| {
        script.request("OPTIONS", INSIDE.0, "Content-Length: 10\r\n", "")
    })
}

/// An offer is refused with a final answer of this status to the phone, and counted.
fn offer_refused(counter: &str, status: u16, offer: impl Fn(&Script<'_>) -> String) -> Result<()> {
    during_a_call(&Setting::default(), |stage, before| {
        let script = script(stage, "offer");
        let mut peer = connect(stage)?;
        peer.send(&script.invite(INSIDE.0, &offer(&script)))?;
        peer.wait_line(&format!("SIP/2.0 {status} "))?;
        stage.wait_counted(before, counter)?;
        no_second_stream(stage, before)
    })
}

fn no_second_stream(stage: &Stage<'_>, before: &Counters) -> Result<()> {
    let grown = stage.proxy.counters()?.since(before);
    ensure(grown.value("calls-started") == 0, || {
        format!("a call was opened: {grown}")
    })
}

/// Syntax that cannot be understood (RFC 3261 §21.4.1).
const BAD_REQUEST: u16 = 400;
/// An offer that is understood and cannot be met (RFC 3261 §21.4.26).
const NOT_ACCEPTABLE_HERE: u16 = 488;

#[test]
fn offer_without_keys_where_keys_are_required() -> Result<()> {
    offer_refused("sdp-no-crypto", NOT_ACCEPTABLE_HERE, |script| {
        script.offer("RTP/AVP", "")
    })
}

#[test]
fn encrypted_offer_without_keys() -> Result<()> {
    offer_refused("sdp-no-crypto", NOT_ACCEPTABLE_HERE, |script| {
        script.offer("RTP/SAVP", "")
    })
}

#[test]
fn offer_with_an_unknown_suite() -> Result<()> {
    offer_refused("sdp-bad-crypto", NOT_ACCEPTABLE_HERE, |script| {
        script.offer(
            "RTP/SAVP",
            "a=crypto:1 ROT13_HMAC_MD5 inline:MTIzNDU2Nzg5MDEyMzQ1Njc4OTA\r\n",
        )
    })
}

#[test]
fn offer_with_a_short_key() -> Result<()> {
    offer_refused("sdp-bad-crypto", NOT_ACCEPTABLE_HERE, |script| {
        script.offer(
            "RTP/SAVP",
            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2hvcnQ=\r\n",
        )
    })
}

#[test]
fn offer_that_does_not_parse() -> Result<()> {
    offer_refused("sdp-malformed", BAD_REQUEST, |_| {
        "v=0\r\nm=audio nonsense\r\n".to_owned()
    })
}
