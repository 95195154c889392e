//! The union of sources: a provider's preset, https documents, TXT records, a `ConfigMap`, a list written here, or an API
//! that wants a key.

use super::account::AccountSource;
use super::preset::Preset;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where a list comes from: exactly one member, named by `type`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(self.type == 'Preset') == has(self.preset)").message("source.preset must be set if and only if source.type is Preset"))]
#[x_kube(validation = Rule::new("(self.type == 'HTTP') == has(self.http)").message("source.http must be set if and only if source.type is HTTP"))]
#[x_kube(validation = Rule::new("(self.type == 'DNSTXT') == has(self.dnsTXT)").message("source.dnsTXT must be set if and only if source.type is DNSTXT"))]
#[x_kube(validation = Rule::new("(self.type == 'ConfigMap') == has(self.configMap)").message("source.configMap must be set if and only if source.type is ConfigMap"))]
#[x_kube(validation = Rule::new("(self.type == 'Inline') == has(self.inline)").message("source.inline must be set if and only if source.type is Inline"))]
#[x_kube(validation = Rule::new("(self.type == 'Account') == has(self.account)").message("source.account must be set if and only if source.type is Account"))]
pub struct Source {
    /// Which member describes the source: `Preset`, `HTTP`, `DNSTXT`, `ConfigMap`, `Inline` or `Account`.
    #[serde(rename = "type")]
    pub kind: SourceType,
    /// A provider whose published list Leeward knows how to read. Set exactly when type is `Preset`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<PresetSource>,
    /// One or more https documents. Set exactly when type is `HTTP`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpSource>,
    /// TXT records of a name. Set exactly when type is `DNSTXT`.
    #[serde(rename = "dnsTXT", default, skip_serializing_if = "Option::is_none")]
    pub dns_txt: Option<DnsTxtSource>,
    /// A ConfigMap in Leeward's own namespace, one prefix a line. Set exactly when type is `ConfigMap`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<ConfigMapSource>,
    /// A list written here. Set exactly when type is `Inline`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline: Option<InlineSource>,
    /// A provider's API that wants a key. Set exactly when type is `Account`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountSource>,
}

/// Which member of the source union is set.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display)]
pub enum SourceType {
    Preset,
    HTTP,
    DNSTXT,
    ConfigMap,
    Inline,
    Account,
}

/// A provider with a published list.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PresetSource {
    /// Name of the provider.
    pub name: Preset,
}

/// A list behind https.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.format != 'JSON' || (has(self.extract) && size(self.extract) > 0)").message("source.http.extract must name at least one JSONPath when format is JSON, such as $.result.ipv4_cidrs[*]"))]
#[x_kube(validation = Rule::new("self.format != 'Lines' || !has(self.extract) || size(self.extract) == 0").message("source.http.extract may be set only if format is JSON or CSV"))]
#[x_kube(validation = Rule::new("self.method == 'POST' || !has(self.form) || size(self.form) == 0").message("source.http.form may be set only if method is POST"))]
pub struct HttpSource {
    /// Documents to fetch, https without user information; all of them or none are taken. At most 8.
    #[schemars(
        length(min = 1, max = 8),
        inner(length(min = 10, max = 2048), regex(pattern = r"^https://[^/?#@\s]+(/[^\s#]*)?$"))
    )]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub urls: Vec<String>,
    /// `GET` or `POST`. Default: GET.
    #[serde(default)]
    pub method: FeedMethod,
    /// Form fields sent with POST. At most 16. Default: none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(length(max = 16))]
    pub form: BTreeMap<String, String>,
    /// Shape of the documents: `JSON` (with extract), `Lines` (one prefix a line) or `CSV` (the columns that extract names, else the first). Default: Lines.
    #[serde(default)]
    pub format: FeedFormat,
    /// Where the prefixes stand. For JSON: JSONPath (RFC 9535) expressions whose results they are. For CSV: columns, each by its heading in the first row or by its number, counted from 1. At most 8. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), inner(length(min = 1, max = 512)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub extract: Vec<String>,
}

/// HTTP method of a feed.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FeedMethod {
    #[default]
    GET,
    POST,
}

/// Shape of a feed's documents.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FeedFormat {
    JSON,
    #[default]
    Lines,
    CSV,
}

/// TXT records that list prefixes.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct DnsTxtSource {
    /// Name whose TXT records are read: one that begins with v=spf1 (ip4, ip6 and up to 10 names by include are taken), or records of prefixes. Without a trailing dot.
    #[schemars(
        length(min = 3, max = 253),
        regex(pattern = r"^[A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?)+$")
    )]
    pub name: String,
}

/// A key of a ConfigMap in Leeward's own namespace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapSource {
    /// Name of the ConfigMap.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key in its data.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// A list written into the resource.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct InlineSource {
    /// Prefixes and single addresses in canonical form, 1 to 4000.
    #[schemars(length(min = 1, max = 4000), inner(length(min = 2, max = 49)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub cidrs: Vec<String>,
}
