//! Akamai Site Shield: one map, with what it uses now and what is proposed.

use http::Method;
use jiff::Timestamp;
use serde_json::Value;

use super::answer::{self, Fault};
use super::refusal::{Refusal, Why};
use super::sign::Call;
use super::{Account, Acknowledged, Listing};
use crate::observe::ranges::parse::ParseProblem;

fn call(method: Method, path: String) -> Call {
    Call { method, path, query: Vec::new(), body: String::new(), action: "", version: "" }
}

/// The call that gives the list.
pub fn read(account: &Account) -> Call {
    call(Method::GET, format!("/siteshield/v1/maps/{}", account.resource()))
}

/// The call that acknowledges the proposal.
pub fn acknowledgement(account: &Account) -> Call {
    call(Method::POST, format!("/siteshield/v1/maps/{}/acknowledge", account.resource()))
}

/// What a refused call says: problem JSON (RFC 9457). Its type is a URL and not repeated.
pub fn refusal(status: u16, answer: &Value) -> Why {
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    let skewed = [text("title"), text("detail")].iter().any(|words| words.contains("timestamp"));
    if matches!(status, 400 | 401) && skewed { Why::Clock } else { Refusal::by_status(status) }
}

/// The list in the answer to [`read`].
pub fn listing(answer: &Value) -> Result<Listing, Fault> {
    let list = |name: &str| answer::texts(answer.get(name));
    let current = answer::set(&list("currentCidrs")?.ok_or(ParseProblem::NoList)?)?;
    // Nothing is proposed most of the time; the API writes that in several ways.
    let proposed = list("proposedCidrs")?.filter(|proposed| !proposed.is_empty());
    let next = match proposed {
        None => None,
        Some(proposed) => answer::announced(&current, answer::set(&proposed)?, None).map(|mut next| {
            if answer.get("acknowledged").and_then(Value::as_bool) == Some(true) {
                next.acknowledged = Acknowledged::Yes;
            }
            let by = answer.get("acknowledgeRequiredBy").and_then(Value::as_i64).filter(|by| *by > 0);
            next.deadline = by.and_then(|by| Timestamp::from_millisecond(by).ok());
            next
        }),
    };
    Ok(Listing { version: None, current, next })
}
