//! Visitors are sent round in a circle, or requests are.

use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::spec::Scheme;
use crate::api::{Cause, Confidence};
use crate::diagnose::view::edge::{Edge, Seen};
use crate::diagnose::view::leg::Leg;
use crate::diagnose::view::origin::OriginAddress;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;
use crate::evidence::probe::Redirect;

pub const LOOP: Rule = Rule {
    cause: Cause::RedirectLoop,
    looks_for: "a URL that comes back on the way of its own redirects, or a proxy that says that it meets itself",
    judge: redirect_loop,
};

/// A URL that comes back without a cookie is a circle for everybody: what was seen is the cause itself. With a cookie it
/// is a challenge or a login, which other rules judge.
fn redirect_loop<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let Locus::Edge(Edge { fault: Some(fault), .. }) = place else { return Err("no edge fails here") };
    let shown = Exhibit::Probe(fault.track, fault.probe);
    let base = |says: &'static str| Match::new(Confidence::High, Ground::Fact, says).showing([shown]);
    if let Seen::Answer { leg: Leg::Loop, .. } = fault.seen {
        return Ok(base("the proxy says that its requests come back to itself"));
    }
    let Seen::Loop = fault.seen else { return Err("no URL comes back on the way of its redirects") };
    let redirects = |o: &&OriginAddress<'_>| o.response().is_some_and(|r| r.redirect != Redirect::None);
    let origin = view.origins.iter().find(redirects);
    let pages = view.working_origins().next().is_some() && origin.is_none();
    let says = if origin.is_some() && view.subject.origin_scheme == Scheme::HTTP {
        "visitors are redirected in a circle: the proxy asks the origin over HTTP, and the origin sends them on"
    } else if origin.is_some() {
        "visitors are redirected in a circle, and the origin itself redirects"
    } else if pages {
        "the edge redirects visitors in a circle, while the origin gives the page"
    } else {
        "visitors are redirected in a circle"
    };
    Ok(base(says).showing(view.origins.iter().filter_map(OriginAddress::exhibit)).decided_by(Next::ProxySettings))
}
