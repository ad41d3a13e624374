//! What a measurement was made on.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// Packages whose versions belong to a measurement.
const PACKAGES: [&str; 5] = [
    "libdpdk-dev",
    "libipsec-mb-dev",
    "libssl-dev",
    "rtpengine-daemon",
    "dpdk-dev",
];

/// Crates whose versions do.
const CRATES: [&str; 5] = ["rustls", "aws-lc-rs", "ring", "smoltcp", "srtp2-sys"];

/// What the workspace was built with.
const LOCK: &str = include_str!("../../../Cargo.lock");

/// What a measurement was made on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor, as it names itself, with family, model and stepping.
    pub cpu: String,
    /// Cores that the system has.
    pub cores: usize,
    /// Version of the kernel, without what its builder appended.
    pub kernel: String,
    /// Hypervisor, if there is one.
    pub hypervisor: Option<String>,
    /// Versions of the libraries and peers, by package or crate.
    pub packages: BTreeMap<String, String>,
    /// Processes that wanted to run in the minute before, on average: more than the benchmark
    /// had cores says that it had company.
    pub load: f64,
}

impl Machine {
    /// This machine.
    #[must_use]
    pub fn this() -> Self {
        let cpuinfo = read("/proc/cpuinfo");
        let field = |name: &str| cpu_field(&cpuinfo, name).unwrap_or("unknown").to_owned();
        let hypervisor = read("/sys/hypervisor/type");
        let virtualised = cpu_field(&cpuinfo, "flags")
            .is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor"));
        Self {
            cpu: format!(
                "{} (family {}, model {}, stepping {})",
                field("model name"),
                field("cpu family"),
                field("model"),
                field("stepping")
            ),
            cores: processors(&cpuinfo),
            kernel: kernel(read("/proc/sys/kernel/osrelease").trim()).to_owned(),
            hypervisor: match hypervisor.trim() {
                "" => virtualised.then(|| "yes".to_owned()),
                named => Some(named.to_owned()),
            },
            packages: versions(),
            load: read("/proc/loadavg")
                .split(' ')
                .next()
                .and_then(|load| load.parse().ok())
                .unwrap_or(0.0),
        }
    }

    /// Whether both describe one machine, however busy it was.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        Self {
            load: other.load,
            ..self.clone()
        } == *other
    }

    /// The machine in one line.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut parts = vec![
            self.cpu.clone(),
            format!("{} cores", self.cores),
            format!("Linux {}", self.kernel),
        ];
        if self.hypervisor.is_some() {
            parts.push("virtual machine".to_owned());
        }
        parts.extend(
            self.packages
                .iter()
                .map(|(name, version)| format!("{name} {version}")),
        );
        parts.join(", ")
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn kernel(release: &str) -> &str {
    release.split('-').next().unwrap_or(release)
}

/// The first processor's `name` line.
fn cpu_field<'t>(cpuinfo: &'t str, name: &str) -> Option<&'t str> {
    cpuinfo.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then_some(value.trim())
    })
}

/// Processors that the system has, whichever this process is pinned to.
fn processors(cpuinfo: &str) -> usize {
    let keys = cpuinfo.lines().filter_map(|line| line.split_once(':'));
    keys.filter(|(key, _)| key.trim() == "processor").count()
}

fn versions() -> BTreeMap<String, String> {
    let packages = PACKAGES.iter().map(|&name| (name, package(name)));
    let crates = CRATES.iter().map(|&name| (name, locked(LOCK, name)));
    packages
        .chain(crates)
        .filter_map(|(name, version)| Some((name.to_owned(), version?)))
        .collect()
}

/// The version of a crate in the text of a `Cargo.lock`.
fn locked(lock: &str, name: &str) -> Option<String> {
    let mut lines = lock.lines();
    lines.find(|line| *line == format!("name = \"{name}\""))?;
    let version = lines.next()?.strip_prefix("version = \"")?;
    Some(version.strip_suffix('"')?.to_owned())
}

/// The installed version of a package.
fn package(name: &str) -> Option<String> {
    let output = Command::new("dpkg-query")
        .args(["-W", "-f=${db:Status-Status} ${Version}", name])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.strip_prefix("installed ").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_like_itself_when_busier() {
        let machine = Machine::this();
        let busier = Machine {
            load: machine.load + 1.0,
            ..machine.clone()
        };
        assert!(machine.is_like(&busier));
        let other = Machine {
            cores: machine.cores + 1,
            ..machine.clone()
        };
        assert!(!machine.is_like(&other));
        assert!(machine.cores > 0);
    }

    #[test]
    fn processors_are_counted_however_few_we_are_pinned_to() {
        let cpuinfo = "processor\t: 0\nmodel\t: 2\n\nprocessor\t: 1\nmodel\t: 2\n";
        assert_eq!(processors(cpuinfo), 2);
    }

    #[test]
    fn crates_are_found_in_the_lock_file() {
        let lock = "[[package]]\nname = \"ring-like\"\nversion = \"9.0.0\"\n\n\
                    [[package]]\nname = \"ring\"\nversion = \"0.17.14\"\n";
        assert_eq!(locked(lock, "ring").as_deref(), Some("0.17.14"));
        assert_eq!(locked(lock, "rin"), None);
        assert!(locked(LOCK, "rustls").is_some());
    }

    #[test]
    fn processor_fields_are_found_by_their_whole_name() {
        let cpuinfo = "model\t\t: 2\nmodel name\t: A CPU\nflags\t: fpu sse\n";
        assert_eq!(cpu_field(cpuinfo, "model"), Some("2"));
        assert_eq!(cpu_field(cpuinfo, "model name"), Some("A CPU"));
        assert_eq!(cpu_field(cpuinfo, "bogomips"), None);
    }
}
