//! One question after the other, each signed anew; a list is taken from all answers or from none.

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use serde_json::Value;

use crate::api::proxy_network::Product;
use crate::observe::ranges::fetch::FeedClient;
use crate::observe::ranges::parse::{FeedError, ParseProblem, Unreachable};

use super::answer::Fault;
use super::refusal::{Code, Refusal, Why};
use super::sign::{Call, Stamp, acs3, edgegrid, tc3};
use super::{Account, Acknowledged, Announced, Keys, Listing, akamai, alibaba, huawei, tencent};

impl FeedClient {
    /// What the account's API lists.
    pub async fn listing(&self, account: &Account, keys: &Keys) -> Result<Listing, FeedError> {
        let mut answers = Vec::new();
        for call in account.reads() {
            answers.push(self.answer(account, keys, &call, account.right_to_read()).await?);
        }
        account.listing(&answers).map_err(|fault| match fault {
            Fault::Shape(problem) => account.unparsable(problem),
            Fault::Refused(refusal) => account.refused(&refusal, account.right_to_read()),
        })
    }

    /// Tells the provider that the list which it has announced is allowed, if that is still `wanted` and nobody has told it, and
    /// `may` says so at the last moment. The APIs take no version and confirm whatever is announced when they are called: so it
    /// is looked at once more just before. Returns what is listed, and why the provider did not take it.
    pub async fn confirm(
        &self,
        account: &Account,
        keys: &Keys,
        wanted: &Announced,
        may: &(dyn Fn() -> bool + Sync),
    ) -> Result<(Listing, Option<FeedError>), FeedError> {
        let mut listing = self.listing(account, keys).await?;
        let Some(next) = &mut listing.next else { return Ok((listing, None)) };
        let same = next.version == wanted.version && next.ranges == wanted.ranges;
        if !same || next.acknowledged != Acknowledged::No || !may() {
            return Ok((listing, None));
        }
        match self.acknowledge(account, keys).await {
            Ok(()) => next.acknowledged = Acknowledged::Now(Timestamp::now()),
            Err(error) => return Ok((listing, Some(error))),
        }
        Ok((listing, None))
    }

    async fn acknowledge(&self, account: &Account, keys: &Keys) -> Result<(), FeedError> {
        let call = match account.product {
            Product::AlibabaESA => alibaba::acknowledgement(account),
            Product::TencentEdgeOne => tencent::acknowledgement(account),
            Product::AkamaiSiteShield => akamai::acknowledgement(account),
            Product::AlibabaAntiDDoS | Product::AlibabaWAF | Product::HuaweiAAD | Product::HuaweiWAF => return Ok(()),
        };
        self.answer(account, keys, &call, account.right_to_acknowledge()).await.map(|_| ())
    }

    /// One call's answer, unless it is a refusal.
    async fn answer(&self, account: &Account, keys: &Keys, call: &Call, right: &str) -> Result<Value, FeedError> {
        let mut url = account.endpoint.clone();
        url.set_path(&call.path);
        let query = call.canonical_query();
        url.set_query((!query.is_empty()).then_some(query.as_str()));
        let host = url.port().map_or_else(|| account.host().to_owned(), |port| format!("{}:{port}", account.host()));
        let headers = header_map(account.headers(call, &host, keys, &Stamp::of_now()));
        let headers = headers.ok_or_else(|| account.refused(&Refusal::of(Why::Key), right))?;
        let (status, body) = self.call(call.method.clone(), url, headers, call.body.clone()).await?;
        let answer: Value = match serde_json::from_slice(&body) {
            Ok(answer) => answer,
            // A page of a load balancer in front of the API.
            Err(_) if status != 200 => return Err(account.unreachable(Unreachable::Status(status))),
            Err(_) if body.trim_ascii_start().starts_with(b"<") => {
                return Err(account.unparsable(ParseProblem::WebPage));
            }
            Err(_) => return Err(account.unparsable(ParseProblem::NotJson)),
        };
        match account.refusal(status, &answer, keys) {
            Some(refusal) => Err(account.refused(&refusal, right)),
            None => Ok(answer),
        }
    }
}

impl Account {
    fn reads(&self) -> Vec<Call> {
        match self.product {
            Product::AlibabaAntiDDoS | Product::AlibabaWAF | Product::AlibabaESA => alibaba::reads(self),
            Product::TencentEdgeOne => vec![tencent::read(self)],
            Product::AkamaiSiteShield => vec![akamai::read(self)],
            Product::HuaweiAAD | Product::HuaweiWAF => vec![huawei::read(self)],
        }
    }

    pub(super) fn listing(&self, answers: &[Value]) -> Result<Listing, Fault> {
        let one = || answers.first().ok_or(ParseProblem::NoList);
        match self.product {
            Product::AlibabaAntiDDoS | Product::AlibabaWAF | Product::AlibabaESA => alibaba::listing(self, answers),
            Product::TencentEdgeOne => tencent::listing(one()?),
            Product::AkamaiSiteShield => akamai::listing(one()?),
            Product::HuaweiAAD | Product::HuaweiWAF => huawei::listing(self, one()?),
        }
    }

    fn headers(&self, call: &Call, host: &str, keys: &Keys, stamp: &Stamp) -> Vec<(&'static str, String)> {
        match self.product {
            Product::AlibabaAntiDDoS | Product::AlibabaWAF | Product::AlibabaESA => {
                acs3::headers(call, host, keys, stamp)
            }
            Product::TencentEdgeOne => tc3::headers(call, host, tencent::SERVICE, keys, stamp),
            Product::AkamaiSiteShield => edgegrid::headers(call, host, keys, stamp),
            Product::HuaweiAAD | Product::HuaweiWAF => huawei::headers(keys),
        }
    }

    /// Why an answer is none. An error can come inside a 200, and everything but 200 is one.
    fn refusal(&self, status: u16, answer: &Value, keys: &Keys) -> Option<Refusal> {
        let said = match self.product {
            Product::AlibabaAntiDDoS | Product::AlibabaWAF | Product::AlibabaESA => alibaba::refusal(status, answer),
            Product::TencentEdgeOne => tencent::refusal(answer),
            Product::AkamaiSiteShield if status != 200 => Some((akamai::refusal(status, answer), "")),
            Product::AkamaiSiteShield => None,
            Product::HuaweiAAD | Product::HuaweiWAF => huawei::refusal(status, answer),
        };
        let failed = (status != 200).then_some(status);
        let (why, code) = said.or_else(|| failed.map(|status| (Refusal::by_status(status), "")))?;
        Some(Refusal { why, code: Code::of(code, keys), status: failed })
    }

    fn refused(&self, refusal: &Refusal, right: &str) -> FeedError {
        let sentence = refusal.sentence(&self.product, &self.secret, right);
        FeedError::Refused { reason: refusal.reason(), sentence }
    }

    fn unparsable(&self, problem: ParseProblem) -> FeedError {
        FeedError::Unparsable { document: format!("the answer of {} ({})", self.product, self.host()), problem }
    }

    fn unreachable(&self, how: Unreachable) -> FeedError {
        FeedError::Unreachable { host: self.host().to_owned(), how }
    }
}

/// The headers as they are sent. The client makes `host` itself, from the same URL. None of the values is ever logged.
fn header_map(headers: Vec<(&'static str, String)>) -> Option<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in headers.into_iter().filter(|(name, _)| *name != "host") {
        let mut value = HeaderValue::try_from(value).ok()?;
        value.set_sensitive(true);
        map.insert(HeaderName::from_static(name), value);
    }
    Some(map)
}
