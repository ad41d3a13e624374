//! The question, and what is claimed of its answer.

use perf_harness::{Options, Question, Target};

use crate::part::Part;
use crate::{check, limits, publish, watch};

const MIB: f64 = 1_048_576.0;

/// The question that all parts together answer.
pub(crate) fn question() -> Question {
    Question::new(
        "control",
        "What does operating the proxy cost, and what do calls notice of it?",
        "A real data plane and a real control. Limits: two workers; clients come as far as the last \
         packet of their TCP handshakes, a limit of no sessions is written, those packets are \
         sent, and the time ends when each worker has refused one; the figure of a run is the \
         median of 40 changes. Policies: 9,000 rules of what may be routed \
         and 1,000 routes, every one another than in the run before, while 400 calls send 20,000 \
         packets a second through the one worker, octets compared; from the moment that the \
         generation in shared memory changes to the acknowledgement of the worker. Show: idle \
         TLS sessions (P-256 certificates) on one worker, its output read to the end; the worker \
         counts the time of every turn of its loop, idle ones too, to within one part in eight. \
         Where the hypervisor takes the core away, a turn is long without anybody's fault, hence \
         the quiet window beside it. Control at rest: with those sessions up, its threads' time \
         by the scheduler's account.",
    )
}

/// Claims what is asked for of `part`.
pub(crate) fn claim(question: &mut Question, part: Part, options: &Options) {
    let mut most = |what: &str, row: &str, most| question.claim(what, row, Target::AtMost(most));
    match part {
        Part::Limits => most("us until a limit is in force", limits::IN_FORCE, 1_000.0),
        Part::Check => {
            most("ms to check 10,000 rules", check::TIME, 1_000.0);
            most("octets to check them", check::MEMORY, 200.0 * MIB);
        }
        Part::Publish => {
            most(
                "ms until 10,000 rules are in force",
                publish::IN_FORCE,
                50.0,
            );
            most("media packets missing meanwhile", publish::MISSING, 0.0);
        }
        Part::Watch => {
            let row = watch::show_row(options.short);
            most("ms to show all sessions", &row, 500.0);
            most("us of the longest turn meanwhile", watch::LONGEST, 100.0);
            most("control at rest, of a core", watch::CPU, 0.005);
            most("octets of control", watch::MEMORY, 40.0 * MIB);
            question.claim_ratio(
                "longest turn meanwhile, of that in a quiet window",
                watch::LONGEST,
                watch::LONGEST_QUIET,
                Target::Informative,
            );
        }
    }
}
