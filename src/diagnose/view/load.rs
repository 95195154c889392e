//! What counters say of the origin's load: who sends it, what it fills, what limits turn away.

use super::Exhibit;
use crate::evidence::fact::{Level, Limit, LoadContrast, Resource, Saturation, Traffic, Trend};
use crate::evidence::{Case, Fact};

/// Facts of traffic and saturation.
#[derive(Debug, Default)]
pub struct Load<'c> {
    traffic: Vec<(&'c Fact, &'c Traffic)>,
    saturations: Vec<(&'c Fact, &'c Saturation)>,
    limits: Vec<(&'c Fact, &'c Limit)>,
    contrasts: Vec<(&'c Fact, &'c LoadContrast)>,
    /// What a profile could not measure.
    unmeasured: Vec<Exhibit<'c>>,
}

impl<'c> Load<'c> {
    /// Gathers them from the known facts; what is not known is kept apart, only to be shown.
    pub fn new(case: &'c Case, facts: &[&'c Fact]) -> Self {
        let mut load = Self::default();
        for fact in facts {
            match fact {
                Fact::Traffic(f) => load.traffic.push((fact, f)),
                Fact::Saturation(f) => load.saturations.push((fact, f)),
                Fact::Limit(f) => load.limits.push((fact, f)),
                Fact::LoadContrast(f) => load.contrasts.push((fact, f)),
                _ => {}
            }
        }
        load.unmeasured = case.facts.iter().filter(|f| matches!(f, Fact::Unmeasured(_))).map(Exhibit::Fact).collect();
        load.unmeasured.sort_by_cached_key(|e| format!("{e:?}"));
        load
    }

    /// Counts of the origin beside the proxy's that go this way. None where two sources contradict each other.
    pub fn trend(&self, trend: Trend) -> Vec<Exhibit<'c>> {
        if self.traffic.iter().any(|(_, t)| t.trend != trend) {
            return Vec::new();
        }
        self.traffic.iter().map(|(fact, _)| Exhibit::Fact(fact)).collect()
    }

    /// Resources of this kind that are full.
    pub fn full(&self, of: impl Fn(Resource) -> bool) -> Vec<(Exhibit<'c>, Resource)> {
        self.at(Level::Saturated, of)
    }

    /// Resources of this kind that are known not to be full, and none of the kind is.
    pub fn spare(&self, of: impl Fn(Resource) -> bool) -> Vec<(Exhibit<'c>, Resource)> {
        if self.full(&of).is_empty() { self.at(Level::Spare, of) } else { Vec::new() }
    }

    fn at(&self, level: Level, of: impl Fn(Resource) -> bool) -> Vec<(Exhibit<'c>, Resource)> {
        let mine = self.saturations.iter().filter(|(_, s)| s.level == level && of(s.resource));
        mine.map(|(fact, s)| (Exhibit::Fact(fact), s.resource)).collect()
    }

    /// Counters of limits that turn something away.
    pub fn limits(&self) -> Vec<Exhibit<'c>> {
        self.limits.iter().filter(|(_, l)| l.refused_per_minute > 0).map(|(fact, _)| Exhibit::Fact(fact)).collect()
    }

    /// Whether one of them turns so many away a minute.
    pub fn limits_at_least(&self, refused: u32) -> bool {
        self.limits.iter().any(|(_, l)| l.refused_per_minute >= refused)
    }

    /// Comparisons of quiet and busy times that show failures coming with load.
    pub fn contrasts(&self) -> Vec<Exhibit<'c>> {
        self.contrasts.iter().filter(|(_, c)| c.shows_load()).map(|(fact, _)| Exhibit::Fact(fact)).collect()
    }

    /// Whether anything of the kind was looked at, with or without a result.
    pub fn unmeasured(&self) -> &[Exhibit<'c>] {
        &self.unmeasured
    }
}
