//! RTP, RTCP, SRTP, and a stream between two legs.

use core::net::SocketAddr;
use core::time::Duration;

use abi::{Now, Reason, Suite};
use media::rtcp::{self, Parts};
use media::rtp::RtpView;
use media::{Admission, Component, Forward, Origin, Screened, Stream};
use pipeline::{
    CallId, Endpoint, Leg, MasterKey, MediaKind, MediaPlan, PerLeg, SidePlan, SrtpParams,
};
use srtp::{Config, Expand, Mki, Params, Receiver, Sender, SessionKey, Traffic};

use crate::input::Input;

/// Suites by number.
const SUITES: [Suite; 4] = [
    Suite::AesCm128HmacSha1_80,
    Suite::AesCm128HmacSha1_32,
    Suite::AeadAes128Gcm,
    Suite::AeadAes256Gcm,
];

/// Keys that nobody enciphers with.
struct NoCipher;

impl Expand for NoCipher {
    type Key = ();

    fn expand(&mut self, _: &SessionKey, _: Traffic) -> Option<()> {
        Some(())
    }
}

/// Views of a packet of any content.
pub(crate) fn rtp(data: &[u8]) {
    if let Ok(view) = RtpView::parse(data) {
        let _ = (view.seq(), view.ssrc(), view.marker());
        let _ = (view.payload_type(), view.timestamp());
        assert!(view.payload().len() <= data.len() - 12);
    }
    let parts: usize = Parts::new(data)
        .flatten()
        .map(|part| part.body.len() + 4)
        .sum();
    assert!(parts <= data.len());
    let _ = rtcp::check(data);
}

fn suite(number: u8) -> Suite {
    *SUITES.get(usize::from(number & 3)).unwrap_or(&SUITES[0])
}

fn traffic(number: u8) -> Traffic {
    if number & 1 == 0 {
        Traffic::Rtp
    } else {
        Traffic::Rtcp
    }
}

/// Packets that arrive and packets that leave, while the fuzzer says which of them are authentic.
pub(crate) fn srtp(data: &[u8]) {
    let mut input = Input::new(data);
    let kind = input.u8();
    let suite = suite(kind);
    let key = vec![1; suite.key_len()];
    let salt = vec![2; suite.salt_len()];
    let params = Params {
        suite,
        key: &key,
        salt: &salt,
        mki: Mki::new(u64::from(kind >> 4), kind >> 2 & 3),
    };
    let config = Config {
        sources_max: 2,
        ..Config::default()
    };
    let receiver = Receiver::new(&params, config, &mut NoCipher);
    let sender = Sender::new(&params, config, &mut NoCipher);
    let (mut receiver, mut sender) = receiver.zip(sender).expect("keys of the right length");
    let mut now = Now::from_millis(1_000);
    while let Some(step) = input.next() {
        now = now + Duration::from_millis(u64::from(step >> 4) * 50);
        let mut packet = input.piece().to_vec();
        if step & 2 == 0 {
            open(
                &mut receiver,
                traffic(step),
                step & 4 != 0,
                &mut packet,
                now,
            );
        } else {
            seal(&mut sender, traffic(step), &mut packet, now);
        }
    }
}

fn open(
    receiver: &mut Receiver<()>,
    traffic: Traffic,
    authentic: bool,
    packet: &mut [u8],
    now: Now,
) {
    let Ok(plan) = receiver.plan(traffic, packet) else {
        return;
    };
    let before = packet.to_vec();
    let job = receiver.job(&plan, packet);
    assert!(plan.plain_len() <= packet.len() && plan.tag(packet).len() <= packet.len());
    plan.stage(packet);
    for span in [job.cipher, job.auth] {
        let end = usize::from(span.start) + usize::from(span.len);
        // The trailer of a packet without MKI lies in the place of its tag.
        assert!(end <= packet.len().max(usize::from(span.start)));
    }
    if authentic {
        if receiver.commit(&plan, now).is_ok() {
            let again = receiver.plan(traffic, &before);
            assert_eq!(again.err(), Some(Reason::SrtpReplayed));
        }
        return;
    }
    plan.unstage(packet);
    assert_eq!(packet, before);
    if let Some(again) = receiver.retry(&plan, packet, now) {
        again.stage(packet);
        again.unstage(packet);
        assert_eq!(packet, before);
    }
}

fn seal(sender: &mut Sender<()>, traffic: Traffic, packet: &mut Vec<u8>, now: Now) {
    let Ok(plan) = sender.plan(traffic, packet, now) else {
        return;
    };
    packet.resize(packet.len() + sender.growth(traffic), 0);
    plan.stage(packet);
    let tag = vec![7; plan.tag_len().into()];
    plan.finish(packet, &tag);
}

fn address(host: u8, port: u16) -> SocketAddr {
    ([192, 0, 2, host], port).into()
}

fn endpoint(host: u8) -> Endpoint {
    Endpoint {
        rtp: address(host, 20_000),
        rtcp: address(host, 20_001),
    }
}

/// What signalling says of one side, by the fuzzer's choice.
fn side(host: u8, input: &mut Input<'_>) -> SidePlan {
    let (flags, number) = (input.u8(), input.u8());
    let suite = suite(number);
    let params = |octet: u8| {
        let key = MasterKey::new(suite, &vec![octet; suite.key_salt_len()])?;
        Some(SrtpParams {
            suite,
            key,
            mki: None,
        })
    };
    let secure = flags & 1 != 0;
    SidePlan {
        family_of: address(host, 0).ip(),
        remote: (flags & 2 != 0).then(|| endpoint(host)),
        rtcp_mux: flags & 4 != 0,
        secure,
        receive: params(number).filter(|_| secure && flags & 8 != 0),
        transmit: params(number >> 2).filter(|_| secure && flags & 16 != 0),
        peer_sends: flags & 32 == 0,
        peer_receives: flags & 64 == 0,
    }
}

fn plan(input: &mut Input<'_>) -> MediaPlan {
    let kind = if input.u8() == 1 {
        MediaKind::Datagram
    } else {
        MediaKind::Rtp
    };
    MediaPlan {
        call: CallId(1),
        kind,
        sides: PerLeg {
            client: side(10, input),
            server: side(20, input),
        },
    }
}

/// A stream that signalling changes while packets of any content come from both sides.
pub(crate) fn media_stream(data: &[u8]) {
    let mut input = Input::new(data);
    let local = PerLeg {
        client: endpoint(1),
        server: endpoint(2),
    };
    let config = Config::default();
    let first = plan(&mut input);
    let Ok(mut stream) = Stream::new(&first, local, config, &mut NoCipher) else {
        return;
    };
    let mut now = Now::from_millis(1_000);
    while let Some(step) = input.next() {
        now = now + Duration::from_millis(20);
        if step == 0xff {
            let _ = stream.update(&plan(&mut input), config, &mut NoCipher);
            continue;
        }
        let leg = if step & 1 == 0 {
            Leg::Client
        } else {
            Leg::Server
        };
        let origin = Origin {
            leg,
            component: if step & 2 == 0 {
                Component::Rtp
            } else {
                Component::Rtcp
            },
            source: &address(10, 20_000 + u16::from(step >> 6)),
        };
        let mut packet = input.piece().to_vec();
        let passed = pass(&mut stream, origin, step & 4 != 0, &mut packet, now);
        if let Err(reason) = passed {
            stream.count_refused(leg, reason);
        }
    }
    for leg in Leg::BOTH {
        let _ = stream.record(leg);
    }
}

/// The way of one packet, as a worker drives it.
fn pass(
    stream: &mut Stream<()>,
    origin: Origin<'_>,
    authentic: bool,
    packet: &mut Vec<u8>,
    now: Now,
) -> Result<(), Reason> {
    let admission = match stream.screen(origin, packet)? {
        Screened::Clear(content) => Admission::Clear(content),
        Screened::Protected(traffic) => stream.admit(origin.leg, traffic, packet)?,
    };
    match &admission {
        Admission::Clear(_) => {}
        Admission::Open(plan) | Admission::Check(plan) if authentic => {
            plan.stage(packet);
            if matches!(admission, Admission::Check(_)) {
                plan.unstage(packet);
            } else {
                packet.truncate(plan.plain_len());
            }
        }
        Admission::Open(_) | Admission::Check(_) => return Err(Reason::SrtpAuthFailed),
    }
    stream.accept(origin, &admission, |_| !packet.len().is_multiple_of(8), now)?;
    let content = admission.content();
    stream.path(origin.leg, content)?;
    if let Forward::Seal(traffic) = stream.forward(origin.leg, &admission, packet)?
        && let Some(sender) = stream.sender_mut(origin.leg.other())
    {
        seal(sender, traffic, packet, now);
    }
    stream.count_passed(origin.leg, content, packet.len());
    Ok(())
}
