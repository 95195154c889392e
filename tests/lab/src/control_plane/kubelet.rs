//! What a kubelet would say: there is none here, so a test says it.

use anyhow::Result;
use serde_json::json;

use super::ControlPlane;
use crate::network::Host;

impl ControlPlane {
    /// The node of this name is this host.
    pub fn node_is(&self, name: &str, host: &Host) -> Result<()> {
        let addresses = json!([
            {"type": "InternalIP", "address": host.address()},
            {"type": "Hostname", "address": name},
        ]);
        self.patch_status(&["node", name], &json!({"addresses": addresses}))
    }

    /// The pod runs, is ready, and is this host; its node is that one.
    pub fn pod_is(&self, namespace: &str, name: &str, pod: &Host, node: &Host) -> Result<()> {
        let (own, hosts) = (pod.address(), node.address());
        let status = json!({
            "phase": "Running",
            "podIP": own,
            "podIPs": [{"ip": own}],
            "hostIP": hosts,
            "hostIPs": [{"ip": hosts}],
            "conditions": [{"type": "Ready", "status": "True"}],
        });
        self.patch_status(&["-n", namespace, "pod", name], &status)
    }

    fn patch_status(&self, object: &[&str], status: &serde_json::Value) -> Result<()> {
        let patch = json!({"status": status}).to_string();
        let words = ["patch", "--subresource=status", "-p", patch.as_str()];
        self.kubectl(&[words.as_slice(), object].concat())?;
        Ok(())
    }
}
