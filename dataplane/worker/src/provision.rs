//! Media streams that no signalling sets up: opened as calls' are, for as long as the operator
//! wants them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use abi::provision::{StaticOutcome, StaticSide, StaticStream};
use abi::{Counter, Now, Permit, Reason, Suite};
use core::net::{IpAddr, SocketAddr};
use pipeline::{
    CallId, Endpoint, MasterKey, MediaId, MediaKind, MediaPlan, PerLeg, SidePlan, SrtpParams,
};
use wire::Nic;

use crate::Worker;

/// Streams that are opened in one go: some hundred microseconds of deriving keys.
const STREAMS_AT_ONCE: usize = 16;

/// Session that static streams belong to: none.
const NO_SESSION: u64 = 0;

/// Streams to be closed and to be opened. A stream is known by a number, and belongs to the worker
/// that it leaves when divided by how many there are.
#[derive(Debug)]
pub struct Order {
    close: Vec<u32>,
    open: Vec<(u32, StaticStream)>,
    workers: usize,
    /// By stream to be opened: a [`StaticOutcome`] in a word, 0 until it is known.
    outcomes: Box<[AtomicU64]>,
    /// Workers that have not done their part.
    left: AtomicUsize,
}

impl Order {
    /// An order for `workers` workers, to close the streams of some numbers and then to open
    /// others, of numbers that no open stream has.
    #[must_use]
    pub fn new(close: Vec<u32>, open: Vec<(u32, StaticStream)>, workers: usize) -> Self {
        Self {
            outcomes: open.iter().map(|_| AtomicU64::new(0)).collect(),
            close,
            open,
            workers,
            left: AtomicUsize::new(workers),
        }
    }

    /// What became of each stream to be opened; `None` until every worker has done its part.
    #[must_use]
    pub fn outcomes(&self) -> Option<Vec<StaticOutcome>> {
        if self.left.load(Ordering::Acquire) > 0 {
            return None;
        }
        let outcomes = self.outcomes.iter();
        outcomes
            .map(|word| StaticOutcome::from_word(word.load(Ordering::Relaxed)))
            .collect()
    }

    fn belongs_to(&self, number: u32, worker: usize) -> bool {
        number as usize % self.workers == worker
    }

    /// Numbers of the streams that `worker` closes.
    fn closed_by(&self, worker: usize) -> impl Iterator<Item = u32> {
        let numbers = self.close.iter().copied();
        numbers.filter(move |&number| self.belongs_to(number, worker))
    }

    /// Places of the streams that `worker` opens, from `from` on.
    fn opened_by(&self, worker: usize, from: usize) -> impl Iterator<Item = usize> {
        let streams = self.open.iter().enumerate().skip(from);
        streams
            .filter(move |(_, (number, _))| self.belongs_to(*number, worker))
            .map(|(place, _)| place)
    }
}

/// What a worker has open, and what it is about to open.
#[derive(Debug, Default)]
pub(crate) struct Provisioned {
    /// The order in work, and the first stream in it that is not done.
    order: Option<(Arc<Order>, usize)>,
    /// By number.
    open: HashMap<u32, Open>,
}

/// An open static stream.
#[derive(Debug)]
struct Open {
    slot: u32,
    /// Held for its `Drop`: the SRTP licence unit.
    permit: Option<Permit<'static>>,
}

impl<N: Nic> Worker<N> {
    /// Goes on with the order in work, or takes a new one.
    pub(crate) fn provision(&mut self, now: Now) {
        let Some((order, from)) = self.provisioned.order.take() else {
            if let Some(order) = self.policies.take_order() {
                self.close_static(&order);
                self.provisioned.order = Some((order, 0));
            }
            return;
        };
        let mut places = order.opened_by(self.id, from);
        for place in places.by_ref().take(STREAMS_AT_ONCE) {
            let Some((number, stream)) = order.open.get(place) else {
                continue;
            };
            let outcome = match self.open_static(*number, stream, now) {
                Ok(local) => StaticOutcome::Open {
                    client_port: local.client.rtp.port(),
                    server_port: local.server.rtp.port(),
                },
                Err(reason) => {
                    self.counters.refuse(reason);
                    StaticOutcome::Refused(u16::try_from(reason.index()).unwrap_or(u16::MAX))
                }
            };
            if let Some(word) = order.outcomes.get(place) {
                word.store(outcome.to_word(), Ordering::Relaxed);
            }
        }
        let next = places.next();
        drop(places);
        match next {
            Some(next) => self.provisioned.order = Some((order, next)),
            None => {
                order.left.fetch_sub(1, Ordering::Release);
            }
        }
    }

    fn open_static(
        &mut self,
        number: u32,
        stream: &StaticStream,
        now: Now,
    ) -> Result<PerLeg<Endpoint>, Reason> {
        let plan = plan(number, stream).ok_or(Reason::MediaNoKey)?;
        let client = [self.termination(stream.client.local)?];
        let server = [self.termination(stream.server.local)?];
        let terminations = PerLeg {
            client: client.as_slice(),
            server: server.as_slice(),
        };
        let permit = if plan.is_counted() {
            Some(self.admission.srtp()?)
        } else {
            None
        };
        let opened = self
            .media
            .open(NO_SESSION, MediaId(number), &plan, terminations, now);
        let (slot, local) = opened?;
        self.counters
            .add(Counter::PermitsTaken, u64::from(permit.is_some()));
        self.provisioned.open.insert(number, Open { slot, permit });
        Ok(local)
    }

    /// The policy's media termination with that address.
    fn termination(&self, address: IpAddr) -> Result<u16, Reason> {
        let mut all = (0..).zip(&self.policy.image.media);
        let found = all.find(|(_, termination)| termination.address == address);
        found
            .map(|(index, _)| index)
            .ok_or(Reason::MediaNoTermination)
    }

    fn close_static(&mut self, order: &Order) {
        for number in order.closed_by(self.id) {
            let Some(open) = self.provisioned.open.remove(&number) else {
                continue;
            };
            self.media.close(open.slot);
            self.counters
                .add(Counter::PermitsReturned, u64::from(open.permit.is_some()));
        }
    }
}

/// What a call's signalling would ask for; `None` if a key does not suit its suite.
fn plan(number: u32, stream: &StaticStream) -> Option<MediaPlan> {
    Some(MediaPlan {
        call: CallId(number),
        kind: MediaKind::Rtp,
        sides: PerLeg {
            client: side(&stream.client)?,
            server: side(&stream.server)?,
        },
    })
}

fn side(side: &StaticSide) -> Option<SidePlan> {
    let suite = Suite::from_id(side.suite);
    if suite.is_none() && side.suite != 0 {
        return None;
    }
    let keys = |key_salt: &[u8]| match suite {
        None => Some(None),
        Some(suite) => {
            let key = MasterKey::new(suite, key_salt)?;
            Some(Some(SrtpParams {
                suite,
                key,
                mki: None,
            }))
        }
    };
    let rtcp = if side.rtcp_mux {
        side.peer
    } else {
        SocketAddr::new(side.peer.ip(), side.peer.port().checked_add(1)?)
    };
    Some(SidePlan {
        family_of: side.peer.ip(),
        remote: Some(Endpoint {
            rtp: side.peer,
            rtcp,
        }),
        rtcp_mux: side.rtcp_mux,
        secure: suite.is_some(),
        receive: keys(&side.receive)?,
        transmit: keys(&side.transmit)?,
        peer_sends: true,
        peer_receives: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(suite: u16, key: usize) -> StaticStream {
        let side = |suite, key| StaticSide {
            local: IpAddr::from([192, 0, 2, 1]),
            peer: SocketAddr::from(([192, 0, 2, 9], 5_004)),
            rtcp_mux: false,
            suite,
            receive: vec![1; key],
            transmit: vec![2; key],
        };
        StaticStream {
            client: side(suite, key),
            server: side(0, 0),
        }
    }

    #[test]
    fn plans_are_those_of_a_call() {
        let suite = Suite::AesCm128HmacSha1_80;
        let plan = plan(3, &stream(suite.id(), suite.key_salt_len())).unwrap();
        assert!(plan.is_counted() && plan.sides.client.secure && !plan.sides.server.secure);
        assert_eq!(plan.sides.client.remote.unwrap().rtcp.port(), 5_005);
    }

    #[test]
    fn unknown_suites_and_short_keys_are_refused() {
        assert_eq!(plan(0, &stream(99, 30)), None);
        assert_eq!(plan(0, &stream(1, 29)), None);
        assert!(plan(0, &stream(0, 0)).is_some());
    }

    #[test]
    fn workers_share_an_order_by_number() {
        let open = (5..).zip(vec![stream(0, 0); 7]).collect();
        let order = Order::new(vec![4, 2, 3], open, 3);
        let shares = [0, 1, 2].map(|worker| order.opened_by(worker, 0).collect::<Vec<_>>());
        assert_eq!(shares, [vec![1, 4], vec![2, 5], vec![0, 3, 6]]);
        assert_eq!(order.opened_by(2, 4).collect::<Vec<_>>(), [6]);
        let closed = [0, 1, 2].map(|worker| order.closed_by(worker).collect::<Vec<_>>());
        assert_eq!(closed, [vec![3], vec![4], vec![2]]);
        assert_eq!(order.outcomes(), None);
    }
}
