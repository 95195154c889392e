//! One origin: what `kubectl describe` says of it, and the phases of its paths.

use super::fleet::Item;
use super::{Known, PathView, Replica, Role, chart, html as parts, time};
use crate::api::status::{Diagnosis, EvidenceItem};
use crate::api::{API_VERSION, Cause, ProtectedOriginStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use maud::{Markup, html};
use serde::Serialize;

/// Everything that a page of one origin is made of.
#[derive(Debug)]
pub struct Origin<'a> {
    known: &'a Known,
    paths: &'a [PathView],
    replica: &'a Replica,
}

/// A page of `known`.
pub const fn origin<'a>(known: &'a Known, paths: &'a [PathView], replica: &'a Replica) -> Origin<'a> {
    Origin { known, paths, replica }
}

impl Origin<'_> {
    fn status(&self) -> Option<&ProtectedOriginStatus> {
        self.known.object()?.status.as_ref()
    }

    /// As a page.
    pub fn html(&self, now: Timestamp) -> String {
        let standing = self.known.standing();
        let name = format!("{}/{}", self.known.namespace(), self.known.name());
        let title = format!("{name}: {} – Leeward", standing.cause);
        let diagnosis = self.status().and_then(|s| s.diagnosis.as_ref());
        let body = html! {
            h1 { (name) }
            dl {
                dt { "State" } dd { (parts::state(standing.state)) }
                dt { "Cause" } dd { code { (standing.cause) } }
                @if let Some(at) = standing.since { dt { "Since" } dd { (time::since(at, now)) } }
                @if let Some(object) = self.known.object() { dt { "Site" } dd { (object.spec.proxy.url) } }
                @if let Some(origin) = self.status().and_then(|s| s.origin.as_ref()) { dt { "Origin" } dd { (origin) } }
            }
            @if self.known.object().is_none() {
                p { "This resource does not fit the kind ProtectedOrigin; " code { "kubectl describe" } " shows it." }
            }
            @if let Some(diagnosis) = diagnosis { (verdict(diagnosis)) }
            (self.path_section(now))
            @if let Some(diagnosis) = diagnosis { (evidence(&diagnosis.evidence)) }
            @if let Some(status) = self.status() { (conditions(&status.conditions, now)) }
        };
        parts::page(&title, self.replica, &body)
    }

    fn path_section(&self, now: Timestamp) -> Markup {
        let scale = chart::scale(self.paths);
        html! {
            h2 { "Paths" }
            @if self.paths.is_empty() {
                p {
                    @if self.replica.role == Role::Standby { "Known to the replica that leads." }
                    @else { "No probe has ended since this replica began to lead." }
                }
            } @else {
                (parts::scrolling("Paths", &html! {
                    table {
                        caption { "The newest probe of each path, times in milliseconds" }
                        thead { tr {
                            @for head in ["Path", "Address", "Result", "Phases"] { th scope="col" { (head) } }
                            @for head in ["DNS", "Connect", "TLS", "First byte", "Body"] { th.number scope="col" { (head) } }
                            th scope="col" { "Ended" }
                        } }
                        tbody { @for path in self.paths { (row(path, scale, now)) } }
                    }
                }))
                (chart::legend())
            }
        }
    }

    /// As JSON.
    pub fn json(&self) -> String {
        let standing = self.known.standing();
        super::document(&Document {
            api_version: API_VERSION,
            kind: "OriginState",
            replica: self.replica,
            item: Item::new(self.known, &standing),
            conditions: self.status().map_or(&[], |s| s.conditions.as_slice()),
            diagnosis: self.status().and_then(|s| s.diagnosis.as_ref()),
            paths: self.paths,
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    api_version: &'a str,
    kind: &'a str,
    replica: &'a Replica,
    #[serde(flatten)]
    item: Item<'a>,
    conditions: &'a [Condition],
    #[serde(skip_serializing_if = "Option::is_none")]
    diagnosis: Option<&'a Diagnosis>,
    paths: &'a [PathView],
}

fn row(path: &PathView, scale: u32, now: Timestamp) -> Markup {
    html! {
        tr {
            th scope="row" { (path.words()) }
            td { @if let Some(address) = path.address { code { (address) } } }
            td { (path.result) @if let Some(code) = path.status_code { " " (code) } }
            td { (chart::bar(path, scale)) }
            @for (_, ms) in path.phases() { td.number { @if let Some(ms) = ms { (ms) } @else { "–" } } }
            td { (time::since(path.time, now)) }
        }
    }
}

fn causes(label: &str, causes: &[Cause]) -> Markup {
    html! { @if !causes.is_empty() { dt { (label) } dd { @for cause in causes { code { (cause) } " " } } } }
}

fn verdict(diagnosis: &Diagnosis) -> Markup {
    let scope = &diagnosis.scope;
    let parts = [&scope.edge_addresses, &scope.origin_addresses, &scope.families, &scope.paths];
    html! {
        h2 { "Diagnosis" }
        p { (diagnosis.summary) }
        @if let Some(remedy) = &diagnosis.remedy { p { strong { "What to do: " } (remedy.action) } }
        @if let Some(next) = &diagnosis.next_observation { p { strong { "What would decide: " } (next) } }
        dl {
            dt { "Confidence" } dd { (diagnosis.confidence) }
            dt { "Pattern" } dd { (diagnosis.pattern) }
            dt { "Scope" } dd { (scope.kind) @for part in parts.into_iter().flatten() { " " code { (part) } } }
            (causes("Also", &diagnosis.contributing))
            (causes("Not excluded", &diagnosis.alternatives))
            (causes("Risks", &diagnosis.risks))
        }
    }
}

fn evidence(items: &[EvidenceItem]) -> Markup {
    html! {
        @if !items.is_empty() {
            h2 { "Evidence" }
            (parts::scrolling("Evidence", &html! {
                table {
                    caption { "What the diagnosis stands on, when it was made" }
                    thead { tr { @for head in ["Observation", "Vantage", "Address or object", "Result", "Phase", "Status", "Detail"] { th scope="col" { (head) } } } }
                    tbody {
                        @for item in items {
                            tr {
                                th scope="row" { (item.observation) }
                                td { (item.vantage) @if let Some(access) = item.access { " (" (access) ")" } }
                                td { @if let Some(address) = &item.address { code { (address) } } }
                                td { (item.result) }
                                td { @if let Some(phase) = item.phase { (phase) } }
                                td.number { @if let Some(code) = item.status_code { (code) } }
                                td { @if let Some(detail) = &item.detail { (detail) } }
                            }
                        }
                    }
                }
            }))
        }
    }
}

fn conditions(conditions: &[Condition], now: Timestamp) -> Markup {
    html! {
        h2 { "Conditions" }
        (parts::scrolling("Conditions", &html! {
            table {
                caption { "As in the resource's status" }
                thead { tr { @for head in ["Type", "Status", "Reason", "Since", "Message"] { th scope="col" { (head) } } } }
                tbody {
                    @for condition in conditions {
                        tr {
                            th scope="row" { (condition.type_) }
                            td { (condition.status) }
                            td { code { (condition.reason) } }
                            td { (time::since(condition.last_transition_time.0, now)) }
                            td { (condition.message) }
                        }
                    }
                }
            }
        }))
    }
}
