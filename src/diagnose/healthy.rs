//! Plain health: what nearly every origin shows in nearly every round, told without the chain and without the heap.
//!
//! A verdict owns its words, and the evidence lines of a healthy one name each address, so no verdict comes without the
//! heap. But a standing one needs no new words: what is asked of a round at rest is whether anything but health is there.
//! That is answered here, by one look at each path and each fact, and this is promised: where it says yes,
//! [`diagnose`](super::diagnose) gives `Healthy`, High, steady, for the whole site, without risk, contributing cause,
//! alternative, next observation or remedy; only the evidence lines differ from case to case. `Confirmed` keeps a verdict
//! whose rest is the same, lines included, so nobody sees a difference.
//!
//! No promise is made for no: the case may be healthy all the same, and the chain decides. So everything here leans to no,
//! and a kind of fact that is added must be given its own line before this compiles.

use super::history::ANSWER_HOLDS;
use super::rules::{names, risks};
use super::verdict::Verdict;
use super::view;
use super::view::trouble::Trouble;
use crate::api::status::Scope;
use crate::api::{Access, Cause, Confidence, Observation, Outcome, Pattern};
use crate::evidence::fact::{Arrived, Dns, DnsSubject, Level, PolicyVerdict, Trend};
use crate::evidence::probe::{CertVerdict, Certificate, Redirect};
use crate::evidence::{Case, Fact, Health, PathKey, Probe, Subject, Track, Variant};
use jiff::Timestamp;
use std::net::IpAddr;

/// Whether nothing but plain health is in the case.
pub fn plainly_healthy(case: &Case) -> bool {
    let Case { at, subject, tracks, facts, .. } = case;
    let asked = Asked { at: *at, subject, origin_addresses: &subject.origin_addresses };
    asked.only_health(tracks.iter().map(Shown::from), facts)
}

impl Verdict {
    /// Whether it says what a plainly healthy case would say again.
    pub fn is_plainly_healthy(&self) -> bool {
        self.cause == Cause::Healthy
            && self.confidence == Confidence::High
            && self.pattern == Pattern::Steady
            && self.scope == Scope::default()
            && self.risks.is_empty()
    }
}

/// What was declared, and the time that is judged from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub at: Timestamp,
    pub subject: &'a Subject,
    /// Those of the subject, or what the origin's name resolves to by now.
    pub origin_addresses: &'a [IpAddr],
}

/// What one path shows, borrowed from a track or from a history that has not made one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown<'a> {
    pub key: &'a PathKey,
    pub access: Access,
    pub health: Health,
    pub pattern: Pattern,
    pub last: &'a Probe,
    pub last_connected: Option<Timestamp>,
    pub content_matches: u32,
}

impl<'a> From<&'a Track> for Shown<'a> {
    fn from(track: &'a Track) -> Self {
        Self {
            key: &track.key,
            access: track.access,
            health: track.health,
            pattern: track.pattern,
            last: &track.last,
            last_connected: track.last_connected,
            content_matches: track.content_matches,
        }
    }
}

/// What is known of the way to the origin after a look at some of the paths.
#[derive(Default)]
struct Reached {
    /// Whether every path past the caches, and every one that they may answer, came from the origin just now; `None`
    /// while there was none.
    bypass: Option<bool>,
    plain: Option<bool>,
    /// An origin address answers.
    origin: bool,
}

impl Asked<'_> {
    /// Whether every path and every fact is one of plain health, and visitors' answers come from the origin.
    pub fn only_health<'b>(
        self,
        paths: impl Iterator<Item = Shown<'b>>,
        facts: impl IntoIterator<Item = &'b Fact>,
    ) -> bool {
        let mut reached = Reached::default();
        let well = paths
            .filter(|path| path.health != Health::Unknown && path.last.definite())
            .all(|path| self.well(path, &mut reached));
        let proxied = reached.bypass.or(reached.plain);
        let fresh = proxied.is_some_and(|all_fresh| all_fresh || reached.origin);
        well && fresh && facts.into_iter().all(|fact| !view::known(fact) || self.harmless(fact))
    }

    fn well(self, path: Shown<'_>, reached: &mut Reached) -> bool {
        match path.key.observation {
            Observation::ViaProxy => {
                let Some(fresh) = serves_visitors(path) else { return false };
                let kind = match path.key.variant {
                    Variant::Bypass => &mut reached.bypass,
                    Variant::Plain => &mut reached.plain,
                };
                *kind = Some(fresh && kind.unwrap_or(true));
                true
            }
            Observation::Direct | Observation::InCluster => {
                let Some(address) = path.key.address else { return false };
                let works = answers(path);
                reached.origin |= works;
                (works || self.closed_door(path))
                    && path.last.certificate.as_ref().is_none_or(|c| valid(c) && !risks::expires_soon(c, self.at))
                    && (!risks::shows_content(path.key.observation, path.access, path.content_matches)
                        || self.subject.cluster_addresses.contains(&address.ip()))
            }
            // A long probe is made only where something was late.
            _ => false,
        }
    }

    /// A stranger is not let in, and was not lately: an origin that is locked as it should be looks like this at rest.
    fn closed_door(self, path: Shown<'_>) -> bool {
        let answered = path.last_connected.is_some_and(|at| self.at.duration_since(at) <= ANSWER_HOLDS);
        path.key.observation == Observation::Direct
            && path.access != Access::Listed
            && path.health == Health::Failing
            && path.pattern == Pattern::Steady
            && !answered
            && Trouble::of(path.last).is_some_and(Trouble::at_connect)
    }

    /// Whether no rule could hold this fact against the origin. Every kind has its own line, so that a new one is thought
    /// of here.
    fn harmless(self, fact: &Fact) -> bool {
        match fact {
            Fact::Dns(f) => f.outcome == Outcome::OK && (f.subject == DnsSubject::Origin || !self.any_astray(f)),
            Fact::Ping(f) => f.outcome == Outcome::OK && f.received >= f.sent,
            Fact::ControlPort(f) => f.outcome == Outcome::OK,
            Fact::Control(f) => f.outcome == Outcome::OK,
            Fact::Endpoints(f) => f.port_exists && f.ready > 0,
            Fact::Pods(f) => f.pods.iter().all(|p| p.ready && p.waiting.is_none()),
            Fact::Nodes(f) => f.nodes.iter().all(|n| n.ready != Some(false)),
            Fact::Policy(f) => !matches!(f.verdict, PolicyVerdict::AdmitsSome | PolicyVerdict::AdmitsNone),
            Fact::Allowlist(f) => f.outcome == Outcome::Covered,
            Fact::Arrival(f) => f.arrived == Arrived::Delivered,
            Fact::Replay(f) => matches!(f.probe.outcome, Outcome::OK | Outcome::Guarded),
            Fact::Idle(f) => f.outcome == Outcome::OK,
            Fact::VisitorReports(f) => f.reports == 0,
            Fact::Traffic(f) => f.trend != Trend::OriginAlone,
            Fact::Saturation(f) => f.level == Level::Spare,
            Fact::Limit(f) => f.refused_per_minute == 0,
            Fact::LoadContrast(f) => !f.shows_load(),
            // A host that no route knows matters only where visitors are not served, and here they are; changes are
            // shown beside failures only.
            Fact::Unmeasured(_) | Fact::Route(_) | Fact::Change(_) => true,
            Fact::ProviderRecord(_) => false,
        }
    }

    fn any_astray(self, dns: &Dns) -> bool {
        dns.addresses.iter().any(|a| names::astray(self.subject, self.origin_addresses, dns, *a))
    }
}

/// Whether visitors are served on this path, and if so whether by the origin just now rather than by a cache.
fn serves_visitors(path: Shown<'_>) -> Option<bool> {
    let response = path.last.response.as_ref()?;
    let served = answers(path)
        && path.last.outcome == Outcome::OK
        && path.last.connected()
        && path.last.certificate.as_ref().is_none_or(valid)
        && response.redirect != Redirect::Itself;
    served.then_some(!response.cached)
}

/// A good answer, or one of the lock that is meant to be there, without a failure that comes now and then.
fn answers(path: Shown<'_>) -> bool {
    path.health == Health::OK
        && path.pattern == Pattern::Steady
        && path.last.fault.is_none()
        && matches!(path.last.outcome, Outcome::OK | Outcome::Guarded)
}

fn valid(certificate: &Certificate) -> bool {
    certificate.verdict == CertVerdict::Valid
}
