//! A provider's server of lists behind TLS on loopback, whose answers a test changes.

use leeward::net::guard::Checked;
use leeward::observe::ranges::{FeedClient, Lookup, LookupError};
use std::collections::BTreeMap;
use std::future::{Future, ready};
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const NAME: &str = "lists.example";

/// What a path answers.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub kind: &'static str,
    pub body: String,
}

impl Answer {
    pub fn text(body: impl Into<String>) -> Self {
        Self { status: 200, kind: "text/plain", body: body.into() }
    }

    pub fn json(body: impl Into<String>) -> Self {
        Self { status: 200, kind: "application/json", body: body.into() }
    }

    fn bytes(&self) -> Vec<u8> {
        let Self { status, kind, body } = self;
        format!(
            "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }
}

type Answers = Arc<Mutex<BTreeMap<String, Answer>>>;

pub struct Server {
    port: u16,
    trust: rustls::ClientConfig,
    answers: Answers,
}

impl Server {
    pub async fn start() -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let certified = rcgen::generate_simple_self_signed(vec![NAME.to_owned()]).unwrap();
        let key = rustls_pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
        let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certified.cert.der().clone()).unwrap();
        let trust = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answers = Answers::default();
        let (acceptor, theirs) = (TlsAcceptor::from(Arc::new(server)), Arc::clone(&answers));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, answers) = (acceptor.clone(), Arc::clone(&theirs));
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut request = vec![0; 4096];
                    let length = stream.read(&mut request).await.unwrap_or_default();
                    let request = String::from_utf8_lossy(&request[..length]).into_owned();
                    let path = request.split(' ').nth(1).unwrap_or_default();
                    let answer = answers.lock().unwrap().get(path).cloned();
                    let bytes = answer.map_or_else(Vec::new, |answer| answer.bytes());
                    _ = stream.write_all(&bytes).await;
                    _ = stream.shutdown().await;
                });
            }
        });
        Self { port, trust, answers }
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://{NAME}:{}{path}", self.port)
    }

    pub fn answer(&self, path: &str, answer: Answer) {
        self.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// The operator's own client, for which the name is this server.
    pub fn client(&self) -> FeedClient {
        FeedClient::new(Arc::new(Here), Arc::new(|address| Ok(Checked::unguarded(address))), self.trust.clone())
            .unwrap()
    }
}

/// Every name is here.
#[derive(Debug)]
struct Here;

impl Lookup for Here {
    fn lookup(&self, _name: String) -> Pin<Box<dyn Future<Output = Result<Vec<IpAddr>, LookupError>> + Send + '_>> {
        Box::pin(ready(Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])))
    }

    fn texts(&self, _name: String) -> Pin<Box<dyn Future<Output = Result<Vec<String>, LookupError>> + Send + '_>> {
        Box::pin(ready(Err(LookupError::Unresolved)))
    }
}
