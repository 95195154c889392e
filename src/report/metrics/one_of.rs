//! A series that carries a state in its labels. A key (an origin, a network) has one of them at a time: when the state
//! changes, the former series goes away, so that no two states are shown at once.

use super::families::{Family, Names};
use super::kinds::Whole;
use super::labels::{Labels, Pairs};
use parking_lot::Mutex;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use std::collections::HashMap;
use std::fmt::{self, Debug, Formatter};
use std::hash::Hash;
use std::sync::Arc;

/// What a label set has to be, said once.
pub trait State: Pairs + Clone + Debug + Eq + Hash + Send + Sync + 'static {}

impl<L: Pairs + Clone + Debug + Eq + Hash + Send + Sync + 'static> State for L {}

/// At most one series for each `K`. Cheap to clone.
pub struct OneOf<K, L> {
    family: Family<L, Whole>,
    shown: Arc<Mutex<HashMap<K, L>>>,
}

impl<K, L: State> Default for OneOf<K, L> {
    fn default() -> Self {
        Self { family: Family::default(), shown: Arc::default() }
    }
}

impl<K, L: State> Clone for OneOf<K, L> {
    fn clone(&self) -> Self {
        Self { family: self.family.clone(), shown: Arc::clone(&self.shown) }
    }
}

impl<K, L: State> Debug for OneOf<K, L> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneOf").finish_non_exhaustive()
    }
}

impl<K: Eq + Hash, L: State> OneOf<K, L> {
    /// Shows this state of `key` and no other; `None` shows nothing.
    pub fn show(&self, key: K, state: Option<(L, i64)>) {
        let mut shown = self.shown.lock();
        let former = match &state {
            Some((labels, _)) => shown.insert(key, labels.clone()),
            None => shown.remove(&key),
        };
        if let Some(former) = former.filter(|f| state.as_ref().is_none_or(|(labels, _)| labels != f)) {
            self.family.remove(&Labels(former));
        }
        if let Some((labels, value)) = state {
            self.family.get_or_create(&Labels(labels)).set(value);
        }
    }

    /// Shows nothing of anything.
    pub fn clear(&self) {
        self.shown.lock().clear();
        self.family.clear();
    }
}

impl<K: Send + Sync + 'static, L: State> EncodeMetric for OneOf<K, L> {
    fn encode(&self, encoder: MetricEncoder<'_>) -> fmt::Result {
        self.family.encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        self.family.metric_type()
    }

    fn is_empty(&self) -> bool {
        self.family.is_empty()
    }
}

impl<K, L: Pairs> Names for OneOf<K, L> {
    const NAMES: &'static [&'static str] = L::NAMES;
}
