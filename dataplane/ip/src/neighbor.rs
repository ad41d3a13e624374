//! The neighbour table: who has which station address, and what waits to learn it.
//!
//! An entry is made when something is to be sent, or when a station asks for one of our
//! addresses, and believes only answers to what was asked. An entry in use is asked again, by
//! unicast, before it grows old; one that nobody uses is forgotten.

mod entry;
mod table;

#[cfg(test)]
mod tests;

use core::time::Duration;

use abi::Reason;
use wire::{
    Frame, MacAddr, TxChecksums, TxOffload,
    ethernet::{EthernetRepr, HEADER_LEN, TAGGED_LEN},
};

use crate::Egress;

pub(crate) use entry::Entry;
pub(crate) use table::{Due, Learned, NeighborTable};

/// A handle on a neighbour, good until the neighbour is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HopId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// The link-layer header for a neighbour, ready to be copied ahead of an IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkHeader {
    /// Position of the port among the worker's.
    pub port: u16,
    /// Largest IP packet that the port sends, in octets.
    pub mtu: u16,
    /// The checksums that the port fills in.
    pub tx_checksums: TxChecksums,
    len: u8,
    bytes: [u8; TAGGED_LEN],
}

impl LinkHeader {
    pub(crate) fn new(port: u16, mtu: u16, tx_checksums: TxChecksums, repr: &EthernetRepr) -> Self {
        let mut bytes = [0; TAGGED_LEN];
        // Cannot fail: the array has room for the longest header.
        let written = repr.emit(&mut bytes);
        debug_assert!(written.is_some());
        Self {
            port,
            mtu,
            tx_checksums,
            len: repr.header_len().to_le_bytes()[0],
            bytes,
        }
    }

    /// The header.
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Puts the header ahead of the IP packet in `frame` and sends it; the port fills in what
    /// `offload` asks for, which is no more than it [can](Self::tx_checksums). What is too big is
    /// counted.
    #[inline]
    pub fn send<F: Frame>(&self, frame: F, offload: TxOffload, out: &mut impl Egress<F>) {
        if let Err(reason) = self.send_around(frame, 0, |_| Some(offload), out) {
            out.refuse(reason);
        }
    }

    /// As [`send`](Self::send), for a frame that lacks `missing` octets of headers at the front of
    /// its IP packet: `write` gets the packet with room for them, and returns what to ask the port
    /// for, or `None` when the packet cannot be.
    ///
    /// # Errors
    /// Why the packet was not sent, which is the caller's to count.
    #[inline]
    pub fn send_around<F: Frame>(
        &self,
        mut frame: F,
        missing: usize,
        write: impl FnOnce(&mut [u8]) -> Option<TxOffload>,
        out: &mut impl Egress<F>,
    ) -> Result<(), Reason> {
        if frame.data().len() + missing > usize::from(self.mtu) {
            return Err(Reason::IpTooBig);
        }
        if !frame.prepend(usize::from(self.len) + missing) {
            return Err(Reason::NoBuffer);
        }
        // Copies of a length that the compiler knows are a few moves.
        let packet = if usize::from(self.len) == HEADER_LEN {
            self.put::<HEADER_LEN>(frame.data_mut())
        } else {
            self.put::<TAGGED_LEN>(frame.data_mut())
        };
        let offload = packet.and_then(write).ok_or(Reason::IpMalformed)?;
        if !offload.is_none() {
            frame.set_tx_offload(self.len, offload);
        }
        out.send(self.port, frame);
        Ok(())
    }

    /// Writes a header of `N` octets, and returns what lies behind it.
    #[inline(always)]
    fn put<'a, const N: usize>(&self, frame: &'a mut [u8]) -> Option<&'a mut [u8]> {
        let (header, packet) = frame.split_first_chunk_mut::<N>()?;
        *header = *self.bytes.first_chunk()?;
        Some(packet)
    }

    /// The station that it is for.
    #[must_use]
    pub fn station(&self) -> MacAddr {
        let [a, b, c, d, e, f, ..] = self.bytes;
        MacAddr([a, b, c, d, e, f])
    }
}

/// How large the table may grow and how patient it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeighborLimits {
    /// Neighbours known.
    pub entries: usize,
    /// Neighbours being asked for at once. Less than `entries`, so that a sweep over addresses
    /// that nobody has cannot push out those that somebody has (RFC 6583).
    pub unresolved: usize,
    /// Packets that wait for one neighbour.
    pub queue_each: usize,
    /// Packets that wait in all.
    pub queue_total: usize,
    /// Time between two questions.
    pub retry: Duration,
    /// Questions before giving up.
    pub attempts: u8,
    /// How long an answer is good for without asking again.
    pub reachable: Duration,
    /// How long an entry that nobody uses is kept.
    pub idle: Duration,
    /// How long after giving up packets are refused at once.
    pub negative: Duration,
}

impl Default for NeighborLimits {
    fn default() -> Self {
        Self {
            entries: 1024,
            unresolved: 256,
            queue_each: 8,
            queue_total: 256,
            retry: Duration::from_secs(1),
            attempts: 3,
            reachable: Duration::from_secs(30),
            idle: Duration::from_secs(600),
            negative: Duration::from_secs(3),
        }
    }
}
