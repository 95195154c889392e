//! What is known of a list before it is read: what it must have, how wide it may be, and what it was when this release was
//! made. Presets know it; a list of the user's own has only what every list must have.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::net::{Family, Prefix, RangeSet};

/// Days of a month in which a preset's share of change is counted.
const MONTH: u32 = 30;

/// What is known of a list.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Families that the list has; one that is missing refuses the list.
    pub families: Vec<Family>,
    /// Prefix lengths below which a prefix refuses the list.
    pub widest: Widest,
    /// The list as a release of Leeward knew it.
    pub shipped: Option<Shipped>,
    /// Percent of the list that is expected to change in a month.
    pub monthly_change_percent: u32,
}

/// The shortest length of a prefix, by family. Absent: only the floor of all lists holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct Widest {
    #[serde(rename = "IPv4", skip_serializing_if = "Option::is_none")]
    pub ipv4: Option<u8>,
    #[serde(rename = "IPv6", skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<u8>,
}

impl Widest {
    /// That of a family.
    pub const fn of(self, family: Family) -> Option<u8> {
        match family {
            Family::V4 => self.ipv4,
            Family::V6 => self.ipv6,
        }
    }
}

/// The list as a release of Leeward knew it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Shipped {
    /// Day on which it was so, such as 2026-08-31.
    pub as_of: Date,
    /// Its prefixes.
    pub cidrs: Vec<Prefix>,
}

impl Shipped {
    /// Its addresses.
    pub fn ranges(&self) -> RangeSet {
        self.cidrs.iter().collect()
    }
}

impl Known {
    /// Percent of a list of that day that may be missing now: what may vanish in one revision, and what was expected to
    /// change since. A list of last spring must not be guarded as if it had been fetched yesterday, but a family that is
    /// gone altogether is a loss after any time.
    pub fn loss_percent(&self, in_one_revision: u32, as_of: Date, now: Timestamp) -> u32 {
        let today = now.to_zoned(TimeZone::UTC).date();
        let days = as_of.until(today).map_or(0, |span| u32::try_from(span.get_days()).unwrap_or_default());
        let expected = self.monthly_change_percent.saturating_mul(days) / MONTH;
        in_one_revision.saturating_add(expected).min(in_one_revision.max(99))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_list_may_differ_by_more_and_never_by_all() {
        let known = |monthly_change_percent| Known { monthly_change_percent, ..Known::default() };
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (then, soon, later) = (at("2026-08-11T12:00:00Z"), at("2026-10-10T00:00:00Z"), at("2030-01-01T00:00:00Z"));
        let day = jiff::civil::date(2026, 8, 11);
        assert_eq!(known(10).loss_percent(20, day, then), 20);
        assert_eq!(known(10).loss_percent(20, day, soon), 40);
        assert_eq!(known(10).loss_percent(20, day, later), 99);
        assert_eq!(known(10).loss_percent(100, day, later), 100, "the user's own word stands");
        assert_eq!(known(0).loss_percent(20, day, later), 20);
        assert_eq!(known(10).loss_percent(20, day, at("2020-01-01T00:00:00Z")), 20, "a clock that is wrong");
    }
}
