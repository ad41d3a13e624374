//! Changes that concern a whole description: putting our addresses in, and taking out what
//! would let the peers talk past us.

use core::net::IpAddr;

use crate::{
    Connection, Endpoint, Media, Proto, Sdp,
    address::{Origin, address_value, parse_rtcp},
    line::{Line, Section},
};

/// ICE (RFC 8839): with a candidate left in, the peers could reach each other around us.
const ICE: [&str; 9] = [
    "candidate",
    "remote-candidates",
    "end-of-candidates",
    "ice-ufrag",
    "ice-pwd",
    "ice-options",
    "ice-lite",
    "ice-pacing",
    "ice-mismatch",
];

/// Addresses beside c= and a=rtcp: the same as candidates by older and other names (RFC 6947, RFC
/// 7195), and sources to take multicast from (RFC 4570).
const ADDRESSES: [&str; 4] = ["alt", "altc", "ccap", "source-filter"];

/// BUNDLE (RFC 8843) and what describes the streams inside a bundle.
const BUNDLE: [&str; 4] = ["bundle-only", "ssrc", "ssrc-group", "msid"];

/// Keying by DTLS (RFC 5763, RFC 8842) and by MIKEY (RFC 4567).
const KEYING: [&str; 5] = ["fingerprint", "setup", "tls-id", "dtls-id", "key-mgmt"];

/// Capability negotiation (RFC 5939).
const CAPABILITY: [&str; 6] = ["acap", "tcap", "pcfg", "acfg", "csup", "creq"];

impl Sdp {
    /// Puts our addresses in place of the author's.
    ///
    /// `origin` goes to the o= line. Stream `i` gets `streams[i]` in its m= port, its c= address
    /// and its a=rtcp; `None`, or no entry, leaves the stream meaning what it meant. A c= of
    /// `0.0.0.0` (hold) stays. The session's c= takes the address of the first stream that has
    /// none of its own, and streams that need another one get their own. A rejected stream keeps
    /// port 0 and shows no address but ours.
    pub fn rewrite_addresses(&mut self, origin: IpAddr, streams: &[Option<Endpoint>]) {
        self.set_origin_address(origin);
        let wanted = |index: usize| streams.get(index).copied().flatten();
        let leads = |m: &Media| !m.is_rejected() && m.section.first(b'c').is_none();
        let mut inheriting = self.media.iter().enumerate().filter(|(_, m)| leads(m));
        let common = inheriting
            .find_map(|(i, _)| wanted(i))
            .or_else(|| (0..self.media.len()).find_map(wanted))
            .map_or(origin, |e| e.rtp.ip());

        let before = self.session.first(b'c').cloned();
        if let Some(line) = self.session.first_mut(b'c') {
            set_connection(line, common);
        }
        for (index, media) in self.media.iter_mut().enumerate() {
            match wanted(index) {
                _ if media.is_rejected() => hide_rejected(media, common),
                Some(endpoint) => place_stream(media, endpoint, before.as_ref(), common),
                None => keep_connection(media, before.as_ref(), common),
            }
        }
    }

    /// Puts `address` in the o= line; id and version stay (RFC 3264 §8 compares them).
    pub fn set_origin_address(&mut self, address: IpAddr) {
        if let Some(line) = self.session.first_mut(b'o')
            && let Ok(value) = Origin::parse(line.value()).map(|o| o.to_value(address))
        {
            line.set_value(value);
        }
    }

    /// Takes out what a relay that ends the media path itself cannot honour: ICE and other addresses
    /// to choose from, BUNDLE, keying other than by a=crypto, `k=`, and capabilities that offer SRTP behind our back. The
    /// a=crypto attributes of streams stay.
    pub fn strip_unproxied(&mut self) {
        let capabilities = self.sections().any(offers_srtp_capability);
        let has_group = |s: &Section| s.attributes("group").any(|l| !is_bundle(l));
        let keeps_mid = has_group(&self.session);
        strip_section(&mut self.session, true);
        self.session
            .remove(|l| is_any(l, &["crypto", "msid-semantic", "rtcp"]) || is_bundle(l));
        for media in &mut self.media {
            let is_rtp = !matches!(media.proto(), Proto::Other | Proto::Udptl);
            strip_section(&mut media.section, is_rtp);
            media
                .section
                .remove(|l| !keeps_mid && l.is_attribute("mid"));
        }
        if capabilities {
            let sections = self.media.iter_mut().map(|m| &mut m.section);
            for section in sections.chain([&mut self.session]) {
                section.remove(|l| is_any(l, &CAPABILITY));
            }
        }
    }

    fn sections(&self) -> impl Iterator<Item = &Section> {
        self.media.iter().map(|m| &m.section).chain([&self.session])
    }
}

/// Gives a stream that we relay its new endpoint.
fn place_stream(media: &mut Media, to: Endpoint, session: Option<&Line>, common: IpAddr) {
    media.set_port(to.rtp.port());
    if let Some(own) = media.section.first_mut(b'c') {
        set_connection(own, to.rtp.ip());
    } else if !session.is_some_and(|l| is_on_hold(l) || to.rtp.ip() == common) {
        media
            .section
            .insert_connection(address_value(to.rtp.ip()).into_bytes());
    }
    place_rtcp(&mut media.section, to);
}

/// Sets a=rtcp, or adds one where the default (the port after RTP's) does not hold.
fn place_rtcp(section: &mut Section, to: Endpoint) {
    let is_muxed = to.rtcp == to.rtp;
    let is_default = Some(to) == Endpoint::with_next_port(to.rtp);
    let full = |port: u16| format!("rtcp:{port} {}", address_value(to.rtcp.ip()));
    let short = |port: u16| format!("rtcp:{port}");
    let port = to.rtcp.port();
    if let Some(line) = section.attribute_mut("rtcp") {
        let value = line.attribute().and_then(|(_, v)| v).unwrap_or_default();
        let had_address = !matches!(parse_rtcp(value), Ok((_, None)));
        let needs_address = had_address || to.rtcp.ip() != to.rtp.ip();
        let text = if needs_address {
            full(port)
        } else {
            short(port)
        };
        line.set_value(text.into_bytes());
        let mut seen = false;
        section.remove(|l| l.is_attribute("rtcp") && core::mem::replace(&mut seen, true));
    } else if !is_default && !is_muxed {
        let text = if to.rtcp.ip() == to.rtp.ip() {
            short(port)
        } else {
            full(port)
        };
        section.insert_attribute("rtcp", text.into_bytes());
    }
}

/// Gives a stream that stays as it is the session's old address, if it lived off that.
fn keep_connection(media: &mut Media, session: Option<&Line>, common: IpAddr) {
    if let Some(line) = session
        && media.section.first(b'c').is_none()
        && !is_on_hold(line)
        && line.value() != address_value(common).as_bytes()
    {
        media.section.insert_connection(line.value().to_vec());
    }
}

fn hide_rejected(media: &mut Media, common: IpAddr) {
    if let Some(own) = media.section.first_mut(b'c') {
        set_connection(own, common);
    }
    media.section.remove(|l| l.is_attribute("rtcp"));
}

/// Replaces the address of a c= line, unless it says hold.
fn set_connection(line: &mut Line, address: IpAddr) {
    if !is_on_hold(line) {
        line.set_value(address_value(address).into_bytes());
    }
}

fn is_on_hold(line: &Line) -> bool {
    Connection::parse(line.value()) == Ok(Connection::Unspecified)
}

fn strip_section(section: &mut Section, is_rtp: bool) {
    section.remove(|l| {
        l.kind() == b'k'
            || [&ICE[..], &ADDRESSES, &BUNDLE]
                .iter()
                .any(|names| is_any(l, names))
            || (is_rtp && is_any(l, &KEYING))
    });
}

fn is_any(line: &Line, names: &[&str]) -> bool {
    line.attribute()
        .is_some_and(|(name, _)| names.iter().any(|n| n.as_bytes() == name))
}

fn is_bundle(line: &Line) -> bool {
    let value = line
        .attribute()
        .filter(|(name, _)| *name == b"group")
        .and_then(|(_, v)| v);
    let semantics = value.and_then(|v| v.split(|&b| b == b' ').next());
    semantics.is_some_and(|s| s.eq_ignore_ascii_case(b"BUNDLE"))
}

/// Whether a potential configuration would bring SRTP or keys that we never saw.
fn offers_srtp_capability(section: &Section) -> bool {
    let mentions = |line: &Line, word: &[u8]| {
        line.value()
            .windows(word.len())
            .any(|w| w.eq_ignore_ascii_case(word))
    };
    section.attributes("tcap").any(|l| mentions(l, b"SAVP"))
        || section
            .attributes("acap")
            .any(|l| mentions(l, b"crypto:") || mentions(l, b"key-mgmt"))
}
