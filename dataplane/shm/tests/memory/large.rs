//! Large tables, as the kernel sees them.

use shm::LargeSlice;

use crate::mapping;

#[test]
fn slices_of_any_length_hold_what_they_were_made_of() {
    for len in [0, 1, 1000, (2 << 20) / 8, (5 << 20) / 8 + 3] {
        let mut slice = LargeSlice::from_fn(len, |index| index as u64);
        assert_eq!(slice.len(), len);
        assert!(
            slice
                .iter()
                .zip(0..)
                .all(|(&element, index)| element == index)
        );
        if let Some(last) = slice.last_mut() {
            *last = 7;
            assert_eq!(slice.last(), Some(&7));
        }
    }
}

#[test]
fn large_slice_asks_for_huge_pages_and_a_small_one_does_not() {
    let large = LargeSlice::from_fn(4 << 20, |_| 1_u8);
    let small = LargeSlice::from_fn(4 << 10, |_| 1_u8);
    assert_eq!(large.as_ptr().addr() % (2 << 20), 0);
    // "hg": huge pages are advised.
    let flags = |at| {
        let mapping = mapping(at).unwrap();
        let flags = mapping.lines().find(|line| line.starts_with("VmFlags:"));
        flags.unwrap().to_owned()
    };
    assert!(flags(large.as_ptr()).contains(" hg"));
    assert!(!flags(small.as_ptr()).contains(" hg"));
}
