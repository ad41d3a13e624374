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
