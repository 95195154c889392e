//! Real servers on lab hosts: nginx as origin, nginx, HAProxy and Envoy as proxies, and [`fault`] for what those
//! cannot be told to do wrong.

mod envoy;
mod exporter;
pub mod fault;
mod haproxy;
pub mod nginx;
mod origin;
pub mod prometheus;
pub mod proxy;
pub mod vendor;

use std::ffi::OsString;
use std::time::Duration;

use anyhow::{Context, Result};

pub use exporter::Exporter;
pub use fault::{Fault, FaultServer};
pub use origin::{Answer, Origin, Strangers};
pub use prometheus::Prometheus;
pub use proxy::{Cache, Kind, Manner, OwnAnswer, Proxy};

pub use vendor::Vendor;

use crate::network::Host;
use crate::process::Process;

/// A server program on a host, which can be stopped and started again.
#[derive(Debug)]
pub struct Server {
    name: String,
    host: Host,
    words: Vec<OsString>,
    ports: Vec<u16>,
    process: Option<Process>,
}

impl Server {
    /// Starts a program and waits until it listens on every port.
    fn start_program(name: &str, host: &Host, words: Vec<OsString>, ports: Vec<u16>) -> Result<Self> {
        let mut this = Self { name: name.to_owned(), host: host.clone(), words, ports, process: None };
        this.start()?;
        Ok(this)
    }

    /// Starts it unless it runs.
    pub fn start(&mut self) -> Result<()> {
        if self.process.as_mut().is_some_and(Process::is_running) {
            return Ok(());
        }
        let (program, arguments) = self.words.split_first().context("a server has a program")?;
        let mut command = self.host.command(program);
        command.args(arguments);
        let mut process = self.host.spawn(&self.name, &command)?;
        process.wait_until("listening", Duration::from_secs(20), || {
            self.ports.iter().all(|&port| self.host.listens_on(port))
        })?;
        self.process = Some(process);
        Ok(())
    }

    /// Stops it: the host is up, nothing listens.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The process while it runs.
    pub fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }
}
