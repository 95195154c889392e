//! The same probes by `blackbox_exporter`, asked for as Prometheus does: `/probe` over connections that
//! are kept alive.

use super::process::{cpu_us, rss_kib};
use super::server::{CA, NAME};
use anyhow::{Context, Result, ensure};
use lab::process::Process;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The running exporter.
pub struct Exporter {
    process: Process,
    address: SocketAddr,
    rest: f64,
}

impl Exporter {
    pub fn start(folder: &Path) -> Result<Self> {
        let program =
            std::env::var_os("BLACKBOX").map_or_else(lab::tools::blackbox_exporter, |p| Ok(PathBuf::from(p)))?;
        ensure!(program.is_file(), "no program at {}", program.display());
        let config = folder.join("blackbox.yml");
        fs::write(&config, configuration(&folder.join(CA)))?;
        // The exporter cannot say which port it got, so a free one is looked for.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = Command::new(program);
        command.arg(format!("--config.file={}", config.display()));
        command.arg(format!("--web.listen-address={address}")).arg("--log.level=error");
        let mut process = Process::start("blackbox_exporter", &command, &folder.join("blackbox.log"))?;
        process.wait_until("blackbox_exporter", Duration::from_secs(10), || TcpStream::connect(address).is_ok())?;
        let rest = rss_kib(process.id())? / 1024.0;
        Ok(Self { process, address, rest })
    }

    /// Asks for `count` probes, all of which must succeed.
    pub fn burst(&mut self, kind: &str, target: SocketAddr, count: usize, at_once: usize) -> Result<()> {
        let left = AtomicUsize::new(count);
        let address = self.address;
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..at_once)
                .map(|_| {
                    scope.spawn(|| -> Result<()> {
                        let mut stream = TcpStream::connect(address)?;
                        while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
                            let page = ask(&mut stream, kind, target)?;
                            ensure!(page.contains("\nprobe_success 1"), "a probe failed: {page}");
                        }
                        Ok(())
                    })
                })
                .collect();
            workers
                .into_iter()
                .try_for_each(|worker| worker.join().map_err(|_| anyhow::anyhow!("a worker panicked"))?)
        })
    }

    /// CPU time in microseconds that the work costs.
    pub fn cpu_of(&mut self, work: impl FnOnce(&mut Self) -> Result<()>) -> Result<f64> {
        let before = cpu_us(self.process.id())?;
        work(self)?;
        Ok(cpu_us(self.process.id())? - before)
    }

    /// KiB of resident memory for each of `count` probes that hang.
    pub fn hanging(&mut self, kind: &str, target: SocketAddr, count: usize) -> Result<f64> {
        let before = rss_kib(self.process.id())?;
        let mut held = Vec::new();
        for _ in 0..count {
            let mut stream = TcpStream::connect(self.address)?;
            stream.write_all(question(&format!("{kind}_patient"), kind, target).as_bytes())?;
            held.push(stream);
        }
        std::thread::sleep(Duration::from_secs(4));
        let during = rss_kib(self.process.id())?;
        drop(held);
        Ok((during - before) / f64::from(u32::try_from(count)?))
    }

    /// MiB of resident memory before the first probe.
    pub const fn rest(&self) -> f64 {
        self.rest
    }
}

fn configuration(ca: &Path) -> String {
    let module = |name: &str, timeout: u32, tls: bool| {
        let tls = if tls {
            format!("      tls_config: {{ca_file: {}, server_name: {NAME}}}\n", ca.display())
        } else {
            String::new()
        };
        format!(
            "  {name}:\n    prober: http\n    timeout: {timeout}s\n    http:\n      method: GET\n      \
             preferred_ip_protocol: ip4\n      follow_redirects: false\n      headers: {{Host: {NAME}}}\n{tls}"
        )
    };
    let modules = [("http", 5, false), ("http_patient", 60, false), ("https", 5, true), ("https_patient", 60, true)];
    let text: String = modules.into_iter().map(|(name, timeout, tls)| module(name, timeout, tls)).collect();
    format!("modules:\n{text}")
}

fn question(module: &str, kind: &str, target: SocketAddr) -> String {
    format!("GET /probe?module={module}&target={kind}://{target}/ HTTP/1.1\r\nHost: blackbox\r\n\r\n")
}

fn ask(stream: &mut TcpStream, kind: &str, target: SocketAddr) -> Result<String> {
    stream.write_all(question(kind, kind, target).as_bytes())?;
    let mut bytes = Vec::new();
    let mut buffer = [0; 16384];
    loop {
        let length = stream.read(&mut buffer)?;
        ensure!(length > 0, "the exporter closed the connection");
        bytes.extend_from_slice(buffer.get(..length).context("a read within its buffer")?);
        let text = String::from_utf8_lossy(&bytes);
        if let Some(page) = text.split_once("\r\n\r\n").and_then(|(head, body)| whole(head, body)) {
            return Ok(page);
        }
    }
}

/// The page, once all of it is there; `None` until then.
fn whole(head: &str, body: &str) -> Option<String> {
    let announced =
        head.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    if let Some(length) = announced {
        return body.get(..length).map(str::to_owned);
    }
    let mut page = String::new();
    let mut rest = body;
    loop {
        let (size, after) = rest.split_once("\r\n")?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            return after.starts_with("\r\n").then_some(page);
        }
        page.push_str(after.get(..size)?);
        rest = after.get(size + 2..)?;
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.process.kill();
    }
}
