//! Changes that the probes themselves notice: another certificate, other addresses of the name.

use crate::api::Outcome;
use crate::evidence::Fact;
use crate::evidence::fact::{Change, Changed, DnsSubject};
use jiff::Timestamp;
use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;

/// Most changes that are remembered; the oldest go first.
const MOST: usize = 8;
/// Addresses that the name is remembered to have had. A name with more of them changes all the time, which is no news.
const ADDRESSES: usize = 256;

/// What was seen so far, and what of it was new.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    addresses: BTreeSet<IpAddr>,
    noticed: VecDeque<Change>,
}

impl Changes {
    /// Compares the names of one round with all before.
    pub fn take_in(&mut self, facts: &[Fact], now: Timestamp) {
        if let Some(object) = self.name(facts) {
            self.notice(Change { what: Changed::Name, object, at: now });
        }
    }

    /// An address shows another certificate. Several paths may lead to it, and all of them see that.
    pub fn certificate(&mut self, address: IpAddr, now: Timestamp) {
        let change = Change { what: Changed::Certificate, object: address.to_string(), at: now };
        if !self.noticed.contains(&change) {
            self.notice(change);
        }
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
            changes.take_in(&dns(addresses), now);
            assert_eq!(changes.iter().count(), noticed, "{addresses:?}");
        }
    }
}
