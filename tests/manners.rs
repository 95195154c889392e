//! A request that is sent in another manner is still one connection and one request, and what was to be changed is
//! what the server sees.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a test may fail

use leeward::api::spec::{Method, ProxyProtocol, Scheme, ServerNameUse, TlsVersion};
use leeward::api::validated::{Deadlines, Host, ValidExpect};
use leeward::api::{Access, Observation, Outcome};
use leeward::evidence::Variant;
use leeward::observe::probe::{Manner, ProbeRequest, Prober, ProberOptions};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

fn prober() -> Prober {
    Prober::new(ProberOptions { vantage: "test".to_owned(), resolvers: Vec::new(), ca_file: None }).unwrap()
}

fn request(address: SocketAddr, scheme: Scheme, manner: Manner) -> ProbeRequest {
    let short = Duration::from_millis(900);
    ProbeRequest {
        observation: Observation::Direct,
        variant: Variant::Plain,
        access: Access::Listed,
        address,
        scheme,
        host_header: "shop.example.com".to_owned(),
        server_name: Host::Name("shop.example.com".to_owned()),
        path: "/".to_owned(),
        method: Method::GET,
        deadlines: Deadlines {
            dns: short,
            connect: short,
            tls: short,
            first_byte: short,
            body: short,
            total: short * 4,
        },
        expect: Arc::new(ValidExpect { statuses: vec![200..=399], body_contains: None, first_byte: None }),
        marker: None,
        trust: None,
        manner,
    }
}

fn acceptor(protocols: &[&[u8]]) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["shop.example.com".to_owned()]).unwrap().self_signed(&key).unwrap();
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|p| p.to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

/// What a server of HTTP/2 does once a request has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Close,
    GoAway,
    Reset,
}

/// Counts connections and HEADERS frames.
async fn http2_server(then: Then) -> (SocketAddr, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (c, r) = (Arc::clone(&connections), Arc::clone(&requests));
    let acceptor = acceptor(&[b"h2"]);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            c.fetch_add(1, Ordering::SeqCst);
            let (acceptor, requests) = (acceptor.clone(), Arc::clone(&r));
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut preface = [0; 24];
                stream.read_exact(&mut preface).await.unwrap();
                assert!(preface.starts_with(b"PRI * HTTP/2.0"));
                // Our SETTINGS.
                stream.write_all(b"\0\0\0\x04\0\0\0\0\0").await.unwrap();
                let mut head = [0; 9];
                while stream.read_exact(&mut head).await.is_ok() {
                    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
                    let mut payload = vec![0; usize::try_from(length).unwrap()];
                    stream.read_exact(&mut payload).await.unwrap();
                    if head[3] != 1 {
                        continue;
                    }
                    requests.fetch_add(1, Ordering::SeqCst);
                    let answer: &[u8] = match then {
                        Then::Close => return,
                        // No stream was processed: clients may try again, and a probe must not.
                        Then::GoAway => b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0",
                        Then::Reset => b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x07",
                    };
                    let _ = stream.write_all(answer).await;
                    let _ = stream.flush().await;
                }
            });
        }
    });
    (address, connections, requests)
}

#[tokio::test]
async fn over_http2_nothing_is_sent_again() {
    for then in [Then::Close, Then::GoAway, Then::Reset] {
        let (address, connections, requests) = http2_server(then).await;
        let manner = Manner { http2: true, ..Manner::default() };
        let probe = prober().probe(&request(address, Scheme::HTTPS, manner)).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let seen = (connections.load(Ordering::SeqCst), requests.load(Ordering::SeqCst));
        assert_eq!(seen, (1, 1), "{probe:?}");
        assert!(!matches!(probe.outcome, Outcome::OK | Outcome::Unavailable), "{probe:?}");
    }
}

#[tokio::test]
async fn a_server_without_http2_is_no_fault() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = acceptor(&[]);
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let _ = acceptor.accept(stream).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
    });
    let manner = Manner { http2: true, ..Manner::default() };
    let probe = prober().probe(&request(address, Scheme::HTTPS, manner)).await;
    assert_eq!(probe.outcome, Outcome::Unavailable, "{probe:?}");
}

#[tokio::test]
async fn the_preamble_stands_before_everything() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, mut first) = mpsc::channel(4);
    tokio::spawn(async move {
        while let Ok((mut stream, peer)) = listener.accept().await {
            let mut bytes = vec![0; 1024];
            let length = stream.read(&mut bytes).await.unwrap();
            bytes.truncate(length);
            sender.send((peer, bytes)).await.unwrap();
        }
    });
    let prober = prober();
    let v1 = Manner { preamble: ProxyProtocol::V1, ..Manner::default() };
    prober.probe(&request(address, Scheme::HTTP, v1)).await;
    let (peer, bytes) = first.recv().await.unwrap();
    let line = format!("PROXY TCP4 127.0.0.1 127.0.0.1 {} {}\r\n", peer.port(), address.port());
    assert!(bytes.starts_with(line.as_bytes()), "{}", String::from_utf8_lossy(&bytes));
    let v2 = Manner { preamble: ProxyProtocol::V2, ..Manner::default() };
    prober.probe(&request(address, Scheme::HTTPS, v2)).await;
    let (_, bytes) = first.recv().await.unwrap();
    assert!(bytes.starts_with(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"), "{bytes:?}");
}

#[tokio::test]
async fn the_proxys_profile_is_what_the_server_sees() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = acceptor(&[]);
    let (sender, mut seen) = mpsc::channel(4);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let stream = acceptor.accept(stream).await.unwrap();
            let connection = stream.get_ref().1;
            let saw = (connection.server_name().map(str::to_owned), connection.protocol_version());
            sender.send(saw).await.unwrap();
        }
    });
    let prober = prober();
    let manner = Manner { max_version: TlsVersion::TLS12, server_name: ServerNameUse::NotSent, ..Manner::default() };
    prober.probe(&request(address, Scheme::HTTPS, manner)).await;
    assert_eq!(seen.recv().await.unwrap(), (None, Some(rustls::ProtocolVersion::TLSv1_2)));
    prober.probe(&request(address, Scheme::HTTPS, Manner::default())).await;
    let ordinary = (Some("shop.example.com".to_owned()), Some(rustls::ProtocolVersion::TLSv1_3));
    assert_eq!(seen.recv().await.unwrap(), ordinary);
}

/// Answers once as told, waits, and closes.
async fn keeps(answer: &'static [u8], wait: Duration) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counted = Arc::clone(&counted);
            tokio::spawn(async move {
                let mut bytes = [0; 2048];
                if stream.read(&mut bytes).await.unwrap_or(0) > 0 {
                    counted.fetch_add(1, Ordering::SeqCst);
                    let _ = stream.write_all(answer).await;
                    tokio::time::sleep(wait).await;
                }
            });
        }
    });
    (address, requests)
}

#[tokio::test]
async fn an_idle_connection_is_held_with_one_request() {
    const KEPT: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    const CLOSED: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    let hold = async |answer, wait, longest| {
        let (address, requests) = keeps(answer, wait).await;
        let idle = prober().hold(&request(address, Scheme::HTTP, Manner::default()), longest).await;
        assert_eq!(requests.load(Ordering::SeqCst), 1, "{idle:?}");
        idle
    };
    let (short, long) = (Duration::from_millis(400), Duration::from_secs(5));
    let closed = hold(KEPT, short, long).await;
    assert_eq!(closed.outcome, Outcome::ClosedEarly, "{closed:?}");
    assert!((200..1500).contains(&closed.held_ms), "{closed:?}");
    let open = hold(KEPT, long, short).await;
    assert_eq!(open.outcome, Outcome::OK, "{open:?}");
    assert_eq!(hold(CLOSED, long, long).await.outcome, Outcome::Missing);
    let gone: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let idle = prober().hold(&request(gone, Scheme::HTTP, Manner::default()), short).await;
    assert_eq!(idle.outcome, Outcome::Unavailable);
}
