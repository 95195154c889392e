//! Load inside the lab: so many requests a second from one host to another, bounded, and ended by itself.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde::Deserialize;

use crate::network::Host;

/// The longest that load goes on.
const LONGEST: Duration = Duration::from_secs(90);

/// Requests while the diagnosis runs.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Load {
    /// A host.
    pub from: String,
    pub to: Target,
    /// At most 50.
    pub per_second: u32,
    #[serde(default = "root")]
    pub path: String,
    /// Keeps each connection open, and reads from it, for so long. Default: until it was answered.
    #[serde(default)]
    pub hold_seconds: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Target {
    Proxy,
    Origin,
}

/// Load that goes on until dropped, and never longer than [`LONGEST`].
#[derive(Debug)]
pub struct Loading(Arc<AtomicBool>);

impl Loading {
    pub fn start(load: &Load, host: &Host, to: SocketAddr, site: &str) -> Result<Self> {
        ensure!((1..=50).contains(&load.per_second), "load.perSecond must be from 1 to 50, not {}", load.per_second);
        ensure!(load.hold_seconds <= 60, "load.holdSeconds must be at most 60, not {}", load.hold_seconds);
        let over = Arc::new(AtomicBool::new(false));
        let (end, host) = (Arc::clone(&over), host.clone());
        let request = format!("GET {} HTTP/1.1\r\nHost: {site}\r\nConnection: close\r\n\r\n", load.path);
        let pause = Duration::from_secs(1) / load.per_second;
        let hold = Duration::from_secs(load.hold_seconds);
        std::thread::spawn(move || {
            let begin = Instant::now();
            while !end.load(Ordering::Relaxed) && begin.elapsed() < LONGEST {
                let (host, request, over) = (host.clone(), request.clone(), Arc::clone(&end));
                std::thread::spawn(move || {
                    let stream = host.inside(|| TcpStream::connect_timeout(&to, Duration::from_secs(3)));
                    if let Ok(Ok(stream)) = stream {
                        let _ = ask(stream, &request, hold, &over);
                    }
                });
                std::thread::sleep(pause);
            }
        });
        Ok(Self(over))
    }
}

impl Drop for Loading {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn ask(mut stream: TcpStream, request: &str, hold: Duration, over: &AtomicBool) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_millis(500)))?;
    stream.write_all(request.as_bytes())?;
    let patience = hold.max(Duration::from_secs(5));
    let begin = Instant::now();
    let mut buffer = [0; 16 * 1024];
    while begin.elapsed() < patience && !over.load(Ordering::Relaxed) {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn root() -> String {
    "/".to_owned()
}
