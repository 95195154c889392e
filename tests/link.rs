//! The bounds of loss that are shown and exported, held against a loss that is known: a firewall drops every fifth SYN by
//! chance.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may fail

use futures::future::join_all;
use lab::network::{Host, Network};
use leeward::api::spec::{Method, Scheme};
use leeward::api::validated::{Deadlines, Host as Name, ValidExpect};
use leeward::api::{Access, Observation};
use leeward::diagnose::{Ledger, Quality};
use leeward::evidence::{Probe, Variant};
use leeward::observe::probe::{Manner, ProbeRequest, Prober, ProberOptions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

/// The share of SYNs that are dropped.
const LOSS: f64 = 0.2;
/// Connections to each address: as many as a path remembers.
const CONNECTIONS: usize = 120;
/// At the same time.
const AT_ONCE: usize = 20;
const ORIGINS: [&str; 3] = ["198.51.100.10", "198.51.100.11", "198.51.100.12"];

fn serve(host: &Host) {
    for listener in host.inside(|| ORIGINS.map(|ip| TcpListener::bind((ip, 80)).unwrap())).unwrap() {
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                std::thread::spawn(move || {
                    let _ = stream.read(&mut [0; 4096]);
                    let _ =
                        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\nthe shop");
                });
            }
        });
    }
}

fn request(address: SocketAddr) -> ProbeRequest {
    let d = Duration::from_secs(8);
    ProbeRequest {
        observation: Observation::Direct,
        variant: Variant::Plain,
        access: Access::Listed,
        address,
        scheme: Scheme::HTTP,
        host_header: "shop.example.com".to_owned(),
        server_name: Name::Name("shop.example.com".to_owned()),
        path: "/".to_owned(),
        method: Method::GET,
        deadlines: Deadlines { dns: d, connect: d, tls: d, first_byte: d, body: d, total: d },
        expect: Arc::new(ValidExpect { statuses: vec![200..=299], body_contains: None, first_byte: None }),
        marker: None,
        trust: None,
        manner: Manner::default(),
    }
}

/// What a path shows after its connections.
async fn measure(prober: &Prober, address: SocketAddr) -> Quality {
    let mut ledger = Ledger::new();
    for _ in 0..CONNECTIONS / AT_ONCE {
        let request = request(address);
        let made: Vec<Probe> = join_all((0..AT_ONCE).map(|_| prober.probe(&request))).await;
        for probe in made {
            let at = probe.at;
            ledger.record(vec![probe], Vec::new(), true, at);
        }
    }
    ledger.quality(false)
}

#[test]
fn the_bounds_of_loss_hold_the_true_loss() {
    let root = std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
    let made = Network::new().and_then(|mut network| {
        let vantage = network.host("vantage", &["203.0.113.5"])?;
        let origin = network.host("origin", &ORIGINS)?;
        Ok((network, vantage, origin))
    });
    let (_network, vantage, origin) = match made {
        Ok(made) => made,
        Err(error) => {
            assert!(!root, "cannot make network namespaces: {error:#}");
            eprintln!("skipped: network namespaces need root ({error:#})");
            return;
        }
    };
    serve(&origin);
    let percent = (LOSS * 100.0).round();
    origin.firewall(&[&format!("tcp flags & (syn | ack) == syn numgen random mod 100 < {percent} drop")]).unwrap();
    let qualities = vantage
        .inside(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let options = ProberOptions {
                    vantage: "lab".to_owned(),
                    resolvers: vec!["203.0.113.53:53".parse().unwrap()],
                    ca_file: None,
                };
                let prober = Prober::new(options).unwrap();
                let measured = ORIGINS.map(|ip| measure(&prober, SocketAddr::new(ip.parse().unwrap(), 80)));
                // In one task: their waits overlap.
                join_all(measured).await
            })
        })
        .unwrap();
    let bounds: Vec<(f64, f64)> = qualities.iter().map(|q| q.lost.expect("enough connections for bounds")).collect();
    // Each misses in one of twenty runs; that all three do, by chance, is one in eight thousand.
    assert!(bounds.iter().any(|(least, most)| (*least..=*most).contains(&LOSS)), "{bounds:?}");
    // What cannot be chance: far from the truth, or bounds that say nothing.
    for (least, most) in &bounds {
        assert!(*least > 0.02 && *most < 0.45 && most - least < 0.2, "{bounds:?}");
    }
    // A lost SYN is no round-trip time.
    let slowest = qualities.iter().filter_map(|q| q.link).map(|link| link.rtt_median_us).max();
    assert!(slowest.is_some_and(|us| us < 500_000), "{slowest:?}");
}
