//! Requests and responses.

use policy::Finding;
use serde::{Deserialize, Serialize};

/// What the operator wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Put a configuration in force, all or nothing.
    Apply {
        /// Its text.
        text: String,
        /// Absolute path of the file that it came from; relative paths in it start there.
        path: String,
    },
    /// Say how control is.
    Status,
}

/// What control answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Response {
    /// The configuration was taken.
    Applied(Applied),
    /// The configuration has errors; the one before stays in force.
    Refused {
        /// All that is wrong with it.
        findings: Vec<Finding>,
    },
    /// Something else kept it from being taken; the one before stays in force.
    Failed(Failure),
    /// How control is.
    Status(Status),
}

/// How a configuration was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// Generation under which every worker obeys it; `None` while no data plane runs, in which
    /// case it holds as soon as one starts.
    pub generation: Option<u64>,
    /// Part of it holds only after a restart of the data plane.
    pub restart_needed: bool,
    /// Warnings.
    pub findings: Vec<Finding>,
}

/// Why a request came to nothing though nothing is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// The frame is no request.
    #[error("control did not understand the request")]
    Malformed,
    /// Too many requests at once.
    #[error("control is busy with other requests; try again")]
    Busy,
    /// The image does not fit the shared memory of the data plane.
    #[error("the compiled policy takes {needed} octets, the shared memory has room for {room}")]
    TooLarge {
        /// Octets of the image.
        needed: u64,
        /// Octets of a slot.
        room: u64,
    },
    /// The private keys do not fit one message to the data plane.
    #[error("the private keys of the configuration take more room than a message has")]
    TooManyKeys,
    /// The data plane could not use the image; its log says why.
    #[error("the data plane refused the policy; its log says why")]
    DataPlaneRefused,
    /// Not every worker has taken it in time; it stays wanted.
    #[error("taken, but not every worker of the data plane has acknowledged it yet")]
    NotAcknowledged,
    /// The control process is ending.
    #[error("control is ending")]
    Ending,
}

/// How control is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its process id.
    pub pid: u32,
    /// When it started, seconds since 1970.
    pub started: u64,
    /// Path of the configuration that it holds; `None` when it has none.
    pub config: Option<String>,
    /// It is attached to a data plane's shared memory.
    pub attached: bool,
    /// Every worker obeys that configuration.
    pub in_force: bool,
    /// What keeps it from being in force, if anything is known to.
    pub problem: Option<String>,
}
