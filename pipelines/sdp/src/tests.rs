//! Whole descriptions in and out, as phones and call managers write them.

mod keys;
mod parsing;
mod rewriting;

use crate::Sdp;

/// The offer of a Cisco SIP phone with two keys, from the SIP reference's worked example.
pub(crate) const PHONE_OFFER: &str = "v=0\r\n\
    o=Cisco-SIPUA 11492 0 IN IP4 192.168.1.50\r\n\
    s=SIP Call\r\n\
    t=0 0\r\n\
    m=audio 24580 RTP/SAVP 0 8 101\r\n\
    c=IN IP4 192.168.1.50\r\n\
    a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n\
    a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj\r\n\
    a=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:8 PCMA/8000\r\n\
    a=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-15\r\n\
    a=sendrecv\r\n";

/// A session part with its address at session level, to which a test adds streams.
pub(crate) const HEAD: &str =
    "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n";

pub(crate) fn parse(text: &str) -> Sdp {
    Sdp::parse(text.as_bytes()).unwrap()
}

pub(crate) fn with_head(streams: &str) -> Sdp {
    parse(&format!("{HEAD}{streams}"))
}

pub(crate) fn text(sdp: &Sdp) -> String {
    String::from_utf8(sdp.to_bytes().to_vec()).unwrap()
}
