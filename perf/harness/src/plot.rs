//! The plot of an answer: a panel a unit, with bars, or lines where the rows have places.

use std::io;
use std::ops::Range;

use plotters::coord::Shift;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::{Answer, Row, Unit};

/// A plot that could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("plot: {0}")]
pub struct PlotError(#[from] DrawingAreaErrorKind<io::Error>);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), PlotError>;

const WIDTH: i32 = 900;
/// Where bars begin: labels stand left of it.
const BARS_X: i32 = 330;
/// Where the longest bar ends: its figure stands right of it.
const BARS_END: i32 = 780;
const BAR_HEIGHT: i32 = 26;
const HEADING_HEIGHT: i32 = 34;
const LINES_HEIGHT: i32 = 340;
const MARGIN: i32 = 10;

/// The plot of `answer` as SVG.
pub(crate) fn svg(answer: &Answer) -> Result<String, PlotError> {
    let panels: Vec<(Unit, Vec<&Row>)> = answer
        .units()
        .into_iter()
        .map(|unit| {
            let rows = answer.rows.iter().filter(|row| row.unit == unit);
            (unit, rows.collect())
        })
        .collect();
    let heights: Vec<i32> = panels.iter().map(|(_, rows)| height(rows)).collect();
    let total = heights.iter().sum::<i32>() + HEADING_HEIGHT;
    let mut text = String::new();
    {
        let size = (WIDTH.unsigned_abs(), total.unsigned_abs());
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        root.fill(&WHITE)?;
        heading(&root, &answer.title, 18)?;
        let (_, mut rest) = root.split_vertically(HEADING_HEIGHT);
        for ((unit, rows), height) in panels.iter().zip(heights) {
            let (panel, below) = rest.split_vertically(height);
            rest = below;
            heading(&panel, unit.name(), 14)?;
            let (_, body) = panel.split_vertically(HEADING_HEIGHT);
            match &answer.axis {
                Some(axis) if has_places(rows) => lines(&body, axis, *unit, rows)?,
                _ => bars(&body, *unit, rows)?,
            }
        }
        root.present()?;
    }
    Ok(text)
}

fn has_places(rows: &[&Row]) -> bool {
    rows.iter().all(|row| row.at.is_some())
}

fn height(rows: &[&Row]) -> i32 {
    let body = if has_places(rows) {
        LINES_HEIGHT
    } else {
        i32::try_from(rows.len())
            .unwrap_or(i32::MAX / BAR_HEIGHT)
            .saturating_mul(BAR_HEIGHT)
    };
    body.saturating_add(HEADING_HEIGHT + 2 * MARGIN)
}

fn heading(area: &Area<'_>, text: &str, size: i32) -> Drawn {
    let font = ("sans-serif", size).into_font().color(&BLACK);
    area.draw(&Text::new(text.to_owned(), (MARGIN, MARGIN), font))?;
    Ok(())
}

fn bars(area: &Area<'_>, unit: Unit, rows: &[&Row]) -> Drawn {
    let largest = rows.iter().map(|row| row.stats.max).fold(0.0, f64::max);
    let place = |value: f64| BARS_X + scaled(value, largest, BARS_END - BARS_X);
    let font = ("sans-serif", 13).into_font().color(&BLACK);
    let left = font.pos(Pos::new(HPos::Right, VPos::Center));
    let right = font.pos(Pos::new(HPos::Left, VPos::Center));
    let mut y = 0;
    for (number, row) in rows.iter().enumerate() {
        let middle = y + BAR_HEIGHT / 2;
        let corners = [
            (BARS_X, y + 4),
            (place(row.stats.median), y + BAR_HEIGHT - 4),
        ];
        area.draw(&Rectangle::new(
            corners,
            Palette99::pick(number).mix(0.75).filled(),
        ))?;
        let spread = [
            (place(row.stats.min), middle),
            (place(row.stats.max), middle),
        ];
        area.draw(&PathElement::new(spread, BLACK))?;
        area.draw(&Text::new(
            row.label.clone(),
            (BARS_X - 8, middle),
            left.clone(),
        ))?;
        let figure = unit.show(row.stats.median);
        let beside = place(row.stats.max) + 6;
        area.draw(&Text::new(figure, (beside, middle), right.clone()))?;
        y += BAR_HEIGHT;
    }
    Ok(())
}

/// Pixels of `value`, of `pixels` that `largest` has.
fn scaled(value: f64, largest: f64, pixels: i32) -> i32 {
    if largest <= 0.0 || !value.is_finite() {
        return 0;
    }
    let place = (value.max(0.0) / largest * f64::from(pixels)).round();
    #[expect(clippy::cast_possible_truncation, reason = "between 0 and the width")]
    let place = place as i32;
    place.clamp(0, pixels)
}

/// An axis over several powers of ten shows their exponents evenly.
#[derive(Clone, Copy)]
struct Axis {
    logarithmic: bool,
}

impl Axis {
    fn over(values: &Range<f64>) -> Self {
        Self {
            logarithmic: values.start > 0.0 && values.end / values.start >= 50.0,
        }
    }

    fn place(self, value: f64) -> f64 {
        if self.logarithmic {
            value.log10()
        } else {
            value
        }
    }

    fn label(self, place: f64) -> String {
        let value = if self.logarithmic {
            10_f64.powf(place)
        } else {
            place
        };
        format!("{value:.0}")
    }
}

fn lines(area: &Area<'_>, axis_name: &str, unit: Unit, rows: &[&Row]) -> Drawn {
    let places = rows.iter().filter_map(|row| row.at);
    let across = places.fold(f64::INFINITY..f64::NEG_INFINITY, |range, at| {
        range.start.min(at)..range.end.max(at)
    });
    let axis = Axis::over(&across);
    let largest = rows.iter().map(|row| row.stats.max).fold(0.0, f64::max);
    let right = axis.place(across.end).max(axis.place(across.start) + 1.0);
    let mut chart = ChartBuilder::on(area)
        .margin(MARGIN)
        .x_label_area_size(36)
        .y_label_area_size(70)
        .build_cartesian_2d(
            axis.place(across.start)..right,
            0.0..largest.max(1e-9) * 1.1,
        )?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc(axis_name)
        .x_label_formatter(&|place| axis.label(*place))
        .y_label_formatter(&|value| unit.show(*value))
        .draw()?;
    let mut series: Vec<&str> = Vec::new();
    for row in rows {
        if !series.contains(&row.series.as_str()) {
            series.push(&row.series);
        }
    }
    for (number, name) in series.iter().enumerate() {
        let colour = Palette99::pick(number).to_rgba();
        let mut points: Vec<(f64, &Row)> = rows
            .iter()
            .filter(|row| row.series == *name)
            .filter_map(|row| Some((axis.place(row.at?), *row)))
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let medians = points.iter().map(|&(x, row)| (x, row.stats.median));
        chart
            .draw_series(LineSeries::new(medians, colour.stroke_width(2)))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        chart.draw_series(
            points.iter().map(|&(x, row)| {
                PathElement::new([(x, row.stats.min), (x, row.stats.max)], colour)
            }),
        )?;
    }
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .position(SeriesLabelPosition::LowerLeft)
        .draw()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Question, RUNS_MIN};

    #[test]
    fn every_label_and_figure_is_in_the_plot() {
        let mut question = Question::new("q", "How fast?", "");
        for _ in 0..RUNS_MIN {
            question.record("ours", Unit::PacketsPerSecond, 3_200_000.0);
            question.record("a peer", Unit::PacketsPerSecond, 100_000.0);
            question.record("memory", Unit::Octets, 0.0);
        }
        let text = svg(&question.answer().unwrap()).unwrap();
        for wanted in [
            "How fast?",
            "ours",
            "3.200 M",
            "a peer",
            "100.0 k",
            "octets",
        ] {
            assert!(text.contains(wanted), "{wanted}");
        }
    }

    #[test]
    fn wide_axes_are_logarithmic() {
        let mut question = Question::new("q", "?", "").along("streams");
        for _ in 0..RUNS_MIN {
            for at in [1.0, 1_000.0, 100_000.0] {
                question.record_at("ours", at, Unit::NsPerPacket, 300.0);
            }
        }
        let text = svg(&question.answer().unwrap()).unwrap();
        for wanted in ["streams", "ours", "100000"] {
            assert!(text.contains(wanted), "{wanted}");
        }
        assert!(!text.contains("NaN"));
    }
}
