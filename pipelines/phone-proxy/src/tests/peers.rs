//! What the phone and the server say in two calls: one that the phone makes (`Call-ID: out`) and
//! one that it gets (`Call-ID: in`).
//!
//! A transaction is written `<method> <CSeq> <branch> [<To tag>]`; `rest` ends the head and holds
//! the body.

use super::{Lab, crypto_line, sdp};

const SUITE: &str = "AES_CM_128_HMAC_SHA1_80";

struct Named<'a> {
    method: &'a str,
    number: &'a str,
    branch: &'a str,
    to_tag: String,
    rest: &'a str,
}

fn read<'a>(transaction: &'a str, rest: &'a str) -> Named<'a> {
    let mut words = transaction.split(' ');
    let mut next = || words.next().unwrap();
    let (method, number, branch) = (next(), next(), next());
    let to_tag = words
        .next()
        .map(|tag| format!(";tag={tag}"))
        .unwrap_or_default();
    let rest = if rest.is_empty() {
        "Content-Length: 0\n\n"
    } else {
        rest
    };
    Named {
        method,
        number,
        branch,
        to_tag,
        rest,
    }
}

/// A request of the phone's in the call that it makes.
pub(super) fn from_phone(transaction: &str, rest: &str) -> String {
    let Named {
        method,
        number,
        branch,
        to_tag,
        rest,
    } = read(transaction, rest);
    format!(
        "{method} sip:2001@198.51.100.1 SIP/2.0\n\
         Via: SIP/2.0/TLS 192.168.1.50:51234;branch=z9hG4bK{branch}\n\
         From: <sip:1001@198.51.100.1>;tag=p\nTo: <sip:2001@198.51.100.1>{to_tag}\n\
         Call-ID: out\nCSeq: {number} {method}\n\
         Contact: <sip:1001@192.168.1.50:51234;transport=tls>\n{rest}"
    )
}

/// The server's response to it.
pub(super) fn by_server(status: &str, transaction: &str, rest: &str) -> String {
    let Named {
        method,
        number,
        branch,
        to_tag,
        rest,
    } = read(transaction, rest);
    format!(
        "SIP/2.0 {status}\nVia: SIP/2.0/TCP 10.10.0.5:32768;branch=z9hG4bK{branch}\n\
         From: <sip:1001@10.10.0.10>;tag=p\nTo: <sip:2001@10.10.0.10>{to_tag}\n\
         Call-ID: out\nCSeq: {number} {method}\nContact: <sip:2001@10.10.0.77:5070>\n\
         Record-Route: <sip:10.10.0.10;transport=tcp;lr;r2=on>, <sip:10.10.0.10;lr;r2=on>\n{rest}"
    )
}

/// A request of the server's in the call to the phone.
pub(super) fn from_server(transaction: &str, rest: &str) -> String {
    let Named {
        method,
        number,
        branch,
        to_tag,
        rest,
    } = read(transaction, rest);
    format!(
        "{method} sip:1001@10.10.0.5:32768;transport=tcp SIP/2.0\n\
         Via: SIP/2.0/TCP 10.10.0.10;branch=z9hG4bK{branch}\n\
         Record-Route: <sip:10.10.0.10;transport=tcp;lr>\n\
         From: <sip:2001@10.10.0.10>;tag=s\nTo: <sip:1001@10.10.0.10>{to_tag}\n\
         Call-ID: in\nCSeq: {number} {method}\nContact: <sip:2001@10.10.0.77>\n{rest}"
    )
}

/// The phone's response to it.
pub(super) fn by_phone(status: &str, transaction: &str, rest: &str) -> String {
    let Named {
        method,
        number,
        branch,
        to_tag,
        rest,
    } = read(transaction, rest);
    format!(
        "SIP/2.0 {status}\nVia: SIP/2.0/TLS 198.51.100.1:5061;branch=z9hG4bK{branch}\n\
         Record-Route: <sip:198.51.100.1:5061;transport=tls;lr>\n\
         From: <sip:2001@198.51.100.1>;tag=s\nTo: <sip:1001@198.51.100.1>{to_tag}\n\
         Call-ID: in\nCSeq: {number} {method}\n\
         Contact: <sip:1001@192.168.1.50:51234;transport=tls>\n{rest}"
    )
}

pub(super) fn with_sdp(sdp: &str) -> String {
    format!("Content-Type: application/sdp\nContent-Length: @\n\n{sdp}")
}

pub(super) fn secure_offer(port: u16, letter: char) -> String {
    let crypto = crypto_line(1, SUITE, letter);
    with_sdp(&sdp("192.168.1.50", port, "SAVP", &crypto))
}

pub(super) fn clear_answer(port: u16) -> String {
    with_sdp(&sdp("10.10.0.77", port, "AVP", ""))
}

/// The phone calls and is answered.
pub(super) fn talking() -> Lab {
    let mut lab = Lab::new();
    lab.phone(&from_phone("INVITE 1 i", &secure_offer(4000, 'A')));
    lab.server(&by_server("200 OK", "INVITE 1 i s", &clear_answer(5000)));
    lab.phone(&from_phone("ACK 1 a s", ""));
    lab
}
