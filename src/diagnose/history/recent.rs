//! The newest facts: one per thing that was looked at, until it has not been looked at for a while.

use crate::evidence::Fact;
use std::collections::BTreeMap;

/// Rounds that a fact of each kind outlives the one it came from. Names and the control target are
/// asked in each round; echoes and control ports only while something is suspect.
const fn rounds(fact: &Fact) -> u32 {
    match fact {
        Fact::Control(_) => 0,
        Fact::Dns(_) => 2,
        Fact::Ping(_) | Fact::ControlPort(_) => 10,
        // Requests are repeated once a minute while something is suspect, large responses every fourth period.
        Fact::Replay(_) => 16,
        // A connection is held once an hour.
        Fact::Idle(_) => 400,
        _ => 3,
    }
}

/// Facts by what they speak of.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    facts: BTreeMap<String, (Fact, u32)>,
}

impl Recent {
    /// Takes in the facts of one round and forgets those that are too old.
    pub fn take_in(&mut self, facts: Vec<Fact>) {
        if facts.is_empty() {
            // A look at one path only, which asked for none.
            return;
        }
        self.facts.retain(|_, (fact, age)| {
            *age += 1;
            *age <= rounds(fact)
        });
        for mut fact in facts {
            let key = key(&fact);
            if let (Fact::Replay(new), Some((Fact::Replay(old), _))) = (&mut fact, self.facts.get(&key))
                && new.probe.outcome == old.probe.outcome
            {
                new.times = old.times.saturating_add(1);
            }
            self.facts.insert(key, (fact, 0));
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Fact> {
        self.facts.values().map(|(fact, _)| fact)
    }
}

/// What a fact speaks of.
fn key(fact: &Fact) -> String {
    match fact {
        Fact::Dns(f) => format!("dns {} {} {} {}", f.vantage, f.name, f.subject, f.resolver),
        Fact::Ping(f) => format!("ping {} {}", f.vantage, f.address),
        Fact::ControlPort(f) => format!("control port {} {}", f.vantage, f.address),
        Fact::Control(f) => format!("control {}", f.vantage),
        Fact::Endpoints(f) => format!("endpoints {}", f.service),
        Fact::Pods(_) => "pods".to_owned(),
        Fact::Nodes(_) => "nodes".to_owned(),
        Fact::Policy(f) => format!("policy {} {}", f.pod, f.port),
        Fact::Allowlist(f) => format!("allowlist {}", f.object),
        Fact::Route(f) => format!("route {}", f.object),
        Fact::Arrival(f) => format!("arrival {} {:?}", f.source, f.address),
        Fact::Replay(f) => {
            format!("replay {} {} {} {:?}", f.variation, f.probe.vantage, f.probe.observation, f.probe.address)
        }
        Fact::Idle(f) => format!("idle {} {}", f.vantage, f.address),
        Fact::ProviderRecord(f) => format!("record {} {:?} {:?}", f.source, f.address, f.reason),
        Fact::VisitorReports(_) => "visitors".to_owned(),
        Fact::Traffic(f) => format!("traffic {}", f.source),
        Fact::Saturation(f) => format!("saturation {} {}", f.source, f.resource),
        Fact::Limit(f) => format!("limit {}", f.source),
        Fact::LoadContrast(f) => format!("contrast {}", f.source),
        Fact::Change(f) => format!("change {} {} {}", f.what, f.object, f.at),
        Fact::Unmeasured(f) => format!("unmeasured {} {}", f.source, f.measure),
    }
}
