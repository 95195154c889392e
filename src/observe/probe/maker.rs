//! Whose own page an error response is, by the marks of `evidence::maker`.

use crate::evidence::maker::{self, Body, Field, Maker, Mark};
use crate::evidence::probe::ProxyStatus;
use http::HeaderMap;

/// As much of a body as is searched.
const HEAD: usize = 8192;

/// The maker of an error response, and what it says of the hop behind.
pub(super) fn of(status: u16, headers: &HeaderMap, body: &[u8]) -> Option<(Maker, ProxyStatus)> {
    if status < 400 {
        return None;
    }
    let text = String::from_utf8_lossy(body.get(..body.len().min(HEAD)).unwrap_or_default());
    let seen = Seen { status, headers, body: text.split_whitespace().collect::<Vec<_>>().join(" ") };
    let mut marks = maker::known().iter().flat_map(|known| known.marks.iter().map(move |mark| (known.maker, mark)));
    marks.find(|(_, mark)| seen.bears(mark)).map(|(maker, mark)| (maker, mark.says))
}

/// A response as it is compared.
struct Seen<'a> {
    status: u16,
    headers: &'a HeaderMap,
    /// With blanks joined.
    body: String,
}

impl Seen<'_> {
    fn bears(&self, mark: &Mark) -> bool {
        (mark.status.is_empty() || mark.status.iter().any(|statuses| statuses.0.contains(&self.status)))
            && mark.headers.iter().all(|(name, field)| self.values(name).any(|value| self.is(value, field)))
            && !mark.without.iter().any(|name| self.headers.contains_key(name))
            && mark.body.as_ref().is_none_or(|body| self.reads(body))
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
    }

    fn is(&self, value: &str, field: &Field) -> bool {
        let (value, lower) = (value.trim().to_ascii_lowercase(), str::to_ascii_lowercase);
        match field {
            Field::Is(text) => value == lower(text),
            Field::Starts(text) => value.starts_with(&lower(text)),
            Field::Contains(text) => value.contains(&lower(text)),
            Field::Present => true,
            Field::IsStatus => value == self.status.to_string(),
        }
    }

    fn reads(&self, body: &Body) -> bool {
        let starts = |text: &String| self.body.starts_with(&text.replace("{status}", &self.status.to_string()));
        body.is.as_ref().is_none_or(|text| self.body == *text)
            && body.starts.as_ref().is_none_or(starts)
            && body.all.iter().all(|text| self.body.contains(text))
            && (body.any.is_empty() || body.any.iter().any(|text| self.body.contains(text)))
            && body.repeats.as_ref().is_none_or(|name| {
                self.values(name).any(|value| !value.trim().is_empty() && self.body.contains(value.trim()))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ProxyStatus::IntermediaryError as Own;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    fn bare(status: u16, body: &str) -> Option<(Maker, ProxyStatus)> {
        of(status, &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn pages_of_software_name_it() {
        let nginx = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n";
        let gateway = nginx.replace("nginx/1.22.1", "Microsoft-Azure-Application-Gateway/v2");
        let haproxy = "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n";
        let late = "<html><body><h1>504 Gateway Time-out</h1>\nThe server didn't respond in time.\n</body></html>\n";
        let apache = "<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2.0//EN\">\n<html><head>\n<title>502 Proxy Error</title>\n</head><body>\n<h1>Proxy Error</h1>\n<p>The proxy server received an invalid\r\nresponse from an upstream server.<br />\r\n";
        let varnish = "<h1>Error 503 Backend fetch failed</h1>\n<h3>Guru Meditation:</h3>\n<p>XID: 123456</p>";
        assert_eq!(bare(502, nginx), Some((Maker::Nginx, Own)));
        assert_eq!(bare(502, &gateway), Some((Maker::AzureApplicationGateway, Own)));
        assert_eq!(bare(503, haproxy), Some((Maker::HAProxy, Own)));
        assert_eq!(bare(504, late), Some((Maker::HAProxy, ProxyStatus::ResponseTimeout)));
        assert_eq!(bare(502, apache), Some((Maker::Apache, Own)));
        assert_eq!(bare(503, varnish), Some((Maker::Varnish, Own)));
        assert_eq!(bare(502, "Bad Gateway"), Some((Maker::Traefik, Own)));
        // A page of HAProxy has its status in the heading; another number is somebody's own page.
        assert_eq!(bare(503, "<html><body><h1>502 Bad Gateway</h1>\n</body></html>"), None);
    }

    #[test]
    fn envoy_says_why() {
        let reset = "upstream connect error or disconnect/reset before headers. reset reason: ";
        let of = |status, reason: &str| bare(status, &format!("{reset}{reason}"));
        assert_eq!(bare(503, "no healthy upstream"), Some((Maker::Envoy, Own)));
        assert_eq!(of(503, "overflow"), Some((Maker::Envoy, ProxyStatus::ConnectionLimit)));
        assert_eq!(of(503, "connection timeout"), Some((Maker::Envoy, ProxyStatus::ConnectionTimeout)));
        assert_eq!(of(503, "connection termination"), Some((Maker::Envoy, ProxyStatus::ConnectionTerminated)));
        assert_eq!(
            of(503, "remote connection failure, transport failure reason: delayed connect error: Connection refused"),
            Some((Maker::Envoy, ProxyStatus::ConnectionRefused))
        );
        assert_eq!(bare(504, "upstream request timeout"), Some((Maker::Envoy, ProxyStatus::ResponseTimeout)));
    }

    #[test]
    fn services_say_what_the_origin_did() {
        let cloudflare = headers(&[("server", "cloudflare")]);
        assert_eq!(of(522, &cloudflare, b"error code: 522"), Some((Maker::Cloudflare, ProxyStatus::ConnectionTimeout)));
        let edgeone = headers(&[("server", "TencentEdgeOne"), ("eo-log-uuid", "1")]);
        assert_eq!(of(523, &edgeone, b""), Some((Maker::TencentEdgeOne, ProxyStatus::NameFailed)));
        let behind = headers(&[("eo-log-uuid", "1"), ("cf-ray", "8")]);
        assert_eq!(of(523, &behind, b""), None);
        let relayed = headers(&[("x-swift-error", "orig response 5XX error, orig response 5XX error")]);
        assert_eq!(of(502, &relayed, b"our page"), Some((Maker::AlibabaCDN, ProxyStatus::Relayed)));
        assert_eq!(of(404, &relayed, b"our page"), None);
        let azure = |status| headers(&[("x-azure-ref", "0zx"), ("x-azure-originstatuscode", status)]);
        assert_eq!(of(503, &azure("503"), b"our page"), Some((Maker::AzureFrontDoor, ProxyStatus::Relayed)));
        assert_eq!(of(503, &azure("200"), b"our page"), None);
    }

    #[test]
    fn a_page_of_another_hop_of_the_same_vendor_is_told_apart() {
        let page = b"<HR><PRE>\nGenerated by cloudfront (CloudFront)\nRequest ID: QGJDmdNqJJ6_zS3A==\n</PRE>";
        let by = |id| headers(&[("server", "CloudFront"), ("x-amz-cf-id", id)]);
        assert_eq!(of(502, &by("QGJDmdNqJJ6_zS3A=="), page), Some((Maker::CloudFront, Own)));
        assert_eq!(of(502, &by("another=="), page), None);
    }

    #[test]
    fn what_passed_through_names_nobody() {
        assert_eq!(of(502, &headers(&[("server", "nginx")]), b"our own page"), None);
        assert_eq!(of(502, &headers(&[("server", "cloudflare")]), b"<html>branded page</html>"), None);
        assert_eq!(bare(200, "<hr><center>nginx</center>"), None);
        for (name, value) in [
            ("x-azure-ref", "0zx"),
            ("x-cache", "Error from cloudfront"),
            ("server", "Tengine"),
            ("server", "QRATOR"),
            ("server", "ddos-guard"),
            ("server", "ArvanCloud"),
            ("server", "TencentEdgeOne"),
            ("x-sucuri-id", "19002"),
            ("x-iinfo", "3-131528363-0"),
            ("via", "1.1 google"),
            ("eo-log-uuid", "1"),
        ] {
            assert_eq!(of(502, &headers(&[(name, value)]), b"our own page"), None, "{name}: {value}");
        }
    }
}
