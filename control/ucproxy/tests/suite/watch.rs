//! The views of the machine, and what picks from them; control is dead.

use core::array;

use abi::Counter;
use abi::policy::{
    Boot, Device, DeviceKind, Interface, Listener, PolicyImage, Prefix, ServerTls, Trustpoint,
    UcServer,
};
use abi::records::{
    Depth, DeviceRecord, Mac, NeighborRecord, NeighborState, PortCounts, PortQueues, ProcessRecord,
    QUEUES_MAX, QueueCounts, SessionRecord, SessionState, StreamFlow, StreamRecord, StreamSide,
    Text, WorkerRecord,
};
use serde_json::{Value, json};

use super::harness::Lab;
use super::show::{addr, phones, publish, session};

fn image() -> PolicyImage {
    PolicyImage {
        boot: Boot {
            devices: vec![Device {
                name: "wan".into(),
                kind: DeviceKind::Vdev("net_ring0".into()),
                mtu: 1_500,
                descriptors: 512,
            }],
            ..Boot::default()
        },
        interfaces: vec![Interface {
            name: "outside".into(),
            device: 0,
            vlan: Some(7),
            addresses: vec![Prefix {
                address: "198.51.100.1".parse().unwrap(),
                len: 24,
            }],
            owned: vec!["198.51.100.2".parse().unwrap()],
            reassemble: false,
        }],
        trustpoints: vec![Trustpoint {
            name: "phones-ca".into(),
            anchors: Vec::new(),
            pinned: vec![b"no certificate at all".to_vec()],
            crls: Vec::new(),
            chain: Vec::new(),
            key: None,
        }],
        servers: vec![UcServer {
            name: "ucm".into(),
            address: "192.0.2.10".parse().unwrap(),
            tcp_port: 5_060,
            tls_port: 5_061,
        }],
        apps: vec![abi::policy::Application {
            listeners: vec![Listener {
                interface: 0,
                address: "198.51.100.2".parse().unwrap(),
                tcp_port: 5_061,
                server: 0,
            }],
            client_tls: Some(ServerTls {
                identity: 0,
                client_auth: abi::policy::ClientAuth::Required,
                trust: vec![0],
                resumption: true,
            }),
            ..phones()
        }],
        ..PolicyImage::default()
    }
}

/// Two sessions and a stream of the first.
fn busy(lab: &Lab) {
    let layout = lab.region();
    layout.beat(100_000_000_000);
    publish(&layout, &image());
    session().store(layout.session(0, 0).unwrap());
    SessionRecord {
        id: 8,
        app: 9,
        state: SessionState::ClientHandshake,
        client: addr("203.0.113.5:40000"),
        from_client: 0,
        from_server: 0,
        client_tls: 0,
        name: Text::new(""),
        ..session()
    }
    .store(layout.session(1, 1).unwrap());
    let side = |remote, suite, n| StreamSide {
        local: addr("198.51.100.2:16384"),
        remote: addr(remote),
        suite,
        flow: StreamFlow {
            rtp_octets: n,
            ..StreamFlow::default()
        },
    };
    StreamRecord {
        live: true,
        session: 7,
        media: 1,
        opened: 40_000_000_000,
        client: side("198.51.100.7:4000", 1, 172),
        server: side("192.0.2.20:4000", 0, 0),
    }
    .store(layout.stream(0, 3).unwrap());
}

fn numbers(json: &Value, list: &str, key: &str) -> Vec<u64> {
    let list = json[list].as_array().unwrap();
    list.iter()
        .map(|item| item[key].as_u64().unwrap())
        .collect()
}

#[test]
fn proxies_are_shown_with_their_trustpoints_and_what_they_carry() {
    let lab = Lab::new();
    busy(&lab);
    let json = lab.json(&["show", "tls-proxy", "--json"]);
    assert_eq!(
        json["proxies"],
        json!([{
            "name": "phones", "kind": "phone-proxy", "listeners": ["198.51.100.2:5061 to ucm"],
            "server_proxy": {
                "trustpoint": "phones-ca", "client_certificate": "required",
                "trust": ["phones-ca"],
            },
            "client_proxy": null, "sessions": 1, "octets": 33,
        }])
    );
    let count = lab.json(&["show", "tls-proxy", "count", "--json"]);
    assert_eq!(
        count["applications"],
        json!({"phones": {"open": 1}, "9": {"client-handshake": 1}})
    );
    let table = lab.text(&["show", "tls-proxy"]);
    assert!(table.contains("server proxy: trustpoint phones-ca, client certificate required"));
    assert!(table.contains("client proxy: clear TCP"), "{table}");
    assert!(
        lab.text(&["show", "tls-proxy", "count"])
            .contains("client-handshake")
    );
}

#[test]
fn address_user_and_application_pick_sessions_and_what_belongs_to_them() {
    let lab = Lab::new();
    busy(&lab);
    let ids = |filter: &[&str]| {
        let args = [&["show", "tls-proxy", "session", "--json"], filter].concat();
        numbers(&lab.json(&args), "sessions", "id")
    };
    assert_eq!(ids(&[]), [7, 8]);
    assert_eq!(ids(&["--address", "203.0.113.0/24"]), [8]);
    assert_eq!(
        ids(&["--address", "2001:db8::1"]),
        [7, 8],
        "our own address counts too"
    );
    assert_eq!(ids(&["--user", "sep001122334455"]), [7]);
    assert_eq!(ids(&["--app", "phones"]), [7]);
    assert_eq!(
        ids(&["--app", "phones", "--address", "203.0.113.5"]),
        [0; 0]
    );
    let streams = |filter: &[&str]| {
        let args = [&["show", "media", "--json"], filter].concat();
        numbers(&lab.json(&args), "streams", "session").len()
    };
    assert_eq!(streams(&["--address", "192.0.2.20"]), 1);
    assert_eq!(
        streams(&["--user", "SEP001122334455", "--app", "phones"]),
        1
    );
    assert_eq!(streams(&["--address", "192.0.2.21"]), 0);
    let output = lab.run(&["show", "conn", "--address", "nowhere"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn connections_are_both_legs_of_sessions_and_streams() {
    let lab = Lab::new();
    busy(&lab);
    let json = lab.json(&["show", "conn", "--json"]);
    let list = json["connections"].as_array().unwrap();
    let told: Vec<_> = list
        .iter()
        .map(|c| {
            let text = |key: &str| c[key].as_str().unwrap().to_owned();
            (text("protocol"), text("leg"), text("peer"), text("flags"))
        })
        .collect();
    let expected = [
        ("TCP", "client", "198.51.100.7:40000", "BUIOE"),
        ("TCP", "server", "192.0.2.10:5060", "UIO"),
        ("UDP", "client", "198.51.100.7:4000", "mIE"),
        ("UDP", "server", "192.0.2.20:4000", "mO"),
        ("TCP", "client", "203.0.113.5:40000", "Bh"),
        ("TCP", "server", "192.0.2.10:5060", "s"),
    ];
    let expected = expected.map(|(a, b, c, d)| (a.into(), b.into(), c.into(), d.into()));
    assert_eq!(told, expected);
    assert_eq!(
        (&list[0]["age_seconds"], &list[0]["idle_seconds"]),
        (&json!(90), &json!(30))
    );
    assert_eq!(
        (&list[2]["age_seconds"], &list[2]["idle_seconds"]),
        (&json!(60), &json!(null))
    );
    let picked = lab.json(&["show", "conn", "--json", "--address", "192.0.2.20"]);
    assert_eq!(
        picked["connections"].as_array().unwrap().len(),
        2,
        "both legs"
    );
    assert!(lab.text(&["show", "conn"]).contains("6 connections"));
}

#[test]
fn interfaces_are_shown_with_their_device_and_what_it_counted() {
    let lab = Lab::new();
    let layout = lab.region();
    publish(&layout, &image());
    let mut queues = [QueueCounts::default(); QUEUES_MAX];
    queues[1].rx_packets = 4;
    DeviceRecord {
        name: Text::new("wan"),
        at: 1,
        mac: Mac([2, 0, 0, 0, 0, 0xab]),
        mtu: 1_500,
        link_up: true,
        speed_mbps: 10_000,
        full_duplex: true,
        rx_queues: 2,
        tx_queues: 2,
        counts: PortCounts {
            rx_packets: 9,
            rx_missed: 3,
            ..PortCounts::default()
        },
        queues,
    }
    .store(layout.device(0).unwrap());
    let json = lab.json(&["show", "interfaces", "--json"]);
    assert_eq!(
        json["interfaces"],
        json!([{
            "name": "outside", "device": "wan", "vlan": 7, "addresses": ["198.51.100.1/24"],
            "owned": ["198.51.100.2"],
        }])
    );
    let device = &json["devices"][0];
    assert_eq!(device["mac"], "02:00:00:00:00:ab");
    assert_eq!(
        (
            &device["rx_packets"],
            &device["rx_missed"],
            &device["rx_no_mbuf"]
        ),
        (&json!(9), &json!(3), &json!(0))
    );
    assert_eq!(numbers(device, "queues", "rx_packets"), [0, 4]);
    let table = lab.text(&["show", "interfaces"]);
    assert!(
        table.contains("link up, 10000 Mbit/s full duplex"),
        "{table}"
    );
}

#[test]
fn neighbors_are_shown_by_interface_with_state_and_age() {
    let lab = Lab::new();
    let layout = lab.region();
    layout.beat(100_000_000_000);
    publish(&layout, &image());
    let record = NeighborRecord {
        state: NeighborState::Reachable,
        interface: 0,
        address: "198.51.100.7".parse().unwrap(),
        station: Mac([2, 0, 0, 0, 0, 1]),
        confirmed: 88_000_000_000,
    };
    record.store(layout.neighbor(1, 1_023).unwrap());
    NeighborRecord {
        state: NeighborState::Incomplete,
        address: "198.51.100.6".parse().unwrap(),
        ..record
    }
    .store(layout.neighbor(0, 0).unwrap());
    let json = lab.json(&["show", "neighbors", "--json"]);
    assert_eq!(
        json["neighbors"],
        json!([
            {
                "interface": "outside", "address": "198.51.100.6", "station": null,
                "state": "incomplete", "age_seconds": 12, "worker": 0,
            },
            {
                "interface": "outside", "address": "198.51.100.7",
                "station": "02:00:00:00:00:01", "state": "reachable", "age_seconds": 12,
                "worker": 1,
            },
        ])
    );
    assert!(lab.text(&["show", "neighbors"]).ends_with("2 neighbours\n"));
}

#[test]
fn workers_are_shown_with_their_share_of_busy_time() {
    let lab = Lab::new();
    let layout = lab.region();
    ProcessRecord {
        version: Text::new("1.2.3"),
        dpdk: Text::new("DPDK 22.11"),
        mbufs: 100,
        mbufs_free: 40,
        ..ProcessRecord::default()
    }
    .store(layout.process().unwrap());
    WorkerRecord {
        began: 1_000_000,
        at: 2_001_000_000,
        longest_turn: 77_000,
        sessions: 3,
        sessions_room: 9,
        ..WorkerRecord::default()
    }
    .store(layout.worker(0).unwrap());
    layout
        .counters(0)
        .unwrap()
        .add(Counter::BusyNanos, 500_000_000);
    layout.bursts(0).unwrap().record(7);
    let json = lab.json(&["show", "workers", "--interval", "0", "--json"]);
    let (first, second) = (&json["workers"][0], &json["workers"][1]);
    assert_eq!(first["busy"], 0.25);
    assert_eq!(first["busy_interval"], json!(null), "no time has passed");
    assert_eq!(first["longest_turn_ns"], 77_000);
    assert_eq!(numbers(first, "bursts", "bursts"), [0, 0, 0, 1, 0, 0]);
    assert_eq!(second["busy"], json!(null), "it has not told of itself");
    assert_eq!(
        (&json["mbufs"], &json["mbufs_free"]),
        (&json!(100), &json!(40))
    );
    let table = lab.text(&["show", "workers", "--interval", "0"]);
    assert!(table.contains("25.0 %") && table.contains("3/9"), "{table}");
    let version = lab.json(&["show", "version", "--json"]);
    assert_eq!(version["dataplane"]["dpdk"], "DPDK 22.11");
}

#[test]
fn rings_and_queues_of_workers_are_shown_with_their_depths() {
    let lab = Lab::new();
    let layout = lab.region();
    let depth = |waiting, room| Depth { waiting, room };
    ProcessRecord {
        version: Text::new("1.2.3"),
        handshakes: depth(2, 4_097),
        ..ProcessRecord::default()
    }
    .store(layout.process().unwrap());
    for (index, name) in ["wan", "lan"].into_iter().enumerate() {
        DeviceRecord {
            name: Text::new(name),
            at: 1,
            ..DeviceRecord::default()
        }
        .store(layout.device(index).unwrap());
    }
    WorkerRecord {
        at: 1,
        handoff: depth(5, 3_072),
        handoff_fullest: depth(4, 1_024),
        handshakes_back: depth(6, 4_096),
        ports: array::from_fn(|port| PortQueues {
            rx: (port == 0).then_some(depth(17, 512)),
            tx_taken: 70,
            tx_refused: 8,
        }),
        ..WorkerRecord::default()
    }
    .store(layout.worker(0).unwrap());
    let json = lab.json(&["show", "workers", "--interval", "0", "--json"]);
    let first = &json["workers"][0];
    assert_eq!(
        (&first["handoff"], &first["handoff_fullest"]),
        (&json!(5), &json!(4))
    );
    assert_eq!(first["handshakes_back"], 6);
    assert_eq!(
        first["ports"],
        json!([
            {"device": "wan", "rx_waiting": 17, "rx_room": 512, "tx_taken": 70, "tx_refused": 8},
            {"device": "lan", "rx_waiting": null, "rx_room": null, "tx_taken": 70, "tx_refused": 8},
        ])
    );
    assert_eq!(json["handshakes_waiting"], 2);
    let table = lab.text(&["show", "workers", "--interval", "0"]);
    for row in [
        &["0", "5/3072", "4/1024", "6/4096"][..],
        &["0", "wan", "17/512", "70", "8"],
        &["0", "lan", "-", "70", "8"],
    ] {
        let mut rows = table.lines().map(str::split_whitespace);
        assert!(
            rows.any(|cells| cells.eq(row.iter().copied())),
            "{row:?}: {table}"
        );
    }
    assert!(table.ends_with("waiting for a handshake thread: 2/4097\n"));
}

#[test]
fn version_is_told_with_no_data_plane_and_another_layout() {
    let lab = Lab::new();
    let json = lab.json(&["show", "version", "--json"]);
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    assert!(json["dataplane"]["problem"].is_string());
    lab.file("region", &"no region of ours ".repeat(64));
    let text = lab.text(&["show", "version"]);
    assert!(text.contains("data plane"), "{text}");
}

#[test]
fn certificates_that_do_not_read_are_left_out() {
    let lab = Lab::new();
    busy(&lab);
    let json = lab.json(&["show", "certificates", "--json"]);
    assert_eq!(json["certificates"], json!([]));
    assert!(
        lab.text(&["show", "certificates"])
            .ends_with("0 certificates\n")
    );
}
