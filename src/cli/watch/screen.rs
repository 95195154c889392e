//! The terminal while it is ours: taken at the start, and given back whatever ends the program.

use super::feed::Change;
use super::model::{Mode, Model, Next};
use super::{detail, keys, list};
use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Block, Paragraph, Wrap};
use std::io;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::interval;

/// Ages on the screen go on.
const TICK: Duration = Duration::from_secs(1);
/// From so many rows on, the detail has a place below the list.
const TALL: u16 = 18;

const KEYS: &str = "j k ↑ ↓ choose   PgUp PgDn g G far   Enter one origin   / filter   Esc back   ? keys   q quit";

/// Colours by meaning; none where NO_COLOR is set.
#[derive(Clone, Copy, Debug)]
pub struct Paint(bool);

impl Paint {
    pub fn wanted() -> Self {
        Self(std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty()))
    }

    #[cfg(test)]
    pub const fn none() -> Self {
        Self(false)
    }

    fn colour(self, colour: Color) -> Style {
        if self.0 { Style::new().fg(colour) } else { Style::new() }
    }

    /// For the status of OriginHealthy.
    pub fn health(self, status: &str) -> Style {
        match status {
            "True" => self.colour(Color::Green),
            "False" => self.colour(Color::Red).add_modifier(Modifier::BOLD),
            _ => self.colour(Color::Yellow),
        }
    }

    pub fn warning(self) -> Style {
        self.colour(Color::Yellow).add_modifier(Modifier::BOLD)
    }
}

/// Shows what happens until somebody quits.
pub async fn show(mut changes: mpsc::Receiver<Change>) -> io::Result<()> {
    let mut ends = [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt()].map(signal);
    let [Ok(terminate), Ok(hangup), Ok(interrupt)] = &mut ends else {
        return Err(io::Error::other("cannot listen to signals"));
    };
    // From here on a panic gives the terminal back as well.
    let mut terminal = ratatui::try_init()?;
    let _back = Back;
    let mut keys = keys::read();
    let mut tick = interval(TICK);
    let (mut model, paint) = (Model::default(), Paint::wanted());
    loop {
        terminal.draw(|frame| draw(frame, &mut model, paint, Timestamp::now()))?;
        tokio::select! {
            change = changes.recv() => match change {
                Some(change) => { model.take(change, Timestamp::now()); }
                None => return Ok(()),
            },
            key = keys.recv() => match key {
                Some(key) if model.press(key) == Next::Stay => {}
                _ => return Ok(()),
            },
            _ = tick.tick() => {}
            _ = terminate.recv() => return Ok(()),
            _ = hangup.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        }
    }
}

/// Gives the terminal back.
struct Back;

impl Drop for Back {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        let _ = ratatui::try_restore();
    }
}

/// One picture.
pub fn draw(frame: &mut Frame<'_>, model: &mut Model, paint: Paint, now: Timestamp) {
    let rows = Layout::vertical([Constraint::Length(1), Constraint::Min(1), Constraint::Length(1)]);
    let [head, middle, foot] = rows.areas(frame.area());
    frame.render_widget(heading(model, paint, now), head);
    frame.render_widget(footer(model), foot);
    match model.mode {
        Mode::Help => frame.render_widget(help(), middle),
        Mode::Detail => detail::draw(frame, middle, model, paint, now),
        Mode::List | Mode::Filter if middle.height >= TALL => {
            let [above, below] =
                Layout::vertical([Constraint::Percentage(45), Constraint::Percentage(55)]).areas(middle);
            list::draw(frame, above, model, paint, now);
            detail::draw(frame, below, model, paint, now);
        }
        Mode::List | Mode::Filter => list::draw(frame, middle, model, paint, now),
    }
}

fn heading(model: &Model, paint: Paint, now: Timestamp) -> Line<'static> {
    if let Some((since, why)) = &model.away {
        let seconds = now.duration_since(*since).as_secs().max(0);
        let said = format!("API server away for {seconds}s, shown is what was known: {why}");
        return Line::styled(said, paint.warning());
    }
    let (all, unhealthy) = model.counts();
    let said = if model.listed { format!("{all} origins, {unhealthy} unhealthy") } else { "listing…".to_owned() };
    let clock = now.strftime("%H:%M:%SZ");
    Line::styled(format!("Leeward  {said}  {clock}"), Style::new().add_modifier(Modifier::BOLD))
}

fn footer(model: &Model) -> Line<'static> {
    match model.mode {
        Mode::Filter => Line::from(format!("/{}▏  Enter keep   Esc clear", model.filter)),
        Mode::Detail => Line::from("j k ↑ ↓ scroll   Esc q back   ? keys"),
        Mode::List if !model.filter.is_empty() => {
            Line::from(format!("filter: {}   Esc clear   / change   ? keys   q quit", model.filter))
        }
        Mode::List | Mode::Help => Line::from("j k choose   Enter one origin   / filter   ? keys   q quit"),
    }
}

fn help() -> Paragraph<'static> {
    let mut lines: Vec<Line<'_>> = KEYS.split("   ").map(Line::from).collect();
    lines.push(Line::default());
    lines.push(Line::from("What is shown is what the operator wrote into each status; nothing is probed from here."));
    lines.push(Line::from("Changes are those that were seen since this program was started."));
    Paragraph::new(Text::from(lines)).wrap(Wrap { trim: false }).block(Block::bordered().title(" Keys "))
}
