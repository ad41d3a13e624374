//! What signalling asks of media.

use core::fmt;
use core::net::{IpAddr, SocketAddr};

use abi::Suite;
use zeroize::Zeroize;

use crate::PerLeg;

/// A session's own number for one media stream (one `m=` line of one dialog).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MediaId(pub u32);

/// A session's own number for one call. The media of one call share one SRTP licence unit (L18,
/// L21).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u32);

/// Where RTP and its RTCP are received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Address for RTP.
    pub rtp: SocketAddr,
    /// Address for RTCP; the same as for RTP when they are multiplexed (RFC 5761).
    pub rtcp: SocketAddr,
}

/// What a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// RTP, clear or SRTP.
    Rtp,
    /// Datagrams that are passed on as they are (T.38 over UDPTL).
    Datagram,
}

/// Everything that signalling has said of one media stream so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaPlan {
    /// The call that the stream belongs to.
    pub call: CallId,
    /// What the stream carries.
    pub kind: MediaKind,
    /// What each leg's peer has said.
    pub sides: PerLeg<SidePlan>,
}

/// One side of a media stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SidePlan {
    /// An address of the family that our own address on this side is to be of; what the leg's
    /// peer is reached by will do.
    pub family_of: IpAddr,
    /// Where the peer wants its media; `None` until it has said so.
    pub remote: Option<Endpoint>,
    /// Whether the peer multiplexes RTCP with RTP.
    pub rtcp_mux: bool,
    /// Whether this side is SRTP. Clear packets are then never sent nor taken, keys or not.
    pub secure: bool,
    /// Keys that the peer sends with; `None` while clear or not known.
    pub receive: Option<SrtpParams>,
    /// Keys that we send with; `None` while clear or not known.
    pub transmit: Option<SrtpParams>,
    /// Whether the peer may send to us now (it is not told to be silent).
    pub peer_sends: bool,
    /// Whether the peer wants to receive from us now (not on hold).
    pub peer_receives: bool,
}

impl MediaPlan {
    /// Whether the plan takes encryption or decryption here, and so counts against the SRTP
    /// limit (L18, L19).
    #[must_use]
    pub const fn is_counted(&self) -> bool {
        self.sides.client.secure || self.sides.server.secure
    }
}

/// How one direction on one side is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SrtpParams {
    /// Suite.
    pub suite: Suite,
    /// Master key and salt.
    pub key: MasterKey,
    /// Master key identifier that each packet carries, if any.
    pub mki: Option<Mki>,
}

/// A master key identifier (RFC 3711 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mki {
    /// The value; its low `len` octets are sent, big-endian.
    pub value: u64,
    /// Octets on the wire, 1 to 8.
    pub len: u8,
}

/// SRTP master key and salt, key first. Wiped when dropped, never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey {
    octets: [u8; Suite::KEY_SALT_MAX],
    key_len: usize,
    salt_len: usize,
}

impl MasterKey {
    /// Takes `key_salt` as the key and salt of `suite`; `None` when the length is wrong.
    #[must_use]
    pub fn new(suite: Suite, key_salt: &[u8]) -> Option<Self> {
        if key_salt.len() != suite.key_salt_len() {
            return None;
        }
        let mut octets = [0; Suite::KEY_SALT_MAX];
        octets.get_mut(..key_salt.len())?.copy_from_slice(key_salt);
        Some(Self {
            octets,
            key_len: suite.key_len(),
            salt_len: suite.salt_len(),
        })
    }

    /// The master key.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        self.octets.get(..self.key_len).unwrap_or(&[])
    }

    /// The master salt.
    #[must_use]
    pub fn salt(&self) -> &[u8] {
        self.octets
            .get(self.key_len..self.key_len + self.salt_len)
            .unwrap_or(&[])
    }

    /// Key and salt together, as an `inline:` parameter carries them.
    #[must_use]
    pub fn key_salt(&self) -> &[u8] {
        self.octets
            .get(..self.key_len + self.salt_len)
            .unwrap_or(&[])
    }
}

impl Drop for MasterKey {
    fn drop(&mut self) {
        self.octets.zeroize();
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_and_salt_are_split_by_the_suite() {
        let octets: Vec<u8> = (0..30).collect();
        let key = MasterKey::new(Suite::AesCm128HmacSha1_80, &octets).unwrap();
        assert_eq!((key.key().len(), key.salt().len()), (16, 14));
        assert_eq!(key.key_salt(), octets);
        assert!(MasterKey::new(Suite::AeadAes128Gcm, &octets).is_none());
    }

    #[test]
    fn debug_output_shows_no_key() {
        let key = MasterKey::new(Suite::AesCm128HmacSha1_80, &[0x5a; 30]).unwrap();
        assert_eq!(format!("{key:?}"), "MasterKey(..)");
    }

    #[test]
    fn l18_l19_l21_a_call_counts_if_any_side_is_ciphered_here_and_not_if_it_is_passed_on() {
        let side = |secure| SidePlan {
            family_of: IpAddr::from([192, 0, 2, 1]),
            remote: None,
            rtcp_mux: false,
            secure,
            receive: None,
            transmit: None,
            peer_sends: true,
            peer_receives: true,
        };
        for (client, server, counted) in [
            (false, false, false),
            (true, false, true),
            (false, true, true),
            (true, true, true),
        ] {
            let plan = MediaPlan {
                call: CallId(1),
                kind: MediaKind::Rtp,
                sides: PerLeg {
                    client: side(client),
                    server: side(server),
                },
            };
            assert_eq!(plan.is_counted(), counted, "{client} {server}");
        }
    }
}
