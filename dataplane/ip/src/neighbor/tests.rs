use core::time::Duration;

use abi::{Now, Reason};
use wire::{MacAddr, ethernet, ethernet::EthernetRepr};

use super::*;
use crate::InterfaceId;

/// Frames are numbers here: the table never looks into them.
type Table = NeighborTable<u32>;

const IF: InterfaceId = InterfaceId(0);

fn mac(last: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, last])
}

fn header(station: MacAddr) -> LinkHeader {
    let repr = EthernetRepr {
        dst: station,
        src: mac(0xff),
        vlan: None,
        ethertype: ethernet::IPV4,
    };
    LinkHeader::new(0, 1500, TxChecksums::NONE, &repr)
}

fn ip(last: u8) -> core::net::IpAddr {
    [192, 0, 2, last].into()
}

fn at(ms: u64) -> Now {
    Now::from_millis(ms)
}

fn blank() -> LinkHeader {
    header(MacAddr::default())
}

fn table(limits: NeighborLimits) -> Table {
    Table::new(limits)
}

fn find(table: &mut Table, last: u8, ms: u64) -> Result<HopId, Reason> {
    table.find_or_ask(IF, ip(last), blank(), at(ms))
}

/// What falls due at `ms`: whom to ask (`None`: everyone) and how many packets were given up.
fn due(table: &mut Table, ms: u64) -> (Vec<Option<MacAddr>>, usize) {
    let (mut asked, mut failed) = (Vec::new(), 0);
    table.poll(at(ms), |due| match due {
        Due::Ask { station, .. } => asked.push(station),
        Due::Failed { frames } => failed += frames.len(),
    });
    (asked, failed)
}

/// A table in which neighbour 1 answered at time 0.
fn resolved() -> (Table, HopId) {
    let mut table = table(NeighborLimits::default());
    let hop = find(&mut table, 1, 0).unwrap();
    due(&mut table, 0);
    table.learn((IF, ip(1)), header(mac(1)), at(0)).unwrap();
    (table, hop)
}

#[test]
fn packets_wait_for_the_answer_in_order() {
    let mut table = table(NeighborLimits::default());
    let hop = find(&mut table, 1, 0).unwrap();
    assert_eq!(table.header(hop), None);
    for frame in 0..3 {
        table.enqueue(hop, frame).unwrap();
    }
    assert_eq!(due(&mut table, 0), (vec![None], 0));
    let learned = table.learn((IF, ip(1)), header(mac(1)), at(5)).unwrap();
    assert_eq!(learned.frames, [0, 1, 2]);
    assert!(learned.is_news);
    assert_eq!(table.header(hop).unwrap().station(), mac(1));
    assert_eq!(find(&mut table, 1, 6), Ok(hop));
}

#[test]
fn queues_are_bounded_each_and_in_all() {
    let limits = NeighborLimits {
        queue_each: 2,
        queue_total: 3,
        ..NeighborLimits::default()
    };
    let mut table = table(limits);
    let (a, b) = (
        find(&mut table, 1, 0).unwrap(),
        find(&mut table, 2, 0).unwrap(),
    );
    for frame in 0..2 {
        table.enqueue(a, frame).unwrap();
    }
    assert_eq!(table.enqueue(a, 9), Err((9, Reason::NeighborQueueFull)));
    table.enqueue(b, 3).unwrap();
    assert_eq!(table.enqueue(b, 9), Err((9, Reason::NeighborQueueFull)));
    table.learn((IF, ip(1)), header(mac(1)), at(1)).unwrap();
    table.enqueue(b, 4).unwrap();
}

#[test]
fn silence_is_asked_three_times_then_refused_then_asked_anew() {
    let mut table = table(NeighborLimits::default());
    let hop = find(&mut table, 1, 0).unwrap();
    table.enqueue(hop, 7).unwrap();
    for ms in [0, 1000, 2000] {
        assert_eq!(table.next_deadline(), Some(at(ms)));
        assert_eq!(due(&mut table, ms), (vec![None], 0));
        assert_eq!(due(&mut table, ms + 999), (vec![], 0));
    }
    assert_eq!(due(&mut table, 3000), (vec![], 1));
    assert_eq!(find(&mut table, 1, 5999), Err(Reason::NeighborUnresolved));
    assert_eq!(due(&mut table, 6000), (vec![], 0));
    let again = find(&mut table, 1, 6001).unwrap();
    assert_ne!(again, hop, "the old handle misses");
    assert_eq!(due(&mut table, 6001), (vec![None], 0));
    assert_eq!(table.enqueue(hop, 8), Err((8, Reason::NeighborUnresolved)));
}

#[test]
fn neighbour_in_use_is_asked_again_and_never_loses_its_header() {
    let (mut table, hop) = resolved();
    for round in 1..5u64 {
        assert!(table.header(hop).is_some());
        let ms = round * 30_000;
        assert_eq!(due(&mut table, ms - 1), (vec![], 0));
        assert_eq!(due(&mut table, ms), (vec![Some(mac(1))], 0));
        assert!(table.header(hop).is_some());
        table.learn((IF, ip(1)), header(mac(1)), at(ms)).unwrap();
    }
}

#[test]
fn neighbour_that_stops_answering_is_asked_by_broadcast_last() {
    let (mut table, hop) = resolved();
    table.header(hop).unwrap();
    assert_eq!(due(&mut table, 30_000).0, [Some(mac(1))]);
    assert_eq!(due(&mut table, 31_000).0, [Some(mac(1))]);
    assert_eq!(due(&mut table, 32_000).0, [None]);
    assert!(table.header(hop).is_some());
    due(&mut table, 33_000);
    assert_eq!(table.header(hop), None);
    assert_eq!(find(&mut table, 1, 33_000), Err(Reason::NeighborUnresolved));
}

#[test]
fn neighbour_out_of_use_is_forgotten_without_a_question() {
    let (mut table, hop) = resolved();
    let mut ms = 0;
    while let Some(deadline) = table.next_deadline() {
        ms = deadline.millis();
        assert_eq!(due(&mut table, ms), (vec![], 0));
    }
    assert!((600_000..=630_000).contains(&ms), "{ms}");
    assert_eq!(table.header(hop), None);
}

#[test]
fn unasked_answer_changes_nothing() {
    let (mut table, hop) = resolved();
    assert!(table.learn((IF, ip(1)), header(mac(66)), at(500)).is_none());
    assert!(table.learn((IF, ip(2)), header(mac(66)), at(500)).is_none());
    assert_eq!(table.header(hop).unwrap().station(), mac(1));
}

#[test]
fn repeated_answer_is_no_news() {
    let (mut table, _) = resolved();
    assert!(
        !table
            .learn((IF, ip(1)), header(mac(1)), at(500))
            .unwrap()
            .is_news
    );
    assert!(
        table
            .learn((IF, ip(1)), header(mac(1)), at(20_000))
            .unwrap()
            .is_news
    );
}

#[test]
fn disputed_address_is_asked_of_everyone_and_the_first_answer_holds() {
    let (mut table, hop) = resolved();
    table.dispute((IF, ip(1)), at(999));
    assert_eq!(
        due(&mut table, 999),
        (vec![], 0),
        "too soon after the answer"
    );
    table.dispute((IF, ip(1)), at(1000));
    assert_eq!(due(&mut table, 1000), (vec![None], 0));
    table.dispute((IF, ip(1)), at(1001));
    assert_eq!(due(&mut table, 1001), (vec![], 0), "already asking");
    assert_eq!(table.header(hop).unwrap().station(), mac(1));
    assert!(
        table
            .learn((IF, ip(1)), header(mac(2)), at(1002))
            .unwrap()
            .is_news
    );
    assert!(table.learn((IF, ip(1)), header(mac(1)), at(1003)).is_none());
    assert_eq!(table.header(hop).unwrap().station(), mac(2));
}

#[test]
fn question_to_us_teaches_but_does_not_overwrite() {
    let (mut table, hop) = resolved();
    let learned = table
        .learn_from_question((IF, ip(2)), header(mac(2)), at(10))
        .unwrap();
    assert!(learned.is_news);
    let other = find(&mut table, 2, 11).unwrap();
    assert_eq!(table.header(other).unwrap().station(), mac(2));
    assert!(
        table
            .learn_from_question((IF, ip(1)), header(mac(66)), at(2000))
            .is_none()
    );
    assert_eq!(table.header(hop).unwrap().station(), mac(1));
    assert!(table.contradicts((IF, ip(1)), mac(66)));
    assert_eq!(
        due(&mut table, 2000),
        (vec![None], 0),
        "but everyone is asked again"
    );
}

#[test]
fn question_to_us_answers_ours() {
    let mut table = table(NeighborLimits::default());
    let hop = find(&mut table, 1, 0).unwrap();
    table.enqueue(hop, 5).unwrap();
    let learned = table
        .learn_from_question((IF, ip(1)), header(mac(1)), at(1))
        .unwrap();
    assert_eq!(learned.frames, [5]);
}

#[test]
fn sweep_over_silent_addresses_leaves_the_others_alone() {
    let limits = NeighborLimits {
        entries: 8,
        unresolved: 4,
        ..NeighborLimits::default()
    };
    let mut table = table(limits);
    let hop = find(&mut table, 1, 0).unwrap();
    table.learn((IF, ip(1)), header(mac(1)), at(0)).unwrap();
    let made = (10..100)
        .filter(|&last| find(&mut table, last, 1).is_ok())
        .count();
    assert_eq!(made, 4);
    assert_eq!(find(&mut table, 200, 1), Err(Reason::NeighborQueueFull));
    assert!(table.header(hop).is_some());
}

#[test]
fn full_table_forgets_the_oldest_that_nobody_uses() {
    let limits = NeighborLimits {
        entries: 2,
        ..NeighborLimits::default()
    };
    let mut table = table(limits);
    for (last, ms) in [(1, 0), (2, 5)] {
        table
            .learn_from_question((IF, ip(last)), header(mac(last)), at(ms))
            .unwrap();
    }
    let second = find(&mut table, 2, 6).unwrap();
    let third = find(&mut table, 3, 7).unwrap();
    assert!(table.header(second).is_some());
    assert!(table.header(third).is_none());
    assert_eq!(find(&mut table, 1, 8), Err(Reason::NeighborQueueFull));
}

#[test]
fn question_of_another_worker_makes_its_answer_welcome() {
    let mut table = table(NeighborLimits::default());
    table.expect_answer((IF, ip(1)), blank(), at(0));
    assert_eq!(due(&mut table, 999), (vec![], 0), "the other worker asks");
    assert!(table.learn((IF, ip(1)), header(mac(1)), at(999)).is_some());
    table.expect_answer((IF, ip(1)), blank(), at(5000));
    assert!(table.learn((IF, ip(1)), header(mac(2)), at(5001)).is_some());
}

#[test]
fn answer_that_another_worker_waits_for_is_news_however_fresh_the_last_one_is() {
    let (mut table, _) = resolved();
    let answer = |table: &mut Table| table.learn((IF, ip(1)), header(mac(1)), at(6));
    table.expect_answer((IF, ip(1)), blank(), at(5));
    assert!(answer(&mut table).unwrap().is_news);
    assert!(!answer(&mut table).unwrap().is_news);
}

#[test]
fn cleared_table_knows_nobody_and_old_handles_miss() {
    let (mut table, hop) = resolved();
    table.clear();
    assert_eq!(table.header(hop), None);
    assert_eq!(table.next_deadline(), None);
    let again = find(&mut table, 1, 1).unwrap();
    assert_ne!(again, hop);
}

#[test]
fn voided_handle_misses_and_the_neighbour_is_found_again_at_once() {
    let (mut table, hop) = resolved();
    table.void_handles();
    assert_eq!(table.header(hop), None);
    let again = find(&mut table, 1, 1).unwrap();
    assert_eq!(table.header(again).unwrap().station(), mac(1));
}

#[test]
fn time_that_jumps_far_ahead_is_harmless() {
    let (mut table, hop) = resolved();
    table.header(hop).unwrap();
    let far = Duration::from_secs(1 << 32);
    let mut asked = 0;
    table.poll(Now::ZERO + far, |_| asked += 1);
    assert_eq!(asked, 1);
}
