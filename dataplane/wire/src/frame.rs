//! The packet buffer that all stages work on.

use crate::TxOffload;

/// What the port found out about a received frame's checksums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RxChecksum {
    /// Nothing: verify in software.
    #[default]
    Unknown,
    /// The port verified it.
    Good,
    /// The port verified it and it is wrong.
    Bad,
    /// The data is good, but its checksum was never filled in, as in a frame from another guest of
    /// the same host. Who passes the packet on as it is has to fill it in.
    Absent,
}

impl RxChecksum {
    /// Whether the data is good, which `verify` finds out where the port did not.
    #[inline]
    pub fn or_verify(self, verify: impl FnOnce() -> bool) -> bool {
        if self == Self::Unknown {
            verify()
        } else {
            self != Self::Bad
        }
    }
}

/// An owned packet buffer: bytes with room before and after them.
///
/// A DPDK mbuf implements it, and so does `SimFrame`, so that no stage above needs DPDK
/// to be tested. Dropping a frame returns its buffer to where it came from.
pub trait Frame: Send + Sized + 'static {
    /// The bytes of the frame.
    fn data(&self) -> &[u8];

    /// The bytes of the frame, to change.
    fn data_mut(&mut self) -> &mut [u8];

    /// Octets free before the data.
    fn headroom(&self) -> usize;

    /// Octets free after the data.
    fn tailroom(&self) -> usize;

    /// Grows the frame at its front by `len` octets of undefined content; `false`, and nothing
    /// changes, without headroom.
    #[must_use]
    fn prepend(&mut self, len: usize) -> bool;

    /// Cuts `len` octets off the front; `false`, and nothing changes, if there are fewer.
    #[must_use]
    fn trim_front(&mut self, len: usize) -> bool;

    /// Grows the frame at its end by `len` octets of undefined content; `false`, and nothing
    /// changes, without tailroom.
    #[must_use]
    fn append(&mut self, len: usize) -> bool;

    /// Cuts the frame to `len` octets; longer than it is changes nothing.
    fn truncate(&mut self, len: usize);

    /// Whether the frame is in one buffer. One that is not has only its first part in `data`.
    fn is_contiguous(&self) -> bool;

    /// The port's word on the IPv4 header checksum.
    fn rx_ip_checksum(&self) -> RxChecksum;

    /// The port's word on the TCP or UDP checksum.
    fn rx_l4_checksum(&self) -> RxChecksum;

    /// Has the port that sends the frame fill in checksums behind a link header of `l2_len`
    /// octets. Only for a port that [can](crate::NicInfo::tx_checksums).
    fn set_tx_offload(&mut self, l2_len: u8, offload: TxOffload);

    /// Asks the processor to fetch the start of the data.
    fn prefetch(&self);
}
