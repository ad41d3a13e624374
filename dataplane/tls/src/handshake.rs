//! Handshakes away from the workers.
//!
//! A handshake costs hundreds of microseconds of public-key work, in which a worker would lose
//! thousands of media packets. So the leg itself goes to a handshake thread with the octets that
//! it has stored, and comes back when they are used up. Going there may wake a thread; coming
//! back is a lock-free queue that the worker looks at in its loop, without a system call.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use abi::Reason;
use abi::records::Depth;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use crossbeam_queue::ArrayQueue;

use crate::leg::{State, TlsLeg};

/// How many of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// Handshake threads; with 0 each worker runs its own handshakes, a step at a time.
    pub threads: usize,
    /// Workers, each of which gets a [`HandshakePort`].
    pub workers: usize,
    /// Legs that may wait in the queue that all workers share, and legs that one worker may have
    /// away at once; at least 1.
    pub queue_max: usize,
}

/// A leg and the caller's mark on it.
type Marked = (u64, Box<TlsLeg>);

enum Job {
    Step {
        worker: usize,
        mark: u64,
        leg: Box<TlsLeg>,
    },
    Stop,
}

type Returns = Arc<[ArrayQueue<Marked>]>;

/// The handshake threads. They end when this is dropped or shut down.
pub struct HandshakePool {
    jobs: Sender<Job>,
    threads: Vec<JoinHandle<()>>,
}

impl HandshakePool {
    /// Starts the threads and gives every worker its port.
    ///
    /// A thread inherits the CPU affinity of the caller, so this is called before the caller
    /// pins itself.
    ///
    /// # Errors
    /// The system starts no more threads.
    pub fn start(config: PoolConfig) -> io::Result<(Self, Vec<HandshakePort>)> {
        let queue_max = config.queue_max.max(1);
        let (jobs, queue) = bounded(queue_max);
        let returns: Returns = (0..config.workers)
            .map(|_| ArrayQueue::new(queue_max))
            .collect();
        let mut pool = Self {
            jobs,
            threads: Vec::with_capacity(config.threads),
        };
        for i in 0..config.threads {
            let (queue, returns) = (queue.clone(), Arc::clone(&returns));
            let thread = Builder::new()
                .name(format!("handshake-{i}"))
                .spawn(move || run(&queue, &returns))?;
            pool.threads.push(thread);
        }
        let ports = (0..config.workers)
            .map(|worker| HandshakePort {
                worker,
                away: 0,
                away_max: queue_max,
                route: if config.threads == 0 {
                    Route::Inline(VecDeque::new())
                } else {
                    Route::Threads {
                        jobs: pool.jobs.clone(),
                        returns: Arc::clone(&returns),
                    }
                },
            })
            .collect();
        Ok((pool, ports))
    }

    /// Legs of all workers that wait for a thread.
    #[must_use]
    pub fn depth(&self) -> Depth {
        let room = if self.threads.is_empty() {
            None
        } else {
            self.jobs.capacity()
        };
        depth(self.jobs.len(), room.unwrap_or(0))
    }

    /// Ends the threads after the steps that wait, and waits for them.
    pub fn shutdown(self) {
        drop(self);
    }
}

impl Drop for HandshakePool {
    fn drop(&mut self) {
        for _ in &self.threads {
            // Fails only when every thread is gone already.
            if self.jobs.send(Job::Stop).is_err() {
                break;
            }
        }
        for thread in self.threads.drain(..) {
            // An error is the panic of a thread, which has been reported where it happened.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for HandshakePool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakePool")
            .field("threads", &self.threads.len())
            .field("waiting", &self.jobs.len())
            .finish()
    }
}

/// What a handshake thread does.
fn run(queue: &Receiver<Job>, returns: &Returns) {
    while let Ok(Job::Step {
        worker,
        mark,
        mut leg,
    }) = queue.recv()
    {
        // A panic is our bug or rustls's. It costs the peer that caused it its connection, and
        // must not cost everyone else this thread.
        if catch_unwind(AssertUnwindSafe(|| leg.step())).is_err() {
            leg.fail(Reason::TlsHandshakeOther);
        }
        if let Some(queue) = returns.get(worker) {
            // A port has no more legs away than its queue has room for; if it is gone, nobody
            // wants the leg.
            let _ = queue.push((mark, leg));
        }
    }
}

enum Route {
    Inline(VecDeque<Marked>),
    Threads { jobs: Sender<Job>, returns: Returns },
}

/// A worker's way to the handshake threads and back.
pub struct HandshakePort {
    worker: usize,
    away: usize,
    away_max: usize,
    route: Route,
}

impl HandshakePort {
    /// Sends a leg away for its next [`step`](TlsLeg::step). It comes back by
    /// [`poll`](Self::poll), with `mark`.
    ///
    /// # Errors
    /// The leg itself when too many wait; one in its handshake has failed for
    /// [`Reason::TlsHandshakeQueueFull`].
    pub fn submit(&mut self, mark: u64, leg: Box<TlsLeg>) -> Result<(), Box<TlsLeg>> {
        if self.away >= self.away_max {
            return Err(refused(leg));
        }
        match &mut self.route {
            Route::Inline(queue) => queue.push_back((mark, leg)),
            Route::Threads { jobs, .. } => {
                let worker = self.worker;
                let sent = jobs.try_send(Job::Step { worker, mark, leg });
                if let Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) = sent
                    && let Job::Step { leg, .. } = job
                {
                    return Err(refused(leg));
                }
            }
        }
        self.away += 1;
        Ok(())
    }

    /// Takes back a leg that has made its step, with its mark. Never waits.
    ///
    /// Without handshake threads this is where the step is made, one a call, so that the worker
    /// can see to its media in between.
    pub fn poll(&mut self) -> Option<(u64, Box<TlsLeg>)> {
        let back = match &mut self.route {
            Route::Inline(queue) => {
                let (mark, mut leg) = queue.pop_front()?;
                leg.step();
                (mark, leg)
            }
            Route::Threads { returns, .. } => {
                let queue = returns.get(self.worker)?;
                // Asked first because an empty queue's `pop` waits for all stores before it.
                if queue.is_empty() {
                    return None;
                }
                queue.pop()?
            }
        };
        self.away = self.away.saturating_sub(1);
        Some(back)
    }

    /// Legs that are away.
    #[must_use]
    pub fn away(&self) -> usize {
        self.away
    }

    /// Legs that the next calls of [`poll`](Self::poll) bring.
    #[must_use]
    pub fn depth(&self) -> Depth {
        let waiting = match &self.route {
            Route::Inline(queue) => queue.len(),
            Route::Threads { returns, .. } => returns.get(self.worker).map_or(0, ArrayQueue::len),
        };
        depth(waiting, self.away_max)
    }
}

impl fmt::Debug for HandshakePort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakePort")
            .field("worker", &self.worker)
            .field("away", &self.away)
            .finish_non_exhaustive()
    }
}

const fn depth(waiting: usize, room: usize) -> Depth {
    Depth {
        waiting: waiting as u64,
        room: room as u64,
    }
}

/// A leg that is open already goes on: the step that it wants can wait.
fn refused(mut leg: Box<TlsLeg>) -> Box<TlsLeg> {
    if leg.state() == State::Handshaking {
        leg.fail(Reason::TlsHandshakeQueueFull);
    }
    leg
}
