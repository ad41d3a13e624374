//! The admin socket against clients of every kind.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use admin::{AuditRecord, Failure, Request, Response, SOCKET_NAME};

use super::dataplane::DataPlane;
use super::harness::{Lab, SOON, config, until};
use super::process::Control;

fn connect(lab: &Lab) -> UnixStream {
    let stream = UnixStream::connect(lab.dir.join(SOCKET_NAME)).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

#[test]
fn only_the_owner_can_connect() {
    let lab = Lab::new();
    let _control = lab.start_bare();
    let mode = std::fs::metadata(lab.dir.join(SOCKET_NAME)).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
}

#[test]
fn garbage_disturbs_nobody() {
    let lab = Lab::new();
    let mut control = lab.start_bare();
    let mut frames: Vec<Vec<u8>> = vec![
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        u32::MAX.to_be_bytes().to_vec(),
        0u32.to_be_bytes().to_vec(),
        vec![0; 3],
        [&9u32.to_be_bytes()[..], b"\"Status\"x"].concat(),
        [&100_000u32.to_be_bytes()[..], &[b'['; 100_000]].concat(),
    ];
    let mut seed: u32 = 1;
    for _ in 0..200 {
        let octets = seed.to_be_bytes();
        frames.push(octets.repeat(usize::from(octets[3] % 25)));
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    }
    for frame in frames {
        let mut stream = connect(&lab);
        // Control may have refused it and left before it is all written.
        let _ = stream.write_all(&frame);
    }
    assert!(control.is_running());
    assert_eq!(lab.status().pid, control.pid());
}

#[test]
fn what_is_no_request_is_answered_so() {
    let lab = Lab::new();
    let _control = lab.start_bare();
    let mut stream = connect(&lab);
    stream.write_all(&u32::MAX.to_be_bytes()).unwrap();
    let response: Response = admin::read(&mut stream).unwrap();
    let reason = "frame of 4294967295 octets".to_owned();
    assert_eq!(response, Response::Failed(Failure::Malformed { reason }));
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn what_control_does_not_know_and_paths_that_are_none_are_refused() {
    let lab = Lab::new();
    let _control = lab.start_bare();
    lab.apply("license: {model: ASA5520}\n");
    let apply = |path: &str| format!(r#"{{"apply": {{"text": "tcp: {{}}", "path": "{path}"}}}}"#);
    let limit = r#"{"set-tls-limit": {"sessions": 500, "enforced": true}}"#;
    for (body, expected) in [
        (limit.to_owned(), "unknown field `enforced`"),
        (apply("relative.yaml"), "'path' is not absolute"),
        (apply(""), "'path' is not absolute"),
        (apply(r"/etc/a\u0000b"), "a NUL in 'path'"),
    ] {
        let mut stream = connect(&lab);
        let len = u32::try_from(body.len()).unwrap().to_be_bytes();
        stream.write_all(&[&len, body.as_bytes()].concat()).unwrap();
        let response: Response = admin::read(&mut stream).unwrap();
        let Response::Failed(Failure::Malformed { reason }) = response else {
            panic!("{body}: {response:?}")
        };
        assert!(reason.starts_with(expected), "{reason}");
        let log = std::fs::read_to_string(lab.dir.join("audit.log")).unwrap();
        let last: AuditRecord = admin::from_line(log.lines().last().unwrap()).unwrap();
        assert_eq!(
            (last.outcome.as_str(), last.detail),
            ("malformed", Some(reason))
        );
    }
    let Response::Configuration(running) = lab.call(&Request::Configuration) else {
        panic!("nothing runs")
    };
    assert_eq!(running.text, "license: {model: ASA5520}\n");
}

/// File descriptors that are open in the process.
fn descriptors(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .count()
}

#[test]
fn hundreds_that_say_nothing_or_half_of_it_keep_nobody_waiting() {
    let lab = Lab::new();
    let control = lab.start_bare();
    let before = descriptors(control.pid());
    let mut idle = Vec::new();
    for n in 0..600 {
        let mut stream = connect(&lab);
        if n % 2 == 0 {
            stream.write_all(&[0, 0, 0]).unwrap();
        }
        idle.push(stream);
        if n % 50 == 49 {
            assert_eq!(lab.status().pid, control.pid(), "{n} idle clients");
        }
    }
    assert!(descriptors(control.pid()) <= before + 300);
    // Those that have waited longest had to go.
    assert_eq!(idle[0].read(&mut [0]).unwrap(), 0);
    drop(idle);
    until("clients gone", || descriptors(control.pid()) <= before);
}

/// Time that the process has had of a processor, in hundredths of a second.
fn busy(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let times = fields.split(' ').skip(11).take(2);
    times.map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

#[test]
fn fewer_file_descriptors_than_clients_keep_nobody_waiting_and_no_core_busy() {
    // With the one there is room for some, with the other there is not even for the fewest.
    for descriptors in [64, 12] {
        let lab = Lab::new();
        let mut control = Control::spawn_within(&lab.dir, descriptors);
        until("control answers", || {
            assert!(control.is_running(), "{}", control.log());
            lab.try_status().is_some()
        });
        let mut idle: Vec<_> = (0..120).map(|_| connect(&lab)).collect();
        assert_eq!(lab.status().pid, control.pid(), "{descriptors}");
        assert_eq!(idle[0].read(&mut [0]).unwrap(), 0, "the oldest had to go");
        // Those that are left, and those at the door, cost nothing.
        idle.extend((0..60).map(|_| connect(&lab)));
        let before = busy(control.pid());
        std::thread::park_timeout(Duration::from_secs(1));
        let spent = busy(control.pid()) - before;
        assert!(spent < 50, "{spent} hundredths of a second");
    }
}

#[test]
fn clients_that_do_not_take_their_answer_keep_nobody_waiting() {
    let lab = Lab::new();
    let control = lab.start_bare();
    // More than a socket holds.
    let text = format!("# {}\nlimits: {{uc_sessions: 9}}\n", "x".repeat(1 << 20));
    assert!(matches!(lab.apply(&text), Response::Applied(_)));
    let slow: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = connect(&lab);
            admin::write(&mut stream, &Request::Configuration).unwrap();
            stream
        })
        .collect();
    assert_eq!(lab.status().pid, control.pid());
    assert!(matches!(lab.apply(&config(3)), Response::Applied(_)));
    drop(slow);
}

#[test]
fn errors_come_back_whole_and_nothing_is_taken() {
    let lab = Lab::new();
    lab.write(&config(4));
    let _control = lab.start();
    let dataplane = DataPlane::start(&lab.dir);
    dataplane.take(1);
    let response = lab.apply("limits: {uc_sessions: 1, colour: blue}\nroutes: [{to: nowhere}]\n");
    let Response::Refused { findings } = response else {
        panic!("{response:?}")
    };
    let paths: Vec<_> = findings.iter().map(|f| f.path.as_str()).collect();
    assert_eq!(paths, ["limits.colour", "routes[0].to"]);
    assert_eq!(dataplane.generation(), 1);
    assert_eq!(dataplane.limits().uc_sessions, 4);
}

#[test]
fn applies_at_the_same_time_are_carried_out_one_after_another() {
    let lab = Lab::new();
    lab.write(&config(1));
    let _control = lab.start();
    let dataplane = DataPlane::start(&lab.dir);
    dataplane.take(1);
    std::thread::scope(|scope| {
        let applies: Vec<_> = (2..7)
            .map(|n| {
                let lab = &lab;
                scope.spawn(move || lab.apply(&config(n)))
            })
            .collect();
        for generation in 2..7 {
            dataplane.take(generation);
        }
        for apply in applies {
            let response = apply.join().unwrap();
            assert!(matches!(response, Response::Applied(_)), "{response:?}");
        }
    });
    assert_eq!(dataplane.generation(), 6);
}

#[test]
fn an_operator_who_leaves_before_the_answer_does_no_harm() {
    let lab = Lab::new();
    lab.write(&config(1));
    let mut control = lab.start();
    let dataplane = DataPlane::start(&lab.dir);
    dataplane.take(1);
    let mut stream = connect(&lab);
    let request = Request::Apply {
        text: config(2),
        path: "/x.yaml".into(),
        enforce: false,
    };
    admin::write(&mut stream, &request).unwrap();
    drop(stream);
    dataplane.take(2);
    assert!(control.is_running());
    assert!(lab.status().in_force || dataplane.generation() == 2);
}
