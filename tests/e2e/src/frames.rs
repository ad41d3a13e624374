//! Frames built by hand, so that each can carry one fault, and their sender.

use std::io::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::error::{Failure, Result, ensure};
use crate::netns::Netns;

/// One Ethernet frame; build, spoil, send.
#[derive(Clone, Debug)]
pub struct Frame(Vec<u8>);

/// Octets of an Ethernet header.
const ETH: usize = 14;
/// Octets of an IPv4 header without options.
const IP: usize = 20;

/// Addresses of a frame.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// Station that it is for.
    pub to: [u8; 6],
    /// Station that it is from.
    pub from: [u8; 6],
}

impl Frame {
    /// A frame of any EtherType.
    #[must_use]
    pub fn ethernet(link: Link, ethertype: u16, payload: &[u8]) -> Self {
        let mut octets = Vec::with_capacity(ETH + payload.len());
        octets.extend_from_slice(&link.to);
        octets.extend_from_slice(&link.from);
        octets.extend_from_slice(&ethertype.to_be_bytes());
        octets.extend_from_slice(payload);
        Self(octets)
    }

    /// A UDP datagram with correct lengths and checksums.
    #[must_use]
    pub fn udp(link: Link, from: SocketAddrV4, to: SocketAddrV4, payload: &[u8]) -> Self {
        let mut segment = Vec::new();
        segment.extend_from_slice(&from.port().to_be_bytes());
        segment.extend_from_slice(&to.port().to_be_bytes());
        segment.extend_from_slice(&len16(8 + payload.len()));
        segment.extend_from_slice(&[0, 0]);
        segment.extend_from_slice(payload);
        Self::ipv4(link, 17, *from.ip(), *to.ip(), segment, 6)
    }

    /// A TCP SYN with correct checksums.
    #[must_use]
    pub fn syn(link: Link, from: SocketAddrV4, to: SocketAddrV4) -> Self {
        Self::tcp(link, from, to, 0x02, &[])
    }

    /// A TCP segment with data, of a connection that nobody opened.
    #[must_use]
    pub fn ack(link: Link, from: SocketAddrV4, to: SocketAddrV4, data: &[u8]) -> Self {
        Self::tcp(link, from, to, 0x18, data)
    }

    fn tcp(link: Link, from: SocketAddrV4, to: SocketAddrV4, flags: u8, data: &[u8]) -> Self {
        let mut segment = Vec::new();
        segment.extend_from_slice(&from.port().to_be_bytes());
        segment.extend_from_slice(&to.port().to_be_bytes());
        segment.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 1]); // sequence, acknowledgement
        segment.extend_from_slice(&[0x50, flags, 0x20, 0x00, 0, 0, 0, 0]); // window 8,192
        segment.extend_from_slice(data);
        Self::ipv4(link, 6, *from.ip(), *to.ip(), segment, 16)
    }

    fn ipv4(
        link: Link,
        protocol: u8,
        from: Ipv4Addr,
        to: Ipv4Addr,
        mut segment: Vec<u8>,
        checksum_at: usize,
    ) -> Self {
        let mut pseudo = Vec::new();
        pseudo.extend_from_slice(&from.octets());
        pseudo.extend_from_slice(&to.octets());
        pseudo.extend_from_slice(&[0, protocol]);
        pseudo.extend_from_slice(&len16(segment.len()));
        pseudo.extend_from_slice(&segment);
        put(&mut segment, checksum_at, &checksum(&pseudo));

        let mut packet = vec![0x45, 0xb8];
        packet.extend_from_slice(&len16(IP + segment.len()));
        packet.extend_from_slice(&[0, 0, 0x40, 0, 64, protocol, 0, 0]); // DF, hop limit 64
        packet.extend_from_slice(&from.octets());
        packet.extend_from_slice(&to.octets());
        let header_checksum = checksum(&packet);
        put(&mut packet, 10, &header_checksum);
        packet.extend_from_slice(&segment);
        Self::ethernet(link, 0x0800, &packet)
    }

    /// Flips the bits of the IPv4 header checksum.
    #[must_use]
    pub fn bad_ip_checksum(self) -> Self {
        self.flip(ETH + 10)
    }

    /// Flips a bit of the last octet: the transport's checksum no longer fits.
    #[must_use]
    pub fn bad_payload(self) -> Self {
        let last = self.0.len().saturating_sub(1);
        self.flip(last)
    }

    /// Makes the IPv4 header say that the packet is longer than it is.
    #[must_use]
    pub fn overlong_total_length(self) -> Self {
        self.with_ip_header(|header| put(header, 2, &9_000u16.to_be_bytes()))
    }

    /// The first of several fragments of an IPv6 datagram.
    #[must_use]
    pub fn first_fragment(link: Link, from: Ipv6Addr, to: Ipv6Addr) -> Self {
        // Version; length of all that follows; fragment header next; hop limit 64.
        let mut packet = vec![0x60, 0, 0, 0, 0, 24, 44, 64];
        packet.extend_from_slice(&from.octets());
        packet.extend_from_slice(&to.octets());
        // UDP next; offset 0 and more to come; identification.
        packet.extend_from_slice(&[17, 0, 0, 1, 0, 0, 0, 1]);
        packet.extend_from_slice(&[0; 16]);
        Self::ethernet(link, 0x86dd, &packet)
    }

    /// Puts a VLAN tag in.
    #[must_use]
    pub fn tagged(mut self, vlan: u16) -> Self {
        let [high, low] = vlan.to_be_bytes();
        self.0.splice(12..12, [0x81, 0x00, high, low]);
        self
    }

    /// Gives the packet a hop limit.
    #[must_use]
    pub fn hop_limit(self, hops: u8) -> Self {
        self.with_ip_header(|header| put(header, 8, &[hops]))
    }

    /// Makes the UDP header say that the datagram is longer than its packet.
    #[must_use]
    pub fn overlong_udp_length(mut self) -> Self {
        put(&mut self.0, ETH + IP + 4, &9_000u16.to_be_bytes());
        self
    }

    /// Keeps only the first octets.
    #[must_use]
    pub fn cut(mut self, octets: usize) -> Self {
        self.0.truncate(octets);
        self
    }

    fn with_ip_header(mut self, change: impl FnOnce(&mut [u8])) -> Self {
        if let Some(header) = self.0.get_mut(ETH..ETH + IP) {
            change(header);
            put(header, 10, &[0, 0]);
            let sum = checksum(header);
            put(header, 10, &sum);
        }
        self
    }

    fn flip(mut self, at: usize) -> Self {
        if let Some(octet) = self.0.get_mut(at) {
            *octet ^= 0xff;
        }
        self
    }

    /// The frame in hex.
    fn hex(&self) -> String {
        self.0.iter().map(|octet| format!("{octet:02x}")).collect()
    }
}

/// Sends frames out of `eth0` of a namespace.
///
/// # Errors
/// When the sender fails.
pub fn send(netns: &Netns, frames: &[Frame]) -> Result<()> {
    let failed = |source| Failure::Io {
        what: "send frames".to_owned(),
        source,
    };
    let mut child = Command::new("nsenter")
        .arg(format!("--net={}", netns.path().display()))
        .args(["--", "python3"])
        .arg(script())
        .args(["eth0", "send"])
        .stdin(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        let lines: Vec<String> = frames
            .iter()
            .map(|frame| format!("{}\n", frame.hex()))
            .collect();
        stdin.write_all(lines.concat().as_bytes()).map_err(failed)?;
    }
    let status = child.wait().map_err(failed)?;
    ensure(status.success(), || "frames could not be sent".to_owned())
}

/// Waits for `count` audio packets that leave `eth0` for `to`, and sends each a second time.
///
/// # Errors
/// When the sender fails; it is ended after 120 seconds.
pub fn repeat_audio(netns: &Netns, to: Ipv4Addr, count: u32) -> Result<()> {
    let script = script().display().to_string();
    let (to, count) = (to.to_string(), count.to_string());
    let command = [
        "timeout", "120", "python3", &script, "eth0", "repeat", &to, &count,
    ];
    netns.exec(&command).map(|_| ())
}

/// Address of a link's station.
///
/// # Errors
/// When there is no such link.
pub fn station(netns: &Netns, link: &str) -> Result<[u8; 6]> {
    let text = netns.ip(&["-o", "link", "show", link])?;
    let address = text
        .split_whitespace()
        .skip_while(|word| *word != "link/ether")
        .nth(1);
    let octets: Vec<u8> = address
        .unwrap_or_default()
        .split(':')
        .filter_map(|octet| u8::from_str_radix(octet, 16).ok())
        .collect();
    octets
        .try_into()
        .map_err(|_| Failure::Unexpected(format!("no address of {link}: {text}")))
}

/// The program that sends them.
pub(crate) fn script() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("config/frames.py")
}

/// The Internet checksum (RFC 1071).
fn checksum(octets: &[u8]) -> [u8; 2] {
    let mut sum: u32 = 0;
    let (pairs, rest) = octets.as_chunks();
    for &pair in pairs {
        sum += u32::from(u16::from_be_bytes(pair));
    }
    sum += rest.first().map_or(0, |&last| u32::from(last) << 8);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let [_, _, high, low] = (!sum).to_be_bytes();
    [high, low]
}

fn len16(len: usize) -> [u8; 2] {
    u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes()
}

fn put(octets: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = octets.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: Link = Link {
        to: [2, 0, 0, 0, 0, 1],
        from: [2, 0, 0, 0, 0, 2],
    };

    fn datagram() -> Frame {
        let from = "192.0.2.1:1000".parse().unwrap();
        let to = "192.0.2.2:2000".parse().unwrap();
        Frame::udp(LINK, from, to, b"hello")
    }

    fn header_is_good(frame: &Frame) -> bool {
        checksum(&frame.0[ETH..ETH + IP]) == [0, 0]
    }

    #[test]
    fn good_frame_has_good_checksums() {
        let frame = datagram();
        assert_eq!(frame.0.len(), ETH + IP + 8 + 5);
        assert!(header_is_good(&frame));
    }

    #[test]
    fn each_fault_is_the_only_one() {
        assert!(!header_is_good(&datagram().bad_ip_checksum()));
        assert!(header_is_good(&datagram().bad_payload()));
        assert!(header_is_good(&datagram().overlong_total_length()));
    }
}
