//! The egress guard and the budgets in front of every dial of one resource.

use super::budget::Budget;
use crate::net::guard::{Destination, GuardPolicy, Rule};
use crate::observe::round::{Denied, Gate, Starved, Via};
use crate::report::metrics::{Labels, Metrics, Skipped};
use futures::future::BoxFuture;
use parking_lot::RwLock;
use std::net::SocketAddr;
use std::sync::Arc;

/// The rules in force now; replaced as a whole when the cluster's addresses change.
#[derive(Clone, Debug, Default)]
pub struct Rules(Arc<RwLock<GuardPolicy>>);

impl Rules {
    pub fn new(policy: GuardPolicy) -> Self {
        Self(Arc::new(RwLock::new(policy)))
    }

    pub fn now(&self) -> GuardPolicy {
        self.0.read().clone()
    }

    pub fn replace(&self, policy: GuardPolicy) {
        *self.0.write() = policy;
    }
}

/// The gate of one resource.
#[derive(Debug)]
pub struct SiteGate {
    pub namespace: String,
    /// Ports of the origin's own Service.
    pub ports: Vec<u16>,
    pub rules: Rules,
    pub budget: Arc<Budget>,
    pub metrics: Metrics,
}

impl Gate for SiteGate {
    fn admit(&self, address: SocketAddr, via: Via, host: &str) -> Result<(), Denied> {
        let to = Destination { role: via.role(&self.ports), host };
        self.rules.now().check(&self.namespace, address, to).map(|_| ()).map_err(|denied| {
            let rule: Rule = denied.rule();
            self.metrics.denied(rule.into());
            tracing::debug!(namespace = self.namespace, %address, ?via, %rule, "not dialled");
            Denied
        })
    }

    fn spend<'a>(&'a self, address: SocketAddr, via: Via, host: &'a str) -> BoxFuture<'a, Result<(), Starved>> {
        Box::pin(async move {
            let served = match via {
                Via::Edge => self.budget.edge(&self.namespace, address.ip(), host).await,
                Via::Origin | Via::Endpoint | Via::ControlPort | Via::NameServer => {
                    self.budget.origin(&self.namespace, address.ip()).await
                }
            };
            if served {
                return Ok(());
            }
            self.metrics.series().skipped.get_or_create(&Labels::skipped(Skipped::Starved)).inc();
            Err(Starved)
        })
    }
}
