//! What an Ingress or an `HTTPRoute` does with the origin's host.

use serde::{Deserialize, Serialize};

/// An Ingress or `HTTPRoute` of the origin's namespace that leads to its Service, or that names its host.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// Kind and name, such as `Ingress shop/web`.
    pub object: String,
    /// Whether it leads to the origin's Service.
    pub leads_to_origin: bool,
    /// Whether the host that the proxy asks for is one of its hosts.
    pub serves: bool,
    /// Its hosts, 16 at most; empty: every host.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// `NAMESPACE/NAME` of the Secret whose certificate it shows for that host; absent where it names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}
