//! Handshakes that fail, and what each leaves behind.

use std::time::Duration;

use abi::policy::{ClientAuth, TlsSettings};
use abi::{Counter, Pool, Reason};
use sim::{
    Authority, Cluster, ConnId, Identity, Lab, Leaf, MANAGER, PHONE, Place, STRANGER, Setup,
};
use tls::ClientProfile;

use crate::common::{OPENED, each_way};

/// What moves when a client comes as far as TCP and no further.
const TURNED_AWAY: [(Counter, u64); 4] = [
    (Counter::TcpCookiesSent, 1),
    (Counter::TcpAccepted, 1),
    (Counter::SessionsOpened, 1),
    (Counter::SessionsClosed, 1),
];

/// Has a stranger try to connect with a profile.
fn attempt(lab: &mut Lab, profile: Option<&ClientProfile>) -> ConnId {
    let target = lab.setup.target();
    let conn = lab.host(STRANGER).connect(target, profile);
    lab.settle();
    conn
}

/// Has a stranger try with a certificate, and checks that it is refused for `reason`.
fn is_refused(lab: &mut Lab, identity: Option<&Identity>, reason: Reason) {
    let profile = lab.client_profile(identity);
    let conn = attempt(lab, Some(&profile));
    lab.moved(&TURNED_AWAY, &[(reason, 1)]);
    let conn = lab.host(STRANGER).conn(conn);
    assert!(conn.alert().is_some(), "{conn:?}");
    assert_eq!(lab.host(MANAGER).open_conns(), 0);
}

#[test]
fn certificates_that_do_not_do_are_refused_each_under_its_name() {
    each_way(&Setup::default(), |mut lab| {
        let expired = lab.authority.issue(&Leaf {
            years: (2001, 2002),
            ..Leaf::phone("phone")
        });
        let unknown = Authority::new("Other Authority").issue(&Leaf::phone("phone"));
        is_refused(&mut lab, None, Reason::TlsNoCertificate);
        is_refused(&mut lab, Some(&expired), Reason::TlsCertificateExpired);
        is_refused(&mut lab, Some(&unknown), Reason::TlsCertificateUnknown);
        let good = lab.authority.issue(&Leaf::phone("phone"));
        let profile = lab.client_profile(Some(&good));
        let conn = attempt(&mut lab, Some(&profile));
        assert!(lab.host(STRANGER).conn(conn).is_open());
        lab.moved(&OPENED, &[]);
    });
}

#[test]
fn what_is_no_tls_is_refused() {
    each_way(&Setup::default(), |mut lab| {
        for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 600], &[0xff; 40]] {
            let target = lab.setup.target();
            let conn = lab.host(STRANGER).connect(target, None);
            lab.host(STRANGER).send(conn, garbage);
            lab.settle();
            lab.moved(&TURNED_AWAY, &[(Reason::TlsMalformed, 1)]);
            assert!(!lab.host(STRANGER).conn(conn).is_open());
        }
    });
}

#[test]
fn hello_of_an_old_version_is_refused() {
    let mut lab = Lab::new(Setup::default());
    let target = lab.setup.target();
    let conn = lab.host(STRANGER).connect(target, None);
    lab.host(STRANGER).send(conn, tls10_hello());
    lab.settle();
    lab.moved(&TURNED_AWAY, &[(Reason::TlsVersion, 1)]);
    let answer = lab.host(STRANGER).conn(conn).take();
    // A fatal alert: protocol_version (RFC 5246 §7.2).
    assert_eq!(answer[..1], [21]);
    assert_eq!(answer[answer.len() - 2..], [2, 70]);
}

/// A ClientHello of TLS 1.0 with one cipher suite and no extension.
fn tls10_hello() -> Vec<u8> {
    let mut hello = vec![3, 1];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0, 0x2f, 1, 0]);
    let len = u8::try_from(hello.len()).unwrap();
    [&[22, 3, 1, 0, len + 4, 1, 0, 0, len][..], &hello].concat()
}

#[test]
fn client_that_says_nothing_is_cut_off() {
    each_way(
        &Setup {
            tls: TlsSettings {
                handshake_ms: 5_000,
                ..TlsSettings::default()
            },
            ..Setup::default()
        },
        |mut lab| {
            let target = lab.setup.target();
            let conn = lab.host(STRANGER).connect(target, None);
            lab.run_for(Duration::from_millis(4_900));
            assert_eq!(lab.proxy().usage(Pool::Handshakes).in_use, 1);
            lab.run_for(Duration::from_millis(200));
            assert!(lab.host(STRANGER).conn(conn).is_closed());
            assert_eq!(lab.proxy().usage(Pool::Handshakes).in_use, 0);
            lab.moved(&TURNED_AWAY, &[(Reason::TlsHandshakeTimeout, 1)]);
        },
    );
}

#[test]
fn client_that_drips_is_cut_off_all_the_same() {
    let mut lab = Lab::new(Setup {
        tls: TlsSettings {
            handshake_ms: 5_000,
            ..TlsSettings::default()
        },
        ..Setup::default()
    });
    let target = lab.setup.target();
    let conn = lab.host(STRANGER).connect(target, None);
    let hello = tls10_hello();
    for octet in &hello[..40] {
        lab.host(STRANGER).send(conn, [*octet]);
        lab.run_for(Duration::from_millis(300));
    }
    assert_eq!(lab.refused(Reason::TlsHandshakeTimeout), 1);
    lab.settle();
    assert_eq!(lab.proxy().usage(Pool::TlsSessions).in_use, 0);
}

#[test]
fn client_that_leaves_in_the_handshake_leaves_nothing() {
    each_way(&Setup::default(), |mut lab| {
        for len in [0, 3, 20] {
            let target = lab.setup.target();
            let conn = lab.host(STRANGER).connect(target, None);
            lab.host(STRANGER).send(conn, &tls10_hello()[..len]);
            lab.host(STRANGER).finish(conn);
            lab.settle();
            lab.moved(&TURNED_AWAY, &[(Reason::TlsTruncated, 1)]);
            let conn = lab.host(STRANGER).connect(target, None);
            lab.host(STRANGER).send(conn, &tls10_hello()[..len]);
            lab.run_for(Duration::from_millis(20));
            lab.host(STRANGER).abort(conn);
            lab.settle();
            lab.moved(&TURNED_AWAY, &[(Reason::TcpReset, 1)]);
        }
    });
}

#[test]
fn record_that_does_not_decrypt_ends_the_session() {
    let mut lab = Lab::new(Setup::default());
    let (phone, manager) = lab.open();
    lab.settle();
    lab.look();
    // A record that nobody with the keys has made.
    let record = [&[23, 3, 3, 0, 20][..], &[7; 20]].concat();
    assert_eq!(lab.host(PHONE).send_below(phone, &record), record.len());
    lab.settle();
    assert_eq!(lab.refused(Reason::TlsRecord), 1);
    assert!(!lab.host(PHONE).conn(phone).is_open());
    assert!(lab.host(MANAGER).conn(manager).peer_has_finished());
}

#[test]
fn call_manager_with_a_wrong_certificate_gets_no_session() {
    each_way(
        &Setup {
            cluster: Cluster::Encrypted,
            ..Setup::default()
        },
        |mut lab| {
            let address = [lab.setup.address(Place::Manager)];
            let named = Leaf {
                addresses: &address,
                ..Leaf::phone("manager")
            };
            let expired = Leaf {
                years: (2001, 2002),
                ..named
            };
            let elsewhere = [lab.setup.address(Place::Desk)];
            let misnamed = Leaf {
                addresses: &elsewhere,
                ..named
            };
            let unknown = Authority::new("Other Authority").issue(&named);
            for (identity, reason) in [
                (lab.authority.issue(&expired), Reason::TlsCertificateExpired),
                (lab.authority.issue(&misnamed), Reason::TlsCertificateName),
                (unknown, Reason::TlsCertificateUnknown),
            ] {
                let profile = lab.server_profile(&identity);
                let port = lab.setup.manager_port();
                lab.host(MANAGER).listen(port, Some(profile));
                let phone = lab.dial();
                lab.settle();
                assert_eq!(lab.refused(reason), 1, "{reason:?}");
                lab.look();
                assert!(lab.host(PHONE).conn(phone).peer_has_finished());
                let manager = lab.host(MANAGER).accepted().unwrap();
                assert!(lab.host(MANAGER).conn(manager).alert().is_some());
                lab.host(PHONE).finish(phone);
                lab.settle();
                lab.run_for(Duration::from_secs(6));
                assert_eq!(lab.proxy().usage(Pool::TlsSessions).in_use, 0);
            }
        },
    );
}

#[test]
fn call_manager_that_accepts_and_says_nothing_is_given_up() {
    let mut lab = Lab::new(Setup {
        cluster: Cluster::Encrypted,
        tls: TlsSettings {
            handshake_ms: 5_000,
            ..TlsSettings::default()
        },
        ..Setup::default()
    });
    let port = lab.setup.manager_port();
    lab.host(MANAGER).listen(port, None);
    let phone = lab.dial();
    lab.run_for(Duration::from_secs(4));
    assert!(lab.host(PHONE).conn(phone).is_open());
    lab.run_for(Duration::from_secs(2));
    assert_eq!(lab.refused(Reason::TlsHandshakeTimeout), 1);
    assert!(lab.host(PHONE).conn(phone).peer_has_finished());
}

#[test]
fn certificate_may_be_optional_or_not_asked_for() {
    for client_auth in [ClientAuth::Optional, ClientAuth::None] {
        let mut lab = Lab::new(Setup {
            client_auth: Some(client_auth),
            ..Setup::default()
        });
        let profile = lab.client_profile(None);
        let conn = attempt(&mut lab, Some(&profile));
        assert!(lab.host(STRANGER).conn(conn).is_open(), "{client_auth:?}");
        lab.moved(&OPENED, &[]);
    }
}

#[test]
fn clear_phones_need_no_handshake() {
    each_way(
        &Setup {
            client_auth: None,
            ..Setup::default()
        },
        |mut lab| {
            let (phone, manager) = lab.open();
            lab.host(PHONE).send(phone, "\r\n\r\n");
            lab.settle();
            assert_eq!(lab.host(MANAGER).conn(manager).take(), b"\r\n\r\n");
            let clear = OPENED
                .into_iter()
                .filter(|(c, _)| *c != Counter::TlsHandshakesServer);
            let clear: Vec<_> = clear.chain([(Counter::SipKeepalives, 1)]).collect();
            lab.moved(&clear, &[]);
        },
    );
}
