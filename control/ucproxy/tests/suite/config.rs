//! `check` and `apply`.

use super::harness::Lab;

const GOOD: &str = "limits: {uc_sessions: 5}\n";
const BAD: &str = "limits: {uc_sessions: lots}\ncolour: blue\n";

#[test]
fn a_good_file_passes() {
    let lab = Lab::new();
    let file = lab.file("good.yaml", GOOD);
    let text = lab.text(&["check", &file]);
    assert_eq!(text, format!("{file}: 0 errors, 0 warnings\n"));
}

#[test]
fn every_error_is_told_with_its_place_and_the_status_says_so() {
    let lab = Lab::new();
    let file = lab.file("bad.yaml", BAD);
    let output = lab.run(&["check", &file]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with(&format!("{file}:1:23: error: limits.uc_sessions: expected")));
    assert!(lines[1].starts_with(&format!("{file}:2:1: error: colour: unknown key")));
    assert_eq!(lines[2], format!("{file}: 2 errors, 0 warnings"));
}

#[test]
fn findings_as_json_have_stable_names() {
    let lab = Lab::new();
    let file = lab.file("bad.yaml", BAD);
    let output = lab.run(&["check", &file, "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["errors"], 2);
    let finding = &json["findings"][1];
    assert_eq!(finding["severity"], "error");
    assert_eq!(finding["problem"], "unknown-key");
    assert_eq!(
        (&finding["line"], &finding["column"]),
        (&2.into(), &1.into())
    );
    assert_eq!(finding["path"], "colour");
    assert!(finding["fix"].is_null());
}

#[test]
fn a_file_that_is_not_there_is_another_kind_of_failure() {
    let lab = Lab::new();
    for command in ["check", "apply"] {
        let output = lab.run(&[command, "/nowhere.yaml"]);
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("cannot read /nowhere.yaml"), "{text}");
    }
}

#[test]
fn apply_refuses_a_bad_file_by_itself() {
    let lab = Lab::new();
    let file = lab.file("bad.yaml", BAD);
    for args in [vec!["apply", &file], vec!["apply", &file, "--dry-run"]] {
        let output = lab.run(&args);
        assert_eq!(output.status.code(), Some(1));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("2 errors, not applied"), "{text}");
    }
}

#[test]
fn a_dry_run_needs_nobody_and_apply_needs_control() {
    let lab = Lab::new();
    let file = lab.file("good.yaml", GOOD);
    assert!(lab.run(&["apply", &file, "--dry-run"]).status.success());
    let output = lab.run(&["apply", &file]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("no control process answers"), "{text}");
}

#[test]
fn changes_to_what_runs_need_control_and_numbers() {
    let lab = Lab::new();
    for args in [
        &["tls-proxy", "maximum-sessions", "5"][..],
        &["tls-proxy", "maximum-sessions", "?"],
        &["clear-configuration"],
        &["history"],
        &["rollback"],
        &["rollback", "3"],
        &["diff"],
        &["show", "configuration"],
    ] {
        let output = lab.run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("no control process answers"), "{text}");
    }
    for bad in ["many", "-1", "", "4294967296"] {
        let output = lab.run(&["tls-proxy", "maximum-sessions", bad]);
        assert_eq!(output.status.code(), Some(2), "{bad}");
    }
}

#[test]
fn hostile_yaml_is_told_with_its_line_and_costs_little_memory() {
    let wide = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let mut aliases = String::from("a0: &a0 [x, x]\n");
    for n in 1..40 {
        aliases += &format!("a{n}: &a{n} [*a{0}, *a{0}]\n", n - 1);
    }
    let maps: String = (0..3_000)
        .map(|n| format!("{}k:\n", " ".repeat(n)))
        .collect();
    let cases: [(&str, Vec<u8>, &str); 11] = [
        ("aliases", aliases.into(), ":2:10: error: a1[0]: aliases"),
        (
            "flow",
            b"a: ".iter().chain(&[b'['; 4 << 20]).copied().collect(),
            ":1:",
        ),
        ("block", b"- ".repeat(2 << 20), ":1:"),
        ("maps", maps.into(), ":33:"),
        (
            "scalar",
            format!("tcp: {{keepalive: {}}}\n", "9".repeat(7 << 20)).into(),
            ":1:18: error: tcp.keepalive",
        ),
        (
            "keys",
            (0..400_000)
                .map(|n| format!("k{n}: 1\n"))
                .collect::<String>()
                .into(),
            ":1:1: error: k0",
        ),
        (
            "twice",
            b"tcp: {}\nrtp: {}\ntcp: {}\n".to_vec(),
            ":3:1: error: tcp: key was already given",
        ),
        (
            "utf-16",
            wide("tcp: {}\n"),
            ":1:1: error: text looks like UTF-16",
        ),
        (
            "latin-1",
            b"tcp: {}\n# caf\xe9\n".to_vec(),
            ":2:6: error: octet that is not UTF-8",
        ),
        (
            "nul",
            b"tcp: {}\nrtp: \0{}\n".to_vec(),
            ":2:6: error: control character U+0000",
        ),
        ("tabs", b"tcp:\n\tkeepalive: 1m\n".to_vec(), ":2:"),
    ];
    let lab = Lab::new();
    for (name, text, expected) in cases {
        let path = lab.dir.join(format!("{name}.yaml"));
        std::fs::write(&path, text).unwrap();
        let output = lab.run_within(300, &["check", path.to_str().unwrap()]);
        let told = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{name}: {:?}", output.status);
        let expected = |line: &str| line.contains(expected) && line.len() < 500;
        assert!(told.lines().any(expected), "{name}: {told:.500}");
    }
}
