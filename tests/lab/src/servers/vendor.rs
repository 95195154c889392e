//! The APIs of providers that tell their list only to customers, in one server: real ones want an account.
//!
//! It computes every signature anew, from the request as it came over the wire and from what the vendors document, and shares
//! no code with Leeward. What it lists, what it refuses and how its clock goes, a test decides; it remembers what was asked
//! and what was acknowledged.

mod answers;
mod signatures;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::certificates::Leaf;
use crate::network::Host;

/// The one key that every vendor here knows: its public part and its secret part.
pub const ID: &str = "LTAI5tLabKey0001";
pub const SECRET: &str = "lab-canary-7f3a9c-secret";
/// Akamai's third part, and Huawei's only one.
pub const TOKEN: &str = "lab-canary-7f3a9c-token";

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// Without the question mark.
    pub query: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Too many requests.
    Throttles,
    /// The key may not read.
    NoRightToRead,
    /// The key may not acknowledge.
    NoRightToAcknowledge,
    /// A web page of a load balancer in front.
    Page,
    /// The second call of a list fails.
    SecondFails,
    /// The answer ends early.
    CutShort,
    /// JSON of another shape.
    Strange,
    /// A redirect.
    Moves,
    /// The acknowledgement is taken, and its answer lost.
    LosesAcknowledgement,
}

/// A list that is announced.
#[derive(Clone, Debug)]
pub struct Next {
    pub version: String,
    pub list: Vec<String>,
}

/// What the vendor knows and remembers.
#[derive(Clone, Debug, Default)]
pub struct Book {
    pub version: String,
    pub list: Vec<String>,
    pub next: Option<Next>,
    pub trouble: Option<Trouble>,
    /// Seconds by which its clock is ahead.
    pub ahead: i64,
    /// Operations that were asked with a good signature, in order.
    pub asked: Vec<String>,
    /// Versions that were acknowledged, in order.
    pub acknowledged: Vec<String>,
    nonces: BTreeSet<String>,
}

impl Book {
    /// The provider begins to use what it announced.
    pub fn switch(&mut self) {
        if let Some(next) = self.next.take() {
            (self.version, self.list) = (next.version, next.list);
        }
    }

    /// Announces a list.
    pub fn announce(&mut self, version: &str, list: &[&str]) {
        self.next = Some(Next { version: version.to_owned(), list: list.iter().map(|&p| p.to_owned()).collect() });
    }
}

#[derive(Debug)]
struct Shared {
    book: Mutex<Book>,
    tls: Arc<ServerConfig>,
    closed: AtomicBool,
}

/// The server; it stops when dropped.
#[derive(Debug)]
pub struct Vendor {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl Vendor {
    /// On a host.
    pub fn start(host: &Host, port: u16, leaf: &Leaf, list: &[&str]) -> Result<Self> {
        let address = host.at(port);
        let listener = host.inside(|| TcpListener::bind(address))?;
        Self::listen(listener, leaf, list).with_context(|| format!("vendors on {address}"))
    }

    /// On this machine's loopback, on a free port.
    pub fn on_loopback(leaf: &Leaf, list: &[&str]) -> Result<Self> {
        Self::listen(TcpListener::bind("127.0.0.1:0"), leaf, list)
    }

    fn listen(listener: std::io::Result<TcpListener>, leaf: &Leaf, list: &[&str]) -> Result<Self> {
        let listener = listener?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let book = Book {
            version: "lab-1".to_owned(),
            list: list.iter().map(|&prefix| prefix.to_owned()).collect(),
            ..Book::default()
        };
        let shared = Arc::new(Shared {
            book: Mutex::new(book),
            tls: Arc::new(super::fault::tls(leaf)?),
            closed: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            while !serving.closed.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        let shared = Arc::clone(&serving);
                        std::thread::spawn(move || shared.serve(stream));
                    }
                    Err(_) => std::thread::sleep(Duration::from_millis(5)),
                }
            }
        });
        Ok(Self { shared, address })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address alone, for a name server.
    pub fn ip(&self) -> IpAddr {
        self.address.ip()
    }

    /// What it knows and remembers. Held no longer than a line: the server waits for it.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.shared.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> Option<()> {
        stream.set_nonblocking(false).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&self.tls)).ok()?, stream);
        let request = read(&mut stream)?;
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let (status, body) = answers::answer(&request, &mut book);
        let trouble = book.trouble;
        drop(book);
        let length = body.len() + if trouble == Some(Trouble::CutShort) { 100 } else { 0 };
        let kind = if body.starts_with('<') { "text/html" } else { "application/json" };
        let moved = if status == 302 { "Location: /elsewhere\r\n" } else { "" };
        let head = format!(
            "HTTP/1.1 {status} Lab\r\nContent-Type: {kind}\r\n{moved}Content-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(body.as_bytes()).ok()?;
        stream.conn.send_close_notify();
        stream.flush().ok()
    }
}

/// Reads a whole request.
fn read(stream: &mut impl Read) -> Option<Request> {
    let mut seen = Vec::<u8>::new();
    let mut buffer = [0; 4096];
    let head = loop {
        if let Some(end) = seen.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        let length = stream.read(&mut buffer).ok().filter(|length| *length > 0)?;
        seen.extend(&buffer[..length]);
    };
    let text = String::from_utf8(seen[..head].to_vec()).ok()?;
    let mut lines = text.lines();
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length: usize = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or_default();
    while seen.len() < head + 4 + length {
        let length = stream.read(&mut buffer).ok().filter(|length| *length > 0)?;
        seen.extend(&buffer[..length]);
    }
    let body = String::from_utf8(seen[head + 4..].to_vec()).ok()?;
    Some(Request { method, path: path.to_owned(), query: query.to_owned(), headers, body })
}
