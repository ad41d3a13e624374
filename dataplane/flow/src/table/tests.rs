use super::*;
use crate::{TCP, UDP};
use core::net::{Ipv6Addr, SocketAddr};
use proptest::prelude::*;
use std::collections::HashMap;

fn seed() -> HashSeed {
    let mut byte = 5_u8;
    HashSeed::from_bytes(&[0; 64].map(|_: u8| {
        byte = byte.wrapping_mul(181).wrapping_add(11);
        byte
    }))
}

fn key(n: u32) -> FlowKey {
    let [a, b, c, d] = n.to_be_bytes();
    let protocol = if n.is_multiple_of(5) { UDP } else { TCP };
    if n.is_multiple_of(3) {
        let remote = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, u16::from(b), u16::from(c));
        let local = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
        FlowKey::new(
            protocol,
            SocketAddr::from((local, 5061)),
            SocketAddr::from((remote, u16::from_be_bytes([a, d]))),
        )
    } else {
        FlowKey::new(
            protocol,
            SocketAddr::from(([192, 0, 2, 1], 5061)),
            SocketAddr::from(([198, 51, b, c], u16::from_be_bytes([a, d]))),
        )
    }
}

#[test]
fn inserted_flow_is_found_and_removed_flow_is_not() {
    let mut table = FlowTable::new(16, seed());
    let id = table.insert(key(1)).unwrap();
    assert_eq!(table.get(&key(1)), Some(id));
    assert_eq!(table.key(id), Some(&key(1)));
    assert_eq!(table.insert(key(1)), Err(InsertError::Exists(id)));
    assert_eq!(table.remove(id), Some(key(1)));
    assert_eq!(table.get(&key(1)), None);
    assert_eq!(table.remove(id), None);
    assert!(table.is_empty());
}

#[test]
fn stale_id_names_nothing_after_its_place_is_used_again() {
    let mut table = FlowTable::new(1, seed());
    let old = table.insert(key(1)).unwrap();
    table.remove(old);
    let new = table.insert(key(2)).unwrap();
    assert_eq!(old.index(), new.index());
    assert_eq!(table.key(old), None);
    assert_eq!(table.remove(old), None);
    assert_eq!(table.key(new), Some(&key(2)));
    assert_eq!(FlowId::from_bits(new.to_bits()), new);
}

#[test]
fn made_up_ids_name_nothing() {
    let mut table = FlowTable::new(4, seed());
    let id = table.insert(key(1)).unwrap();
    for bits in [
        0,
        u64::MAX,
        id.to_bits() + 1,
        id.to_bits() + (1 << 32),
        id.to_bits() ^ (1 << 63),
    ] {
        assert_eq!(table.key(FlowId::from_bits(bits)), None, "{bits:x}");
        assert_eq!(table.remove(FlowId::from_bits(bits)), None, "{bits:x}");
    }
    // A free place has an even generation, which is no id even when it matches.
    assert_eq!(table.key(FlowId::from_bits(3)), None);
    assert_eq!(table.at(3), None);
    assert_eq!(table.at(id.index()), Some(id));
}

#[test]
fn full_table_refuses_and_goes_on() {
    let mut table = FlowTable::new(100, seed());
    let ids: Vec<_> = (0..100).map(|n| table.insert(key(n)).unwrap()).collect();
    assert_eq!(table.insert(key(100)), Err(InsertError::Full));
    assert_eq!(InsertError::Full.reason(), Reason::FlowTableFull);
    assert_eq!(table.len(), table.capacity());
    table.remove(ids[50]);
    let id = table.insert(key(100)).unwrap();
    assert_eq!(table.get(&key(100)), Some(id));
    assert_eq!(table.iter().count(), 100);
}

#[test]
fn crowded_buckets_overflow_and_recover() {
    // With every lane count forced into one home bucket by brute force, entries spill over.
    let mut table = FlowTable::new(64, seed());
    let home = table.probe(&key(0)).bucket;
    let crowd: Vec<_> = (0..100_000)
        .map(key)
        .filter(|k| table.probe(k).bucket == home)
        .take(40)
        .collect();
    let ids: Vec<_> = crowd.iter().map(|&k| table.insert(k).unwrap()).collect();
    assert!(table.buckets[home as usize].overflow >= 32);
    for (k, id) in crowd.iter().zip(&ids) {
        assert_eq!(table.get(k), Some(*id));
    }
    let mut found = vec![None; crowd.len()];
    table.get_burst(&crowd, &mut found);
    assert!(found.iter().zip(&ids).all(|(f, id)| *f == Some(*id)));
    for id in ids {
        assert!(table.remove(id).is_some());
    }
    assert!(
        table
            .buckets
            .iter()
            .all(|b| b.overflow == 0 && b.tags == [0; LANES])
    );
}

proptest! {
    #[test]
    fn table_agrees_with_a_map(
        capacity in 1_u32..40,
        steps in prop::collection::vec((any::<bool>(), 0_u32..60), 0..400),
    ) {
        let mut table = FlowTable::new(capacity, seed());
        let mut model: HashMap<u32, FlowId> = HashMap::new();
        for (insert, n) in steps {
            match (insert, model.get(&n).copied()) {
                (true, Some(id)) => {
                    prop_assert_eq!(table.insert(key(n)), Err(InsertError::Exists(id)));
                }
                (true, None) if model.len() == capacity as usize => {
                    prop_assert_eq!(table.insert(key(n)), Err(InsertError::Full));
                }
                (true, None) => {
                    let id = table.insert(key(n)).unwrap();
                    prop_assert!(model.values().all(|other| *other != id));
                    model.insert(n, id);
                }
                (false, Some(id)) => {
                    prop_assert_eq!(table.remove(id), Some(key(n)));
                    model.remove(&n);
                }
                (false, None) => prop_assert_eq!(table.get(&key(n)), None),
            }
            prop_assert_eq!(table.len(), model.len());
        }
        let keys: Vec<_> = (0..60).map(key).collect();
        let mut found = vec![None; keys.len()];
        table.get_burst(&keys, &mut found);
        for (n, found) in (0_u32..).zip(found) {
            prop_assert_eq!(found, model.get(&n).copied());
            prop_assert_eq!(found, table.get(&key(n)));
        }
    }
}
