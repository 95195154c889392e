//! `leeward diagnose`: the operator's look and the operator's judgement, once, from here.

mod answer;
mod args;
mod findings;
mod flags;
mod gate;
pub(super) mod paths;
mod progress;
mod question;
mod rounds;
mod text;
mod traffic;

pub use answer::Answer;
pub use args::{Args, Format, LookArgs};
pub use text::text;

use super::evidence_file;
use super::exit::Exit;
use super::findings::{Findings, junit, sarif};
use crate::api::validated::{SiteUrl, Whereabouts};
use crate::diagnose::{Ledger, diagnose};
use crate::evidence::{Case, Fact, Subject, Surroundings, subject};
use crate::observe::cluster::{self, Place, cluster_addresses};
use crate::observe::probe::{Prober, ProberOptions};
use crate::observe::round::Plan;
use anyhow::anyhow;
use findings::Asked;
use gate::Guard;
use jiff::Timestamp;
use progress::Progress;
use question::{Dial, Question};
use rounds::{Looked, Rounds};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

impl Args {
    pub async fn run(self) -> anyhow::Result<Exit> {
        let Seen { name, place, case, notes } = self.look.look().await?;
        if let Some(path) = &self.output.save_evidence {
            evidence_file::save(&case, path)?;
        }
        let verdict = diagnose(&case);
        let answer = Answer::new(&name, &verdict);
        let rendered = match self.output.format {
            Format::Text => text(&case, &answer),
            Format::Json => format!("{}\n", serde_json::to_string_pretty(&answer)?),
            Format::Yaml => serde_saphyr::to_string(&answer)?,
            Format::Junit => junit::render(&self.findings(&answer, place))?,
            Format::Sarif => sarif::render(&self.findings(&answer, place)),
        };
        for note in &notes {
            eprintln!("note: {note}");
        }
        self.output.color.print(&rendered)?;
        Ok(answer.exit(self.output.fail_on_risk))
    }

    fn findings(&self, answer: &Answer, place: Option<Place>) -> Findings {
        let asked = Asked { fail_on_risk: self.output.fail_on_risk, offline: self.look.looking.offline };
        findings::findings(answer, place, asked)
    }
}

/// What a look saw.
#[derive(Debug)]
pub struct Seen {
    /// What the origin is called: `NAMESPACE/NAME`, or the URL's host.
    pub name: String,
    /// Where its manifest stands, if it was read from a file.
    pub place: Option<Place>,
    pub case: Case,
    /// What the user should know beside it.
    pub notes: Vec<String>,
}

impl LookArgs {
    pub async fn look(&self) -> anyhow::Result<Seen> {
        let question = Question::ask(self).await?;
        let mut notes = Vec::new();
        let case = self.case(&question, &mut notes).await?;
        notes.splice(0..0, question.notes);
        Ok(Seen { name: question.name, place: question.place, case, notes })
    }

    /// Looks, and joins what was seen with what the objects and other vantages say.
    async fn case(&self, question: &Question, notes: &mut Vec<String>) -> anyhow::Result<Case> {
        let control = self.vantage.control.as_deref().map(control).transpose()?;
        let endpoints = cluster::endpoints(&*question.objects, &question.spec)
            .map_err(|error| anyhow!("spec.origin.service: {error}"))?;
        let dialable = endpoints.as_ref().map_or_else(Vec::new, |e| e.targets().to_vec());
        let counters = self.traffic.counters(&question.spec, notes)?;
        let mut counted = Vec::new();
        let looked = if self.looking.offline {
            Looked { ledger: Ledger::new(), origins: Vec::new() }
        } else {
            let (prober, plan) = self.plan(question, endpoints, &dialable)?;
            let rounds = Rounds {
                count: self.looking.rounds,
                interval: Duration::from_secs(self.looking.interval.into()),
                long: Duration::from_secs(self.looking.long_probe.into()),
                control: control.clone(),
            };
            let looked = rounds.look(&prober, &plan, &Progress::new()).await;
            counted = counters.facts(&question.spec, &prober).await?;
            looked
        };
        let now = Timestamp::now();
        let resolved: Vec<IpAddr> = match question.spec.origin.whereabouts {
            Whereabouts::Service { .. } => dialable.iter().map(SocketAddr::ip).collect(),
            Whereabouts::Addresses { .. } | Whereabouts::Hostname { .. } => looked.origins,
        };
        let around = Surroundings {
            network: question.network.as_deref(),
            proxy_prefixes: question.ranges.as_ref().map_or(0, |r| r.prefixes().len()),
            resolved: &resolved,
            cluster_addresses: &cluster_addresses(&*question.objects),
            control: control.is_some(),
            enforcing: false,
        };
        let mut subject = Subject::new(&question.spec, &around);
        subject.origin.clone_from(&question.name);
        let mut facts: Vec<Fact> = cluster::facts(&*question.objects, &question.spec, question.ranges.as_ref(), now);
        facts.extend(counted);
        let mut case = looked.ledger.case(subject, facts, now);
        for path in &self.known.merge {
            evidence_file::merge(&mut case, path)?;
        }
        Ok(case)
    }

    fn plan(
        &self,
        question: &Question,
        endpoints: Option<crate::evidence::fact::Endpoints>,
        dialable: &[SocketAddr],
    ) -> anyhow::Result<(Prober, Plan)> {
        let prober = Prober::new(ProberOptions {
            vantage: self.vantage.name.clone(),
            resolvers: self.vantage.resolver.clone(),
            ca_file: self.vantage.ca_file.clone(),
        })?;
        let mut plan =
            Plan::new(Arc::clone(&question.spec), subject::provider(&question.spec, question.network.as_deref()));
        plan.edge_aliases = subject::edge_aliases(question.network.as_deref());
        plan.access = self.vantage.access;
        plan.ca_pem.clone_from(&question.ca_pem);
        plan.long_deadline = Some(plan.long_deadline().min(Duration::from_secs(self.looking.long_probe.into())));
        if question.endpoints == Dial::Endpoints {
            // Inside the cluster these are short-circuited; from elsewhere they are hosts like any other.
            plan.cluster_addresses = cluster_addresses(&*question.objects);
            plan.endpoints = endpoints;
        }
        if self.vantage.guard {
            let facts = question.egress.clone().unwrap_or_default();
            plan.gate = Some(Arc::new(Guard::new(facts, &question.spec.namespace, dialable)));
        }
        Ok((prober, plan))
    }
}

fn control(url: &str) -> anyhow::Result<SiteUrl> {
    SiteUrl::parse("control", url).map_err(|invalid| anyhow!("--control {}", invalid.problem))
}
