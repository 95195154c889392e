//! Reading counters of the origins' load, beside everything else: a metrics server that hangs holds up nobody.
//!
//! Once a minute each origin with a profile is asked about, a few at a time. What comes out lies on a board, and only
//! when it changed is the origin looked at again. Only the leader asks.

use super::key::OriginKey;
use super::lease::Claim;
use super::options::RunOptions;
use super::origins::{Origins, Root};
use super::queue::Queue;
use crate::api::validated::Validated;
use crate::evidence::Fact;
use crate::evidence::fact::{Measure, Unmeasured, Why};
use crate::observe::probe::Prober;
use crate::observe::traffic::measure::source;
use crate::observe::traffic::profile::ProfileError;
use crate::observe::traffic::server::ServerError;
use crate::observe::traffic::{Memory, Place, Profiles, Server, measure};
use futures::StreamExt;
use futures::stream;
use jiff::Timestamp;
use parking_lot::{Mutex, RwLock};
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

/// Between two questions about one origin.
const PERIOD: Duration = Duration::from_mins(1);
/// Between two looks at who is due: a new origin does not wait for long.
const TICK: Duration = Duration::from_secs(2);
/// Origins that are asked about at once.
const AT_ONCE: usize = 4;
/// Longest time for all queries of one origin.
const PATIENCE: Duration = Duration::from_secs(40);

/// What is known of each origin's load. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct TrafficBoard(Arc<RwLock<HashMap<OriginKey, Vec<Fact>>>>);

impl TrafficBoard {
    /// The facts about an origin; none before they were measured.
    pub fn facts(&self, key: &OriginKey) -> Vec<Fact> {
        self.0.read().get(key).cloned().unwrap_or_default()
    }

    /// Puts facts up. True when they are others than before.
    fn put(&self, key: &OriginKey, facts: Vec<Fact>) -> bool {
        let mut board = self.0.write();
        if board.get(key) == Some(&facts) {
            return false;
        }
        board.insert(key.clone(), facts);
        true
    }

    /// Keeps only these origins.
    fn keep(&self, keys: &BTreeSet<OriginKey>) -> Vec<OriginKey> {
        let mut board = self.0.write();
        let gone: Vec<OriginKey> = board.keys().filter(|key| !keys.contains(key)).cloned().collect();
        board.retain(|key, _| keys.contains(key));
        gone
    }
}

/// Why counting cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum TrafficError {
    #[error("cannot read --traffic-profiles {path}: {source}")]
    Read { path: String, source: std::io::Error },
    #[error("--traffic-profiles {path}: {source}")]
    Profiles { path: String, source: ProfileError },
    #[error(transparent)]
    Server(#[from] ServerError),
}

/// When an origin was asked about last, and what is remembered of it.
#[derive(Debug)]
struct Asked {
    at: Instant,
    profile: String,
    memory: Memory,
}

/// The task that asks.
#[derive(Debug)]
pub struct Counting {
    pub board: TrafficBoard,
    /// Absent: no server is configured, and profiles that origins name are said to be unmeasured.
    server: Option<Server>,
    path: Option<PathBuf>,
    profiles: Mutex<Profiles>,
    asked: Mutex<HashMap<OriginKey, Asked>>,
    origins: Origins,
    queue: Arc<Queue>,
    claim: Claim,
}

impl Counting {
    pub fn new(
        options: &RunOptions,
        prober: &Prober,
        origins: Origins,
        queue: Arc<Queue>,
        claim: Claim,
    ) -> Result<Self, TrafficError> {
        let server = options.prometheus_url.as_ref().map(|url| Server::new(url, prober)).transpose()?;
        let path = options.traffic_profiles.clone();
        let profiles = path.as_ref().map(read).transpose()?.unwrap_or_default();
        Ok(Self {
            board: TrafficBoard::default(),
            server,
            path,
            profiles: Mutex::new(profiles),
            asked: Mutex::default(),
            origins,
            queue,
            claim,
        })
    }

    /// Asks until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            if self.claim.is_current() {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.round() => {}
                }
            }
        }
    }

    /// Asks about every origin that is due.
    async fn round(&self) {
        let named: Vec<(OriginKey, Validated)> = self
            .origins
            .keys()
            .into_iter()
            .filter_map(|key| {
                let Some(Root::Read(object)) = self.origins.get(&key) else { return None };
                object.spec.traffic.as_ref()?;
                let spec = Validated::new(&object).ok().filter(|spec| !spec.suspend)?;
                Some((key, spec))
            })
            .collect();
        let keys: BTreeSet<OriginKey> = named.iter().map(|(key, _)| key.clone()).collect();
        self.asked.lock().retain(|key, _| keys.contains(key));
        for gone in self.board.keep(&keys) {
            self.queue.add(gone);
        }
        let due: Vec<_> = named.into_iter().filter(|(key, spec)| self.is_due(key, spec)).collect();
        if due.is_empty() {
            return;
        }
        self.renew();
        stream::iter(due)
            .for_each_concurrent(AT_ONCE, |(key, spec)| async move {
                let facts = self.ask(&key, &spec).await;
                if self.board.put(&key, facts) {
                    self.queue.add(key);
                }
            })
            .await;
    }

    fn is_due(&self, key: &OriginKey, spec: &Validated) -> bool {
        let asked = self.asked.lock();
        asked.get(key).is_none_or(|a| a.at.elapsed() >= PERIOD || Some(&a.profile) != spec.traffic_profile.as_ref())
    }

    async fn ask(&self, key: &OriginKey, spec: &Validated) -> Vec<Fact> {
        let name = spec.traffic_profile.clone().unwrap_or_default();
        let before = self.asked.lock().get(key).filter(|a| a.profile == name).map(|a| a.memory);
        let mut asked = Asked { at: Instant::now(), profile: name.clone(), memory: before.unwrap_or_default() };
        let unmeasured =
            |why| vec![Fact::Unmeasured(Unmeasured { source: source(&name), measure: Measure::Everything, why })];
        let profile = self.profiles.lock().get(&name).cloned();
        let facts = match (&self.server, profile) {
            (None, _) => unmeasured(Why::NoServer),
            (_, None) => unmeasured(Why::NoProfile),
            (Some(server), Some(profile)) => {
                let (place, now) = (Place::of(spec), Timestamp::now().as_second());
                let asking = measure(server, &profile, &place, &mut asked.memory, now);
                timeout(PATIENCE, asking).await.unwrap_or_else(|_| unmeasured(Why::TimedOut))
            }
        };
        self.asked.lock().insert(key.clone(), asked);
        facts
    }

    /// Reads the profiles again: a mounted ConfigMap changes under its path. A file that became wrong leaves those that were
    /// read before.
    fn renew(&self) {
        let Some(path) = &self.path else { return };
        match read(path) {
            Ok(profiles) => *self.profiles.lock() = profiles,
            Err(error) => tracing::warn!(%error, "keeping the traffic profiles that were read before"),
        }
    }
}

fn read(path: &PathBuf) -> Result<Profiles, TrafficError> {
    let shown = || path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|source| TrafficError::Read { path: shown(), source })?;
    Profiles::read(&text).map_err(|source| TrafficError::Profiles { path: shown(), source })
}
