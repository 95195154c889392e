//! One round of looking, in a network of the test's own: who is dialled, what is asked of name servers,
//! and what the addresses' answers make of each other.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a test may fail

use futures::FutureExt;
use futures::future::BoxFuture;
use lab::dns::{Answer, NameServer};
use lab::network::{Host, Network};
use leeward::api::validated::Validated;
use leeward::api::{Observation, Outcome, Phase, Provider};
use leeward::evidence::fact::{DnsSubject, Fact, Variation};
use leeward::evidence::probe::{Fault, Redirect};
use leeward::evidence::{Probe, Variant};
use leeward::observe::probe::{Prober, ProberOptions};
use leeward::observe::round::{Ask, Denied, Gate, Look, Plan, Starved, Via, look};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const EDGES: [&str; 2] = ["203.0.113.80", "203.0.113.81"];
const ORIGIN: &str = "198.51.100.10";

/// A visitor, a name server, an edge with two addresses and an origin.
struct Stage {
    _network: Network,
    visitor: Host,
    edge: Host,
    origin: Host,
    names: NameServer,
}

fn stage() -> Option<Stage> {
    let made = Network::new().and_then(|mut network| {
        let visitor = network.host("visitor", &["203.0.113.5"])?;
        let edge = network.host("edge", &EDGES)?;
        let origin = network.host("origin", &[ORIGIN])?;
        let names = NameServer::start(&network.host("names", &["203.0.113.53"])?)?;
        names.answer("shop.example.com", &EDGES.map(|a| a.parse().unwrap()));
        Ok(Stage { _network: network, visitor, edge, origin, names })
    });
    match made {
        Ok(stage) => Some(stage),
        Err(error) => {
            let root = std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
            assert!(!root, "cannot make network namespaces: {error:#}");
            eprintln!("skipped: network namespaces need root ({error:#})");
            None
        }
    }
}

/// A web server on port 80 of a host: what it says to a request line. Returns the request lines it got.
fn serve(host: &Host, answer: fn(&str) -> String) -> Arc<Mutex<Vec<String>>> {
    let listeners: Vec<TcpListener> =
        host.inside(|| host.addresses().into_iter().map(|ip| TcpListener::bind((ip, 80)).unwrap()).collect()).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    for listener in listeners {
        let seen = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, seen) = (stream.unwrap(), Arc::clone(&seen));
                std::thread::spawn(move || {
                    let mut bytes = [0; 4096];
                    let length = stream.read(&mut bytes).unwrap_or(0);
                    let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
                    let line = text.lines().next().unwrap_or_default().to_owned();
                    seen.lock().unwrap().push(line.clone());
                    let _ = stream.write_all(answer(&line).as_bytes());
                });
            }
        });
    }
    seen
}

fn page(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len())
}

fn good(_: &str) -> String {
    page("200 OK", "", "the shop")
}

/// The plan of a resource whose spec differs from the usual by these lines.
fn plan(origin: &str, rest: &str) -> Plan {
    let yaml = format!(
        "apiVersion: leeward.dev/v1alpha1\nkind: ProtectedOrigin\nmetadata: {{name: shop, namespace: shop}}\nspec:\n  \
         allowlist: {{mode: Observe}}\n  origin: {{{origin}, scheme: HTTP}}\n{rest}"
    );
    let yaml =
        if rest.contains("proxy:") { yaml } else { format!("{yaml}  proxy: {{url: http://shop.example.com/}}\n") };
    let resource = serde_saphyr::from_str(&yaml).unwrap();
    Plan::new(Arc::new(Validated::new(&resource).unwrap()), Provider::Generic)
}

const BY_ADDRESS: &str = "type: Addresses, addresses: {ips: [198.51.100.10], port: 80}";
const SHORT: &str = "  probe: {dnsTimeoutSeconds: 1, connectTimeoutSeconds: 1, firstByteTimeoutSeconds: 1, pings: 3}\n";

impl Stage {
    fn look(&self, plan: &Plan, ask: &Ask) -> Look {
        self.visitor
            .inside(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let resolvers = vec![self.names.address()];
                    let options = ProberOptions { vantage: "lab".to_owned(), resolvers, ca_file: None };
                    look(&Prober::new(options).unwrap(), plan, ask).await
                })
            })
            .unwrap()
    }
}

fn by(look: &Look, observation: Observation, variant: Variant) -> Vec<&Probe> {
    look.probes.iter().filter(|p| p.observation == observation && p.variant == variant).collect()
}

fn dns(look: &Look) -> Vec<(DnsSubject, Outcome, usize)> {
    look.facts
        .iter()
        .filter_map(|fact| match fact {
            Fact::Dns(dns) => Some((dns.subject, dns.outcome, dns.addresses.len())),
            _ => None,
        })
        .collect()
}

#[test]
fn every_edge_and_origin_address_is_asked_once_in_each_way() {
    let Some(stage) = stage() else { return };
    let (edge, origin) = (serve(&stage.edge, good), serve(&stage.origin, good));
    let seen = stage.look(&plan(BY_ADDRESS, ""), &Ask { plain: true, ..Ask::default() });
    assert!(seen.probes.iter().all(|p| p.outcome == Outcome::OK), "{:#?}", seen.probes);
    assert_eq!(by(&seen, Observation::ViaProxy, Variant::Bypass).len(), 2);
    assert_eq!(by(&seen, Observation::ViaProxy, Variant::Plain).len(), 2);
    assert_eq!(by(&seen, Observation::Direct, Variant::Plain).len(), 1);
    assert_eq!(dns(&seen), [(DnsSubject::Site, Outcome::OK, 2)]);
    let origin_address: SocketAddr = format!("{ORIGIN}:80").parse().unwrap();
    assert_eq!((seen.origins.clone(), seen.matching.clone()), (vec![origin_address], vec![origin_address]));
    assert!(!seen.all_denied);
    // The pair is a pair: direct begins within two seconds of the proxy's.
    let begun = |o| seen.probes.iter().filter(move |p| p.observation == o).map(|p| p.at).min().unwrap();
    assert!(begun(Observation::Direct).duration_since(begun(Observation::ViaProxy)).as_secs() < 2);
    let edge = edge.lock().unwrap();
    assert_eq!(edge.len(), 4);
    assert_eq!(edge.iter().filter(|line| line.contains("?leeward-probe=")).count(), 2);
    assert_eq!(*origin.lock().unwrap(), ["GET / HTTP/1.1"]);
}

#[test]
fn pinned_edges_are_dialled_and_the_name_is_still_judged() {
    let Some(stage) = stage() else { return };
    let edge = serve(&stage.edge, good);
    let seen = stage.look(
        &plan(BY_ADDRESS, "  proxy: {url: http://shop.example.com/, addresses: [203.0.113.81]}\n"),
        &Ask::default(),
    );
    assert_eq!(seen.edges, ["203.0.113.81:80".parse().unwrap()]);
    assert_eq!(dns(&seen), [(DnsSubject::Site, Outcome::OK, 2)]);
    assert_eq!(edge.lock().unwrap().len(), 1);
}

#[test]
fn a_name_without_an_address_says_why() {
    let Some(stage) = stage() else { return };
    let cases = [
        (Answer::NxDomain, Outcome::NXDomain, Fault::NxDomain),
        (Answer::ServFail, Outcome::ServFail, Fault::ServFail),
        (Answer::Refused, Outcome::ServFail, Fault::ServFail),
        (Answer::Silent, Outcome::TimedOut, Fault::DnsTimeout),
        (Answer::Addresses(Vec::new()), Outcome::Missing, Fault::NoAddress),
    ];
    for (answer, outcome, fault) in cases {
        stage.names.set("shop.example.com", answer.clone());
        let seen = stage.look(&plan(BY_ADDRESS, SHORT), &Ask::default());
        assert_eq!(dns(&seen), [(DnsSubject::Site, outcome, 0)], "{answer:?}");
        let lost = by(&seen, Observation::ViaProxy, Variant::Bypass);
        assert_eq!(lost.len(), 1);
        assert_eq!(
            (lost[0].outcome, lost[0].phase, lost[0].fault, lost[0].address),
            (outcome, Some(Phase::Dns), Some(fault), None),
            "{answer:?}"
        );
    }
}

#[test]
fn an_origin_by_name_is_resolved_and_every_answer_dialled() {
    let Some(stage) = stage() else { return };
    stage.origin.add_address("198.51.100.11".parse().unwrap()).unwrap();
    stage.names.answer("origin.example.com", &[ORIGIN.parse().unwrap(), "198.51.100.11".parse().unwrap()]);
    let origin = serve(&stage.origin, good);
    let by_name = "type: Hostname, hostname: {name: origin.example.com, port: 80}";
    let seen = stage.look(&plan(by_name, SHORT), &Ask::default());
    assert_eq!(by(&seen, Observation::Direct, Variant::Plain).len(), 2);
    assert_eq!(origin.lock().unwrap().len(), 2);
    assert!(dns(&seen).contains(&(DnsSubject::Origin, Outcome::OK, 2)));
    stage.names.set("origin.example.com", Answer::NxDomain);
    let seen = stage.look(&plan(by_name, SHORT), &Ask::default());
    let lost = by(&seen, Observation::Direct, Variant::Plain);
    assert_eq!((lost[0].outcome, lost[0].address), (Outcome::NXDomain, None));
}

/// Admits everything but one address, and gives no turn at another.
struct Closed {
    denied: Vec<IpAddr>,
    starved: Option<IpAddr>,
}

impl Gate for Closed {
    fn admit(&self, address: SocketAddr, _: Via, host: &str) -> Result<(), Denied> {
        assert_eq!(host, "shop.example.com");
        if self.denied.contains(&address.ip()) { Err(Denied) } else { Ok(()) }
    }

    fn spend<'a>(&'a self, address: SocketAddr, _: Via, _: &'a str) -> BoxFuture<'a, Result<(), Starved>> {
        let turn = if self.starved == Some(address.ip()) { Err(Starved) } else { Ok(()) };
        async move { turn }.boxed()
    }
}

/// A gate at which the proxy has to wait, and who got through it in which order.
struct Queue(Mutex<Vec<Via>>);

impl Gate for Queue {
    fn admit(&self, _: SocketAddr, _: Via, _: &str) -> Result<(), Denied> {
        Ok(())
    }

    fn spend<'a>(&'a self, _: SocketAddr, via: Via, _: &'a str) -> BoxFuture<'a, Result<(), Starved>> {
        async move {
            if via == Via::Edge {
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            self.0.lock().unwrap().push(via);
            Ok(())
        }
        .boxed()
    }
}

#[test]
fn the_proxy_is_asked_first_also_when_it_has_to_wait() {
    let Some(stage) = stage() else { return };
    let _servers = (serve(&stage.edge, good), serve(&stage.origin, good));
    let mut plan = plan(BY_ADDRESS, SHORT);
    let queue = Arc::new(Queue(Mutex::default()));
    plan.gate = Some(Arc::clone(&queue) as Arc<dyn Gate>);
    stage.look(&plan, &Ask::default());
    let order = queue.0.lock().unwrap();
    assert!(order.first() == Some(&Via::Edge) && order.contains(&Via::Origin), "{order:?}");
}

#[test]
fn every_repeated_request_passes_the_gate_and_is_one_request() {
    let Some(stage) = stage() else { return };
    serve(&stage.edge, |_| page("404 Not Found", "", "who?"));
    let origin = serve(&stage.origin, |line| {
        if line == "GET / HTTP/1.1" { page("404 Not Found", "", "who?") } else { page("400 Bad Request", "", "no") }
    });
    let queue = Arc::new(Queue(Mutex::default()));
    let mut plan = plan(&format!("{BY_ADDRESS}, host: origin.example.com"), SHORT);
    plan.gate = Some(Arc::clone(&queue) as Arc<dyn Gate>);
    let calm = stage.look(&plan, &Ask::default());
    assert!(!calm.facts.iter().any(|f| matches!(f, Fact::Replay(_))), "nobody asked for it");
    assert_eq!(origin.lock().unwrap().len(), 1);
    let seen = stage.look(&plan, &Ask { replay: true, ..Ask::default() });
    let made: Vec<_> = seen
        .facts
        .iter()
        .filter_map(|f| match f {
            Fact::Replay(r) => Some((r.variation, r.probe.outcome)),
            _ => None,
        })
        .collect();
    assert_eq!(made, [(Variation::OtherHost, Outcome::UnexpectedStatus)]);
    assert_eq!(origin.lock().unwrap().len(), 3);
    let spent = queue.0.lock().unwrap().iter().filter(|via| **via == Via::Origin).count();
    assert_eq!(spent, 3, "a repeated request waits for its turn like any other");
    plan.gate = Some(Arc::new(Closed { denied: vec![], starved: Some(ORIGIN.parse().unwrap()) }));
    let starved = stage.look(&plan, &Ask { replay: true, ..Ask::default() });
    assert!(!starved.facts.iter().any(|f| matches!(f, Fact::Replay(_))), "what had no turn is not known");
    assert_eq!(origin.lock().unwrap().len(), 3);
}

#[test]
fn a_preamble_is_tried_where_the_origin_hangs_up() {
    let Some(stage) = stage() else { return };
    serve(&stage.edge, |_| page("502 Bad Gateway", "", "bad"));
    let origin = serve(&stage.origin, |line| if line.starts_with("PROXY TCP4 ") { good(line) } else { String::new() });
    let seen = stage.look(&plan(BY_ADDRESS, SHORT), &Ask { replay: true, ..Ask::default() });
    let replay =
        |f: &Fact| matches!(f, Fact::Replay(r) if r.variation == Variation::Preamble && r.probe.outcome == Outcome::OK);
    assert!(seen.facts.iter().any(replay), "{:#?}", seen.facts);
    assert_eq!(origin.lock().unwrap().len(), 3, "the request, the one with a preamble, and the first once more");
    let declared = stage.look(&plan(&format!("{BY_ADDRESS}, proxyProtocol: V1"), SHORT), &Ask::default());
    assert_eq!(by(&declared, Observation::Direct, Variant::Plain)[0].outcome, Outcome::OK);
}

#[test]
fn what_the_gate_refuses_is_evidence_and_not_dialled() {
    let Some(stage) = stage() else { return };
    let (edge, origin) = (serve(&stage.edge, good), serve(&stage.origin, good));
    let mut plan = plan(BY_ADDRESS, SHORT);
    let all: Vec<IpAddr> = EDGES.into_iter().chain([ORIGIN]).map(|a| a.parse().unwrap()).collect();
    plan.gate = Some(Arc::new(Closed { denied: vec![all[2]], starved: Some(all[0]) }));
    let seen = stage.look(&plan, &Ask::default());
    assert_eq!(by(&seen, Observation::Direct, Variant::Plain)[0].outcome, Outcome::Forbidden);
    let outcomes: Vec<_> =
        by(&seen, Observation::ViaProxy, Variant::Bypass).iter().map(|p| (p.outcome, p.definite())).collect();
    assert_eq!(outcomes, [(Outcome::Unavailable, false), (Outcome::OK, true)]);
    // The one origin address is all there is on that side.
    assert!(seen.all_denied);
    plan.gate = Some(Arc::new(Closed { denied: vec![all[1]], starved: None }));
    assert!(!stage.look(&plan, &Ask::default()).all_denied);
    plan.gate = Some(Arc::new(Closed { denied: all, starved: None }));
    let seen = stage.look(&plan, &Ask::default());
    assert!(seen.all_denied && seen.probes.iter().all(|p| p.outcome == Outcome::Forbidden));
    assert_eq!((edge.lock().unwrap().len(), origin.lock().unwrap().len()), (2, 1));
}

#[test]
fn a_silent_port_of_a_suspect_is_looked_at_twice() {
    let Some(stage) = stage() else { return };
    serve(&stage.edge, good);
    stage.origin.firewall(&["tcp dport 80 drop"]).unwrap();
    let plan = plan(&format!("{BY_ADDRESS}, controlPort: 22"), SHORT);
    let calm = stage.look(&plan, &Ask::default());
    assert!(!calm.facts.iter().any(|f| matches!(f, Fact::Ping(_) | Fact::ControlPort(_))));
    let ask = Ask { suspects: vec![ORIGIN.parse().unwrap()], ..Ask::default() };
    let seen = stage.look(&plan, &ask);
    let pings: Vec<_> = seen
        .facts
        .iter()
        .filter_map(|f| match f {
            Fact::Ping(p) => Some((p.outcome, p.sent, p.received)),
            _ => None,
        })
        .collect();
    assert_eq!(pings, [(Outcome::OK, 3, 3)]);
    let ports: Vec<_> = seen
        .facts
        .iter()
        .filter_map(|f| match f {
            Fact::ControlPort(p) => Some((p.address.port(), p.outcome)),
            _ => None,
        })
        .collect();
    assert_eq!(ports, [(22, Outcome::Refused)]);
    stage.origin.firewall(&["icmp type echo-request drop", "tcp dport { 22, 80 } drop"]).unwrap();
    let seen = stage.look(&plan, &ask);
    assert!(seen.facts.iter().any(|f| matches!(f, Fact::Ping(p) if p.outcome == Outcome::Lost && p.received == 0)));
    assert!(seen.facts.iter().any(|f| matches!(f, Fact::ControlPort(p) if p.outcome == Outcome::TimedOut)));
}

#[test]
fn a_long_probe_waits_for_what_the_short_one_missed() {
    let Some(stage) = stage() else { return };
    serve(&stage.edge, |_| {
        std::thread::sleep(Duration::from_millis(1800));
        page("504 Gateway Time-out", "", "late")
    });
    let mut plan = plan(BY_ADDRESS, SHORT);
    plan.long_deadline = Some(Duration::from_secs(4));
    let seen = stage.look(&plan, &Ask { long: true, ..Ask::default() });
    assert!(by(&seen, Observation::ViaProxy, Variant::Bypass).iter().all(|p| p.outcome == Outcome::TimedOut));
    let long = by(&seen, Observation::ViaProxyLong, Variant::Bypass);
    assert_eq!(long.len(), 1);
    assert_eq!(long[0].response.as_ref().unwrap().status, 504);
    assert!(long[0].timings.first_byte_ms.unwrap() >= 1800);
}

#[test]
fn a_redirect_is_walked_to_what_a_visitor_gets() {
    let Some(stage) = stage() else { return };
    serve(&stage.edge, |line| {
        if line.starts_with("GET /login ") {
            page("502 Bad Gateway", "", "broken")
        } else {
            page("302 Found", "Location: /login\r\n", "")
        }
    });
    let seen = stage.look(&plan(BY_ADDRESS, SHORT), &Ask { plain: true, ..Ask::default() });
    let visitors = by(&seen, Observation::ViaProxy, Variant::Plain);
    assert_eq!(visitors.len(), 2);
    assert!(visitors.iter().all(|p| p.outcome == Outcome::UnexpectedStatus), "{visitors:#?}");
    assert!(by(&seen, Observation::ViaProxy, Variant::Bypass).iter().all(|p| p.outcome == Outcome::OK));
}

#[test]
fn a_redirect_that_comes_back_is_a_loop_and_with_a_cookie_a_challenge() {
    let Some(stage) = stage() else { return };
    let edge = serve(&stage.edge, |line| {
        if line.starts_with("GET /there ") {
            page("302 Found", "Location: http://shop.example.com/\r\nSet-Cookie: c=1\r\n", "")
        } else {
            page("302 Found", "Location: /there\r\n", "")
        }
    });
    let seen = stage.look(&plan(BY_ADDRESS, SHORT), &Ask { plain: true, ..Ask::default() });
    for visitor in by(&seen, Observation::ViaProxy, Variant::Plain) {
        let response = visitor.response.as_ref().unwrap();
        assert_eq!((response.redirect, response.sets_cookie), (Redirect::Itself, true));
    }
    // Two edges, each: one with a nonce, two on the walk.
    assert_eq!(edge.lock().unwrap().len(), 6);
}

#[test]
fn an_origin_that_turns_strangers_away_is_guarded_when_it_should() {
    let Some(stage) = stage() else { return };
    serve(&stage.edge, good);
    serve(&stage.origin, |_| page("403 Forbidden", "", "no"));
    let open = stage.look(&plan(BY_ADDRESS, SHORT), &Ask::default());
    assert_eq!(by(&open, Observation::Direct, Variant::Plain)[0].outcome, Outcome::UnexpectedStatus);
    let locked = plan(&format!("{BY_ADDRESS}, lockdown: Required"), SHORT);
    let seen = stage.look(&locked, &Ask::default());
    assert_eq!(by(&seen, Observation::Direct, Variant::Plain)[0].outcome, Outcome::Guarded);
    assert!(seen.matching.is_empty());
}

#[test]
fn an_address_of_the_cluster_proves_no_exposure() {
    let Some(stage) = stage() else { return };
    serve(&stage.edge, good);
    serve(&stage.origin, good);
    let mut plan = plan(BY_ADDRESS, SHORT);
    plan.cluster_addresses = vec![ORIGIN.parse().unwrap()];
    let seen = stage.look(&plan, &Ask::default());
    assert_eq!(by(&seen, Observation::InCluster, Variant::Plain).len(), 1);
    assert!(by(&seen, Observation::Direct, Variant::Plain).is_empty() && seen.matching.is_empty());
}
