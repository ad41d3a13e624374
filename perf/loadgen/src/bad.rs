//! Packets that a proxy must refuse, each made of the good one before it.

use core::net::SocketAddr;
use std::collections::HashSet;

use crate::packet::RTP_HEADER;
use crate::talker::Talker;

/// Ports that may have no stream: 4,096 of RTP.
const CANDIDATES: core::ops::Range<u16> = 50_000..58_192;

/// Ports on which the proxy has none of the streams of `talkers`.
pub(crate) fn unused_ports(talkers: &[Talker]) -> Vec<u16> {
    let used: HashSet<u16> = talkers.iter().map(|talker| talker.to().port()).collect();
    let ports = CANDIDATES.step_by(2);
    ports.filter(|port| !used.contains(port)).collect()
}

/// What is wrong with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Its tag is wrong.
    Unauthentic,
    /// It came before.
    Replayed,
    /// It ends in its header.
    Truncated,
    /// Its SSRC is another's.
    WrongSsrc,
    /// It goes to a port without a stream.
    UnknownPort,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 5] = [
        Self::Unauthentic,
        Self::Replayed,
        Self::Truncated,
        Self::WrongSsrc,
        Self::UnknownPort,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unauthentic => "unauthentic",
            Self::Replayed => "replayed",
            Self::Truncated => "truncated",
            Self::WrongSsrc => "wrong-ssrc",
            Self::UnknownPort => "unknown-port",
        }
    }

    /// The fault of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.name() == name)
    }

    /// Octets of a frame with the fault that is made of one with `good` octets.
    pub(crate) fn frame_len(self, talker: &Talker, good: usize) -> usize {
        match self {
            // One octet of payload, and no room for a tag.
            Self::Truncated => good.min(talker.headers_len() + RTP_HEADER + 1),
            _ => good,
        }
    }

    /// Makes `bad`, of [`Fault::frame_len`] octets, of the `good` RTP frame of `talker`; one to an
    /// unknown port goes to one of `unused`.
    pub(crate) fn spoil(
        self,
        talker: &Talker,
        good: &[u8],
        bad: &mut [u8],
        unused: &[u16],
    ) -> Option<()> {
        bad.copy_from_slice(good.get(..bad.len())?);
        let packet = bad.get_mut(talker.headers_len()..)?;
        match self {
            Self::Unauthentic => {
                // The number after the good one's, so that it is no replay.
                let seq = packet.get_mut(2..4)?;
                let next = u16::from_be_bytes(*seq.first_chunk()?).wrapping_add(1);
                seq.copy_from_slice(&next.to_be_bytes());
                *packet.last_mut()? ^= 1;
            }
            Self::WrongSsrc => *packet.get_mut(8)? ^= 0x80,
            Self::Replayed | Self::Truncated | Self::UnknownPort => {}
        }
        let to = match self {
            Self::UnknownPort => {
                let at = (talker.number as usize).checked_rem(unused.len())?;
                SocketAddr::new(talker.to().ip(), *unused.get(at)?)
            }
            _ => talker.to(),
        };
        talker.address_to(talker.from(), to, bad)
    }
}
