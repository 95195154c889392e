//! The record behind a claim: a `coordination.k8s.io/v1` Lease, or memory in tests.

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};
use std::future::Future;
use std::time::Duration;

/// What the Lease says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// resourceVersion.
    pub version: String,
    /// Empty: nobody.
    pub holder: String,
    pub duration: Duration,
    pub transitions: i32,
    /// When the holder got it; for people.
    pub acquired: Option<Timestamp>,
    /// A write failed since it was read: read again before the next.
    pub stale: bool,
}

/// Why a record could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("somebody else changed the lease meanwhile")]
    Conflict,
    #[error("cannot {verb} lease {lease}: {source}")]
    Api { verb: &'static str, lease: String, source: Box<kube::Error> },
    #[error("lease {lease} came back without a resourceVersion")]
    NoVersion { lease: String },
}

/// Where the record is kept. Every write names the version that it replaces.
pub trait Records: Send + Sync + 'static {
    fn read(&self) -> impl Future<Output = Result<Option<Record>, RecordError>> + Send;
    /// Makes `identity` the holder, or renews it.
    fn write(
        &self,
        prior: Option<&Record>,
        identity: &str,
        duration: Duration,
    ) -> impl Future<Output = Result<Record, RecordError>> + Send;
    /// Makes nobody the holder.
    fn release(&self, prior: &Record) -> impl Future<Output = Result<(), RecordError>> + Send;
}

/// The Lease of an installation.
#[derive(Clone, Debug)]
pub struct LeaseRecords {
    leases: Api<Lease>,
    namespace: String,
    name: String,
}

impl LeaseRecords {
    pub fn new(client: Client, namespace: &str, name: &str) -> Self {
        Self { leases: Api::namespaced(client, namespace), namespace: namespace.to_owned(), name: name.to_owned() }
    }

    fn lease(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    fn failed(&self, verb: &'static str, error: kube::Error) -> RecordError {
        match &error {
            kube::Error::Api(status) if status.is_conflict() || status.is_already_exists() => RecordError::Conflict,
            _ => RecordError::Api { verb, lease: self.lease(), source: Box::new(error) },
        }
    }

    fn parsed(&self, lease: Lease) -> Result<Record, RecordError> {
        let version = lease.metadata.resource_version.ok_or_else(|| RecordError::NoVersion { lease: self.lease() })?;
        let spec = lease.spec.unwrap_or_default();
        let seconds = u64::try_from(spec.lease_duration_seconds.unwrap_or_default()).unwrap_or_default();
        Ok(Record {
            version,
            holder: spec.holder_identity.unwrap_or_default(),
            duration: Duration::from_secs(seconds),
            transitions: spec.lease_transitions.unwrap_or_default(),
            acquired: spec.acquire_time.map(|t| t.0),
            stale: false,
        })
    }

    async fn put(&self, prior: Option<&Record>, spec: LeaseSpec) -> Result<Record, RecordError> {
        let lease = Lease {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                resource_version: prior.map(|p| p.version.clone()),
                ..ObjectMeta::default()
            },
            spec: Some(spec),
        };
        let params = PostParams::default();
        let written = match prior {
            None => self.leases.create(&params, &lease).await.map_err(|e| self.failed("create", e))?,
            Some(_) => self.leases.replace(&self.name, &params, &lease).await.map_err(|e| self.failed("update", e))?,
        };
        self.parsed(written)
    }
}

impl Records for LeaseRecords {
    async fn read(&self) -> Result<Option<Record>, RecordError> {
        let found = self.leases.get_opt(&self.name).await.map_err(|e| self.failed("get", e))?;
        found.map(|lease| self.parsed(lease)).transpose()
    }

    async fn write(&self, prior: Option<&Record>, identity: &str, duration: Duration) -> Result<Record, RecordError> {
        let now = Timestamp::now();
        let renewed = prior.is_some_and(|p| p.holder == identity);
        let acquired = prior.filter(|_| renewed).and_then(|p| p.acquired).unwrap_or(now);
        let transitions = prior.map_or(0, |p| p.transitions.saturating_add(i32::from(!renewed)));
        let spec = LeaseSpec {
            holder_identity: Some(identity.to_owned()),
            lease_duration_seconds: i32::try_from(duration.as_secs()).ok(),
            acquire_time: Some(MicroTime(acquired)),
            renew_time: Some(MicroTime(now)),
            lease_transitions: Some(transitions),
            ..LeaseSpec::default()
        };
        self.put(prior, spec).await
    }

    async fn release(&self, prior: &Record) -> Result<(), RecordError> {
        let now = Timestamp::now();
        // What other implementations of this lease understand as free at once.
        let spec = LeaseSpec {
            holder_identity: Some(String::new()),
            lease_duration_seconds: Some(1),
            acquire_time: Some(MicroTime(now)),
            renew_time: Some(MicroTime(now)),
            lease_transitions: Some(prior.transitions),
            ..LeaseSpec::default()
        };
        self.put(Some(prior), spec).await.map(|_| ())
    }
}
