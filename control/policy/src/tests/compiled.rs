//! What the example compiles to.

use core::net::IpAddr;
use license::{ExportClass, Feature, Licence};

use abi::limits::UNLIMITED;
use abi::policy::{DeviceKind, PolicyImage, Source};

use super::EXAMPLE;
use super::lab::check;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn image(text: &str) -> PolicyImage {
    let report = check(text);
    let findings: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
    let Some(policy) = report.policy else {
        panic!("{findings:#?}")
    };
    policy.image
}

#[test]
fn the_image_crosses_shared_memory() {
    let image = image(EXAMPLE);
    assert_eq!(PolicyImage::decode(&image.encode().unwrap()), Ok(image));
}

#[test]
fn owned_addresses_are_those_of_listeners_media_and_sources() {
    let image = image(EXAMPLE);
    let mut owned = image.interfaces[0].owned.clone();
    owned.sort();
    let expected = [
        "198.51.100.2",
        "198.51.100.11",
        "198.51.100.12",
        "2001:db8:1::2",
    ];
    assert_eq!(
        owned,
        expected.map(ip),
        "a transparent listener owns nothing"
    );
    let mut owned = image.interfaces[1].owned.clone();
    owned.sort();
    assert_eq!(owned, ["192.0.2.2", "192.0.2.3"].map(ip));
}

#[test]
fn packet_sockets_get_a_queue_for_each_worker() {
    let image = image(EXAMPLE);
    let expected = DeviceKind::Vdev("net_af_packet0,iface=eth1,qpairs=2".into());
    assert_eq!(image.boot.devices[1].kind, expected);
    let given = EXAMPLE.replace("iface=eth1", "iface=eth1,qpairs=2");
    assert_eq!(self::image(&given).boot.devices[1].kind, expected);
}

#[test]
fn references_become_positions() {
    let image = image(EXAMPLE);
    let app = &image.apps[1];
    assert_eq!(app.listeners[0].server, 1);
    assert_eq!(
        app.listeners[0].tcp_port, 5061,
        "the application's usual port"
    );
    assert_eq!(app.client_tls.as_ref().unwrap().identity, 1);
    assert_eq!(app.server_tls.as_ref().unwrap().trust, [2]);
    assert_eq!(app.client_media, [0]);
    assert_eq!(app.server_media, [2]);
    assert_eq!(app.source, Source::Proxy(vec![ip("192.0.2.3")]));
    assert_eq!(image.apps[0].server_tls, None);
    assert_eq!(image.apps[0].source, Source::Client);
    assert_eq!(image.routes[0].interface, 0, "found by its next router");
}

#[test]
fn times_and_sizes_arrive_in_their_units() {
    let image = image(EXAMPLE);
    assert_eq!(image.boot.memory.mib, 1024);
    assert_eq!(image.tcp.idle_ms, 3_600_000);
    assert_eq!(image.tcp.rx_buffer, 4_096);
    assert_eq!(image.tls.handshake_ms, 20_000);
}

#[test]
fn defaults_are_those_of_the_image() {
    let image = image("tcp: {}\n");
    let expected = PolicyImage::default();
    assert_eq!(image.tcp, expected.tcp);
    assert_eq!(image.tls, expected.tls);
    assert_eq!(image.rtp, expected.rtp);
}

#[test]
fn limits_follow_the_licence_and_configuration_lowers_them() {
    let limits = |text: &str| check(text).policy.unwrap().licensed.limits;
    let got = limits(EXAMPLE);
    assert_eq!((got.tls_sessions, got.uc_sessions), (1_000, 750));
    assert_eq!((got.srtp_sessions, got.handshakes), (UNLIMITED, 2_048));
    let got = limits("license: {model: ASA5510, uc_sessions: 100, export: k8}\n");
    assert_eq!((got.tls_sessions, got.srtp_sessions), (100, 250));
    let got = limits("limits: {uc_sessions: 5, handshakes: unlimited}\n");
    assert_eq!((got.uc_sessions, got.handshakes), (5, UNLIMITED));
    assert_eq!(got.tls_sessions, UNLIMITED);
    assert!(got.ime_licensed);
    let got = limits("license: {profile: unlimited}\n");
    assert_eq!(got.tls_sessions, UNLIMITED);
}

#[test]
fn licences_out_of_files_count_where_there_are_issuers() {
    let licensed = |text: &str| check(text).policy.unwrap().licensed;
    let uc = Licence::perpetual(Feature::Uc { sessions: 750 }, ExportClass::K9);
    let text = "license: {model: ASA5520, issuers: [pki/issuer.pub]}\nlimits: {uc_sessions: 700}\n";
    let files = licensed(text);
    assert_eq!(
        (files.limits.uc_sessions, files.limits.tls_sessions),
        (2, 300)
    );
    let (appliance, limits) = files.with(&[uc]).unwrap();
    assert_eq!((limits.uc_sessions, limits.tls_sessions), (700, 750));
    assert_eq!(appliance.unwrap().1.uc_sessions, 750);
    let none = licensed("license: {model: ASA5520}\n");
    assert_eq!(none.with(&[uc]).unwrap().1, none.limits);
}
