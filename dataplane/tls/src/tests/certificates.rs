//! Certificates that are refused, each for its own reason, and unusual ones that are not.

use abi::Reason;
use proptest::prelude::*;
use rcgen::{ExtendedKeyUsagePurpose, SanType};

use super::*;
use crate::TrustpointSpec;
use crate::certificate::Facts;

const VERSIONS: [Versions; 2] = [Versions::Tls12, Versions::Tls13];

/// Where the server stands after a phone that shows `identity`, in every version and library, and
/// the alert that the phone got.
fn judge_client(world: &mut World, identity: &Identity) -> (State, Option<u8>) {
    let mut results = Vec::new();
    for provider in PROVIDERS {
        for versions in VERSIONS {
            world.provider = provider;
            let mut client = world.client();
            client.versions = versions;
            client.show(identity);
            let mut pair = Pair::new(&world.server(), &client);
            let (_, server) = pair.run();
            results.push((server, pair.client.peer_alert()));
        }
    }
    results.dedup();
    assert_eq!(results.len(), 1, "{results:?}");
    results[0]
}

/// Where the client stands after a server that shows `identity`.
fn judge_server(world: &mut World, identity: &Identity) -> (State, Option<u8>) {
    world.server = identity.clone();
    let mut results = Vec::new();
    for provider in PROVIDERS {
        for versions in VERSIONS {
            world.provider = provider;
            let mut client = world.client();
            client.versions = versions;
            let mut pair = Pair::new(&world.server(), &client);
            let (client, _) = pair.run();
            results.push((client, pair.server.peer_alert()));
        }
    }
    results.dedup();
    assert_eq!(results.len(), 1, "{results:?}");
    results[0]
}

fn failed(reason: Reason, alert: u8) -> (State, Option<u8>) {
    (State::Failed(reason), Some(alert))
}

/// Alerts of RFC 8446 §6.
mod alert {
    pub(super) const HANDSHAKE_FAILURE: u8 = 40;
    pub(super) const BAD_CERTIFICATE: u8 = 42;
    pub(super) const UNSUPPORTED_CERTIFICATE: u8 = 43;
    pub(super) const CERTIFICATE_REVOKED: u8 = 44;
    pub(super) const CERTIFICATE_EXPIRED: u8 = 45;
    pub(super) const UNKNOWN_CA: u8 = 48;
    pub(super) const CERTIFICATE_REQUIRED: u8 = 116;
}

#[test]
fn clients_certificate_must_be_in_its_time() {
    let mut world = World::new();
    for years in [(2020, 2030), (2035, 2040)] {
        let leaf = Leaf::phone("SEP0").years(years.0, years.1);
        let identity = world.client_ca.issue(&leaf);
        assert_eq!(
            judge_client(&mut world, &identity),
            failed(Reason::TlsCertificateExpired, alert::CERTIFICATE_EXPIRED)
        );
    }
}

#[test]
fn clients_certificate_must_chain_to_an_anchor() {
    let mut world = World::new();
    let unknown = failed(Reason::TlsCertificateUnknown, alert::UNKNOWN_CA);
    let stranger = Ca::new("Other CA").issue(&Leaf::phone("SEP0"));
    assert_eq!(judge_client(&mut world, &stranger), unknown);
    let plain = Leaf::phone("SEP0").self_signed();
    assert_eq!(judge_client(&mut world, &plain), unknown);
    let marked = Leaf::phone("SEP0").authority().self_signed();
    assert_eq!(judge_client(&mut world, &marked), unknown);
}

#[test]
fn authority_of_the_same_name_with_another_key_vouches_for_nobody() {
    let mut world = World::new();
    let impostor = Ca::new("Phone CA").issue(&Leaf::phone("SEP0"));
    let (state, _) = judge_client(&mut world, &impostor);
    assert!(
        matches!(
            state,
            State::Failed(Reason::TlsCertificateUnknown | Reason::TlsCertificateBad)
        ),
        "{state:?}"
    );
}

#[test]
fn clients_certificate_must_not_be_for_servers_alone() {
    let mut world = World::new();
    let leaf = Leaf::phone("SEP0").purpose(ExtendedKeyUsagePurpose::ServerAuth);
    let identity = world.client_ca.issue(&leaf);
    assert_eq!(
        judge_client(&mut world, &identity),
        failed(
            Reason::TlsCertificatePurpose,
            alert::UNSUPPORTED_CERTIFICATE
        )
    );
}

#[test]
fn phone_certificate_may_lack_alternative_name_and_purpose() {
    let mut world = World::new();
    let bare = world.client_ca.issue(&Leaf::phone("CP-8861-SEP0"));
    assert_eq!(judge_client(&mut world, &bare), (State::Open, None));
    let purpose = Leaf::phone("SEP0").purpose(ExtendedKeyUsagePurpose::ClientAuth);
    let purpose = world.client_ca.issue(&purpose);
    assert_eq!(judge_client(&mut world, &purpose), (State::Open, None));
}

#[test]
fn chain_through_an_intermediate_authority_holds() {
    let mut world = World::new();
    let identity = world
        .client_ca
        .below("Manufacturing CA")
        .issue(&Leaf::phone("SEP0"));
    assert_eq!(identity.chain.len(), 2);
    assert_eq!(judge_client(&mut world, &identity), (State::Open, None));
}

#[test]
fn client_that_must_show_a_certificate_and_does_not_is_refused() {
    for (provider, versions) in PROVIDERS.into_iter().flat_map(|p| VERSIONS.map(|v| (p, v))) {
        let world = World::of(provider);
        let mut client = world.client();
        client.versions = versions;
        client.identity = None;
        let mut pair = Pair::new(&world.server(), &client);
        assert_eq!(pair.run().1, State::Failed(Reason::TlsNoCertificate));
        assert_eq!(pair.client.state(), State::Failed(Reason::TlsPeerAlert));
        let alert = match versions {
            Versions::Tls13 => alert::CERTIFICATE_REQUIRED,
            _ => alert::HANDSHAKE_FAILURE,
        };
        assert_eq!(pair.client.peer_alert(), Some(alert));
    }
}

#[test]
fn revoked_certificate_is_refused_and_others_are_not() {
    let mut world = World::new();
    let crls = [world.client_ca.revoke(7)];
    for (serial, good) in [(7, false), (8, true)] {
        let mut leaf = Leaf::phone("SEP0");
        leaf.serial = serial;
        world.client = world.client_ca.issue(&leaf);
        let mut server = world.server();
        let other = Ca::new("Authority without a list");
        server.trust = vec![
            server
                .tls
                .trustpoint(&TrustpointSpec {
                    crls: &crls,
                    ..world.client_ca.spec()
                })
                .unwrap(),
            server.tls.trustpoint(&other.spec()).unwrap(),
        ];
        let mut pair = Pair::new(&server, &world.client());
        let (_, state) = pair.run();
        if good {
            assert_eq!(state, State::Open);
        } else {
            assert_eq!(state, State::Failed(Reason::TlsCertificateRevoked));
            assert_eq!(pair.client.peer_alert(), Some(alert::CERTIFICATE_REVOKED));
        }
        world.client = other.issue(&leaf);
        assert_eq!(Pair::new(&server, &world.client()).run().1, State::Open);
    }
}

#[test]
fn servers_certificate_must_be_good_too() {
    let mut world = World::new();
    let name = "ucm.example.com";
    let expired = world.server_ca.issue(&Leaf::server(name).years(2020, 2030));
    assert_eq!(
        judge_server(&mut world, &expired),
        failed(Reason::TlsCertificateExpired, alert::CERTIFICATE_EXPIRED)
    );
    let stranger = Ca::new("Other CA").issue(&Leaf::server(name));
    assert_eq!(
        judge_server(&mut world, &stranger),
        failed(Reason::TlsCertificateUnknown, alert::UNKNOWN_CA)
    );
    let purpose = Leaf::server(name).purpose(ExtendedKeyUsagePurpose::ClientAuth);
    let purpose = world.server_ca.issue(&purpose);
    assert_eq!(
        judge_server(&mut world, &purpose),
        failed(
            Reason::TlsCertificatePurpose,
            alert::UNSUPPORTED_CERTIFICATE
        )
    );
    let name = world.server_ca.issue(&Leaf::server("other.example.com"));
    assert_eq!(
        judge_server(&mut world, &name),
        failed(Reason::TlsCertificateName, alert::BAD_CERTIFICATE)
    );
}

#[test]
fn server_is_verified_by_its_address_when_no_name_is_configured() {
    let mut world = World::new();
    let mut leaf = Leaf::server("ucm.example.com");
    for (address, good) in [
        (SERVER_ADDRESS, true),
        ("192.0.2.11".parse().unwrap(), false),
    ] {
        leaf.alternative_names = vec![SanType::IpAddress(address)];
        world.server = world.server_ca.issue(&leaf);
        for pass_sni in [false, true] {
            let mut client = world.client();
            client.verify_name = None;
            client.pass_sni = pass_sni;
            let target = Target {
                client_sni: Some("phones.example.net"),
                ..TARGET
            };
            let mut pair = Pair {
                client: TlsLeg::client(&client.profile(), &target),
                server: TlsLeg::server(&world.server().profile()),
            };
            let (state, _) = pair.run();
            if good {
                assert_eq!(state, State::Open);
                let sni = pair.server.peer().unwrap().sni.clone();
                assert_eq!(sni.is_some(), pass_sni);
            } else {
                assert_eq!(state, State::Failed(Reason::TlsCertificateName));
            }
        }
    }
}

#[test]
fn name_that_the_client_asked_for_is_not_what_is_verified() {
    let mut world = World::new();
    world.server = world.server_ca.issue(&Leaf::server("phones.example.net"));
    let mut client = world.client();
    client.pass_sni = true;
    let target = Target {
        client_sni: Some("phones.example.net"),
        ..TARGET
    };
    let mut pair = Pair {
        client: TlsLeg::client(&client.profile(), &target),
        server: TlsLeg::server(&world.server().profile()),
    };
    assert_eq!(pair.run().0, State::Failed(Reason::TlsCertificateName));
}

#[test]
fn pinned_self_signed_peers_are_trusted_by_exact_match() {
    for authority in [false, true] {
        let make = |leaf: Leaf| if authority { leaf.authority() } else { leaf }.self_signed();
        let mut world = World::new();
        world.client = make(Leaf::phone("SEP0"));
        world.server = make(Leaf::server("any.example.com"));
        for with_anchors in [false, true] {
            let (mut server, mut client) = (world.server(), world.client());
            let pin = |tls: &TlsContext, chain: &[Vec<u8>]| {
                tls.trustpoint(&TrustpointSpec {
                    pinned: chain,
                    ..TrustpointSpec::default()
                })
                .unwrap()
            };
            if !with_anchors {
                server.trust.clear();
                client.trust.clear();
            }
            server.trust.push(pin(&server.tls, &world.client.chain));
            client.trust.push(pin(&client.tls, &world.server.chain));
            let mut pair = Pair::new(&server, &client);
            assert_eq!(pair.run(), (State::Open, State::Open));

            // The same name under another key is somebody else.
            client.show(&make(Leaf::phone("SEP0")));
            let mut pair = Pair::new(&server, &client);
            assert_eq!(pair.run().1, State::Failed(Reason::TlsCertificateUnknown));
        }
    }
}

#[test]
fn pinned_certificate_must_still_be_in_its_time_and_for_its_use() {
    for (leaf, reason) in [
        (
            Leaf::phone("SEP0").years(2020, 2030),
            Reason::TlsCertificateExpired,
        ),
        (
            Leaf::phone("SEP0").purpose(ExtendedKeyUsagePurpose::ServerAuth),
            Reason::TlsCertificatePurpose,
        ),
    ] {
        let mut world = World::new();
        world.client = leaf.self_signed();
        let mut server = world.server();
        let pin = TrustpointSpec {
            pinned: &world.client.chain,
            ..TrustpointSpec::default()
        };
        server.trust = vec![server.tls.trustpoint(&pin).unwrap()];
        let mut pair = Pair::new(&server, &world.client());
        assert_eq!(pair.run().1, State::Failed(reason));
    }
}

#[test]
fn pinned_certificate_does_not_open_the_door_to_who_lacks_its_key() {
    let mut world = World::new();
    let owner = Leaf::phone("SEP0").self_signed();
    let thief = Leaf::phone("SEP0").self_signed();
    world.client = owner.clone();
    let mut server = world.server();
    let pin = TrustpointSpec {
        pinned: &owner.chain,
        ..TrustpointSpec::default()
    };
    server.trust = vec![server.tls.trustpoint(&pin).unwrap()];
    for versions in VERSIONS {
        let mut client = world.client();
        client.versions = versions;
        client.identity = Some(crate::trustpoint::forge(&owner.chain, &thief.key));
        let mut pair = Pair::new(&server, &client);
        assert_eq!(pair.run().1, State::Failed(Reason::TlsCertificateBad));
    }
}

proptest! {
    #[test]
    fn certificate_with_any_octet_changed_never_panics(at: prop::sample::Index, octet: u8) {
        static GOOD: std::sync::LazyLock<Vec<u8>> =
            std::sync::LazyLock::new(|| Leaf::server("ucm.example.com").self_signed().chain.remove(0));
        let mut der = GOOD.clone();
        let at = at.index(der.len());
        der[at] = octet;
        let _ = Facts::read(&der);
        let pinned = [der];
        let spec = TrustpointSpec { pinned: &pinned, anchors: &pinned, ..TrustpointSpec::default() };
        let _ = context(TlsProvider::Ring).trustpoint(&spec);
    }
}
