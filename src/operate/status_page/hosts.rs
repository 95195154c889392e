//! By which names the page may be asked for.
//!
//! A site in a reader's browser can let its own name resolve to 127.0.0.1 (DNS rebinding), where `kubectl port-forward`
//! listens, and would read the page as its own: the browser sees one origin. The request then carries the site's name as
//! Host. So the page answers to names alone that such a site cannot have: addresses, `localhost`, the Service's, and those
//! that the administrator gave.

use axum::http::{Request, header, uri::Authority};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// What clusters are called that are called nothing else.
const USUAL_DOMAIN: &str = "cluster.local";

/// The names that the page answers to, beside addresses.
#[derive(Clone, Debug)]
pub struct Hosts(Arc<BTreeSet<String>>);

impl Hosts {
    /// `service` stands in front of the page in `namespace` of a cluster with this DNS `domain`; `further` are the
    /// administrator's, as [`host_name`] reads them.
    pub fn new(service: &str, namespace: &str, domain: Option<&str>, further: &[String]) -> Self {
        let domain = domain.unwrap_or(USUAL_DOMAIN);
        let own = [
            "localhost".to_owned(),
            service.to_owned(),
            format!("{service}.{namespace}"),
            format!("{service}.{namespace}.svc"),
            format!("{service}.{namespace}.svc.{domain}"),
        ];
        Self(Arc::new(own.iter().chain(further).map(|name| name.to_ascii_lowercase()).collect()))
    }

    /// Whether a request asks by such a name. One without any, or with two, is none that a browser sends.
    pub fn know<B>(&self, request: &Request<B>) -> bool {
        let mut named = request.headers().get_all(header::HOST).iter();
        let (Some(host), None) = (named.next(), named.next()) else { return false };
        // The authority of an absolute URL counts before Host (RFC 9112, 3.2.2); a browser sends both or Host alone.
        let Ok(host) = host.to_str().unwrap_or_default().parse::<Authority>() else { return false };
        [Some(&host), request.uri().authority()].into_iter().flatten().all(|authority| self.has(authority.host()))
    }

    fn has(&self, host: &str) -> bool {
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let name = bare.strip_suffix('.').unwrap_or(bare);
        bare.parse::<IpAddr>().is_ok() || self.0.contains(&name.to_ascii_lowercase())
    }
}

/// Reads a name that the administrator gives.
pub fn host_name(text: &str) -> Result<String, String> {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if text.len() <= 253 && text.split('.').all(label) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("is not the name of a host: give it without scheme, port, path and wildcard, such as status.example.com"
            .to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(hosts: &Hosts, host: &str) -> bool {
        hosts.know(&Request::builder().uri("/").header(header::HOST, host).body(()).unwrap())
    }

    #[test]
    fn it_answers_to_names_that_no_other_site_can_have() {
        let further = [host_name("Status.Example.com").unwrap()];
        let hosts = Hosts::new("leeward-status", "leeward-system", Some("k8s.example"), &further);
        for host in [
            "localhost:8081",
            "LOCALHOST",
            "localhost.",
            "127.0.0.1:8081",
            "10.244.0.7",
            "[::1]:8081",
            "leeward-status:8081",
            "leeward-status.leeward-system",
            "leeward-status.leeward-system.svc:8081",
            "leeward-status.leeward-system.svc.k8s.example.",
            "status.example.com",
        ] {
            assert!(asks(&hosts, host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "leeward-status.evil.example",
            "leeward-status.leeward-system.svc.evil.example",
            "leeward-status.leeward-system.svc.cluster.local",
            "leeward-status.shop",
            "other.status.example.com",
            "2130706433",
            "0x7f.1",
            "",
            "localhost/",
            "user@localhost@evil.example",
        ] {
            assert!(!asks(&hosts, host), "{host}");
        }
        let usual = Hosts::new("leeward-status", "leeward-system", None, &[]);
        assert!(asks(&usual, "leeward-status.leeward-system.svc.cluster.local"));
    }

    #[test]
    fn a_request_names_one_host_and_none_of_two() {
        let hosts = Hosts::new("leeward-status", "leeward-system", None, &[]);
        let request = |uri: &str, named: &[&str]| {
            let builder = Request::builder().uri(uri);
            named.iter().fold(builder, |b, host| b.header(header::HOST, *host)).body(()).unwrap()
        };
        assert!(!hosts.know(&request("/", &[])));
        assert!(!hosts.know(&request("/", &["localhost", "localhost"])));
        assert!(hosts.know(&request("http://localhost/", &["localhost"])));
        assert!(!hosts.know(&request("http://evil.example/", &["localhost"])));
        assert!(!hosts.know(&request("http://localhost/", &["evil.example"])));
    }

    #[test]
    fn a_host_is_a_name_and_nothing_more() {
        for wrong in
            ["https://status.example.com", "status.example.com:443", "*.example.com", "a..b", "-a.b", "a/b", ""]
        {
            assert_eq!(
                host_name(wrong).unwrap_err(),
                "is not the name of a host: give it without scheme, port, path and wildcard, such as status.example.com",
                "{wrong}"
            );
        }
    }
}
