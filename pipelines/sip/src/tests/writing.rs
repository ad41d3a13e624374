use super::{frame, invite, message};
use crate::{DialogId, Edits, Method, Name, TransactionId, reply, request};

const VIA: &str = "SIP/2.0/TCP 192.0.2.5:32768;branch=z9hG4bKours";

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn untouched_octets_stay_identical() {
    let text = invite("X-Odd :  a \n\tb\nsUbJeCt:\n", "body");
    let message = message(&text);
    let mut edits = Edits::new();
    edits.replace(message.via().sent_by, "192.0.2.5:32768");
    let wanted = text
        .replace('\n', "\r\n")
        .replace("192.0.2.9:40000", "192.0.2.5:32768");
    assert_eq!(message.render(edits), wanted.as_bytes());
}

#[test]
fn body_change_corrects_every_length() {
    let message = message(&invite("l: 3\n", "abc"));
    let mut edits = Edits::new();
    edits.replace(message.frame().body(), "0123456789");
    let written = text(&message.render(edits));
    assert!(written.contains("l: 10\r\n") && written.contains("Content-Length: 10\r\n"));
    assert!(written.ends_with("\r\n\r\n0123456789"));
}

#[test]
fn part_lengths_are_corrected_from_the_inside() {
    let body = "--b\nContent-Type: application/sdp\nContent-Length: 5\n\nv=0\n\n--b--\n";
    let message = message(&invite("Content-Type: multipart/mixed;boundary=b\n", body));
    let part = message.frame().parts().unwrap().pop().unwrap();
    assert_eq!(part.body.of(message.bytes()), b"v=0\r\n");
    let mut edits = Edits::new();
    edits.replace(part.body, "v=0\r\no=longer\r\n");
    let written = text(&message.render(edits));
    assert!(
        written.contains("Content-Length: 15\r\n\r\nv=0"),
        "{written}"
    );
    let (_, body) = written.split_once("\r\n\r\n").unwrap();
    assert!(
        written.contains(&format!("Content-Length: {}\r\n\r\n--b", body.len())),
        "{written}"
    );
}

#[test]
fn overlapping_edits_give_the_first() {
    let mut edits = Edits::new();
    edits.replace(crate::Span::new(2, 6), "X");
    edits.replace(crate::Span::new(4, 8), "Y");
    edits.insert(0, "<");
    edits.insert(0, "-");
    assert_eq!(edits.apply(b"0123456789"), b"<-01X6789");
}

#[test]
fn reply_repeats_what_the_request_says() {
    let request = frame(&invite("Via: SIP/2.0/UDP 192.0.2.7\n", "body"));
    let written = text(&reply::to_request(&request, 488, "Not Acceptable Here", "ours").unwrap());
    assert_eq!(
        written,
        "SIP/2.0 488 Not Acceptable Here\r\n\
         Via: SIP/2.0/TLS 192.0.2.9:40000;branch=z9hG4bKabc;rport\r\n\
         Via: SIP/2.0/UDP 192.0.2.7\r\n\
         From: \"A\" <sip:alice@192.0.2.1>;tag=f1\r\n\
         To: <sip:bob@192.0.2.1>;tag=ours\r\n\
         Call-ID: c1@192.0.2.9\r\n\
         CSeq: 7 INVITE\r\n\
         Content-Length: 0\r\n\r\n"
    );
}

#[test]
fn reply_keeps_the_tag_of_a_dialog() {
    let request = frame(&invite("", "").replace("To: <sip:bob@192.0.2.1>", "t: sip:b@c;tag=z"));
    let written = text(&reply::to_request(&request, 400, "Bad Request", "ours").unwrap());
    assert!(written.contains("To: sip:b@c;tag=z\r\n"));
}

#[test]
fn nothing_answers_an_ack_or_a_response() {
    let ack = invite("", "").replace("INVITE", "ACK");
    assert_eq!(
        reply::to_request(&frame(&ack), 400, "Bad Request", "t"),
        None
    );
    let response = invite("", "").replacen("INVITE sip:bob@192.0.2.1 SIP/2.0", "SIP/2.0 200 OK", 1);
    assert_eq!(
        reply::to_request(&frame(&response), 400, "Bad Request", "t"),
        None
    );
}

#[test]
fn cancel_and_ack_of_a_refusal_stay_in_the_transaction() {
    let invite_text = invite(
        "Route: <sip:192.0.2.1;lr>\nVia: SIP/2.0/UDP 192.0.2.7\n",
        "",
    );
    let sent = message(&invite_text);
    let cancel = text(&request::cancel(&sent).unwrap());
    assert!(cancel.starts_with(
        "CANCEL sip:bob@192.0.2.1 SIP/2.0\r\n\
         Via: SIP/2.0/TLS 192.0.2.9:40000;branch=z9hG4bKabc;rport\r\n\
         Route: <sip:192.0.2.1;lr>\r\n"
    ));
    assert!(!cancel.contains("192.0.2.7") && cancel.contains("CSeq: 7 CANCEL\r\n"));
    let refusal = invite_text
        .replacen(
            "INVITE sip:bob@192.0.2.1 SIP/2.0",
            "SIP/2.0 486 Busy Here",
            1,
        )
        .replace("To: <sip:bob@192.0.2.1>", "To: <sip:bob@192.0.2.1>;tag=t9");
    let ack = text(&request::ack_refusal(&sent, &message(&refusal)).unwrap());
    assert!(ack.starts_with("ACK sip:bob@192.0.2.1 SIP/2.0\r\n"));
    assert!(ack.contains(";tag=t9\r\n") && ack.contains("CSeq: 7 ACK\r\n"));
}

#[test]
fn requests_in_a_dialog_follow_the_route_set() {
    let extra = "Record-Route: <sip:p2;lr>, <sip:p1;lr>\nContact: <sip:bob@192.0.2.20>\n";
    let success = invite(extra, "")
        .replacen("INVITE sip:bob@192.0.2.1 SIP/2.0", "SIP/2.0 200 OK", 1)
        .replace("To: <sip:bob@192.0.2.1>", "To: <sip:bob@192.0.2.1>;tag=t9");
    let ack = text(&request::ack_success(&message(&success), VIA).unwrap());
    assert!(ack.starts_with(&format!(
        "ACK sip:bob@192.0.2.20 SIP/2.0\r\nVia: {VIA}\r\n\
         Route: <sip:p1;lr>\r\nRoute: <sip:p2;lr>\r\n"
    )));
    let bye = message(&text(&request::bye(&message(&success), VIA).unwrap()).replace("\r\n", "\n"));
    assert_eq!(
        (bye.method(), bye.cseq().number, bye.to_tag()),
        (Method::Bye, 8, &b"t9"[..])
    );
}

#[test]
fn transactions_are_told_apart() {
    let first = message(&invite("", ""));
    let id = TransactionId::of(&first);
    let cancel = message(&invite("", "").replace("INVITE", "CANCEL"));
    assert_ne!(TransactionId::of(&cancel), id);
    assert_eq!(TransactionId::of_invite(&cancel), id);
    let other = |a: &str| message(&invite("", "").replace("INVITE", a));
    assert_ne!(
        TransactionId::of(&other("FOO")),
        TransactionId::of(&other("BAR"))
    );
    assert!(DialogId::new(first.call_id(), first.from_tag()).is(b"c1@192.0.2.9", b"f1"));
}

#[test]
fn missing_length_is_added_when_framing_is_lenient() {
    let lenient = crate::Limits {
        lenient: true,
        ..crate::Limits::default()
    };
    let bytes = invite("", "")
        .replace("Content-Length: 0\n", "")
        .replace('\n', "\r\n");
    let mut input = bytes.as_bytes();
    match crate::Framer::new(lenient).read(&mut input) {
        Ok(crate::Parsed::Frame(frame)) => {
            assert!(frame.value(Name::ContentLength).is_none());
            let written = text(&frame.render(Edits::new()));
            assert!(written.ends_with("CSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n"));
        }
        other => panic!("{other:?}"),
    }
}
