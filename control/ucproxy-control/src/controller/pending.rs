//! The change whose outcome an operator waits for.

use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use admin::{Applied, Failure, Response};
use policy::Finding;

use super::publish::Stage;
use super::wanted::Wanted;
use super::{Controller, send};
use crate::clock;
use crate::licences::Staged;
use crate::link::Link;

/// An operator is told that workers have not acknowledged a policy after this long.
pub(super) const ACKNOWLEDGE_WITHIN: Duration = Duration::from_secs(10);

/// A change whose outcome is awaited.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) reply: Sender<Response>,
    pub(super) deadline: Instant,
    pub(super) warnings: Vec<Finding>,
    /// What the operator must be told besides.
    pub(super) notice: Option<String>,
    /// Why it could not be kept.
    pub(super) not_kept: Option<String>,
    /// Sessions that had been closed by enforcement before; `None` when it is not enforced.
    pub(super) closed_before: Option<u64>,
    /// What to go back to if the data plane refuses, or a licence's file cannot be had.
    pub(super) before: Option<Wanted>,
}

impl Controller {
    /// Answers the operator who waits once the outcome is known, or it is time.
    pub(super) fn settle(&mut self) {
        let Some(pending) = &self.pending else {
            return;
        };
        let running = self.link.as_ref().is_some_and(Link::is_running);
        let generation = match self.stage {
            Stage::InForce(generation) => Some(generation),
            // Nobody is there to acknowledge it; it holds as soon as somebody is.
            _ if !running => None,
            _ if clock::monotonic() >= pending.deadline => {
                self.remember();
                return self.answer(|_| Response::Failed(Failure::NotAcknowledged));
            }
            _ => return,
        };
        if generation.is_none() {
            self.remember();
        }
        let after_restart = self.after_restart.clone();
        let closed_so_far = self.closed_so_far();
        self.answer(|pending| {
            let closed = |before| closed_so_far.saturating_sub(before);
            Response::Applied(Applied {
                generation,
                restart_needed: after_restart.is_some(),
                after_restart: after_restart.unwrap_or_default(),
                closed: pending.closed_before.map(closed),
                findings: pending.warnings,
                notice: pending.notice,
                not_kept: pending.not_kept,
            })
        });
    }

    fn answer(&mut self, response: impl FnOnce(Pending) -> Response) {
        if let Some(pending) = self.pending.take() {
            let reply = pending.reply.clone();
            send(&reply, response(pending));
        }
    }

    /// Keeps what is wanted for the next start, once. What cannot be kept runs all the same.
    pub(super) fn remember(&mut self) {
        let Some(wanted) = &mut self.wanted else {
            return;
        };
        let Some(about) = wanted.to_keep.take() else {
            return;
        };
        let licence = wanted.licence.take();
        if let Err(error) = self.versions.keep(about, &wanted.source) {
            tracing::error!(%error, "configuration is taken but could not be kept");
            if let Some(pending) = &mut self.pending {
                pending.not_kept = Some(error.to_string());
            }
        }
        // After the version: a crash between the two leaves a licence that can be installed again.
        if let Some(Err(failure)) = licence.map(Staged::commit) {
            tracing::error!(%failure, "licences stay as they were");
            self.go_back(failure);
        }
    }

    /// Tells the operator who waits why nothing came of it; the configuration before is wanted
    /// again.
    pub(super) fn go_back(&mut self, failure: Failure) {
        let Some(pending) = self.pending.take() else {
            return;
        };
        if let Some(before) = pending.before {
            self.want(before);
        } else {
            self.wanted = None;
        }
        send(&pending.reply, Response::Failed(failure));
    }

    /// Sessions that enforcement has closed since the data plane's start.
    pub(super) fn closed_so_far(&self) -> u64 {
        self.link.as_ref().map_or(0, Link::closed_by_enforcement)
    }
}
