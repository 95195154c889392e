//! A probe is one connection and one request, whatever the server does to it, and the phase in which it
//! ends is the one that the server spoilt.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a test may fail

use leeward::api::spec::{Method, Scheme};
use leeward::api::validated::{Deadlines, Host, ValidExpect};
use leeward::api::{Access, Observation, Outcome, Phase};
use leeward::evidence::maker::Maker;
use leeward::evidence::probe::{CertVerdict, Fault};
use leeward::evidence::{Probe, Variant};
use leeward::observe::probe::{ProbeRequest, Prober, ProberOptions};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

type Script = fn(Box<dyn Wire>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// A server that counts what reaches it.
struct Hostile {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

impl Hostile {
    /// Reads requests, counting them, and answers by the script. Keeps listening, so that a second
    /// connection or request would be seen.
    async fn start(tls: Option<TlsAcceptor>, script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (c, r) = (Arc::clone(&connections), Arc::clone(&requests));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                c.fetch_add(1, Ordering::SeqCst);
                let (tls, requests) = (tls.clone(), Arc::clone(&r));
                tokio::spawn(async move {
                    let mut stream: Box<dyn Wire> = match tls {
                        None => Box::new(stream),
                        Some(acceptor) => match acceptor.accept(stream).await {
                            Ok(stream) => Box::new(stream),
                            Err(_) => return,
                        },
                    };
                    if read_request(&mut stream).await {
                        requests.fetch_add(1, Ordering::SeqCst);
                        script(stream).await;
                    }
                });
            }
        });
        Self { address, connections, requests }
    }

    /// Raw control of the accepted socket; no request is awaited.
    async fn raw<F, R>(script: F) -> Self
    where
        F: Fn(TcpStream) -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let c = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                c.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(script(stream));
            }
        });
        Self { address, connections, requests: Arc::default() }
    }

    /// After giving a retry time to happen: connections, requests.
    async fn seen(&self) -> (usize, usize) {
        tokio::time::sleep(Duration::from_millis(300)).await;
        (self.connections.load(Ordering::SeqCst), self.requests.load(Ordering::SeqCst))
    }
}

async fn read_request(stream: &mut Box<dyn Wire>) -> bool {
    let mut bytes = Vec::new();
    let mut buffer = [0; 1024];
    while !bytes.windows(4).any(|w| w == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(n) if n > 0 => bytes.extend_from_slice(&buffer[..n]),
            _ => return false,
        }
    }
    true
}

fn prober() -> Prober {
    let options = ProberOptions { vantage: "test".to_owned(), resolvers: Vec::new(), ca_file: None };
    Prober::new(options).unwrap()
}

fn request(address: SocketAddr, scheme: Scheme) -> ProbeRequest {
    let short = Duration::from_millis(700);
    ProbeRequest {
        observation: Observation::Direct,
        variant: Variant::Bypass,
        access: Access::Listed,
        address,
        scheme,
        host_header: "shop.example.com".to_owned(),
        server_name: Host::Name("shop.example.com".to_owned()),
        path: "/healthz".to_owned(),
        method: Method::GET,
        deadlines: Deadlines {
            dns: short,
            connect: short,
            tls: short,
            first_byte: short,
            body: short,
            total: Duration::from_secs(5),
        },
        expect: Arc::new(ValidExpect { statuses: vec![200..=399], body_contains: None, first_byte: None }),
        marker: None,
        trust: None,
        manner: leeward::observe::probe::Manner::default(),
    }
}

/// A CA and a server certificate of it for the name.
struct Authority {
    pem: String,
    acceptor: TlsAcceptor,
}

fn authority(name: &str, days: (i64, i64), client_certificate: bool) -> Authority {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_certificate = ca.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().unwrap();
    let mut leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let now = std::time::SystemTime::now();
    let day = |n: i64| {
        let offset = Duration::from_secs(n.unsigned_abs() * 86_400);
        if n < 0 { now - offset } else { now + offset }
    };
    leaf.not_before = day(days.0).into();
    leaf.not_after = day(days.1).into();
    let certificate = leaf.signed_by(&key, &issuer).unwrap();
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = if client_certificate {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from(ca_certificate.der().to_vec())).unwrap();
        let verifier =
            rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        builder.with_client_cert_verifier(verifier).with_single_cert(chain, key).unwrap()
    } else {
        builder.with_no_client_auth().with_single_cert(chain, key).unwrap()
    };
    Authority { pem: ca_certificate.pem(), acceptor: TlsAcceptor::from(Arc::new(config)) }
}

/// How a probe ended.
fn end(probe: &Probe) -> (Outcome, Option<Phase>, Option<Fault>) {
    (probe.outcome, probe.phase, probe.fault)
}

/// Runs one probe against the script, plain and over TLS; both must end alike and cost one connection
/// and one request each.
async fn both_ways(script: Script, expected: (Outcome, Option<Phase>, Option<Fault>)) -> Vec<Probe> {
    let prober = prober();
    let tls = authority("shop.example.com", (-1, 10), false);
    let mut ends = Vec::new();
    for (scheme, acceptor) in [(Scheme::HTTP, None), (Scheme::HTTPS, Some(tls.acceptor))] {
        let server = Hostile::start(acceptor, script).await;
        let probe = prober.probe(&request(server.address, scheme)).await;
        assert_eq!(server.seen().await, (1, 1), "{scheme:?}: {probe:?}");
        assert_eq!(end(&probe), expected, "{scheme:?}: {probe:?}");
        assert!(probe.tcp.is_some());
        ends.push(probe);
    }
    ends
}

#[tokio::test]
async fn a_good_answer_is_ok() {
    let script: Script = |mut s| {
        Box::pin(async move {
            let _ = s.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await;
            let _ = s.read(&mut [0; 1]).await;
        })
    };
    for probe in both_ways(script, (Outcome::OK, None, None)).await {
        let response = probe.response.unwrap();
        assert_eq!((response.status, response.body_bytes), (200, 5));
        assert_eq!(response.body_hash, "2cf24dba5fb0a30e");
        assert_eq!(probe.id.len(), 32);
    }
}

#[tokio::test]
async fn a_close_before_the_headers_is_one_request() {
    let script: Script = |s| Box::pin(async move { drop(s) });
    both_ways(script, (Outcome::ClosedEarly, Some(Phase::FirstByte), Some(Fault::ClosedBeforeHeaders))).await;
}

#[tokio::test]
async fn a_close_within_the_headers_is_one_request() {
    let script: Script = |mut s| {
        Box::pin(async move {
            let _ = s.write_all(b"HTTP/1.1 200 OK\r\nContent-Le").await;
            let _ = s.shutdown().await;
        })
    };
    both_ways(script, (Outcome::ClosedEarly, Some(Phase::FirstByte), Some(Fault::ClosedBeforeHeaders))).await;
}

#[tokio::test]
async fn a_close_after_the_headers_cuts_the_body() {
    let script: Script = |mut s| {
        Box::pin(async move {
            let _ = s.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n").await;
            let _ = s.shutdown().await;
        })
    };
    both_ways(script, (Outcome::Truncated, Some(Phase::Body), Some(Fault::ShortBody))).await;
}

#[tokio::test]
async fn a_close_in_the_middle_of_a_chunk_cuts_the_body() {
    let script: Script = |mut s| {
        Box::pin(async move {
            let _ = s.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf").await;
            let _ = s.shutdown().await;
        })
    };
    both_ways(script, (Outcome::Truncated, Some(Phase::Body), Some(Fault::ShortBody))).await;
}

#[tokio::test]
async fn a_body_that_only_the_close_ends_is_complete() {
    let script: Script = |mut s| {
        Box::pin(async move {
            let _ = s.write_all(b"HTTP/1.1 200 OK\r\n\r\nall of it").await;
            let _ = s.flush().await;
            // Without a farewell of TLS.
            drop(s);
        })
    };
    both_ways(script, (Outcome::OK, None, None)).await;
}

#[tokio::test]
async fn frames_of_http2_are_no_response() {
    // SETTINGS, then GOAWAY.
    let script: Script = |mut s| {
        Box::pin(async move {
            let _ = s.write_all(b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0").await;
            let _ = s.shutdown().await;
        })
    };
    both_ways(script, (Outcome::Malformed, Some(Phase::FirstByte), Some(Fault::InvalidResponse))).await;
}

#[tokio::test]
async fn headers_without_end_are_refused() {
    let script: Script = |mut s| {
        Box::pin(async move {
            let _ = s.write_all(b"HTTP/1.1 200 OK\r\nX: ").await;
            while s.write_all(&[b'a'; 4096]).await.is_ok() {}
        })
    };
    both_ways(script, (Outcome::Malformed, Some(Phase::FirstByte), Some(Fault::InvalidResponse))).await;
}

#[tokio::test]
async fn too_many_header_fields_are_refused() {
    let script: Script = |mut s| {
        Box::pin(async move {
            let fields = "X: y\r\n".repeat(200);
            let _ = s.write_all(format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 0\r\n\r\n").as_bytes()).await;
            let _ = s.read(&mut [0; 1]).await;
        })
    };
    both_ways(script, (Outcome::Malformed, Some(Phase::FirstByte), Some(Fault::InvalidResponse))).await;
}

#[tokio::test]
async fn interim_responses_without_end_meet_the_deadline() {
    let script: Script = |mut s| {
        Box::pin(async move {
            while s.write_all(b"HTTP/1.1 103 Early Hints\r\n\r\n").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
    };
    both_ways(script, (Outcome::TimedOut, Some(Phase::FirstByte), Some(Fault::Deadline))).await;
}

#[tokio::test]
async fn of_ten_gibibytes_a_bounded_piece_is_read() {
    let script: Script = |mut s| {
        Box::pin(async move {
            let _ = s.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n").await;
            while s.write_all(&[b'a'; 8192]).await.is_ok() {}
        })
    };
    for probe in both_ways(script, (Outcome::OK, None, None)).await {
        assert_eq!(probe.response.unwrap().body_bytes, 65536);
        assert!(probe.timings.total_ms < 2000, "{:?}", probe.timings);
    }
}

#[tokio::test]
async fn a_compressed_answer_is_judged_by_its_raw_bytes() {
    let script: Script = |mut s| {
        Box::pin(async move {
            let head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 10\r\n\r\n";
            let _ = s.write_all(head).await;
            let _ = s.write_all(b"\x1f\x8b\x08\0\0\0\0\0\0\x03").await;
            let _ = s.read(&mut [0; 1]).await;
        })
    };
    let server = Hostile::start(None, script).await;
    let mut wanted = request(server.address, Scheme::HTTP);
    wanted.expect =
        Arc::new(ValidExpect { statuses: vec![200..=200], body_contains: Some("ok".to_owned()), first_byte: None });
    let probe = prober().probe(&wanted).await;
    assert_eq!(end(&probe), (Outcome::UnexpectedBody, Some(Phase::Body), None));
    assert_eq!(server.seen().await, (1, 1));
}

#[tokio::test]
async fn silence_after_the_request_is_the_first_bytes_fault() {
    let script: Script = |mut s| {
        Box::pin(async move {
            let _ = s.read(&mut [0; 1]).await;
        })
    };
    let expected = (Outcome::TimedOut, Some(Phase::FirstByte), Some(Fault::Deadline));
    for probe in both_ways(script, expected).await {
        let waited = probe.timings.first_byte_ms.unwrap();
        assert!((700..1200).contains(&waited), "{waited}");
    }
}

#[tokio::test]
async fn a_body_that_stalls_is_the_bodys_fault() {
    let script: Script = |mut s| {
        Box::pin(async move {
            let _ = s.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe").await;
            let _ = s.flush().await;
            let _ = s.read(&mut [0; 1]).await;
        })
    };
    for probe in both_ways(script, (Outcome::TimedOut, Some(Phase::Body), Some(Fault::Deadline))).await {
        assert_eq!(probe.response.unwrap().body_bytes, 2);
    }
}

#[tokio::test]
async fn an_answer_later_than_expected_is_too_slow() {
    let script: Script = |mut s| {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let _ = s.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        })
    };
    let server = Hostile::start(None, script).await;
    let mut wanted = request(server.address, Scheme::HTTP);
    wanted.expect = Arc::new(ValidExpect {
        statuses: vec![200..=200],
        body_contains: None,
        first_byte: Some(Duration::from_millis(100)),
    });
    let probe = prober().probe(&wanted).await;
    assert_eq!(end(&probe), (Outcome::TooSlow, Some(Phase::FirstByte), None));
    assert_eq!(server.seen().await, (1, 1));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let script: Script = |mut s| {
        Box::pin(async move {
            let head = "HTTP/1.1 301 Moved\r\nLocation: https://shop.example.com/healthz\r\nContent-Length: 0\r\n\r\n";
            let _ = s.write_all(head.as_bytes()).await;
        })
    };
    for probe in both_ways(script, (Outcome::OK, None, None)).await {
        assert_eq!(probe.response.unwrap().redirect, leeward::evidence::probe::Redirect::SameHost);
    }
}

#[tokio::test]
async fn an_error_page_names_its_maker() {
    let script: Script = |mut s| {
        Box::pin(async move {
            let page = "<html>\r\n<body>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n";
            let head = format!("HTTP/1.1 502 Bad Gateway\r\nContent-Length: {}\r\n\r\n{page}", page.len());
            let _ = s.write_all(head.as_bytes()).await;
        })
    };
    let expected = (Outcome::UnexpectedStatus, Some(Phase::FirstByte), None);
    for probe in both_ways(script, expected).await {
        let response = probe.response.unwrap();
        assert_eq!((response.status, response.maker), (502, Some(Maker::Nginx)));
    }
}

#[tokio::test]
async fn a_reset_after_the_request_is_a_reset() {
    let server = Hostile::raw(|mut s| async move {
        let _ = s.read(&mut [0; 16]).await;
        // Unread data and no lingering: the kernel answers with RST.
        let _ = socket2::SockRef::from(&s).set_linger(Some(Duration::ZERO));
        drop(s);
    })
    .await;
    let probe = prober().probe(&request(server.address, Scheme::HTTP)).await;
    assert_eq!(end(&probe), (Outcome::Reset, Some(Phase::FirstByte), Some(Fault::ConnectionReset)));
    assert_eq!(server.seen().await.0, 1);
}

#[tokio::test]
async fn silence_in_the_handshake_is_the_handshakes_fault() {
    let server = Hostile::raw(|mut s| async move { while s.read(&mut [0; 4096]).await.is_ok_and(|n| n > 0) {} }).await;
    let probe = prober().probe(&request(server.address, Scheme::HTTPS)).await;
    assert_eq!(end(&probe), (Outcome::TimedOut, Some(Phase::Tls), Some(Fault::Deadline)));
    assert_eq!(server.seen().await.0, 1);
    assert!(probe.tcp.unwrap().bytes_acked > 0);
}

#[tokio::test]
async fn a_close_in_the_handshake_is_the_handshakes_fault() {
    let server = Hostile::raw(|mut s| async move {
        let _ = s.read(&mut [0; 4096]).await;
    })
    .await;
    let probe = prober().probe(&request(server.address, Scheme::HTTPS)).await;
    assert_eq!(end(&probe), (Outcome::ClosedEarly, Some(Phase::Tls), Some(Fault::ClosedBeforeHeaders)));
    assert_eq!(server.seen().await.0, 1);
}

#[tokio::test]
async fn an_http_answer_to_a_handshake_is_no_tls() {
    let server = Hostile::raw(|mut s| async move {
        let _ = s.read(&mut [0; 4096]).await;
        let _ = s.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
    })
    .await;
    let probe = prober().probe(&request(server.address, Scheme::HTTPS)).await;
    assert_eq!(end(&probe), (Outcome::Malformed, Some(Phase::Tls), Some(Fault::NotTls)));
    assert_eq!(server.seen().await.0, 1);
}

#[tokio::test]
async fn a_tls_alert_to_a_plain_request_wants_tls() {
    let server = Hostile::raw(|mut s| async move {
        let _ = s.read(&mut [0; 4096]).await;
        let _ = s.write_all(b"\x15\x03\x01\0\x02\x02\x46").await;
    })
    .await;
    let probe = prober().probe(&request(server.address, Scheme::HTTP)).await;
    assert_eq!(end(&probe), (Outcome::Malformed, Some(Phase::FirstByte), Some(Fault::PlainHttpToHttps)));
    assert_eq!(server.seen().await.0, 1);
}

#[tokio::test]
async fn an_alert_is_kept_with_its_number() {
    // unrecognized_name
    let server = Hostile::raw(|mut s| async move {
        let _ = s.read(&mut [0; 4096]).await;
        let _ = s.write_all(b"\x15\x03\x03\0\x02\x02\x70").await;
        let _ = s.read(&mut [0; 1]).await;
    })
    .await;
    let probe = prober().probe(&request(server.address, Scheme::HTTPS)).await;
    assert_eq!(end(&probe), (Outcome::TLSAlert, Some(Phase::Tls), Some(Fault::TlsAlert)));
    assert_eq!(probe.alert, Some(112));
}

#[tokio::test]
async fn a_wanted_client_certificate_is_booked_to_the_handshake() {
    let tls = authority("shop.example.com", (-1, 10), true);
    let script: Script = |s| Box::pin(async move { drop(s) });
    let server = Hostile::start(Some(tls.acceptor), script).await;
    let probe = prober().probe(&request(server.address, Scheme::HTTPS)).await;
    assert_eq!(end(&probe), (Outcome::TLSAlert, Some(Phase::Tls), Some(Fault::TlsAlert)));
    assert_eq!(probe.alert, Some(116));
    assert!(probe.certificate.is_some());
    assert_eq!(server.seen().await, (1, 0));
}

#[tokio::test]
async fn a_refused_connection_is_one_attempt() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let probe = prober().probe(&request(address, Scheme::HTTP)).await;
    assert_eq!(end(&probe), (Outcome::Refused, Some(Phase::Connect), Some(Fault::ConnectionRefused)));
    assert!(probe.tcp.is_some());
}

#[tokio::test]
async fn a_full_accept_queue_is_a_timeout_of_the_connection() {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let mut held = Vec::new();
    for _ in 0..4 {
        let filler = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        filler.set_nonblocking(true).unwrap();
        let _ = filler.connect(&address.into());
        held.push(filler);
    }
    let started = Instant::now();
    let probe = prober().probe(&request(address, Scheme::HTTP)).await;
    assert_eq!(end(&probe), (Outcome::TimedOut, Some(Phase::Connect), Some(Fault::Deadline)));
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn certificates_are_judged_by_date_then_name_then_trust() {
    let script: Script = |mut s| {
        Box::pin(async move {
            let _ = s.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        })
    };
    let cases = [
        ("shop.example.com", (-1, 10), true, CertVerdict::Valid),
        ("shop.example.com", (-1, 10), false, CertVerdict::Untrusted),
        ("other.example.com", (-1, 10), false, CertVerdict::Mismatch),
        ("other.example.com", (-10, -1), false, CertVerdict::Expired),
        ("shop.example.com", (1, 10), false, CertVerdict::NotYetValid),
    ];
    let prober = prober();
    for (name, days, trusted, verdict) in cases {
        let tls = authority(name, days, false);
        let server = Hostile::start(Some(tls.acceptor), script).await;
        let mut request = request(server.address, Scheme::HTTPS);
        request.trust = trusted.then(|| prober.trust(tls.pem.as_bytes()).unwrap());
        let probe = prober.probe(&request).await;
        let certificate = probe.certificate.clone().unwrap();
        assert_eq!(certificate.verdict, verdict, "{name} {days:?}");
        // The direct probe goes on; what the certificate is worth is for the diagnosis to say.
        assert_eq!(probe.outcome, Outcome::OK);
        request.observation = Observation::ViaProxy;
        let edge = prober.probe(&request).await;
        let expected = if verdict == CertVerdict::Valid { Outcome::OK } else { Outcome::CertInvalid };
        assert_eq!(edge.outcome, expected);
    }
}
