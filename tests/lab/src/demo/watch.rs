//! What the resources say, waited for and held to: the demo fails where it is not what was told.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use serde_json::Value;

use super::cluster::Cluster;
use super::interrupt;
use super::operator::Operator;
use super::screen::Screen;
use super::stage::Site;

/// What the condition OriginHealthy of a site has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub site: Site,
    pub healthy: bool,
    pub cause: &'static str,
}

impl Wanted {
    pub fn healthy(site: Site) -> Self {
        Self { site, healthy: true, cause: "Healthy" }
    }

    pub fn broken(site: Site, cause: &'static str) -> Self {
        Self { site, healthy: false, cause }
    }

    /// Something is said of the site that is neither what was said before nor what is wanted.
    fn is_contradicted(self, before: &Value, now: &Value) -> bool {
        let (Some(before), Some(now)) = (of(before, self.site), of(now, self.site)) else { return false };
        let (truth, _) = healthy(now);
        ["True", "False"].contains(&truth) && !self.holds(now) && healthy(before) != healthy(now)
    }

    fn holds(self, resource: &Value) -> bool {
        let wanted = if self.healthy { "True" } else { "False" };
        healthy(resource) == (wanted, self.cause)
    }
}

/// Waits until every one of these holds, and nothing else is claimed on the way. Ends at once when the operator does.
pub fn until(
    cluster: &mut Cluster,
    operator: &mut Operator,
    screen: &Screen,
    wanted: &[Wanted],
    within: Duration,
) -> Result<()> {
    let what: Vec<String> = wanted.iter().map(|one| format!("{} to be {}", one.site.name(), one.cause)).collect();
    let what = what.join(", ");
    let timer = screen.wait(&what);
    let deadline = Instant::now() + within;
    let mut before: Option<Value> = None;
    loop {
        interrupt::check()?;
        let resources = read(cluster)?;
        let states: Vec<String> =
            wanted.iter().map(|one| format!("{} {}", one.site.name(), state(&resources, one.site))).collect();
        let states = states.join(", ");
        if wanted.iter().all(|one| of(&resources, one.site).is_some_and(|resource| one.holds(resource))) {
            let reached: Vec<String> = wanted.iter().map(|one| format!("{} {}", one.site.name(), one.cause)).collect();
            timer.done(&reached.join(", "));
            return Ok(());
        }
        let before = before.get_or_insert_with(|| resources.clone());
        if let Some(one) = wanted.iter().find(|one| one.is_contradicted(before, &resources)) {
            return Err(anyhow!("{} was claimed on the way to {what}", state(&resources, one.site)));
        }
        timer.tick(&states);
        operator.check()?;
        cluster.check()?;
        if Instant::now() >= deadline {
            return Err(anyhow!("waited {} s for {what}; seen: {states}", within.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(400));
    }
}

/// Waits until the message of OriginHealthy says that a failing site answers again, and returns it. It says so until the
/// site is healthy; whoever comes later than that gets the message of then.
pub fn recovery(cluster: &Cluster, operator: &mut Operator, site: Site, within: Duration) -> Result<String> {
    let deadline = Instant::now() + within;
    loop {
        interrupt::check()?;
        let resource = resource(cluster, site)?;
        let message = condition(&resource).and_then(|one| one["message"].as_str()).unwrap_or_default();
        if message.contains("Recovering: ") || healthy(&resource).0 == "True" {
            return Ok(message.to_owned());
        }
        operator.check()?;
        if Instant::now() >= deadline {
            return Err(anyhow!("{} does not say that it recovers: {message}", site.name()));
        }
        std::thread::sleep(Duration::from_millis(400));
    }
}

/// The resource of a site.
pub fn resource(cluster: &Cluster, site: Site) -> Result<Value> {
    cluster.plane.get(site.name(), "protectedorigin", site.name())
}

/// Every resource.
fn read(cluster: &Cluster) -> Result<Value> {
    let text = cluster.kubectl(&["get", "protectedorigins", "-A", "-o", "json"])?;
    serde_json::from_str(&text).context("ProtectedOrigins as JSON")
}

fn of(resources: &Value, site: Site) -> Option<&Value> {
    resources["items"].as_array()?.iter().find(|one| one["metadata"]["name"] == site.name())
}

fn state(resources: &Value, site: Site) -> String {
    of(resources, site).map_or_else(
        || "(no resource)".to_owned(),
        |resource| {
            let (truth, reason) = healthy(resource);
            format!("{truth}/{reason}")
        },
    )
}

/// Status and reason of the condition OriginHealthy.
fn healthy(resource: &Value) -> (&str, &str) {
    condition(resource).map_or(("none", "none"), |one| {
        (one["status"].as_str().unwrap_or_default(), one["reason"].as_str().unwrap_or_default())
    })
}

fn condition(resource: &Value) -> Option<&Value> {
    resource["status"]["conditions"].as_array()?.iter().find(|one| one["type"] == "OriginHealthy")
}

/// Of what `kubectl describe` prints, the diagnosis and the events.
pub fn described(text: &str) -> String {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let block = |heading: &str| {
        let mut lines = text.lines().skip_while(move |line| line.trim_start() != heading).peekable();
        let own = lines.peek().map_or(0, |line| depth(line));
        let first = lines.next();
        let rest: Vec<&str> = lines.take_while(|line| depth(line) > own).collect();
        first.into_iter().chain(rest)
    };
    block("Diagnosis:").chain(block("Events:")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_diagnosis_and_the_events_of_a_description_are_kept() {
        let text = "Name: shop\nStatus:\n  Conditions:\n    Type: Ready\n  Diagnosis:\n    Cause:  ProxyBlocked\n    \
                    Scope:\n      Type:  All\n  Origin:  a\nEvents:\n  one\n";
        let kept = "  Diagnosis:\n    Cause:  ProxyBlocked\n    Scope:\n      Type:  All\nEvents:\n  one";
        assert_eq!(described(text), kept);
    }
}
