//! A server that misbehaves on purpose, and counts: what no real server can be configured to do wrong.
//!
//! It runs in this process, on a socket of the host's, and treats every connection the same way. Its counters tell
//! how many connections and whole requests it saw, so that a test can hold a probe to exactly one.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::certificates::Leaf;
use crate::network::Host;

/// What the server does with a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Listens with a queue of two and never accepts: when it is full, the kernel drops what comes.
    FullBacklog,
    /// Accepts, and never says anything: with TLS, no handshake.
    Silent,
    /// Accepts and closes.
    CloseAtOnce,
    /// Reads the request and never answers.
    Hang,
    /// Reads the request and closes.
    CloseBeforeHeaders,
    /// Reads the request and resets the connection.
    ResetBeforeHeaders,
    /// Closes in the middle of the response's headers.
    CloseMidHeaders,
    /// Closes after the headers, which promise a body.
    CloseAfterHeaders,
    /// Closes when part of the body is out.
    CloseMidBody,
    /// Sends part of the body, and no more.
    StallMidBody,
    /// Answers something that is not HTTP.
    Garbage,
    /// Reads the request, waits, and answers well.
    Slow(Duration),
    /// Answers one request and keeps the connection for so long; a second request on it is too late and resets it.
    DropsReused(Duration),
    /// Closes every so-manieth connection without an answer, and answers the others well.
    CrashesEvery(usize),
    /// Answers 503 to the first so many connections, and well from then on.
    ErrsFirst(usize),
    /// With TLS: no answer without a client certificate of the authority in this file.
    DemandsCertificate(PathBuf),
    /// With TLS: offers HTTP/2 and hangs up on it; answers HTTP/1.1 well.
    BreaksHttp2,
    /// Reads the request and sends exactly these bytes, then closes.
    Respond(Vec<u8>),
}

#[derive(Debug)]
struct Shared {
    fault: Mutex<Fault>,
    tls: Option<Arc<ServerConfig>>,
    connections: AtomicUsize,
    requests: AtomicUsize,
    closed: AtomicBool,
}

/// A misbehaving server; it stops when dropped.
#[derive(Debug)]
pub struct FaultServer(Arc<Shared>);

impl FaultServer {
    /// Listens on an address of `host`.
    pub fn start(host: &Host, address: SocketAddr, fault: Fault) -> Result<Self> {
        Self::listen(host.inside(|| TcpListener::bind(address))?, address, None, fault)
    }

    /// As [`Self::start`], behind a well-behaved TLS handshake.
    pub fn start_tls(host: &Host, address: SocketAddr, leaf: &Leaf, fault: Fault) -> Result<Self> {
        let mut config = match &fault {
            Fault::DemandsCertificate(authority) => tls_with_clients(leaf, authority)?,
            _ => tls(leaf)?,
        };
        if fault == Fault::BreaksHttp2 {
            config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        }
        Self::listen(host.inside(|| TcpListener::bind(address))?, address, Some(Arc::new(config)), fault)
    }

    /// Listens on a loopback port of this machine, for tests that need no network; with the address.
    pub fn on_loopback(leaf: Option<&Leaf>, fault: Fault) -> Result<(Self, SocketAddr)> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        Ok((Self::listen(Ok(listener), address, leaf.map(tls).transpose()?.map(Arc::new), fault)?, address))
    }

    fn listen(
        listener: std::io::Result<TcpListener>,
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
        fault: Fault,
    ) -> Result<Self> {
        let listener = listener.with_context(|| format!("listening on {address}"))?;
        if fault == Fault::FullBacklog {
            // SAFETY: listen takes a valid descriptor and a number; a second call sets the length of the queue.
            let set = unsafe { libc::listen(listener.as_raw_fd(), 1) };
            anyhow::ensure!(set == 0, "the queue of {address}: {}", std::io::Error::last_os_error());
        }
        listener.set_nonblocking(true)?;
        let shared = Arc::new(Shared {
            fault: Mutex::new(fault),
            tls,
            connections: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            while !serving.is_closed() {
                if *serving.fault.lock().unwrap_or_else(PoisonError::into_inner) == Fault::FullBacklog {
                    std::thread::sleep(Duration::from_millis(20));
                    continue;
                }
                match listener.accept() {
                    Ok((stream, _)) => {
                        serving.connections.fetch_add(1, Ordering::SeqCst);
                        let shared = Arc::clone(&serving);
                        std::thread::spawn(move || shared.treat(stream));
                    }
                    Err(_) => std::thread::sleep(Duration::from_millis(5)),
                }
            }
        });
        Ok(Self(shared))
    }

    /// From the next connection on.
    pub fn set(&self, fault: Fault) {
        *self.0.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> usize {
        self.0.connections()
    }

    /// How many whole requests were read.
    pub fn requests(&self) -> usize {
        self.0.requests.load(Ordering::SeqCst)
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        self.0.closed.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    fn treat(&self, stream: TcpStream) {
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if stream.set_nonblocking(false).is_err() || stream.set_read_timeout(Some(Duration::from_millis(200))).is_err()
        {
            return;
        }
        match (&fault, &self.tls) {
            (Fault::CloseAtOnce, _) => {}
            (Fault::Silent, _) => self.hold(stream),
            (_, None) => self.answer(&fault, stream),
            (_, Some(config)) => {
                if let Ok(connection) = ServerConnection::new(Arc::clone(config)) {
                    self.answer(&fault, StreamOwned::new(connection, stream));
                }
            }
        }
    }

    fn answer<S: Read + Write + Socket>(&self, fault: &Fault, mut stream: S) {
        let Some(request) = self.read_request(&mut stream) else { return };
        if *fault == Fault::BreaksHttp2 && request.starts_with(b"PRI ") {
            return;
        }
        self.requests.fetch_add(1, Ordering::SeqCst);
        let promise = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n";
        let part = b"ok: only the first of";
        let sent = match fault {
            Fault::FullBacklog | Fault::Silent | Fault::CloseAtOnce | Fault::CloseBeforeHeaders | Fault::Hang => Ok(()),
            Fault::ResetBeforeHeaders => {
                stream.reset_on_close();
                Ok(())
            }
            Fault::CloseMidHeaders => stream.write_all(promise),
            Fault::CloseAfterHeaders => stream.write_all(&[promise, &b"\r\n"[..]].concat()),
            Fault::CloseMidBody | Fault::StallMidBody => stream.write_all(&[promise, &b"\r\n"[..], part].concat()),
            Fault::Garbage => stream.write_all(b"\x00\x01 this is not the protocol that you expect\r\n\r\n"),
            Fault::Slow(wait) => {
                std::thread::sleep(*wait);
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nok.\n")
            }
            Fault::DropsReused(_) => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nok: the site\n"),
            Fault::CrashesEvery(count) if self.connections().is_multiple_of(*count) => Ok(()),
            Fault::ErrsFirst(count) if self.connections() <= *count => stream.write_all(
                b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 6\r\nConnection: close\r\n\r\nerror\n",
            ),
            Fault::BreaksHttp2 | Fault::CrashesEvery(_) | Fault::ErrsFirst(_) | Fault::DemandsCertificate(_) => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\nConnection: close\r\n\r\nok: the site\n")
            }
            Fault::Respond(bytes) => stream.write_all(bytes),
        };
        if sent.and_then(|()| stream.flush()).is_ok() && matches!(fault, Fault::Hang | Fault::StallMidBody) {
            self.hold(stream);
        } else if let Fault::DropsReused(idle) = fault {
            let mut byte = [0];
            let until = Instant::now() + *idle;
            while Instant::now() < until && !self.is_closed() {
                match stream.read(&mut byte) {
                    Err(error) if is_wait(&error) => {}
                    Ok(0) | Err(_) => return,
                    Ok(_) => return stream.reset_on_close(),
                }
            }
        }
    }

    /// Reads until the blank line that ends a request without a body.
    fn read_request(&self, stream: &mut impl Read) -> Option<Vec<u8>> {
        let mut seen = Vec::<u8>::new();
        let mut buffer = [0; 4096];
        while !seen.windows(4).any(|window| window == b"\r\n\r\n") {
            match stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(length) => seen.extend(&buffer[..length]),
                Err(error) if is_wait(&error) && !self.is_closed() => {}
                Err(_) => return None,
            }
        }
        Some(seen)
    }

    /// Keeps a connection open, and reads, until the peer leaves or the server is dropped.
    fn hold(&self, mut stream: impl Read) {
        let mut buffer = [0; 4096];
        while !self.is_closed() {
            match stream.read(&mut buffer) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if is_wait(&error) => {}
                Err(_) => return,
            }
        }
    }
}

fn is_wait(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

trait Socket {
    fn reset_on_close(&self);
}

impl Socket for TcpStream {
    fn reset_on_close(&self) {
        let linger = libc::linger { l_onoff: 1, l_linger: 0 };
        // SAFETY: the descriptor is open and the option's value is a whole `linger` that lives through the call.
        unsafe {
            libc::setsockopt(
                self.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_LINGER,
                (&raw const linger).cast(),
                size_of::<libc::linger>() as libc::socklen_t,
            );
        }
    }
}

impl Socket for StreamOwned<ServerConnection, TcpStream> {
    fn reset_on_close(&self) {
        self.sock.reset_on_close();
    }
}

fn tls_with_clients(leaf: &Leaf, authority: &Path) -> Result<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority).context("the authority of clients")?)?;
    let verifier =
        rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?;
    let certificate = CertificateDer::from_pem_file(&leaf.certificate).context("the certificate of a fault server")?;
    let key = PrivateKeyDer::from_pem_file(&leaf.key).context("the key of a fault server")?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate], key)?;
    Ok(config)
}

pub(super) fn tls(leaf: &Leaf) -> Result<ServerConfig> {
    let certificate = CertificateDer::from_pem_file(&leaf.certificate).context("the certificate of a fault server")?;
    let key = PrivateKeyDer::from_pem_file(&leaf.key).context("the key of a fault server")?;
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    Ok(config)
}
