//! HAProxy as a proxy.

use std::fmt::Write;

use anyhow::Result;

use super::{Proxy, Server};
use crate::network::Host;

pub(super) fn start(proxy: &Proxy, host: &Host, name: &str) -> Result<Server> {
    let folder = host.folder()?.join(name);
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("haproxy.cfg");
    std::fs::write(&path, config(proxy))?;
    let words = vec!["haproxy".into(), "-db".into(), "-f".into(), path.into()];
    Server::start_program(name, host, words, proxy.ports())
}

fn config(proxy: &Proxy) -> String {
    let mut text = format!(
        "global
  maxconn 256
defaults
  mode http
  log stdout format raw local0
  option httplog
  timeout client 30s
  timeout connect {connect}ms
  timeout server {read}ms
  # one try: the time to an error is then the connect timer itself
  retries 0
frontend edge
",
        connect = proxy.connect_timeout.as_millis(),
        read = proxy.read_timeout.as_millis(),
    );
    for listen in &proxy.listen {
        let tls = proxy.tls.as_ref().map_or_else(String::new, |leaf| format!(" ssl crt {}", leaf.bundle.display()));
        let _ = writeln!(text, "  bind {listen}{tls}");
    }
    if let Some(name) = &proxy.manner.host {
        let _ = writeln!(text, "  http-request set-header Host {name}");
    }
    text.push_str("  default_backend origins\nbackend origins\n");
    for (number, origin) in proxy.origins.iter().enumerate() {
        let _ = write!(text, "  server origin{number} {origin}");
        if proxy.origin_tls {
            text.push_str(" ssl no-ssl-reuse");
            if proxy.manner.tls12 {
                text.push_str(" ssl-max-ver TLSv1.2");
            }
            if let Some(name) = proxy.server_name.as_ref().filter(|_| !proxy.manner.no_server_name) {
                let _ = write!(text, " sni str({name})");
            }
            match (&proxy.verify, &proxy.server_name) {
                (Some(authority), Some(name)) => {
                    let _ = write!(text, " verify required ca-file {} verifyhost {name}", authority.display());
                }
                (Some(authority), None) => {
                    let _ = write!(text, " verify required ca-file {}", authority.display());
                }
                (None, _) => text.push_str(" verify none"),
            }
        }
        match proxy.manner.preamble {
            Some(1) => text.push_str(" send-proxy"),
            Some(_) => text.push_str(" send-proxy-v2"),
            None => {}
        }
        if let Some(most) = proxy.max_connections {
            let _ = write!(text, " maxconn {most}");
        }
        text.push('\n');
    }
    text
}
