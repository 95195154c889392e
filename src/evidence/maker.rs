//! Whose error pages are known, and what they show: dated data (`data/makers.yaml`), not code.
//!
//! A page names software or a service. Whether that is the edge depends on what stands in front of the origin, so it
//! takes the declared provider as well ([`Maker::is_edge_of`]).

use super::probe::ProxyStatus;
use crate::api::Provider;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

/// Software or service whose own error page a response is.
#[derive(
    Serialize,
    Deserialize,
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    strum::Display,
    strum::IntoStaticStr,
    strum::EnumIter,
)]
pub enum Maker {
    Nginx,
    HAProxy,
    Envoy,
    Cloudflare,
    CloudFront,
    Fastly,
    Akamai,
    GoogleCloud,
    AWSALB,
    AzureFrontDoor,
    AzureApplicationGateway,
    Imperva,
    Sucuri,
    TencentEdgeOne,
    AlibabaCDN,
    AlibabaWAF,
    HuaweiWAF,
    Bunny,
    DDoSGuard,
    StormWall,
    Qrator,
    Tengine,
    Varnish,
    Apache,
    IIS,
    Traefik,
    Other,
}

/// A maker with its marks.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Known {
    pub maker: Maker,
    #[serde(default)]
    edge: Vec<Provider>,
    #[serde(default)]
    software: Vec<Provider>,
    /// Day on which the marks were read, such as 2026-11-30.
    pub read: String,
    /// Where.
    pub source: String,
    pub marks: Vec<Mark>,
}

/// What an error response of a maker looks like: all of it must hold.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mark {
    /// Empty: any error.
    #[serde(default)]
    pub status: Vec<Statuses>,
    #[serde(default)]
    pub headers: BTreeMap<String, Field>,
    #[serde(default)]
    pub without: Vec<String>,
    pub body: Option<Body>,
    /// What it says of the hop behind.
    #[serde(default = "own")]
    pub says: ProxyStatus,
}

const fn own() -> ProxyStatus {
    ProxyStatus::IntermediaryError
}

/// One status or a range, such as `500-599`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "StatusText")]
pub struct Statuses(pub RangeInclusive<u16>);

#[derive(Deserialize)]
#[serde(untagged)]
enum StatusText {
    One(u16),
    Range(String),
}

impl TryFrom<StatusText> for Statuses {
    type Error = String;

    fn try_from(text: StatusText) -> Result<Self, String> {
        match text {
            StatusText::One(status) => Ok(Self(status..=status)),
            StatusText::Range(range) => range
                .split_once('-')
                .and_then(|(first, last)| Some(Self(first.parse().ok()?..=last.parse().ok()?)))
                .ok_or_else(|| format!("{range:?} is no range such as 500-599")),
        }
    }
}

/// What a header must be; text without regard to case.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Field {
    Is(String),
    Starts(String),
    Contains(String),
    Present,
    IsStatus,
}

/// What must stand in the body.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Body {
    pub is: Option<String>,
    pub starts: Option<String>,
    #[serde(default)]
    pub all: Vec<String>,
    #[serde(default)]
    pub any: Vec<String>,
    /// Header whose value must stand in it.
    pub repeats: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[expect(dead_code, reason = "for readers of the file")]
    updated: String,
    makers: Vec<Known>,
}

static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    // The file is compiled in and a test parses it, so an empty table can only mean a broken build.
    crate::yaml::read::<Table>(include_str!("data/makers.yaml")).map_or_else(|_| Vec::new(), |table| table.makers)
});

/// All makers, in the order in which their marks are tried.
pub fn known() -> &'static [Known] {
    &KNOWN
}

impl Maker {
    /// Whether its page was made by the edge where this provider stands in front. Software that origins run as well
    /// never is: its pages name no hop.
    pub fn is_edge_of(self, provider: Provider) -> bool {
        self.entry().is_some_and(|known| known.edge.contains(&provider))
    }

    /// Whether what its page says of the hop behind can be about the proxy's leg to the origin.
    pub fn speaks_for(self, provider: Provider) -> bool {
        self.entry().is_some_and(|known| known.edge.contains(&provider) || known.software.contains(&provider))
    }

    fn entry(self) -> Option<&'static Known> {
        KNOWN.iter().find(|known| known.maker == self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use strum::IntoEnumIterator;

    #[test]
    fn a_range_of_statuses_has_two_ends() {
        let read = |text: &str| serde_json::from_value::<Statuses>(text.into()).map_err(|error| error.to_string());
        assert_eq!(read("500-599").unwrap().0, 500..=599);
        for wrong in ["5xx", "500-"] {
            assert_eq!(read(wrong).unwrap_err(), format!("{wrong:?} is no range such as 500-599"));
        }
    }

    #[test]
    fn the_compiled_in_table_knows_each_maker_once() {
        let table: Table = serde_saphyr::from_str(include_str!("data/makers.yaml")).unwrap();
        let listed: Vec<Maker> = table.makers.iter().map(|known| known.maker).collect();
        let expected: Vec<Maker> = Maker::iter().filter(|maker| *maker != Maker::Other).collect();
        assert_eq!(listed.len(), expected.len());
        assert!(expected.iter().all(|maker| listed.contains(maker)));
    }

    #[test]
    fn the_page_names_each_maker_with_its_day() {
        let page = include_str!("../../docs/error-pages.md");
        for known in known() {
            let row = page.lines().find(|line| line.starts_with(&format!("| {} |", known.maker)));
            let row = row.unwrap_or_else(|| panic!("docs/error-pages.md has no row for {}", known.maker));
            assert!(row.ends_with(&format!("| {} |", known.read)), "{row}");
            assert!(known.edge.iter().all(|provider| row.contains(&format!("`{provider}`"))), "{row}");
        }
    }

    #[test]
    fn every_mark_is_dated_and_more_than_a_number() {
        for known in known() {
            assert!(known.read.parse::<jiff::civil::Date>().is_ok(), "{}: {:?}", known.maker, known.read);
            assert!(!known.source.is_empty() && !known.marks.is_empty(), "{}", known.maker);
            for mark in &known.marks {
                assert!(
                    !mark.headers.is_empty() || mark.body.is_some(),
                    "{}: a status alone proves nothing",
                    known.maker
                );
                assert!(mark.status.iter().all(|s| *s.0.start() >= 400 && s.0.end() <= &599), "{}", known.maker);
            }
        }
    }

    #[test]
    fn software_that_origins_run_names_no_hop() {
        for provider in Provider::iter() {
            for maker in [Maker::Nginx, Maker::HAProxy, Maker::Envoy, Maker::Tengine, Maker::Varnish, Maker::Traefik] {
                assert!(!maker.is_edge_of(provider), "{maker} {provider}");
            }
        }
        let branded: BTreeSet<_> =
            known().iter().filter(|k| k.edge.contains(&Provider::Generic)).map(|k| k.maker.to_string()).collect();
        assert_eq!(branded, ["Akamai", "CloudFront", "Cloudflare", "Fastly", "Imperva"].map(str::to_owned).into());
    }
}
