//! Flow lookups, one at a time and in bursts.

use std::io::{self, Write};

use flow::{FlowKey, FlowTable, HashSeed, LOOKUP_BURST};

use crate::clock::{Random, nanos_each};
use crate::wire::ends;

const LOOKUPS: usize = 1 << 18;
const REPEATS: usize = 20;

pub(crate) fn run(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "flow lookups in random order, ns each, the best of {REPEATS} runs"
    )?;
    writeln!(out, "  flows   one hit   burst hit   one miss   burst miss")?;
    for count in [1_000, 10_000, 100_000, 1_000_000_u32] {
        let mut table = FlowTable::new(count, HashSeed::from_bytes(&seed()));
        let mut known: Vec<FlowKey> = (0..count).map(key).collect();
        // Another order than that of the lookups, as flows come and go.
        Random::new(7).shuffle(&mut known);
        for key in &known {
            assert!(table.insert(*key).is_ok());
        }
        let known: Vec<u32> = (0..count).collect();
        let hits = draw(&known, 1);
        let unknown: Vec<u32> = (count..2 * count).collect();
        let misses = draw(&unknown, 2);
        let mut best = [f64::INFINITY; 4];
        for _ in 0..REPEATS {
            let times = [
                one_by_one(&table, &hits, true),
                in_bursts(&table, &hits, true),
                one_by_one(&table, &misses, false),
                in_bursts(&table, &misses, false),
            ];
            best.iter_mut()
                .zip(times)
                .for_each(|(best, time)| *best = best.min(time));
        }
        let [one_hit, burst_hit, one_miss, burst_miss] = best;
        writeln!(
            out,
            "{count:>7}   {one_hit:>7.1}   {burst_hit:>9.1}   {one_miss:>8.1}   {burst_miss:>10.1}"
        )?;
    }
    Ok(())
}

fn key(n: u32) -> FlowKey {
    let (local, remote) = ends(n);
    FlowKey::new(flow::TCP, local, remote)
}

fn seed() -> [u8; 64] {
    let mut random = Random::new(3);
    [0; 64].map(|_: u8| (random.next() >> 56) as u8)
}

fn draw(among: &[u32], seed: u64) -> Vec<FlowKey> {
    let mut random = Random::new(seed);
    let pick = |_| {
        among
            .get(random.below(among.len()))
            .copied()
            .map_or_else(|| key(0), key)
    };
    (0..LOOKUPS).map(pick).collect()
}

fn one_by_one(table: &FlowTable, keys: &[FlowKey], expected: bool) -> f64 {
    let (found, nanos) = nanos_each(keys.len(), || {
        keys.iter()
            .filter(|key| table.get(key).is_some() == expected)
            .count()
    });
    assert_eq!(found, keys.len());
    nanos
}

fn in_bursts(table: &FlowTable, keys: &[FlowKey], expected: bool) -> f64 {
    let mut found = [None; LOOKUP_BURST];
    let (count, nanos) = nanos_each(keys.len(), || {
        let mut count = 0;
        for burst in keys.chunks(LOOKUP_BURST) {
            table.get_burst(burst, &mut found);
            count += found
                .iter()
                .take(burst.len())
                .filter(|f| f.is_some() == expected)
                .count();
        }
        count
    });
    assert_eq!(count, keys.len());
    nanos
}
