//! The operator's life: start, wait for what it needs, lead or stand by, and a graceful end.

use super::changes::ChangeBoard;
use super::client::counted;
use super::ears::Ears;
use super::lease::{Claim, Election, LeaseRecords, Terms};
use super::networks::{Feeds, Networks, Secrets};
use super::options::RunOptions;
use super::origins::Origins;
use super::prober::{Budget, Clock, Handle, House, Options, Rules, Schedule};
use super::queue::Queue;
use super::reconciler::{Failures, Keeps, Reconciler, work};
use super::server::{self, Health};
use super::startup::{self, NoApiServer};
use super::status_page::{self, Hosts, Limits, Pages};
use super::surroundings::Surroundings;
use super::traffic::{Counting, TrafficError};
use super::{identity, logs};
use crate::observe::cluster::{Options as Watched, Stores};
use crate::observe::probe::{Prober, ProberError, ProberOptions};
use crate::observe::ranges::SetupError;
use crate::report::events::Events;
use crate::report::metrics::Metrics;
use kube::Config;
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Looks at origins that are under way at once.
const WORKERS: usize = 8;
/// How long work under way may take at the end.
const LEAVE: Duration = Duration::from_secs(10);
/// Between two lines that say what the first lists wait for.
const SAY: Duration = Duration::from_secs(30);

/// Why the operator could not start, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot set up logging: {0}")]
    Logs(String),
    #[error("no kube configuration: {0}")]
    Config(String),
    #[error("cannot listen on {address}: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("cannot set up the client of the API server: {0}")]
    Client(String),
    #[error(transparent)]
    NoApiServer(#[from] NoApiServer),
    #[error(transparent)]
    Prober(#[from] ProberError),
    #[error(transparent)]
    Feeds(#[from] SetupError),
    #[error(transparent)]
    Traffic(#[from] TrafficError),
    #[error("cannot listen to signals: {0}")]
    Signals(std::io::Error),
    #[error("{task} ended unexpectedly; ending, so that this replica is started again")]
    Ended { task: Task },
}

/// Runs the operator until it is told to end.
pub async fn run(options: RunOptions) -> Result<(), StartError> {
    logs::begin(options.log_format, &options.log_level).map_err(StartError::Logs)?;
    let stop = CancellationToken::new();
    watch_signals(&stop)?;

    let metrics = Metrics::new();
    let health = Health::default();
    let config = Config::infer().await.map_err(|e| StartError::Config(startup::words(&e)))?;
    let prober = Prober::new(ProberOptions {
        vantage: options.vantage.clone(),
        resolvers: options.resolver.clone(),
        ca_file: options.ca_file.clone(),
    })?;
    let rules = Rules::default();
    let feeds = Feeds::new(&prober, rules.clone())?;
    let address = options.listen;
    let listener = server::bind(address).await.map_err(|source| StartError::Listen { address, source })?;
    let page = match options.status_page {
        Some(address) => Some(server::bind(address).await.map_err(|source| StartError::Listen { address, source })?),
        None => None,
    };
    let api_server = identity::api_server(&config).await;
    let url = config.cluster_url.to_string();
    let client = counted(config, metrics.clone()).map_err(|e| StartError::Client(startup::words(&e)))?;
    startup::reach(&client, &url).await?;
    let end_server = CancellationToken::new();
    let serving = tokio::spawn(server::serve(listener, health.clone(), metrics.clone(), end_server.clone()));

    let namespace = identity::namespace(options.namespace.as_deref());
    let replica = identity::replica();
    let version = env!("CARGO_PKG_VERSION");
    tracing::info!(version, replica, namespace, installation = options.name, vantage = options.vantage, "started");
    if startup::wait(&client, (&namespace, &options.name), &options.watch_namespace, &stop).await {
        let parts =
            Parts { options, page, metrics, health, prober, rules, feeds, api_server, client, namespace, replica };
        parts.operate(&stop).await?;
    }
    end_server.cancel();
    // Somebody may still be reading the metrics; they do not hold up the end.
    let _ = timeout(Duration::from_secs(1), serving).await;
    tracing::info!("ended");
    Ok(())
}

fn watch_signals(stop: &CancellationToken) -> Result<(), StartError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Signals)?;
    let stop = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    });
    Ok(())
}

/// What the start has made.
struct Parts {
    options: RunOptions,
    /// Of the status page, where there is one.
    page: Option<TcpListener>,
    metrics: Metrics,
    health: Health,
    prober: Prober,
    rules: Rules,
    feeds: Feeds,
    api_server: Vec<std::net::IpAddr>,
    client: kube::Client,
    namespace: String,
    replica: String,
}

impl Parts {
    async fn operate(self, stop: &CancellationToken) -> Result<(), StartError> {
        let options = &self.options;
        let watched =
            Watched { namespaces: options.watch_namespace.clone(), controllers: options.controllers.namespaces() };
        let source = Arc::new(Stores::start(self.client.clone(), &watched));
        let (queue, origins) = (Arc::new(Queue::default()), Origins::default());
        let mut listed = origins.follow(&self.client, &options.watch_namespace, &queue, stop);

        let seconds = |n: u32| Duration::from_secs(u64::from(n));
        let terms = Terms { identity: self.replica.clone(), duration: seconds(options.lease_duration_seconds) };
        let records = LeaseRecords::new(self.client.clone(), &self.namespace, &options.name);
        let (election, claim) = Election::new(records, terms);

        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = synced(&source, &mut listed) => {}
        }
        self.health.set_ready();

        let told = Arc::clone(&queue);
        let looks = Arc::new(self.prober.clone());
        let (schedule, handle) =
            Schedule::new(looks, scheduling(options), self.metrics.clone(), claim.clone(), move |key| told.add(key));
        let surroundings = Surroundings::default();
        let changes = ChangeBoard::default();
        let ears = Ears {
            source: Arc::clone(&source),
            origins: origins.clone(),
            queue: Arc::clone(&queue),
            rules: self.rules.clone(),
            flags: Arc::new(options.guard()),
            surroundings: surroundings.clone(),
            changes: changes.clone(),
            api_server: self.api_server.clone(),
            facts: Mutex::default(),
        };
        let counting = Counting::new(options, &self.prober, origins.clone(), Arc::clone(&queue), claim.clone())?;
        // Before anything is dialled, the rules know the cluster.
        ears.refresh();
        let reconciler = Arc::new(Reconciler {
            client: self.client.clone(),
            source: Arc::clone(&source),
            origins: origins.clone(),
            prober: handle.clone(),
            probes: self.prober.clone(),
            rules: self.rules.clone(),
            budget: Arc::new(Budget::new(options.edge_probes_per_second)),
            surroundings,
            changes,
            claim: claim.clone(),
            events: Events::new(self.client.clone(), &self.replica, self.metrics.clone()),
            metrics: self.metrics.clone(),
            traffic: counting.board.clone(),
            control: options.control.is_some(),
            own_addresses: identity::addresses(),
            keeps: Keeps::default(),
        });
        let networks = Networks {
            client: self.client.clone(),
            source,
            feeds: Arc::new(self.feeds),
            claim: claim.clone(),
            metrics: self.metrics.clone(),
            controller: options.name.clone(),
            secrets: Secrets::new(self.client.clone(), &self.namespace),
            origins: origins.clone(),
            board: handle.board().clone(),
        };

        let end_election = CancellationToken::new();
        let electing = tokio::spawn(election.run(end_election.clone()));
        let mut tasks: JoinSet<Task> = JoinSet::new();
        spawn(&mut tasks, Task::Prober, schedule.run(stop.clone()));
        spawn(&mut tasks, Task::Lists, networks.run(stop.clone()));
        spawn(&mut tasks, Task::Counters, counting.run(stop.clone()));
        spawn(&mut tasks, Task::Changes, ears.listen(stop.clone()));
        if let Some(listener) = self.page {
            let pages = Pages::new(origins.clone(), handle.board().clone(), claim.clone(), &self.replica);
            let domain = identity::cluster_domain();
            let (service, further) = (&options.status_page_service, &options.status_page_host);
            let hosts = Hosts::new(service, &self.namespace, domain.as_deref(), further);
            let serving = status_page::serve(listener, pages, hosts, Limits::default(), stop.clone());
            spawn(&mut tasks, Task::StatusPage, serving);
        }
        let leading =
            Leading { claim, handle, origins, queue: Arc::clone(&queue), reconciler: Arc::clone(&reconciler) };
        spawn(&mut tasks, Task::Leadership, leading.watch(self.metrics.clone(), stop.clone()));
        let failures = Arc::new(Failures::default());
        for _ in 0..WORKERS {
            let worker = work(Arc::clone(&reconciler), Arc::clone(&queue), Arc::clone(&failures), stop.clone());
            spawn(&mut tasks, Task::Worker, worker);
        }

        let leave = || async {
            end_election.cancel();
            let _ = timeout(LEAVE, electing).await;
        };
        last(tasks, &self.health, stop, leave).await
    }
}

/// Waits for the end, which comes by being told or by a task that ends of itself. Work under way is finished, then the lease
/// is given back: never the other way round.
async fn last<F: Future<Output = ()>>(
    mut tasks: JoinSet<Task>,
    health: &Health,
    stop: &CancellationToken,
    leave: impl FnOnce() -> F,
) -> Result<(), StartError> {
    // Told to stop, the tasks end too: that is no accident.
    let ended = tokio::select! {
        biased;
        () = stop.cancelled() => None,
        ended = tasks.join_next() => Some(ended),
    };
    if ended.is_some() {
        health.set_wedged();
    }
    stop.cancel();
    let finish = async { while tasks.join_next().await.is_some() {} };
    let _ = timeout(LEAVE, finish).await;
    tasks.abort_all();
    leave().await;
    match ended {
        None => Ok(()),
        Some(task) => Err(StartError::Ended { task: task.and_then(Result::ok).unwrap_or_default() }),
    }
}

fn scheduling(options: &RunOptions) -> Options {
    Options {
        house: House { control: options.control.clone(), vantage: options.vantage.clone() },
        max_in_flight: usize::try_from(options.max_in_flight).unwrap_or(usize::MAX),
        minimum_period: Duration::from_secs(u64::from(options.minimum_period_seconds)),
        recheck: Duration::from_secs(u64::from(options.recheck_seconds)),
        clock: Clock::System,
    }
}

/// What runs as long as the operator does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, strum::Display, strum::EnumIter)]
pub enum Task {
    #[strum(serialize = "the prober")]
    Prober,
    #[strum(serialize = "the keeper of lists")]
    Lists,
    #[strum(serialize = "the reader of counters")]
    Counters,
    #[strum(serialize = "the listener to changes")]
    Changes,
    #[strum(serialize = "the status page")]
    StatusPage,
    #[strum(serialize = "the watch over leadership")]
    Leadership,
    #[strum(serialize = "a worker of the reconciler")]
    Worker,
    /// One that panicked takes its name along.
    #[default]
    #[strum(serialize = "a task")]
    Unknown,
}

fn spawn(tasks: &mut JoinSet<Task>, name: Task, task: impl std::future::Future<Output = ()> + Send + 'static) {
    tasks.spawn(async move {
        task.await;
        name
    });
}

/// Waits until every kind was listed once, and says what it waits for.
async fn synced(source: &Stores, listed: &mut super::origins::Listed) {
    while !source.ready(SAY).await {
        for waiting in source.waiting() {
            tracing::warn!(%waiting, "waiting for the first list");
        }
    }
    listed.all().await;
}

/// What a change of leadership brings with it.
struct Leading {
    claim: Claim,
    handle: Handle,
    origins: Origins,
    queue: Arc<Queue>,
    reconciler: Arc<Reconciler>,
}

impl Leading {
    async fn watch(mut self, metrics: Metrics, stop: CancellationToken) {
        let mut term = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                alive = self.claim.held() => if !alive { return },
            }
            metrics.series().leader.set(1);
            if self.claim.term() != term {
                term = self.claim.term();
                // A new leader goes by what the statuses say, not by what it knew when it led before.
                self.handle.forget_all();
                self.reconciler.keeps.clear();
            }
            // What came while nothing could be written was dropped.
            for key in self.origins.keys() {
                self.queue.add(key);
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.claim.lost() => {}
            }
            metrics.series().leader.set(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use strum::IntoEnumIterator as _;

    #[test]
    fn who_cannot_start_says_in_one_line_what_it_lacks() {
        let io = || std::io::Error::other("address in use");
        let why = || "nothing there".to_owned();
        for (error, said) in [
            (StartError::Logs(why()), "cannot set up logging: nothing there"),
            (StartError::Config(why()), "no kube configuration: nothing there"),
            (
                StartError::Listen { address: "127.0.0.1:8080".parse().unwrap(), source: io() },
                "cannot listen on 127.0.0.1:8080: address in use",
            ),
            (StartError::Client(why()), "cannot set up the client of the API server: nothing there"),
            (StartError::Signals(io()), "cannot listen to signals: address in use"),
        ] {
            assert_eq!(error.to_string(), said);
        }
    }
    #[test]
    fn what_ended_of_itself_is_named() {
        let said: Vec<String> = Task::iter().map(|task| StartError::Ended { task }.to_string()).collect();
        let rest = " ended unexpectedly; ending, so that this replica is started again";
        assert_eq!(
            said,
            [
                "the prober",
                "the keeper of lists",
                "the reader of counters",
                "the listener to changes",
                "the status page",
                "the watch over leadership",
                "a worker of the reconciler",
                "a task",
            ]
            .map(|name| format!("{name}{rest}"))
        );
    }
}
