//! Every write of an operator, held against the promises that none may break.
//!
//! The API server's audit log is played again: it holds everybody's writes with their objects, so before each write of the
//! operator the world stands here as it stood then.

use lab::control_plane::ControlPlane;
use leeward::allow::invariants::{Sent, Violation, World, violations};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const OPERATOR: &str = "system:serviceaccount:leeward-system:leeward";

/// Resource, namespace and name.
type Key = (String, String, String);

/// What the log does not say.
#[derive(Clone, Copy, Default)]
pub struct Beside<'a> {
    /// Texts that probed servers send.
    pub canaries: &'a [&'a str],
    /// Namespaces in which a narrowing is taken back.
    pub taken_back: &'a [&'a str],
}

/// Objects as the writes so far have left them.
#[derive(Default)]
struct Replay {
    objects: BTreeMap<Key, Value>,
    /// Origins that are gone, with what they asked for.
    departed: BTreeMap<Key, Value>,
    writes: usize,
    broken: Vec<Violation>,
}

impl Replay {
    fn of(events: &[Value], beside: &Beside) -> Self {
        let mut events: Vec<&Value> = events.iter().filter(|event| changed_something(event)).collect();
        // The log has the order of answers; revisions have the order of writes. What tells of an end has no revision, or that
        // of the write before: it comes after all that was answered until then.
        let mut newest = 0;
        events.sort_by_cached_key(|event| match revision(event) {
            Some(revision) => {
                newest = newest.max(revision);
                revision
            }
            None => newest,
        });
        let mut replay = Self::default();
        for event in events {
            replay.step(event, beside);
        }
        replay
    }

    fn step(&mut self, event: &Value, beside: &Beside) {
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let in_response = |text: String| if text.is_empty() { name_in_response(event) } else { text };
        let key = (text("/objectRef/resource"), text("/objectRef/namespace"), in_response(text("/objectRef/name")));
        if event["user"]["username"] == OPERATOR {
            self.writes += 1;
            let mut world = self.world(beside.canaries);
            world.rolling_back = beside.taken_back.contains(&key.1.as_str());
            let sent = sent(event).unwrap_or_else(|| panic!("an unreadable event: {event}"));
            if !sent.dry_run {
                self.broken.extend(violations(&sent, self.objects.get(&key), &world));
            }
        }
        self.remember(event, key);
    }

    fn remember(&mut self, event: &Value, key: Key) {
        let verb = event["verb"].as_str().unwrap_or_default();
        if verb == "deletecollection" {
            self.objects.retain(|(resource, namespace, _), _| (resource, namespace) != (&key.0, &key.1));
            return;
        }
        let object = &event["responseObject"];
        let kept = object["kind"] != "Status" && object.get("metadata").is_some();
        let ends = verb == "delete" || is_leaving(object);
        let held =
            object["metadata"]["finalizers"].as_array().is_some_and(|list| !list.is_empty()) || key.0 == "namespaces";
        if kept && (!ends || held) {
            self.departed.remove(&key);
            // The garbage collector asks for metadata alone; the rest of the object stays as it was.
            match self.objects.get_mut(&key) {
                Some(known) if object["kind"] == "PartialObjectMetadata" => {
                    known["metadata"] = object["metadata"].clone();
                }
                None if object["kind"] == "PartialObjectMetadata" => {}
                _ => drop(self.objects.insert(key, object.clone())),
            }
        } else if let Some(mut gone) = self.objects.remove(&key)
            && key.0 == "protectedorigins"
        {
            gone["metadata"]["deletionTimestamp"] = event["stageTimestamp"].clone();
            self.departed.insert(key, gone);
        }
    }

    fn world(&self, canaries: &[&str]) -> World {
        World {
            origins: [all(&self.objects, "protectedorigins"), all(&self.departed, "protectedorigins")].concat(),
            networks: all(&self.objects, "proxynetworks"),
            policies: all(&self.objects, "networkpolicies"),
            pods: all(&self.objects, "pods"),
            objects: self.objects.values().cloned().collect(),
            namespaces: all(&self.objects, "namespaces"),
            canaries: canaries.iter().map(|&text| text.to_owned()).collect(),
            rolling_back: false,
        }
    }
}

/// That of the object as this write has left it.
fn revision(event: &Value) -> Option<u64> {
    let object = &event["responseObject"];
    let finalizers = object["metadata"]["finalizers"].as_array();
    if is_leaving(object) && finalizers.is_none_or(Vec::is_empty) {
        return None;
    }
    object.pointer("/metadata/resourceVersion")?.as_str()?.parse().ok()
}

fn is_leaving(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

fn all<T: DeserializeOwned>(objects: &BTreeMap<Key, Value>, resource: &str) -> Vec<T> {
    let ours = objects.iter().filter(|((kind, ..), _)| kind == resource);
    ours.filter_map(|(key, object)| match serde_json::from_value(object.clone()) {
        Ok(object) => Some(object),
        // One test writes a resource that nobody can read; nothing may be written for it.
        Err(_) if resource == "protectedorigins" => None,
        Err(error) => panic!("{key:?}: {error}"),
    })
    .collect()
}

/// Writes that succeeded.
fn changed_something(event: &Value) -> bool {
    let writes = ["create", "update", "patch", "delete", "deletecollection"];
    let good = event["responseStatus"]["code"].as_u64().is_some_and(|code| (200..300).contains(&code));
    good && event["verb"].as_str().is_some_and(|verb| writes.contains(&verb)) && event["objectRef"].is_object()
}

fn name_in_response(event: &Value) -> String {
    event.pointer("/responseObject/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The write that an event tells of. The log does not say what kind of patch it was; only an applied configuration is a
/// whole object.
fn sent(event: &Value) -> Option<Sent> {
    let method = match event["verb"].as_str()? {
        "create" => "POST",
        "update" => "PUT",
        "patch" => "PATCH",
        _ => "DELETE",
    };
    let (path, query) = event["requestURI"].as_str().map(|uri| uri.split_once('?').unwrap_or((uri, "")))?;
    let object = &event["requestObject"];
    let kind = if object["kind"].is_string() { "application/apply-patch+yaml" } else { "application/json" };
    let body = if object.is_null() { String::new() } else { object.to_string() };
    Sent::of(method, path, query, kind, body.as_bytes())
}

/// Holds all writes so far against the promises; how many there were.
pub fn judge(server: &ControlPlane, beside: &Beside) -> usize {
    let replay = Replay::of(&server.audit_events().unwrap(), beside);
    let broken: Vec<String> = replay.broken.iter().map(Violation::to_string).collect();
    assert!(broken.is_empty(), "writes broke promises:\n{}", broken.join("\n"));
    replay.writes
}

#[test]
fn an_end_is_not_put_before_what_was_answered_earlier() {
    let event = |verb: &str, resource: &str, code: u16, response: Value| {
        json!({
            "verb": verb,
            "objectRef": {"resource": resource, "namespace": "a", "name": "web"},
            "user": {"username": if resource == "ingresses" && verb == "patch" { OPERATOR } else { "admin" }},
            "requestURI": format!("/apis/x/v1/namespaces/a/{resource}/web?fieldManager=leeward"),
            "requestObject": {"kind": "Ingress", "metadata": {"name": "web", "namespace": "a"}},
            "responseStatus": {"code": code},
            "responseObject": response,
        })
    };
    let object = |revision: &str| json!({"metadata": {"name": "web", "namespace": "a", "resourceVersion": revision}});
    let mut leaving = object("11");
    leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let log = [
        event("create", "ingresses", 201, object("10")),
        event("patch", "ingresses", 200, object("12")),
        // The last finalizer is taken off: the answer has the revision of before.
        event("patch", "protectedorigins", 200, leaving),
        event("delete", "ingresses", 200, json!({"kind": "Status", "metadata": {}})),
    ];
    let replay = Replay::of(&log, &Beside::default());
    assert_eq!(replay.writes, 1);
    let created = replay.broken.iter().filter(|violation| violation.to_string().contains("creates"));
    assert_eq!(created.count(), 0, "{:?}", replay.broken);
    assert!(replay.objects.is_empty());
}
