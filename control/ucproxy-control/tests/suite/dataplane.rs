//! A data plane that does nothing but what control sees of one.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver};

use abi::boot::Origin;
use abi::layout::{Layout, REGION_NAME, Shape};
use abi::policy::PolicyImage;
use abi::secrets::{self, Request, Response, SOCKET_NAME, Secret};
use abi::{BootId, Counter, LayoutId, Limits, Reason};
use shm::Region;

use super::harness::{SOON, until};

/// Starts so far.
static STARTS: AtomicU64 = AtomicU64::new(1);

pub(super) struct DataPlane {
    layout: Layout<'static>,
    keys: Receiver<Vec<Secret>>,
}

impl DataPlane {
    /// Appears in `dir` with one worker, in the place of any before it.
    pub(super) fn start(dir: &Path) -> Self {
        Self::with_room(dir, 1 << 16)
    }

    pub(super) fn with_room(dir: &Path, image_words: usize) -> Self {
        let shape = Shape {
            workers: 2,
            sessions: 4,
            streams: 4,
            image_words,
        };
        let region = Region::create(&dir.join(REGION_NAME), shape.words()).unwrap();
        let layout = Layout::format(region.words(), shape).unwrap();
        let boot = BootId(STARTS.fetch_add(1, Relaxed));
        layout.set_origin(&Origin {
            boot,
            pid: std::process::id().into(),
            started: 1_000,
        });
        layout.set_workers_running(1);
        let socket = dir.join(SOCKET_NAME);
        let _ = fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).unwrap();
        let (sender, keys) = mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut len = [0; 4];
                stream.read_exact(&mut len).unwrap();
                let mut body = vec![0; usize::try_from(u32::from_be_bytes(len)).unwrap()];
                stream.read_exact(&mut body).unwrap();
                let Some(Request::PutKeys {
                    layout,
                    boot: to,
                    keys,
                }) = secrets::decode(&body)
                else {
                    panic!("no request")
                };
                assert_eq!((layout, to), (LayoutId::OURS, boot));
                stream
                    .write_all(&secrets::encode(&Response::Ok).unwrap())
                    .unwrap();
                if sender.send(keys).is_err() {
                    return;
                }
            }
        });
        region.publish().unwrap();
        Self { layout, keys }
    }

    pub(super) fn generation(&self) -> u64 {
        self.layout.policy().unwrap().generation()
    }

    /// The policy in force.
    pub(super) fn image(&self) -> PolicyImage {
        let (_, octets) = self.layout.policy().unwrap().read().unwrap().unwrap();
        PolicyImage::decode(&octets).unwrap()
    }

    pub(super) fn limits(&self) -> Limits {
        self.layout.limits().unwrap().load()
    }

    /// The generation that sessions are held against.
    pub(super) fn enforced(&self) -> u64 {
        self.layout.enforced_generation()
    }

    /// Closes sessions on worker 0 for this reason.
    pub(super) fn close(&self, reason: Reason, n: u64) {
        for _ in 0..n {
            self.layout.counters(0).unwrap().refuse(reason);
        }
    }

    /// Counts something on worker 0.
    pub(super) fn count(&self, counter: Counter, n: u64) {
        self.layout.counters(0).unwrap().add(counter, n);
    }

    /// The keys of the next push.
    pub(super) fn keys(&self) -> Vec<Secret> {
        self.keys.recv_timeout(SOON).unwrap()
    }

    pub(super) fn wait_generation(&self, generation: u64) {
        until("generation", || self.generation() >= generation);
    }

    /// Waits for a generation and obeys it.
    pub(super) fn take(&self, generation: u64) {
        self.wait_generation(generation);
        self.layout.acknowledge(0, generation);
    }

    /// Waits for a generation and cannot use it.
    pub(super) fn refuse(&self, generation: u64) {
        self.wait_generation(generation);
        self.layout.refuse_generation(generation);
    }

    /// Records that it was started with the policy in force.
    pub(super) fn started_with_it(&self) {
        self.layout.set_boot_hash(self.image().restart_hash());
    }

    /// Loses its workers, as one that has not started them yet.
    pub(super) fn set_workers(&self, workers: usize) {
        self.layout.set_workers_running(workers);
    }
}
