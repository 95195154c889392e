//! Counters of the origin's load for one diagnosis: the profile that the spec names, out of the flags.

use super::args::TrafficArgs;
use crate::api::validated::Validated;
use crate::evidence::Fact;
use crate::evidence::fact::{Measure, Unmeasured, Why};
use crate::observe::probe::Prober;
use crate::observe::traffic::{Memory, Place, Profiles, Server, measure, measure::source};
use anyhow::{Context, anyhow};
use jiff::Timestamp;
use std::fs;

impl TrafficArgs {
    /// The facts that the spec's profile gives. Without flags, or without a profile in the spec, there are none; a flag that
    /// then has no use is told in `notes`.
    pub(super) async fn facts(
        &self,
        spec: &Validated,
        prober: &Prober,
        notes: &mut Vec<String>,
    ) -> anyhow::Result<Vec<Fact>> {
        let profiles = self.profiles()?;
        let Some(name) = &spec.traffic_profile else {
            if self.prometheus_url.is_some() {
                notes.push("--prometheus-url was not used: spec.traffic.profile names no profile".to_owned());
            }
            return Ok(Vec::new());
        };
        let unmeasured =
            |why| vec![Fact::Unmeasured(Unmeasured { source: source(name), measure: Measure::Everything, why })];
        let (Some(url), Some(profiles)) = (&self.prometheus_url, &profiles) else {
            notes.push(format!(
                "spec.traffic.profile {name} was not measured: give --prometheus-url and --traffic-profiles"
            ));
            return Ok(unmeasured(Why::NoServer));
        };
        let Some(profile) = profiles.get(name) else {
            let known: Vec<&str> = profiles.names().collect();
            return Err(anyhow!(
                "spec.traffic.profile is {name}, which --traffic-profiles does not hold; it has {}",
                known.join(", ")
            ));
        };
        let server = Server::new(url, prober)?;
        let now = Timestamp::now().as_second();
        Ok(measure(&server, profile, &Place::of(spec), &mut Memory::default(), now).await)
    }

    fn profiles(&self) -> anyhow::Result<Option<Profiles>> {
        let Some(path) = &self.traffic_profiles else { return Ok(None) };
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read --traffic-profiles {}", path.display()))?;
        Profiles::read(&text).map(Some).map_err(|error| anyhow!("--traffic-profiles {}: {error}", path.display()))
    }
}
