//! What is known of each provider's list: for `leeward ranges --presets`, and beside a list that was read.

use crate::api::API_VERSION;
use crate::api::proxy_network::{Preset, absent};
use crate::observe::ranges::preset::{self, Sheet};
use anyhow::anyhow;
use serde_json::{Value, json};
use std::fmt::Write as _;
use strum::IntoEnumIterator;

/// The preset of this name, in any case of letters.
pub fn named(text: &str) -> anyhow::Result<Preset> {
    let found = Preset::iter().find(|preset| preset.to_string().eq_ignore_ascii_case(text));
    found.ok_or_else(|| match absent(text) {
        Some(why) => anyhow!("--preset {text:?}: {why}"),
        None => anyhow!("--preset {text:?} is not known; it is one of {}", names().join(", ")),
    })
}

/// Every preset's name.
pub fn names() -> Vec<String> {
    Preset::iter().map(|preset| preset.to_string()).collect()
}

fn sheets() -> anyhow::Result<Vec<(Preset, Sheet)>> {
    Preset::iter().map(|preset| Ok((preset, sheet(preset)?))).collect()
}

fn sheet(preset: Preset) -> anyhow::Result<Sheet> {
    preset::sheet(preset).map_err(|invalid| anyhow!("{invalid}"))
}

/// All presets as a table: what is read, what came with this release, and how changes are announced.
pub fn table() -> anyhow::Result<String> {
    let head = ["PRESET", "READ FROM", "FAMILIES", "SHIPPED AS OF", "NOTICE OF CHANGES"].map(str::to_owned);
    let rows = sheets()?.into_iter().map(|(preset, sheet)| {
        let read = match (sheet.published().first(), &sheet.listed) {
            (Some(first), _) if first.starts_with("TXT ") => "DNS",
            (Some(_), _) => "HTTP",
            (None, Some(_)) => "this release",
            (None, None) => "nowhere",
        };
        let as_of = sheet.listed.as_ref().map_or_else(|| "-".to_owned(), |listed| listed.as_of.to_string());
        [preset.to_string(), read.to_owned(), families(&sheet).join(","), as_of, sheet.notice]
    });
    let rows: Vec<[String; 5]> = std::iter::once(head).chain(rows).collect();
    let mut out = String::new();
    for [name, read, families, as_of, notice] in &rows {
        let width = |of: fn(&[String; 5]) -> &String| rows.iter().map(|row| of(row).len()).max().unwrap_or_default();
        let (first, second, third) =
            (width(|[name, ..]| name), width(|[_, read, ..]| read), width(|[_, _, it, ..]| it));
        writeln!(out, "{name:first$}  {read:second$}  {families:third$}  {as_of:13}  {notice}")?;
    }
    let other = "AzureFrontDoor";
    writeln!(out, "\nNot among them: {}", absent(other).ok_or_else(|| anyhow!("nothing is known of {other}"))?)?;
    Ok(out)
}

/// All presets as one object.
pub fn all() -> anyhow::Result<Value> {
    let presets: Vec<Value> = sheets()?.iter().map(|(preset, sheet)| object(*preset, sheet)).collect();
    Ok(json!({"apiVersion": API_VERSION, "kind": "Presets", "presets": presets}))
}

/// One preset.
pub fn one(preset: Preset) -> anyhow::Result<Value> {
    Ok(object(preset, &sheet(preset)?))
}

fn object(preset: Preset, sheet: &Sheet) -> Value {
    json!({
        "name": preset,
        "what": sheet.what,
        "page": sheet.page,
        "published": sheet.published(),
        "families": families(sheet),
        "widest": sheet.widest,
        "monthlyChangePercent": sheet.monthly_change_percent,
        "notice": sheet.notice,
        "trap": sheet.trap,
        "asOf": sheet.listed.as_ref().map(|listed| listed.as_of.to_string()),
        "shippedPrefixes": sheet.listed.as_ref().map_or(0, |listed| listed.cidrs.len()),
    })
}

fn families(sheet: &Sheet) -> Vec<String> {
    sheet.families.iter().map(ToString::to_string).collect()
}
