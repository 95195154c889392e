//! Leadership: one Lease, named after the installation, and a [`Claim`] that says whether this
//! process may write now.
//!
//! The claim carries its own end and everybody who writes asks again just before, so that a process
//! that was stopped, starved or cut off stops writing by itself, at the latest when its claim ends.
//! All reckoning is by the monotonic clock: the times inside the Lease are for people. Another's
//! claim has ended when its record has not changed for its duration *as seen from here*, so clocks
//! that disagree cannot make two holders. Every write carries the resourceVersion that was read; a
//! conflict means that somebody else was quicker, and the record is read again.
//!
//! While the API server is away a claim runs out, and nobody writes; nobody else can lead either, so what
//! needs no API server goes on until another holder is seen.

mod records;
#[cfg(test)]
mod tests;

pub use records::{LeaseRecords, Record, RecordError, Records};

use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Who stands for the lease, and for how long one claim holds.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Unique among replicas; the pod's name with something random.
    pub identity: String,
    /// After this long without renewal others may take the lease.
    pub duration: Duration,
}

impl Terms {
    /// A claim ends this long after the request that made it was sent: well before others may take it.
    fn renew_deadline(&self) -> Duration {
        self.duration * 2 / 3
    }

    /// Between renewals, and between looks at another's record.
    fn retry(&self) -> Duration {
        self.duration * 2 / 15
    }

    /// One call to the API server.
    fn call(&self) -> Duration {
        self.duration / 5
    }
}

/// What this process holds. It stays after its end for as long as nobody else is seen to hold the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Writing is allowed until then.
    pub until: Instant,
    /// Counts how often this process came to lead.
    pub term: u64,
}

/// Whether this process leads. Cheap to clone, and to ask.
#[derive(Clone, Debug)]
pub struct Claim(watch::Receiver<Option<Held>>);

impl Claim {
    /// A claim and the hand that moves it, for tests of what depends on one.
    pub fn channel() -> (watch::Sender<Option<Held>>, Self) {
        let (sender, receiver) = watch::channel(None);
        (sender, Self(receiver))
    }

    /// Whether writing is allowed at this instant.
    pub fn is_current(&self) -> bool {
        self.remaining().is_some()
    }

    /// How long writing is still allowed without a renewal.
    pub fn remaining(&self) -> Option<Duration> {
        let held = (*self.0.borrow())?;
        held.until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }

    /// The term in which this process leads, or led and nobody is seen to have followed: while the API
    /// server is away nobody can, and probing goes on.
    pub fn term(&self) -> Option<u64> {
        self.0.borrow().map(|held| held.term)
    }

    /// Waits for the next renewal, gain or loss; false when the election has ended for good.
    pub async fn changed(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }

    /// Waits until this process leads; false when the election has ended.
    pub async fn held(&mut self) -> bool {
        loop {
            if self.is_current() {
                return true;
            }
            if !self.changed().await {
                return false;
            }
        }
    }

    /// Waits until this process does not lead.
    pub async fn lost(&mut self) {
        while let Some(left) = self.remaining() {
            tokio::select! {
                alive = self.changed() => if !alive { return },
                () = sleep(left) => {}
            }
        }
    }
}

/// A record as this process saw it, and when it last changed by the local clock.
#[derive(Debug)]
struct Seen {
    record: Record,
    at: Instant,
}

/// Takes part in the election until told to stop, then gives the lease back.
#[derive(Debug)]
pub struct Election<R> {
    records: R,
    terms: Terms,
    claim: watch::Sender<Option<Held>>,
    seen: Option<Seen>,
    terms_led: u64,
}

impl<R: Records> Election<R> {
    pub fn new(records: R, terms: Terms) -> (Self, Claim) {
        let (sender, claim) = Claim::channel();
        (Self { records, terms, claim: sender, seen: None, terms_led: 0 }, claim)
    }

    /// Runs until `stop`, then gives back what is held.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            self.round().await;
            tokio::select! {
                () = stop.cancelled() => break,
                () = sleep(self.terms.retry()) => {}
            }
        }
        self.release().await;
    }

    /// One attempt to take or renew, and what follows for the claim.
    async fn round(&mut self) {
        let asked = Instant::now();
        let call = self.terms.call();
        match timeout(call, self.attempt()).await {
            Ok(Ok(true)) => self.hold(asked + self.terms.renew_deadline()),
            Ok(Ok(false)) => self.drop_claim(),
            // Nobody knows whether the write arrived: what is held runs out by itself, and the record
            // is read again before the next write.
            Ok(Err(RecordError::Conflict)) => self.seen_is_stale(),
            Ok(Err(error)) => {
                tracing::warn!(%error, "lease not renewed");
                self.seen_is_stale();
            }
            Err(_) => {
                tracing::warn!(
                    seconds = call.as_secs_f32(),
                    "lease not renewed: the API server did not answer in time"
                );
                self.seen_is_stale();
            }
        }
    }

    /// Reads if need be, and writes if the lease is ours or free. True when it is ours now.
    async fn attempt(&mut self) -> Result<bool, RecordError> {
        let ours = self.seen.as_ref().is_some_and(|s| s.record.holder == self.terms.identity && !s.record.stale);
        if !ours {
            let found = self.records.read().await?;
            self.look_at(found);
        }
        let free = match &self.seen {
            None => true,
            Some(seen) => {
                seen.record.holder == self.terms.identity
                    || seen.record.holder.is_empty()
                    || seen.at.elapsed() >= seen.record.duration
            }
        };
        if !free {
            return Ok(false);
        }
        let prior = self.seen.as_ref().map(|s| &s.record);
        let written = self.records.write(prior, &self.terms.identity, self.terms.duration).await?;
        self.seen = Some(Seen { record: written, at: Instant::now() });
        Ok(true)
    }

    /// Notes a record; its local time moves only when the record did.
    fn look_at(&mut self, found: Option<Record>) {
        let Some(record) = found else {
            self.seen = None;
            return;
        };
        match &mut self.seen {
            Some(seen) if seen.record.version == record.version => seen.record.stale = false,
            _ => self.seen = Some(Seen { record, at: Instant::now() }),
        }
    }

    fn seen_is_stale(&mut self) {
        if let Some(seen) = &mut self.seen {
            seen.record.stale = true;
        }
    }

    fn hold(&mut self, until: Instant) {
        if self.claim.borrow().is_none() {
            self.terms_led += 1;
            tracing::info!(identity = self.terms.identity, "leading");
        }
        self.claim.send_replace(Some(Held { until, term: self.terms_led }));
    }

    /// Another replica holds it.
    fn drop_claim(&self) {
        let lost = self.claim.send_if_modified(|claim| claim.take().is_some());
        if lost {
            tracing::warn!("no longer leading: another replica holds the lease");
        }
    }

    /// Ends the claim first, so that nobody writes while it is given back.
    async fn release(&mut self) {
        let held = self.claim.send_replace(None).is_some();
        let Some(seen) = self.seen.take().filter(|s| held && s.record.holder == self.terms.identity) else { return };
        match timeout(self.terms.call(), self.records.release(&seen.record)).await {
            Ok(Ok(())) => tracing::info!("lease given back"),
            Ok(Err(error)) => tracing::warn!(%error, "lease not given back; it runs out by itself"),
            Err(_) => tracing::warn!("lease not given back: the API server did not answer in time"),
        }
    }
}
