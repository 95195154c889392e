//! What intermediaries say of a response in headers: `Proxy-Status` (RFC 9209) and whether a cache
//! answered (`Age`, `Cache-Status` of RFC 9211, and the older names).

use crate::evidence::probe::ProxyStatus;
use http::HeaderMap;

/// Error types that an origin may also report of itself (RFC 9209, 2.3); all others only an
/// intermediary can have made.
const ALSO_ORIGINS: &[&str] = &["http_request_error", "http_request_denied"];

/// The strongest statement of `Proxy-Status`: an error before a relayed status.
pub(super) fn proxy_status(headers: &HeaderMap) -> Option<ProxyStatus> {
    let mut relayed = None;
    for (name, value) in members(headers, "proxy-status").flat_map(parameters) {
        match (name.as_str(), value.as_str()) {
            ("error", "connection_refused") => return Some(ProxyStatus::ConnectionRefused),
            ("error", "connection_timeout") => return Some(ProxyStatus::ConnectionTimeout),
            ("error", "connection_terminated") => return Some(ProxyStatus::ConnectionTerminated),
            ("error", "connection_limit_reached") => return Some(ProxyStatus::ConnectionLimit),
            ("error", "http_response_timeout" | "connection_read_timeout") => {
                return Some(ProxyStatus::ResponseTimeout);
            }
            ("error", "destination_ip_unroutable") => return Some(ProxyStatus::Unroutable),
            ("error", "tls_certificate_error") => return Some(ProxyStatus::CertificateError),
            ("error", "tls_protocol_error" | "tls_alert_received") => return Some(ProxyStatus::TlsError),
            ("error", "http_response_header_section_size" | "http_response_header_size") => {
                return Some(ProxyStatus::HeaderTooLarge);
            }
            ("error", "dns_error" | "dns_timeout") => return Some(ProxyStatus::NameFailed),
            ("error", "proxy_configuration_error") => return Some(ProxyStatus::NotConfigured),
            ("error", "proxy_internal_error" | "proxy_internal_response") => {
                return Some(ProxyStatus::ProxyInternal);
            }
            ("error", "proxy_loop_detected") => return Some(ProxyStatus::LoopDetected),
            ("error", other) if !ALSO_ORIGINS.contains(&other) => return Some(ProxyStatus::IntermediaryError),
            ("received-status", _) => relayed = Some(ProxyStatus::Relayed),
            _ => {}
        }
    }
    relayed
}

/// Whether a cache says that it answered without asking the origin.
pub(super) fn cached(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if text("age").trim().parse::<u64>().is_ok_and(|age| age > 0) {
        return true;
    }
    if members(headers, "cache-status").flat_map(parameters).any(|(name, value)| name == "hit" && value != "?0") {
        return true;
    }
    ["cf-cache-status", "x-cache", "x-cache-status", "x-proxy-cache"]
        .iter()
        .flat_map(|name| members(headers, name))
        .any(answered_from_cache)
}

/// `HIT`, `TCP_HIT`, `Hit from cloudfront`, `STALE`, `UPDATING`; not `RefreshHit`, which asked the origin.
fn answered_from_cache(value: &str) -> bool {
    let word = value.trim().to_ascii_lowercase();
    let first = word.split([' ', ':', ';', '/']).next().unwrap_or_default();
    matches!(first, "hit" | "stale" | "updating" | "hit-front" | "hit-stale")
        || (first.starts_with("tcp_") && first.contains("hit") && !first.contains("refresh"))
}

/// Members of a list header, over all its lines. Quoted commas are rare enough in these headers to be
/// handled by the quote count alone.
fn members<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().filter_map(|v| v.to_str().ok()).flat_map(|line| split(line, ','))
}

/// Parameters of one member, names in lower case; a bare one has the value `?1`.
fn parameters(member: &str) -> Vec<(String, String)> {
    split(member, ';')
        .into_iter()
        .skip(1)
        .map(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, "?1"));
            (name.trim().to_ascii_lowercase(), value.trim().trim_matches('"').to_owned())
        })
        .collect()
}

/// Splits outside quotes.
fn split(text: &str, at: char) -> Vec<&str> {
    let mut quoted = false;
    text.split(|c: char| {
        if c == '"' {
            quoted = !quoted;
        }
        c == at && !quoted
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    #[test]
    fn an_error_outranks_a_relayed_status() {
        let of = |value| proxy_status(&headers(&[("proxy-status", value)]));
        assert_eq!(of("edge; error=connection_refused"), Some(ProxyStatus::ConnectionRefused));
        assert_eq!(of("ingress; received-status=502, edge; error=dns_timeout"), Some(ProxyStatus::NameFailed));
        assert_eq!(of("edge; received-status=502"), Some(ProxyStatus::Relayed));
        assert_eq!(of("edge; error=connection_limit_reached"), Some(ProxyStatus::ConnectionLimit));
        assert_eq!(of("edge; error=http_response_timeout"), Some(ProxyStatus::ResponseTimeout));
        assert_eq!(of("edge; error=destination_ip_unroutable"), Some(ProxyStatus::Unroutable));
        assert_eq!(of("edge; error=http_request_denied"), None);
        assert_eq!(of("edge; details=\"error=connection_refused; or not, who knows\""), None);
    }

    #[test]
    fn a_cache_answers_when_it_says_so() {
        assert!(cached(&headers(&[("age", "12")])));
        assert!(cached(&headers(&[("x-cache", "MISS, HIT")])));
        assert!(cached(&headers(&[("x-cache", "Hit from cloudfront")])));
        assert!(cached(&headers(&[("cf-cache-status", "STALE")])));
        assert!(cached(&headers(&[("cache-status", "Origin; fwd=miss, CDN; hit; ttl=30")])));
        assert!(cached(&headers(&[("x-cache", "TCP_MEM_HIT")])));
    }

    #[test]
    fn a_miss_or_a_revalidation_is_no_cached_answer() {
        assert!(!cached(&headers(&[("age", "0"), ("x-cache", "MISS")])));
        assert!(!cached(&headers(&[("x-cache", "RefreshHit from cloudfront")])));
        assert!(!cached(&headers(&[("cf-cache-status", "DYNAMIC")])));
        assert!(!cached(&headers(&[("cache-status", "CDN; fwd=uri-miss; stored")])));
        assert!(!cached(&headers(&[("x-cache", "TCP_REFRESH_HIT")])));
    }
}
