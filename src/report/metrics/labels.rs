//! The label sets: names are fixed, and values are members of closed enums or names of resources.

use crate::evidence::Probe;
use prometheus_client::encoding::{EncodeLabelSet, LabelSetEncoder};

/// A label set of ours; the wrapper is what is encoded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Labels<L>(pub L);

impl Labels<SkippedLabel> {
    pub const fn skipped(reason: Skipped) -> Self {
        Self(SkippedLabel { reason })
    }
}

impl Labels<NetworkLabel> {
    pub fn network(network: &str) -> Self {
        Self(NetworkLabel { network: network.to_owned() })
    }
}

/// Labels as pairs: names are fixed, values come from closed enums or a resource's own name.
pub trait Pairs {
    /// The names, in the order of the pairs.
    const NAMES: &'static [&'static str];

    fn each(&self, put: &mut dyn FnMut(&'static str, &str) -> std::fmt::Result) -> std::fmt::Result;
}

impl<L: Pairs> EncodeLabelSet for Labels<L> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> std::fmt::Result {
        use prometheus_client::encoding::{EncodeLabelKey, EncodeLabelValue};
        self.0.each(&mut |name, value| {
            let mut label = encoder.encode_label();
            let mut key = label.encode_label_key()?;
            EncodeLabelKey::encode(&name, &mut key)?;
            let mut put = key.encode_label_value()?;
            EncodeLabelValue::encode(&value, &mut put)?;
            put.finish()
        })
    }
}

macro_rules! pairs {
    ($kind:ty, $($label:literal => $field:ident),+) => {
        impl Pairs for $kind {
            const NAMES: &'static [&'static str] = &[$($label),+];

            fn each(&self, put: &mut dyn FnMut(&'static str, &str) -> std::fmt::Result) -> std::fmt::Result {
                $(put($label, self.$field.as_ref())?;)+
                Ok(())
            }
        }
    };
}

/// A resource.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ByOrigin {
    namespace: String,
    name: String,
}

impl ByOrigin {
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

pairs!(ByOrigin, "namespace" => namespace, "name" => name);

macro_rules! pairs_of_origin {
    ($kind:ty, $($label:literal => $field:ident),+) => {
        impl Pairs for $kind {
            const NAMES: &'static [&'static str] = &["namespace", "name", $($label),+];

            fn each(&self, put: &mut dyn FnMut(&'static str, &str) -> std::fmt::Result) -> std::fmt::Result {
                self.origin.each(put)?;
                $(put($label, self.$field.as_ref())?;)+
                Ok(())
            }
        }
    };
}

/// A resource's cause.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CauseOf {
    pub origin: ByOrigin,
    pub cause: &'static str,
    pub confidence: &'static str,
}

pairs_of_origin!(CauseOf, "cause" => cause, "confidence" => confidence);

/// A resource that is not probed, and why.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RejectedOf {
    pub origin: ByOrigin,
    pub reason: &'static str,
}

pairs_of_origin!(RejectedOf, "reason" => reason);

/// A resource's risks: all of them in one label, sorted, so that seven of them are still one series.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RisksOf {
    pub origin: ByOrigin,
    pub risks: String,
}

pairs_of_origin!(RisksOf, "risks" => risks);

/// How a resource's allowlists stand.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SyncedOf {
    pub origin: ByOrigin,
    pub mode: &'static str,
    pub reason: &'static str,
}

pairs_of_origin!(SyncedOf, "mode" => mode, "reason" => reason);

/// The last time that a phase of a resource's path took.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TimingOf {
    pub origin: ByOrigin,
    pub path: &'static str,
    pub phase: &'static str,
}

pairs_of_origin!(TimingOf, "path" => path, "phase" => phase);

/// One of a resource's ways.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LinkOf {
    pub origin: ByOrigin,
    pub path: &'static str,
}

pairs_of_origin!(LinkOf, "path" => path);

/// A phase of a kind of probe.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PhaseOf {
    pub observation: &'static str,
    pub phase: &'static str,
}

pairs!(PhaseOf, "observation" => observation, "phase" => phase);

/// How a kind of probe ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ResultOf {
    pub observation: &'static str,
    pub result: &'static str,
}

pairs!(ResultOf, "observation" => observation, "result" => result);

/// The labels of a probe's end.
pub fn result_label(probe: &Probe) -> Labels<ResultOf> {
    Labels(ResultOf { observation: probe.observation.into(), result: probe.outcome.into() })
}

/// A write to the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Write {
    pub kind: Written,
    pub verb: Verb,
}

pairs!(Write, "kind" => kind, "verb" => verb);

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::AsRefStr, strum::EnumIter)]
pub enum Written {
    Lease,
    Event,
    ProtectedOrigin,
    ProxyNetwork,
    NetworkPolicy,
    Ingress,
    Other,
}

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::AsRefStr, strum::EnumIter)]
#[strum(serialize_all = "lowercase")]
pub enum Verb {
    Create,
    Update,
    Patch,
    Delete,
}

/// A rule of the egress guard.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RuleLabel {
    pub rule: &'static str,
}

pairs!(RuleLabel, "rule" => rule);

/// Why a round or a probe did not take place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::AsRefStr, strum::EnumIter)]
#[strum(serialize_all = "lowercase")]
pub enum Skipped {
    /// The round before it was not over.
    Overlap,
    /// Its turn came more than half a period after its time.
    Late,
    /// The budget of its address or of all edges was spent.
    Starved,
}

/// The same as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SkippedLabel {
    pub reason: Skipped,
}

pairs!(SkippedLabel, "reason" => reason);

/// A ProxyNetwork.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NetworkLabel {
    pub network: String,
}

pairs!(NetworkLabel, "network" => network);

/// A condition of a ProxyNetwork.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConditionOf {
    pub network: String,
    pub condition: &'static str,
    pub reason: &'static str,
}

pairs!(ConditionOf, "network" => network, "condition" => condition, "reason" => reason);
