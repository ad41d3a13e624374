//! Sessions are resumed where both sides are configured to, and nowhere else.

use super::*;

/// Whether the second of two connections of the same profiles was resumed, seen by both sides.
fn second_resumes(server: bool, client: bool, versions: Versions, provider: TlsProvider) -> bool {
    let world = World::of(provider);
    let (mut s, mut c) = (world.server(), world.client());
    s.resumption = server;
    c.resumption = client;
    c.versions = versions;
    let (s, c) = (s.profile(), c.profile());
    let mut resumed = Vec::new();
    for _ in 0..2 {
        let mut pair = Pair {
            client: TlsLeg::client(&c, &TARGET),
            server: TlsLeg::server(&s),
        };
        assert_eq!(pair.run(), (State::Open, State::Open));
        let (a, b) = (pair.client.peer().unwrap(), pair.server.peer().unwrap());
        assert_eq!(a.resumed, b.resumed);
        assert_eq!(b.common_name.as_deref(), Some("SEP001122334455"));
        resumed.push(a.resumed);
    }
    assert!(!resumed[0]);
    resumed[1]
}

#[test]
fn both_sides_must_be_configured_to_resume() {
    for provider in PROVIDERS {
        for versions in [Versions::Tls12, Versions::Tls13] {
            for (server, client) in [(false, false), (false, true), (true, false), (true, true)] {
                assert_eq!(
                    second_resumes(server, client, versions, provider),
                    server && client,
                    "{provider:?} {versions:?} {server} {client}"
                );
            }
        }
    }
}

#[test]
fn new_profile_takes_no_ticket_of_an_old_one() {
    let world = World::new();
    let (mut server, mut client) = (world.server(), world.client());
    server.resumption = true;
    client.resumption = true;
    let client = client.profile();
    for _ in 0..2 {
        let mut pair = Pair {
            client: TlsLeg::client(&client, &TARGET),
            server: TlsLeg::server(&server.profile()),
        };
        assert_eq!(pair.run(), (State::Open, State::Open));
        assert!(!pair.server.peer().unwrap().resumed);
    }
}
