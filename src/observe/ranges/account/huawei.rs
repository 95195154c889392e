//! Huawei Cloud: Advanced Anti-DDoS and WAF. A token in a header stands for the key; nothing is signed.

use http::Method;
use serde_json::Value;

use crate::api::proxy_network::{Product, Region};

use super::answer::{self, Fault};
use super::keys::{HUAWEI_TOKEN, Keys};
use super::refusal::{Refusal, Why};
use super::sign::Call;
use super::{Account, Listing};
use crate::observe::ranges::parse::ParseProblem;

/// The call that gives the list.
pub fn read(account: &Account) -> Call {
    let (path, query) = if account.product == Product::HuaweiWAF {
        (format!("/v1/{}/waf/config/source-ip", account.resource()), Vec::new())
    } else {
        let overseas = u8::from(account.region == Some(Region::International));
        ("/v2/aad/source-ip".to_owned(), vec![("overseas_type", overseas.to_string())])
    };
    Call { method: Method::GET, path, query, body: String::new(), action: "", version: "" }
}

/// The headers of a call.
pub fn headers(keys: &Keys) -> Vec<(&'static str, String)> {
    vec![
        ("content-type", "application/json;charset=utf8".to_owned()),
        ("x-auth-token", keys.get(HUAWEI_TOKEN).to_owned()),
    ]
}

/// What a refused call says: `{"error_code": …, "error_msg": …}`.
pub fn refusal(status: u16, answer: &Value) -> Option<(Why, &str)> {
    let code = answer.get("error_code").and_then(Value::as_str)?;
    Some((Refusal::by_status(status), code))
}

/// The list in the answer to [`read`]: by data centre and line, or by day; all of it counts.
pub fn listing(account: &Account, answer: &Value) -> Result<Listing, Fault> {
    let (groups, list) = match account.product {
        Product::HuaweiWAF => ("source_ip", "ips"),
        _ => ("ips", "ip"),
    };
    let groups = answer.get(groups).and_then(Value::as_array).ok_or(ParseProblem::NoList)?;
    let lists = groups.iter().map(|group| answer::texts(group.get(list))?.ok_or(ParseProblem::NoList));
    let lists = lists.collect::<Result<Vec<_>, _>>()?;
    Ok(Listing::plain(answer::set(&lists.concat())?))
}
