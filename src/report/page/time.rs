//! Times for people: RFC 3339 in UTC, and how long ago in one coarse unit, so that a page changes only when it says
//! something new.

use jiff::Timestamp;
use maud::{Markup, html};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A time to the second.
pub fn clock(at: Timestamp) -> Markup {
    let text = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    html! { time datetime=(text) { (text) } }
}

/// A time, and how long ago it was.
pub fn since(at: Timestamp, now: Timestamp) -> Markup {
    html! { (clock(at)) " " span.faint { "(" (age(at, now)) ")" } }
}

fn age(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(at).as_secs();
    let unit = |length: i64, name: &str| {
        let count = seconds / length;
        format!("{count} {name}{} ago", if count == 1 { "" } else { "s" })
    };
    match seconds {
        ..MINUTE => "under a minute ago".to_owned(),
        MINUTE..HOUR => unit(MINUTE, "minute"),
        HOUR..DAY => unit(HOUR, "hour"),
        DAY.. => unit(DAY, "day"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_one_coarse_unit() {
        let now = Timestamp::from_second(10 * DAY).unwrap();
        let ago = |seconds: i64| age(Timestamp::from_second(10 * DAY - seconds).unwrap(), now);
        let ages = [-5, 59, 60, 119, 120, 3600, 2 * DAY].map(ago);
        let wanted = [
            "under a minute ago",
            "under a minute ago",
            "1 minute ago",
            "1 minute ago",
            "2 minutes ago",
            "1 hour ago",
            "2 days ago",
        ];
        assert_eq!(ages, wanted);
    }
}
