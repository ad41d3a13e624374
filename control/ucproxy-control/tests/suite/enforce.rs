//! Changes that are enforced on established sessions.

use std::thread;

use abi::Reason;
use admin::{Applied, Request, Response};

use super::dataplane::DataPlane;
use super::harness::{Lab, config, until};

#[test]
fn enforced_change_says_how_many_sessions_it_closed_and_no_later_one_enforces() {
    let lab = Lab::new();
    lab.write(&config(1));
    let _control = lab.start();
    let dataplane = DataPlane::start(&lab.dir);
    dataplane.take(1);
    assert_eq!(dataplane.enforced(), 0);
    dataplane.close(Reason::PolicyEnforced, 4);
    let closed = |generation, request: &Request, closes| {
        thread::scope(|scope| {
            let answer = scope.spawn(|| lab.call(request));
            dataplane.wait_generation(generation);
            dataplane.close(Reason::LimitEnforced, closes);
            dataplane.take(generation);
            match answer.join().unwrap() {
                Response::Applied(Applied { closed, .. }) => closed,
                other => panic!("{other:?}"),
            }
        })
    };
    assert_eq!(closed(2, &lab.request(&config(2), true), 3), Some(3));
    assert_eq!(dataplane.enforced(), 2);
    assert_eq!(closed(3, &lab.request(&config(3), false), 0), None);
    assert_eq!(dataplane.enforced(), 0);
    // The same again, and a limit alone, which workers would take up without being told.
    assert_eq!(closed(4, &lab.request(&config(3), true), 2), Some(2));
    let limit = config(3).replace("uc_sessions: 3", "uc_sessions: 1");
    assert_eq!(closed(5, &lab.request(&limit, true), 1), Some(1));
    assert_eq!(dataplane.enforced(), 5);
}

#[test]
fn control_that_starts_anew_enforces_nothing() {
    let lab = Lab::new();
    lab.write(&config(1));
    let control = lab.start();
    let dataplane = DataPlane::start(&lab.dir);
    dataplane.take(1);
    thread::scope(|scope| {
        scope.spawn(|| lab.call(&lab.request(&config(2), true)));
        dataplane.take(2);
    });
    drop(control);
    let _control = lab.start();
    dataplane.take(3);
    until("in force", || lab.status().in_force);
    assert_eq!(dataplane.enforced(), 0);
}
