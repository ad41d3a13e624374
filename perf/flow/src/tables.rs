//! The same flows in every table.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use flow::{FlowId, FlowKey, FlowTable, HashSeed};
use hashbrown::HashMap;
use nix::sys::prctl::set_thp_disable;
use perf_loadgen::synth::Keys;

/// Ports of one of our addresses.
const PORTS: u32 = 1 << 16;

/// The same flows in every table.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) flows: FlowTable,
    pub(crate) in_small_pages: FlowTable,
    pub(crate) map: HashMap<FlowKey, FlowId>,
    pub(crate) flat: Flat,
}

/// A table indexed by address and port.
#[derive(Debug)]
pub(crate) struct Flat {
    entries: Vec<u64>,
}

impl Tables {
    /// Tables of `count` flows, which came in random order.
    pub(crate) fn new(count: u32) -> Self {
        let mut random = Keys::new(3);
        let mut octets = [0; 64];
        octets.copy_from_slice(&random.take(64));
        let mut flows = FlowTable::new(count, HashSeed::from_bytes(&octets));
        set_thp_disable(true).expect("a right of every process");
        let mut in_small_pages = FlowTable::new(count, HashSeed::from_bytes(&octets));
        set_thp_disable(false).expect("a right of every process");
        let mut map = HashMap::with_capacity(count as usize);
        let mut flat = Flat {
            entries: vec![0; count.next_multiple_of(PORTS) as usize],
        };
        let mut order: Vec<u32> = (0..count).collect();
        random.shuffle(&mut order);
        for number in order {
            let key = key(number);
            let id = flows.insert(key).expect("room for all");
            in_small_pages.insert(key).expect("room for all");
            map.insert(key, id);
            let place = flat.place(&key);
            if let Some(entry) = flat.entries.get_mut(place) {
                *entry = u64::from(number) + 1;
            }
        }
        Self {
            flows,
            in_small_pages,
            map,
            flat,
        }
    }
}

impl Flat {
    /// Where the flow's entry is. Our addresses stand in a row.
    pub(crate) fn place(&self, key: &FlowKey) -> usize {
        let local = key.local();
        let IpAddr::V4(address) = local.ip() else {
            return 0;
        };
        let row = u32::from(address).wrapping_sub(u32::from(FIRST_LOCAL));
        (row * PORTS + u32::from(local.port())) as usize
    }

    /// The entry at a place.
    pub(crate) fn at(&self, place: usize) -> u64 {
        self.entries.get(place).copied().unwrap_or(0)
    }
}

const FIRST_LOCAL: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// Flow `number`: our addresses and ports in a row, a peer each.
pub(crate) fn key(number: u32) -> FlowKey {
    let local = Ipv4Addr::from(u32::from(FIRST_LOCAL) + number / PORTS);
    let remote = Ipv4Addr::from(u32::from(Ipv4Addr::new(198, 51, 100, 0)) + number % 251);
    let port = |number: u32| u16::try_from(number % PORTS).unwrap_or(0);
    FlowKey::new(
        flow::TCP,
        SocketAddr::from((local, port(number))),
        SocketAddr::from((remote, port(number.wrapping_mul(31)) | 1)),
    )
}
