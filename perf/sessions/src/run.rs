//! One measurement: ramp up, settle, read, hang up.

use core::net::IpAddr;
use core::time::Duration;

use abi::policy::TcpSettings;
use abi::{Now, Reason};
use dpdk::eal::{LogLevel, Memory as EalMemory};
use dpdk::{Clock, Eal, EalConfig, Pool, PoolConfig, Port, PortConfig, QueuePair};
use serde_json::Value;
use tcp::Params;
use tls::{ClientProfile, Versions};

use crate::load::Load;
use crate::manager::Manager;
use crate::memory::Memory;
use crate::phones::Phones;
use crate::pki::Authority;
use crate::proxy::Proxy;
use crate::report::Measured;
use crate::side::{Place, Side};

/// Phones that set up their sessions, or hang up, at the same time.
const WINDOW: usize = 64;
/// Quiet time after the ramp before memory is read and units are counted.
const SETTLE: Duration = Duration::from_secs(3);
/// A ramp or an end that makes no progress for this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// Sleep of a turn that found nothing to do.
const REST: Duration = Duration::from_micros(50);
/// Pools of which each session holds a unit.
const POOLS: [&str; 3] = ["tls-sessions", "uc-sessions", "phone-proxy-sessions"];

/// A measurement in progress.
struct Run {
    proxy: Proxy,
    load: Load<QueuePair>,
    clock: Clock,
    profile: ClientProfile,
}

/// What one ramp and its end have shown.
struct Cycle {
    idle: Memory,
    ramp: Duration,
    set_up_times: Vec<Duration>,
    end: Duration,
}

/// Parameters of our own connections, whose memory is of no interest.
fn params() -> Params {
    Params::from_settings(&TcpSettings::default(), 1_500)
}

/// All phones of one ramp. They aim at the call manager itself, past which the proxy lies.
fn phones(sessions: usize, profile: &ClientProfile, now: Now) -> Phones {
    let target = (IpAddr::from([192, 0, 2, 10]), 5_061).into();
    Phones::new(sessions, target, Some(profile.clone()), params(), now)
}

/// Measures `sessions` sessions.
pub(crate) fn run(sessions: usize, versions: Versions) -> Result<Measured, String> {
    let authority = Authority::new();
    let proxy = Proxy::start(sessions, &authority)?;
    let clock = Clock::calibrate();
    let [outside, inside] = open_ports(&proxy)?;
    let now = Now::from_nanos(clock.now());
    let place = |address, router| Place {
        address: IpAddr::from(address),
        router: IpAddr::from(router),
    };
    let profile = authority.phones(versions);
    let load = Load {
        outside: Side::new(outside, place([198, 51, 100, 254], [198, 51, 100, 1])),
        inside: Side::new(inside, place([192, 0, 2, 10], [192, 0, 2, 1])),
        phones: phones(sessions, &profile, now),
        manager: Manager::new(2 * sessions, params(), now),
    };
    let mut run = Run {
        proxy,
        load,
        clock,
        profile,
    };
    run.measure()
        .map_err(|error| format!("{error}\n{}", run.proxy.logs()))
}

impl Run {
    /// Two ramps: the second may take no memory that the first did not, or something leaks.
    fn measure(&mut self) -> Result<Measured, String> {
        let sessions = self.load.phones.len();
        self.pass(Duration::from_millis(500));
        let before = Memory::of(self.proxy.dataplane());
        let mut faults = Vec::new();
        let first = self.cycle(1, &mut faults)?;
        self.load.phones = phones(sessions, &self.profile, self.now());
        let second = self.cycle(2, &mut faults)?;
        Ok(Measured {
            sessions,
            grown: first.idle - before,
            grown_again: second.idle - first.idle,
            ramp: first.ramp,
            set_up_times: first.set_up_times,
            end: first.end,
            refusals: self.refusals()?,
            faults,
        })
    }

    /// Ramps up, settles, reads, and hangs up; `nth` counts from 1.
    fn cycle(&mut self, nth: usize, faults: &mut Vec<String>) -> Result<Cycle, String> {
        let began = self.now();
        self.ramp()?;
        let ramp = self.now().since(began);
        self.pass(SETTLE);
        let idle = Memory::of(self.proxy.dataplane());
        let held = self.in_use()?;
        faults.extend(self.faults_of_ramp(nth, &held));
        let ending = self.now();
        self.hang_up();
        let end = self.now().since(ending);
        self.pass(Duration::from_millis(500));
        faults.extend(self.faults_of_end(nth)?);
        Ok(Cycle {
            idle,
            ramp,
            set_up_times: core::mem::take(&mut self.load.phones.set_up_times),
            end,
        })
    }

    fn now(&self) -> Now {
        Now::from_nanos(self.clock.now())
    }

    /// One turn of the load, with a rest when nothing was to do.
    fn turn(&mut self) {
        let now = self.now();
        if !self.load.turn(now) {
            #[expect(
                clippy::disallowed_methods,
                reason = "gives the core to the proxy, which may share it"
            )]
            std::thread::sleep(REST);
        }
    }

    /// Lets time pass.
    fn pass(&mut self, time: Duration) {
        let until = self.now() + time;
        while self.now() < until {
            self.turn();
        }
    }

    /// Sets all sessions up.
    fn ramp(&mut self) -> Result<(), String> {
        let mut best = 0;
        let mut since = self.now();
        loop {
            let now = self.now();
            let tally = self.load.phones.tally;
            // The first phone alone: while neighbours are asked for, few packets can wait.
            let window = if tally.established == 0 { 1 } else { WINDOW };
            self.load.start_some(window, now);
            self.turn();
            let tally = self.load.phones.tally;
            if tally.started == self.load.phones.len() && tally.pending == 0 {
                return Ok(());
            }
            if tally.established > best {
                (best, since) = (tally.established, now);
            } else if now.since(since) > PATIENCE {
                let fates = &self.load.phones.fates;
                return Err(format!("the ramp stands still: {tally:?} {fates:?}"));
            }
            if tally.lost > WINDOW {
                return Err(format!("sessions are lost: {:?}", self.load.phones.fates));
            }
            self.proxy.check()?;
        }
    }

    /// Hangs all phones up, and waits until both sides are done or time is up.
    fn hang_up(&mut self) {
        let count = self.load.phones.len();
        let mut next = 0;
        let until = self.now() + PATIENCE;
        while self.now() < until {
            let tally = self.load.phones.tally;
            let by_phones = count - tally.gone - tally.lost;
            let left = by_phones.max(self.load.manager.open());
            if left == 0 {
                return;
            }
            // As many at a time as rings have room for: what is lost has to come again.
            let end = count.min(count - left + WINDOW);
            for index in next..end {
                let now = self.now();
                self.load.phones.hang_up(index, &mut self.load.outside, now);
            }
            next = next.max(end);
            self.turn();
        }
    }

    /// Units in use of each pool that sessions hold.
    fn in_use(&self) -> Result<Vec<(&'static str, u64)>, String> {
        let license = self.proxy.show("license")?;
        let pools = license.get("pools").and_then(Value::as_array);
        let pools = pools.ok_or_else(|| format!("no pools in {license}"))?;
        POOLS
            .into_iter()
            .map(|name| {
                let is_it = |pool: &&Value| pool.get("name").and_then(Value::as_str) == Some(name);
                let pool = pools.iter().find(is_it);
                let units = pool.and_then(|p| p.get("in_use")).and_then(Value::as_u64);
                let units = units.ok_or_else(|| format!("no pool {name} in {license}"))?;
                Ok((name, units))
            })
            .collect()
    }

    /// Reasons for which the proxy refused or dropped something, and how often.
    fn refusals(&self) -> Result<Vec<(String, u64)>, String> {
        let counters = self.proxy.show("counters")?;
        let names = Reason::ALL.iter().map(|reason| reason.name());
        let counted = names.map(|name| (name.to_owned(), total(&counters, name)));
        Ok(counted.filter(|&(_, count)| count > 0).collect())
    }

    /// What is wrong while all sessions should be up.
    fn faults_of_ramp(&self, nth: usize, held: &[(&'static str, u64)]) -> Vec<String> {
        let phones = &self.load.phones;
        let count = phones.len();
        let mut faults = Vec::new();
        if phones.tally.established != count {
            let (tally, fates) = (phones.tally, &phones.fates);
            let dropped = self.load.outside.lost() + self.load.inside.lost();
            faults.push(format!(
                "phones: {tally:?} {fates:?}, {dropped} frames dropped on our side"
            ));
        }
        let manager = &self.load.manager;
        if manager.open() != count || manager.registered != nth * count {
            let (open, registered) = (manager.open(), manager.registered);
            faults.push(format!(
                "call manager: {open} connections, {registered} registrations"
            ));
        }
        for &(name, units) in held {
            if units != count as u64 {
                faults.push(format!("{name}: {units} in use of {count} sessions"));
            }
        }
        faults
    }

    /// What is wrong when all sessions should be over.
    fn faults_of_end(&self, nth: usize) -> Result<Vec<String>, String> {
        let mut faults = Vec::new();
        let (tally, manager) = (self.load.phones.tally, &self.load.manager);
        if tally.gone != self.load.phones.len() {
            faults.push(format!("phones after the end: {tally:?}"));
        }
        if manager.open() != 0 || manager.broken != 0 {
            let (open, broken) = (manager.open(), manager.broken);
            let some = manager.some_open();
            faults.push(format!(
                "call manager: {open} left open, {broken} broken {some:?}"
            ));
        }
        for (name, units) in self.in_use()? {
            if units != 0 {
                faults.push(format!("{name}: {units} still in use"));
            }
        }
        let counters = self.proxy.show("counters")?;
        let taken = total(&counters, "permits-taken");
        let returned = total(&counters, "permits-returned");
        let expected = (nth * POOLS.len() * self.load.phones.len()) as u64;
        if taken != expected || returned != taken {
            faults.push(format!(
                "licence units: {taken} taken, {returned} given back, {expected} expected"
            ));
        }
        Ok(faults)
    }
}

/// The sum of a counter over all workers.
fn total(counters: &Value, name: &str) -> u64 {
    match counters {
        Value::Object(map) => match map.get("total") {
            Some(all) => total(all, name),
            None => map
                .iter()
                .map(|(key, value)| match value.as_u64() {
                    Some(n) if key == name => n,
                    Some(_) => 0,
                    None => total(value, name),
                })
                .sum(),
        },
        Value::Array(list) => list.iter().map(|value| total(value, name)).sum(),
        _ => 0,
    }
}

/// Starts the EAL on the core that the worker leaves, and opens the ports, outside first.
fn open_ports(proxy: &Proxy) -> Result<[QueuePair; 2], String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let config = EalConfig {
        management: if cores > 1 { vec![1] } else { vec![0] },
        memory: EalMemory::NoHuge,
        memory_mib: Some(128),
        vdevs: proxy.vdevs().into(),
        log_level: LogLevel::Error,
        ..EalConfig::default()
    };
    let eal = Eal::init(&config).map_err(|e| format!("EAL: {e}"))?;
    let pool = PoolConfig {
        mbufs: 16_383,
        ..PoolConfig::default()
    };
    let pool = Pool::create(&eal, "frames", &pool).map_err(|e| format!("pool: {e}"))?;
    let open = |name| {
        let queues = Port::configure(&eal, name, &PortConfig::default(), &pool);
        let queues = queues.map_err(|e| format!("{name}: {e}"))?;
        let pair = queues.pairs.into_iter().next();
        pair.ok_or_else(|| format!("{name}: no queues"))
    };
    Ok([open("net_memif0")?, open("net_memif1")?])
}
