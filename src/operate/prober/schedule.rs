//! The task that holds the schedule.

use super::clock::Clock;
use super::correlation::{Correlation, Stand};
use super::entry::{House, Round};
use super::looks::{Ended, Looks};
use super::pools::{Pool, Pools};
use super::timetable::Timetable;
use super::{Board, Handle, Site, Told};
use crate::api::Outcome;
use crate::evidence::Fact;
use crate::observe::round::{Ask, Plan};
use crate::operate::key::OriginKey;
use crate::operate::lease::Claim;
use crate::report::metrics::{Labels, Metrics, Skipped};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Messages that may wait for the prober; who sends more waits.
const BACKLOG: usize = 1024;
/// How often it is checked at most whether too many origins fail at once.
const SUSPICION_EVERY: Duration = Duration::from_secs(1);

/// How the installation wants it.
#[derive(Clone, Debug)]
pub struct Options {
    pub house: House,
    pub max_in_flight: usize,
    pub minimum_period: Duration,
    pub recheck: Duration,
    pub clock: Clock,
}

/// The schedule: what is done when the time comes that the timetable says.
pub struct Schedule {
    looks: Arc<dyn Looks>,
    options: Options,
    metrics: Metrics,
    claim: Claim,
    told: mpsc::Receiver<Told>,
    board: Board,
    changed: Box<dyn Fn(OriginKey) + Send + Sync>,
    timetable: Timetable,
    pools: Pools,
    running: JoinSet<Ended>,
    correlation: Correlation,
    correlated: Instant,
    control: Option<(Instant, Outcome)>,
}

impl std::fmt::Debug for Schedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Schedule").field("origins", &self.timetable.len()).finish_non_exhaustive()
    }
}

impl Schedule {
    /// `changed` is called for each origin whose assessment is new.
    pub fn new(
        looks: Arc<dyn Looks>,
        options: Options,
        metrics: Metrics,
        claim: Claim,
        changed: impl Fn(OriginKey) + Send + Sync + 'static,
    ) -> (Self, Handle) {
        let (sender, told) = mpsc::channel(BACKLOG);
        let board = Board::default();
        let handle = Handle { sender, board: board.clone(), told: Arc::default() };
        let pools = Pools::new(options.max_in_flight);
        let timetable = Timetable::new(&options);
        let schedule = Self {
            looks,
            options,
            metrics,
            claim,
            told,
            board,
            changed: Box::new(changed),
            timetable,
            pools,
            running: JoinSet::new(),
            correlation: Correlation::default(),
            correlated: Instant::now(),
            control: None,
        };
        (schedule, handle)
    }

    /// Runs until `stop`. Rounds under way are dropped and say nothing.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let wake = self.timetable.first().unwrap_or_else(|| Instant::now() + Duration::from_hours(1));
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                alive = self.claim.changed() => {
                    if !alive { return }
                    if self.claim.term().is_none() {
                        self.rest();
                    }
                }
                told = self.told.recv() => match told {
                    Some(told) => self.hear(told),
                    None => return,
                },
                Some(ended) = self.running.join_next() => {
                    if let Ok(ended) = ended { self.end(ended) }
                }
                () = sleep_until(wake) => self.due(),
            }
            self.begin();
        }
    }

    /// Another replica leads: it probes, and begins with what the status says.
    fn rest(&mut self) {
        self.running.abort_all();
        self.running = JoinSet::new();
        self.timetable.clear();
        self.pools.clear();
        self.board.clear();
        self.correlation = Correlation::default();
        self.metrics.rest();
    }

    fn hear(&mut self, told: Told) {
        match told {
            Told::Of(site) => self.take(site),
            Told::Forget(key) => {
                self.timetable.remove(&key);
                self.board.remove(&key);
                self.metrics.forget(&key.namespace, &key.name);
            }
            Told::Ask(key, number) => {
                if let Some(slot) = self.timetable.get_mut(&key) {
                    slot.entry.asked = Some(number);
                    self.timetable.hurry(&key);
                }
            }
        }
        self.metrics.series().scheduled.set(i64::try_from(self.timetable.len()).unwrap_or(i64::MAX));
    }

    fn take(&mut self, site: Arc<Site>) {
        let key = site.key.clone();
        let pace = self.timetable.pace(&site);
        let Some(slot) = self.timetable.get_mut(&key) else {
            self.timetable.insert(site, Instant::now());
            return;
        };
        let other = slot.entry.site.question != site.question;
        slot.entry.renew(site);
        let wanted = slot.entry.is_asked();
        if other {
            slot.entry.pace = pace;
        }
        if other || wanted {
            self.timetable.hurry(&key);
        } else {
            // What the cluster says may change the verdict without another look.
            self.judge(&key);
        }
    }

    /// Everything that is due lines up for a place.
    fn due(&mut self) {
        let now = Instant::now();
        while let Some(key) = self.timetable.pop_due(now) {
            let Some(slot) = self.timetable.get_mut(&key) else { continue };
            if slot.running {
                // Never two rounds of one origin at once: this tick is dropped, the next comes.
                self.skip(Skipped::Overlap);
                self.timetable.reschedule(&key);
                continue;
            }
            slot.waiting = true;
            let pool = if slot.entry.is_failing() { Pool::Suspect } else { Pool::Well };
            self.pools.wait(pool, key);
        }
    }

    fn skip(&self, reason: Skipped) {
        self.metrics.series().skipped.get_or_create(&Labels::skipped(reason)).inc();
    }

    /// Begins what has a place.
    fn begin(&mut self) {
        if self.claim.term().is_none() {
            return;
        }
        while let Some((pool, key)) = self.pools.next() {
            let now = Instant::now();
            let Some(slot) = self.timetable.get_mut(&key) else {
                self.pools.leave(pool);
                continue;
            };
            slot.waiting = false;
            let lag = now.saturating_duration_since(slot.due);
            self.metrics.lag(lag);
            if lag > slot.entry.pace.period() / 2 && !slot.entry.is_wanted() {
                // Too late to speak of its time: Unknown, and nothing is recorded.
                self.pools.leave(pool);
                self.skip(Skipped::Late);
                self.timetable.reschedule(&key);
                continue;
            }
            let round = slot.round;
            let ended = Ended {
                key: key.clone(),
                question: slot.entry.site.question.clone(),
                round,
                pool: Some(pool),
                request: slot.entry.site.request.clone(),
                ask: slot.entry.asked,
                look: None,
            };
            slot.running = true;
            let ask = slot.entry.ask(round, &self.options.house, self.options.clock.now());
            let plan = slot.entry.site.plan.clone();
            self.start(plan, ask, ended);
        }
        self.metrics.series().in_flight.set(i64::try_from(self.pools.running()).unwrap_or(i64::MAX));
    }

    fn start(&mut self, plan: Plan, ask: Ask, ended: Ended) {
        let looking = self.looks.look(plan, ask);
        self.running.spawn(ended.after(looking));
    }

    /// A look beside the rounds, of which only one kind of probe is taken in.
    fn aside(&mut self, key: &OriginKey, round: Round) {
        let Some(slot) = self.timetable.get_mut(key) else { return };
        let ask = slot.entry.ask(round, &self.options.house, self.options.clock.now());
        let plan = slot.entry.site.plan.clone();
        let question = slot.entry.site.question.clone();
        let ended = Ended { key: key.clone(), question, round, pool: None, request: None, ask: None, look: None };
        self.start(plan, ask, ended);
    }

    fn end(&mut self, ended: Ended) {
        if let Some(pool) = ended.pool {
            self.pools.leave(pool);
        }
        let now = self.options.clock.now();
        let Ended { key, question, round, pool, request, ask, look } = ended;
        let Some(slot) = self.timetable.get_mut(&key) else { return };
        if pool.is_some() {
            slot.running = false;
        }
        let same = slot.entry.site.question == question;
        let Some(look) = look.filter(|_| same) else {
            // Given up, or the question has changed meanwhile.
            if pool.is_some() {
                self.timetable.reschedule(&key);
            }
            return;
        };
        for probe in &look.probes {
            self.metrics.probed(&key.namespace, &key.name, probe);
        }
        if let Some(control) =
            look.facts.iter().find_map(|f| if let Fact::Control(c) = f { Some(c.outcome) } else { None })
        {
            self.control = Some((Instant::now(), control));
        }
        self.board.looked(&key, &look.probes);
        let probes = if request.is_some() || ask.is_some() { look.probes.clone() } else { Vec::new() };
        let blind = self.correlation.is_blind();
        let plain = slot.entry.take_in(round, look, &self.options.house, blind, now);
        if pool.is_some() {
            slot.entry.answer(request, ask, &probes);
            self.metrics.round(&key.namespace, &key.name, now.as_second(), slot.entry.quality());
        }
        slot.dark_since = match (slot.entry.is_dark(), slot.dark_since) {
            (false, _) => None,
            (true, since) => since.or_else(|| Some(Instant::now())),
        };
        let long = slot.entry.wants_long(now);
        let hold = slot.entry.wants_hold(now);
        self.correlate();
        self.judge(&key);
        if plain {
            self.aside(&key, Round::Plain);
        }
        if long {
            self.aside(&key, Round::Long);
        }
        if hold {
            self.aside(&key, Round::Hold);
        }
        if pool.is_some() {
            self.timetable.reschedule(&key);
        }
    }

    /// Whether so many origins fail at once that the vantage itself is suspected.
    fn correlate(&mut self) {
        let now = Instant::now();
        if now.saturating_duration_since(self.correlated) < SUSPICION_EVERY {
            return;
        }
        self.correlated = now;
        let recent = |at: Instant| now.saturating_duration_since(at) <= self.options.minimum_period * 3;
        let sane = self.control.is_some_and(|(at, outcome)| outcome == Outcome::OK && recent(at));
        let stands =
            self.timetable.slots().map(|s| Stand { addresses: &s.entry.addresses, suspect_since: s.dark_since });
        let was = self.correlation.is_blind();
        let blind = self.correlation.look(stands, sane, now);
        if blind != was {
            tracing::warn!(blind, "most origins turned failing at once: suspecting this vantage");
            self.metrics.series().frozen.set(i64::from(blind));
        }
    }

    fn judge(&mut self, key: &OriginKey) {
        let Some(slot) = self.timetable.get_mut(key) else { return };
        let blind = self.correlation.is_blind() && slot.dark_since.is_some();
        if let Some(next) = slot.entry.judge(&self.options.house, blind, self.options.clock.now()) {
            self.metrics.assessed(&key.namespace, &key.name, next.verdict.as_ref(), next.forbidden);
            self.board.put(key.clone(), next);
            (self.changed)(key.clone());
        }
    }
}
