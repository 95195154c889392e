//! Suspecting oneself. When more than half of at least five unrelated origins turn failing at once, the
//! likely cause is this vantage, and nobody is told that their site is down.
//!
//! Origins that share an address are related: one edge or one host that fails takes all of them along,
//! and counts once.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;

/// Fewest unrelated origins that can show anything.
const LEAST: usize = 5;
/// What turns within this time turns at once.
const AT_ONCE: Duration = Duration::from_mins(2);

/// How one origin stands.
#[derive(Clone, Copy, Debug)]
pub struct Stand<'a> {
    pub addresses: &'a BTreeSet<IpAddr>,
    /// Since when it is suspect, if it is.
    pub suspect_since: Option<Instant>,
}

/// Whether the vantage is suspected. Once it is, it stays so until most origins are well again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Correlation {
    blind: bool,
}

impl Correlation {
    pub const fn is_blind(self) -> bool {
        self.blind
    }

    /// Looks at all origins. `sane`: a control target answers, so the vantage is not it.
    pub fn look<'a>(&mut self, stands: impl Iterator<Item = Stand<'a>>, sane: bool, now: Instant) -> bool {
        if sane {
            self.blind = false;
            return false;
        }
        let groups = groups(stands);
        let failing = groups.iter().filter(|g| g.failing()).count();
        let most = failing * 2 > groups.len() && groups.len() >= LEAST;
        let at_once = groups
            .iter()
            .filter(|g| g.failing() && g.latest.is_some_and(|at| now.saturating_duration_since(at) <= AT_ONCE))
            .count();
        self.blind = most && (self.blind || at_once * 2 > groups.len());
        self.blind
    }
}

/// Origins that have an address in common.
#[derive(Clone, Copy, Debug, Default)]
struct Group {
    members: usize,
    suspects: usize,
    latest: Option<Instant>,
}

impl Group {
    const fn failing(self) -> bool {
        self.suspects * 2 > self.members
    }
}

fn groups<'a>(stands: impl Iterator<Item = Stand<'a>>) -> Vec<Group> {
    let mut parents: Vec<usize> = Vec::new();
    let mut of_address: HashMap<IpAddr, usize> = HashMap::new();
    let mut own: Vec<Group> = Vec::new();
    for stand in stands.filter(|s| !s.addresses.is_empty()) {
        let this = parents.len();
        parents.push(this);
        let suspects = usize::from(stand.suspect_since.is_some());
        own.push(Group { members: 1, suspects, latest: stand.suspect_since });
        for address in stand.addresses {
            let other = *of_address.entry(*address).or_insert(this);
            let (a, b) = (root(&mut parents, this), root(&mut parents, other));
            if let Some(parent) = parents.get_mut(a) {
                *parent = b;
            }
        }
    }
    let mut joined: HashMap<usize, Group> = HashMap::new();
    for (i, group) in own.into_iter().enumerate() {
        let whole = joined.entry(root(&mut parents, i)).or_default();
        whole.members += group.members;
        whole.suspects += group.suspects;
        whole.latest = whole.latest.max(group.latest);
    }
    joined.into_values().collect()
}

fn root(parents: &mut [usize], mut at: usize) -> usize {
    while let Some(&parent) = parents.get(at) {
        if parent == at {
            break;
        }
        // Halving the way keeps trees flat.
        let grand = parents.get(parent).copied().unwrap_or(parent);
        if let Some(slot) = parents.get_mut(at) {
            *slot = grand;
        }
        at = grand;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(list: &[u8]) -> BTreeSet<IpAddr> {
        list.iter().map(|n| IpAddr::from([192, 0, 2, *n])).collect()
    }

    fn look(correlation: &mut Correlation, origins: &[(BTreeSet<IpAddr>, Option<Instant>)], sane: bool) -> bool {
        let stands =
            origins.iter().map(|(addresses, suspect_since)| Stand { addresses, suspect_since: *suspect_since });
        correlation.look(stands, sane, Instant::now())
    }

    fn origins(count: u8, suspect: u8, since: Instant) -> Vec<(BTreeSet<IpAddr>, Option<Instant>)> {
        (0..count).map(|i| (set(&[i]), (i < suspect).then_some(since))).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn most_of_five_unrelated_origins_at_once_is_the_vantage() {
        let now = Instant::now();
        assert!(look(&mut Correlation::default(), &origins(5, 3, now), false));
        assert!(!look(&mut Correlation::default(), &origins(5, 2, now), false), "less than half");
        assert!(!look(&mut Correlation::default(), &origins(6, 3, now), false), "just half");
        assert!(!look(&mut Correlation::default(), &origins(4, 4, now), false), "too few to say");
        assert!(!look(&mut Correlation::default(), &origins(5, 5, now), true), "the control target answers");
    }

    #[tokio::test(start_paused = true)]
    async fn an_edge_that_all_share_is_one_origin() {
        let now = Instant::now();
        let shared: Vec<_> = (0..20).map(|i| (set(&[200, i]), Some(now))).collect();
        assert!(!look(&mut Correlation::default(), &shared, false));
    }

    #[tokio::test(start_paused = true)]
    async fn origins_that_were_always_failing_are_no_news() {
        let old = Instant::now();
        tokio::time::sleep(Duration::from_hours(1)).await;
        assert!(!look(&mut Correlation::default(), &origins(6, 4, old), false));
    }

    #[tokio::test(start_paused = true)]
    async fn suspicion_stays_until_most_are_well_again() {
        let mut correlation = Correlation::default();
        let since = Instant::now();
        assert!(look(&mut correlation, &origins(5, 5, since), false));
        tokio::time::sleep(Duration::from_mins(10)).await;
        assert!(look(&mut correlation, &origins(5, 5, since), false), "ten minutes later it is still us");
        assert!(!look(&mut correlation, &origins(5, 2, since), false));
    }
}
