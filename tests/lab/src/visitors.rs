//! Visitors that come at a steady rate, each answer counted: whether a change loses a request is counted, not felt.

use std::fmt;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::network::Host;

/// How many visitors come at the same time. Each waits for its answer before it comes again.
const VISITORS: u32 = 4;
/// How long a visitor waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What has become of the requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Answered with 200.
    pub served: usize,
    /// All others, each with its time after the start and what came instead.
    pub lost: Vec<String>,
}

impl Count {
    pub fn all(&self) -> usize {
        self.served + self.lost.len()
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} requests, {} lost", self.all(), self.lost.len())?;
        self.lost.iter().take(5).try_for_each(|one| write!(f, "; {one}"))
    }
}

/// Visitors that keep coming until they are counted.
#[derive(Debug)]
pub struct Visitors {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Count>>,
}

impl Visitors {
    /// Each request is a connection of its own.
    pub fn start(host: &Host, to: SocketAddr, site: &str, per_second: u32) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let begin = Instant::now();
        let period = Duration::from_secs(1) * VISITORS / per_second;
        let threads = (0..VISITORS).map(|number| {
            let (over, host, site) = (Arc::clone(&over), host.clone(), site.to_owned());
            let mut due = begin + period * number / VISITORS;
            std::thread::spawn(move || {
                // This thread stays in the host: entering it anew for each request would cost more than the request.
                let come = || {
                    let mut count = Count::default();
                    while !over.load(Ordering::Relaxed) {
                        std::thread::sleep(due.saturating_duration_since(Instant::now()));
                        due += period;
                        match visit(to, &site) {
                            Ok(200) => count.served += 1,
                            Ok(status) => count.lost.push(format!("{status} after {:?}", begin.elapsed())),
                            Err(error) => count.lost.push(format!("{error:#} after {:?}", begin.elapsed())),
                        }
                    }
                    count
                };
                host.inside(come).unwrap_or_else(|error| Count { served: 0, lost: vec![format!("{error:#}")] })
            })
        });
        Self { threads: threads.collect(), over }
    }

    /// Ends them and counts.
    pub fn count(mut self) -> Count {
        self.over.store(true, Ordering::Relaxed);
        let mut all = Count::default();
        for thread in self.threads.drain(..) {
            let one = thread.join().unwrap_or_else(|_| Count { served: 0, lost: vec!["a visitor died".to_owned()] });
            all.served += one.served;
            all.lost.extend(one.lost);
        }
        all
    }
}

impl Drop for Visitors {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// The status of one whole answer.
fn visit(to: SocketAddr, site: &str) -> Result<u16> {
    let mut stream = TcpStream::connect_timeout(&to, PATIENCE).context("connecting")?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("GET / HTTP/1.1\r\nHost: {site}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).context("reading the answer")?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").with_context(|| format!("no head but {answer:?}"))?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    ensure!(length.is_none_or(|length| body.len() == length), "an answer that is cut off after {} bytes", body.len());
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
    status.with_context(|| format!("no status in {head:?}"))
}
