//! Commands about what runs, with a control process that answers as told.

use admin::{Applied, Configuration, Failure, Request, Response, TlsLimit, Version};
use serde_json::json;

use super::harness::Lab;

fn running(lab: &Lab, text: &str) -> Response {
    Response::Configuration(Configuration {
        text: text.into(),
        path: lab.dir.join("running.yaml").display().to_string(),
    })
}

#[test]
fn differences_are_told_in_words_and_as_json() {
    let lab = Lab::new();
    let file = lab.file("new.yaml", "limits: {uc_sessions: 5}\n");
    let text = "limits: {uc_sessions: 4}\n";
    let _control = lab.control(vec![running(&lab, text), running(&lab, text)]);
    let output = lab.run(&["diff", &file]);
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8(output.stdout).unwrap();
    assert_eq!(words, "limits.uc_sessions: from 4 to 5\n");
    let output = lab.run(&["diff", &file, "--json"]);
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let change = json!({"path": "limits.uc_sessions", "before": "4", "after": "5"});
    assert_eq!(told, json!({"file": file, "changes": [change]}));
}

#[test]
fn without_a_file_the_one_that_runs_is_compared() {
    let lab = Lab::new();
    let file = lab.file("running.yaml", "limits: {uc_sessions: 4} # same\n");
    let _control = lab.control(vec![running(&lab, "limits: {uc_sessions: 4}\n")]);
    assert_eq!(
        lab.text(&["diff"]),
        format!("{file}: nothing differs from what runs\n")
    );
}

#[test]
fn a_file_with_errors_is_complained_of() {
    let lab = Lab::new();
    let file = lab.file("bad.yaml", "a: [\n");
    let _control = lab.control(vec![running(&lab, "tcp: {}\n")]);
    let output = lab.run(&["diff", &file]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("error:"));
}

#[test]
fn history_is_a_table_or_json() {
    let lab = Lab::new();
    let version = Version {
        version: 12,
        time: 2_000_000_000,
        uid: 1_000,
        user: "alice".into(),
        change: "rollback 3".into(),
        path: "/etc/ucproxy/ucproxy.yaml".into(),
    };
    let answer = || Response::History {
        versions: vec![version.clone()],
    };
    let _control = lab.control(vec![answer(), answer()]);
    let table = lab.text(&["history"]);
    let row = "12  2033-05-18 03:33:20  alice (1000)  rollback 3  /etc/ucproxy/ucproxy.yaml";
    let columns: Vec<_> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(columns, row.split_whitespace().collect::<Vec<_>>());
    let told = lab.json(&["history", "--json"]);
    assert_eq!(told[0]["time"], 2_000_000_000_u64);
}

#[test]
fn a_question_mark_asks_what_the_model_takes() {
    let lab = Lab::new();
    let _control = lab.control(vec![Response::TlsLimit(TlsLimit {
        model: "ASA5580".into(),
        max: 13_000,
        default: 4_000,
        configured: 10_000,
        in_force: 1_000,
        uc_sessions: 100,
    })]);
    let text = lab.text(&["tls-proxy", "maximum-sessions", "?"]);
    assert!(text.starts_with("  <1-13000>  "), "{text}");
    assert!(text.contains("ASA5580: default 4000, configured 10000, in force 1000"));
}

#[test]
fn what_must_be_said_besides_goes_to_stderr() {
    let lab = Lab::new();
    let control = lab.control(vec![
        Response::Applied(Applied {
            generation: Some(4),
            notice: Some("too low".into()),
            not_kept: Some("disk full".into()),
            ..Applied::default()
        }),
        Response::Failed(Failure::NoSuchVersion),
    ]);
    let output = lab.run(&["clear-configuration", "--standby"]);
    assert!(output.status.success());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.contains("too low") && errors.contains("disk full"),
        "{errors}"
    );
    let output = lab.run(&["rollback", "7"]);
    assert_eq!(output.status.code(), Some(1));
    let standby = true;
    assert_eq!(
        control.join().unwrap(),
        [
            Request::ClearConfiguration { standby },
            Request::Rollback {
                version: Some(7),
                enforce: false,
            }
        ]
    );
}
