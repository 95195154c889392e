//! The guard put together: the administrator's flags, the cluster's own addresses and the fixed deny set, asked about
//! one address at a time.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::net::range_set::RangeSet;

use super::{AllowedHosts, Checked, Denied, GuardFlags, Rule, deny, embedded};

/// Ports of web servers, open to every namespace.
const WEB_PORTS: &[u16] = &[80, 443, 8080, 8443];

/// The port of name servers.
const DNS_PORT: u16 = 53;

/// What the cluster says about its own addresses. Rebuilt whenever a watch brings news.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterFacts {
    /// Addresses of the API server: endpoints of `default/kubernetes`, its Service, and what the client is configured for.
    pub api_servers: RangeSet,
    /// Pod CIDRs of the Nodes, and addresses of pods outside of them.
    pub pods: RangeSet,
    /// Service CIDRs, and cluster IPs outside of them.
    pub services: RangeSet,
    /// Every address in a Node's status.
    pub nodes: RangeSet,
    /// The annotation `leeward.dev/allowed-hosts` by namespace.
    pub allowed_hosts: BTreeMap<String, AllowedHosts>,
}

/// As what an address is dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role<'a> {
    /// An answer for the host of `proxy.url`, or one of `proxy.addresses`.
    Edge,
    /// A declared origin address, or an answer for `origin.hostname`.
    Origin,
    /// A ready endpoint of the Service in the resource's own namespace; the caller has seen that a Pod of that namespace
    /// has this address. `ports` are the Service's target ports.
    Endpoint {
        /// Ports that the Service itself uses.
        ports: &'a [u16],
    },
    /// The cluster IP of that Service; the caller has seen that all its endpoints qualify.
    ClusterIp {
        /// Ports that the Service itself uses.
        ports: &'a [u16],
    },
    /// A name server that a user's zone delegates to.
    NameServer,
}

/// What is asked for: the role, and the host that the probe names there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination<'a> {
    /// As what the address is dialled.
    pub role: Role<'a>,
    /// Host that the probe asks for; looked up in the namespace's allowed hosts when the target is private.
    pub host: &'a str,
}

/// Answers of a resolver, sorted by the guard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filtered {
    /// To be dialled.
    pub checked: Vec<Checked>,
    /// Not to be dialled; evidence `Forbidden` when others are, `TargetForbidden` when none is.
    pub denied: Vec<(SocketAddr, Denied)>,
}

/// The guard of one installation at one moment. Cheap to rebuild and to clone.
#[derive(Clone, Debug, Default)]
pub struct GuardPolicy {
    flags: Arc<GuardFlags>,
    facts: Arc<ClusterFacts>,
}

impl GuardPolicy {
    /// The rules of these flags in this cluster.
    pub fn new(flags: impl Into<Arc<GuardFlags>>, facts: impl Into<Arc<ClusterFacts>>) -> Self {
        Self { flags: flags.into(), facts: facts.into() }
    }

    /// Does the namespace's annotation name this host? `Listed` vantages, `bodyContains` and private targets need it.
    pub fn permit(&self, namespace: &str, host: &str) -> Result<(), Denied> {
        let named = || self.facts.allowed_hosts.get(namespace).is_some_and(|hosts| hosts.allows(host));
        if !self.flags.require_allowed_hosts || named() { Ok(()) } else { Err(Denied::by(Rule::NamespacePermission)) }
    }

    /// May a resource of this namespace have this address dialled?
    pub fn check(&self, namespace: &str, address: SocketAddr, to: Destination<'_>) -> Result<Checked, Denied> {
        let address = plain(address)?;
        let (ip, port) = (address.ip(), address.port());
        self.check_port(ip, port, to.role)?;
        let faces = faces(ip);
        for face in &faces {
            self.check_deny_set(*face, to.role)?;
        }
        for face in faces {
            self.check_private(namespace, face, to)?;
        }
        Ok(Checked(address))
    }

    /// May a feed of a `ProxyNetwork` be fetched from this address? Administrators write those, so only the deny set binds.
    pub fn check_feed(&self, address: SocketAddr) -> Result<Checked, Denied> {
        let address = plain(address)?;
        if deny::PORTS.contains(&address.port()) {
            return Err(Denied::by(Rule::ControlPlanePort));
        }
        for face in faces(address.ip()) {
            self.check_deny_set(face, Role::Edge)?;
        }
        Ok(Checked(address))
    }

    /// Sorts all answers for one name.
    pub fn filter(
        &self,
        namespace: &str,
        addresses: impl IntoIterator<Item = SocketAddr>,
        to: Destination<'_>,
    ) -> Filtered {
        let mut filtered = Filtered::default();
        for address in addresses {
            match self.check(namespace, address, to) {
                Ok(checked) => filtered.checked.push(checked),
                Err(denied) => filtered.denied.push((address, denied)),
            }
        }
        filtered
    }

    fn check_port(&self, ip: IpAddr, port: u16, role: Role<'_>) -> Result<(), Denied> {
        if deny::PORTS.contains(&port) {
            return Err(Denied::by(Rule::ControlPlanePort));
        }
        if WEB_PORTS.contains(&port) || self.flags.allow_ports.contains(&port) {
            return Ok(());
        }
        match role {
            // A Service's own ports are its owner's business, but on a Node they could be anybody's.
            Role::Endpoint { ports } | Role::ClusterIp { ports } if ports.contains(&port) => {
                let on_node = faces(ip).into_iter().any(|face| self.facts.nodes.contains(face));
                if on_node { Err(Denied::by(Rule::NodePort)) } else { Ok(()) }
            }
            Role::NameServer if port == DNS_PORT => Ok(()),
            Role::Edge | Role::Origin | Role::Endpoint { .. } | Role::ClusterIp { .. } | Role::NameServer => {
                Err(Denied::by(Rule::Port))
            }
        }
    }

    fn check_deny_set(&self, ip: IpAddr, role: Role<'_>) -> Result<(), Denied> {
        let endpoint = matches!(role, Role::Endpoint { .. });
        let cluster_ip = matches!(role, Role::ClusterIp { .. });
        let broken = deny::fixed(ip)
            .or_else(|| self.facts.api_servers.contains(ip).then_some(Rule::ApiServer))
            .or_else(|| self.flags.deny_targets.contains(ip).then_some(Rule::DenyTarget))
            .or_else(|| (!cluster_ip && self.facts.services.contains(ip)).then_some(Rule::ServiceCidr))
            .or_else(|| (!endpoint && self.facts.pods.contains(ip)).then_some(Rule::PodCidr));
        broken.map_or(Ok(()), |by| Err(Denied::by(by)))
    }

    fn check_private(&self, namespace: &str, ip: IpAddr, to: Destination<'_>) -> Result<(), Denied> {
        if matches!(to.role, Role::Endpoint { .. } | Role::ClusterIp { .. }) || !deny::is_private(ip) {
            return Ok(());
        }
        let opened = self.flags.allow_targets.iter().any(|target| {
            target.namespace.as_deref().is_none_or(|opened_for| opened_for == namespace) && target.prefix.contains(ip)
        });
        if !opened {
            return Err(Denied::by(Rule::Private));
        }
        self.permit(namespace, to.host)
    }
}

/// The address as it would be dialled: a mapped one as the IPv4 that it is, without zone and flow.
fn plain(address: SocketAddr) -> Result<SocketAddr, Denied> {
    match address {
        SocketAddr::V6(v6) if v6.scope_id() != 0 => Err(Denied::by(Rule::LinkLocal)),
        _ => Ok(SocketAddr::new(address.ip().to_canonical(), address.port())),
    }
}

/// The address and every IPv4 address that it may stand for: all of them must pass.
fn faces(ip: IpAddr) -> Vec<IpAddr> {
    std::iter::once(ip).chain(embedded::unwrap(ip).into_iter().map(IpAddr::V4)).collect()
}
