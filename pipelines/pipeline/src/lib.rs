//! The doors of a session: what goes in, what comes out, and what a media plan says.
//!
//! A pipeline is a state machine over bytes, legs, timers and its configuration. It never sees a
//! frame, a socket, a clock, a lock or a licence counter: time arrives with each call, keys come
//! from [`Entropy`], and every effect is an [`Output`] that the worker carries out.

mod app;
mod entropy;
mod io;
mod leg;
mod plan;
mod session;

pub use app::{AppDef, LicenceClass};
pub use entropy::Entropy;
pub use io::{Closed, Closing, Event, Input, Output};
pub use leg::{Leg, PerLeg};
pub use plan::{
    CallId, Endpoint, MasterKey, MediaId, MediaKind, MediaPlan, Mki, SidePlan, SrtpParams,
};
pub use session::{Session, SessionSetup};
