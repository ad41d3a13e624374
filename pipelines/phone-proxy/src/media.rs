//! Media that the session has asked for.

use abi::Reason;
use pipeline::{CallId, Endpoint, MediaId, MediaPlan, Output, PerLeg};

use crate::session::Session;

/// Media that is pinned, or about to be.
#[derive(Debug)]
pub(crate) struct Pin {
    media: MediaId,
    call: CallId,
    /// The plan in force.
    plan: Option<MediaPlan>,
    /// The plan that waits for its answer.
    asked: Option<MediaPlan>,
}

impl Session {
    /// Asks for media to do as `plan` says, unless it does; `true` when an answer is to come.
    pub(crate) fn pin(&mut self, media: MediaId, plan: MediaPlan) -> bool {
        let known = self.pins.iter().position(|p| p.media == media);
        let at = known.unwrap_or_else(|| {
            self.pins.push(Pin {
                media,
                call: plan.call,
                plan: None,
                asked: None,
            });
            self.pins.len() - 1
        });
        let Some(pin) = self.pins.get_mut(at) else {
            return false;
        };
        if pin.asked.is_none() && pin.plan.as_ref() == Some(&plan) {
            return false;
        }
        pin.asked = Some(plan.clone());
        self.outputs.push_back(Output::PinMedia {
            media,
            plan: Box::new(plan),
        });
        true
    }

    /// Takes in that media is pinned at `local`.
    pub(crate) fn on_media_ready(&mut self, media: MediaId, local: PerLeg<Endpoint>) {
        if let Some(pin) = self.pins.iter_mut().find(|p| p.media == media)
            && let Some(asked) = pin.asked.take()
        {
            pin.plan = Some(asked);
            if let Some(held) = &mut self.held {
                held.on_ready(media, local);
            }
        }
    }

    /// Takes in that media is not carried; the worker has counted why.
    pub(crate) fn on_media_refused(&mut self, media: MediaId, reason: Reason) {
        if let Some(at) = self.pins.iter().position(|p| p.media == media) {
            if let Some(pin) = self.pins.get_mut(at) {
                pin.asked = None;
            }
            if self.pins.get(at).is_some_and(|p| p.plan.is_none()) {
                self.pins.swap_remove(at);
            }
            if let Some(held) = &mut self.held {
                held.on_refused(reason);
            }
        }
    }

    /// Closes media of `call` that no line of it stands for any more.
    pub(crate) fn unpin_unused(&mut self, call: CallId) {
        let lines = self
            .calls
            .iter()
            .filter(|c| c.id == call)
            .flat_map(|c| c.lines());
        let used: Vec<MediaId> = lines.map(|line| line.media).collect();
        self.unpin_where(|pin| pin.call == call && !used.contains(&pin.media));
    }

    /// Closes all media of the session.
    pub(crate) fn unpin_all(&mut self) {
        self.unpin_where(|_| true);
    }

    fn unpin_where(&mut self, wanted: impl Fn(&Pin) -> bool) {
        let outputs = &mut self.outputs;
        self.pins.retain(|pin| {
            let goes = wanted(pin);
            if goes {
                outputs.push_back(Output::UnpinMedia { media: pin.media });
            }
            !goes
        });
    }
}
