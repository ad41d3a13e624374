//! What the questions share: a folder, CPUs, and the generator as a process of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use e2e::netns::Netns;
use perf_harness::Options;
use perf_loadgen::{Report, Stream, write};

use crate::error::{BenchError, Result, io};

/// CPU of the generator.
pub(crate) const GENERATOR_CPU: u16 = 0;
/// CPU of what is measured.
pub(crate) const MEASURED_CPU: u16 = 1;

/// Seconds after which a generator has hung.
const PATIENCE: &str = "600";

/// Free hugepages of 2 MiB from which on every process takes hugepages.
const HUGEPAGES_WANTED: u64 = 256;

/// A run of this program: its folder, removed at the end.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) options: Options,
    folder: PathBuf,
    pub(crate) hugepages: bool,
}

impl Bench {
    /// Makes the folder.
    pub(crate) fn new(options: Options) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("perf-memif-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(io("folder for the run"))?;
        let free = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";
        let free = fs::read_to_string(free).unwrap_or_default();
        let free: u64 = free.trim().parse().unwrap_or(0);
        Ok(Self {
            options,
            folder,
            hugepages: free >= HUGEPAGES_WANTED,
        })
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Number of this run, for names that are the machine's.
    pub(crate) fn id(&self) -> String {
        std::process::id().to_string()
    }

    /// One end of the memif to what is measured. `role` is `server` on its side, `client` on
    /// the generator's.
    pub(crate) fn memif(&self, end: usize, role: &str) -> String {
        format!(
            "net_memif{end},role={role},id=0,socket-abstract=yes,socket=perf-memif-{}-{end}",
            std::process::id()
        )
    }

    /// Writes a list of streams and returns its path.
    pub(crate) fn streams(&self, name: &str, streams: &[Stream]) -> Result<String> {
        let path = self.folder.join(format!("{name}.jsonl"));
        write(&path, streams)?;
        Ok(path.display().to_string())
    }

    /// The generator between the two ends of the memif, or in `netns` between other vdevs.
    pub(crate) fn generator(&self, streams: &str) -> Generator<'_> {
        let mut generator = Generator {
            bench: self,
            netns: None,
            arguments: Vec::new(),
        };
        generator.arguments.push("run".to_owned());
        if self.hugepages {
            generator.arguments.push("--hugepages".to_owned());
        }
        generator
            .set("streams", streams)
            .set("cpu", &GENERATOR_CPU.to_string())
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // What is left over is in the machine's folder for temporary files.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A generator that is about to be run.
#[derive(Clone, Debug)]
pub(crate) struct Generator<'b> {
    bench: &'b Bench,
    netns: Option<&'b Netns>,
    arguments: Vec<String>,
}

impl<'b> Generator<'b> {
    /// Adds `--name value`.
    #[must_use]
    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.arguments.push(format!("--{name}"));
        self.arguments.push(value.to_owned());
        self
    }

    /// Adds `--name`.
    #[must_use]
    pub(crate) fn flag(mut self, name: &str) -> Self {
        self.arguments.push(format!("--{name}"));
        self
    }

    /// Puts it between the ends of the memif.
    #[must_use]
    pub(crate) fn over_memif(self) -> Self {
        let ends = [0, 1].map(|end| self.bench.memif(end, "client"));
        let [outside, inside] = ends;
        self.set("outside", &outside).set("inside", &inside)
    }

    /// Puts it into a namespace.
    #[must_use]
    pub(crate) const fn within(mut self, netns: &'b Netns) -> Self {
        self.netns = Some(netns);
        self
    }

    /// Runs it; it says what came of each repetition.
    pub(crate) fn run(&self) -> Result<Vec<Report>> {
        let here = std::env::current_exe().map_err(io("this program"))?;
        let program = here.with_file_name("perf-loadgen");
        if !program.is_file() {
            let missing = "is not built: cargo build --release -p perf-loadgen";
            return Err(BenchError::Generator(missing.to_owned()));
        }
        // Each of the two would outlive its parent: `timeout` this program, the generator it.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]);
        command.args(["timeout", "--kill-after=5", PATIENCE, "nsenter"]);
        if let Some(netns) = self.netns {
            command.arg(format!("--net={}", netns.path().display()));
        }
        command.args(["--", "setpriv", "--pdeathsig", "KILL", "--"]);
        command.arg(program).args(&self.arguments);
        command.stdin(Stdio::null());
        let output = command.output().map_err(io("perf-loadgen"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(BenchError::Generator(said));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let reports = text.lines().filter(|line| line.starts_with('{'));
        let reports = reports
            .map(serde_json::from_str)
            .collect::<core::result::Result<_, _>>();
        reports.map_err(|error| BenchError::Generator(error.to_string()))
    }
}
