//! What resolvers said of the names.

use super::Exhibit;
use crate::api::Outcome;
use crate::evidence::Fact;
use crate::evidence::fact::{Dns, DnsSubject};

/// DNS facts, apart for the name that visitors use and for the origin's own.
#[derive(Debug, Default)]
pub struct Names<'c> {
    pub site: Vec<(&'c Fact, &'c Dns)>,
    pub origin: Vec<(&'c Fact, &'c Dns)>,
}

impl<'c> Names<'c> {
    pub fn new(facts: &[&'c Fact]) -> Self {
        let mut names = Self::default();
        for fact in facts {
            if let Fact::Dns(dns) = fact {
                match dns.subject {
                    DnsSubject::Site => names.site.push((fact, dns)),
                    DnsSubject::Origin => names.origin.push((fact, dns)),
                }
            }
        }
        names
    }

    /// What resolvers said of the site's name.
    pub fn resolvers(&self) -> impl Iterator<Item = (&'c Fact, &'c Dns)> {
        self.site.iter().copied().filter(|(_, dns)| dns.authority.is_none())
    }

    /// What the zone's own name servers said of the site's name.
    pub fn authorities(&self) -> impl Iterator<Item = (&'c Fact, &'c Dns)> {
        self.site.iter().copied().filter(|(_, dns)| dns.authority.is_some())
    }

    /// Whether the origin's own name was asked for and nobody knew it.
    pub fn origin_lost(&self) -> bool {
        !self.origin.is_empty() && self.origin.iter().all(|(_, dns)| dns.outcome != Outcome::OK)
    }
}

/// The facts as exhibits.
pub fn exhibits<'c>(names: &[(&'c Fact, &'c Dns)]) -> Vec<Exhibit<'c>> {
    names.iter().map(|(fact, _)| Exhibit::Fact(fact)).collect()
}
