//! What pages are made of: the watched resources, the prober's newest probes, and whether this replica leads.

use crate::operate::key::OriginKey;
use crate::operate::lease::Claim;
use crate::operate::origins::{Origins, Root};
use crate::operate::prober::Board;
use crate::report::page::{self, Known, PathView, Problem, Replica, Role, Wanted};
use jiff::Timestamp;
use std::sync::Arc;

/// Where pages come from.
#[derive(Clone, Debug)]
pub struct Pages {
    origins: Origins,
    board: Board,
    claim: Claim,
    replica: Arc<str>,
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Html,
    Json,
}

impl Pages {
    /// From now on the board keeps the newest probes.
    pub fn new(origins: Origins, board: Board, claim: Claim, replica: &str) -> Self {
        board.keep_paths();
        Self { origins, board, claim, replica: replica.into() }
    }

    pub fn replica(&self) -> Replica {
        let role = match self.claim.term() {
            None => Role::Standby,
            Some(_) if self.claim.is_current() => Role::Leader,
            Some(_) => Role::LeaderUnconfirmed,
        };
        Replica { name: self.replica.to_string(), role }
    }

    /// A page of the fleet; `query` is the URL's.
    pub fn fleet(&self, query: &str, form: Form) -> Result<String, Problem> {
        let wanted = Wanted::read(query)?;
        let (all, replica) = (self.origins.each(known), self.replica());
        let fleet = page::fleet(&all, &wanted, &replica);
        Ok(match form {
            Form::Html => fleet.html(Timestamp::now()),
            Form::Json => fleet.json(),
        })
    }

    /// A page of one origin, if it exists.
    pub fn origin(&self, namespace: &str, name: &str, form: Form) -> Option<String> {
        let key = OriginKey::new(namespace, name);
        let known = known(&key, &self.origins.get(&key)?);
        let paths: Vec<PathView> = self.board.paths(&key);
        let replica = self.replica();
        let origin = page::origin(&known, &paths, &replica);
        Some(match form {
            Form::Html => origin.html(Timestamp::now()),
            Form::Json => origin.json(),
        })
    }
}

fn known(key: &OriginKey, root: &Root) -> Known {
    match root {
        Root::Read(object) => Known::Read(Arc::clone(object)),
        Root::Malformed(_) => Known::Unreadable { namespace: key.namespace.clone(), name: key.name.clone() },
    }
}
