//! The heap, as the kernel sees it.

use crate::mapping;

#[global_allocator]
static HEAP: shm::Heap = shm::Heap;

#[test]
fn all_memory_asks_for_huge_pages() {
    let small = Box::new(7_u64);
    let large = vec![1_u8; 16 << 20];
    for at in [(&raw const *small).cast(), large.as_ptr()] {
        let mapping = mapping(at).unwrap();
        let flags = mapping.lines().find(|line| line.starts_with("VmFlags:"));
        // "hg": huge pages are advised.
        assert!(flags.unwrap().contains(" hg"), "{mapping}");
    }
}
