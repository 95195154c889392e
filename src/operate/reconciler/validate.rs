//! May this resource be probed? The spec is parsed once; what the namespace must permit is looked up.

use crate::api::ProtectedOrigin;
use crate::api::conditions::Reason;
use crate::api::validated::{ValidTraffic, Validated};
use crate::api::vocabulary::Access;
use crate::net::admission::admit_prefix;
use crate::net::guard::{FORBIDDEN, GuardPolicy};
use crate::net::{Prefix, Provenance};
use crate::observe::traffic::Profile;
use crate::report::status::Answer;
use std::sync::Arc;

/// A resource that passed, or why it did not.
pub fn validate(object: &ProtectedOrigin, rules: &GuardPolicy, vantage: &str) -> Result<Arc<Validated>, Answer> {
    let origin = Validated::new(object).map_err(|invalid| Answer::no(Reason::InvalidTarget, invalid.to_string()))?;
    for (i, extra) in origin.allowlist.extra.iter().enumerate() {
        let admitted = Prefix::parse(&extra.cidr.to_string())
            .map_err(|e| e.to_string())
            .and_then(|prefix| admit_prefix(prefix, Provenance::Local).map_err(|e| e.to_string()));
        if let Err(problem) = admitted {
            return Err(Answer::no(Reason::InvalidTarget, format!("spec.allowlist.extraCIDRs[{i}].cidr: {problem}")));
        }
    }
    if let Some(traffic @ ValidTraffic::Queries(queries)) = &origin.traffic {
        Profile::new(traffic.source(), queries)
            .map_err(|problem| Answer::no(Reason::InvalidTarget, format!("spec.traffic.queries{problem}")))?;
    }
    let listed = origin.origin.access(vantage) == Access::Listed;
    let reads_bodies = origin.expect.body_contains.is_some();
    if (listed || reads_bodies) && rules.permit(&origin.namespace, &origin.url.host.to_string()).is_err() {
        return Err(forbidden());
    }
    Ok(Arc::new(origin))
}

/// The same words whatever was forbidden: the difference would be a map of the network.
pub fn forbidden() -> Answer {
    Answer::no(Reason::TargetForbidden, FORBIDDEN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::conditions::Truth;
    use crate::net::guard::{AllowedHosts, ClusterFacts, GuardFlags};
    use serde_json::{Value, json};

    fn object(change: impl Fn(&mut Value)) -> ProtectedOrigin {
        let mut value = json!({
            "apiVersion": "leeward.dev/v1alpha1", "kind": "ProtectedOrigin",
            "metadata": {"name": "shop", "namespace": "shop"},
            "spec": {
                "proxy": {"url": "https://shop.example.com/"},
                "origin": {"type": "Addresses", "addresses": {"ips": ["203.0.113.10"]}},
            },
        });
        change(&mut value["spec"]);
        serde_json::from_value(value).unwrap()
    }

    fn rules(hosts: Option<&str>) -> GuardPolicy {
        let allowed_hosts = hosts.map(|h| ("shop".to_owned(), AllowedHosts::parse(h))).into_iter().collect();
        GuardPolicy::new(GuardFlags::default(), ClusterFacts { allowed_hosts, ..ClusterFacts::default() })
    }

    #[test]
    fn what_the_namespace_must_permit_is_refused_in_the_same_words() {
        let listed = object(|s| s["origin"]["vantages"] = json!([{"name": "cluster", "access": "Listed"}]));
        let reads = object(|s| s["expect"] = json!({"statuses": ["200"], "bodyContains": "ok"}));
        for object in [&listed, &reads] {
            assert_eq!(validate(object, &rules(None), "cluster"), Err(forbidden()));
            assert!(validate(object, &rules(Some("shop.example.com")), "cluster").is_ok());
        }
        assert!(validate(&listed, &rules(None), "elsewhere").is_ok(), "another vantage's access asks nothing of us");
        assert!(validate(&object(|_| ()), &rules(None), "cluster").is_ok());
    }

    #[test]
    fn a_wrong_spec_names_the_field() {
        let wrong = object(|s| s["origin"]["addresses"]["ips"] = json!(["203.0.113.010"]));
        let answer = validate(&wrong, &rules(None), "cluster").unwrap_err();
        assert_eq!((answer.truth, answer.reason), (Truth::False, Reason::InvalidTarget));
        assert!(answer.message.contains("spec.origin.addresses.ips[0]"), "{}", answer.message);
        let wide = object(|s| s["allowlist"] = json!({"extraCIDRs": [{"cidr": "0.0.0.0/1", "reason": "all"}]}));
        let answer = validate(&wide, &rules(None), "cluster").unwrap_err();
        assert!(answer.message.starts_with("spec.allowlist.extraCIDRs[0].cidr: "), "{}", answer.message);
        let query = object(|s| s["traffic"] = json!({"queries": {"memoryRatio": "x{a=\"$hots\"}"}}));
        let answer = validate(&query, &rules(None), "cluster").unwrap_err();
        assert!(answer.message.starts_with("spec.traffic.queries.memoryRatio has $hots"), "{}", answer.message);
        let both = object(|s| s["traffic"] = json!({"profile": "default", "queries": {"memoryRatio": "x"}}));
        let answer = validate(&both, &rules(None), "cluster").unwrap_err();
        assert!(answer.message.starts_with("spec.traffic must have exactly one of"), "{}", answer.message);
    }
}
