//! One origin: what happened, what to do, what it is known by, and what changed while this program looked.

use super::model::Model;
use super::origin::Origin;
use super::screen::Paint;
use crate::api::status::{Diagnosis, EvidenceItem};
use crate::cli::style;
use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Paragraph};

pub fn draw(frame: &mut Frame<'_>, area: Rect, model: &mut Model, paint: Paint, now: Timestamp) {
    let Some(origin) = model.chosen() else {
        return frame.render_widget(Block::bordered(), area);
    };
    // Lines are broken here, so that it is known how far they may be scrolled.
    let width = usize::from(area.width.saturating_sub(2)).max(20);
    let lines = lines(origin, model, paint, width, now);
    let title = format!(" {} ", origin.key);
    let room = area.height.saturating_sub(2);
    let last = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_sub(room);
    model.scroll = model.scroll.min(last);
    let text = Paragraph::new(Text::from(lines)).scroll((model.scroll, 0)).block(Block::bordered().title(title));
    frame.render_widget(text, area);
}

fn lines(origin: &Origin, model: &Model, paint: Paint, width: usize, now: Timestamp) -> Vec<Line<'static>> {
    let mut out = Vec::new();
    let mut facts = vec![Span::styled(origin.cause.clone(), paint.health(&origin.healthy))];
    if let Some(since) = origin.since {
        let age = super::origin::age(Some(since), now);
        facts.push(Span::raw(format!(" since {} ({age})", since.strftime("%Y-%m-%dT%H:%M:%SZ"))));
    }
    if let Some(d) = &origin.diagnosis {
        facts.push(Span::raw(format!(", {} confidence, {}, {}", d.confidence, d.pattern, d.scope.kind)));
    }
    out.push(Line::from(facts));
    prose(&mut out, "", &origin.url, width);
    if let Some(diagnosis) = &origin.diagnosis {
        verdict(&mut out, diagnosis, width);
    }
    heading(&mut out, "Changes seen while watching");
    let mut seen = model.seen(&origin.key).peekable();
    if seen.peek().is_none() {
        out.push(Line::from("  none"));
    }
    for seen in seen {
        prose(&mut out, "  ", &format!("{} {}", seen.at.strftime("%H:%M:%SZ"), seen.said), width);
    }
    heading(&mut out, "Conditions");
    for condition in &origin.conditions {
        let said = format!("{} {} {}: {}", condition.type_, condition.status, condition.reason, condition.message);
        prose(&mut out, "  ", said.trim_end_matches([' ', ':']), width);
    }
    out
}

fn verdict(out: &mut Vec<Line<'static>>, diagnosis: &Diagnosis, width: usize) {
    prose(out, "", &diagnosis.summary, width);
    if let Some(remedy) = &diagnosis.remedy {
        heading(out, "What to do");
        prose(out, "  ", &remedy.action, width);
    }
    if let Some(next) = &diagnosis.next_observation {
        heading(out, "What would decide");
        prose(out, "  ", next, width);
    }
    for (label, causes) in [
        ("Also: ", &diagnosis.contributing),
        ("Not excluded: ", &diagnosis.alternatives),
        ("Risks: ", &diagnosis.risks),
    ] {
        if !causes.is_empty() {
            let names: Vec<String> = causes.iter().map(ToString::to_string).collect();
            prose(out, "", &format!("{label}{}", names.join(", ")), width);
        }
    }
    if !diagnosis.evidence.is_empty() {
        heading(out, "Evidence");
        for item in &diagnosis.evidence {
            prose(out, "  ", &evidence(item), width);
        }
    }
}

fn evidence(item: &EvidenceItem) -> String {
    let mut said = format!("{} {}", item.observation, item.result);
    if let Some(code) = item.status_code {
        said = format!("{said} {code}");
    }
    if let Some(phase) = item.phase {
        said = format!("{said} in {phase}");
    }
    if let Some(address) = &item.address {
        said = format!("{said}, {address}");
    }
    said = format!("{said}, from {}", item.vantage);
    if let Some(detail) = item.detail.as_ref().filter(|detail| !detail.is_empty()) {
        said = format!("{said}: {detail}");
    }
    said
}

fn heading(out: &mut Vec<Line<'static>>, text: &str) {
    out.push(Line::styled(text.to_owned(), Style::new().add_modifier(Modifier::BOLD)));
}

/// Text broken between words, all lines indented alike.
fn prose(out: &mut Vec<Line<'static>>, indent: &str, text: &str, width: usize) {
    for line in style::lines(text, width.saturating_sub(indent.len())) {
        out.push(Line::from(format!("{indent}{line}")));
    }
}
