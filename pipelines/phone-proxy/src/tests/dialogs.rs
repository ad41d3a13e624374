//! Dialogs without media, transfers, and the bounds on what is remembered.

use std::time::Duration;

use abi::Reason;
use pipeline::Leg;

use super::peers::{
    by_phone, by_server, clear_answer, from_phone, from_server, secure_offer, talking,
};
use super::{Lab, Setup};
use crate::RawConfig;

#[test]
fn subscription_reaches_its_notifier_and_its_subscriber() {
    let mut lab = Lab::new();
    lab.phone(&from_phone(
        "SUBSCRIBE 1 s",
        "Event: dialog\nContent-Length: 0\n\n",
    ));
    // NOTIFY may overtake the response (RFC 6665 §4.1.2.4).
    let notify = "\
NOTIFY sip:1001@10.10.0.5:32768;transport=tcp SIP/2.0
Via: SIP/2.0/TCP 10.10.0.10;branch=z9hG4bKn
From: <sip:2001@10.10.0.10>;tag=n
To: <sip:1001@10.10.0.10>;tag=p
Call-ID: out
CSeq: 1 NOTIFY
Contact: <sip:notifier@10.10.0.77:5099>
Content-Length: 0

";
    let outside = lab.server(notify);
    assert!(outside.starts_with("NOTIFY sip:1001@192.168.1.50:51234;transport=tls SIP/2.0\n"));
    assert!(outside.contains("Contact: <sip:notifier@198.51.100.1:5061;transport=tls>\n"));
    let refresh = from_phone("SUBSCRIBE 2 s2 n", "").replace(
        "sip:2001@198.51.100.1 SIP",
        "sip:notifier@198.51.100.1:5061;transport=tls SIP",
    );
    assert!(
        lab.phone(&refresh)
            .starts_with("SUBSCRIBE sip:notifier@10.10.0.77:5099 SIP/2.0\n")
    );
    assert_eq!(lab.refused, []);
}

#[test]
fn attended_transfer_names_the_real_contact() {
    let mut lab = talking();
    let refer = |target: &str| {
        let rest = format!("Refer-To: <{target}>\nContent-Length: 0\n\n");
        from_phone("REFER 3 x", &rest).replace("Call-ID: out", "Call-ID: other")
    };
    let replaces = "?Replaces=out%3Bto-tag%3Ds%3Bfrom-tag%3Dp";
    let inside = lab.phone(&refer(&format!(
        "sip:2001@198.51.100.1:5061;transport=tls{replaces}"
    )));
    assert!(
        inside.contains(&format!("Refer-To: <sip:2001@10.10.0.77:5070{replaces}>\n")),
        "{inside}"
    );
    let blind = lab.phone(&refer("sip:2002@198.51.100.1").replace("z9hG4bKx", "z9hG4bKy"));
    assert!(
        blind.contains("Refer-To: <sip:2002@10.10.0.10>\n"),
        "{blind}"
    );
}

#[test]
fn target_behind_the_server_is_hidden_until_it_comes_back() {
    let mut lab = Lab::new();
    let refer = "Refer-To: <sip:2003@10.10.0.88:5060?Replaces=a%3Bto-tag%3Db>\n\
                 Content-Length: 0\n\n";
    let outside = lab.server(&from_server("REFER 1 r", refer));
    let hidden = "sip:2003@198.51.100.1:5061;transport=tls;hidden=1";
    let wanted = format!("Refer-To: <{hidden}?Replaces=a%3Bto-tag%3Db>\n");
    assert!(outside.contains(&wanted), "{outside}");
    let invite = from_phone("INVITE 1 i", &secure_offer(4000, 'A'));
    let inside = lab.phone(&invite.replacen("sip:2001@198.51.100.1", hidden, 1));
    assert!(
        inside.starts_with("INVITE sip:2003@10.10.0.88:5060 SIP/2.0\n"),
        "{inside}"
    );
}

#[test]
fn every_hop_behind_the_server_is_hidden_and_comes_back_in_order() {
    let mut lab = Lab::new();
    let invite = from_server("INVITE 1 i", &clear_answer(5000)).replace(
        "Record-Route: <sip:10.10.0.10;transport=tcp;lr>",
        "Record-Route: <sip:10.10.0.10;transport=tcp;lr>, <sip:10.10.0.20;lr>\n\
         Record-Route: <sip:10.10.0.30:5080;lr;received=10.10.0.77>",
    );
    let invite = invite.replace(
        "<sip:2001@10.10.0.77>",
        "<sip:2001@10.10.0.77;alias=10.10.0.77~1~1>",
    );
    let outside = lab.server(&invite);
    assert!(!outside.contains("10.10.0."), "{outside}");
    let routes: Vec<_> = outside
        .lines()
        .filter(|l| l.starts_with("Record-Route: "))
        .collect();
    let ok = by_phone("200 OK", "INVITE 1 i p", &secure_offer(4000, 'P')).replace(
        "Record-Route: <sip:198.51.100.1:5061;transport=tls;lr>",
        &routes.join("\n"),
    );
    let inside = lab.phone(&ok);
    assert!(
        inside.contains("Record-Route: <sip:10.10.0.10;transport=tcp;lr>, <sip:10.10.0.20;lr>\n")
    );
    let contact = outside
        .lines()
        .find_map(|l| l.strip_prefix("Contact: <"))
        .unwrap();
    let bye = format!(
        "BYE {} SIP/2.0\nVia: SIP/2.0/TLS 192.168.1.50;branch=z9hG4bKb\n{}\n\
         From: <sip:1001@198.51.100.1>;tag=p\nTo: <sip:2001@198.51.100.1>;tag=s\n\
         Call-ID: in\nCSeq: 1 BYE\nContent-Length: 0\n\n",
        contact.trim_end_matches('>'),
        routes.join("\n").replace("Record-Route", "Route"),
    );
    let bye = lab.phone(&bye);
    assert!(
        bye.starts_with("BYE sip:2001@10.10.0.77;alias=10.10.0.77~1~1 SIP/2.0\n"),
        "{bye}"
    );
    assert!(
        bye.contains(
            "Route: <sip:10.10.0.10;transport=tcp;lr>, <sip:10.10.0.20;lr>\n\
             Route: <sip:10.10.0.30:5080;lr;received=10.10.0.77>\n"
        ),
        "{bye}"
    );
    assert!(lab.pins.is_empty());
}

#[test]
fn redirection_by_the_phone_names_the_server_again() {
    let mut lab = Lab::new();
    lab.server(&from_server("INVITE 1 i", &clear_answer(5000)));
    let moved = "\
SIP/2.0 302 Moved Temporarily
Via: SIP/2.0/TLS 198.51.100.1:5061;branch=z9hG4bKi
From: <sip:2001@198.51.100.1>;tag=s
To: <sip:1001@198.51.100.1>;tag=p
Call-ID: in
CSeq: 1 INVITE
Contact: <sip:2005@198.51.100.1>, <sip:x@example.com>
Content-Length: 0

";
    let inside = lab.phone(moved);
    assert!(
        inside.contains("Contact: <sip:2005@10.10.0.10>, <sip:x@example.com>\n"),
        "{inside}"
    );
    lab.assert_quiet();
}

#[test]
fn dialog_that_began_before_the_session_is_taken_up() {
    let mut lab = Lab::new();
    let inside = lab.phone(&from_phone("INVITE 9 r s", &secure_offer(4000, 'A')));
    assert!(inside.contains("m=audio 20010 RTP/AVP 0\n"));
    lab.server(&by_server("200 OK", "INVITE 9 r s", &clear_answer(5000)));
    assert!(lab.plan().sides.server.remote.is_some());
    lab.phone(&from_phone("BYE 10 b s", ""));
    assert!(lab.pins.is_empty());
}

#[test]
fn dialogs_that_nobody_confirms_make_room_again() {
    for method in ["INVITE", "UPDATE"] {
        let mut lab = Lab::new();
        for n in 0..100 {
            let strange = format!("{method} 9 r{n} s{n}");
            let call = |text: String| text.replace(": out", &format!(": c{n}"));
            lab.phone(&call(from_phone(&strange, &secure_offer(4000, 'A'))));
            lab.server(&call(by_server("500 No", &strange, "")));
        }
        lab.assert_quiet();
    }
    let mut lab = Lab::new();
    lab.phone(&from_phone("UPDATE 9 r s", &secure_offer(4000, 'A')));
    lab.pass(Duration::from_secs(200));
    assert!(lab.pins.is_empty());
    assert_eq!(pipeline::Session::next_deadline(&lab.session), None);
}

#[test]
fn invite_that_comes_again_leaves_the_first_alone() {
    let mut lab = Lab::new();
    let invite = from_server("INVITE 1 i", &clear_answer(5000));
    assert!(lab.server(&invite).starts_with("INVITE "));
    // The same transaction again, and another branch of the same fork.
    assert_eq!(lab.server(&invite), "");
    let other = invite.replace("branch=z9hG4bKi", "branch=z9hG4bKj");
    assert_eq!(lab.server(&other), "");
    assert!(lab.heard(Leg::Server).starts_with("SIP/2.0 482 "));
    assert_eq!(lab.server(&from_server("ACK 1 j p", "")), "");
    let inside = lab.phone(&by_phone(
        "200 OK",
        "INVITE 1 i p",
        &secure_offer(4000, 'P'),
    ));
    assert!(inside.contains("m=audio 20010 RTP/AVP 0\n"), "{inside}");
    assert!(lab.plan().sides.client.receive.is_some());
    assert_eq!(lab.server(&invite), "");
    assert!(lab.plan().sides.client.receive.is_some());
    assert_eq!(lab.refused, [(Leg::Server, Reason::SipBadState)]);
    // Anything else may come twice.
    let options = from_server("OPTIONS 1 o", "");
    assert_eq!(lab.server(&options), lab.server(&options));
}

#[test]
fn hanging_up_ends_media_even_where_there_is_no_room_for_it() {
    let config = RawConfig {
        transactions_max: 8,
        ..RawConfig::default()
    };
    let mut lab = Lab::with(Setup {
        config,
        ..Setup::default()
    });
    lab.phone(&from_phone("INVITE 1 i", &secure_offer(4000, 'A')));
    lab.server(&by_server("200 OK", "INVITE 1 i s", &clear_answer(5000)));
    for n in 2..10 {
        lab.phone(&from_phone(&format!("INFO {n} o{n} s"), ""));
    }
    assert_eq!(lab.phone(&from_phone("BYE 20 b s", "")), "");
    assert!(lab.pins.is_empty());
}

#[test]
fn response_to_nothing_is_dropped() {
    let mut lab = Lab::new();
    assert_eq!(
        lab.server(&by_server("200 OK", "INVITE 1 i s", &clear_answer(5000))),
        ""
    );
    assert_eq!(lab.refused, [(Leg::Server, Reason::SipBadState)]);
    assert!(lab.pins.is_empty());
}

#[test]
fn offer_outside_any_dialog_opens_no_media() {
    let mut lab = Lab::new();
    assert_eq!(
        lab.phone(&from_phone("UPDATE 1 u", &secure_offer(4000, 'A'))),
        ""
    );
    assert!(lab.heard(Leg::Client).starts_with("SIP/2.0 481 "));
    assert!(lab.pins.is_empty());
}

#[test]
fn calls_beyond_the_limit_are_refused() {
    let config = RawConfig {
        calls_max: 2,
        ..RawConfig::default()
    };
    let mut lab = Lab::with(Setup {
        config,
        ..Setup::default()
    });
    for n in 0..3 {
        let invite = from_phone(&format!("INVITE 1 i{n}"), &secure_offer(4000, 'A'));
        let inside = lab.phone(&invite.replace("Call-ID: out", &format!("Call-ID: c{n}")));
        assert_eq!(inside.is_empty(), n == 2);
    }
    assert!(lab.heard(Leg::Client).starts_with("SIP/2.0 503 "));
    assert_eq!(lab.refused, [(Leg::Client, Reason::SipDialogLimit)]);
    assert_eq!(lab.pins.len(), 2);
}

#[test]
fn transactions_beyond_the_limit_are_refused_until_others_end() {
    let config = RawConfig {
        transactions_max: 8,
        ..RawConfig::default()
    };
    let mut lab = Lab::with(Setup {
        config,
        ..Setup::default()
    });
    let options = |n: u32| from_phone(&format!("OPTIONS {n} o{n}"), "");
    for n in 0..8 {
        assert!(!lab.phone(&options(n)).is_empty());
    }
    assert_eq!(lab.phone(&options(8)), "");
    assert!(lab.heard(Leg::Client).starts_with("SIP/2.0 503 "));
    assert_eq!(lab.refused, [(Leg::Client, Reason::SipDialogLimit)]);
    // The server's side has a count of its own.
    assert!(!lab.server(&from_server("OPTIONS 1 so", "")).is_empty());
    lab.server(&by_server("200 OK", "OPTIONS 0 o0 s", ""));
    assert!(!lab.phone(&options(9)).is_empty());
    lab.pass(Duration::from_secs(33));
    assert!(!lab.phone(&options(10)).is_empty());
}

#[test]
fn refusals_are_remembered_within_the_same_limit() {
    let config = RawConfig {
        transactions_max: 8,
        ..RawConfig::default()
    };
    let mut lab = Lab::with(Setup {
        config,
        ..Setup::default()
    });
    let long = "x".repeat(1025);
    for n in 0..100 {
        lab.phone(&from_phone(&format!("INVITE 1 i{n}"), &clear_answer(4000)));
        lab.phone(&from_phone(&format!("INVITE 1 {long}{n}"), ""));
    }
    assert_eq!(lab.refused.len(), 200);
    assert_eq!(lab.session.transactions.client.len(), 8);
}

#[test]
fn names_too_long_to_remember_are_refused() {
    let mut lab = Lab::new();
    let long = "x".repeat(1025);
    let invite = from_phone("INVITE 1 i", "").replace("Call-ID: out", &format!("Call-ID: {long}"));
    assert_eq!(lab.phone(&invite), "");
    assert!(lab.heard(Leg::Client).starts_with("SIP/2.0 513 "));
    assert_eq!(lab.refused, [(Leg::Client, Reason::SipTooLarge)]);
}

#[test]
fn storm_of_calls_leaves_nothing_behind() {
    let mut lab = Lab::new();
    for n in 0..500 {
        let call = |text: String| text.replace(": out", &format!(": c{n}"));
        let invite = from_phone(&format!("INVITE 1 i{n}"), &secure_offer(4000, 'A'));
        lab.phone(&call(invite));
        lab.server(&call(by_server(
            "486 Busy",
            &format!("INVITE 1 i{n} s"),
            "",
        )));
        lab.phone(&call(from_phone(&format!("ACK 1 i{n} s"), "")));
        lab.pass(Duration::from_secs(1));
    }
    lab.assert_quiet();
    lab.pass(Duration::from_secs(60));
    assert_eq!(pipeline::Session::next_deadline(&lab.session), None);
}
