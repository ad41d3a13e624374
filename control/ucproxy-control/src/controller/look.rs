//! What control tells of itself.

use std::io;

use admin::{Configuration, Failure, Response, Status};

use super::Controller;
use super::publish::Stage;
use super::wanted::Wanted;
use crate::http::Scrape;
use crate::link::Link;
use crate::metrics;

impl Controller {
    /// Answers a scraper.
    pub(crate) fn scrape(&self, reply: &Scrape) {
        let layout = self.link.as_ref().map(Link::layout);
        // One that has left does not mind.
        drop(reply.send(metrics::page(&self.status(), layout)));
    }

    pub(super) fn history(&self) -> Response {
        match self.versions.list() {
            Ok(versions) => Response::History { versions },
            Err(error) => Response::Failed(unreadable(&error)),
        }
    }

    pub(super) fn configuration(&self) -> Response {
        self.wanted.as_ref().map_or(
            Response::Failed(Failure::NoConfiguration),
            |Wanted { source, .. }| {
                Response::Configuration(Configuration {
                    text: String::from_utf8_lossy(&source.text).into_owned(),
                    path: source.path.clone(),
                })
            },
        )
    }

    pub(super) fn status(&self) -> Status {
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started: self.started,
            config: self.wanted.as_ref().map(|w| w.source.path.clone()),
            attached: self.link.as_ref().is_some_and(Link::is_alive),
            dataplane: self.link.as_ref().map(|link| link.boot().to_string()),
            in_force: matches!(self.stage, Stage::InForce(_)),
            problem: self.problem.clone(),
            restart_needed: self.after_restart.is_some(),
            after_restart: self.after_restart.clone().unwrap_or_default(),
        }
    }
}

pub(super) fn unreadable(error: &io::Error) -> Failure {
    tracing::error!(%error, "versions cannot be read");
    Failure::Unreadable
}
