//! Static media streams on their way to the data plane.

use std::sync::mpsc::Sender;
use std::thread;

use abi::provision::{StaticStream, Step};
use admin::{Failure, Response};

use super::{Controller, send};
use crate::socket;

impl Controller {
    /// Has the data plane do `step` with `streams`, on a thread of their own: it takes its time
    /// over many.
    pub(super) fn provision_streams(
        &self,
        list: u64,
        step: Step,
        streams: Vec<StaticStream>,
        reply: Sender<Response>,
    ) {
        let runtime_dir = self.args.runtime_dir.clone();
        let waits = reply.clone();
        let open = move || {
            let done = socket::provision_streams(&runtime_dir, list, step, &streams);
            let response = match done {
                Ok(outcomes) => Response::Streams { outcomes },
                Err(error) => refused(&error),
            };
            send(&reply, response);
        };
        let thread = thread::Builder::new().name("streams".into());
        if let Err(error) = thread.spawn(open) {
            send(&waits, refused(&error));
        }
    }
}

fn refused(error: &dyn std::error::Error) -> Response {
    Response::Failed(Failure::NoStreams {
        reason: error.to_string(),
    })
}
