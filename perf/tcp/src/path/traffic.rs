//! What phones say and the call manager answers.

use std::fmt;

/// A kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// The keepalive of RFC 5626 §3.5.1: two empty lines, answered with one.
    Keepalive,
    /// OPTIONS, answered 200.
    Options,
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keepalive => "keepalive",
            Self::Options => "OPTIONS",
        })
    }
}

impl Traffic {
    /// Message number `serial` of phone `n`.
    pub(crate) fn request(self, n: usize, serial: u64) -> Vec<u8> {
        if self == Self::Keepalive {
            return b"\r\n\r\n".to_vec();
        }
        format!(
            "OPTIONS sip:192.0.2.10 SIP/2.0\r\n\
             Via: SIP/2.0/TCP 198.51.100.20:5060;branch=z9hG4bK{n}.{serial}\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:{n}@192.0.2.10>;tag={n}\r\n\
             To: <sip:{n}@192.0.2.10>\r\n\
             Call-ID: {n}@198.51.100.20\r\n\
             CSeq: {serial} OPTIONS\r\n\
             Content-Length: 0\r\n\r\n"
        )
        .into_bytes()
    }

    /// The call manager's answer to what it has heard.
    pub(crate) fn answer(self, heard: &[u8]) -> Vec<u8> {
        if self == Self::Keepalive {
            return b"\r\n".to_vec();
        }
        let heard = String::from_utf8_lossy(heard);
        assert!(
            heard.starts_with("OPTIONS ") && heard.ends_with("\r\n\r\n"),
            "{heard}"
        );
        let echoed = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
        let mut answer = "SIP/2.0 200 OK\r\n".to_owned();
        for line in heard.split_inclusive("\r\n") {
            if echoed.iter().any(|name| line.starts_with(name)) {
                answer.push_str(line);
            }
        }
        answer.push_str("Content-Length: 0\r\n\r\n");
        answer.into_bytes()
    }
}
