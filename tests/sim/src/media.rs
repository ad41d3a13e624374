//! Ends of media: RTP and RTCP, clear or protected.

use std::fmt;
use std::net::SocketAddr;

use abi::{Reason, Suite};
use crypto::Key;
use oracle::Ciphers;
use srtp::{Params, Receiver, Sender, Traffic};

use crate::{HostId, Random, World};

/// A suite with a master key and salt, as SDP carries them.
#[derive(Clone, PartialEq, Eq)]
pub struct Sdes {
    /// The suite.
    pub suite: Suite,
    key_salt: Vec<u8>,
}

impl fmt::Debug for Sdes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sdes({})", self.suite.name())
    }
}

impl Sdes {
    /// A key of chance.
    #[must_use]
    pub fn new(suite: Suite, random: &Random) -> Self {
        let octets = (0..suite.key_salt_len()).map(|_| random.draw().to_be_bytes()[0]);
        Self {
            suite,
            key_salt: octets.collect(),
        }
    }

    /// Reads what follows `a=crypto:`; `None` for a suite that is not known.
    ///
    /// # Panics
    /// When there is no inline key.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let mut words = value.split(' ').skip(1);
        let suite = Suite::from_name(words.next()?.as_bytes())?;
        let inline = words.next().unwrap().strip_prefix("inline:").unwrap();
        Some(Self {
            suite,
            key_salt: from_base64(inline.split('|').next().unwrap()),
        })
    }

    /// The value of an `a=crypto:` line.
    #[must_use]
    pub fn attribute(&self, tag: u32) -> String {
        format!(
            "{tag} {} inline:{}",
            self.suite.name(),
            to_base64(&self.key_salt)
        )
    }

    fn params(&self) -> Params<'_> {
        let (key, salt) = self.key_salt.split_at(self.suite.key_len());
        Params {
            suite: self.suite,
            key,
            salt,
            mki: None,
        }
    }
}

/// What protects one end's media.
struct Protection {
    ciphers: Ciphers,
    sender: Sender<Key>,
    receiver: Receiver<Key>,
}

/// A packet that has arrived, in clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// An RTP packet.
    Rtp(Vec<u8>),
    /// An RTCP packet.
    Rtcp(Vec<u8>),
    /// A packet that does not open.
    Refused(Reason),
}

/// One end of a stream.
pub struct MediaEnd {
    /// Whose.
    pub host: HostId,
    /// Its port for RTP; RTCP has the next one.
    pub rtp_port: u16,
    /// Where it sends RTP.
    pub remote_rtp: SocketAddr,
    /// Where it sends RTCP.
    pub remote_rtcp: SocketAddr,
    /// Names its packets.
    pub ssrc: u32,
    /// Sequence number of the next packet.
    pub seq: u16,
    protection: Option<Protection>,
}

impl fmt::Debug for MediaEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?}:{} <> {}",
            self.host, self.rtp_port, self.remote_rtp
        )
    }
}

impl MediaEnd {
    /// An end in clear that sends to `remote`, RTCP to the port above.
    #[must_use]
    pub fn new(host: HostId, rtp_port: u16, remote: SocketAddr) -> Self {
        Self {
            host,
            rtp_port,
            remote_rtp: remote,
            remote_rtcp: SocketAddr::new(remote.ip(), remote.port() + 1),
            ssrc: 0x5eed_0000 + u32::from(rtp_port),
            seq: 0xfffe,
            protection: None,
        }
    }

    /// Protects what is sent with `own` and expects the other to use `theirs`.
    ///
    /// # Panics
    /// When the ciphers do not run here.
    pub fn protect(&mut self, own: &Sdes, theirs: &Sdes) {
        let mut ciphers = Ciphers::new().expect("ciphers");
        let sender = ciphers.sender(&own.params()).unwrap();
        let receiver = ciphers.receiver(&theirs.params()).unwrap();
        self.protection = Some(Protection {
            ciphers,
            sender,
            receiver,
        });
    }

    /// The next RTP packet, in clear.
    pub fn rtp(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80, 0];
        packet.extend(self.seq.to_be_bytes());
        packet.extend((u32::from(self.seq) * 160).to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend(payload);
        self.seq = self.seq.wrapping_add(1);
        packet
    }

    /// A receiver report without reports, in clear.
    #[must_use]
    pub fn rtcp(&self) -> Vec<u8> {
        let mut packet = vec![0x80, 201, 0, 1];
        packet.extend(self.ssrc.to_be_bytes());
        packet
    }

    /// A packet as it goes over the wire.
    ///
    /// # Panics
    /// When it cannot be protected.
    pub fn seal(&mut self, traffic: Traffic, packet: &[u8], world: &World) -> Vec<u8> {
        let mut packet = packet.to_vec();
        if let Some(Protection {
            ciphers, sender, ..
        }) = &mut self.protection
        {
            ciphers
                .protect(sender, traffic, &mut packet, world.now())
                .unwrap();
        }
        packet
    }

    /// Sends an RTP packet and returns it as it was in clear.
    pub fn send_rtp(&mut self, world: &mut World, payload: &[u8]) -> Vec<u8> {
        let packet = self.rtp(payload);
        let sealed = self.seal(Traffic::Rtp, &packet, world);
        world
            .host(self.host)
            .send_datagram(self.rtp_port, self.remote_rtp, &sealed);
        packet
    }

    /// Sends an RTCP packet and returns it as it was in clear.
    pub fn send_rtcp(&mut self, world: &mut World) -> Vec<u8> {
        let packet = self.rtcp();
        let sealed = self.seal(Traffic::Rtcp, &packet, world);
        world
            .host(self.host)
            .send_datagram(self.rtp_port + 1, self.remote_rtcp, &sealed);
        packet
    }

    /// What has arrived, in clear.
    ///
    /// # Panics
    /// When it did not come from where this end sends to.
    pub fn heard(&mut self, world: &mut World) -> Vec<Heard> {
        let now = world.now();
        let mut heard = Vec::new();
        for (port, traffic, from) in [
            (self.rtp_port, Traffic::Rtp, self.remote_rtp),
            (self.rtp_port + 1, Traffic::Rtcp, self.remote_rtcp),
        ] {
            for datagram in world.host(self.host).take_datagrams(port) {
                assert_eq!(datagram.from, from, "{self:?}");
                let mut packet = datagram.payload;
                let opened = match &mut self.protection {
                    Some(Protection {
                        ciphers, receiver, ..
                    }) => ciphers.unprotect(receiver, traffic, &mut packet, now),
                    None => Ok(()),
                };
                heard.push(match (opened, traffic) {
                    (Err(reason), _) => Heard::Refused(reason),
                    (Ok(()), Traffic::Rtp) => Heard::Rtp(packet),
                    (Ok(()), Traffic::Rtcp) => Heard::Rtcp(packet),
                });
            }
        }
        heard
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn to_base64(octets: &[u8]) -> String {
    let mut text = String::new();
    for part in octets.chunks(3) {
        let bits = part
            .iter()
            .fold(0_u32, |bits, octet| bits << 8 | u32::from(*octet));
        let bits = bits << (8 * (3 - part.len()));
        for i in 0..4 {
            let sextet = bits >> (18 - 6 * i) & 0x3f;
            text.push(if i <= part.len() {
                char::from(ALPHABET[sextet as usize])
            } else {
                '='
            });
        }
    }
    text
}

fn from_base64(text: &str) -> Vec<u8> {
    let (mut octets, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes().filter(|b| *b != b'=') {
        let sextet = ALPHABET.iter().position(|b| *b == letter).expect("base64");
        bits = bits << 6 | u32::try_from(sextet).unwrap();
        held += 6;
        if held >= 8 {
            held -= 8;
            octets.push((bits >> held & 0xff) as u8);
        }
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive_their_way_through_sdp() {
        for suite in Suite::ALL {
            let sdes = Sdes::new(suite, &Random::new(3));
            assert_eq!(Sdes::parse(&sdes.attribute(1)), Some(sdes));
        }
        assert_eq!(to_base64(b"light work."), "bGlnaHQgd29yay4=");
    }
}
