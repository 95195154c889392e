//! Profiles: the file in which the administrator names what can be measured, and how.

use super::profile::{Profile, QueriesError};
use crate::api::names::is_dns_label;
use crate::api::shape::{Misshapen, Shape};
use crate::api::traffic::TrafficQueries;
use crate::api::validated::ValidTraffic;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Most profiles in a file.
const MOST: usize = 64;

/// All profiles of an installation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profiles(BTreeMap<String, Profile>);

/// Why a text holds no profiles that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfilesError {
    #[error("is no list of profiles: {0}")]
    Unreadable(String),
    #[error(transparent)]
    Misshapen(#[from] Misshapen),
    #[error("holds {0} profiles; at most {MOST} are read")]
    TooMany(usize),
    #[error("profiles.{0}: a name must be a DNS label of at most 63 characters, such as ingress-nginx")]
    Name(String),
    #[error("profiles.{name}{problem}")]
    Queries { name: String, problem: QueriesError },
}

/// Why the file that `--traffic-profiles` names cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot read --traffic-profiles {path}: {source}", path = path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("--traffic-profiles {path}: {source}", path = path.display())]
    Content { path: PathBuf, source: ProfilesError },
}

#[derive(Deserialize, JsonSchema)]
struct File {
    profiles: BTreeMap<String, TrafficQueries>,
}

impl Profiles {
    /// Reads a file's text. Unknown fields are errors; the first problem is returned.
    pub fn read(text: &str) -> Result<Self, ProfilesError> {
        let unreadable = |error: String| ProfilesError::Unreadable(error);
        let value: Value =
            serde_saphyr::from_str(text).map_err(|error| unreadable(error.without_snippet().to_string()))?;
        Shape::of::<File>().check(&value, "")?;
        let file: File = serde_json::from_value(value).map_err(|error| unreadable(error.to_string()))?;
        if file.profiles.len() > MOST {
            return Err(ProfilesError::TooMany(file.profiles.len()));
        }
        let profiles = file.profiles.into_iter().map(|(name, queries)| {
            if !is_dns_label(&name) {
                return Err(ProfilesError::Name(name));
            }
            let source = ValidTraffic::Profile(name.clone()).source();
            match Profile::new(source, &queries) {
                Ok(profile) => Ok((name, profile)),
                Err(problem) => Err(ProfilesError::Queries { name, problem }),
            }
        });
        Ok(Self(profiles.collect::<Result<_, _>>()?))
    }

    /// Reads the file that `--traffic-profiles` names.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let text = fs::read_to_string(path).map_err(|source| OpenError::Read { path: path.to_owned(), source })?;
        Self::read(&text).map_err(|source| OpenError::Content { path: path.to_owned(), source })
    }

    pub fn get(&self, name: &str) -> Option<&Profile> {
        self.0.get(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
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
    fn a_text_that_is_no_file_of_profiles_says_so() {
        assert!(wrong("profiles: [").starts_with("is no list of profiles: "));
        let many: Vec<String> = (0..65).map(|i| format!("  p{i}: {{conntrackRatio: a}}\n")).collect();
        assert_eq!(wrong(&format!("profiles:\n{}", many.concat())), "holds 65 profiles; at most 64 are read");
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
        profiles must be a mapping
        profiles.default.orginRequests is not a known field; did you mean originRequests?
        profiles.Default: a name must be a DNS label of at most 63 characters, such as ingress-nginx
        profiles.default asks for nothing: give it at least one query
        profiles.default.conntrackRatio has $host outside of a string: write it inside one, as in {name="$host"}
        profiles.default.bytesOutPerSecond must stand beside uplinkBytesPerSecond: bytes mean nothing without the size of the uplink
        profiles.default.uplinkBytesPerSecond must be from 1 to 1000000000000
        profiles.default.probes must stand beside failedProbes: a share needs both
        profiles.default.probes must stand beside forwardedRequests: it tells quiet times from busy ones
        profiles.default.forwardedRequests must stand beside originRequests: the two are compared
        profiles.default.originRequests must stand beside forwardedRequests: the two are compared
        "#
        );
    }
}
