//! Stages of a packet's way, and where callgrind is to cut its count.

use std::hint::black_box;

use worker::{Probe, Stage};

/// Stages in the order of a packet's way.
pub(crate) const STAGES: [&str; 7] = [
    "classify", "admit", "open", "accept", "forward", "seal", "send",
];

/// Functions that callgrind watches for are named so.
pub(crate) const MARKER: &str = "stage::ended_";

/// Calls a function that does nothing when a stage ends; callgrind dumps its count before it.
#[derive(Debug, Default)]
pub(crate) struct Markers;

impl Markers {
    /// Parsing and finding the stream has ended.
    pub(crate) fn classified(&self) {
        ended_classify();
    }

    /// What comes before the first stage is nobody's.
    pub(crate) fn begin(&self) {
        ended_rest();
    }
}

impl Probe for Markers {
    fn ended(&mut self, stage: Stage) {
        match stage {
            Stage::Admit => ended_admit(),
            Stage::Open => ended_open(),
            Stage::Accept => ended_accept(),
            Stage::Forward => ended_forward(),
            Stage::Seal => ended_seal(),
            Stage::Send => ended_send(),
        }
    }
}

/// Each has a body of its own, lest the compiler take them for one.
macro_rules! markers {
    ($($name:ident $number:literal)*) => {
        $(
            #[inline(never)]
            fn $name() {
                black_box($number);
            }
        )*
    };
}

markers! {
    ended_rest 0
    ended_classify 1
    ended_admit 2
    ended_open 3
    ended_accept 4
    ended_forward 5
    ended_seal 6
    ended_send 7
}
