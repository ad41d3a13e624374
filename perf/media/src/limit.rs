//! The ciphers alone: what nothing around them can beat.

use abi::Suite;
use crypto::{Cipher, Job, Key, Manager, Op, Span, Tag};
use dpdk::Clock;
use wire::BURST;

use crate::network::BLOCK;

/// Packets sealed in one run.
const PACKETS: usize = 992 * 512;

/// Nanoseconds a packet for sealing packets of `payload` octets in bursts of 32, each packet of a
/// burst under another of `keys` keys. Opening takes the same work.
pub(crate) fn cipher_alone(clock: Clock, suite: Suite, keys: usize, payload: usize) -> f64 {
    let mut manager = Manager::new().expect("ciphers");
    let keys: Vec<Key> = (0..keys).map(|_| key(&manager, suite)).collect();
    let mut packets = vec![[0_u8; 2_048]; BLOCK];
    let len = u16::try_from(12 + payload).expect("short");
    let is_gcm = matches!(suite, Suite::AeadAes128Gcm | Suite::AeadAes256Gcm);
    let auth = Span {
        start: 0,
        len: if is_gcm { 12 } else { len + 4 },
    };
    let cipher = Span {
        start: 12,
        len: len - 12,
    };
    let tag = Tag::empty(srtp::tag_len(suite, srtp::Traffic::Rtp));
    let mut next_key = keys.iter().cycle();
    let mut nanos = 0;
    for _ in 0..PACKETS / BLOCK {
        let began = clock.now();
        for burst in packets.chunks_mut(BURST) {
            let mut jobs = manager.burst();
            for (packet, key) in burst.iter_mut().zip(&mut next_key) {
                jobs.push(Job {
                    key,
                    op: Op::Seal,
                    packet,
                    iv: [7; 16],
                    cipher,
                    auth,
                    aad: None,
                    tag,
                });
            }
            jobs.run();
        }
        nanos += clock.now() - began;
    }
    nanos as f64 / PACKETS as f64
}

fn key(manager: &Manager, suite: Suite) -> Key {
    let (cipher, auth): (_, &[u8]) = match suite {
        Suite::AesCm128HmacSha1_80 | Suite::AesCm128HmacSha1_32 => (Cipher::AesCm128, &[1; 20]),
        Suite::AesCm192HmacSha1_80 | Suite::AesCm192HmacSha1_32 => (Cipher::AesCm192, &[1; 20]),
        Suite::AesCm256HmacSha1_80 | Suite::AesCm256HmacSha1_32 => (Cipher::AesCm256, &[1; 20]),
        Suite::AeadAes128Gcm => (Cipher::AesGcm128, &[]),
        Suite::AeadAes256Gcm => (Cipher::AesGcm256, &[]),
    };
    let octets = vec![2; cipher.key_len()];
    manager.key(cipher, &octets, auth).expect("key")
}
