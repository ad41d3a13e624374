//! Inputs that once broke something, and the seeds, on stable Rust without the fuzzer.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fuzz_targets::{TARGETS, run, seeds};

fn fuzz_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("fuzz")
}

/// Names of the files and folders in a folder; none if it is not there.
fn names(dir: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn inputs_that_broke_something_break_nothing_now() {
    let regressions = fuzz_dir().join("regressions");
    for target in names(&regressions) {
        for file in names(&regressions.join(&target)) {
            println!("{target} {file}");
            let path = regressions.join(&target).join(file);
            run(&target, &fs::read(path).unwrap());
        }
    }
}

#[test]
fn seeds_break_nothing() {
    for (target, _) in TARGETS {
        for (n, seed) in seeds(target).iter().enumerate() {
            println!("{target} seed {n}");
            run(target, seed);
        }
    }
}

#[test]
fn no_input_at_all_breaks_nothing() {
    for (target, run) in TARGETS {
        println!("{target}");
        run(&[]);
        run(&[0; 64]);
        run(&[0xff; 64]);
    }
}

#[test]
fn every_target_has_its_fuzzer() {
    let ours: BTreeSet<String> = TARGETS
        .iter()
        .map(|(name, _)| format!("{name}.rs"))
        .collect();
    assert_eq!(names(&fuzz_dir().join("fuzz_targets")), ours);
}
