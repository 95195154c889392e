//! Counters of the origin's load for one diagnosis: the profile that the spec names, out of the flags. What is wrong with
//! either is said before anything is probed.

use super::args::TrafficArgs;
use crate::api::validated::Validated;
use crate::evidence::Fact;
use crate::evidence::fact::{Measure, Unmeasured, Why};
use crate::observe::probe::Prober;
use crate::observe::traffic::{Memory, Place, Profile, Profiles, Server, measure, measure::source};
use anyhow::{Context, anyhow};
use jiff::Timestamp;
use std::fs;
use url::Url;

/// What is to be measured.
pub(super) enum Counters {
    /// The spec names no profile.
    Nothing,
    /// It names one, and the flags that it takes are missing.
    Unmeasured(Fact),
    Ask(Url, Box<Profile>),
}

impl TrafficArgs {
    /// Finds the profile that the spec names. Flags without use, and a profile without flags, are told in `notes`.
    pub(super) fn counters(&self, spec: &Validated, notes: &mut Vec<String>) -> anyhow::Result<Counters> {
        let profiles = self.profiles()?;
        let Some(name) = &spec.traffic_profile else {
            if self.prometheus_url.is_some() {
                notes.push("--prometheus-url was not used: spec.traffic.profile names no profile".to_owned());
            }
            return Ok(Counters::Nothing);
        };
        let (Some(url), Some(profiles)) = (&self.prometheus_url, &profiles) else {
            notes.push(format!(
                "spec.traffic.profile {name} was not measured: give --prometheus-url and --traffic-profiles"
            ));
            let why = Why::NoServer;
            let fact = Unmeasured { source: source(name), measure: Measure::Everything, why };
            return Ok(Counters::Unmeasured(Fact::Unmeasured(fact)));
        };
        let profile = profiles.get(name).ok_or_else(|| {
            let known: Vec<&str> = profiles.names().collect();
            anyhow!(
                "spec.traffic.profile is {name}, which --traffic-profiles does not hold; it has {}",
                known.join(", ")
            )
        })?;
        Ok(Counters::Ask(url.clone(), Box::new(profile.clone())))
    }

    fn profiles(&self) -> anyhow::Result<Option<Profiles>> {
        let Some(path) = &self.traffic_profiles else { return Ok(None) };
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read --traffic-profiles {}", path.display()))?;
        Profiles::read(&text).map(Some).map_err(|error| anyhow!("--traffic-profiles {}: {error}", path.display()))
    }
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
