//! Whether somebody else writes the status of a resource that this process keeps: another installation that watches the same
//! namespaces. Both would write the same objects under the same names, and nothing but their words differs.

use super::keep::version;
use crate::api::{ProtectedOrigin, ProtectedOriginStatus};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// Reason of the event.
pub const REASON: &str = "StatusOverwritten";
/// What it says.
pub const SAID: &str = "somebody else wrote this status: where another installation of Leeward watches this namespace, give each \
                        its own with --watch-namespace (another --name does not part them)";
/// How soon it is told again, while the log has every time: events of one resource are few.
pub const AGAIN: Duration = Duration::from_mins(30);

/// The status that was last written, or shown since: what it says, as a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    digest: [u8; 32],
    /// The version of the resource that holds it.
    version: u64,
}

impl Said {
    /// What this process wrote just now.
    pub fn written(status: &ProtectedOriginStatus, version: Option<u64>) -> Option<Self> {
        Some(Self { digest: digest(status)?, version: version? })
    }

    /// Whether the watch shows another status than the last one known: once for each.
    pub fn is_overwritten(&mut self, object: &ProtectedOrigin) -> bool {
        let Some(seen) = version(object.metadata.resource_version.as_deref()).filter(|seen| *seen > self.version)
        else {
            return false;
        };
        self.version = seen;
        // One that was taken away is written again, and says nothing of anybody.
        let Some(shown) = object.status.as_ref().filter(|status| !status.conditions.is_empty()) else { return false };
        let Some(shown) = digest(shown) else { return false };
        std::mem::replace(&mut self.digest, shown) != shown
    }
}

fn digest(status: &ProtectedOriginStatus) -> Option<[u8; 32]> {
    Some(Sha256::digest(serde_json::to_vec(status).ok()?).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::status::first;
    use jiff::Timestamp;
    use serde_json::json;

    #[test]
    fn another_status_than_ours_is_seen_once_and_a_lagging_watch_is_no_such() {
        let status = |seconds: i64| first(1, Timestamp::from_second(seconds).unwrap());
        let object = |version: u64, status: &ProtectedOriginStatus| -> ProtectedOrigin {
            serde_json::from_value(json!({
                "apiVersion": "leeward.dev/v1alpha1", "kind": "ProtectedOrigin",
                "metadata": {"name": "a", "namespace": "a", "resourceVersion": version.to_string()},
                "spec": {"proxy": {"url": "https://a.example/"}, "origin": {"type": "Hostname"}}, "status": status,
            }))
            .unwrap()
        };
        let (ours, theirs) = (status(7), status(9));
        assert_eq!(Said::written(&ours, None), None, "the resource is gone");
        let mut said = Said::written(&ours, Some(7)).unwrap();
        assert!(!said.is_overwritten(&object(5, &theirs)), "from before our own write");
        assert!(!said.is_overwritten(&object(7, &ours)));
        assert!(!said.is_overwritten(&object(8, &ours)), "the spec or a label changed");
        assert!(said.is_overwritten(&object(9, &theirs)));
        assert!(!said.is_overwritten(&object(9, &theirs)) && !said.is_overwritten(&object(10, &theirs)), "once");
        assert!(said.is_overwritten(&object(11, &ours)), "and again where it changes again");
    }
}
