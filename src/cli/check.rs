//! `leeward check`: is the installation in order? Run as the operator runs (`helm test` does), it asks for what the
//! operator needs: the kinds, its rights, a holder of the Lease, lists that can be used, and pings.

mod rights;

use super::cluster::{self, ClusterArgs};
use super::exit::{Exit, of_api};
use super::style::{BAD, GOOD, UNSURE, paint};
use crate::api::{ProtectedOrigin, ProxyNetwork};
use crate::observe::probe::EchoAbility;
use crate::operate::own_namespace;
use anyhow::Context;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::ListParams;
use kube::{Api, Client};
use rights::Place;
use std::io::Write;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A replica that has just become ready takes the Lease within this time.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_secs(1);

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Namespace of the installation [default: the pod's, else leeward-system]
    #[arg(short, long, env = "LEEWARD_NAMESPACE", value_name = "NS")]
    namespace: Option<String>,
    /// Name of the installation
    #[arg(long, env = "LEEWARD_NAME", default_value = "leeward", value_name = "NAME")]
    name: String,
    /// Namespace that it watches; repeat for several [default: all]
    #[arg(long, env = "LEEWARD_WATCH_NAMESPACE", value_name = "NS", value_delimiter = ',')]
    watch_namespace: Vec<String>,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// One thing that was looked at.
#[derive(Debug)]
pub struct Answer {
    standing: Standing,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Fine,
    /// It works, with less.
    Less,
    Wrong,
}

impl Answer {
    fn fine(text: String) -> Self {
        Self { standing: Standing::Fine, text }
    }

    fn less(text: String) -> Self {
        Self { standing: Standing::Less, text }
    }

    fn wrong(text: String) -> Self {
        Self { standing: Standing::Wrong, text }
    }

    fn line(&self) -> String {
        let (style, word) = match self.standing {
            Standing::Fine => (GOOD, "ok   "),
            Standing::Less => (UNSURE, "note "),
            Standing::Wrong => (BAD, "wrong"),
        };
        format!("{}  {}", paint(style, word), self.text)
    }
}

impl Args {
    pub async fn run(&self) -> anyhow::Result<Exit> {
        let config = self.cluster.config().await?;
        let url = config.cluster_url.to_string();
        let client = cluster::client(config)?;
        client.apiserver_version().await.with_context(|| format!("no API server at {url}"))?;
        let namespace = own_namespace(self.namespace.as_deref());

        let mut answers = kinds(&client, self.watch_namespace.first()).await;
        let networks = networks(&client, &self.name).await;
        let secrets = networks.iter().filter_map(|network| network.spec.source.account.as_ref());
        let secrets = secrets.map(|account| account.secret_ref.name.clone()).collect();
        let place = Place { namespace: &namespace, name: &self.name, watched: &self.watch_namespace, secrets };
        answers.extend(rights::check(&client, &place).await?);
        answers.push(lease(&client, &namespace, &self.name).await);
        answers.extend(networks.iter().filter_map(list));
        answers.extend(pings());

        let mut out = anstream::stdout().lock();
        for answer in &answers {
            writeln!(out, "{}", answer.line())?;
        }
        let wrong = answers.iter().any(|a| a.standing == Standing::Wrong);
        Ok(if wrong { Exit::Finding } else { Exit::Fine })
    }
}

/// Whether the kinds exist; whether they may be listed is a question of rights.
async fn kinds(client: &Client, watched: Option<&String>) -> Vec<Answer> {
    let one = ListParams::default().limit(1);
    let origins: Api<ProtectedOrigin> =
        watched.map_or_else(|| Api::all(client.clone()), |namespace| Api::namespaced(client.clone(), namespace));
    let networks: Api<ProxyNetwork> = Api::all(client.clone());
    vec![kind("ProtectedOrigin", origins.list(&one).await.err()), kind("ProxyNetwork", networks.list(&one).await.err())]
}

fn kind(name: &str, problem: Option<kube::Error>) -> Answer {
    match problem {
        Some(kube::Error::Api(said)) if said.is_not_found() => Answer::wrong(format!(
            "the kind {name} does not exist: apply the CRDs (leeward crds | kubectl apply --server-side -f -)"
        )),
        None | Some(kube::Error::Api(_)) => Answer::fine(format!("the kind {name} exists")),
        Some(error) => Answer::wrong(format!("the kind {name} cannot be asked for: {}", of_api(&error))),
    }
}

/// Whether somebody probes and writes.
async fn lease(client: &Client, namespace: &str, name: &str) -> Answer {
    let leases: Api<Lease> = Api::namespaced(client.clone(), namespace);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let problem = match leases.get_opt(name).await {
            Ok(lease) => match lease.and_then(|l| holder(&l)) {
                Some(holder) => return Answer::fine(format!("{holder} holds the Lease {namespace}/{name}")),
                None => format!("nobody holds the Lease {namespace}/{name}: no replica probes or writes"),
            },
            Err(error) => format!("the Lease {namespace}/{name} cannot be read: {}", of_api(&error)),
        };
        if Instant::now() >= deadline {
            return Answer::wrong(problem);
        }
        sleep(PAUSE).await;
    }
}

/// Who holds it and has renewed it in time.
fn holder(lease: &Lease) -> Option<String> {
    let spec = lease.spec.as_ref()?;
    let renewed = spec.renew_time.as_ref()?.0;
    let duration = i64::from(spec.lease_duration_seconds?);
    let age = jiff::Timestamp::now().as_second() - renewed.as_second();
    // Clocks of different nodes are not the same.
    (age <= 2 * duration).then(|| spec.holder_identity.clone()).flatten().filter(|h| !h.is_empty())
}

/// ProxyNetworks of this installation. Whether they may be listed is a question of rights.
async fn networks(client: &Client, controller: &str) -> Vec<ProxyNetwork> {
    let api: Api<ProxyNetwork> = Api::all(client.clone());
    let found = api.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default();
    found.into_iter().filter(|network| network.spec.controller == controller).collect()
}

/// Whether its list can be used; nothing while nobody has said.
fn list(network: &ProxyNetwork) -> Option<Answer> {
    let name = network.metadata.name.as_deref()?;
    let conditions = &network.status.as_ref()?.conditions;
    let ready = conditions.iter().find(|c| c.type_ == "Ready")?;
    Some(match ready.status.as_str() {
        "True" => Answer::fine(format!("the list of ProxyNetwork {name} is in use")),
        _ => Answer::wrong(format!("ProxyNetwork {name}: {}: {}", ready.reason, ready.message)),
    })
}

fn pings() -> Vec<Answer> {
    let ability = EchoAbility::find_out();
    vec![ping("IPv4", ability.v4), ping("IPv6", ability.v6)]
}

fn ping(family: &str, able: Result<(), String>) -> Answer {
    match able {
        Ok(()) => Answer::fine(format!("{family} pings are possible")),
        Err(problem) => Answer::less(format!("no {family} pings, so their evidence reads Unavailable: {problem}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::saying;

    #[tokio::test(start_paused = true)]
    async fn what_is_not_in_order_is_told_in_a_line() {
        let nobody = lease(&saying(404, "NotFound"), "leeward-system", "leeward").await;
        assert_eq!(
            (nobody.standing, nobody.text.as_str()),
            (Standing::Wrong, "nobody holds the Lease leeward-system/leeward: no replica probes or writes")
        );
        let unread = lease(&saying(403, "forbidden"), "leeward-system", "leeward").await;
        assert_eq!(unread.text, "the Lease leeward-system/leeward cannot be read: forbidden");
        let broken = kind("ProtectedOrigin", Some(kube::Error::LinesCodecMaxLineLengthExceeded));
        assert!(broken.text.starts_with("the kind ProtectedOrigin cannot be asked for: "), "{}", broken.text);
        let unable = ping("IPv6", Err("Permission denied (os error 13)".to_owned()));
        assert_eq!(
            (unable.standing, unable.text.as_str()),
            (Standing::Less, "no IPv6 pings, so their evidence reads Unavailable: Permission denied (os error 13)")
        );
    }
}
