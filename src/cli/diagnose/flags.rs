//! A ProtectedOrigin from flags, so that everything behind it is the same as for a resource.

use super::args::{LookArgs, SchemeArg};
use crate::api::spec::{
    AddressSeen, Allowlist, Expect, Lockdown, Marker, Origin, OriginAddresses, OriginHostname, OriginType, ProbeSpec,
    ProtectedOrigin, ProtectedOriginSpec, Proxy, ProxyProtocol, ReadyWhen, Scheme, Verifies,
};
use crate::api::validated::{Invalid, SiteUrl};
use anyhow::{Context, anyhow, bail, ensure};
use std::net::{IpAddr, SocketAddr};

/// The resource that `--via` and `--origin` describe.
pub fn origin(args: &LookArgs, url: &str) -> anyhow::Result<ProtectedOrigin> {
    let site = SiteUrl::parse("url", url).map_err(|invalid| anyhow!("--via {}", invalid.problem))?;
    let places = args.subject.origin.iter().map(|text| place(text)).collect::<anyhow::Result<Vec<_>>>()?;
    let port = one_port(&places)?;
    let scheme = match (args.subject.origin_scheme, port) {
        (Some(SchemeArg::Http), _) | (None, Some(80 | 8080)) => Scheme::HTTP,
        (Some(SchemeArg::Https), _) | (None, Some(443 | 8443)) => Scheme::HTTPS,
        (None, _) => site.scheme,
    };
    let port = port.map(i32::from);
    let (kind, addresses, hostname) = match whereabouts(&places)? {
        Whereabouts::Ips(ips) => (OriginType::Addresses, Some(OriginAddresses { ips, port }), None),
        Whereabouts::Name(name) => (OriginType::Hostname, None, Some(OriginHostname { name, port })),
    };
    let spec = ProtectedOriginSpec {
        suspend: false,
        ready_when: ReadyWhen::default(),
        proxy: Proxy {
            url: url.to_owned(),
            addresses: Vec::new(),
            network_ref: None,
            provider: None,
            connect_timeout_seconds: None,
            read_timeout_seconds: None,
            origin_idle_seconds: None,
            origin_tls: None,
            verifies_origin_certificate: Verifies::default(),
        },
        origin: Origin {
            kind,
            addresses,
            hostname,
            service: None,
            scheme,
            host: args.subject.host.clone(),
            server_name: None,
            vantages: Vec::new(),
            lockdown: Lockdown::default(),
            address_seen: AddressSeen::default(),
            proxy_protocol: ProxyProtocol::None,
            marker: None,
            ca_bundle: None,
            control_port: None,
        },
        expect: Expect::default(),
        probe: ProbeSpec::default(),
        allowlist: Allowlist::default(),
        traffic: None,
    };
    Ok(ProtectedOrigin::new(&site.host.to_string(), spec))
}

/// A wrong spec as an error that names what the user wrote: the flag, or the resource and its field.
pub fn blame(args: &LookArgs, origin: &ProtectedOrigin, invalid: &Invalid) -> anyhow::Error {
    let field = invalid.field.as_str();
    let flag = match field.split(['.', '[']).collect::<Vec<_>>().as_slice() {
        ["proxy", "url", ..] => "--via",
        ["origin", "addresses" | "hostname", ..] => "--origin",
        ["origin", "host" | "serverName", ..] => "--host",
        _ => "",
    };
    if args.subject.via.is_some() && !flag.is_empty() {
        return anyhow!("{flag} {}", invalid.problem);
    }
    let name = origin.metadata.name.as_deref().unwrap_or_default();
    anyhow!("ProtectedOrigin {name}: {invalid}")
}

/// `HEADER=VALUE`.
pub fn marker(text: &str) -> anyhow::Result<Marker> {
    let Some((header, value)) = text.split_once('=') else {
        bail!("--marker must be HEADER=VALUE, such as X-Origin=shop-1, not {text:?}");
    };
    http::HeaderName::from_bytes(header.as_bytes())
        .with_context(|| format!("--marker has {header:?} before the =, which is not the name of a header"))?;
    ensure!(!value.is_empty(), "--marker has no value behind {header}=");
    Ok(Marker { header: header.to_owned(), value: value.to_owned() })
}

/// One value of `--origin`.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    host: String,
    ip: Option<IpAddr>,
    port: Option<u16>,
}

enum Whereabouts {
    Ips(Vec<String>),
    Name(String),
}

/// Parses `203.0.113.10`, `203.0.113.10:8443`, `2001:db8::10`, `[2001:db8::10]:8443` or a name with or without a port.
fn place(text: &str) -> anyhow::Result<Place> {
    if let Ok(ip) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Ok(Place { host: ip.to_string(), ip: Some(ip), port: None });
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        ensure!(address.port() > 0, "--origin {text} has the port 0; it must be from 1 to 65535");
        return Ok(Place { host: address.ip().to_string(), ip: Some(address.ip()), port: Some(address.port()) });
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => {
            let port = port.parse::<u16>().ok().filter(|p| *p > 0);
            (host, Some(port.with_context(|| format!("--origin {text} must end with a port from 1 to 65535"))?))
        }
        None => (text, None),
    };
    let named = host.contains('.') && host.bytes().any(|b| b.is_ascii_alphabetic());
    ensure!(
        named,
        "--origin must be ADDRESS or ADDRESS:PORT, such as 203.0.113.10:443 or [2001:db8::10]:443, not {text:?}"
    );
    Ok(Place { host: host.to_owned(), ip: None, port })
}

fn one_port(places: &[Place]) -> anyhow::Result<Option<u16>> {
    let first = places.first().and_then(|p| p.port);
    for other in places {
        ensure!(
            other.port == first,
            "--origin {} has another port than the first one: an origin has one port, diagnose others one by one",
            other.host
        );
    }
    Ok(first)
}

fn whereabouts(places: &[Place]) -> anyhow::Result<Whereabouts> {
    match places {
        [Place { host, ip: None, .. }] => Ok(Whereabouts::Name(host.clone())),
        many => {
            if let Some(name) = many.iter().find(|p| p.ip.is_none()) {
                bail!("--origin {} is a name beside other origins: give one name, or addresses only", name.host);
            }
            Ok(Whereabouts::Ips(many.iter().map(|p| p.host.clone()).collect()))
        }
    }
}
