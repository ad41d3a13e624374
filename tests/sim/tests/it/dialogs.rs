//! Calls that do not come to be, or are not what they should be.

use abi::{Counter, Limits, Pool, Reason, Suite};
use sim::{
    Agent, Audio, Cluster, Lab, MANAGER, Message, PHONE, PHONE_NUMBER, Sdes, Setup, ack_refusal,
    cancel, endpoint,
};

use crate::common::{CLOSED, each_way};

const SUITE: Suite = Suite::AesCm128HmacSha1_80;

/// A session that is up, with all that moved so far looked at.
fn agents(lab: &mut Lab) -> (Agent, Agent) {
    let agents = lab.agents();
    lab.settle();
    lab.look();
    agents
}

/// Checks that no media and no unit of a call is left.
fn nothing_is_pinned(lab: &mut Lab) {
    lab.settle();
    assert_eq!(lab.proxy().usage(Pool::SrtpSessions).in_use, 0);
    assert_eq!(lab.proxy().streams(), []);
}

#[test]
fn offer_without_keys_is_refused() {
    each_way(&Setup::default(), |mut lab| {
        let (mut phone, manager) = agents(&mut lab);
        let mut party = lab.phone_party(SUITE);
        party.key = None;
        let invite = phone.invite("2002", &party.sdp("sendrecv"));
        let refusal = lab.pass(&phone, &invite, &phone);
        assert_eq!(refusal.status(), Some(488));
        let ack = ack_refusal(&invite, &refusal);
        lab.say(&phone, &ack);
        lab.hears_nothing(&manager);
        lab.moved(&[(Counter::SipMessages, 2)], &[(Reason::SdpNoCrypto, 1)]);
        nothing_is_pinned(&mut lab);
    });
}

#[test]
fn offer_whose_keys_are_of_no_use_is_refused() {
    let mut lab = Lab::new(Setup::default());
    let (mut phone, manager) = agents(&mut lab);
    let mut party = lab.phone_party(SUITE);
    party.key = None;
    let sdp = party.sdp("sendrecv").replace("RTP/AVP", "RTP/SAVP")
        + "a=crypto:1 F8_128_HMAC_SHA1_80 inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n";
    let invite = phone.invite("2002", &sdp);
    let refusal = lab.pass(&phone, &invite, &phone);
    assert_eq!(refusal.status(), Some(488));
    lab.hears_nothing(&manager);
    lab.moved(&[(Counter::SipMessages, 1)], &[(Reason::SdpBadCrypto, 1)]);
    nothing_is_pinned(&mut lab);
}

#[test]
fn answer_without_keys_ends_the_call_on_both_sides() {
    let mut lab = Lab::new(Setup {
        cluster: Cluster::Encrypted,
        ..Setup::default()
    });
    let (mut phone, manager) = agents(&mut lab);
    let offer = lab.phone_party(SUITE).sdp("sendrecv");
    let invite = phone.invite("2002", &offer);
    let offered = lab.pass(&phone, &invite, &manager);
    let mut clear = lab.desk_party(SUITE);
    clear.key = None;
    let ok = manager
        .reply(&offered, "200 OK")
        .with_sdp(&clear.sdp("sendrecv"));
    let refusal = lab.pass(&manager, &ok, &phone);
    assert_eq!(refusal.status(), Some(488));
    assert!(lab.hear(&manager).is_request("ACK"));
    assert!(lab.hear(&manager).is_request("BYE"));
    assert_eq!(lab.refused(Reason::SdpNoCrypto), 1);
    nothing_is_pinned(&mut lab);
}

#[test]
fn cancelled_call_leaves_nothing() {
    each_way(&Setup::default(), |mut lab| {
        let (mut phone, manager) = agents(&mut lab);
        let offer = lab.phone_party(SUITE).sdp("sendrecv");
        let invite = phone.invite("2002", &offer);
        let offered = lab.pass(&phone, &invite, &manager);
        assert_eq!(lab.proxy().usage(Pool::SrtpSessions).in_use, 1);
        let ringing = manager.reply(&offered, "180 Ringing");
        assert_eq!(lab.pass(&manager, &ringing, &phone).status(), Some(180));
        let heard = lab.pass(&phone, &cancel(&invite), &manager);
        assert!(heard.is_request("CANCEL"), "{heard}");
        assert_eq!(heard.header("Via"), offered.header("Via"));
        let ok = heard.reply("200 OK", "c");
        assert_eq!(lab.pass(&manager, &ok, &phone).status(), Some(200));
        let terminated = manager.reply(&offered, "487 Request Terminated");
        let terminated = lab.pass(&manager, &terminated, &phone);
        assert_eq!(terminated.status(), Some(487));
        lab.pass(&phone, &ack_refusal(&invite, &terminated), &manager);
        nothing_is_pinned(&mut lab);
        lab.moved(
            &[
                (Counter::SipMessages, 6),
                (Counter::CallsStarted, 1),
                (Counter::CallsEnded, 1),
                (Counter::PermitsTaken, 1),
                (Counter::PermitsReturned, 1),
            ],
            &[],
        );
    });
}

#[test]
fn declined_call_leaves_nothing() {
    each_way(&Setup::default(), |mut lab| {
        let (mut phone, mut manager) = agents(&mut lab);
        let registered = lab.register(&mut phone, &manager);
        let target = registered.uri("Contact").unwrap();
        let offer = lab.desk_party(SUITE).sdp("sendrecv");
        let invite = manager
            .request("INVITE", target, PHONE_NUMBER)
            .with_sdp(&offer);
        let offered = lab.pass(&manager, &invite, &phone);
        let busy = phone.reply(&offered, "486 Busy Here");
        let busy = lab.pass(&phone, &busy, &manager);
        assert_eq!(busy.status(), Some(486));
        lab.pass(&manager, &ack_refusal(&invite, &busy), &phone);
        nothing_is_pinned(&mut lab);
        assert_eq!(lab.proxy().counters().refusals(), 0);
    });
}

#[test]
fn early_media_is_heard_before_the_call_is_answered() {
    let mut lab = Lab::new(Setup::default());
    let (mut phone, manager) = agents(&mut lab);
    let (caller, callee) = (lab.phone_party(SUITE), lab.desk_party(SUITE));
    let invite = phone.invite("2002", &caller.sdp("sendrecv"));
    let offered = lab.pass(&phone, &invite, &manager);
    let progress = manager.reply(&offered, "183 Session Progress");
    let progress = progress.with_sdp(&callee.sdp("sendrecv"));
    let progress = lab.pass(&manager, &progress, &phone);
    let mut phone_media = caller.media(PHONE, &progress);
    let mut desk_media = callee.media(sim::DESK, &offered);
    let tone = desk_media.send_rtp(&mut lab.world, b"ringback");
    lab.settle();
    assert_eq!(phone_media.heard(&mut lab.world), [sim::Heard::Rtp(tone)]);
}

#[test]
fn call_over_the_srtp_limit_is_refused_and_the_first_goes_on() {
    each_way(
        &Setup {
            limits: Limits {
                srtp_sessions: 1,
                ..Limits::UNLIMITED
            },
            ..Setup::default()
        },
        |mut lab| {
            let mut call = lab.call_inside(SUITE);
            lab.settle();
            lab.look();
            let offer = lab.phone_party(SUITE).sdp("sendrecv");
            let second = call.phone.invite("2003", &offer);
            let refusal = lab.pass(&call.phone, &second, &call.phone);
            assert_eq!(refusal.status(), Some(503));
            lab.say(&call.phone, &ack_refusal(&second, &refusal));
            lab.hears_nothing(&call.manager);
            lab.moved(
                &[(Counter::SipMessages, 2)],
                &[(Reason::LimitSrtpSessions, 1)],
            );
            lab.talk(&mut call, 1);
            lab.hang_up(&mut call);
            let mut next = lab.call_inside_by(call.phone, call.manager, SUITE);
            lab.talk(&mut next, 1);
        },
    );
}

#[test]
fn call_without_a_media_port_is_refused() {
    let mut lab = Lab::new(Setup {
        media_ports: (30_000, 30_001),
        ..Setup::default()
    });
    let mut call = lab.call_inside(SUITE);
    lab.settle();
    lab.look();
    let offer = lab.phone_party(SUITE).sdp("sendrecv");
    let second = call.phone.invite("2003", &offer);
    assert_eq!(
        lab.pass(&call.phone, &second, &call.phone).status(),
        Some(503)
    );
    lab.hears_nothing(&call.manager);
    // The unit that the call had taken already is given back.
    lab.moved(
        &[
            (Counter::SipMessages, 1),
            (Counter::PermitsTaken, 1),
            (Counter::PermitsReturned, 1),
        ],
        &[(Reason::MediaPortsExhausted, 1)],
    );
    lab.talk(&mut call, 1);
}

#[test]
fn call_without_a_place_for_its_stream_is_refused() {
    let mut lab = Lab::new(Setup {
        streams: 1,
        ..Setup::default()
    });
    let mut call = lab.call_inside(SUITE);
    let offer = lab.phone_party(SUITE).sdp("sendrecv");
    let second = call.phone.invite("2003", &offer);
    lab.settle();
    lab.look();
    assert_eq!(
        lab.pass(&call.phone, &second, &call.phone).status(),
        Some(503)
    );
    assert_eq!(lab.refused(Reason::MediaTableFull), 1);
    lab.talk(&mut call, 1);
}

#[test]
fn phone_that_offers_several_suites_gets_one() {
    let mut lab = Lab::new(Setup::default());
    let (mut phone, manager) = agents(&mut lab);
    let random = sim::Random::new(9);
    let keys = [
        Suite::AeadAes256Gcm,
        Suite::AesCm256HmacSha1_80,
        Suite::AesCm128HmacSha1_80,
    ]
    .map(|suite| Sdes::new(suite, &random));
    let party = lab.phone_party(SUITE);
    let offer = Audio {
        address: party.rtp.ip(),
        port: party.rtp.port(),
        profile: "RTP/SAVP",
        keys: &[&keys[0], &keys[1], &keys[2]],
        direction: "sendrecv",
    };
    let invite = phone.invite("2002", &offer.to_sdp());
    let offered = lab.pass(&phone, &invite, &manager);
    let callee = lab.desk_party(SUITE);
    let ok = manager
        .reply(&offered, "200 OK")
        .with_sdp(&callee.sdp("sendrecv"));
    let answered = lab.pass(&manager, &ok, &phone);
    assert_eq!(answered.body.matches("a=crypto:").count(), 1);
    let chosen = answered.sdp("a=crypto:").unwrap();
    assert!(chosen.starts_with("3 AES_CM_128_HMAC_SHA1_80 "), "{chosen}");
    let mut phone_media = sim::MediaEnd::new(PHONE, party.rtp.port(), endpoint(&answered));
    phone_media.protect(&keys[2], &Sdes::parse(chosen).unwrap());
    let said = phone_media.send_rtp(&mut lab.world, b"hello");
    lab.settle();
    let mut desk_media = callee.media(sim::DESK, &offered);
    assert_eq!(desk_media.heard(&mut lab.world), [sim::Heard::Rtp(said)]);
}

#[test]
fn what_is_no_sip_ends_the_session() {
    each_way(&Setup::default(), |mut lab| {
        let (phone, manager) = agents(&mut lab);
        lab.host(PHONE)
            .send(phone.conn, "GET / HTTP/1.1\r\nHost: example\r\n\r\n");
        lab.settle();
        lab.host(PHONE).finish(phone.conn);
        lab.host(MANAGER).finish(manager.conn);
        lab.settle();
        lab.moved(&CLOSED, &[(Reason::SipMalformed, 1)]);
        assert_eq!(lab.host(MANAGER).conn(manager.conn).received, 0);
    });
}

#[test]
fn message_that_names_an_impossible_length_ends_the_session() {
    for (length, reason) in [
        ("99999999999999999999", Reason::SipBadLength),
        ("10000000", Reason::SipTooLarge),
        ("-1", Reason::SipBadLength),
    ] {
        let mut lab = Lab::new(Setup::default());
        let (mut phone, manager) = agents(&mut lab);
        let text = phone.register().to_string();
        let text = text.replace("Content-Length: 0", &format!("Content-Length: {length}"));
        lab.host(PHONE).send(phone.conn, text);
        lab.settle();
        assert_eq!(lab.refused(reason), 1, "{length}");
        assert_eq!(lab.host(MANAGER).conn(manager.conn).received, 0);
        assert!(!lab.host(PHONE).conn(phone.conn).is_open());
    }
}

#[test]
fn body_that_does_not_parse_is_refused() {
    let mut lab = Lab::new(Setup::default());
    let (mut phone, manager) = agents(&mut lab);
    let invite = phone.invite("2002", "v=0\r\nthis is no description\r\n");
    let refusal = lab.pass(&phone, &invite, &phone);
    assert_eq!(refusal.status(), Some(400));
    lab.hears_nothing(&manager);
    lab.moved(&[(Counter::SipMessages, 1)], &[(Reason::SdpMalformed, 1)]);
}

#[test]
fn response_to_nothing_is_dropped() {
    let mut lab = Lab::new(Setup::default());
    let (mut phone, manager) = agents(&mut lab);
    let stray: Message = phone.register().reply("200 OK", "x");
    lab.say(&manager, &stray);
    lab.hears_nothing(&phone);
    lab.moved(&[(Counter::SipMessages, 1)], &[(Reason::SipBadState, 1)]);
}

#[test]
fn phone_that_vanishes_in_a_call_takes_it_along() {
    let mut lab = Lab::new(Setup::default());
    let mut call = lab.call_inside(SUITE);
    lab.talk(&mut call, 1);
    lab.host(PHONE).unplugged = true;
    lab.run_for(std::time::Duration::from_secs(400));
    assert_eq!(lab.refused(Reason::TcpTimeout), 1);
    nothing_is_pinned(&mut lab);
    assert!(lab.host(MANAGER).conn(call.manager.conn).is_closed());
}
