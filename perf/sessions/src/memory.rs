//! What a process holds in memory, by what it is for.

use std::fs;
use std::ops::Sub;

/// Resident octets of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Heap and other anonymous pages.
    pub heap: usize,
    /// The shared region that `show` reads.
    pub region: usize,
    /// Rings of the ports, whose size is fixed.
    pub rings: usize,
    /// Hugepages.
    pub huge: usize,
    /// Code and everything else.
    pub other: usize,
}

impl Memory {
    /// Reads `/proc/PID/smaps`.
    ///
    /// # Panics
    /// When there is no such process.
    #[must_use]
    pub fn of(pid: u32) -> Self {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps")).expect("smaps of a process");
        Self::parse(&text)
    }

    fn parse(smaps: &str) -> Self {
        let mut memory = Self::default();
        let mut name = "";
        for line in smaps.lines() {
            let mut words = line.split_whitespace();
            let first = words.next().unwrap_or_default();
            if !first.ends_with(':') {
                // A mapping: addresses, rights, offset, device, inode, and its name if any.
                name = words.nth(4).unwrap_or_default();
                continue;
            }
            let kib: usize = words.next().and_then(|n| n.parse().ok()).unwrap_or(0);
            match first {
                "Rss:" => *memory.account(name) += kib * 1024,
                "Private_Hugetlb:" | "Shared_Hugetlb:" => memory.huge += kib * 1024,
                _ => {}
            }
        }
        memory
    }

    fn account(&mut self, mapping: &str) -> &mut usize {
        if mapping.is_empty() || mapping.starts_with("[heap") || mapping.starts_with("[anon") {
            &mut self.heap
        } else if mapping.contains("memif") {
            &mut self.rings
        } else if mapping.ends_with(abi::layout::REGION_NAME) {
            &mut self.region
        } else {
            &mut self.other
        }
    }

    /// What sessions take: everything that grows with them.
    #[must_use]
    pub const fn of_sessions(self) -> usize {
        self.heap + self.region + self.huge + self.other
    }
}

impl Sub for Memory {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            heap: self.heap.saturating_sub(before.heap),
            region: self.region.saturating_sub(before.region),
            rings: self.rings.saturating_sub(before.rings),
            huge: self.huge.saturating_sub(before.huge),
            other: self.other.saturating_sub(before.other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_are_told_apart() {
        let smaps = format!(
            "55d0-55d1 rw-p 0000 00:00 0      [heap]\nSize: 9 kB\nRss: 8 kB\n\
             7f00-7f01 rw-p 0000 00:00 0\nRss: 4 kB\nPrivate_Hugetlb: 2048 kB\n\
             7f02-7f03 rw-s 0000 00:01 77     /memfd:memif_region_0 (deleted)\nRss: 16 kB\n\
             7f04-7f05 rw-s 0000 00:01 78     /run/{}\nRss: 32 kB\n\
             7f06-7f07 r-xp 0000 08:01 79     /usr/lib/libc.so.6\nRss: 64 kB\nPss: 1 kB\n",
            abi::layout::REGION_NAME
        );
        let expected = Memory {
            heap: 12 << 10,
            region: 32 << 10,
            rings: 16 << 10,
            huge: 2 << 20,
            other: 64 << 10,
        };
        assert_eq!(Memory::parse(&smaps), expected);
    }

    #[test]
    fn own_memory_can_be_read() {
        assert!(Memory::of(std::process::id()).heap > 0);
    }
}
