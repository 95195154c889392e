//! The lab's name server: a test decides what it answers, and how it fails.
//!
//! It speaks just enough of RFC 1035 for a stub resolver: one question, A, AAAA, CNAME and NS, over UDP and TCP. Names
//! that nobody told it about do not exist.

mod message;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::network::Host;

/// What the server says about a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// These addresses; a family without one is an empty answer.
    Addresses(Vec<IpAddr>),
    /// The name is a zone, and these are its name servers.
    Zone(Vec<String>),
    /// An alias; the target's addresses come along when they are known here.
    Alias(String),
    NxDomain,
    ServFail,
    Refused,
    /// No answer at all.
    Silent,
}

#[derive(Debug, Default)]
struct Zone {
    names: Mutex<BTreeMap<String, Answer>>,
    queries: AtomicUsize,
    closed: AtomicBool,
}

/// A name server on port 53 of a host; it stops when dropped.
#[derive(Debug)]
pub struct NameServer {
    zone: Arc<Zone>,
    address: SocketAddr,
}

impl NameServer {
    pub fn start(host: &Host) -> Result<Self> {
        let address = host.at(53);
        let (udp, tcp) = host
            .inside(|| Ok::<_, std::io::Error>((UdpSocket::bind(address)?, TcpListener::bind(address)?)))?
            .with_context(|| format!("a name server on {address}"))?;
        udp.set_read_timeout(Some(Duration::from_millis(200)))?;
        tcp.set_nonblocking(true)?;
        let zone = Arc::new(Zone::default());
        let (datagrams, streams) = (Arc::clone(&zone), Arc::clone(&zone));
        std::thread::spawn(move || serve_datagrams(&udp, &datagrams));
        std::thread::spawn(move || serve_streams(&tcp, &streams));
        Ok(Self { zone, address })
    }

    /// For `--resolver`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Decides the answer for a name from now on.
    pub fn set(&self, name: &str, answer: Answer) {
        let mut names = self.zone.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.insert(name.trim_end_matches('.').to_ascii_lowercase(), answer);
    }

    /// Decides that a name has these addresses.
    pub fn answer(&self, name: &str, addresses: &[IpAddr]) {
        self.set(name, Answer::Addresses(addresses.to_vec()));
    }

    /// How many questions came in.
    pub fn queries(&self) -> usize {
        self.zone.queries.load(Ordering::Relaxed)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.zone.closed.store(true, Ordering::Relaxed);
    }
}

impl Zone {
    fn reply(&self, query: &[u8]) -> Option<Vec<u8>> {
        self.queries.fetch_add(1, Ordering::Relaxed);
        message::reply(query, &self.names.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

fn serve_datagrams(socket: &UdpSocket, zone: &Zone) {
    let mut buffer = [0; 1500];
    while !zone.is_closed() {
        if let Ok((length, from)) = socket.recv_from(&mut buffer)
            && let Some(reply) = zone.reply(&buffer[..length])
        {
            let _ = socket.send_to(&reply, from);
        }
    }
}

fn serve_streams(listener: &TcpListener, zone: &Arc<Zone>) {
    while !zone.is_closed() {
        match listener.accept() {
            Ok((stream, _)) => {
                let zone = Arc::clone(zone);
                std::thread::spawn(move || serve_stream(stream, &zone));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Messages over TCP carry their length in two bytes in front.
fn serve_stream(mut stream: TcpStream, zone: &Zone) -> Option<()> {
    stream.set_nonblocking(false).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length).ok()?;
        let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut query).ok()?;
        let reply = zone.reply(&query)?;
        stream.write_all(&u16::try_from(reply.len()).ok()?.to_be_bytes()).ok()?;
        stream.write_all(&reply).ok()?;
    }
}
