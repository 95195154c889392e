//! Annotations of an Ingress, each read by one ingress controller.

use super::{ApiKind, Capacity, Consent, Empty, Field, Items, Need, ObjectRef, Place, Sees, Separator};
use crate::api::names::INGRESS_NGINX_ALLOWLIST;
use crate::api::targets::{IngressAnnotationTarget, IngressPreset};

/// The other name by which ingress-nginx knows its allowlist.
const INGRESS_NGINX_ALIAS: &str = "nginx.ingress.kubernetes.io/allowlist-source-range";

/// Security groups hold 60 inbound rules of each family unless the quota was raised, and each prefix takes one a port.
const SECURITY_GROUP: usize = 60;

/// The annotation that a preset stands for.
pub const fn annotation_of(preset: IngressPreset) -> &'static str {
    match preset {
        IngressPreset::IngressNginx | IngressPreset::TraefikIngressNginx => INGRESS_NGINX_ALLOWLIST,
        IngressPreset::IngressNginxAllowlist => INGRESS_NGINX_ALIAS,
        IngressPreset::HAProxyIngress => "haproxy-ingress.github.io/allowlist-source-range",
        IngressPreset::HAProxyTech => "haproxy.org/allow-list",
        IngressPreset::APISIX => "k8s.apisix.apache.org/allowlist-source-range",
        IngressPreset::AWSALB => "alb.ingress.kubernetes.io/inbound-cidrs",
    }
}

pub(super) fn field(target: &IngressAnnotationTarget) -> Field {
    let preset = target.preset;
    let sees = match preset {
        IngressPreset::AWSALB => Sees::Peer,
        IngressPreset::IngressNginx | IngressPreset::IngressNginxAllowlist => Sees::AsIngressNginxIsTold,
        // Each of them compares the visitor once it was told to trust a header or a preamble.
        _ => Sees::Client,
    };
    Field {
        object: ObjectRef {
            api: ApiKind::of("networking.k8s.io", "v1", "Ingress", "ingresses", "Kubernetes"),
            name: target.name.clone(),
        },
        place: Place::annotation(annotation_of(preset)),
        form: Items::Text(Separator::Comma).into(),
        empty: Empty::Opens,
        sees,
        capacity: if preset == IngressPreset::AWSALB { Capacity::EachFamily(SECURITY_GROUP) } else { Capacity::Object },
        consent: Consent::Rights,
        needs: needs(preset),
        named_by: "ingressAnnotation.name",
    }
}

fn needs(preset: IngressPreset) -> Vec<Need> {
    let absent = |key, otherwise| Need { place: Place::annotation(key), allowed: vec!["absent"], otherwise };
    match preset {
        IngressPreset::IngressNginxAllowlist => vec![absent(
            INGRESS_NGINX_ALLOWLIST,
            "has the annotation nginx.ingress.kubernetes.io/whitelist-source-range, which ingress-nginx prefers: remove \
             it, or use the preset IngressNginx",
        )],
        IngressPreset::AWSALB => vec![absent(
            "alb.ingress.kubernetes.io/security-groups",
            "has the annotation alb.ingress.kubernetes.io/security-groups, with which the controller ignores \
             inbound-cidrs: keep the list in those security groups, or remove the annotation",
        )],
        _ => Vec::new(),
    }
}
