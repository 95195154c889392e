//! Reading counters of the origins' load, beside everything else: a metrics server that hangs holds up nobody.
//!
//! Once a minute each origin that names counters is asked about, a few at a time. What comes out lies on a board, and only
//! when it changed is the origin looked at again. Only the leader asks.

use super::key::OriginKey;
use super::lease::Claim;
use super::options::RunOptions;
use super::origins::{Origins, Root};
use super::queue::Queue;
use crate::api::ProtectedOrigin;
use crate::api::validated::{ValidTraffic, Validated};
use crate::evidence::Fact;
use crate::evidence::fact::{Measure, Unmeasured, Why};
use crate::observe::probe::Prober;
use crate::observe::traffic::profiles::OpenError;
use crate::observe::traffic::server::ServerError;
use crate::observe::traffic::{Memory, Place, Profile, Profiles, Server, measure};
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
    #[error(transparent)]
    Profiles(#[from] OpenError),
    #[error(transparent)]
    Server(#[from] ServerError),
}

/// When an origin was asked about last, and what is remembered of it.
#[derive(Debug)]
struct Asked {
    at: Instant,
    /// Of the spec that was asked about.
    generation: Option<i64>,
    traffic: Option<ValidTraffic>,
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
    /// Whether resources may bring queries of their own.
    own_queries: bool,
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
        let profiles = path.as_deref().map(Profiles::open).transpose()?.unwrap_or_default();
        Ok(Self {
            board: TrafficBoard::default(),
            server,
            path,
            profiles: Mutex::new(profiles),
            own_queries: options.allow_user_promql,
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
        let wanted: Vec<(OriginKey, Arc<ProtectedOrigin>)> = self
            .origins
            .keys()
            .into_iter()
            .filter_map(|key| {
                let Some(Root::Read(object)) = self.origins.get(&key) else { return None };
                (object.spec.traffic.is_some() && !object.spec.suspend).then_some((key, object))
            })
            .collect();
        let keys: BTreeSet<OriginKey> = wanted.iter().map(|(key, _)| key.clone()).collect();
        self.asked.lock().retain(|key, _| keys.contains(key));
        for gone in self.board.keep(&keys) {
            self.queue.add(gone);
        }
        let due: Vec<_> = wanted.into_iter().filter(|(key, object)| self.is_due(key, object)).collect();
        if due.is_empty() {
            return;
        }
        self.renew();
        stream::iter(due)
            .for_each_concurrent(AT_ONCE, |(key, object)| async move {
                let facts = self.ask(&key, &object).await;
                if self.board.put(&key, facts) {
                    self.queue.add(key);
                }
            })
            .await;
    }

    fn is_due(&self, key: &OriginKey, object: &ProtectedOrigin) -> bool {
        let asked = self.asked.lock();
        asked.get(key).is_none_or(|a| a.at.elapsed() >= PERIOD || a.generation != object.metadata.generation)
    }

    async fn ask(&self, key: &OriginKey, object: &ProtectedOrigin) -> Vec<Fact> {
        // A spec that is wrong is refused elsewhere, and nothing is measured for it.
        let spec = Validated::new(object).ok();
        let traffic = spec.as_ref().and_then(|spec| spec.traffic.clone());
        let before = self.asked.lock().get(key).filter(|a| a.traffic == traffic).map(|a| a.memory);
        let mut memory = before.unwrap_or_default();
        let at = Instant::now();
        let facts = match spec.as_ref().zip(traffic.as_ref()) {
            None => Vec::new(),
            Some((spec, traffic)) => match self.profile(traffic) {
                Err(why) => unmeasured(traffic, why),
                Ok((server, profile)) => {
                    let (place, now) = (Place::of(spec), Timestamp::now().as_second());
                    let asking = measure(server, &profile, &place, &mut memory, now);
                    timeout(PATIENCE, asking).await.unwrap_or_else(|_| unmeasured(traffic, Why::TimedOut))
                }
            },
        };
        let generation = object.metadata.generation;
        self.asked.lock().insert(key.clone(), Asked { at, generation, traffic, memory });
        facts
    }

    /// What is asked, and whom.
    fn profile(&self, traffic: &ValidTraffic) -> Result<(&Server, Profile), Why> {
        if matches!(traffic, ValidTraffic::Queries(_)) && !self.own_queries {
            return Err(Why::NotAllowed);
        }
        let server = self.server.as_ref().ok_or(Why::NoServer)?;
        let profile = match traffic {
            ValidTraffic::Profile(name) => self.profiles.lock().get(name).cloned().ok_or(Why::NoProfile)?,
            // Queries that cannot be read are refused with the spec (`validate`), which says what is wrong with them.
            ValidTraffic::Queries(queries) => Profile::new(traffic.source(), queries).map_err(|_| Why::Refused)?,
        };
        Ok((server, profile))
    }

    /// Reads the profiles again: a mounted ConfigMap changes under its path. A file that became wrong leaves those that were
    /// read before.
    fn renew(&self) {
        let Some(path) = &self.path else { return };
        match Profiles::open(path) {
            Ok(profiles) => *self.profiles.lock() = profiles,
            Err(error) => tracing::warn!(%error, "keeping the traffic profiles that were read before"),
        }
    }
}

fn unmeasured(traffic: &ValidTraffic, why: Why) -> Vec<Fact> {
    vec![Fact::Unmeasured(Unmeasured { source: traffic.source(), measure: Measure::Everything, why })]
}
