//! The way of what is wanted into force: attaching to a data plane, publishing, waiting for its
//! workers.

use abi::Limits;
use abi::publish::PublishError;
use admin::Failure;

use super::Controller;
use super::wanted::Wanted;
use crate::link::{Link, Progress};
use crate::socket::SocketError;

/// Where the data plane stands with what is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It has not been told.
    Due,
    /// It was told, under this generation.
    Published(u64),
    /// Every worker obeys, under this generation.
    InForce(u64),
    /// It could not use it, or will never have room for it.
    Refused,
}

impl Controller {
    /// Attaches to a data plane that has appeared, and leaves one that was replaced.
    pub(super) fn look_at_link(&mut self) {
        if let Some(link) = self.link.take_if(|link| link.is_stale()) {
            tracing::info!("data plane has gone");
            link.detach();
            self.stage = Stage::Due;
        }
        if self.link.is_some() {
            return;
        }
        match Link::attach(&self.args.runtime_dir) {
            Ok(link) => {
                tracing::info!(pid = link.pid(), boot = %link.boot(), "attached to the data plane");
                self.link = Some(link);
                self.told = None;
                self.stage = Stage::Due;
                self.note(None);
            }
            Err(error) if error.is_absence() => self.note(None),
            Err(error) => self.note(Some(error.to_string())),
        }
    }

    /// Brings the data plane one step nearer to what is wanted.
    pub(super) fn advance(&mut self) {
        let now = self.now();
        let (Some(link), Some(wanted)) = (&self.link, &self.wanted) else {
            return;
        };
        match self.stage {
            Stage::Due => match publish(link, wanted, &wanted.limits(now)) {
                Ok(Some(generation)) => {
                    self.stage = Stage::Published(generation);
                    self.note(None);
                    self.advance();
                }
                Ok(None) => {}
                Err(Hindrance::Now(error)) => self.note(Some(error.to_string())),
                Err(Hindrance::Always(failure)) => self.refused(failure),
            },
            Stage::Published(generation) => match link.progress(generation) {
                Progress::Waiting => {}
                Progress::Acknowledged => {
                    tracing::info!(generation, "policy in force");
                    self.stage = Stage::InForce(generation);
                    if let Some(wanted) = &mut self.wanted {
                        wanted.enforce = false;
                    }
                }
                Progress::Refused => self.refused(Failure::DataPlaneRefused),
            },
            Stage::InForce(_) | Stage::Refused => {}
        }
    }

    /// Notes that what is wanted cannot be had.
    fn refused(&mut self, failure: Failure) {
        self.stage = Stage::Refused;
        self.note(Some(failure.to_string()));
        self.go_back(failure);
    }

    fn note(&mut self, problem: Option<String>) {
        if self.problem != problem {
            if let Some(problem) = &problem {
                tracing::info!(problem, "policy not in force");
            }
            self.problem = problem;
        }
    }
}

/// What keeps an image from being published.
enum Hindrance {
    /// Something that may pass.
    Now(SocketError),
    /// Something that will not.
    Always(Failure),
}

/// Sends keys, limits and image over. Returns the generation; `None` when it is too early.
fn publish(link: &Link, wanted: &Wanted, limits: &Limits) -> Result<Option<u64>, Hindrance> {
    if !link.may_publish() {
        return Ok(None);
    }
    link.push_keys(&wanted.keys).map_err(|error| match error {
        SocketError::TooLong => Hindrance::Always(Failure::TooManyKeys),
        error => Hindrance::Now(error),
    })?;
    link.set_limits(limits);
    if let Some(generation) = link
        .generation_of(&wanted.image)
        .filter(|_| !wanted.enforce)
    {
        return Ok(Some(generation));
    }
    let generation = link
        .publish(&wanted.image, wanted.enforce)
        .map_err(|error| Hindrance::Always(failure(error)))?;
    tracing::info!(generation, octets = wanted.image.len(), "policy published");
    Ok(Some(generation))
}

fn failure(error: PublishError) -> Failure {
    match error {
        PublishError::TooLarge { needed, room } => Failure::TooLarge {
            needed: needed as u64,
            room: room as u64,
        },
        PublishError::Damaged { .. } | PublishError::Torn => Failure::DataPlaneRefused,
    }
}
