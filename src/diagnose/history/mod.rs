//! The history of one origin: a score per path, what comes now and then, and the newest facts. It
//! turns rounds of probes into the [`Case`] that rules judge, for the operator and for
//! `leeward diagnose` alike.

mod certificates;
mod changes;
mod confirmed;
mod losses;
mod path;
mod recent;
mod score;
#[cfg(test)]
mod simulated;
mod times;
mod window;

#[cfg(test)]
mod tests;

pub use confirmed::Confirmed;
pub(super) use path::ANSWER_HOLDS;

use super::healthy::Asked;
use super::view::records::FEWEST;
use crate::api::{API_VERSION, Observation, Outcome, Phase};
use crate::evidence::{Case, Fact, Health, Link, PathKey, Probe, Subject, Variant, case, probe::Fault, wilson};
use changes::Changes;
use jiff::{SignedDuration, Timestamp};
use path::Path;
use recent::Recent;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Rounds after which a verdict may be published although a path is still between its states.
const ENOUGH_ROUNDS: u32 = 6;
/// A path that was left out of so many rounds of its kind is gone: its address left the name or the
/// Service.
const MISSED_LIMIT: u8 = 2;
/// At most one long probe per origin in this time.
const LONG_PROBE_EVERY: SignedDuration = SignedDuration::from_mins(10);
/// How long an answered long probe explains the failures around it.
const LONG_PROBE_HOLDS: SignedDuration = SignedDuration::from_mins(30);

/// The worst that the paths of one kind show of the way itself.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quality {
    /// Least and largest share of connections in which the kernel had to send again (Wilson, 95 %).
    pub lost: Option<(f64, f64)>,
    /// Of the path with the longest round-trip time.
    pub link: Option<Link>,
}

/// History of one origin.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// Judge every result at once, as `leeward diagnose` does after its rounds.
    at_once: bool,
    prior: Health,
    paths: BTreeMap<PathKey, Path>,
    facts: Recent,
    changes: Changes,
    rounds: u32,
    last_long: Option<Timestamp>,
    /// The last round reached nothing at all while the control target failed as well.
    blind: bool,
}

impl Default for Ledger {
    fn default() -> Self {
        Self::new()
    }
}

impl Ledger {
    /// A history that is judged as soon as it is asked: results that differ between rounds make an
    /// intermittent path.
    pub fn new() -> Self {
        Self::with(true, Health::Unknown)
    }

    /// A standing history: states change only as scores confirm it. `prior` is what OriginHealthy
    /// said before a restart; it seeds the paths through the proxy, so that the old verdict stands
    /// until a new one is confirmed.
    pub fn seeded(prior: Health) -> Self {
        Self::with(false, prior)
    }

    fn with(at_once: bool, prior: Health) -> Self {
        Self {
            at_once,
            prior,
            paths: BTreeMap::new(),
            facts: Recent::default(),
            changes: Changes::default(),
            rounds: 0,
            last_long: None,
            blind: false,
        }
    }

    /// Takes in one round. `scheduled` is false for re-checks of a suspect.
    pub fn record(&mut self, look_probes: Vec<Probe>, facts: Vec<Fact>, scheduled: bool, now: Timestamp) {
        self.rounds = self.rounds.saturating_add(1);
        let control_failed = facts.iter().any(|f| matches!(f, Fact::Control(c) if control_down(c.outcome)));
        self.blind = control_failed && !look_probes.iter().any(Probe::connected);
        if !self.blind {
            self.changes.take_in(&facts, now);
        }
        self.facts.take_in(facts);
        if self.blind {
            // A vantage that reaches nothing freezes everything: no score moves.
            return;
        }
        let matching: BTreeSet<String> = matches(&look_probes);
        let kinds: BTreeSet<Kind> = look_probes.iter().map(kind).collect();
        for (key, path) in &mut self.paths {
            if kinds.contains(&(key.vantage.clone(), key.observation, key.variant)) {
                path.missed = path.missed.saturating_add(1);
            }
        }
        for probe in look_probes {
            let key = PathKey {
                vantage: probe.vantage.clone(),
                observation: probe.observation,
                variant: probe.variant,
                address: probe.address,
            };
            if probe.observation == Observation::ViaProxyLong {
                self.last_long = Some(now);
            }
            let prior = if probe.observation == Observation::ViaProxy { self.prior } else { Health::Unknown };
            let matched = matching.contains(&probe.id);
            let path = self.paths.entry(key).or_insert_with(|| Path::new(&probe, prior));
            if let Some(address) = probe.address.filter(|_| path.changes_certificate(&probe)) {
                self.changes.certificate(address.ip(), now);
            }
            path.record(probe, scheduled, matched);
        }
        self.paths.retain(|key, path| {
            path.missed < MISSED_LIMIT
                && (key.observation != Observation::ViaProxyLong
                    || now.duration_since(path.last().at) <= LONG_PROBE_HOLDS)
        });
    }

    /// Whether anything looks bad enough to be looked at again soon.
    pub fn is_suspect(&self) -> bool {
        self.paths.values().any(|p| p.is_suspect(p.last().at))
    }

    /// Origin addresses that are worth an echo and a dial of the control port: they did not answer,
    /// and something about this origin is suspect.
    pub fn suspects(&self) -> Vec<IpAddr> {
        if !self.is_suspect() {
            return Vec::new();
        }
        let silent = |p: &Path| {
            p.last().phase == Some(Phase::Connect)
                && matches!(p.last().outcome, Outcome::TimedOut | Outcome::Unreachable | Outcome::Prohibited)
        };
        let addresses: BTreeSet<IpAddr> = self
            .paths
            .iter()
            .filter(|(key, path)| is_direct(key.observation) && silent(path))
            .filter_map(|(key, _)| key.address.map(|a| a.ip()))
            .collect();
        addresses.into_iter().collect()
    }

    /// Whether a long probe would tell which of the proxy's timers answers: the edge accepted, and
    /// then our own deadline ended the probe, again and again.
    pub fn wants_long_probe(&self, now: Timestamp) -> bool {
        let rested = self.last_long.is_none_or(|at| now.duration_since(at) >= LONG_PROBE_EVERY);
        rested
            && self.paths.iter().any(|(key, path)| {
                key.observation == Observation::ViaProxy
                    && path.score().value() >= score::WORTH_A_LONG_PROBE
                    && path.last().connected()
                    && path.last().fault == Some(Fault::Deadline)
            })
    }

    /// Whether holding an idle connection may tell something: the proxy now and then answers with an error at once,
    /// while the origin never fails on fresh connections.
    pub fn wants_hold(&self) -> bool {
        let sporadic =
            |(key, path): (&PathKey, &Path)| key.observation == Observation::ViaProxy && path.fails_now_and_then();
        let mut direct = self.paths.iter().filter(|(key, _)| is_direct(key.observation)).peekable();
        direct.peek().is_some() && direct.all(|(_, path)| path.never_fails()) && self.paths.iter().any(sporadic)
    }

    /// Whether a direct path has begun to fail and is not confirmed yet. It may be a round behind the proxy's, and what
    /// compares the two would then name a cause that the next round takes back. A vantage that reaches nothing
    /// confirms nothing either, so nobody waits for it.
    pub fn undecided(&self) -> bool {
        !self.blind && self.paths.iter().any(|(key, path)| is_direct(key.observation) && path.turns())
    }

    /// Whether everything that fails has begun to answer again, so that only scores still say that it fails. What is
    /// left of the evidence then would name another cause than the one that is going away.
    pub fn recovering(&self) -> bool {
        let mut failing = self.paths.values().filter(|p| p.score().health() == Health::Failing).peekable();
        failing.peek().is_some() && failing.all(Path::recovers)
    }

    /// The same for some rounds, so that it is worth telling whoever waits for the site.
    pub fn answers_again(&self) -> bool {
        let slow = |p: &Path| p.score().health() == Health::Failing && p.score().value() > score::ANSWERS_AGAIN;
        self.recovering() && !self.paths.values().any(slow)
    }

    /// Whether a verdict may be published: every path is OK or Failing, or there were rounds enough.
    pub fn settled(&self) -> bool {
        if self.at_once {
            return self.rounds > 0;
        }
        let own_failure = |(key, path): (&PathKey, &Path)| {
            key.observation != Observation::ViaProxy || path.score().health() != Health::Failing || path.settled()
        };
        self.blind
            || self.paths.values().all(Path::settled) && self.rounds > 0
            || self.rounds >= ENOUGH_ROUNDS && self.paths.iter().all(own_failure)
    }

    /// How the worst way of a kind is: through the proxy, or straight to the origin.
    pub fn quality(&self, via_proxy: bool) -> Quality {
        let ours = |key: &PathKey| match key.observation {
            Observation::ViaProxy => via_proxy,
            other => !via_proxy && is_direct(other),
        };
        let mut worst = Quality::default();
        for path in self.paths.iter().filter(|(key, _)| ours(key)).map(|(_, path)| path) {
            let (measured, lossy) = path.losses();
            // Where no connection went well the address is away, and that is no loss.
            if measured >= FEWEST && lossy < measured {
                let here = wilson::interval(lossy, measured);
                worst.lost = Some(worst.lost.filter(|there| there.0 >= here.0).unwrap_or(here));
            }
            if let Some(link) = path.link() {
                let longer = worst.link.is_none_or(|there| there.rtt_median_us < link.rtt_median_us);
                worst.link = if longer { Some(link) } else { worst.link };
            }
        }
        worst
    }

    /// Whether nothing but plain health is known now: what [`plainly_healthy`](super::plainly_healthy) says of the case of
    /// the same subject and facts, without making that case. `origin_addresses` stand in for those of the subject.
    pub fn plainly_healthy(
        &self,
        subject: &Subject,
        origin_addresses: &[IpAddr],
        extra: &[Fact],
        now: Timestamp,
    ) -> bool {
        let paths = self.paths.iter().map(|(key, path)| path.shown(key, self.at_once));
        let asked = Asked { at: now, subject, origin_addresses };
        !self.blind && asked.only_health(paths, self.facts.iter().chain(extra))
    }

    /// Everything known now, to be judged. `extra` are facts from elsewhere, such as the cluster's.
    pub fn case(&self, subject: Subject, extra: Vec<Fact>, now: Timestamp) -> Case {
        let mut tracks: Vec<_> = self.paths.iter().map(|(key, path)| path.track(key, self.at_once)).collect();
        if self.blind {
            // What was known before says nothing of now.
            for track in &mut tracks {
                track.health = Health::Unknown;
            }
        }
        let facts = self.facts.iter().cloned().chain(self.changes.iter()).chain(extra).collect();
        Case { api_version: API_VERSION.to_owned(), kind: case::KIND.to_owned(), at: now, subject, tracks, facts }
    }
}

/// Vantage, observation and variant: what a round looks at as a whole.
type Kind = (String, Observation, Variant);

fn kind(probe: &Probe) -> Kind {
    (probe.vantage.clone(), probe.observation, probe.variant)
}

const fn control_down(outcome: Outcome) -> bool {
    !matches!(outcome, Outcome::OK | Outcome::Unavailable | Outcome::Forbidden)
}

const fn is_direct(observation: Observation) -> bool {
    matches!(observation, Observation::Direct | Observation::InCluster)
}

/// Ids of direct probes whose content equals what the proxy delivered in the same round: the same
/// status and body, or the marker on both.
fn matches(probes: &[Probe]) -> BTreeSet<String> {
    let works = |p: &&Probe| p.outcome == Outcome::OK;
    let proxied: Vec<_> = probes
        .iter()
        .filter(works)
        .filter(|p| p.observation == Observation::ViaProxy)
        .filter_map(|p| Some((p.vantage.as_str(), p.response.as_ref()?)))
        .collect();
    let equal = |probe: &&Probe| {
        probe.response.as_ref().is_some_and(|own| {
            proxied.iter().any(|(vantage, seen)| {
                *vantage == probe.vantage
                    && own.status == seen.status
                    && (own.marker == Some(true) && seen.marker == Some(true)
                        || own.body_bytes > 0 && own.body_bytes == seen.body_bytes && own.body_hash == seen.body_hash)
            })
        })
    };
    probes.iter().filter(works).filter(|p| is_direct(p.observation)).filter(equal).map(|p| p.id.clone()).collect()
}
