//! Tencent EdgeOne: the origin ACL of a zone, with the version that comes next.

use http::Method;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use serde_json::{Value, json};

use super::answer::{self, Fault};
use super::refusal::{Refusal, Why};
use super::sign::Call;
use super::{Account, Listing};
use crate::observe::ranges::parse::ParseProblem;

/// The service's name in signatures.
pub const SERVICE: &str = "teo";

fn call(account: &Account, action: &'static str) -> Call {
    let body = json!({"ZoneId": account.resource()}).to_string();
    Call { method: Method::POST, path: "/".to_owned(), query: Vec::new(), body, action, version: "2022-09-01" }
}

/// The call that gives the list.
pub fn read(account: &Account) -> Call {
    call(account, "DescribeOriginACL")
}

/// The call that confirms the next version.
pub fn acknowledgement(account: &Account) -> Call {
    call(account, "ConfirmOriginACLUpdate")
}

/// What a refused call says, inside a 200: `{"Response": {"Error": {"Code": …}}}`.
pub fn refusal(answer: &Value) -> Option<(Why, &str)> {
    let code = answer.pointer("/Response/Error")?.get("Code").and_then(Value::as_str).unwrap_or_default();
    let begins = |words: &[&str]| words.iter().any(|word| code.starts_with(word));
    let why = if begins(&["AuthFailure.SignatureExpire"]) {
        Why::Clock
    } else if begins(&["AuthFailure.UnauthorizedOperation", "UnauthorizedOperation", "OperationDenied"]) {
        Why::Right
    } else if begins(&["AuthFailure"]) {
        Why::Key
    } else if begins(&["RequestLimitExceeded", "LimitExceeded"]) {
        Why::Throttled
    } else if begins(&["ResourceNotFound"]) || code.contains("ZoneNotFound") {
        Why::Resource
    } else {
        Why::Other
    };
    Some((why, code))
}

/// The list in the answer to [`read`].
pub fn listing(answer: &Value) -> Result<Listing, Fault> {
    let info = answer.pointer("/Response/OriginACLInfo").filter(|info| !info.is_null()).ok_or(ParseProblem::NoList)?;
    if info.get("Status").and_then(Value::as_str) == Some("offline") {
        return Err(Fault::Refused(Refusal::of(Why::Disabled)));
    }
    let list = |acl: &Value| answer::families(acl.get("EntireAddresses"), ["IPv4", "IPv6"]);
    let name = |acl: &Value| acl.get("Version").and_then(Value::as_str).map(str::to_owned);
    let acl = info.get("CurrentOriginACL").ok_or(ParseProblem::NoList)?;
    let current = list(acl)?;
    let next = match info.get("NextOriginACL").filter(|next| !next.is_null()) {
        None => None,
        Some(acl) => answer::announced(&current, list(acl)?, name(acl).as_deref()).map(|mut next| {
            next.deadline = acl.get("PlannedActiveTime").and_then(Value::as_str).and_then(moment);
            next
        }),
    };
    Ok(Listing { version: name(acl).filter(|name| answer::is_version(name)), current, next })
}

/// The documents say that times are UTC+8, and their examples end with Z. The earlier reading is taken: a deadline that is shown
/// too early does no harm. An offset that is written out counts.
fn moment(text: &str) -> Option<Timestamp> {
    let local = text.strip_suffix('Z').unwrap_or(text);
    let here =
        |civil: DateTime| civil.to_zoned(TimeZone::fixed(Offset::constant(8))).ok().map(|zoned| zoned.timestamp());
    match local.parse::<Timestamp>() {
        Ok(at) => Some(at),
        Err(_) => local.parse::<DateTime>().ok().and_then(here),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earlier_reading_of_a_time_is_taken() {
        let at = |text: &str| moment(text).map(|at| at.to_string());
        let wanted = Some("2014-12-30T02:00:00Z".to_owned());
        assert_eq!(at("2014-12-30T10:00:00Z"), wanted);
        assert_eq!(at("2014-12-30T10:00:00"), wanted);
        assert_eq!(at("2014-12-30T10:00:00+08:00"), wanted);
        assert_eq!(at("soon"), None);
    }
}
