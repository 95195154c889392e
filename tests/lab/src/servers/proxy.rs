//! A proxy in front of origins: one description, three programs that carry it out.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use serde::Deserialize;

use super::nginx::Nginx;
use super::{Server, envoy, haproxy};
use crate::certificates::Leaf;
use crate::network::Host;

/// The program that proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    Nginx,
    Haproxy,
    Envoy,
}

/// What the edge answers by itself, without asking the origin.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OwnAnswer {
    /// This status: a rule of the edge refuses the request.
    Status(u16),
    /// A redirect to the same URL that wants a cookie: a challenge for browsers.
    Challenge,
}

/// How the proxy speaks to the origin where that is not the ordinary way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Manner {
    /// No TLS above 1.2.
    pub tls12: bool,
    /// Sends no server name.
    pub no_server_name: bool,
    /// Sends a PROXY protocol preamble of this version (HAProxy and Envoy).
    pub preamble: Option<u8>,
    /// Sends this Host.
    pub host: Option<String>,
    /// Speaks HTTP/2 (Envoy).
    pub http2: bool,
    /// Keeps connections and does not try again on another one (nginx).
    pub keep_alive: bool,
}

/// Which answers the edge keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Cache {
    /// Good answers, for a minute, also while the origin fails.
    Pages,
    /// Every answer, errors too.
    Everything,
}

/// The configuration of a proxy.
#[derive(Clone, Debug)]
pub struct Proxy {
    pub kind: Kind,
    pub listen: Vec<SocketAddr>,
    /// The certificate that visitors see.
    pub tls: Option<Leaf>,
    pub origins: Vec<SocketAddr>,
    /// Speaks TLS to the origin.
    pub origin_tls: bool,
    /// Verifies the origin's certificate against this authority.
    pub verify: Option<PathBuf>,
    /// The name sent as SNI and verified.
    pub server_name: Option<String>,
    pub connect_timeout: Duration,
    pub read_timeout: Duration,
    /// Most connections to an origin; HAProxy and Envoy.
    pub max_connections: Option<u32>,
    /// nginx only.
    pub cache: Option<Cache>,
    /// nginx only.
    pub own_answer: Option<OwnAnswer>,
    /// Headers that the edge adds to every answer, as some services do; nginx only.
    pub adds: BTreeMap<String, String>,
    pub manner: Manner,
}

impl Proxy {
    pub fn new(kind: Kind, listen: &[SocketAddr], origins: &[SocketAddr]) -> Self {
        Self {
            kind,
            listen: listen.to_vec(),
            tls: None,
            origins: origins.to_vec(),
            origin_tls: false,
            verify: None,
            server_name: None,
            connect_timeout: Duration::from_secs(2),
            read_timeout: Duration::from_secs(3),
            max_connections: None,
            cache: None,
            own_answer: None,
            adds: BTreeMap::new(),
            manner: Manner::default(),
        }
    }

    pub fn start(&self, host: &Host, name: &str) -> Result<RunningProxy> {
        Ok(match self.kind {
            Kind::Nginx => RunningProxy::Nginx(Nginx::start(host, name, &self.nginx(), &self.ports())?),
            Kind::Haproxy => RunningProxy::Other(haproxy::start(self, host, name)?),
            Kind::Envoy => RunningProxy::Other(envoy::start(self, host, name)?),
        })
    }

    pub fn ports(&self) -> Vec<u16> {
        self.listen.iter().map(SocketAddr::port).collect()
    }

    /// The `http` block for nginx.
    fn nginx(&self) -> String {
        let listen: String = self
            .listen
            .iter()
            .map(|listen| format!("  listen {listen}{};\n", if self.tls.is_some() { " ssl" } else { "" }))
            .collect();
        let tls = self.tls.as_ref().map_or_else(String::new, |leaf| {
            format!(
                "  ssl_certificate {};\n  ssl_certificate_key {};\n",
                leaf.certificate.display(),
                leaf.key.display()
            )
        });
        let servers: String = self.origins.iter().map(|origin| format!("  server {origin} max_fails=0;\n")).collect();
        let mut location = match &self.own_answer {
            Some(OwnAnswer::Status(code)) => format!("    return {code};\n"),
            Some(OwnAnswer::Challenge) => {
                "    add_header Set-Cookie \"challenge=1; Path=/\" always;\n    return 302 $request_uri;\n".to_owned()
            }
            None => format!("    proxy_pass {}://origins;\n", if self.origin_tls { "https" } else { "http" }),
        };
        for (name, value) in &self.adds {
            location += &format!("    add_header {name} \"{value}\" always;\n");
        }
        if let Some(name) = self.server_name.as_ref().filter(|_| !self.manner.no_server_name) {
            location += &format!("    proxy_ssl_server_name on;\n    proxy_ssl_name {name};\n");
        }
        if let Some(authority) = &self.verify {
            location += &format!(
                "    proxy_ssl_verify on;\n    proxy_ssl_verify_depth 3;\n    proxy_ssl_trusted_certificate {};\n",
                authority.display()
            );
        }
        if self.manner.tls12 {
            location += "    proxy_ssl_protocols TLSv1.2;\n";
        }
        let mut kept = "";
        if self.manner.keep_alive {
            kept = "  keepalive 4;\n";
            location +=
                "    proxy_http_version 1.1;\n    proxy_set_header Connection \"\";\n    proxy_next_upstream off;\n";
        }
        let zone = match self.cache {
            None => "",
            Some(_) => "proxy_cache_path cache keys_zone=pages:1m;\n",
        };
        location += match self.cache {
            None => "",
            Some(Cache::Pages) => {
                "    proxy_cache pages;\n    proxy_cache_valid 200 60s;\n    add_header X-Cache $upstream_cache_status;\n"
            }
            Some(Cache::Everything) => {
                "    proxy_cache pages;\n    proxy_cache_valid any 60s;\n    add_header X-Cache $upstream_cache_status always;\n"
            }
        };
        format!(
            "{zone}upstream origins {{\n{servers}{kept}}}\n\
             server {{\n{listen}{tls}  location / {{\n{location}    \
             proxy_connect_timeout {connect}s;\n    proxy_read_timeout {read}s;\n    proxy_send_timeout {read}s;\n    \
             proxy_ssl_session_reuse off;\n    proxy_set_header Host {host};\n  }}\n}}\n",
            host = self.manner.host.as_deref().unwrap_or("$host"),
            connect = self.connect_timeout.as_secs(),
            read = self.read_timeout.as_secs(),
        )
    }
}

/// A proxy that runs.
#[derive(Debug)]
pub enum RunningProxy {
    Nginx(Nginx),
    Other(Server),
}

impl RunningProxy {
    pub fn stop(&mut self) {
        match self {
            Self::Nginx(nginx) => nginx.stop(),
            Self::Other(server) => server.stop(),
        }
    }

    /// Starts it again after [`Self::stop`], with the configuration that it had.
    pub fn start_again(&mut self) -> Result<()> {
        match self {
            Self::Nginx(nginx) => nginx.start_again(),
            Self::Other(server) => server.start(),
        }
    }
}
