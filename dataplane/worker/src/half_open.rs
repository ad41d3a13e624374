//! Handshakes in progress, counted by the source that they come from.

use core::net::{IpAddr, Ipv6Addr};
use std::collections::HashMap;

use abi::Permit;

/// A place among the handshakes in progress. Given back by [`Sources::release`].
#[derive(Debug)]
pub(crate) struct HalfOpen {
    source: IpAddr,
    /// The place among those of all sources and workers.
    _permit: Permit<'static>,
}

/// Places that each source holds, in one worker.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    held: HashMap<IpAddr, u32>,
}

impl Sources {
    /// A place for `source` unless it holds `most`; `permit` is its place among all.
    pub(crate) fn take(
        &mut self,
        source: IpAddr,
        most: u32,
        permit: Permit<'static>,
    ) -> Option<HalfOpen> {
        let source = network(source);
        let held = self.held.entry(source).or_insert(0);
        if *held >= most {
            return None;
        }
        *held += 1;
        Some(HalfOpen {
            source,
            _permit: permit,
        })
    }

    /// Gives a place back.
    pub(crate) fn release(&mut self, place: &HalfOpen) {
        if let Some(held) = self.held.get_mut(&place.source) {
            *held = held.saturating_sub(1);
            if *held == 0 {
                self.held.remove(&place.source);
            }
        }
    }
}

/// What counts as one source: an IPv4 address, or the /64 that one IPv6 host can have all of.
fn network(source: IpAddr) -> IpAddr {
    match source {
        IpAddr::V4(_) => source,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi::Pool;
    use abi::limits::UNLIMITED;
    use abi::usage::{USAGE_WORDS, Usage};
    use std::sync::atomic::AtomicU64;

    fn take(sources: &mut Sources, source: &str, most: u32) -> Option<HalfOpen> {
        let words: Vec<AtomicU64> = (0..USAGE_WORDS).map(|_| AtomicU64::new(0)).collect();
        let usage = Usage::new(words.leak()).unwrap();
        let permit = usage.take(Pool::Handshakes, UNLIMITED).unwrap();
        sources.take(source.parse().unwrap(), most, permit)
    }

    #[test]
    fn one_source_at_its_cap_leaves_room_for_others() {
        let mut sources = Sources::default();
        let held = take(&mut sources, "198.51.100.7", 1).unwrap();
        assert!(take(&mut sources, "198.51.100.7", 1).is_none());
        assert!(take(&mut sources, "198.51.100.8", 1).is_some());
        sources.release(&held);
        assert!(take(&mut sources, "198.51.100.7", 1).is_some());
    }

    #[test]
    fn a_host_with_a_whole_prefix_is_one_source() {
        let mut sources = Sources::default();
        let _held = take(&mut sources, "2001:db8::1", 1).unwrap();
        assert!(take(&mut sources, "2001:db8::2", 1).is_none());
        assert!(take(&mut sources, "2001:db8:0:1::1", 1).is_some());
    }

    #[test]
    fn sources_that_hold_nothing_take_no_memory() {
        let mut sources = Sources::default();
        let held = take(&mut sources, "198.51.100.7", 9).unwrap();
        sources.release(&held);
        assert!(sources.held.is_empty());
    }
}
