//! TLS: records of any content, handshakes that are tampered with, certificates.

use std::sync::OnceLock;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tls::{
    ClientAuth, ClientProfile, ClientSpec, LegLimits, ServerProfile, ServerSpec, State, Target,
    TlsContext, TlsLeg, TlsProvider, TrustpointSpec, Versions, WallClock,
};

use crate::input::Input;

/// Name in the server's certificate.
const NAME: &str = "ucm.example.com";

/// Flights after which a handshake is given up.
const FLIGHTS_MAX: usize = 16;

struct Profiles {
    server: ServerProfile,
    client: ClientProfile,
}

fn context() -> TlsContext {
    TlsContext::new(TlsProvider::Ring, WallClock::System, LegLimits::default())
}

/// Profiles of both sides, each demanding the other's certificate, with keys made at the first
/// call.
fn profiles() -> &'static Profiles {
    static PROFILES: OnceLock<Profiles> = OnceLock::new();
    PROFILES.get_or_init(|| make_profiles().expect("keys and certificates can be made"))
}

fn make_profiles() -> Option<Profiles> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().ok()?;
    let anchor = params.self_signed(&key).ok()?.der().to_vec();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().ok()?;
    let params = CertificateParams::new(vec![NAME.to_owned()]).ok()?;
    let certificate = params.signed_by(&key, &issuer).ok()?.der().to_vec();
    let context = context();
    let trustpoint = context
        .trustpoint(&TrustpointSpec {
            chain: &[certificate],
            key: Some(&key.serialize_der()),
            anchors: &[anchor],
            ..TrustpointSpec::default()
        })
        .ok()?;
    let server = context.server(&ServerSpec {
        identity: &trustpoint,
        client_auth: ClientAuth::Required,
        trust: &[&trustpoint],
        versions: Versions::Tls12And13,
        resumption: false,
    });
    let client = context.client(&ClientSpec {
        identity: Some(&trustpoint),
        trust: &[&trustpoint],
        verify_name: Some(NAME),
        pass_sni: false,
        versions: Versions::Tls12And13,
        resumption: false,
    });
    Some(Profiles {
        server: server.ok()?,
        client: client.ok()?,
    })
}

fn server_leg() -> TlsLeg {
    TlsLeg::server(&profiles().server)
}

fn client_leg() -> TlsLeg {
    let target = Target {
        address: [192, 0, 2, 10].into(),
        client_sni: None,
    };
    let mut leg = TlsLeg::client(&profiles().client, &target);
    leg.step();
    leg
}

/// A server leg whose peer says anything.
pub(crate) fn server(data: &[u8]) {
    converse(server_leg(), data);
}

/// A client leg whose peer says anything.
pub(crate) fn client(data: &[u8]) {
    converse(client_leg(), data);
}

fn converse(mut leg: TlsLeg, data: &[u8]) {
    let mut input = Input::new(data);
    while let Some(step) = input.next() {
        feed(&mut leg, input.piece());
        if step == 0xff {
            leg.feed_end();
            leg.step();
        }
        leg.take_plaintext(<[u8]>::len);
        leg.take_output(<[u8]>::len);
        // None of this proves who the peer is.
        assert_ne!(leg.state(), State::Open);
    }
}

/// Feeds all of `octets`, with steps between as long as the leg wants them.
fn feed(leg: &mut TlsLeg, octets: &[u8]) {
    let mut rest = octets;
    loop {
        let taken = leg.feed(rest);
        rest = rest.get(taken..).unwrap_or_default();
        let stepped = leg.wants_step();
        leg.step();
        if !stepped && (taken == 0 || rest.is_empty()) {
            break;
        }
    }
}

/// A handshake and a little talk between two good legs, while the fuzzer tampers with what is
/// between them.
pub(crate) fn handshake(data: &[u8]) {
    let mut input = Input::new(data);
    let (mut client, mut server) = (client_leg(), server_leg());
    let mut tampered = false;
    for flight in 0..FLIGHTS_MAX {
        tampered |= carry(&mut client, &mut server, &mut input);
        tampered |= carry(&mut server, &mut client, &mut input);
        if flight > 4 {
            client.write(b"REGISTER");
            server.write(b"200 OK");
        }
    }
    let is_open = |leg: &TlsLeg| leg.state() == State::Open;
    if !tampered {
        assert!(is_open(&client) && is_open(&server));
    }
    client.close();
    server.close();
    carry(&mut client, &mut server, &mut input);
    carry(&mut server, &mut client, &mut input);
}

/// Carries a flight, whole, in pieces or damaged; tells whether it was damaged.
fn carry(from: &mut TlsLeg, to: &mut TlsLeg, input: &mut Input<'_>) -> bool {
    let mut flight = Vec::new();
    from.take_output(|octets| {
        flight.extend_from_slice(octets);
        octets.len()
    });
    let before = flight.clone();
    match input.u8() {
        1 => {
            let (at, with) = (usize::from(input.u16()), input.u8());
            if let Some(octet) = flight.get_mut(at) {
                *octet ^= with;
            }
        }
        2 => flight.truncate(input.u16().into()),
        3 => {
            let at = usize::from(input.u16()).min(flight.len());
            let piece = input.piece().iter().copied();
            flight.splice(at..at, piece);
        }
        4 => to.feed_end(),
        _ => {}
    }
    let cut = usize::from(input.u8()) * 8;
    let (first, second) = flight.split_at(cut.min(flight.len()));
    feed(to, first);
    feed(to, second);
    to.take_plaintext(<[u8]>::len);
    flight != before || matches!(to.state(), State::Failed(_))
}

/// Certificates, keys and revocation lists of any content, as a trustpoint takes them.
pub(crate) fn certificate(data: &[u8]) {
    let mut input = Input::new(data);
    let kind = input.u8() % 4;
    let der = [input.piece().to_vec()];
    let key = input.rest();
    let mut spec = TrustpointSpec::default();
    match kind {
        0 => spec.anchors = &der,
        1 => spec.pinned = &der,
        2 => {
            spec.chain = &der;
            spec.key = Some(key);
        }
        _ => {
            spec.anchors = &der;
            spec.crls = &der;
        }
    }
    let _ = context().trustpoint(&spec);
}
