//! What was counted before, and what may be counted now.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use crate::CountError;
use crate::stage::STAGES;

/// Instructions a packet, by stage.
pub(crate) type Stages = BTreeMap<String, u64>;
/// The same by case.
pub(crate) type Counts = BTreeMap<String, Stages>;

/// Share by which a count may rise.
const MAY_RISE_PERCENT: u64 = 5;
/// A stage that rises by no more than this has not risen: it is a handful of instructions.
const HANDFUL: u64 = 5;

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("baseline.json")
}

/// The committed baseline.
pub(crate) fn read() -> Result<Counts, CountError> {
    let text = fs::read_to_string(path()).map_err(|e| CountError::Io("baseline", e))?;
    Ok(serde_json::from_str(&text)?)
}

/// Makes `counts` the baseline.
pub(crate) fn write(counts: &Counts) -> Result<(), CountError> {
    let mut text = serde_json::to_string_pretty(counts)?;
    text.push('\n');
    fs::write(path(), text).map_err(|e| CountError::Io("baseline", e))
}

fn total(stages: &Stages) -> u64 {
    stages.values().sum()
}

/// A row of figures for each stage and the whole: now and before.
fn rows<'c>(now: &'c Stages, before: &'c Stages) -> impl Iterator<Item = (&'c str, u64, u64)> {
    let of = |stages: &Stages, stage: &str| stages.get(stage).copied().unwrap_or(0);
    let stages = STAGES
        .iter()
        .map(move |stage| (*stage, of(now, stage), of(before, stage)));
    stages.chain([("total", total(now), total(before))])
}

/// Everything as text.
pub(crate) fn table(counts: &Counts, baseline: &Counts) -> String {
    let mut text = "Instructions a packet, now (baseline)\n".to_owned();
    let none = Stages::new();
    for (case, now) in counts {
        let before = baseline.get(case).unwrap_or(&none);
        let _ = write!(text, "{case:16}");
        for (stage, now, before) in rows(now, before) {
            let _ = write!(text, "  {stage} {now} ({before})");
        }
        text.push('\n');
    }
    text
}

/// What takes more instructions than it may.
pub(crate) fn risen(counts: &Counts, baseline: &Counts) -> Vec<String> {
    let mut risen = Vec::new();
    for (case, now) in counts {
        let Some(before) = baseline.get(case) else {
            risen.push(format!("{case}: not in the baseline"));
            continue;
        };
        for (stage, now, before) in rows(now, before) {
            let may_be = before + (before * MAY_RISE_PERCENT / 100).max(HANDFUL);
            if now > may_be {
                risen.push(format!("{case}, {stage}: {now}, was {before}"));
            }
        }
    }
    risen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(open: u64) -> Counts {
        let stages = [("admit", 100), ("open", open)];
        let stages = stages.map(|(name, count)| (name.to_owned(), count));
        Counts::from([("srtp-to-rtp".to_owned(), Stages::from(stages))])
    }

    #[test]
    fn five_percent_are_allowed_and_six_are_not() {
        let baseline = counts(1_000);
        assert_eq!(risen(&counts(1_050), &baseline), Vec::<String>::new());
        let risen = risen(&counts(1_060), &baseline);
        assert_eq!(risen[0], "srtp-to-rtp, open: 1060, was 1000");
        assert_eq!(super::risen(&counts(500), &baseline), Vec::<String>::new());
    }

    #[test]
    fn new_cases_need_a_baseline() {
        assert_eq!(risen(&counts(1), &Counts::new()).len(), 1);
    }
}
