//! What Leeward says about a ProtectedOrigin. Nothing in it changes while nothing changes: no probe
//! times, no latencies, and never bytes that a target sent.

use super::cause::{Cause, Layer};
use super::vocabulary::{Access, Confidence, Observation, Outcome, Pattern, Phase};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::targets::TargetType;

/// Observed state.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ProtectedOriginStatus {
    /// Generation of the spec that this status speaks of; -1 until Leeward has looked for the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Accepted, AllowlistSynced, OriginHealthy and Ready; Reconciling or Stalled only while True.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The confirmed verdict, once one exists. Replaced only when cause, scope, confidence, pattern or risks change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnosis: Option<Diagnosis>,
    /// Where the proxy forwards to, in short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub origin: Option<String>,
    /// The prefixes to be allowed, and how each target stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowlist: Option<AllowlistStatus>,
    /// Value of the annotation leeward.dev/requested-at that a full round has answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_request: Option<String>,
}

/// A verdict with its evidence.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// Why the site fails, in one word; `Healthy` when it does not.
    pub cause: Cause,
    /// Which layer the cause lies in.
    pub layer: Layer,
    /// How sure the diagnosis is: `High`, `Medium` or `Low`.
    pub confidence: Confidence,
    /// Whether it fails always (`Steady`), now and then (`Intermittent`) or changes too often to say (`Flapping`).
    pub pattern: Pattern,
    /// Whether everything fails or only the part named here.
    pub scope: Scope,
    /// When this cause was first confirmed.
    pub since_time: Time,
    /// What happened, where, and what to do.
    #[schemars(length(max = 1024))]
    pub summary: String,
    /// What was observed. At most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub evidence: Vec<EvidenceItem>,
    /// Other causes that hold as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub contributing: Vec<Cause>,
    /// What the evidence has not excluded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub alternatives: Vec<Cause>,
    /// What is wrong without being an outage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub risks: Vec<Cause>,
    /// Which observation would decide, when confidence is below High.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub next_observation: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Remedy>,
}

/// What a diagnosis covers.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// `All`, or `Partial` with the part that fails.
    #[serde(rename = "type")]
    pub kind: ScopeType,
    /// Edge addresses that fail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 64)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub edge_addresses: Vec<String>,
    /// Origin addresses that fail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 64)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub origin_addresses: Vec<String>,
    /// Address families that fail: IPv4 or IPv6.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2), inner(length(max = 8)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub families: Vec<String>,
    /// Paths of the site that fail, as the spec names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1), inner(length(max = 256)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub paths: Vec<String>,
}

/// Kind of a scope.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Hash, strum::Display)]
pub enum ScopeType {
    #[default]
    All,
    Partial,
}

/// One observation behind a verdict, in enums, numbers and our own words.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct EvidenceItem {
    /// What was looked at.
    pub observation: Observation,
    /// From where.
    #[schemars(length(max = 63))]
    pub vantage: String,
    /// Whether that vantage may pass the origin's allowlist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// Address or object that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 320))]
    pub address: Option<String>,
    /// How it ended.
    pub result: Outcome,
    /// In which phase it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// HTTP status, where one arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    /// More, in words. Times are rounded to known timers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub detail: Option<String>,
}

/// What to do about a cause.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Remedy {
    /// What to do.
    #[schemars(length(max = 512))]
    pub action: String,
    /// Whether Leeward does it by itself here.
    pub automatic: bool,
    /// Page with the whole story.
    #[schemars(length(max = 256))]
    pub reference: String,
}

/// The prefixes to be allowed and the state of each target.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct AllowlistStatus {
    /// Hash of the canonical prefixes.
    #[schemars(length(max = 80))]
    pub hash: String,
    /// Prefixes in all.
    pub prefixes: i32,
    /// IPv4 prefixes.
    pub ipv4_prefixes: i32,
    /// IPv6 prefixes.
    pub ipv6_prefixes: i32,
    /// How each target stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub targets: Vec<TargetStatus>,
    /// Ways to the origin that stay open beside the targets, as far as objects of the cluster show them, and what could not be read. At most 8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), inner(length(max = 256)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub open: Vec<String>,
    /// Who is being shut out, from before it is written until the site is seen to work without them. Should the site fail
    /// meanwhile, this tells what to take back, also to another replica that takes over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub narrowing: Option<NarrowingStatus>,
    /// Identifies what targets carried when the site failed, so that it was taken back; the same is not tried again. At most 8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), inner(length(max = 80)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub rolled_back: Vec<String>,
}

/// A narrowing whose effect is not known yet.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct NarrowingStatus {
    /// `Noted` before it is written, `Watched` while the site is probed after it.
    pub state: NarrowingState,
    /// Since when.
    pub since_time: Time,
    /// Prefixes that are no longer let in. At most 16; more leave afterwards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 64)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub removed: Vec<String>,
    /// Prefixes that are no longer believed what they say of visitors. At most 16; more leave afterwards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 64)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub distrusted: Vec<String>,
    /// Targets that lose them. At most 8; more follow afterwards.
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub targets: Vec<NarrowedTarget>,
}

/// How far a narrowing is.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display)]
pub enum NarrowingState {
    Noted,
    Watched,
}

/// A target of a narrowing.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct NarrowedTarget {
    /// Name of the target in the spec.
    #[schemars(length(max = 63))]
    pub name: String,
    /// Identifies what it carries afterwards.
    #[schemars(length(max = 80))]
    pub hash: String,
    /// What the target carried before and would carry again: `List`, or `Nothing`.
    pub before: CarriedBefore,
    /// Pods and ports that the policy held before, as JSON of its podSelector and ports. Default: none, where those stay as they
    /// are, or are too long to note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub pods: Option<String>,
}

/// What a narrowing began from.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display)]
pub enum CarriedBefore {
    List,
    Nothing,
}

/// State of one target.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TargetStatus {
    /// Name of the target in the spec.
    #[schemars(length(max = 63))]
    pub name: String,
    /// Kind of the target.
    #[serde(rename = "type")]
    pub kind: TargetType,
    /// Object that carries the list.
    #[schemars(length(max = 320))]
    pub object: String,
    /// `Synced`, `Planned`, `Pending`, `Vetoed`, `Conflict`, `Unmanaged` or `Unavailable`.
    pub state: TargetState,
    /// Why, or what would change: counts and the first ten prefixes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub detail: Option<String>,
}

/// How a target stands.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display)]
pub enum TargetState {
    Synced,
    Planned,
    Pending,
    Vetoed,
    Conflict,
    Unmanaged,
    Unavailable,
}
