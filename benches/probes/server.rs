//! The probed server, in a process of its own: a page of 1 KiB over HTTP and over TLS 1.3 with a P-256
//! certificate, and three ways of saying nothing.

use anyhow::{Context, Result};
use lab::process::Process;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Name in the certificate.
pub const NAME: &str = "shop.example.com";
/// File with the CA.
pub const CA: &str = "ca.pem";
const PORTS: &str = "ports";

/// The running server and where it listens.
pub struct Server {
    _process: Process,
    pub http: SocketAddr,
    pub https: SocketAddr,
    pub silent_http: SocketAddr,
    pub silent_https: SocketAddr,
    pub silent_tcp: SocketAddr,
}

impl Server {
    pub fn start(folder: &Path) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("serve").arg(folder);
        let mut process = Process::start("the server", &command, &folder.join("server.log"))?;
        let file = folder.join(PORTS);
        process.wait_until("the server", Duration::from_secs(10), || file.exists())?;
        let text = fs::read_to_string(&file)?;
        let mut ports = text.lines().map(str::parse);
        let mut next = || ports.next().context("five ports")?.context("an address");
        Ok(Self {
            _process: process,
            http: next()?,
            https: next()?,
            silent_http: next()?,
            silent_https: next()?,
            silent_tcp: next()?,
        })
    }
}

/// The server's own life.
pub fn run(folder: &Path) -> Result<()> {
    let acceptor = acceptor(folder)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut addresses = String::new();
        let kinds = [(false, true), (true, true), (false, false), (true, false)];
        for (tls, answers) in kinds {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            writeln!(addresses, "{}", listener.local_addr()?)?;
            tokio::spawn(serve(listener, tls.then(|| acceptor.clone()), answers));
        }
        let mute = TcpListener::bind("127.0.0.1:0").await?;
        writeln!(addresses, "{}", mute.local_addr()?)?;
        let draft = folder.join("ports.new");
        fs::write(&draft, addresses)?;
        fs::rename(draft, folder.join(PORTS))?;
        let mut held = Vec::new();
        while let Ok((stream, _)) = mute.accept().await {
            held.push(stream);
        }
        Ok(())
    })
}

async fn serve(listener: TcpListener, acceptor: Option<TlsAcceptor>, answers: bool) {
    let page =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\n\r\n{}", "a".repeat(1024));
    let page: Arc<str> = page.into();
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, page) = (acceptor.clone(), Arc::clone(&page));
        tokio::spawn(async move {
            match acceptor {
                None => converse(stream, answers, &page).await,
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        converse(stream, answers, &page).await;
                    }
                }
            }
        });
    }
}

async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, answers: bool, page: &str) {
    let mut buffer = [0; 2048];
    while let Ok(length) = stream.read(&mut buffer).await {
        if length == 0 {
            break;
        }
        if answers && stream.write_all(page.as_bytes()).await.is_err() {
            break;
        }
    }
}

fn acceptor(folder: &Path) -> Result<TlsAcceptor> {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::new(Vec::new())?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_certificate = ca.self_signed(&ca_key)?;
    fs::write(folder.join(CA), ca_certificate.pem())?;
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new(vec![NAME.to_owned()])?.signed_by(&key, &Issuer::new(ca, ca_key))?;
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(leaf.der().to_vec())], key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
