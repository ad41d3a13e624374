//! A runtime directory with a region in it, and the tool run on it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use abi::BootId;
use abi::boot::Origin;
use abi::layout::{Layout, REGION_NAME, Shape};
use admin::{Request, Response};
use serde_json::Value;
use shm::Region;

pub(super) struct Lab {
    pub(super) dir: PathBuf,
}

impl Lab {
    pub(super) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("ucproxy-cli-{}-{n}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        fs::set_permissions(&dir, Permissions::from_mode(0o700)).unwrap();
        Self { dir }
    }

    /// A region with two workers, of a data plane whose process is this test.
    pub(super) fn region(&self) -> Layout<'static> {
        let shape = Shape {
            workers: 3,
            sessions: 4,
            streams: 4,
            image_words: 1 << 12,
        };
        let region = Region::create(&self.dir.join(REGION_NAME), shape.words()).unwrap();
        let layout = Layout::format(region.words(), shape).unwrap();
        layout.set_origin(&Origin {
            boot: BootId(0xb007),
            pid: std::process::id().into(),
            started: 1_000,
        });
        layout.set_workers_running(2);
        region.publish().unwrap();
        layout
    }

    /// A control process that gives these answers, one to each request; returns the requests.
    pub(super) fn control(&self, answers: Vec<Response>) -> JoinHandle<Vec<Request>> {
        let listener = UnixListener::bind(self.dir.join(admin::SOCKET_NAME)).unwrap();
        std::thread::spawn(move || {
            let answer = |answer: Response| {
                let (mut stream, _) = listener.accept().unwrap();
                let request = admin::read(&mut stream).unwrap();
                admin::write(&mut stream, &answer).unwrap();
                request
            };
            answers.into_iter().map(answer).collect()
        })
    }

    pub(super) fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_ucproxy"))
            .arg("--runtime-dir")
            .arg(&self.dir)
            .args(args)
            .output()
            .unwrap()
    }

    /// The same in an address space of so many MiB.
    pub(super) fn run_within(&self, mib: u32, args: &[&str]) -> Output {
        let kib = mib * 1_024;
        Command::new("sh")
            .arg("-c")
            .arg(format!("ulimit -v {kib}; exec \"$0\" \"$@\""))
            .arg(env!("CARGO_BIN_EXE_ucproxy"))
            .args(args)
            .output()
            .unwrap()
    }

    pub(super) fn text(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(super) fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.text(args)).unwrap()
    }

    pub(super) fn file(&self, name: &str, text: &str) -> String {
        let path = self.dir.join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}
