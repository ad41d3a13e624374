//! The 48-bit packet index: rollover counter and sequence number (RFC 3711 §3.3.1).

/// The highest index that there is.
pub(crate) const INDEX_MAX: u64 = (1 << 48) - 1;

/// The index that a sequence number stands for, closest to the highest index so far (RFC 3711
/// appendix A). `None` if it lies after the last.
///
/// Nothing lies before the first packet: what seems to is a leap ahead of more than half a cycle,
/// and libsrtp takes it so too.
#[inline(always)]
pub(crate) fn estimate(highest: u64, seq: u16) -> Option<u64> {
    let (rollovers, last) = (highest >> 16, highest & 0xffff);
    let seq = u64::from(seq);
    let rollovers = if last < 0x8000 && seq > last + 0x8000 {
        rollovers.saturating_sub(1)
    } else if last >= 0x8000 && seq < last - 0x8000 {
        rollovers + 1
    } else {
        rollovers
    };
    Some(rollovers << 16 | seq).filter(|&index| index <= INDEX_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wrap_is_seen_both_ways() {
        assert_eq!(estimate(0xffff, 0), Some(0x1_0000));
        assert_eq!(estimate(0x1_0000, 0xffff), Some(0xffff));
        assert_eq!(estimate(0x5_0003, 0xfffe), Some(0x4_fffe));
        assert_eq!(estimate(0x5_fffe, 3), Some(0x6_0003));
    }

    #[test]
    fn nothing_lies_before_the_first_or_after_the_last_packet() {
        assert_eq!(estimate(3, 0xfffe), Some(0xfffe));
        assert_eq!(estimate(INDEX_MAX, 0), None);
    }

    proptest! {
        #[test]
        fn the_true_index_is_found_within_half_a_cycle(
            highest in 0x8000..INDEX_MAX - 0x8000,
            distance in -0x7fff..0x8000_i64,
        ) {
            let index = highest.checked_add_signed(distance).unwrap();
            let seq = u16::try_from(index & 0xffff).unwrap();
            prop_assert_eq!(estimate(highest, seq), Some(index));
        }
    }
}
