//! What is wrong without being an outage.

use super::certificate;
use crate::api::{Access, Cause, Observation};
use crate::diagnose::view::origin::Standing;
use crate::diagnose::view::{Exhibit, View};
use crate::evidence::fact::PolicyVerdict;
use crate::evidence::probe::{CertVerdict, Certificate};
use jiff::{SignedDuration, Timestamp};

/// Successive probes with the site's own content that make an exposure.
const EXPOSED_AFTER: u32 = 2;
/// A valid certificate is worth a word below this.
const EXPIRES_SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Risks with their evidence, in the order of the causes.
pub fn risks<'c>(view: &View<'c>) -> Vec<(Cause, Vec<Exhibit<'c>>)> {
    let mut risks = Vec::new();
    let mut push = |cause, exhibits: Vec<Exhibit<'c>>| {
        if !exhibits.is_empty() {
            risks.push((cause, exhibits));
        }
    };
    let open = view
        .cluster
        .policies
        .iter()
        .filter(|(_, p)| matches!(p.verdict, PolicyVerdict::AdmitsSome | PolicyVerdict::AdmitsNone))
        .map(|(fact, _)| Exhibit::Fact(fact));
    push(
        Cause::AllowlistIncomplete,
        view.cluster.gaps.iter().map(|(fact, _)| Exhibit::Fact(fact)).chain(open).collect(),
    );
    for cause in [Cause::OriginCertExpired, Cause::OriginCertMismatch, Cause::OriginCertUntrusted] {
        push(cause, certificates(view, |c| certificate::cause(c.verdict) == Some(cause)));
    }
    push(
        Cause::OriginCertExpiring,
        certificates(view, |c| c.verdict == CertVerdict::Valid && expires_soon(c, view.at)),
    );
    push(Cause::OriginExposed, exposures(view));
    risks.sort_by_key(|(cause, _)| *cause);
    risks
}

/// Whether a certificate is worth a word although it is valid.
pub fn expires_soon(certificate: &Certificate, at: Timestamp) -> bool {
    certificate.not_after.duration_since(at) < EXPIRES_SOON
}

fn certificates<'c>(view: &View<'c>, bad: impl Fn(&Certificate) -> bool) -> Vec<Exhibit<'c>> {
    view.origins
        .iter()
        .filter_map(|o| o.certificate)
        .filter(|(_, c)| bad(c))
        .map(|(track, c)| Exhibit::Certificate(track, c))
        .collect()
}

/// Whether a stranger is given the site's own content again and again on such a path.
pub fn shows_content(observation: Observation, access: Access, content_matches: u32) -> bool {
    observation == Observation::Direct && access == Access::Unlisted && content_matches >= EXPOSED_AFTER
}

/// The site's own content, twice, from a vantage that the origin should not let in, at an address that
/// is not this cluster's own.
fn exposures<'c>(view: &View<'c>) -> Vec<Exhibit<'c>> {
    view.origins
        .iter()
        .filter(|o| !view.in_cluster(o.address.ip()) && matches!(o.standing, Standing::Works(_)))
        .flat_map(|o| &o.tracks)
        .filter(|t| shows_content(t.key.observation, t.access, t.content_matches))
        .map(|t| Exhibit::Probe(t, &t.last))
        .collect()
}
