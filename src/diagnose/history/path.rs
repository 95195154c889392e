//! One path over time: which results count, what is kept of them, and the track that rules read.

use super::certificates::Certificates;
use super::losses::Losses;
use super::score::{SUSPECT, Score};
use super::times::Times;
use super::window::Window;
use crate::api::{Access, Observation, Outcome, Pattern, Phase};
use crate::diagnose::healthy::Shown;
use crate::evidence::{Health, Link, Onset, PathKey, Probe, Track, Variant};
use jiff::{SignedDuration, Timestamp};

/// So many attempts in a row without a definite result, and the state is unknown.
const INDEFINITE_LIMIT: u8 = 3;
/// How long an answer makes a later silence evidence.
pub const ANSWER_HOLDS: SignedDuration = SignedDuration::from_hours(24);

/// What is remembered of one path.
#[derive(Clone, Debug)]
pub struct Path {
    access: Access,
    score: Score,
    window: Window,
    /// Attempts since the last definite result.
    indefinite: u8,
    last_connected: Option<Timestamp>,
    last: Probe,
    last_definite: bool,
    last_failure: Option<Probe>,
    last_success: Option<Timestamp>,
    onset: Option<Onset>,
    content_matches: u32,
    /// Whether the last probes had to send again.
    losses: Losses,
    times: Times,
    certificates: Certificates,
    /// Rounds that looked at this kind of path, but not at this one.
    pub(super) missed: u8,
}

/// What one result says of its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    Success,
    Failure,
    /// Says nothing: our own fault, a forbidden address, an answer out of a cache.
    Nothing,
}

/// How a probe counts. An origin that is locked by a header or a client certificate works; an answer
/// out of a cache says nothing of the origin, so it does not count where a cache was to be passed by.
pub fn weigh(probe: &Probe) -> Weight {
    let cached = probe.response.as_ref().is_some_and(|r| r.cached);
    // A bad certificate at the origin is judged apart; the request itself went on and was answered.
    let answered_anyway = probe.outcome == Outcome::CertInvalid
        && probe.fault.is_none()
        && !matches!(probe.observation, Observation::ViaProxy | Observation::ViaProxyLong);
    if !probe.definite() || (cached && probe.variant == Variant::Bypass) {
        Weight::Nothing
    } else if answered_anyway || matches!(probe.outcome, Outcome::OK | Outcome::Guarded) {
        Weight::Success
    } else {
        Weight::Failure
    }
}

impl Path {
    pub fn new(probe: &Probe, prior: Health) -> Self {
        Self {
            access: probe.access,
            score: Score::seeded(prior),
            window: Window::default(),
            indefinite: 0,
            last_connected: None,
            last: probe.clone(),
            last_definite: false,
            last_failure: None,
            last_success: None,
            onset: None,
            content_matches: 0,
            losses: Losses::default(),
            times: Times::default(),
            certificates: Certificates::default(),
            missed: 0,
        }
    }

    /// Takes in one probe of this path. `matches` says whether its content equalled the proxy's.
    pub fn record(&mut self, probe: Probe, scheduled: bool, matches: bool) {
        self.access = probe.access;
        self.missed = 0;
        if probe.connected() {
            self.last_connected = Some(probe.at);
        }
        let weight = weigh(&probe);
        if weight == Weight::Nothing {
            self.indefinite = self.indefinite.saturating_add(1);
            if self.indefinite >= INDEFINITE_LIMIT {
                self.score.age();
            }
            if !self.last_definite {
                self.last = probe;
            }
            return;
        }
        self.indefinite = 0;
        // Silence from an address that never answered here is a closed door, and no loss.
        let answers = self.last_connected.is_some_and(|at| probe.at.duration_since(at) <= ANSWER_HOLDS);
        if answers {
            self.losses.count(&probe);
        }
        self.times.count(&probe);
        let failed = weight == Weight::Failure;
        self.score.count(failed);
        self.window.count(failed, scheduled, self.score.value() == 0);
        if failed {
            if let (None, Some(last_success)) = (self.onset, self.last_success) {
                self.onset = Some(Onset { first_failure: probe.at, last_success });
            }
            self.last_failure = Some(probe.clone());
            if probe.phase.is_none_or(|p| p <= Phase::Connect) {
                self.content_matches = 0;
            }
        } else {
            self.last_success = Some(probe.at);
            if self.score.value() == 0 {
                self.onset = None;
            }
            self.content_matches = if matches { self.content_matches.saturating_add(1) } else { 0 };
        }
        self.last = probe;
        self.last_definite = true;
    }

    /// Whether this probe shows another certificate than all before on this path.
    pub fn changes_certificate(&mut self, probe: &Probe) -> bool {
        self.certificates.changed(probe)
    }

    /// OK by its score, while its newest result is a failure: some more of them confirm it.
    pub fn turns(&self) -> bool {
        self.score.health() == Health::OK && self.score.value() >= SUSPECT && weigh(&self.last) == Weight::Failure
    }

    /// It answers, and sometimes the answer is a server error.
    pub fn fails_now_and_then(&self) -> bool {
        let (samples, failures) = self.window.counts();
        let server_error = |p: &Probe| p.response.as_ref().is_some_and(|r| r.status >= 500);
        failures > 0 && failures < samples && self.last_failure.as_ref().is_some_and(server_error)
    }

    /// No failure is remembered.
    pub fn never_fails(&self) -> bool {
        let (samples, failures) = self.window.counts();
        samples > 0 && failures == 0
    }

    /// Failing by its score, while its newest result is a good one.
    pub fn recovers(&self) -> bool {
        self.score.health() == Health::Failing && weigh(&self.last) == Weight::Success
    }

    /// Probes of which the kernel told how often it had to send again, and those in which it had to.
    pub fn losses(&self) -> (u32, u32) {
        self.losses.counts()
    }

    /// What its connections show of the way itself.
    pub fn link(&self) -> Option<Link> {
        self.times.link()
    }

    pub const fn score(&self) -> Score {
        self.score
    }

    pub const fn last(&self) -> &Probe {
        &self.last
    }

    /// Whether a failure to connect from here says anything: the vantage may pass the origin's
    /// allowlist, or the address answered it within a day.
    pub fn tells(&self, now: Timestamp) -> bool {
        self.access == Access::Listed
            || self.last_connected.is_some_and(|at| now.duration_since(at) <= ANSWER_HOLDS)
            || matches!(self.last.observation, Observation::ViaProxy | Observation::ViaProxyLong)
            || self.last.connected()
    }

    /// Whether it is worth looking at more often.
    pub fn is_suspect(&self, now: Timestamp) -> bool {
        (self.score.value() >= SUSPECT || self.score.health() == Health::Failing) && self.tells(now)
    }

    /// The state as it is judged: at once (every result so far), or as the score has confirmed it.
    fn judged(&self, at_once: bool) -> (Health, Pattern) {
        if self.last.observation == Observation::ViaProxyLong {
            // Too rare for a score, and meant to be read by itself.
            let health = match weigh(&self.last) {
                Weight::Success => Health::OK,
                Weight::Failure => Health::Failing,
                Weight::Nothing => Health::Unknown,
            };
            return (health, Pattern::Steady);
        }
        let (samples, failures) = self.window.counts();
        let confirmed = self.score.health();
        let pattern = if self.window.flapping() {
            Pattern::Flapping
        } else if confirmed == Health::Failing {
            if self.window.mixed() { Pattern::Intermittent } else { Pattern::Steady }
        } else if self.window.intermittent() || (at_once && failures > 0 && failures < samples) {
            Pattern::Intermittent
        } else {
            Pattern::Steady
        };
        if self.indefinite >= INDEFINITE_LIMIT {
            return (Health::Unknown, pattern);
        }
        let health = match confirmed {
            Health::Unknown if at_once && samples > 0 && failures == samples => Health::Failing,
            Health::Unknown if at_once && samples > 0 && failures < samples => Health::OK,
            other => other,
        };
        (health, pattern)
    }

    /// What it shows, without a track of its own.
    pub fn shown<'a>(&'a self, key: &'a PathKey, at_once: bool) -> Shown<'a> {
        let (health, pattern) = self.judged(at_once);
        Shown {
            key,
            access: self.access,
            health,
            pattern,
            last: &self.last,
            last_connected: self.last_connected,
            content_matches: self.content_matches,
        }
    }

    /// The track that rules read.
    pub fn track(&self, key: &PathKey, at_once: bool) -> Track {
        let (health, pattern) = self.judged(at_once);
        let (samples, failures) = self.window.counts();
        let (measured, lossy) = self.losses();
        Track {
            key: key.clone(),
            access: self.access,
            score: self.score.value(),
            health,
            pattern,
            samples,
            failures,
            measured,
            lossy,
            link: self.times.link(),
            last_connected: self.last_connected,
            last: self.last.clone(),
            last_failure: self.last_failure.clone(),
            onset: self.onset,
            content_matches: self.content_matches,
        }
    }

    /// Whether its state is known well enough to judge by.
    pub fn settled(&self) -> bool {
        if self.last.observation == Observation::ViaProxyLong {
            return true;
        }
        match self.score.health() {
            Health::OK => true,
            // A failing state taken over from before a restart waits for a failure of its own.
            Health::Failing => self.last_failure.is_some(),
            Health::Unknown => self.indefinite >= INDEFINITE_LIMIT,
        }
    }
}
