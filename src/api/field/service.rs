//! A Service of type LoadBalancer: its own list of source ranges, and annotations that clouds read.

use super::{ApiKind, Capacity, Consent, Empty, Field, Items, Need, ObjectRef, Place, Sees, Separator};
use crate::api::targets::{ServiceAnnotationTarget, ServicePreset};

/// Azure's own name for the addresses that Front Door connects from.
const FRONT_DOOR: &str = "AzureFrontDoor.Backend";

fn service(name: &str) -> ObjectRef {
    ObjectRef { api: ApiKind::of("", "v1", "Service", "services", "Kubernetes"), name: name.to_owned() }
}

/// Elsewhere the field is ignored, or refused.
fn load_balancer() -> Need {
    Need {
        place: Place::path("spec.type"),
        allowed: vec!["LoadBalancer"],
        otherwise: "is not of type LoadBalancer, so nothing would read the list: name the Service that is the load balancer",
    }
}

pub(super) fn source_ranges(name: &str) -> Field {
    Field {
        object: service(name),
        place: ranges(),
        form: Items::Strings.into(),
        empty: Empty::Opens,
        sees: Sees::Peer,
        capacity: Capacity::Object,
        consent: Consent::Rights,
        needs: vec![load_balancer()],
        named_by: "serviceSourceRanges.name",
    }
}

/// The annotation that a preset stands for.
pub(super) const fn key_of(preset: ServicePreset) -> &'static str {
    match preset {
        ServicePreset::AzureIPRanges => "service.beta.kubernetes.io/azure-allowed-ip-ranges",
        ServicePreset::AzureFrontDoor => "service.beta.kubernetes.io/azure-allowed-service-tags",
        ServicePreset::AlibabaACL => "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-acl-id",
    }
}

pub(super) fn ranges() -> Place {
    Place::path("spec.loadBalancerSourceRanges")
}

pub(super) fn annotation(target: &ServiceAnnotationTarget) -> Field {
    let items = match target.preset {
        ServicePreset::AzureIPRanges => Items::Text(Separator::Comma),
        // The cloud keeps these lists itself: what is written names one.
        ServicePreset::AzureFrontDoor => Items::Fixed(FRONT_DOOR.to_owned()),
        ServicePreset::AlibabaACL => Items::Fixed(target.acl_id.clone()),
    };
    let mut needs = vec![load_balancer()];
    if target.preset == ServicePreset::AlibabaACL {
        let prefix = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-acl";
        needs.push(Need {
            place: Place::annotation(&format!("{prefix}-status")),
            allowed: vec!["on"],
            otherwise: "has no annotation service.beta.kubernetes.io/alibaba-cloud-loadbalancer-acl-status: \"on\", \
                        without which the list is not looked at: set it",
        });
        needs.push(Need {
            place: Place::annotation(&format!("{prefix}-type")),
            allowed: vec!["white"],
            otherwise: "has no annotation service.beta.kubernetes.io/alibaba-cloud-loadbalancer-acl-type: white, without \
                        which the list shuts out whom it names: set it",
        });
    }
    Field {
        object: service(&target.name),
        place: Place::annotation(key_of(target.preset)),
        form: items.into(),
        empty: Empty::Opens,
        sees: Sees::Peer,
        capacity: Capacity::Object,
        consent: Consent::Rights,
        needs,
        named_by: "serviceAnnotation.name",
    }
}
