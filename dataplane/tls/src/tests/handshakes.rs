//! Handshakes that come to a good end.

use super::*;

const VERSIONS: [(Versions, u16); 3] = [
    (Versions::Tls12And13, 0x0304),
    (Versions::Tls12, 0x0303),
    (Versions::Tls13, 0x0304),
];
const AUTHS: [ClientAuth; 3] = [ClientAuth::Required, ClientAuth::Optional, ClientAuth::None];

#[test]
fn any_two_libraries_open_in_every_version_with_and_without_client_certificate() {
    for (ours, theirs) in PROVIDERS
        .into_iter()
        .flat_map(|a| PROVIDERS.map(|b| (a, b)))
    {
        let mut world = World::of(ours);
        for ((versions, wire), auth) in VERSIONS.into_iter().flat_map(|v| AUTHS.map(|a| (v, a))) {
            let mut server = world.server();
            server.auth = auth;
            server.versions = versions;
            world.provider = theirs;
            let mut pair = Pair::new(&server, &world.client());
            world.provider = ours;
            assert_eq!(pair.run(), (State::Open, State::Open), "{ours:?} {auth:?}");

            let phone = pair.server.peer().unwrap();
            let shown = (auth != ClientAuth::None).then_some("SEP001122334455");
            assert_eq!(phone.common_name.as_deref(), shown);
            assert_eq!(phone.version, wire);
            assert_eq!(pair.server.peer_certificate().is_some(), shown.is_some());
            let manager = pair.client.peer().unwrap();
            assert_eq!(manager.common_name.as_deref(), Some("ucm.example.com"));
            assert_eq!((manager.version, manager.suite), (wire, phone.suite));
            assert!(
                manager.suite_name.starts_with("TLS_"),
                "{}",
                manager.suite_name
            );
        }
    }
}

#[test]
fn rsa_and_ecdsa_identities_open_with_either_library() {
    for (provider, versions) in PROVIDERS
        .into_iter()
        .flat_map(|p| [Versions::Tls12, Versions::Tls13].map(|v| (p, v)))
    {
        let mut world = World::of(provider);
        world.server = world
            .server_ca
            .issue(&Leaf::server("ucm.example.com").rsa());
        world.client = world.client_ca.issue(&Leaf::phone("SEP0").rsa());
        let mut client = world.client();
        client.versions = versions;
        assert_eq!(
            Pair::new(&world.server(), &client).run(),
            (State::Open, State::Open)
        );
    }
}

#[test]
fn optional_client_certificate_may_be_absent() {
    let world = World::new();
    let (mut server, mut client) = (world.server(), world.client());
    server.auth = ClientAuth::Optional;
    client.identity = None;
    let mut pair = Pair::new(&server, &client);
    assert_eq!(pair.run(), (State::Open, State::Open));
    assert_eq!(pair.server.peer().unwrap().common_name, None);
}

#[test]
fn handshake_survives_one_octet_at_a_time() {
    for versions in [Versions::Tls12, Versions::Tls13] {
        let world = World::new();
        let mut client = world.client();
        client.versions = versions;
        let mut pair = Pair::new(&world.server(), &client);
        assert_eq!(pair.run_by(1), (State::Open, State::Open));
        assert_eq!(pair.client.write(b"REGISTER"), 8);
        pair.run_by(1);
        assert_eq!(plaintext_of(&mut pair.server), b"REGISTER");
    }
}

#[test]
fn leg_wants_no_step_before_a_record_is_whole() {
    let world = World::new();
    let mut client = TlsLeg::client(&world.client().profile(), &TARGET);
    let mut server = TlsLeg::server(&world.server().profile());
    step(&mut client);
    let hello = output_of(&mut client);
    let (most, last) = hello.split_at(hello.len() - 1);
    assert_eq!(server.feed(most), most.len());
    assert!(!server.wants_step());
    server.feed(last);
    assert!(server.wants_step());
}

#[test]
fn server_name_is_the_verified_name_unless_the_clients_is_passed_on() {
    let world = World::new();
    let seen = |client: &ClientSide, client_sni| {
        let target = Target {
            client_sni,
            ..TARGET
        };
        let mut pair = Pair {
            client: TlsLeg::client(&client.profile(), &target),
            server: TlsLeg::server(&world.server().profile()),
        };
        assert_eq!(pair.run(), (State::Open, State::Open));
        pair.server
            .peer()
            .unwrap()
            .sni
            .as_deref()
            .map(str::to_owned)
    };
    let mut client = world.client();
    let phones = Some("phones.example.net");
    assert_eq!(seen(&client, phones).as_deref(), Some("ucm.example.com"));
    client.pass_sni = true;
    assert_eq!(seen(&client, phones).as_deref(), phones);
    assert_eq!(seen(&client, None).as_deref(), Some("ucm.example.com"));
    assert_eq!(
        seen(&client, Some("not a name")).as_deref(),
        Some("ucm.example.com")
    );
}

#[test]
fn plaintext_that_came_with_the_end_of_the_handshake_is_not_lost() {
    let world = World::new();
    let mut client = world.client();
    client.versions = Versions::Tls13;
    let mut pair = Pair::new(&world.server(), &client);
    step(&mut pair.client);
    carry(&mut pair.client, &mut pair.server, usize::MAX);
    carry(&mut pair.server, &mut pair.client, usize::MAX);
    assert_eq!(pair.client.state(), State::Open);
    for chunk in [&b"one"[..], b"two", b"three"] {
        pair.client.write(chunk);
    }
    // Certificate, Finished and three records arrive in one piece and are stored.
    let flight = output_of(&mut pair.client);
    assert_eq!(pair.server.feed(&flight), flight.len());
    pair.server.step();
    assert_eq!(pair.server.state(), State::Open);
    assert_eq!(plaintext_of(&mut pair.server), b"onetwothree");
}

#[test]
fn control_characters_do_not_pass_in_a_common_name() {
    let mut world = World::new();
    world.client = world
        .client_ca
        .issue(&Leaf::phone("SEP0\r\nforged \u{1b}[31m line"));
    let mut pair = Pair::new(&world.server(), &world.client());
    assert_eq!(pair.run(), (State::Open, State::Open));
    let name = pair.server.peer().unwrap().common_name.clone().unwrap();
    assert!(name.chars().all(|c| !c.is_control()), "{name:?}");
    assert!(name.starts_with("SEP0"));
}
