//! Talkers: one direction of one stream, on its sending side.

use core::net::SocketAddr;

use abi::{Now, Reason, Suite};
use crypto::Key;
use srtp::{Config, Params, SealPlan, Sender, Traffic};
use wire::MacAddr;
use wire::ethernet::{self, EthernetRepr};
use wire::udp::{UdpChecksum, UdpRepr};

use crate::ciphers::Ciphers;
use crate::packet::{self, Media, Packets, REPORT_LEN, RTP_HEADER, Stamp};
use crate::{End, LoadError, Side};

/// Hops that packets may take.
const HOP_LIMIT: u8 = 64;
/// Expedited forwarding (RFC 3246), as phones mark their media.
const EXPEDITED: u8 = 46 << 2;

/// One direction of one stream, on its sending side.
#[derive(Debug)]
pub(crate) struct Talker {
    pub(crate) number: u32,
    pub(crate) end: End,
    pub(crate) media: Media,
    ethernet: EthernetRepr,
    from: SocketAddr,
    to: SocketAddr,
    rtcp_mux: bool,
    sender: Option<Sender<Key>>,
    /// RTP packets made.
    pub(crate) packets: u64,
    /// Reports made.
    pub(crate) reports: u64,
    /// RTP packets until the next report.
    pub(crate) until_report: u32,
}

impl Talker {
    /// The peer of `side`, which sends from `end`.
    ///
    /// # Errors
    /// [`LoadError::Key`].
    pub(crate) fn new(
        number: u32,
        end: End,
        side: &Side,
        media: Media,
        ciphers: &mut Ciphers,
    ) -> Result<Self, LoadError> {
        let sender = match side.suite {
            Some(suite) => {
                let params = params(suite, &side.receive);
                let sender = params.and_then(|p| Sender::new(&p, Config::default(), ciphers));
                Some(sender.ok_or(LoadError::Key(side.local))?)
            }
            None => None,
        };
        let ethertype = if side.local.is_ipv4() {
            ethernet::IPV4
        } else {
            ethernet::IPV6
        };
        Ok(Self {
            number,
            end,
            media,
            ethernet: EthernetRepr {
                dst: MacAddr::default(),
                src: MacAddr::default(),
                vlan: None,
                ethertype,
            },
            from: side.peer,
            to: side.local,
            rtcp_mux: side.rtcp_mux,
            sender,
            packets: 0,
            reports: 0,
            // Reports of different talkers fall on different moments.
            until_report: number % media.per_report + 1,
        })
    }

    /// Where the talker sends.
    pub(crate) const fn to(&self) -> SocketAddr {
        self.to
    }

    /// Says which stations the frames go between.
    pub(crate) const fn set_stations(&mut self, src: MacAddr, dst: MacAddr) {
        self.ethernet.src = src;
        self.ethernet.dst = dst;
    }

    /// Octets ahead of the UDP payload.
    pub(crate) const fn headers_len(&self) -> usize {
        ethernet::HEADER_LEN + UdpRepr::headers_len(self.to)
    }

    /// Octets of the whole frame of the next packet.
    pub(crate) fn frame_len(&self, traffic: Traffic) -> usize {
        let clear = match traffic {
            Traffic::Rtp => RTP_HEADER + self.media.payload,
            Traffic::Rtcp => REPORT_LEN,
        };
        let growth = self.sender.as_ref().map_or(0, |s| s.growth(traffic));
        self.headers_len() + clear + growth
    }

    /// The context that seals what it sends; `None` where that is in clear.
    pub(crate) const fn sender(&self) -> Option<&Sender<Key>> {
        self.sender.as_ref()
    }

    /// Writes the next packet in clear into `frame`, which is as long as the protected one, and
    /// says how to protect it.
    pub(crate) fn write(
        &mut self,
        traffic: Traffic,
        frame: &mut [u8],
        packets: &Packets,
        nanos: u64,
    ) -> Result<Option<SealPlan>, Reason> {
        let ssrc = packet::ssrc(self.number);
        let body = frame
            .get_mut(self.headers_len()..)
            .ok_or(Reason::RtpInvalidLength)?;
        match traffic {
            Traffic::Rtp => {
                let number = self.packets;
                let stamp = Stamp { number, nanos };
                packets
                    .write_rtp(body, self.media, ssrc, stamp)
                    .ok_or(Reason::RtpInvalidLength)?;
                self.packets += 1;
            }
            Traffic::Rtcp => {
                let report = packet::report(self.media, ssrc, self.reports);
                body.get_mut(..REPORT_LEN)
                    .ok_or(Reason::RtcpInvalidLength)?
                    .copy_from_slice(&report);
                self.reports += 1;
            }
        }
        let Some(sender) = &mut self.sender else {
            return Ok(None);
        };
        let clear = body.len() - sender.growth(traffic);
        let clear = body.get(..clear).unwrap_or_default();
        let plan = sender.plan(traffic, clear, Now::from_nanos(nanos))?;
        plan.stage(body);
        Ok(Some(plan))
    }

    /// Writes the headers of a frame whose payload is in place.
    pub(crate) fn address(&self, traffic: Traffic, frame: &mut [u8]) -> Option<()> {
        let above = |address: SocketAddr| match traffic {
            Traffic::Rtcp if !self.rtcp_mux => {
                SocketAddr::new(address.ip(), address.port().wrapping_add(1))
            }
            _ => address,
        };
        self.address_to(above(self.from), above(self.to), frame)
    }

    /// Writes the headers of a frame from the talker to any port of the proxy's.
    pub(crate) fn address_to(
        &self,
        src: SocketAddr,
        dst: SocketAddr,
        frame: &mut [u8],
    ) -> Option<()> {
        self.ethernet.emit(frame)?;
        let repr = UdpRepr {
            src,
            dst,
            hop_limit: HOP_LIMIT,
            traffic_class: EXPEDITED,
            checksum: UdpChecksum::Compute,
        };
        repr.emit(frame.get_mut(ethernet::HEADER_LEN..)?)
    }

    /// Where the talker sends from.
    pub(crate) const fn from(&self) -> SocketAddr {
        self.from
    }
}

/// One direction's keys; `None` if there are too few octets.
pub(crate) fn params(suite: Suite, key_salt: &[u8]) -> Option<Params<'_>> {
    let (key, salt) = key_salt.split_at_checked(suite.key_len())?;
    Some(Params {
        suite,
        key,
        salt,
        mki: None,
    })
}
