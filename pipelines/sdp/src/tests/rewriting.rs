use core::net::{IpAddr, SocketAddr};

use super::*;
use crate::{Cause, Crypto, Endpoint, KeySalt, Suite};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// RTP at `rtp`, RTCP at the next port.
fn pair(rtp: &str) -> Option<Endpoint> {
    Endpoint::with_next_port(rtp.parse::<SocketAddr>().unwrap())
}

#[test]
fn phone_offer_becomes_the_clear_offer_of_the_worked_example() {
    let mut sdp = parse(PHONE_OFFER);
    sdp.rewrite_addresses(ip("10.10.0.5"), &[pair("10.10.0.5:20010")]);
    sdp.media_mut()[0].set_secure(false).unwrap();
    assert_eq!(sdp.media_mut()[0].remove_cryptos(), 2);
    let wanted = "v=0\r\no=Cisco-SIPUA 11492 0 IN IP4 10.10.0.5\r\ns=SIP Call\r\nt=0 0\r\n\
        m=audio 20010 RTP/AVP 0 8 101\r\nc=IN IP4 10.10.0.5\r\na=rtpmap:0 PCMU/8000\r\n\
        a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n\
        a=sendrecv\r\n";
    assert_eq!(text(&sdp), wanted);
    assert_eq!(sdp.encoded_len(), wanted.len());
}

#[test]
fn clear_answer_becomes_secure_with_our_key_ahead_of_other_attributes() {
    let mut sdp = with_head("m=audio 4000 RTP/AVP 0\r\nb=AS:64\r\na=rtpmap:0 PCMU/8000\r\n");
    let audio = &mut sdp.media_mut()[0];
    audio.set_secure(true).unwrap();
    let suite = Suite::AesCm128HmacSha1_80;
    for tag in [1, 2] {
        audio.push_crypto(&Crypto::new(
            tag,
            suite,
            KeySalt::new(suite, &[0; 30]).unwrap(),
        ));
    }
    let key = "A".repeat(40);
    let wanted = format!(
        "m=audio 4000 RTP/SAVP 0\r\nb=AS:64\r\n\
         a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}\r\n\
         a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:{key}\r\na=rtpmap:0 PCMU/8000\r\n"
    );
    assert_eq!(text(&sdp), format!("{HEAD}{wanted}"));
}

#[test]
fn profiles_change_within_their_family_only() {
    for (clear, secure) in [("RTP/AVP", "RTP/SAVP"), ("RTP/AVPF", "RTP/SAVPF")] {
        let mut sdp = with_head(&format!("m=video 4000 {clear} 96\r\n"));
        let media = &mut sdp.media_mut()[0];
        media.set_secure(true).unwrap();
        assert!(media.proto().is_sdes());
        assert_eq!(media.proto_text(), secure.as_bytes());
        media.set_secure(false).unwrap();
        assert_eq!(media.proto_text(), clear.as_bytes());
    }
    for other in ["udptl", "UDP/TLS/RTP/SAVPF", "TCP/MSRP"] {
        let mut sdp = with_head(&format!("m=image 4000 {other} t38\r\n"));
        assert_eq!(
            sdp.media_mut()[0].set_secure(true).unwrap_err().cause,
            Cause::NotRtp
        );
    }
}

#[test]
fn session_address_serves_all_streams_that_share_it() {
    let mut sdp = with_head("m=audio 4000 RTP/AVP 0\r\nm=video 4002 RTP/AVP 96\r\n");
    sdp.rewrite_addresses(
        ip("198.51.100.1"),
        &[pair("198.51.100.2:6000"), pair("198.51.100.2:6002")],
    );
    let wanted = "v=0\r\no=- 1 2 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.2\r\nt=0 0\r\n\
        m=audio 6000 RTP/AVP 0\r\nm=video 6002 RTP/AVP 96\r\n";
    assert_eq!(text(&sdp), wanted);
}

#[test]
fn streams_with_different_addresses_get_their_own_connection() {
    let mut sdp = with_head(
        "m=audio 4000 RTP/AVP 0\r\ni=title\r\na=x\r\n\
         m=video 4002 RTP/AVP 96\r\ni=title\r\nb=AS:9\r\n\
         m=video 4004 RTP/AVP 96\r\n",
    );
    sdp.rewrite_addresses(
        ip("198.51.100.1"),
        &[pair("198.51.100.2:6000"), pair("[2001:db8::2]:6002"), None],
    );
    assert!(text(&sdp).ends_with(
        "c=IN IP4 198.51.100.2\r\nt=0 0\r\n\
         m=audio 6000 RTP/AVP 0\r\ni=title\r\na=x\r\n\
         m=video 6002 RTP/AVP 96\r\ni=title\r\nc=IN IP6 2001:db8::2\r\nb=AS:9\r\n\
         m=video 4004 RTP/AVP 96\r\nc=IN IP4 192.0.2.1\r\n"
    ));
}

#[test]
fn hold_address_stays_and_its_port_is_ours() {
    let own = "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n";
    let mut sdp = with_head(own);
    sdp.rewrite_addresses(ip("198.51.100.1"), &[pair("198.51.100.2:6000")]);
    assert!(text(&sdp).ends_with("m=audio 6000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n"));
    let mut session = parse(
        "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nm=audio 4000 RTP/AVP 0\r\n",
    );
    session.rewrite_addresses(ip("198.51.100.1"), &[pair("198.51.100.2:6000")]);
    assert!(text(&session).ends_with("c=IN IP4 0.0.0.0\r\nm=audio 6000 RTP/AVP 0\r\n"));
}

#[test]
fn rejected_stream_keeps_port_zero_and_shows_no_foreign_address() {
    let mut sdp = parse(
        "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nm=audio 4000 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\n\
         m=video 0 RTP/AVP 96\r\nc=IN IP4 192.0.2.1\r\na=rtcp:5 IN IP4 192.0.2.1\r\n",
    );
    sdp.rewrite_addresses(ip("198.51.100.1"), &[pair("198.51.100.2:6000"), None]);
    let out = text(&sdp);
    assert!(!out.contains("192.0.2.1"), "{out}");
    assert!(out.contains("m=video 0 RTP/AVP 96"));
}

#[test]
fn reject_switches_a_stream_off() {
    let mut sdp = parse(PHONE_OFFER);
    sdp.media_mut()[0].reject();
    assert!(sdp.media()[0].is_rejected());
    assert!(!sdp.media()[0].has_crypto());
    assert!(text(&sdp).contains("m=audio 0 RTP/SAVP 0 8 101\r\n"));
}

#[test]
fn rtcp_attribute_follows_the_endpoint() {
    let rewritten = |tail: &str, to: Endpoint| {
        let mut sdp = with_head(&format!("m=audio 4000 RTP/AVP 0\r\n{tail}"));
        sdp.rewrite_addresses(ip("198.51.100.1"), &[Some(to)]);
        let out = text(&sdp);
        out.split_once("RTP/AVP 0\r\n").unwrap().1.to_owned()
    };
    let next = pair("198.51.100.2:6000").unwrap();
    let apart = Endpoint {
        rtcp: "198.51.100.2:7777".parse().unwrap(),
        ..next
    };
    let elsewhere = Endpoint {
        rtcp: "198.51.100.3:7777".parse().unwrap(),
        ..next
    };
    assert_eq!(rewritten("", next), "");
    assert_eq!(rewritten("a=rtcp:4001\r\n", next), "a=rtcp:6001\r\n");
    assert_eq!(
        rewritten("a=rtcp:4001 IN IP4 192.0.2.1\r\n", next),
        "a=rtcp:6001 IN IP4 198.51.100.2\r\n"
    );
    assert_eq!(rewritten("a=x\r\n", apart), "a=rtcp:7777\r\na=x\r\n");
    assert_eq!(
        rewritten("", elsewhere),
        "a=rtcp:7777 IN IP4 198.51.100.3\r\n"
    );
    assert_eq!(
        rewritten("a=rtcp:1\r\na=x\r\na=rtcp:2\r\n", apart),
        "a=rtcp:7777\r\na=x\r\n"
    );
    assert_eq!(
        rewritten("a=rtcp-mux\r\n", Endpoint::muxed(next.rtp)),
        "a=rtcp-mux\r\n"
    );
}

#[test]
fn mux_can_be_taken_out() {
    let mut sdp = with_head("m=audio 4000 RTP/AVP 0\r\na=rtcp-mux\r\na=rtcp-mux-only\r\n");
    assert!(sdp.media()[0].has_rtcp_mux());
    sdp.media_mut()[0].remove_rtcp_mux();
    assert_eq!(text(&sdp), format!("{HEAD}m=audio 4000 RTP/AVP 0\r\n"));
}

#[test]
fn what_would_bypass_the_relay_is_stripped() {
    let mut sdp = parse(
        "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nk=prompt\r\na=ice-lite\r\na=group:BUNDLE 0 1\r\n\
         a=fingerprint:sha-256 AA\r\na=msid-semantic: WMS\r\na=tool:x\r\n\
         m=audio 4000 RTP/SAVP 0\r\nk=clear:x\r\na=mid:0\r\na=ice-ufrag:a\r\na=ice-pwd:b\r\n\
         a=candidate:1 1 UDP 1 192.0.2.1 4000 typ host\r\na=end-of-candidates\r\na=setup:actpass\r\n\
         a=ssrc:1 cname:x\r\na=ptime:20\r\na=crypto:1 X inline:y\r\na=X-vendor\r\n",
    );
    sdp.strip_unproxied();
    assert_eq!(
        text(&sdp),
        "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\na=tool:x\r\nm=audio 4000 RTP/SAVP 0\r\n\
         a=ptime:20\r\na=crypto:1 X inline:y\r\na=X-vendor\r\n"
    );
}

#[test]
fn other_addresses_of_a_stream_are_stripped() {
    let mut sdp = with_head(
        "a=rtcp:5001 IN IP4 192.0.2.1\r\na=source-filter: incl IN IP4 * 192.0.2.1\r\n\
         m=audio 4000 RTP/AVP 0\r\na=altc:1 IP4 192.0.2.1 4000\r\na=ptime:20\r\n\
         a=alt:1 1 : x y 192.0.2.1 4000\r\na=ccap:1 IN IP4 192.0.2.1\r\n",
    );
    sdp.strip_unproxied();
    assert_eq!(
        text(&sdp),
        format!("{HEAD}m=audio 4000 RTP/AVP 0\r\na=ptime:20\r\n")
    );
}

#[test]
fn other_groups_keep_their_identifiers() {
    let anat = "a=group:ANAT 1 2\r\nm=audio 4000 RTP/AVP 0\r\na=mid:1\r\n";
    let mut sdp = with_head(anat);
    sdp.strip_unproxied();
    assert_eq!(text(&sdp), format!("{HEAD}{anat}"));
}

#[test]
fn capabilities_that_offer_srtp_are_stripped_and_others_kept() {
    let plain = "m=audio 4000 RTP/AVP 0\r\na=sqn: 0\r\na=cdsc: 1 audio RTP/AVP 0\r\n\
        a=tcap:1 RTP/AVPF\r\na=pcfg:1 t=1\r\n";
    let mut kept = with_head(plain);
    kept.strip_unproxied();
    assert_eq!(text(&kept), format!("{HEAD}{plain}"));
    let mut sdp = with_head(
        "a=tcap:1 RTP/SAVP\r\nm=audio 4000 RTP/AVP 0\r\na=acap:1 crypto:1 X inline:y\r\n\
         a=pcfg:1 t=1 a=1\r\na=sqn: 0\r\n",
    );
    sdp.strip_unproxied();
    assert_eq!(
        text(&sdp),
        format!("{HEAD}m=audio 4000 RTP/AVP 0\r\na=sqn: 0\r\n")
    );
}

#[test]
fn dtls_attributes_of_streams_that_are_no_rtp_stay() {
    let msrp = "m=message 4000 TCP/TLS/MSRP *\r\na=setup:active\r\na=fingerprint:sha-256 AA\r\n";
    let mut sdp = with_head(msrp);
    sdp.strip_unproxied();
    assert_eq!(text(&sdp), format!("{HEAD}{msrp}"));
}
