//! ARP for IPv4 over Ethernet (RFC 826).

use core::net::Ipv4Addr;

use abi::Reason;

use crate::{MacAddr, field::put};

/// Octets of a packet.
pub const LEN: usize = 28;

/// Hardware type Ethernet, protocol type IPv4, address lengths 6 and 4.
const PREFIX: [u8; 6] = [0, 1, 8, 0, 6, 4];

/// What an ARP packet wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Who has the target address?
    Request,
    /// The sender has it.
    Reply,
}

/// An ARP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArpRepr {
    /// Request or reply.
    pub operation: Operation,
    /// Station address of the sender.
    pub sender_mac: MacAddr,
    /// IP address of the sender; unspecified in a probe (RFC 5227).
    pub sender_ip: Ipv4Addr,
    /// Station address of the target; of no meaning in a request.
    pub target_mac: MacAddr,
    /// IP address asked for, or of the station replied to.
    pub target_ip: Ipv4Addr,
}

impl ArpRepr {
    /// Reads a packet; what follows it is padding.
    ///
    /// # Errors
    /// [`Reason::ArpMalformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Reason> {
        let packet: &[u8; LEN] = bytes.first_chunk().ok_or(Reason::ArpMalformed)?;
        let [p0, p1, p2, p3, p4, p5, op0, op1, rest @ ..] = *packet;
        if [p0, p1, p2, p3, p4, p5] != PREFIX {
            return Err(Reason::ArpMalformed);
        }
        let operation = match u16::from_be_bytes([op0, op1]) {
            1 => Operation::Request,
            2 => Operation::Reply,
            _ => return Err(Reason::ArpMalformed),
        };
        let [
            m0,
            m1,
            m2,
            m3,
            m4,
            m5,
            i0,
            i1,
            i2,
            i3,
            n0,
            n1,
            n2,
            n3,
            n4,
            n5,
            j0,
            j1,
            j2,
            j3,
        ] = rest;
        Ok(Self {
            operation,
            sender_mac: MacAddr([m0, m1, m2, m3, m4, m5]),
            sender_ip: Ipv4Addr::new(i0, i1, i2, i3),
            target_mac: MacAddr([n0, n1, n2, n3, n4, n5]),
            target_ip: Ipv4Addr::new(j0, j1, j2, j3),
        })
    }

    /// Writes the packet to the front of `out`; `None` if it does not fit.
    pub fn emit(&self, out: &mut [u8]) -> Option<()> {
        let operation: u16 = match self.operation {
            Operation::Request => 1,
            Operation::Reply => 2,
        };
        put(out, 0, PREFIX)?;
        put(out, 6, operation.to_be_bytes())?;
        put(out, 8, self.sender_mac.0)?;
        put(out, 14, self.sender_ip.octets())?;
        put(out, 18, self.target_mac.0)?;
        put(out, 24, self.target_ip.octets())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request as a station sends it, padded to the Ethernet minimum.
    const REQUEST: [u8; 46] = {
        let mut bytes = [0; 46];
        let head = [
            0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01, 0x02, 0x42, 0xac, 0x11, 0x00, 0x02,
            0xc0, 0x00, 0x02, 0x0a, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xc0, 0x00, 0x02, 0x01,
        ];
        let mut i = 0;
        while i < head.len() {
            bytes[i] = head[i];
            i += 1;
        }
        bytes
    };

    #[test]
    fn captured_request_is_understood_and_written_back() {
        let repr = ArpRepr::parse(&REQUEST).unwrap();
        assert_eq!(repr.operation, Operation::Request);
        assert_eq!(
            repr.sender_mac,
            MacAddr([0x02, 0x42, 0xac, 0x11, 0x00, 0x02])
        );
        assert_eq!(repr.sender_ip, Ipv4Addr::new(192, 0, 2, 10));
        assert_eq!(repr.target_ip, Ipv4Addr::new(192, 0, 2, 1));
        let mut out = [0; 28];
        repr.emit(&mut out).unwrap();
        assert_eq!(out, REQUEST[..28]);
    }

    #[test]
    fn other_hardware_protocols_and_operations_are_refused() {
        for at in 0..8 {
            let mut bytes = REQUEST;
            bytes[at] = 0x7f;
            assert_eq!(
                ArpRepr::parse(&bytes),
                Err(Reason::ArpMalformed),
                "octet {at}"
            );
        }
        assert_eq!(ArpRepr::parse(&REQUEST[..27]), Err(Reason::ArpMalformed));
        assert_eq!(ArpRepr::parse(&REQUEST).unwrap().emit(&mut [0; 27]), None);
    }
}
