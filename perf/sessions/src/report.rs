//! What one measurement found, and the answer that several make.

use core::time::Duration;

use perf_harness::{Question, Target, Unit};
use perf_sessions::Memory;
use serde::{Deserialize, Serialize};

/// Octets that an idle session should take at most, all in.
const AIM: f64 = 32.0 * 1024.0;
/// Octets that fail a run.
const BUDGET: f64 = 48.0 * 1024.0;
/// Sessions for which that counts.
pub(crate) const CLAIMED: usize = 10_000;

/// What one measurement found. Octets are those of one session.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Row {
    /// Sessions.
    pub(crate) sessions: usize,
    /// All that grew with the sessions.
    pub(crate) octets: f64,
    /// Of that, heap.
    pub(crate) heap: f64,
    /// Of that, records that `show` reads.
    pub(crate) region: f64,
    /// Of that, hugepages, code and stacks.
    pub(crate) other: f64,
    /// Beside it, rings of the ports that had not been touched before.
    pub(crate) rings: f64,
    /// What as many sessions took again, after the first had ended: what leaks.
    pub(crate) again: f64,
    /// Sessions set up in a second.
    pub(crate) set_ups: f64,
    /// Time from a phone's SYN to the answer to its REGISTER, half of them faster, us.
    pub(crate) set_up_p50: f64,
    /// The same, 99 of 100 faster.
    pub(crate) set_up_p99: f64,
    /// Sessions ended in a second.
    pub(crate) ends: f64,
    /// What the proxy refused or dropped, with its reason, until all sessions were over.
    pub(crate) refusals: Vec<(String, u64)>,
    /// What went wrong.
    pub(crate) faults: Vec<String>,
}

/// What a measurement has to hand over.
pub(crate) struct Measured {
    pub(crate) sessions: usize,
    /// Growth of the data plane's memory from before the ramp to when all are idle.
    pub(crate) grown: Memory,
    /// Further growth when as many sessions come again after the first have ended.
    pub(crate) grown_again: Memory,
    /// Time from the first SYN to the last answer to a REGISTER.
    pub(crate) ramp: Duration,
    /// The same of each session.
    pub(crate) set_up_times: Vec<Duration>,
    /// Time from the first phone's hanging up to the end of the last connection.
    pub(crate) end: Duration,
    /// What the proxy refused or dropped.
    pub(crate) refusals: Vec<(String, u64)>,
    /// What went wrong.
    pub(crate) faults: Vec<String>,
}

impl Measured {
    pub(crate) fn into_row(mut self) -> Row {
        self.set_up_times.sort_unstable();
        let sessions = as_f64(self.sessions);
        let each = |octets: usize| as_f64(octets) / sessions;
        let percentile = |percent: usize| {
            let at = self.set_up_times.len() * percent / 100;
            let time = self.set_up_times.get(at).copied().unwrap_or_default();
            time.as_secs_f64() * 1e6
        };
        Row {
            sessions: self.sessions,
            octets: each(self.grown.of_sessions()),
            heap: each(self.grown.heap),
            region: each(self.grown.region),
            other: each(self.grown.huge + self.grown.other),
            rings: each(self.grown.rings),
            again: each(self.grown_again.of_sessions()),
            set_ups: sessions / self.ramp.as_secs_f64(),
            set_up_p50: percentile(50),
            set_up_p99: percentile(99),
            ends: sessions / self.end.as_secs_f64(),
            refusals: self.refusals,
            faults: self.faults,
        }
    }
}

impl Row {
    /// A row that is nothing but a fault.
    pub(crate) fn failed(sessions: usize, fault: String) -> Self {
        Self {
            sessions,
            faults: vec![fault],
            ..Self::default()
        }
    }

    /// Prints the head of the lines of [`Self::print`].
    pub(crate) fn print_head() {
        println!(
            "{:>4} {:>8} {:>7} {:>7} {:>7} {:>7} {:>7} {:>9} {:>9} {:>9} {:>7}  faults",
            "TLS",
            "sessions",
            "octets",
            "heap",
            "region",
            "other",
            "again",
            "set-ups/s",
            "p50 us",
            "p99 us",
            "ends/s",
        );
    }

    /// Prints the row on one line.
    pub(crate) fn print(&self, tls: &str) {
        let faults = if self.faults.is_empty() {
            "none".to_owned()
        } else {
            self.faults.join("; ")
        };
        println!(
            "{tls:>4} {:>8} {:>7.0} {:>7.0} {:>7.0} {:>7.0} {:>7.0} {:>9.0} {:>9.0} {:>9.0} {:>7.0}  {faults}",
            self.sessions,
            self.octets,
            self.heap,
            self.region,
            self.other,
            self.again,
            self.set_ups,
            self.set_up_p50,
            self.set_up_p99,
            self.ends,
        );
    }
}

/// The question that all measurements together answer.
pub(crate) fn question() -> Question {
    Question::new(
        "sessions",
        "What does an established, proxied TLS session cost in memory, and how fast is one set up?",
        "A real data plane and a real control, one worker and one handshake thread. Phones connect \
         with TLS and a certificate (RSA of 2048 bits on both sides), register through the proxy \
         at a call manager that speaks clear TCP, and stay idle; 64 set up at the same time. \
         Phones and call manager are user-space stacks on the other core, joined by two memif \
         ports. Memory is the growth of the data plane's resident set, hugepages and shared \
         region included, the ports' rings of fixed size left out, from when one phone has come and \
         gone, so that the code is there that every session needs, to three seconds after the last; \
         then all hang up, and as many come again. Every run has processes of its own, and fails when a \
         session is lost or a licence unit does not come back.",
    )
    .along("sessions")
}

/// Adds a run.
pub(crate) fn record(question: &mut Question, tls: &str, row: &Row) {
    let at = as_f64(row.sessions);
    let octets = [
        ("an idle session", row.octets),
        ("of that heap", row.heap),
        ("of that shared region", row.region),
        ("of a second ramp, on top", row.again),
    ];
    for (what, value) in octets {
        question.record_at(&series(tls, what), at, Unit::Octets, value);
    }
    let rates = [("set up", row.set_ups), ("ended", row.ends)];
    for (what, value) in rates {
        question.record_at(&series(tls, what), at, Unit::PerSecond, value);
    }
}

/// Claims what is asked for of `sessions` with this version.
pub(crate) fn claim(question: &mut Question, tls: &str, sessions: usize) {
    let label = format!("{}, {sessions}", series(tls, "an idle session"));
    let what = format!("TLS {tls}: octets of an idle session among {sessions}");
    question.claim(&what, &label, Target::AtMost(AIM));
}

/// Whether a row is over the budget that fails a run, or sessions leave memory behind.
pub(crate) fn is_over_budget(row: &Row) -> bool {
    row.sessions >= CLAIMED && (row.octets > BUDGET || row.again > row.octets / 10.0)
}

fn series(tls: &str, what: &str) -> String {
    format!("TLS {tls} {what}")
}

/// Counts of sessions and octets, far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
const fn as_f64(count: usize) -> f64 {
    count as f64
}
