//! Leeward's probes, in a process of their own that takes orders on a local socket.

use super::process::{cpu_us, rss_kib};
use super::server::{CA, NAME};
use anyhow::{Result, bail, ensure};
use futures::stream::{self, StreamExt};
use lab::process::Process;
use leeward::api::spec::{Method, Scheme};
use leeward::api::validated::{Deadlines, Host, ValidExpect};
use leeward::api::{Access, Observation, Outcome};
use leeward::evidence::Variant;
use leeward::observe::probe::{ProbeRequest, Prober as Probing, ProberOptions};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

const SOCKET: &str = "orders";
/// Hanging probes are given this long; the measurement is done long before.
const PATIENCE: Duration = Duration::from_mins(1);

/// The child, seen from outside.
pub struct Prober {
    process: Process,
    orders: BufReader<UnixStream>,
    rest: f64,
}

impl Prober {
    pub fn start(folder: &Path) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("probe").arg(folder);
        let socket = folder.join(SOCKET);
        // One child after another uses the same name.
        let _ = std::fs::remove_file(&socket);
        let mut process = Process::start("the prober", &command, &folder.join("prober.log"))?;
        process.wait_until("the prober", Duration::from_secs(10), || socket.exists())?;
        let orders = BufReader::new(UnixStream::connect(&socket)?);
        let mut this = Self { process, orders, rest: 0.0 };
        this.order("ready")?;
        this.rest = rss_kib(this.process.id())? / 1024.0;
        Ok(this)
    }

    /// Makes `count` probes, all of which must be OK.
    pub fn burst(&mut self, kind: &str, address: SocketAddr, count: usize, at_once: usize) -> Result<()> {
        self.order(&format!("burst {kind} {address} {count} {at_once}"))
    }

    /// CPU time in microseconds that the work costs.
    pub fn cpu_of(&mut self, work: impl FnOnce(&mut Self) -> Result<()>) -> Result<f64> {
        let before = cpu_us(self.process.id())?;
        work(self)?;
        Ok(cpu_us(self.process.id())? - before)
    }

    /// KiB of resident memory for each of `count` probes that hang.
    pub fn hanging(&mut self, kind: &str, address: SocketAddr, count: usize) -> Result<f64> {
        let before = rss_kib(self.process.id())?;
        self.order(&format!("hang {kind} {address} {count} 0"))?;
        let during = rss_kib(self.process.id())?;
        Ok((during - before) / f64::from(u32::try_from(count)?))
    }

    /// MiB of resident memory before the first probe.
    pub const fn rest(&self) -> f64 {
        self.rest
    }

    fn order(&mut self, words: &str) -> Result<()> {
        writeln!(self.orders.get_mut(), "{words}")?;
        let mut reply = String::new();
        self.orders.read_line(&mut reply)?;
        ensure!(reply.trim() == "done", "the prober: {reply}{}", self.process.log());
        Ok(())
    }
}

/// The child's own life.
pub fn run(folder: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let options = ProberOptions { vantage: "bench".to_owned(), resolvers: Vec::new(), ca_file: Some(folder.join(CA)) };
    let prober = Probing::new(options)?;
    let listener = UnixListener::bind(folder.join(SOCKET))?;
    let (stream, _) = listener.accept()?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    let mut held = Vec::new();
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 {
        match line.split_ascii_whitespace().collect::<Vec<_>>().as_slice() {
            ["ready"] => {}
            ["burst", kind, address, count, at_once] => {
                let request = request(kind, address.parse()?, Duration::from_secs(5))?;
                let (count, at_once): (usize, usize) = (count.parse()?, at_once.parse()?);
                let bad = runtime.block_on(burst(&prober, &request, count, at_once));
                ensure!(bad == 0, "{bad} of {count} probes were not OK");
            }
            ["hang", kind, address, count, _] => {
                let request = request(kind, address.parse()?, PATIENCE)?;
                for _ in 0..count.parse::<usize>()? {
                    let (prober, request) = (prober.clone(), request.clone());
                    // The evidence is dropped: what is measured is waiting.
                    held.push(runtime.spawn(async move { drop(prober.probe(&request).await) }));
                }
                // Time for every handshake of the lot.
                std::thread::sleep(Duration::from_secs(4));
                ensure!(held.iter().all(|task| !task.is_finished()), "a probe did not hang");
            }
            other => bail!("no such order: {other:?}"),
        }
        writeln!(writer, "done")?;
        line.clear();
    }
    Ok(())
}

async fn burst(prober: &Probing, request: &ProbeRequest, count: usize, at_once: usize) -> usize {
    // Tasks, as the operator has them, so that both cores take part.
    stream::iter(0..count)
        .map(|_| {
            let (prober, request) = (prober.clone(), request.clone());
            tokio::spawn(async move { prober.probe(&request).await.outcome == Outcome::OK })
        })
        .buffer_unordered(at_once)
        .filter(|good| futures::future::ready(!matches!(good, Ok(true))))
        .count()
        .await
}

fn request(kind: &str, address: SocketAddr, patience: Duration) -> Result<ProbeRequest> {
    let d = patience;
    Ok(ProbeRequest {
        observation: Observation::ViaProxy,
        variant: Variant::Bypass,
        access: Access::Unknown,
        address,
        scheme: match kind {
            "http" => Scheme::HTTP,
            "https" => Scheme::HTTPS,
            other => bail!("no such scheme: {other}"),
        },
        host_header: NAME.to_owned(),
        server_name: Host::Name(NAME.to_owned()),
        path: "/".to_owned(),
        method: Method::GET,
        deadlines: Deadlines { dns: d, connect: d, tls: d, first_byte: d, body: d, total: d },
        expect: Arc::new(ValidExpect { statuses: vec![200..=299], body_contains: None, first_byte: None }),
        marker: None,
        trust: None,
        manner: leeward::observe::probe::Manner::default(),
    })
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.process.kill();
    }
}
