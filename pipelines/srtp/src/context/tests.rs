use abi::{Now, Reason, Suite};
use proptest::prelude::*;

use super::*;
use crate::{OpenPlan, Span, tag_len};

/// Takes keys as they are: these tests run no cipher.
struct NoCipher;

impl Expand for NoCipher {
    type Key = ();

    fn expand(&mut self, _: &SessionKey, _: Traffic) -> Option<()> {
        Some(())
    }
}

const SUITE: Suite = Suite::AesCm128HmacSha1_80;
const NOW: Now = Now::from_millis(5_000);

fn receiver_with(suite: Suite, mki: Option<Mki>, config: Config) -> Receiver<()> {
    let (key, salt) = (vec![1; suite.key_len()], vec![2; suite.salt_len()]);
    Receiver::new(
        &Params {
            suite,
            key: &key,
            salt: &salt,
            mki,
        },
        config,
        &mut NoCipher,
    )
    .unwrap()
}

fn sender_with(suite: Suite, mki: Option<Mki>, config: Config) -> Sender<()> {
    let (key, salt) = (vec![1; suite.key_len()], vec![2; suite.salt_len()]);
    Sender::new(
        &Params {
            suite,
            key: &key,
            salt: &salt,
            mki,
        },
        config,
        &mut NoCipher,
    )
    .unwrap()
}

fn receiver() -> Receiver<()> {
    receiver_with(SUITE, None, Config::default())
}

fn sender() -> Sender<()> {
    sender_with(SUITE, None, Config::default())
}

/// A packet with 20 octets of payload and, if it is to be received, a tag of ten.
fn rtp(ssrc: u32, seq: u16, tag: usize) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(seq.to_be_bytes());
    packet.extend([0; 4]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend(vec![0x11; 20 + tag]);
    packet
}

fn rtcp(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 200, 0, 6];
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0x22; 20]);
    packet
}

fn plan(receiver: &Receiver<()>, ssrc: u32, seq: u16) -> Result<OpenPlan, Reason> {
    receiver.plan(Traffic::Rtp, &rtp(ssrc, seq, 10))
}

fn receive(receiver: &mut Receiver<()>, ssrc: u32, seq: u16) -> Result<u64, Reason> {
    let plan = plan(receiver, ssrc, seq)?;
    receiver.commit(&plan, NOW)?;
    Ok(plan.packet.index)
}

#[test]
fn iv_is_that_of_rfc_7714() {
    let case = vectors::srtp("rfc7714-128");
    let mut salt = [0; 16];
    salt[..12].copy_from_slice(case.get("salt"));
    let half = Half {
        key: (),
        salt: u128::from_be_bytes(salt),
        sources: Sources::default(),
    };
    let iv = half.iv(true, 0x5501_a0b2, 0xf17b);
    assert_eq!(iv[..12], *case.get("rtp_iv"));
    let iv = half.iv(true, 0x4d61_7273, 0x5d4);
    assert_eq!(iv[..12], *case.get("rtcp_iv"));
}

#[test]
fn counter_mode_iv_puts_source_and_index_over_the_salt() {
    let half = Half {
        key: (),
        salt: 0,
        sources: Sources::default(),
    };
    let iv = half.iv(false, 0x0102_0304, 0x0506_0708_090a);
    assert_eq!(iv, [0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 0]);
}

#[test]
fn nothing_is_remembered_before_commit() {
    let mut receiver = receiver();
    for seq in [7, 7, 40_000] {
        let plan = plan(&receiver, 1, seq).unwrap();
        assert_eq!(plan.packet.index, u64::from(seq));
    }
    assert_eq!(receive(&mut receiver, 1, 7), Ok(7));
    assert_eq!(plan(&receiver, 1, 7), Err(Reason::SrtpReplayed));
}

#[test]
fn second_packet_of_one_index_in_a_burst_is_refused_at_commit() {
    let mut receiver = receiver();
    let (first, second) = (
        plan(&receiver, 1, 7).unwrap(),
        plan(&receiver, 1, 7).unwrap(),
    );
    assert_eq!(receiver.commit(&first, NOW), Ok(true));
    assert_eq!(receiver.commit(&second, NOW), Err(Reason::SrtpReplayed));
}

#[test]
fn commit_tells_the_newest_packet_from_a_late_one() {
    let mut receiver = receiver();
    let newest = [5_u16, 7, 6, 8].map(|seq| {
        let plan = plan(&receiver, 1, seq).unwrap();
        receiver.commit(&plan, NOW).unwrap()
    });
    assert_eq!(newest, [true, true, false, true]);
}

#[test]
fn rollover_is_followed_with_reordering() {
    let mut receiver = receiver();
    let order = [0xfffd_u16, 0xffff, 1, 0xfffe, 0, 2];
    let indices = order.map(|seq| receive(&mut receiver, 1, seq).unwrap());
    assert_eq!(
        indices,
        [0xfffd, 0xffff, 0x1_0001, 0xfffe, 0x1_0000, 0x1_0002]
    );
}

#[test]
fn packet_before_the_window_is_too_old() {
    let mut receiver = receiver();
    receive(&mut receiver, 1, 1000).unwrap();
    assert_eq!(receive(&mut receiver, 1, 872), Err(Reason::SrtpTooOld));
    assert_eq!(receive(&mut receiver, 1, 873), Ok(873));
    assert_eq!(receive(&mut receiver, 1, 30_000), Ok(30_000));
    assert_eq!(receive(&mut receiver, 1, 999), Err(Reason::SrtpTooOld));
}

#[test]
fn unknown_source_past_a_wrap_gets_a_second_attempt() {
    let mut receiver = receiver();
    let packet = rtp(1, 3, 10);
    let first = plan(&receiver, 1, 3).unwrap();
    let second = receiver.retry(&first, &packet, NOW).unwrap();
    assert_eq!((first.packet.index, second.packet.index), (3, 0x1_0003));
    let iv = |plan| receiver.job(plan, &packet).iv;
    assert_ne!(iv(&first), iv(&second));
    assert_eq!(receiver.retry(&second, &packet, NOW), None);
    receiver.commit(&second, NOW).unwrap();
    // Now the source is known, and a forged packet gets one attempt.
    let forged = plan(&receiver, 1, 4).unwrap();
    assert_eq!(forged.packet.index, 0x1_0004);
    assert_eq!(receiver.retry(&forged, &rtp(1, 4, 10), NOW), None);
}

/// Plans all packets of a burst, and then authenticates one after another as a worker does: a tag
/// is right under the index that it was made for. Returns what became of each.
fn receive_burst(receiver: &mut Receiver<()>, indices: &[u64]) -> Vec<Result<(), Reason>> {
    let packet = |index: u64| rtp(1, u16::try_from(index & 0xffff).unwrap(), 10);
    let plans: Vec<_> = indices
        .iter()
        .map(|&index| receiver.plan(Traffic::Rtp, &packet(index)))
        .collect();
    let planned = indices.iter().zip(plans);
    planned
        .map(|(&index, plan)| {
            let mut plan = plan?;
            if plan.packet.index != index {
                let second = receiver.retry(&plan, &packet(index), NOW);
                plan = second.ok_or(Reason::SrtpAuthFailed)?;
                assert_eq!(receiver.retry(&plan, &packet(index), NOW), None);
            }
            if plan.packet.index != index {
                return Err(Reason::SrtpAuthFailed);
            }
            receiver.commit(&plan, NOW).map(|_| ())
        })
        .collect()
}

#[test]
fn burst_of_a_source_past_a_wrap_is_received() {
    let mut receiver = receiver();
    let burst: Vec<u64> = (0x1_0064..0x1_006e).collect();
    assert_eq!(receive_burst(&mut receiver, &burst), [Ok(()); 10]);
    // In the next burst all are where they are expected.
    let plan = plan(&receiver, 1, 0x6e).unwrap();
    assert_eq!(plan.packet.index, 0x1_006e);
}

#[test]
fn burst_of_a_new_source_may_wrap() {
    let burst: Vec<u64> = (0xfffd..0x1_0004).collect();
    assert_eq!(receive_burst(&mut receiver(), &burst), [Ok(()); 7]);
    let reordered = [0xfffd, 0x1_0001, 0xffff, 0x1_0000, 0xfffe];
    assert_eq!(receive_burst(&mut receiver(), &reordered), [Ok(()); 5]);
    let newest_first = [0x1_0001, 0xffff, 0x1_0000, 0xfffe];
    assert_eq!(receive_burst(&mut receiver(), &newest_first), [Ok(()); 4]);
}

#[test]
fn packet_that_comes_twice_in_a_burst_is_a_replay_at_the_second_try_too() {
    let outcomes = receive_burst(&mut receiver(), &[0x1_0005, 0x1_0005, 0x1_0006, 0x1_0005]);
    let replayed = Err(Reason::SrtpReplayed);
    assert_eq!(outcomes, [Ok(()), replayed, Ok(()), replayed]);
}

#[test]
fn forged_packet_gets_a_second_try_only_where_its_index_has_changed() {
    let mut receiver = receiver();
    let forged = [0xfff0_u16, 3].map(|seq| plan(&receiver, 1, seq).unwrap());
    for seq in 0xfffd..=0xffff {
        receive(&mut receiver, 1, seq).unwrap();
    }
    assert_eq!(receiver.retry(&forged[0], &rtp(1, 0xfff0, 10), NOW), None);
    let second = receiver.retry(&forged[1], &rtp(1, 3, 10), NOW).unwrap();
    assert_eq!(second.packet.index, 0x1_0003);
    assert_eq!(receiver.retry(&second, &rtp(1, 3, 10), NOW), None);
    // No trial was spent on them.
    let trials = (10..30).filter(|&ssrc| {
        let failed = plan(&receiver, ssrc, 3).unwrap();
        let packet = rtp(ssrc, 3, 10);
        receiver.retry(&failed, &packet, NOW).is_some()
    });
    assert_eq!(trials.count(), 8);
}

#[test]
fn burst_after_a_new_key_may_go_on_with_the_rollover_counter() {
    let mut old = receiver();
    for seq in [0xf000_u16, 0x6000, 0xc000, 0x1000] {
        receive(&mut old, 1, seq).unwrap();
    }
    let mut new = receiver();
    new.follow(&old);
    let burst: Vec<u64> = (0x2_1001..0x2_100b).collect();
    assert_eq!(receive_burst(&mut new, &burst), [Ok(()); 10]);
}

#[test]
fn second_attempts_are_few_in_each_second() {
    let mut receiver = receiver();
    let mut attempts = |now| {
        let attempts = (0..100).filter(|&ssrc| {
            let failed = plan(&receiver, ssrc, 3).unwrap();
            receiver.retry(&failed, &rtp(ssrc, 3, 10), now).is_some()
        });
        attempts.count()
    };
    assert_eq!(attempts(NOW), 8);
    assert_eq!(attempts(NOW), 0);
    assert_eq!(attempts(Now::from_millis(6_000)), 8);
}

#[test]
fn after_a_new_key_the_rollover_counter_may_go_on_or_start_anew() {
    let mut old = receiver();
    for seq in [0xf000_u16, 0x6000, 0xc000, 0x1000] {
        receive(&mut old, 1, seq).unwrap();
    }
    assert_eq!(plan(&old, 1, 0x1001).unwrap().packet.index, 0x2_1001);
    let mut new = receiver();
    new.follow(&old);
    let anew = plan(&new, 1, 0x1001).unwrap();
    let going_on = new.retry(&anew, &rtp(1, 0x1001, 10), NOW).unwrap();
    assert_eq!(
        (anew.packet.index, going_on.packet.index),
        (0x1001, 0x2_1001)
    );
}

#[test]
fn short_packets_are_refused_and_the_shortest_accepted() {
    for suite in Suite::ALL {
        let receiver = receiver_with(suite, Mki::new(5, 1), Config::default());
        let tag = usize::from(tag_len(suite, Traffic::Rtp)) + 1;
        for len in 0..12 + tag {
            let packet = &rtp(1, 1, 100)[..len];
            assert_eq!(
                receiver.plan(Traffic::Rtp, packet),
                Err(Reason::RtpInvalidLength)
            );
        }
        let shortest = &rtp(1, 1, 100)[..12 + tag];
        assert_eq!(
            receiver.plan(Traffic::Rtp, shortest),
            Err(Reason::SrtpBadMki)
        );
        let tag = usize::from(tag_len(suite, Traffic::Rtcp)) + 1 + 4;
        for len in 0..8 + tag {
            let packet = &[rtcp(1), vec![0; 20]].concat()[..len];
            assert_eq!(
                receiver.plan(Traffic::Rtcp, packet),
                Err(Reason::RtcpInvalidLength)
            );
        }
    }
}

#[test]
fn plans_are_half_a_cache_line() {
    assert!(size_of::<OpenPlan>() <= 32);
    assert!(size_of::<crate::SealPlan>() <= 32);
}

/// Seals a packet with a tag of `0xee` and returns it.
fn seal(sender: &mut Sender<()>, traffic: Traffic, packet: &[u8]) -> Vec<u8> {
    let plan = sender.plan(traffic, packet, NOW).unwrap();
    let mut sealed = [packet, &vec![0; sender.growth(traffic)]].concat();
    plan.stage(&mut sealed);
    plan.finish(&mut sealed, &vec![0xee; usize::from(plan.tag_len())]);
    sealed
}

#[test]
fn trailing_parts_are_in_the_order_of_the_suite() {
    let mki = Mki::new(0x0a0b, 2);
    let gcm = Suite::AeadAes128Gcm;
    let tails = [SUITE, gcm].map(|suite| {
        let mut sender = sender_with(suite, mki, Config::default());
        let rtp = seal(&mut sender, Traffic::Rtp, &rtp(1, 1, 0)).split_off(32);
        let rtcp = seal(&mut sender, Traffic::Rtcp, &rtcp(1)).split_off(28);
        (rtp, rtcp)
    });
    let word = vec![0x80, 0, 0, 1];
    let (mki, short, long) = (vec![0x0a, 0x0b], vec![0xee; 10], vec![0xee; 16]);
    assert_eq!(tails[0].0, [&mki[..], &short].concat());
    assert_eq!(tails[0].1, [&word[..], &mki, &short].concat());
    assert_eq!(tails[1].0, [&long[..], &mki].concat());
    assert_eq!(tails[1].1, [&long[..], &word, &mki].concat());
}

#[test]
fn receiver_plans_the_job_that_the_sender_planned() {
    for suite in Suite::ALL {
        for mki in [None, Mki::new(7, 4)] {
            let mut sender = sender_with(suite, mki, Config::default());
            let receiver = receiver_with(suite, mki, Config::default());
            for (traffic, clear) in [(Traffic::Rtp, rtp(9, 77, 0)), (Traffic::Rtcp, rtcp(9))] {
                let planned = sender.plan(traffic, &clear, NOW).unwrap();
                let job = sender.job(&planned, &clear);
                let mut sender = sender_with(suite, mki, Config::default());
                let mut sealed = seal(&mut sender, traffic, &clear);
                let arrived = sealed.clone();
                let plan = receiver.plan(traffic, &sealed).unwrap();
                assert_eq!(receiver.job(&plan, &sealed), job, "{suite:?}");
                assert_eq!(plan.plain_len(), clear.len());
                let tag = vec![0xee; usize::from(tag_len(suite, traffic))];
                assert_eq!(plan.tag(&sealed), tag);
                plan.stage(&mut sealed);
                plan.unstage(&mut sealed);
                assert_eq!(sealed, arrived);
            }
        }
    }
}

#[test]
fn clear_srtcp_of_an_aead_suite_is_authenticated_in_one_piece() {
    let case = vectors::srtp("rfc7714-128");
    let mut packet = case.get("srtcp_auth_only").to_vec();
    let receiver = receiver_with(Suite::AeadAes128Gcm, None, Config::default());
    let plan = receiver.plan(Traffic::Rtcp, &packet).unwrap();
    let job = receiver.job(&plan, &packet);
    plan.stage(&mut packet);
    let rtcp = case.get("rtcp");
    assert_eq!(job.cipher.len, 0);
    let covered = Span {
        start: 0,
        len: u16::try_from(rtcp.len() + 4).unwrap(),
    };
    assert_eq!(job.auth, covered);
    assert_eq!(packet[..rtcp.len() + 4], [rtcp, &[0, 0, 5, 0xd4]].concat());
    plan.unstage(&mut packet);
    assert_eq!(packet, case.get("srtcp_auth_only"));
}

#[test]
fn another_mki_is_refused() {
    let mut sender = sender_with(SUITE, Mki::new(1, 4), Config::default());
    let packet = seal(&mut sender, Traffic::Rtp, &rtp(1, 1, 0));
    let receiver = receiver_with(SUITE, Mki::new(2, 4), Config::default());
    assert_eq!(
        receiver.plan(Traffic::Rtp, &packet),
        Err(Reason::SrtpBadMki)
    );
    assert_eq!(Mki::new(256, 1), None);
    assert_eq!(Mki::new(1, 0), None);
    assert_eq!(Mki::new(1, 9), None);
    assert_eq!(Mki::new(u64::MAX, 8).unwrap().octets(), [0xff; 8]);
}

#[test]
fn sender_never_uses_an_index_twice() {
    let mut sender = sender();
    let mut send = |ssrc, seq| {
        sender
            .plan(Traffic::Rtp, &rtp(ssrc, seq, 0), NOW)
            .map(|_| ())
    };
    assert_eq!(send(1, 1000), Ok(()));
    assert_eq!(send(1, 1000), Err(Reason::SrtpIndexReused));
    assert_eq!(send(1, 998), Ok(()));
    assert_eq!(send(1, 998), Err(Reason::SrtpIndexReused));
    assert_eq!(send(1, 100), Err(Reason::SrtpIndexReused));
    assert_eq!(send(1, 60_000), Ok(()));
    assert_eq!(send(1, 60_000), Err(Reason::SrtpIndexReused));
    assert_eq!(send(2, 1000), Ok(()));
}

#[test]
fn sender_goes_on_through_thousands_of_sources_and_repeats_none() {
    let mut sender = sender();
    let mut send = |ssrc: u32, seq, seconds| {
        let now = Now::from_millis(seconds * 1000);
        let plan = sender.plan(Traffic::Rtp, &rtp(ssrc, seq, 0), now)?;
        Ok(plan.packet.index)
    };
    for ssrc in 0..5_000 {
        assert_eq!(send(ssrc, 0xfff0, u64::from(ssrc) * 5), Ok(0xfff0));
    }
    for ssrc in (0..100).chain(2_000..2_100) {
        let seconds = 30_000 + u64::from(ssrc) * 5;
        assert_eq!(send(ssrc, 0xfff0, seconds), Err(Reason::SrtpIndexReused));
        assert_eq!(send(ssrc, 3, seconds), Ok(0x1_0003));
    }
}

#[test]
fn sender_follows_the_source_through_a_wrap() {
    let mut sender = sender();
    let mut ivs = Vec::new();
    for seq in [0xfffe_u16, 0, 0xffff, 1] {
        let plan = sender.plan(Traffic::Rtp, &rtp(1, seq, 0), NOW).unwrap();
        ivs.push(sender.job(&plan, &[]).iv);
    }
    let mut receiver = receiver();
    for (seq, iv) in [0xfffe_u16, 0, 0xffff, 1].into_iter().zip(ivs) {
        let plan = plan(&receiver, 1, seq).unwrap();
        assert_eq!(receiver.job(&plan, &[]).iv, iv);
        receiver.commit(&plan, NOW).unwrap();
    }
}

#[test]
fn srtcp_indices_are_unique_over_all_sources() {
    let mut sender = sender();
    for index in 1..=3 {
        let sealed = seal(&mut sender, Traffic::Rtcp, &rtcp(index));
        assert_eq!(sealed[28..32], (0x8000_0000 | index).to_be_bytes());
    }
}

#[test]
fn exhausted_key_protects_nothing_more() {
    let config = Config {
        rtp_packets_max: 2,
        rtcp_packets_max: 1,
        ..Config::default()
    };
    let mut sender = sender_with(SUITE, None, config);
    for seq in 0..4 {
        let sent = sender.plan(Traffic::Rtp, &rtp(1, seq, 0), NOW);
        assert_eq!(sent.err(), (seq > 1).then_some(Reason::SrtpKeyExhausted));
    }
    assert!(sender.plan(Traffic::Rtcp, &rtcp(1), NOW).is_ok());
    let sent = sender.plan(Traffic::Rtcp, &rtcp(1), NOW);
    assert_eq!(sent.err(), Some(Reason::SrtpKeyExhausted));
}

#[test]
fn packets_too_long_to_protect_are_refused() {
    let mut sender = sender();
    let packet = [rtp(1, 1, 0), vec![0; 65_520]].concat();
    let sent = sender.plan(Traffic::Rtp, &packet, NOW);
    assert_eq!(sent.err(), Some(Reason::RtpInvalidLength));
}

fn suites() -> impl Strategy<Value = Suite> {
    prop::sample::select(Suite::ALL.to_vec())
}

proptest! {
    #[test]
    fn any_burst_of_a_source_is_received_whatever_its_order(
        start in prop_oneof![0..0xffff_u64, 0xffe0..0xffff_u64, 0x1_0000..0x1_f000_u64],
        lens in prop::collection::vec(1..=32_u64, 1..4),
        swaps in prop::collection::vec((0..32_usize, 0..32_usize), 0..32),
    ) {
        let mut receiver = receiver();
        let mut next = start;
        for len in lens {
            let mut burst: Vec<u64> = (next..next + len).collect();
            next += len;
            for &(a, b) in &swaps {
                burst.swap(a % usize::try_from(len).unwrap(), b % usize::try_from(len).unwrap());
            }
            let outcomes = receive_burst(&mut receiver, &burst);
            prop_assert!(outcomes.iter().all(Result::is_ok), "{burst:x?} {outcomes:?}");
            let again = receive_burst(&mut receiver, &burst);
            prop_assert!(again.iter().all(Result::is_err));
        }
    }

    #[test]
    fn any_octets_are_planned_within_bounds_or_refused(
        suite in suites(),
        mki_len in 0..=8_u8,
        version in any::<bool>(),
        mut octets in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        if let (Some(first), true) = (octets.first_mut(), version) {
            *first = *first & 0x3f | 0x80;
        }
        let mki = Mki::new(0, mki_len);
        let receiver = receiver_with(suite, mki, Config::default());
        let mut sender = sender_with(suite, mki, Config::default());
        for traffic in [Traffic::Rtp, Traffic::Rtcp] {
            if let Ok(plan) = receiver.plan(traffic, &octets) {
                let job = receiver.job(&plan, &octets);
                prop_assert!(plan.plain_len() <= octets.len());
                prop_assert!(usize::from(job.cipher.start + job.cipher.len) <= plan.plain_len());
                prop_assert!(usize::from(job.auth.start + job.auth.len) <= octets.len());
                let arrived = octets.clone();
                plan.stage(&mut octets);
                plan.unstage(&mut octets);
                prop_assert_eq!(&octets, &arrived);
            }
            if let Ok(plan) = sender.plan(traffic, &octets, NOW) {
                let job = sender.job(&plan, &octets);
                let grown = octets.len() + sender.growth(traffic);
                prop_assert_eq!(usize::from(job.cipher.start + job.cipher.len), octets.len());
                prop_assert!(usize::from(job.auth.start + job.auth.len) <= grown);
            }
        }
    }
}
