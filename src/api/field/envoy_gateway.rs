//! A SecurityPolicy of Envoy Gateway. Its rules are one list that the API server gives to one manager only, so they are
//! kept whole: one rule that allows the list.

use super::{ApiKind, Capacity, Consent, Empty, Field, Form, Need, ObjectRef, Place, Sees};
use serde_json::json;

pub(super) fn field(name: &str) -> Field {
    Field {
        object: ObjectRef {
            api: ApiKind::of(
                "gateway.envoyproxy.io",
                "v1alpha1",
                "SecurityPolicy",
                "securitypolicies",
                "Envoy Gateway",
            ),
            name: name.to_owned(),
        },
        place: Place::path("spec.authorization.rules"),
        form: Form::framed(
            json!([{"name": "leeward", "action": "Allow", "principal": {"clientCIDRs": []}}]),
            "/0/principal/clientCIDRs",
        ),
        // Without rules the default action decides, and that is Deny or nothing at all.
        empty: Empty::Either,
        sees: Sees::Client,
        capacity: Capacity::Object,
        // A policy without rules may be there to let nobody in.
        consent: Consent::Mark,
        needs: vec![Need {
            place: Place::path("spec.authorization.defaultAction"),
            allowed: vec!["absent", "Deny"],
            otherwise: "has authorization.defaultAction Allow, which lets in everybody whom no rule names: set it to Deny",
        }],
        named_by: "envoyGatewaySecurityPolicy.name",
    }
}
