//! Exhibits as one line each, in enums, numbers and our own words.

use super::{load, records};
use crate::api::status::EvidenceItem;
use crate::api::{Access, Observation, Outcome, Pattern, Phase, conditions};
use crate::diagnose::view::edge::Seen;
use crate::diagnose::view::hop::{Made, Proof};
use crate::diagnose::view::leg::{self, Leg};
use crate::diagnose::view::{Exhibit, View};
use crate::evidence::fact::{Arrived, Dns, Nodes, Pods, PolicyVerdict, Route};
use crate::evidence::probe::{CertVerdict, Certificate};
use crate::evidence::{Fact, Probe, Track};
use std::fmt::Write;

/// Where facts of the cluster were seen.
const CLUSTER: &str = "cluster";
/// Most items in a status.
const ITEMS: usize = 16;
/// Longest address or object, in bytes.
const ADDRESS: usize = 320;
/// Longest detail, in bytes.
const DETAIL: usize = 512;

/// The items of a verdict, each exhibit once, most telling first.
pub fn items(view: &View<'_>, exhibits: &[Exhibit<'_>]) -> Vec<EvidenceItem> {
    let mut seen: Vec<Exhibit<'_>> = Vec::new();
    let mut items: Vec<EvidenceItem> = Vec::new();
    for exhibit in exhibits {
        if seen.iter().any(|s| s.is(exhibit)) {
            continue;
        }
        seen.push(*exhibit);
        let item = item(view, exhibit);
        if !items.contains(&item) {
            items.push(item);
        }
        if items.len() == ITEMS {
            break;
        }
    }
    items
}

fn item(view: &View<'_>, exhibit: &Exhibit<'_>) -> EvidenceItem {
    let mut item = match exhibit {
        Exhibit::Probe(track, probe) => of_probe(view, track, probe),
        Exhibit::Certificate(track, certificate) => of_certificate(view, track, certificate),
        Exhibit::Fact(fact) => of_fact(fact),
    };
    item.address = item.address.map(|a| conditions::cut(&a, ADDRESS));
    item.detail = item.detail.filter(|d| !d.is_empty()).map(|d| conditions::cut(&d, DETAIL));
    item
}

pub(super) fn plain(observation: Observation, vantage: &str, result: Outcome) -> EvidenceItem {
    EvidenceItem {
        observation,
        vantage: conditions::cut(vantage, 63),
        access: None,
        address: None,
        result,
        phase: None,
        status_code: None,
        detail: None,
    }
}

fn of_probe(view: &View<'_>, track: &Track, probe: &Probe) -> EvidenceItem {
    let mut parts: Vec<String> = Vec::new();
    if let Some(time) = time(view, probe) {
        parts.push(time);
    }
    if let Some(edge) = view.edges.iter().find(|e| e.fault.as_ref().is_some_and(|f| std::ptr::eq(f.probe, probe)))
        && let Some(maker) = edge.fault.as_ref().and_then(|f| maker(f.seen))
    {
        parts.push(maker.to_owned());
    }
    if let Some(maker) = probe.response.as_ref().and_then(|r| r.maker) {
        parts.push(format!("looks like a page of {maker}"));
    }
    if probe.response.as_ref().is_some_and(|r| r.cached) {
        parts.push("out of a cache".to_owned());
    }
    // Not for answers from before an outage, which are samples of the same path.
    if track.pattern != Pattern::Steady {
        parts.push("fails now and then".to_owned());
    }
    let direct = matches!(probe.observation, Observation::Direct | Observation::InCluster);
    EvidenceItem {
        access: direct.then_some(track.access).filter(|a| *a != Access::Unknown),
        address: probe.address.map(|a| a.to_string()),
        phase: probe.phase,
        status_code: probe.response.as_ref().map(|r| r.status),
        detail: Some(parts.join("; ")),
        ..plain(probe.observation, &track.key.vantage, probe.outcome)
    }
}

fn maker(seen: Seen) -> Option<&'static str> {
    let Seen::Answer { hop, .. } = seen else { return None };
    Some(match (hop.made, hop.proof) {
        (Made::Edge, Proof::Record) => "made by the edge, by its provider's record",
        (Made::Origin, Proof::Record) => "made by the origin, by the provider's record",
        (Made::Edge, Proof::ProxyStatus) => "made by the edge, says Proxy-Status",
        (Made::Edge, Proof::Marker) => "made by the edge: the origin's marker is missing",
        (Made::Edge, Proof::OwnPage) => "made by the edge: its own error page",
        (Made::Edge, Proof::Timer) => "made by the edge: it came at one of its timers",
        (Made::Edge, _) => "made by the edge, most likely",
        (Made::Origin, Proof::Marker) => "made by the origin: it carries the marker",
        (Made::Origin, Proof::ProxyStatus) => "made by the origin, says Proxy-Status",
        (Made::Origin, Proof::Relayed) => "made by the origin, says the proxy",
        (Made::Origin, Proof::SameBody) => "made by the origin: it gives the same answer directly",
        (Made::Origin, _) => "made by the origin",
        (Made::Unknown, _) => "made by an unknown hop",
    })
}

/// The time until the end, rounded to a known timer or a coarse step.
fn time(view: &View<'_>, probe: &Probe) -> Option<String> {
    let proxied = matches!(probe.observation, Observation::ViaProxy | Observation::ViaProxyLong);
    if proxied && probe.response.as_ref().is_some_and(|r| r.status >= 500) {
        let timer = match leg::timer(view.subject, probe) {
            Some(Leg::ConnectTimeout) => {
                Some(format!("after the proxy's connect timer of {} s", view.subject.connect_timeout_seconds))
            }
            Some(Leg::ReadTimeout) => {
                Some(format!("after the proxy's read timer of {} s", view.subject.read_timeout_seconds))
            }
            Some(_) => Some(format!("after the proxy's timer of {} s", view.subject.read_timeout_seconds)),
            None => None,
        };
        if timer.is_some() {
            return timer;
        }
    }
    let phase = probe.phase?;
    let spent = match phase {
        Phase::Dns => probe.timings.dns_ms,
        Phase::Connect => probe.timings.connect_ms,
        Phase::Tls => probe.timings.tls_ms,
        Phase::FirstByte => probe.timings.first_byte_ms,
        Phase::Body => probe.timings.body_ms,
    }?;
    Some(match spent {
        0..500 => "at once".to_owned(),
        500..1500 => "after about 1 s".to_owned(),
        _ => format!("after about {} s", spent.saturating_add(500) / 1000),
    })
}

fn of_certificate(view: &View<'_>, track: &Track, certificate: &Certificate) -> EvidenceItem {
    let left = certificate.not_after.duration_since(view.at).as_hours() / 24;
    let detail = match certificate.verdict {
        CertVerdict::Valid => format!("valid, for {left} more days"),
        CertVerdict::Expired => "expired".to_owned(),
        CertVerdict::NotYetValid => "not valid yet".to_owned(),
        CertVerdict::Mismatch => "does not carry the name".to_owned(),
        CertVerdict::Untrusted if certificate.self_signed => "signed by itself".to_owned(),
        CertVerdict::Untrusted => "its issuer is not trusted".to_owned(),
        CertVerdict::Invalid => "cannot be verified".to_owned(),
    };
    let result = if certificate.verdict == CertVerdict::Valid { Outcome::OK } else { Outcome::CertInvalid };
    EvidenceItem {
        address: track.key.address.map(|a| a.to_string()),
        detail: Some(detail),
        ..plain(Observation::Certificate, &track.key.vantage, result)
    }
}

fn teller(dns: &Dns) -> String {
    match dns.authority {
        Some(address) => format!("the zone's own name server {} ({address})", dns.resolver),
        None => format!("resolver {}", dns.resolver),
    }
}

fn of_fact(fact: &Fact) -> EvidenceItem {
    match fact {
        Fact::Replay(f) => super::replays::replay(f),
        Fact::Idle(f) => super::replays::idle(f),
        Fact::ProviderRecord(f) => records::record(f),
        Fact::VisitorReports(f) => records::visitors(f),
        Fact::Dns(f) => {
            let answers: Vec<String> = f.addresses.iter().take(8).map(ToString::to_string).collect();
            EvidenceItem {
                address: Some(f.name.clone()),
                detail: Some(match (&f.by_way_of, answers.is_empty()) {
                    (_, true) => teller(f),
                    (None, false) => format!("{}: {}", teller(f), answers.join(", ")),
                    (Some(name), false) => format!("{}: {} by way of {name}", teller(f), answers.join(", ")),
                }),
                ..plain(Observation::DNS, &f.vantage, f.outcome)
            }
        }
        Fact::Ping(f) => EvidenceItem {
            address: Some(f.address.to_string()),
            detail: Some(format!("{} of {} echoes answered", f.received, f.sent)),
            ..plain(Observation::Ping, &f.vantage, f.outcome)
        },
        Fact::ControlPort(f) => EvidenceItem {
            access: Some(f.access).filter(|a| *a != Access::Unknown),
            address: Some(f.address.to_string()),
            ..plain(Observation::ControlPort, &f.vantage, f.outcome)
        },
        Fact::Control(f) => plain(Observation::Control, &f.vantage, f.outcome),
        Fact::Endpoints(f) => EvidenceItem {
            address: Some(f.service.clone()),
            detail: Some(format!(
                "{} ready, {} not ready, {} terminating; selected: {}",
                f.ready, f.not_ready, f.terminating, f.selected_pods
            )),
            ..plain(Observation::Endpoints, CLUSTER, if f.ready > 0 { Outcome::OK } else { Outcome::Missing })
        },
        Fact::Pods(f) => pods(f),
        Fact::Nodes(f) => nodes(f),
        Fact::Policy(f) => {
            let result = match f.verdict {
                PolicyVerdict::NotIsolated | PolicyVerdict::AdmitsAll => Outcome::Covered,
                PolicyVerdict::AdmitsSome => Outcome::Missing,
                PolicyVerdict::AdmitsNone => Outcome::Prohibited,
                PolicyVerdict::Undefined => Outcome::Unavailable,
            };
            let by = if f.isolating.is_empty() {
                String::new()
            } else {
                format!(", isolated by {}", f.isolating.join(", "))
            };
            EvidenceItem {
                address: Some(format!("{}:{}", f.pod, f.port)),
                detail: Some(format!("{} of {} proxy prefixes not admitted{by}", f.denied_prefixes, f.proxy_prefixes)),
                ..plain(Observation::NetworkPolicy, CLUSTER, result)
            }
        }
        Fact::Allowlist(f) => EvidenceItem {
            address: Some(f.object.clone()),
            detail: Some(format!(
                "{} of {} proxy prefixes missing{}",
                f.missing_prefixes,
                f.proxy_prefixes,
                if f.missing.is_empty() {
                    String::new()
                } else {
                    format!(", such as {}", f.missing.iter().take(3).cloned().collect::<Vec<_>>().join(", "))
                }
            )),
            ..plain(Observation::Allowlist, CLUSTER, f.outcome)
        },
        Fact::Route(f) => route(f),
        Fact::Arrival(f) => {
            let (result, words) = match f.arrived {
                Arrived::Blocked => (Outcome::Prohibited, "packets of the proxy were blocked"),
                Arrived::Delivered => (Outcome::OK, "requests of the proxy reached the server"),
                Arrived::Nothing => (Outcome::Missing, "no packet of the proxy was seen"),
                Arrived::Limited => (Outcome::Exceeded, "a limit per address turned the proxy away"),
                Arrived::Exhausted => (Outcome::Exceeded, "the proxy had no connection left for the origin"),
            };
            EvidenceItem {
                address: f.address.map(|a| a.to_string()),
                detail: Some(words.to_owned()),
                ..plain(Observation::Arrival, &f.source, result)
            }
        }
        Fact::Traffic(f) => counted(&f.source, load::traffic(f)),
        Fact::Saturation(f) => counted(&f.source, load::saturation(f)),
        Fact::Limit(f) => counted(&f.source, load::limit(f)),
        Fact::LoadContrast(f) => counted(&f.source, load::contrast(f)),
        Fact::Change(f) => EvidenceItem {
            address: Some(f.object.clone()),
            detail: Some(format!("changed at {}", f.at.strftime("%H:%M:%S UTC"))),
            ..plain(Observation::Change, CLUSTER, Outcome::OK)
        },
        Fact::Unmeasured(f) => counted(&f.source, (Outcome::Unavailable, load::unmeasured(f))),
    }
}

/// What a profile could not tell, as words.
pub fn of_unmeasured(exhibit: &Exhibit<'_>) -> String {
    match exhibit {
        Exhibit::Fact(Fact::Unmeasured(f)) => load::unmeasured(f),
        _ => String::new(),
    }
}

fn counted(source: &str, (result, detail): (Outcome, String)) -> EvidenceItem {
    EvidenceItem { detail: Some(detail), ..plain(Observation::Traffic, source, result) }
}

fn route(f: &Route) -> EvidenceItem {
    let hosts = match f.hosts.as_slice() {
        [] => "every host".to_owned(),
        some => some.iter().take(4).cloned().collect::<Vec<_>>().join(", "),
    };
    let certificate = f.certificate.as_ref().map_or_else(
        || "no certificate of its own for the site's host".to_owned(),
        |secret| format!("certificate of Secret {secret}"),
    );
    EvidenceItem {
        address: Some(f.object.clone()),
        detail: Some(format!("serves {hosts}; {certificate}")),
        ..plain(Observation::Route, CLUSTER, if f.serves { Outcome::OK } else { Outcome::Missing })
    }
}

fn pods(f: &Pods) -> EvidenceItem {
    let worst = f.pods.iter().max_by_key(|p| (p.waiting.is_some(), p.restarts));
    let ready = f.pods.iter().filter(|p| p.ready).count();
    let trouble = worst.filter(|p| p.restarts > 0 || p.waiting.is_some()).map(|p| {
        let why = p.waiting.as_deref().or(p.last_termination.as_deref()).unwrap_or("restarted");
        format!("; {} {why}, {} restarts", p.name, p.restarts)
    });
    EvidenceItem {
        address: worst.map(|p| p.name.clone()),
        detail: Some(format!("{ready} of {} pods ready{}", f.pods.len(), trouble.unwrap_or_default())),
        ..plain(Observation::Pods, CLUSTER, if ready == f.pods.len() { Outcome::OK } else { Outcome::Missing })
    }
}

fn nodes(f: &Nodes) -> EvidenceItem {
    let bad: Vec<&str> = f.nodes.iter().filter(|n| n.ready == Some(false)).map(|n| n.name.as_str()).collect();
    let empty = f.nodes.iter().filter(|n| f.local_only && n.ready_pods == 0).count();
    let mut detail = format!("{} of {} nodes not ready", bad.len(), f.nodes.len());
    if empty > 0 {
        let _ = write!(detail, "; {empty} without a ready endpoint under externalTrafficPolicy Local");
    }
    let result = if bad.is_empty() && empty == 0 { Outcome::OK } else { Outcome::Missing };
    EvidenceItem {
        address: (!bad.is_empty()).then(|| bad.join(", ")),
        detail: Some(detail),
        ..plain(Observation::Nodes, CLUSTER, result)
    }
}

#[cfg(test)]
mod tests;
