//! The operator's views show a real call: session, connections, neighbours, interfaces,
//! workers and certificates; and Prometheus' own tool finds nothing wrong with the metrics.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Command, Stdio};

use e2e::error::{Failure, Result, ensure};
use e2e::scenario::during_a_call;
use e2e::stage::{Setting, Stage};
use e2e::terminal::Terminal;
use e2e::wait::{STEP, until};
use serde_json::Value;

/// Where control serves its metrics if it is not told otherwise.
const METRICS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 9_464);

fn list(stage: &Stage<'_>, view: &str, key: &str) -> Result<Vec<Value>> {
    let json = stage.proxy.show(view)?;
    let list = json.get(key).and_then(Value::as_array);
    let list = list.filter(|list| !list.is_empty());
    list.cloned()
        .ok_or_else(|| Failure::Unexpected(format!("show {view} has no {key}: {json}")))
}

fn every(list: &[Value], what: &str, holds: impl Fn(&Value) -> bool) -> Result<()> {
    ensure(list.iter().all(holds), || format!("{what}: {list:#?}"))
}

#[test]
fn views_show_a_call() -> Result<()> {
    during_a_call(&Setting::default(), |stage, _| {
        let sessions = list(stage, "tls-proxy session detail", "sessions")?;
        every(&sessions, "sessions", |s| s["name"] == "phone-outside")?;
        let named = list(stage, "tls-proxy session --user phone-outside", "sessions")?;
        ensure(named.len() == sessions.len(), || format!("{named:?}"))?;
        let nobody = stage.proxy.show("tls-proxy session --user nobody")?;
        ensure(nobody["sessions"] == Value::Array(Vec::new()), || {
            nobody.to_string()
        })?;
        let connections = list(stage, "conn", "connections")?;
        for protocol in ["TCP", "UDP"] {
            let legs = connections.iter().filter(|c| c["protocol"] == protocol);
            ensure(legs.count() == 2, || {
                format!("{protocol}: {connections:#?}")
            })?;
        }
        every(&connections, "octets both ways", |c| {
            c["octets_in"] != 0 && c["octets_out"] != 0
        })?;
        let known = |n: &Value| n["state"] != "failed" && n["station"].is_string();
        ensure(
            list(stage, "neighbors", "neighbors")?.iter().any(known),
            || "nobody is reachable".to_owned(),
        )?;
        let devices = list(stage, "interfaces", "devices")?;
        every(&devices, "devices", |d| {
            d["link_up"] == true && d["rx_packets"] != 0 && d["tx_packets"] != 0
        })?;
        list(stage, "interfaces", "interfaces")?;
        let workers = list(stage, "workers", "workers")?;
        every(&workers, "workers", |w| {
            w["busy"].is_number() && w["longest_turn_ns"] != 0
        })?;
        let ports = |w: &Value| w["ports"].as_array().cloned().unwrap_or_default();
        every(&workers, "rings", |w| {
            w["handshakes_back_room"] != 0 && ports(w).iter().all(|p| p["tx_refused"] == 0)
        })?;
        ensure(
            workers.iter().flat_map(ports).any(|p| p["tx_taken"] != 0),
            || format!("nothing was sent: {workers:#?}"),
        )?;
        let certificates = list(stage, "certificates", "certificates")?;
        every(&certificates, "certificates", |c| c["subject"].is_string())
    })
}

#[test]
fn top_shows_a_call_and_leaves_the_terminal_as_it_was() -> Result<()> {
    during_a_call(&Setting::default(), |stage, _| {
        let (tool, run) = (stage.proxy.binary("ucproxy"), stage.proxy.runtime_dir());
        let command = format!("'{tool}' --runtime-dir '{run}' top");
        let mut top = Terminal::open(&stage.lab.proxy, stage.lab.dir(), &command)?;
        top.wait_line(&["data plane", " up, policy ", ", 2 sessions and streams"])?;
        top.wait_line(&["phones", "phone-outside", "198.51.100.10:", "open"])?;
        top.wait_line(&["tls-sessions", " 1 of unlimited"])?;
        for worker in 0..stage.setting.policy.workers {
            top.wait_line(&[&format!("worker {worker} "), " % busy"])?;
        }
        // Media runs, which the second look and those after it tell.
        top.wait_line(&[" media packets/s", " Mbit/s"])?;
        top.press("q")?;
        top.close()
    })
}

#[test]
fn metrics_of_a_call_please_promtool() -> Result<()> {
    during_a_call(&Setting::default(), |stage, _| {
        let page = until("the metrics", STEP, || {
            let page = stage.lab.proxy.enter(fetch)?;
            Ok(page
                .contains("ucproxy_device_receive_packets_total{")
                .then_some(page))
        })?;
        ensure(
            page.contains("ucproxy_certificate_not_after_timestamp_seconds{"),
            || page.clone(),
        )?;
        check(&page)
    })
}

/// The page that control serves.
fn fetch() -> Result<String> {
    let broken = |e: std::io::Error| Failure::Unexpected(format!("metrics: {e}"));
    let mut stream = TcpStream::connect(METRICS).map_err(broken)?;
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .map_err(broken)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(broken)?;
    let page = answer
        .split_once("\r\n\r\n")
        .map(|(_, page)| page.to_owned());
    page.ok_or_else(|| Failure::Unexpected(format!("no page: {answer}")))
}

fn check(page: &str) -> Result<()> {
    let broken = |e: std::io::Error| Failure::Unexpected(format!("promtool: {e}"));
    let mut child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(broken)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(page.as_bytes()).map_err(broken)?;
    }
    let output = child.wait_with_output().map_err(broken)?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    ensure(output.status.success() && said.is_empty(), || said)
}
