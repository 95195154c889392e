//! The public URL, taken apart.

use super::{Invalid, address};
use crate::api::spec::Scheme;
use std::fmt;
use std::net::IpAddr;

/// A host: a DNS name in lower case without a trailing dot, or an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    Name(String),
    Ip(IpAddr),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V6(v6)) => write!(f, "[{v6}]"),
            Self::Ip(v4) => v4.fmt(f),
        }
    }
}

/// What visitors ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteUrl {
    pub scheme: Scheme,
    pub host: Host,
    pub port: u16,
    /// Path with query, always beginning with `/`.
    pub path: String,
}

impl SiteUrl {
    /// Parses an absolute http or https URL. The raw host is looked at before any URL library turns
    /// `0x7f.1` or `2130706433` into an address: such spellings are refused.
    pub fn parse(field: &str, text: &str) -> Result<Self, Invalid> {
        let wrong = |problem: &str| Invalid::new(field, problem);
        let (scheme, rest) = match text.split_once("://") {
            Some((s, rest)) if s.eq_ignore_ascii_case("https") => (Scheme::HTTPS, rest),
            Some((s, rest)) if s.eq_ignore_ascii_case("http") => (Scheme::HTTP, rest),
            _ => return Err(wrong("must begin with http:// or https://")),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(wrong("must not carry user information: put no name or password into the URL"));
        }
        if path.contains('#') {
            return Err(wrong("must not carry a fragment: remove everything from # on"));
        }
        let (raw_host, port) = split_port(field, authority)?;
        let port = port.unwrap_or(match scheme {
            Scheme::HTTP => 80,
            Scheme::HTTPS => 443,
        });
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        if path.bytes().any(|b| b <= b' ' || b >= 0x7f) {
            return Err(wrong("must hold only printable ASCII characters: percent-encode the others"));
        }
        Ok(Self { scheme, host: host(field, raw_host)?, port, path })
    }

    /// Value of the Host header: the port only where it is not the scheme's own.
    pub fn authority(&self) -> String {
        match (self.scheme, self.port) {
            (Scheme::HTTP, 80) | (Scheme::HTTPS, 443) => self.host.to_string(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }
}

impl fmt::Display for SiteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::HTTP => "http",
            Scheme::HTTPS => "https",
        };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

fn split_port<'a>(field: &str, authority: &'a str) -> Result<(&'a str, Option<u16>), Invalid> {
    let (host, port) = if let Some(end) = authority.rfind(']') {
        let (host, rest) = authority.split_at(end + 1);
        (host, rest.strip_prefix(':'))
    } else {
        authority.rsplit_once(':').map_or((authority, None), |(host, port)| (host, Some(port)))
    };
    let port = port
        .map(|p| {
            p.parse::<u16>()
                .ok()
                .filter(|p| *p > 0)
                .ok_or_else(|| Invalid::new(field, format!("has the port {p}; it must be from 1 to 65535")))
        })
        .transpose()?;
    Ok((host, port))
}

/// Parses a host strictly: a bracketed IPv6 address, a dotted IPv4 address in canonical form, or a
/// DNS name. A last label that is all digits or hexadecimal could be taken for an address by
/// somebody else and is refused.
pub(super) fn host(field: &str, text: &str) -> Result<Host, Invalid> {
    if let Some(inner) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        let ip = address(field, inner)?;
        return if ip.is_ipv6() {
            Ok(Host::Ip(ip))
        } else {
            Err(Invalid::new(field, "has an IPv4 address in brackets: remove them"))
        };
    }
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let last = name.rsplit('.').next().unwrap_or_default();
    let numeric = !last.is_empty()
        && (last.bytes().all(|b| b.is_ascii_digit())
            || last.strip_prefix("0x").is_some_and(|h| h.bytes().all(|b| b.is_ascii_hexdigit())));
    if numeric {
        return address(field, text).map(Host::Ip).map_err(|_| {
            Invalid::new(
                field,
                format!("names the host {text}: an address must be written in canonical form, such as 203.0.113.10"),
            )
        });
    }
    let label_ok = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.is_empty() || name.len() > 253 || !name.split('.').all(label_ok) {
        return Err(Invalid::new(
            field,
            format!("names the host {text:?}, which is no DNS name; use the ASCII (xn--) form of international names"),
        ));
    }
    Ok(Host::Name(name))
}
