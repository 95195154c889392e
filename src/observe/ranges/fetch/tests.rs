use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::net::guard::{ClusterFacts, GuardFlags, GuardPolicy};

/// Answers by path, as raw bytes after the handshake.
type Answers = BTreeMap<&'static str, Vec<u8>>;

/// A server of lists on loopback that counts its connections and remembers requests.
struct Server {
    port: u16,
    trust: rustls::ClientConfig,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answers: Answers) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let certified =
            rcgen::generate_simple_self_signed(vec!["lists.example".to_owned(), "other.example".to_owned()]).unwrap();
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
        let this = Self { port, trust, connections: Arc::default(), requests: Arc::default() };
        let (connections, requests) = (Arc::clone(&this.connections), Arc::clone(&this.requests));
        let (acceptor, answers) = (TlsAcceptor::from(Arc::new(server)), Arc::new(answers));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let (acceptor, answers, requests) = (acceptor.clone(), Arc::clone(&answers), Arc::clone(&requests));
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut request = vec![0; 4096];
                    let length = stream.read(&mut request).await.unwrap_or_default();
                    let request = String::from_utf8_lossy(&request[..length]).into_owned();
                    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
                    requests.lock().unwrap().push(request);
                    let answer =
                        answers.get(path.as_str()).cloned().unwrap_or_else(|| answer("404 Not Found", &[], ""));
                    let _ = stream.write_all(&answer).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        this
    }

    fn feed(&self, paths: &[&str], shape: Shape) -> HttpFeed {
        HttpFeed {
            urls: paths
                .iter()
                .map(|path| Url::parse(&format!("https://lists.example:{}{path}", self.port)).unwrap())
                .collect(),
            method: FeedMethod::GET,
            form: BTreeMap::new(),
            shape,
        }
    }

    /// A client for which every name is this server, and loopback is the one exception of the guard.
    fn client(&self) -> FeedClient {
        self.client_for(Arc::new(Names(Mutex::new(vec![vec!["127.0.0.1".parse().unwrap()]]))))
    }

    fn client_for(&self, names: Arc<Names>) -> FeedClient {
        FeedClient::new(names, gate(self.port), self.trust.clone()).unwrap()
    }

    async fn fetch(&self, paths: &[&str]) -> Result<Vec<String>, FeedError> {
        self.client().fetch(&self.feed(paths, Shape::Lines)).await.map(|list| list.texts())
    }
}

/// The real rules, save that this test's server may be reached at 127.0.0.1.
fn gate(port: u16) -> Gate {
    let facts = ClusterFacts {
        services: "10.96.0.0/12".parse::<crate::net::Prefix>().unwrap().into(),
        ..ClusterFacts::default()
    };
    let policy = GuardPolicy::new(GuardFlags::default(), facts);
    Arc::new(move |address: SocketAddr| {
        let ours = address.ip() == IpAddr::V4(std::net::Ipv4Addr::LOCALHOST) && [0, port].contains(&address.port());
        if ours { Ok(Checked::unguarded(address)) } else { policy.check_feed(address) }
    })
}

/// A resolver that gives these answers in turn, the last one for ever.
#[derive(Debug)]
struct Names(Mutex<Vec<Vec<IpAddr>>>);

impl Lookup for Names {
    fn lookup(&self, _name: String) -> Pin<Box<dyn Future<Output = Result<Vec<IpAddr>, LookupError>> + Send + '_>> {
        let mut answers = self.0.lock().unwrap();
        let next = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
        Box::pin(std::future::ready(Ok(next)))
    }

    fn texts(&self, _name: String) -> Pin<Box<dyn Future<Output = Result<Vec<String>, LookupError>> + Send + '_>> {
        Box::pin(std::future::ready(Err(LookupError::Unresolved)))
    }
}

fn answer(status: &str, headers: &[&str], body: &str) -> Vec<u8> {
    let headers = [headers, &[""]].concat().join("\r\n");
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
        .into_bytes()
}

const TEXT: &str = "content-type: text/plain; charset=utf-8";

fn unreachable(how: Unreachable) -> FeedError {
    FeedError::Unreachable { host: "lists.example".to_owned(), how }
}

fn not_taken(path: &str, problem: ParseProblem) -> FeedError {
    FeedError::Unparsable { document: format!("lists.example{path}"), problem }
}

#[tokio::test]
async fn all_documents_of_a_feed_make_one_list_or_none() {
    let server = Server::start(Answers::from([
        ("/v4", answer("200 OK", &[TEXT], "104.16.0.0/13\n")),
        ("/v6", answer("200 OK", &[], "2400:cb00::/32")),
        ("/down", answer("500 Internal Server Error", &[TEXT], "2400:cb00::/32\n")),
    ]))
    .await;
    assert_eq!(server.fetch(&["/v4", "/v6"]).await.unwrap(), ["104.16.0.0/13", "2400:cb00::/32"]);
    assert_eq!(server.fetch(&["/v4", "/down"]).await, Err(unreachable(Unreachable::Status(500))));
    assert_eq!(server.fetch(&["/v4", "/gone"]).await, Err(unreachable(Unreachable::Status(404))));
}

#[tokio::test]
async fn what_is_not_a_list_is_not_read_as_one() {
    let page = "<html>104.16.0.0/13</html>";
    let server = Server::start(Answers::from([
        ("/page", answer("200 OK", &["content-type: text/html"], page)),
        ("/disguised", answer("200 OK", &[TEXT], page)),
        ("/refused", answer("403 Forbidden", &["content-type: text/html"], page)),
        ("/partial", answer("206 Partial Content", &[TEXT], "104.16.0.0/13")),
        ("/empty", answer("200 OK", &[TEXT], "")),
        ("/none", answer("204 No Content", &[], "")),
        ("/picture", answer("200 OK", &["content-type: image/png"], "104.16.0.0/13")),
        ("/squeezed", answer("200 OK", &[TEXT, "content-encoding: gzip"], "104.16.0.0/13")),
        ("/canary", answer("200 OK", &[TEXT], "104.16.0.0/13\ncanary-f3a9\n")),
    ]))
    .await;
    for (path, error) in [
        ("/page", not_taken("/page", ParseProblem::WebPage)),
        ("/disguised", not_taken("/disguised", ParseProblem::WebPage)),
        ("/refused", unreachable(Unreachable::Status(403))),
        ("/partial", unreachable(Unreachable::Status(206))),
        ("/empty", not_taken("/empty", ParseProblem::Empty)),
        ("/none", unreachable(Unreachable::Status(204))),
        ("/picture", not_taken("/picture", ParseProblem::ContentType)),
        ("/squeezed", not_taken("/squeezed", ParseProblem::ContentType)),
        ("/canary", not_taken("/canary", ParseProblem::Entry { position: 2, problem: None })),
    ] {
        let got = server.fetch(&[path]).await.unwrap_err();
        assert!(!got.to_string().contains("canary-f3a9"), "a document's text must not reach a status: {got}");
        assert_eq!(got, error, "{path}");
    }
}

#[tokio::test]
async fn a_body_is_bounded_and_must_be_whole() {
    let long = format!("HTTP/1.1 200 OK\r\n{TEXT}\r\ncontent-length: {}\r\n\r\n", MOST_BYTES + 1).into_bytes();
    let mut endless = format!("HTTP/1.1 200 OK\r\n{TEXT}\r\nconnection: close\r\n\r\n").into_bytes();
    endless.resize(MOST_BYTES + (1 << 20), b'\n');
    let short = format!("HTTP/1.1 200 OK\r\n{TEXT}\r\ncontent-length: 100\r\n\r\n104.16.0.0/13\n").into_bytes();
    let server = Server::start(Answers::from([("/long", long), ("/endless", endless), ("/short", short)])).await;
    assert_eq!(server.fetch(&["/long"]).await, Err(unreachable(Unreachable::TooLarge)));
    assert_eq!(server.fetch(&["/endless"]).await, Err(unreachable(Unreachable::TooLarge)));
    assert_eq!(server.fetch(&["/short"]).await, Err(unreachable(Unreachable::Interrupted)));
}

#[tokio::test]
async fn a_redirect_never_leaves_the_host_or_https() {
    let moved = |to: &str| answer("302 Found", &[&format!("location: {to}")], "");
    let server = Server::start(Answers::from([
        ("/here", moved("/list")),
        ("/list", answer("200 OK", &[TEXT], "104.16.0.0/13")),
        ("/elsewhere", moved("https://other.example/list")),
        ("/plain", moved("http://lists.example/list")),
        ("/inside", moved("https://169.254.169.254/latest")),
        ("/control", moved("https://lists.example:6443/version")),
        ("/circle", moved("/circle")),
    ]))
    .await;
    assert_eq!(server.fetch(&["/here"]).await.unwrap(), ["104.16.0.0/13"]);
    for path in ["/elsewhere", "/plain", "/inside", "/control", "/circle"] {
        assert_eq!(server.fetch(&[path]).await, Err(unreachable(Unreachable::Redirect)), "{path}");
    }
}

#[tokio::test]
async fn no_connection_is_opened_to_a_denied_address() {
    let server = Server::start(Answers::from([("/", answer("200 OK", &[TEXT], "104.16.0.0/13"))])).await;
    let forbidden = |host: &str| Err(FeedError::Forbidden { host: host.to_owned() });
    for answers in [&["169.254.169.254"][..], &["10.96.0.1", "::1"], &["64:ff9b::a9fe:a9fe"], &["::ffff:127.0.0.2"]] {
        let names = Names(Mutex::new(vec![answers.iter().map(|text| text.parse().unwrap()).collect()]));
        let fetched = server.client_for(Arc::new(names)).fetch(&server.feed(&["/"], Shape::Lines)).await;
        assert_eq!(fetched, forbidden("lists.example"), "{answers:?}");
    }
    for host in
        ["169.254.169.254", "[::1]", "[64:ff9b::a9fe:a9fe]", "127.0.0.2", "lists.example:6443", "lists.example:10250"]
    {
        let mut feed = server.feed(&["/"], Shape::Lines);
        feed.urls = vec![Url::parse(&format!("https://{host}/")).unwrap()];
        let fetched = server.client().fetch(&feed).await;
        assert!(matches!(&fetched, Err(FeedError::Forbidden { .. })), "{host}: {fetched:?}");
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_name_that_changes_its_answer_is_judged_each_time() {
    let server = Server::start(Answers::from([
        ("/here", answer("302 Found", &["location: /list"], "")),
        ("/list", answer("200 OK", &[TEXT], "104.16.0.0/13")),
    ]))
    .await;
    let (good, bad): (IpAddr, IpAddr) = ("127.0.0.1".parse().unwrap(), "127.0.0.2".parse().unwrap());
    let client = server.client_for(Arc::new(Names(Mutex::new(vec![vec![good], vec![bad]]))));
    let fetched = client.fetch(&server.feed(&["/here"], Shape::Lines)).await;
    assert_eq!(fetched, Err(FeedError::Forbidden { host: "lists.example".to_owned() }));
    // Of several answers the good ones are used.
    let client = server.client_for(Arc::new(Names(Mutex::new(vec![vec![bad, good]]))));
    assert!(client.fetch(&server.feed(&["/list"], Shape::Lines)).await.is_ok());
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_ends_the_fetch() {
    let (server, stranger) = (Server::start(Answers::new()).await, Server::start(Answers::new()).await);
    let names = Arc::new(Names(Mutex::new(vec![vec!["127.0.0.1".parse().unwrap()]])));
    let client = FeedClient::new(names, gate(server.port), stranger.trust).unwrap();
    assert_eq!(client.fetch(&server.feed(&["/"], Shape::Lines)).await, Err(unreachable(Unreachable::Connect)));
}

#[tokio::test]
async fn a_form_is_posted_and_json_is_searched() {
    let body = r#"{"res": 0, "ipRanges": ["104.16.0.0/13"], "ipv6Ranges": ["2400:cb00::/32"]}"#;
    let server =
        Server::start(Answers::from([("/ips", answer("200 OK", &["content-type: application/json"], body))])).await;
    let extract = ["$.ipRanges[*]", "$.ipv6Ranges[*]"].map(str::to_owned).to_vec();
    let mut feed = server.feed(&["/ips"], Shape::Json { extract, require: Vec::new() });
    feed.method = FeedMethod::POST;
    feed.form = [("resp_format".to_owned(), "json & more".to_owned())].into();
    assert_eq!(server.client().fetch(&feed).await.unwrap().texts(), ["104.16.0.0/13", "2400:cb00::/32"]);
    let request = server.requests.lock().unwrap()[0].clone();
    assert!(request.starts_with("POST /ips HTTP/1.1\r\n"), "{request}");
    assert!(request.ends_with("resp_format=json+%26+more"), "{request}");
}
