//! Offers and answers wherever they may stand (RFC 6337).

use std::time::Duration;

use abi::Reason;
use pipeline::Leg;

use super::peers::{
    by_phone, by_server, clear_answer, from_phone, from_server, secure_offer, talking, with_sdp,
};
use super::{Lab, crypto_line, sdp};

const SUITE: &str = "AES_CM_128_HMAC_SHA1_80";

fn body(text: &str) -> &str {
    text.split_once("\n\n").unwrap().1
}

fn secure_sdp(port: u16, more: &str) -> String {
    sdp(
        "192.168.1.50",
        port,
        "SAVP",
        &format!("{}{more}", crypto_line(1, SUITE, 'A')),
    )
}

#[test]
fn repeated_offer_keeps_ports_and_keys() {
    let mut lab = talking();
    let before = lab.plan().clone();
    let pinned = lab.pinned;
    let inside = lab.phone(&from_phone("INVITE 2 r s", &secure_offer(4000, 'A')));
    assert!(inside.contains("m=audio 20010 RTP/AVP 0\n"));
    let ok = lab.server(&by_server("200 OK", "INVITE 2 r s", &clear_answer(5000)));
    assert!(ok.contains("m=audio 30000 RTP/SAVP 0\n"));
    assert_eq!((lab.plan(), lab.pinned), (&before, pinned));
}

#[test]
fn new_key_of_the_phones_is_taken_and_ours_stays() {
    let mut lab = talking();
    let before = lab.plan().sides.client.clone();
    lab.phone(&from_phone("INVITE 2 r s", &secure_offer(4000, 'C')));
    assert_eq!(lab.plan().sides.client, before);
    lab.server(&by_server("200 OK", "INVITE 2 r s", &clear_answer(5000)));
    let after = &lab.plan().sides.client;
    assert_ne!(after.receive, before.receive);
    assert_eq!(after.transmit, before.transmit);
}

#[test]
fn servers_reoffer_repeats_the_key_in_use() {
    let mut lab = Lab::new();
    lab.server(&from_server("INVITE 1 i", &clear_answer(5000)));
    let answer = with_sdp(&secure_sdp(4000, ""));
    lab.phone(&by_phone("200 OK", "INVITE 1 i p", &answer));
    let transmit = lab.plan().sides.client.transmit.clone();
    let again = lab.server(&from_server("INVITE 2 r p", &clear_answer(5000)));
    assert_eq!(again.matches("a=crypto:").count(), 1);
    assert!(again.contains("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"));
    lab.phone(&by_phone("200 OK", "INVITE 2 r p", &answer));
    assert_eq!(lab.plan().sides.client.transmit, transmit);
}

#[test]
fn hold_silences_and_resume_restores() {
    let mut lab = talking();
    let held = with_sdp(&secure_sdp(4000, "a=sendonly\n"));
    let inside = lab.phone(&from_phone("INVITE 2 h s", &held));
    assert!(inside.contains("a=sendonly\n"));
    let answer = with_sdp(&sdp("10.10.0.77", 5000, "AVP", "a=recvonly\n"));
    lab.server(&by_server("200 OK", "INVITE 2 h s", &answer));
    let sides = &lab.plan().sides;
    assert!(sides.client.peer_sends && !sides.client.peer_receives);
    assert!(!sides.server.peer_sends && sides.server.peer_receives);
    lab.phone(&from_phone("INVITE 3 h2 s", &secure_offer(4000, 'A')));
    lab.server(&by_server("200 OK", "INVITE 3 h2 s", &clear_answer(5000)));
    let sides = &lab.plan().sides;
    assert!(sides.client.peer_receives && sides.server.peer_sends);
}

#[test]
fn hold_by_address_keeps_the_zero_address() {
    let mut lab = talking();
    let held = with_sdp(&secure_sdp(4000, "").replace("c=IN IP4 192.168.1.50", "c=IN IP4 0.0.0.0"));
    let inside = lab.phone(&from_phone("INVITE 2 h s", &held));
    assert!(inside.contains("c=IN IP4 0.0.0.0\n"), "{inside}");
    lab.server(&by_server("200 OK", "INVITE 2 h s", &clear_answer(5000)));
    let client = &lab.plan().sides.client;
    assert!(!client.peer_receives);
    assert_eq!(client.remote.unwrap().rtp.to_string(), "192.168.1.50:4000");
}

#[test]
fn server_may_move_its_media_as_for_music_on_hold() {
    let mut lab = talking();
    let moved = |port| {
        from_server(
            "INVITE 2 m p",
            &with_sdp(&sdp("10.10.0.88", port, "AVP", "a=sendonly\n")),
        )
    };
    // The server's requests in the phone's call carry the phone's names for it.
    let in_call = |text: String| text.replace("Call-ID: in", "Call-ID: out");
    let outside = lab.server(&in_call(moved(7000)));
    assert!(outside.contains("m=audio 30000 RTP/SAVP 0\n"), "{outside}");
    let answer = with_sdp(&secure_sdp(4000, "a=recvonly\n"));
    let answer = by_phone("200 OK", "INVITE 2 m p", &answer);
    lab.phone(&in_call(answer));
    let server = &lab.plan().sides.server;
    assert_eq!(server.remote.unwrap().rtp.to_string(), "10.10.0.88:7000");
    assert!(!server.peer_receives);
}

#[test]
fn refused_reoffer_changes_nothing() {
    let mut lab = talking();
    let before = lab.pins.clone();
    let two = with_sdp(&format!(
        "{}m=video 4100 RTP/SAVP 96\n{}",
        secure_sdp(4200, ""),
        crypto_line(1, SUITE, 'V')
    ));
    lab.phone(&from_phone("INVITE 2 r s", &two));
    assert_eq!(lab.pins.len(), 2);
    lab.server(&by_server("488 Not Acceptable", "INVITE 2 r s", ""));
    assert_eq!(lab.pins, before);
    lab.phone(&from_phone("BYE 3 b s", ""));
    assert!(lab.pins.is_empty());
}

#[test]
fn added_stream_gets_ports_and_a_dropped_one_loses_them() {
    let mut lab = talking();
    let video = format!("m=video 4100 RTP/SAVP 96\n{}", crypto_line(1, SUITE, 'V'));
    let two = with_sdp(&format!("{}{video}", secure_sdp(4000, "")));
    let inside = lab.phone(&from_phone("INVITE 2 r s", &two));
    assert!(inside.contains("m=video 20020 RTP/AVP 96\n"), "{inside}");
    let answer = format!(
        "{}m=video 5100 RTP/AVP 96\n",
        sdp("10.10.0.77", 5000, "AVP", "")
    );
    let ok = lab.server(&by_server("200 OK", "INVITE 2 r s", &with_sdp(&answer)));
    assert!(
        ok.contains("m=audio 30000") && ok.contains("m=video 30010 RTP/SAVP 96\n"),
        "{ok}"
    );
    assert_eq!(lab.pins.len(), 2);

    let one = with_sdp(&format!("{}m=video 0 RTP/SAVP 96\n", secure_sdp(4000, "")));
    let inside = lab.phone(&from_phone("INVITE 3 r2 s", &one));
    assert!(
        inside.contains("m=audio 20010") && inside.contains("m=video 0 "),
        "{inside}"
    );
    let answer = format!(
        "{}m=video 0 RTP/SAVP 96\n",
        sdp("10.10.0.77", 5000, "AVP", "")
    );
    lab.server(&by_server("200 OK", "INVITE 3 r2 s", &with_sdp(&answer)));
    assert_eq!(lab.pins.len(), 1);
}

#[test]
fn stream_that_the_answer_rejects_is_closed() {
    let mut lab = Lab::new();
    let video = format!("m=video 4100 RTP/SAVP 96\n{}", crypto_line(1, SUITE, 'V'));
    let two = with_sdp(&format!("{}{video}", secure_sdp(4000, "")));
    lab.phone(&from_phone("INVITE 1 i", &two));
    assert_eq!(lab.pins.len(), 2);
    let answer = format!(
        "{}m=video 0 RTP/AVP 96\n",
        sdp("10.10.0.77", 5000, "AVP", "")
    );
    let ok = lab.server(&by_server("200 OK", "INVITE 1 i s", &with_sdp(&answer)));
    assert!(ok.contains("m=video 0 RTP/SAVP 96\n"), "{ok}");
    assert_eq!(lab.pins.len(), 1);
}

#[test]
fn delayed_offer_is_made_in_the_answer_and_answered_in_the_ack() {
    let mut lab = Lab::new();
    lab.phone(&from_phone("INVITE 1 i", ""));
    assert!(lab.pins.is_empty());
    let ok = by_server("200 OK", "INVITE 1 i s", &clear_answer(5000));
    let offer = lab.server(&ok);
    assert!(offer.contains("m=audio 30000 RTP/SAVP 0\n") && offer.contains("a=crypto:2 "));
    // A lost ACK makes the callee repeat itself; the caller sees the same keys.
    assert_eq!(lab.server(&ok), offer);
    let ack = from_phone("ACK 1 a s", &with_sdp(&secure_sdp(4000, "")));
    let answer = lab.phone(&ack);
    assert!(answer.contains("m=audio 20010 RTP/AVP 0\n") && !answer.contains("crypto"));
    let sides = &lab.plan().sides;
    assert!(sides.client.receive.is_some() && sides.client.transmit.is_some());
    assert_eq!(sides.server.remote.unwrap().rtp.port(), 5000);
    let again = lab.phone(&ack);
    assert_eq!(body(&again), body(&answer));
    lab.pass(Duration::from_secs(40));
    assert_eq!(lab.pins.len(), 1);
    lab.phone(&from_phone("BYE 2 b s", ""));
    lab.server(&by_server("200 OK", "BYE 2 b s", ""));
    lab.assert_quiet();
}

#[test]
fn offer_in_a_reliable_response_is_answered_in_the_prack() {
    let mut lab = Lab::new();
    lab.phone(&from_phone("INVITE 1 i", ""));
    let reliable = format!("Require: 100rel\nRSeq: 1\n{}", clear_answer(5000));
    let offer = lab.server(&by_server("183 Progress", "INVITE 1 i s", &reliable));
    assert!(offer.contains("RSeq: 1\n") && offer.contains("a=crypto:1 "));
    let answer = format!("RAck: 1 1 INVITE\n{}", with_sdp(&secure_sdp(4000, "")));
    let prack = lab.phone(&from_phone("PRACK 2 k s", &answer));
    assert!(prack.contains("RAck: 1 1 INVITE\n") && prack.contains("m=audio 20010 RTP/AVP 0\n"));
    assert!(lab.plan().sides.client.receive.is_some());
    lab.server(&by_server("200 OK", "PRACK 2 k s", ""));
    lab.server(&by_server("200 OK", "INVITE 1 i s", ""));
    assert_eq!(lab.pins.len(), 1);
    assert_eq!(lab.refused, []);
}

#[test]
fn update_changes_an_early_dialog() {
    let mut lab = Lab::new();
    lab.phone(&from_phone("INVITE 1 i", &secure_offer(4000, 'A')));
    let reliable = format!("Require: 100rel\nRSeq: 1\n{}", clear_answer(5000));
    lab.server(&by_server("183 Progress", "INVITE 1 i s", &reliable));
    lab.phone(&from_phone(
        "PRACK 2 k s",
        "RAck: 1 1 INVITE\nContent-Length: 0\n\n",
    ));
    lab.server(&by_server("200 OK", "PRACK 2 k s", ""));
    lab.phone(&from_phone("UPDATE 3 u s", &secure_offer(4400, 'A')));
    lab.server(&by_server("200 OK", "UPDATE 3 u s", &clear_answer(5500)));
    lab.server(&by_server("200 OK", "INVITE 1 i s", ""));
    let sides = &lab.plan().sides;
    assert_eq!(sides.client.remote.unwrap().rtp.port(), 4400);
    assert_eq!(sides.server.remote.unwrap().rtp.port(), 5500);
}

#[test]
fn refused_update_is_taken_back() {
    let mut lab = talking();
    let before = lab.pins.clone();
    lab.phone(&from_phone("UPDATE 2 u s", &secure_offer(4400, 'Z')));
    lab.server(&by_server("491 Request Pending", "UPDATE 2 u s", ""));
    assert_eq!(lab.pins, before);
    lab.phone(&from_phone("UPDATE 3 u3 s", &secure_offer(4400, 'Z')));
    lab.server(&by_server("481 Gone", "UPDATE 3 u3 s", ""));
    assert!(lab.pins.is_empty());
}

#[test]
fn both_sides_may_offer_at_once_and_be_refused() {
    let mut lab = talking();
    let before = lab.pins.clone();
    let theirs =
        from_server("INVITE 7 g p", &clear_answer(5900)).replace("Call-ID: in", "Call-ID: out");
    lab.phone(&from_phone("INVITE 2 g s", &secure_offer(4900, 'G')));
    lab.server(&theirs);
    lab.server(&by_server("491 Request Pending", "INVITE 2 g s", ""));
    let refusal = by_phone("491 Request Pending", "INVITE 7 g p", "");
    lab.phone(&refusal.replace("Call-ID: in", "Call-ID: out"));
    assert_eq!(lab.pins, before);
    assert_eq!(lab.refused, []);
}

#[test]
fn description_in_a_multipart_body_is_rewritten_in_its_place() {
    let mut lab = Lab::new();
    let xml =
        "<x-cisco-remotecc-request><callid>1@192.168.1.50</callid></x-cisco-remotecc-request>\n";
    let sdp = secure_sdp(4000, "");
    let multipart = format!(
        "Content-Type: multipart/mixed;boundary=uniqueBoundary\nContent-Length: @\n\n\
         --uniqueBoundary\nContent-Type: application/x-cisco-remotecc-request+xml\n\n{xml}\n\
         --uniqueBoundary\nContent-Type: application/sdp\n\n{sdp}\n--uniqueBoundary--\n"
    );
    let inside = lab.phone(&from_phone("INVITE 1 i", &multipart));
    assert!(inside.contains(xml) && inside.contains("m=audio 20010 RTP/AVP 0\n"));
    assert!(!inside.contains("crypto") && inside.ends_with("\n--uniqueBoundary--\n"));
    let length = inside
        .lines()
        .find_map(|l| l.strip_prefix("Content-Length: "))
        .unwrap();
    assert_eq!(
        length.parse::<usize>().unwrap(),
        body(&inside).replace('\n', "\r\n").len()
    );
}

#[test]
fn description_that_opens_no_media_shows_nothing() {
    let mut lab = Lab::new();
    lab.phone(&from_phone("OPTIONS 1 o", ""));
    let ok = lab.server(&by_server("200 OK", "OPTIONS 1 o s", &clear_answer(5000)));
    assert!(
        ok.contains("m=audio 0 RTP/AVP 0\n") && !body(&ok).contains("10.10.0"),
        "{ok}"
    );
    let info = lab.phone(&from_phone("INFO 2 n", &secure_offer(4000, 'A')));
    assert!(info.contains("m=audio 0 ") && !info.contains("inline:"));
    assert!(lab.pins.is_empty());
}

#[test]
fn answer_that_nobody_asked_for_is_refused() {
    let mut lab = talking();
    let ack = from_phone("ACK 1 a s", &secure_offer(4000, 'X'));
    assert_eq!(lab.phone(&ack), "");
    assert_eq!(lab.refused, [(Leg::Client, Reason::SipBadState)]);
}

#[test]
fn what_would_lead_past_us_is_taken_out() {
    let mut lab = Lab::new();
    let lines = "a=rtcp:4500 IN IP4 192.168.1.50\na=rtcp-mux\na=ice-ufrag:x\na=ice-pwd:y\n\
                 a=candidate:1 1 UDP 2130706431 192.168.1.50 4000 typ host\na=ptime:20\n";
    let inside = lab.phone(&from_phone(
        "INVITE 1 i",
        &with_sdp(&secure_sdp(4000, lines)),
    ));
    assert!(
        inside.contains("a=rtcp:20011") && inside.contains("a=ptime:20\n"),
        "{inside}"
    );
    for gone in ["rtcp-mux", "ice-", "candidate", "192.168.1.50 4"] {
        assert!(!inside.contains(gone), "{gone}: {inside}");
    }
    assert_eq!(lab.plan().sides.client.remote.unwrap().rtcp.port(), 4500);
}

#[test]
fn streams_that_nobody_here_carries_are_rejected_on_both_sides() {
    let mut lab = Lab::new();
    let more =
        "m=application 4300 TCP/BFCP *\nm=video 4100 UDP/TLS/RTP/SAVPF 96\na=setup:actpass\n";
    let inside = lab.phone(&from_phone(
        "INVITE 1 i",
        &with_sdp(&secure_sdp(4000, more)),
    ));
    assert!(inside.contains("m=application 0 TCP/BFCP *\nm=video 0 UDP/TLS/RTP/SAVPF 96\n"));
    // An answer that takes them all the same gets no further.
    let answer = sdp(
        "10.10.0.77",
        5000,
        "AVP",
        "m=application 5300 TCP/BFCP *\nm=video 5100 RTP/AVP 96\n",
    );
    let ok = lab.server(&by_server("200 OK", "INVITE 1 i s", &with_sdp(&answer)));
    assert!(
        ok.contains("m=application 0 TCP/BFCP *\nm=video 0 "),
        "{ok}"
    );
    assert_eq!(lab.pins.len(), 1);
}

#[test]
fn fax_is_relayed_in_clear_where_it_is_allowed() {
    let fax = "v=0\no=- 1 1 IN IP4 192.168.1.50\ns=-\nc=IN IP4 192.168.1.50\nt=0 0\n\
               m=image 4000 udptl t38\na=T38FaxMaxDatagram:400\n";
    let mut lab = Lab::new();
    let inside = lab.phone(&from_phone("INVITE 1 i", &with_sdp(fax)));
    assert!(
        inside.contains("m=image 20010 udptl t38\na=T38FaxMaxDatagram:400\n"),
        "{inside}"
    );
    assert_eq!(lab.plan().kind, pipeline::MediaKind::Datagram);
    assert!(!lab.plan().is_counted());
    let config = crate::RawConfig {
        fax: false,
        ..crate::RawConfig::default()
    };
    let mut lab = Lab::with(super::Setup {
        config,
        ..super::Setup::default()
    });
    assert_eq!(lab.phone(&from_phone("INVITE 1 i", &with_sdp(fax))), "");
    assert_eq!(lab.refused, [(Leg::Client, Reason::SdpUnsupported)]);
}
