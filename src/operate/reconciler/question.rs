//! What is asked of the prober: the part of a spec that touches probing, by name. A verdict answers one
//! question; a change of anything else leaves it standing.

use crate::api::ProtectedOriginSpec;
use crate::api::spec::AddressSeen;
use crate::hex::short_digest;

/// Names the question of a spec.
pub fn of(spec: &ProtectedOriginSpec) -> String {
    let mut proxy = spec.proxy.clone();
    // Which list is allowed says nothing about how the site is probed.
    proxy.network_ref = None;
    // Nor does what its filters compare with it.
    let mut origin = spec.origin.clone();
    origin.address_seen = AddressSeen::default();
    let parts = (&proxy, &origin, &spec.expect, &spec.probe);
    let bytes = serde_json::to_vec(&parts).unwrap_or_default();
    short_digest(&bytes, 12)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn spec(change: impl Fn(&mut Value)) -> ProtectedOriginSpec {
        let mut value = json!({
            "proxy": {"url": "https://shop.example.com/", "networkRef": {"name": "a"}},
            "origin": {"type": "Addresses", "addresses": {"ips": ["203.0.113.10"]}},
        });
        change(&mut value);
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn only_what_touches_probing_is_another_question() {
        let plain = of(&spec(|_| ()));
        for same in [
            spec(|v| v["proxy"]["networkRef"]["name"] = json!("b")),
            spec(|v| v["allowlist"] = json!({"mode": "Plan"})),
            spec(|v| v["readyWhen"] = json!("OriginHealthy")),
            spec(|v| v["suspend"] = json!(true)),
            spec(|v| v["origin"]["addressSeen"] = json!("Client")),
        ] {
            assert_eq!(of(&same), plain);
        }
        for other in [
            spec(|v| v["proxy"]["url"] = json!("https://shop.example.com/x")),
            spec(|v| v["origin"]["addresses"]["ips"] = json!(["203.0.113.11"])),
            spec(|v| v["expect"] = json!({"statuses": ["204"]})),
            spec(|v| v["probe"] = json!({"periodSeconds": 60})),
        ] {
            assert_ne!(of(&other), plain);
        }
    }
}
