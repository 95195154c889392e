//! What was declared about an origin, after defaults: the part of a case that nobody measured.

use crate::api::spec::{Lockdown, OriginType, ProxyProtocol, Scheme, Verifies};
use crate::api::validated::{Idle, TlsProfile, Validated, Whereabouts};
use crate::api::{Provider, ProxyNetwork};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The declared facts that rules need, after defaults.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Subject {
    /// `NAMESPACE/NAME`, or the URL's host when there is no resource.
    pub origin: String,
    /// Host of the public URL.
    pub host: String,
    /// Port of the public URL.
    pub port: u16,
    pub provider: Provider,
    /// The proxy's own timers towards the origin, in seconds.
    pub connect_timeout_seconds: u16,
    pub read_timeout_seconds: u16,
    /// How long the proxy keeps an idle connection to the origin, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin_idle: Option<Idle>,
    /// The proxy's TLS profile towards the origin.
    #[serde(default)]
    pub origin_tls: TlsProfile,
    /// The PROXY protocol preamble that the origin is declared to expect.
    #[serde(default)]
    pub proxy_protocol: ProxyProtocol,
    /// `probe.largePath`, where declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub large_path: Option<String>,
    pub verifies: Verifies,
    pub origin_type: OriginType,
    pub origin_scheme: Scheme,
    /// What the column ORIGIN shows.
    pub origin_name: String,
    /// Addresses that the spec declares, or that origin.hostname resolved to.
    #[serde(default)]
    pub origin_addresses: Vec<IpAddr>,
    /// Origin addresses that belong to this cluster: a success there exposes nothing.
    #[serde(default)]
    pub cluster_addresses: Vec<IpAddr>,
    /// `ProxyNetwork.spec.edge.cidrs`; empty when not declared.
    #[serde(default)]
    pub edge: Vec<ipnet::IpNet>,
    /// `ProxyNetwork.spec.edge.cnameSuffixes`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edge_aliases: Vec<String>,
    pub lockdown: Lockdown,
    /// A marker is declared.
    pub marker: bool,
    /// A control target is configured.
    pub control: bool,
    /// `origin.controlPort`, where declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_port: Option<u16>,
    /// Prefixes in the ProxyNetwork; 0 when there is none.
    #[serde(default)]
    pub proxy_prefixes: u32,
    /// Leeward itself writes the allowlist here (mode Enforce, allowed by the namespace).
    #[serde(default)]
    pub enforcing: bool,
}

/// What a spec does not say of itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Surroundings<'a> {
    /// The ProxyNetwork that the spec refers to.
    pub network: Option<&'a ProxyNetwork>,
    /// Prefixes of it that are in use.
    pub proxy_prefixes: usize,
    /// What `origin.hostname` resolved to, or the endpoints that were dialled.
    pub resolved: &'a [IpAddr],
    /// Addresses of this cluster's Nodes and load balancers.
    pub cluster_addresses: &'a [IpAddr],
    /// A control target is configured.
    pub control: bool,
    /// Leeward itself writes the allowlist here.
    pub enforcing: bool,
}

impl Subject {
    /// Joins a spec with what stands around it.
    pub fn new(spec: &Validated, around: &Surroundings<'_>) -> Self {
        let provider = provider(spec, around.network);
        let (connect_timeout_seconds, read_timeout_seconds) = spec.proxy_timers(provider);
        let origin_addresses = match &spec.origin.whereabouts {
            Whereabouts::Addresses { ips, .. } => ips.clone(),
            Whereabouts::Hostname { .. } | Whereabouts::Service { .. } => around.resolved.to_vec(),
        };
        let edge = around.network.and_then(|n| n.spec.edge.as_ref());
        Self {
            origin: spec.key(),
            host: spec.url.host.to_string(),
            port: spec.url.port,
            provider,
            connect_timeout_seconds,
            read_timeout_seconds,
            origin_idle: spec.proxy_idle(provider),
            origin_tls: spec.tls_profile(provider),
            proxy_protocol: spec.origin.proxy_protocol,
            large_path: spec.probe.large_path.clone(),
            verifies: spec.verifies,
            origin_type: spec.origin.kind(),
            origin_scheme: spec.origin.scheme,
            origin_name: spec.origin.short(&spec.namespace),
            cluster_addresses: around
                .cluster_addresses
                .iter()
                .filter(|ip| origin_addresses.contains(ip))
                .copied()
                .collect(),
            origin_addresses,
            // An edge that cannot be read is reported where the ProxyNetwork is; here it is not known.
            edge: edge.map_or_else(Vec::new, |e| e.cidrs.iter().filter_map(|c| network_of(c)).collect()),
            edge_aliases: edge_aliases(around.network),
            lockdown: spec.origin.lockdown,
            marker: spec.origin.marker.is_some(),
            control: around.control,
            control_port: spec.origin.control_port,
            proxy_prefixes: u32::try_from(around.proxy_prefixes).unwrap_or(u32::MAX),
            enforcing: around.enforcing,
        }
    }
}

/// Names of the proxy that the site's name may be an alias of.
pub fn edge_aliases(network: Option<&ProxyNetwork>) -> Vec<String> {
    network.and_then(|n| n.spec.edge.as_ref()).map_or_else(Vec::new, |edge| edge.cname_suffixes.clone())
}

/// The product in front of the origin: the spec's, else that of the network's preset or account, else Generic.
pub fn provider(spec: &Validated, network: Option<&ProxyNetwork>) -> Provider {
    let source = network.map(|n| &n.spec.source);
    let preset = source.and_then(|s| s.preset.as_ref()).map(|p| p.name.provider());
    let account = source.and_then(|s| s.account.as_ref()).map(|a| a.product.provider());
    spec.provider.or(preset).or(account).unwrap_or_default()
}

/// A prefix or a single address.
fn network_of(text: &str) -> Option<ipnet::IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(ipnet::IpNet::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_fills_in_what_the_spec_leaves_open() {
        let spec = serde_saphyr::from_str(
            "{metadata: {name: shop, namespace: shop}, apiVersion: leeward.dev/v1alpha1, kind: ProtectedOrigin, spec: {proxy: {url: 'https://shop.example.com:8443/'}, origin: {type: Hostname, hostname: {name: origin.example.com}}}}",
        )
        .unwrap();
        let network: ProxyNetwork = serde_saphyr::from_str(
            "{metadata: {name: cdn}, apiVersion: leeward.dev/v1alpha1, kind: ProxyNetwork, spec: {source: {type: Preset, preset: {name: Cloudflare}}, edge: {cidrs: [192.0.2.0/24, 198.51.100.7]}}}",
        )
        .unwrap();
        let resolved: [IpAddr; 2] = ["203.0.113.10".parse().unwrap(), "203.0.113.11".parse().unwrap()];
        let around = Surroundings {
            network: Some(&network),
            proxy_prefixes: 22,
            resolved: &resolved,
            cluster_addresses: &["203.0.113.11".parse().unwrap(), "10.0.0.1".parse().unwrap()],
            control: true,
            enforcing: false,
        };
        assert_eq!(
            Subject::new(&Validated::new(&spec).unwrap(), &around),
            Subject {
                origin: "shop/shop".into(),
                host: "shop.example.com".into(),
                port: 8443,
                provider: Provider::Cloudflare,
                connect_timeout_seconds: 19,
                read_timeout_seconds: 100,
                origin_idle: Some(Idle { seconds: 900, declared: false }),
                origin_tls: TlsProfile { declared: true, ..TlsProfile::default() },
                proxy_protocol: ProxyProtocol::None,
                large_path: None,
                verifies: Verifies::Unknown,
                origin_type: OriginType::Hostname,
                origin_scheme: Scheme::HTTPS,
                origin_name: "origin.example.com:443".into(),
                origin_addresses: resolved.to_vec(),
                cluster_addresses: vec!["203.0.113.11".parse().unwrap()],
                edge: vec!["192.0.2.0/24".parse().unwrap(), "198.51.100.7/32".parse().unwrap()],
                edge_aliases: Vec::new(),
                lockdown: Lockdown::NotRequired,
                marker: false,
                control: true,
                control_port: None,
                proxy_prefixes: 22,
                enforcing: false,
            }
        );
    }
}
