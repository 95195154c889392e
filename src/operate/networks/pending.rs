//! What providers have announced, and telling them that it is allowed: at most once for each announcement, and only while this
//! replica leads.

use super::acknowledge::{Seen, Users, waiting};
use super::{Book, Ended, IDLE, Networks};
use crate::api::proxy_network::Acknowledge;
use crate::api::{ProxyNetwork, ProxyNetworkStatus};
use crate::observe::cluster::ClusterSource;
use crate::observe::ranges::upstream::{self, Waiting};
use crate::observe::ranges::{Acknowledged, Announced, Feed, FeedError, Fetched, Listing, Occasion, Way};
use crate::operate::origins::Root;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Between two looks at the origins while something waits for them.
const LOOK: Duration = Duration::from_secs(5);
/// After a provider did not take an acknowledgement.
const PATIENCE: Duration = Duration::from_mins(1);

/// How an acknowledgement ended.
pub(super) struct Told {
    /// Why the provider did not take it.
    pub refused: Option<FeedError>,
}

/// An announced list.
pub(super) struct Pending {
    announced: Announced,
    /// Sent for this announcement: a status that could not be written must not send it again.
    sent: Option<Timestamp>,
    refused: Option<FeedError>,
    at: Instant,
    running: bool,
}

impl Pending {
    /// Takes in what a provider lists, and completes it with what only this process knows.
    pub fn keep(all: &mut HashMap<String, Self>, name: &str, listing: &mut Listing) {
        let Some(next) = &mut listing.next else {
            all.remove(name);
            return;
        };
        let known = all
            .remove(name)
            .filter(|known| known.announced.version == next.version && known.announced.ranges == next.ranges);
        let mut pending = known.unwrap_or_else(|| Self {
            announced: next.clone(),
            sent: None,
            refused: None,
            at: Instant::now(),
            running: false,
        });
        pending.at = Instant::now();
        if let Acknowledged::Now(at) = next.acknowledged {
            pending.sent = Some(at);
        }
        if let (Acknowledged::No, Some(at)) = (next.acknowledged, pending.sent) {
            next.acknowledged = Acknowledged::Now(at);
        }
        all.insert(name.to_owned(), pending);
    }

    /// An acknowledgement has ended.
    pub fn end(&mut self, told: Told) {
        self.running = false;
        self.at = Instant::now() + if told.refused.is_some() { PATIENCE } else { LOOK };
        self.refused = told.refused;
    }

    /// When the origins are looked at again.
    pub fn look_again(&self) -> Option<Instant> {
        (!self.running && self.sent.is_none()).then_some(self.at)
    }
}

impl Networks {
    /// Looks at the origins of every network with an announcement, and tells the provider where they are ready.
    pub(super) async fn look(&self, book: &mut Book, running: &mut JoinSet<Ended>) {
        let now = Instant::now();
        let due = book.pending.iter().filter(|(_, pending)| pending.look_again().is_some_and(|at| at <= now));
        let names: Vec<String> = due.map(|(name, _)| name.clone()).collect();
        for name in names {
            let Some(pending) = book.pending.get_mut(&name) else { continue };
            // A refusal has been waited for; now the origins count again.
            pending.refused = None;
            pending.at = now + LOOK;
            let Some(network) = self.source.proxy_network(&name) else { continue };
            let Some(mut status) = Self::prior(&network, &book.written) else { continue };
            if network.spec.acknowledge == Acknowledge::Never || !upstream::is_open(&status) {
                pending.at = now + IDLE;
            }
            let ready = self.say(&network, &mut status, pending, Timestamp::now());
            let idle = book.due.get_mut(&name).filter(|due| !due.running);
            if let (true, Some(due)) = (ready, idle) {
                due.running = self.tell(&network, pending, running);
            } else if let Err(error) = self.write(&network, status, &mut book.written).await {
                tracing::warn!(network = name, %error, "trying again");
            }
            self.show(&name, &book.written);
        }
    }

    /// Says in a status what the acknowledgement waits for. True: for nothing, and it is wanted.
    pub(super) fn say(
        &self,
        network: &ProxyNetwork,
        status: &mut ProxyNetworkStatus,
        pending: &Pending,
        now: Timestamp,
    ) -> bool {
        let generation = network.metadata.generation.unwrap_or_default();
        let waiting = if let Some(error) = &pending.refused {
            Some(Waiting::Refused(error.clone()))
        } else {
            let network = ProxyNetwork { status: Some(status.clone()), ..network.clone() };
            waiting(&network, &pending.announced, &self.users(&network), now)
        };
        upstream::say(status, &network.spec, generation, waiting.as_ref(), now);
        let wanted = network.spec.acknowledge == Acknowledge::AfterEnforced && upstream::is_open(status);
        wanted && waiting.is_none()
    }

    /// The origins that use a network, and how their sites are seen in this term.
    fn users(&self, network: &ProxyNetwork) -> Users {
        let name = network.metadata.name.as_deref().unwrap_or_default();
        let keys = self.origins.naming(name).into_iter();
        let read = keys.filter_map(|key| match self.origins.get(&key)? {
            Root::Read(origin) => {
                let healthy = self.board.get(&key).and_then(|board| board.verdict.as_ref()?.healthy);
                let seen = healthy.map_or(Seen::Nothing, |well| if well { Seen::Well } else { Seen::Failing });
                Some((origin, seen))
            }
            Root::Malformed(_) => None,
        });
        Users { read: read.collect(), unreadable: self.origins.unreadable(name) }
    }

    /// Begins to tell the provider. False: there is none to be told.
    fn tell(&self, network: &ProxyNetwork, pending: &mut Pending, running: &mut JoinSet<Ended>) -> bool {
        let Ok(Feed { way: Way::Account(account), .. }) = Feed::new(&network.spec.source) else { return false };
        pending.running = true;
        let (feeds, secrets, claim) = (Arc::clone(&self.feeds), self.secrets.clone(), self.claim.clone());
        let (name, announced) = (network.metadata.name.clone().unwrap_or_default(), pending.announced.clone());
        let generation = network.metadata.generation.unwrap_or_default();
        running.spawn(async move {
            let may = || claim.is_current();
            let (fetched, refused) = match feeds.acknowledge(&account, &secrets, &announced, &may).await {
                Ok((listing, refused)) => (Fetched::Listing(listing), refused),
                Err(error) => (Fetched::Failed(error.clone()), Some(error)),
            };
            let sent = |listing: &Listing| {
                listing.next.as_ref().is_some_and(|next| matches!(next.acknowledged, Acknowledged::Now(_)))
            };
            match (&refused, &fetched) {
                (Some(error), _) => tracing::warn!(network = name, %error, "announced list not acknowledged"),
                (None, Fetched::Listing(listing)) if sent(listing) => {
                    tracing::info!(network = name, version = announced.version, "announced list acknowledged");
                }
                (None, _) => tracing::info!(network = name, "something else is announced meanwhile"),
            }
            Ended { name, generation, occasion: Occasion::Change, fetched, told: Some(Told { refused }) }
        });
        true
    }
}
