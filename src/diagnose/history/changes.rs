//! Changes that the probes themselves notice: another certificate, other addresses of the name.

use crate::api::Outcome;
use crate::evidence::fact::{Change, Changed, DnsSubject};
use crate::evidence::{Fact, PathKey, Probe};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

/// Most changes that are remembered; the oldest go first.
const MOST: usize = 8;
/// Certificates that one address is remembered to have shown: behind one that balances, several may take turns.
const CERTIFICATES: usize = 4;
/// Addresses that the name is remembered to have had. A name with more of them changes all the time, which is no news.
const ADDRESSES: usize = 256;

/// The dates of a certificate, which tell one from its successor.
type Dates = (Timestamp, Timestamp);

/// What was seen so far, and what of it was new.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    certificates: BTreeMap<PathKey, VecDeque<Dates>>,
    addresses: BTreeSet<IpAddr>,
    noticed: VecDeque<Change>,
}

impl Changes {
    /// Compares one round with all before.
    pub fn take_in(&mut self, probes: &[Probe], facts: &[Fact], now: Timestamp) {
        for probe in probes {
            if let Some(object) = self.certificate(probe) {
                self.notice(Change { what: Changed::Certificate, object, at: now });
            }
        }
        if let Some(object) = self.name(facts) {
            self.notice(Change { what: Changed::Name, object, at: now });
        }
    }

    /// Forgets paths that are gone.
    pub fn retain(&mut self, is_known: impl Fn(&PathKey) -> bool) {
        self.certificates.retain(|key, _| is_known(key));
    }

    pub fn iter(&self) -> impl Iterator<Item = Fact> {
        self.noticed.iter().cloned().map(Fact::Change)
    }

    fn notice(&mut self, change: Change) {
        if self.noticed.len() == MOST {
            self.noticed.pop_front();
        }
        self.noticed.push_back(change);
    }

    /// The address, if it shows a certificate that it never showed before.
    fn certificate(&mut self, probe: &Probe) -> Option<String> {
        let shown = probe.certificate.as_ref()?;
        let key = PathKey {
            vantage: probe.vantage.clone(),
            observation: probe.observation,
            variant: probe.variant,
            address: Some(probe.address?),
        };
        let dates = (shown.not_before, shown.not_after);
        let known = self.certificates.entry(key).or_default();
        if known.contains(&dates) {
            return None;
        }
        let first = known.is_empty();
        if known.len() == CERTIFICATES {
            known.pop_front();
        }
        known.push_back(dates);
        (!first).then(|| probe.address.map(|address| address.to_string())).flatten()
    }

    /// The site's name, if it has an address that it never had before.
    fn name(&mut self, facts: &[Fact]) -> Option<String> {
        let first = self.addresses.is_empty();
        let mut new = None;
        for fact in facts {
            let Fact::Dns(dns) = fact else { continue };
            if dns.subject != DnsSubject::Site || dns.authority.is_some() || dns.outcome != Outcome::OK {
                continue;
            }
            for address in &dns.addresses {
                if self.addresses.len() < ADDRESSES && self.addresses.insert(*address) {
                    new = Some(dns.name.clone());
                }
            }
        }
        new.filter(|_| !first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::fact::Dns;

    fn dns(addresses: &[&str]) -> Vec<Fact> {
        vec![Fact::Dns(Dns {
            vantage: "local".to_owned(),
            name: "shop.example.com".to_owned(),
            subject: DnsSubject::Site,
            resolver: "a".to_owned(),
            outcome: Outcome::OK,
            addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
            by_way_of: None,
            authority: None,
        })]
    }

    #[test]
    fn only_an_address_that_was_never_there_is_news() {
        let mut changes = Changes::default();
        let now = Timestamp::UNIX_EPOCH;
        for (addresses, noticed) in [
            (&["192.0.2.1", "192.0.2.2"][..], 0),
            (&["192.0.2.2"], 0),
            (&["192.0.2.1"], 0),
            (&["192.0.2.9"], 1),
            (&["192.0.2.1"], 1),
            (&["192.0.2.9"], 1),
        ] {
            changes.take_in(&[], &dns(addresses), now);
            assert_eq!(changes.iter().count(), noticed, "{addresses:?}");
        }
    }
}
