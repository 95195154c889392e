//! Alibaba Cloud: Anti-DDoS Proxy, WAF and ESA. All three are RPC calls with the operation in a header.

use http::Method;
use serde_json::Value;

use crate::api::proxy_network::{Product, Region};

use super::answer::{self, Fault};
use super::refusal::{Refusal, Why};
use super::sign::Call;
use super::{Account, Listing};
use crate::observe::ranges::parse::ParseProblem;

/// Members of both families, in two of the products.
const FAMILIES: [&str; 2] = ["IPv4", "IPv6"];

fn call(method: Method, action: &'static str, version: &'static str, query: Vec<(&'static str, String)>) -> Call {
    Call { method, path: "/".to_owned(), query, body: String::new(), action, version }
}

/// The calls that together give the list.
pub fn reads(account: &Account) -> Vec<Call> {
    match account.product {
        // Without a version it answers with one family only.
        Product::AlibabaAntiDDoS => ["Ipv4", "Ipv6"]
            .map(|family| {
                call(Method::POST, "DescribeBackSourceCidr", "2020-01-01", vec![("IpVersion", family.to_owned())])
            })
            .to_vec(),
        Product::AlibabaWAF => {
            let region = match account.region {
                Some(Region::International) => "ap-southeast-1",
                Some(Region::Mainland) | None => "cn-hangzhou",
            };
            let query = vec![("InstanceId", account.resource().to_owned()), ("RegionId", region.to_owned())];
            vec![call(Method::POST, "DescribeWafSourceIpSegment", "2021-10-01", query)]
        }
        _ => vec![call(
            Method::GET,
            "GetOriginProtection",
            "2024-09-10",
            vec![("SiteId", account.resource().to_owned())],
        )],
    }
}

/// The call that confirms the latest list of ESA.
pub fn acknowledgement(account: &Account) -> Call {
    let query = vec![("SiteId", account.resource().to_owned())];
    call(Method::POST, "UpdateOriginProtectionIpWhiteList", "2024-09-10", query)
}

/// What a refused call says: `{"Code": …, "Message": …}`.
pub fn refusal(status: u16, answer: &Value) -> Option<(Why, &str)> {
    let code = answer.get("Code").and_then(Value::as_str)?;
    let begins = |words: &[&str]| words.iter().any(|word| code.starts_with(word));
    let why = if begins(&[
        "SignatureDoesNotMatch",
        "IncompleteSignature",
        "InvalidAccessKey",
        "InvalidSecurityToken",
        "MissingSecurityToken",
    ]) {
        Why::Key
    } else if begins(&["InvalidTimeStamp", "IllegalTimestamp"]) {
        Why::Clock
    } else if begins(&["Throttling"]) {
        Why::Throttled
    } else if begins(&["OriginProtectionNotExist"]) {
        Why::Disabled
    } else if begins(&["SiteNotFound", "InvalidInstance", "InstanceNot"]) {
        Why::Resource
    } else if begins(&["Forbidden", "NoPermission", "ActionUnauthorized"]) {
        Why::Right
    } else if status == 404 {
        // Codes that begin otherwise say that the operation does not exist there.
        Why::Other
    } else {
        Refusal::by_status(status)
    };
    Some((why, code))
}

/// The list in the answers to [`reads`].
pub fn listing(account: &Account, answers: &[Value]) -> Result<Listing, Fault> {
    match account.product {
        Product::AlibabaAntiDDoS => {
            let lists = answers.iter().map(back_sources).collect::<Result<Vec<_>, _>>()?;
            Ok(Listing::plain(answer::set(&lists.concat())?))
        }
        Product::AlibabaWAF => {
            let answer = answers.first().ok_or(ParseProblem::NoList)?;
            // 3.0 has an object, 2.0 two texts beside each other.
            let list = match answer.get("WafSourceIp") {
                Some(found) => answer::families(Some(found), FAMILIES),
                None => answer::families(Some(answer), ["Ips", "IpV6s"]),
            };
            Ok(Listing::plain(list?))
        }
        _ => protection(answers.first().ok_or(ParseProblem::NoList)?),
    }
}

/// `Cidrs` since 2020-01-01; `CidrList` as a list in 2017-12-28, and as an object with `Cidr` before. An account without a
/// family has an empty list of it.
fn back_sources(answer: &Value) -> Result<Vec<String>, ParseProblem> {
    let older = answer.get("CidrList");
    let found = answer.get("Cidrs").or_else(|| older.and_then(|list| list.get("Cidr"))).or(older);
    answer::texts(found)?.ok_or(ParseProblem::NoList)
}

/// ESA: the list that the site uses, and the latest one, which it uses once that is confirmed.
fn protection(answer: &Value) -> Result<Listing, Fault> {
    if answer.get("OriginProtection").and_then(Value::as_str) == Some("off") {
        return Err(Fault::Refused(Refusal::of(Why::Disabled)));
    }
    let current = answer::families(answer.get("CurrentIPWhitelist"), FAMILIES)?;
    let latest = answer.get("LatestIPWhitelist");
    let next = match (latest, answer.get("NeedUpdate").and_then(Value::as_bool)) {
        // A list that is announced and not told is no answer.
        (None, Some(true)) => return Err(ParseProblem::NoList.into()),
        (None, _) => None,
        (Some(_), _) => answer::announced(&current, answer::families(latest, FAMILIES)?, None),
    };
    Ok(Listing { version: None, current, next })
}
