//! Providers whose list is known: one dated data file each.
//!
//! A file says where the list is published, if it is, what to expect of it, how changes are announced, and what it was on
//! some day. Some providers publish nothing that a program can read: then the dated list is all there is.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::api::proxy_network::{DnsTxtSource, HttpSource, Preset};
use crate::api::validated::Invalid;
use crate::net::Family;

use super::known::{Known, Shipped, Widest};
use super::parse::{self, Shape};
use super::source::{Feed, HttpFeed, Way};

/// What is known of a provider's list.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sheet {
    /// Whose addresses these are.
    pub what: String,
    /// Where the provider documents them.
    pub page: String,
    /// How it announces changes, and how often they come.
    pub notice: String,
    /// What is easily mistaken about this list.
    pub trap: String,
    /// Families that the list has.
    pub families: Vec<Published>,
    /// Prefix lengths below which a prefix refuses the list.
    #[serde(default)]
    pub widest: Widest,
    /// Percent of the list that is expected to change in a month.
    #[serde(default)]
    pub monthly_change_percent: u32,
    /// The list as this release knew it.
    pub listed: Option<Shipped>,
    source: Option<HttpSource>,
    #[serde(rename = "dnsTXT")]
    dns_txt: Option<DnsTxtSource>,
    /// What a document must say of itself, by JSONPath: an error can come inside a 200.
    #[serde(default)]
    require: BTreeMap<String, Value>,
}

/// A family as the files write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, strum::Display)]
pub enum Published {
    IPv4,
    IPv6,
}

impl From<Published> for Family {
    fn from(family: Published) -> Self {
        match family {
            Published::IPv4 => Self::V4,
            Published::IPv6 => Self::V6,
        }
    }
}

impl Sheet {
    /// Where the list is published: the URLs, or the name of the TXT records; empty where it is only documented.
    pub fn published(&self) -> Vec<String> {
        let name = self.dns_txt.iter().map(|records| format!("TXT {}", records.name));
        self.source.iter().flat_map(|http| http.urls.iter().cloned()).chain(name).collect()
    }
}

const fn text(preset: Preset) -> &'static str {
    match preset {
        Preset::Akamai => include_str!("presets/akamai.yaml"),
        Preset::ArvanCloud => include_str!("presets/arvancloud.yaml"),
        Preset::Bunny => include_str!("presets/bunny.yaml"),
        Preset::CDN77 => include_str!("presets/cdn77.yaml"),
        Preset::CacheFly => include_str!("presets/cachefly.yaml"),
        Preset::CloudFront => include_str!("presets/cloudfront.yaml"),
        Preset::Cloudflare => include_str!("presets/cloudflare.yaml"),
        Preset::DDoSGuard => include_str!("presets/ddos-guard.yaml"),
        Preset::Fastly => include_str!("presets/fastly.yaml"),
        Preset::Gcore => include_str!("presets/gcore.yaml"),
        Preset::GoCache => include_str!("presets/gocache.yaml"),
        Preset::GoogleCloud => include_str!("presets/google-cloud.yaml"),
        Preset::GoogleCloudInternetNEG => include_str!("presets/google-cloud-internet-neg.yaml"),
        Preset::Imperva => include_str!("presets/imperva.yaml"),
        Preset::KeyCDN => include_str!("presets/keycdn.yaml"),
        Preset::Medianova => include_str!("presets/medianova.yaml"),
        Preset::ParsPack => include_str!("presets/parspack.yaml"),
        Preset::QUICcloud => include_str!("presets/quic-cloud.yaml"),
        Preset::RedShield => include_str!("presets/redshield.yaml"),
        Preset::Sucuri => include_str!("presets/sucuri.yaml"),
    }
}

/// A preset's file.
pub fn sheet(preset: Preset) -> Result<Sheet, Invalid> {
    // The files are compiled in and a test reads all of them, so this fails only in a broken build.
    crate::yaml::read(text(preset)).map_err(|problem| Invalid::new("source.preset.name", problem.to_string()))
}

/// The feed of a preset.
pub fn feed(preset: Preset) -> Result<Feed, Invalid> {
    let sheet = sheet(preset)?;
    let known = Known {
        families: sheet.families.iter().map(|family| Family::from(*family)).collect(),
        widest: sheet.widest,
        shipped: sheet.listed.clone(),
        monthly_change_percent: sheet.monthly_change_percent,
    };
    let way = match (sheet.source, sheet.dns_txt, sheet.listed) {
        (Some(http), None, _) => Way::Http(with_requirements(HttpFeed::new(&http)?, sheet.require)?),
        (None, Some(records), _) => Way::dns_text(&records)?,
        (None, None, Some(listed)) => Way::Release(listed),
        _ => {
            let problem = format!(
                "names {preset}, which publishes no list that a program can read, and none came with this release: copy \
                 the networks of {} into a source of type Inline",
                sheet.page
            );
            return Err(Invalid::new("source.preset.name", problem));
        }
    };
    Ok(Feed { way, known })
}

fn with_requirements(mut feed: HttpFeed, wanted: BTreeMap<String, Value>) -> Result<HttpFeed, Invalid> {
    if let Shape::Json { require, .. } = &mut feed.shape {
        for path in wanted.keys() {
            parse::check_path(path).map_err(|problem| Invalid::new("source.preset.name", problem.to_string()))?;
        }
        *require = wanted.into_iter().collect();
    }
    Ok(feed)
}

#[cfg(test)]
mod tests;
