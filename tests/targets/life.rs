//! One life for every target in somebody else's object: what it writes, that it touches nothing else, how it follows a
//! list, goes back, outlives a crash, and ends.

use crate::site::{SERVER, Site};
use crate::{BOTH, NEXT, NONE, TWO};
use lab::process::wait_until;
use leeward::allow::plan::Direction;
use leeward::allow::{Applied, Change};
use leeward::api::conditions::{Reason, Truth};
use leeward::api::status::TargetState;
use serde_json::{Value, json};
use std::sync::Mutex;
use std::time::Duration;

/// Installs CRDs of a project, once.
pub fn install(files: &str) {
    static INSTALLED: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let mut installed = INSTALLED.lock().unwrap();
    if installed.iter().any(|one| one == files) {
        return;
    }
    let path = lab::tools::crds().unwrap().join(files).display().to_string();
    let text = std::fs::read_to_string(&path).unwrap();
    established(&text);
    installed.push(files.to_owned());
}

/// Applies CRDs and waits until they are served.
pub fn established(text: &str) {
    SERVER.apply(text).unwrap();
    for document in text.split("\n---") {
        let crd: Value = serde_saphyr::from_str(document).unwrap_or_default();
        if crd["kind"] == "CustomResourceDefinition" {
            let name = format!("crd/{}", crd["metadata"]["name"].as_str().unwrap());
            // Before its first status kubectl does not wait, but fails.
            wait_until(&name, Duration::from_secs(20), || {
                SERVER.kubectl(&["wait", "--for=condition=Established", "--timeout=5s", &name]).is_ok()
            })
            .unwrap();
        }
    }
}

/// CRDs in the shape that the projects document, for kinds whose own files are not at hand.
pub fn shape(group: &str, version: &str, kind: &str, plural: &str, scope: &str) {
    let singular = kind.to_lowercase();
    established(&format!(
        "{{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {{name: {plural}.{group}}}, spec: {{group: {group}, scope: {scope}, names: {{kind: {kind}, plural: {plural}, singular: {singular}}}, versions: [{{name: {version}, served: true, storage: true, schema: {{openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}}}]}}}}"
    ));
}

/// One target of a kind.
pub struct Case {
    pub name: &'static str,
    /// CRD files of the project, below the folder that holds them all.
    pub crds: &'static [&'static str],
    /// CRDs whose files are not at hand: group, version, kind, plural, scope.
    pub shapes: &'static [[&'static str; 5]],
    /// The object as its owner makes it, with ORIGIN for namespace and name of the origin.
    pub object: &'static str,
    /// The owner's field manager.
    pub created_by: &'static str,
    /// Kind and name for `kubectl annotate`, where the mark is put on afterwards by somebody else.
    pub marked: &'static str,
    pub target: &'static str,
    /// JSON pointer of the field.
    pub pointer: &'static str,
    /// What the field holds for these prefixes.
    pub value: fn(&[&str]) -> Value,
    /// What an object that lacks the field means, and so whether it may be given up.
    pub opens: bool,
    /// Which direction the first write has.
    pub first: Direction,
}

/// What most cases have in common.
pub const CASE: Case = Case {
    name: "",
    crds: &[],
    shapes: &[],
    object: "",
    created_by: "kubectl",
    marked: "",
    target: "",
    pointer: "",
    value: list,
    opens: true,
    first: Direction::Narrow,
};

pub fn list(prefixes: &[&str]) -> Value {
    json!(prefixes)
}

pub fn comma(prefixes: &[&str]) -> Value {
    json!(prefixes.join(","))
}

/// The object without the field, and without what the API server keeps of it.
pub fn rest(object: &Value, pointer: &str) -> Value {
    let mut object = object.clone();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let key = key.replace("~1", "/");
    if let Some(parent) = object.pointer_mut(parent).and_then(Value::as_object_mut) {
        parent.remove(&key);
    }
    let metadata = object["metadata"].as_object_mut().unwrap();
    // Its value tells the test when a watch has caught up.
    if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) {
        labels.remove("beat");
    }
    for kept in ["managedFields", "resourceVersion", "generation"] {
        metadata.remove(kept);
    }
    pruned(object)
}

/// Without empty maps: the way to a field is no field.
pub fn pruned(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let map = map.into_iter().map(|(k, v)| (k, pruned(v))).filter(|(_, v)| *v != json!({}));
            Value::Object(map.collect())
        }
        other => other,
    }
}

pub fn ours(object: &Value) -> bool {
    let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    entries.iter().any(|e| e["manager"] == "leeward-shop" && e["operation"] == "Apply")
}

pub fn synced(applied: &Applied) {
    assert_eq!(
        (applied.synced.status, applied.synced.reason, applied.synced.message.as_str()),
        (Truth::True, Reason::Synced, "1 target carries 2 prefixes"),
        "{:?}",
        applied.targets
    );
}

impl Case {
    pub async fn site(&self) -> Site {
        for files in self.crds {
            install(files);
        }
        for [group, version, kind, plural, scope] in self.shapes {
            shape(group, version, kind, plural, scope);
        }
        let mut site = Site::new(self.name, NONE, &TWO).await;
        let object = self.object.replace("ORIGIN", &format!("{}/shop", site.namespace));
        site.apply_as(self.created_by, &object);
        if !self.marked.is_empty() {
            let mark = format!("leeward.dev/origin={}/shop", site.namespace);
            site.kubectl(&["annotate", self.marked, &mark]);
        }
        site.origin(&format!("\n    - {{name: t, {}}}", self.target), "Orphan").await;
        site.settle().await;
        site
    }

    pub fn field(&self, site: &Site) -> Value {
        let mut value = site.object().unwrap().pointer(self.pointer).cloned().unwrap_or_default();
        // Where each entry has an owner of its own, the order is nobody's.
        if let Some(list) = value.as_array_mut().filter(|list| list.iter().all(Value::is_string)) {
            list.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
        }
        value
    }

    /// The whole life of a target.
    pub async fn lives(&self) {
        let mut site = self.site().await;
        let before = site.object().unwrap();

        let applied = site.reconcile().await;
        synced(&applied);
        let directions: Vec<Direction> = applied.writes.iter().map(|w| w.direction).collect();
        assert_eq!(directions, [self.first]);
        assert_eq!(self.field(&site), (self.value)(&TWO));
        let after = site.object().unwrap();
        assert_eq!(rest(&after, self.pointer), rest(&before, self.pointer), "nothing else is touched");
        assert!(ours(&after));

        // Nothing changes, so nothing is written or even asked.
        site.settle().await;
        let asked = site.gate.requests();
        assert_eq!((site.once().await.writes, site.gate.requests() - asked), (Vec::new(), 0));

        // One prefix comes and one goes: first the one, then the other.
        site.list(&NEXT).await;
        let applied = site.reconcile().await;
        synced(&applied);
        let directions: Vec<Direction> = applied.writes.iter().map(|w| w.direction).collect();
        assert_eq!(directions, [Direction::Widen, Direction::Narrow]);
        assert_eq!(self.field(&site), (self.value)(&NEXT));

        // The site fails after it, and whoever wrote it is gone. Another process finds in the status what left, and takes it
        // back; a third one knows that this happened, and does not try the same again.
        site.settle().await;
        let found = site.taken_over();
        assert_eq!((found.rollbacks.len(), applied.rollbacks.len()), (1, 1));
        assert!(site.roll_back(&found.rollbacks[0]).await);
        assert_eq!(self.field(&site), (self.value)(&BOTH));
        assert!(site.taken_over().rollbacks.is_empty());
        assert_eq!(site.reconcile().await.synced.reason, Reason::RolledBack);
        site.list(&TWO).await;
        synced(&site.reconcile().await);

        // Whoever writes may die at any write.
        let whole = rest(&site.object().unwrap(), self.pointer);
        site.crashes([&NEXT, &TWO, &NEXT], |site, list| {
            assert_eq!(self.field(site), (self.value)(list));
            assert_eq!(rest(&site.object().unwrap(), self.pointer), whole);
        })
        .await;

        // The end: an orphan stays as it is.
        assert_eq!(site.release_again().await.writes, []);
        site.origin(&format!("\n    - {{name: t, {}}}", self.target), "Delete").await;
        site.settle().await;
        let end = site.release().await;
        let object = site.object().unwrap();
        if self.opens {
            assert_eq!(end.writes.len(), 1, "{:?}", end.targets);
            assert_eq!((end.writes[0].change, ours(&object)), (Change::Release, false));
            assert_eq!(rest(&object, self.pointer), rest(&before, self.pointer));
            assert_eq!(self.field(&site), before.pointer(self.pointer).cloned().unwrap_or_default());
        } else {
            assert_eq!((end.writes.len(), end.targets[0].state), (0, TargetState::Vetoed), "{:?}", end.targets);
            assert_eq!(self.field(&site), (self.value)(&NEXT), "its end would shut everybody out");
        }
        crate::rights::judge(&site);
    }
}
