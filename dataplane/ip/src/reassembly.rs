//! Putting fragments together, within bounds and without trust.
//!
//! A packet's payload is collected in one frame of our own pool, so that what it costs is known
//! before the second fragment arrives; one that does not fit such a frame is refused. Fragments
//! that overlap spoil their packet (RFC 5722, and for IPv4 for the same reason).

mod fragment;

#[cfg(test)]
mod tests;

use core::time::Duration;

use abi::{Now, Reason};
use wire::{Frame, Packet, checksum::Sum};

use crate::{Egress, InterfaceId, Stack};
use fragment::{Fragment, Key};

/// Fragments that one packet may come in. An Ethernet frame's worth of payload comes in two or
/// three; many more are an attack.
const MAX_FRAGMENTS: usize = 16;

/// How much reassembly may hold, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReassemblyLimits {
    /// Packets in progress; each holds one frame.
    pub packets: usize,
    /// Packets in progress from one source.
    pub packets_per_source: usize,
    /// How long after its first fragment a packet is given up.
    pub timeout: Duration,
}

impl Default for ReassemblyLimits {
    fn default() -> Self {
        Self {
            packets: 64,
            packets_per_source: 8,
            timeout: Duration::from_secs(15),
        }
    }
}

/// A packet in progress.
#[derive(Debug)]
struct Pending<F> {
    key: Key,
    /// The payload from its first octet; what has not come yet is undefined.
    body: F,
    /// Link and IP header of the first fragment, made those of the whole; empty until it comes.
    header: Vec<u8>,
    /// Where in `header` the IP header begins.
    ip_at: usize,
    /// First and last-but-one octet of each part that is there; they do not overlap.
    parts: Vec<(usize, usize)>,
    /// Length of the payload, known from the last fragment.
    total: Option<usize>,
    deadline: Now,
}

impl<F: Frame> Pending<F> {
    /// Takes in one fragment.
    fn add(&mut self, fragment: &Fragment<'_>) -> Result<(), Reason> {
        let (start, end) = (fragment.offset, fragment.offset + fragment.data.len());
        if self.parts.contains(&(start, end)) {
            let same = self.body.data().get(start..end) == Some(fragment.data);
            return if same {
                Ok(())
            } else {
                Err(Reason::IpReassemblyOverlap)
            };
        }
        if self.parts.iter().any(|&(s, e)| start < e && s < end) {
            return Err(Reason::IpReassemblyOverlap);
        }
        let furthest = self.parts.iter().map(|&(_, e)| e).max().unwrap_or(0);
        let ends_wrong = match (self.total, fragment.more) {
            (Some(total), true) => end > total,
            (Some(_), false) => true,
            (None, true) => false,
            (None, false) => furthest > end,
        };
        if ends_wrong {
            return Err(Reason::IpReassemblyOverlap);
        }
        let missing = end.saturating_sub(self.body.data().len());
        if self.parts.len() == MAX_FRAGMENTS || !self.body.append(missing) {
            return Err(Reason::IpReassemblyFull);
        }
        let place = self
            .body
            .data_mut()
            .get_mut(start..end)
            .ok_or(Reason::IpReassemblyFull)?;
        place.copy_from_slice(fragment.data);
        self.parts.push((start, end));
        if !fragment.more {
            self.total = Some(end);
        }
        if start == 0 {
            (self.header, self.ip_at) = (fragment.header()?, fragment.link_len);
        }
        Ok(())
    }

    fn is_complete(&self) -> bool {
        let there: usize = self.parts.iter().map(|&(s, e)| e - s).sum();
        self.total == Some(there) && !self.header.is_empty()
    }

    /// The whole packet, in a frame as it would have come in one piece.
    fn finish(mut self) -> Result<F, Reason> {
        self.set_length().ok_or(Reason::IpMalformed)?;
        if !self.body.prepend(self.header.len()) {
            return Err(Reason::IpReassemblyFull);
        }
        let front = self.body.data_mut().get_mut(..self.header.len());
        front
            .ok_or(Reason::IpReassemblyFull)?
            .copy_from_slice(&self.header);
        Ok(self.body)
    }

    /// Writes the length of the whole into its header, and the checksum of an IPv4 header.
    fn set_length(&mut self) -> Option<()> {
        let header = self.header.get_mut(self.ip_at..)?;
        let (header_len, payload_len) = (header.len(), self.total?);
        let is_v4 = header.first()? >> 4 == 4;
        // IPv4 counts its header, IPv6 only its extension headers.
        let (field, counted) = if is_v4 {
            (2, header_len)
        } else {
            (4, header_len - 40)
        };
        let len = u16::try_from(counted + payload_len).ok()?.to_be_bytes();
        *header.get_mut(field..)?.first_chunk_mut()? = len;
        if is_v4 {
            *header.get_mut(10..)?.first_chunk_mut()? = [0, 0];
            let sum = Sum::new().add_bytes(header).finish().to_be_bytes();
            *header.get_mut(10..)?.first_chunk_mut()? = sum;
        }
        Some(())
    }
}

/// All packets in progress.
#[derive(Debug)]
pub(crate) struct Reassembler<F> {
    limits: ReassemblyLimits,
    pending: Vec<Pending<F>>,
}

impl<F: Frame> Reassembler<F> {
    pub(crate) fn new(limits: ReassemblyLimits) -> Self {
        Self {
            limits,
            pending: Vec::with_capacity(limits.packets),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.pending.clear();
    }

    /// Takes in one fragment; gives the whole packet when it was the last that was missing.
    fn add(
        &mut self,
        fragment: &Fragment<'_>,
        now: Now,
        alloc: impl FnOnce() -> Option<F>,
    ) -> Result<Option<F>, Reason> {
        let at = match self.pending.iter().position(|p| p.key == fragment.key) {
            Some(at) => at,
            None => self.begin(fragment.key, now, alloc)?,
        };
        let Some(pending) = self.pending.get_mut(at) else {
            return Ok(None);
        };
        if let Err(reason) = pending.add(fragment) {
            self.pending.swap_remove(at);
            return Err(reason);
        }
        if !pending.is_complete() {
            return Ok(None);
        }
        self.pending.swap_remove(at).finish().map(Some)
    }

    fn begin(
        &mut self,
        key: Key,
        now: Now,
        alloc: impl FnOnce() -> Option<F>,
    ) -> Result<usize, Reason> {
        let same_source = self.pending.iter().filter(|p| p.key.src == key.src).count();
        if self.pending.len() >= self.limits.packets
            || same_source >= self.limits.packets_per_source
        {
            return Err(Reason::IpReassemblyFull);
        }
        self.pending.push(Pending {
            key,
            body: alloc().ok_or(Reason::NoBuffer)?,
            header: Vec::new(),
            ip_at: 0,
            parts: Vec::new(),
            total: None,
            deadline: now + self.limits.timeout,
        });
        Ok(self.pending.len() - 1)
    }

    /// Gives up what is overdue and returns how many packets that were.
    pub(crate) fn expire(&mut self, now: Now) -> usize {
        let before = self.pending.len();
        self.pending.retain(|p| p.deadline > now);
        before - self.pending.len()
    }

    pub(crate) fn next_deadline(&self) -> Option<Now> {
        self.pending.iter().map(|p| p.deadline).min()
    }
}

impl<F: Frame> Stack<F> {
    /// Takes in a fragment, which came in by `id`. Gives the whole packet when it was the last
    /// that was missing: a frame to be parsed like one just received.
    ///
    /// Where the interface does not reassemble, every fragment is refused.
    pub fn on_fragment(
        &mut self,
        frame: &F,
        packet: &Packet,
        id: InterfaceId,
        now: Now,
        out: &mut impl Egress<F>,
    ) -> Option<F> {
        let Some(interface) = self.interface(id).filter(|i| i.reassemble) else {
            out.refuse(Reason::IpFragment);
            return None;
        };
        let port = interface.port;
        let whole = Fragment::parse(frame.data(), packet, id)
            .and_then(|fragment| self.reassembler.add(&fragment, now, || out.alloc(port)));
        whole.unwrap_or_else(|reason| {
            out.refuse(reason);
            None
        })
    }
}
