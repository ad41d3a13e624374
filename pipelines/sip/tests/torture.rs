//! The messages of RFC 4475, read as a stream.

#![cfg(test)]

use sip::{Cause, Framer, Limits, Message, Parsed};

macro_rules! vector {
    ($name:literal) => {
        (
            $name,
            include_bytes!(concat!("../../../tests/vectors/sip/", $name, ".dat")).as_slice(),
        )
    };
}

type Vector = (&'static str, &'static [u8]);

/// Well-formed, or wrong in ways that concern the end points alone.
const PASSED_ON: &[Vector] = &[
    vector!("wsinv"),
    vector!("intmeth"),
    vector!("esc01"),
    vector!("escnull"),
    vector!("esc02"),
    vector!("lwsdisp"),
    vector!("longreq"),
    vector!("semiuri"),
    vector!("transports"),
    vector!("mpart01"),
    vector!("unreason"),
    vector!("noreason"),
    vector!("escruri"),
    vector!("baddate"),
    vector!("regbadct"),
    vector!("badaspec"),
    vector!("baddn"),
    vector!("badbranch"),
    vector!("unkscm"),
    vector!("novelsc"),
    vector!("unksm2"),
    vector!("bext01"),
    vector!("invut"),
    vector!("regaut01"),
    vector!("bcast"),
    vector!("zeromf"),
    vector!("cparam01"),
    vector!("cparam02"),
    vector!("regescrt"),
    vector!("sdp01"),
    vector!("inv2543"),
];

/// Refused, with the stream still in step.
const REJECTED: &[(Vector, Cause)] = &[
    (vector!("badinv01"), Cause::Parameter),
    (vector!("scalar02"), Cause::CSeq),
    (vector!("scalarlg"), Cause::CSeq),
    (vector!("quotbal"), Cause::Unbalanced),
    (vector!("ltgtruri"), Cause::Uri),
    (vector!("lwsruri"), Cause::StartLine),
    (vector!("lwsstart"), Cause::StartLine),
    (vector!("trws"), Cause::StartLine),
    (vector!("badvers"), Cause::Version),
    (vector!("mismatch01"), Cause::MethodMismatch),
    (vector!("mismatch02"), Cause::MethodMismatch),
    (vector!("bigcode"), Cause::StatusCode),
    (vector!("insuf"), Cause::FieldMissing),
    (vector!("multi01"), Cause::FieldDoubled),
];

/// Refused, and the stream is lost.
const LOST: &[(Vector, Cause)] = &[
    (vector!("ncl"), Cause::LengthImpossible),
    (vector!("mcl01"), Cause::LengthDoubled),
];

fn frame(name: &str, bytes: &[u8]) -> sip::Frame {
    let mut input = bytes;
    match Framer::new(Limits::default()).read(&mut input) {
        Ok(Parsed::Frame(frame)) => {
            assert!(input.is_empty(), "{name}: {} octets left", input.len());
            frame
        }
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn what_concerns_end_points_passes_unchanged() {
    for (name, bytes) in PASSED_ON {
        let message = Message::parse(frame(name, bytes));
        let message = message.unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(message.render(sip::Edits::new()), *bytes, "{name}");
    }
}

#[test]
fn malformed_messages_are_rejected_by_cause() {
    for ((name, bytes), cause) in REJECTED {
        let rejected = Message::parse(frame(name, bytes)).map_err(|r| r.error.cause);
        assert_eq!(rejected, Err(*cause), "{name}");
    }
}

#[test]
fn impossible_lengths_lose_the_stream_and_can_be_answered() {
    for ((name, bytes), cause) in LOST {
        let mut input = *bytes;
        let failed = Framer::new(Limits::default()).read(&mut input).unwrap_err();
        assert_eq!(failed.error.cause, *cause, "{name}");
        let head = failed.head.expect(name);
        let reply = sip::reply::to_request(&head, 400, "Bad Request", "1").expect(name);
        assert!(reply.starts_with(b"SIP/2.0 400 Bad Request\r\n"), "{name}");
    }
}

#[test]
fn two_requests_in_one_segment_are_two_messages() {
    let (_, bytes) = vector!("dblreq");
    let (mut input, mut framer) = (bytes, Framer::new(Limits::default()));
    let mut methods = Vec::new();
    while let Parsed::Frame(frame) = framer.read(&mut input).unwrap() {
        methods.push(Message::parse(frame).unwrap().method());
    }
    assert_eq!(methods, [sip::Method::Register, sip::Method::Invite]);
}

#[test]
fn length_beyond_the_end_waits_for_more() {
    let (_, bytes) = vector!("clerr");
    let mut input = bytes;
    let parsed = Framer::new(Limits::default()).read(&mut input).unwrap();
    assert_eq!(parsed, Parsed::Need(9999 - 150));
}

#[test]
fn tortuous_invite_means_what_it_says() {
    let (name, bytes) = vector!("wsinv");
    let message = Message::parse(frame(name, bytes)).unwrap();
    assert_eq!(message.to_tag(), b"1918181833n");
    assert_eq!(message.from_tag(), b"98asjd8");
    assert_eq!(
        (message.cseq().number, message.max_forwards()),
        (9, Some(68))
    );
    assert_eq!(message.branch(), b"390skdjuw");
    assert_eq!(message.vias().len(), 3);
    let second = sip::Via::parse(message.bytes(), message.vias()[1]).unwrap();
    assert_eq!(second.branch(message.bytes()), b"z9hG4bK9ikj8");
    assert_eq!(second.host.of(message.bytes()), b"spindle.example.com");
    let contacts = message.addresses(sip::Name::Contact).unwrap();
    assert_eq!(contacts[0].uri.user_text(message.bytes()), b"jdrosen");
    assert_eq!(
        contacts[0].params.value(message.bytes(), "q"),
        Some(b"0.33".as_slice())
    );
    let parts = message.frame().parts().unwrap();
    assert!(parts[0].is(message.bytes(), "application", "sdp"));
}

#[test]
fn user_part_with_semicolons_is_not_the_host() {
    let (name, bytes) = vector!("semiuri");
    let message = Message::parse(frame(name, bytes)).unwrap();
    let uri = message.uri().unwrap();
    assert_eq!(uri.user_text(bytes), b"user;par=u%40example.net");
    assert_eq!(uri.host.of(bytes), b"example.com");
}

#[test]
fn binary_parts_are_found_whole() {
    let (name, bytes) = vector!("mpart01");
    let parts = frame(name, bytes).parts().unwrap();
    assert_eq!(parts.len(), 3);
    assert_eq!(parts[1].body.of(bytes), b"Hello");
    assert_eq!(parts[2].body.len(), 29);
}

#[test]
fn parameters_outside_brackets_belong_to_the_contact() {
    for (vector, in_uri) in [(vector!("cparam01"), false), (vector!("cparam02"), true)] {
        let message = Message::parse(frame(vector.0, vector.1)).unwrap();
        let contact = &message.addresses(sip::Name::Contact).unwrap()[0];
        let found = contact
            .uri
            .params
            .find(message.bytes(), "unknownparam")
            .is_some();
        assert_eq!(found, in_uri, "{}", vector.0);
    }
}

#[test]
fn bare_contact_with_a_question_mark_is_refused() {
    let (name, bytes) = vector!("regbadct");
    let message = Message::parse(frame(name, bytes)).unwrap();
    let contacts = message.addresses(sip::Name::Contact).map_err(|e| e.cause);
    assert_eq!(contacts.map(|_| ()), Err(Cause::Address));
}
