//! The prober owns time: when each origin is looked at, how many at once, and what is published.
//!
//! One task holds the schedule and every history. It is told of origins through a bounded channel,
//! looks at them through [`Looks`], and puts an [`Assessment`] on the [`Board`] only when what is
//! confirmed changed or when somebody's request was answered. It never touches the API server, so it
//! goes on while that is away.

mod budget;
mod clock;
mod correlation;
mod entry;
mod gate;
mod looks;
mod pace;
mod pools;
mod schedule;
mod site;
#[cfg(test)]
mod tests;
mod timetable;

pub use budget::Budget;
pub use clock::Clock;
pub use entry::House;
pub use gate::{Rules, SiteGate};
pub use looks::Looks;
pub use schedule::{Options, Schedule};
pub use site::{Answered, Assessment, Board, Site};

use crate::operate::key::OriginKey;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::mpsc;

/// What the prober is told.
#[derive(Debug)]
pub(super) enum Told {
    /// An origin is new or has changed.
    Of(Arc<Site>),
    /// An origin is gone, suspended or may not be probed.
    Forget(OriginKey),
    /// Somebody wrote something and wants a round that begins from now on.
    Ask(OriginKey, u64),
}

/// The way to the prober.
#[derive(Clone, Debug)]
pub struct Handle {
    sender: mpsc::Sender<Told>,
    board: Board,
    told: Arc<Mutex<HashMap<OriginKey, Arc<Site>>>>,
}

impl Handle {
    /// Where assessments are read.
    pub const fn board(&self) -> &Board {
        &self.board
    }

    /// Tells of an origin, unless nothing is new since the last time.
    pub async fn tell(&self, site: Site) {
        let known = self.told.lock().get(&site.key).cloned();
        if known.is_some_and(|known| known.same(&site)) {
            return;
        }
        let site = Arc::new(site);
        self.told.lock().insert(site.key.clone(), Arc::clone(&site));
        // A prober that is gone means that the process is ending.
        let _ = self.sender.send(Told::Of(site)).await;
    }

    /// Takes an origin off the schedule, with its history.
    pub async fn forget(&self, key: &OriginKey) {
        if self.told.lock().remove(key).is_some() {
            let _ = self.sender.send(Told::Forget(key.clone())).await;
        }
    }

    /// Asks for a round that begins from now on; the board tells when it has ended.
    pub async fn ask(&self, key: &OriginKey, number: u64) {
        let _ = self.sender.send(Told::Ask(key.clone(), number)).await;
    }

    /// Forgets what was told, so that everything is told again: a new leader begins afresh.
    pub fn forget_all(&self) {
        self.told.lock().clear();
    }
}
