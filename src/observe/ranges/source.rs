//! Where a list comes from, read from the spec once into a form that cannot be wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use url::{Host, Url};

use crate::api::proxy_network::{DnsTxtSource, FeedFormat, FeedMethod, HttpSource, Source};
use crate::api::validated::Invalid;
use crate::net::{Provenance, RangeSet};

use super::account::Account;
use super::csv::Column;
use super::known::{Known, Shipped};
use super::parse::{self, FeedError, Shape};
use super::{preset, records};

/// Hold of removals by default: three days for lists that somebody else publishes.
const REMOTE_HOLD: Duration = Duration::from_hours(72);

/// A source of a list.
#[derive(Clone, Debug)]
pub struct Feed {
    /// How it is read.
    pub way: Way,
    /// What is known of it beforehand.
    pub known: Known,
}

/// How a list is read.
#[derive(Clone, Debug)]
pub enum Way {
    /// Documents behind https.
    Http(HttpFeed),
    /// TXT records of this name.
    DnsText(String),
    /// A key of a `ConfigMap` in the operator's own namespace; the caller reads it and gives the text to [`Feed::read`].
    ConfigMap {
        /// Its name.
        name: String,
        /// The key.
        key: String,
    },
    /// Written in the resource.
    Inline(RangeSet),
    /// Published nowhere: the list that came with this release is all there is.
    Release(Shipped),
    /// Told only to customers; the caller has the key.
    Account(Account),
}

/// Documents behind https: all of them make one list.
#[derive(Clone, Debug)]
pub struct HttpFeed {
    /// At least one; https, without user information.
    pub urls: Vec<Url>,
    /// GET, or POST with a form.
    pub method: FeedMethod,
    /// Fields of the form.
    pub form: BTreeMap<String, String>,
    /// How prefixes are found in a document.
    pub shape: Shape,
}

impl Feed {
    /// Reads a source. Errors name the field below `spec`.
    pub fn new(source: &Source) -> Result<Self, Invalid> {
        let Source { kind, preset, http, dns_txt, config_map, inline, account } = source;
        let way = match (preset, http, dns_txt, config_map, inline, account) {
            (Some(wanted), None, None, None, None, None) => return preset::feed(wanted.name),
            (None, Some(http), None, None, None, None) => HttpFeed::new(http).map(Way::Http),
            (None, None, Some(records), None, None, None) => Way::dns_text(records),
            (None, None, None, Some(map), None, None) => {
                Ok(Way::ConfigMap { name: map.name.clone(), key: map.key.clone() })
            }
            (None, None, None, None, None, Some(account)) => Account::new(account).map(Way::Account),
            (None, None, None, None, Some(inline), None) => parse::entries(&inline.cidrs, Provenance::Local)
                .map(Way::Inline)
                .map_err(|problem| Invalid::new("source.inline.cidrs", problem.to_string())),
            _ => Err(Invalid::new("source", format!("must set exactly the member that its type {kind} names"))),
        };
        way.map(|way| Self { way, known: Known::default() })
    }

    /// Who vouches for the list.
    pub const fn provenance(&self) -> Provenance {
        match self.way {
            Way::Http(_) | Way::DnsText(_) | Way::Release(_) | Way::Account(_) => Provenance::Remote,
            Way::ConfigMap { .. } | Way::Inline(_) => Provenance::Local,
        }
    }

    /// How long a vanished prefix stays when the spec says nothing.
    pub const fn default_hold(&self) -> Duration {
        match self.provenance() {
            Provenance::Remote => REMOTE_HOLD,
            Provenance::Local => Duration::ZERO,
        }
    }

    /// The list in a `ConfigMap`: prefixes by line, blank or comma, with `#` comments.
    pub fn read(name: &str, text: &str) -> Result<RangeSet, FeedError> {
        parse::local_text(text)
            .map_err(|problem| FeedError::Unparsable { document: format!("ConfigMap {name}"), problem })
    }
}

impl Way {
    /// Reads `source.dnsTXT`.
    pub fn dns_text(records: &DnsTxtSource) -> Result<Self, Invalid> {
        let name = &records.name;
        if records::is_name(name) {
            return Ok(Self::DnsText(name.clone()));
        }
        let problem = format!(
            "must be a name of two labels or more without a trailing dot, such as _ranges.example.com, not {name}"
        );
        Err(Invalid::new("source.dnsTXT.name", problem))
    }
}

impl HttpFeed {
    /// Reads `source.http`.
    pub fn new(http: &HttpSource) -> Result<Self, Invalid> {
        if http.urls.is_empty() || http.urls.len() > 8 {
            return Err(Invalid::new("source.http.urls", format!("must hold 1 to 8 URLs, not {}", http.urls.len())));
        }
        if http.method == FeedMethod::GET && !http.form.is_empty() {
            return Err(Invalid::new("source.http.form", "may be set only if method is POST"));
        }
        let urls = http.urls.iter().enumerate().map(|(index, text)| url(&format!("source.http.urls[{index}]"), text));
        Ok(Self {
            urls: urls.collect::<Result<_, _>>()?,
            method: http.method,
            form: http.form.clone(),
            shape: shape(http)?,
        })
    }
}

/// How to find prefixes in a document of this spec.
fn shape(http: &HttpSource) -> Result<Shape, Invalid> {
    match http.format {
        FeedFormat::Lines if http.extract.is_empty() => Ok(Shape::Lines),
        FeedFormat::Lines => Err(Invalid::new("source.http.extract", "may be set only if format is JSON or CSV")),
        FeedFormat::CSV if http.extract.is_empty() => Ok(Shape::Columns(vec![Column::Number(1)])),
        FeedFormat::CSV => Ok(Shape::Columns(http.extract.iter().map(|column| Column::new(column)).collect())),
        FeedFormat::JSON if http.extract.is_empty() => Err(Invalid::new(
            "source.http.extract",
            "must name at least one JSONPath when format is JSON, such as $.result.ipv4_cidrs[*]",
        )),
        FeedFormat::JSON => {
            for (index, path) in http.extract.iter().enumerate() {
                parse::check_path(path).map_err(|_| {
                    let field = format!("source.http.extract[{index}]");
                    Invalid::new(
                        field,
                        format!("is not a JSONPath of RFC 9535: {path}; write one such as $.prefixes[*]"),
                    )
                })?;
            }
            Ok(Shape::Json { extract: http.extract.clone(), require: Vec::new() })
        }
    }
}

/// An https URL without user information and fragment, whose host no library has rewritten.
pub(super) fn url(field: &str, text: &str) -> Result<Url, Invalid> {
    let url = Url::parse(text).map_err(|problem| Invalid::new(field, format!("is not a URL: {problem}")))?;
    if url.scheme() != "https" {
        return Err(Invalid::new(
            field,
            "must begin with https://: a list that anybody on the way can change guards nothing",
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Invalid::new(
            field,
            "must not carry user information: everybody who may read the resource would read it",
        ));
    }
    // `https://0x7f.1/` becomes 127.0.0.1 in the library: the host must stand in the text as it was understood.
    let literal = match url.host() {
        Some(Host::Ipv4(address)) => Some(address.to_string()),
        Some(Host::Ipv6(address)) => Some(format!("[{address}]")),
        // A URL of this scheme has a host, or could not be read.
        Some(Host::Domain(_)) | None => None,
    };
    let after_scheme = text.get("https://".len()..).unwrap_or_default();
    if let Some(literal) = literal.filter(|literal| !after_scheme.starts_with(literal.as_str())) {
        return Err(Invalid::new(field, format!("must write the address in canonical form: {literal}")));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(text: &str) -> Result<HttpFeed, String> {
        HttpFeed::new(&serde_saphyr::from_str(text).unwrap()).map_err(|invalid| invalid.to_string())
    }

    #[test]
    fn a_feed_is_https_and_without_secrets() {
        assert!(http("{urls: ['https://lists.example.com/v4.txt', 'https://[2001:db8::1]:8443/v6.txt?x=y']}").is_ok());
        for (url, said) in [
            (
                "http://lists.example.com/",
                "must begin with https://: a list that anybody on the way can change guards nothing",
            ),
            (
                "https://user@lists.example.com/",
                "must not carry user information: everybody who may read the resource would read it",
            ),
            ("https://:word@lists.example.com/", "must not carry user information"),
            ("https://0x7f.1/", "must write the address in canonical form: 127.0.0.1"),
            ("https://2130706433/", "must write the address in canonical form: 127.0.0.1"),
            ("https://127.1/", "must write the address in canonical form: 127.0.0.1"),
            ("https://[0:0::1]/", "must write the address in canonical form: [::1]"),
            ("file:///etc/passwd", "must begin with https://"),
            ("https://", "is not a URL: empty host"),
            ("lists", "is not a URL: relative URL without a base"),
        ] {
            let error = http(&format!("{{urls: ['{url}']}}")).unwrap_err();
            assert!(error.starts_with("spec.source.http.urls[0]") && error.contains(said), "{url}: {error}");
        }
    }

    #[test]
    fn json_needs_paths_that_can_be_read() {
        let feed = |extract: &str| http(&format!("{{urls: ['https://a.example/'], format: JSON, extract: {extract}}}"));
        assert!(feed("['$.prefixes[?@.service==\"X\"].ip_prefix']").is_ok());
        assert!(feed("[]").unwrap_err().contains("source.http.extract must name at least one JSONPath"));
        assert_eq!(
            feed("['$.a[*]', 'prefixes[']").unwrap_err(),
            "spec.source.http.extract[1] is not a JSONPath of RFC 9535: prefixes[; write one such as $.prefixes[*]"
        );
        assert!(
            http("{urls: ['https://a.example/'], extract: ['$[*]']}").unwrap_err().contains("only if format is JSON")
        );
        assert!(http("{urls: ['https://a.example/'], form: {a: b}}").unwrap_err().contains("source.http.form"));
        assert_eq!(http("{urls: []}").unwrap_err(), "spec.source.http.urls must hold 1 to 8 URLs, not 0");
    }

    #[test]
    fn columns_are_named_or_counted() {
        let shape = |more: &str| http(&format!("{{urls: ['https://a.example/'], format: CSV{more}}}")).unwrap().shape;
        assert_eq!(shape(""), Shape::Columns(vec![Column::Number(1)]));
        let columns = vec![Column::Name("ip_prefix".to_owned()), Column::Number(3)];
        assert_eq!(shape(", extract: [ip_prefix, '3']"), Shape::Columns(columns));
    }

    #[test]
    fn a_source_has_exactly_one_member() {
        let feed = |text: &str| Feed::new(&serde_saphyr::from_str(text).unwrap());
        let inline = feed("{type: Inline, inline: {cidrs: [192.0.2.9/24, '2001:DB8::1']}}").unwrap();
        assert!(matches!(&inline.way, Way::Inline(set) if set.texts() == ["192.0.2.0/24", "2001:db8::1/128"]));
        assert_eq!((inline.provenance(), inline.default_hold()), (Provenance::Local, Duration::ZERO));
        let preset = feed("{type: Preset, preset: {name: Cloudflare}}").unwrap();
        assert_eq!((preset.provenance(), preset.default_hold()), (Provenance::Remote, Duration::from_hours(72)));
        assert!(feed("{type: ConfigMap, configMap: {name: ranges, key: cidrs}}").is_ok());
        let records = feed("{type: DNSTXT, dnsTXT: {name: _ranges.example.com}}").unwrap();
        assert!(matches!(&records.way, Way::DnsText(name) if name == "_ranges.example.com"));
        assert_eq!((records.provenance(), records.default_hold()), (Provenance::Remote, Duration::from_hours(72)));
        let error = feed("{type: DNSTXT, dnsTXT: {name: 'example.com.'}}").unwrap_err().to_string();
        assert_eq!(
            error,
            "spec.source.dnsTXT.name must be a name of two labels or more without a trailing dot, such as \
             _ranges.example.com, not example.com."
        );
        let listed = feed("{type: Preset, preset: {name: Sucuri}}").unwrap();
        assert_eq!((listed.provenance(), listed.default_hold()), (Provenance::Remote, Duration::from_hours(72)));
        let account =
            feed("{type: Account, account: {product: AlibabaAntiDDoS, region: Mainland, secretRef: {name: a}}}")
                .unwrap();
        assert_eq!((account.provenance(), account.default_hold()), (Provenance::Remote, Duration::from_hours(72)));
        assert_eq!(
            feed("{type: Inline}").unwrap_err().to_string(),
            "spec.source must set exactly the member that its type Inline names"
        );
        assert!(feed("{type: Inline, inline: {cidrs: [10.0.0.0/8]}, configMap: {name: a, key: b}}").is_err());
        let error = feed("{type: Inline, inline: {cidrs: [192.0.2.0/24, 192.0.02.0/24]}}").unwrap_err();
        assert!(error.to_string().contains("entry 2") && error.to_string().contains("192.0.02.0/24"), "{error}");
    }
}
