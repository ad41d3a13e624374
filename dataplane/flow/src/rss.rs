//! Receive-side scaling in software: the hash by which ports spread packets over queues.
//!
//! With [`SYMMETRIC_KEY`] both directions of a flow hash alike. A worker uses it to hand a packet
//! to its owner where a port cannot spread packets itself, and to choose a source port whose
//! answers come back to it.

use crate::FlowKey;

/// Toeplitz key that repeats 16 bits, so that swapping source and destination changes nothing.
/// 52 octets, as long as the longest key that ports take.
pub const SYMMETRIC_KEY: &[u8] = [[0x6d, 0x5a]; 26].as_flattened();

/// The Toeplitz hash of `input` under `key`, which has to be four octets longer than `input`;
/// what it lacks counts as zero.
///
/// `input` is source address, destination address, source port, destination port. One bit at a
/// time: for tests and for choosing a port, not for every packet.
#[must_use]
pub fn toeplitz(key: &[u8], input: &[u8]) -> u32 {
    let mut bytes = key.iter().copied().chain(core::iter::repeat(0));
    let mut window = 0_u64;
    for byte in bytes.by_ref().take(4) {
        window = window << 8 | u64::from(byte);
    }
    let mut hash = 0;
    for (octet, next) in input.iter().zip(bytes) {
        window = window << 8 | u64::from(next);
        for bit in 0..8 {
            if octet & (0x80 >> bit) != 0 {
                hash ^= (window >> (8 - bit) & 0xffff_ffff) as u32;
            }
        }
        window &= 0xffff_ffff;
    }
    hash
}

/// The Toeplitz hash of a flow's addresses and ports under [`SYMMETRIC_KEY`].
///
/// Equals [`toeplitz`] for either direction. Since the key repeats after 16 bits, the hash
/// depends on nothing but the XOR of all 16-bit words, and takes 16 steps.
#[must_use]
#[inline]
pub fn symmetric_hash(key: &FlowKey) -> u32 {
    let [a, b, c, d, _] = key.words();
    let words = a ^ b ^ c ^ d;
    let words = words ^ words >> 32;
    let folded = words ^ words >> 16 ^ u64::from(key.local_port() ^ key.remote_port());
    let mut hash = 0;
    for bit in 0..16 {
        // The key seen through a window of 32 bits that starts at this bit.
        let mask = (folded >> (15 - bit) & 1).wrapping_neg();
        hash ^= 0x6d5a_6d5a_u32.rotate_left(bit) & (mask & 0xffff_ffff) as u32;
    }
    hash
}

/// Which queue a port's redirection table of `entries` entries (a power of two) sends `hash` to,
/// when the table was filled with queues 0, 1, 2 … over and over, as drivers do by default.
///
/// `queues` is one at least; `entries` of 0 counts as 1.
#[must_use]
#[inline]
pub fn queue_of(hash: u32, entries: u16, queues: u16) -> u16 {
    let entry = hash & u32::from(entries).saturating_sub(1);
    ((entry % u32::from(queues.max(1))) & 0xffff) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TCP, UDP};
    use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
    use proptest::prelude::*;

    /// Key of the verification suite for receive-side scaling that NIC vendors share.
    const SUITE_KEY: [u8; 40] = [
        0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f,
        0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
        0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
    ];

    fn input(source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
        let octets = |address: IpAddr| match address {
            IpAddr::V4(v4) => v4.octets().to_vec(),
            IpAddr::V6(v6) => v6.octets().to_vec(),
        };
        let mut bytes = octets(source.ip());
        bytes.extend(octets(destination.ip()));
        bytes.extend(source.port().to_be_bytes());
        bytes.extend(destination.port().to_be_bytes());
        bytes
    }

    #[test]
    fn published_vectors_hold() {
        for (destination, source, hash) in [
            ("161.142.100.80:1766", "66.9.149.187:2794", 0x51cc_c178),
            ("65.69.140.83:4739", "199.92.111.2:14230", 0xc626_b0ea),
            ("12.22.207.184:38024", "24.19.198.95:12898", 0x5c2b_394a),
            ("209.142.163.6:2217", "38.27.205.30:48228", 0xafc7_327f),
            ("202.188.127.2:1303", "153.39.163.191:44251", 0x10e8_28a2),
            (
                "[3ffe:2501:200:3::1]:1766",
                "[3ffe:2501:200:1fff::7]:2794",
                0x4020_7d3d,
            ),
            (
                "[ff02::1]:4739",
                "[3ffe:501:8::260:97ff:fe40:efab]:14230",
                0xdde5_1bbf,
            ),
        ] {
            let input = input(source.parse().unwrap(), destination.parse().unwrap());
            assert_eq!(
                toeplitz(&SUITE_KEY, &input),
                hash,
                "{source} to {destination}"
            );
        }
    }

    #[test]
    fn hash_spreads_flows_over_queues() {
        let mut load = [0; 4];
        for port in 1_024..5_024 {
            let key = FlowKey::new(
                TCP,
                SocketAddr::from(([192, 0, 2, 1], 5061)),
                SocketAddr::from(([198, 51, 100, 7], port)),
            );
            load[usize::from(queue_of(symmetric_hash(&key), 128, 4))] += 1;
        }
        assert!(load.iter().all(|n| (500..1_500).contains(n)), "{load:?}");
    }

    proptest! {
        #[test]
        fn symmetric_hash_is_the_toeplitz_hash_of_both_directions(
            v4 in any::<(Ipv4Addr, u16, Ipv4Addr, u16)>(),
            v6 in any::<(Ipv6Addr, u16, Ipv6Addr, u16)>(),
        ) {
            let v4 = (SocketAddr::from((v4.0, v4.1)), SocketAddr::from((v4.2, v4.3)));
            let v6 = (SocketAddr::from((v6.0, v6.1)), SocketAddr::from((v6.2, v6.3)));
            for (local, remote) in [v4, v6] {
                let hash = symmetric_hash(&FlowKey::new(UDP, local, remote));
                prop_assert_eq!(hash, symmetric_hash(&FlowKey::new(UDP, remote, local)));
                prop_assert_eq!(hash, toeplitz(SYMMETRIC_KEY, &input(local, remote)));
                prop_assert_eq!(hash, toeplitz(SYMMETRIC_KEY, &input(remote, local)));
            }
        }

        #[test]
        fn queue_is_one_that_exists(hash: u32, entries: u16, queues: u16) {
            prop_assert!(queue_of(hash, entries, queues) < queues.max(1));
        }
    }
}
