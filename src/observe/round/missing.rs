//! Probes that were not made, as evidence: no address, not allowed, not its turn.

use crate::api::{Access, Observation, Outcome, Phase};
use crate::evidence::fact::Dns;
use crate::evidence::probe::{Fault, Timings};
use crate::evidence::{Probe, Variant};
use jiff::Timestamp;
use std::net::SocketAddr;

/// Whose probe it would have been.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whose<'a> {
    pub(super) observation: Observation,
    pub(super) variant: Variant,
    pub(super) vantage: &'a str,
    pub(super) access: Access,
}

impl Whose<'_> {
    /// The name gave no address.
    pub(super) fn without_address(&self, facts: &[Dns], dns_ms: u32) -> Probe {
        let outcome = facts
            .iter()
            .map(|fact| fact.outcome)
            // What a name server said outranks the silence of another.
            .min_by_key(|outcome| match outcome {
                Outcome::NXDomain => 0,
                Outcome::ServFail => 1,
                Outcome::Missing => 2,
                Outcome::TimedOut => 3,
                _ => 4,
            })
            .unwrap_or(Outcome::Unavailable);
        let fault = match outcome {
            Outcome::NXDomain => Some(Fault::NxDomain),
            Outcome::ServFail => Some(Fault::ServFail),
            Outcome::TimedOut => Some(Fault::DnsTimeout),
            Outcome::Missing => Some(Fault::NoAddress),
            _ => None,
        };
        let timings = Timings { dns_ms: Some(dns_ms), total_ms: dns_ms, ..Timings::default() };
        Probe { fault, timings, ..self.blank(None, outcome, Phase::Dns) }
    }

    /// The egress rules forbid the address.
    pub(super) fn forbidden(&self, address: SocketAddr) -> Probe {
        self.blank(Some(address), Outcome::Forbidden, Phase::Connect)
    }

    /// The budget was used up.
    pub(super) fn starved(&self, address: SocketAddr) -> Probe {
        self.blank(Some(address), Outcome::Unavailable, Phase::Connect)
    }

    fn blank(&self, address: Option<SocketAddr>, outcome: Outcome, phase: Phase) -> Probe {
        Probe {
            observation: self.observation,
            variant: self.variant,
            vantage: self.vantage.to_owned(),
            access: self.access,
            address,
            outcome,
            phase: Some(phase),
            fault: None,
            alert: None,
            timings: Timings::default(),
            response: None,
            certificate: None,
            tcp: None,
            id: String::new(),
            at: Timestamp::now(),
        }
    }
}
