//! One model: up to where its licence ends, on to where the model ends, and down again.

use core::time::Duration;

use license::ExportClass;
use perf_sessions::{Keys, Lab, Proxy, Spec, Versions, busy, devices, phone_proxy, resident};
use serde::{Deserialize, Serialize};

use crate::plan::{Plan, Stop};

/// Phones that connect beyond those that are admitted: one at each stop.
const REFUSED: usize = 2;
/// Room that the proxy has beyond the model's, so that nothing else refuses a session.
const SPARE: usize = 1_024;
/// Time that all sessions stay.
const HOLD: Duration = Duration::from_secs(1);
/// A refusal takes no longer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Time after which nothing of the last session moves any more.
const SETTLE: Duration = Duration::from_millis(500);

/// What one climb found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Climb {
    /// Sessions where the licence ended, and where the model did.
    pub(crate) admitted: [usize; 2],
    /// Time that all of them took to come, in milliseconds.
    pub(crate) time: f64,
    /// Resident memory of the data plane with all of them, in octets.
    pub(crate) memory: f64,
    /// Share of a core that the data plane took while they came, handshake thread included.
    pub(crate) cpu_ramp: f64,
    /// The same while they stayed.
    pub(crate) cpu_hold: f64,
}

/// Climbs `runs` times.
pub(crate) fn climb(plan: &Plan, runs: usize) -> Result<Vec<Climb>, String> {
    let spec = Spec {
        phones: plan.most.sessions + REFUSED,
        workers: 1,
        versions: Versions::Tls13,
        keys: Keys::P256,
    };
    let mut lab = Lab::start(spec, |dir| {
        configuration(dir, plan, "license: { profile: unlimited }")
    })?;
    let climbs = Climber::new(&mut lab, plan).and_then(|mut climber| {
        let climbs = (0..runs).map(|_| climber.climb());
        climbs.collect::<Result<Vec<_>, _>>()
    });
    climbs.map_err(|error| format!("{}: {error}\n{}", plan.name(), lab.proxy().logs()))
}

fn configuration(dir: &std::path::Path, plan: &Plan, license: &str) -> String {
    let runtime = devices(dir, 1, plan.most.sessions + SPARE);
    format!("{runtime}{}{license}\n", phone_proxy())
}

struct Climber<'l> {
    lab: &'l mut Lab,
    plan: &'l Plan,
    /// Configurations: under the licence, and with the model's own limit alone.
    licensed: String,
    most: String,
}

impl<'l> Climber<'l> {
    /// Installs the licence.
    fn new(lab: &'l mut Lab, plan: &'l Plan) -> Result<Self, String> {
        let proxy = lab.proxy();
        let file = install(proxy, plan)?;
        let model = plan.model;
        let licensed = format!(
            "license: {{ model: {}, issuers: [issuer.pem], tls_max_sessions: {} }}",
            model.name, model.tls_max
        );
        let most = format!(
            "license: {{ profile: unlimited }}\nlimits: {{ tls_sessions: {} }}",
            plan.most.sessions
        );
        let write = |name, license: &str| {
            let text = configuration(proxy.dir(), plan, license);
            proxy.file(name, &text)
        };
        let (licensed, most) = (
            write("licensed.yaml", &licensed)?,
            write("most.yaml", &most)?,
        );
        proxy.ucproxy(&["apply", &licensed])?;
        proxy.ucproxy(&["license", "install", &file])?;
        Ok(Self {
            lab,
            plan,
            licensed,
            most,
        })
    }

    fn climb(&mut self) -> Result<Climb, String> {
        self.lab.renew_phones();
        let pid = self.lab.proxy().dataplane();
        self.lab.proxy().ucproxy(&["apply", &self.licensed])?;
        let (first, worked_first) = self.up_to(self.plan.licensed, 0)?;
        self.lab.proxy().ucproxy(&["apply", &self.most])?;
        let (second, worked_second) = self.up_to(self.plan.most, 1)?;
        let time = (first + second).as_secs_f64();
        let idle = busy(pid)?;
        self.lab.pass(HOLD);
        let idle = busy(pid)?.saturating_sub(idle);
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let memory = resident(pid)? as f64;
        self.lab.hang_up();
        self.lab.pass(SETTLE);
        sound(self.lab.faults_at_end()?)?;
        Ok(Climb {
            admitted: [self.plan.licensed.sessions, self.plan.most.sessions],
            time: time * 1e3,
            memory,
            cpu_ramp: (worked_first + worked_second).as_secs_f64() / time.max(1e-3),
            cpu_hold: idle.as_secs_f64() / HOLD.as_secs_f64(),
        })
    }

    /// Sets sessions up until there are as many as there may be, and tries one more; `refused`
    /// were before. Returns how long they took, and how long the data plane worked.
    fn up_to(&mut self, stop: Stop, refused: usize) -> Result<(Duration, Duration), String> {
        let pid = self.lab.proxy().dataplane();
        let (began, idle) = (self.lab.now(), busy(pid)?);
        self.lab.ramp(stop.sessions + refused)?;
        let (took, worked) = (self.lab.now().since(began), busy(pid)?.saturating_sub(idle));
        self.lab.pass(SETTLE);
        sound(self.lab.faults_while_up(stop.sessions)?)?;
        self.one_more_is_refused(stop)?;
        sound(self.lab.faults_while_up(stop.sessions)?)?;
        Ok((took, worked))
    }

    fn one_more_is_refused(&mut self, stop: Stop) -> Result<(), String> {
        let before = self.counted(stop.reason)?;
        let lost = self.lab.tally().lost;
        self.lab.start_one();
        let refused = |lab: &Lab| lab.tally().lost > lost;
        if !self.lab.pass_until(PATIENCE, refused) {
            let tally = self.lab.tally();
            return Err(format!(
                "one more than {} is not refused: {tally:?}",
                stop.sessions
            ));
        }
        if self.counted(stop.reason)? == before {
            let refusals = self.lab.refusals()?;
            return Err(format!(
                "refused, but not for {}: {refusals:?}",
                stop.reason
            ));
        }
        Ok(())
    }

    /// How often the proxy refused something for `reason`.
    fn counted(&self, reason: &str) -> Result<u64, String> {
        let refusals = self.lab.refusals()?;
        let counted = refusals.iter().find(|(name, _)| name == reason);
        Ok(counted.map_or(0, |&(_, count)| count))
    }
}

/// Signs the licence of `plan`, and returns its file; the issuer is `issuer.pem`.
fn install(proxy: &Proxy, plan: &Plan) -> Result<String, String> {
    let path = |name: &str| proxy.dir().join(name).display().to_string();
    let (key, public) = (path("issuer.key"), path("issuer.pem"));
    proxy.ucproxy(&["license", "keygen", "--key", &key, "--public", &public])?;
    let class = match plan.class {
        ExportClass::K8 => "k8",
        ExportClass::K9 => "k9",
    };
    let (model, tier) = (plan.model.name, plan.model.top_tier().to_string());
    let text = proxy.ucproxy(&[
        "license", "issue", "--key", &key, "--serial", "1", "--model", model, "--tier", &tier,
        "--class", class,
    ])?;
    proxy.file("licence", &text)
}

fn sound(faults: Vec<String>) -> Result<(), String> {
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults.join("; "))
    }
}
