//! What a port's hardware does to a frame that asks for checksums.
//!
//! Written from DPDK's description of the flags and nothing else: it shares no code with what it
//! checks.
#![expect(
    clippy::indexing_slicing,
    reason = "a sender that names offsets outside of its frame is a bug that tests have to see"
)]

use crate::{TxChecksums, TxOffload, offload::Transport};

/// Fills in what the frame asks for, behind `l2_len` octets of link header: sums up what is there,
/// the sum of the pseudo header that the sender left in the field included.
///
/// # Panics
/// When the port is asked for what it does not do.
pub(super) fn fill(frame: &mut [u8], l2_len: usize, offload: TxOffload, able: TxChecksums) {
    let l4 = l2_len + usize::from(offload.l3_len);
    if let Some(transport) = offload.transport {
        let is_able = match transport {
            Transport::Udp => able.udp,
            Transport::Tcp => able.tcp,
        };
        assert!(is_able, "a port was asked for a checksum of {transport:?}");
        let sum = match (transport, !folded(&frame[l4..])) {
            (Transport::Udp, 0) => 0xffff,
            (_, sum) => sum,
        };
        put(frame, l4 + transport.checksum_at(), sum);
    }
    if offload.ip {
        assert!(able.ipv4 && offload.is_ipv4, "no port does that");
        assert_eq!(frame[l2_len] >> 4, 4, "where an IPv4 header was said to be");
        let sum = !folded(&frame[l2_len..l4]);
        put(frame, l2_len + 10, sum);
    }
}

fn put(frame: &mut [u8], at: usize, value: u16) {
    frame[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

/// The one's complement sum of big-endian words (RFC 1071 §1).
fn folded(bytes: &[u8]) -> u16 {
    let mut sum = 0u32;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |&low| u32::from(low));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap_or_default()
}
