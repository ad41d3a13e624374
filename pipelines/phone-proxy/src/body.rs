//! Session descriptions in messages: finding them, and writing them for the other side.

use core::net::IpAddr;

use abi::Reason;
use pipeline::Leg;
use sdp::Sdp;
use sip::{Message, Part, Span};

use crate::lines::{Line, reason};

/// The session description of `message` and where it stands.
///
/// One that is encoded, and a second one, could not be told from what they may hide, and are
/// refused.
pub(crate) fn find(message: &Message) -> Result<Option<(Span, Sdp)>, Reason> {
    let parts = message.frame().parts().map_err(|_| Reason::SipMalformed)?;
    let mut found = parts.iter().filter(|p| is_sdp(p, message.bytes()));
    let Some(part) = found.next() else {
        return Ok(None);
    };
    if part.is_encoded || found.next().is_some() {
        return Err(Reason::SdpUnsupported);
    }
    if part.body.is_empty() {
        return Ok(None);
    }
    let sdp = Sdp::parse(part.body.of(message.bytes())).map_err(|error| reason(error.cause))?;
    Ok(Some((part.body, sdp)))
}

/// Whether a part is a session description. One that does not say what it is may be taken for one
/// by its receiver.
fn is_sdp(part: &Part, bytes: &[u8]) -> bool {
    match part.media_type {
        Some(_) => part.is(bytes, "application", "sdp"),
        None => part.is_encoded || part.body.of(bytes).starts_with(b"v="),
    }
}

/// Writes the description for `to`: our addresses and keys for the streams that are carried, and
/// a rejection for the others.
///
/// `profiles` says of each stream that was offered whether `to` wrote SAVP, since an answer
/// repeats the transport of its offer (RFC 3264 §6); in an offer it is what we choose.
pub(crate) fn place(
    sdp: &mut Sdp,
    lines: &[Option<Line>],
    profiles: impl Fn(usize) -> Option<bool>,
    to: Leg,
    fallback: IpAddr,
) {
    let mut endpoints = Vec::with_capacity(lines.len());
    for (index, media) in sdp.media_mut().iter_mut().enumerate() {
        let line = lines.get(index).and_then(Option::as_ref);
        let local = line.and_then(|line| line.local);
        if let Some(savp) = profiles(index) {
            // A transport that is no RTP has no secure form, and keeps what it is.
            let _ = media.set_secure(savp);
        }
        media.remove_cryptos();
        media.remove_rtcp_mux();
        match (line, local) {
            (Some(line), Some(local)) if !media.is_rejected() => {
                for key in line.sides[to].told() {
                    if let Some(crypto) = key.to_crypto() {
                        media.push_crypto(&crypto);
                    }
                }
                let ours = local[to];
                endpoints.push(Some(sdp::Endpoint {
                    rtp: ours.rtp,
                    rtcp: ours.rtcp,
                }));
            }
            _ => {
                media.reject();
                endpoints.push(None);
            }
        }
    }
    sdp.strip_unproxied();
    let origin = endpoints
        .iter()
        .flatten()
        .next()
        .map_or(fallback, |e| e.rtp.ip());
    sdp.rewrite_addresses(origin, &endpoints);
}

/// Takes everything out of a description that opens no media: addresses, ports and keys.
pub(crate) fn blank(sdp: &mut Sdp, fallback: IpAddr) {
    place(sdp, &[], |_| None, Leg::Client, fallback);
}
