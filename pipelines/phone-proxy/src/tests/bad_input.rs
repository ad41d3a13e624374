//! What is not SIP, not well-formed, or too much.

use abi::Reason;
use pipeline::{Closed, Closing, Input, Leg};
use proptest::prelude::*;

use super::lab::wire;
use super::peers::{
    by_server, clear_answer, from_phone, from_server, secure_offer, talking, with_sdp,
};
use super::{Lab, Setup, sdp};
use crate::RawConfig;

#[test]
fn other_protocols_are_cut_off() {
    for bytes in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"\x16\x03\x01\x02\x00",
        b"\x00\x01\x02",
    ] {
        let mut lab = talking();
        lab.say_raw(Leg::Client, bytes);
        assert_eq!(lab.refused, [(Leg::Client, Reason::SipMalformed)]);
        assert!(lab.closed.contains(&(Leg::Client, Closing::Abort)));
        assert!(lab.closed.contains(&(Leg::Server, Closing::Finish)));
        assert!(lab.pins.is_empty());
        assert_eq!(lab.heard(Leg::Client), "");
    }
}

#[test]
fn stream_that_cannot_be_followed_is_answered_and_ended() {
    for (length, status, reason) in [
        ("-1", "SIP/2.0 400 Bad Request\n", Reason::SipBadLength),
        ("5\nl: 6", "SIP/2.0 400 Bad Request\n", Reason::SipBadLength),
        (
            "70000",
            "SIP/2.0 413 Request Entity Too Large\n",
            Reason::SipTooLarge,
        ),
    ] {
        let mut lab = Lab::new();
        let text = from_phone("OPTIONS 1 o", "");
        let text = text.replace("Content-Length: 0", &format!("Content-Length: {length}"));
        assert_eq!(lab.phone(&text), "");
        assert!(lab.heard(Leg::Client).starts_with(status), "{length}");
        assert_eq!(lab.refused, [(Leg::Client, reason)]);
        assert!(lab.closed.contains(&(Leg::Client, Closing::Finish)));
    }
    let mut lab = Lab::new();
    let missing = from_phone("OPTIONS 1 o", "").replace("Content-Length: 0\n", "");
    lab.phone(&missing);
    assert_eq!(lab.refused, [(Leg::Client, Reason::SipBadLength)]);
}

#[test]
fn endless_header_is_cut_off_at_its_limit() {
    let mut lab = Lab::new();
    lab.say_raw(Leg::Client, b"OPTIONS sip:a@b SIP/2.0\r\n");
    for _ in 0..20 {
        lab.say_raw(
            Leg::Client,
            &[b"X: ".as_slice(), &[b'a'; 1000], b"\r\n"].concat(),
        );
    }
    assert_eq!(lab.refused, [(Leg::Client, Reason::SipTooLarge)]);
    assert!(lab.closed.contains(&(Leg::Client, Closing::Abort)));
}

#[test]
fn malformed_request_is_answered_and_the_session_goes_on() {
    let good = from_phone("OPTIONS 1 o", "");
    for (from, to, status) in [
        ("CSeq: 1 OPTIONS", "CSeq: x", "400"),
        ("CSeq: 1 OPTIONS", "CSeq: 1 INVITE", "400"),
        ("SIP/2.0\n", "SIP/3.0\n", "505"),
        ("sip:2001@198.51.100.1 ", "<sip:2001@198.51.100.1> ", "400"),
        (
            "To: <sip:2001@198.51.100.1>",
            "To: \"<sip:2001@198.51.100.1>",
            "400",
        ),
    ] {
        let mut lab = Lab::new();
        assert_eq!(lab.phone(&good.replacen(from, to, 1)), "", "{to}");
        assert!(
            lab.heard(Leg::Client)
                .starts_with(&format!("SIP/2.0 {status} ")),
            "{to}"
        );
        assert_eq!(lab.refused, [(Leg::Client, Reason::SipMalformed)]);
        assert!(lab.phone(&good).starts_with("OPTIONS "), "{to}");
    }
}

#[test]
fn malformed_description_is_answered_with_400() {
    for body in [
        "garbage\n",
        "v=0\n",
        "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nt=0 0\nm=audio\n",
    ] {
        let mut lab = Lab::new();
        assert_eq!(lab.phone(&from_phone("INVITE 1 i", &with_sdp(body))), "");
        assert!(lab.heard(Leg::Client).starts_with("SIP/2.0 400 "), "{body}");
        assert_eq!(lab.refused, [(Leg::Client, Reason::SdpMalformed)]);
    }
}

#[test]
fn description_cannot_hide_behind_its_type() {
    let sdp = sdp("192.168.1.50", 4000, "AVP", "");
    let mut lab = Lab::new();
    let untyped = with_sdp(&sdp).replace("Content-Type: application/sdp\n", "");
    assert_eq!(lab.phone(&from_phone("INVITE 1 i", &untyped)), "");
    assert!(lab.heard(Leg::Client).starts_with("SIP/2.0 488 "));
    let doubled = format!("c: text/plain\n{}", with_sdp(&sdp));
    assert_eq!(lab.phone(&from_phone("INVITE 2 j", &doubled)), "");
    assert!(lab.heard(Leg::Client).starts_with("SIP/2.0 400 "));
    let encoded = format!("e: identity\nContent-Encoding: gzip\n{}", with_sdp(&sdp));
    assert_eq!(lab.phone(&from_phone("INVITE 3 k", &encoded)), "");
    assert!(lab.heard(Leg::Client).starts_with("SIP/2.0 488 "));
    let untyped_part = format!(
        "Content-Type: multipart/mixed;boundary=b;\nContent-Length: @\n\n--b\n\n{sdp}\n--b--\n"
    );
    assert_eq!(lab.phone(&from_phone("INVITE 4 l", &untyped_part)), "");
    assert!(lab.heard(Leg::Client).starts_with("SIP/2.0 488 "));
    assert_eq!((lab.refused.len(), lab.pins.len()), (4, 0));
}

#[test]
fn description_that_is_hidden_or_doubled_is_refused() {
    let sdp = sdp("192.168.1.50", 4000, "SAVP", "");
    let encoded = format!("Content-Encoding: gzip\n{}", with_sdp(&sdp));
    let doubled = format!(
        "Content-Type: multipart/alternative;boundary=b\nContent-Length: @\n\n\
         --b\nContent-Type: application/sdp\n\n{sdp}\n--b\nContent-Type: application/sdp\n\n{sdp}\n--b--\n"
    );
    for rest in [encoded, doubled] {
        let mut lab = Lab::new();
        assert_eq!(lab.phone(&from_phone("INVITE 1 i", &rest)), "");
        assert!(lab.heard(Leg::Client).starts_with("SIP/2.0 488 "));
        assert_eq!(lab.refused, [(Leg::Client, Reason::SdpUnsupported)]);
    }
}

#[test]
fn fields_that_cannot_be_translated_show_no_address() {
    let mut lab = Lab::new();
    let bad = "P-Asserted-Identity: \"a <sip:x@10.10.0.77>\nP-Asserted-Identity: <sip:x@10.10.0.78>\n\
               Diversion: <sip:x@10.10.0.77:99999>, <sip:y@10.10.0.78>\n\
               Record-Route: <sip:10.10.0.10;lr>, <sip:10.10.0.77 ;lr\n\
               Alert-Info: info=ring\nContent-Length: 0\n\n";
    let outside = lab.server(&from_server("INVITE 1 i", bad));
    assert!(outside.starts_with("INVITE "), "{outside}");
    assert!(outside.contains("\nAlert-Info: info=ring\n"), "{outside}");
    assert!(!outside.contains("10.10.0."), "{outside}");
}

#[test]
fn answer_too_large_to_remember_ends_the_call() {
    let mut lab = Lab::new();
    lab.phone(&from_phone("INVITE 1 i", &secure_offer(4000, 'A')));
    let hops = format!("Record-Route: <sip:x;{}>\n", "x".repeat(4096));
    let ok = by_server(
        "200 OK",
        "INVITE 1 i s",
        &format!("{hops}{}", clear_answer(5000)),
    );
    assert!(lab.server(&ok).starts_with("SIP/2.0 513 "));
    let inside = lab.heard(Leg::Server);
    assert!(
        inside.starts_with("ACK ") && inside.contains("\nBYE "),
        "{inside}"
    );
    assert_eq!(lab.refused, [(Leg::Server, Reason::SipTooLarge)]);
    assert!(lab.pins.is_empty());
}

#[test]
fn more_streams_than_allowed_are_refused() {
    let mut lab = Lab::new();
    let many = "m=audio 4000 RTP/SAVP 0\n".repeat(8);
    let offer = with_sdp(&sdp("192.168.1.50", 4000, "SAVP", &many));
    lab.phone(&from_phone("INVITE 1 i", &offer));
    assert!(lab.heard(Leg::Client).starts_with("SIP/2.0 488 "));
    assert_eq!(lab.refused, [(Leg::Client, Reason::SdpTooManyStreams)]);
}

#[test]
fn unreadable_answer_ends_the_call() {
    let mut lab = Lab::new();
    lab.phone(&from_phone("INVITE 1 i", &secure_offer(4000, 'A')));
    let ok = by_server("200 OK", "INVITE 1 i s", &with_sdp("garbage\n"));
    assert!(lab.server(&ok).starts_with("SIP/2.0 400 "));
    assert!(lab.heard(Leg::Server).contains("\nBYE "));
    assert!(lab.pins.is_empty());
}

#[test]
fn truncated_message_is_counted_when_its_sender_finishes() {
    let mut lab = Lab::new();
    lab.say_raw(Leg::Client, b"OPTIONS sip:a@b SIP/2.0\r\nVia: ");
    lab.close(Leg::Client, Closed::Finished);
    assert_eq!(lab.refused, [(Leg::Client, Reason::SipMalformed)]);
}

#[test]
fn flood_before_the_server_is_up_is_bounded() {
    let setup = Setup::default();
    let mut lab = Lab::unopened(&setup);
    lab.open(Leg::Client, setup.client);
    for _ in 0..200 {
        lab.say_raw(Leg::Client, &[b'a'; 1000]);
    }
    assert_eq!(lab.refused, [(Leg::Client, Reason::SipTooLarge)]);
    assert!(lab.closed.contains(&(Leg::Client, Closing::Abort)));
}

#[test]
fn lenient_framing_is_a_choice() {
    let config = RawConfig {
        lenient_framing: true,
        ..RawConfig::default()
    };
    let mut lab = Lab::with(Setup {
        config,
        ..Setup::default()
    });
    let text = from_phone("OPTIONS 1 o", "").replace("Content-Length: 0\n", "");
    let inside = lab.say_raw(Leg::Client, text.as_bytes());
    assert!(inside.ends_with(b"\r\nContent-Length: 0\r\n\r\n"));
}

#[test]
fn octets_one_by_one_give_the_same_session() {
    let mut lab = Lab::new();
    for octet in wire(&from_phone("INVITE 1 i", &secure_offer(4000, 'A'))) {
        lab.input(Input::Data {
            leg: Leg::Client,
            bytes: &[octet],
        });
    }
    let inside = lab.heard(Leg::Server);
    let whole = Lab::new().phone(&from_phone("INVITE 1 i", &secure_offer(4000, 'A')));
    assert_eq!(inside, whole);
}

#[test]
fn several_messages_in_one_segment_wait_for_media_in_turn() {
    let mut lab = Lab::new();
    let invite = wire(&from_phone("INVITE 1 i", &secure_offer(4000, 'A')));
    let options = wire(&from_phone("OPTIONS 2 o", ""));
    let inside = lab.say_raw(Leg::Client, &[invite, options].concat());
    let inside = String::from_utf8(inside).unwrap();
    let order = (
        inside.find("INVITE sip:").unwrap(),
        inside.find("OPTIONS sip:").unwrap(),
    );
    assert!(order.0 < order.1);
}

proptest! {
    #[test]
    fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..500), server: bool) {
        let mut lab = Lab::new();
        lab.say_raw(if server { Leg::Server } else { Leg::Client }, &bytes);
    }

    #[test]
    fn no_damage_to_a_call_panics_or_leaves_media_behind(
        hits in prop::collection::vec((0usize..4, any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut lab = Lab::new();
        let mut steps = [
            (Leg::Client, wire(&from_phone("INVITE 1 i", &secure_offer(4000, 'A')))),
            (Leg::Server, wire(&by_server("200 OK", "INVITE 1 i s", &clear_answer(5000)))),
            (Leg::Client, wire(&from_phone("ACK 1 a s", ""))),
            (Leg::Client, wire(&from_phone("BYE 2 b s", ""))),
        ];
        for (step, at, value) in hits {
            let bytes = &mut steps[step].1;
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        for (leg, bytes) in steps {
            lab.say_raw(leg, &bytes);
        }
        lab.close(Leg::Client, Closed::Finished);
        prop_assert!(lab.pins.is_empty());
    }
}
