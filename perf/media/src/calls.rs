//! Calls and the packets that their peers send.

use core::net::SocketAddr;

use abi::{Now, Suite};
use oracle::Ciphers;
use pipeline::{
    CallId, Endpoint, Leg, MasterKey, MediaKind, MediaPlan, PerLeg, SidePlan, SrtpParams,
};
use srtp::{Params, Sender, Traffic};
use wire::MacAddr;
use wire::ethernet::{self, EthernetRepr};
use wire::udp::{UdpChecksum, UdpRepr};

use crate::network::{FIRST_PORT, PAIRS, peer_address};

/// Octets of an RTP packet that ends too early: its header, and no room for a tag.
const TRUNCATED: usize = 13;

/// What is to be done with the packets of one direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Where the packets come from.
    pub(crate) from: Leg,
    /// The suite of the side that they come from.
    pub(crate) arrives: Option<Suite>,
    /// The suite of the side that they go to.
    pub(crate) leaves: Option<Suite>,
    /// Whether the keys on both sides are the same.
    pub(crate) unchanged: bool,
    /// Octets of payload.
    pub(crate) payload: usize,
    /// What is wrong with the packets, if anything.
    pub(crate) bad: Option<Bad>,
}

/// What is wrong with packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bad {
    /// Their tags do not verify.
    Forged,
    /// All but the first of each stream have been sent before.
    Replayed,
    /// They end behind their header.
    Truncated,
    /// Their SSRC is another's.
    WrongSsrc,
    /// No stream has their port open.
    UnknownPort,
}

impl Case {
    /// SRTP from a phone outside to RTP inside, 20 ms of G.711.
    pub(crate) const fn decrypting(name: &'static str, suite: Suite) -> Self {
        let (arrives, leaves) = (Some(suite), None);
        Self {
            name,
            from: Leg::Client,
            arrives,
            leaves,
            unchanged: false,
            payload: 160,
            bad: None,
        }
    }

    /// The plan of stream `number`.
    pub(crate) fn plan(&self, number: u32) -> MediaPlan {
        let side = |leg: Leg| {
            let rtp = peer(leg, number);
            let rtcp = SocketAddr::new(rtp.ip(), rtp.port() + 1);
            let suite = if leg == self.from {
                self.arrives
            } else {
                self.leaves
            };
            let keys =
                |sent_by_peer: bool| suite.map(|suite| self.keys(suite, number, leg, sent_by_peer));
            SidePlan {
                family_of: rtp.ip(),
                remote: Some(Endpoint { rtp, rtcp }),
                rtcp_mux: false,
                secure: suite.is_some(),
                receive: keys(true),
                transmit: keys(false),
                peer_sends: true,
                peer_receives: true,
            }
        };
        let sides = PerLeg {
            client: side(Leg::Client),
            server: side(Leg::Server),
        };
        MediaPlan {
            call: CallId(number),
            kind: MediaKind::Rtp,
            sides,
        }
    }

    /// Keys that differ by stream, leg and direction; by direction alone where they are to pass
    /// unchanged.
    fn keys(&self, suite: Suite, number: u32, leg: Leg, sent_by_peer: bool) -> SrtpParams {
        let from_client = sent_by_peer == (leg == Leg::Client);
        let leg = if self.unchanged {
            0
        } else {
            u8::from(leg == Leg::Server)
        };
        let mut octets = [0x5c_u8; 46];
        let [a, b, c, d] = number.to_be_bytes();
        octets[..6].copy_from_slice(&[a, b, c, d, leg, u8::from(from_client)]);
        let key_salt = octets
            .get(..suite.key_salt_len())
            .expect("46 octets are enough");
        SrtpParams {
            suite,
            key: MasterKey::new(suite, key_salt).expect("length"),
            mki: None,
        }
    }
}

/// A peer's address for RTP.
fn peer(leg: Leg, number: u32) -> SocketAddr {
    let host = u8::try_from(number / PAIRS).expect("few addresses");
    let port = u16::try_from(4_000 + number % PAIRS * 2).expect("port");
    SocketAddr::new(peer_address(leg, host), port)
}

/// Frames one after another, each of the same length.
pub(crate) struct Frames {
    octets: Vec<u8>,
    len: usize,
}

impl Frames {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.octets.chunks_exact(self.len)
    }

    pub(crate) fn count(&self) -> usize {
        self.octets.len() / self.len
    }

    /// Makes `count` frames, of all streams in turn. `local` are our addresses by stream, and
    /// `stations` ours and the peers' station address.
    pub(crate) fn make(
        case: &Case,
        local: &[SocketAddr],
        stations: (MacAddr, MacAddr),
        count: usize,
    ) -> Self {
        let mut ciphers = Ciphers::new().expect("ciphers");
        let mut senders: Vec<_> = (0..)
            .zip(local)
            .map(|(number, _)| sender(case, number, &mut ciphers))
            .collect();
        let is_unused = |port: &u16| local.iter().all(|local| local.port() != *port);
        let unused = (FIRST_PORT..).step_by(2).find(is_unused).expect("port");
        let (mut octets, mut len) = (Vec::new(), 0);
        for at in 0..count {
            let stream = at % local.len();
            let seq = u16::try_from(at / local.len() % 65_536).expect("in range");
            let seq = if case.bad == Some(Bad::Replayed) {
                0
            } else {
                seq
            };
            let number = u32::try_from(stream).expect("few streams");
            let mut packet = rtp(number, seq, case.payload);
            if let Some(Some(sender)) = senders.get_mut(stream) {
                if case.bad == Some(Bad::Replayed) {
                    *sender = self::sender(case, number, &mut ciphers).expect("sender");
                }
                let done = ciphers.protect(sender, Traffic::Rtp, &mut packet, Now::ZERO);
                done.expect("protect");
            }
            let mut to = *local.get(stream).expect("stream");
            match case.bad {
                Some(Bad::Forged) => packet
                    .iter_mut()
                    .skip(12)
                    .take(1)
                    .for_each(|octet| *octet ^= 1),
                Some(Bad::Truncated) => packet.truncate(TRUNCATED),
                Some(Bad::WrongSsrc) => packet
                    .iter_mut()
                    .skip(8)
                    .take(1)
                    .for_each(|octet| *octet ^= 0x80),
                Some(Bad::UnknownPort) => to.set_port(unused),
                _ => {}
            }
            let frame = frame(peer(case.from, number), to, stations, &packet);
            len = frame.len();
            octets.extend_from_slice(&frame);
        }
        Self { octets, len }
    }
}

fn sender(case: &Case, number: u32, ciphers: &mut Ciphers) -> Option<Sender<crypto::Key>> {
    let plan = case.plan(number);
    let keys = plan.sides[case.from].receive.as_ref()?;
    let (key, salt) = (keys.key.key(), keys.key.salt());
    ciphers.sender(&Params {
        suite: keys.suite,
        key,
        salt,
        mki: None,
    })
}

fn rtp(ssrc: u32, seq: u16, payload: usize) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(seq.to_be_bytes());
    packet.extend((u32::from(seq) * 160).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.resize(packet.len() + payload, 0x55);
    packet
}

fn frame(
    src: SocketAddr,
    dst: SocketAddr,
    stations: (MacAddr, MacAddr),
    payload: &[u8],
) -> Vec<u8> {
    let l3 = ethernet::HEADER_LEN;
    let mut bytes = vec![0; l3 + UdpRepr::headers_len(dst)];
    bytes.extend_from_slice(payload);
    let headers = UdpRepr {
        src,
        dst,
        hop_limit: 64,
        traffic_class: 0xb8,
        checksum: UdpChecksum::Compute,
    };
    headers
        .emit(bytes.get_mut(l3..).expect("room"))
        .expect("headers");
    let link = EthernetRepr {
        dst: stations.0,
        src: stations.1,
        vlan: None,
        ethertype: ethernet::IPV4,
    };
    link.emit(&mut bytes).expect("room");
    bytes
}
