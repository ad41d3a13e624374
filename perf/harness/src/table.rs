//! Answers as text: for a terminal and, in the same columns, for the page.

use crate::{Answer, Claim, Target};

/// Cells of a table, all of one row beside each other.
pub(crate) type Cells = Vec<Vec<String>>;

/// The figures, with a heading.
pub(crate) fn figures(answer: &Answer) -> Cells {
    let heading = ["what", "unit", "median", "min", "max", "runs"].map(str::to_owned);
    let mut cells = vec![heading.to_vec()];
    cells.extend(answer.rows.iter().map(|row| {
        let show = |value| row.unit.show(value);
        vec![
            row.label.clone(),
            row.unit.to_string(),
            show(row.stats.median),
            show(row.stats.min),
            show(row.stats.max),
            row.runs.len().to_string(),
        ]
    }));
    cells
}

/// The claims, with a heading; nothing if there are none.
pub(crate) fn claims(answer: &Answer) -> Cells {
    if answer.claims.is_empty() {
        return Cells::new();
    }
    let heading = ["claim", "of", "to", "is", "should be", ""].map(str::to_owned);
    let mut cells = vec![heading.to_vec()];
    cells.extend(answer.claims.iter().map(|claim| {
        vec![
            claim.what.clone(),
            claim.of.clone(),
            claim.to.clone().unwrap_or_default(),
            number(claim.value),
            target(claim.target),
            verdict(claim).to_owned(),
        ]
    }));
    cells
}

/// The whole answer for a terminal.
pub(crate) fn text(answer: &Answer) -> String {
    let mut lines = vec![answer.title.clone(), answer.method.clone()];
    lines.push(format!("On {}.", answer.machine.summary()));
    lines.extend(
        answer
            .facts
            .iter()
            .map(|(name, value)| format!("{name}: {value}")),
    );
    for cells in [figures(answer), claims(answer)] {
        if !cells.is_empty() {
            lines.push(String::new());
            lines.extend(aligned(&cells));
        }
    }
    lines.extend(answer.notes.iter().map(|note| format!("Note: {note}")));
    lines.push(String::new());
    lines.join("\n")
}

fn aligned(cells: &Cells) -> Vec<String> {
    let mut widths: Vec<usize> = Vec::new();
    for row in cells {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &Vec<String>| {
        let padded = row.iter().zip(&widths).enumerate();
        let padded = padded.map(|(column, (cell, &width))| match column {
            0 | 1 => format!("{cell:width$}"),
            _ => format!("{cell:>width$}"),
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    cells.iter().map(line).collect()
}

/// A ratio or a limit in as many digits as it is good for.
pub(crate) fn number(value: f64) -> String {
    crate::Unit::Count.show(value)
}

pub(crate) fn target(target: Target) -> String {
    match target {
        Target::AtLeast(least) => format!("at least {}", plain(least)),
        Target::AtMost(most) => format!("at most {}", plain(most)),
        Target::Exactly(wanted) => format!("exactly {}", plain(wanted)),
        Target::Informative => "–".to_owned(),
    }
}

fn plain(value: f64) -> String {
    if value >= 1e4 {
        number(value)
    } else {
        value.to_string()
    }
}

pub(crate) const fn verdict(claim: &Claim) -> &'static str {
    match (claim.target, claim.holds) {
        (Target::Informative, _) => "",
        (_, true) => "holds",
        (_, false) => "FALLS SHORT",
    }
}
