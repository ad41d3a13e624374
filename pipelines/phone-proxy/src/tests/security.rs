//! Media is encrypted where it must be, or there is none.

use abi::{Reason, Suite};
use pipeline::Leg;

use super::peers::{
    by_phone, by_server, clear_answer, from_phone, from_server, secure_offer, talking, with_sdp,
};
use super::{Lab, Setup, crypto_line, sdp};
use crate::{MediaSecurity, RawConfig};

const SUITE: &str = "AES_CM_128_HMAC_SHA1_80";

fn encrypted() -> Lab {
    Lab::with(Setup {
        server: ("10.10.0.5:32768", "10.10.0.10:5061"),
        server_secure: true,
        ..Setup::default()
    })
}

fn with_server_media(server_media: MediaSecurity) -> Lab {
    let config = RawConfig {
        server_media,
        ..RawConfig::default()
    };
    Lab::with(Setup {
        config,
        ..Setup::default()
    })
}

fn offer(profile: &str, lines: &str) -> String {
    with_sdp(&sdp("192.168.1.50", 4000, profile, lines))
}

#[test]
fn offer_without_keys_is_refused_and_its_ack_swallowed() {
    for offer in [offer("AVP", ""), offer("SAVP", "")] {
        let mut lab = Lab::new();
        assert_eq!(lab.phone(&from_phone("INVITE 1 i", &offer)), "");
        let refusal = lab.heard(Leg::Client);
        assert!(refusal.starts_with(
            "SIP/2.0 488 Not Acceptable Here\n\
             Via: SIP/2.0/TLS 192.168.1.50:51234;branch=z9hG4bKi\n"
        ));
        let tag = refusal.lines().find(|l| l.starts_with("To: ")).unwrap();
        assert!(tag.contains(";tag="));
        assert_eq!(lab.refused, [(Leg::Client, Reason::SdpNoCrypto)]);
        assert_eq!(lab.phone(&from_phone("ACK 1 i x", "")), "");
        assert_eq!(lab.heard(Leg::Client), "");
        assert!(lab.pins.is_empty());
    }
}

#[test]
fn offer_with_unusable_keys_is_refused_under_its_own_name() {
    for lines in [
        "a=crypto:1 F8_128_HMAC_SHA1_80 inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:short\n",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:\
         AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA UNENCRYPTED_SRTP\n",
        "a=crypto:0 nonsense\n",
    ] {
        let mut lab = Lab::new();
        lab.phone(&from_phone("INVITE 1 i", &offer("SAVP", lines)));
        assert!(
            lab.heard(Leg::Client).starts_with("SIP/2.0 488 "),
            "{lines}"
        );
        assert_eq!(
            lab.refused,
            [(Leg::Client, Reason::SdpBadCrypto)],
            "{lines}"
        );
    }
}

#[test]
fn preferred_suite_is_taken_whatever_comes_first() {
    for (offered, taken) in [
        (
            &["AES_256_CM_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", SUITE][..],
            SUITE,
        ),
        (
            &["AEAD_AES_256_GCM", "AES_CM_128_HMAC_SHA1_32"],
            "AES_CM_128_HMAC_SHA1_32",
        ),
        (
            &["AEAD_AES_128_GCM", "AEAD_AES_256_GCM"],
            "AEAD_AES_256_GCM",
        ),
        (
            &["ROT13_26", "AES_256_CM_HMAC_SHA1_80"],
            "AES_256_CM_HMAC_SHA1_80",
        ),
    ] {
        let mut lab = Lab::new();
        let lines = (1..).zip(offered).map(|(tag, s)| crypto_line(tag, s, 'Q'));
        let lines: String = lines.collect();
        lab.phone(&from_phone("INVITE 1 i", &offer("SAVP", &lines)));
        let ok = lab.server(&by_server("200 OK", "INVITE 1 i s", &clear_answer(5000)));
        let tag = offered.iter().position(|s| *s == taken).unwrap() + 1;
        assert!(
            ok.contains(&format!("a=crypto:{tag} {taken} inline:")),
            "{offered:?}: {ok}"
        );
        assert_eq!(ok.matches("a=crypto:").count(), 1);
        let client = &lab.plan().sides.client;
        let suite = Suite::from_name(taken.as_bytes()).unwrap();
        assert_eq!(client.receive.as_ref().unwrap().suite, suite);
        assert_eq!(client.transmit.as_ref().unwrap().suite, suite);
    }
}

#[test]
fn optional_encryption_is_taken_and_the_answer_keeps_the_profile() {
    let mut lab = Lab::new();
    let offer = offer("AVP", &crypto_line(1, SUITE, 'A'));
    let inside = lab.phone(&from_phone("INVITE 1 i", &offer));
    assert!(inside.contains("RTP/AVP 0\n") && !inside.contains("crypto"));
    let ok = lab.server(&by_server("200 OK", "INVITE 1 i s", &clear_answer(5000)));
    assert!(
        ok.contains("m=audio 30000 RTP/AVP 0\n") && ok.contains("a=crypto:1 "),
        "{ok}"
    );
    assert!(lab.plan().sides.client.secure);
}

#[test]
fn feedback_profiles_keep_their_feedback() {
    let mut lab = Lab::new();
    let inside = lab.phone(&from_phone(
        "INVITE 1 i",
        &offer("SAVPF", &crypto_line(1, SUITE, 'A')),
    ));
    assert!(inside.contains("m=audio 20010 RTP/AVPF 0\n"));
    let answer = with_sdp(&sdp("10.10.0.77", 5000, "AVPF", ""));
    let ok = lab.server(&by_server("200 OK", "INVITE 1 i s", &answer));
    assert!(ok.contains("m=audio 30000 RTP/SAVPF 0\n"));
}

#[test]
fn phone_that_answers_without_keys_ends_the_call_on_both_sides() {
    let mut lab = Lab::new();
    lab.server(&from_server("INVITE 1 i", &clear_answer(5000)));
    let answer = offer("AVP", "");
    let inside = lab.phone(&by_phone("200 OK", "INVITE 1 i p", &answer));
    assert!(inside.starts_with("SIP/2.0 488 Not Acceptable Here\n"));
    let said = lab.heard(Leg::Client);
    assert!(
        said.starts_with("ACK sip:1001@192.168.1.50:51234;transport=tls SIP/2.0\n"),
        "{said}"
    );
    assert!(said.contains("\n\nBYE sip:1001@192.168.1.50:51234;transport=tls SIP/2.0\n"));
    assert!(said.contains("Via: SIP/2.0/TLS 198.51.100.1:5061;branch=z9hG4bK"));
    assert_eq!(lab.refused, [(Leg::Client, Reason::SdpNoCrypto)]);
    assert!(lab.pins.is_empty());
    assert_eq!(lab.server(&from_server("ACK 1 i x", "")), "");
}

#[test]
fn early_answer_without_keys_cancels_the_call() {
    let mut lab = Lab::new();
    lab.server(&from_server("INVITE 1 i", &clear_answer(5000)));
    let answer = offer("AVP", "");
    let inside = lab.phone(&by_phone("183 Progress", "INVITE 1 i p", &answer));
    assert!(inside.starts_with("SIP/2.0 488 "));
    let cancel = lab.heard(Leg::Client);
    assert!(cancel.starts_with("CANCEL sip:1001@"), "{cancel}");
    assert!(cancel.contains("\nVia: SIP/2.0/TLS 198.51.100.1:5061;branch=z9hG4bKi\n"));
    assert!(lab.pins.is_empty());
    assert_eq!(
        lab.phone(&by_phone("487 Terminated", "INVITE 1 i p", "")),
        ""
    );
    assert!(lab.heard(Leg::Client).starts_with("ACK sip:1001@"));
}

#[test]
fn answer_with_a_tag_or_suite_that_was_not_offered_is_refused() {
    for crypto in [
        crypto_line(3, SUITE, 'B'),
        crypto_line(2, SUITE, 'B'),
        crypto_line(1, "AEAD_AES_128_GCM", 'B'),
    ] {
        let mut lab = Lab::new();
        lab.server(&from_server("INVITE 1 i", &clear_answer(5000)));
        let answer = offer("SAVP", &crypto);
        let inside = lab.phone(&by_phone("200 OK", "INVITE 1 i p", &answer));
        assert!(inside.starts_with("SIP/2.0 488 "), "{crypto}");
        assert_eq!(lab.refused, [(Leg::Client, Reason::SdpBadCrypto)]);
    }
}

#[test]
fn refused_answer_in_an_ack_leaves_a_call_without_media() {
    let mut lab = Lab::new();
    lab.phone(&from_phone("INVITE 1 i", ""));
    lab.server(&by_server("200 OK", "INVITE 1 i s", &clear_answer(5000)));
    let ack = lab.phone(&from_phone("ACK 1 a s", &offer("AVP", "")));
    assert!(ack.contains("m=audio 0 RTP/AVP 0\n"), "{ack}");
    assert!(lab.pins.is_empty());
    assert_eq!(lab.refused, [(Leg::Client, Reason::SdpNoCrypto)]);
}

#[test]
fn reoffer_without_keys_is_refused_and_the_call_goes_on() {
    let mut lab = talking();
    let before = lab.pins.clone();
    assert_eq!(
        lab.phone(&from_phone("INVITE 2 r s", &offer("AVP", ""))),
        ""
    );
    assert!(lab.heard(Leg::Client).starts_with("SIP/2.0 488 "));
    assert_eq!(lab.pins, before);
    assert_eq!(lab.phone(&from_phone("ACK 2 r s", "")), "");
    assert!(lab.phone(&from_phone("BYE 3 b s", "")).starts_with("BYE "));
    assert!(lab.pins.is_empty());
}

#[test]
fn stream_without_keys_is_rejected_beside_one_with_them() {
    let mut lab = Lab::new();
    let lines = format!("{}m=video 4100 RTP/AVP 96\n", crypto_line(1, SUITE, 'A'));
    let inside = lab.phone(&from_phone("INVITE 1 i", &offer("SAVP", &lines)));
    assert!(inside.contains("m=audio 20010 RTP/AVP 0\n"), "{inside}");
    assert!(inside.contains("m=video 0 RTP/AVP 96\n"));
    assert_eq!(lab.pins.len(), 1);
}

#[test]
fn limit_on_encrypted_calls_refuses_with_503() {
    let mut lab = Lab::new();
    lab.refuse_media = Some(Reason::LimitSrtpSessions);
    assert_eq!(
        lab.phone(&from_phone("INVITE 1 i", &secure_offer(4000, 'A'))),
        ""
    );
    assert!(
        lab.heard(Leg::Client)
            .starts_with("SIP/2.0 503 Service Unavailable\n")
    );
    assert_eq!(lab.phone(&from_phone("ACK 1 i x", "")), "");
    lab.server(&from_server("INVITE 1 i", &clear_answer(5000)));
    assert!(
        lab.heard(Leg::Server)
            .starts_with("SIP/2.0 503 Service Unavailable\n")
    );
    assert_eq!(lab.heard(Leg::Client), "");
    lab.refuse_media = None;
    assert!(
        lab.phone(&from_phone("INVITE 2 i2", &secure_offer(4000, 'A')))
            .starts_with("INVITE ")
    );
}

#[test]
fn media_refused_in_the_answer_ends_the_call() {
    let mut lab = Lab::new();
    lab.phone(&from_phone("INVITE 1 i", &secure_offer(4000, 'A')));
    lab.refuse_media = Some(Reason::MediaTableFull);
    let outside = lab.server(&by_server("200 OK", "INVITE 1 i s", &clear_answer(5000)));
    assert!(outside.starts_with("SIP/2.0 503 "));
    assert!(
        lab.heard(Leg::Server)
            .contains("\nBYE sip:2001@10.10.0.77:5070 SIP/2.0\n")
    );
    assert!(lab.pins.is_empty());
}

#[test]
fn encrypted_cluster_gets_keys_of_its_own_on_each_leg() {
    let mut lab = encrypted();
    let inside = lab.phone(&from_phone("INVITE 1 i", &secure_offer(4000, 'A')));
    assert!(inside.contains("Via: SIP/2.0/TLS 10.10.0.5:32768;"));
    assert!(inside.contains("m=audio 20010 RTP/SAVP 0\n") && inside.contains("a=crypto:2 "));
    assert!(!inside.contains(&"A".repeat(40)));
    let answer = with_sdp(&sdp(
        "10.10.0.77",
        5000,
        "SAVP",
        &crypto_line(1, SUITE, 'S'),
    ));
    let answer = by_server("200 OK", "INVITE 1 i s", &answer).replace("/TCP", "/TLS");
    let ok = lab.server(&answer);
    assert!(ok.contains("m=audio 30000 RTP/SAVP 0\n") && !ok.contains(&"S".repeat(40)));
    let sides = &lab.plan().sides;
    let keys = [
        &sides.client.receive,
        &sides.client.transmit,
        &sides.server.receive,
        &sides.server.transmit,
    ]
    .map(|params| params.as_ref().unwrap().key.key_salt().to_vec());
    for (i, key) in keys.iter().enumerate() {
        assert!(!keys[..i].contains(key));
    }
}

#[test]
fn encrypted_cluster_may_not_answer_or_offer_in_clear() {
    let mut lab = encrypted();
    lab.phone(&from_phone("INVITE 1 i", &secure_offer(4000, 'A')));
    let answer = by_server("200 OK", "INVITE 1 i s", &clear_answer(5000));
    assert!(
        lab.server(&answer.replace("/TCP", "/TLS"))
            .starts_with("SIP/2.0 488 ")
    );
    assert_eq!(lab.refused, [(Leg::Server, Reason::SdpNoCrypto)]);

    let mut lab = encrypted();
    let invite = from_server("INVITE 1 i", &clear_answer(5000)).replace("/TCP", "/TLS");
    assert_eq!(lab.server(&invite), "");
    assert!(lab.heard(Leg::Server).starts_with("SIP/2.0 488 "));
}

#[test]
fn best_effort_takes_what_the_server_wants_and_the_phone_stays_encrypted() {
    let mut lab = with_server_media(MediaSecurity::BestEffort);
    let inside = lab.phone(&from_phone("INVITE 1 i", &secure_offer(4000, 'A')));
    assert!(inside.contains("RTP/SAVP 0\n"));
    let ok = lab.server(&by_server("200 OK", "INVITE 1 i s", &clear_answer(5000)));
    assert!(ok.contains("m=audio 30000 RTP/SAVP 0\n"));
    let sides = &lab.plan().sides;
    assert!(sides.client.secure && !sides.server.secure);
    assert!(sides.server.transmit.is_none());
}

#[test]
fn server_that_offers_keys_gets_them_even_in_a_nonsecure_cluster() {
    let mut lab = Lab::new();
    let offer = with_sdp(&sdp(
        "10.10.0.77",
        5000,
        "SAVP",
        &crypto_line(1, SUITE, 'S'),
    ));
    lab.server(&from_server("INVITE 1 i", &offer));
    let answer = offer_of_phone();
    let ok = lab.phone(&by_phone("200 OK", "INVITE 1 i p", &answer));
    assert!(
        ok.contains("m=audio 20010 RTP/SAVP 0\n") && ok.contains("a=crypto:1 "),
        "{ok}"
    );
    assert!(lab.plan().sides.server.secure);
}

fn offer_of_phone() -> String {
    offer("SAVP", &crypto_line(1, SUITE, 'P'))
}

#[test]
fn master_key_identifiers_are_taken_over() {
    let mut lab = Lab::new();
    let key = crypto_line(1, SUITE, 'A').replace('\n', "|2^31|7:4\n");
    lab.phone(&from_phone("INVITE 1 i", &offer("SAVP", &key)));
    let mki = lab
        .plan()
        .sides
        .client
        .receive
        .as_ref()
        .unwrap()
        .mki
        .unwrap();
    assert_eq!((mki.value, mki.len), (7, 4));
}

#[test]
fn keying_by_dtls_is_refused() {
    let mut lab = Lab::new();
    let dtls = offer("SAVP", "a=fingerprint:sha-256 00\n").replace("RTP/SAVP", "UDP/TLS/RTP/SAVP");
    lab.phone(&from_phone("INVITE 1 i", &dtls));
    assert!(lab.heard(Leg::Client).starts_with("SIP/2.0 488 "));
    assert_eq!(lab.refused, [(Leg::Client, Reason::SdpUnsupported)]);
}

#[test]
fn debug_output_shows_no_key() {
    let lab = talking();
    let text = format!("{:?}", lab.session);
    assert!(
        !text.contains("inline") && !text.contains(&"A".repeat(40)),
        "{text}"
    );
}
