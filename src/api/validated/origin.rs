//! Where the proxy forwards to, after defaults.

use super::site::host;
use super::{Host, Invalid, SiteUrl, addresses};
use crate::api::spec::{
    AddressSeen, CaBundle, Lockdown, Marker, OriginType, ProtectedOriginSpec, ProxyProtocol, Scheme,
};
use crate::api::vocabulary::Access;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// How the origin is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whereabouts {
    Addresses { ips: Vec<IpAddr>, port: u16 },
    Hostname { name: String, port: u16 },
    Service { name: String, port: u16 },
}

/// The origin, and how to speak to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidOrigin {
    pub whereabouts: Whereabouts,
    pub scheme: Scheme,
    /// Host header.
    pub host_header: String,
    /// SNI and name of the certificate; absent when it is an address.
    pub server_name: Host,
    pub vantages: BTreeMap<String, Access>,
    pub lockdown: Lockdown,
    pub address_seen: AddressSeen,
    pub proxy_protocol: ProxyProtocol,
    pub marker: Option<Marker>,
    pub ca_bundle: Option<CaBundle>,
    pub control_port: Option<u16>,
}

impl ValidOrigin {
    pub(super) fn new(spec: &ProtectedOriginSpec, url: &SiteUrl) -> Result<Self, Invalid> {
        let origin = &spec.origin;
        let default_port = match origin.scheme {
            Scheme::HTTP => 80,
            Scheme::HTTPS => 443,
        };
        let optional = |field: &str, value: Option<i32>| value.map_or(Ok(default_port), |v| port(field, v));
        let members = (&origin.addresses, &origin.hostname, &origin.service);
        let whereabouts = match (origin.kind, members) {
            (OriginType::Addresses, (Some(a), None, None)) => Whereabouts::Addresses {
                ips: addresses("origin.addresses.ips", &a.ips, 1)?,
                port: optional("origin.addresses.port", a.port)?,
            },
            (OriginType::Hostname, (None, Some(h), None)) => {
                let Host::Name(name) = host("origin.hostname.name", &h.name)? else {
                    return Err(Invalid::new(
                        "origin.hostname.name",
                        "must be a DNS name: use type Addresses for an address",
                    ));
                };
                Whereabouts::Hostname { name, port: optional("origin.hostname.port", h.port)? }
            }
            (OriginType::Service, (None, None, Some(s))) => {
                Whereabouts::Service { name: s.name.clone(), port: port("origin.service.port", s.port)? }
            }
            (kind, _) => {
                let member = match kind {
                    OriginType::Addresses => "addresses",
                    OriginType::Hostname => "hostname",
                    OriginType::Service => "service",
                };
                return Err(Invalid::new(
                    format!("origin.{member}"),
                    "must be set, and no other member beside it: origin.type names it",
                ));
            }
        };
        let host_header = origin.host.clone().unwrap_or_else(|| url.host.to_string());
        let host_of_header = host("origin.host", without_port(&host_header))?;
        let server_name = origin.server_name.as_ref().map_or(Ok(host_of_header), |n| host("origin.serverName", n))?;
        let mut vantages = BTreeMap::new();
        for v in &origin.vantages {
            if vantages.insert(v.name.clone(), v.access).is_some() {
                return Err(Invalid::new("origin.vantages", format!("names the vantage {} twice", v.name)));
            }
        }
        Ok(Self {
            whereabouts,
            scheme: origin.scheme,
            host_header,
            server_name,
            vantages,
            lockdown: origin.lockdown,
            address_seen: origin.address_seen,
            proxy_protocol: origin.proxy_protocol,
            marker: origin.marker.clone(),
            ca_bundle: origin.ca_bundle.clone(),
            control_port: origin.control_port.map(|v| port("origin.controlPort", v)).transpose()?,
        })
    }

    /// Whether the origin's allowlist lets this vantage in.
    pub fn access(&self, vantage: &str) -> Access {
        self.vantages.get(vantage).copied().unwrap_or_default()
    }

    /// Which member of the union it is.
    pub const fn kind(&self) -> OriginType {
        match self.whereabouts {
            Whereabouts::Addresses { .. } => OriginType::Addresses,
            Whereabouts::Hostname { .. } => OriginType::Hostname,
            Whereabouts::Service { .. } => OriginType::Service,
        }
    }

    /// The origin in short, for the column: `shop/shop:443`, `origin.example.com:443` or
    /// `203.0.113.10:443`, with `+N` for further addresses.
    pub fn short(&self, namespace: &str) -> String {
        match &self.whereabouts {
            Whereabouts::Addresses { ips, port } => {
                let first =
                    ips.first().map_or_else(String::new, |ip| std::net::SocketAddr::new(*ip, *port).to_string());
                if ips.len() > 1 { format!("{first} +{}", ips.len() - 1) } else { first }
            }
            Whereabouts::Hostname { name, port } => format!("{name}:{port}"),
            Whereabouts::Service { name, port } => format!("{namespace}/{name}:{port}"),
        }
    }
}

/// A Host without its port.
pub fn without_port(host: &str) -> &str {
    let split = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    split.map_or(host, |(name, _)| name)
}

fn port(field: &str, value: i32) -> Result<u16, Invalid> {
    u16::try_from(value)
        .ok()
        .filter(|p| *p > 0)
        .ok_or_else(|| Invalid::new(field, format!("must be from 1 to 65535, not {value}")))
}
