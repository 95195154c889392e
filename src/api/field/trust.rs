//! Whom a program in front of the site believes what they say of visitors: the twin of the allowlist. It concerns every
//! site behind that program, so the object itself names the origin that keeps it.

use super::{ApiKind, Capacity, Consent, Empty, Field, Form, Items, Need, ObjectRef, Place, Sees, Separator};
use crate::api::targets::{TrustPreset, TrustedProxiesTarget};

pub(super) fn field(target: &TrustedProxiesTarget) -> Field {
    let (object, path, form): (ObjectRef, &str, Form) = match target.preset {
        TrustPreset::IngressNginx => {
            (ObjectRef::config_map(&target.name), "data.proxy-real-ip-cidr", Items::Text(Separator::Comma).into())
        }
        TrustPreset::F5Nginx => {
            (ObjectRef::config_map(&target.name), "data.set-real-ip-from", Items::Text(Separator::Comma).into())
        }
        TrustPreset::EnvoyGateway => (
            ObjectRef {
                api: ApiKind::of(
                    "gateway.envoyproxy.io",
                    "v1alpha1",
                    "ClientTrafficPolicy",
                    "clienttrafficpolicies",
                    "Envoy Gateway",
                ),
                name: target.name.clone(),
            },
            "spec.clientIPDetection.xForwardedFor.trustedCIDRs",
            Items::Strings.into(),
        ),
    };
    Field {
        object,
        place: Place::path(path),
        form,
        empty: match target.preset {
            // Its default is everybody.
            TrustPreset::IngressNginx => Empty::Opens,
            TrustPreset::F5Nginx | TrustPreset::EnvoyGateway => Empty::Closes,
        },
        // Who opened the connection is believed, or is not.
        sees: Sees::Peer,
        capacity: Capacity::Object,
        consent: Consent::Mark,
        needs: needs(target.preset),
        named_by: "trustedProxies.name",
    }
}

fn needs(preset: TrustPreset) -> Vec<Need> {
    let absent = |path, otherwise| Need { place: Place::path(path), allowed: vec!["absent"], otherwise };
    match preset {
        TrustPreset::EnvoyGateway => vec![
            absent(
                "spec.clientIPDetection.xForwardedFor.numTrustedHops",
                "has clientIPDetection.xForwardedFor.numTrustedHops, beside which Envoy Gateway takes no trustedCIDRs: \
                 remove it, or remove the target",
            ),
            absent(
                "spec.clientIPDetection.customHeader",
                "has clientIPDetection.customHeader, beside which Envoy Gateway takes no xForwardedFor: remove it, or \
                 remove the target",
            ),
            absent(
                "spec.clientIPDetection.directSourceIP",
                "has clientIPDetection.directSourceIP, beside which Envoy Gateway takes no xForwardedFor: remove it, or \
                 remove the target",
            ),
        ],
        TrustPreset::IngressNginx | TrustPreset::F5Nginx => Vec::new(),
    }
}
