//! Only the large response fails, and not because large packets vanish.

use super::mtu::{self, fails_for_visitors};
use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::{Cause, Confidence};
use crate::diagnose::view::replays::Repeated;
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;
use crate::evidence::fact::Variation;

pub const SLOW: Rule = Rule {
    cause: Cause::OriginTimeout,
    looks_for: "a large response that stalls on both paths, in small segments too",
    judge: slow,
};

/// The origin itself is slow with it: small segments change nothing.
fn slow<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let (direct, proxied) = both(view, place)?;
    let stalls = direct.iter().all(Repeated::stalls);
    let small = direct.iter().all(|r| {
        let address = r.probe.address;
        address.and_then(|a| view.replays.direct(Variation::LargePathSmallSegments, a)).is_some_and(|s| s.stalls())
    });
    if !stalls || !small {
        return Err("the large response does not stall at the origin in either manner");
    }
    let says = "the origin does not send the large response in time";
    Ok(found(view, Confidence::Medium, says, &direct, proxied).or([Cause::UplinkCongested]).decided_by(Next::OriginLog))
}

pub const UNEXPECTED: Rule = Rule {
    cause: Cause::UnexpectedResponse,
    looks_for: "a large response whose answer is not as expected on both paths",
    judge: unexpected,
};

/// The same unexpected status on both paths: the page is not there, or it is broken.
fn unexpected<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let (direct, proxied) = both(view, place)?;
    let Some(trouble @ Trouble::Status(status)) = Trouble::of(proxied.probe) else {
        return Err("the large response has no status that is not expected");
    };
    if !direct.iter().all(|r| Trouble::of(r.probe) == Some(trouble)) {
        return Err("the origin answers otherwise than the proxy");
    }
    let says = format!("the large response is answered with status {status} on both paths");
    Ok(found(view, Confidence::Medium, says, &direct, proxied).decided_by(Next::Expectation))
}

pub const PROXY_ONLY: Rule = Rule {
    cause: Cause::PathMtuBlackhole,
    looks_for: "a large response that stalls through the proxy only",
    judge: proxy_only,
};

/// The origin sends it to us in time, and through the proxy it stalls: a pattern that a small packet limit between the
/// proxy and the origin makes, and other things too. Low.
fn proxy_only<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let (Locus::Site, Some(proxied)) = (place, fails_for_visitors(view)) else {
        return Err("visitors get the large response, or none is declared");
    };
    let direct: Vec<_> = view.replays.every(Variation::LargePath).collect();
    if direct.is_empty() || !direct.iter().all(Repeated::works) || !proxied.stalls() {
        return Err("the large response does not stall through the proxy only");
    }
    let says = "a large response stalls through the proxy, while the origin sends it to this vantage";
    Ok(found(view, Confidence::Low, says, &direct, proxied)
        .or([Cause::NetworkDegraded, Cause::UplinkCongested])
        .decided_by(Next::SegmentSize))
}

type Both<'c> = (Vec<Repeated<'c>>, Repeated<'c>);

/// The large response fails on both paths, and nothing else does.
fn both<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Result<Both<'c>, super::Why> {
    let (Locus::Site, Some(proxied)) = (place, fails_for_visitors(view)) else {
        return Err("visitors get the large response, or none is declared");
    };
    let direct: Vec<_> = view.replays.every(Variation::LargePath).filter(|r| !r.works()).collect();
    if direct.is_empty() {
        return Err("the large response does not fail at the origin");
    }
    if (mtu::BLACKHOLE.judge)(view, place).is_ok() {
        return Err("it comes in small segments");
    }
    Ok((direct, proxied))
}

fn found<'c>(
    view: &View<'c>,
    confidence: Confidence,
    says: impl Into<String>,
    direct: &[Repeated<'c>],
    proxied: Repeated<'c>,
) -> Match<'c> {
    let mut found = Match::new(confidence, Ground::Observed, says)
        .showing([Exhibit::Fact(proxied.fact)])
        .showing(direct.iter().map(|r| Exhibit::Fact(r.fact)));
    found.paths = view.subject.large_path.iter().cloned().collect();
    found
}
