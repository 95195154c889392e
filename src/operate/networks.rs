//! The lists of proxy addresses: fetched when they are due or changed, judged, and kept in the status of
//! their ProxyNetwork, last known good. Only networks whose `spec.controller` is this installation, and
//! only while it leads.

mod acknowledge;
mod feeds;
mod pending;
mod secrets;

use pending::{Pending, Told};

pub use feeds::Feeds;
pub use secrets::Secrets;

use super::lease::Claim;
use super::origins::Origins;
use super::prober::Board;
use super::reconciler::{Of, WriteError, write_status};
use crate::api::{ProxyNetwork, ProxyNetworkStatus};
use crate::observe::cluster::{Change, ClusterSource, Kind, Stores};
use crate::observe::ranges::{Fetched, Occasion, next_status};
use crate::report::metrics::{Labels, Metrics};
use jiff::Timestamp;
use kube::{Client, ResourceExt};
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Pause after a fetch or a write that failed, at most; the refresh comes sooner where it is shorter.
const RETRY: Duration = Duration::from_mins(1);
/// Where nothing is due, it is looked again after so long.
const IDLE: Duration = Duration::from_mins(5);

/// Keeps the lists.
pub struct Networks {
    pub client: Client,
    pub source: Arc<Stores>,
    pub feeds: Arc<Feeds>,
    pub claim: Claim,
    pub metrics: Metrics,
    /// Name of the installation.
    pub controller: String,
    /// Its namespace, where its `ConfigMaps` and Secrets are.
    pub secrets: Secrets,
    /// Who uses the lists.
    pub origins: Origins,
    /// How their sites are seen.
    pub board: Board,
}

impl std::fmt::Debug for Networks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Networks").finish_non_exhaustive()
    }
}

/// What is remembered of one network.
#[derive(Debug)]
struct Due {
    at: Instant,
    occasion: Occasion,
    generation: i64,
    running: bool,
    /// The spec changed while a fetch was under way.
    again: bool,
}

/// A finished fetch.
struct Ended {
    name: String,
    generation: i64,
    occasion: Occasion,
    fetched: Fetched,
    /// It was no fetch but an acknowledgement, and so it ended.
    told: Option<Told>,
}

/// What is remembered for a term.
#[derive(Default)]
struct Book {
    due: HashMap<String, Due>,
    /// Statuses as this process wrote them.
    written: BTreeMap<String, ProxyNetworkStatus>,
    /// What providers have announced.
    pending: HashMap<String, Pending>,
}

impl Book {
    fn forget(&mut self, name: &str) {
        self.due.remove(name);
        self.written.remove(name);
        self.pending.remove(name);
    }
}

impl Networks {
    /// Runs until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut changes = self.source.changes();
        let mut book = Book::default();
        let mut running: JoinSet<Ended> = JoinSet::new();
        let mut term = None;
        loop {
            let leads = self.claim.is_current();
            if leads && term != self.claim.term() {
                term = self.claim.term();
                // Nobody knows when another replica fetched last: what changed is taken, misses are not counted.
                book = Book::default();
                self.all(&mut book);
                for name in book.due.keys() {
                    self.show(name, &book.written);
                }
            }
            if leads {
                self.start(&mut book.due, &mut running);
                self.look(&mut book, &mut running).await;
            }
            let next = book.due.values().filter(|d| !d.running).map(|d| d.at).min();
            let next = next.into_iter().chain(book.pending.values().filter_map(Pending::look_again)).min();
            let wake = next.map_or_else(|| Instant::now() + IDLE, |at| at.max(Instant::now()));
            tokio::select! {
                () = stop.cancelled() => return,
                change = changes.recv() => self.hear(change, &mut book),
                Some(ended) = running.join_next() => {
                    if let Ok(ended) = ended { self.end(ended, &mut book).await }
                }
                alive = self.claim.changed() => {
                    if !alive { return }
                    if self.claim.term().is_none() {
                        book.due.clear();
                        book.pending.clear();
                    }
                }
                () = sleep_until(wake), if leads => {}
            }
        }
    }

    fn all(&self, book: &mut Book) {
        for network in self.source.proxy_networks() {
            self.consider(&network, book);
        }
    }

    /// Puts a network on the list, or brings it forward when its spec changed.
    fn consider(&self, network: &ProxyNetwork, book: &mut Book) {
        let name = network.name_any();
        if network.spec.controller != self.controller {
            book.forget(&name);
            self.metrics.forget_network(&name);
            return;
        }
        let generation = network.metadata.generation.unwrap_or_default();
        let now = Instant::now();
        match book.due.get_mut(&name) {
            Some(known) if known.generation == generation => {}
            Some(known) => {
                known.generation = generation;
                bring_forward(known, now);
            }
            None => {
                let fresh = Due { at: now, occasion: Occasion::Change, generation, running: false, again: false };
                book.due.insert(name, fresh);
            }
        }
    }

    fn hear(&self, change: Result<Change, RecvError>, book: &mut Book) {
        match change {
            Ok(Change { kind: Kind::ProxyNetwork, name, .. }) => {
                if let Some(network) = self.source.proxy_network(&name) {
                    self.consider(&network, book);
                } else {
                    book.forget(&name);
                    self.metrics.forget_network(&name);
                }
            }
            Ok(Change { kind: Kind::ConfigMap, namespace, name })
                if namespace.as_deref() == Some(self.secrets.namespace()) =>
            {
                let now = Instant::now();
                for (network, known) in &mut book.due {
                    let reads = self
                        .source
                        .proxy_network(network)
                        .is_some_and(|n| n.spec.source.config_map.as_ref().is_some_and(|m| m.name == name));
                    if reads {
                        bring_forward(known, now);
                    }
                }
            }
            Err(RecvError::Lagged(_)) => self.all(book),
            Ok(_) | Err(RecvError::Closed) => {}
        }
    }

    fn start(&self, due: &mut HashMap<String, Due>, running: &mut JoinSet<Ended>) {
        let now = Instant::now();
        for (name, known) in due.iter_mut().filter(|(_, d)| !d.running && d.at <= now) {
            let Some(network) = self.source.proxy_network(name) else { continue };
            known.running = true;
            let (feeds, source, secrets) = (Arc::clone(&self.feeds), Arc::clone(&self.source), self.secrets.clone());
            let (name, generation, occasion) = (name.clone(), known.generation, known.occasion);
            running.spawn(async move {
                let fetched = feeds.read(&network.spec.source, source.as_ref(), &secrets).await;
                Ended { name, generation, occasion, fetched, told: None }
            });
        }
    }

    async fn end(&self, ended: Ended, book: &mut Book) {
        let Ended { name, generation, occasion, mut fetched, told } = ended;
        let Some(known) = book.due.get_mut(&name) else { return };
        known.running = false;
        let Some(network) = self.source.proxy_network(&name) else { return };
        if let Fetched::Listing(listing) = &mut fetched {
            Pending::keep(&mut book.pending, &name, listing);
        }
        if let (Some(told), Some(pending)) = (told, book.pending.get_mut(&name)) {
            pending.end(told);
        }
        let good = matches!(fetched, Fetched::List(_) | Fetched::Listing(_));
        if good {
            let now = Timestamp::now().as_second();
            self.metrics.series().feed_fetched.get_or_create(&Labels::network(&name)).set(now);
        }
        let refresh = Duration::from_secs(u64::try_from(network.spec.refresh_seconds).unwrap_or(3600).max(10));
        let status = self.next(&network, generation, &fetched, occasion, book);
        let stored = self.write(&network, status, &mut book.written).await;
        self.show(&name, &book.written);
        let Some(known) = book.due.get_mut(&name) else { return };
        let again = std::mem::take(&mut known.again);
        let failed = !good && !matches!(fetched, Fetched::Invalid(_));
        let status = book.written.get(&name).or(network.status.as_ref());
        let release = status.and_then(|s| s.quarantined.as_ref()?.release_time.as_ref()).map(|time| time.0);
        let (pause, next) = match (again, stored) {
            (true, _) => (Duration::ZERO, Occasion::Change),
            (false, Err(error)) => {
                tracing::warn!(network = name, %error, "trying again");
                (Duration::from_secs(2), occasion)
            }
            (false, Ok(())) if failed => (refresh.min(RETRY), Occasion::Refresh),
            (false, Ok(())) => pause(refresh, release, Timestamp::now(), RandomState::new().hash_one(&name)),
        };
        known.occasion = next;
        known.at = Instant::now() + pause;
    }

    /// How a network stands, for `/metrics`: from the first moment of a term, so that no alert begins anew with it.
    fn show(&self, name: &str, written: &BTreeMap<String, ProxyNetworkStatus>) {
        let stored = self.source.proxy_network(name).and_then(|network| network.status.clone());
        if let Some(status) = written.get(name).or(stored.as_ref()) {
            self.metrics.network(name, &status.conditions);
        }
    }

    /// The status so far: what this process wrote last is newer than what the watch has brought, or the same.
    fn prior(network: &ProxyNetwork, written: &BTreeMap<String, ProxyNetworkStatus>) -> Option<ProxyNetworkStatus> {
        let seen = || network.status.clone().filter(|s| !s.conditions.is_empty());
        written.get(&network.name_any()).cloned().or_else(seen)
    }

    /// What the status says after a fetch.
    fn next(
        &self,
        network: &ProxyNetwork,
        generation: i64,
        fetched: &Fetched,
        occasion: Occasion,
        book: &Book,
    ) -> ProxyNetworkStatus {
        let (prior, now) = (Self::prior(network, &book.written), Timestamp::now());
        let mut status = next_status(prior.as_ref(), &network.spec, generation, fetched, occasion, now);
        if let Some(pending) = book.pending.get(&network.name_any()) {
            self.say(network, &mut status, pending, now);
        }
        status
    }

    /// Writes the status if it says something new.
    async fn write(
        &self,
        network: &ProxyNetwork,
        status: ProxyNetworkStatus,
        written: &mut BTreeMap<String, ProxyNetworkStatus>,
    ) -> Result<(), WriteError> {
        if Self::prior(network, written).as_ref() == Some(&status) {
            return Ok(());
        }
        let name = network.name_any();
        let of = Of { namespace: None, name: &name, uid: network.metadata.uid.as_deref() };
        write_status::<ProxyNetwork>(&self.client, &self.claim, of, &status).await?;
        let active = status.active.as_ref().map_or(0, |a| a.prefixes);
        tracing::info!(network = name, prefixes = active, "list of proxy addresses changed state");
        written.insert(name, status);
        Ok(())
    }
}

/// Until the source is read again after all went well: up to a tenth earlier than asked, so that not all lists come at once,
/// or when the additions of a suspiciously large revision have waited long enough. The latter is no refresh: what is
/// missing then has not been missed once more.
fn pause(refresh: Duration, release: Option<Timestamp>, now: Timestamp, chance: u64) -> (Duration, Occasion) {
    let share = u32::try_from(chance % 100).unwrap_or_default();
    let refresh = refresh.saturating_sub(refresh * share / 1000);
    // A second more, since the moment itself does not count.
    let release =
        release.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default() + Duration::from_secs(1));
    match release {
        Some(release) if release < refresh => (release, Occasion::Change),
        _ => (refresh, Occasion::Refresh),
    }
}

fn bring_forward(known: &mut Due, now: Instant) {
    known.occasion = Occasion::Change;
    known.at = now;
    known.again = known.running;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_comes_up_to_a_tenth_early_and_never_late() {
        let hour = Duration::from_hours(1);
        for chance in 0..1000 {
            let (pause, occasion) = pause(hour, None, Timestamp::UNIX_EPOCH, chance);
            assert!(pause <= hour && pause > hour * 89 / 100, "{pause:?}");
            assert_eq!(occasion, Occasion::Refresh);
        }
    }

    #[test]
    fn additions_that_waited_are_taken_in_time_and_nothing_is_missed_by_it() {
        let (day, now) = (Duration::from_hours(24), Timestamp::UNIX_EPOCH);
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        assert_eq!(pause(day, Some(at(3600)), now, 0), (Duration::from_secs(3601), Occasion::Change));
        assert_eq!(pause(day, Some(at(-5)), now, 0), (Duration::from_secs(1), Occasion::Change));
        assert_eq!(pause(Duration::from_mins(1), Some(at(3600)), now, 0), (Duration::from_mins(1), Occasion::Refresh));
    }
}
