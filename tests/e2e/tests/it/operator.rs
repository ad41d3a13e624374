//! The demo as an operator runs it: what it prints, and that it leaves nothing behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use e2e::error::{Failure, Result, ensure};
use e2e::netns::run;
use e2e::process::Process;
use e2e::proxy::binaries;
use e2e::wait::STEP;
use nix::sys::signal::Signal;

/// Longest time that a demo may take until both calls are over.
const DEMO: Duration = Duration::from_secs(900);

/// A demo in this process's namespace, with its output in a file.
struct Demo {
    process: Process,
    dir: PathBuf,
}

impl Demo {
    fn start(arguments: &[&str]) -> Result<Self> {
        let name = format!("demo-{}{}", std::process::id(), arguments.concat());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).map_err(|e| Failure::io("make", &dir, e))?;
        let binary = binaries()?.join("demo").display().to_string();
        let command = [&[binary.as_str()], arguments].concat();
        let process = Process::start_here(&dir, "demo", &command)?;
        Ok(Self { process, dir })
    }

    /// Whatever bears the demo's number: namespaces, folders, processes that were told of them.
    fn left(&self) -> Result<Vec<String>> {
        let mark = format!("ucp-{}-", self.process.pid());
        let mut left: Vec<String> = run(&["ip", "netns", "list"])?
            .lines()
            .map(str::to_owned)
            .collect();
        left.extend(names(&std::env::temp_dir()));
        for pid in names(Path::new("/proc")) {
            let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            left.push(String::from_utf8_lossy(&command).replace('\0', " "));
        }
        left.retain(|name| name.contains(&mark));
        Ok(left)
    }

    fn leaves_nothing(&self, hugepages_before: &[String]) -> Result<()> {
        let left = self.left()?;
        ensure(left.is_empty(), || format!("left behind: {left:#?}"))?;
        let mut hugepages = hugepages();
        hugepages.retain(|file| !hugepages_before.contains(file));
        ensure(hugepages.is_empty(), || {
            format!("hugepages left behind: {hugepages:#?}")
        })
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.dir).ok();
    }
}

fn names(dir: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok())
}

/// Files that hold hugepages. Those without a file go with the process that has them.
fn hugepages() -> Vec<String> {
    names(Path::new("/dev/hugepages")).collect()
}

#[test]
fn demo_that_stays_ends_at_an_interrupt_and_leaves_nothing() -> Result<()> {
    let before = hugepages();
    let mut demo = Demo::start(&["--stay"])?;
    demo.process.wait_line("A call is up", DEMO)?;
    let said = demo.process.log().text();
    ensure(!said.contains('\r'), || {
        format!("overwritten lines, and no terminal: {said:?}")
    })?;
    ensure(!demo.left()?.is_empty(), || "no trace of a lab".to_owned())?;
    demo.process.signal(Signal::SIGINT);
    let status = demo.process.wait_exit(STEP)?;
    ensure(status.success(), || demo.process.log().tail())?;
    demo.leaves_nothing(&before)
}

#[test]
fn demo_that_is_stopped_half_way_fails_and_leaves_nothing() -> Result<()> {
    let before = hugepages();
    let mut demo = Demo::start(&["--secure"])?;
    demo.process.wait_line("  2 s", DEMO)?;
    demo.process.signal(Signal::SIGTERM);
    let status = demo.process.wait_exit(STEP)?;
    ensure(!status.success(), || demo.process.log().tail())?;
    demo.leaves_nothing(&before)
}
