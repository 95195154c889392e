//! A tiny exporter: what a host's own kernel counts, as text that Prometheus scrapes. The names are node_exporter's.

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::network::Host;

/// An exporter; it stops when dropped.
#[derive(Debug)]
pub struct Exporter(Arc<AtomicBool>);

impl Exporter {
    pub fn start(host: &Host, listen: SocketAddr) -> Result<Self> {
        let closed = Arc::new(AtomicBool::new(false));
        let (end, host) = (Arc::clone(&closed), host.clone());
        let listener = host.inside(|| TcpListener::bind(listen))?.with_context(|| format!("listening on {listen}"))?;
        listener.set_nonblocking(true)?;
        std::thread::spawn(move || {
            // The whole thread lives inside the host: /proc/thread-self shows the host's counters.
            let _ = host.inside(|| {
                while !end.load(Ordering::Relaxed) {
                    let Ok((mut stream, _)) = listener.accept() else {
                        std::thread::sleep(Duration::from_millis(20));
                        continue;
                    };
                    let _ = stream.set_nonblocking(false);
                    let _ = stream.set_read_timeout(Some(Duration::from_millis(500)));
                    let _ = stream.read(&mut [0; 4096]);
                    let body = metrics();
                    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n";
                    let _ = write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len());
                }
            });
        });
        Ok(Self(closed))
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Pairs of lines, names and values, as in `/proc/net/netstat`.
fn metrics() -> String {
    let text = std::fs::read_to_string("/proc/thread-self/net/netstat").unwrap_or_default();
    let mut out = String::new();
    let lines: Vec<&str> = text.lines().collect();
    for pair in lines.chunks(2) {
        let [names, values] = pair else { continue };
        let group = names.split(':').next().unwrap_or_default();
        for (name, value) in names.split_ascii_whitespace().zip(values.split_ascii_whitespace()).skip(1) {
            if ["ListenOverflows", "ListenDrops", "SyncookiesSent", "TCPReqQFullDrop"].contains(&name) {
                let _ = writeln!(out, "node_netstat_{group}_{name} {value}");
            }
        }
    }
    out
}
