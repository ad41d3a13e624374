//! SIP and SDP.

use core::net::{Ipv4Addr, SocketAddr};

use sdp::{Endpoint, Sdp};
use sip::{Edits, Frame, Framer, Limits, Message, Name, Parsed, Via, reply, request};

use crate::input::Input;

/// A stream of messages, whole and in pieces, each looked at from all sides and rewritten.
pub(crate) fn sip(data: &[u8]) {
    let mut input = Input::new(data);
    let how = input.u8();
    let stream = input.rest();
    let limits = Limits {
        lenient: how & 1 == 1,
        ..Limits::default()
    };
    let whole = read([stream], limits);
    let size = usize::from(how >> 1).max(1);
    assert_eq!(read(stream.chunks(size), limits), whole, "pieces of {size}");
    let (frames, ..) = whole;
    for frame in frames {
        look_at(frame);
    }
}

/// Messages, blank lines, and whether the stream is lost.
fn read<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    limits: Limits,
) -> (Vec<Frame>, usize, bool) {
    let mut framer = Framer::new(limits);
    let (mut frames, mut blank) = (Vec::new(), 0);
    for piece in pieces {
        let mut rest = piece;
        loop {
            match framer.read(&mut rest) {
                Ok(Parsed::Need(lacking)) => {
                    assert!(lacking > 0 && rest.is_empty());
                    assert!(framer.held() <= limits.message);
                    break;
                }
                Ok(Parsed::Blank { lines, .. }) => blank += lines,
                Ok(Parsed::Frame(frame)) => frames.push(frame),
                // Blank lines right before may or may not have been told of.
                Err(_) => return (frames, 0, true),
            }
        }
    }
    (frames, blank, false)
}

fn look_at(frame: Frame) {
    let _ = frame.parts();
    if let Some(answer) = reply::to_request(&frame, 400, "Bad Request", "x") {
        check_written(&answer);
    }
    let Ok(message) = Message::parse(frame) else {
        return;
    };
    let bytes = message.bytes();
    for name in [Name::Contact, Name::Route, Name::RecordRoute, Name::ReferTo] {
        let _ = message.addresses(name);
    }
    for via in message.vias() {
        let _ = Via::parse(bytes, *via);
    }
    assert_eq!(message.render(Edits::new()), bytes);
    let mut edits = Edits::new();
    if let Some(call_id) = message.frame().value(Name::CallId) {
        edits.replace(call_id, "other");
    }
    edits.insert(bytes.len(), "v=0\r\n");
    check_written(&message.render(edits));
    let via = "SIP/2.0/TCP 192.0.2.1;branch=z9hG4bKx";
    let written = [
        request::cancel(&message),
        request::ack_refusal(&message, &message),
        request::bye(&message, via),
        request::ack_success(&message, via),
    ];
    for octets in written.into_iter().flatten() {
        check_written(&octets);
    }
}

/// What we write is one message, and nothing is left over.
fn check_written(octets: &[u8]) {
    let limits = Limits {
        header_block: 1 << 20,
        line: 1 << 20,
        headers: 1 << 12,
        message: 1 << 21,
        lenient: false,
    };
    let (frames, blank, lost) = read([octets], limits);
    assert!(frames.len() == 1 && blank == 0 && !lost);
}

/// A description, read and rewritten as the proxy does.
pub(crate) fn sdp(data: &[u8]) {
    let Ok(mut sdp) = Sdp::parse(data) else {
        return;
    };
    let _ = sdp.origin();
    for index in 0..=sdp.media().len() {
        let _ = (
            sdp.endpoint(index),
            sdp.direction(index),
            sdp.connection(index),
        );
    }
    let address = Ipv4Addr::new(192, 0, 2, 1).into();
    let ours = |port| Endpoint::with_next_port(SocketAddr::new(address, port));
    let streams: Vec<_> = (20_000..)
        .step_by(2)
        .map(ours)
        .take(sdp.media().len())
        .collect();
    for media in sdp.media_mut() {
        if let Ok(cryptos) = media.cryptos() {
            media.remove_cryptos();
            for crypto in cryptos.into_iter().flatten() {
                media.push_crypto(&crypto);
            }
        }
        let _ = media.formats().count();
        let _ = media.set_secure(true);
        media.remove_rtcp_mux();
    }
    sdp.rewrite_addresses(address, &streams);
    sdp.strip_unproxied();
    let octets = sdp.to_bytes();
    assert_eq!(octets.len(), sdp.encoded_len());
    if octets.len() <= sdp::MAX_LEN {
        let again = Sdp::parse(&octets).expect("what was written parses");
        assert_eq!(again.media().len(), streams.len());
    }
}
