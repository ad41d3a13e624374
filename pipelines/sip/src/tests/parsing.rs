use core::net::IpAddr;

use super::{frame, invite, message};
use crate::{Cause, Message, Method, Name, NameAddr, Scheme, Span, Uri, Via};

fn uri(text: &str) -> Result<Uri, Cause> {
    Uri::parse(text.as_bytes(), Span::new(0, text.len())).map_err(|e| e.cause)
}

fn address(text: &str) -> Result<NameAddr, Cause> {
    NameAddr::parse(text.as_bytes(), Span::new(0, text.len())).map_err(|e| e.cause)
}

#[test]
fn uri_is_taken_apart() {
    let text = "sips:alice:secret@[2001:db8::9]:5061;transport=tcp;lr?Subject=x%20y";
    let uri = uri(text).unwrap();
    let part = |span: Span| core::str::from_utf8(span.of(text.as_bytes())).unwrap();
    assert_eq!(uri.scheme, Scheme::Sips);
    assert_eq!(part(uri.user.unwrap()), "alice:secret");
    assert_eq!(part(uri.host), "[2001:db8::9]");
    assert_eq!(part(uri.host_port), "[2001:db8::9]:5061");
    assert_eq!(uri.ip, Some("2001:db8::9".parse::<IpAddr>().unwrap()));
    assert_eq!(uri.port, Some(5061));
    assert_eq!(
        uri.params.value(text.as_bytes(), "Transport"),
        Some(&b"tcp"[..])
    );
    assert!(uri.params.find(text.as_bytes(), "lr").is_some());
    assert_eq!(&text[uri.params_end..], "?Subject=x%20y");
}

#[test]
fn names_are_not_addresses() {
    for (text, ip) in [
        ("sip:192.0.2.1", Some("192.0.2.1")),
        ("sip:host.example", None),
        ("sip:1.2.3", None),
        ("sip:192.0.2.1.example", None),
    ] {
        assert_eq!(
            uri(text).unwrap().ip,
            ip.map(|i| i.parse().unwrap()),
            "{text}"
        );
    }
}

#[test]
fn uris_that_are_none_are_refused() {
    for text in [
        "",
        "sip",
        ":a",
        "sip:",
        "sip:@host",
        "sip:a@",
        "sip:a@host:",
        "sip:a@host:99999",
        "sip:a@host:5060x",
        "sip:a@[2001:db8::9",
        "sip:a@[zz]",
        "sip:a b@host",
        "sip:a@ho>st",
        "<sip:a@host>",
    ] {
        assert_eq!(uri(text), Err(Cause::Uri), "{text}");
    }
}

#[test]
fn other_schemes_are_opaque() {
    for text in [
        "tel:+15551234567",
        "urn:x-cisco-remotecc:callinfo",
        "cid:1@192.0.2.1",
    ] {
        assert!(!uri(text).unwrap().is_sip(), "{text}");
    }
}

#[test]
fn commas_and_semicolons_hide_in_quotes_and_brackets() {
    let contacts = "Contact: \"a,b <c>\" <sip:a,b;x@192.0.2.9;p=1>;q=0.5, sip:c@192.0.2.9;expires=9\n\
                    m: <sip:d@192.0.2.9>, \n";
    let message = message(&invite(contacts, ""));
    let found = message.addresses(Name::Contact).unwrap();
    let users: Vec<_> = found
        .iter()
        .map(|c| c.uri.user_text(message.bytes()))
        .collect();
    assert_eq!(users, [&b"a,b;x"[..], b"c", b"d"]);
    assert_eq!(
        found[0].params.value(message.bytes(), "q"),
        Some(&b"0.5"[..])
    );
    assert_eq!(
        found[1].params.value(message.bytes(), "expires"),
        Some(&b"9"[..])
    );
    assert!(found[0].is_bracketed && !found[1].is_bracketed);
}

#[test]
fn commas_do_not_split_fields_that_are_no_lists() {
    let text = invite(
        "X-List: a,b\nRefer-To: <sip:a@192.0.2.1?Replaces=x,y>\n",
        "",
    );
    assert_eq!(message(&text).addresses(Name::ReferTo).unwrap().len(), 1);
    assert_eq!(frame(&text).values(Name::Other).unwrap().len(), 1);
}

#[test]
fn addresses_that_are_none_are_refused() {
    for (text, cause) in [
        ("\"a <sip:a@b>", Cause::Unbalanced),
        ("<sip:a@b", Cause::Unbalanced),
        ("\"a\" sip:a@b", Cause::Address),
        ("sip:a@b,sip:c@d", Cause::Address),
        ("<sip:a@b> x", Cause::Parameter),
        ("<sip:a@b>;=x", Cause::Parameter),
        ("<sip:a@b>;tag=\"x", Cause::Unbalanced),
        ("*", Cause::Uri),
    ] {
        assert_eq!(address(text).map(|_| ()), Err(cause), "{text}");
    }
}

#[test]
fn via_survives_odd_spacing() {
    let text = "SIP / 2.0 / TLS   [2001:db8::9] : 5061 ;branch = z9hG4bK1; rport ;ttl=3";
    let via = Via::parse(text.as_bytes(), Span::new(0, text.len())).unwrap();
    assert_eq!(via.transport.of(text.as_bytes()), b"TLS");
    assert_eq!(via.port, Some(5061));
    assert_eq!(via.branch(text.as_bytes()), b"z9hG4bK1");
    assert!(
        via.params
            .find(text.as_bytes(), "rport")
            .unwrap()
            .value
            .is_none()
    );
}

#[test]
fn one_semicolon_at_the_end_is_passed_over() {
    let read = |text: &str| NameAddr::parse(text.as_bytes(), Span::new(0, text.len()));
    let address = read("\"A\" <sip:a@b>; tag=1 ; x ; ").unwrap();
    assert_eq!(address.params.iter().count(), 2);
    for text in ["<sip:a@b>;", "<sip:a@b>;x;;", "<sip:a@b>;;x"] {
        assert_eq!(read(text).unwrap_err().cause, Cause::Parameter, "{text}");
    }
}

#[test]
fn vias_that_are_none_are_refused() {
    for text in [
        "",
        "SIP/2.0/TLS",
        "SIP/3.0/TLS a",
        "HTTP/2.0/TLS a",
        "SIP/2.0/ a",
        "SIP/2.0/TCP :5",
    ] {
        let via = Via::parse(text.as_bytes(), Span::new(0, text.len())).map_err(|e| e.cause);
        assert_eq!(via.map(|_| ()), Err(Cause::Via), "{text}");
    }
}

#[test]
fn mandatory_fields_are_wanted_exactly_once() {
    let good = invite("", "");
    for line in good
        .lines()
        .filter(|l| l.contains(": ") && !l.starts_with("Content"))
    {
        let without = good.replace(&format!("{line}\n"), "");
        let cause = Message::parse(frame(&without)).unwrap_err().error.cause;
        assert_eq!(cause, Cause::FieldMissing, "{line}");
        if !line.starts_with("Via") {
            let twice = good.replace(line, &format!("{line}\n{line}"));
            let cause = Message::parse(frame(&twice)).unwrap_err().error.cause;
            assert_eq!(cause, Cause::FieldDoubled, "{line}");
        }
    }
}

#[test]
fn responses_speak_of_their_request() {
    let text =
        invite("", "").replacen("INVITE sip:bob@192.0.2.1 SIP/2.0", "SIP/2.0 180 Ringing", 1);
    let message = message(&text);
    assert_eq!(
        (message.status(), message.method()),
        (Some(180), Method::Invite)
    );
    assert!(!message.is_request() && message.uri().is_none());
}

#[test]
fn nested_multipart_is_walked_and_depth_is_bounded() {
    let nest = |depth: usize| {
        let mut body = String::from("Content-Type: application/sdp\n\nv=0\n");
        for level in 0..depth {
            body = format!(
                "Content-Type: multipart/mixed; boundary=\"b{level}\"\n\n\
                            --b{level}\n{body}--b{level}--\n"
            );
        }
        let (content_type, body) = body.split_once("\n\n").unwrap();
        frame(&invite(&format!("{content_type}\n"), body))
            .parts()
            .map_err(|e| e.cause)
    };
    assert_eq!(nest(4).unwrap().len(), 5);
    assert_eq!(nest(5), Err(Cause::Multipart));
}

#[test]
fn multipart_without_its_last_boundary_is_refused() {
    let body = "--b\nContent-Type: application/sdp\n\nv=0\n--b\n";
    let text = invite("Content-Type: multipart/mixed;boundary=b\n", body);
    assert_eq!(
        frame(&text).parts().map_err(|e| e.cause),
        Err(Cause::Multipart)
    );
    let text = invite("Content-Type: multipart/mixed\n", body);
    assert_eq!(
        frame(&text).parts().map_err(|e| e.cause),
        Err(Cause::ContentType)
    );
}

#[test]
fn debug_output_shows_no_body() {
    let message = message(&invite(
        "Authorization: Digest response=\"abc\"\n",
        "inline:SECRET",
    ));
    let text = format!("{message:?}");
    assert!(
        !text.contains("SECRET") && !text.contains("Digest"),
        "{text}"
    );
}
