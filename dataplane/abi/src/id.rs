//! The identity of a layout: two builds that differ in it refuse each other.

use core::fmt;

use postcard_schema::Schema;
use postcard_schema::key::Key;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::layout::AREAS;
use crate::policy::PolicyImage;
use crate::records::{NeighborState, SessionState};
use crate::secrets::{Provisioned, Request, Response};
use crate::{Counter, Reason, Suite};

/// Version of the layout and of everything that crosses with it; raised with each change.
pub const LAYOUT_VERSION: u64 = 5;

/// What two processes must have in common to understand each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct LayoutId {
    /// [`LAYOUT_VERSION`].
    pub version: u64,
    /// A hash over all that determines what crosses, should somebody forget to raise the version:
    /// each area of the region with its fields, their types, sizes and places, the names of
    /// counters, reasons, states and suites, and the types of policies and messages.
    pub hash: u64,
}

impl LayoutId {
    /// That of this build.
    pub const OURS: Self = Self {
        version: LAYOUT_VERSION,
        hash: hash(),
    };
}

impl fmt::Display for LayoutId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "layout version {} (hash {:016x})",
            self.version, self.hash
        )
    }
}

const fn hash() -> u64 {
    let mut digest = Digest::new().fields(0, AREAS);
    let mut reasons = Reason::ALL;
    while let Some((reason, rest)) = reasons.split_first() {
        digest = digest.text(reason.name());
        reasons = rest;
    }
    let mut counters = Counter::ALL;
    while let Some((counter, rest)) = counters.split_first() {
        digest = digest.text(counter.name());
        counters = rest;
    }
    let mut states = SessionState::ALL;
    while let Some((state, rest)) = states.split_first() {
        digest = digest.text(state.name());
        states = rest;
    }
    let mut states = NeighborState::ALL;
    while let Some((state, rest)) = states.split_first() {
        digest = digest.text(state.name());
        states = rest;
    }
    let mut suites: &[Suite] = &Suite::ALL;
    while let Some((suite, rest)) = suites.split_first() {
        digest = digest.number(suite.id() as usize).text(suite.name());
        suites = rest;
    }
    digest
        .octets(&Key::for_path::<PolicyImage>("policy").to_bytes())
        .octets(&Key::for_path::<Request>("request").to_bytes())
        .octets(&Key::for_path::<Response>("response").to_bytes())
        .octets(&Key::for_path::<Provisioned>("provisioned").to_bytes())
        .finish()
}
