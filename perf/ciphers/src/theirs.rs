//! libsrtp, one packet at a time.

use abi::Suite;
use libsrtp::{CryptoPolicy, Session, StreamPolicy};

use crate::{ROUNDS, STREAMS, key_salt, now, per_packet, rtp};

/// Nanoseconds a packet.
#[must_use]
pub fn open(suite: Suite) -> f64 {
    let mut receivers = Vec::with_capacity(STREAMS);
    let mut sealed = vec![Vec::with_capacity(STREAMS); usize::from(ROUNDS)];
    for stream in 0..STREAMS {
        let key = key_salt(suite, stream);
        let policy = policy(suite, &key);
        let mut sender = Session::with_outbound_template(policy).expect("libsrtp session");
        receivers.push(Session::with_inbound_template(policy).expect("libsrtp session"));
        for (seq, round) in (0..).zip(&mut sealed) {
            let mut packet = rtp(stream, seq);
            sender.protect(&mut packet).expect("libsrtp seals");
            round.push(packet);
        }
    }
    let began = now();
    for round in &mut sealed {
        for (receiver, packet) in receivers.iter_mut().zip(round) {
            receiver.unprotect(packet).expect("libsrtp opens");
        }
    }
    per_packet(began, STREAMS * usize::from(ROUNDS))
}

fn policy(suite: Suite, key: &[u8]) -> StreamPolicy<'_> {
    let rtp = match suite {
        Suite::AesCm128HmacSha1_32 => CryptoPolicy::aes_cm_128_hmac_sha1_32(),
        Suite::AesCm192HmacSha1_80 => CryptoPolicy::aes_cm_192_hmac_sha1_80(),
        Suite::AesCm192HmacSha1_32 => CryptoPolicy::aes_cm_192_hmac_sha1_32(),
        Suite::AesCm256HmacSha1_80 => CryptoPolicy::aes_cm_256_hmac_sha1_80(),
        Suite::AesCm256HmacSha1_32 => CryptoPolicy::aes_cm_256_hmac_sha1_32(),
        Suite::AeadAes128Gcm => CryptoPolicy::aes_gcm_128_16_auth(),
        Suite::AeadAes256Gcm => CryptoPolicy::aes_gcm_256_16_auth(),
        Suite::AesCm128HmacSha1_80 => CryptoPolicy::aes_cm_128_hmac_sha1_80(),
    };
    StreamPolicy {
        rtp,
        rtcp: rtp,
        key,
        window_size: 128,
        ..StreamPolicy::default()
    }
}
