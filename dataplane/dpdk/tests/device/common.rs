//! Each test in a process of its own, since a process starts the EAL once.

use std::any;
use std::env;
use std::process::Command;

use arrayvec::ArrayVec;
use dpdk::eal::Memory;
use dpdk::{Eal, EalConfig, Mbuf, Pool, PoolConfig};
use wire::{BURST, Burst, Frame};

/// Names the test that the child process is to run.
const CHILD: &str = "DPDK_TEST_CHILD";

/// Runs the test that `body` is written in, with a fresh EAL of `workers` workers and no
/// hugepages.
pub(crate) fn with_eal<F: FnOnce(Eal)>(workers: usize, body: F) {
    let test = test_name::<F>();
    if env::var(CHILD).is_ok_and(|child| child == test) {
        let config = EalConfig {
            workers: vec![0; workers],
            memory: Memory::NoHuge,
            memory_mib: Some(64),
            ..EalConfig::default()
        };
        body(Eal::init(&config).unwrap());
        return;
    }
    let child = Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(CHILD, test)
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&child.stdout);
    let err = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{out}\n{err}");
    assert!(
        out.contains("1 passed"),
        "the child ran no test called {test}:\n{out}"
    );
}

/// Gives the calling thread a network namespace of its own, so that the machine's is left alone.
pub(crate) fn own_namespace() {
    // SAFETY: affects the calling thread only.
    let rc = unsafe { libc::unshare(libc::CLONE_NEWNET) };
    assert_eq!(rc, 0, "run as root");
}

/// Runs iproute2; returns what it says.
pub(crate) fn ip(args: &str) -> String {
    let output = Command::new("ip")
        .args(args.split_whitespace())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {args}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A closure's type is named after the function around it, which is the test.
fn test_name<F>() -> &'static str {
    let path = any::type_name::<F>().split("::{{closure}}").next().unwrap();
    path.split_once("::").unwrap().1
}

pub(crate) fn pool(eal: &Eal, name: &str, mbufs: u32) -> Pool {
    Pool::create(
        eal,
        name,
        &PoolConfig {
            mbufs,
            cache: 0,
            ..PoolConfig::default()
        },
    )
    .unwrap()
}

/// A frame of `len` octets that all say `tag`.
pub(crate) fn frame(pool: &Pool, tag: u8, len: usize) -> Mbuf {
    let mut frame = pool.alloc().unwrap();
    assert!(frame.append(len));
    frame.data_mut().fill(tag);
    frame
}

/// A burst of `n` frames that are tagged with their place.
pub(crate) fn burst(pool: &Pool, n: u8) -> Burst<Mbuf> {
    assert!(usize::from(n) <= BURST);
    (0..n).map(|tag| frame(pool, tag, 60)).collect()
}

pub(crate) fn tags<const N: usize>(burst: &ArrayVec<Mbuf, N>) -> Vec<u8> {
    burst.iter().map(|frame| frame.data()[0]).collect()
}
