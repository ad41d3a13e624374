//! Mbuf fields that the fast path reads and writes in line.

use crate::generated::{
    UCP_MBUF_BUF_ADDR, UCP_MBUF_BUF_LEN, UCP_MBUF_DATA_LEN, UCP_MBUF_DATA_OFF, UCP_MBUF_NB_SEGS,
    UCP_MBUF_OL_FLAGS, UCP_MBUF_PKT_LEN, UCP_MBUF_TX_OFFLOAD, rte_mbuf,
};

macro_rules! fields {
    ($($name:ident: $type:ty = $offset:ident, $what:literal;)*) => {
        $(
            #[doc = $what]
            ///
            /// # Safety
            /// `mbuf` points to an mbuf that DPDK initialised.
            #[must_use]
            #[inline]
            pub const unsafe fn $name(mbuf: *mut rte_mbuf) -> *mut $type {
                // SAFETY: the offset is that of a field of `struct rte_mbuf` with this type, so it
                // stays inside the object that the caller vouches for, and is aligned.
                unsafe { mbuf.byte_add($offset) }.cast()
            }
        )*
    };
}

fields! {
    buf_addr: *mut u8 = UCP_MBUF_BUF_ADDR, "Start of the buffer, headroom included.";
    buf_len: u16 = UCP_MBUF_BUF_LEN, "Octets of the buffer, headroom included.";
    data_off: u16 = UCP_MBUF_DATA_OFF, "Octets before the data.";
    data_len: u16 = UCP_MBUF_DATA_LEN, "Octets of data in this segment.";
    pkt_len: u32 = UCP_MBUF_PKT_LEN, "Octets of data in all segments.";
    nb_segs: u16 = UCP_MBUF_NB_SEGS, "Segments of the frame.";
    ol_flags: u64 = UCP_MBUF_OL_FLAGS, "What the port found out, and what it is asked to do.";
    tx_offload: u64 = UCP_MBUF_TX_OFFLOAD, "How long the headers are of a frame that the port is asked to change.";
}
