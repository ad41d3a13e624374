//! TLS clients that must not get in. Each is refused with the right alert, counted under its own
//! name, and a call that is up meanwhile does not notice.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};

use e2e::certs::{Authority, Identity, Request, Validity};
use e2e::error::{Failure, Result, ensure};
use e2e::scenario::during_a_call;
use e2e::show::Counters;
use e2e::stage::{Setting, Stage};
use e2e::tls_peer::TlsPeer;

/// A client with `identity` is refused with the TLS alert of this number.
fn refused(
    stage: &Stage<'_>,
    before: &Counters,
    identity: Option<&Identity>,
    options: &[&str],
    counter: &str,
    alert: u8,
) -> Result<()> {
    let dir = stage.lab.subdir("peers")?;
    let mut peer = TlsPeer::connect(&stage.lab.outside, &dir, stage.target, identity, options)?;
    let said = peer.wait_closed()?;
    ensure(said.contains(&format!("SSL alert number {alert}")), || {
        format!("no alert {alert}:\n{said}")
    })?;
    stage.wait_counted(before, counter)
}

/// In TLS 1.2 and in TLS 1.3.
fn refused_in_both(
    identity: impl Fn(&Stage<'_>) -> Result<Option<Identity>>,
    counter: &str,
    alerts: [u8; 2],
) -> Result<()> {
    during_a_call(&Setting::default(), |stage, before| {
        let identity = identity(stage)?;
        for (version, alert) in ["-tls1_2", "-tls1_3"].into_iter().zip(alerts) {
            let before = if version == "-tls1_2" {
                before.clone()
            } else {
                stage.proxy.counters()?
            };
            refused(
                stage,
                &before,
                identity.as_ref(),
                &[version],
                counter,
                alert,
            )?;
        }
        Ok(())
    })
}

const BAD_CERTIFICATE: u8 = 42;
const UNSUPPORTED_CERTIFICATE: u8 = 43;
const CERTIFICATE_EXPIRED: u8 = 45;
const UNKNOWN_CA: u8 = 48;
const HANDSHAKE_FAILURE: u8 = 40;
const PROTOCOL_VERSION: u8 = 70;
const CERTIFICATE_REQUIRED: u8 = 116;

#[test]
fn expired_certificate() -> Result<()> {
    refused_in_both(
        |stage| {
            let request = Request {
                validity: Validity::Expired,
                ..Request::phone("expired")
            };
            stage.lab.authority.issue(&request).map(Some)
        },
        "tls-certificate-expired",
        [CERTIFICATE_EXPIRED; 2],
    )
}

#[test]
fn certificate_of_the_future() -> Result<()> {
    refused_in_both(
        |stage| {
            let request = Request {
                validity: Validity::NotYet,
                ..Request::phone("not-yet")
            };
            stage.lab.authority.issue(&request).map(Some)
        },
        "tls-certificate-expired",
        [CERTIFICATE_EXPIRED; 2],
    )
}

#[test]
fn certificate_of_an_unknown_authority() -> Result<()> {
    refused_in_both(
        |stage| {
            let other = Authority::create(&stage.lab.subdir("other-ca")?, "other-ca")?;
            other.issue(&Request::phone("stranger")).map(Some)
        },
        "tls-certificate-unknown",
        [UNKNOWN_CA; 2],
    )
}

#[test]
fn certificate_for_servers_only() -> Result<()> {
    refused_in_both(
        |stage| {
            let request = Request {
                client: false,
                server: true,
                ..Request::phone("server-only")
            };
            stage.lab.authority.issue(&request).map(Some)
        },
        "tls-certificate-purpose",
        [UNSUPPORTED_CERTIFICATE; 2],
    )
}

#[test]
fn self_signed_certificate() -> Result<()> {
    during_a_call(&Setting::default(), |stage, before| {
        let identity = stage
            .lab
            .authority
            .self_signed(&Request::phone("self-signed"))?;
        let dir = stage.lab.subdir("peers")?;
        let mut peer = TlsPeer::connect(
            &stage.lab.outside,
            &dir,
            stage.target,
            Some(&identity),
            &["-tls1_2"],
        )?;
        let said = peer.wait_closed()?;
        let alerts = [UNKNOWN_CA, BAD_CERTIFICATE].map(|n| format!("SSL alert number {n}"));
        ensure(alerts.iter().any(|alert| said.contains(alert)), || {
            said.clone()
        })?;
        stage.wait_counted(before, "tls-certificate-unknown")
    })
}

#[test]
fn no_certificate() -> Result<()> {
    // TLS 1.2 has no alert of its own for it (RFC 5246 §7.4.6).
    refused_in_both(
        |_| Ok(None),
        "tls-no-certificate",
        [HANDSHAKE_FAILURE, CERTIFICATE_REQUIRED],
    )
}

#[test]
fn old_versions() -> Result<()> {
    during_a_call(&Setting::default(), |stage, before| {
        for version in ["-tls1", "-tls1_1"] {
            let before = if version == "-tls1" {
                before.clone()
            } else {
                stage.proxy.counters()?
            };
            let options = [version, "-cipher", "DEFAULT@SECLEVEL=0"];
            let identity = Some(stage.identity.clone());
            let alert = PROTOCOL_VERSION;
            refused(
                stage,
                &before,
                identity.as_ref(),
                &options,
                "tls-version",
                alert,
            )?;
        }
        Ok(())
    })
}

#[test]
fn no_cipher_in_common() -> Result<()> {
    during_a_call(&Setting::default(), |stage, before| {
        let options = ["-tls1_2", "-cipher", "AES128-SHA"];
        let identity = stage.identity.clone();
        refused(
            stage,
            before,
            Some(&identity),
            &options,
            "tls-no-common-cipher",
            HANDSHAKE_FAILURE,
        )
    })
}

/// Sends raw bytes over TCP and leaves the connection open for the proxy to close.
fn raw(stage: &Stage<'_>, bytes: &[u8]) -> Result<TcpStream> {
    let target: SocketAddr = stage.target;
    stage.lab.outside.enter(|| {
        let failed = |source| Failure::Io {
            what: "raw connection".to_owned(),
            source,
        };
        let mut stream = TcpStream::connect(target).map_err(failed)?;
        stream.write_all(bytes).map_err(failed)?;
        Ok(stream)
    })
}

#[test]
fn garbage_instead_of_tls() -> Result<()> {
    during_a_call(&Setting::default(), |stage, before| {
        let _http = raw(stage, b"GET / HTTP/1.1\r\nHost: phones\r\n\r\n")?;
        stage.wait_counted(before, "tls-malformed")?;
        let before = stage.proxy.counters()?;
        // A record header that promises more than a record may hold.
        let _record = raw(stage, &[0x16, 0x03, 0x01, 0xff, 0xff, 1, 2, 3, 4])?;
        stage.wait_counted(&before, "tls-malformed")
    })
}

#[test]
fn connections_that_say_nothing_are_let_go() -> Result<()> {
    let setting = Setting {
        policy: e2e::policy::Policy {
            tls: "  handshake_timeout: 2s".to_owned(),
            ..e2e::policy::Policy::default()
        },
        ..Setting::default()
    };
    during_a_call(&setting, |stage, before| {
        let _silent = raw(stage, b"")?;
        let _half = raw(stage, &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01])?;
        stage.wait_counted(before, "tls-handshake-timeout")
    })
}
