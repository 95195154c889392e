//! nginx with a configuration of the caller's, in a folder of its own.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use super::Server;
use crate::network::Host;
use crate::process::wait_until;

/// An nginx: one master, one worker.
#[derive(Debug)]
pub struct Nginx {
    server: Server,
    folder: PathBuf,
    name: String,
}

impl Nginx {
    /// Starts nginx on `host` with this text inside the `http` block, and waits for the ports.
    pub fn start(host: &Host, name: &str, http: &str, ports: &[u16]) -> Result<Self> {
        let folder = host.folder()?.join(name);
        std::fs::create_dir_all(folder.join("www"))?;
        let this_config = folder.join("nginx.conf");
        std::fs::write(&this_config, config(&folder, http))?;
        let words = ["nginx", "-e", "error.log", "-c"].map(Into::into);
        let mut words = words.to_vec();
        words.push(this_config.into());
        words.push("-p".into());
        words.push(folder.clone().into());
        let server = Server::start_program(name, host, words, ports.to_vec())
            .with_context(|| format!("nginx {name}: {}", read(&folder.join("error.log"))))?;
        Ok(Self { server, folder, name: name.to_owned() })
    }

    /// Replaces the configuration; connections in flight are finished by the old worker.
    pub fn reload(&mut self, http: &str) -> Result<()> {
        std::fs::write(self.folder.join("nginx.conf"), config(&self.folder, http))?;
        // The old worker stops accepting when it says so, a moment after the new one has started.
        let retired = || self.error_log().matches("gracefully shutting down").count();
        let before = retired();
        let process = self.server.process().with_context(|| format!("nginx {} was stopped", self.name))?;
        process.signal(libc::SIGHUP);
        wait_until("running the new configuration", Duration::from_secs(5), || retired() > before)
            .with_context(|| format!("reload of nginx {}: {}", self.name, self.error_log()))
    }

    pub fn start_again(&mut self) -> Result<()> {
        self.server.start()
    }

    pub fn stop(&mut self) {
        self.server.stop();
    }

    /// The folder that relative paths of the configuration start from.
    pub fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    pub fn error_log(&self) -> String {
        read(&self.folder.join("error.log"))
    }

    pub fn access_log(&self) -> String {
        read(&self.folder.join("access.log"))
    }
}

fn read(path: &std::path::Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn config(folder: &std::path::Path, http: &str) -> String {
    format!(
        "daemon off;
pid nginx.pid;
user root;
worker_processes 1;
error_log error.log notice;
events {{ worker_connections 512; }}
http {{
  access_log access.log combined;
  client_body_temp_path tmp-body;
  proxy_temp_path tmp-proxy;
  fastcgi_temp_path tmp-fastcgi;
  uwsgi_temp_path tmp-uwsgi;
  scgi_temp_path tmp-scgi;
  default_type text/plain;
  root {root};
{http}
}}
",
        root = folder.join("www").display()
    )
}
