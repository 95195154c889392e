//! Histories of providers' lists, from the server to the objects: each version is fetched over TLS, parsed, guarded, held
//! and planned, and every write of the plan is taken as if it had been made.
//!
//! After each refresh two things are asked of what the targets carry: does an address lack that the provider uses, and is
//! one allowed that it gave up longer ago than hold and misses explain? The sizes are those of the events that shaped the
//! guards; the prefixes are made up where a history was not public.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a test may fail

#[path = "histories/feed.rs"]
mod feed;

use feed::{Answer, Server};
use jiff::Timestamp;
use leeward::allow::{Memory, Narrowing, Plan, PlanInput, plan};
use leeward::api::ProxyNetwork;
use leeward::api::conditions::Reason;
use leeward::api::spec::Mode;
use leeward::api::validated::Validated;
use leeward::net::{Family, Prefix, RangeSet};
use leeward::observe::cluster::{Files, Text};
use leeward::observe::ranges::{Feed, FeedClient, Fetched, Occasion, Way, next_status};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Hours that an address may outlive the provider's use of it: 72 of hold, and the refresh that notices.
const GRACE: i64 = 73;

const CLUSTER: &str = "
apiVersion: leeward.dev/v1alpha1
kind: ProtectedOrigin
metadata: {name: shop, namespace: shop}
spec:
  proxy: {url: 'https://shop.example.com/', networkRef: {name: edge}}
  origin: {type: Service, service: {name: web, port: 443}}
  allowlist:
    mode: Enforce
    targets:
    - {name: pods, type: NetworkPolicy}
    - {name: out, type: ConfigMap}
    - {name: web, type: IngressAnnotation, ingressAnnotation: {name: web, preset: IngressNginx}}
    - {name: alb, type: IngressAnnotation, ingressAnnotation: {name: web, preset: AWSALB}}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {leeward.dev/enforce: allowed}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 443, targetPort: 8443}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress]}
";

/// Keys of the Ingress's two annotations.
const KEYS: [&str; 2] =
    ["nginx.ingress.kubernetes.io/whitelist-source-range", "alb.ingress.kubernetes.io/inbound-cidrs"];

fn set(texts: &[String]) -> RangeSet {
    texts.iter().map(|text| Prefix::parse(text).unwrap()).collect()
}

fn lines(entries: &[String]) -> Answer {
    Answer::text(entries.join("\n") + "\n")
}

/// What stands in the cluster because a plan said so.
#[derive(Default)]
struct Standing {
    policy: Option<Value>,
    output: Option<Value>,
    annotations: serde_json::Map<String, Value>,
}

impl Standing {
    fn documents(&self) -> Vec<String> {
        let ingress = json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": {"name": "web", "namespace": "shop", "uid": "u", "annotations": self.annotations},
            "spec": {"defaultBackend": {"service": {"name": "web", "port": {"number": 443}}}},
        });
        let own = self.policy.iter().chain(&self.output).cloned();
        own.chain([ingress]).map(|object| object.to_string()).collect()
    }

    /// Takes a write as made.
    fn take(&mut self, written: &Value) {
        match written["kind"].as_str().unwrap() {
            "NetworkPolicy" => self.policy = Some(written.clone()),
            "ConfigMap" => self.output = Some(written.clone()),
            _ => self.annotations.extend(written["metadata"]["annotations"].as_object().unwrap().clone()),
        }
    }
}

/// The prefixes that a written object admits.
fn admitted(written: &Value) -> RangeSet {
    let text = match written["kind"].as_str().unwrap() {
        "NetworkPolicy" => {
            let peers = written["spec"]["ingress"][0]["from"].as_array().unwrap();
            peers.iter().map(|peer| peer["ipBlock"]["cidr"].as_str().unwrap()).collect::<Vec<_>>().join("\n")
        }
        "ConfigMap" => written["data"]["lines"].as_str().unwrap().to_owned(),
        _ => {
            let annotations = written["metadata"]["annotations"].as_object().unwrap();
            KEYS.iter().find_map(|key| annotations.get(*key)).unwrap().as_str().unwrap().to_owned()
        }
    };
    text.split(['\n', ',']).filter(|part| !part.is_empty()).map(|part| Prefix::parse(part).unwrap()).collect()
}

struct History {
    server: Server,
    client: FeedClient,
    network: ProxyNetwork,
    feed: Feed,
    standing: Standing,
    hour: i64,
    /// What the provider really used, and until which hour.
    used: Vec<(i64, RangeSet)>,
    writes: usize,
    wrongly_dropped: u128,
    too_wide: u128,
}

impl History {
    /// A network of these paths; `more` are further members of `source.http`.
    async fn of(paths: &[&str], more: &Value) -> Self {
        let server = Server::start().await;
        let mut http = json!({"urls": paths.iter().map(|path| server.url(path)).collect::<Vec<_>>()});
        http.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let network: ProxyNetwork = serde_json::from_value(json!({
            "apiVersion": "leeward.dev/v1alpha1", "kind": "ProxyNetwork", "metadata": {"name": "edge"},
            "spec": {"source": {"type": "HTTP", "http": http}},
        }))
        .unwrap();
        let (client, feed) = (server.client(), Feed::new(&network.spec.source).unwrap());
        Self {
            server,
            client,
            network,
            feed,
            standing: Standing::default(),
            hour: 0,
            used: Vec::new(),
            writes: 0,
            wrongly_dropped: 0,
            too_wide: 0,
        }
    }

    async fn lines() -> Self {
        Self::of(&["/list"], &json!({})).await
    }

    /// Hours pass, with one refresh each `every` of them; the source answers as it does.
    async fn pass(&mut self, refreshes: usize, every: i64, used: &RangeSet) -> Plan {
        let mut last = None;
        for _ in 0..refreshes {
            self.hour += every;
            last = Some(self.refresh(used).await);
        }
        last.unwrap()
    }

    /// One answer, some refreshes an hour apart.
    async fn answered(&mut self, answer: Answer, refreshes: usize, used: &RangeSet) -> Plan {
        self.server.answer("/list", answer);
        self.pass(refreshes, 1, used).await
    }

    async fn refresh(&mut self, used: &RangeSet) -> Plan {
        let Way::Http(http) = &self.feed.way else { panic!("no feed behind https") };
        let fetched = self.client.fetch(http).await.map_or_else(Fetched::Failed, Fetched::List);
        let now = Timestamp::from_second(1_750_000_000 + self.hour * 3600).unwrap();
        let prior = self.network.status.take();
        self.network.status =
            Some(next_status(prior.as_ref(), &self.network.spec, 1, &fetched, Occasion::Refresh, now));
        match self.used.last_mut() {
            Some((until, last)) if last == used => *until = self.hour,
            _ => self.used.push((self.hour, used.clone())),
        }
        let plan = self.plan(now);
        for step in plan.targets.iter().filter(|t| t.veto.is_none()).flat_map(|t| &t.steps) {
            let written = step.manifest().unwrap();
            self.judge(&admitted(&written), used);
            self.standing.take(&written);
            self.writes += 1;
        }
        // What stands is judged too: it must follow although nothing was written.
        let standing = self.standing.policy.as_ref().map(admitted);
        if let Some(standing) = standing {
            self.judge(&standing, used);
        }
        plan
    }

    fn plan(&self, now: Timestamp) -> Plan {
        let network = serde_json::to_string(&self.network).unwrap();
        let documents = [vec![CLUSTER.to_owned(), network], self.standing.documents()].concat().join("\n---\n");
        let files = Files::parse(&[Text { name: "cluster.yaml", text: &documents }]).unwrap();
        let origin = Validated::new(&files.origin().unwrap()).unwrap();
        plan(&PlanInput {
            origin: &origin,
            uid: None,
            created: None,
            mode: Mode::Enforce,
            source: &files,
            neighbours: &[],
            own_addresses: &[],
            memory: &Memory::default(),
            narrowing: &Narrowing::Now,
            now,
        })
    }

    fn judge(&mut self, carried: &RangeSet, used: &RangeSet) {
        let recently = self.used.iter().filter(|(hour, _)| *hour >= self.hour - GRACE);
        let recently = recently.fold(RangeSet::empty(), |sum, (_, used)| sum.union(used));
        for family in [Family::V4, Family::V6] {
            self.wrongly_dropped += used.subtract(carried).coverage(family);
            self.too_wide += carried.subtract(&recently).coverage(family);
        }
    }

    fn carried(&self) -> RangeSet {
        admitted(self.standing.policy.as_ref().unwrap())
    }

    /// Reason of a condition of the network.
    fn says(&self, kind: &str) -> &str {
        let conditions = &self.network.status.as_ref().unwrap().conditions;
        &conditions.iter().find(|condition| condition.type_ == kind).unwrap().reason
    }

    fn never_wrong(&self, writes: usize) {
        assert_eq!((self.wrongly_dropped, self.too_wide), (0, 0), "addresses wrongly dropped, addresses over-wide");
        assert_eq!(self.writes, writes);
    }
}

/// 44 IPv4 and 3 IPv6 prefixes, none a sibling of another: few enough for every target.
fn origin_facing() -> Vec<String> {
    let v4 =
        (0..44).map(|index| format!("{}.{}.{}.0/{}", 52 + index % 7, 2 * index + 1, 64 * (index % 4), 18 + index % 4));
    let v6 = (0..3).map(|index| format!("2600:9000:{:x}::/40", 0x1000 * (index + 1)));
    set(&v4.chain(v6).collect::<Vec<_>>()).texts()
}

/// The same addresses in `count` entries: the first ones are cut into halves until there are enough.
fn cut_into(entries: &[String], count: usize) -> Vec<String> {
    let mut prefixes: VecDeque<Prefix> = entries.iter().map(|text| Prefix::parse(text).unwrap()).collect();
    while prefixes.len() < count {
        let prefix = prefixes.pop_front().unwrap();
        prefixes
            .extend([prefix.first(), prefix.last()].map(|end| Prefix::containing(end, prefix.length() + 1).unwrap()));
    }
    prefixes.iter().map(Prefix::to_string).collect()
}

/// Writes of the first list: one for each target.
const FIRST: usize = 4;

#[tokio::test]
async fn a_list_that_is_only_aggregated_anew_is_not_written() {
    // CloudFront, 2025-07-08 and 09: 47 → 52 → 476 → 522 → 48 entries within five hours, no address lost.
    let list = origin_facing();
    assert_eq!(list.len(), 47);
    let used = set(&list);
    let mut history = History::lines().await;
    for count in [47, 52, 476, 522, 48] {
        let cut = cut_into(&list, count);
        assert_eq!(cut.len(), count);
        history.answered(lines(&cut), 1, &used).await;
    }
    history.never_wrong(FIRST);
}

#[tokio::test]
async fn a_hole_of_two_hours_reaches_no_target() {
    // CloudFront, 2025-10-27: 48 → 70 → 47 entries; the 70 lacked 2,720 IPv4 addresses for two hours.
    let list = origin_facing();
    let used = set(&list);
    let first = Prefix::parse(&list[0]).unwrap().first();
    let IpAddr::V4(first) = first else { panic!("no IPv4") };
    let mut hole = RangeSet::empty();
    // 2,048 + 512 + 128 + 32 addresses of one block.
    for (offset, length) in [(0, 21), (2048, 23), (2560, 25), (2688, 27)] {
        let address = Ipv4Addr::from_bits(first.to_bits() + offset);
        hole = hole.union(&Prefix::containing(address.into(), length).unwrap().into());
    }
    assert_eq!(hole.intersect(&used).coverage(Family::V4), 2720);
    let mut history = History::lines().await;
    history.answered(lines(&cut_into(&list, 48)), 3, &used).await;
    let glitch = cut_into(&used.subtract(&hole).texts(), 70);
    history.answered(lines(&glitch), 2, &used).await;
    let pending = history.network.status.as_ref().unwrap().pending_removals.iter();
    assert_eq!(set(&pending.map(|one| one.cidr.clone()).collect::<Vec<_>>()), hole);
    history.answered(lines(&list), 3, &used).await;
    history.pass(5, 24, &used).await;
    assert!(history.network.status.as_ref().unwrap().pending_removals.is_empty());
    history.never_wrong(FIRST);
}

#[tokio::test]
async fn pages_tombstones_and_outages_reach_no_target() {
    let list = origin_facing();
    let used = set(&list);
    let page = "<!DOCTYPE html><title>Just a moment...</title>".to_owned();
    let html = |status| Answer { status, kind: "text/html", body: page.clone() };
    let mut history = History::lines().await;
    history.answered(lines(&list), 1, &used).await;
    for (answer, fetched, plausible) in [
        // Cloudflare, 2026-01-02: a challenge in place of the list.
        (html(200), "Unparsable", "Plausible"),
        (Answer::text(page.clone()), "Unparsable", "Plausible"),
        (html(403), "Unreachable", "Plausible"),
        // EdgeOne, 2026-07-31: the retired address answers 200, and with both default routes.
        (Answer::text("# this list is retired\n0.0.0.0/0\n::/0\n"), "Unparsable", "Plausible"),
        (Answer::text("0.0.0.0/0\n::/0\n"), "Fetched", "TooWide"),
        (Answer::text("10.0.0.0/8\n"), "Fetched", "Reserved"),
        (Answer::text(""), "Unparsable", "Reserved"),
        (Answer { status: 500, ..Answer::text("") }, "Unreachable", "Reserved"),
        // Half of it, from a server that breaks off inside a prefix.
        (Answer::text(lines(&list).body.replace(&list[20], "52.")), "Unparsable", "Reserved"),
    ] {
        let told = format!("{answer:?}");
        history.answered(answer, 2, &used).await;
        assert_eq!((history.says("Fetched"), history.says("Plausible")), (fetched, plausible), "{told}");
    }
    // Half a month of it changes nothing.
    history.pass(6, 60, &used).await;
    history.answered(lines(&list), 1, &used).await;
    assert_eq!((history.says("Fetched"), history.says("Plausible")), ("Fetched", "Plausible"));
    history.never_wrong(FIRST);
}

#[tokio::test]
async fn a_list_that_narrows_while_it_grows_gains_at_once_and_loses_late() {
    // Fastly: one /16 becomes a /17 while two blocks come.
    let stable = origin_facing();
    let with =
        |more: &[&str]| stable.iter().cloned().chain(more.iter().map(|&text| text.to_owned())).collect::<Vec<_>>();
    let (old, new) = (with(&["146.75.0.0/16"]), with(&["146.75.0.0/17", "167.82.224.0/20", "167.82.160.0/20"]));
    let mut history = History::lines().await;
    history.answered(lines(&old), 2, &set(&old)).await;
    history.answered(lines(&new), 1, &set(&new)).await;
    assert_eq!(history.carried(), set(&new).union(&set(&old)), "additions at once, removals held");
    history.pass(2, 30, &set(&new)).await;
    assert!(history.carried().covers_all(&set(&old)));
    history.pass(1, 13, &set(&new)).await;
    assert_eq!(history.carried(), set(&new));
    history.never_wrong(3 * FIRST);
}

#[tokio::test]
async fn a_family_that_is_lost_reaches_no_target() {
    let list = origin_facing();
    let used = set(&list);
    let of = |v6: bool| lines(&list.iter().filter(|text| text.contains(':') == v6).cloned().collect::<Vec<_>>());
    let mut history = History::of(&["/v4", "/v6"], &json!({})).await;
    history.server.answer("/v4", of(false));
    history.server.answer("/v6", of(true));
    history.pass(1, 1, &used).await;
    assert_eq!(history.carried(), used);
    history.server.answer("/v6", Answer { status: 500, ..Answer::text("") });
    history.pass(5, 24, &used).await;
    assert_eq!(history.says("Fetched"), "Unreachable");
    // The same loss in one document is held for a human.
    history.server.answer("/v6", of(false));
    let plan = history.pass(5, 24, &used).await;
    assert_eq!((history.says("Fetched"), history.says("Plausible")), ("Fetched", "Loss"));
    assert_eq!(plan.desired.unwrap().concern.unwrap().reason, Reason::Quarantined);
    history.never_wrong(FIRST);
}

#[tokio::test]
async fn an_error_inside_a_200_and_every_shape_of_the_same_list_write_nothing() {
    let list = origin_facing();
    let used = set(&list);
    let comma = list.join(",");
    for (extract, good, bad) in [
        (json!(["$.Cidrs[*]"]), json!({"Cidrs": list}), json!({"Code": "Throttling", "Message": "slow down"})),
        (json!(["$.CidrList.Cidr[*]"]), json!({"CidrList": {"Cidr": list}}), json!({"CidrList": {"Cidr": []}})),
        (
            json!(["$.Response.IPs[*]"]),
            json!({"Response": {"IPs": list}}),
            json!({"Response": {"Error": {"Code": "AuthFailure"}}}),
        ),
        (json!(["$.WafSourceIp.Ips"]), json!({"WafSourceIp": {"Ips": comma}}), json!({"WafSourceIp": {"Ips": ""}})),
        (json!(["$[*]"]), json!(list), json!(["error"])),
    ] {
        let mut history = History::of(&["/list"], &json!({"format": "JSON", "extract": extract})).await;
        history.answered(Answer::json(good.to_string()), 1, &used).await;
        history.answered(Answer::json(bad.to_string()), 2, &used).await;
        assert_eq!(history.says("Fetched"), "Unparsable", "{bad}");
        history.pass(5, 24, &used).await;
        history.answered(Answer::json(good.to_string()), 1, &used).await;
        history.never_wrong(FIRST);
    }
    // Separators, endings, a mark of byte order, host bits, contained and split prefixes, capitals.
    let mut history = History::lines().await;
    let first = Prefix::parse(&list[0]).unwrap();
    for text in [
        lines(&list).body,
        list.join("\n"),
        list.join("\r\n") + "\r\n",
        format!("\u{feff}{}", list.join("\n")),
        list.join(" "),
        comma,
        lines(&list).body.to_uppercase(),
        format!("{}\n{}\n", list.join("\n"), first.last()),
        lines(&list).body.replace(&list[0], &format!("{}/{}", first.last(), first.length())),
        lines(&cut_into(&list, 200)).body,
    ] {
        history.answered(Answer::text(text), 1, &used).await;
        assert_eq!(history.says("Fetched"), "Fetched");
    }
    history.never_wrong(FIRST);
}

#[tokio::test]
async fn single_addresses_fit_or_are_refused_whole() {
    // bunny.net in August 2026: 581 IPv4 and 320 IPv6 addresses, which collapse to 440 and 320 prefixes.
    let v4 = (0..299_u32).map(|i| (i, 1)).chain((299..440).map(|i| (i, 2)));
    let v4 = v4.flat_map(|(i, count)| (0..count).map(move |n| Ipv4Addr::from_bits(0x5900_0000 + 146 * i + n)));
    let v6 = (0..320_u128).map(|i| Ipv6Addr::from_bits((0x2a02_6ea0_u128 << 96) + (i << 65) + 1));
    let list: Vec<String> = v4.map(|a| a.to_string()).chain(v6.map(|a| a.to_string())).collect();
    let used = set(&list);
    assert_eq!(list.len(), 581 + 320);
    assert_eq!((used.prefix_count(Family::V4), used.prefix_count(Family::V6)), (440, 320));

    let mut history = History::lines().await;
    let plan = history.answered(lines(&list), 1, &used).await;
    let refused: Vec<_> =
        plan.targets.iter().filter_map(|t| Some((t.name.as_str(), t.veto.as_ref()?.reason))).collect();
    assert_eq!(refused, [("alb", Reason::CapacityExceeded)], "never cut short");
    assert_eq!(history.standing.annotations.get(KEYS[1]), None);
    assert_eq!(history.carried(), used);
    history.pass(3, 24, &used).await;
    history.never_wrong(FIRST - 1);

    // As servers move: the new ones at once, the old ones late.
    let moved: Vec<String> = list.iter().skip(9).cloned().chain((0..9).map(|i| format!("138.199.{i}.7"))).collect();
    history.answered(lines(&moved), 1, &set(&moved)).await;
    assert_eq!(history.carried(), used.union(&set(&moved)));
    history.pass(3, 25, &set(&moved)).await;
    assert_eq!(history.carried(), set(&moved));
    history.never_wrong(3 * (FIRST - 1));
}
