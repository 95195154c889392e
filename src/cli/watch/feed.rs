//! What comes from the API server. A stream that breaks is begun anew with a list, so that nothing that happened
//! meanwhile is missed; in between it is said that what is shown may be old.

use super::origin::{Key, Origin};
use crate::api::ProtectedOrigin;
use crate::observe::cluster::Tolerant;
use anyhow::{Context, anyhow};
use futures::StreamExt;
use kube::api::ListParams;
use kube::runtime::watcher::{Config, Event, watcher};
use kube::{Api, Client, ResourceExt};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// Between two attempts.
const PAUSE: Duration = Duration::from_secs(2);
/// How often it is asked whether the API server still answers: a stream to a host that went away just stays silent.
const PULSE: Duration = Duration::from_secs(10);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Changes that may wait for the screen.
const BACKLOG: usize = 256;

/// Something new.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Everything there is; what is not in it is gone.
    All(Vec<Origin>),
    One(Box<Origin>),
    Gone(Key),
    /// The API server does not answer, in words.
    Away(String),
}

/// What is watched.
#[derive(Clone)]
pub struct Scope {
    pub client: Client,
    pub namespace: Option<String>,
}

/// An object that does not fit the kind is left out; it does not stop the others.
type Guarded = Tolerant<ProtectedOrigin>;

impl Scope {
    fn api(&self) -> Api<Guarded> {
        match &self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }

    /// Whether it can work at all.
    pub async fn look(&self) -> anyhow::Result<()> {
        let one = ListParams::default().limit(1);
        let place = self.namespace.as_ref().map_or_else(|| "all namespaces".to_owned(), |n| format!("namespace {n}"));
        let what = || format!("cannot list ProtectedOrigins in {place}");
        let listed = timeout(PATIENCE * 2, self.api().list(&one)).await;
        listed.map_err(|_| anyhow!("the API server does not answer")).with_context(what)?.with_context(what)?;
        Ok(())
    }

    /// Follows what happens until nobody listens any more.
    pub fn follow(self) -> mpsc::Receiver<Change> {
        let (sender, changes) = mpsc::channel(BACKLOG);
        tokio::spawn(async move {
            loop {
                let problem = tokio::select! {
                    problem = self.stream(&sender) => problem,
                    problem = self.pulse() => problem,
                };
                if sender.send(Change::Away(problem)).await.is_err() {
                    return;
                }
                sleep(PAUSE).await;
            }
        });
        changes
    }

    /// Until the stream breaks: why.
    async fn stream(&self, sender: &mpsc::Sender<Change>) -> String {
        let mut events = std::pin::pin!(watcher(self.api(), Config::default()));
        let mut listed = Vec::new();
        while let Some(event) = events.next().await {
            let change = match event {
                Ok(Event::Init) => {
                    listed.clear();
                    continue;
                }
                Ok(Event::InitApply(object)) => {
                    listed.extend(object.0.ok().map(|object| Origin::new(&object)));
                    continue;
                }
                Ok(Event::InitDone) => Change::All(std::mem::take(&mut listed)),
                Ok(Event::Apply(object)) => match object.0 {
                    Ok(object) => Change::One(Box::new(Origin::new(&object))),
                    Err(_) => continue,
                },
                Ok(Event::Delete(object)) => {
                    Change::Gone(format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any()))
                }
                Err(error) => return words(&error),
            };
            if sender.send(change).await.is_err() {
                break;
            }
        }
        // Nobody listens any more: a watcher has no end of its own.
        String::new()
    }

    /// Until the API server stops answering.
    async fn pulse(&self) -> String {
        loop {
            sleep(PULSE).await;
            match timeout(PATIENCE, self.client.apiserver_version()).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return words(&error),
                Err(_) => return "no answer".to_owned(),
            }
        }
    }
}

/// The innermost reason: the outer ones only repeat that something failed.
fn words(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
