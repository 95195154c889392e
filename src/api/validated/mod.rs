//! A spec parsed once into types that cannot be wrong. Nothing behind this module looks at the raw
//! spec again, and what the schema's CEL rules say is said here too, for files and older servers.

mod allowlist;
mod manners;
mod origin;
mod site;
mod traffic;

pub use allowlist::{ValidAllowlist, ValidExtra, ValidTarget};
pub use manners::{Idle, TlsProfile};
pub use origin::{ValidOrigin, Whereabouts, without_port};
pub use site::{Host, SiteUrl};
pub use traffic::ValidTraffic;

use super::provider::Provider;
use super::spec::{CacheBypass, Method, OriginTls, ProtectedOrigin, ProtectedOriginSpec, ReadyWhen, Verifies};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

/// What is wrong with a spec: the field, the problem and the fix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("spec.{field} {problem}")]
pub struct Invalid {
    /// Path below `spec`.
    pub field: String,
    /// What is wrong and what to write instead, as the rest of a sentence.
    pub problem: String,
}

impl Invalid {
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

/// A ProtectedOrigin whose every part is known to be usable.
#[derive(Debug, Clone, PartialEq)]
pub struct Validated {
    pub namespace: String,
    pub name: String,
    pub suspend: bool,
    pub ready_when: ReadyWhen,
    pub url: SiteUrl,
    /// Edge addresses to dial instead of the answers.
    pub edge_addresses: Vec<IpAddr>,
    pub network: Option<String>,
    /// Set in the spec; the network's preset decides otherwise.
    pub provider: Option<Provider>,
    /// Set in the spec; the provider decides otherwise.
    pub proxy_connect_timeout: Option<u16>,
    pub proxy_read_timeout: Option<u16>,
    pub proxy_idle: Option<u16>,
    pub proxy_tls: OriginTls,
    pub verifies: Verifies,
    pub origin: ValidOrigin,
    pub expect: ValidExpect,
    pub probe: ProbePlan,
    pub allowlist: ValidAllowlist,
    /// Counters of the origin's load.
    pub traffic: Option<ValidTraffic>,
}

/// Which answer counts as good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidExpect {
    pub statuses: Vec<RangeInclusive<u16>>,
    pub body_contains: Option<String>,
    pub first_byte: Option<Duration>,
}

impl ValidExpect {
    pub fn admits(&self, status: u16) -> bool {
        self.statuses.iter().any(|range| range.contains(&status))
    }
}

/// How often and how patiently to probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbePlan {
    pub period: Duration,
    pub method: Method,
    pub bypass: CacheBypass,
    pub deadlines: Deadlines,
    pub pings: u32,
    /// Path of a large response.
    pub large_path: Option<String>,
}

/// The deadline of each phase, and of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    pub dns: Duration,
    pub connect: Duration,
    pub tls: Duration,
    pub first_byte: Duration,
    pub body: Duration,
    pub total: Duration,
}

/// Seconds that a Generic proxy is taken to wait for the origin.
const GENERIC_TIMEOUT: u16 = 60;

impl Validated {
    /// Parses a resource. The first problem is returned: it names the field and the fix.
    pub fn new(resource: &ProtectedOrigin) -> Result<Self, Invalid> {
        let spec = &resource.spec;
        let name = resource.metadata.name.clone().unwrap_or_default();
        let namespace = resource.metadata.namespace.clone().unwrap_or_else(|| "default".to_owned());
        let url = SiteUrl::parse("proxy.url", &spec.proxy.url)?;
        let edge_addresses = addresses("proxy.addresses", &spec.proxy.addresses, 0)?;
        let origin = ValidOrigin::new(spec, &url)?;
        let expect = expect(spec)?;
        let probe = plan(spec)?;
        let allowlist = ValidAllowlist::new(spec)?;
        Ok(Self {
            namespace,
            name,
            suspend: spec.suspend,
            ready_when: spec.ready_when,
            url,
            edge_addresses,
            network: spec.proxy.network_ref.as_ref().map(|r| r.name.clone()),
            provider: spec.proxy.provider,
            proxy_connect_timeout: seconds("proxy.connectTimeoutSeconds", spec.proxy.connect_timeout_seconds, 900)?,
            proxy_read_timeout: seconds("proxy.readTimeoutSeconds", spec.proxy.read_timeout_seconds, 900)?,
            proxy_idle: seconds("proxy.originIdleSeconds", spec.proxy.origin_idle_seconds, 3600)?,
            proxy_tls: spec.proxy.origin_tls.unwrap_or_default(),
            verifies: spec.proxy.verifies_origin_certificate,
            origin,
            expect,
            probe,
            allowlist,
            traffic: ValidTraffic::new(spec)?,
        })
    }

    /// `NAMESPACE/NAME`.
    pub fn key(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// The proxy's timers towards the origin in seconds, connect and read: the spec, else the
    /// provider's documented ones, else 60.
    pub fn proxy_timers(&self, provider: Provider) -> (u16, u16) {
        let known = provider.timers();
        (
            self.proxy_connect_timeout.or(known.connect_seconds).unwrap_or(GENERIC_TIMEOUT),
            self.proxy_read_timeout.or(known.read_seconds).unwrap_or(GENERIC_TIMEOUT),
        )
    }
}

/// Parses addresses in canonical form, at most 16 of them.
fn addresses(field: &str, list: &[String], least: usize) -> Result<Vec<IpAddr>, Invalid> {
    if list.len() > 16 || list.len() < least {
        return Err(Invalid::new(field, format!("must hold {least} to 16 addresses, not {}", list.len())));
    }
    list.iter().enumerate().map(|(i, text)| address(&format!("{field}[{i}]"), text)).collect()
}

/// Parses one address. Only the canonical form is taken, so that no spelling can hide what is dialled.
pub(crate) fn address(field: &str, text: &str) -> Result<IpAddr, Invalid> {
    let parsed: IpAddr = text
        .parse()
        .map_err(|_| Invalid::new(field, "must be an IPv4 or IPv6 address, such as 203.0.113.10 or 2001:db8::10"))?;
    let canonical = match parsed {
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => {
            return Err(Invalid::new(field, "must not be an IPv4-mapped IPv6 address: write the IPv4 address"));
        }
        other => other.to_string(),
    };
    if canonical == text.to_ascii_lowercase() {
        Ok(parsed)
    } else {
        Err(Invalid::new(field, format!("must be written in canonical form: {canonical}")))
    }
}

fn seconds(field: &str, value: Option<i32>, most: u16) -> Result<Option<u16>, Invalid> {
    value
        .map(|v| {
            u16::try_from(v)
                .ok()
                .filter(|v| (1..=most).contains(v))
                .ok_or_else(|| Invalid::new(field, format!("must be from 1 to {most} seconds, not {v}")))
        })
        .transpose()
}

fn expect(spec: &ProtectedOriginSpec) -> Result<ValidExpect, Invalid> {
    let expect = &spec.expect;
    if expect.statuses.is_empty() || expect.statuses.len() > 16 {
        return Err(Invalid::new("expect.statuses", "must hold 1 to 16 codes or ranges, such as 200-399"));
    }
    let statuses = expect
        .statuses
        .iter()
        .enumerate()
        .map(|(i, text)| {
            let wrong = || {
                Invalid::new(
                    format!("expect.statuses[{i}]"),
                    format!("must be a code or an ascending range of codes such as 200-399, not {text}"),
                )
            };
            let code = |t: &str| t.parse::<u16>().ok().filter(|c| (100..=599).contains(c));
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            match (code(first), code(last)) {
                (Some(first), Some(last)) if first <= last => Ok(first..=last),
                _ => Err(wrong()),
            }
        })
        .collect::<Result<_, _>>()?;
    let first_byte = expect
        .first_byte_milliseconds
        .map(|ms| {
            u64::try_from(ms).ok().filter(|ms| (1..=60_000).contains(ms)).map(Duration::from_millis).ok_or_else(|| {
                Invalid::new("expect.firstByteMilliseconds", format!("must be from 1 to 60000, not {ms}"))
            })
        })
        .transpose()?;
    if expect.body_contains.as_ref().is_some_and(|t| t.is_empty() || t.len() > 1024) {
        return Err(Invalid::new("expect.bodyContains", "must have 1 to 1024 characters"));
    }
    Ok(ValidExpect { statuses, body_contains: expect.body_contains.clone(), first_byte })
}

fn plan(spec: &ProtectedOriginSpec) -> Result<ProbePlan, Invalid> {
    let p = &spec.probe;
    let phase =
        |field: &str, value: i32| {
            u64::try_from(value).ok().filter(|v| (1..=60).contains(v)).map(Duration::from_secs).ok_or_else(|| {
                Invalid::new(format!("probe.{field}"), format!("must be from 1 to 60 seconds, not {value}"))
            })
        };
    let dns = phase("dnsTimeoutSeconds", p.dns_timeout_seconds)?;
    let connect = phase("connectTimeoutSeconds", p.connect_timeout_seconds)?;
    let tls = phase("tlsTimeoutSeconds", p.tls_timeout_seconds)?;
    let first_byte = phase("firstByteTimeoutSeconds", p.first_byte_timeout_seconds)?;
    let body = phase("bodyTimeoutSeconds", p.body_timeout_seconds)?;
    let period =
        u64::try_from(p.period_seconds).ok().filter(|v| (10..=3600).contains(v)).map(Duration::from_secs).ok_or_else(
            || Invalid::new("probe.periodSeconds", format!("must be from 10 to 3600, not {}", p.period_seconds)),
        )?;
    let pings = u32::try_from(p.pings)
        .ok()
        .filter(|v| *v <= 100)
        .ok_or_else(|| Invalid::new("probe.pings", format!("must be from 0 to 100, not {}", p.pings)))?;
    // A probe that outlasts its period would overlap with the next one.
    let total = (dns + connect + tls + first_byte + body).min(period.saturating_sub(Duration::from_secs(1)));
    Ok(ProbePlan {
        period,
        method: p.method,
        bypass: p.cache_bypass,
        deadlines: Deadlines { dns, connect, tls, first_byte, body, total },
        pings,
        large_path: p.large_path.as_deref().map(manners::large_path).transpose()?,
    })
}

#[cfg(test)]
mod tests;
