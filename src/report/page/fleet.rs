//! All origins: the urgent ones first, a page at a time.

use super::{Known, Replica, Standing, State, html as parts, time};
use crate::api::status::Diagnosis;
use crate::api::{API_VERSION, Cause, Confidence};
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use strum::IntoEnumIterator;
use url::form_urlencoded;

/// Rows of a page unless somebody asks for another number.
const SIZE: usize = 100;
/// Most rows of a page.
const MOST: usize = 500;
/// Longest word that is searched for, in bytes.
const LONGEST: usize = 253;

/// What a reader asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    page: usize,
    size: usize,
    state: Option<State>,
    namespace: Option<String>,
    name: Option<String>,
}

/// A query that cannot be answered.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Problem(String);

impl Problem {
    /// There is no such page, or no such origin: the same words for both.
    pub fn unknown() -> Self {
        Self("There is nothing here: no such page, or no such origin among those that are watched.".to_owned())
    }

    /// It was asked for by a name that may be anybody's.
    pub fn other_host() -> Self {
        Self(
            "This page answers to addresses, localhost and the names of its Service. Another name, such as that of an \
             Ingress, has to be given to the operator with --status-page-host (statusPage.hosts of the chart)."
                .to_owned(),
        )
    }

    /// As JSON.
    pub fn json(&self) -> String {
        serde_json::json!({"apiVersion": API_VERSION, "kind": "Problem", "message": self.0}).to_string()
    }
}

impl Wanted {
    /// Reads the query of a URL. An empty field, as a form sends it, is one that was not given.
    pub fn read(query: &str) -> Result<Self, Problem> {
        let mut wanted = Self { page: 1, size: SIZE, state: None, namespace: None, name: None };
        let number = |key: &str, value: &str, most: usize| match value.parse() {
            Ok(number) if (1..=most).contains(&number) => Ok(number),
            _ => Err(Problem(format!("{key} must be a number from 1 to {most}"))),
        };
        for (key, value) in form_urlencoded::parse(query.as_bytes()).filter(|(_, value)| !value.is_empty()) {
            if value.len() > LONGEST {
                return Err(Problem("a value is longer than any name".to_owned()));
            }
            match key.as_ref() {
                "page" => wanted.page = number("page", &value, usize::from(u16::MAX))?,
                "size" => wanted.size = number("size", &value, MOST)?,
                "namespace" => wanted.namespace = Some(value.into_owned()),
                "name" => wanted.name = Some(value.into_owned()),
                "state" => {
                    let words = || State::iter().map(|s| s.to_string()).collect::<Vec<_>>().join(", ");
                    let state = value.parse().map_err(|_| Problem(format!("state must be one of {}", words())))?;
                    wanted.state = Some(state);
                }
                _ => return Err(Problem("known are page, size, state, namespace and name".to_owned())),
            }
        }
        Ok(wanted)
    }

    fn takes(&self, known: &Known, state: State) -> bool {
        self.state.is_none_or(|wanted| wanted == state)
            && self.namespace.as_deref().is_none_or(|wanted| wanted == known.namespace())
            && self.name.as_deref().is_none_or(|wanted| known.name().contains(wanted))
    }

    /// The query of another page of the same.
    fn query(&self, page: usize) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("page", &page.to_string());
        if self.size != SIZE {
            query.append_pair("size", &self.size.to_string());
        }
        for (key, value) in [("namespace", &self.namespace), ("name", &self.name)] {
            if let Some(value) = value {
                query.append_pair(key, value);
            }
        }
        if let Some(state) = self.state {
            query.append_pair("state", &state.to_string());
        }
        format!("/?{}", query.finish())
    }
}

/// A page of the fleet.
#[derive(Debug)]
pub struct Fleet<'a> {
    wanted: &'a Wanted,
    replica: &'a Replica,
    totals: BTreeMap<State, usize>,
    found: usize,
    rows: Vec<(&'a Known, Standing<'a>)>,
}

/// Counts, sorts and cuts: unhealthy ones first, the newest of them on top; the others by name.
pub fn fleet<'a>(all: &'a [Known], wanted: &'a Wanted, replica: &'a Replica) -> Fleet<'a> {
    let mut totals: BTreeMap<State, usize> = State::iter().map(|state| (state, 0)).collect();
    let mut rows = Vec::new();
    for known in all {
        let standing = known.standing();
        *totals.entry(standing.state).or_default() += 1;
        if wanted.takes(known, standing.state) {
            rows.push((known, standing));
        }
    }
    let found = rows.len();
    rows.sort_by_key(|(known, standing)| {
        let newest = standing.since.filter(|_| standing.state == State::Unhealthy).map(Reverse);
        (standing.state, newest, known.namespace(), known.name())
    });
    let rows = rows.into_iter().skip((wanted.page - 1).saturating_mul(wanted.size)).take(wanted.size).collect();
    Fleet { wanted, replica, totals, found, rows }
}

impl Fleet<'_> {
    fn pages(&self) -> usize {
        self.found.div_ceil(self.wanted.size).max(1)
    }

    /// As a page.
    pub fn html(&self, now: Timestamp) -> String {
        let count = |state| self.totals.get(&state).copied().unwrap_or_default();
        let title = format!("{} unhealthy – Leeward", count(State::Unhealthy));
        let body = html! {
            h1 { "Protected origins" }
            ul.totals {
                @for state in State::iter() {
                    li { a href=(format!("/?state={state}")) { (count(state)) " " (parts::state(state)) } }
                }
            }
            (self.form())
            @if self.rows.is_empty() {
                p { "No origin " @if self.found == 0 { "is like that." } @else { "is on this page." } }
            } @else {
                (parts::scrolling("Origins", &self.table(now)))
            }
            (self.turning())
        };
        parts::page(&title, self.replica, &body)
    }

    fn form(&self) -> Markup {
        let given = |text: Option<&String>| text.cloned().unwrap_or_default();
        html! {
            form role="search" aria-label="Origins" {
                label { "Name " input type="search" name="name" value=(given(self.wanted.name.as_ref())) maxlength="253"; }
                label { "Namespace " input type="text" name="namespace" value=(given(self.wanted.namespace.as_ref())) maxlength="63"; }
                label { "State "
                    select name="state" {
                        option value="" { "Any" }
                        @for state in State::iter() {
                            option value=(state) selected[self.wanted.state == Some(state)] { (state) }
                        }
                    }
                }
                button { "Show" }
            }
        }
    }

    fn table(&self, now: Timestamp) -> Markup {
        html! {
            table {
                caption { (self.found) " of " (self.totals.values().sum::<usize>()) " origins, page " (self.wanted.page) " of " (self.pages()) }
                thead { tr { @for head in ["Origin", "State", "Cause", "Since", "Site", "Risks"] { th scope="col" { (head) } } } }
                tbody {
                    @for (known, standing) in &self.rows {
                        tr {
                            th scope="row" { a href=(parts::link(known)) { (known.namespace()) "/" wbr; (known.name()) } }
                            td { (parts::state(standing.state)) }
                            td { code { (standing.cause) } }
                            td { @if let Some(at) = standing.since { (time::since(at, now)) } }
                            td { @if let Some(object) = known.object() { (object.spec.proxy.url) } }
                            td { @for risk in risks(known) { code { (risk) } " " } }
                        }
                    }
                }
            }
        }
    }

    /// Links to the pages around this one.
    fn turning(&self) -> Markup {
        let page = self.wanted.page;
        let before = (page > 1).then(|| page - 1).filter(|p| *p <= self.pages());
        let after = (page < self.pages()).then(|| page + 1);
        html! {
            @if before.is_some() || after.is_some() {
                nav aria-label="Further origins" {
                    @if let Some(page) = before { a rel="prev" href=(self.wanted.query(page)) { "Page " (page) } " " }
                    @if let Some(page) = after { a rel="next" href=(self.wanted.query(page)) { "Page " (page) } }
                }
            }
        }
    }

    /// As JSON.
    pub fn json(&self) -> String {
        super::document(&List {
            api_version: API_VERSION,
            kind: "OriginStateList",
            replica: self.replica,
            totals: &self.totals,
            found: self.found,
            page: self.wanted.page,
            pages: self.pages(),
            items: self.rows.iter().map(|(known, standing)| Item::new(known, standing)).collect(),
        })
    }
}

fn diagnosis(known: &Known) -> Option<&Diagnosis> {
    known.object()?.status.as_ref()?.diagnosis.as_ref()
}

fn risks(known: &Known) -> &[Cause] {
    diagnosis(known).map_or(&[], |d| d.risks.as_slice())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    api_version: &'a str,
    kind: &'a str,
    replica: &'a Replica,
    totals: &'a BTreeMap<State, usize>,
    found: usize,
    page: usize,
    pages: usize,
    items: Vec<Item<'a>>,
}

/// One origin in short.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item<'a> {
    namespace: &'a str,
    name: &'a str,
    state: State,
    /// Absent words for a monitor: true, false, or null while nobody can say.
    healthy: Option<bool>,
    cause: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    since_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<Confidence>,
    risks: &'a [Cause],
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a str>,
}

impl<'a> Item<'a> {
    pub(super) fn new(known: &'a Known, standing: &Standing<'a>) -> Self {
        let diagnosis = diagnosis(known);
        Self {
            namespace: known.namespace(),
            name: known.name(),
            state: standing.state,
            healthy: standing.state.healthy(),
            cause: standing.cause,
            since_time: standing.since,
            url: known.object().map(|o| o.spec.proxy.url.as_str()),
            confidence: diagnosis.map(|d| d.confidence),
            risks: risks(known),
            summary: diagnosis.map(|d| d.summary.as_str()),
        }
    }
}
