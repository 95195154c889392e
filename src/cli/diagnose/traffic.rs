//! Counters of the origin's load for one diagnosis: the profile that the spec names, or the queries that it holds. What is wrong with
//! either is said before anything is probed.

use super::args::TrafficArgs;
use crate::api::validated::{ValidTraffic, Validated};
use crate::evidence::Fact;
use crate::evidence::fact::{Measure, Unmeasured, Why};
use crate::observe::probe::Prober;
use crate::observe::traffic::{Memory, Place, Profile, Profiles, Server, measure};
use anyhow::anyhow;
use jiff::Timestamp;
use url::Url;

/// What is to be measured.
pub(super) enum Counters {
    /// The spec names none.
    Nothing,
    /// It names some, and the flags that they take are missing.
    Unmeasured(Fact),
    Ask(Url, Box<Profile>),
}

impl TrafficArgs {
    /// Finds what the spec names. Flags without use, and a profile without flags, are told in `notes`.
    pub(super) fn counters(&self, spec: &Validated, notes: &mut Vec<String>) -> anyhow::Result<Counters> {
        // A file that is given is read even where nothing names it: what is wrong with it is said now.
        let profiles = self.traffic_profiles.as_deref().map(Profiles::open).transpose()?;
        let Some(traffic) = &spec.traffic else {
            if self.prometheus_url.is_some() {
                notes.push("--prometheus-url was not used: spec.traffic names nothing to measure".to_owned());
            }
            return Ok(Counters::Nothing);
        };
        let profile = match traffic {
            ValidTraffic::Queries(queries) => Some(
                Profile::new(traffic.source(), queries).map_err(|problem| anyhow!("spec.traffic.queries{problem}"))?,
            ),
            ValidTraffic::Profile(name) => named(name, profiles.as_ref())?,
        };
        match (&self.prometheus_url, profile) {
            (Some(url), Some(profile)) => Ok(Counters::Ask(url.clone(), Box::new(profile))),
            (Some(_), None) => {
                Err(anyhow!("--traffic-profiles is missing: {} is looked up in that file", traffic.source()))
            }
            (None, profile) => {
                let file = if profile.is_some() { "" } else { " and --traffic-profiles" };
                notes.push(format!("{} was not measured: give --prometheus-url{file}", traffic.source()));
                let (source, why) = (traffic.source(), Why::NoServer);
                let fact = Unmeasured { source, measure: Measure::Everything, why };
                Ok(Counters::Unmeasured(Fact::Unmeasured(fact)))
            }
        }
    }
}

/// The profile of that name, where there is a file of them.
fn named(name: &str, profiles: Option<&Profiles>) -> anyhow::Result<Option<Profile>> {
    let Some(profiles) = profiles else { return Ok(None) };
    let found = profiles.get(name).ok_or_else(|| {
        let known: Vec<&str> = profiles.names().collect();
        anyhow!("spec.traffic.profile is {name}, which --traffic-profiles does not hold; it has {}", known.join(", "))
    })?;
    Ok(Some(found.clone()))
}

impl Counters {
    /// Measures.
    pub(super) async fn facts(self, spec: &Validated, prober: &Prober) -> anyhow::Result<Vec<Fact>> {
        match self {
            Self::Nothing => Ok(Vec::new()),
            Self::Unmeasured(fact) => Ok(vec![fact]),
            Self::Ask(url, profile) => {
                let (server, now) = (Server::new(&url, prober)?, Timestamp::now().as_second());
                Ok(measure(&server, &profile, &Place::of(spec), &mut Memory::default(), now).await)
            }
        }
    }
}
