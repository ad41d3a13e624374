//! Every key of the reference, changed in the example: a change that is documented as live is in
//! the policy that the data plane gets, and one that takes a restart is said to.

use std::collections::BTreeSet;

use abi::policy::{Boot, PolicyImage};

use super::EXAMPLE;
use super::lab::check;
use crate::raw::{Applies, RawPolicy};
use crate::reference::join;
use crate::report::Policy;
use crate::section::{Kind, Section};
use crate::{diff, restart_keys};

/// A key, and what turns the example into one in which it has another value.
type Row = (&'static str, &'static [(&'static str, &'static str)]);

const SERVER_TLS: &str = "verify_name: cucm-b.example.com";
const MODEL: &str = "model: ASA5520\n  uc_sessions: 750\n  export: k9\n  tls_max_sessions: 1000\n";

const ROWS: &[Row] = &[
    (
        "runtime.workers",
        &[("workers: 2", "workers: 1"), ("[1, 2]", "[1]")],
    ),
    ("runtime.cpus", &[("[1, 2]", "[1, 3]")]),
    ("runtime.handshake_threads", &[("threads: 1", "threads: 2")]),
    ("runtime.idle", &[("idle: busy", "idle: backoff")]),
    (
        "runtime.idle_sleep_max",
        &[("idle: busy", "idle: backoff\n  idle_sleep_max: 1ms")],
    ),
    (
        "runtime.hugepages",
        &[("hugepages: true", "hugepages: false")],
    ),
    ("runtime.memory", &[("1GiB", "2GiB")]),
    (
        "runtime.sessions_max",
        &[("sessions_max: 16384 ", "sessions_max: 100 ")],
    ),
    (
        "runtime.streams_max",
        &[("streams_max: 16384", "streams_max: 100")],
    ),
    ("runtime.mbufs", &[("mbufs: 65536", "mbufs: 4096")]),
    (
        "devices[].name",
        &[("name: lan", "name: eth"), ("device: lan", "device: eth")],
    ),
    ("devices[].vdev", &[("iface=eth1", "iface=eth2")]),
    ("devices[].pci", &[("0000:3b:00.0", "0000:3b:00.1")]),
    (
        "devices[].mtu",
        &[("iface=eth1", "iface=eth1\n    mtu: 9000")],
    ),
    (
        "devices[].descriptors",
        &[("iface=eth1", "iface=eth1\n    descriptors: 512")],
    ),
    ("interfaces[].name", &[("voice", "phones-lan")]),
    (
        "interfaces[].device",
        &[(
            "device: lan\n    vlan: 110",
            "device: uplink\n    vlan: 110",
        )],
    ),
    ("interfaces[].vlan", &[("vlan: 110", "vlan: 111")]),
    (
        "interfaces[].addresses",
        &[("203.0.113.1/25", "203.0.113.2/25")],
    ),
    (
        "interfaces[].reassemble",
        &[("reassemble: true", "reassemble: false")],
    ),
    ("routes[].to", &[("to: default", "to: 10.0.0.0/8")]),
    ("routes[].via", &[("198.51.100.254", "198.51.100.253")]),
    (
        "routes[].interface",
        &[(
            "to: default\n    via: 198.51.100.254\n",
            "to: 10.0.0.0/8\n    interface: inside\n",
        )],
    ),
    ("forward[].from", &[("{from: inside,", "{from: outside,")]),
    (
        "forward[].to",
        &[("{from: voice, to: inside}", "{from: voice, to: outside}")],
    ),
    (
        "forward[].source",
        &[("ports: 53", "ports: 53\n    source: 10.0.0.0/8")],
    ),
    (
        "forward[].destination",
        &[("ports: 53", "ports: 53\n    destination: 10.0.0.0/8")],
    ),
    ("forward[].protocol", &[("protocol: udp", "protocol: tcp")]),
    ("forward[].ports", &[("ports: 53", "ports: 54")]),
    (
        "trustpoints[].name",
        &[("name: cluster", "name: pbx"), ("[cluster]", "[pbx]")],
    ),
    (
        "trustpoints[].ca",
        &[("[pki/phones-ca.pem]", "[pki/both-ca.pem]")],
    ),
    (
        "trustpoints[].pinned",
        &[("[pki/lab-cucm.pem]", "[pki/other.pem]")],
    ),
    ("trustpoints[].crl", &[("    crl: [pki/phones.crl]\n", "")]),
    (
        "trustpoints[].certificate",
        &[("pki/proxy.pem", "pki/proxy-chain.pem")],
    ),
    (
        "trustpoints[].key",
        &[
            ("pki/proxy.pem", "pki/other.pem"),
            ("proxy.key", "other.key"),
        ],
    ),
    (
        "trustpoints[].passphrase",
        &[
            ("pki/proxy.pem", "pki/rsa.pem"),
            (
                "key: pki/proxy.key",
                "key: pki/encrypted.key\n    passphrase: env:PHRASE",
            ),
        ],
    ),
    ("servers[].name", &[("cucm-a", "cucm-c")]),
    ("servers[].address", &[("192.0.2.11", "192.0.2.12")]),
    (
        "servers[].tcp_port",
        &[("tcp_port: 5060", "tcp_port: 5070")],
    ),
    (
        "servers[].tls_port",
        &[("tls_port: 5061", "tls_port: 5071")],
    ),
    ("media[].name", &[("inside-media", "lan-media")]),
    (
        "media[].interface",
        &[(
            "interface: inside\n    address: 192.0.2.2",
            "interface: voice\n    address: 203.0.113.9",
        )],
    ),
    (
        "media[].address",
        &[("address: 192.0.2.2", "address: 192.0.2.4")],
    ),
    ("media[].udp_ports", &[("16384-32767", "16384-32765")]),
    ("applications[].name", &[("phones-secure", "phones-tls")]),
    (
        "applications[].listeners[].interface",
        &[(
            "{interface: outside, address: 192.0.2.10",
            "{interface: voice, address: 192.0.2.10",
        )],
    ),
    (
        "applications[].listeners[].address",
        &[("198.51.100.11", "198.51.100.13")],
    ),
    (
        "applications[].listeners[].port",
        &[("port: 5061, server", "port: 5063, server")],
    ),
    (
        "applications[].listeners[].server",
        &[(
            "198.51.100.12, server: cucm-b",
            "198.51.100.12, server: cucm-a",
        )],
    ),
    (
        "applications[].client.security",
        &[(
            "    client:\n      tls:\n        identity: proxy\n        client_auth: required\n        trust: [phones]",
            "    client:\n      security: nonsecure",
        )],
    ),
    (
        "applications[].client.tls.identity",
        &[
            ("proxy\n        client_auth", "second\n        client_auth"),
            SECOND,
        ],
    ),
    (
        "applications[].client.tls.client_auth",
        &[("client_auth: required", "client_auth: optional")],
    ),
    (
        "applications[].client.tls.trust",
        &[(
            "required\n        trust: [phones]",
            "required\n        trust: [phones, cluster]",
        )],
    ),
    (
        "applications[].client.tls.resumption",
        &[("client_auth: required", "resumption: true")],
    ),
    (
        "applications[].client.media",
        &[(
            "media: [outside-media, outside-media-v6]",
            "media: [outside-media]",
        )],
    ),
    (
        "applications[].server.security",
        &[(
            "security: encrypted\n      tls:\n        identity: proxy\n        trust: [cluster]\n        verify_name: cucm-b.example.com",
            "security: nonsecure",
        )],
    ),
    (
        "applications[].server.tls.identity",
        &[(
            "identity: proxy\n        trust: [cluster]",
            "trust: [cluster]",
        )],
    ),
    (
        "applications[].server.tls.trust",
        &[("trust: [cluster]", "trust: [cluster, phones]")],
    ),
    (
        "applications[].server.tls.verify_name",
        &[(SERVER_TLS, "verify_name: other.example.com")],
    ),
    (
        "applications[].server.tls.pass_sni",
        &[(SERVER_TLS, "pass_sni: true")],
    ),
    (
        "applications[].server.tls.resumption",
        &[(
            SERVER_TLS,
            "verify_name: cucm-b.example.com\n        resumption: true",
        )],
    ),
    (
        "applications[].server.source",
        &[("source: [192.0.2.3]", "source: client")],
    ),
    (
        "applications[].server.media",
        &[(
            "source: client            # the call manager sees the phones' own addresses\n      media: [inside-media]",
            "source: client",
        )],
    ),
    (
        "applications[].options",
        &[(
            "    kind: phone-proxy",
            "    kind: phone-proxy\n    options: {fax: false}",
        )],
    ),
    ("tcp.rx_buffer", &[("tcp:\n", "tcp:\n  rx_buffer: 8KiB\n")]),
    ("tcp.tx_buffer", &[("tcp:\n", "tcp:\n  tx_buffer: 8KiB\n")]),
    (
        "tcp.connect_timeout",
        &[("tcp:\n", "tcp:\n  connect_timeout: 5s\n")],
    ),
    ("tcp.keepalive", &[("keepalive: 1m", "keepalive: 2m")]),
    (
        "tcp.dead_timeout",
        &[("tcp:\n", "tcp:\n  dead_timeout: 5m\n")],
    ),
    (
        "tcp.idle_timeout",
        &[("idle_timeout: 1h", "idle_timeout: 2h")],
    ),
    (
        "tcp.stall_timeout",
        &[("tcp:\n", "tcp:\n  stall_timeout: 2m\n")],
    ),
    ("tcp.ports", &[("tcp:\n", "tcp:\n  ports: 30000-50000\n")]),
    ("tls.provider", &[("aws-lc-rs", "ring")]),
    (
        "tls.handshake_timeout",
        &[("handshake_timeout: 20s", "handshake_timeout: 10s")],
    ),
    (
        "tls.handshakes_per_source",
        &[("tls:\n  prov", "tls:\n  handshakes_per_source: 9\n  prov")],
    ),
    (
        "rtp.replay_window",
        &[("replay_window: 128", "replay_window: 256")],
    ),
    ("rtp.sources_max", &[("rtp:\n", "rtp:\n  sources_max: 4\n")]),
    ("license.profile", &[(MODEL, "profile: unlimited\n")]),
    ("license.model", &[("ASA5520", "ASA5540")]),
    (
        "license.issuers",
        &[(MODEL, "model: ASA5520\n  issuers: [pki/issuer.pub]\n")],
    ),
    (
        "license.uc_sessions",
        &[("uc_sessions: 750", "uc_sessions: 500")],
    ),
    ("license.export", &[("export: k9", "export: k8")]),
    ("license.ime", &[("export: k9", "export: k9\n  ime: true")]),
    (
        "license.tls_max_sessions",
        &[("tls_max_sessions: 1000", "tls_max_sessions: 900")],
    ),
    (
        "limits.tls_sessions",
        &[("limits:\n", "limits:\n  tls_sessions: 5\n")],
    ),
    (
        "limits.uc_sessions",
        &[("limits:\n", "limits:\n  uc_sessions: 5\n")],
    ),
    (
        "limits.phone_proxy_sessions",
        &[("limits:\n", "limits:\n  phone_proxy_sessions: 5\n")],
    ),
    (
        "limits.srtp_sessions",
        &[("limits:\n", "limits:\n  srtp_sessions: 5\n")],
    ),
    (
        "limits.handshakes",
        &[("handshakes: 2048", "handshakes: 64")],
    ),
    (
        "access.view",
        &[("limits:\n", "access: {view: [noc]}\nlimits:\n")],
    ),
    (
        "access.operate",
        &[("limits:\n", "access: {operate: [ops]}\nlimits:\n")],
    ),
    (
        "access.secrets",
        &[("limits:\n", "access: {secrets: [pki]}\nlimits:\n")],
    ),
];

/// A second identity.
const SECOND: (&str, &str) = (
    "  - name: cluster\n",
    "  - {name: second, certificate: pki/other.pem, key: pki/other.key}\n  - name: cluster\n",
);

fn policy(text: &str, key: &str) -> Policy {
    let report = check(text);
    let errors = report
        .findings
        .iter()
        .filter(|f| f.severity == crate::Severity::Error);
    let errors: Vec<_> = errors.map(ToString::to_string).collect();
    assert_eq!(errors, [""; 0], "{key}");
    report.policy.unwrap()
}

/// All that obeys a change at once, in a form to compare.
fn live(policy: &Policy) -> String {
    let image = PolicyImage {
        boot: Boot::default(),
        ..policy.image.clone()
    };
    let keys: Vec<&[u8]> = policy.secrets.iter().map(|s| s.der.as_slice()).collect();
    let (licensed, access) = (&policy.licensed, &policy.access);
    format!("{image:?} {keys:?} {licensed:?} {access:?}")
}

/// The path of a change without the names of what is in lists.
fn without_names(path: &str) -> String {
    let path = path.trim_start_matches("order of ");
    let parts = path.split('[').enumerate().map(|(at, part)| match at {
        0 => part.to_owned(),
        _ => format!("[]{}", part.split_once(']').map_or("", |(_, rest)| rest)),
    });
    parts.collect()
}

#[test]
fn a_change_of_each_key_holds_when_the_reference_says() {
    let before = policy(EXAMPLE, "example");
    for (key, edits) in ROWS {
        let mut text = EXAMPLE.to_owned();
        for (from, to) in *edits {
            assert!(text.contains(from), "{key}: {from}");
            text = text.replace(from, to);
        }
        let after = policy(&text, key);
        let changes = diff(EXAMPLE.as_bytes(), text.as_bytes()).unwrap();
        let changed: Vec<_> = changes.iter().map(|c| without_names(&c.path)).collect();
        // Options go by their own names.
        let is_it = |path: &String| key.starts_with(path) || path.starts_with(key);
        assert!(changed.iter().any(is_it), "{key}: {changed:?}");

        let reported = restart_keys(EXAMPLE.as_bytes(), text.as_bytes());
        let restart = before.image.restart_hash() != after.image.restart_hash();
        match Applies::of(key) {
            Applies::Live => {
                assert_eq!((restart, reported.len()), (false, 0), "{key}: {reported:?}");
                assert_ne!(live(&before), live(&after), "{key}");
            }
            Applies::Restart => {
                assert!(restart, "{key}");
                let reported: Vec<_> = reported.iter().map(|path| without_names(path)).collect();
                assert!(
                    reported.iter().any(|path| key.starts_with(path)),
                    "{key}: {reported:?}"
                );
            }
        }
    }
}

/// Adds the keys of `section` that hold values, as the reference names them.
fn keys_of(path: &str, section: &Section, keys: &mut BTreeSet<String>) {
    for key in section.keys {
        let path = join(path, key.name);
        match &key.kind {
            Kind::Section(inner) => keys_of(&path, inner, keys),
            Kind::List(Kind::Section(inner)) | Kind::Several(Kind::Section(inner)) => {
                keys_of(&format!("{path}[]"), inner, keys)
            }
            _ => {
                keys.insert(path);
            }
        }
    }
}

#[test]
fn no_key_of_the_reference_is_left_out() {
    let mut keys = BTreeSet::new();
    keys_of("", RawPolicy::SECTION, &mut keys);
    // There is one kind of application yet, so that it cannot be changed.
    assert_eq!(registry::APPS.len(), 1);
    keys.remove("applications[].kind");
    let changed: BTreeSet<String> = ROWS.iter().map(|(key, _)| (*key).to_owned()).collect();
    assert_eq!(changed, keys);
}
