//! Static streams on their way from the socket to the workers.

use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use abi::provision::{StaticOutcome, StaticStream, Step};
use abi::secrets::Provisioned;
use worker::{Order, PolicyInbox};

use crate::register::{Opening, Register};

/// Time between two looks at how far the workers are.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Looks that are taken before the operator is told that it takes too long.
const LOOKS: u32 = 30_000;

/// The way to the workers, once they run.
pub(crate) type Inboxes = Arc<OnceLock<Vec<PolicyInbox>>>;

/// What the operator has ordered so far.
#[derive(Debug)]
pub(crate) struct Orders {
    inboxes: Inboxes,
    register: Register,
    /// An order whose end nobody has waited for.
    unfinished: Option<Unfinished>,
}

#[derive(Debug)]
struct Unfinished {
    order: Arc<Order>,
    opening: Opening,
    /// Workers that have yet to get it.
    ungiven: Vec<PolicyInbox>,
}

impl Orders {
    /// Nothing yet.
    pub(crate) fn new(inboxes: Inboxes) -> Self {
        Self {
            inboxes,
            register: Register::default(),
            unfinished: None,
        }
    }

    /// Has the workers do `step` of a list with `streams`, and waits for what becomes of them.
    pub(crate) fn carry_out(
        &mut self,
        list: u64,
        step: Step,
        streams: Vec<StaticStream>,
    ) -> Provisioned {
        if step == Step::Begin {
            self.register.begin(list);
        } else if !self.register.is_at(list) {
            return Provisioned::Overtaken;
        }
        let outcomes = self.go(step, streams);
        outcomes.map_or(Provisioned::NotNow, Provisioned::Done)
    }

    /// `None` if no worker runs or it takes too long.
    fn go(&mut self, step: Step, streams: Vec<StaticStream>) -> Option<Vec<StaticOutcome>> {
        let workers = self.inboxes.get()?.len();
        let mut patience = Patience(LOOKS);
        self.finish(&mut patience)?;
        match step {
            Step::Begin => Some(Vec::new()),
            Step::Keep => {
                streams.iter().for_each(|stream| self.register.keep(stream));
                Some(Vec::new())
            }
            Step::Close => {
                let close = self.register.take_others();
                let order = Order::new(close, Vec::new(), workers);
                self.give(order, Opening::default(), &mut patience)
            }
            Step::Open => {
                let (open, opening) = self.register.plan(streams);
                let order = Order::new(Vec::new(), open, workers);
                self.give(order, opening, &mut patience)
            }
        }
    }

    /// Gives an order to all workers and waits for its end.
    fn give(
        &mut self,
        order: Order,
        opening: Opening,
        patience: &mut Patience,
    ) -> Option<Vec<StaticOutcome>> {
        self.unfinished = Some(Unfinished {
            order: Arc::new(order),
            opening,
            ungiven: self.inboxes.get()?.clone(),
        });
        self.finish(patience)
    }

    /// Waits for the end of the order before, if there is one, and enters what came of it.
    fn finish(&mut self, patience: &mut Patience) -> Option<Vec<StaticOutcome>> {
        let Some(Unfinished {
            order,
            opening,
            ungiven,
        }) = &mut self.unfinished
        else {
            return Some(Vec::new());
        };
        while let Some(inbox) = ungiven.last() {
            if inbox.put_order(Arc::clone(order)) {
                ungiven.pop();
            } else {
                patience.wait()?;
            }
        }
        let outcomes = loop {
            match order.outcomes() {
                Some(outcomes) => break outcomes,
                None => patience.wait()?,
            }
        };
        let all = self.register.enter(opening, &outcomes);
        self.unfinished = None;
        Some(all)
    }
}

/// Looks that are left.
struct Patience(u32);

impl Patience {
    fn wait(&mut self) -> Option<()> {
        self.0 = self.0.checked_sub(1)?;
        thread::park_timeout(LOOK_EVERY);
        Some(())
    }
}
