//! Calls from their first INVITE to their end, in both directions.

use std::time::Duration;

use abi::{Reason, Suite};
use pipeline::{Closed, Closing, Leg, MediaKind};

use super::peers::{
    by_phone, by_server, clear_answer, from_phone, from_server, secure_offer, talking, with_sdp,
};
use super::{Lab, crypto_line, sdp};

#[test]
fn phones_call_gets_media_on_both_sides_and_loses_it_at_bye() {
    let mut lab = Lab::new();
    let invite = lab.phone(&from_phone("INVITE 1 i", &secure_offer(4000, 'A')));
    assert!(invite.contains("m=audio 20010 RTP/AVP 0\n") && !invite.contains("crypto"));
    let plan = lab.plan();
    assert_eq!(
        plan.sides.client.remote.unwrap().rtp.to_string(),
        "192.168.1.50:4000"
    );
    assert_eq!(plan.sides.client.remote.unwrap().rtcp.port(), 4001);
    assert!(plan.sides.client.secure && !plan.sides.server.secure && plan.is_counted());
    assert_eq!(plan.sides.server.remote, None);

    lab.server(&by_server("180 Ringing", "INVITE 1 i s", ""));
    let ok = lab.server(&by_server("200 OK", "INVITE 1 i s", &clear_answer(5000)));
    assert!(ok.contains("c=IN IP4 198.51.100.1\n") && ok.contains("m=audio 30000 RTP/SAVP 0\n"));
    let plan = lab.plan();
    assert_eq!(plan.kind, MediaKind::Rtp);
    assert_eq!(
        plan.sides.server.remote.unwrap().rtp.to_string(),
        "10.10.0.77:5000"
    );
    let receive = plan.sides.client.receive.as_ref().unwrap();
    assert_eq!(receive.suite, Suite::AesCm128HmacSha1_80);
    let transmit = plan.sides.client.transmit.as_ref().unwrap();
    assert_ne!(transmit.key, receive.key);
    assert!(plan.sides.server.receive.is_none() && plan.sides.server.transmit.is_none());

    lab.phone(&from_phone("ACK 1 a s", ""));
    let bye = lab.phone(&from_phone("BYE 2 b s", ""));
    assert!(bye.starts_with("BYE sip:2001@10.10.0.10 SIP/2.0\n"));
    assert!(lab.pins.is_empty());
    lab.server(&by_server("200 OK", "BYE 2 b s", ""));
    lab.assert_quiet();
}

#[test]
fn key_that_the_phone_is_told_is_the_one_media_sends_with() {
    let mut lab = Lab::new();
    lab.phone(&from_phone("INVITE 1 i", &secure_offer(4000, 'A')));
    let ok = lab.server(&by_server("200 OK", "INVITE 1 i s", &clear_answer(5000)));
    let described = sdp::Sdp::parse(ok.split_once("\n\n").unwrap().1.as_bytes()).unwrap();
    let told = described.media()[0].cryptos().unwrap().remove(0).unwrap();
    let transmit = lab.plan().sides.client.transmit.clone().unwrap();
    assert_eq!(told.key.as_bytes(), transmit.key.key_salt());
}

#[test]
fn servers_call_offers_keys_to_the_phone_and_takes_its_own() {
    let mut lab = Lab::new();
    let invite = lab.server(&from_server("INVITE 1 i", &clear_answer(5000)));
    assert!(invite.contains("Record-Route: <sip:198.51.100.1:5061;transport=tls;lr>\n"));
    assert!(invite.contains("Contact: <sip:2001@198.51.100.1:5061;transport=tls>\n"));
    assert!(invite.contains("m=audio 30000 RTP/SAVP 0\n"));
    assert!(invite.contains("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"));
    assert!(invite.contains("a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:"));
    let keys: Vec<_> = invite.split("inline:").skip(1).map(|k| &k[..40]).collect();
    assert_ne!(keys[0], keys[1]);

    let answer = with_sdp(&sdp(
        "192.168.1.50",
        4000,
        "SAVP",
        &crypto_line(2, "AES_CM_128_HMAC_SHA1_32", 'B'),
    ));
    let ok = lab.phone(&by_phone("200 OK", "INVITE 1 i p", &answer));
    assert!(ok.contains("Record-Route: <sip:10.10.0.10;transport=tcp;lr>\n"));
    assert!(ok.contains("m=audio 20010 RTP/AVP 0\n") && !ok.contains("crypto"));
    let client = &lab.plan().sides.client;
    assert_eq!(
        client.transmit.as_ref().unwrap().suite,
        Suite::AesCm128HmacSha1_32
    );
    assert_eq!(
        client.receive.as_ref().unwrap().suite,
        Suite::AesCm128HmacSha1_32
    );

    let ack = lab.server(&from_server("ACK 1 a p", ""));
    assert!(ack.starts_with("ACK sip:1001@192.168.1.50:51234;transport=tls SIP/2.0\n"));
    lab.server(&from_server("BYE 2 b p", ""));
    assert!(lab.pins.is_empty());
    lab.phone(&by_phone("200 OK", "BYE 2 b p", ""));
    lab.assert_quiet();
}

#[test]
fn requests_in_the_dialog_reach_the_contact_behind_the_server() {
    let mut lab = Lab::new();
    lab.phone(&from_phone("INVITE 1 i", &secure_offer(4000, 'A')));
    let ok = lab.server(&by_server("200 OK", "INVITE 1 i s", &clear_answer(5000)));
    assert!(ok.contains("Contact: <sip:2001@198.51.100.1:5061;transport=tls>\n"));
    let routes = "<sip:198.51.100.1;transport=tls;lr;r2=on>, \
                  <sip:198.51.100.1:5061;lr;r2=on;transport=tls>";
    assert!(ok.contains(&format!("Record-Route: {routes}\n")), "{ok}");
    let routes = ok.lines().find(|l| l.starts_with("Record-Route")).unwrap();
    let routes: Vec<_> = routes["Record-Route: ".len()..].split(", ").collect();
    let ack = from_phone("ACK 1 a s", "")
        .replace(
            "sip:2001@198.51.100.1 SIP",
            "sip:2001@198.51.100.1:5061;transport=tls SIP",
        )
        .replace(
            "Call-ID",
            &format!("Route: {}\nRoute: {}\nCall-ID", routes[1], routes[0]),
        );
    let ack = lab.phone(&ack);
    assert!(
        ack.starts_with("ACK sip:2001@10.10.0.77:5070 SIP/2.0\n"),
        "{ack}"
    );
    assert!(ack.contains(
        "Route: <sip:10.10.0.10;lr;r2=on>\nRoute: <sip:10.10.0.10;transport=tcp;lr;r2=on>\n"
    ));
}

#[test]
fn early_media_is_armed_before_the_call_is_answered() {
    let mut lab = Lab::new();
    lab.phone(&from_phone("INVITE 1 i", &secure_offer(4000, 'A')));
    let early = lab.server(&by_server(
        "183 Session Progress",
        "INVITE 1 i s",
        &clear_answer(5000),
    ));
    assert!(early.contains("m=audio 30000 RTP/SAVP 0\n"));
    assert!(lab.plan().sides.server.remote.is_some());
    let pinned = lab.pinned;
    let ok = lab.server(&by_server("200 OK", "INVITE 1 i s", &clear_answer(5000)));
    assert_eq!(lab.pinned, pinned);
    let body = |text: &str| text.split_once("\n\n").unwrap().1.to_owned();
    assert_eq!(body(&early), body(&ok));
}

#[test]
fn forks_answer_under_keys_of_their_own_and_the_winner_gets_the_media() {
    let mut lab = Lab::new();
    lab.phone(&from_phone("INVITE 1 i", &secure_offer(4000, 'A')));
    let key = |text: &str| text.split("inline:").nth(1).unwrap()[..40].to_owned();
    let progress = |lab: &mut Lab, tag: &str, port: u16| {
        lab.server(&by_server(
            "183 Progress",
            &format!("INVITE 1 i {tag}"),
            &clear_answer(port),
        ))
    };
    let first = progress(&mut lab, "s1", 5000);
    let second = progress(&mut lab, "s2", 6000);
    assert_ne!(key(&first), key(&second));
    assert_eq!(lab.plan().sides.server.remote.unwrap().rtp.port(), 6000);
    assert_eq!(key(&progress(&mut lab, "s1", 5000)), key(&first));
    progress(&mut lab, "s2", 6000);

    lab.server(&by_server("200 OK", "INVITE 1 i s1", ""));
    let plan = lab.plan();
    assert_eq!(plan.sides.server.remote.unwrap().rtp.port(), 5000);
    // The other fork accepts too late: it gets its answer through, but not the media.
    lab.server(&by_server("200 OK", "INVITE 1 i s2", &clear_answer(6000)));
    assert_eq!(lab.plan().sides.server.remote.unwrap().rtp.port(), 5000);
    lab.phone(&from_phone("BYE 2 b2 s2", ""));
    assert_eq!(lab.plan().sides.server.remote.unwrap().rtp.port(), 5000);
    lab.phone(&from_phone("BYE 2 b1 s1", ""));
    assert!(lab.pins.is_empty());
}

#[test]
fn cancelled_call_closes_its_media_with_the_final_response() {
    let mut lab = Lab::new();
    lab.phone(&from_phone("INVITE 1 i", &secure_offer(4000, 'A')));
    lab.server(&by_server(
        "183 Progress",
        "INVITE 1 i s",
        &clear_answer(5000),
    ));
    let cancel = lab.phone(&from_phone("CANCEL 1 i", ""));
    assert!(cancel.starts_with("CANCEL sip:2001@10.10.0.10 SIP/2.0\n"));
    lab.server(&by_server("200 OK", "CANCEL 1 i x", ""));
    assert_eq!(lab.pins.len(), 1);
    let ended = lab.server(&by_server("487 Request Terminated", "INVITE 1 i s", ""));
    assert!(ended.starts_with("SIP/2.0 487") && lab.pins.is_empty());
    let ack = lab.phone(&from_phone("ACK 1 i s", ""));
    assert!(ack.starts_with("ACK sip:2001@10.10.0.10 SIP/2.0\n"));
    lab.assert_quiet();
}

#[test]
fn every_refusal_closes_the_media() {
    for status in [
        "302 Moved",
        "404 Not Found",
        "486 Busy Here",
        "503 Unavailable",
        "603 Decline",
    ] {
        let mut lab = Lab::new();
        lab.phone(&from_phone("INVITE 1 i", &secure_offer(4000, 'A')));
        assert_eq!(lab.pins.len(), 1);
        lab.server(&by_server(status, "INVITE 1 i s", ""));
        lab.assert_quiet();
    }
}

#[test]
fn challenged_invite_goes_again_with_new_media() {
    let mut lab = Lab::new();
    lab.phone(&from_phone("INVITE 1 i1", &secure_offer(4000, 'A')));
    lab.server(&by_server(
        "407 Proxy Authentication Required",
        "INVITE 1 i1 x",
        "",
    ));
    lab.phone(&from_phone("ACK 1 i1 x", ""));
    assert!(lab.pins.is_empty());
    lab.phone(&from_phone("INVITE 2 i2", &secure_offer(4000, 'A')));
    lab.server(&by_server("200 OK", "INVITE 2 i2 s", &clear_answer(5000)));
    assert!(lab.plan().sides.server.remote.is_some());
}

#[test]
fn silent_invite_is_given_up_on_both_sides() {
    let mut lab = Lab::new();
    lab.phone(&from_phone("INVITE 1 i", &secure_offer(4000, 'A')));
    lab.pass(Duration::from_secs(100));
    lab.server(&by_server("180 Ringing", "INVITE 1 i s", ""));
    lab.pass(Duration::from_secs(179));
    assert_eq!(
        (lab.heard(Leg::Client), lab.heard(Leg::Server)),
        <_>::default()
    );
    lab.pass(Duration::from_secs(2));
    let timeout = lab.heard(Leg::Client);
    assert!(timeout.starts_with(
        "SIP/2.0 408 Request Timeout\nVia: SIP/2.0/TLS 192.168.1.50:51234;branch=z9hG4bKi\n"
    ));
    let cancel = lab.heard(Leg::Server);
    assert!(cancel.starts_with(
        "CANCEL sip:2001@10.10.0.10 SIP/2.0\nVia: SIP/2.0/TCP 10.10.0.5:32768;branch=z9hG4bKi\n"
    ));
    assert!(lab.pins.is_empty());
    // What follows on either side concerns nobody on the other.
    assert_eq!(lab.phone(&from_phone("ACK 1 i x", "")), "");
    assert_eq!(lab.server(&by_server("200 OK", "CANCEL 1 i s", "")), "");
    assert_eq!(
        lab.server(&by_server("487 Terminated", "INVITE 1 i s", "")),
        ""
    );
    assert!(
        lab.heard(Leg::Server)
            .starts_with("ACK sip:2001@10.10.0.10 SIP/2.0\n")
    );
    lab.assert_quiet();
    lab.pass(Duration::from_secs(60));
    assert_eq!(pipeline::Session::next_deadline(&lab.session), None);
}

#[test]
fn invite_that_is_accepted_after_being_given_up_is_hung_up() {
    let mut lab = Lab::new();
    lab.phone(&from_phone("INVITE 1 i", &secure_offer(4000, 'A')));
    lab.pass(Duration::from_secs(181));
    lab.heard(Leg::Client);
    lab.heard(Leg::Server);
    let ok = by_server("200 OK", "INVITE 1 i s", &clear_answer(5000));
    assert_eq!(lab.server(&ok), "");
    let said = lab.heard(Leg::Server);
    let (ack, bye) = said.split_once("\n\n").unwrap();
    assert!(
        ack.starts_with("ACK sip:2001@10.10.0.77:5070 SIP/2.0\n"),
        "{ack}"
    );
    assert!(
        bye.starts_with("BYE sip:2001@10.10.0.77:5070 SIP/2.0\n"),
        "{bye}"
    );
    assert!(bye.contains("Route: <sip:10.10.0.10;lr;r2=on>\n") && bye.contains("CSeq: 2 BYE\n"));
    let via = bye.lines().find_map(|l| l.strip_prefix("Via: ")).unwrap();
    let answer = format!(
        "SIP/2.0 200 OK\nVia: {via}\nFrom: <sip:1001@10.10.0.10>;tag=p\n\
         To: <sip:2001@10.10.0.10>;tag=s\nCall-ID: out\nCSeq: 2 BYE\nContent-Length: 0\n\n"
    );
    assert_eq!(lab.server(&answer), "");
    lab.assert_quiet();
}

#[test]
fn loss_of_either_leg_ends_everything() {
    for (lost, how) in [
        (Leg::Client, Closed::Failed(Reason::TcpReset)),
        (Leg::Client, Closed::Finished),
        (Leg::Server, Closed::Failed(Reason::TcpTimeout)),
        (Leg::Server, Closed::Finished),
    ] {
        let mut lab = talking();
        assert_eq!(lab.pins.len(), 1);
        lab.close(lost, how);
        assert!(lab.pins.is_empty());
        assert!(lab.closed.iter().any(|(leg, _)| *leg == lost.other()));
        if how != Closed::Finished {
            assert_eq!(lab.phone(&from_phone("OPTIONS 9 o", "")), "");
        }
    }
}

#[test]
fn a_phone_that_finishes_after_its_bye_still_gets_the_answer() {
    let mut lab = talking();
    lab.phone(&from_phone("BYE 2 b s", ""));
    lab.close(Leg::Client, Closed::Finished);
    assert_eq!(lab.closed, [(Leg::Server, Closing::Finish)]);
    let answer = lab.server(&by_server("200 OK", "BYE 2 b s", ""));
    assert!(answer.starts_with("SIP/2.0 200 OK\n"), "{answer}");
    lab.close(Leg::Server, Closed::Finished);
    assert!(lab.closed.contains(&(Leg::Client, Closing::Finish)));
}

#[test]
fn a_side_that_talks_on_for_ever_is_cut_off() {
    let mut lab = talking();
    lab.close(Leg::Client, Closed::Finished);
    assert!(!lab.closed.contains(&(Leg::Client, Closing::Finish)));
    lab.pass(Duration::from_secs(33));
    assert!(lab.closed.contains(&(Leg::Client, Closing::Finish)));
}

#[test]
fn session_timer_shorter_than_the_standard_allows_is_the_shortest_allowed() {
    let mut lab = Lab::new();
    lab.phone(&from_phone("INVITE 1 i", &secure_offer(4000, 'A')));
    let timer = format!("x: 0;refresher=uac\n{}", clear_answer(5000));
    lab.server(&by_server("200 OK", "INVITE 1 i s", &timer));
    lab.pass(Duration::from_secs(134));
    assert_eq!(lab.pins.len(), 1);
    lab.pass(Duration::from_secs(2));
    assert!(lab.pins.is_empty());
}

#[test]
fn session_timer_that_nobody_refreshes_closes_the_media() {
    let mut lab = Lab::new();
    lab.phone(&from_phone("INVITE 1 i", &secure_offer(4000, 'A')));
    let answer = format!("Session-Expires: 100;refresher=uac\n{}", clear_answer(5000));
    lab.server(&by_server("200 OK", "INVITE 1 i s", &answer));
    lab.pass(Duration::from_secs(140));
    lab.phone(&from_phone("UPDATE 2 u s", ""));
    let refreshed = "x: 100\nContent-Length: 0\n\n";
    lab.server(&by_server("200 OK", "UPDATE 2 u s", refreshed));
    lab.pass(Duration::from_secs(149));
    assert_eq!(lab.pins.len(), 1);
    lab.pass(Duration::from_secs(2));
    assert!(lab.pins.is_empty());
}

#[test]
fn bye_of_another_dialog_ends_nothing() {
    let mut lab = talking();
    lab.phone(&from_phone("BYE 2 b other", ""));
    lab.server(&from_server("BYE 2 b p", ""));
    assert_eq!(lab.pins.len(), 1);
}

#[test]
fn two_calls_at_once_keep_their_media_apart() {
    let mut lab = talking();
    lab.server(&from_server("INVITE 1 i", &clear_answer(5200)));
    assert_eq!(lab.pins.len(), 2);
    let calls: Vec<_> = lab.pins.values().map(|plan| plan.call).collect();
    assert_ne!(calls[0], calls[1]);
    lab.phone(&from_phone("BYE 2 b s", ""));
    assert_eq!(lab.pins.len(), 1);
    lab.phone(&by_phone("486 Busy Here", "INVITE 1 i p", ""));
    assert!(lab.pins.is_empty());
}
