//! What a measurement was made on.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// Packages whose versions belong to a measurement.
const PACKAGES: [&str; 4] = [
    "libdpdk-dev",
    "libipsec-mb-dev",
    "rtpengine-daemon",
    "dpdk-dev",
];

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
    /// Versions of the libraries and peers, by package.
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
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            kernel: kernel(read("/proc/sys/kernel/osrelease").trim()).to_owned(),
            hypervisor: match hypervisor.trim() {
                "" => virtualised.then(|| "yes".to_owned()),
                named => Some(named.to_owned()),
            },
            packages: PACKAGES
                .iter()
                .filter_map(|&name| Some((name.to_owned(), package(name)?)))
                .collect(),
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
    fn processor_fields_are_found_by_their_whole_name() {
        let cpuinfo = "model\t\t: 2\nmodel name\t: A CPU\nflags\t: fpu sse\n";
        assert_eq!(cpu_field(cpuinfo, "model"), Some("2"));
        assert_eq!(cpu_field(cpuinfo, "model name"), Some("A CPU"));
        assert_eq!(cpu_field(cpuinfo, "bogomips"), None);
    }
}
