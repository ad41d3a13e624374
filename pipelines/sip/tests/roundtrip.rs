//! Properties: whatever comes in, nothing panics; however it is cut, the same comes out.

use proptest::prelude::*;
use sip::{Edits, Framer, FramingError, Limits, Message, Name, Parsed};

const INVITE: &[u8] = include_bytes!("../../../tests/vectors/sip/wsinv.dat");
const MULTIPART: &[u8] = include_bytes!("../../../tests/vectors/sip/mpart01.dat");

/// Everything that the framer says of a stream that comes in the given pieces, blank lines
/// added up.
fn read_all(pieces: &[&[u8]], limits: Limits) -> (Vec<Vec<u8>>, usize, Option<FramingError>) {
    let mut framer = Framer::new(limits);
    let (mut frames, mut lines) = (Vec::new(), 0);
    for piece in pieces {
        let mut input = *piece;
        loop {
            match framer.read(&mut input) {
                Ok(Parsed::Need(n)) => {
                    assert!(n > 0 && input.is_empty());
                    break;
                }
                Ok(Parsed::Blank { lines: n, .. }) => lines += n,
                Ok(Parsed::Frame(frame)) => frames.push(frame.bytes().to_vec()),
                Err(error) => return (frames, lines, Some(error)),
            }
        }
    }
    (frames, lines, None)
}

/// Touches everything that reads a message.
fn exercise(bytes: &[u8]) {
    let mut input = bytes;
    let mut framer = Framer::new(Limits::default());
    while let Ok(Parsed::Frame(frame)) = framer.read(&mut input) {
        let _ = frame.parts();
        let _ = sip::reply::to_request(&frame, 400, "Bad Request", "x");
        if let Ok(message) = Message::parse(frame) {
            for name in [Name::Contact, Name::Route, Name::RecordRoute, Name::ReferTo] {
                let _ = message.addresses(name);
            }
            for via in message.vias() {
                let _ = sip::Via::parse(message.bytes(), *via);
            }
            assert_eq!(message.render(Edits::new()), message.bytes());
            let _ = sip::request::cancel(&message);
            let _ = sip::request::ack_refusal(&message, &message);
            let _ = sip::request::bye(&message, "SIP/2.0/TCP 192.0.2.1;branch=z9hG4bKx");
        }
    }
}

fn pieces<'a>(stream: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|c| c.index(stream.len() + 1)).collect();
    at.extend([0, stream.len()]);
    at.sort_unstable();
    let pairs = at.iter().zip(at.iter().skip(1));
    pairs
        .filter_map(|(from, to)| stream.get(*from..*to))
        .collect()
}

proptest! {
    #[test]
    fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        exercise(&bytes);
    }

    #[test]
    fn no_damage_to_a_message_panics(
        which in prop::sample::select(vec![INVITE, MULTIPART]),
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let mut bytes = which.to_vec();
        for (at, value) in hits {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        exercise(&bytes);
    }

    #[test]
    fn no_header_text_panics(value in "[ -~\r\n\t]{0,80}", name in "(Via|To|Contact|CSeq|c|Route)") {
        let text = String::from_utf8_lossy(INVITE)
            .replace("\r\nCall-ID", &format!("\r\n{name}: {value}\r\nCall-ID"));
        exercise(text.as_bytes());
    }

    #[test]
    fn cutting_the_stream_changes_nothing(
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        blanks in 0usize..5,
    ) {
        let stream = [INVITE, "\r\n".repeat(blanks).as_bytes(), MULTIPART].concat();
        let whole = read_all(&[&stream], Limits::default());
        prop_assert_eq!(&whole.0, &[INVITE.to_vec(), MULTIPART.to_vec()]);
        prop_assert_eq!(whole.1, blanks);
        prop_assert_eq!(read_all(&pieces(&stream, &cuts), Limits::default()), whole);
    }

    #[test]
    fn octet_by_octet_is_the_same(garbage in prop::collection::vec(any::<u8>(), 0..50)) {
        let stream = [INVITE, &garbage].concat();
        let single: Vec<&[u8]> = stream.chunks(1).collect();
        let limits = Limits::default();
        prop_assert_eq!(read_all(&single, limits), read_all(&[&stream], limits));
    }

    #[test]
    fn body_of_any_length_is_measured(body in prop::collection::vec(any::<u8>(), 0..500)) {
        let mut input = INVITE;
        let Ok(Parsed::Frame(frame)) = Framer::new(Limits::default()).read(&mut input) else {
            panic!("the vector parses");
        };
        let mut edits = Edits::new();
        edits.replace(frame.body(), body.clone());
        let written = frame.render(edits);
        let (frames, _, error) = read_all(&[&written], Limits::default());
        prop_assert!(error.is_none());
        prop_assert_eq!(&frames, &core::slice::from_ref(&written));
        prop_assert!(written.ends_with(&body));
    }
}
