//! Everything that is known of one origin beside its spec, from the stores: no call leaves from here.

use super::question;
use super::standing::health;
use crate::allow::desired::active;
use crate::allow::guard::not_permitted;
use crate::api::conditions::{Reason, Truth};
use crate::api::names::REQUESTED_AT_ANNOTATION;
use crate::api::spec::{CaBundle, Mode};
use crate::api::validated::{Validated, Whereabouts};
use crate::api::{ProtectedOrigin, ProtectedOriginStatus, ProxyNetwork};
use crate::evidence::subject::{edge_aliases, provider};
use crate::evidence::{Fact, Subject, Surroundings, fact};
use crate::net::AdmittedRanges;
use crate::observe::cluster::{ClusterSource, Kind, endpoints, facts};
use crate::observe::probe::Prober;
use crate::observe::round::Plan;
use crate::operate::changes::ChangeBoard;
use crate::operate::key::OriginKey;
use crate::operate::prober::{Budget, Rules, Site, SiteGate};
use crate::operate::traffic::TrafficBoard;
use crate::report::metrics::Metrics;
use crate::report::status::Answer;
use jiff::Timestamp;
use std::net::IpAddr;
use std::sync::Arc;

/// What gathering needs beside the resource.
pub struct Around<'a> {
    pub source: &'a dyn ClusterSource,
    /// Addresses that the cluster short-circuits.
    pub cluster_addresses: &'a [IpAddr],
    pub prober: &'a Prober,
    pub rules: &'a Rules,
    pub budget: &'a Arc<Budget>,
    pub metrics: &'a Metrics,
    pub traffic: &'a TrafficBoard,
    pub changes: &'a ChangeBoard,
    /// A control target is configured.
    pub control: bool,
    pub prior: Option<&'a ProtectedOriginStatus>,
    pub now: Timestamp,
}

impl std::fmt::Debug for Around<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Around").finish_non_exhaustive()
    }
}

/// What was gathered.
#[derive(Debug)]
pub struct Gathered {
    /// Condition Accepted, as far as references decide it.
    pub accepted: Answer,
    /// Absent where what was found stops probing.
    pub site: Option<Site>,
}

/// Gathers. A reference that is missing is named; probing goes on without it.
pub fn gather(object: &ProtectedOrigin, origin: &Arc<Validated>, around: &Around<'_>) -> Gathered {
    let source = around.source;
    let network = origin.network.as_ref().and_then(|name| source.proxy_network(name));
    let mut accepted = Answer::yes(Reason::Accepted, "");
    if let (Some(name), None, true) = (&origin.network, &network, source.knows(Kind::ProxyNetwork)) {
        let message = format!("ProxyNetwork {name} does not exist: create it, or correct spec.proxy.networkRef");
        accepted = Answer::no(Reason::ReferenceNotFound, message);
    }
    let found = match endpoints(source, origin) {
        Ok(found) => found,
        Err(error) => {
            let answer = Answer::no(error.reason(), error.to_string());
            if error.reason() != Reason::ReferenceNotFound {
                return Gathered { accepted: answer, site: None };
            }
            accepted = answer;
            None
        }
    };
    let ca_pem = match trust(origin, around) {
        Ok(pem) => pem,
        Err(Untrusted::Wrong(answer)) => return Gathered { accepted: answer, site: None },
        Err(Untrusted::Missing(answer)) => {
            accepted = answer;
            // Without the bundle every certificate would look untrusted: an empty one keeps the direct
            // path from being dialled at all.
            Some(Vec::new())
        }
    };
    let site = site(object, origin, network.as_deref(), found, ca_pem, around);
    Gathered { accepted, site: Some(site) }
}

fn site(
    object: &ProtectedOrigin,
    origin: &Arc<Validated>,
    network: Option<&ProxyNetwork>,
    endpoints: Option<crate::evidence::fact::Endpoints>,
    ca_pem: Option<Vec<u8>>,
    around: &Around<'_>,
) -> Site {
    let proxy = network.and_then(|n| active(n).ok());
    let dialable: Vec<IpAddr> =
        endpoints.iter().flat_map(fact::Endpoints::targets).map(std::net::SocketAddr::ip).collect();
    let enforcing = origin.allowlist.mode == Mode::Enforce && not_permitted(around.source, &origin.namespace).is_none();
    let subject = Subject::new(
        origin,
        &Surroundings {
            network,
            proxy_prefixes: proxy.as_ref().map_or(0, |p| p.prefixes().len()),
            resolved: &dialable,
            cluster_addresses: around.cluster_addresses,
            control: around.control,
            enforcing,
        },
    );
    let gate = SiteGate {
        namespace: origin.namespace.clone(),
        ports: endpoints.iter().flat_map(fact::Endpoints::targets).map(std::net::SocketAddr::port).collect(),
        rules: around.rules.clone(),
        budget: Arc::clone(around.budget),
        metrics: around.metrics.clone(),
    };
    let plan = Plan {
        edge_aliases: edge_aliases(network),
        endpoints,
        cluster_addresses: around.cluster_addresses.to_vec(),
        ca_pem,
        gate: Some(Arc::new(gate)),
        ..Plan::new(Arc::clone(origin), provider(origin, network))
    };
    let asked = object.metadata.annotations.as_ref().and_then(|a| a.get(REQUESTED_AT_ANNOTATION));
    let answered = around.prior.and_then(|p| p.last_handled_request.as_ref());
    let request = asked.filter(|asked| Some(*asked) != answered).map(|a| a.chars().take(256).collect());
    Site {
        key: OriginKey::new(&origin.namespace, &origin.name),
        uid: object.metadata.uid.clone().unwrap_or_default(),
        question: question::of(&object.spec),
        plan,
        subject,
        facts: known(origin, proxy.as_ref(), around),
        prior: health(around.prior),
        request,
    }
}

/// What the cluster says, what its traffic profile counts, and what was changed lately.
fn known(origin: &Validated, proxy: Option<&AdmittedRanges>, around: &Around<'_>) -> Vec<Fact> {
    let mut known = facts(around.source, origin, proxy.map(AdmittedRanges::ranges), around.now);
    let service = match &origin.origin.whereabouts {
        Whereabouts::Service { name, .. } => Some(name.as_str()),
        Whereabouts::Addresses { .. } | Whereabouts::Hostname { .. } => None,
    };
    let changes = around.changes.facts(&origin.namespace, service, origin.network.as_deref(), &known);
    known.extend(changes);
    known.extend(around.traffic.facts(&OriginKey::new(&origin.namespace, &origin.name)));
    known
}

/// Why there are no trust anchors although some are named.
enum Untrusted {
    /// They cannot be read: somebody has to correct them.
    Wrong(Answer),
    Missing(Answer),
}

/// The anchors for the direct probe.
fn trust(origin: &Validated, around: &Around<'_>) -> Result<Option<Vec<u8>>, Untrusted> {
    let Some(CaBundle { config_map_ref: at }) = &origin.origin.ca_bundle else { return Ok(None) };
    let field = "spec.origin.caBundle.configMapRef";
    let Some(map) = around.source.config_map(&origin.namespace, &at.name) else {
        let message = format!("ConfigMap {} does not exist: create it, or correct {field}", at.name);
        let answer = if around.source.knows(Kind::ConfigMap) {
            Answer::no(Reason::ReferenceNotFound, message)
        } else {
            Answer::new(Truth::Unknown, Reason::Pending, format!("ConfigMap {} is being read", at.name))
        };
        return Err(Untrusted::Missing(answer));
    };
    let Some(pem) = map.data.as_ref().and_then(|d| d.get(&at.key)) else {
        let message = format!("ConfigMap {} has no key {}: add it, or correct {field}.key", at.name, at.key);
        return Err(Untrusted::Missing(Answer::no(Reason::ReferenceNotFound, message)));
    };
    match around.prober.trust(pem.as_bytes()) {
        Ok(_) => Ok(Some(pem.clone().into_bytes())),
        Err(problem) => {
            let message = format!("{field}: the key {} of ConfigMap {}: {problem}", at.key, at.name);
            Err(Untrusted::Wrong(Answer::no(Reason::InvalidTarget, message)))
        }
    }
}
