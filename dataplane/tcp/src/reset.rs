//! Answers to segments of no connection.

use smoltcp::wire::{TcpControl, TcpRepr, TcpSeqNumber};

use crate::Transmit;
use crate::segment::{self, Segment};

/// Answers a segment that belongs to no connection with a reset (RFC 9293 §3.5.2), and tells
/// whether one went out.
///
/// A reset is never answered, nor a packet that is malformed or that has a multicast or broadcast
/// address. Whoever calls it limits the rate: a forged segment makes us send to its source.
pub fn reset_for(packet: &[u8], tx: &mut dyn Transmit) -> bool {
    let Ok(segment) = Segment::parse(packet) else {
        return false;
    };
    if segment.rst || !segment.is_unicast() {
        return false;
    }
    let (seq, ack) = match segment.ack {
        Some(ack) => (ack, None),
        None => (0, Some(number(segment.end()))),
    };
    let tcp = TcpRepr {
        src_port: segment.local().port(),
        dst_port: segment.remote().port(),
        control: TcpControl::Rst,
        seq_number: number(seq),
        ack_number: ack,
        ..empty()
    };
    segment::send(&segment.reply(&tcp), &tcp, tx)
}

/// A sequence number as smoltcp writes it.
pub(crate) const fn number(seq: u32) -> TcpSeqNumber {
    TcpSeqNumber(seq.cast_signed())
}

/// A segment without flags, options or payload.
pub(crate) const fn empty() -> TcpRepr<'static> {
    TcpRepr {
        src_port: 0,
        dst_port: 0,
        control: TcpControl::None,
        seq_number: TcpSeqNumber(0),
        ack_number: None,
        window_len: 0,
        window_scale: None,
        max_seg_size: None,
        sack_permitted: false,
        sack_ranges: [None, None, None],
        timestamp: None,
        payload: &[],
    }
}
