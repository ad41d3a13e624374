//! `top`, in a terminal that `script` makes.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use abi::Reason;
use abi::layout::REGION_NAME;

use super::harness::Lab;

/// Tells who holds the terminal's other end and its modes before and after; the shell in between
/// keeps the tool's pid known.
const SESSION: &str = r#"stty rows 30 cols 140
echo "holder $PPID."
echo "before $(stty -g)."
sh -c 'echo "pid $$."; exec "$TOOL" --runtime-dir "$LAB" top'
status=$?
echo "after $(stty -g)."
echo "status $status."
"#;

/// Ends a tool that never says what a test waits for, so that the test fails instead of hanging.
const PATIENCE_SECONDS: &str = "300";

struct Terminal {
    child: Child,
    keys: ChildStdin,
    screen: ChildStdout,
    seen: String,
}

impl Terminal {
    fn open(lab: &Lab) -> Self {
        let mut child = Command::new("timeout")
            .args([PATIENCE_SECONDS, "script", "-qec", SESSION, "/dev/null"])
            .env("TOOL", env!("CARGO_BIN_EXE_ucproxy"))
            .env("LAB", &lab.dir)
            .env("SHELL", "/bin/sh")
            .env("TERM", "xterm-256color")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            keys: child.stdin.take().unwrap(),
            screen: child.stdout.take().unwrap(),
            child,
            seen: String::new(),
        }
    }

    /// Reads the screen until `found` finds what it looks for in all that was ever drawn.
    fn until<T>(&mut self, what: &str, found: impl Fn(&str) -> Option<T>) -> T {
        let mut part = [0; 4_096];
        loop {
            if let Some(found) = found(&self.seen) {
                return found;
            }
            let n = self.screen.read(&mut part).unwrap();
            assert_ne!(n, 0, "no {what:?} in {:?}", self.seen);
            self.seen += &String::from_utf8_lossy(&part[..n]);
        }
    }

    fn wait_for(&mut self, text: &str) {
        self.until(text, |seen| seen.contains(text).then_some(()));
    }

    /// What was said after `label`, up to a full stop.
    fn said(&mut self, label: &str) -> String {
        self.until(label, |seen| {
            let (_, rest) = seen.split_once(label)?;
            Some(rest.split_once('.')?.0.to_owned())
        })
    }

    fn press(&mut self, octets: &[u8]) {
        self.keys.write_all(octets).unwrap();
    }

    /// The tool has ended well, and the terminal is as it was.
    fn close(self) {
        self.close_with("0");
    }

    /// The tool has ended with `status`, and the terminal is as it was.
    fn close_with(mut self, status: &str) {
        let (before, after) = (self.said("before "), self.said("after "));
        assert_eq!(before, after, "modes");
        assert_eq!(self.said("status "), status);
        assert_eq!(self.seen.matches("\u{1b}[?1049h").count(), 1, "entered");
        assert_eq!(self.seen.matches("\u{1b}[?1049l").count(), 1, "left");
        drop(self.keys);
        self.child.wait().unwrap();
    }
}

fn kill(signal: &str, pid: &str) {
    let killed = Command::new("kill").args([signal, pid]).status();
    assert!(killed.unwrap().success());
}

/// Waits for the end of process `pid`, which not everywhere has a parent that looks.
fn wait_end(pid: &str) {
    let pid = pid.parse().unwrap();
    let mut looks = 0..12_000;
    while shm::lives(pid, Path::new("/proc/self/no-lock")) {
        assert!(looks.next().is_some(), "{pid} runs on");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

#[test]
fn it_draws_and_a_key_ends_it() {
    let lab = Lab::new();
    let _layout = lab.region();
    let mut terminal = Terminal::open(&lab);
    let pid = std::process::id();
    terminal.wait_for(&format!("ucproxy top: data plane {pid} up"));
    terminal.wait_for("q quit");
    terminal.press(b"q");
    terminal.close();
}

#[test]
fn it_follows_a_data_plane_that_starts_anew() {
    let (lab, next) = (Lab::new(), Lab::new());
    lab.region().beat(1_000_000_000);
    let mut terminal = Terminal::open(&lab);
    terminal.wait_for("q quit");
    let layout = next.region();
    layout.beat(3_000_000_000);
    let counters = layout.counters(1).unwrap();
    for _ in 0..6 {
        counters.refuse(Reason::SrtpAuthFailed);
    }
    fs::rename(next.dir.join(REGION_NAME), lab.dir.join(REGION_NAME)).unwrap();
    terminal.wait_for("3.0 a second, 6 in all");
    terminal.press(b"q");
    terminal.close();
}

#[test]
fn a_signal_leaves_the_terminal_as_it_was() {
    let lab = Lab::new();
    let _layout = lab.region();
    let mut terminal = Terminal::open(&lab);
    let pid = terminal.said("pid ");
    terminal.wait_for("q quit");
    kill("-TERM", &pid);
    terminal.close_with("143");
}

#[test]
fn half_a_key_stops_nothing() {
    let lab = Lab::new();
    let _layout = lab.region();
    for half in [
        b"\x1b[".as_slice(),
        b"\x1bO",
        b"\x1b[200~",
        b"\xc3",
        b"\xff",
    ] {
        let mut terminal = Terminal::open(&lab);
        let pid = terminal.said("pid ");
        terminal.wait_for("q quit");
        // The first is the sequence's own should both come at once.
        terminal.press(&[half, b"sp"].concat());
        terminal.wait_for("paused");
        terminal.press(half);
        kill("-TERM", &pid);
        terminal.close_with("143");
    }
    let mut terminal = Terminal::open(&lab);
    terminal.wait_for("q quit");
    terminal.press(b"\xffq");
    terminal.close();
}

#[test]
fn it_ends_with_its_terminal() {
    let lab = Lab::new();
    let _layout = lab.region();
    for typed in [b"".as_slice(), b"\x1b["] {
        let mut terminal = Terminal::open(&lab);
        let (holder, pid) = (terminal.said("holder "), terminal.said("pid "));
        terminal.wait_for("q quit");
        terminal.press(typed);
        kill("-KILL", &holder);
        wait_end(&pid);
        terminal.child.wait().unwrap();
    }
}

#[test]
fn without_a_terminal_it_says_what_to_use_instead() {
    let lab = Lab::new();
    let _layout = lab.region();
    let output = lab.run(&["top"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "ucproxy: top needs a terminal; 'show' prints the same to anything\n"
    );
}
