//! The EAL's settings, and the command line that they make.

use std::ffi::CString;

use dpdk_sys as sys;

use crate::EalError;

/// Where packet memory comes from. DPDK cannot combine `--no-huge` with `--in-memory`; neither
/// can this type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Hugepages without files in hugetlbfs: nothing to clean up, nothing for others to map.
    HugeInMemory,
    /// Hugepages as files in hugetlbfs, for DPDK secondary processes such as `dpdk-pdump`.
    HugeFiles,
    /// Ordinary pages, where hugepages are not to be had. No NIC by VFIO without an IOMMU.
    NoHuge,
}

/// What DPDK says on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Errors only.
    Error = 4,
    /// And warnings.
    Warning = 5,
    /// And what is normal but remarkable.
    Notice = 6,
    /// And information.
    Info = 7,
    /// Everything.
    Debug = 8,
}

/// How to start the EAL.
#[derive(Clone, Debug)]
pub struct EalConfig {
    /// CPU of each worker. Two workers may share one, on small machines and in tests.
    pub workers: Vec<u16>,
    /// CPUs of the main thread and of what it spawns. Empty means every available CPU without
    /// a worker, or all of them if each has one.
    pub management: Vec<u16>,
    /// Where packet memory comes from.
    pub memory: Memory,
    /// MiB to reserve at start. `None` grows on demand; without hugepages it is 256.
    pub memory_mib: Option<u32>,
    /// PCI devices to use: addresses, with arguments after a comma. None are touched if empty.
    pub pci: Vec<String>,
    /// Virtual devices, e.g. `net_af_packet0,iface=veth0,qpairs=2`.
    pub vdevs: Vec<String>,
    /// Name that keeps two primary processes' files apart; used with [`Memory::HugeFiles`].
    pub file_prefix: Option<String>,
    /// What DPDK says on standard error.
    pub log_level: LogLevel,
}

impl Default for EalConfig {
    fn default() -> Self {
        Self {
            workers: Vec::new(),
            management: Vec::new(),
            memory: Memory::HugeInMemory,
            memory_mib: None,
            pci: Vec::new(),
            vdevs: Vec::new(),
            file_prefix: None,
            log_level: LogLevel::Warning,
        }
    }
}

/// Without hugepages memory cannot grow, and DPDK's own default of 64 MiB holds few frames.
const NO_HUGE_MIB: u32 = 256;

impl EalConfig {
    /// The EAL's command line on a machine with CPUs `available`.
    ///
    /// # Errors
    /// If a CPU is not available, a text holds a NUL byte, or there are too many workers.
    pub(super) fn to_args(&self, available: &[u16]) -> Result<Vec<CString>, EalError> {
        let mut args = vec!["ucproxy-dataplane".to_owned(), "--no-telemetry".to_owned()];
        args.push(format!("--lcores={}", self.lcores(available)?));
        args.push("--main-lcore=0".to_owned());
        args.push(format!("--log-level={}", self.log_level as u8));
        self.push_memory(&mut args);
        if self.pci.is_empty() {
            args.push("--no-pci".to_owned());
        }
        args.extend(self.pci.iter().map(|device| format!("--allow={device}")));
        args.extend(self.vdevs.iter().map(|device| format!("--vdev={device}")));
        args.into_iter()
            .map(|arg| CString::new(arg).map_err(|_| EalError::Nul))
            .collect()
    }

    /// Lcore 0 floats over the management CPUs, lcore n + 1 is worker n.
    fn lcores(&self, available: &[u16]) -> Result<String, EalError> {
        let most = usize::try_from(sys::UCP_LCORE_MAX).unwrap_or(usize::MAX) - 1;
        if self.workers.len() > most {
            return Err(EalError::TooManyWorkers {
                wanted: self.workers.len(),
                most,
            });
        }
        let mut named = self.workers.iter().chain(&self.management);
        if let Some(&cpu) = named.find(|cpu| !available.contains(cpu)) {
            return Err(EalError::CpuUnavailable(cpu));
        }
        let management: Vec<String> = self
            .management_cpus(available)
            .iter()
            .map(u16::to_string)
            .collect();
        let mut lcores = format!("0@({})", management.join(","));
        for (worker, cpu) in self.workers.iter().enumerate() {
            lcores.push_str(&format!(",{}@{cpu}", worker + 1));
        }
        Ok(lcores)
    }

    fn management_cpus(&self, available: &[u16]) -> Vec<u16> {
        if !self.management.is_empty() {
            return self.management.clone();
        }
        let free: Vec<u16> = available
            .iter()
            .copied()
            .filter(|cpu| !self.workers.contains(cpu))
            .collect();
        if free.is_empty() {
            available.to_vec()
        } else {
            free
        }
    }

    fn push_memory(&self, args: &mut Vec<String>) {
        let mib = match self.memory {
            Memory::HugeInMemory => {
                args.push("--in-memory".to_owned());
                self.memory_mib
            }
            Memory::HugeFiles => {
                let prefix = self.file_prefix.as_deref().unwrap_or("ucproxy");
                args.push(format!("--file-prefix={prefix}"));
                self.memory_mib
            }
            Memory::NoHuge => {
                args.extend(["--no-huge".to_owned(), "--no-shconf".to_owned()]);
                Some(self.memory_mib.unwrap_or(NO_HUGE_MIB))
            }
        };
        if let Some(mib) = mib {
            args.extend(["-m".to_owned(), mib.to_string()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(config: &EalConfig) -> Vec<String> {
        let args = config.to_args(&[0, 1, 2, 3]).unwrap();
        args.into_iter()
            .map(|arg| arg.into_string().unwrap())
            .collect()
    }

    fn has(args: &[String], wanted: &str) -> bool {
        args.iter().any(|arg| arg == wanted)
    }

    #[test]
    fn management_floats_over_the_cpus_without_workers() {
        let config = EalConfig {
            workers: vec![2, 3],
            ..EalConfig::default()
        };
        assert!(has(&args(&config), "--lcores=0@(0,1),1@2,2@3"));
    }

    #[test]
    fn workers_on_every_cpu_share_them_with_management() {
        let config = EalConfig {
            workers: vec![0, 1, 2, 3],
            ..EalConfig::default()
        };
        assert!(has(&args(&config), "--lcores=0@(0,1,2,3),1@0,2@1,3@2,4@3"));
    }

    #[test]
    fn two_workers_may_share_a_cpu() {
        let config = EalConfig {
            workers: vec![1, 1],
            management: vec![0],
            ..EalConfig::default()
        };
        assert!(has(&args(&config), "--lcores=0@(0),1@1,2@1"));
    }

    #[test]
    fn no_pci_device_is_touched_unless_named() {
        assert!(has(&args(&EalConfig::default()), "--no-pci"));
        let named = EalConfig {
            pci: vec!["0000:03:00.0".into()],
            ..EalConfig::default()
        };
        assert!(!has(&args(&named), "--no-pci"));
        assert!(has(&args(&named), "--allow=0000:03:00.0"));
    }

    #[test]
    fn no_huge_and_in_memory_never_meet() {
        for memory in [Memory::HugeInMemory, Memory::HugeFiles, Memory::NoHuge] {
            let args = args(&EalConfig {
                memory,
                ..EalConfig::default()
            });
            assert!(!(has(&args, "--no-huge") && has(&args, "--in-memory")));
            assert_eq!(has(&args, "--no-huge"), memory == Memory::NoHuge);
        }
    }

    #[test]
    fn impossible_configurations_are_refused() {
        let absent = EalConfig {
            workers: vec![9],
            ..EalConfig::default()
        };
        assert_eq!(absent.to_args(&[0, 1]), Err(EalError::CpuUnavailable(9)));
        let nul = EalConfig {
            vdevs: vec!["net_null0\0".into()],
            ..EalConfig::default()
        };
        assert_eq!(nul.to_args(&[0, 1]), Err(EalError::Nul));
        let crowd = EalConfig {
            workers: vec![0; 4096],
            ..EalConfig::default()
        };
        assert!(matches!(
            crowd.to_args(&[0]),
            Err(EalError::TooManyWorkers { .. })
        ));
    }
}
