//! Properties: no input panics, what parses is written back, and rewriting leaves a description
//! that parses and says what was asked.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use proptest::prelude::*;
use sdp::{Endpoint, Sdp};

/// Lines that reach deep into the parser, with a wild one now and then.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("s=-".to_owned()),
        Just("c=IN IP4 192.0.2.1".to_owned()),
        Just("c=IN IP6 2001:db8::1".to_owned()),
        Just("c=IN IP4 0.0.0.0".to_owned()),
        (0u16.., 0u16..3).prop_map(|(p, n)| format!("m=audio {p}/{n} RTP/SAVP 0 8")),
        (0u16..).prop_map(|p| format!("m=video {p} RTP/AVPF 96")),
        (0u16..).prop_map(|p| format!("a=rtcp:{p} IN IP4 192.0.2.7")),
        "a=crypto:[0-9]{1,3} AES_CM_128_HMAC_SHA1_80 inline:[A-Za-z0-9+/]{38,41}(\\|2\\^[0-9]{1,2})?",
        "a=(sendonly|inactive|rtcp-mux|group:BUNDLE 0|candidate:1 1 UDP)",
        "[a-z]=[ -~]{0,40}",
        "\\PC{0,20}",
    ]
}

fn description() -> impl Strategy<Value = String> {
    proptest::collection::vec(line(), 0..20).prop_map(|lines| {
        let mut text = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n".to_owned();
        for line in lines {
            text.push_str(&line);
            text.push_str("\r\n");
        }
        text
    })
}

fn exercise(sdp: &mut Sdp) {
    let _ = sdp.origin();
    for index in 0..=sdp.media().len() {
        let _ = (
            sdp.endpoint(index),
            sdp.direction(index),
            sdp.connection(index),
        );
    }
    for media in sdp.media_mut() {
        let _ = (
            media.cryptos(),
            media.formats().count(),
            media.set_secure(true),
        );
    }
    sdp.strip_unproxied();
}

proptest! {
    #[test]
    fn no_octets_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        if let Ok(mut sdp) = Sdp::parse(&bytes) {
            exercise(&mut sdp);
        }
    }

    #[test]
    fn what_parses_is_written_back(text in description()) {
        if let Ok(mut sdp) = Sdp::parse(text.as_bytes()) {
            let wanted = format!("{}\r\n", text.trim_end_matches(['\r', '\n']));
            prop_assert_eq!(&sdp.to_bytes()[..], wanted.as_bytes());
            exercise(&mut sdp);
            let out = sdp.to_bytes();
            prop_assert_eq!(out.len(), sdp.encoded_len());
            prop_assert!(Sdp::parse(&out).is_ok());
        }
    }

    #[test]
    fn rewritten_streams_have_the_endpoints_asked_for(text in description(), base in 1024u16..60000) {
        if let Ok(mut sdp) = Sdp::parse(text.as_bytes()) {
            let ours = |i: usize| -> Option<Endpoint> {
                let port = base + 2 * u16::try_from(i).unwrap();
                let ip = Ipv4Addr::new(198, 51, 100, u8::try_from(i % 2).unwrap() + 1);
                Endpoint::with_next_port(SocketAddr::new(IpAddr::V4(ip), port))
            };
            let streams: Vec<_> = (0..sdp.media().len()).map(ours).collect();
            let held: Vec<_> = (0..sdp.media().len())
                .map(|i| sdp.connection(i) == Ok(sdp::Connection::Unspecified))
                .collect();
            sdp.rewrite_addresses(Ipv4Addr::new(198, 51, 100, 1).into(), &streams);
            let again = Sdp::parse(&sdp.to_bytes()).unwrap();
            for (i, media) in again.media().iter().enumerate() {
                if media.is_rejected() {
                    continue;
                }
                let got = again.endpoint(i).unwrap();
                prop_assert_eq!(got.rtp.port(), streams[i].unwrap().rtp.port());
                if !held[i] {
                    prop_assert_eq!(Some(got), streams[i]);
                }
            }
        }
    }
}
