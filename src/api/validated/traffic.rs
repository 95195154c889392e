//! `spec.traffic`: what is measured. Whether queries of the resource's own can be read is said where they are read.

use super::Invalid;
use crate::api::names::is_dns_label;
use crate::api::spec::ProtectedOriginSpec;
use crate::api::traffic::TrafficQueries;

/// Which counters of the origin's load are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValidTraffic {
    /// The administrator's, by name.
    Profile(String),
    /// The resource's own.
    Queries(Box<TrafficQueries>),
}

impl ValidTraffic {
    /// How facts name where their numbers come from.
    pub fn source(&self) -> String {
        match self {
            Self::Profile(name) => format!("profile {name}"),
            Self::Queries(_) => "spec.traffic.queries".to_owned(),
        }
    }

    /// The name of a profile is a DNS label: it becomes the source of facts, in status and events.
    pub(super) fn new(spec: &ProtectedOriginSpec) -> Result<Option<Self>, Invalid> {
        let Some(traffic) = &spec.traffic else { return Ok(None) };
        match (&traffic.profile, &traffic.queries) {
            (Some(name), None) if is_dns_label(name) => Ok(Some(Self::Profile(name.clone()))),
            (Some(_), None) => Err(Invalid::new(
                "traffic.profile",
                "must be the name of a traffic profile, such as default: lower-case letters, digits and dashes",
            )),
            (None, Some(queries)) => Ok(Some(Self::Queries(Box::new(queries.clone())))),
            (Some(_), Some(_)) | (None, None) => Err(Invalid::new(
                "traffic",
                "must have exactly one of profile (queries that the administrator of Leeward wrote) and queries (your own)",
            )),
        }
    }
}
