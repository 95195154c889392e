//! What `deploy/` grants for a target is what is used while it is kept: no verb more, no verb less.

use crate::site::Site;
use lab::rights::{Right, granted};
use leeward::api::field::Field;
use leeward::api::targets::{Target, TargetType, TrustPreset};
use std::collections::BTreeSet;
use strum::IntoEnumIterator as _;

/// What every installation grants; mode Enforce's part is bound by namespace.
const BASE: &str = "base/rbac.yaml";

/// The folder of `deploy/enforce/targets` for a target; none where the role `leeward-enforcer` is enough.
fn folder(target: &Target) -> Option<&'static str> {
    match target.kind {
        TargetType::TrustedProxies => match target.trusted_proxies.as_ref().unwrap().preset {
            TrustPreset::EnvoyGateway => Some("trust-envoy-gateway"),
            TrustPreset::IngressNginx | TrustPreset::F5Nginx => Some("trust-config-map"),
        },
        kind => folder_of(kind),
    }
}

fn folder_of(kind: TargetType) -> Option<&'static str> {
    Some(match kind {
        TargetType::NetworkPolicy | TargetType::IngressAnnotation | TargetType::TrustedProxies => return None,
        TargetType::RouteAnnotation => "openshift",
        TargetType::ServiceSourceRanges | TargetType::ServiceAnnotation => "service",
        TargetType::CiliumCIDRGroup => "cilium",
        TargetType::CalicoNetworkSet => "calico",
        TargetType::CalicoGlobalNetworkSet => "calico-global",
        TargetType::TraefikMiddleware => "traefik",
        TargetType::NginxPolicy => "nginx",
        TargetType::EnvoyGatewaySecurityPolicy => "envoy-gateway",
        TargetType::IstioAuthorizationPolicy => "istio",
        TargetType::ContourHTTPProxy => "contour",
        TargetType::ObjectField => "object-field",
        TargetType::ConfigMap => "config-map",
    })
}

fn rights_of(folder: &str) -> BTreeSet<Right> {
    granted(&format!("enforce/targets/{folder}/rights.yaml")).unwrap()
}

/// At the end of the life of a target, the only one of its site.
pub fn judge(site: &Site) {
    let target = &site.resource.spec.allowlist.targets[0];
    let object = Field::of(target).unwrap().map(|field| (field.object.api.group, field.object.api.plural));
    let (group, resource) = object.unwrap_or_else(|| (String::new(), "configmaps".to_owned()));
    let verbs = |rights: &BTreeSet<Right>| -> BTreeSet<String> {
        let of = rights.iter().filter(|right| right.group == group && right.resource == resource);
        of.map(|right| right.verb.clone()).collect()
    };
    let mut may = granted(BASE).unwrap();
    let mine = folder(target).map(rights_of).unwrap_or_default();
    may.extend(if target.kind == TargetType::ObjectField {
        // The folder is an example for one kind; an administrator puts another's name there.
        let theirs = |right: &Right| Right { group: group.clone(), resource: resource.clone(), ..right.clone() };
        mine.iter().map(theirs).collect::<BTreeSet<_>>()
    } else {
        let further: Vec<&Right> = mine.iter().filter(|right| right.resource != resource).collect();
        assert!(further.is_empty(), "{} is granted what it is not for: {further:?}", target.kind);
        mine
    });
    let used = site.gate.used();
    assert_eq!(verbs(&used), verbs(&may), "{}: used, and granted, on {resource} of {group:?}", target.kind);
    // The test itself reads the resource back.
    let unlisted: Vec<&Right> =
        used.difference(&may).filter(|right| (&*right.verb, &*right.resource) != ("get", "protectedorigins")).collect();
    assert!(unlisted.is_empty(), "{}: used and not granted: {unlisted:?}", target.kind);
}

#[test]
fn every_folder_is_some_targets() {
    let trust = ["trust-envoy-gateway", "trust-config-map"].map(str::to_owned);
    let known: BTreeSet<String> = TargetType::iter().filter_map(folder_of).map(str::to_owned).chain(trust).collect();
    let entries = std::fs::read_dir(lab::tools::checkout().join("deploy/enforce/targets")).unwrap();
    let folders: BTreeSet<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(folders, known);
}
