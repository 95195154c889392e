//! When each origin is looked at next: at the ticks of its period, sooner while it is suspect or somebody asked, and the
//! order that this makes of all. Nothing is begun here.

use super::clock::Clock;
use super::entry::{Entry, Round, sooner};
use super::pace::Pace;
use super::schedule::Options;
use super::site::Site;
use crate::evidence::Health;
use crate::operate::key::OriginKey;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// An origin with its place in time.
#[derive(Debug)]
pub struct Slot {
    pub entry: Entry,
    pub due: Instant,
    pub round: Round,
    tick: Instant,
    pub running: bool,
    pub waiting: bool,
    pub dark_since: Option<Instant>,
}

/// Every origin, and in which order they are due.
#[derive(Debug)]
pub struct Timetable {
    slots: HashMap<OriginKey, Slot>,
    order: BTreeSet<(Instant, OriginKey)>,
    minimum_period: Duration,
    recheck: Duration,
    clock: Clock,
}

impl Timetable {
    pub fn new(options: &Options) -> Self {
        Self {
            slots: HashMap::new(),
            order: BTreeSet::new(),
            minimum_period: options.minimum_period,
            recheck: options.recheck,
            clock: options.clock,
        }
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.slots.values()
    }

    pub fn get_mut(&mut self, key: &OriginKey) -> Option<&mut Slot> {
        self.slots.get_mut(key)
    }

    /// A new origin. A verdict that stands keeps its place in the period; without one it is looked at at once.
    pub fn insert(&mut self, site: Arc<Site>, now: Instant) {
        let fresh = site.prior == Health::Unknown || site.request.is_some();
        let key = site.key.clone();
        let mut pace = self.pace(&site);
        let tick = after(self.clock, &mut pace, now);
        let (due, round) = if fresh { (now, Round::Recheck) } else { (tick, Round::Scheduled) };
        let entry = Entry::new(site, pace);
        self.order.insert((due, key.clone()));
        self.slots.insert(key, Slot { entry, due, round, tick, running: false, waiting: false, dark_since: None });
    }

    pub fn remove(&mut self, key: &OriginKey) {
        if let Some(slot) = self.slots.remove(key) {
            self.order.remove(&(slot.due, key.clone()));
        }
    }

    pub fn clear(&mut self) {
        self.slots.clear();
        self.order.clear();
    }

    /// The pace that the site's period makes.
    pub fn pace(&self, site: &Site) -> Pace {
        Pace::new(&site.uid, site.plan.validated.probe.period.max(self.minimum_period))
    }

    /// When the next one is due.
    pub fn first(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes the earliest that is due by now out of the order; it has to be put back or removed.
    pub fn pop_due(&mut self, now: Instant) -> Option<OriginKey> {
        self.first().filter(|at| *at <= now)?;
        self.order.pop_first().map(|(_, key)| key)
    }

    /// A round as soon as may be. One under way is not overlapped: the next follows it.
    pub fn hurry(&mut self, key: &OriginKey) {
        let Some(slot) = self.slots.get_mut(key) else { return };
        if slot.running || slot.waiting {
            return;
        }
        slot.round = Round::Recheck;
        self.put(key, Instant::now());
    }

    /// The next round: the tick, or a closer look before it.
    pub fn reschedule(&mut self, key: &OriginKey) {
        let Some(slot) = self.slots.get_mut(key) else { return };
        let now = Instant::now();
        if slot.tick <= now {
            slot.tick = after(self.clock, &mut slot.entry.pace, now);
        }
        let wanted = slot.entry.is_wanted();
        let recheck = (slot.entry.is_suspect() || wanted).then(|| {
            let since = slot.due.checked_add(self.recheck).unwrap_or(now);
            if wanted { Duration::ZERO } else { since.saturating_duration_since(now) }
        });
        let (wait, round) = sooner(slot.tick.saturating_duration_since(now), recheck);
        slot.round = round;
        self.put(key, now + wait);
    }

    fn put(&mut self, key: &OriginKey, due: Instant) {
        let Some(slot) = self.slots.get_mut(key) else { return };
        self.order.remove(&(slot.due, key.clone()));
        slot.due = due;
        self.order.insert((due, key.clone()));
    }
}

/// The next tick, on the monotonic clock.
fn after(clock: Clock, pace: &mut Pace, now: Instant) -> Instant {
    let wall = clock.milliseconds();
    now + Duration::from_millis(pace.next(wall).saturating_sub(wall))
}
