//! Each side sees the proxy's addresses and no others, and gets its own words back.

use pipeline::{Input, Leg};
use proptest::prelude::*;

use super::Lab;
use super::lab::wire;
use super::peers::{
    by_phone, by_server, clear_answer, from_phone, from_server, secure_offer, with_sdp,
};
use super::{crypto_line, sdp};

/// Addresses that only one side may see, by side.
const INSIDE: [&str; 1] = ["10.10.0."];
const OUTSIDE: [&str; 3] = ["192.168.1.", "198.51.100.", "203.0.113."];

fn assert_hides(heard: &str, foreign: &[&str]) {
    for address in foreign {
        assert!(!heard.contains(address), "{address} in {heard}");
    }
}

fn play(lab: &mut Lab, steps: &[(Leg, String)]) {
    for (leg, text) in steps {
        let heard = lab.say(*leg, text);
        assert!(!heard.is_empty(), "{text}");
        match leg {
            Leg::Client => assert_hides(&heard, &OUTSIDE),
            Leg::Server => assert_hides(&heard, &INSIDE),
        }
    }
}

#[test]
fn no_side_sees_an_address_of_the_other() {
    let mut lab = Lab::new();
    let contact = with_sdp(&sdp(
        "192.168.1.50",
        4000,
        "SAVP",
        &crypto_line(1, "AES_CM_128_HMAC_SHA1_80", 'P'),
    ));
    let asserted = format!(
        "P-Asserted-Identity: <sip:2001@10.10.0.10>\n{}",
        clear_answer(5000)
    );
    play(
        &mut lab,
        &[
            (Leg::Client, from_phone("REGISTER 1 r", "")),
            (
                Leg::Server,
                by_server("200 OK", "REGISTER 1 r t", "").replace(
                    "Contact: <sip:2001@10.10.0.77:5070>",
                    "Contact: <sip:1001@10.10.0.5:32768;transport=tcp>",
                ),
            ),
            (
                Leg::Client,
                from_phone("INVITE 1 i", &secure_offer(4000, 'A')),
            ),
            (Leg::Server, by_server("180 Ringing", "INVITE 1 i s", "")),
            (Leg::Server, by_server("200 OK", "INVITE 1 i s", &asserted)),
            (Leg::Client, from_phone("ACK 1 a s", "")),
            (Leg::Client, from_phone("BYE 2 b s", "")),
            (Leg::Server, by_server("200 OK", "BYE 2 b s", "")),
            (
                Leg::Server,
                from_server("INVITE 1 i", &asserted).replacen(
                    "From:",
                    "Via: SIP/2.0/UDP 10.10.0.77\nFrom:",
                    1,
                ),
            ),
            (Leg::Client, by_phone("200 OK", "INVITE 1 i p", &contact)),
            (Leg::Server, from_server("ACK 1 a p", "")),
            (Leg::Server, from_server("BYE 2 b p", "")),
            (Leg::Client, by_phone("200 OK", "BYE 2 b p", "")),
        ],
    );
    lab.assert_quiet();
}

/// Hosts that a phone may write, with and without ports.
fn host() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "198.51.100.1",
        "198.51.100.1:5061",
        "198.51.100.1:5060",
        "192.168.1.50",
        "example.com",
        "[2001:db8::9]:5060",
        "192.0.2.200",
    ])
    .prop_map(str::to_owned)
}

fn params() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "",
        ";transport=tls",
        ";transport=udp;x",
        ";lr;user=phone",
    ])
    .prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn what_the_phone_wrote_comes_back_to_it_octet_for_octet(
        from in host(),
        to in host(),
        from_params in params(),
        spaces in 0usize..3,
        rest in "[;a-z=\"]{0,0}(;alias)?(;x=\"[a-z ,;]{0,8}\")?",
    ) {
        let mut lab = Lab::new();
        let gap = " ".repeat(spaces);
        let via = format!("SIP/2.0/TLS {gap}192.168.1.50:51234{gap};branch=z9hG4bKq{rest}");
        let from = format!("\"A, <x>\" <sip:1001@{from}{from_params}>{gap};tag=1");
        let to = format!("<sip:2001@{to}>");
        let request = lab.phone(&format!(
            "MESSAGE sip:2001@198.51.100.1 SIP/2.0\nVia: {via}\nFrom: {from}\nTo: {to}\n\
             Call-ID: q\nCSeq: 1 MESSAGE\nContent-Length: 0\n\n"
        ));
        let echoed: Vec<_> = request.lines().filter(|l| {
            ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].iter().any(|name| l.starts_with(name))
        }).collect();
        let response = lab.server(
            &format!("SIP/2.0 200 OK\n{}\nContent-Length: 0\n\n", echoed.join("\n")),
        );
        let wanted = format!("\nVia: {via}\nFrom: {from}\nTo: {to}\n");
        prop_assert!(response.contains(&wanted), "{}", response);
    }
}

/// What a side may put into its messages, with its own addresses for `HOST`.
const FIELDS: [&str; 24] = [
    "Contact: \"a, <b\" <sip:2001@HOST;alias=HOST~5060~1>;expires=60;received=\"sip:HOST:5060\"",
    "m: sip:2001@HOST:5060;x",
    "Contact: <sips:2001@HOST>,<sip:2002@example.com;maddr=HOST>;q=0.1",
    "Contact:\n <sip:2001@HOST;transport=tcp;gr=urn:uuid:1>;+sip.instance=\"<urn:uuid:1>\"",
    "Record-Route: <sip:HOST;lr;r2=on>, <sip:HOST:5080;lr;received=HOST>",
    "Service-Route  : <sip:HOST;lr>,<sip:example.com;lr>",
    "Path: <sip:HOST;lr;received=sip:HOST%3Btransport%3Dtcp>",
    "P-Asserted-Identity: \"x\" <sip:2001@HOST>, <tel:+1555>",
    "P-Preferred-Identity: <sips:2001@HOST;user=phone>",
    "Remote-Party-ID: \"\\\"\" <sip:2001@HOST>;party=calling",
    "r: <sip:2003@HOST?Replaces=a%3Bto-tag%3Db>",
    "Refer-To: sip:2003@HOST",
    "b: <sip:2001@HOST>",
    "Diversion: <sip:2002@HOST>;reason=busy, <sip:2004@HOST>",
    "History-Info: <sip:2002@HOST?Reason=x>;index=1, <sip:2004@HOST>;index=2",
    "P-Associated-URI: <sip:2001@HOST>",
    "P-Called-Party-ID: <sip:2001@HOST>",
    "P-Served-User: <sip:2001@HOST>;sescase=orig",
    "Call-Info: <sip:2001@HOST>;purpose=x",
    "Alert-Info: <sip:2001@HOST>",
    "Error-Info: <sip:2001@HOST>",
    "Reply-To: <sip:2001@HOST:5062>",
    "Warning: 399 HOST:5060 \"no\"",
    "Supported: replaces",
];

const ATTRIBUTES: [&str; 8] = [
    "a=rtcp:4001 IN IP4 HOST\n",
    "a=candidate:1 1 UDP 1 HOST 4000 typ host\n",
    "a=altc:1 IP4 HOST 4000\n",
    "a=source-filter: incl IN IP4 * HOST\n",
    "a=ssrc:1 cname:a@HOST\n",
    "m=video 4002 RTP/AVP 96\nc=IN IP4 HOST\n",
    "m=video 0 RTP/AVP 96\nc=IN IP4 HOST\na=rtcp:1 IN IP4 HOST\n",
    "m=application 9 UDP/BFCP *\nc=IN IP4 HOST\na=setup:actpass\n",
];

fn extras() -> impl Strategy<Value = (String, String)> {
    let fields = prop::collection::vec(prop::sample::select(FIELDS.to_vec()), 0..6);
    let attributes = prop::collection::vec(prop::sample::select(ATTRIBUTES.to_vec()), 0..4);
    (fields, attributes).prop_map(|(fields, attributes)| {
        let fields: String = fields.iter().map(|field| format!("{field}\n")).collect();
        (fields, attributes.concat())
    })
}

/// `text` with its `HOST`s one by one out of `own`, from `at` on.
fn filled(text: &str, own: &[&str], at: usize) -> String {
    let mut pieces = text.split("HOST");
    let first = pieces.next().unwrap().to_owned();
    let hosts = own.iter().cycle().skip(at);
    hosts
        .zip(pieces)
        .fold(first, |text, (host, piece)| text + host + piece)
}

/// `text` with more fields and, where it has a description, more attributes.
fn stuffed(text: &str, (fields, attributes): &(String, String)) -> String {
    let (start, rest) = text.split_once('\n').unwrap();
    let (via, rest) = rest.split_once('\n').unwrap();
    let params = if start.starts_with("SIP/") {
        ""
    } else {
        ";received=HOST;maddr=HOST"
    };
    let lower = "Via: SIP/2.0/UDP HOST;branch=z9hG4bKlow;received=HOST";
    let attributes = if rest.contains("m=audio") {
        attributes
    } else {
        ""
    };
    format!("{start}\n{via}{params}\n{lower}\n{fields}{rest}{attributes}")
}

proptest! {
    #[test]
    fn nothing_that_a_side_writes_shows_it_to_the_other(
        extras in prop::collection::vec(extras(), 10),
        at in 0usize..4,
        order in Just((0usize..10).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let steps = [
            (Leg::Client, from_phone("REGISTER 1 r", "")),
            (Leg::Server, by_server("200 OK", "REGISTER 1 r t", "")),
            (Leg::Client, from_phone("INVITE 1 i", &secure_offer(4000, 'A'))),
            (Leg::Server, by_server("183 Progress", "INVITE 1 i s", &clear_answer(5000))),
            (Leg::Server, by_server("302 Moved", "INVITE 1 i s", "")),
            (Leg::Server, from_server("INVITE 1 j", &clear_answer(5000))),
            (Leg::Client, by_phone("200 OK", "INVITE 1 j p", &secure_offer(4000, 'P'))),
            (Leg::Server, from_server("REFER 2 k p", "")),
            (Leg::Client, by_phone("302 Moved", "REFER 2 k p", "")),
            (Leg::Client, from_phone("NOTIFY 4 n s", "")),
        ];
        let mut lab = Lab::new();
        // In order and then in any, where most make no sense.
        for index in (0..10).chain(order) {
            let (leg, text) = &steps[index];
            let own: &[&str] = match leg {
                Leg::Client => &["192.168.1.50", "203.0.113.7", "198.51.100.1"],
                Leg::Server => &["10.10.0.10", "10.10.0.77", "10.10.0.5", "10.10.0.20"],
            };
            let said = filled(&stuffed(text, &extras[index]), own, at);
            lab.input(Input::Data { leg: *leg, bytes: &wire(&said) });
            assert_hides(&lab.heard(Leg::Server), &OUTSIDE);
            let outside = lab.heard(Leg::Client);
            // An answer of our own repeats the phone's words, which are no secret to it.
            assert_hides(&outside, &INSIDE);
        }
    }
}
