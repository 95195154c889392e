//! One site and the life of its allowlist: what its owner applies, what `kubectl` tells him, and a proxy that moves from
//! one range into another while visitors keep coming.

use crate::replay::{self, Beside};
use crate::stage::{OPERATOR, stage, status};
use lab::installation;
use lab::network::{Host, ROUTER};
use lab::process::wait_until;
use lab::visitors::Visitors;
use serde_json::Value;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Requests a second while prefixes come and go.
const RATE: u32 = 40;
/// A range of the provider that no proxy here connects from.
const ELSEWHERE: &str = "203.0.113.128/25";
const SOON: Duration = Duration::from_secs(15);
const LATER: Duration = Duration::from_secs(90);

/// A site. Its namespace, its ProxyNetwork and its name before `.example.com` are one word.
pub struct Site {
    pub name: &'static str,
    /// The host of the proxy, which visitors reach at its first address and `port`.
    pub edge: Host,
    pub port: u16,
    /// Where the proxy connects from, and where it moves to.
    pub old: &'static str,
    pub new: &'static str,
    /// What the allowlist guards.
    pub origin: SocketAddr,
    /// The fields `origin` and `proxy.provider` of the spec.
    pub spec: String,
    /// The one target, without its name.
    pub target: &'static str,
}

impl Site {
    /// The host of a proxy with both its addresses.
    pub fn edge(name: &str, old: &str, new: &str) -> Host {
        stage().host(name, &[old, new])
    }

    /// The fields `proxy` and `origin` of a site whose origin is one address, port 80.
    pub fn at_address(address: IpAddr, provider: &str) -> String {
        format!(
            "  proxy: {{PROXY, provider: {provider}}}\n  origin: {{type: Addresses, addresses: {{ips: [{address}], port: 80}}, scheme: HTTP, vantages: [{{name: cluster, access: Listed}}]}}"
        )
    }

    pub fn host_name(&self) -> String {
        format!("{}.example.com", self.name)
    }

    /// The namespace with the rights that its administrator gives: those of the label, and of these folders of
    /// `deploy/enforce/targets`.
    pub fn permit(name: &str, targets: &[&str]) {
        let server = &stage().server;
        stage().apply(&format!(
            "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n  labels: {{leeward.dev/enforce: allowed}}\n  \
             annotations: {{leeward.dev/allowed-hosts: {name}.example.com}}\n"
        ));
        installation::bind(server, name).unwrap();
        for target in targets {
            installation::bind_target(server, name, target).unwrap();
        }
    }

    /// The provider publishes this list; [`ELSEWHERE`] is always part of it.
    pub fn publish(&self, addresses: &[&str], more: &[String]) {
        let hosts = addresses.iter().map(|address| format!("{address}/32"));
        let cidrs: Vec<String> =
            std::iter::once(ELSEWHERE.to_owned()).chain(hosts).chain(more.iter().cloned()).collect();
        stage().apply(&format!(
            "apiVersion: leeward.dev/v1alpha1\nkind: ProxyNetwork\nmetadata: {{name: {}}}\nspec:\n  refreshSeconds: 10\n  \
             guards: {{maxLossPercent: 50, maxGrowthFactor: 1000}}\n  removal: {{minMisses: 1}}\n  \
             source: {{type: Inline, inline: {{cidrs: [{}]}}}}\n",
            self.name,
            cidrs.join(", ")
        ));
    }

    /// Its owner applies the resource in this mode.
    pub fn apply(&self, mode: &str) {
        stage().dns.answer(&self.host_name(), &[self.edge.address()]);
        let Self { name, spec, target, port, .. } = self;
        let url = if *port == 80 {
            format!("http://{name}.example.com/")
        } else {
            format!("http://{name}.example.com:{port}/")
        };
        let spec = spec.replace(
            "PROXY",
            &format!("url: '{url}', networkRef: {{name: {name}}}, connectTimeoutSeconds: 2, readTimeoutSeconds: 3"),
        );
        stage().apply(&format!(
            "apiVersion: leeward.dev/v1alpha1\nkind: ProtectedOrigin\nmetadata: {{name: site, namespace: {name}}}\nspec:\n{spec}\n  \
             probe: {{periodSeconds: 10, connectTimeoutSeconds: 1, firstByteTimeoutSeconds: 4, pings: 0}}\n  \
             allowlist:\n    mode: {mode}\n    extraCIDRs: [{{cidr: {OPERATOR}/32, reason: 'the probes of the operator'}}]\n    \
             targets: [{{name: t, {target}}}]\n"
        ));
    }

    pub fn await_condition(&self, kind: &str, wanted: &str) -> Value {
        installation::await_condition(&stage().server, (self.name, "site"), kind, wanted, LATER).unwrap_or_else(
            |error| {
                panic!("{error:#}\nthe operator's last words:\n{}", lab::process::tail(&stage().operator.log(), 20))
            },
        )
    }

    /// The row of `kubectl get protectedorigins -o wide`.
    pub fn row(&self) -> String {
        let words = ["get", "protectedorigins", "-n", self.name, "site", "-o", "wide", "--no-headers"];
        let row = stage().server.kubectl(&words).unwrap();
        row.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Holds what `kubectl get -o wide` shows to these words, each of them somewhere in the row.
    pub fn shows(&self, words: &[&str]) {
        let row = self.row();
        for word in words {
            assert!(row.contains(word), "{word:?} is not in the row: {row}");
        }
    }

    /// Waits until `kubectl describe` says this sentence.
    pub fn says(&self, sentence: &str) {
        let mut text = String::new();
        let found = wait_until(sentence, LATER, || {
            text = stage().server.kubectl(&["describe", "protectedorigin", "-n", self.name, "site"]).unwrap();
            // Blanks align columns.
            text.split_whitespace().collect::<Vec<_>>().join(" ").contains(sentence)
        });
        assert!(found.is_ok(), "not said: {sentence}\n{text}");
    }

    /// What a visitor gets.
    pub fn visit(&self) -> u16 {
        status(&stage().visitor, None, SocketAddr::new(self.edge.address(), self.port), &self.host_name())
    }

    pub fn await_visit(&self, wanted: &[u16]) {
        let mut got = 0;
        let done = wait_until("visited", SOON, || {
            got = self.visit();
            wanted.contains(&got)
        });
        assert!(done.is_ok(), "a visitor of {} gets {got} and not {wanted:?}", self.name);
    }

    /// What the proxy's host gets from the origin when it connects from one of its addresses.
    pub fn from(&self, address: &str) -> u16 {
        status(&self.edge, Some(address), self.origin, &self.host_name())
    }

    /// What somebody gets who asks the origin past the proxy.
    pub fn stranger(&self) -> u16 {
        status(&stage().stranger, None, self.origin, &self.host_name())
    }

    /// While visitors keep coming the provider adds a range, the proxy moves into it, and the provider gives the old one
    /// up. `programmed` is called after each change of the target, for programs that are told by somebody else; `more` is
    /// what the list gains beside the new range. Nobody may be lost, and the old range must really be shut out: `shut` is
    /// what it gets then.
    pub fn moves(&self, more: &[String], shut: u16, programmed: &mut dyn FnMut()) {
        let edge = SocketAddr::new(self.edge.address(), self.port);
        let visitors = Visitors::start(&stage().visitor, edge, &self.host_name(), RATE);
        assert_eq!((self.from(self.old), self.from(self.new)), (200, shut), "before the list grows");

        self.publish(&[self.old, self.new], more);
        self.says(&format!("1 target carries {} prefixes", 4 + more.len()));
        programmed();
        wait_until("the new range to get in", SOON, || self.from(self.new) == 200).unwrap();
        // From now on: the connections that it has stay where they are.
        let words = ["ip", "route", "replace", "default", "via", ROUTER, "dev", "eth0", "src", self.new];
        self.edge.exec(&words).unwrap();
        std::thread::sleep(Duration::from_secs(1));

        self.publish(&[self.new], more);
        // For half a minute it watches whether the narrowing does harm.
        self.says(&format!("1 target carries {} prefixes; probing after the write", 3 + more.len()));
        programmed();
        wait_until("the old range to be shut out", SOON, || self.from(self.old) == shut).unwrap();
        std::thread::sleep(Duration::from_secs(1));
        let count = visitors.count();
        eprintln!("{}: {count}", self.name);
        assert!(count.lost.is_empty(), "{}: {count}", self.name);
        assert!(count.served > 200, "{}: {count}", self.name);
        assert_eq!(self.stranger(), shut);
        self.shows(&["True True Healthy Enforce", "Synced"]);
        self.leaves();
    }

    /// The resource goes before what it guards is stopped: many origins that fail at once would look as if the operator's own
    /// host were cut off, and the other tests would wait for nothing.
    fn leaves(&self) {
        stage().server.kubectl(&["delete", "protectedorigin", "-n", self.name, "site"]).unwrap();
        // Of all sites so far, this one among them: its targets, its finalizer and its status.
        let judged = replay::judge(&stage().server, &Beside::default());
        assert!(judged > 10, "only {judged} writes were judged");
    }
}
