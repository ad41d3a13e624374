//! `show`, with control dead.

use core::net::SocketAddr;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};

use abi::boot::Origin;
use abi::layout::{LOCK_NAME, Layout, REGION_NAME};
use abi::limits::{Limits, UNLIMITED};
use abi::policy::{Application, PolicyImage, Source};
use abi::records::{SessionRecord, SessionState, StreamFlow, StreamRecord, StreamSide, Text};
use abi::{Counter, Pool, Reason, Suite};
use admin::{Response, Status};
use serde_json::json;

use super::harness::Lab;

pub(super) fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(super) fn session() -> SessionRecord {
    SessionRecord {
        state: SessionState::Open,
        id: 7,
        app: 0,
        opened: 10_000_000_000,
        active: 70_000_000_000,
        client: addr("198.51.100.7:40000"),
        client_local: addr("192.0.2.10:5061"),
        server: addr("192.0.2.10:5060"),
        server_local: addr("[2001:db8::1]:40000"),
        from_client: 11,
        from_server: 22,
        client_tls: 0x0304,
        server_tls: 0,
        client_suite: 0x1302,
        server_suite: 0,
        name: Text::new("SEP001122334455"),
    }
}

/// An application that takes clear TCP.
pub(super) fn phones() -> Application {
    Application {
        name: "phones".into(),
        kind: "phone-proxy".into(),
        listeners: Vec::new(),
        client_tls: None,
        server_tls: None,
        source: Source::Client,
        client_media: Vec::new(),
        server_media: Vec::new(),
        config: Vec::new(),
    }
}

pub(super) fn publish(layout: &Layout<'_>, image: &PolicyImage) {
    let slots = layout.policy().unwrap();
    slots.publish(&image.encode().unwrap()).unwrap();
}

#[test]
fn sessions_are_shown_with_the_name_of_their_application() {
    let lab = Lab::new();
    let layout = lab.region();
    layout.beat(100_000_000_000);
    publish(
        &layout,
        &PolicyImage {
            apps: vec![phones()],
            ..PolicyImage::default()
        },
    );
    session().store(layout.session(1, 2).unwrap());
    SessionRecord {
        id: 3,
        app: 9,
        ..session()
    }
    .store(layout.session(0, 0).unwrap());
    let json = lab.json(&["show", "tls-proxy", "session", "--json"]);
    assert_eq!(json["sessions"].as_array().unwrap().len(), 2);
    assert_eq!(json["sessions"][0]["app"], "9", "no longer in the policy");
    assert_eq!(
        json["sessions"][1],
        json!({
            "id": 7, "worker": 1, "app": "phones", "state": "open",
            "client": "198.51.100.7:40000", "client_local": "192.0.2.10:5061",
            "server": "192.0.2.10:5060", "server_local": "[2001:db8::1]:40000",
            "from_client": 11, "from_server": 22,
            "client_tls": "TLSv1.3", "client_cipher": "TLS_AES_256_GCM_SHA384",
            "server_tls": null, "server_cipher": null,
            "name": "SEP001122334455", "age_seconds": 90, "idle_seconds": 30,
        })
    );
    let table = lab.text(&["show", "tls-proxy", "session"]);
    assert!(
        table.contains("phones") && table.ends_with("2 sessions\n"),
        "{table}"
    );
    let detail = lab.text(&["show", "tls-proxy", "session", "detail"]);
    for line in [
        "session 7 of phones, worker 1, open, age 1m 30s, idle 0m 30s, name SEP001122334455",
        "  client 198.51.100.7:40000 at 192.0.2.10:5061, TLSv1.3, TLS_AES_256_GCM_SHA384, 11 octets",
        "  server 192.0.2.10:5060 at [2001:db8::1]:40000, clear, no cipher, 22 octets",
    ] {
        assert!(detail.lines().any(|l| l == line), "{line}\n{detail}");
    }
}

#[test]
fn media_is_shown_by_side_with_the_delay_of_all_workers() {
    let lab = Lab::new();
    let layout = lab.region();
    let side = |suite, n| StreamSide {
        local: addr("198.51.100.2:16384"),
        remote: addr("198.51.100.7:4000"),
        suite,
        flow: StreamFlow {
            rtp_packets: n,
            rtp_octets: n * 172,
            rtcp_packets: 1,
            rtcp_octets: 80,
            auth_failures: 2,
            replays: 3,
            refused: 4,
        },
    };
    let record = StreamRecord {
        live: true,
        session: 7,
        media: 1,
        opened: 9,
        client: side(Suite::AeadAes128Gcm.id(), 100),
        server: side(0, 50),
    };
    record.store(layout.stream(0, 3).unwrap());
    session().store(layout.session(0, 0).unwrap());
    layout.media_delay(0).unwrap().record(1_000, 99);
    layout.media_delay(1).unwrap().record(100_000, 1);
    let json = lab.json(&["show", "media", "--json"]);
    assert_eq!(
        json["streams"],
        json!([{
            "session": 7, "media": 1, "worker": 0,
            "client": {
                "local": "198.51.100.2:16384", "remote": "198.51.100.7:4000",
                "suite": "AEAD_AES_128_GCM",
                "rtp_packets": 100, "rtp_octets": 17200, "rtcp_packets": 1, "rtcp_octets": 80,
                "auth_failures": 2, "replays": 3, "refused": 4,
            },
            "server": {
                "local": "198.51.100.2:16384", "remote": "198.51.100.7:4000", "suite": "clear",
                "rtp_packets": 50, "rtp_octets": 8600, "rtcp_packets": 1, "rtcp_octets": 80,
                "auth_failures": 2, "replays": 3, "refused": 4,
            },
            "app": "0", "name": "SEP001122334455",
        }])
    );
    let delay = &json["delay"];
    assert_eq!(
        (&delay["packets"], &delay["mean_ns"]),
        (&100.into(), &1_990.into())
    );
    assert!((1_000..1_150).contains(&delay["p99_ns"].as_u64().unwrap()));
    assert!((100_000..115_000).contains(&delay["max_ns"].as_u64().unwrap()));
    assert!(
        lab.text(&["show", "media"])
            .contains("1 streams\ndelay of 100 packets")
    );
}

#[test]
fn counters_are_added_up_and_zeroes_left_out_on_demand() {
    let lab = Lab::new();
    let layout = lab.region();
    layout.counters(0).unwrap().add(Counter::RxFrames, 5);
    layout.counters(1).unwrap().add(Counter::RxFrames, 7);
    layout.counters(1).unwrap().refuse(Reason::SrtpAuthFailed);
    let json = lab.json(&["show", "counters", "--nonzero", "--json"]);
    assert_eq!(
        json,
        json!({
            "total": {"rx-frames": 12, "srtp-auth-failed": 1},
            "workers": [{"rx-frames": 5}, {"rx-frames": 7, "srtp-auth-failed": 1}],
        })
    );
    let all = lab.json(&["show", "counters", "--json"]);
    let names = all["total"].as_object().unwrap().len();
    assert_eq!(names, Counter::COUNT + Reason::COUNT, "no two of one name");
    assert_eq!(all["total"]["tx-frames"], 0);
    let table = lab.text(&["show", "counters", "--nonzero"]);
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(
        table.contains("authentication tag does not verify"),
        "{table}"
    );
}

#[test]
fn l09_licence_shows_limits_pools_and_what_is_left() {
    let lab = Lab::new();
    let layout = lab.region();
    layout.limits().unwrap().store(&Limits {
        tls_sessions: 13_000,
        uc_sessions: 10_000,
        phone_proxy_sessions: 5_000,
        srtp_sessions: UNLIMITED,
        handshakes: 64,
        ime_licensed: false,
    });
    let usage = layout.usage().unwrap();
    let held: Vec<_> = (0..3)
        .flat_map(|_| {
            [
                Pool::TlsSessions,
                Pool::UcSessions,
                Pool::PhoneProxySessions,
            ]
        })
        .map(|pool| usage.take(pool, u64::MAX).unwrap())
        .collect();
    drop(usage.take(Pool::SrtpSessions, u64::MAX));
    let json = lab.json(&["show", "license", "--json"]);
    assert_eq!(
        json["limits"],
        json!({
            "tls-sessions": 13_000, "uc-sessions": 10_000, "phone-proxy-sessions": 5_000,
            "srtp-sessions": null, "handshakes": 64,
        })
    );
    assert_eq!(json["ime_licensed"], false);
    assert_eq!(
        json["pools"][2],
        json!({
            "name": "phone-proxy-sessions", "limit": 5_000, "in_use": 3, "most_used": 3,
            "taken": 3, "returned": 0,
        })
    );
    assert_eq!(
        json["pools"][3],
        json!({
            "name": "srtp-sessions", "limit": null, "in_use": 0, "most_used": 1, "taken": 1,
            "returned": 1,
        })
    );
    assert_eq!(
        json["headroom"],
        json!({"phone_proxy": 4_997, "uc": 9_997, "mobility": 12_997, "ime": 0})
    );
    let table = lab.text(&["show", "license"]);
    for line in [
        "UC Phone Proxy Sessions",
        "Total UC Proxy Sessions",
        "Intercompany Media Engine: Disabled",
        "unlimited",
    ] {
        assert!(table.contains(line), "{line}: {table}");
    }
    drop(held);
}

#[test]
fn status_is_ready_once_every_worker_obeys_the_newest_policy() {
    let lab = Lab::new();
    let status = || lab.json(&["show", "status", "--json"]);
    assert_eq!(status()["ready"], false, "nothing there at all");
    assert!(status()["dataplane"]["problem"].is_string());
    let layout = lab.region();
    assert_eq!(status()["ready"], false, "no policy yet");
    let slots = layout.policy().unwrap();
    slots
        .publish(&PolicyImage::default().encode().unwrap())
        .unwrap();
    layout.acknowledge(0, 1);
    assert_eq!(status()["ready"], false, "one worker has not acknowledged");
    layout.acknowledge(1, 1);
    let json = status();
    assert_eq!(json["ready"], true);
    assert_eq!(json["dataplane"]["alive"], true);
    assert_eq!(json["dataplane"]["workers"], 2);
    assert_eq!(
        json["policy"],
        json!({"published": 1, "acknowledged": [1, 1], "refused": null})
    );
    assert_eq!(json["control"]["alive"], false);
    let table = lab.text(&["show", "status"]);
    assert!(table.starts_with("ready       yes\n"), "{table}");
}

#[test]
fn version_is_of_this_program_the_data_plane_and_control() {
    let lab = Lab::new();
    lab.region();
    let status = Status {
        version: "9.8.7".to_owned(),
        ..Status::default()
    };
    let answers = vec![Response::Status(status); 2];
    let _control = lab.control(answers);
    let json = lab.json(&["show", "version", "--json"]);
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(json["control"]["version"], "9.8.7");
    assert!(json["dataplane"]["started"].is_u64());
    let table = lab.text(&["show", "version"]);
    assert!(table.contains("\ncontrol       9.8.7, up "), "{table}");
}

#[test]
fn what_control_says_of_another_start_of_the_data_plane_is_not_believed() {
    let lab = Lab::new();
    let layout = lab.region();
    let of = |boot: String| {
        Response::Status(Status {
            in_force: true,
            dataplane: Some(boot),
            ..Status::default()
        })
    };
    let shown = layout.boot().to_string();
    let _control = lab.control(vec![of(shown.clone()), of("0000000000000bad".to_owned())]);
    let same = lab.json(&["show", "status", "--json"]);
    assert_eq!(same["dataplane"]["boot"], shown);
    assert_eq!(same["control"]["in_force"], true);
    let other = lab.json(&["show", "status", "--json"]);
    assert_eq!(other["control"]["in_force"], false);
    let problem = other["control"]["problem"].as_str().unwrap();
    assert!(problem.contains("started again"), "{problem}");
}

#[test]
fn what_waits_for_a_restart_is_told() {
    let lab = Lab::new();
    let boot = lab.region().boot().to_string();
    let of = |boot: &str, keys: &[&str]| {
        Response::Status(Status {
            dataplane: Some(boot.to_owned()),
            restart_needed: true,
            after_restart: keys.iter().map(|&key| key.to_owned()).collect(),
            ..Status::default()
        })
    };
    let keys = ["runtime.workers", "devices[wan].mtu"];
    let other = "0000000000000bad";
    let _control = lab.control(vec![
        of(&boot, &keys),
        of(&boot, &keys),
        of(&boot, &[]),
        of(other, &keys),
    ]);
    let json = lab.json(&["show", "status", "--json"]);
    assert_eq!(json["control"]["restart_needed"], true);
    assert_eq!(json["control"]["after_restart"], json!(keys));
    for told in [
        "after a restart of the data plane: runtime.workers, devices[wan].mtu\n",
        "after a restart of the data plane: 'runtime', 'devices' or 'tcp.ports'\n",
    ] {
        let table = lab.text(&["show", "status"]);
        assert!(table.ends_with(told), "{table}");
    }
    let json = lab.json(&["show", "status", "--json"]);
    assert_eq!(json["control"]["restart_needed"], json!(null));
}

#[test]
fn what_a_dead_data_plane_left_is_shown_and_said_to_be_that() {
    let lab = Lab::new();
    let layout = lab.region();
    // No process has this number: it is above the largest that the system gives.
    layout.set_origin(&Origin {
        boot: layout.boot(),
        pid: 1 << 30,
        started: 1_000,
    });
    layout.counters(0).unwrap().add(Counter::RxFrames, 5);
    assert_eq!(lab.json(&["show", "status", "--json"])["ready"], false);
    let output = lab.run(&["show", "counters", "--nonzero"]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("is gone"));
    assert!(String::from_utf8_lossy(&output.stdout).contains("rx-frames"));
}

#[test]
fn a_process_that_got_the_number_of_a_dead_data_plane_is_none() {
    let lab = Lab::new();
    lab.region();
    let alive = || lab.json(&["show", "status", "--json"])["dataplane"]["alive"].clone();
    let lock = File::create(lab.dir.join(LOCK_NAME)).unwrap();
    lock.lock().unwrap();
    assert_eq!(alive(), true);
    lock.unlock().unwrap();
    assert_eq!(alive(), false);
    let output = lab.run(&["show", "license"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("is gone"));
}

#[test]
fn shared_memory_of_another_user_is_said_to_be_that() {
    let lab = Lab::new();
    let boot = lab.region().boot().to_string();
    let region = lab.dir.join(REGION_NAME);
    // Root may read everything, but trusts only what is its own.
    if chown(&region, Some(1), None).is_err() {
        fs::set_permissions(&region, Permissions::from_mode(0o000)).unwrap();
    }
    let status = Status {
        in_force: true,
        dataplane: Some(boot),
        ..Status::default()
    };
    let _control = lab.control(vec![Response::Status(status); 2]);
    let json = lab.json(&["show", "status", "--json"]);
    for unknown in [&json["ready"], &json["policy"], &json["dataplane"]["alive"]] {
        assert_eq!(*unknown, json!(null));
    }
    assert_eq!(json["control"]["in_force"], true);
    assert_eq!(json["control"]["problem"], json!(null));
    let private = "shared memory is its owner's alone, and this user may not read ";
    let text = lab.text(&["show", "status"]);
    let told = format!("ready       unknown\ndata plane  unknown: {private}");
    assert!(text.starts_with(&told), "{text}");
    assert!(text.contains("\npolicy      unknown\n"), "{text}");
    let output = lab.run(&["show", "license"]);
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        errors.starts_with(&format!("ucproxy: {private}")),
        "{errors}"
    );
}

#[test]
fn without_shared_memory_other_views_fail_with_the_reason() {
    let lab = Lab::new();
    for view in [
        "tls-proxy",
        "media",
        "conn",
        "counters",
        "license",
        "interfaces",
        "neighbors",
        "workers",
        "certificates",
    ] {
        let output = lab.run(&["show", view]);
        assert_eq!(output.status.code(), Some(2), "{view}");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.contains("no data plane has run with"), "{text}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    use std::process::{Command, Stdio};
    let lab = Lab::new();
    lab.region();
    let mut child = Command::new(env!("CARGO_BIN_EXE_ucproxy"))
        .arg("--runtime-dir")
        .arg(&lab.dir)
        .args(["show", "counters"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stderr, b"");
}
