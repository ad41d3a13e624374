//! The tables of options against the applications that they are of.

use registry::{APPS, AppOptions};

use super::lab::check;
use crate::document::{Entry, NodeId};
use crate::options::{self, OptionSet, Options};
use crate::section::{Kind, Need};
use crate::yaml;

/// What the application itself says to `text`, a mapping of options: of a kind that it does not
/// read, or out of range.
fn refused(app: &str, text: &str) -> Option<String> {
    let (doc, _) = yaml::read(text.as_bytes()).unwrap();
    let entries: Vec<Entry> = doc.entries(NodeId::ROOT).to_vec();
    let options = Options {
        doc: &doc,
        node: NodeId::ROOT,
        entries: &entries,
    };
    match AppOptions::deserialize(app, options).unwrap() {
        Err(mistake) => Some(mistake.to_string()),
        Ok(raw) => {
            let found = raw.check().err().unwrap_or_default();
            let ranges = found
                .iter()
                .filter(|f| f.problem.to_string().starts_with("expected"));
            ranges.map(|f| format!("{} {}", f.option, f.problem)).next()
        }
    }
}

/// The words in backquotes of serde's message.
fn words(message: &str) -> Vec<&str> {
    message.split('`').skip(3).step_by(2).collect()
}

fn sets() -> Vec<&'static OptionSet> {
    APPS.iter()
        .map(|app| options::find(app.name).unwrap())
        .collect()
}

#[test]
fn every_application_has_a_table_of_just_its_options() {
    for set in sets() {
        let message = refused(set.name, "{no such option: 1}").unwrap();
        let names: Vec<_> = set.section.keys.iter().map(|key| key.name).collect();
        assert_eq!(names, words(&message), "{message}");
    }
}

#[test]
fn ranges_and_words_are_those_of_the_application() {
    for set in sets() {
        for key in set.section.keys {
            let says = |value: &str| refused(set.name, &format!("{{{}: {value}}}", key.name));
            match key.kind {
                Kind::Integer { min, max } => {
                    let range = format!("{} expected {min} to {max}", key.name);
                    assert_eq!(says(&(min - 1).to_string()), Some(range.clone()));
                    assert_eq!(says(&(max + 1).to_string()), Some(range));
                    assert_eq!(says(&min.to_string()), None);
                    assert_eq!(says(&max.to_string()), None);
                }
                Kind::Choice(known) => {
                    let message = says("none of them").unwrap();
                    assert_eq!(words(&message), known, "{message}");
                }
                Kind::Several(Kind::Spelt(known, _)) => {
                    let list = |words: &[&str]| says(&format!("[{}]", words.join(", ")));
                    assert_eq!(list(known), None);
                    assert!(list(&[]).is_some());
                }
                _ => {}
            }
        }
    }
}

/// An application of the kind called `kind`, with these options.
fn application(kind: &str, options: &str) -> String {
    format!(
        "devices: [{{name: d, vdev: net_null0}}]\n\
         interfaces: [{{name: i, device: d, addresses: [192.0.2.1/24]}}]\n\
         servers: [{{name: s, address: 192.0.2.9}}]\n\
         applications:\n\
         \x20 - {{name: a, kind: {kind}, client: {{security: nonsecure}}, {options}\n\
         \x20    listeners: [{{interface: i, address: 192.0.2.2, server: s}}]}}\n"
    )
}

#[test]
fn defaults_written_out_are_what_holds_without_them() {
    for set in sets() {
        let written = set
            .section
            .keys
            .iter()
            .map(|key| match (key.need, &key.kind) {
                (Need::Default(list), Kind::Several(_)) => format!("{}: [{list}]", key.name),
                (Need::Default(word), _) => format!("{}: {word}", key.name),
                _ => format!("{}: []", key.name),
            });
        let written: Vec<_> = written.collect();
        let written = format!("options: {{{}}},", written.join(", "));
        let config = |options: &str| {
            let report = check(&application(set.name, options));
            let texts: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
            report
                .policy
                .unwrap_or_else(|| panic!("{texts:?}"))
                .image
                .apps[0]
                .config
                .clone()
        };
        assert_eq!(config(&written), config(""));
        assert!(!config("").is_empty());
    }
}
