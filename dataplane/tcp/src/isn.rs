//! Initial sequence numbers, and how smoltcp is made to use them.

use core::net::{IpAddr, SocketAddr};

use abi::Now;
use ring::hmac;

/// Chooses initial sequence numbers that outsiders cannot guess (RFC 6528).
#[derive(Clone, Debug)]
pub struct IsnSource(hmac::Key);

impl IsnSource {
    /// A source with 32 octets of a cryptographic random source as its secret.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The initial sequence number for a connection: a keyed hash of its addresses, plus a clock
    /// that ticks every 4 microseconds, so that numbers of one pair of ports go on from those of
    /// its last connection.
    #[must_use]
    pub fn isn(&self, local: SocketAddr, remote: SocketAddr, now: Now) -> u32 {
        let mut mac = hmac::Context::with_key(&self.0);
        mac.update(&endpoint_bytes(local));
        mac.update(&endpoint_bytes(remote));
        let hash = word(mac.sign().as_ref());
        hash.wrapping_add(((now.micros() / 4) & 0xffff_ffff) as u32)
    }
}

/// An address and port for a keyed hash, in a form that tells IPv4 from IPv6.
pub(crate) fn endpoint_bytes(endpoint: SocketAddr) -> [u8; 19] {
    let mut bytes = [0; 19];
    let (address, rest) = bytes.split_at_mut(16);
    let family = match endpoint.ip() {
        IpAddr::V4(v4) => {
            address.copy_from_slice(&v4.to_ipv6_mapped().octets());
            4
        }
        IpAddr::V6(v6) => {
            address.copy_from_slice(&v6.octets());
            6
        }
    };
    let [high, low] = endpoint.port().to_be_bytes();
    rest.copy_from_slice(&[family, high, low]);
    bytes
}

/// The first four octets of a hash.
pub(crate) fn word(hash: &[u8]) -> u32 {
    hash.first_chunk().copied().map_or(0, u32::from_be_bytes)
}

/// The random seed for which a new smoltcp interface gives its first socket the initial sequence
/// number `isn`.
///
/// smoltcp offers no way to say which number a socket shall use, and a cookie's number is fixed
/// before there is a socket. But an interface draws its numbers from the seed by a permuted
/// congruential generator, which can be run backwards: first an IPv4 identification, again while
/// that is zero, then the first sequence number. So no segment needs to be rewritten on its way
/// in or out. `TcpLeg::accept` checks the number that smoltcp shows, so another generator in
/// another version cannot go unnoticed.
pub(crate) const fn seed_for(isn: u32) -> u64 {
    // The three highest bits of a state say how far above bit 29 its output lies: none. The 29
    // lowest are free.
    let mut state = (isn as u64) << 29;
    loop {
        let first = state_before(state);
        let identification = output(first) ^ output(first) >> 16;
        if identification & 0xffff != 0 {
            return state_before(first);
        }
        state += 1;
    }
}

const MULTIPLIER: u64 = 0xbb2e_fcec_3c39_611d;
const INCREMENT: u64 = 0x7590_ef39;

/// The state of the generator one step before.
const fn state_before(state: u64) -> u64 {
    const INVERSE: u64 = inverse(MULTIPLIER);
    state.wrapping_sub(INCREMENT).wrapping_mul(INVERSE)
}

/// What the generator draws when it comes to a state.
const fn output(state: u64) -> u32 {
    (state >> (29 - (state >> 61)) & 0xffff_ffff) as u32
}

/// The inverse of an odd number modulo 2^64, by Newton's iteration.
const fn inverse(odd: u64) -> u64 {
    let mut inverse = odd;
    let mut correct_bits = 3;
    while correct_bits < 64 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse)));
        correct_bits *= 2;
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoints() -> [SocketAddr; 2] {
        [
            SocketAddr::from(([192, 0, 2, 1], 20_000)),
            SocketAddr::from(([198, 51, 100, 1], 5_060)),
        ]
    }

    #[test]
    fn sequence_numbers_differ_by_flow_and_secret_and_rise_with_time() {
        let [local, remote] = endpoints();
        let source = IsnSource::new(&[1; 32]);
        let isn = source.isn(local, remote, Now::ZERO);
        assert_ne!(isn, source.isn(remote, local, Now::ZERO));
        assert_ne!(isn, IsnSource::new(&[2; 32]).isn(local, remote, Now::ZERO));
        let later = source.isn(local, remote, Now::from_millis(1));
        assert_eq!(later.wrapping_sub(isn), 250);
    }

    #[test]
    fn generator_run_forwards_gives_the_number_it_was_run_back_from() {
        let step = |state: u64| state.wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT);
        for n in 0..200_000_u32 {
            let isn = n.wrapping_mul(0x9e37_79b9);
            let mut state = step(seed_for(isn));
            while (output(state) ^ output(state) >> 16) & 0xffff == 0 {
                state = step(state);
            }
            assert_eq!(output(step(state)), isn);
        }
    }

    #[test]
    fn inverse_inverts() {
        for odd in [1, 3, 0xbb2e_fcec_3c39_611d, u64::MAX] {
            assert_eq!(odd.wrapping_mul(inverse(odd)), 1);
        }
    }
}
