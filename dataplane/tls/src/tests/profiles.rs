//! What is wrong with a trustpoint or a profile is said when it is built.

use super::*;
use crate::{ClientSpec, Fault, ProfileError, TrustpointError, TrustpointSpec};

fn fault(spec: &TrustpointSpec<'_>) -> Fault {
    let faults: Vec<_> = PROVIDERS
        .iter()
        .map(|&p| context(p).trustpoint(spec).unwrap_err())
        .collect();
    assert_eq!(faults[0], faults[1]);
    assert_eq!(faults[0].index, spec.index);
    faults[0].fault
}

#[test]
fn each_part_of_a_trustpoint_is_checked() {
    let world = World::new();
    let (good, other) = (world.server.clone(), world.client.clone());
    let junk = vec![b"junk".to_vec()];
    let base = TrustpointSpec {
        index: 3,
        ..good.spec()
    };
    let none = TrustpointSpec {
        index: 3,
        ..TrustpointSpec::default()
    };
    let second_bad = [world.client_ca.spec().anchors[0].clone(), junk[0].clone()];
    let cases = [
        (TrustpointSpec { key: None, ..base }, Fault::KeyMissing),
        (TrustpointSpec { chain: &[], ..base }, Fault::ChainMissing),
        (
            TrustpointSpec {
                chain: &junk,
                ..base
            },
            Fault::Chain(0),
        ),
        (
            TrustpointSpec {
                key: Some(b"junk"),
                ..base
            },
            Fault::Key,
        ),
        (
            TrustpointSpec {
                key: Some(&other.key),
                ..base
            },
            Fault::KeyMismatch,
        ),
        (
            TrustpointSpec {
                anchors: &second_bad,
                ..none
            },
            Fault::Anchor(1),
        ),
        (
            TrustpointSpec {
                pinned: &second_bad,
                ..none
            },
            Fault::Pinned(1),
        ),
        (
            TrustpointSpec {
                crls: &junk,
                ..none
            },
            Fault::CrlWithoutAnchor,
        ),
        (
            TrustpointSpec {
                crls: &junk,
                anchors: &second_bad[..1],
                ..none
            },
            Fault::Crl(0),
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(fault(&spec), expected);
    }
}

#[test]
fn profile_says_which_trustpoint_shows_nothing() {
    let world = World::new();
    let side = world.server();
    let anchor = TrustpointSpec {
        index: 9,
        ..world.client_ca.spec()
    };
    let anchor = side.tls.trustpoint(&anchor).unwrap();
    let no_identity = ProfileError::Trustpoint(TrustpointError {
        index: 9,
        fault: Fault::NoIdentity,
    });
    let server = ServerSpec {
        identity: &anchor,
        client_auth: ClientAuth::None,
        trust: &[],
        versions: Versions::default(),
        resumption: false,
    };
    assert_eq!(side.tls.server(&server).unwrap_err(), no_identity);
    let client = ClientSpec {
        identity: Some(&anchor),
        trust: &[&anchor],
        verify_name: None,
        pass_sni: false,
        versions: Versions::default(),
        resumption: false,
    };
    assert_eq!(side.tls.client(&client).unwrap_err(), no_identity);
}

#[test]
fn profile_that_verifies_needs_something_to_verify_against() {
    let world = World::new();
    let side = world.server();
    for (client_auth, result) in [
        (ClientAuth::Required, Some(ProfileError::NoTrust)),
        (ClientAuth::Optional, Some(ProfileError::NoTrust)),
        (ClientAuth::None, None),
    ] {
        let spec = ServerSpec {
            identity: &side.identity,
            client_auth,
            trust: &[&side.identity],
            versions: Versions::default(),
            resumption: false,
        };
        assert_eq!(side.tls.server(&spec).err(), result);
    }
}

#[test]
fn name_to_verify_must_be_one() {
    let side = World::new().client();
    let trust: Vec<_> = side.trust.iter().collect();
    for (name, good) in [
        ("ucm.example.com", true),
        ("192.0.2.10", true),
        ("2001:db8::1", true),
        ("", false),
        ("two words", false),
    ] {
        let spec = ClientSpec {
            identity: None,
            trust: &trust,
            verify_name: Some(name),
            pass_sni: false,
            versions: Versions::default(),
            resumption: false,
        };
        let error = side.tls.client(&spec).err();
        assert_eq!(error, (!good).then_some(ProfileError::Name), "{name:?}");
    }
}

#[test]
fn debug_output_shows_no_key() {
    let world = World::new();
    let side = world.server();
    let text = format!(
        "{:?} {:?} {:?} {:?}",
        side.identity,
        side.profile(),
        side.tls,
        world.server.spec()
    );
    assert!(!text.contains("Signing") && text.len() < 600, "{text}");
}
