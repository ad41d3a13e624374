//! What each side sees of the other.

use pipeline::Leg;

use super::{Lab, Setup};
use crate::{RawConfig, ServerAddress};

const INVITE: &str = "\
INVITE sip:2001@198.51.100.1;user=phone SIP/2.0
Via: SIP/2.0/TLS 192.168.1.50:51234;branch=z9hG4bK4c1d7e21
From: \"Remote\" <sip:1001@198.51.100.1>;tag=00778deadbeef0012
To: <sip:2001@198.51.100.1>
Call-ID: 00778dea-dbee0003-0a0b0c0d-11223344@192.168.1.50
Max-Forwards: 70
CSeq: 101 INVITE
Contact: <sip:c0ffee00-1111-2222-3333-001122334455@192.168.1.50:51234;transport=tls>;+u.sip!devicename.ccm.cisco.com=\"SEP001122334455\"
Supported: replaces,join,sdp-anat,norefersub,X-cisco-callinfo,X-cisco-srtp-fallback,X-cisco-sis-5.1.0
Allow: ACK,BYE,CANCEL,INVITE,NOTIFY,OPTIONS,REFER,REGISTER,UPDATE,SUBSCRIBE,INFO
Content-Type: application/sdp
Content-Disposition: session;handling=optional
Content-Length: 398

v=0
o=Cisco-SIPUA 11492 0 IN IP4 192.168.1.50
s=SIP Call
t=0 0
m=audio 24580 RTP/SAVP 0 8 101
c=IN IP4 192.168.1.50
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz
a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=sendrecv
";

const INVITE_INSIDE: &str = "\
INVITE sip:2001@10.10.0.10;user=phone SIP/2.0
Via: SIP/2.0/TCP 10.10.0.5:32768;branch=z9hG4bK4c1d7e21
From: \"Remote\" <sip:1001@10.10.0.10>;tag=00778deadbeef0012
To: <sip:2001@10.10.0.10>
Call-ID: 00778dea-dbee0003-0a0b0c0d-11223344@192.168.1.50
Max-Forwards: 70
CSeq: 101 INVITE
Contact: <sip:c0ffee00-1111-2222-3333-001122334455@10.10.0.5:32768;transport=tcp>;+u.sip!devicename.ccm.cisco.com=\"SEP001122334455\"
Supported: replaces,join,sdp-anat,norefersub,X-cisco-callinfo,X-cisco-srtp-fallback,X-cisco-sis-5.1.0
Allow: ACK,BYE,CANCEL,INVITE,NOTIFY,OPTIONS,REFER,REGISTER,UPDATE,SUBSCRIBE,INFO
Content-Type: application/sdp
Content-Disposition: session;handling=optional
Content-Length: 223

v=0
o=Cisco-SIPUA 11492 0 IN IP4 10.10.0.5
s=SIP Call
t=0 0
m=audio 20010 RTP/AVP 0 8 101
c=IN IP4 10.10.0.5
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=sendrecv
";

const OK_INSIDE: &str = "\
SIP/2.0 200 OK
Via: SIP/2.0/TCP 10.10.0.5:32768;branch=z9hG4bK4c1d7e21
From: \"Remote\" <sip:1001@10.10.0.10>;tag=00778deadbeef0012
To: <sip:2001@10.10.0.10>;tag=cm1
Call-ID: 00778dea-dbee0003-0a0b0c0d-11223344@192.168.1.50
CSeq: 101 INVITE
Contact: <sip:2001@10.10.0.10:5060;transport=tcp>
Remote-Party-ID: <sip:2001@10.10.0.10>;party=called
Content-Type: application/sdp
Content-Length: @

v=0
o=CiscoSystemsCCM-SIP 7 1 IN IP4 10.10.0.10
s=SIP Call
c=IN IP4 10.10.0.77
t=0 0
m=audio 17000 RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
";

#[test]
fn worked_example_goes_in_as_the_reference_says() {
    assert_eq!(Lab::new().phone(INVITE), INVITE_INSIDE);
}

#[test]
fn worked_example_comes_back_as_the_reference_says() {
    let mut lab = Lab::new();
    lab.phone(INVITE);
    let ok = lab.server(OK_INSIDE);
    let key = ok.split("inline:").nth(1).unwrap().lines().next().unwrap();
    assert_eq!(key.len(), 40);
    assert_eq!(
        ok,
        format!(
            "\
SIP/2.0 200 OK
Via: SIP/2.0/TLS 192.168.1.50:51234;branch=z9hG4bK4c1d7e21
From: \"Remote\" <sip:1001@198.51.100.1>;tag=00778deadbeef0012
To: <sip:2001@198.51.100.1>;tag=cm1
Call-ID: 00778dea-dbee0003-0a0b0c0d-11223344@192.168.1.50
CSeq: 101 INVITE
Contact: <sip:2001@198.51.100.1:5061;transport=tls>
Remote-Party-ID: <sip:2001@198.51.100.1>;party=called
Content-Type: application/sdp
Content-Length: 230

v=0
o=CiscoSystemsCCM-SIP 7 1 IN IP4 198.51.100.1
s=SIP Call
c=IN IP4 198.51.100.1
t=0 0
m=audio 30000 RTP/SAVP 0 101
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}
a=rtpmap:0 PCMU/8000
"
        )
    );
}

fn options(via: &str, uri: &str, extra: &str) -> String {
    format!(
        "OPTIONS {uri} SIP/2.0\nVia: {via}\nFrom: <sip:a@198.51.100.1>;tag=1\n\
         To: <sip:b@198.51.100.1>\nCall-ID: o\nCSeq: 1 OPTIONS\n{extra}Content-Length: 0\n\n"
    )
}

/// The response to what arrived, as a server makes it.
fn respond(request: &str, status: &str, extra: &str) -> String {
    let mut out = format!("SIP/2.0 {status}\n");
    let copied = ["Via", "From", "Call-ID", "CSeq", "Record-Route"];
    for line in request.lines() {
        if copied
            .iter()
            .any(|name| line.starts_with(&format!("{name}:")))
        {
            out += &format!("{line}\n");
        } else if line.starts_with("To:") {
            let tag = if line.contains("tag=") {
                ""
            } else {
                ";tag=uas"
            };
            out += &format!("{line}{tag}\n");
        }
    }
    out + extra + "Content-Length: 0\n\n"
}

#[test]
fn via_comes_back_octet_for_octet() {
    let mut lab = Lab::new();
    let odd = "SIP / 2.0 /tls  192.168.1.50:51234 ;alias;branch = z9hG4bKodd;x=\"a;b\"";
    let request = lab.phone(&options(odd, "sip:198.51.100.1", ""));
    assert!(
        request.contains(
            "Via: SIP / 2.0 /TCP  10.10.0.5:32768 ;alias;branch = z9hG4bKodd;x=\"a;b\"\n"
        )
    );
    let response = lab.server(&respond(&request, "200 OK", ""));
    assert!(response.contains(&format!("Via: {odd}\n")), "{response}");
}

#[test]
fn rport_is_filled_with_what_the_phone_really_uses() {
    let mut lab = Lab::new();
    let via = "SIP/2.0/TLS 192.168.1.50:51234;rport;branch=z9hG4bKr";
    let request = lab.phone(&options(via, "sip:198.51.100.1", ""));
    let filled = request.replace(";rport;", ";rport=32768;received=10.10.0.5;");
    let response = lab.server(&respond(&filled, "200 OK", ""));
    assert!(response.contains(
        "Via: SIP/2.0/TLS 192.168.1.50:51234;rport=61000;received=203.0.113.7;branch=z9hG4bKr\n"
    ));
}

#[test]
fn hops_behind_the_server_stay_hidden_and_come_back_in_order() {
    let head = "OPTIONS sip:p@10.10.0.5:32768 SIP/2.0\n";
    let vias = "Via: SIP/2.0/TCP 10.10.0.10;branch=z9hG4bK1 ,SIP/2.0/UDP 10.10.0.77:5070;branch=z9hG4bK2\n\
                v: SIP/2.0/UDP 10.10.0.78;\n branch=z9hG4bK3\n";
    let rest = "From: <sip:b@10.10.0.10>;tag=1\nTo: <sip:a@10.10.0.10>\nCall-ID: o\n\
                CSeq: 1 OPTIONS\nContent-Length: 0\n\n";
    let mut lab = Lab::new();
    let request = lab.server(&format!("{head}{vias}{rest}"));
    assert!(request.contains("\nVia: SIP/2.0/TLS 198.51.100.1:5061;branch=z9hG4bK1\nFrom: "));
    assert!(!request.contains("10.10.0.7"), "{request}");
    let response = lab.phone(&respond(&request, "200 OK", ""));
    assert!(
        response.starts_with(&format!("SIP/2.0 200 OK\n{vias}From: ")),
        "{response}"
    );
}

#[test]
fn request_uri_keeps_its_meaning_across_ports_and_transports() {
    for (outside, inside) in [
        ("sip:2001@198.51.100.1", "sip:2001@10.10.0.10"),
        ("sip:198.51.100.1", "sip:10.10.0.10"),
        (
            "sip:2001@198.51.100.1:5061;transport=tls",
            "sip:2001@10.10.0.10:5060;transport=tcp",
        ),
        ("sip:2001@198.51.100.1:5060", "sip:2001@10.10.0.10:5060"),
        ("sips:2001@198.51.100.1:5061", "sip:2001@10.10.0.10:5060"),
        (
            "sip:2001@10.10.0.10:5061;transport=TLS",
            "sip:2001@10.10.0.10:5060;transport=tcp",
        ),
        (
            "sip:198.51.100.1@example.com",
            "sip:198.51.100.1@example.com",
        ),
        ("sip:2001@198.51.100.10", "sip:2001@198.51.100.10"),
        (
            "tel:+15551234;phone-context=198.51.100.1",
            "tel:+15551234;phone-context=198.51.100.1",
        ),
    ] {
        let mut lab = Lab::new();
        let via = "SIP/2.0/TLS 192.168.1.50:51234;branch=z9hG4bK1";
        let request = lab.phone(&options(via, outside, ""));
        assert!(
            request.starts_with(&format!("OPTIONS {inside} SIP/2.0\n")),
            "{outside}: {request}"
        );
    }
}

#[test]
fn identities_change_their_host_alone_and_come_back() {
    let mut lab = Lab::new();
    let extra = "P-Preferred-Identity: \"198.51.100.1\" <sip:a@198.51.100.1:5061>\n\
                 Diversion: <sip:x@198.51.100.1>;reason=unconditional, <sip:y@example.com>\n\
                 Referred-By: sip:a@192.168.1.50\n\
                 Call-Info: <urn:x-cisco-remotecc:callinfo>; security=NotAuthenticated\n\
                 Authorization: Digest uri=\"sip:198.51.100.1\", realm=\"198.51.100.1\"\n\
                 User-Agent: phone/198.51.100.1\n";
    let via = "SIP/2.0/TLS 192.168.1.50:51234;branch=z9hG4bK1";
    let inside = lab.phone(&options(via, "sip:198.51.100.1", extra));
    for line in [
        "P-Preferred-Identity: \"198.51.100.1\" <sip:a@10.10.0.10:5061>\n",
        "Diversion: <sip:x@10.10.0.10>;reason=unconditional, <sip:y@example.com>\n",
        "Referred-By: sip:a@10.10.0.5\n",
        "Call-Info: <urn:x-cisco-remotecc:callinfo>; security=NotAuthenticated\n",
        "Authorization: Digest uri=\"sip:198.51.100.1\", realm=\"198.51.100.1\"\n",
        "User-Agent: phone/198.51.100.1\n",
        "From: <sip:a@10.10.0.10>;tag=1\n",
    ] {
        assert!(inside.contains(line), "{line}{inside}");
    }
    let back = "P-Asserted-Identity: <sip:a@10.10.0.10>\nReferred-By: sip:a@10.10.0.5\n";
    let outside = lab.server(&respond(&inside, "200 OK", back));
    for line in [
        "From: <sip:a@198.51.100.1>;tag=1\n",
        "To: <sip:b@198.51.100.1>;tag=uas\n",
        "P-Asserted-Identity: <sip:a@198.51.100.1>\n",
        "Referred-By: sip:a@192.168.1.50\n",
    ] {
        assert!(outside.contains(line), "{line}{outside}");
    }
}

#[test]
fn phone_that_knows_the_real_server_goes_on_seeing_it() {
    let mut lab = Lab::new();
    let via = "SIP/2.0/TLS 192.168.1.50:51234;branch=z9hG4bK1";
    let request = options(via, "sip:10.10.0.10", "").replace("@198.51.100.1", "@10.10.0.10");
    let inside = lab.phone(&request);
    let outside = lab.server(&respond(&inside, "200 OK", ""));
    assert!(
        outside.contains("From: <sip:a@10.10.0.10>;tag=1\n"),
        "{outside}"
    );
}

#[test]
fn transparent_addressing_changes_ports_and_transports_alone() {
    let mut lab = Lab::with(Setup {
        client: ("10.10.0.10:5061", "192.0.2.50:51234"),
        server: ("192.0.2.50:40001", "10.10.0.10:5060"),
        ..Setup::default()
    });
    let request = lab.phone(
        "REGISTER sip:10.10.0.10:5061;transport=tls SIP/2.0\n\
         Via: SIP/2.0/TLS 192.0.2.50:51234;branch=z9hG4bK1\nFrom: <sip:a@10.10.0.10>;tag=1\n\
         To: <sip:a@10.10.0.10>\nCall-ID: r\nCSeq: 1 REGISTER\n\
         Route: <sip:10.10.0.10:5061;transport=tls;lr>\n\
         Contact: <sip:a@192.0.2.50:51234;transport=tls>\nContent-Length: 0\n\n",
    );
    assert_eq!(
        request,
        "REGISTER sip:10.10.0.10:5060;transport=tcp SIP/2.0\n\
         Via: SIP/2.0/TCP 192.0.2.50:40001;branch=z9hG4bK1\nFrom: <sip:a@10.10.0.10>;tag=1\n\
         To: <sip:a@10.10.0.10>\nCall-ID: r\nCSeq: 1 REGISTER\n\
         Route: <sip:10.10.0.10:5060;transport=tcp;lr>\n\
         Contact: <sip:a@192.0.2.50:40001;transport=tcp>\nContent-Length: 0\n\n"
    );
    let call = lab.server(
        "OPTIONS sip:a@192.0.2.50:40001;transport=tcp SIP/2.0\n\
         Via: SIP/2.0/TCP 10.10.0.10:5060;branch=z9hG4bK2\nFrom: <sip:b@10.10.0.10>;tag=1\n\
         To: <sip:a@10.10.0.10>\nCall-ID: o\nCSeq: 1 OPTIONS\nContent-Length: 0\n\n",
    );
    assert!(
        call.starts_with("OPTIONS sip:a@192.0.2.50:51234;transport=tls SIP/2.0\n"),
        "{call}"
    );
    assert!(call.contains("Via: SIP/2.0/TLS 10.10.0.10:5061;branch=z9hG4bK2\n"));
}

#[test]
fn ipv6_hosts_keep_their_brackets() {
    let mut lab = Lab::with(Setup {
        client: ("[2001:db8::1]:5061", "[2001:db8:1::50]:51234"),
        server: ("10.10.0.5:32768", "10.10.0.10:5060"),
        ..Setup::default()
    });
    let via = "SIP/2.0/TLS [2001:db8:1::50]:51234;branch=z9hG4bK1";
    let extra = "Reply-To: <sip:a@[2001:db8::1]>\n";
    let inside = lab.phone(&options(via, "sip:b@[2001:DB8::1]:5061", extra));
    assert!(
        inside.starts_with("OPTIONS sip:b@10.10.0.10:5060 SIP/2.0\n"),
        "{inside}"
    );
    assert!(inside.contains("Reply-To: <sip:a@10.10.0.10>\n"));
    let outside = lab.server(&respond(
        &inside,
        "200 OK",
        "Reply-To: <sip:c@10.10.0.10>\n",
    ));
    assert!(
        outside.contains("Reply-To: <sip:c@[2001:db8::1]>\n"),
        "{outside}"
    );
}

#[test]
fn other_servers_of_the_cluster_are_mapped_both_ways() {
    let mut lab = Lab::with(Setup {
        config: RawConfig {
            servers: vec![ServerAddress {
                real: "10.10.0.11".parse().unwrap(),
                mapped: "198.51.100.2".parse().unwrap(),
            }],
            ..RawConfig::default()
        },
        ..Setup::default()
    });
    let via = "SIP/2.0/TLS 192.168.1.50:51234;branch=z9hG4bK1";
    let inside = lab.phone(&options(via, "sip:b@198.51.100.2:5061", ""));
    assert!(inside.starts_with("OPTIONS sip:b@10.10.0.11:5060 SIP/2.0\n"));
    let back = "P-Asserted-Identity: <sip:b@10.10.0.11>\n";
    let outside = lab.server(&respond(&inside, "200 OK", back));
    assert!(outside.contains("P-Asserted-Identity: <sip:b@198.51.100.2>\n"));
}

#[test]
fn unknown_fields_and_odd_formatting_pass_untouched() {
    let mut lab = Lab::new();
    let extra = "X-Unknown :  a,,;;\"\n\tfolded  \nsUBJECT:\nDate: Thu, 01 Jan 1970 00:00:00 GMT\n\
                 Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=0\n";
    let via = "SIP/2.0/TLS 192.168.1.50:51234;branch=z9hG4bK1";
    let inside = lab.phone(&options(via, "sip:b@example.com", extra));
    assert!(inside.contains(extra), "{inside}");
}

#[test]
fn maddr_does_not_lead_past_the_other_side() {
    let mut lab = Lab::new();
    let via = "SIP/2.0/TLS 192.168.1.50:51234;maddr=192.168.1.50;branch=z9hG4bK";
    for (n, outside, inside) in [
        (
            1,
            "sip:b@198.51.100.1;maddr=198.51.100.1;x",
            "sip:b@10.10.0.10;x",
        ),
        (
            2,
            "sip:b@example.com;maddr=198.51.100.1",
            "sip:b@example.com;maddr=10.10.0.10",
        ),
        (
            3,
            "sip:b@example.com;maddr=192.0.2.9",
            "sip:b@example.com;maddr=192.0.2.9",
        ),
    ] {
        let got = lab.phone(&options(&format!("{via}{n}"), outside, ""));
        assert!(
            got.starts_with(&format!("OPTIONS {inside} SIP/2.0\n")),
            "{got}"
        );
        let ours = format!("Via: SIP/2.0/TCP 10.10.0.5:32768;branch=z9hG4bK{n}\n");
        assert!(got.contains(&ours), "{got}");
    }
}

#[test]
fn hosts_behind_the_server_are_hidden_and_come_back_to_it() {
    let mut lab = Lab::new();
    let message = "\
MESSAGE sip:1001@10.10.0.5:32768 SIP/2.0
Via: SIP/2.0/TCP 10.10.0.10;branch=z9hG4bKm
From: <sip:2001@10.10.0.77>;tag=s
To: \"x\" <sip:1001@[2001:db8::77]>
P-Asserted-Identity: <sip:2001@10.10.0.78>
Warning: 399 10.10.0.77:5060 \"a\", 307 [2001:db8::77] \"b\"
Call-ID: m
CSeq: 1 MESSAGE
Content-Length: 0

";
    let outside = lab.server(message);
    for line in [
        "From: <sip:2001@198.51.100.1>;tag=s\n",
        "To: \"x\" <sip:1001@198.51.100.1>\n",
        "P-Asserted-Identity: <sip:2001@198.51.100.1>\n",
        "Warning: 399 198.51.100.1 \"a\", 307 198.51.100.1 \"b\"\n",
    ] {
        assert!(outside.contains(line), "{outside}");
    }
    let inside = lab.phone(
        "SIP/2.0 200 OK\nVia: SIP/2.0/TLS 198.51.100.1:5061;branch=z9hG4bKm\n\
         From: <sip:2001@198.51.100.1>;tag=s\nTo: \"x\" <sip:1001@198.51.100.1>;tag=p\n\
         Call-ID: m\nCSeq: 1 MESSAGE\nContent-Length: 0\n\n",
    );
    assert!(
        inside.contains("From: <sip:2001@10.10.0.77>;tag=s\n"),
        "{inside}"
    );
    assert!(
        inside.contains("To: \"x\" <sip:1001@[2001:db8::77]>;tag=p\n"),
        "{inside}"
    );
}

#[test]
fn pings_cross_both_ways() {
    let mut lab = Lab::new();
    assert_eq!(lab.say_raw(Leg::Client, b"\r\n\r\n"), b"\r\n\r\n");
    assert_eq!(lab.say_raw(Leg::Server, b"\r\n"), b"\r\n");
    assert_eq!(lab.counted, [abi::Counter::SipKeepalives]);
}

#[test]
fn max_forwards_is_counted_down_where_configured() {
    let config = RawConfig {
        decrement_max_forwards: true,
        ..RawConfig::default()
    };
    let mut lab = Lab::with(Setup {
        config,
        ..Setup::default()
    });
    let via = "SIP/2.0/TLS 192.168.1.50:51234;branch=z9hG4bK1";
    let inside = lab.phone(&options(via, "sip:b@example.com", "Max-Forwards: 70\n"));
    assert!(inside.contains("Max-Forwards: 69\n"));
    let via = via.replace("4bK1", "4bK2");
    let refused = lab.phone(&options(&via, "sip:b@example.com", "Max-Forwards: 0\n"));
    assert_eq!(refused, "");
    assert!(
        lab.heard(Leg::Client)
            .starts_with("SIP/2.0 483 Too Many Hops\n")
    );
}
