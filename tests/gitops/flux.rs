//! Flux's rules for conditions (fluxcd/pkg, runtime/conditions/check) over every status that can follow another one.
//!
//! One of them is left out: that `status.observedGeneration` stays behind while Reconciling is True. It means "finished"
//! to Flux's own controllers; the API conventions and Leeward mean "the generation that this status speaks of".

use crate::origins::{Diagnosed, accepted, standings, status, synced};
use crate::{networks, origins};
use jiff::Timestamp;
use leeward::api::Cause;
use leeward::api::conditions::Reason;
use leeward::api::spec::ReadyWhen;
use leeward::report::status::{Answer, first};
use proptest::prelude::*;
use serde_json::Value;

const ABNORMAL: [&str; 2] = ["Reconciling", "Stalled"];

/// The first rule that an object breaks.
fn broken(object: &Value) -> Option<String> {
    let none = Vec::new();
    let conditions = object["status"]["conditions"].as_array().unwrap_or(&none);
    let get = |kind: &str| conditions.iter().find(|c| c["type"] == kind);
    let is = |kind: &str, status: &str| get(kind).is_some_and(|c| c["status"] == status);
    let (generation, observed) =
        (object["metadata"]["generation"].as_i64().unwrap(), object["status"]["observedGeneration"].as_i64()?);
    let of = |c: &Value| c["observedGeneration"].as_i64().unwrap_or_default();
    let older = |than: i64| conditions.iter().find(|c| of(c) < than).map(|c| c["type"].to_string());
    let ready = is("Ready", "True");
    let rule = |holds: bool, text: &str| (!holds).then(|| text.to_owned());
    None.or_else(|| rule(get("Ready").is_some(), "Ready is always there"))
        .or_else(|| rule(!ready || !ABNORMAL.iter().any(|k| is(k, "True")), "nothing abnormal is True while Ready is"))
        .or_else(|| rule(!is("Reconciling", "True") || is("Ready", "False"), "Reconciling: Ready is False"))
        .or_else(|| rule(!is("Stalled", "True") || is("Ready", "False"), "Stalled: Ready is False"))
        .or_else(|| rule(ABNORMAL.iter().any(|k| get(k).is_none()), "Reconciling and Stalled are not both there"))
        .or_else(|| rule(observed <= generation, "nothing later than the generation was observed"))
        .or_else(|| rule(!ready || observed == generation, "Ready is about this generation"))
        .or_else(|| older(generation).filter(|_| ready).map(|c| format!("Ready, and {c} is about an older generation")))
        .or_else(|| {
            rule(!ready || conditions.iter().all(|c| of(c) == observed), "Ready: all speak of the same generation")
        })
        .or_else(|| rule(!ABNORMAL.iter().any(|k| is(k, "False")), "what is abnormal is removed and not kept at False"))
        .or_else(|| older(1).map(|c| format!("{c} names its generation")))
}

#[test]
fn no_status_of_a_network_breaks_a_rule() {
    for state in networks::states().iter().filter(|state| state.object["status"]["conditions"].is_array()) {
        assert_eq!(broken(&state.object), None, "{}", state.name);
    }
}

/// Each rule catches what it is about.
#[test]
fn the_rules_can_be_broken() {
    let all = origins::states();
    let find = |kind: &str| all.iter().find(|s| s.condition(kind).is_some_and(|c| c["status"] == "True")).unwrap();
    let (ready, stalled, reconciling) = (find("Ready"), find("Stalled"), find("Reconciling"));
    let changed = |object: &Value, change: &dyn Fn(&mut Value)| {
        let mut object = object.clone();
        change(&mut object);
        broken(&object)
    };
    let set = |object: &mut Value, kind: &str, field: &str, value: Value| {
        let list = object["status"]["conditions"].as_array_mut().unwrap();
        let found = list.iter_mut().find(|c| c["type"] == kind).unwrap();
        found[field] = value;
    };
    let add = |object: &mut Value, condition: &Value| {
        object["status"]["conditions"].as_array_mut().unwrap().push(condition.clone());
    };
    let remove = |object: &mut Value| {
        object["status"]["conditions"].as_array_mut().unwrap().retain(|c| c["type"] != "Ready");
    };
    let (stalls, reconciles) = (stalled.condition("Stalled").unwrap(), reconciling.condition("Reconciling").unwrap());
    for (what, found) in [
        ("always there", changed(&ready.object, &remove)),
        ("nothing abnormal", changed(&ready.object, &|o| add(o, stalls))),
        ("Reconciling: Ready", changed(&reconciling.object, &|o| set(o, "Ready", "status", "Unknown".into()))),
        ("Stalled: Ready", changed(&stalled.object, &|o| set(o, "Ready", "status", "Unknown".into()))),
        ("not both", changed(&stalled.object, &|o| add(o, reconciles))),
        ("nothing later", changed(&stalled.object, &|o| o["status"]["observedGeneration"] = 2.into())),
        ("about this generation", changed(&ready.object, &|o| o["metadata"]["generation"] = 2.into())),
        ("older generation", changed(&ready.object, &|o| set(o, "Accepted", "observedGeneration", 0.into()))),
        ("same generation", changed(&ready.object, &|o| set(o, "Accepted", "observedGeneration", 3.into()))),
        ("kept at False", changed(&stalled.object, &|o| set(o, "Stalled", "status", "False".into()))),
        ("names its generation", changed(&stalled.object, &|o| set(o, "Accepted", "observedGeneration", Value::Null))),
    ] {
        let found = found.unwrap_or_else(|| panic!("{what}: nothing was found"));
        assert!(found.contains(what), "{what}: {found}");
    }
}

/// One change of what is known.
#[derive(Clone, Debug)]
struct Step {
    accepted: Answer,
    synced: Answer,
    diagnosed: Diagnosed,
    edited: bool,
    ready_when: ReadyWhen,
}

fn steps() -> impl Strategy<Value = Step> {
    use proptest::sample::select;
    let of = (
        select(accepted().collect::<Vec<_>>()),
        select(synced().collect::<Vec<_>>()),
        // A verdict is as likely as the absence of one.
        prop_oneof![select(standings().take(4).collect::<Vec<_>>()), select(standings().skip(4).collect::<Vec<_>>())],
        any::<bool>(),
        select(vec![ReadyWhen::Converged, ReadyWhen::OriginHealthy]),
    );
    of.prop_map(|(accepted, synced, diagnosed, edited, ready_when)| Step {
        accepted,
        synced,
        diagnosed,
        edited,
        ready_when,
    })
}

fn at(second: usize) -> Timestamp {
    Timestamp::from_second(i64::try_from(second).unwrap()).unwrap()
}

/// Lives through the steps; no status breaks a rule, none is written twice, and times tell when something flipped.
fn live(list: Vec<Step>) -> Result<(), TestCaseError> {
    let object = |generation, status: &_| {
        origins::object(generation, ReadyWhen::Converged, false, &serde_json::to_value(status).unwrap())
    };
    let (mut now, mut generation) = (first(1, at(0)), 1);
    prop_assert_eq!(broken(&object(generation, &now)), None);
    for (i, step) in list.into_iter().enumerate() {
        generation += i64::from(step.edited);
        let written = |prior: &_, second| {
            let answers = (&step.accepted, &step.synced);
            status(Some(prior), generation, step.ready_when, answers, step.diagnosed, at(second))
        };
        let new = written(&now, i + 1);
        prop_assert_eq!(broken(&object(generation, &new)), None);
        for kind in ["Accepted", "AllowlistSynced", "OriginHealthy"] {
            prop_assert!(new.conditions.iter().any(|c| c.type_ == kind && !c.reason.is_empty()));
        }
        for condition in &new.conditions {
            if let Some(old) = now.conditions.iter().find(|c| c.type_ == condition.type_) {
                let flipped = old.status != condition.status;
                prop_assert_eq!(flipped, old.last_transition_time != condition.last_transition_time);
            }
        }
        // The same again, much later, is the same: no write.
        prop_assert_eq!(&written(&new, 1_000_000), &new);
        now = new;
    }
    Ok(())
}

/// Found by the property below: a verdict from before a rest is no verdict for what is asked after it.
#[test]
fn after_a_rest_the_verdict_is_awaited_again() {
    let step = |diagnosed, ready_when| Step {
        accepted: Answer::yes(Reason::Accepted, ""),
        synced: Answer::yes(Reason::Observing, ""),
        diagnosed,
        edited: false,
        ready_when,
    };
    live(vec![
        step(Diagnosed::As(Cause::Healthy), ReadyWhen::Converged),
        step(Diagnosed::Suspended, ReadyWhen::Converged),
        step(Diagnosed::Waiting { kept: true }, ReadyWhen::OriginHealthy),
    ])
    .unwrap();
}

proptest! {
    #[test]
    fn no_status_of_an_origin_breaks_a_rule(list in proptest::collection::vec(steps(), 1..12)) {
        live(list)?;
    }
}
