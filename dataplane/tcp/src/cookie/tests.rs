use super::*;
use core::net::Ipv6Addr;
use proptest::prelude::*;
use smoltcp::wire::{IpEndpoint, IpProtocol, IpRepr};

#[derive(Default)]
struct Sent(Vec<Vec<u8>>);

impl Transmit for Sent {
    fn transmit(&mut self, len: usize, fill: &mut dyn FnMut(&mut [u8])) -> bool {
        let mut packet = vec![0; len];
        fill(&mut packet);
        self.0.push(packet);
        true
    }
}

struct Full;

impl Transmit for Full {
    fn transmit(&mut self, _: usize, _: &mut dyn FnMut(&mut [u8])) -> bool {
        false
    }
}

fn v4() -> (SocketAddr, SocketAddr) {
    (
        SocketAddr::from(([192, 0, 2, 1], 5_061)),
        SocketAddr::from(([198, 51, 100, 7], 40_000)),
    )
}

fn v6() -> (SocketAddr, SocketAddr) {
    let host = |n| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n);
    (
        SocketAddr::from((host(1), 5_061)),
        SocketAddr::from((host(7), 40_000)),
    )
}

/// A packet from `ends.1` to `ends.0`.
fn packet(ends: (SocketAddr, SocketAddr), tcp: TcpRepr<'_>) -> Vec<u8> {
    let (to, from) = (IpEndpoint::from(ends.0), IpEndpoint::from(ends.1));
    let tcp = TcpRepr {
        src_port: from.port,
        dst_port: to.port,
        ..tcp
    };
    let ip = IpRepr::new(from.addr, to.addr, IpProtocol::Tcp, tcp.buffer_len(), 64);
    let mut bytes = vec![0; ip.buffer_len()];
    segment::write(&ip, &tcp, &mut bytes);
    bytes
}

fn syn() -> TcpRepr<'static> {
    TcpRepr {
        control: TcpControl::Syn,
        seq_number: number(1_000),
        window_len: 60_000,
        max_seg_size: Some(1_460),
        window_scale: Some(7),
        sack_permitted: true,
        ..empty()
    }
}

/// A time at which no handshake of time zero is in progress any more.
const LATER: Now = Now::from_millis(5_000);

fn ack(cookie: u32) -> TcpRepr<'static> {
    TcpRepr {
        seq_number: number(1_001),
        ack_number: Some(number(cookie.wrapping_add(1))),
        ..empty()
    }
}

fn cookies() -> Cookies {
    Cookies::new(&[7; 32], &Params::default(), Now::ZERO)
}

fn answer(cookies: &mut Cookies, packet: &[u8], now: Now) -> Vec<u8> {
    let mut sent = Sent::default();
    cookies.on_syn(packet, now, &mut sent).unwrap();
    assert_eq!(sent.0.len(), 1);
    sent.0.remove(0)
}

fn cookie_of(answer: &[u8]) -> u32 {
    Segment::parse(answer).unwrap().seq
}

#[test]
fn answer_mirrors_the_syn() {
    for ends in [v4(), v6()] {
        let bytes = answer(&mut cookies(), &packet(ends, syn()), Now::ZERO);
        let segment = Segment::parse(&bytes).unwrap();
        assert_eq!((segment.remote(), segment.local()), ends);
        let tcp = segment.repr().unwrap();
        assert_eq!(tcp.control, TcpControl::Syn);
        assert_eq!(tcp.ack_number, Some(number(1_001)));
        assert_eq!(
            tcp.max_seg_size,
            Some(if ends.0.is_ipv4() { 1_460 } else { 1_440 })
        );
        assert_eq!(tcp.window_scale, Some(0));
        assert!(tcp.sack_permitted);
        assert_eq!(tcp.window_len, 4_096);
    }
}

#[test]
fn nothing_is_offered_that_the_client_did_not_offer() {
    let plain = TcpRepr {
        window_scale: None,
        max_seg_size: None,
        sack_permitted: false,
        ..syn()
    };
    let bytes = answer(&mut cookies(), &packet(v4(), plain), Now::ZERO);
    let tcp = Segment::parse(&bytes).unwrap().repr().unwrap();
    assert_eq!((tcp.window_scale, tcp.sack_permitted), (None, false));
}

#[test]
fn every_option_comes_back_from_the_cookie() {
    let mut cookies = cookies();
    let scales = (0..=14).map(Some).chain([None]);
    let cases = scales.flat_map(|scale| SIZES.map(|mss| (scale, mss)));
    for ((scale, mss), sack) in cases.flat_map(|case| [(case, true), (case, false)]) {
        for ends in [v4(), v6()] {
            let offer = TcpRepr {
                window_scale: scale,
                max_seg_size: Some(mss),
                sack_permitted: sack,
                ..syn()
            };
            let cookie = cookie_of(&answer(&mut cookies, &packet(ends, offer), Now::ZERO));
            let accepted = cookies
                .on_ack(&packet(ends, ack(cookie)), Now::ZERO)
                .unwrap();
            assert_eq!((accepted.local, accepted.remote), ends);
            assert_eq!(
                (accepted.window_scale, accepted.mss, accepted.sack),
                (scale, mss, sack)
            );
            assert_eq!((accepted.client_isn, accepted.server_isn), (1_000, cookie));
        }
    }
}

#[test]
fn segment_size_is_rounded_down_and_has_a_floor_and_a_default() {
    let mut cookies = cookies();
    let mut size = |ends, mss| {
        let offer = TcpRepr {
            max_seg_size: mss,
            ..syn()
        };
        let cookie = cookie_of(&answer(&mut cookies, &packet(ends, offer), Now::ZERO));
        cookies
            .on_ack(&packet(ends, ack(cookie)), Now::ZERO)
            .unwrap()
            .mss
    };
    assert_eq!(size(v4(), Some(1_459)), 1_452);
    assert_eq!(size(v4(), Some(9_000)), 1_460);
    assert_eq!(size(v4(), Some(48)), 216);
    assert_eq!(size(v4(), Some(0)), 536);
    assert_eq!(size(v4(), None), 536);
    assert_eq!(size(v6(), None), 1_220);
}

#[test]
fn syn_sent_again_gets_the_same_answer() {
    let mut cookies = cookies();
    let first = answer(&mut cookies, &packet(v4(), syn()), Now::from_millis(10));
    let again = answer(&mut cookies, &packet(v4(), syn()), Now::from_millis(3_010));
    assert_eq!(first, again);
}

#[test]
fn cookie_holds_good_for_one_to_two_minutes() {
    for begun in [0, 1_000, 63_999, 64_000, 1_000_000_000] {
        let mut cookies = cookies();
        let made = Now::from_millis(begun);
        let cookie = cookie_of(&answer(&mut cookies, &packet(v4(), syn()), made));
        let third = packet(v4(), ack(cookie));
        let one_minute = made + Duration::from_secs(60);
        assert!(cookies.on_ack(&third, one_minute).is_ok(), "{begun}");
        let too_late = made + Duration::from_secs(128);
        assert_eq!(
            cookies.on_ack(&third, too_late),
            Err(Reason::TcpBadCookie),
            "{begun}"
        );
        let much_too_late = made + Duration::from_secs(192);
        assert_eq!(
            cookies.on_ack(&third, much_too_late),
            Err(Reason::TcpBadCookie),
            "{begun}"
        );
    }
}

#[test]
fn forged_cookies_are_refused() {
    let mut cookies = cookies();
    let cookie = cookie_of(&answer(&mut cookies, &packet(v4(), syn()), Now::ZERO));
    for bit in 0..32 {
        let third = packet(v4(), ack(cookie ^ 1 << bit));
        assert_eq!(
            cookies.on_ack(&third, LATER),
            Err(Reason::TcpBadCookie),
            "bit {bit}"
        );
    }
    let (local, remote) = v4();
    let other_client = (local, SocketAddr::new(remote.ip(), 40_001));
    let third = packet(other_client, ack(cookie));
    assert_eq!(cookies.on_ack(&third, LATER), Err(Reason::TcpBadCookie));
    let other_number = TcpRepr {
        seq_number: number(1_002),
        ..ack(cookie)
    };
    let third = packet(v4(), other_number);
    assert_eq!(cookies.on_ack(&third, LATER), Err(Reason::TcpBadCookie));
}

#[test]
fn what_overtakes_the_third_packet_is_early_and_no_forgery() {
    let mut cookies = cookies();
    let later = packet(
        v4(),
        TcpRepr {
            seq_number: number(2_461),
            ..ack(7)
        },
    );
    assert_eq!(cookies.on_ack(&later, Now::ZERO), Err(Reason::TcpBadCookie));
    let cookie = cookie_of(&answer(&mut cookies, &packet(v4(), syn()), Now::ZERO));
    assert_eq!(cookies.on_ack(&later, Now::ZERO), Err(Reason::TcpEarly));
    assert!(
        cookies
            .on_ack(&packet(v4(), ack(cookie)), Now::ZERO)
            .is_ok()
    );
    let (local, remote) = v4();
    let other_client = (local, SocketAddr::new(remote.ip(), 40_001));
    let other = packet(other_client, ack(7));
    assert_eq!(cookies.on_ack(&other, Now::ZERO), Err(Reason::TcpBadCookie));
    let soon = Now::from_millis(4_000);
    assert_eq!(cookies.on_ack(&later, soon), Err(Reason::TcpBadCookie));
}

#[test]
fn blind_guesses_fail() {
    let mut cookies = cookies();
    let guess = |n: u32| packet(v4(), ack(n.wrapping_mul(0x9e37_79b9)));
    let hits = (0..20_000)
        .filter(|n| cookies.on_ack(&guess(*n), Now::ZERO).is_ok())
        .count();
    assert_eq!(hits, 0);
}

#[test]
fn workers_with_one_secret_accept_each_others_cookies() {
    let cookie = cookie_of(&answer(&mut cookies(), &packet(v4(), syn()), Now::ZERO));
    assert!(
        cookies()
            .on_ack(&packet(v4(), ack(cookie)), Now::ZERO)
            .is_ok()
    );
    let mut stranger = Cookies::new(&[8; 32], &Params::default(), Now::ZERO);
    assert!(
        stranger
            .on_ack(&packet(v4(), ack(cookie)), Now::ZERO)
            .is_err()
    );
}

#[test]
fn new_secret_keeps_the_cookies_of_the_old_one_for_their_time() {
    let mut cookies = cookies();
    let old = cookie_of(&answer(&mut cookies, &packet(v4(), syn()), Now::ZERO));
    cookies.replace_secret(&[9; 32]);
    let next_period = Now::from_millis(64_000);
    assert!(cookies.on_ack(&packet(v4(), ack(old)), next_period).is_ok());
    let new = cookie_of(&answer(&mut cookies, &packet(v4(), syn()), next_period));
    let mut keeper_of_the_old = Cookies::new(&[7; 32], &Params::default(), next_period);
    assert!(
        keeper_of_the_old
            .on_ack(&packet(v4(), ack(new)), next_period)
            .is_err()
    );
}

#[test]
fn cookie_made_for_another_window_scale_is_refused() {
    let cookie = cookie_of(&answer(&mut cookies(), &packet(v4(), syn()), Now::ZERO));
    let larger = Params {
        rx_buffer: 1 << 20,
        ..Params::default()
    };
    let mut cookies = Cookies::new(&[7; 32], &larger, Now::ZERO);
    let third = packet(v4(), ack(cookie));
    assert_eq!(cookies.on_ack(&third, Now::ZERO), Err(Reason::TcpBadCookie));
}

#[test]
fn only_handshakes_are_looked_at() {
    let mut cookies = cookies();
    let mut sent = Sent::default();
    for control in [TcpControl::None, TcpControl::Fin, TcpControl::Rst] {
        let bytes = packet(v4(), TcpRepr { control, ..syn() });
        assert_eq!(
            cookies.on_syn(&bytes, Now::ZERO, &mut sent),
            Err(Reason::TcpNoFlow)
        );
    }
    let syn_ack = packet(
        v4(),
        TcpRepr {
            ack_number: Some(number(1)),
            ..syn()
        },
    );
    assert_eq!(
        cookies.on_syn(&syn_ack, Now::ZERO, &mut sent),
        Err(Reason::TcpNoFlow)
    );
    assert_eq!(cookies.on_ack(&syn_ack, Now::ZERO), Err(Reason::TcpNoFlow));
    let cookie = cookie_of(&answer(&mut cookies, &packet(v4(), syn()), Now::ZERO));
    let rst = packet(
        v4(),
        TcpRepr {
            control: TcpControl::Rst,
            ..ack(cookie)
        },
    );
    assert_eq!(cookies.on_ack(&rst, Now::ZERO), Err(Reason::TcpNoFlow));
    let (local, remote) = v4();
    let group = SocketAddr::from(([224, 0, 0, 1], remote.port()));
    let bytes = packet((local, group), syn());
    assert_eq!(
        cookies.on_syn(&bytes, Now::ZERO, &mut sent),
        Err(Reason::IpBadSource)
    );
    assert!(sent.0.is_empty());
}

#[test]
fn no_buffer_means_no_answer_and_no_harm() {
    let mut cookies = cookies();
    let bytes = packet(v4(), syn());
    assert_eq!(
        cookies.on_syn(&bytes, Now::ZERO, &mut Full),
        Err(Reason::NoBuffer)
    );
    answer(&mut cookies, &bytes, Now::ZERO);
}

proptest! {
    #[test]
    fn no_packet_panics(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        let mut cookies = cookies();
        let _ = cookies.on_syn(&bytes, Now::ZERO, &mut Sent::default());
        let _ = cookies.on_ack(&bytes, Now::ZERO);
        crate::reset_for(&bytes, &mut Sent::default());
    }

    #[test]
    fn malformed_options_never_panic(
        options in prop::collection::vec(any::<u8>(), 0..40usize), with_ack: bool, control in 0_u8..64,
    ) {
        let mut bytes = packet(v4(), if with_ack { ack(1) } else { empty() });
        let padded = options.len().div_ceil(4) * 4;
        bytes.extend(&options);
        bytes.resize(40 + padded, 0);
        bytes[2..4].copy_from_slice(&u16::try_from(40 + padded).unwrap().to_be_bytes());
        bytes[32] = u8::try_from((5 + padded / 4) << 4).unwrap();
        bytes[33] = control;
        let mut cookies = cookies();
        let _ = cookies.on_syn(&bytes, Now::ZERO, &mut Sent::default());
        let _ = cookies.on_ack(&bytes, Now::ZERO);
        crate::reset_for(&bytes, &mut Sent::default());
    }
}
