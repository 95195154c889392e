//! The CRDs as they are applied: generated from the types, with the few things the derive cannot say.

use super::{ProtectedOrigin, ProxyNetwork};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSON};
use kube::CustomResourceExt;
use serde_json::json;

/// Every CRD, with the name of its file in `crds/`.
pub fn all() -> [(&'static str, CustomResourceDefinition); 2] {
    [
        ("leeward.dev_protectedorigins.yaml", finished(ProtectedOrigin::crd())),
        ("leeward.dev_proxynetworks.yaml", finished(ProxyNetwork::crd())),
    ]
}

/// One CRD as a YAML document.
pub fn yaml(crd: &CustomResourceDefinition) -> Result<String, serde_saphyr::ser::Error> {
    serde_saphyr::to_string(crd)
}

/// Adds the status default: without it helm --wait and kstatus take a resource that nobody has
/// looked at for a finished one.
fn finished(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        let Some(root) = version.schema.as_mut().and_then(|s| s.open_api_v3_schema.as_mut()) else { continue };
        let Some(status) = root.properties.as_mut().and_then(|p| p.get_mut("status")) else { continue };
        status.default = Some(JSON(json!({"observedGeneration": -1})));
    }
    crd
}
