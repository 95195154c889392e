//! Counters of load out of a real Prometheus: a day of samples is filled in, and every query becomes a fact or a reason.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a test may fail

use lab::process::{Process, wait_until};
use lab::servers::prometheus::{Series, prepare, words};
use lab::servers::{Fault, FaultServer};
use leeward::api::ProtectedOrigin;
use leeward::api::validated::Validated;
use leeward::evidence::Fact;
use leeward::evidence::fact::{Level, Measure, Resource, Trend, Why};
use leeward::observe::probe::{Prober, ProberOptions};
use leeward::observe::traffic::server::parse_url;
use leeward::observe::traffic::{Memory, Place, Profile, Profiles, Server, measure};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const SERIES: &str = r"
- {name: origin_requests_total, labels: {namespace: shop, pod: a}, shape: {counter: {perSecond: 6}}}
- {name: origin_requests_total, labels: {namespace: shop, pod: b}, shape: {counter: {perSecond: 5, lately: {perSecond: 70, minutes: 25}}}}
- {name: origin_requests_total, labels: {namespace: other, pod: c}, shape: {counter: {perSecond: 900}}}
- {name: forwarded_total, labels: {host: shop.example.com}, shape: {counter: {perSecond: 10, busy: 40}}}
- {name: probes_total, labels: {namespace: shop}, shape: {counter: {perSecond: 0.1}}}
- {name: failed_probes_total, labels: {namespace: shop}, shape: {counter: {perSecond: 0.0, busy: 0.05}}}
- {name: conntrack_entries, shape: {value: 950}}
- {name: conntrack_limit, shape: {value: 1000}}
- {name: bytes_out_total, labels: {namespace: shop}, shape: {counter: {perSecond: 3000}}}
- {name: nothing, shape: {value: 0}}
";

const PROFILES: &str = r#"
profiles:
  default:
    originRequests: sum(increase(origin_requests_total{namespace="$namespace"}[$window]))
    forwardedRequests: sum(increase(forwarded_total{host=~"$host"}[$window]))
    probes: sum(increase(probes_total{namespace="$namespace"}[$window]))
    failedProbes: sum(increase(failed_probes_total{namespace="$namespace"}[$window]))
    conntrackRatio: conntrack_entries / conntrack_limit
    bytesOutPerSecond: sum(rate(bytes_out_total{namespace="$namespace"}[$window]))
    uplinkBytesPerSecond: 32000
  broken:
    cpuThrottledRatio: nothing / nothing
    memoryRatio: not_there
    busyWorkersRatio: origin_requests_total
    listenDropsPerSecond: "rate("
    synCookiesPerSecond: node_netstat{service="$service"}
    limitedPerSecond: nothing
"#;

struct Here {
    _folder: tempfile::TempDir,
    _process: Process,
    address: SocketAddr,
}

/// A Prometheus on loopback.
fn prometheus() -> Here {
    let folder = tempfile::tempdir().unwrap();
    let series: Vec<Series> = serde_saphyr::from_str(SERIES).unwrap();
    prepare(folder.path(), &series, &[]).unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let words = words(folder.path(), address);
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    let mut process = Process::start("prometheus", &command, &folder.path().join("prometheus.log")).unwrap();
    process.wait_until("listening", Duration::from_secs(20), || TcpStream::connect(address).is_ok()).unwrap();
    Here { _folder: folder, _process: process, address }
}

fn place() -> Place {
    let origin: ProtectedOrigin = serde_saphyr::from_str(
        "{apiVersion: leeward.dev/v1alpha1, kind: ProtectedOrigin, metadata: {name: shop, namespace: shop}, spec: {proxy: {url: 'https://shop.example.com/'}, origin: {type: Addresses, addresses: {ips: [203.0.113.10]}}, traffic: {profile: default}}}",
    )
    .unwrap();
    Place::of(&Validated::new(&origin).unwrap())
}

fn profile(name: &str) -> Profile {
    Profiles::read(PROFILES).unwrap().get(name).unwrap().clone()
}

fn server(address: SocketAddr) -> Server {
    let options = ProberOptions { vantage: "test".to_owned(), resolvers: Vec::new(), ca_file: None };
    Server::new(&parse_url(&format!("http://{address}")).unwrap(), &Prober::new(options).unwrap()).unwrap()
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

#[tokio::test]
async fn every_query_becomes_a_fact() {
    let here = prometheus();
    let server = server(here.address);
    let mut memory = Memory::default();
    let ask = async |memory: &mut Memory| measure(&server, &profile("default"), &place(), memory, now()).await;
    let mut facts = ask(&mut memory).await;
    // The first answers of a server that has just started may come before its blocks are loaded.
    for _ in 0..20 {
        if !facts.iter().any(|f| matches!(f, Fact::Unmeasured(_))) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
        facts = ask(&mut memory).await;
    }
    let traffic = facts.iter().find_map(|f| if let Fact::Traffic(t) = f { Some(t) } else { None }).expect("traffic");
    assert_eq!(traffic.trend, Trend::OriginAlone, "{facts:#?}");
    assert!(traffic.origin_per_minute.unwrap() > 4000 && traffic.percent_of_usual.unwrap() > 150, "{traffic:?}");
    let levels: Vec<(Resource, Level)> = facts
        .iter()
        .filter_map(|f| if let Fact::Saturation(s) = f { Some((s.resource, s.level)) } else { None })
        .collect();
    assert_eq!(levels, [(Resource::Uplink, Level::Spare), (Resource::Conntrack, Level::Saturated)]);
    let contrast = facts.iter().find_map(|f| if let Fact::LoadContrast(c) = f { Some(c) } else { None });
    assert!(contrast.expect("a contrast").shows_load(), "{contrast:?}");
    assert!(!facts.iter().any(|f| matches!(f, Fact::Unmeasured(_))), "{facts:#?}");

    let facts = measure(&server, &profile("broken"), &place(), &mut memory, now()).await;
    let mut unknown: Vec<(Measure, Why)> = facts
        .iter()
        .filter_map(|f| if let Fact::Unmeasured(u) = f { Some((u.measure, u.why)) } else { None })
        .collect();
    unknown.sort_by_key(|(measure, _)| *measure);
    assert_eq!(
        unknown,
        [
            (Measure::Cpu, Why::NotANumber),
            (Measure::Memory, Why::NoData),
            (Measure::Workers, Why::ManySeries),
            (Measure::ListenQueue, Why::Refused),
            (Measure::SynCookies, Why::NoService),
        ]
    );
    let limits: Vec<&Fact> = facts.iter().filter(|f| matches!(f, Fact::Limit(_))).collect();
    assert_eq!(limits.len(), 1, "a zero that was measured is a zero: {facts:?}");
}

#[tokio::test]
async fn a_server_that_is_gone_or_hangs_is_asked_once() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let facts = measure(&server(gone), &profile("broken"), &place(), &mut Memory::default(), now()).await;
    assert!(
        matches!(&facts[..], [Fact::Unmeasured(u)] if u.measure == Measure::Everything && u.why == Why::Unreachable)
    );

    let (hanging, address) = FaultServer::on_loopback(None, Fault::Hang).unwrap();
    let begin = Instant::now();
    let facts = measure(&server(address), &profile("broken"), &place(), &mut Memory::default(), now()).await;
    assert!(matches!(&facts[..], [Fact::Unmeasured(u)] if u.measure == Measure::Everything && u.why == Why::TimedOut));
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
    assert_eq!(hanging.connections(), 1);
    wait_until("answered", Duration::from_secs(1), || hanging.requests() == 1).unwrap();
}
