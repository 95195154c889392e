//! Whose address a list would be compared with. A list of the proxy's addresses does harm where filters see somebody else's:
//! the visitors', because they believe what a header says, or a node's, because the Service hides who connects.

use super::Veto;
use crate::api::conditions::Reason;
use crate::api::field::{Field, Sees};
use crate::api::spec::{AddressSeen, ProxyProtocol};
use crate::api::validated::{Validated, Whereabouts};
use crate::net::RangeSet;
use crate::observe::cluster::ingress_nginx::{Carried, Compared, Controller, Hearsay, compared, controller_of};
use crate::observe::cluster::{
    Carrier, ClusterSource, Lost, entry_points, in_front_of, lost, unvouched_entry_points, unvouched_in_front_of,
    ways_in,
};
use k8s_openapi::api::core::v1::{Pod, Service};
use std::net::IpAddr;
use std::sync::Arc;

/// What to do instead.
const INSTEAD: &str =
    "keep the list where the peer is seen (docs/targets.md), such as a NetworkPolicy on the controller's pods";

/// Group of Traefik's kinds.
const TRAEFIK: &str = "traefik.io";

/// What is known of whose address a field is compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Why nothing may be written.
    pub veto: Option<Veto>,
    /// Why a list that stands there already may not do what it is meant to.
    pub doubt: Option<Veto>,
    /// What could not be seen, or cannot be kept.
    pub notes: Vec<String>,
}

/// Whose address a field of this object is compared with.
pub fn seen(
    source: &dyn ClusterSource,
    origin: &Validated,
    field: &Field,
    key: &str,
    object: &Carrier,
    proxy: &RangeSet,
) -> Seen {
    let declared = origin.origin.address_seen;
    let what = format!("{} of {key}", field.place);
    let (controller, compared) = match field.sees {
        Sees::Peer => return Seen::default(),
        Sees::PeerUnless(pointer) => match object.value.pointer(pointer) {
            None => (None, Compared::Peer),
            Some(_) => {
                (None, Compared::Unseen(format!("{} is set", pointer.trim_start_matches('/').replace('/', "."))))
            }
        },
        Sees::Client => (None, Compared::Unseen("Leeward does not read the settings of what compares it".to_owned())),
        Sees::AsIngressNginxIsTold => match controller_of(source, &object.value) {
            Ok(controller) => {
                let compared = compared(source, &controller);
                (Some(controller), compared)
            }
            Err(why) => (None, Compared::Unseen(why)),
        },
    };
    let mut seen = Seen::default();
    match &compared {
        Compared::Said(said) => seen.veto = believed(said, origin, &what, proxy),
        Compared::Waiting(map) => seen.veto = Some(Veto::new(Reason::Pending, format!("{map} is being read"))),
        Compared::Unseen(why) if declared == AddressSeen::Client => seen.veto = Some(said_to_be_visitors(&what, why)),
        Compared::Unseen(why) if declared == AddressSeen::Unknown => {
            seen.notes.push(format!(
                "whose address {what} is compared with was not seen ({why}): say it in origin.addressSeen"
            ));
        }
        Compared::Peer | Compared::Unseen(_) => {}
    }
    // Whoever is believed to speak for others may hide them.
    if declared != AddressSeen::Proxy && !matches!(compared, Compared::Said(_)) {
        let services = in_front(source, controller.as_ref(), object);
        if services.is_empty() {
            let claims = unvouched_in_front_of(source, &object.value);
            seen.notes.extend(claims.map(|claims| format!("the Service in front of {key} is not looked at: {claims}")));
        }
        seen.doubt = lost_by_all(&services, &what);
    }
    if field.object.api.group == TRAEFIK {
        seen.notes.extend(disbelieved(source, proxy));
    }
    seen
}

/// Entry points of Traefik that believe others than the whole proxy.
fn disbelieved(source: &dyn ClusterSource, proxy: &RangeSet) -> Vec<String> {
    let points = entry_points(source);
    if points.is_empty() {
        let claims = unvouched_entry_points(source).into_iter();
        return claims.map(|claims| format!("whom Traefik believes is not looked at: {claims}")).collect();
    }
    let lacking = points.into_iter().filter_map(|point| {
        let missing = point.lacks(proxy).texts();
        let first = missing.first()?;
        let more = if missing.len() > 1 { format!(" and {} more", missing.len() - 1) } else { String::new() };
        Some(format!(
            "Traefik (Pod {}) does not believe {first}{more} of the proxy at entry point {}, and takes its visitors for one: \
             add it to --entryPoints.{}.forwardedHeaders.trustedIPs, which Leeward cannot write",
            point.pod, point.name, point.name
        ))
    });
    lacking.collect()
}

/// The address that is compared comes over the connection: who can forge it, and whose is it?
fn believed(said: &Hearsay, origin: &Validated, what: &str, proxy: &RangeSet) -> Option<Veto> {
    let Hearsay { setting, carried, config_map, believed } = said;
    let from_proxy = *carried != Carried::Preamble || origin.origin.proxy_protocol != ProxyProtocol::None;
    let message = match believed {
        None => format!(
            "critical: {setting} is on in ConfigMap {config_map} and proxy-real-ip-cidr is everybody, its default, so \
             ingress-nginx believes {carried} from anybody: whoever forges an address of the proxy there would pass \
             {what}{}; or turn {setting} off",
            if from_proxy {
                format!(", and visitors would not. Set proxy-real-ip-cidr to the proxy's addresses, and {INSTEAD}")
            } else {
                ". Set proxy-real-ip-cidr to the load balancer's addresses".to_owned()
            },
        ),
        Some(list) if from_proxy && list.overlaps(proxy) => format!(
            "{setting} is on in ConfigMap {config_map} and proxy-real-ip-cidr holds {} of the proxy's {} prefixes, so \
             {what} would be compared with visitors, and would shut every one of them out: {INSTEAD}; or turn {setting} \
             off",
            list.intersect(proxy).prefixes().len(),
            proxy.prefixes().len(),
        ),
        Some(_) => return None,
    };
    Some(Veto::new(Reason::AddressSeenMismatch, message))
}

fn said_to_be_visitors(what: &str, why: &str) -> Veto {
    Veto::new(
        Reason::AddressSeenMismatch,
        format!(
            "origin.addressSeen is Client, and {what} is compared with that address ({why}): a list of the proxy's \
             addresses would shut every visitor out. Use a target that sees the peer (docs/targets.md), or correct \
             origin.addressSeen"
        ),
    )
}

/// Services in front of the controller.
fn in_front(source: &dyn ClusterSource, controller: Option<&Controller>, object: &Carrier) -> Vec<Arc<Service>> {
    let services = in_front_of(source, &object.value);
    match controller {
        Some(controller) if services.is_empty() => ways_in(source, &controller.pods, &[]),
        _ => services,
    }
}

/// Whether pods see the proxy's address, as far as the Services that lead to them show it.
pub fn source_lost(source: &dyn ClusterSource, origin: &Validated, pods: &[Arc<Pod>], what: &str) -> Option<Veto> {
    if origin.origin.address_seen == AddressSeen::Proxy {
        return None;
    }
    let services = match &origin.origin.whereabouts {
        // A Service that only the cluster uses shows nothing: what stands in front of it is another matter.
        Whereabouts::Service { name, .. } => source.service(&origin.namespace, name).into_iter().collect(),
        Whereabouts::Addresses { ips, .. } => ways_in(source, pods, ips),
        Whereabouts::Hostname { .. } => ways_in(source, pods, &[] as &[IpAddr]),
    };
    lost_by_all(&services, what)
}

/// Where one Service keeps the address, it may be the one that the proxy comes through.
fn lost_by_all(services: &[Arc<Service>], what: &str) -> Option<Veto> {
    let all: Option<Vec<(&Arc<Service>, Lost)>> = services.iter().map(|s| Some((s, lost(s)?))).collect();
    let (service, lost) = all?.into_iter().next()?;
    let namespace = service.metadata.namespace.as_deref().unwrap_or_default();
    let name = service.metadata.name.as_deref().unwrap_or_default();
    let unless = "where the proxy's address is kept all the same, say origin.addressSeen: Proxy";
    let message = match lost {
        Lost::TrafficPolicy => format!(
            "Service {namespace}/{name}, through which the proxy comes, has externalTrafficPolicy Cluster: nodes replace \
             the proxy's address with their own, so {what} would shut the proxy out. Set externalTrafficPolicy: Local, \
             or {unless} (Cilium with DSR, Calico's eBPF)"
        ),
        Lost::Preamble => format!(
            "the load balancer of Service {namespace}/{name} speaks the PROXY protocol: it connects in its own name, so \
             {what} would shut the proxy out. Keep the list at the load balancer or in a target that reads the preamble, \
             or {unless}"
        ),
    };
    Some(Veto::new(Reason::AddressSeenMismatch, message))
}
