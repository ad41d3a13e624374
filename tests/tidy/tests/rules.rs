//! The rules, one test each. A failure lists every place that breaks the rule.

use std::collections::BTreeSet;

use tidy::{arrows, faults, files, packages};

/// The only crates in which `unsafe` may be written.
const UNSAFE: [&str; 4] = ["crypto", "dpdk", "dpdk-sys", "shm"];

/// Lines at which a file is split.
const LINES_MAX: usize = 800;

/// Fails with every fault on a line of its own.
fn none(rule: &str, faults: Vec<String>) {
    assert!(faults.is_empty(), "{rule}:\n  {}", faults.join("\n  "));
}

#[test]
fn arrows_are_those_of_the_picture() {
    let allowed = arrows();
    let mut faults = Vec::new();
    for package in packages()
        .values()
        .filter(|p| !p.folder.starts_with("tests") && !p.folder.starts_with("perf"))
    {
        match allowed.get(&package.name) {
            None => faults.push(format!("{} is not in the picture", package.name)),
            Some(to) => faults.extend(
                package
                    .uses
                    .difference(to)
                    .map(|other| format!("{} -> {other}", package.name)),
            ),
        }
    }
    none("arrows that tests/tidy/arrows.txt does not have", faults);
}

#[test]
fn pipelines_and_control_stay_clear_of_the_dataplane() {
    let packages = packages();
    let dataplane: BTreeSet<&String> = packages
        .values()
        .filter(|p| p.folder.starts_with("dataplane"))
        .map(|p| &p.name)
        .collect();
    let mut faults = Vec::new();
    for package in packages.values() {
        let allowed: &[&str] = if package.folder.starts_with("pipelines") {
            &["abi"]
        } else if package.folder.starts_with("control") {
            &["abi", "shm"]
        } else {
            continue;
        };
        // Their tests too: they run where there is neither DPDK nor ipsec-mb.
        for other in package.uses.union(&package.tests_use) {
            if dataplane.contains(other) && !allowed.contains(&other.as_str()) {
                faults.push(format!("{} -> {other}", package.name));
            }
        }
    }
    none(
        "crates of the dataplane that pipelines or control name",
        faults,
    );
}

#[test]
fn folder_and_crate_have_one_name() {
    let mut faults = Vec::new();
    for package in packages().values() {
        let folder = package
            .folder
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        // Benchmarks are named for what they measure, so they need a word in front.
        let benchmark =
            package.folder.starts_with("perf") && package.name == format!("perf-{folder}");
        if package.name != folder && !benchmark {
            faults.push(format!("{} in {}", package.name, package.folder.display()));
        }
    }
    none("crates named otherwise than their folder", faults);
}

#[test]
fn nothing_is_published_by_accident() {
    let faults = packages()
        .values()
        .filter(|p| p.publishable)
        .map(|p| p.name.clone())
        .collect();
    none("crates without `publish = false`", faults);
}

#[test]
fn unsafe_code_lives_in_four_crates() {
    let mut faults = Vec::new();
    for package in packages().values() {
        let inherits = package.manifest.contains("[lints]\nworkspace = true");
        let repeats = package.manifest.contains("unsafe_code = \"allow\"");
        let may = UNSAFE.contains(&package.name.as_str());
        if may != repeats || may == inherits {
            faults.push(package.name.clone());
        }
    }
    none("crates with the wrong lint table", faults);
}

#[test]
fn crates_with_unsafe_repeat_every_lint() {
    let (_, root) = files(&["toml"])
        .into_iter()
        .find(|(path, _)| path.to_str() == Some("Cargo.toml"))
        .expect("the root manifest");
    let (_, lints) = root
        .split_once("[workspace.lints.rust]")
        .expect("the lint tables");
    let (lints, _) = lints.split_once("\n[profile").unwrap_or((lints, ""));
    let wanted = lints
        .lines()
        .filter(|line| line.contains(" = ") && !line.starts_with("unsafe_code"));
    let wanted: Vec<&str> = wanted.collect();
    let mut faults = Vec::new();
    for (name, package) in packages()
        .iter()
        .filter(|(name, _)| UNSAFE.contains(&name.as_str()))
    {
        for lint in &wanted {
            if !package.manifest.lines().any(|line| line == *lint) {
                faults.push(format!("{name}: {lint}"));
            }
        }
    }
    none(
        "lints of the workspace that a crate with unsafe leaves out",
        faults,
    );
}

#[test]
fn files_stay_short() {
    let faults = files(&["rs"])
        .iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|&(_, lines)| LINES_MAX < lines)
        .map(|(path, lines)| format!("{}: {lines} lines", path.display()))
        .collect();
    none("files to split", faults);
}

#[test]
fn lints_are_never_switched_off_without_a_reason() {
    let bare = faults(|line| {
        let line = line.trim_start();
        line.starts_with("#[allow(") || line.starts_with("#![allow(")
    });
    // Bindings that bindgen makes are the one place where an `expect` cannot work.
    let bare = bare
        .into_iter()
        .filter(|fault| !fault.starts_with("dataplane/dpdk-sys/src/bindings.rs"));
    none("bare `allow`", bare.collect());

    let mut faults = Vec::new();
    for (path, text) in files(&["rs"]) {
        for (at, _) in text
            .match_indices("#[expect(")
            .chain(text.match_indices("#![expect("))
        {
            let attribute = text[at..].split(")]").next().unwrap_or_default();
            if !attribute.contains("reason = ") && !path.starts_with("tests/tidy") {
                let line = text[..at].lines().count() + 1;
                faults.push(format!("{}:{line}", path.display()));
            }
        }
    }
    none("`expect` without a reason", faults);
}

#[test]
fn nothing_is_left_for_later() {
    let words = ["TODO", "FIXME", "XXX", "HACK", "todo!(", "unimplemented!("];
    none(
        "work left for later",
        faults(|line| words.iter().any(|word| line.contains(word))),
    );
}

#[test]
fn default_build_needs_no_dpdk() {
    let (_, root) = files(&["toml"])
        .into_iter()
        .find(|(path, _)| path.to_str() == Some("Cargo.toml"))
        .expect("the root manifest");
    let members = root
        .lines()
        .find(|line| line.starts_with("default-members"))
        .expect("a default");
    let hardware = ["dpdk-sys", "dpdk", "crypto", "worker", "ucproxy-dataplane"];
    let faults: Vec<String> = hardware
        .iter()
        .filter(|name| members.contains(&format!("\"dataplane/{name}\"")))
        .map(|&name| name.to_owned())
        .collect();
    none("default members that need libdpdk or libipsec-mb", faults);
    assert!(
        !members.contains("\"dataplane/*\""),
        "default members name each dataplane crate"
    );
    assert!(!members.contains("e2e"), "the end-to-end tests need root");
}

#[test]
fn every_crate_says_what_it_is() {
    let mut faults = Vec::new();
    for package in packages().values() {
        let heads = ["src/lib.rs", "src/main.rs"].map(|head| package.folder.join(head));
        let sources = files(&["rs"]);
        let head = sources.iter().find(|(path, _)| heads.contains(path));
        if head.is_none_or(|(_, text)| !text.starts_with("//! ") || text.lines().count() < 3) {
            faults.push(package.name.clone());
        }
    }
    none(
        "crates that are empty or whose head does not say what they are",
        faults,
    );
}
