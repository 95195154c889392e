//! Providers whose published list is known: one dated data file each.

use serde::Deserialize;

use crate::api::proxy_network::{HttpSource, Preset};
use crate::api::validated::Invalid;
use crate::net::{Family, Prefix, RangeSet};

use super::parse::Shape;
use super::source::HttpFeed;

/// A preset's file.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    source: HttpSource,
    require_true: Option<String>,
    families: Vec<Listed>,
    listed: Shipped,
}

/// A family as the files write it.
#[derive(Deserialize)]
enum Listed {
    IPv4,
    IPv6,
}

/// The list as a release of Leeward knew it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Shipped {
    /// Day on which it was read, such as 2026-08-31.
    pub as_of: String,
    /// Its prefixes.
    pub cidrs: Vec<Prefix>,
}

const fn text(preset: Preset) -> &'static str {
    match preset {
        Preset::Cloudflare => include_str!("presets/cloudflare.yaml"),
    }
}

fn file(preset: Preset) -> Result<File, Invalid> {
    // The files are compiled in and a test reads all of them, so this fails only in a broken build.
    serde_saphyr::from_str(text(preset)).map_err(|problem| {
        Invalid::new("source.preset.name", format!("{preset} has an unreadable data file: {problem}"))
    })
}

/// The feed of a preset.
pub fn feed(preset: Preset) -> Result<HttpFeed, Invalid> {
    let file = file(preset)?;
    let mut feed = HttpFeed::new(&file.source)?;
    if let Shape::Json { require_true, .. } = &mut feed.shape {
        *require_true = file.require_true;
    }
    feed.families = file
        .families
        .iter()
        .map(|family| match family {
            Listed::IPv4 => Family::V4,
            Listed::IPv6 => Family::V6,
        })
        .collect();
    feed.shipped = Some(file.listed.cidrs.iter().collect::<RangeSet>());
    Ok(feed)
}

/// The list that came with this release, with its date. A fetched list is always preferred.
pub fn shipped(preset: Preset) -> Result<Shipped, Invalid> {
    file(preset).map(|file| file.listed)
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator as _;

    use super::*;
    use crate::net::{AdmittedRanges, Provenance};

    #[test]
    fn every_preset_has_a_readable_file_with_an_admissible_dated_list() {
        for preset in Preset::iter() {
            let feed = feed(preset).unwrap();
            let shipped = shipped(preset).unwrap();
            assert!(shipped.as_of.parse::<jiff::civil::Date>().is_ok(), "{preset}");
            let listed: RangeSet = shipped.cidrs.iter().collect();
            assert_eq!(listed.prefixes(), shipped.cidrs, "{preset}: not canonical");
            for family in &feed.families {
                assert!(listed.coverage(*family) > 0, "{preset} ships no {family}");
            }
            AdmittedRanges::admit(listed, Provenance::Remote).unwrap();
        }
    }

    #[test]
    fn the_cloudflare_list_is_the_known_one() {
        let listed: RangeSet = shipped(Preset::Cloudflare).unwrap().cidrs.iter().collect();
        assert_eq!((listed.prefix_count(Family::V4), listed.prefix_count(Family::V6)), (15, 7));
    }
}
