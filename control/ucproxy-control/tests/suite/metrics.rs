//! The metrics' endpoint.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};

use abi::Counter;

use super::dataplane::DataPlane;
use super::harness::{Lab, SOON, config, until};
use super::process::Control;

/// Where this control serves its metrics: its log says so.
fn address(control: &Control) -> SocketAddr {
    let log = control.log();
    let (_, rest) = log.split_once("metrics served address=").unwrap();
    rest.lines().next().unwrap().trim().parse().unwrap()
}

fn ask(control: &Control, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address(control)).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    // Control may have refused it and left before it is all written.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

const GET: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[test]
fn the_page_passes_promtool() {
    let lab = Lab::new();
    lab.write(&config(3));
    let control = lab.start();
    let dataplane = DataPlane::start(&lab.dir);
    dataplane.take(1);
    until("in force", || lab.status().in_force);
    dataplane.count(Counter::MediaPackets, 7);
    let answer = ask(&control, GET);
    let (head, page) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}\r\n", page.len())));
    assert!(page.contains("ucproxy_media_packets_total{worker=\"0\"} 7\n"));
    assert!(page.contains("ucproxy_pool_limit{pool=\"uc-sessions\"} 3\n"));
    assert!(page.contains("ucproxy_policy_in_force 1\n"));
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool, of Debian's package 'prometheus'");
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(page.as_bytes())
        .unwrap();
    let output = promtool.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
}

#[test]
fn without_a_data_plane_the_page_says_so() {
    let lab = Lab::new();
    let control = lab.start_bare();
    assert!(ask(&control, GET).contains("\nucproxy_dataplane_up 0\n"));
}

#[test]
fn other_requests_are_refused_and_garbage_disturbs_nobody() {
    let lab = Lab::new();
    let mut control = lab.start_bare();
    let line = |request: &[u8]| ask(&control, request).lines().next().map(str::to_owned);
    let long = [b"GET /metrics HTTP/1.1\r\nX: ".to_vec(), vec![b'x'; 20_000]].concat();
    assert!(line(b"GET / HTTP/1.1\r\n\r\n").unwrap().contains("404"));
    assert!(
        line(b"POST /metrics HTTP/1.1\r\n\r\n")
            .unwrap()
            .contains("405")
    );
    assert!(line(b"\x16\x03\x01\r\n\r\n").unwrap().contains("400"));
    let _ = line(&long);
    let silent: Vec<_> = (0..40)
        .map(|_| TcpStream::connect(address(&control)).unwrap())
        .collect();
    drop(silent);
    until("answer", || ask(&control, GET).contains("200 OK"));
    assert!(control.is_running());
}

#[test]
fn scrapers_that_say_nothing_or_half_of_it_keep_nobody_waiting() {
    let lab = Lab::new();
    let control = lab.start_bare();
    let mut idle = Vec::new();
    for n in 0..40 {
        let mut stream = TcpStream::connect(address(&control)).unwrap();
        if n % 2 == 0 {
            stream.write_all(b"GET /met").unwrap();
        }
        idle.push(stream);
        assert!(ask(&control, GET).contains("200 OK"), "{n} idle scrapers");
    }
}

#[test]
fn a_port_that_is_taken_does_not_keep_control_from_running() {
    let lab = Lab::new();
    let first = lab.start_bare();
    let taken = address(&first).to_string();
    let other = Lab::new();
    let mut second = Control::spawn_with(&other.dir, None, &["--metrics", &taken]);
    until("told", || second.log().contains("metrics are not served"));
    assert!(second.is_running());
    let off = Lab::new();
    let _third = Control::spawn_with(&off.dir, None, &["--metrics", "off"]);
    until("runs", || off.try_status().is_some());
}
