use core::net::SocketAddr;

use super::*;
use crate::{Cause, Connection, Direction, Endpoint, MAX_LEN, MAX_LINE_LEN, Proto, SdpError};

fn refusal(text: &str) -> SdpError {
    Sdp::parse(text.as_bytes()).unwrap_err()
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn unchanged_description_is_written_byte_for_byte() {
    assert_eq!(text(&parse(PHONE_OFFER)), PHONE_OFFER);
    let odd = format!("{HEAD}x=unknown  kept\r\nm=audio  4000 RTP/AVP  0 \r\nX=\r\na=\r\na=:\r\n");
    assert_eq!(text(&parse(&odd)), odd);
    assert_eq!(parse(&odd).encoded_len(), odd.len());
}

#[test]
fn octets_that_are_no_utf8_are_kept() {
    let mut bytes = HEAD.as_bytes().to_vec();
    bytes.extend_from_slice(b"i=caf\xe9\r\n");
    assert_eq!(*Sdp::parse(&bytes).unwrap().to_bytes(), bytes);
}

#[test]
fn line_feeds_are_accepted_and_written_as_crlf() {
    let bare = PHONE_OFFER.replace("\r\n", "\n");
    assert_eq!(text(&parse(&bare)), PHONE_OFFER);
    assert_eq!(text(&parse(bare.trim_end())), PHONE_OFFER);
    assert_eq!(text(&parse(&format!("{PHONE_OFFER}\r\n\r\n"))), PHONE_OFFER);
}

#[test]
fn phone_offer_is_understood() {
    let sdp = parse(PHONE_OFFER);
    let origin = sdp.origin().unwrap();
    assert_eq!(origin.username, b"Cisco-SIPUA");
    assert_eq!(
        (origin.session_id, origin.version),
        (&b"11492"[..], &b"0"[..])
    );
    assert_eq!(origin.address, Some("192.168.1.50".parse().unwrap()));
    let [audio] = sdp.media() else {
        panic!("one stream")
    };
    assert_eq!(audio.kind(), b"audio");
    assert_eq!(
        (audio.proto(), audio.proto_text()),
        (Proto::RtpSavp, &b"RTP/SAVP"[..])
    );
    assert_eq!(
        audio.formats().collect::<Vec<_>>(),
        [&b"0"[..], b"8", b"101"]
    );
    assert_eq!(audio.attributes("fmtp").collect::<Vec<_>>(), [b"101 0-15"]);
    assert_eq!(
        sdp.endpoint(0).unwrap(),
        Endpoint {
            rtp: at("192.168.1.50:24580"),
            rtcp: at("192.168.1.50:24581")
        }
    );
    assert_eq!(sdp.direction(0).unwrap(), Direction::SendRecv);
}

#[test]
fn refusals_name_their_line() {
    let cases: &[(&str, u32, Cause)] = &[
        ("", 1, Cause::NotTypeValue),
        ("o=- 1 1 IN IP4 192.0.2.1\r\n", 1, Cause::Version),
        ("v=1\r\n", 1, Cause::Version),
        ("v=0\r\ns=-\r\n", 0, Cause::Origin),
        ("v=0\r\no=- 1 1 IN IP4\r\n", 2, Cause::Origin),
        ("v=0\r\no=- 1 1 ATM IP4 192.0.2.1\r\n", 2, Cause::Origin),
        ("v=0\r\no=- 1 1 IN IP4 a b\r\n", 2, Cause::Origin),
        (
            "v=0\r\no=- 1 1 IN IP4 a\r\no=- 1 1 IN IP4 a\r\n",
            3,
            Cause::Origin,
        ),
        ("v=0\r\no=- 1 1 IN IP4 a\r\nv=0\r\n", 3, Cause::Version),
        ("v=0\r\ngarbage\r\n", 2, Cause::NotTypeValue),
        ("v=0\r\n\r\ns=-\r\n", 2, Cause::NotTypeValue),
        ("v=0\r\n1=2\r\n", 2, Cause::NotTypeValue),
        ("v=0\r\ns=a\rb\r\n", 2, Cause::BadCharacter),
        ("v=0\r\ns=\0\r\n", 2, Cause::BadCharacter),
    ];
    for &(text, line, cause) in cases {
        assert_eq!(refusal(text), SdpError { line, cause }, "{text:?}");
    }
    let tails: &[(&str, Cause)] = &[
        ("c=IN IP4 192.0.2.9", Cause::Connection),
        ("m=audio 1 RTP/AVP", Cause::MediaLine),
        ("m=audio 65536 RTP/AVP 0", Cause::MediaLine),
        ("m=audio -1 RTP/AVP 0", Cause::MediaLine),
        ("m=audio +1 RTP/AVP 0", Cause::MediaLine),
        ("m=audio 1/0 RTP/AVP 0", Cause::MediaLine),
        ("m=audio 99999999999999999999 RTP/AVP 0", Cause::MediaLine),
        ("m=", Cause::MediaLine),
    ];
    for &(tail, cause) in tails {
        assert_eq!(
            refusal(&format!("{HEAD}{tail}")),
            SdpError { line: 6, cause },
            "{tail}"
        );
    }
}

#[test]
fn connection_lines_are_checked() {
    for bad in [
        "IN IP4 300.0.0.1",
        "IN IP4 2001:db8::1",
        "IN IP6 192.0.2.1",
        "IN IP4",
        "IN IP4 a b",
        "ATM IP4 192.0.2.1",
        "IN IP4 name/3",
        "IN IP4 a,b",
    ] {
        let text = format!("{HEAD}m=audio 1 RTP/AVP 0\r\nc={bad}\r\n");
        assert_eq!(
            refusal(&text),
            SdpError {
                line: 7,
                cause: Cause::Connection
            },
            "{bad}"
        );
    }
    for (good, wanted) in [
        ("IN IP4 224.2.1.1/127/3", Connection::Multicast),
        ("IN IP6 ff15::101", Connection::Multicast),
        ("IN IP4 192.0.2.1/127", Connection::Multicast),
        ("IN IP4 0.0.0.0", Connection::Unspecified),
        ("IN IP6 ::", Connection::Unspecified),
        ("IN IP4 phone1.example.com", Connection::Name),
        (
            "in ip6 2001:db8::1",
            Connection::Unicast("2001:db8::1".parse().unwrap()),
        ),
    ] {
        let sdp = with_head(&format!("m=audio 1 RTP/AVP 0\r\nc={good}\r\n"));
        assert_eq!(sdp.connection(0), Ok(wanted), "{good}");
    }
}

#[test]
fn sizes_are_bounded() {
    let line = format!("{HEAD}a={}\r\n", "x".repeat(MAX_LINE_LEN));
    assert_eq!(refusal(&line).cause, Cause::LineTooLong);
    let lines = format!("{HEAD}{}", "a=x\r\n".repeat(1020));
    assert_eq!(
        refusal(&lines),
        SdpError {
            line: 1025,
            cause: Cause::TooManyLines
        }
    );
    let all = format!("{HEAD}{}", format!("a={}\r\n", "x".repeat(8000)).repeat(9));
    assert!(all.len() > MAX_LEN);
    assert_eq!(
        refusal(&all),
        SdpError {
            line: 0,
            cause: Cause::TooLong
        }
    );
    let streams = format!("{HEAD}{}", "m=audio 0 RTP/AVP 0\r\n".repeat(17));
    assert_eq!(
        refusal(&streams),
        SdpError {
            line: 22,
            cause: Cause::TooManyMedia
        }
    );
}

#[test]
fn rtcp_goes_where_the_attribute_says() {
    let endpoint = |tail: &str| with_head(tail).endpoint(0);
    let rtcp = |tail: &str| endpoint(tail).map(|e| e.rtcp.to_string());
    let audio = "m=audio 5000 RTP/AVP 0\r\n";
    assert_eq!(rtcp(audio).unwrap(), "192.0.2.1:5001");
    assert_eq!(
        rtcp(&format!("{audio}a=rtcp:53020\r\n")).unwrap(),
        "192.0.2.1:53020"
    );
    assert_eq!(
        rtcp(&format!("{audio}a=rtcp:53020 IN IP6 2001:db8::7\r\n")).unwrap(),
        "[2001:db8::7]:53020"
    );
    for bad in ["", "x", "1 IN", "1 IN IP4", "1 IN IP4 192.0.2.1 x", "70000"] {
        let error = rtcp(&format!("{audio}a=rtcp:{bad}\r\n")).unwrap_err();
        assert_eq!(
            error,
            SdpError {
                line: 7,
                cause: Cause::RtcpPort
            },
            "{bad}"
        );
    }
    assert_eq!(
        rtcp("m=audio 65535 RTP/AVP 0\r\n").unwrap_err(),
        SdpError {
            line: 6,
            cause: Cause::RtcpPort
        }
    );
    assert_eq!(
        rtcp("m=audio 65535 RTP/AVP 0\r\na=rtcp-mux\r\n").unwrap(),
        "192.0.2.1:65535"
    );
}

#[test]
fn rejected_stream_may_lack_a_format() {
    let sdp = with_head("m=audio 4000 RTP/AVP 0\r\nm=video 0 RTP/AVP\r\n");
    assert!(sdp.media()[1].is_rejected());
    assert_eq!(sdp.media()[1].formats().count(), 0);
}

#[test]
fn streams_that_cannot_be_relayed_say_why() {
    let cause = |tail: &str| with_head(tail).endpoint(0).unwrap_err();
    assert_eq!(cause("m=audio 0 RTP/AVP 0").cause, Cause::Rejected);
    assert_eq!(cause("m=audio 4000/2 RTP/AVP 0").cause, Cause::PortRange);
    let group = cause("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 224.2.1.1/127");
    assert_eq!(
        group,
        SdpError {
            line: 7,
            cause: Cause::Multicast
        }
    );
    for tail in ["c=IN IP4 255.255.255.255", "a=rtcp:1 IN IP4 224.0.0.1"] {
        let many = cause(&format!("m=audio 4000 RTP/AVP 0\r\n{tail}"));
        assert_eq!(many.cause, Cause::Multicast);
    }
    let name = cause("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 host.example.com");
    assert_eq!(
        name,
        SdpError {
            line: 7,
            cause: Cause::AddressIsName
        }
    );
    let bare = parse("v=0\r\no=- 1 1 IN IP4 a\r\nm=audio 4000 RTP/AVP 0\r\n");
    assert_eq!(
        bare.endpoint(0),
        Err(SdpError {
            line: 3,
            cause: Cause::NoConnection
        })
    );
    assert_eq!(
        bare.endpoint(1),
        Err(SdpError {
            line: 0,
            cause: Cause::NoSuchStream
        })
    );
}

#[test]
fn hold_is_seen_in_attributes_and_in_the_old_address() {
    let audio = "m=audio 5000 RTP/AVP 0\r\n";
    let direction = |tail: &str| with_head(&format!("{audio}{tail}")).direction(0).unwrap();
    assert_eq!(direction(""), Direction::SendRecv);
    assert_eq!(direction("a=sendonly\r\n"), Direction::SendOnly);
    assert_eq!(direction("a=recvonly\r\n"), Direction::RecvOnly);
    assert_eq!(direction("a=inactive\r\n"), Direction::Inactive);
    assert_eq!(direction("c=IN IP4 0.0.0.0\r\n"), Direction::SendOnly);
    assert_eq!(
        direction("c=IN IP4 0.0.0.0\r\na=recvonly\r\n"),
        Direction::Inactive
    );
    assert!(!Direction::SendOnly.receives() && Direction::SendOnly.sends());
    let session = parse(&format!("{HEAD}a=inactive\r\n{audio}{audio}a=sendrecv\r\n"));
    assert_eq!(session.direction(0).unwrap(), Direction::Inactive);
    assert_eq!(session.direction(1).unwrap(), Direction::SendRecv);
}
