//! The highest rate without loss, by halving (RFC 2544 §26.1).

use crate::{LoadError, Report};

/// Where to look, and when a rate counts as one without loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// A rate that surely passes, in packets a second.
    pub low: f64,
    /// A rate that surely does not.
    pub high: f64,
    /// Share of the packets that may be missing.
    pub loss: f64,
}

/// Trials stop when the interval is this narrow.
const NARROW: f64 = 1.04;

/// A generator that stays below this share of the rate cannot judge it.
const KEPT: f64 = 0.98;

impl Search {
    /// Finds the highest rate at which `trial` loses no more than allowed, and what came of it.
    /// A rate that loses more is tried once more, so that a hiccup of the machine does not pass
    /// for a limit. `None` if even the lowest loses more.
    ///
    /// # Errors
    /// Whatever `trial` fails with.
    pub fn run(
        &self,
        mut trial: impl FnMut(f64) -> Result<Report, LoadError>,
    ) -> Result<Option<Report>, LoadError> {
        let (mut low, mut high) = (self.low, self.high);
        let mut passing = |rate| -> Result<Option<Report>, LoadError> {
            for _ in 0..2 {
                let report = trial(rate)?;
                if self.passes(&report, rate) {
                    return Ok(Some(report));
                }
            }
            Ok(None)
        };
        let Some(mut best) = passing(low)? else {
            return Ok(None);
        };
        while high / low > NARROW {
            let middle = (low * high).sqrt();
            match passing(middle)? {
                Some(report) => (low, best) = (middle, report),
                None => high = middle,
            }
        }
        Ok(Some(best))
    }

    fn passes(&self, report: &Report, rate: f64) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "counts of a trial")]
        let (missing, good) = (report.missing as f64, report.good.max(1) as f64);
        missing / good <= self.loss
            && report.counts.faults() == 0
            && report.sent_per_second >= rate * KEPT
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Counts;

    fn report(rate: f64, missing: u64) -> Report {
        Report {
            good: 10_000,
            bad: 0,
            missing,
            counts: Counts::default(),
            seconds: 1.0,
            sent_per_second: rate,
            received_per_second: rate,
            blocked: 0.0,
            delay: None,
        }
    }

    fn search(loss: f64) -> Search {
        Search {
            low: 1_000.0,
            high: 1_000_000.0,
            loss,
        }
    }

    #[test]
    fn finds_the_rate_at_which_loss_begins() {
        let lossy = |rate: f64| Ok(report(rate, if rate > 125_000.0 { 500 } else { 0 }));
        let best = search(0.0).run(lossy).unwrap().unwrap();
        assert!((115_000.0..=125_000.0).contains(&best.sent_per_second));
    }

    #[test]
    fn generator_that_cannot_keep_up_ends_the_search() {
        let slow = |rate: f64| Ok(report(rate.min(50_000.0), 0));
        let best = search(0.0).run(slow).unwrap().unwrap();
        assert!(best.sent_per_second <= 50_000.0);
    }

    #[test]
    fn one_hiccup_is_no_limit() {
        let mut trials = 0;
        let hiccup = |rate: f64| {
            trials += 1;
            Ok(report(rate, if trials % 2 == 1 { 500 } else { 0 }))
        };
        let best = search(0.0).run(hiccup).unwrap().unwrap();
        assert!(best.sent_per_second > 900_000.0);
    }

    #[test]
    fn loss_at_the_lowest_rate_finds_nothing() {
        let lossy = |rate: f64| Ok(report(rate, 2));
        assert!(search(0.0001).run(lossy).unwrap().is_none());
        assert!(search(0.001).run(lossy).unwrap().is_some());
    }
}
