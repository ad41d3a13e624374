//! Listeners: one direction of one stream, on its receiving side.

use core::net::SocketAddr;

use crypto::Key;
use srtp::{Config, Receiver};

use crate::ciphers::Ciphers;
use crate::packet::Media;
use crate::talker::params;
use crate::{End, LoadError, Side};

/// One direction of one stream, on its receiving side.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) end: End,
    pub(crate) media: Media,
    from: SocketAddr,
    to: SocketAddr,
    rtcp_mux: bool,
    /// Boxed: in clear there is none, and most of a burst's memory should be numbers.
    pub(crate) receiver: Option<Box<Receiver<Key>>>,
    /// Whether its packets stay sealed, so that there is nothing to compare.
    pub(crate) sealed: bool,
    /// Number of the next RTP packet.
    pub(crate) packets: u64,
    /// Number of the next report.
    pub(crate) reports: u64,
}

impl Listener {
    /// The peer of `side`, which receives at `end`.
    ///
    /// # Errors
    /// [`LoadError::Key`].
    pub(crate) fn new(
        end: End,
        side: &Side,
        media: Media,
        ciphers: &mut Ciphers,
    ) -> Result<Self, LoadError> {
        let receiver = match side.suite {
            Some(suite) => {
                let params = params(suite, &side.transmit);
                let receiver = params.and_then(|p| Receiver::new(&p, Config::default(), ciphers));
                Some(Box::new(receiver.ok_or(LoadError::Key(side.local))?))
            }
            None => None,
        };
        Ok(Self {
            end,
            media,
            from: side.local,
            to: side.peer,
            rtcp_mux: side.rtcp_mux,
            receiver,
            sealed: false,
            packets: 0,
            reports: 0,
        })
    }

    /// A listener for what a mirror makes of the packets of the peer of `side`: it sends them on
    /// as they are, to be received at `end`. They are not opened.
    pub(crate) const fn mirrored(end: End, side: &Side, media: Media) -> Self {
        Self {
            end,
            media,
            from: side.peer,
            to: side.local,
            rtcp_mux: side.rtcp_mux,
            receiver: None,
            sealed: side.suite.is_some(),
            packets: 0,
            reports: 0,
        }
    }

    /// Whether a packet with these addresses is one that the proxy owes this listener.
    pub(crate) fn expects(&self, end: End, src: SocketAddr, dst: SocketAddr, report: bool) -> bool {
        let above = u16::from(report && !self.rtcp_mux);
        let matches = |address: SocketAddr, expected: SocketAddr| {
            address.ip() == expected.ip() && address.port() == expected.port().wrapping_add(above)
        };
        end == self.end && matches(src, self.from) && matches(dst, self.to)
    }
}
