//! Transactions in progress: what a response needs to find its way back unchanged.

use core::time::Duration;

use abi::Now;
use sip::{Frame, Message, Method, TransactionId};

use crate::headers::Echo;

/// How long a transaction other than INVITE may take, and how long one that is answered is
/// remembered (RFC 3261 §17, 64 times T1).
pub(crate) const LINGER: Duration = Duration::from_secs(32);

/// A request that one side sent and that the other is to answer.
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) id: TransactionId,
    /// What the response gets back.
    pub(crate) echo: Echo,
    pub(crate) state: State,
    pub(crate) deadline: Now,
}

/// How far a transaction has come.
#[derive(Debug)]
pub(crate) enum State {
    /// Without a final response. For an INVITE, what it takes to end it from here.
    Pending(Option<Box<Invite>>),
    /// With a final response that came from the other side. More may follow (RFC 6026).
    Completed,
    /// Answered by us: the other side never saw it.
    Answered,
    /// Answered by us while the other side was still at work on it, which we now end.
    Abandoned(Box<Invite>),
    /// Sent by us.
    Own,
}

/// What it takes to end an INVITE on both sides.
#[derive(Debug)]
pub(crate) struct Invite {
    /// The head of the request as it came, to be answered.
    pub(crate) head: Frame,
    /// The CANCEL of the request as it was sent on.
    pub(crate) cancel: Vec<u8>,
}

/// The transactions that one side began.
#[derive(Debug, Default)]
pub(crate) struct Transactions {
    list: Vec<Transaction>,
}

impl Transactions {
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Adds `new` in the place of any of the same name.
    pub(crate) fn insert(&mut self, new: Transaction) {
        self.remove(&new.id);
        self.list.push(new);
    }

    pub(crate) fn find(&mut self, id: &TransactionId) -> Option<&mut Transaction> {
        self.list.iter_mut().find(|t| t.id == *id)
    }

    pub(crate) fn remove(&mut self, id: &TransactionId) -> Option<Transaction> {
        let at = self.list.iter().position(|t| t.id == *id)?;
        Some(self.list.swap_remove(at))
    }

    /// Notes that `request` was answered by us.
    pub(crate) fn answered(&mut self, request: &Message, now: Now) {
        self.insert(Transaction {
            id: TransactionId::of(request),
            echo: Echo::default(),
            state: State::Answered,
            deadline: now + LINGER,
        });
    }

    /// When the first of them is overdue.
    pub(crate) fn deadline(&self) -> Option<Now> {
        self.list.iter().map(|t| t.deadline).min()
    }

    /// Takes out one that is overdue.
    pub(crate) fn take_overdue(&mut self, now: Now) -> Option<Transaction> {
        let at = self.list.iter().position(|t| t.deadline <= now)?;
        Some(self.list.swap_remove(at))
    }
}

/// How long a request of `method` may wait for news.
pub(crate) fn patience(method: Method, invite: Duration) -> Duration {
    match method {
        Method::Invite => invite,
        _ => LINGER,
    }
}
