//! The real kstatus on every state.

use crate::state::{State, changed};
use crate::{networks, origins};
use serde_json::json;

fn judge(states: &[State]) {
    let changed = changed(states);
    let all: Vec<&State> = states.iter().chain(&changed).collect();
    let answers = lab::gitops::kstatus(all.iter().map(|state| &state.object)).unwrap();
    let mut wrong = Vec::new();
    for (state, (status, message)) in all.iter().zip(&answers) {
        if *status != format!("{:?}", state.wait) {
            wrong.push(format!("{}: {status} ({message}) and not {:?}", state.name, state.wait));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong[..wrong.len().min(20)].join("\n"));
}

#[test]
fn every_state_of_an_origin_is_waited_for_as_documented() {
    let states = origins::states();
    assert!(states.len() > 5000, "{}", states.len());
    judge(&states);
}

#[test]
fn every_state_of_a_network_is_waited_for_as_documented() {
    judge(&networks::states());
}

/// What whoever waits reads when it fails: the message of the condition that says why.
#[test]
fn what_stalls_says_why() {
    let stalled: Vec<State> =
        origins::states().into_iter().filter(|state| state.condition("Stalled").is_some()).collect();
    let answers = lab::gitops::kstatus(stalled.iter().map(|state| &state.object)).unwrap();
    for (state, (_, message)) in stalled.iter().zip(&answers) {
        assert!(message.starts_with("why "), "{}: {message:?}", state.name);
    }
}

/// Why the schema has a default: without it a fresh resource is taken for a finished one.
#[test]
fn a_resource_without_any_status_would_count_as_current() {
    let mut object = origins::states().remove(0).object;
    object["status"] = json!({});
    assert_eq!(lab::gitops::kstatus([&object]).unwrap()[0].0, "Current");
}
