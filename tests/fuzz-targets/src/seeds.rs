//! Good inputs, from which the fuzzer starts.

use std::fs;
use std::path::{Path, PathBuf};

use abi::policy::{KeyId, PolicyImage};
use abi::secrets::{self, Request, Secret};
use abi::{BootId, LayoutId};
use registry::AppOptions;

/// A description as phones offer it.
const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 203.0.113.7\r\ns=-\r\nc=IN IP4 203.0.113.7\r\nt=0 0\r\n\
    m=audio 30000 RTP/SAVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=rtcp:30001\r\n\
    a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4\r\n\
    a=sendrecv\r\n";

/// The same in clear, from inside.
const ANSWER: &str = "v=0\r\no=- 2 1 IN IP4 192.0.2.20\r\ns=-\r\nc=IN IP4 192.0.2.20\r\nt=0 0\r\n\
    m=audio 40000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";

/// Good inputs for the target called `name`, if it has any: what it takes is best described by
/// its code.
#[must_use]
pub fn seeds(name: &str) -> Vec<Vec<u8>> {
    match name {
        "admin_frame" => vec![framed(br#"{"Status":null}"#), framed(br#""Status""#)],
        "phone_proxy" => vec![registration(), call(), call_from_inside()],
        "policy_image" => images(),
        "policy_yaml" => ["docs/ucproxy.example.yaml", "tests/e2e/config/ucproxy.yaml"]
            .iter()
            .filter_map(|path| fs::read(root().join(path)).ok())
            .collect(),
        "sdp" => [OFFER, ANSWER].map(Into::into).to_vec(),
        "secrets" => vec![keys()],
        "sip" => torture(),
        "tcp_legs" => vec![[14, 0, 0xff, 18, 1, 0, 2, 0, 1, 22, 1, 0].repeat(8)],
        "tls_handshake" => vec![vec![0; 64], [0, 9].repeat(32)],
        _ => Vec::new(),
    }
}

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// Messages of RFC 4475, each with an octet in front that says how to read it.
fn torture() -> Vec<Vec<u8>> {
    let entries = fs::read_dir(root().join("tests/vectors/sip"));
    let paths = entries.into_iter().flatten().flatten().map(|e| e.path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|e| e == "dat"))
        .collect();
    paths.sort();
    let texts = paths.into_iter().filter_map(|path| fs::read(path).ok());
    texts.map(|text| [&[32], &text[..]].concat()).collect()
}

fn framed(body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).unwrap_or(u32::MAX);
    [&len.to_be_bytes(), body].concat()
}

fn keys() -> Vec<u8> {
    let request = Request::PutKeys {
        layout: LayoutId::OURS,
        boot: BootId(7),
        keys: vec![Secret {
            id: KeyId([7; 32]),
            der: vec![1, 2, 3],
        }],
    };
    let framed = secrets::encode(&request).unwrap_or_default();
    framed.get(4..).unwrap_or_default().to_vec()
}

/// An empty image, and the options of every application.
fn images() -> Vec<Vec<u8>> {
    let configs = registry::APPS.iter().filter_map(|app| {
        let options = AppOptions::default_of(app.name)?;
        Some(options.check().ok()?.encode())
    });
    configs
        .chain(PolicyImage::default().encode().ok())
        .collect()
}

/// Steps of `phone_proxy`: octets from the phone (0) or the server (1).
fn says(leg: u8, message: &str) -> Vec<u8> {
    let len = u16::try_from(message.len()).unwrap_or(u16::MAX);
    [&[leg], &len.to_be_bytes()[..], message.as_bytes()].concat()
}

/// A message of the phone's (on leg 0) or to it; `line` is the start line.
fn message(line: &str, cseq: &str, to_tag: &str, headers: &str, body: &str) -> String {
    let kind = if body.is_empty() {
        ""
    } else {
        "Content-Type: application/sdp\r\n"
    };
    format!(
        "{line}\r\nVia: SIP/2.0/TLS 203.0.113.7:61000;branch=z9hG4bK{}\r\nMax-Forwards: 70\r\n\
         From: <sip:100@198.51.100.1>;tag=a\r\nTo: <sip:200@198.51.100.1>{to_tag}\r\n\
         Call-ID: x@203.0.113.7\r\nCSeq: {cseq}\r\n{headers}{kind}Content-Length: {}\r\n\r\n{body}",
        cseq.replace(' ', ""),
        body.len()
    )
}

const PHONE: &str = "Contact: <sip:100@203.0.113.7:61000;transport=tls>\r\n";
const SERVER: &str = "Contact: <sip:200@192.0.2.10:5060;transport=tcp>\r\n";

fn registration() -> Vec<u8> {
    let (uri, cseq) = ("REGISTER sip:198.51.100.1 SIP/2.0", "1 REGISTER");
    let ok = "SIP/2.0 200 OK";
    [
        vec![0],
        says(0, &message(uri, cseq, "", PHONE, "")),
        says(1, &message(ok, cseq, ";tag=b", PHONE, "")),
    ]
    .concat()
}

fn call() -> Vec<u8> {
    let invite = "INVITE sip:200@198.51.100.1 SIP/2.0";
    let in_dialog = |method: &str| format!("{method} sip:200@198.51.100.1:5061 SIP/2.0");
    let ok = "SIP/2.0 200 OK";
    [
        vec![0],
        says(0, &message(invite, "1 INVITE", "", PHONE, OFFER)),
        says(1, &message("SIP/2.0 100 Trying", "1 INVITE", "", "", "")),
        says(
            1,
            &message("SIP/2.0 180 Ringing", "1 INVITE", ";tag=b", SERVER, ""),
        ),
        says(1, &message(ok, "1 INVITE", ";tag=b", SERVER, ANSWER)),
        says(0, &message(&in_dialog("ACK"), "1 ACK", ";tag=b", "", "")),
        says(
            0,
            &message(&in_dialog("INVITE"), "2 INVITE", ";tag=b", PHONE, OFFER),
        ),
        says(1, &message(ok, "2 INVITE", ";tag=b", SERVER, ANSWER)),
        says(0, &message(&in_dialog("ACK"), "2 ACK", ";tag=b", "", "")),
        says(0, &message(&in_dialog("BYE"), "3 BYE", ";tag=b", "", "")),
        says(1, &message(ok, "3 BYE", ";tag=b", "", "")),
    ]
    .concat()
}

fn call_from_inside() -> Vec<u8> {
    let invite = "INVITE sip:100@203.0.113.7:61000;transport=tls SIP/2.0";
    [
        vec![0],
        says(
            0,
            &message(
                "REGISTER sip:198.51.100.1 SIP/2.0",
                "1 REGISTER",
                "",
                PHONE,
                "",
            ),
        ),
        says(
            1,
            &message("SIP/2.0 200 OK", "1 REGISTER", ";tag=b", PHONE, ""),
        ),
        says(1, &message(invite, "7 INVITE", "", SERVER, ANSWER)),
        says(
            0,
            &message(
                "SIP/2.0 183 Session Progress",
                "7 INVITE",
                ";tag=c",
                PHONE,
                OFFER,
            ),
        ),
        says(
            1,
            &message(&invite.replace("INVITE", "CANCEL"), "7 CANCEL", "", "", ""),
        ),
        says(
            0,
            &message(
                "SIP/2.0 487 Request Terminated",
                "7 INVITE",
                ";tag=c",
                "",
                "",
            ),
        ),
    ]
    .concat()
}
