//! The case as rules read it: gathered once, sorted, and reduced to what each address shows. What is
//! unknown is left out here, so that no rule can mistake it for a fact.

pub mod cluster;
pub mod edge;
pub mod exhibit;
pub mod hop;
pub mod leg;
pub mod load;
pub mod names;
pub mod onset;
pub mod origin;
pub mod records;
pub mod replays;
pub mod trouble;
pub mod vantages;

use crate::api::Outcome;
use crate::evidence::{Case, Fact, Health, Subject, Track};
use cluster::Cluster;
use edge::Edge;
use jiff::Timestamp;
use load::Load;
use names::Names;
use onset::Onset;
use origin::{OriginAddress, Standing};
use records::Records;
use replays::Replays;
use std::net::IpAddr;

pub use exhibit::Exhibit;

/// Whether the places that looked can see anything at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sanity<'c> {
    /// Something was reached.
    Sane,
    /// Nothing was reached, and neither was the control target.
    Blind(&'c Fact),
    /// Nothing was reached, and there is no control target to compare with.
    Unproven,
}

/// Everything known about one origin, ready to be judged.
#[derive(Debug)]
pub struct View<'c> {
    pub subject: &'c Subject,
    pub at: Timestamp,
    pub sanity: Sanity<'c>,
    /// One per vantage and edge address that was probed with a definite result.
    pub edges: Vec<Edge<'c>>,
    /// One per origin address that was probed with a definite result.
    pub origins: Vec<OriginAddress<'c>>,
    pub names: Names<'c>,
    pub cluster: Cluster<'c>,
    pub replays: Replays<'c>,
    pub load: Load<'c>,
    pub records: Records<'c>,
    /// When it began to fail, where that was seen.
    pub onset: Option<Onset<'c>>,
}

impl<'c> View<'c> {
    /// Gathers the view. The order of tracks and facts in the case makes no difference.
    pub fn new(case: &'c Case) -> Self {
        let mut tracks: Vec<&Track> =
            case.tracks.iter().filter(|t| t.health != Health::Unknown && t.last.definite()).collect();
        // Merged evidence may hold a path twice: the newest is read.
        tracks.sort_by(|a, b| (&a.key, b.last.at, &b.last.id).cmp(&(&b.key, a.last.at, &a.last.id)));
        let mut facts: Vec<&Fact> = case.facts.iter().filter(|f| known(f)).collect();
        facts.sort_by_cached_key(|f| format!("{f:?}"));
        vantages::voting(&mut tracks, &mut facts);
        let cluster = Cluster::new(&facts);
        let origins = origin::gather(case, &tracks, &facts, &cluster);
        let records = Records::new(&facts);
        let edges = edge::gather(case, &tracks, &origins, &records);
        Self {
            subject: &case.subject,
            at: case.at,
            sanity: sanity(&tracks, &facts),
            edges,
            origins,
            names: Names::new(&facts),
            load: Load::new(case, &facts),
            cluster,
            replays: Replays::new(&facts),
            onset: onset::of(&tracks, &facts),
            records,
        }
    }

    /// Edge addresses that fail, always or now and then.
    pub fn failing_edges(&self) -> impl Iterator<Item = &Edge<'c>> {
        self.edges.iter().filter(|e| e.fails())
    }

    /// Origin addresses that show a failure which says something.
    pub fn failing_origins(&self) -> impl Iterator<Item = &OriginAddress<'c>> {
        self.origins.iter().filter(|o| matches!(o.standing, Standing::Fails(_)))
    }

    /// Origin addresses that answer.
    pub fn working_origins(&self) -> impl Iterator<Item = &OriginAddress<'c>> {
        self.origins.iter().filter(|o| o.works())
    }

    /// Whether some origin address answers and none shows a failure.
    pub fn origin_works(&self) -> bool {
        self.working_origins().next().is_some() && self.failing_origins().next().is_none()
    }

    /// Whether nothing was probed: a judgement of files alone.
    pub fn unprobed(&self) -> bool {
        self.edges.is_empty() && self.origins.is_empty()
    }

    /// Whether the address belongs to this cluster, where a success exposes nothing.
    pub fn in_cluster(&self, address: IpAddr) -> bool {
        self.subject.cluster_addresses.contains(&address)
    }
}

/// Whether a fact says anything: what could not be looked at is as good as absent.
pub fn known(fact: &Fact) -> bool {
    let outcome = match fact {
        Fact::Dns(f) => f.outcome,
        Fact::Ping(f) => f.outcome,
        Fact::ControlPort(f) => f.outcome,
        Fact::Control(f) => f.outcome,
        Fact::Allowlist(f) => f.outcome,
        Fact::Replay(f) => f.probe.outcome,
        Fact::Idle(f) => f.outcome,
        Fact::Endpoints(_)
        | Fact::Pods(_)
        | Fact::Nodes(_)
        | Fact::Policy(_)
        | Fact::Route(_)
        | Fact::Arrival(_)
        | Fact::ProviderRecord(_)
        | Fact::VisitorReports(_)
        | Fact::Traffic(_)
        | Fact::Saturation(_)
        | Fact::Limit(_)
        | Fact::LoadContrast(_)
        | Fact::Change(_) => return true,
        Fact::Unmeasured(_) => return false,
    };
    !matches!(outcome, Outcome::Unavailable | Outcome::Forbidden)
}

fn sanity<'c>(tracks: &[&'c Track], facts: &[&'c Fact]) -> Sanity<'c> {
    if vantages::reached(tracks, facts, None) {
        return Sanity::Sane;
    }
    facts.iter().find(|f| matches!(f, Fact::Control(_))).map_or(Sanity::Unproven, |f| Sanity::Blind(f))
}
