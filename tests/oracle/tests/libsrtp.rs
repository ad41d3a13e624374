//! The same streams through libsrtp, in both directions.

#![cfg(test)]

use abi::{Now, Reason, Suite};
use crypto::Key;
use libsrtp::{CryptoPolicy, Session, StreamPolicy};
use oracle::Ciphers;
use srtp::{Params, Receiver, Sender, Traffic};

const SSRC: u32 = 0xdead_beef;

/// The policies of libsrtp for RTP and RTCP.
fn policies(suite: Suite) -> (CryptoPolicy, CryptoPolicy) {
    match suite {
        Suite::AesCm128HmacSha1_80 => (
            CryptoPolicy::aes_cm_128_hmac_sha1_80(),
            CryptoPolicy::aes_cm_128_hmac_sha1_80(),
        ),
        Suite::AesCm128HmacSha1_32 => (
            CryptoPolicy::aes_cm_128_hmac_sha1_32(),
            CryptoPolicy::aes_cm_128_hmac_sha1_80(),
        ),
        Suite::AesCm192HmacSha1_80 => (
            CryptoPolicy::aes_cm_192_hmac_sha1_80(),
            CryptoPolicy::aes_cm_192_hmac_sha1_80(),
        ),
        Suite::AesCm192HmacSha1_32 => (
            CryptoPolicy::aes_cm_192_hmac_sha1_32(),
            CryptoPolicy::aes_cm_192_hmac_sha1_80(),
        ),
        Suite::AesCm256HmacSha1_80 => (
            CryptoPolicy::aes_cm_256_hmac_sha1_80(),
            CryptoPolicy::aes_cm_256_hmac_sha1_80(),
        ),
        Suite::AesCm256HmacSha1_32 => (
            CryptoPolicy::aes_cm_256_hmac_sha1_32(),
            CryptoPolicy::aes_cm_256_hmac_sha1_80(),
        ),
        Suite::AeadAes128Gcm => (
            CryptoPolicy::aes_gcm_128_16_auth(),
            CryptoPolicy::aes_gcm_128_16_auth(),
        ),
        Suite::AeadAes256Gcm => (
            CryptoPolicy::aes_gcm_256_16_auth(),
            CryptoPolicy::aes_gcm_256_16_auth(),
        ),
    }
}

/// One direction, ended by us on one side and by libsrtp on the other.
struct Pair {
    ciphers: Ciphers,
    our_sender: Sender<Key>,
    our_receiver: Receiver<Key>,
    their_sender: Session,
    their_receiver: Session,
}

impl Pair {
    fn new(suite: Suite) -> Self {
        let octets: Vec<u8> = (0..46).map(|i: u8| i.wrapping_mul(31) ^ 0xa5).collect();
        let key_salt = &octets[..suite.key_salt_len()];
        let (key, salt) = key_salt.split_at(suite.key_len());
        let params = Params {
            suite,
            key,
            salt,
            mki: None,
        };
        let (rtp, rtcp) = policies(suite);
        let policy = StreamPolicy {
            rtp,
            rtcp,
            key: key_salt,
            window_size: 128,
            ..StreamPolicy::default()
        };
        let mut ciphers = Ciphers::new().unwrap();
        Self {
            our_sender: ciphers.sender(&params).unwrap(),
            our_receiver: ciphers.receiver(&params).unwrap(),
            their_sender: Session::with_outbound_template(policy).unwrap(),
            their_receiver: Session::with_inbound_template(policy).unwrap(),
            ciphers,
        }
    }

    fn we_protect(&mut self, traffic: Traffic, clear: &[u8]) -> Vec<u8> {
        let mut packet = clear.to_vec();
        self.ciphers
            .protect(&mut self.our_sender, traffic, &mut packet, Now::ZERO)
            .unwrap();
        packet
    }

    fn they_protect(&mut self, traffic: Traffic, clear: &[u8]) -> Vec<u8> {
        let mut packet = clear.to_vec();
        match traffic {
            Traffic::Rtp => self.their_sender.protect(&mut packet).unwrap(),
            Traffic::Rtcp => self.their_sender.protect_rtcp(&mut packet).unwrap(),
        }
        packet
    }

    fn we_open(&mut self, traffic: Traffic, packet: &[u8]) -> Result<Vec<u8>, Reason> {
        let mut packet = packet.to_vec();
        let receiver = &mut self.our_receiver;
        self.ciphers
            .unprotect(receiver, traffic, &mut packet, Now::ZERO)?;
        Ok(packet)
    }

    fn they_open(&mut self, traffic: Traffic, packet: &[u8]) -> Option<Vec<u8>> {
        let mut packet = packet.to_vec();
        let opened = match traffic {
            Traffic::Rtp => self.their_receiver.unprotect(&mut packet),
            Traffic::Rtcp => self.their_receiver.unprotect_rtcp(&mut packet),
        };
        opened.ok().map(|()| packet)
    }
}

fn rtp(ssrc: u32, seq: u16, payload: usize) -> Vec<u8> {
    let mut packet = vec![0x80, 0x08];
    packet.extend(seq.to_be_bytes());
    packet.extend([0, 0, seq.to_be_bytes()[1], 160]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend((0..payload).map(|i| u8::try_from(i % 251).unwrap() ^ seq.to_be_bytes()[1]));
    packet
}

fn rtcp(ssrc: u32, reports: u8) -> Vec<u8> {
    let words = 6 + 6 * u16::from(reports);
    let mut packet = vec![0x80 | reports, 200];
    packet.extend(words.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(vec![reports; usize::from(words) * 4 - 4]);
    packet
}

#[test]
fn both_make_and_take_the_same_packets() {
    // This libsrtp derives AES-192 session keys with AES-256 (its issue 763), so those suites
    // are held against RFC 6188 alone.
    let agreed = Suite::ALL.into_iter().filter(|suite| suite.key_len() != 24);
    for suite in agreed {
        let mut pair = Pair::new(suite);
        let payloads = [0, 1, 15, 16, 17, 31, 160, 163, 1100, 1400];
        for (seq, payload) in (1..).zip(payloads) {
            let clear = rtp(SSRC, seq, payload);
            let (ours, theirs) = (
                pair.we_protect(Traffic::Rtp, &clear),
                pair.they_protect(Traffic::Rtp, &clear),
            );
            assert_eq!(ours, theirs, "{suite:?} {payload}");
            assert_eq!(pair.we_open(Traffic::Rtp, &theirs).as_ref(), Ok(&clear));
            assert_eq!(pair.they_open(Traffic::Rtp, &ours).as_ref(), Some(&clear));
        }
        for reports in 0..20 {
            let clear = rtcp(SSRC, reports);
            let (ours, theirs) = (
                pair.we_protect(Traffic::Rtcp, &clear),
                pair.they_protect(Traffic::Rtcp, &clear),
            );
            assert_eq!(ours, theirs, "{suite:?} {reports}");
            assert_eq!(pair.we_open(Traffic::Rtcp, &theirs).as_ref(), Ok(&clear));
            assert_eq!(pair.they_open(Traffic::Rtcp, &ours).as_ref(), Some(&clear));
        }
    }
}

/// Indices of packets as they are sent: dense around two wraps, sparse between.
fn sent() -> Vec<u32> {
    let near = |index: u32| (index + 600) % 0x1_0000 < 1200;
    (65_000..0x2_0000 + 600)
        .filter(|&index| near(index) || index.is_multiple_of(50))
        .collect()
}

/// The order in which they arrive: some are lost, late by up to 200 packets, or come twice.
fn arriving(sent: &[u32]) -> Vec<u32> {
    let mut arrivals = Vec::new();
    let mut dice = 12_345_u32;
    for (&index, sent_at) in sent.iter().zip(0_u32..) {
        dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let late = match dice >> 24 {
            0..20 => continue,
            20..60 => dice >> 16 & 0x1f,
            60..64 => 200,
            _ => 0,
        };
        arrivals.push((sent_at + late, index));
        if dice >> 8 & 0xff < 20 {
            arrivals.push((sent_at + late + 3, index));
        }
    }
    arrivals.sort_by_key(|&(arrives_at, _)| arrives_at);
    arrivals.into_iter().map(|(_, index)| index).collect()
}

#[test]
fn reordering_loss_duplicates_and_wraps_end_alike() {
    for suite in [Suite::AesCm128HmacSha1_80, Suite::AeadAes128Gcm] {
        let mut pair = Pair::new(suite);
        let sent = sent();
        let mut packets = std::collections::BTreeMap::new();
        for &index in &sent {
            let clear = rtp(SSRC, u16::try_from(index & 0xffff).unwrap(), 40);
            let ours = pair.we_protect(Traffic::Rtp, &clear);
            assert_eq!(ours, pair.they_protect(Traffic::Rtp, &clear));
            packets.insert(index, (clear, ours));
        }
        let (mut accepted, mut refused) = (0, 0);
        for index in arriving(&sent) {
            let (clear, protected) = &packets[&index];
            let we = pair.we_open(Traffic::Rtp, protected);
            let they = pair.they_open(Traffic::Rtp, protected);
            match we {
                Ok(opened) => {
                    assert_eq!((&opened, they.as_ref()), (clear, Some(clear)));
                    accepted += 1;
                }
                Err(reason) => {
                    assert_eq!(they, None, "{index}: {reason:?}");
                    refused += 1;
                }
            }
        }
        assert!(accepted > 2000 && refused > 100, "{accepted} {refused}");
    }
}

#[test]
fn several_sources_share_a_key() {
    let mut pair = Pair::new(Suite::AesCm128HmacSha1_80);
    for seq in 0xfffa..=0x1_0005_u32 {
        for ssrc in 1..=6 {
            let clear = rtp(ssrc, u16::try_from(seq & 0xffff).unwrap(), 20);
            let theirs = pair.they_protect(Traffic::Rtp, &clear);
            let ours = pair.we_protect(Traffic::Rtp, &clear);
            assert_eq!(pair.we_open(Traffic::Rtp, &theirs).as_ref(), Ok(&clear));
            assert_eq!(pair.they_open(Traffic::Rtp, &ours).as_ref(), Some(&clear));
        }
    }
}

#[test]
fn we_find_the_rollover_counter_of_a_stream_that_wrapped_before_we_came() {
    for suite in [Suite::AesCm128HmacSha1_80, Suite::AeadAes256Gcm] {
        let mut pair = Pair::new(suite);
        pair.they_protect(Traffic::Rtp, &rtp(SSRC, 0xffff, 20));
        for seq in 0..5 {
            let clear = rtp(SSRC, seq, 20);
            let theirs = pair.they_protect(Traffic::Rtp, &clear);
            assert_eq!(pair.we_open(Traffic::Rtp, &theirs), Ok(clear));
        }
    }
}

#[test]
fn packets_of_another_key_are_refused_by_both() {
    let mut one = Pair::new(Suite::AesCm128HmacSha1_80);
    let mut other = Pair::new(Suite::AesCm128HmacSha1_32);
    for traffic in [Traffic::Rtp, Traffic::Rtcp] {
        let clear = if traffic == Traffic::Rtp {
            rtp(SSRC, 1, 40)
        } else {
            rtcp(SSRC, 1)
        };
        let mut packet = one.we_protect(traffic, &clear);
        packet[20] ^= 1;
        assert_eq!(other.we_open(traffic, &packet), Err(Reason::SrtpAuthFailed));
        assert_eq!(other.they_open(traffic, &packet), None);
    }
}
