//! The packet buffer.

use core::fmt;
use core::ptr::NonNull;
use core::slice;

use dpdk_sys::{self as sys, field};
use wire::offload::Transport;
use wire::{Frame, RxChecksum, TxOffload};

/// An owned mbuf; dropping it returns it, with all of its segments, to its pool.
///
/// As large as a pointer, so that a slice of these is what DPDK calls an array of mbufs.
#[repr(transparent)]
pub struct Mbuf(NonNull<sys::rte_mbuf>);

// SAFETY: an mbuf has one owner, and pools take buffers back from any thread.
unsafe impl Send for Mbuf {}

/// Getter and setter of one field, each a plain load or store.
macro_rules! accessors {
    ($($get:ident $set:ident $type:ty;)*) => {
        $(
            #[inline]
            fn $get(&self) -> $type {
                // SAFETY: `self` owns an initialised mbuf.
                let field = unsafe { field::$get(self.0.as_ptr()) };
                // SAFETY: the field is initialised, aligned and only ours to change.
                unsafe { field.read() }
            }

            #[inline]
            fn $set(&mut self, value: $type) {
                // SAFETY: `self` owns an initialised mbuf.
                let field = unsafe { field::$get(self.0.as_ptr()) };
                // SAFETY: the field is valid for writes, and `&mut self` makes us its only user.
                unsafe { field.write(value) };
            }
        )*
    };
}

impl Mbuf {
    /// Takes ownership.
    ///
    /// # Safety
    /// `mbuf` is initialised, and nobody else owns it, its segments or their data.
    #[inline]
    pub(crate) const unsafe fn from_raw(mbuf: NonNull<sys::rte_mbuf>) -> Self {
        Self(mbuf)
    }

    /// Octets of the frame in all of its segments.
    #[must_use]
    pub fn frame_len(&self) -> u32 {
        self.pkt_len()
    }

    accessors! {
        data_off set_data_off u16;
        data_len set_data_len u16;
        pkt_len set_pkt_len u32;
        ol_flags set_ol_flags u64;
    }

    #[inline]
    fn set_tx_lengths(&mut self, lengths: u64) {
        // SAFETY: `self` owns an initialised mbuf.
        let field = unsafe { field::tx_offload(self.0.as_ptr()) };
        // SAFETY: the field is valid for writes, and `&mut self` makes us its only user.
        unsafe { field.write(lengths) };
    }

    #[inline]
    fn buf_addr(&self) -> *mut u8 {
        // SAFETY: `self` owns an initialised mbuf.
        let field = unsafe { field::buf_addr(self.0.as_ptr()) };
        // SAFETY: the field is initialised and aligned.
        unsafe { field.read() }
    }

    #[inline]
    fn buf_len(&self) -> u16 {
        // SAFETY: `self` owns an initialised mbuf.
        let field = unsafe { field::buf_len(self.0.as_ptr()) };
        // SAFETY: the field is initialised and aligned.
        unsafe { field.read() }
    }

    #[inline]
    fn nb_segs(&self) -> u16 {
        // SAFETY: `self` owns an initialised mbuf.
        let field = unsafe { field::nb_segs(self.0.as_ptr()) };
        // SAFETY: the field is initialised and aligned.
        unsafe { field.read() }
    }

    #[inline]
    fn start(&self) -> *mut u8 {
        // SAFETY: `data_off` is at most `buf_len`, so this stays in the buffer at `buf_addr`.
        unsafe { self.buf_addr().add(usize::from(self.data_off())) }
    }

    /// Grows by `len` octets, which the caller has found room for.
    #[inline]
    fn grow(&mut self, len: u16) {
        self.set_data_len(self.data_len() + len);
        self.set_pkt_len(self.pkt_len() + u32::from(len));
    }

    /// Shrinks by `len` octets, which the caller has found there.
    #[inline]
    fn shrink(&mut self, len: u16) {
        self.set_data_len(self.data_len() - len);
        self.set_pkt_len(self.pkt_len() - u32::from(len));
    }
}

impl Frame for Mbuf {
    #[inline]
    fn data(&self) -> &[u8] {
        // SAFETY: the first `data_len` octets at `start` lie in the buffer, which came zeroed
        // from the kernel and so is initialised; nobody else changes them while we own the mbuf.
        unsafe { slice::from_raw_parts(self.start(), usize::from(self.data_len())) }
    }

    #[inline]
    fn data_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `data`; `&mut self` makes this the only reference.
        unsafe { slice::from_raw_parts_mut(self.start(), usize::from(self.data_len())) }
    }

    #[inline]
    fn headroom(&self) -> usize {
        usize::from(self.data_off())
    }

    #[inline]
    fn tailroom(&self) -> usize {
        if !self.is_contiguous() {
            return 0;
        }
        usize::from(self.buf_len() - self.data_off() - self.data_len())
    }

    #[inline]
    fn prepend(&mut self, len: usize) -> bool {
        let Some(off) = self.headroom().checked_sub(len) else {
            return false;
        };
        let (Ok(off), Ok(len)) = (u16::try_from(off), u16::try_from(len)) else {
            return false;
        };
        self.set_data_off(off);
        self.grow(len);
        true
    }

    #[inline]
    fn trim_front(&mut self, len: usize) -> bool {
        match u16::try_from(len) {
            Ok(len) if len <= self.data_len() => {
                self.set_data_off(self.data_off() + len);
                self.shrink(len);
                true
            }
            _ => false,
        }
    }

    #[inline]
    fn append(&mut self, len: usize) -> bool {
        if !self.is_contiguous() || len > self.tailroom() {
            return false;
        }
        let Ok(len) = u16::try_from(len) else {
            return false;
        };
        self.grow(len);
        true
    }

    /// Cuts the frame to `len` octets. Of a frame in several buffers it can keep a part of the
    /// first only, and changes nothing if asked for more.
    #[inline]
    fn truncate(&mut self, len: usize) {
        let Some(cut) = usize::from(self.data_len()).checked_sub(len) else {
            return;
        };
        let Ok(cut) = u16::try_from(cut) else { return };
        if !self.is_contiguous() {
            // SAFETY: `self` owns all the segments, and the shim detaches what it frees.
            unsafe { sys::ucp_pktmbuf_free_rest(self.0.as_ptr()) };
        }
        self.shrink(cut);
    }

    #[inline]
    fn is_contiguous(&self) -> bool {
        self.nb_segs() == 1
    }

    #[inline]
    fn rx_ip_checksum(&self) -> RxChecksum {
        match self.ol_flags() & sys::UCP_RX_IP_CKSUM_MASK {
            sys::UCP_RX_IP_CKSUM_GOOD => RxChecksum::Good,
            sys::UCP_RX_IP_CKSUM_NONE => RxChecksum::Absent,
            sys::UCP_RX_IP_CKSUM_BAD => RxChecksum::Bad,
            _ => RxChecksum::Unknown,
        }
    }

    #[inline]
    fn rx_l4_checksum(&self) -> RxChecksum {
        match self.ol_flags() & sys::UCP_RX_L4_CKSUM_MASK {
            sys::UCP_RX_L4_CKSUM_GOOD => RxChecksum::Good,
            sys::UCP_RX_L4_CKSUM_NONE => RxChecksum::Absent,
            sys::UCP_RX_L4_CKSUM_BAD => RxChecksum::Bad,
            _ => RxChecksum::Unknown,
        }
    }

    #[inline]
    fn set_tx_offload(&mut self, l2_len: u8, offload: TxOffload) {
        let family = if offload.is_ipv4 {
            sys::UCP_TX_IPV4
        } else {
            sys::UCP_TX_IPV6
        };
        let header = if offload.ip { sys::UCP_TX_IP_CKSUM } else { 0 };
        let transport = match offload.transport {
            Some(Transport::Udp) => sys::UCP_TX_UDP_CKSUM,
            Some(Transport::Tcp) => sys::UCP_TX_TCP_CKSUM,
            None => 0,
        };
        let kept = self.ol_flags() & !sys::UCP_TX_OFFLOAD_MASK;
        self.set_ol_flags(kept | family | header | transport);
        self.set_tx_lengths(
            u64::from(l2_len) << sys::UCP_TX_L2_LEN_SHIFT
                | u64::from(offload.l3_len) << sys::UCP_TX_L3_LEN_SHIFT
                | u64::from(offload.l4_len) << sys::UCP_TX_L4_LEN_SHIFT,
        );
    }

    #[inline]
    fn prefetch(&self) {
        #[cfg(target_arch = "x86_64")]
        {
            use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            // SAFETY: a hint to the cache that reads nothing; any address will do.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(self.start().cast()) };
        }
    }
}

impl Drop for Mbuf {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `self` is the only owner, and its pool is alive: the EAL frees a pool only when
        // every buffer is back.
        unsafe { sys::ucp_pktmbuf_free(self.0.as_ptr()) };
    }
}

impl fmt::Debug for Mbuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mbuf")
            .field("len", &self.pkt_len())
            .field("segments", &self.nb_segs())
            .field("headroom", &self.headroom())
            .finish_non_exhaustive()
    }
}
