//! Profiles: the file in which the administrator names what can be measured, and how.

use super::template::{Problem, Template};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Most profiles in a file.
const MOST: usize = 64;

/// What a query asks for. Each has its unit, so that its answer can be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::EnumIter)]
pub enum Query {
    /// Requests that reached the origin within the window, whoever sent them.
    OriginRequests,
    /// Requests that the proxy forwarded within the window: cache misses, not edge hits.
    ForwardedRequests,
    /// Bytes a second that leave the origin.
    BytesOut,
    /// Share of CPU periods that were throttled, 0 to 1.
    CpuThrottled,
    /// Memory in use by its limit, 0 to 1.
    MemoryUsed,
    /// Workers in use by their number, 0 to 1.
    WorkersBusy,
    /// Connections a second that a full accept queue dropped.
    ListenDrops,
    /// SYNs a second that a full queue of half-open connections dropped.
    SynDrops,
    /// SYN cookies a second.
    SynCookies,
    /// Entries of the connection tracking table by its limit, 0 to 1.
    ConntrackUsed,
    /// Requests or connections a second that limits per address turned away.
    Limited,
    /// Probes through the proxy within the window, and those that failed.
    Probes,
    FailedProbes,
}

/// One profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    pub name: String,
    pub queries: BTreeMap<Query, Template>,
    /// What the origin's uplink carries, in bytes a second.
    pub uplink: Option<f64>,
}

/// All profiles of an installation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profiles(BTreeMap<String, Profile>);

/// Why a file of profiles cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    #[error("is no list of profiles: {0}")]
    Unreadable(String),
    #[error("holds {0} profiles; at most {MOST} are read")]
    TooMany(usize),
    #[error("profiles.{0}: a name must be a DNS label of at most 63 characters, such as ingress-nginx")]
    Name(String),
    #[error("profiles.{profile}.{field} {problem}")]
    Template { profile: String, field: &'static str, problem: Problem },
    #[error("profiles.{0} asks for nothing: give it at least one query")]
    Nothing(String),
    #[error("profiles.{profile}.{field} must stand beside {other}: {why}")]
    Pair { profile: String, field: &'static str, other: &'static str, why: &'static str },
    #[error("profiles.{0}.uplinkBytesPerSecond must be a number above 0")]
    Uplink(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    profiles: BTreeMap<String, Written>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    origin_requests: Option<String>,
    forwarded_requests: Option<String>,
    bytes_out_per_second: Option<String>,
    uplink_bytes_per_second: Option<f64>,
    cpu_throttled_ratio: Option<String>,
    memory_ratio: Option<String>,
    busy_workers_ratio: Option<String>,
    listen_drops_per_second: Option<String>,
    syn_drops_per_second: Option<String>,
    syn_cookies_per_second: Option<String>,
    conntrack_ratio: Option<String>,
    limited_per_second: Option<String>,
    probes: Option<String>,
    failed_probes: Option<String>,
}

impl Written {
    fn queries(self) -> [(Query, &'static str, Option<String>); 13] {
        [
            (Query::OriginRequests, "originRequests", self.origin_requests),
            (Query::ForwardedRequests, "forwardedRequests", self.forwarded_requests),
            (Query::BytesOut, "bytesOutPerSecond", self.bytes_out_per_second),
            (Query::CpuThrottled, "cpuThrottledRatio", self.cpu_throttled_ratio),
            (Query::MemoryUsed, "memoryRatio", self.memory_ratio),
            (Query::WorkersBusy, "busyWorkersRatio", self.busy_workers_ratio),
            (Query::ListenDrops, "listenDropsPerSecond", self.listen_drops_per_second),
            (Query::SynDrops, "synDropsPerSecond", self.syn_drops_per_second),
            (Query::SynCookies, "synCookiesPerSecond", self.syn_cookies_per_second),
            (Query::ConntrackUsed, "conntrackRatio", self.conntrack_ratio),
            (Query::Limited, "limitedPerSecond", self.limited_per_second),
            (Query::Probes, "probes", self.probes),
            (Query::FailedProbes, "failedProbes", self.failed_probes),
        ]
    }
}

impl Profiles {
    /// Reads a file's text. Unknown fields are errors; the first problem is returned.
    pub fn read(text: &str) -> Result<Self, ProfileError> {
        let file: File = serde_saphyr::from_str(text)
            .map_err(|error| ProfileError::Unreadable(error.without_snippet().to_string()))?;
        if file.profiles.len() > MOST {
            return Err(ProfileError::TooMany(file.profiles.len()));
        }
        let profiles = file.profiles.into_iter().map(|(name, written)| {
            let profile = profile(&name, written)?;
            Ok((name, profile))
        });
        Ok(Self(profiles.collect::<Result<_, _>>()?))
    }

    pub fn get(&self, name: &str) -> Option<&Profile> {
        self.0.get(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

fn profile(name: &str, written: Written) -> Result<Profile, ProfileError> {
    let label = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if !(1..=63).contains(&name.len()) || !name.bytes().all(label) || name.starts_with('-') || name.ends_with('-') {
        return Err(ProfileError::Name(name.to_owned()));
    }
    let uplink = written.uplink_bytes_per_second;
    if uplink.is_some_and(|bytes| !bytes.is_finite() || bytes <= 0.0) {
        return Err(ProfileError::Uplink(name.to_owned()));
    }
    let mut queries = BTreeMap::new();
    for (query, field, text) in written.queries() {
        let Some(text) = text else { continue };
        let template =
            text.parse().map_err(|problem| ProfileError::Template { profile: name.to_owned(), field, problem })?;
        queries.insert(query, template);
    }
    let pair = |field, other, why| ProfileError::Pair { profile: name.to_owned(), field, other, why };
    let has = |query| queries.contains_key(&query);
    if has(Query::BytesOut) != uplink.is_some() {
        return Err(pair(
            "bytesOutPerSecond",
            "uplinkBytesPerSecond",
            "bytes mean nothing without the size of the uplink",
        ));
    }
    if has(Query::Probes) != has(Query::FailedProbes) {
        return Err(pair("probes", "failedProbes", "a share needs both"));
    }
    if has(Query::Probes) && !has(Query::ForwardedRequests) && !has(Query::OriginRequests) {
        return Err(pair("probes", "forwardedRequests", "it tells quiet times from busy ones"));
    }
    if has(Query::ForwardedRequests) && !has(Query::OriginRequests) && !has(Query::Probes) {
        return Err(pair("forwardedRequests", "originRequests", "the two are compared"));
    }
    if has(Query::OriginRequests) && !has(Query::ForwardedRequests) && !has(Query::Probes) {
        return Err(pair("originRequests", "forwardedRequests", "the two are compared"));
    }
    if queries.is_empty() {
        return Err(ProfileError::Nothing(name.to_owned()));
    }
    Ok(Profile { name: name.to_owned(), queries, uplink })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        Profiles::read(text).unwrap_err().to_string()
    }

    #[test]
    fn a_file_holds_profiles_by_name() {
        let text = "profiles:\n  default:\n    originRequests: sum(increase(a{ns=\"$namespace\"}[$window]))\n    forwardedRequests: b\n  kernel: {conntrackRatio: a / b}\n";
        let profiles = Profiles::read(text).unwrap();
        assert_eq!(profiles.names().collect::<Vec<_>>(), ["default", "kernel"]);
        assert_eq!(profiles.get("default").unwrap().queries.len(), 2);
        assert_eq!(profiles.get("other"), None);
    }

    #[test]
    fn the_profiles_that_are_shipped_can_be_read() {
        let map: k8s_openapi::api::core::v1::ConfigMap =
            serde_saphyr::from_str(include_str!("../../../deploy/traffic/profiles.yaml")).unwrap();
        let profiles = Profiles::read(&map.data.unwrap()["profiles.yaml"]).unwrap();
        assert_eq!(profiles.names().collect::<Vec<_>>(), ["ingress-nginx", "nodes"]);
    }

    #[test]
    fn what_is_wrong_names_the_field_and_the_fix() {
        insta::assert_snapshot!(
            [
                "profiles: [a]",
                "profiles: {default: {orginRequests: a}}",
                "profiles: {Default: {conntrackRatio: a}}",
                "profiles: {default: {}}",
                "profiles: {default: {conntrackRatio: 'rate($host[5m])'}}",
                "profiles: {default: {bytesOutPerSecond: a}}",
                "profiles: {default: {bytesOutPerSecond: a, uplinkBytesPerSecond: 0}}",
                "profiles: {default: {probes: a}}",
                "profiles: {default: {probes: a, failedProbes: b}}",
                "profiles: {default: {forwardedRequests: a}}",
                "profiles: {default: {originRequests: a}}",
            ]
            .map(wrong)
            .join("\n"),
            @r#"
        is no list of profiles: expected mapping start at line 1, column 11
        is no list of profiles: unknown field `orginRequests`, expected one of originRequests, forwardedRequests, bytesOutPerSecond, uplinkBytesPerSecond, cpuThrottledRatio, memoryRatio, busyWorkersRatio, listenDropsPerSecond, synDropsPerSecond, synCookiesPerSecond, conntrackRatio, limitedPerSecond, probes, failedProbes at line 1, column 22
        profiles.Default: a name must be a DNS label of at most 63 characters, such as ingress-nginx
        profiles.default asks for nothing: give it at least one query
        profiles.default.conntrackRatio has $host outside of a string: write it inside one, as in {name="$host"}
        profiles.default.bytesOutPerSecond must stand beside uplinkBytesPerSecond: bytes mean nothing without the size of the uplink
        profiles.default.uplinkBytesPerSecond must be a number above 0
        profiles.default.probes must stand beside failedProbes: a share needs both
        profiles.default.probes must stand beside forwardedRequests: it tells quiet times from busy ones
        profiles.default.forwardedRequests must stand beside originRequests: the two are compared
        profiles.default.originRequests must stand beside forwardedRequests: the two are compared
        "#
        );
    }
}
