//! Static streams on their way from the socket to the workers.

use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use abi::provision::{StaticOutcome, StaticStream};
use worker::{Order, PolicyInbox};

/// Time between two looks at how far the workers are.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Looks that are taken before the operator is told that it takes too long.
const LOOKS: u32 = 30_000;

/// The way to the workers, once they run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Orders(Arc<OnceLock<Vec<PolicyInbox>>>);

impl Orders {
    /// The workers run, and take orders from here on.
    pub(crate) fn open(&self, inboxes: &[PolicyInbox]) {
        // Workers are started once in a process.
        drop(self.0.set(inboxes.to_vec()));
    }

    /// Has the workers open `streams`, and waits for what becomes of them; `None` if no worker
    /// runs or it takes too long.
    pub(crate) fn carry_out(
        &self,
        streams: Vec<StaticStream>,
        first: bool,
    ) -> Option<Vec<StaticOutcome>> {
        let inboxes = self.0.get()?;
        let order = Arc::new(Order::new(streams, first, inboxes.len()));
        let mut looks = 0..LOOKS;
        for inbox in inboxes {
            while !inbox.put_order(Arc::clone(&order)) {
                looks.next()?;
                thread::park_timeout(LOOK_EVERY);
            }
        }
        loop {
            if let Some(outcomes) = order.outcomes() {
                return Some(outcomes);
            }
            looks.next()?;
            thread::park_timeout(LOOK_EVERY);
        }
    }
}
