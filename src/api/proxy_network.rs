//! `ProxyNetwork`: the addresses from which a proxy connects to its origins, where their list comes
//! from, and how changes of it are guarded.

mod account;
mod preset;
mod source;
mod upstream;

pub use account::{AccountSource, Product, Region, SecretRef};
pub use preset::{Preset, absent, shut_down};
pub use source::{
    ConfigMapSource, DnsTxtSource, FeedFormat, FeedMethod, HttpSource, InlineSource, PresetSource, Source, SourceType,
};
pub use upstream::{Acknowledge, UpstreamStatus};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a proxy's addresses come from and how changes are taken.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[kube(
    group = "leeward.dev",
    version = "v1alpha1",
    kind = "ProxyNetwork",
    plural = "proxynetworks",
    shortname = "pnet",
    category = "leeward",
    cel,
    derive = "PartialEq",
    status = "ProxyNetworkStatus",
    doc = "The addresses from which a proxy connects to its origins: fetched, checked, and kept with the last known good list.",
    selectable = ".spec.source.type",
    selectable = ".spec.controller",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "A usable list exists"
    ),
    printcolumn(
        name = "Source",
        type_ = "string",
        json_path = ".spec.source.type",
        description = "Where the list comes from"
    ),
    printcolumn(
        name = "IPv4",
        type_ = "integer",
        json_path = ".status.active.ipv4Prefixes",
        description = "IPv4 prefixes in use"
    ),
    printcolumn(
        name = "IPv6",
        type_ = "integer",
        json_path = ".status.active.ipv6Prefixes",
        description = "IPv6 prefixes in use"
    ),
    printcolumn(
        name = "Hash",
        type_ = "string",
        json_path = ".status.active.shortHash",
        description = "First characters of the hash of the canonical list"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.acknowledge == 'Never' || (has(self.source.account) && self.source.account.product in ['AlibabaESA', 'TencentEdgeOne', 'AkamaiSiteShield'])").message("acknowledge may be set only for a source.account with AlibabaESA, TencentEdgeOne or AkamaiSiteShield: no other provider wants to be told"))]
pub struct ProxyNetworkSpec {
    /// Name of the Leeward installation that fetches this list and writes its status. Default: leeward.
    #[serde(default = "default_controller")]
    #[schemars(length(min = 1, max = 63))]
    pub controller: String,
    /// Where the list comes from.
    pub source: Source,
    /// Where visitors arrive, if that is known. Only used to judge whether the public name resolves to the proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<Edge>,
    /// Seconds between fetches, 10 to 86400. Each fetch that lacks a prefix is one miss of it. Default: 3600.
    #[serde(default = "default_refresh")]
    #[schemars(range(min = 10, max = 86400))]
    pub refresh_seconds: i32,
    /// Which changes are too large to be taken unseen.
    #[serde(default)]
    pub guards: Guards,
    /// When a prefix that the source no longer lists is dropped.
    #[serde(default)]
    pub removal: Removal,
    /// Whether a provider that announces a list before it uses it is told that the origins allow it: `Never`, or `AfterEnforced`, once every origin that enforces this network carries the announced list and is still well. Only for source.account with AlibabaESA, TencentEdgeOne or AkamaiSiteShield; its key needs a right to confirm. Default: Never.
    #[serde(default)]
    pub acknowledge: Acknowledge,
    /// Hash of a quarantined list that you have looked at and accept; it releases that list. Default: none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 80))]
    pub acknowledged_hash: String,
}

fn default_controller() -> String {
    "leeward".to_owned()
}

const fn default_refresh() -> i32 {
    3600
}

/// Where visitors arrive.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(has(self.cidrs) && size(self.cidrs) > 0) || (has(self.cnameSuffixes) && size(self.cnameSuffixes) > 0)").message("edge must have at least one of cidrs and cnameSuffixes, or be left out"))]
pub struct Edge {
    /// Prefixes that the public name resolves into. At most 256. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 2, max = 49)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub cidrs: Vec<String>,
    /// Names of the proxy that the public name is an alias of (CNAME), or names above them, such as cdn.cloudflare.net: an answer that comes by way of one is the proxy's, whatever its addresses are. Lower-case, without a leading or trailing dot. At most 32. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 32),
        inner(
            length(min = 3, max = 253),
            regex(pattern = r"^[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?(\.[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?)+$")
        )
    )]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub cname_suffixes: Vec<String>,
}

/// Limits on a change of the list.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct Guards {
    /// Percent of a family's addresses that may vanish in one revision, 0 to 100; beyond it the revision is quarantined until acknowledgedHash names it. Default: 20.
    #[schemars(range(min = 0, max = 100))]
    pub max_loss_percent: i32,
    /// Factor by which a family's coverage may grow in one revision, 1 to 1000; beyond it additions wait one hour. Default: 2.
    #[schemars(range(min = 1, max = 1000))]
    pub max_growth_factor: i32,
    /// Fewest IPv4 prefixes of a plausible list, 0 to 4000. Default: 0.
    #[serde(rename = "minIPv4Prefixes")]
    #[schemars(range(min = 0, max = 4000))]
    pub min_ipv4_prefixes: i32,
    /// Fewest IPv6 prefixes of a plausible list, 0 to 4000. Default: 0.
    #[serde(rename = "minIPv6Prefixes")]
    #[schemars(range(min = 0, max = 4000))]
    pub min_ipv6_prefixes: i32,
}

impl Default for Guards {
    fn default() -> Self {
        Self { max_loss_percent: 20, max_growth_factor: 2, min_ipv4_prefixes: 0, min_ipv6_prefixes: 0 }
    }
}

/// When a prefix that vanished from the source is dropped: after both limits.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct Removal {
    /// Seconds that a vanished prefix stays allowed, 0 to 2592000. Default: 259200 (three days) for Preset, HTTP, DNSTXT and Account, 0 for ConfigMap and Inline.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_592_000))]
    pub hold_seconds: Option<i32>,
    /// Successive fetches that must lack it, 1 to 100. Default: 3.
    #[schemars(range(min = 1, max = 100))]
    pub min_misses: i32,
}

impl Default for Removal {
    fn default() -> Self {
        Self { hold_seconds: None, min_misses: 3 }
    }
}

/// Observed state.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ProxyNetworkStatus {
    /// Generation of the spec that this status speaks of; -1 until Leeward has looked for the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Fetched and Plausible; Acknowledged for a provider that announces a list before it uses it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The list in use: the last known good one, held prefixes included. Kept for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<ActiveList>,
    /// A revision that is not used until its hash is acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<QuarantinedList>,
    /// Prefixes that the source no longer lists and that are still allowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4000))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["cidr".into()]))]
    pub pending_removals: Vec<PendingRemoval>,
    /// What the provider has announced, where it announces a list before it uses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<UpstreamStatus>,
}

/// The list in use.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ActiveList {
    /// Hash of the canonical list.
    #[schemars(length(max = 80))]
    pub hash: String,
    /// The hash's first twelve digits, for the column.
    #[schemars(length(max = 16))]
    pub short_hash: String,
    /// Prefixes in all.
    pub prefixes: i32,
    /// IPv4 prefixes.
    pub ipv4_prefixes: i32,
    /// IPv6 prefixes.
    pub ipv6_prefixes: i32,
    /// Day of the list, such as 2026-08-31, where it came with this release: none is published, or none could be fetched yet. Absent for a list that was read from its source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10))]
    pub as_of: Option<String>,
    /// The canonical prefixes, at most 4000.
    #[schemars(length(max = 4000), inner(length(max = 49)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub cidrs: Vec<String>,
}

/// A revision that waits for somebody to look at it.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct QuarantinedList {
    /// Put this into spec.acknowledgedHash to accept the revision.
    #[schemars(length(max = 80))]
    pub hash: String,
    /// Prefixes that it would add.
    pub added: i32,
    /// Prefixes that it would remove.
    pub removed: i32,
    /// Why it is held: `Loss` or `Growth`.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// When the additions of a revision held for growth are taken without a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_time: Option<Time>,
}

/// A prefix on its way out.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PendingRemoval {
    /// The prefix.
    #[schemars(length(max = 49))]
    pub cidr: String,
    /// Successive fetches that lacked it; stops counting at removal.minMisses.
    pub misses: i32,
    /// When its hold ends.
    pub removable_time: Time,
}
