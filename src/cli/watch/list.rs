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
    let widths = [
        Constraint::Fill(1),
        Constraint::Length(7),
        Constraint::Length(7),
        Constraint::Length(24),
        Constraint::Length(5),
    ];
    let table = Table::new(shown.iter().map(|origin| row(origin, paint, now)), widths)
        .header(Row::new(["ORIGIN", "READY", "HEALTHY", "CAUSE", "SINCE"]).style(head))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
        .highlight_symbol("> ");
    let mut state = TableState::new().with_selected(model.place());
    frame.render_stateful_widget(table, area, &mut state);
}

fn row(origin: &Origin, paint: Paint, now: Timestamp) -> Row<'static> {
    let style = paint.health(&origin.healthy);
    Row::new([
        Cell::from(origin.key.clone()),
        Cell::from(origin.ready.clone()),
        Cell::from(Text::styled(origin.healthy.clone(), style)),
        Cell::from(Text::styled(origin.cause.clone(), style)),
        Cell::from(age(origin.since, now)),
    ])
}
