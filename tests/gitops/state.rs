//! One state of a resource, with what its readers should make of it.

use serde_json::{Value, json};

/// How a reader of kstatus should take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    InProgress,
    Current,
    Failed,
    Terminating,
}

/// The health that Argo CD should show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Progressing,
    Healthy,
    Degraded,
    Suspended,
}

/// A resource as the API server would return it.
#[derive(Clone, Debug)]
pub struct State {
    pub name: String,
    pub object: Value,
    pub wait: Wait,
    pub health: Health,
}

impl State {
    /// The same before its deletion is done: whatever it said before, it is going away.
    pub fn leaving(&self) -> Self {
        let mut object = self.object.clone();
        object["metadata"]["deletionTimestamp"] = json!("2026-11-20T10:00:00Z");
        object["metadata"]["finalizers"] = json!(["leeward.dev/release"]);
        let name = format!("{}, being deleted", self.name);
        Self { name, object, wait: Wait::Terminating, health: Health::Progressing }
    }

    /// The same after an edit of the spec that nobody has looked at.
    pub fn edited(&self) -> Self {
        let mut object = self.object.clone();
        object["metadata"]["generation"] = json!(object["metadata"]["generation"].as_i64().unwrap() + 1);
        let health = if self.health == Health::Suspended { Health::Suspended } else { Health::Progressing };
        Self { name: format!("{}, then edited", self.name), object, wait: Wait::InProgress, health }
    }

    pub fn condition(&self, kind: &str) -> Option<&Value> {
        self.object["status"]["conditions"].as_array()?.iter().find(|c| c["type"] == kind)
    }
}

/// Some of the states, edited and being deleted: what they said before makes no difference then.
pub fn changed(states: &[State]) -> Vec<State> {
    states.iter().step_by(states.len().div_ceil(100)).flat_map(|state| [state.edited(), state.leaving()]).collect()
}
