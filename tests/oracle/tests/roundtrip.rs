//! What was protected comes back as it was, and nothing else comes back at all.

#![cfg(test)]

use abi::{Now, Reason, Suite};
use oracle::Ciphers;
use proptest::prelude::*;
use srtp::{Mki, Params, Traffic};

fn suites() -> impl Strategy<Value = Suite> {
    prop::sample::select(Suite::ALL.to_vec())
}

/// A packet with contributing sources, an extension and a payload, any of them empty.
fn rtp() -> impl Strategy<Value = Vec<u8>> {
    let parts = (
        any::<[u8; 10]>(),
        0..=15_u8,
        prop::option::of(0..8_u16),
        prop::collection::vec(any::<u8>(), 0..300),
    );
    parts.prop_map(|(fixed, sources, extension, payload)| {
        let flags = 0x80 | sources | if extension.is_some() { 0x10 } else { 0 };
        let mut packet = vec![flags, 0];
        packet.extend(fixed);
        packet.extend(vec![0x55; usize::from(sources) * 4]);
        if let Some(words) = extension {
            packet.extend([0xbe, 0xde]);
            packet.extend(words.to_be_bytes());
            packet.extend(vec![0x66; usize::from(words) * 4]);
        }
        packet.extend(payload);
        packet
    })
}

/// A packet of at least the eight octets that stay clear.
fn rtcp() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 8..300).prop_map(|mut packet| {
        packet[0] = packet[0] & 0x3f | 0x80;
        packet
    })
}

proptest! {
    #[test]
    fn unprotect_undoes_protect_and_corruption_is_refused(
        suite in suites(),
        mki_len in 0..=8_u8,
        rtp in rtp(),
        rtcp in rtcp(),
        flip in any::<prop::sample::Index>(),
    ) {
        let mut ciphers = Ciphers::new().unwrap();
        let (key, salt) = (vec![0x3c; suite.key_len()], vec![0xc3; suite.salt_len()]);
        let mki = Mki::new(0x5a, mki_len);
        let params = Params { suite, key: &key, salt: &salt, mki };
        let mut sender = ciphers.sender(&params).unwrap();
        let mut receiver = ciphers.receiver(&params).unwrap();
        for (traffic, clear) in [(Traffic::Rtp, rtp), (Traffic::Rtcp, rtcp)] {
            let mut packet = clear.clone();
            ciphers.protect(&mut sender, traffic, &mut packet, Now::ZERO).unwrap();
            prop_assert_eq!(packet.len(), clear.len() + sender.growth(traffic));

            let bit = flip.index(packet.len() * 8);
            let mut corrupt = packet.clone();
            corrupt[bit / 8] ^= 1 << (bit % 8);
            let arrived = corrupt.clone();
            let result = ciphers.unprotect(&mut receiver, traffic, &mut corrupt, Now::ZERO);
            prop_assert!(result.is_err());
            prop_assert_eq!(corrupt, arrived);

            ciphers.unprotect(&mut receiver, traffic, &mut packet, Now::ZERO).unwrap();
            prop_assert_eq!(packet, clear);
        }
    }

    #[test]
    fn random_octets_are_never_authentic(
        suite in suites(),
        mut octets in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        if let Some(first) = octets.first_mut() {
            *first = *first & 0x3f | 0x80;
        }
        let mut ciphers = Ciphers::new().unwrap();
        let (key, salt) = (vec![1; suite.key_len()], vec![2; suite.salt_len()]);
        let params = Params { suite, key: &key, salt: &salt, mki: None };
        let mut receiver = ciphers.receiver(&params).unwrap();
        for traffic in [Traffic::Rtp, Traffic::Rtcp] {
            let arrived = octets.clone();
            let result = ciphers.unprotect(&mut receiver, traffic, &mut octets, Now::ZERO);
            let refused = [
                Err(Reason::SrtpAuthFailed),
                Err(Reason::RtpInvalidLength),
                Err(Reason::RtcpInvalidLength),
            ];
            prop_assert!(refused.contains(&result), "{:?}", result);
            prop_assert_eq!(&octets, &arrived);
        }
    }
}
