//! The questions.

mod forwarding;
mod rtpengine;

use perf_harness::Question;

use crate::bench::Bench;
use crate::error::Result;

/// A question by name.
type Ask = (&'static str, fn(&Bench) -> Result<Question>);

/// Every question, in the order in which they are asked.
pub(crate) const ALL: &[Ask] = &[
    ("forwarding", forwarding::ask),
    ("rtpengine", rtpengine::ask),
];
