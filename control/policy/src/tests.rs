//! Whole configurations: the example, many bad ones, and anything at all.

mod applies;
mod bad;
mod compiled;
mod lab;
mod options;
mod schema;
mod secrets;
mod trust;

use proptest::prelude::*;

use lab::{Lab, NOW, check};

const EXAMPLE: &str = include_str!("../../../docs/ucproxy.example.yaml");

#[test]
fn the_example_has_nothing_to_complain_of() {
    let report = check(EXAMPLE);
    let texts: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
    assert_eq!(texts, [""; 0]);
    assert!(report.policy.is_some());
}

#[test]
fn the_reference_page_is_the_printed_one() {
    let page = include_str!("../../../docs/configuration.md");
    assert!(
        page == crate::reference(),
        "docs/configuration.md is out of date; write it anew with 'ucproxy reference'"
    );
}

#[test]
fn the_schema_is_the_printed_one() {
    let schema = include_str!("../../../docs/ucproxy.schema.json");
    assert!(
        schema == crate::schema(),
        "docs/ucproxy.schema.json is out of date; write it anew with 'ucproxy reference --schema'"
    );
}

#[test]
fn the_reference_page_has_every_option_of_every_application() {
    let text = EXAMPLE.replacen(
        "    listeners:\n",
        "    options: {what: 1}\n    listeners:\n",
        1,
    );
    let message = check(&text).findings.swap_remove(0).message;
    let (_, known) = message.split_once("expected one of ").unwrap();
    assert!(known.split(", ").count() > 10, "{message}");
    for option in known.split(", ") {
        assert!(
            crate::reference().contains(&format!("| `{option}` |")),
            "{option}"
        );
    }
}

#[test]
fn ten_thousand_rules_are_read_whole() {
    let mut text = String::from(
        "devices: [{name: d, vdev: net_null0}]\n\
         interfaces:\n\
         \x20 - {name: a, device: d, addresses: [192.0.2.1/24]}\n\
         \x20 - {name: b, device: d, vlan: 5, addresses: [198.51.100.1/24]}\n\
         forward:\n",
    );
    for i in 0..10_000 {
        let (high, low) = (i / 256, i % 256);
        text += &format!("  - {{from: a, to: b, destination: 10.{high}.{low}.0/24}}\n");
    }
    let report = check(&text);
    assert_eq!(report.findings, []);
    assert_eq!(report.policy.unwrap().image.forward.len(), 10_000);
}

#[test]
fn warnings_without_end_do_not_hide_an_error_and_are_counted() {
    let mut text = String::from("servers:\n");
    for i in 0..600 {
        text += &format!(
            "  - {{name: s{i}, address: 203.0.{}.{}}}\n",
            i / 256,
            i % 256
        );
    }
    text += "tcp: {keepalive: never}\n";
    let report = check(&text);
    assert!(report.has_errors());
    assert!(report.policy.is_none());
    let last = report.findings.last().unwrap().to_string();
    assert_eq!(last, "602:18: warning: and 100 more warnings, not shown");
}

#[test]
fn findings_are_bounded() {
    let text: String = (0..5_000).map(|i| format!("key{i}: 1\n")).collect();
    let report = check(&text);
    assert_eq!(report.findings.len(), crate::document::FINDINGS_MAX + 1);
    let last = report.findings.last().unwrap().to_string();
    assert_eq!(last, "500:1: error: and 4500 more errors, not shown");
    assert!(report.policy.is_none());
}

/// The example with one piece of it replaced by another.
fn damaged(at: usize, len: usize, with: &[u8]) -> Vec<u8> {
    let mut text = EXAMPLE.as_bytes().to_vec();
    let start = at % text.len();
    let end = (start + len).min(text.len());
    text.splice(start..end, with.iter().copied());
    text
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<Vec<u8>>()) {
        let _ = crate::Report::of(&text, &Lab::EMPTY, NOW);
    }

    #[test]
    fn no_yaml_panics(text in "([ \\-\\[\\]{}:,#'\"\n|>?&*!%@a-z0-9.]|: |- |\n  ){0,200}") {
        let _ = crate::Report::of(text.as_bytes(), &Lab::EMPTY, NOW);
    }

    #[test]
    fn no_damage_to_the_example_panics(
        at in any::<usize>(),
        len in 0..200usize,
        with in "[ \\-\\[\\]{}:,#'\"\na-z0-9./]{0,20}",
    ) {
        let _ = crate::Report::of(&damaged(at, len, with.as_bytes()), &Lab::EMPTY, NOW);
    }

    #[test]
    fn pieces_of_the_example_in_any_order_do_not_panic(
        lines in proptest::collection::vec(any::<prop::sample::Index>(), 0..60),
    ) {
        let all: Vec<_> = EXAMPLE.lines().collect();
        let text: Vec<_> = lines.iter().map(|line| *line.get(&all)).collect();
        let _ = crate::Report::of(text.join("\n").as_bytes(), &Lab::EMPTY, NOW);
    }
}
