use super::{frame, invite};
use crate::{Cause, Fault, Framer, Limits, Parsed};

fn cause(bytes: &[u8], limits: Limits) -> Cause {
    let mut input = bytes;
    let mut framer = Framer::new(limits);
    loop {
        match framer.read(&mut input) {
            Ok(Parsed::Need(n)) => panic!("needs {n}"),
            Ok(_) => {}
            Err(failed) => return failed.error.cause,
        }
    }
}

fn crlf(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

#[test]
fn other_protocols_are_told_at_their_first_line() {
    let limits = Limits::default();
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01"[..],
        b"GET / HTTP/1.1\r\n",
        b"OPTIONS * RTSP/1.0\r\n",
        b"hello\r\n",
        b"\x00\x00\x00",
        b"INVITE \x01\x02",
        b"\rX",
        b"{\"a\":1}",
    ] {
        assert_eq!(cause(bytes, limits), Cause::NotSip, "{bytes:?}");
    }
}

#[test]
fn limits_hold_before_more_is_kept() {
    let limits = Limits {
        line: 100,
        header_block: 300,
        headers: 5,
        ..Limits::default()
    };
    let start = "OPTIONS sip:a@b SIP/2.0\r\n";
    let long_line = format!("{start}X: {}", "a".repeat(100));
    assert_eq!(cause(long_line.as_bytes(), limits), Cause::LineTooLong);
    let endless_fold = format!("{start}X: a\r\n{}", " bbbbbbbbbb\r\n".repeat(30));
    assert_eq!(
        cause(endless_fold.as_bytes(), limits),
        Cause::HeaderBlockTooLong
    );
    let many = format!("{start}{}", "A: b\r\n".repeat(6));
    assert_eq!(cause(many.as_bytes(), limits), Cause::TooManyHeaders);
    let endless_start = "A".repeat(101);
    assert_eq!(cause(endless_start.as_bytes(), limits), Cause::LineTooLong);
}

#[test]
fn a_message_of_exactly_the_limit_passes() {
    let text = crlf(&invite("", "12345"));
    let exact = Limits {
        message: text.len(),
        ..Limits::default()
    };
    let mut input = text.as_slice();
    assert!(matches!(
        Framer::new(exact).read(&mut input),
        Ok(Parsed::Frame(_))
    ));
    let short = Limits {
        message: text.len() - 1,
        ..Limits::default()
    };
    assert_eq!(cause(&text, short), Cause::MessageTooLong);
}

#[test]
fn announced_length_is_refused_before_the_body_comes() {
    let text = crlf(&invite("", "").replace("Length: 0", "Length: 2000000000"));
    let mut input = text.as_slice();
    let failed = Framer::new(Limits::default()).read(&mut input).unwrap_err();
    assert_eq!(failed.error.cause, Cause::MessageTooLong);
    assert_eq!(failed.error.cause.fault(), Fault::TooLarge);
    let reply = crate::reply::to_request(&failed.head.unwrap(), 413, "Too Large", "t").unwrap();
    assert!(reply.starts_with(b"SIP/2.0 413 Too Large\r\nVia: SIP/2.0/TLS"));
}

#[test]
fn lengths_that_two_parsers_could_read_differently_are_refused() {
    for (length, want) in [
        ("+5", Cause::LengthImpossible),
        ("-5", Cause::LengthImpossible),
        ("5 5", Cause::LengthImpossible),
        ("5, 5", Cause::LengthImpossible),
        ("0x5", Cause::LengthImpossible),
        ("", Cause::LengthImpossible),
        ("2147483648", Cause::LengthImpossible),
        ("99999999999999999999999", Cause::LengthImpossible),
        ("5\nl: 6", Cause::LengthDoubled),
    ] {
        let text = invite("", "").replace("Length: 0", &format!("Length: {length}"));
        assert_eq!(cause(&crlf(&text), Limits::default()), want, "{length}");
    }
    let missing = invite("", "").replace("Content-Length: 0\n", "");
    assert_eq!(
        cause(&crlf(&missing), Limits::default()),
        Cause::LengthMissing
    );
}

#[test]
fn equal_lengths_and_leading_zeros_are_one_length() {
    let text = invite("l: 003\n", "abc");
    assert_eq!(frame(&text).body().len(), 3);
}

#[test]
fn lone_line_ends_are_refused_unless_lenient() {
    let lone_lf = invite("", "").replacen('\n', "\r\n", 3);
    assert_eq!(
        cause(lone_lf.as_bytes(), Limits::default()),
        Cause::BadCharacter
    );
    let lone_cr = crlf(&invite("X: a\rb\n", ""));
    assert_eq!(cause(&lone_cr, Limits::default()), Cause::BadCharacter);
    let nul = crlf(&invite("X: a\0b\n", ""));
    assert_eq!(cause(&nul, Limits::default()), Cause::BadCharacter);
}

#[test]
fn lenient_framing_writes_line_ends_that_all_agree_on() {
    let lenient = Limits {
        lenient: true,
        ..Limits::default()
    };
    let text = invite("", "").replace("Content-Length: 0\n", "");
    let mut input = text.as_bytes();
    match Framer::new(lenient).read(&mut input) {
        Ok(Parsed::Frame(frame)) => assert_eq!(frame.bytes(), crlf(&text)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn lines_that_are_no_fields_are_refused() {
    for line in ["no colon here", ": empty", "bad name: x", "[x]: y"] {
        let text = crlf(&invite(&format!("{line}\n"), ""));
        assert_eq!(cause(&text, Limits::default()), Cause::NotField, "{line}");
    }
    let fold_of_nothing = crlf("OPTIONS sip:a@b SIP/2.0\n X: y\n\n");
    assert_eq!(cause(&fold_of_nothing, Limits::default()), Cause::NotField);
}

#[test]
fn pings_are_counted_however_they_are_cut() {
    let mut framer = Framer::new(Limits::default());
    let (mut lines, mut pings) = (0, 0);
    for piece in [&b"\r"[..], b"\n\r", b"\n", b"\r\n\r\n\r\n"] {
        let mut input = piece;
        while let Ok(Parsed::Blank { lines: l, pings: p }) = framer.read(&mut input) {
            lines += l;
            pings += p;
        }
    }
    assert_eq!((lines, pings), (5, 2));
    assert!(framer.is_between_messages());
}

#[test]
fn a_lost_stream_stays_lost() {
    let mut framer = Framer::new(Limits::default());
    assert!(framer.read(&mut &b"\x16\x03"[..]).is_err());
    let again = framer
        .read(&mut &b"OPTIONS sip:a SIP/2.0\r\n"[..])
        .unwrap_err();
    assert_eq!(again.error.cause, Cause::NotSip);
}

#[test]
fn every_octet_is_kept_once() {
    let text = crlf(&invite("", &"x".repeat(5000)));
    let mut framer = Framer::new(Limits::default());
    for (i, octet) in text.iter().enumerate() {
        assert_eq!(framer.held(), i);
        let mut input = core::slice::from_ref(octet);
        framer.read(&mut input).unwrap();
    }
    assert_eq!(framer.held(), 0);
}

#[test]
fn blank_lines_are_told_before_what_is_wrong_behind_them() {
    let (mut framer, mut input) = (Framer::new(Limits::default()), &b"\r\n\r\x00"[..]);
    let first = framer.read(&mut input).unwrap();
    assert_eq!(first, Parsed::Blank { lines: 1, pings: 0 });
    assert_eq!(
        framer.read(&mut input).unwrap_err().error.cause,
        Cause::NotSip
    );
}
