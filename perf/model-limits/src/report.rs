//! The question, and what is claimed of its answer.

use perf_harness::{Question, Target, Unit};

use crate::climb::Climb;
use crate::plan::Plan;

/// The question that all models together answer, or some of them: then it has another name, so
/// that the whole answer stays.
pub(crate) fn question(of_all: bool) -> Question {
    Question::new(
        if of_all {
            "model-limits"
        } else {
            "model-limits-some"
        },
        "Does every appliance model take its sessions, and not one more?",
        "A real data plane and a real control of its own for each model, one worker and one \
         handshake thread. A signed K9 licence of the model's largest tier is installed, and \
         phones connect with TLS 1.3 (P-256 certificates) and register until the licence is \
         exhausted: by its UC sessions, or by the 5,000 phone proxy sessions of the tier of \
         10,000. Then the profile is set to the model's TLS proxy limit alone, and phones come \
         until that is reached. At both ends one more connects; it must be refused, the limit \
         counted by its name. At last all hang up, and every unit must have come back. A run in \
         which anything of this is not so fails the benchmark. Where the maker published no TLS \
         limit it is the profile's own.",
    )
}

/// Adds the climbs of a model.
pub(crate) fn record(question: &mut Question, plan: &Plan, climbs: &[Climb]) {
    let name = plan.name();
    for climb in climbs {
        #[expect(clippy::cast_precision_loss, reason = "at most 13,000")]
        let [licensed, most] = climb.admitted.map(|sessions| sessions as f64);
        let rows = [
            ("sessions under its licence", Unit::Count, licensed),
            ("sessions", Unit::Count, most),
            ("time to set them up", Unit::Ms, climb.time),
            ("memory of the data plane", Unit::Octets, climb.memory),
            ("share of a core meanwhile", Unit::Share, climb.cpu_ramp),
            ("share of a core, idle", Unit::Share, climb.cpu_hold),
        ];
        for (what, unit, value) in rows {
            question.record(&format!("{name}: {what}"), unit, value);
        }
    }
}

/// Claims that a model takes its sessions.
#[expect(clippy::cast_precision_loss, reason = "at most 13,000")]
pub(crate) fn claim(question: &mut Question, plan: &Plan) {
    let name = plan.name();
    question.claim(
        &format!("{name}: sessions admitted, the next one refused"),
        &format!("{name}: sessions"),
        Target::AtLeast(plan.most.sessions as f64),
    );
}
