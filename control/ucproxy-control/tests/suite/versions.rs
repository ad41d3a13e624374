//! Versions that are kept, and going back to them.

use std::fs;

use admin::{Applied, Failure, Request, Response, Version};

use super::dataplane::DataPlane;
use super::harness::{Lab, config, until};

fn history(lab: &Lab) -> Vec<Version> {
    match lab.call(&Request::History) {
        Response::History { versions } => versions,
        other => panic!("{other:?}"),
    }
}

fn rollback(lab: &Lab, version: Option<u64>) -> Response {
    lab.call(&Request::Rollback {
        version,
        enforce: false,
    })
}

fn sessions(lab: &Lab) -> String {
    match lab.call(&Request::Configuration) {
        Response::Configuration(running) => running.text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_version_is_kept_with_its_time_and_user() {
    let lab = Lab::new();
    let _control = lab.start_bare();
    assert_eq!(history(&lab), []);
    for n in 1..=3 {
        lab.apply(&config(n));
    }
    lab.apply("nonsense: 1\n");
    let versions = history(&lab);
    let numbers: Vec<_> = versions.iter().map(|v| v.version).collect();
    assert_eq!(numbers, [3, 2, 1], "what was refused is no version");
    let us = fs::metadata(&lab.dir).unwrap();
    for version in versions {
        assert_eq!(version.uid, std::os::unix::fs::MetadataExt::uid(&us));
        assert!(!version.user.is_empty());
        assert_eq!(version.change, "apply");
        assert!(version.path.ends_with("applied-by-hand.yaml"));
        assert!(version.time > 1_600_000_000);
    }
}

#[test]
fn a_rollback_puts_a_version_in_force_and_is_one_itself() {
    let lab = Lab::new();
    lab.write(&config(1));
    let _control = lab.start();
    let dataplane = DataPlane::start(&lab.dir);
    dataplane.take(1);
    until("in force", || lab.status().in_force);
    std::thread::scope(|scope| {
        let operator = scope.spawn(|| {
            lab.apply(&config(2));
            lab.apply(&config(3));
            rollback(&lab, Some(1))
        });
        for generation in 2..=4 {
            dataplane.take(generation);
        }
        assert!(matches!(operator.join().unwrap(), Response::Applied(_)));
    });
    assert_eq!(dataplane.image().boot.sessions_max, 1);
    let versions = history(&lab);
    let changes: Vec<_> = versions.iter().map(|v| v.change.as_str()).collect();
    assert_eq!(changes, ["rollback 1", "apply", "apply", "start"]);
}

#[test]
fn without_a_number_the_newest_that_differs_is_meant() {
    let lab = Lab::new();
    let _control = lab.start_bare();
    assert_eq!(
        rollback(&lab, None),
        Response::Failed(Failure::NoSuchVersion)
    );
    lab.apply(&config(1));
    assert_eq!(
        rollback(&lab, None),
        Response::Failed(Failure::NoSuchVersion)
    );
    lab.apply(&config(2));
    assert_eq!(rollback(&lab, None), Response::Applied(Applied::default()));
    assert_eq!(sessions(&lab), config(1));
    assert_eq!(rollback(&lab, None), Response::Applied(Applied::default()));
    assert_eq!(sessions(&lab), config(2), "and back");
    assert_eq!(
        rollback(&lab, Some(9)),
        Response::Failed(Failure::NoSuchVersion)
    );
}

#[test]
fn a_full_disk_is_told_and_the_configuration_runs() {
    let lab = Lab::new();
    let control = lab.start_bare();
    lab.apply(&config(1));
    let staged = lab.dir.join("versions/.new");
    std::os::unix::fs::symlink("/dev/full", &staged).unwrap();
    let Response::Applied(applied) = lab.apply(&config(2)) else {
        panic!("refused")
    };
    let error = applied.not_kept.unwrap();
    assert!(error.contains("No space left"), "{error}");
    assert!(control.log().contains("could not be kept"));
    assert_eq!(sessions(&lab), config(2));
    assert_eq!(history(&lab).len(), 1);
    lab.apply(&config(3));
    assert_eq!(history(&lab).len(), 2, "with room again, all is well");
}

#[test]
fn damaged_versions_do_not_keep_control_from_starting() {
    let lab = Lab::new();
    let control = lab.start_bare();
    lab.apply(&config(1));
    lab.apply(&config(2));
    control.kill();
    fs::write(lab.dir.join("versions/00000002.yaml"), b"\xff").unwrap();
    let _control = lab.start_bare();
    assert_eq!(sessions(&lab), config(1));
}
