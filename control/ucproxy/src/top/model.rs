//! What is on the screen, without a screen: rates between two snapshots, sorted and filtered.

use std::collections::HashMap;

use super::snapshot::{Flow, Snapshot};

/// Nanoseconds between two snapshots.
const SNAPSHOT_EVERY: u64 = 1_000_000_000;

/// A key that means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Letter(char),
    Erase,
    Enter,
    Escape,
    Quit,
}

/// What the table is sorted by, the largest first; names from A to Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Rate,
    Octets,
    Age,
    User,
}

impl Sort {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Octets => "octets",
            Self::Age => "age",
            Self::User => "user",
        }
    }

    const fn next(self) -> Self {
        match self {
            Self::Rate => Self::Octets,
            Self::Octets => Self::Age,
            Self::Age => Self::User,
            Self::User => Self::Rate,
        }
    }
}

/// What happens in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rates {
    pub(super) sessions: f64,
    pub(super) packets: f64,
    pub(super) media: f64,
    pub(super) mbits: f64,
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row<'m> {
    pub(super) flow: &'m Flow,
    /// Octets a second.
    pub(super) rate: f64,
}

/// The screen's content.
#[derive(Debug)]
pub(super) struct Model {
    now: Snapshot,
    before: Option<Snapshot>,
    sort: Sort,
    filter: String,
    /// The filter is being typed.
    typing: bool,
    paused: bool,
}

impl Model {
    /// Begins with one snapshot, so that there are no rates yet.
    pub(super) const fn new(now: Snapshot) -> Self {
        Self {
            now,
            before: None,
            sort: Sort::Rate,
            filter: String::new(),
            typing: false,
            paused: false,
        }
    }

    /// Whether it is time for another snapshot, by the data plane's clock; one that has died is
    /// looked at once more.
    pub(super) const fn wants(&self, at: u64, alive: bool) -> bool {
        let passed = at.saturating_sub(self.now.at);
        !self.paused && (passed >= SNAPSHOT_EVERY || at < self.now.at || alive != self.now.alive)
    }

    /// Takes a snapshot that is newer.
    pub(super) fn take(&mut self, now: Snapshot) {
        self.before = Some(core::mem::replace(&mut self.now, now));
    }

    /// Obeys a key; `true` when it is the end.
    pub(super) fn press(&mut self, key: Key) -> bool {
        match key {
            Key::Quit => return true,
            Key::Letter(letter) if self.typing => self.filter.push(letter),
            Key::Erase if self.typing => drop(self.filter.pop()),
            Key::Enter => self.typing = false,
            Key::Escape => {
                self.typing = false;
                self.filter.clear();
            }
            Key::Letter('q') => return true,
            Key::Letter('s') => self.sort = self.sort.next(),
            Key::Letter('p') => self.paused = !self.paused,
            Key::Letter('/') => self.typing = true,
            Key::Letter(_) | Key::Erase => {}
        }
        false
    }

    pub(super) const fn now(&self) -> &Snapshot {
        &self.now
    }

    pub(super) const fn sort(&self) -> Sort {
        self.sort
    }

    /// The filter, and whether it is being typed.
    pub(super) fn filter(&self) -> (&str, bool) {
        (&self.filter, self.typing)
    }

    pub(super) const fn is_paused(&self) -> bool {
        self.paused
    }

    /// Rates since the snapshot before; `None` without one.
    pub(super) fn rates(&self) -> Option<Rates> {
        let (before, seconds) = self.since()?;
        let (from, to) = (&before.counts, &self.now.counts);
        Some(Rates {
            sessions: per_second(from.sessions, to.sessions, seconds),
            packets: per_second(from.packets, to.packets, seconds),
            media: per_second(from.media, to.media, seconds),
            mbits: per_second(from.octets, to.octets, seconds) * 8.0 / 1e6,
        })
    }

    /// Each worker's share of busy time since the snapshot before.
    pub(super) fn busy(&self) -> Vec<Option<f64>> {
        let before = self.before.iter().flat_map(|before| &before.workers);
        let mut before = before.map(Some).chain(core::iter::repeat(None));
        let share = |now: &super::snapshot::WorkerState| {
            let then = before.next()??;
            let passed = now.at.checked_sub(then.at).filter(|&passed| passed > 0)?;
            Some((now.busy.saturating_sub(then.busy) as f64 / passed as f64).min(1.0))
        };
        self.now.workers.iter().map(share).collect()
    }

    /// Refusals that have grown since the snapshot before, with how many there are a second; the
    /// fastest first.
    pub(super) fn growing(&self) -> Vec<(&'static str, u64, f64)> {
        let Some((before, seconds)) = self.since() else {
            return Vec::new();
        };
        let pairs = self.now.refusals.iter().zip(&before.refusals);
        let mut growing: Vec<_> = pairs
            .filter(|((_, now), (_, then))| now > then)
            .map(|(&(name, now), &(_, then))| (name, now, per_second(then, now, seconds)))
            .collect();
        growing.sort_by(|a, b| b.2.total_cmp(&a.2));
        growing
    }

    /// The sessions and streams that the filter lets through, sorted.
    pub(super) fn rows(&self) -> Vec<Row<'_>> {
        let (flows, seconds) = self.since().map_or((&[][..], 0.0), |(before, seconds)| {
            (&before.flows[..], seconds)
        });
        let before: HashMap<_, _> = flows.iter().map(|flow| (flow.id, flow.octets)).collect();
        let rate = |flow: &Flow| match before.get(&flow.id) {
            Some(&then) => per_second(then, flow.octets, seconds),
            None => 0.0,
        };
        let wanted = self.filter.to_lowercase();
        let shown = |flow: &&Flow| {
            let texts = [
                &flow.app,
                &flow.user,
                &flow.client,
                &flow.server,
                &flow.state,
            ];
            texts
                .iter()
                .any(|text| text.to_lowercase().contains(&wanted))
        };
        let flows = self.now.flows.iter().filter(shown);
        let mut rows: Vec<_> = flows
            .map(|flow| Row {
                flow,
                rate: rate(flow),
            })
            .collect();
        rows.sort_by(|a, b| {
            let order = match self.sort {
                Sort::Rate => b.rate.total_cmp(&a.rate),
                Sort::Octets => b.flow.octets.cmp(&a.flow.octets),
                Sort::Age => b.flow.age_seconds.cmp(&a.flow.age_seconds),
                Sort::User => a.flow.user.cmp(&b.flow.user),
            };
            order.then(a.flow.id.cmp(&b.flow.id))
        });
        rows
    }

    /// The snapshot before, and the seconds since; `None` when no time has passed.
    fn since(&self) -> Option<(&Snapshot, f64)> {
        let before = self.before.as_ref()?;
        let passed = self.now.at.checked_sub(before.at)?;
        (passed > 0).then_some((before, passed as f64 / 1e9))
    }
}

/// Counts may start anew with a data plane, and go down then.
fn per_second(from: u64, to: u64, seconds: f64) -> f64 {
    to.saturating_sub(from) as f64 / seconds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::snapshot::{Counts, WorkerState};

    fn flow(id: u64, user: &str, age_seconds: u64, octets: u64) -> Flow {
        Flow {
            id: (id, None),
            user: user.into(),
            age_seconds,
            octets,
            ..Flow::default()
        }
    }

    fn snapshot(seconds: u64, octets: u64) -> Snapshot {
        Snapshot {
            at: seconds * 1_000_000_000,
            alive: true,
            counts: Counts {
                sessions: 10 * seconds,
                octets: 250_000 * seconds,
                ..Counts::default()
            },
            workers: vec![WorkerState {
                at: seconds * 1_000_000_000,
                busy: seconds * 250_000_000,
            }],
            refusals: vec![("quiet", 5), ("loud", 3 * seconds)],
            flows: vec![flow(1, "b", 9, octets), flow(2, "a", 3, 100)],
            ..Snapshot::default()
        }
    }

    fn model() -> Model {
        let mut model = Model::new(snapshot(10, 0));
        model.take(snapshot(12, 50));
        model
    }

    #[test]
    fn two_snapshots_make_rates() {
        assert_eq!(Model::new(snapshot(10, 0)).rates(), None);
        let model = model();
        let rates = model.rates().unwrap();
        assert_eq!((rates.sessions, rates.mbits), (10.0, 2.0));
        assert_eq!(model.busy(), [Some(0.25)]);
        assert_eq!(model.growing(), [("loud", 36, 3.0)]);
    }

    #[test]
    fn a_data_plane_that_started_anew_makes_no_wild_rates() {
        let mut model = Model::new(snapshot(10, 900));
        model.take(snapshot(1, 0));
        assert_eq!(model.rates(), None);
        assert_eq!(model.busy(), [None]);
        assert!(model.rows().iter().all(|row| row.rate == 0.0));
    }

    fn ids(model: &Model) -> Vec<u64> {
        model.rows().iter().map(|row| row.flow.id.0).collect()
    }

    #[test]
    fn keys_sort_filter_pause_and_quit() {
        let mut model = model();
        let by = [
            ("rate", [1, 2]),
            ("octets", [2, 1]),
            ("age", [1, 2]),
            ("user", [2, 1]),
        ];
        for (name, order) in by {
            assert_eq!((model.sort().name(), ids(&model)), (name, order.to_vec()));
            assert!(!model.press(Key::Letter('s')));
        }
        for key in [
            Key::Letter('/'),
            Key::Letter('q'),
            Key::Erase,
            Key::Letter('B'),
            Key::Enter,
        ] {
            assert!(!model.press(key), "typed, not obeyed");
        }
        assert_eq!((model.filter(), ids(&model)), (("B", false), vec![1]));
        model.press(Key::Escape);
        assert_eq!(ids(&model).len(), 2);
        model.press(Key::Letter('p'));
        assert!(model.is_paused() && !model.wants(u64::MAX, true));
        assert!(model.press(Key::Letter('q')) && model.press(Key::Quit));
    }

    #[test]
    fn snapshots_are_a_second_apart_but_a_death_is_seen_at_once() {
        let model = model();
        assert!(!model.wants(12_900_000_000, true) && model.wants(13_000_000_000, true));
        assert!(model.wants(12_000_000_000, false) && model.wants(0, true));
    }
}
