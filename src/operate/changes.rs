//! What was changed in the cluster lately: edits of objects that decide over the way to an origin, remembered so that a
//! failure that begins just after one can say so.

use crate::evidence::Fact;
use crate::evidence::fact::{self, Changed};
use crate::observe::cluster::{self, ClusterSource, Kind, content};
use jiff::Timestamp;
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Most changes that are remembered of one namespace; the oldest go first.
const MOST: usize = 32;
/// Kinds that are followed, and what a change of one is.
const KINDS: [(Kind, Changed); 7] = [
    (Kind::NetworkPolicy, Changed::Policy),
    (Kind::Service, Changed::Service),
    (Kind::Ingress, Changed::Route),
    (Kind::HTTPRoute, Changed::Route),
    (Kind::Gateway, Changed::Route),
    (Kind::Pod, Changed::Rollout),
    (Kind::ProxyNetwork, Changed::ProxyRanges),
];

/// The newest changes by namespace. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct ChangeBoard(Arc<Mutex<Board>>);

#[derive(Debug, Default)]
struct Board {
    /// What each object contained last.
    contents: HashMap<(Kind, String, String), u64>,
    /// By namespace; those of cluster-scoped objects under the empty name.
    changes: HashMap<String, VecDeque<fact::Change>>,
}

impl ChangeBoard {
    /// Takes in what is there already: it is no change.
    pub fn learn(&self, source: &dyn ClusterSource) {
        let mut board = self.0.lock();
        for (kind, _) in KINDS {
            for (namespace, name) in cluster::names(source, kind) {
                if let Some(now) = content(source, kind, &namespace, &name) {
                    board.contents.insert((kind, namespace, name), now);
                }
            }
        }
    }

    /// Compares an object with what it contained before.
    pub fn hear(&self, source: &dyn ClusterSource, change: &cluster::Change, now: Timestamp) {
        let Some((_, what)) = KINDS.iter().find(|(kind, _)| *kind == change.kind).copied() else { return };
        let namespace = change.namespace.clone().unwrap_or_default();
        let key = (change.kind, namespace.clone(), change.name.clone());
        let current = content(source, change.kind, &namespace, &change.name);
        let mut board = self.0.lock();
        let before = match current {
            Some(current) => board.contents.insert(key, current),
            None => board.contents.remove(&key),
        };
        let starts_or_ends = before.is_none() || current.is_none();
        let is_change = match what {
            // That a pod ends is told by the one that takes its place.
            Changed::Rollout => before.is_none() && current.is_some(),
            // The first list of a network is no change of it.
            Changed::ProxyRanges => before != current && !starts_or_ends,
            _ => before != current,
        };
        if !is_change {
            return;
        }
        let place = if namespace.is_empty() { String::new() } else { format!("{namespace}/") };
        let object = format!("{} {place}{}", change.kind, change.name);
        let changes = board.changes.entry(namespace).or_default();
        if changes.len() == MOST {
            changes.pop_front();
        }
        changes.push_back(fact::Change { what, object, at: now });
    }

    /// The changes that may have to do with an origin, beside the facts that tell which objects those are.
    pub fn facts(&self, namespace: &str, service: Option<&str>, network: Option<&str>, known: &[Fact]) -> Vec<Fact> {
        let board = self.0.lock();
        let mut found: Vec<Fact> = Vec::new();
        let own = board.changes.get(namespace).into_iter().flatten();
        let of_all = board.changes.get("").into_iter().flatten();
        for change in own.chain(of_all) {
            let concerns = match change.what {
                Changed::Policy => true,
                Changed::Service => service.is_some_and(|name| change.object == format!("Service {namespace}/{name}")),
                Changed::ProxyRanges => network.is_some_and(|name| change.object == format!("ProxyNetwork {name}")),
                Changed::Route => change.object.starts_with("Gateway ") || known.iter().any(|f| names_it(f, change)),
                Changed::Rollout => known.iter().any(|f| names_it(f, change)),
                Changed::Certificate | Changed::Name => false,
            };
            if concerns {
                found.push(Fact::Change(change.clone()));
            }
        }
        found
    }
}

/// Whether a fact of the origin speaks of the object.
fn names_it(known: &Fact, change: &fact::Change) -> bool {
    match known {
        Fact::Route(route) => route.object == change.object,
        Fact::Allowlist(list) => list.object == change.object,
        Fact::Pods(pods) => pods.pods.iter().any(|pod| change.object.ends_with(&format!("/{}", pod.name))),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::cluster::{Files, Text};

    const POLICY: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}}
";

    fn read(text: &str) -> Files {
        Files::parse(&[Text { name: "test.yaml", text }]).unwrap()
    }

    fn heard() -> cluster::Change {
        cluster::Change { kind: Kind::NetworkPolicy, namespace: Some("shop".to_owned()), name: "deny".to_owned() }
    }

    fn objects(board: &ChangeBoard) -> Vec<String> {
        let name = |fact: &Fact| match fact {
            Fact::Change(change) => change.object.clone(),
            _ => String::new(),
        };
        board.facts("shop", Some("web"), None, &[]).iter().map(name).collect()
    }

    #[test]
    fn an_edit_is_a_change_and_a_second_look_is_none() {
        let board = ChangeBoard::default();
        let now = Timestamp::UNIX_EPOCH;
        board.learn(&read(POLICY));
        board.hear(&read(POLICY), &heard(), now);
        assert_eq!(objects(&board), [""; 0]);
        let edited = POLICY.replace("podSelector: {}", "podSelector: {matchLabels: {app: web}}");
        board.hear(&read(&edited), &heard(), now);
        assert_eq!(objects(&board), ["NetworkPolicy shop/deny"]);
        board.hear(&read(&edited), &heard(), now);
        assert_eq!(objects(&board).len(), 1);
        // Gone is a change as well.
        board.hear(&read("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}"), &heard(), now);
        assert_eq!(objects(&board).len(), 2);
    }

    #[test]
    fn a_namespace_hears_of_its_own_only() {
        let board = ChangeBoard::default();
        board.hear(&read(POLICY), &heard(), Timestamp::UNIX_EPOCH);
        assert_eq!(board.facts("blog", Some("web"), None, &[]), []);
        assert_eq!(objects(&board), ["NetworkPolicy shop/deny"]);
    }

    #[test]
    fn it_remembers_so_many_and_no_more() {
        let board = ChangeBoard::default();
        for number in 0..3 * MOST {
            let text = POLICY.replace("podSelector: {}", &format!("podSelector: {{matchLabels: {{n: '{number}'}}}}"));
            board.hear(&read(&text), &heard(), Timestamp::UNIX_EPOCH);
        }
        assert_eq!(objects(&board).len(), MOST);
    }
}
