//! All origins, one a line.

use super::model::Model;
use super::origin::{Origin, age};
use super::screen::Paint;
use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::Text;
use ratatui::widgets::{Cell, Paragraph, Row, Table, TableState};

/// Below so many columns there is room only for what is wrong with whom.
const NARROW: u16 = 64;

/// Heading, width, and whether it stands in a narrow terminal too.
const COLUMNS: [(&str, Constraint, bool); 5] = [
    ("ORIGIN", Constraint::Fill(1), true),
    ("READY", Constraint::Length(7), false),
    ("HEALTHY", Constraint::Length(7), false),
    ("CAUSE", Constraint::Max(24), true),
    ("SINCE", Constraint::Length(5), false),
];

pub fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, paint: Paint, now: Timestamp) {
    let shown = model.shown();
    if shown.is_empty() {
        let said = match (model.listed, model.filter.is_empty()) {
            (false, _) => "",
            (true, true) => "There is no ProtectedOrigin yet.",
            (true, false) => "No origin matches the filter.",
        };
        return frame.render_widget(Paragraph::new(said), area);
    }
    let head = Style::new().add_modifier(Modifier::BOLD);
    let wide = area.width >= NARROW;
    let columns = || COLUMNS.into_iter().filter(|(.., always)| wide || *always);
    let rows = shown.iter().map(|origin| row(origin, wide, paint, now));
    let table = Table::new(rows, columns().map(|(_, width, _)| width))
        .header(Row::new(columns().map(|(name, ..)| name)).style(head))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
        .highlight_symbol("> ");
    let mut state = TableState::new().with_selected(model.place());
    frame.render_stateful_widget(table, area, &mut state);
}

fn row(origin: &Origin, wide: bool, paint: Paint, now: Timestamp) -> Row<'static> {
    let style = paint.health(&origin.healthy);
    let cells = [
        Cell::from(origin.key.clone()),
        Cell::from(origin.ready.clone()),
        Cell::from(Text::styled(origin.healthy.clone(), style)),
        Cell::from(Text::styled(origin.cause.clone(), style)),
        Cell::from(age(origin.since, now)),
    ];
    Row::new(cells.into_iter().zip(COLUMNS).filter(|(_, (.., always))| wide || *always).map(|(cell, _)| cell))
}
