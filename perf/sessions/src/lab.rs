//! A running proxy with its phones and its call manager.

use core::net::IpAddr;
use core::time::Duration;

use abi::policy::TcpSettings;
use abi::{Now, Reason};
use dpdk::Clock;
use serde_json::Value;
use tcp::Params;
use tls::{ClientProfile, Versions};

use crate::load::Load;
use crate::manager::Manager;
use crate::phones::{Phones, Tally};
use crate::ports::{Queues, open_ports};
use crate::proxy::Proxy;
use crate::side::{Place, Side};
use crate::{Authority, Keys};

/// Phones that set up their sessions, or hang up, at the same time.
const WINDOW: usize = 64;
/// A ramp or an end that makes no progress for this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// Sleep of a turn that found nothing to do.
const REST: Duration = Duration::from_micros(50);
/// Pools of which each session holds a unit.
pub const POOLS: [&str; 3] = ["tls-sessions", "uc-sessions", "phone-proxy-sessions"];

/// What a lab has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Phones.
    pub phones: usize,
    /// Workers of the proxy.
    pub workers: u8,
    /// TLS versions of the phones.
    pub versions: Versions,
    /// Keys of all certificates.
    pub keys: Keys,
}

/// A running proxy with its phones and its call manager.
pub struct Lab {
    proxy: Proxy,
    load: Load<Queues>,
    clock: Clock,
    profile: ClientProfile,
    /// Sessions of phones that were renewed away.
    before: usize,
}

impl core::fmt::Debug for Lab {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Lab")
            .field("tally", &self.tally())
            .finish_non_exhaustive()
    }
}

/// Parameters of our own connections, whose memory is of no interest.
fn params() -> Params {
    Params::from_settings(&TcpSettings::default(), 1_500)
}

/// All phones of one ramp. They aim at the call manager itself, past which the proxy lies.
fn phones(count: usize, profile: &ClientProfile, now: Now) -> Phones {
    let target = (IpAddr::from([192, 0, 2, 10]), 5_061).into();
    Phones::new(count, target, Some(profile.clone()), params(), now)
}

impl Lab {
    /// Starts a proxy whose configuration is `text` of its folder, and phones that have not
    /// connected yet. Once a process.
    ///
    /// # Errors
    /// For people.
    pub fn start(
        spec: Spec,
        text: impl FnOnce(&std::path::Path) -> String,
    ) -> Result<Self, String> {
        let authority = Authority::new(spec.keys);
        let proxy = Proxy::start(|dir| {
            authority.write_proxy(dir);
            text(dir)
        })?;
        let clock = Clock::calibrate();
        let [outside, inside] = open_ports(&proxy, spec.workers)?;
        let now = Now::from_nanos(clock.now());
        let place = |address, router| Place {
            address: IpAddr::from(address),
            router: IpAddr::from(router),
        };
        let profile = authority.phones(spec.versions);
        let load = Load {
            outside: Side::new(outside, place([198, 51, 100, 254], [198, 51, 100, 1])),
            inside: Side::new(inside, place([192, 0, 2, 10], [192, 0, 2, 1])),
            phones: phones(spec.phones, &profile, now),
            manager: Manager::new(2 * spec.phones, params(), now),
        };
        Ok(Self {
            proxy,
            load,
            clock,
            profile,
            before: 0,
        })
    }

    /// The proxy.
    #[must_use]
    pub const fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    /// How many phones are at each stage.
    #[must_use]
    pub const fn tally(&self) -> Tally {
        self.load.phones.tally
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Now {
        Now::from_nanos(self.clock.now())
    }

    /// Puts as many phones that have not connected in the place of those that there are.
    pub fn renew_phones(&mut self) {
        self.before += self.sessions_so_far();
        self.load.phones = phones(self.load.phones.len(), &self.profile, self.now());
    }

    /// Time that each phone took from its SYN to the answer to its REGISTER; none twice.
    pub fn take_set_up_times(&mut self) -> Vec<Duration> {
        core::mem::take(&mut self.load.phones.set_up_times)
    }

    /// Sessions of these phones that were ever established.
    const fn sessions_so_far(&self) -> usize {
        self.load.phones.tally.ever_established
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
    pub fn pass(&mut self, time: Duration) {
        let until = self.now() + time;
        while self.now() < until {
            self.turn();
        }
    }

    /// Lets time pass until `done`; `false` when `limit` was over before.
    pub fn pass_until(&mut self, limit: Duration, mut done: impl FnMut(&Self) -> bool) -> bool {
        let until = self.now() + limit;
        while !done(self) {
            if self.now() > until {
                return false;
            }
            self.turn();
        }
        true
    }

    /// Has one more phone connect.
    pub fn start_one(&mut self) {
        let now = self.now();
        self.load.start_next(now);
    }

    /// Sends what phones have said, while what came for them waits.
    pub fn send(&mut self) {
        let now = self.now();
        self.load.outside.flush(now);
    }

    /// Has phones connect until `to` of them did, and waits for their sessions.
    ///
    /// # Errors
    /// When it stands still, or many sessions are lost.
    pub fn ramp(&mut self, to: usize) -> Result<(), String> {
        let mut best = 0;
        let mut since = self.now();
        let lost_before = self.tally().lost;
        loop {
            let now = self.now();
            let tally = self.tally();
            // The first phone alone: while neighbours are asked for, few packets can wait.
            let window = if tally.established == 0 { 1 } else { WINDOW };
            self.load.start_some(window, to, now);
            self.turn();
            let tally = self.tally();
            if tally.started == to && tally.pending == 0 {
                return Ok(());
            }
            if tally.established > best {
                (best, since) = (tally.established, now);
            } else if now.since(since) > PATIENCE {
                let fates = &self.load.phones.fates;
                return Err(format!("the ramp stands still: {tally:?} {fates:?}"));
            }
            if tally.lost - lost_before > WINDOW {
                return Err(format!("sessions are lost: {:?}", self.load.phones.fates));
            }
            self.proxy.check()?;
        }
    }

    /// Hangs all phones up, and waits until both sides are done or time is up.
    pub fn hang_up(&mut self) {
        let mut next = 0;
        let mut until = self.now() + PATIENCE;
        let mut least = usize::MAX;
        while self.now() < until {
            let tally = self.tally();
            let by_phones = tally.started - tally.gone - tally.lost;
            let left = by_phones.max(self.load.manager.open());
            if left == 0 {
                return;
            }
            if left < least {
                (least, until) = (left, self.now() + PATIENCE);
            }
            // As many at a time as rings have room for: what is lost has to come again.
            let end = tally.started.min(tally.started - left + WINDOW);
            for index in next..end {
                let now = self.now();
                self.load.phones.hang_up(index, &mut self.load.outside, now);
            }
            next = next.max(end);
            self.turn();
        }
    }

    /// Units in use of each pool that sessions hold.
    ///
    /// # Errors
    /// When `ucproxy show` fails.
    pub fn in_use(&self) -> Result<Vec<(&'static str, u64)>, String> {
        let license = self.proxy.show(&["license"])?;
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
    ///
    /// # Errors
    /// When `ucproxy show` fails.
    pub fn refusals(&self) -> Result<Vec<(String, u64)>, String> {
        let counters = self.proxy.show(&["counters"])?;
        let names = Reason::ALL.iter().map(|reason| reason.name());
        let counted = names.map(|name| (name.to_owned(), total(&counters, name)));
        Ok(counted.filter(|&(_, count)| count > 0).collect())
    }

    /// What is wrong while `count` sessions should be up.
    ///
    /// # Errors
    /// When `ucproxy show` fails.
    pub fn faults_while_up(&self, count: usize) -> Result<Vec<String>, String> {
        let phones = &self.load.phones;
        let mut faults = Vec::new();
        if phones.tally.established != count {
            let (tally, fates) = (phones.tally, &phones.fates);
            let dropped = self.load.outside.lost() + self.load.inside.lost();
            faults.push(format!(
                "phones: {tally:?} {fates:?}, {dropped} frames dropped on our side"
            ));
        }
        let manager = &self.load.manager;
        let expected = self.before + self.sessions_so_far();
        if manager.open() != count || manager.registered != expected {
            let (open, registered) = (manager.open(), manager.registered);
            faults.push(format!(
                "call manager: {open} connections, {registered} registrations"
            ));
        }
        for (name, units) in self.in_use()? {
            if units != count as u64 {
                faults.push(format!("{name}: {units} in use of {count} sessions"));
            }
        }
        Ok(faults)
    }

    /// What is wrong when all sessions should be over.
    ///
    /// # Errors
    /// When `ucproxy show` fails.
    pub fn faults_at_end(&self) -> Result<Vec<String>, String> {
        let mut faults = Vec::new();
        let (tally, manager) = (self.tally(), &self.load.manager);
        if tally.gone != tally.ever_established {
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
        let counters = self.proxy.show(&["counters"])?;
        let taken = total(&counters, "permits-taken");
        let returned = total(&counters, "permits-returned");
        let expected = (POOLS.len() * (self.before + self.sessions_so_far())) as u64;
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
