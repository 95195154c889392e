//! Why a verdict is what it is: every rule at every place, matched or why not; and what a cause
//! means.

use super::rules::{CHAIN, Locus, places};
use super::view::View;
use crate::api::{Cause, Confidence};
use crate::evidence::Case;
use serde::Serialize;

/// One rule at one place.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// The cause that the rule names.
    pub cause: Cause,
    /// What it looks for.
    pub looks_for: &'static str,
    /// Where it was judged: `site`, or an edge or origin address.
    pub place: String,
    /// How sure it is where it matched; absent where it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// What it says, or why it does not apply.
    pub why: String,
}

impl Step {
    pub const fn matched(&self) -> bool {
        self.confidence.is_some()
    }
}

/// Every rule that was looked at, in order, place by place.
pub fn chain(case: &Case) -> Vec<Step> {
    let view = View::new(case);
    let mut steps = Vec::new();
    for place in places(&view) {
        for rule in CHAIN {
            let (confidence, why) = match (rule.judge)(&view, place) {
                Ok(found) => (Some(found.confidence), found.says),
                Err(why) => (None, why.to_owned()),
            };
            steps.push(Step { cause: rule.cause, looks_for: rule.looks_for, place: name(place), confidence, why });
        }
    }
    steps
}

fn name(place: Locus<'_, '_>) -> String {
    match place {
        Locus::Site => "site".to_owned(),
        Locus::Edge(edge) => {
            let address = edge.address.map_or_else(|| "unresolved".to_owned(), |a| a.to_string());
            format!("edge {address} from {}", edge.vantage)
        }
        Locus::Origin(origin) => format!("origin {}", origin.address),
    }
}

macro_rules! pages {
    ($($cause:ident),+ $(,)?) => {
        /// The page of a cause: what it means, what shows it, what looks alike, and what to do.
        pub const fn page(cause: Cause) -> &'static str {
            match cause {
                $(Cause::$cause => include_str!(concat!("../../docs/causes/", stringify!($cause), ".md")),)+
            }
        }
    };
}

pages!(
    Healthy,
    ProxyBlocked,
    ProxyRateLimited,
    AllowlistIncomplete,
    AllowlistWrongAddress,
    ProxyOriginMisconfigured,
    OriginProtocolMismatch,
    ProxyPolicyDenied,
    ProxyFault,
    ProxyUnderAttack,
    ProxyCertInvalid,
    StaleErrorCached,
    ProxyEgressExhausted,
    DnsBypassesProxy,
    DnsFailed,
    ProxyOriginDnsFailed,
    DnsInconsistent,
    OriginUnreachable,
    OriginBlackholed,
    PortFiltered,
    NetworkDegraded,
    UplinkCongested,
    PathMtuBlackhole,
    OriginRefused,
    AcceptSaturated,
    OriginClosedEarly,
    KeepAliveRace,
    OriginCertExpired,
    OriginCertExpiring,
    OriginCertMismatch,
    OriginCertUntrusted,
    TlsIncompatible,
    OriginReturns5xx,
    UnexpectedResponse,
    OriginTimeout,
    OriginResponseInvalid,
    OriginHeaderTooLarge,
    VhostMismatch,
    RedirectLoop,
    NoReadyEndpoints,
    TargetPortMismatch,
    PodCrashLoop,
    PodOomKilled,
    ReadinessFailing,
    OriginOverloaded,
    RolloutRace,
    NetworkPolicyBlocks,
    NodeFault,
    OriginAttackedDirectly,
    OriginExposed,
    ClientSubset,
    VantageFault,
    Inconclusive,
);

#[cfg(test)]
mod tests {
    use super::*;
    use strum::IntoEnumIterator;

    #[test]
    fn every_cause_has_its_page_and_every_page_its_cause() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/causes");
        let mut pages: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().to_string_lossy().trim_end_matches(".md").to_owned())
            .collect();
        pages.sort();
        let mut causes: Vec<String> = Cause::iter().map(|c| c.to_string()).collect();
        causes.sort();
        assert_eq!(pages, causes);
    }

    #[test]
    fn a_page_says_what_it_must() {
        for cause in Cause::iter() {
            let text = page(cause);
            assert!(text.starts_with(&format!("# {cause}\n")), "{cause} has another title");
            for heading in ["## Meaning", "## Evidence", "## Look-alikes", "## What to do", "## What Leeward does"] {
                assert!(text.contains(heading), "{cause} lacks {heading}");
            }
            assert!(text.lines().count() >= 24, "{cause} is too thin");
            for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
                let linked = link.trim_end_matches(".md").parse::<Cause>();
                assert!(linked.is_ok(), "{cause} links to {link}, which is no cause");
            }
        }
    }
}
