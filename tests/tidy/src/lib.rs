//! What the rules of the repository look at: the workspace as cargo sees it, and its files.
//!
//! The rules themselves are `tests/rules.rs`, one test each. Here are those that neither the
//! compiler nor cargo-deny checks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A crate of the workspace.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its folder, from the root of the repository.
    pub folder: PathBuf,
    /// Our crates that it depends on, tests and build scripts left out.
    pub uses: BTreeSet<String>,
    /// Our crates that only its tests and benches depend on.
    pub tests_use: BTreeSet<String>,
    /// Whether it may be published.
    pub publishable: bool,
    /// Text of its manifest.
    pub manifest: String,
}

/// Root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// Every crate of the workspace, by name.
///
/// # Panics
/// When cargo does not answer: there is nothing to check then.
#[must_use]
#[expect(
    clippy::expect_used,
    reason = "a tool for tests; they fail with the message"
)]
pub fn packages() -> BTreeMap<String, Package> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output()
        .expect("cargo metadata runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let list = metadata.get("packages").and_then(Value::as_array);
    let list = list.expect("cargo metadata lists packages");
    let names: BTreeSet<&str> = list.iter().map(|p| text(p, "name")).collect();
    list.iter()
        .map(|json| package(json, &names))
        .map(|p| (p.name.clone(), p))
        .collect()
}

fn package(json: &Value, ours: &BTreeSet<&str>) -> Package {
    let manifest = PathBuf::from(text(json, "manifest_path"));
    let folder = manifest.parent().unwrap_or(&manifest);
    let all = json.get("dependencies").and_then(Value::as_array);
    let ours_of = |tests: bool| {
        all.into_iter()
            .flatten()
            .filter(|dependency| (text(dependency, "kind") == "dev") == tests)
            .map(|dependency| text(dependency, "name"))
            .filter(|name| ours.contains(name))
            .map(str::to_owned)
            .collect()
    };
    Package {
        name: text(json, "name").to_owned(),
        folder: folder.strip_prefix(root()).unwrap_or(folder).to_owned(),
        uses: ours_of(false),
        tests_use: ours_of(true),
        publishable: json
            .get("publish")
            .is_none_or(|p| p.as_array().is_none_or(|to| !to.is_empty())),
        manifest: fs::read_to_string(&manifest).unwrap_or_default(),
    }
}

fn text<'j>(json: &'j Value, key: &str) -> &'j str {
    json.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The allowed arrows: for each crate, whom it may name.
#[must_use]
pub fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let table = fs::read_to_string(root().join("tests/tidy/arrows.txt")).unwrap_or_default();
    table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(':'))
        .map(|(name, to)| {
            (
                name.to_owned(),
                to.split_whitespace().map(str::to_owned).collect(),
            )
        })
        .collect()
}

/// Every file of the repository that git tracks or would track, with one of `extensions`; paths
/// are from the root.
#[must_use]
pub fn files(extensions: &[&str]) -> Vec<(PathBuf, String)> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .map(|output| output.stdout)
        .unwrap_or_default();
    let listed = String::from_utf8_lossy(&listed).into_owned();
    listed
        .lines()
        .map(PathBuf::from)
        .filter(|path| {
            let extension = path
                .extension()
                .and_then(|e| e.to_str())
                .unwrap_or_default();
            extensions.contains(&extension)
        })
        .filter_map(|path| Some((path.clone(), fs::read_to_string(root().join(path)).ok()?)))
        .collect()
}

/// Lines of every Rust file for which `is_fault` holds, as `file:line: text`.
///
/// The rules' own file is left out: it names what it forbids.
#[must_use]
pub fn faults(is_fault: impl Fn(&str) -> bool) -> Vec<String> {
    files(&["rs"])
        .iter()
        .filter(|(path, _)| !path.starts_with("tests/tidy"))
        .flat_map(|(path, text)| {
            let is_fault = &is_fault;
            text.lines()
                .enumerate()
                .filter(move |(_, line)| is_fault(line))
                .map(move |(n, line)| format!("{}:{}: {}", path.display(), n + 1, line.trim()))
        })
        .collect()
}
