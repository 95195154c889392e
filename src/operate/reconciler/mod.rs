//! The reconciler owns writes. It is level-triggered: by a changed spec, a new assessment, a changed
//! range or a changed object of the cluster, and looks at the whole origin each time. It never waits
//! for a target's network. A look is six calls: validate, gather, diagnose, plan, apply, report.

mod allowlist;
mod effect;
mod finalizer;
mod gather;
mod keep;
mod leave;
mod narrowing;
mod overwritten;
mod question;
mod standing;
mod validate;
mod work;
mod write;

pub use effect::is_probing;
pub use work::{Failures, work};
pub use write::{Of, WriteError, status as write_status};

use super::changes::ChangeBoard;
use super::key::OriginKey;
use super::lease::Claim;
use super::origins::{Malformed, Origins, Root};
use super::prober::{Budget, Handle, Rules};
use super::surroundings::Surroundings;
use super::traffic::TrafficBoard;
use crate::allow::Plan;
use crate::api::conditions::{Reason, Truth};
use crate::api::spec::{Mode, ReadyWhen};
use crate::api::validated::Validated;
use crate::api::{ProtectedOrigin, ProtectedOriginStatus};
use crate::observe::cluster::Stores;
use crate::observe::probe::Prober;
use crate::report::events::{self, Events};
use crate::report::metrics::Metrics;
use crate::report::status::{Answer, Known, Standing, first, next};
use allowlist::{About, Outcome};
use gather::{Around, Gathered, gather};
use jiff::Timestamp;
use keep::{Keep, Last, Written, version};
use kube::{Client, Resource};
use overwritten::Said;
use parking_lot::Mutex;
use standing::Diagnosed;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use validate::{forbidden, validate};

/// What every look needs.
pub struct Reconciler {
    pub client: Client,
    pub source: Arc<Stores>,
    pub origins: Origins,
    pub prober: Handle,
    /// For reading trust anchors; it makes no probe here.
    pub probes: Prober,
    pub rules: Rules,
    pub budget: Arc<Budget>,
    pub surroundings: Surroundings,
    pub changes: ChangeBoard,
    pub claim: Claim,
    pub events: Events,
    pub metrics: Metrics,
    /// Counters of origins' load, as they were last measured.
    pub traffic: TrafficBoard,
    /// A control target is configured.
    pub control: bool,
    pub own_addresses: Vec<IpAddr>,
    pub keeps: Keeps,
}

impl std::fmt::Debug for Reconciler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reconciler").finish_non_exhaustive()
    }
}

/// Memories by origin.
#[derive(Debug, Default)]
pub struct Keeps(Mutex<HashMap<OriginKey, Arc<tokio::sync::Mutex<Keep>>>>);

impl Keeps {
    fn of(&self, key: &OriginKey) -> Arc<tokio::sync::Mutex<Keep>> {
        Arc::clone(self.0.lock().entry(key.clone()).or_default())
    }

    fn forget(&self, key: &OriginKey) {
        self.0.lock().remove(key);
    }

    /// A new leader remembers nothing of when it led before.
    pub fn clear(&self) {
        self.0.lock().clear();
    }
}

/// One look at one resource.
#[derive(Clone, Copy)]
struct Look<'a> {
    key: &'a OriginKey,
    object: &'a ProtectedOrigin,
    prior: &'a ProtectedOriginStatus,
    question: &'a str,
    now: Timestamp,
}

impl Look<'_> {
    fn generation(&self) -> i64 {
        self.object.metadata.generation.unwrap_or_default()
    }
}

/// What the rest of a look found out, for the report.
struct Found<'a> {
    accepted: Answer,
    outcome: Outcome,
    standing: Standing<'a>,
    ready_when: ReadyWhen,
    origin: Option<String>,
    handled: Option<String>,
}

impl Reconciler {
    /// Looks at one origin. Returns when to look again, if not for something that happens.
    pub async fn reconcile(&self, key: &OriginKey) -> Result<Option<Duration>, WriteError> {
        let keep = self.keeps.of(key);
        let mut keep = keep.lock().await;
        match self.origins.get(key) {
            None => {
                self.leave(key, &mut keep).await;
                drop(keep);
                self.keeps.forget(key);
                Ok(None)
            }
            Some(Root::Malformed(object)) => self.malformed(key, &object, &mut keep).await.map(|()| None),
            Some(Root::Read(object)) if object.metadata.deletion_timestamp.is_some() => {
                self.depart(key, &object, &mut keep).await
            }
            Some(Root::Read(object)) => self.look(key, &object, &mut keep).await,
        }
    }

    /// The six steps. Those that ask the API server or tell the prober are awaited, the others are not.
    async fn look(
        &self,
        key: &OriginKey,
        object: &Arc<ProtectedOrigin>,
        keep: &mut Keep,
    ) -> Result<Option<Duration>, WriteError> {
        let now = Timestamp::now();
        keep.about(object.metadata.uid.as_deref().unwrap_or_default());
        let prior = self.begun(key, object, keep, now).await?;
        let question = question::of(&object.spec);
        let look = Look { key, object, prior: &prior, question: &question, now };

        let origin = match validate(object, &self.rules.now(), self.probes.vantage()) {
            Ok(origin) => origin,
            Err(answer) => return self.stopped(&look, keep, answer).await,
        };
        let gathered = self.gather(&look, &origin);
        keep.last = Some(Last { origin: Arc::clone(&origin), created: created(object) });
        let Some(site) = gathered.site else { return self.stopped(&look, keep, gathered.accepted).await };
        if origin.suspend {
            self.prober.forget(key).await;
        } else if gathered.accepted.truth != Truth::Unknown {
            self.prober.tell(site).await;
        }
        let diagnosed = Diagnosed::of(self.prober.board().get(key).filter(|_| !origin.suspend), &question, now);
        let about = About { look: &look, origin: &origin, diagnosed: &diagnosed };
        let plan = self.plan(&about, keep);
        if let Some(answer) = refused(&plan) {
            return self.stopped(&look, keep, answer).await;
        }
        self.hold(&look, &origin, keep).await?;
        let outcome = self.apply(&about, plan, keep).await;
        let again = outcome.again;
        let found = Found {
            accepted: if diagnosed.forbidden { forbidden() } else { gathered.accepted },
            outcome,
            standing: diagnosed.standing(&look, origin.suspend, keep.asked.as_deref()),
            ready_when: origin.ready_when,
            origin: Some(origin.origin.short(&origin.namespace)),
            handled: diagnosed.handled(),
        };
        let wait = self.report(&look, keep, found).await?;
        if diagnosed.finding.is_some() || keep.asked.is_none() {
            keep.asked = Some(question);
        }
        Ok(again.into_iter().chain(wait).min())
    }

    fn gather(&self, look: &Look<'_>, origin: &Arc<Validated>) -> Gathered {
        let cluster_addresses = self.surroundings.cluster_addresses();
        let around = Around {
            source: self.source.as_ref(),
            cluster_addresses: &cluster_addresses,
            prober: &self.probes,
            rules: &self.rules,
            budget: &self.budget,
            metrics: &self.metrics,
            traffic: &self.traffic,
            changes: &self.changes,
            control: self.control,
            prior: Some(look.prior),
            now: look.now,
        };
        gather(look.object, origin, &around)
    }

    /// The status so far; a resource that has none gets its first one at once.
    async fn begun(
        &self,
        key: &OriginKey,
        object: &ProtectedOrigin,
        keep: &mut Keep,
        now: Timestamp,
    ) -> Result<ProtectedOriginStatus, WriteError> {
        if keep.said.as_mut().is_some_and(|said| said.is_overwritten(object)) {
            tracing::warn!(origin = %key, "{}", overwritten::SAID);
            let now = Instant::now();
            if keep.overwritten.is_none_or(|told| now.duration_since(told) >= overwritten::AGAIN) {
                keep.overwritten = Some(now);
                self.events.warn(&object.object_ref(&()), overwritten::REASON, overwritten::SAID).await;
            }
        }
        if let Some(status) = keep.status(object) {
            return Ok(status);
        }
        let status = first(object.metadata.generation.unwrap_or_default(), now);
        self.write(key, object.metadata.uid.as_deref(), keep, &status).await?;
        Ok(status)
    }

    /// Nothing is probed and nothing written but the reason.
    async fn stopped(
        &self,
        look: &Look<'_>,
        keep: &mut Keep,
        accepted: Answer,
    ) -> Result<Option<Duration>, WriteError> {
        self.prober.forget(look.key).await;
        keep.asked = None;
        let outcome = untouched(&accepted, look.prior);
        let ready_when = look.object.spec.ready_when;
        let found = Found { accepted, outcome, standing: Standing::Stopped, ready_when, origin: None, handled: None };
        self.report(look, keep, found).await
    }

    /// Says so to a resource that cannot be read.
    async fn malformed(&self, key: &OriginKey, object: &Malformed, keep: &mut Keep) -> Result<(), WriteError> {
        self.prober.forget(key).await;
        if object.meta.deletion_timestamp.is_some() {
            return self.let_go(key, object, keep).await;
        }
        keep.about(object.meta.uid.as_deref().unwrap_or_default());
        let prior = keep.written.as_ref().map(|w| w.status.clone());
        let accepted = Answer::no(
            Reason::InvalidTarget,
            format!(
                "the resource cannot be read ({}): correct it, or update Leeward and its CRDs together",
                object.problem
            ),
        );
        let known = Known {
            prior: prior.as_ref(),
            generation: object.meta.generation.unwrap_or_default(),
            ready_when: ReadyWhen::Converged,
            synced: untouched(&accepted, &ProtectedOriginStatus::default()).synced,
            accepted,
            standing: Standing::Stopped,
            origin: None,
            allowlist: None,
            handled: None,
        };
        let status = next(&known, Timestamp::now());
        self.metrics.gone(&key.namespace, &key.name);
        self.metrics.accepted(&key.namespace, &key.name, Truth::False, Reason::InvalidTarget);
        if prior.as_ref() == Some(&status) {
            return Ok(());
        }
        self.write(key, object.meta.uid.as_deref(), keep, &status).await
    }

    /// Writes the status if it says something new, and the event that the change deserves. Returns how
    /// long to wait where it was written too often lately.
    async fn report(&self, look: &Look<'_>, keep: &mut Keep, found: Found<'_>) -> Result<Option<Duration>, WriteError> {
        let Look { key, object, prior, now, .. } = *look;
        self.measure(key, object.spec.allowlist.mode, &found);
        let known = Known {
            prior: Some(prior),
            generation: look.generation(),
            ready_when: found.ready_when,
            accepted: found.accepted,
            synced: found.outcome.synced,
            standing: found.standing,
            origin: found.origin,
            allowlist: found.outcome.allowlist,
            handled: found.handled,
        };
        let status = next(&known, now);
        if status == *prior {
            return Ok(None);
        }
        // What has to outlive this process is not what flaps.
        if prior.observed_generation == status.observed_generation
            && narrowing::told(prior) == narrowing::told(&status)
            && let Err(wait) = keep.pace.take(Instant::now())
        {
            return Ok(Some(wait));
        }
        let due = events::due(Some(prior), &status);
        self.write(key, object.metadata.uid.as_deref(), keep, &status).await?;
        if let Some(diagnosis) = due {
            tracing::info!(origin = %key, cause = %diagnosis.cause, summary = diagnosis.summary, "verdict");
            self.events.send(&object.object_ref(&()), &diagnosis).await;
        }
        Ok(None)
    }

    /// The same as numbers. Whoever lost the lease meanwhile leaves them to the next leader.
    fn measure(&self, key: &OriginKey, mode: Mode, found: &Found<'_>) {
        if !self.claim.is_current() {
            return;
        }
        let (namespace, name) = (&key.namespace, &key.name);
        let (accepted, synced) = (&found.accepted, &found.outcome.synced);
        self.metrics.accepted(namespace, name, accepted.truth, accepted.reason);
        self.metrics.synced(namespace, name, mode, synced.truth, synced.reason);
        if let Some(list) = &found.outcome.allowlist {
            self.metrics.prefixes(namespace, name, i64::from(list.prefixes));
        }
    }

    async fn write(
        &self,
        key: &OriginKey,
        uid: Option<&str>,
        keep: &mut Keep,
        status: &ProtectedOriginStatus,
    ) -> Result<(), WriteError> {
        let of = Of { namespace: Some(&key.namespace), name: &key.name, uid };
        let written = write_status::<ProtectedOrigin>(&self.client, &self.claim, of, status).await?;
        let version = version(written.as_deref());
        keep.said = Said::written(status, version);
        keep.written = Some(Written { version, status: status.clone() });
        Ok(())
    }
}

/// A prefix that may stand in no allowlist makes the spec wrong, whatever the mode.
fn refused(plan: &Plan) -> Option<Answer> {
    let veto = plan.desired.as_ref().err().filter(|veto| veto.reason == Reason::InvalidTarget)?;
    Some(Answer::no(Reason::InvalidTarget, veto.message.clone()))
}

/// A resource that is not looked at leaves what was written as it is.
fn untouched(accepted: &Answer, prior: &ProtectedOriginStatus) -> Outcome {
    let synced = match accepted.truth {
        Truth::Unknown => Answer::new(Truth::Unknown, Reason::Pending, ""),
        _ => Answer::yes(Reason::Observing, "nothing is written while the resource is not accepted"),
    };
    Outcome { synced, allowlist: prior.allowlist.clone(), again: None }
}

fn created(object: &ProtectedOrigin) -> Option<Timestamp> {
    object.metadata.creation_timestamp.as_ref().map(|t| t.0)
}
