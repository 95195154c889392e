//! The tally as `docs/accuracy.md`, and as a table on the terminal.

use std::fmt::Write;

use super::Tally;
use crate::situation::Outcome;

const INTRODUCTION: &str = "\
# How often the diagnosis is right

Written by `make accuracy`, which stages every situation under `tests/situations/` (real nginx, HAProxy and Envoy, real
kernel firewalls, in network namespaces), asks `leeward diagnose`, and compares cause, health, confidence, scope and what
must not be claimed with what the file demands. The situations were written while Leeward was built, and its rules were
mended where they were wrong, so these figures say that the rules hold what they promise, not how they do on what nobody
has thought of. The last column of the long table is what a reader of `blackbox_exporter` (`debug=true`, both paths, from the same vantage) would
name by the rule in `tests/lab/src/situation/reader.rs`, which was written down before the comparison and grants the reader
everything that the output says. Situations that consist of Kubernetes objects alone cannot be given to it.
";

/// The page.
pub fn render(outcomes: &[Outcome]) -> String {
    let tally = Tally::of(outcomes);
    let mut out = String::from(INTRODUCTION);
    let _ = writeln!(out, "\n| | |\n|---|---|");
    for (what, figure) in figures(&tally) {
        let _ = writeln!(out, "| {what} | {figure} |");
    }
    if !tally.confusion.is_empty() {
        let _ = writeln!(out, "\n## What was taken for what\n\n| Wanted | Said | Times |\n|---|---|---|");
        for ((wanted, said), times) in &tally.confusion {
            let _ = writeln!(out, "| {wanted} | {said} | {times} |");
        }
    }
    let _ = writeln!(
        out,
        "\n## Every situation\n\n| Situation | Wanted | Said | Confidence | Reader of blackbox_exporter |\n|---|---|---|---|---|"
    );
    for outcome in outcomes {
        let (cause, confidence) =
            outcome.said.as_ref().map_or(("no answer", ""), |said| (said.cause.as_str(), said.confidence.as_str()));
        let mark = |said: &str| if said == outcome.wanted { said.to_owned() } else { format!("**{said}**") };
        let peer = outcome.peer.as_deref().map_or_else(|| "not asked".to_owned(), mark);
        let (said, name, wanted) = (mark(cause), &outcome.name, &outcome.wanted);
        let _ = writeln!(out, "| {name} | {wanted} | {said} | {confidence} | {peer} |");
    }
    out
}

/// The figures that count, in words.
pub fn figures(tally: &Tally) -> Vec<(&'static str, String)> {
    let share = tally.share();
    let mut figures = vec![
        ("Situations", tally.situations.to_string()),
        ("Right cause", format!("{} ({}.{} %)", tally.right, share / 10, share % 10)),
        ("Wrong cause with High confidence", tally.wrong_high.to_string()),
        ("Wrong cause with less", tally.wrong.to_string()),
        ("Inconclusive although the evidence would tell", tally.open.to_string()),
        ("Right cause, another demand of the file missed", tally.flawed.to_string()),
        ("Time until the verdict, half of them", format!("{} s", tally.within(50).as_secs())),
        ("Time until the verdict, nine in ten", format!("{} s", tally.within(90).as_secs())),
    ];
    if tally.peer_asked > 0 {
        let right = format!("{} of {}", tally.peer_right, tally.peer_asked);
        figures.push(("Right cause by a reader of blackbox_exporter", right));
    }
    figures
}
