//! Which static streams are open, and under which keys media has been sent.
//!
//! A stream that is in the operator's old and new list stays as it is: opened anew it would begin its
//! indices anew, and send under keystream that it has used (RFC 3711 section 9.1, RFC 7714 section
//! 8). For the same reason no key is sent under by two streams, at once or one after the other.

use std::collections::HashSet;
use std::collections::hash_map::{HashMap, RandomState};
use std::hash::{BuildHasher, Hash};

use abi::Reason;
use abi::provision::{StaticOutcome, StaticStream};

/// What stands for a stream or a key: no copy of keys is kept.
type Digest = [u64; 2];

/// The static streams of this process.
#[derive(Debug, Default)]
pub(crate) struct Register {
    seeds: [RandomState; 2],
    /// The operator's list that is in work or was last.
    list: Option<u64>,
    streams: HashMap<Digest, Entry>,
    /// Keys that streams send or have sent under.
    spent: HashSet<Digest>,
    /// Number of the next stream.
    next: u32,
}

#[derive(Debug)]
struct Entry {
    number: u32,
    /// `None` until the workers have told it.
    outcome: Option<StaticOutcome>,
    /// Whether the list in work has it.
    stays: bool,
    sends_under: Vec<Digest>,
}

/// Streams to be opened: what is known of each beforehand.
#[derive(Debug, Default)]
pub(crate) struct Opening(Vec<Known>);

#[derive(Debug)]
enum Known {
    /// It is open, or refused without asking a worker.
    Already(StaticOutcome),
    /// It is among those that workers open.
    Asked(Digest),
    /// It has come before in the same list.
    Twice(Digest),
}

impl Register {
    /// Begins a list. What one before had kept, and not come to close, is as it was.
    pub(crate) fn begin(&mut self, list: u64) {
        self.list = Some(list);
        for entry in self.streams.values_mut() {
            entry.stays = false;
        }
    }

    /// Whether `list` is the one that began last.
    pub(crate) fn is_at(&self, list: u64) -> bool {
        self.list == Some(list)
    }

    /// Notes that the list in work has `stream`.
    pub(crate) fn keep(&mut self, stream: &StaticStream) {
        let digest = self.digest(stream);
        if let Some(entry) = self.streams.get_mut(&digest) {
            entry.stays = true;
        }
    }

    /// Takes out all streams that the list does not have; returns their numbers.
    pub(crate) fn take_others(&mut self) -> Vec<u32> {
        let others = self.streams.extract_if(|_, entry| !entry.stays);
        others.map(|(_, entry)| entry.number).collect()
    }

    /// Enters `streams`; returns those that workers are to open, with their numbers.
    pub(crate) fn plan(
        &mut self,
        streams: Vec<StaticStream>,
    ) -> (Vec<(u32, StaticStream)>, Opening) {
        let mut open = Vec::new();
        let mut known = Vec::with_capacity(streams.len());
        for stream in streams {
            let digest = self.digest(&stream);
            known.push(match self.streams.get(&digest) {
                Some(Entry {
                    outcome: Some(outcome),
                    ..
                }) => Known::Already(*outcome),
                Some(_) => Known::Twice(digest),
                None => match self.enter_new(digest, &stream) {
                    Ok(number) => {
                        open.push((number, stream));
                        Known::Asked(digest)
                    }
                    Err(reason) => Known::Already(refused(reason)),
                },
            });
        }
        (open, Opening(known))
    }

    fn enter_new(&mut self, digest: Digest, stream: &StaticStream) -> Result<u32, Reason> {
        let sides = [&stream.client, &stream.server];
        let sides = || sides.into_iter().filter(|side| side.suite != 0);
        let sends_under: Vec<_> = sides().map(|side| self.digest(&side.transmit)).collect();
        let is_reused = sides().any(|side| side.receive == side.transmit)
            || sends_under.iter().any(|key| self.spent.contains(key))
            || matches!(sends_under[..], [client, server] if client == server);
        if is_reused {
            return Err(Reason::MediaKeyReused);
        }
        self.spent.extend(&sends_under);
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        let entry = Entry {
            number,
            outcome: None,
            stays: false,
            sends_under,
        };
        self.streams.insert(digest, entry);
        Ok(number)
    }

    /// Enters what workers have said of the streams of `opening` that they were asked for; returns
    /// what became of all.
    pub(crate) fn enter(
        &mut self,
        opening: &Opening,
        outcomes: &[StaticOutcome],
    ) -> Vec<StaticOutcome> {
        let mut told = outcomes.iter();
        let mut refusals = HashMap::new();
        let all = opening.0.iter().filter_map(|known| match known {
            Known::Already(outcome) => Some(*outcome),
            Known::Asked(digest) => {
                let outcome = *told.next()?;
                if !self.enter_outcome(digest, outcome) {
                    refusals.insert(*digest, outcome);
                }
                Some(outcome)
            }
            Known::Twice(digest) => {
                let open = self.streams.get(digest).and_then(|entry| entry.outcome);
                open.or_else(|| refusals.get(digest).copied())
            }
        });
        all.collect()
    }

    /// Returns whether the stream is open. Nothing has been sent under the keys of one that is not.
    fn enter_outcome(&mut self, digest: &Digest, outcome: StaticOutcome) -> bool {
        let is_open = matches!(outcome, StaticOutcome::Open { .. });
        if is_open {
            if let Some(entry) = self.streams.get_mut(digest) {
                entry.outcome = Some(outcome);
            }
        } else if let Some(entry) = self.streams.remove(digest) {
            for key in &entry.sends_under {
                self.spent.remove(key);
            }
        }
        is_open
    }

    fn digest(&self, of: &impl Hash) -> Digest {
        self.seeds.each_ref().map(|seed| seed.hash_one(of))
    }
}

fn refused(reason: Reason) -> StaticOutcome {
    StaticOutcome::Refused(u16::try_from(reason.index()).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use abi::provision::StaticSide;

    use super::*;

    const OPEN: StaticOutcome = StaticOutcome::Open {
        client_port: 20_000,
        server_port: 20_002,
    };

    fn side(port: u16, key: Option<u8>) -> StaticSide {
        let key = |first: u8| key.map_or(Vec::new(), |key| vec![first, key]);
        StaticSide {
            local: [192, 0, 2, 1].into(),
            peer: ([192, 0, 2, 9], port).into(),
            rtcp_mux: false,
            suite: u16::from(!key(0).is_empty()),
            receive: key(1),
            transmit: key(2),
        }
    }

    fn stream(port: u16, key: u8) -> StaticStream {
        StaticStream {
            client: side(port, Some(key)),
            server: side(port, None),
        }
    }

    /// Replaces the list; returns what was closed, how many workers were asked to open, and what
    /// became of each.
    fn replace(
        register: &mut Register,
        list: &[StaticStream],
    ) -> (Vec<u32>, usize, Vec<StaticOutcome>) {
        register.begin(1);
        list.iter().for_each(|stream| register.keep(stream));
        let mut closed = register.take_others();
        closed.sort_unstable();
        let (open, opening) = register.plan(list.to_vec());
        let outcomes = vec![OPEN; open.len()];
        (closed, open.len(), register.enter(&opening, &outcomes))
    }

    #[test]
    fn what_is_in_both_lists_stays_open() {
        let mut register = Register::default();
        let [a, b, c] = [stream(1, 1), stream(2, 2), stream(3, 3)];
        let first = replace(&mut register, &[a, b.clone()]);
        assert_eq!(first, (vec![], 2, vec![OPEN; 2]));
        let second = replace(&mut register, &[c.clone(), b.clone()]);
        assert_eq!(second, (vec![0], 1, vec![OPEN; 2]));
        assert_eq!(replace(&mut register, &[c, b]).1, 0);
        assert_eq!(replace(&mut register, &[]), (vec![1, 2], 0, vec![]));
    }

    #[test]
    fn no_key_is_sent_under_twice() {
        let mut register = Register::default();
        let reused = refused(Reason::MediaKeyReused);
        let (a, moved) = (stream(1, 1), stream(2, 1));
        let together = replace(&mut register, &[a.clone(), moved.clone()]);
        assert_eq!(together.2, [OPEN, reused]);
        assert_eq!(replace(&mut register, &[moved]).2, [reused]);
        assert_eq!(replace(&mut register, &[a]).2, [reused], "it was closed");
        let mut echo = stream(3, 3);
        echo.client.transmit.clone_from(&echo.client.receive);
        assert_eq!(replace(&mut register, &[echo]).2, [reused]);
        let mut both = stream(4, 4);
        both.server = both.client.clone();
        assert_eq!(replace(&mut register, &[both]).2, [reused]);
    }

    #[test]
    fn what_an_overtaken_list_kept_is_not_kept_by_the_next() {
        let mut register = Register::default();
        let [a, b] = [stream(1, 1), stream(2, 2)];
        assert!(!register.is_at(1));
        replace(&mut register, &[a.clone(), b.clone()]);
        register.begin(2);
        register.keep(&a);
        register.begin(3);
        assert!(register.is_at(3) && !register.is_at(2));
        register.keep(&b);
        assert_eq!(register.take_others(), [0]);
    }

    #[test]
    fn one_stream_named_twice_is_opened_once() {
        let mut register = Register::default();
        let twice = [stream(1, 1), stream(1, 1)];
        assert_eq!(replace(&mut register, &twice), (vec![], 1, vec![OPEN; 2]));
    }

    #[test]
    fn what_workers_refuse_may_be_tried_again() {
        let mut register = Register::default();
        let (open, opening) = register.plan(vec![stream(1, 1); 2]);
        assert_eq!(open.len(), 1);
        let full = refused(Reason::MediaPortsExhausted);
        assert_eq!(register.enter(&opening, &[full]), [full; 2]);
        assert_eq!(replace(&mut register, &[stream(1, 1)]).2, [OPEN]);
    }

    #[test]
    fn debug_output_shows_no_key() {
        let mut register = Register::default();
        let mut secret = stream(1, 1);
        secret.client.transmit = vec![0xaa; 30];
        replace(&mut register, &[secret]);
        // Digests may hold any number, but hardly three like these in a row.
        assert!(!format!("{register:?}").contains("170, 170, 170"));
    }
}
