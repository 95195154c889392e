//! The story: each step says what happens, lets it happen, shows what `kubectl` shows, and fails if that is not so.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::cluster::{CLUSTER, Cluster, SITES};
use super::operator::Operator;
use super::screen::Screen;
use super::stage::{EDGE, NEW_EDGE, Site, Stage};
use super::watch::{self, Wanted};
use super::{allowlist, interrupt};
use crate::certificates::State;

/// A verdict takes up to a period to be looked for, then three failing probes.
const TO_FAIL: Duration = Duration::from_secs(45);
/// A failing site is healthy again after twelve good probes.
const TO_RECOVER: Duration = Duration::from_secs(60);
/// A write that follows a change of objects.
const TO_WRITE: Duration = Duration::from_secs(15);
/// Proxies notice at once what their next connection meets.
const TO_BE_SEEN: Duration = Duration::from_secs(8);

/// Everything that runs, with the sites applied.
#[derive(Debug)]
pub struct Demo {
    // Dropped in this order.
    operator: Operator,
    pub cluster: Cluster,
    pub stage: Stage,
    pub screen: Screen,
}

impl Demo {
    /// Sets everything up, up to the first verdicts.
    pub fn set_up(screen: Screen) -> Result<Self> {
        screen.title("a network lab and a control plane");
        screen.say(
            "Hosts are network namespaces: a visitor, the operator's host, two proxies (nginx, HAProxy), two machines \
             with nginx behind them, and a node with one pod. Nothing of this touches this machine's own network.",
        );
        let waiting = screen.wait("hosts and servers");
        let stage = Stage::build()?;
        waiting.done("hosts, firewall, name server, nginx and HAProxy are up");
        interrupt::check()?;
        let cluster = Cluster::start(&stage, &screen)?;
        interrupt::check()?;

        screen.title("Leeward is installed");
        screen.say(
            "Its kinds, its ServiceAccount and what that may do. The Deployment stays pending, since no kubelet runs \
             here; the same program runs on a host of the lab with the ServiceAccount's token and nothing more.",
        );
        cluster.show(&screen, &["apply", "-k", "deploy/"])?;
        let kinds = ["crd/protectedorigins.leeward.dev", "crd/proxynetworks.leeward.dev"];
        cluster.kubectl(&["wait", "--for=condition=Established", "--timeout=30s", kinds[0], kinds[1]])?;
        screen.say(
            "The operator starts. Its pace is shortened with its public flags (a period of 10 s, suspects again after \
             1 s); rules and scores are those of every installation.",
        );
        let operator = Operator::start(&stage, &cluster, &screen)?;
        let trust = format!("--from-file=ca.crt={}", stage.authority.file().display());
        cluster.kubectl(&["create", "configmap", "origin-ca", "-n", "blog", &trust])?;
        screen.say("One ProxyNetwork, the addresses that the proxies connect from, and three ProtectedOrigins:");
        cluster.show(&screen, &["apply", "-f", SITES])?;
        Ok(Self { operator, cluster, stage, screen })
    }

    /// Tells the whole story.
    pub fn tell(&mut self) -> Result<()> {
        let told = self.found().and_then(|()| self.enforced()).and_then(|()| self.blocked());
        let told = told.and_then(|()| self.refused()).and_then(|()| self.expired()).and_then(|()| self.moved());
        told.map_err(|error| if interrupt::asked() { error } else { self.with_witnesses(&error) })
    }

    /// Ends the operator as a cluster does, and everything else by dropping it.
    pub fn end(self) -> Result<()> {
        let Self { operator, cluster, stage, screen } = self;
        operator.end()?;
        drop((cluster, stage));
        screen.say(&format!("Done in {} s; nothing is left running.", screen.elapsed().as_secs()));
        Ok(())
    }

    /// Waits for the first verdicts.
    pub fn found(&mut self) -> Result<()> {
        self.screen.title("two sites are healthy, one is not");
        self.visitors(Site::Shop, &[200])?;
        self.visitors(Site::Blog, &[200])?;
        self.visitors(Site::Docs, &[502, 504])?;
        self.until(
            &[
                Wanted::healthy(Site::Shop),
                Wanted::healthy(Site::Blog),
                Wanted::broken(Site::Docs, "NetworkPolicyBlocks"),
            ],
            TO_FAIL,
        )?;
        self.table()
    }

    fn enforced(&mut self) -> Result<()> {
        self.screen.title("the allowlist of docs is enforced");
        self.screen.say(&format!(
            "The pod of docs is guarded by a NetworkPolicy that somebody wrote ({CLUSTER}): it admits the monitoring \
             host and forgets the proxy. In mode Plan, Leeward only says what it would write:"
        ));
        self.targets(["Planned", "Planned"])?;
        self.screen.say("An administrator lets Leeward write in this namespace, and its owner wants it to:");
        self.cluster.show(&self.screen, &["apply", "-n", "docs", "-f", "deploy/enforce/role-binding.yaml"])?;
        self.cluster.show(&self.screen, &["label", "namespace", "docs", "leeward.dev/enforce=allowed"])?;
        let patch = r#"{"spec":{"allowlist":{"mode":"Enforce"}}}"#;
        let words = ["patch", "protectedorigin", "docs", "-n", "docs", "--type=merge", "-p", patch];
        self.cluster.show(&self.screen, &words)?;
        let timer = self.screen.wait("visitors of docs to get 200");
        self.stage.visit_until(Site::Docs, &[200], TO_WRITE)?;
        timer.done("visitors of docs get 200");
        self.until_written(EDGE, false)?;
        self.cluster.show(&self.screen, &["get", "networkpolicies", "-n", "docs", "--show-labels"])?;
        self.screen.say(
            "The policy is an object of Leeward's own; the other one is as it was. The annotation is another matter: it \
             closes an Ingress that was open to everybody, and Leeward closes nothing before the site is seen to work.",
        );
        self.screen.say(
            "Visitors are served, and docs counts as failing until twelve probes in a row were good. From the third on its \
             condition says so:",
        );
        let message = watch::recovery(&self.cluster, &mut self.operator, Site::Docs, TO_FAIL)?;
        self.screen.command("", "kubectl get protectedorigin docs -n docs     # the message of OriginHealthy");
        self.screen.output(&message);
        Ok(())
    }

    fn blocked(&mut self) -> Result<()> {
        self.screen.title("the origin's firewall drops the proxy");
        self.screen.say(
            "All visitors of shop come from the few addresses of the proxy; the host firewall of its origin takes \
             that for an attack, as such tools do.",
        );
        let command = self.stage.ban_proxy()?;
        self.screen.command("shop", &command);
        self.visitors(Site::Shop, &[504])?;
        self.until(&[Wanted::broken(Site::Shop, "ProxyBlocked")], TO_FAIL)?;
        self.table()?;
        let text = self.cluster.kubectl(&["describe", "protectedorigin", "shop", "-n", "shop"])?;
        self.screen.command("", "kubectl describe protectedorigin shop -n shop     # diagnosis and events");
        let kept = watch::described(&text);
        ensure!(kept.contains("Remedy:") && kept.contains("Evidence:"), "no remedy or evidence in:\n{text}");
        self.screen.output(&kept);

        self.screen.title("the proxy is allowed again");
        let command = self.stage.pardon_proxy()?;
        self.screen.command("shop", &command);
        self.visitors(Site::Shop, &[200])?;
        self.screen
            .say("Twelve good probes in a row make a failing site healthy again. Meanwhile docs has had its own.");
        self.until(&[Wanted::healthy(Site::Shop), Wanted::healthy(Site::Docs)], TO_RECOVER)?;
        self.until_written(EDGE, true)?;
        self.table()?;
        self.targets(["Synced", "Synced"])
    }

    fn refused(&mut self) -> Result<()> {
        self.screen.title("the origin's web server stops");
        self.screen.say("nginx on shop ends; the machine is up and refuses connections, from anybody.");
        self.stage.stop_shop();
        self.visitors(Site::Shop, &[502])?;
        self.until(&[Wanted::broken(Site::Shop, "OriginRefused")], TO_FAIL)?;
        self.table()
    }

    fn expired(&mut self) -> Result<()> {
        self.screen.title("a certificate expires behind a proxy that verifies");
        self.screen.say(
            "nginx on shop is started again. While shop recovers, the certificate of blog's origin runs out; HAProxy \
             verifies it and stops forwarding.",
        );
        self.stage.start_shop()?;
        self.visitors(Site::Shop, &[200])?;
        self.stage.certify_blog(State::Expired)?;
        self.visitors(Site::Blog, &[502, 503])?;
        self.until(&[Wanted::broken(Site::Blog, "OriginCertExpired")], TO_FAIL)?;
        self.until(&[Wanted::healthy(Site::Shop)], TO_RECOVER)?;
        self.table()
    }

    fn moved(&mut self) -> Result<()> {
        self.screen.title("the proxy's network gains a prefix");
        self.screen.say(&format!(
            "blog's certificate is renewed. While blog recovers, the provider takes {NEW_EDGE} into use: the proxy now \
             connects from there, and the policy on docs' pod refuses it."
        ));
        self.stage.certify_blog(State::Valid)?;
        self.visitors(Site::Blog, &[200])?;
        let before = allowlist::written(&self.cluster)?;
        let command = self.stage.move_proxy()?;
        self.screen.command("proxy1", &command);
        self.visitors(Site::Docs, &[502, 504])?;
        let patch = format!(r#"[{{"op":"add","path":"/spec/source/inline/cidrs/-","value":"{NEW_EDGE}"}}]"#);
        self.cluster.show(&self.screen, &["patch", "proxynetwork", "edge", "--type=json", "-p", &patch])?;
        self.until_written(NEW_EDGE, true)?;
        self.visitors(Site::Docs, &[200])?;
        self.screen.say("What has changed in the NetworkPolicy and in the Ingress:");
        self.screen.output(&allowlist::difference(&before, &allowlist::written(&self.cluster)?)?);
        self.cluster.show(&self.screen, &["get", "proxynetworks"])?;
        self.until(&Site::ALL.map(Wanted::healthy), TO_RECOVER)?;
        self.table()?;
        self.events()
    }

    /// What was told must be what the events tell, no more and no less.
    fn events(&self) -> Result<()> {
        self.screen.say("And this is all that was said in events, one for each change:");
        let columns = "-o=custom-columns=SITE:.metadata.namespace,TYPE:.type,REASON:.reason";
        let only = "--field-selector=involvedObject.kind=ProtectedOrigin";
        let table = self.cluster.show(&self.screen, &["get", "events", "-A", only, columns])?;
        let said: BTreeSet<(&str, &str)> = table
            .lines()
            .skip(1)
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                Some((words.next()?, words.nth(1)?))
            })
            .collect();
        let told = BTreeSet::from([
            ("shop", "ProxyBlocked"),
            ("shop", "OriginRefused"),
            ("shop", "Healthy"),
            ("blog", "OriginCertExpired"),
            ("blog", "Healthy"),
            ("docs", "NetworkPolicyBlocks"),
            ("docs", "Healthy"),
        ]);
        // A slow machine gives the policy of docs time to fail visitors for three probes, which is then said too.
        let also = said.difference(&told).find(|(site, _)| *site != "docs");
        ensure!(said.is_superset(&told) && also.is_none(), "events should say {told:?}");
        Ok(())
    }

    /// Shows what visitors of a site get once it is one of these.
    fn visitors(&self, site: Site, wanted: &[u16]) -> Result<()> {
        let got = self.stage.visit_until(site, wanted, TO_BE_SEEN)?;
        self.screen.command("visitor", &format!("curl {}     → {got}", site.url()));
        Ok(())
    }

    fn until(&mut self, wanted: &[Wanted], within: Duration) -> Result<()> {
        watch::until(&mut self.cluster, &mut self.operator, &self.screen, wanted, within)
    }

    fn until_written(&mut self, prefix: &str, both: bool) -> Result<()> {
        allowlist::until_written(&mut self.cluster, &mut self.operator, &self.screen, (prefix, both), TO_WRITE)
    }

    /// Shows what the status says of the allowlists of docs.
    fn targets(&self, states: [&str; 2]) -> Result<()> {
        let resource = watch::resource(&self.cluster, Site::Docs)?;
        self.screen.command("", "kubectl get protectedorigin docs -n docs     # its allowlist.targets");
        self.screen.output(&allowlist::targets(&resource, states)?);
        Ok(())
    }

    pub fn table(&self) -> Result<()> {
        self.cluster.show(&self.screen, &["get", "protectedorigins", "-A"])?;
        Ok(())
    }

    /// An error with what was there instead of what was told.
    fn with_witnesses(&self, error: &anyhow::Error) -> anyhow::Error {
        let seen = self.cluster.kubectl(&["get", "protectedorigins", "-A", "-o", "wide"]).unwrap_or_default();
        let visitors: Vec<String> = Site::ALL
            .into_iter()
            .map(|site| format!("{} {}", site.name(), self.stage.visit(site).map_or(0, |status| status)))
            .collect();
        anyhow::anyhow!(
            "{error:#}\n\nvisitors get: {}\n\n{seen}\nthe operator's last words:\n{}",
            visitors.join(", "),
            self.operator.last_words()
        )
    }
}

/// Sets up and tells; everything is gone afterwards, whatever happened.
pub fn run() -> Result<()> {
    let mut demo = Demo::set_up(Screen::new()).context("setting the demo up")?;
    demo.tell()?;
    demo.end()
}
