use proptest::prelude::*;

use crate::key::Form;
use crate::{BURST, Cipher, CryptoError, Job, Key, Manager, Op, Outcome, Span, Tag};

const CIPHERS: [Cipher; 5] = [
    Cipher::AesCm128,
    Cipher::AesCm192,
    Cipher::AesCm256,
    Cipher::AesGcm128,
    Cipher::AesGcm256,
];

fn is_gcm(cipher: Cipher) -> bool {
    matches!(cipher, Cipher::AesGcm128 | Cipher::AesGcm256)
}

fn is_gcm_key(key: &Key) -> bool {
    matches!(
        key.0,
        Form::Gcm128(_) | Form::Gcm256(_) | Form::Gcm128Packed(_) | Form::Gcm256Packed(_)
    )
}

/// A key that differs by cipher and by `seed`.
fn key(manager: &Manager, cipher: Cipher, seed: u8) -> Key {
    let octets: Vec<u8> = (0..32).map(|i: u8| i.wrapping_mul(7) ^ seed).collect();
    let auth = if is_gcm(cipher) {
        &[][..]
    } else {
        &octets[..20]
    };
    manager
        .key(cipher, &octets[..cipher.key_len()], auth)
        .unwrap()
}

fn span(start: usize, len: usize) -> Span {
    Span {
        start: u16::try_from(start).unwrap(),
        len: u16::try_from(len).unwrap(),
    }
}

fn iv(octets: &[u8]) -> [u8; 16] {
    let mut iv = [0; 16];
    iv[..octets.len()].copy_from_slice(octets);
    iv
}

/// A job over a packet laid out as header, payload and four octets of trailer.
fn job<'a>(key: &'a Key, op: Op, packet: &'a mut [u8], header: usize, tag: Tag) -> Job<'a> {
    let payload = packet.len() - header - 4;
    let auth = if is_gcm_key(key) {
        span(0, header)
    } else {
        span(0, packet.len())
    };
    let cipher = span(header, payload);
    let iv = [9; 16];
    Job {
        key,
        op,
        packet,
        iv,
        cipher,
        auth,
        aad: None,
        tag,
    }
}

/// Runs jobs, a burst at a time; says what became of each, with its tag where it has sealed.
fn run<'a>(
    manager: &mut Manager,
    jobs: impl IntoIterator<Item = Job<'a>>,
) -> Vec<(Outcome, Option<Tag>)> {
    let mut jobs = jobs.into_iter().peekable();
    let mut ends = Vec::new();
    while jobs.peek().is_some() {
        let mut burst = manager.burst();
        jobs.by_ref().take(BURST).for_each(|job| burst.push(job));
        let results = burst.run();
        ends.extend(
            results
                .outcomes()
                .zip(results.tags().map(Option::<&Tag>::cloned)),
        );
    }
    ends
}

/// Runs a job that seals; returns its tag.
fn seal(manager: &mut Manager, job: Job<'_>) -> Vec<u8> {
    let ends = run(manager, [job]);
    assert_eq!(ends[0].0, Outcome::Done);
    ends[0].1.unwrap().octets().to_vec()
}

/// Runs a job that opens.
fn open(manager: &mut Manager, job: Job<'_>) -> Outcome {
    run(manager, [job])[0].0
}

#[test]
fn counter_mode_makes_the_published_key_streams() {
    let mut manager = Manager::new().unwrap();
    for (name, cipher) in [
        ("rfc3711-b2", Cipher::AesCm128),
        ("rfc6188-192", Cipher::AesCm192),
        ("rfc6188-256", Cipher::AesCm256),
    ] {
        let case = vectors::srtp(name);
        let key = manager.key(cipher, case.get("key"), &[0; 20]).unwrap();
        for (block, expected) in case.with_prefix("block-") {
            let counter = vectors::hex(block).unwrap();
            let mut packet = [0; 16];
            let sealing = Job {
                iv: iv(&[case.get("salt"), &counter].concat()),
                cipher: span(0, 16),
                ..job(&key, Op::Seal, &mut packet, 12, Tag::empty(10))
            };
            seal(&mut manager, sealing);
            assert_eq!(packet, *expected, "{name} block {block}");
        }
    }
}

#[test]
fn hmac_makes_the_published_tag() {
    let mut manager = Manager::new().unwrap();
    let case = vectors::srtp("rfc2202-1");
    let key = manager
        .key(Cipher::AesCm128, &[0; 16], case.get("key"))
        .unwrap();
    let mut packet = case.get("data").to_vec();
    let auth = span(0, packet.len());
    for len in [4, 10, 16] {
        let cipher = Span::default();
        let tag = Tag::empty(len);
        let sealing = Job {
            auth,
            cipher,
            ..job(&key, Op::Seal, &mut packet, 0, tag)
        };
        let made = seal(&mut manager, sealing);
        assert_eq!(made, case.get("mac")[..usize::from(len)]);
    }
    assert_eq!(packet, case.get("data"));
}

#[test]
fn galois_mode_makes_the_published_packets() {
    let mut manager = Manager::new().unwrap();
    for (name, cipher) in [
        ("rfc7714-128", Cipher::AesGcm128),
        ("rfc7714-256", Cipher::AesGcm256),
    ] {
        let case = vectors::srtp(name);
        for key in [
            manager.key(cipher, case.get("key"), &[]).unwrap(),
            manager.packed_key(cipher, case.get("key"), &[]).unwrap(),
        ] {
            let (mut packet, sealed) = (case.get("rtp").to_vec(), case.get("srtp"));
            let (auth, payload) = (span(0, 12), span(12, packet.len() - 12));
            let sealing = Job {
                iv: iv(case.get("rtp_iv")),
                auth,
                cipher: payload,
                ..job(&key, Op::Seal, &mut packet, 12, Tag::empty(16))
            };
            let tag = seal(&mut manager, sealing);
            assert_eq!(tag, sealed[sealed.len() - 16..]);
            assert_eq!(packet, sealed[..sealed.len() - 16]);
        }
    }
}

#[test]
fn galois_mode_takes_additional_data_from_two_places_and_no_payload() {
    let mut manager = Manager::new().unwrap();
    let case = vectors::srtp("rfc7714-128");
    let key = manager
        .packed_key(Cipher::AesGcm128, case.get("key"), &[])
        .unwrap();
    let sealed = case.get("srtcp_encrypted");
    let (body, word) = sealed.split_at(sealed.len() - 4);
    let (body, tag) = body.split_at(body.len() - 16);
    let mut packet = body.to_vec();
    let opening = Job {
        iv: iv(case.get("rtcp_iv")),
        cipher: span(8, packet.len() - 8),
        aad: Some([&body[..8], word].concat().try_into().unwrap()),
        ..job(&key, Op::Open, &mut packet, 8, Tag::received(tag))
    };
    assert_eq!(open(&mut manager, opening), Outcome::Done);
    assert_eq!(packet, case.get("rtcp"));

    let sealed = case.get("srtcp_auth_only");
    let (body, word) = sealed.split_at(sealed.len() - 4);
    let (body, tag) = body.split_at(body.len() - 16);
    let mut packet = [body, word].concat();
    let auth = span(0, packet.len());
    let opening = Job {
        iv: iv(case.get("rtcp_iv")),
        cipher: Span::default(),
        auth,
        ..job(&key, Op::Open, &mut packet, 8, Tag::received(tag))
    };
    assert_eq!(open(&mut manager, opening), Outcome::Done);
}

/// Runs one job over a copy of `packet` and returns its outcome, the tag that it has made, if
/// any, and the copy.
fn run_one(
    manager: &mut Manager,
    key: &Key,
    op: Op,
    packet: &[u8],
    tag: Tag,
) -> (Outcome, Option<Tag>, Vec<u8>) {
    let mut packet = packet.to_vec();
    let (outcome, made) = run(manager, [job(key, op, &mut packet, 12, tag)])[0];
    (outcome, made, packet)
}

/// Seals, then opens and checks bursts under keys of `ciphers` in turn.
fn bursts_agree_with_jobs_alone(ciphers: &[Cipher]) {
    let mut manager = Manager::new().unwrap();
    let mut cipher = ciphers.iter().cycle();
    let keys: Vec<Key> = (0..80)
        .map(|i: u8| key(&manager, *cipher.next().unwrap(), i))
        .collect();
    for count in (1..=BURST + 2).chain([64, 80]) {
        let plain: Vec<Vec<u8>> = (0..count)
            .map(|i| vec![u8::try_from(i).unwrap(); 16 + i * 37 % 1400])
            .collect();
        let tag = |i: usize| Tag::empty(if is_gcm_key(&keys[i]) { 16 } else { 10 });
        let mut sealed = plain.clone();
        let packets = sealed.iter_mut().enumerate();
        let jobs = packets.map(|(i, packet)| job(&keys[i], Op::Seal, packet, 12, tag(i)));
        let ends = run(&mut manager, jobs);
        assert_eq!(ends.len(), count);
        let tags: Vec<Tag> = ends.iter().map(|(_, tag)| tag.unwrap()).collect();
        for i in 0..count {
            let alone = run_one(&mut manager, &keys[i], Op::Seal, &plain[i], tag(i));
            let alone = (alone.1.unwrap(), alone.2);
            assert_eq!((alone.0.octets(), &alone.1), (tags[i].octets(), &sealed[i]));
        }
        for (forged_every, checked_every) in [(3, 4), (3, usize::MAX), (usize::MAX, usize::MAX)] {
            let is_forged = |i: usize| (i + 1).is_multiple_of(forged_every);
            let is_checked = |i: usize| (i + 1).is_multiple_of(checked_every);
            let mut opened = sealed.clone();
            for (i, packet) in opened.iter_mut().enumerate() {
                packet[5] ^= u8::from(is_forged(i));
            }
            let arrived = opened.clone();
            let op = |i| if is_checked(i) { Op::Check } else { Op::Open };
            let packets = opened.iter_mut().enumerate();
            let jobs = packets.map(|(i, packet)| job(&keys[i], op(i), packet, 12, tags[i]));
            let ends = run(&mut manager, jobs);
            for i in 0..count {
                let forged = is_forged(i);
                let outcome = if forged {
                    Outcome::Forged
                } else {
                    Outcome::Done
                };
                assert_eq!(ends[i].0, outcome);
                let unchanged = forged || is_checked(i);
                let expected = if unchanged { &arrived[i] } else { &plain[i] };
                assert_eq!(opened[i], *expected);
            }
        }
    }
}

#[test]
fn any_burst_gives_what_its_jobs_give_alone() {
    bursts_agree_with_jobs_alone(&CIPHERS);
    for cipher in CIPHERS {
        bursts_agree_with_jobs_alone(&[cipher]);
    }
}

#[test]
fn one_burst_seals_and_opens() {
    let mut manager = Manager::new().unwrap();
    let keys: Vec<Key> = (0..32)
        .map(|i: u8| key(&manager, CIPHERS[usize::from(i) % 3], i))
        .collect();
    let plain: Vec<Vec<u8>> = (0..32).map(|i: u8| vec![i; 100 + usize::from(i)]).collect();
    let sealed: Vec<_> = keys
        .iter()
        .zip(&plain)
        .map(|(key, plain)| run_one(&mut manager, key, Op::Seal, plain, Tag::empty(10)))
        .collect();
    let seals = |i: usize| i.is_multiple_of(2);
    let mut packets: Vec<Vec<u8>> = (0..32)
        .map(|i| if seals(i) { &plain[i] } else { &sealed[i].2 }.clone())
        .collect();
    let jobs = packets.iter_mut().enumerate().map(|(i, packet)| {
        let (op, tag) = if seals(i) {
            (Op::Seal, Tag::empty(10))
        } else {
            (Op::Open, sealed[i].1.unwrap())
        };
        job(&keys[i], op, packet, 12, tag)
    });
    let ends = run(&mut manager, jobs);
    for (i, (outcome, made)) in ends.into_iter().enumerate() {
        assert_eq!((outcome, made.is_some()), (Outcome::Done, seals(i)));
        let expected = if seals(i) { &sealed[i].2 } else { &plain[i] };
        assert_eq!(packets[i], *expected);
    }
}

#[test]
fn a_full_burst_takes_no_more() {
    let mut manager = Manager::new().unwrap();
    let key = key(&manager, Cipher::AesCm128, 5);
    let mut packets = vec![[7; 40]; BURST + 1];
    let mut burst = manager.burst();
    for packet in &mut packets {
        burst.push(job(&key, Op::Seal, packet, 12, Tag::empty(10)));
    }
    assert_eq!(burst.run().outcomes().count(), BURST);
    assert_eq!(packets[BURST], [7; 40]);
}

#[test]
fn every_octet_and_every_tag_bit_is_authenticated() {
    let mut manager = Manager::new().unwrap();
    for cipher in CIPHERS {
        let key = key(&manager, cipher, 1);
        let len = if is_gcm(cipher) { 16 } else { 4 };
        let plain = [0x5a; 40];
        let (_, tag, sealed) = run_one(&mut manager, &key, Op::Seal, &plain, Tag::empty(len));
        let tag = tag.unwrap();
        let covered = if is_gcm(cipher) { 36 } else { 40 };
        for bit in 0..covered * 8 {
            let mut forged = sealed.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            let (outcome, _, after) = run_one(&mut manager, &key, Op::Open, &forged, tag);
            assert_eq!(
                (outcome, after),
                (Outcome::Forged, forged),
                "{cipher:?} bit {bit}"
            );
        }
        for bit in 0..usize::from(len) * 8 {
            let mut octets = tag.octets().to_vec();
            octets[bit / 8] ^= 1 << (bit % 8);
            let forged = Tag::received(&octets);
            let (outcome, ..) = run_one(&mut manager, &key, Op::Open, &sealed, forged);
            assert_eq!(outcome, Outcome::Forged);
        }
    }
}

#[test]
fn sealing_writes_nothing_outside_its_span() {
    let mut manager = Manager::new().unwrap();
    for cipher in CIPHERS {
        let key = key(&manager, cipher, 2);
        for len in 0..200 {
            let mut packet = vec![0xee; 64 + len + 64];
            let sealing = Job {
                cipher: span(64, len),
                auth: span(0, 64),
                ..job(&key, Op::Seal, &mut packet, 12, Tag::empty(16))
            };
            seal(&mut manager, sealing);
            assert!(
                packet[..64]
                    .iter()
                    .chain(&packet[64 + len..])
                    .all(|&octet| octet == 0xee)
            );
        }
    }
}

#[test]
fn keys_of_the_wrong_length_are_refused() {
    let manager = Manager::new().unwrap();
    for cipher in CIPHERS {
        let auth = if is_gcm(cipher) {
            &[][..]
        } else {
            &[0; 20][..]
        };
        for len in (0..40).filter(|&len| len != cipher.key_len()) {
            let key = vec![0; len];
            let refused = Some(CryptoError::KeyLength);
            assert_eq!(manager.key(cipher, &key, auth).err(), refused);
            assert_eq!(manager.packed_key(cipher, &key, auth).err(), refused);
        }
        let key = vec![0; cipher.key_len()];
        assert!(manager.key(cipher, &key, &[0; 19]).is_err());
        assert!(manager.packed_key(cipher, &key, &[0; 19]).is_err());
    }
}

#[test]
fn impossible_tags_are_refused() {
    let mut manager = Manager::new().unwrap();
    assert_eq!(Tag::empty(200).octets().len(), 16);
    for cipher in CIPHERS {
        let key = key(&manager, cipher, 3);
        for octets in [&[0; 17][..], &[0; 300], &[]] {
            let tag = Tag::received(octets);
            let (outcome, ..) = run_one(&mut manager, &key, Op::Open, &[0; 40], tag);
            assert_eq!(outcome, Outcome::Invalid);
        }
    }
    let key = key(&manager, Cipher::AesGcm128, 3);
    let (outcome, ..) = run_one(&mut manager, &key, Op::Seal, &[0; 40], Tag::empty(0));
    assert_eq!(outcome, Outcome::Invalid);
}

proptest! {
    #[test]
    fn spans_outside_the_packet_are_refused_and_touch_nothing(
        cipher in 0..5_usize,
        len in 0..100_usize,
        spans in [0..120_u16, 0..120_u16, 0..120_u16, 0..120_u16],
    ) {
        let mut manager = Manager::new().unwrap();
        let key = key(&manager, CIPHERS[cipher], 4);
        let mut packet = vec![7; len];
        let cipher = Span { start: spans[0], len: spans[1] };
        let auth = Span { start: spans[2], len: spans[3] };
        let within = cipher.range().end <= len && auth.range().end <= len;
        let sealing = Job {
            key: &key,
            op: Op::Seal,
            packet: &mut packet,
            iv: [0; 16],
            cipher,
            auth,
            aad: None,
            tag: Tag::empty(4),
        };
        let (outcome, made) = run(&mut manager, [sealing])[0];
        prop_assert_eq!(made.is_some(), outcome == Outcome::Done);
        if !within {
            prop_assert_eq!(outcome, Outcome::Invalid);
        }
        if outcome == Outcome::Invalid {
            prop_assert!(packet.iter().all(|&octet| octet == 7));
        }
    }
}
