//! The origin's response header is larger than the proxy takes.

use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::{Cause, Confidence};
use crate::diagnose::view::edge::{Edge, Seen};
use crate::diagnose::view::leg::Leg;
use crate::diagnose::view::origin::{OriginAddress, Standing};
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;
use crate::evidence::fact::Variation;
use crate::evidence::probe::ProxyStatus;

pub const TOO_LARGE: Rule = Rule {
    cause: Cause::OriginHeaderTooLarge,
    looks_for: "an origin that answers well with more header bytes than the proxy takes",
    judge: too_large,
};

/// The limit is the proxy's default, which may have been raised, and a block looks the same. High when the proxy itself
/// says so, or when another path, with small headers, is seen to come through the same proxy from the same origin.
fn too_large<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let Locus::Edge(Edge { fault: Some(fault), .. }) = place else { return Err("no edge fails here") };
    let Seen::Answer { trouble: Trouble::Status(500..), hop, leg, .. } = fault.seen else {
        return Err("the proxy gave no error of its own");
    };
    if hop.origin() || fault.wavers {
        return Err("the origin's answer came through, or does so now and then");
    }
    let named = leg == Leg::HeaderTooLarge;
    let limit = view.subject.provider.habits().header_bytes;
    let bytes = |o: &OriginAddress<'_>| o.response().and_then(|r| r.header_bytes);
    let large = |o: &&OriginAddress<'c>| {
        named
            || bytes(o).zip(limit).is_some_and(|(bytes, limit)| bytes > limit)
                && matches!(o.standing, Standing::Works(_))
    };
    let mine: Vec<_> = view.working_origins().filter(large).collect();
    if !named && (mine.is_empty() || mine.len() < view.working_origins().count()) {
        return Err("the origin's answers have no more header bytes than the proxy takes by default");
    }
    if !named && !matches!(leg, Leg::AtOnce | Leg::Terminated | Leg::Unknown) {
        return Err("the proxy's attempt ended otherwise");
    }
    if !named && small_fails(view, limit) {
        return Err("a path with small headers fails as well");
    }
    let through = comes_through(view);
    let sure = named || through.is_some();
    let says = match mine.iter().filter_map(|o| bytes(o)).max() {
        Some(bytes) => {
            format!("the origin answers with about {} KiB of headers, more than the proxy takes", bytes.div_ceil(1024))
        }
        None => "the proxy says that the origin's response header is too large".to_owned(),
    };
    Ok(Match::new(if sure { Confidence::High } else { Confidence::Medium }, Ground::Fact, says)
        .showing([Exhibit::Probe(fault.track, fault.probe)])
        .showing(mine.iter().filter_map(|o| o.exhibit()))
        .showing(through)
        .or([Cause::ProxyBlocked, Cause::ProxyOriginMisconfigured].into_iter().filter(|_| !sure))
        .decided_by(Next::ProxyLog))
}

/// Another path has small headers at the origin, and the proxy fails with it just so.
fn small_fails(view: &View<'_>, limit: Option<u32>) -> bool {
    let small = view.replays.every(Variation::StrangePath).filter_map(|r| r.probe.response.as_ref()?.header_bytes);
    let fails = view.replays.proxied(Variation::StrangePath).and_then(|r| r.probe.response.as_ref());
    limit.is_some_and(|limit| small.max().is_some_and(|most| most <= limit)) && fails.is_some_and(|r| r.status >= 500)
}

/// An answer of the origin to a path that nobody knows, which arrives through the proxy.
fn comes_through<'c>(view: &View<'c>) -> Option<Exhibit<'c>> {
    let proxied = view.replays.proxied(Variation::StrangePath)?;
    let response = proxied.probe.response.as_ref()?;
    let same = view.replays.every(Variation::StrangePath).any(|direct| direct.answers_as(proxied.probe));
    let marked = response.marker == Some(true) || response.proxy_status == Some(ProxyStatus::Relayed);
    (response.status < 500 && (marked || same && response.body_bytes > 0)).then_some(Exhibit::Fact(proxied.fact))
}
