//! Draws a model.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Style, Stylize};
use ratatui::symbols::line::THICK_HORIZONTAL;
use ratatui::text::Line;
use ratatui::widgets::{LineGauge, Row as TableRow, Table};

use super::model::{Model, Row};
use super::snapshot::PoolState;
use crate::clock::span;

/// Workers that are shown at most.
const WORKERS: usize = 16;

/// Refusals that are shown at most.
const REFUSALS: usize = 5;

/// Draws `model` over the whole frame.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model) {
    let pools = rows(model.now().pools.len());
    let workers = rows(model.now().workers.len().min(WORKERS));
    let growing = model.growing();
    let refusals = rows(growing.len().min(REFUSALS));
    let [
        status,
        rates,
        pool_area,
        worker_area,
        table,
        refusal_area,
        help,
    ] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(pools),
        Constraint::Length(workers),
        Constraint::Min(2),
        Constraint::Length(refusals),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(status_line(model).reversed(), status);
    frame.render_widget(rate_line(model), rates);
    for (pool, area) in model.now().pools.iter().zip(pool_area.rows()) {
        draw_pool(frame, pool, area);
    }
    for ((worker, busy), area) in model.busy().into_iter().enumerate().zip(worker_area.rows()) {
        let label = match busy {
            Some(busy) => format!("worker {worker:<16} {:>5.1} % busy", busy * 100.0),
            None => format!("worker {worker:<16}     - % busy"),
        };
        draw_bar(frame, label, busy.unwrap_or(0.0), area);
    }
    draw_table(frame, model, table);
    for ((name, total, rate), area) in growing.into_iter().zip(refusal_area.rows()) {
        let text = format!("refused {name}: {rate:.1} a second, {total} in all");
        frame.render_widget(Line::from(text).red(), area);
    }
    frame.render_widget(help_line(model).dim(), help);
}

fn status_line(model: &Model) -> Line<'static> {
    let now = model.now();
    let alive = if now.alive { "up" } else { "gone" };
    let paused = if model.is_paused() { ", paused" } else { "" };
    Line::from(format!(
        "ucproxy top: data plane {} {alive}, policy {}, {} sessions and streams{paused}",
        now.pid,
        now.generation,
        now.flows.len()
    ))
}

fn rate_line(model: &Model) -> Line<'static> {
    let Some(rates) = model.rates() else {
        return Line::from("rates are told from the second look on");
    };
    Line::from(format!(
        "{:.1} sessions/s   {:.0} packets/s   {:.0} media packets/s   {:.2} Mbit/s",
        rates.sessions, rates.packets, rates.media, rates.mbits
    ))
}

fn draw_pool(frame: &mut Frame<'_>, pool: &PoolState, area: Rect) {
    let (name, in_use) = (pool.name, pool.in_use);
    let (limit, share) = match pool.limit {
        None => ("unlimited".to_owned(), 0.0),
        Some(0) => ("0".to_owned(), 1.0),
        Some(limit) => (limit.to_string(), in_use as f64 / limit as f64),
    };
    draw_bar(
        frame,
        format!("{name:<23} {in_use:>6} of {limit:<9}"),
        share,
        area,
    );
}

fn draw_bar(frame: &mut Frame<'_>, label: String, share: f64, area: Rect) {
    let gauge = LineGauge::default()
        .label(label)
        .ratio(share.clamp(0.0, 1.0))
        .filled_symbol(THICK_HORIZONTAL)
        .filled_style(Style::new().green());
    frame.render_widget(gauge, area);
}

/// A column of the table.
struct Column {
    heading: &'static str,
    width: Constraint,
    /// Columns that the screen must have for this one to be shown.
    from: u16,
    text: fn(&Row<'_>) -> String,
}

const COLUMNS: [Column; 9] = [
    column("session", Constraint::Length(9), 0, |row| {
        match row.flow.id {
            (session, None) => session.to_string(),
            (session, Some(media)) => format!("{session}.{media}"),
        }
    }),
    column("app", Constraint::Length(12), 140, |row| {
        row.flow.app.clone()
    }),
    // Chosen by the client, so it may hold anything.
    column("user", Constraint::Fill(1), 0, |row| {
        row.flow.user.escape_debug().to_string()
    }),
    column("client", Constraint::Fill(2), 104, |row| {
        row.flow.client.clone()
    }),
    column("server", Constraint::Fill(2), 127, |row| {
        row.flow.server.clone()
    }),
    column("state", Constraint::Length(16), 0, |row| {
        row.flow.state.clone()
    }),
    column("age", Constraint::Length(9), 0, |row| {
        span(row.flow.age_seconds)
    }),
    column("octets", Constraint::Length(12), 0, |row| {
        row.flow.octets.to_string()
    }),
    column("octets/s", Constraint::Length(10), 0, |row| {
        format!("{:.0}", row.rate)
    }),
];

const fn column(
    heading: &'static str,
    width: Constraint,
    from: u16,
    text: fn(&Row<'_>) -> String,
) -> Column {
    Column {
        heading,
        width,
        from,
        text,
    }
}

fn draw_table(frame: &mut Frame<'_>, model: &Model, area: Rect) {
    let columns = || COLUMNS.iter().filter(|column| column.from <= area.width);
    let rows = model.rows();
    let rows = rows
        .iter()
        .take(area.height.into())
        .map(|row| TableRow::new(columns().map(|column| (column.text)(row))));
    let headings = TableRow::new(columns().map(|column| column.heading)).bold();
    let table = Table::new(rows, columns().map(|column| column.width)).header(headings);
    frame.render_widget(table, area);
}

fn help_line(model: &Model) -> Line<'static> {
    let (filter, typing) = model.filter();
    let cursor = if typing { "_" } else { "" };
    let filter = if typing || !filter.is_empty() {
        format!("filter: {filter}{cursor}")
    } else {
        "/ filter".to_owned()
    };
    Line::from(format!(
        "q quit   s sort (by {})   {filter}   p pause",
        model.sort().name()
    ))
}

/// Lines that so many things take.
fn rows(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::top::model::Key;
    use crate::top::snapshot::{Flow, Snapshot, WorkerState};

    fn snapshot(seconds: u64) -> Snapshot {
        Snapshot {
            at: seconds * 1_000_000_000,
            alive: true,
            pid: 77,
            pools: vec![PoolState {
                name: "tls-sessions",
                in_use: 750,
                limit: Some(1_000),
            }],
            workers: vec![WorkerState {
                at: seconds * 1_000_000_000,
                busy: seconds * 500_000_000,
            }],
            refusals: vec![("srtp-auth-failed", 7 * seconds)],
            flows: vec![Flow {
                id: (4, Some(1)),
                user: "SEP\u{1b}[2J".into(),
                octets: 1_000 * seconds,
                ..Flow::default()
            }],
            ..Snapshot::default()
        }
    }

    fn screen(model: &Model, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, model)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn everything_is_on_the_screen() {
        let mut model = Model::new(snapshot(1));
        model.take(snapshot(2));
        model.press(Key::Letter('/'));
        model.press(Key::Letter('s'));
        let screen = screen(&model, 140, 20);
        for text in [
            "data plane 77 up",
            "750 of 1000",
            "50.0 % busy",
            "━─",
            "refused srtp-auth-failed: 7.0 a second, 14 in all",
            "filter: s_",
            "4.1",
        ] {
            assert!(screen.contains(text), "{text}\n{screen}");
        }
        assert!(
            !screen.contains('\u{1b}'),
            "a client's name moves no cursor"
        );
    }

    #[test]
    fn a_narrow_screen_leaves_out_whole_columns() {
        let model = Model::new(snapshot(1));
        for (width, shown) in [(80, "user"), (104, "client"), (127, "server"), (140, "app")] {
            let (narrow, wide) = (screen(&model, width - 1, 20), screen(&model, width, 20));
            let heading = |screen: &str| {
                let line = screen.lines().find(|line| line.contains("octets/s"));
                line.is_some_and(|line| line.contains(shown))
            };
            assert!(heading(&wide), "{shown}\n{wide}");
            assert_eq!(heading(&narrow), shown == "user", "{shown}\n{narrow}");
        }
    }

    #[test]
    fn no_screen_is_too_small() {
        let mut model = Model::new(snapshot(1));
        model.take(snapshot(2));
        for (width, height) in [(1, 1), (20, 3), (200, 2), (3, 60)] {
            screen(&model, width, height);
        }
    }
}
