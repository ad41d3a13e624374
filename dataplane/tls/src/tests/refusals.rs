//! Peers that speak something else, or an older version, or other ciphers.

use abi::Reason;

use super::*;

/// A ClientHello of version `version` that offers `suites`, with no extensions.
fn hello(version: u16, suites: &[u16]) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    body.extend([0x5a; 32]);
    body.push(0);
    let len = u16::try_from(suites.len() * 2).unwrap();
    body.extend(len.to_be_bytes());
    body.extend(suites.iter().flat_map(|s| s.to_be_bytes()));
    body.extend([1, 0]);
    message(1, &body)
}

/// A handshake message in a record of its own.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).unwrap().to_be_bytes();
    let mut message = vec![kind, len[1], len[2], len[3]];
    message.extend_from_slice(body);
    let mut record = vec![22, 3, 1];
    record.extend(u16::try_from(message.len()).unwrap().to_be_bytes());
    record.extend(message);
    record
}

/// What a server makes of `input`, and the alert that it answers with.
fn judge(input: &[u8]) -> (State, Vec<u8>) {
    let mut results = Vec::new();
    for provider in PROVIDERS {
        let mut server = TlsLeg::server(&World::of(provider).server().profile());
        server.feed(input);
        step(&mut server);
        results.push((server.state(), output_of(&mut server)));
    }
    results.dedup();
    assert_eq!(results.len(), 1);
    results.remove(0)
}

/// A fatal alert in clear.
fn fatal(description: u8) -> Vec<u8> {
    vec![21, 3, 3, 0, 2, 2, description]
}

const PROTOCOL_VERSION: u8 = 70;
const HANDSHAKE_FAILURE: u8 = 40;
const DECODE_ERROR: u8 = 50;
const UNEXPECTED_MESSAGE: u8 = 10;

#[test]
fn old_versions_are_refused_with_protocol_version() {
    // TLS_RSA_WITH_AES_128_CBC_SHA, as a phone of the 79xx age offers it.
    let refused = |minor| {
        let alert = vec![21, 3, minor, 0, 2, 2, PROTOCOL_VERSION];
        (State::Failed(Reason::TlsVersion), alert)
    };
    for minor in 0..3_u8 {
        let hello = hello(0x0300 | u16::from(minor), &[0x002f, 0x0035]);
        assert_eq!(judge(&hello), refused(minor));
        // The same cut up so that the first record ends before the version.
        let mut cut = vec![22, 3, 1, 0, 6];
        cut.extend_from_slice(&hello[5..11]);
        cut.extend([22, 3, 1, 0, u8::try_from(hello.len() - 11).unwrap()]);
        cut.extend_from_slice(&hello[11..]);
        assert_eq!(judge(&cut), refused(minor));
    }
    // As OpenSSL 0.9.8 says hello by default: in the form of SSL 2.0.
    let ssl2 = [
        &[0x80, 0x1c, 1, 3, 1, 0, 3, 0, 0, 0, 0x10, 0, 0, 0x2f][..],
        &[7; 16],
    ]
    .concat();
    assert_eq!(judge(&ssl2), refused(1));
}

#[test]
fn version_that_only_one_side_allows_is_refused() {
    for (ours, theirs) in [
        (Versions::Tls12, Versions::Tls13),
        (Versions::Tls13, Versions::Tls12),
    ] {
        let world = World::new();
        let (mut server, mut client) = (world.server(), world.client());
        server.versions = ours;
        client.versions = theirs;
        let mut pair = Pair::new(&server, &client);
        let (_, state) = pair.run();
        assert_eq!(state, State::Failed(Reason::TlsVersion));
        assert_eq!(pair.client.peer_alert(), Some(PROTOCOL_VERSION));
    }
}

#[test]
fn server_of_an_old_version_is_refused() {
    let world = World::new();
    let mut client = TlsLeg::client(&world.client().profile(), &TARGET);
    step(&mut client);
    output_of(&mut client);
    let mut body = vec![3, 1];
    body.extend([0x5a; 32]);
    body.extend([0, 0, 0x2f, 0]);
    client.feed(&message(2, &body));
    step(&mut client);
    assert_eq!(client.state(), State::Failed(Reason::TlsVersion));
    assert_eq!(output_of(&mut client), fatal(PROTOCOL_VERSION));
}

#[test]
fn static_rsa_and_null_ciphers_are_not_in_common() {
    // With supported groups and signature schemes, as TLS 1.2 clients send them.
    let mut input = hello(0x0303, &[0x002f, 0x0035, 0x0002]);
    let extensions = [
        0, 10, 0, 4, 0, 2, 0, 23, // supported_groups: secp256r1
        0, 11, 0, 2, 1, 0, // ec_point_formats: uncompressed
        0, 13, 0, 6, 0, 4, 4, 3, 4, 1, // signature_algorithms
        0, 23, 0, 0, // extended_master_secret
    ];
    input.extend([0, u8::try_from(extensions.len()).unwrap()]);
    input.extend(extensions);
    let body = u8::try_from(input.len() - 5).unwrap();
    input[4] = body;
    input[8] = body - 4;
    assert_eq!(
        judge(&input),
        (
            State::Failed(Reason::TlsNoCommonCipher),
            fatal(HANDSHAKE_FAILURE)
        )
    );
}

#[test]
fn what_is_no_tls_is_malformed() {
    for input in [
        &b"REGISTER sip:ucm.example.com SIP/2.0\r\n"[..],
        b"GET / HTTP/1.1\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        &[22, 9, 9, 0, 4, 1, 0, 0, 0],
        &[22, 3, 1, 0xff, 0xff],
        &[22, 3, 1, 0, 0],
    ] {
        assert_eq!(
            judge(input),
            (State::Failed(Reason::TlsMalformed), fatal(DECODE_ERROR)),
            "{input:?}"
        );
    }
}

#[test]
fn hello_that_does_not_parse_is_malformed() {
    let mut short = hello(0x0303, &[0xc02f]);
    short.truncate(40);
    short[4] = 35;
    short[8] = 31;
    assert_eq!(judge(&short).0, State::Failed(Reason::TlsMalformed));
}

#[test]
fn message_in_the_wrong_place_is_no_handshake() {
    let record = [23, 3, 3, 0, 3, 1, 2, 3];
    assert_eq!(
        judge(&record),
        (
            State::Failed(Reason::TlsHandshakeOther),
            fatal(UNEXPECTED_MESSAGE)
        )
    );
}

#[test]
fn endless_handshake_message_is_cut_off_at_the_limit() {
    let mut server = TlsLeg::server(&World::new().server().profile());
    let limit = LegLimits::default().input_max;
    // A ClientHello that says it is 60,000 octets long, in records of 1,000.
    let mut message = vec![1, 0, 0xea, 0x60];
    message.resize(60_004, 0);
    let mut taken = 0;
    for chunk in message.chunks(1000) {
        let mut record = vec![22, 3, 1];
        record.extend(u16::try_from(chunk.len()).unwrap().to_be_bytes());
        record.extend_from_slice(chunk);
        let n = server.feed(&record);
        step(&mut server);
        taken += n;
        if server.state() != State::Handshaking {
            break;
        }
    }
    assert_eq!(server.state(), State::Failed(Reason::TlsMalformed));
    assert!(taken <= limit, "{taken}");
}

#[test]
fn flood_of_empty_records_is_cut_off() {
    let mut pair = Pair::open(Versions::Tls12);
    for _ in 0..100 {
        pair.server.feed(&[20, 3, 3, 0, 1, 1]);
    }
    assert!(matches!(pair.server.state(), State::Failed(_)));
}
