//! Bad configurations in `tests/bad`, each followed by what must be found in it.
//!
//! A case is a file; what is expected stands at its end in lines that begin with `#> `.

use std::fs;
use std::path::Path;

use super::lab::check;

const MARK: &str = "#> ";

#[test]
fn every_bad_configuration_is_found_out() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() > 20);
    let mut failures = String::new();
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().filter_map(|line| line.strip_prefix(MARK));
        let expected: Vec<_> = lines.map(str::to_owned).collect();
        let found = found(&text);
        if found != expected {
            failures += &format!("\n{}:\n", path.display());
            for line in &found {
                failures += &format!("{MARK}{line}\n");
            }
        }
    }
    assert!(failures.is_empty(), "what was found instead:{failures}");
}

fn found(text: &str) -> Vec<String> {
    let report = check(text);
    let texts = report.findings.iter().map(ToString::to_string);
    texts
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}
