//! Each side sees the proxy's addresses and no others, and gets its own words back.

use pipeline::Leg;
use proptest::prelude::*;

use super::Lab;
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
