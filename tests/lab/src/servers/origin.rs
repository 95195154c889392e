//! An origin: nginx with the site's answer, its marker header and, if wanted, its own list of who may come in.

use std::fmt::Write;
use std::net::SocketAddr;

use anyhow::Result;

use super::nginx::Nginx;
use crate::certificates::Leaf;
use crate::network::Host;

/// What a healthy nginx is told to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A page of the site: 200 with this text.
    Page(String),
    /// This status, with nginx's own page for it.
    Status(u16),
    /// A redirect to this location; `$request_uri` is the path and query asked for.
    Redirect(String),
    /// Closes the connection without an answer.
    Close,
}

/// The configuration of an origin.
#[derive(Clone, Debug)]
pub struct Origin {
    pub listen: Vec<SocketAddr>,
    pub tls: Option<Leaf>,
    /// A header on every response, errors included.
    pub marker: Option<(String, String)>,
    pub answer: Answer,
    /// Only these addresses or prefixes get an answer; others get 403.
    pub allow: Option<Vec<String>>,
    /// Lines for the `http` block and for the `server` block: limits.
    pub limits: (String, String),
    /// Lines for the `server` block.
    pub extra: String,
}

impl Origin {
    /// A healthy origin without TLS.
    pub fn new(listen: &[SocketAddr]) -> Self {
        Self {
            listen: listen.to_vec(),
            tls: None,
            marker: None,
            answer: Answer::Page("ok: the site\n".to_owned()),
            allow: None,
            limits: (String::new(), String::new()),
            extra: String::new(),
        }
    }

    pub fn start(&self, host: &Host, name: &str) -> Result<Nginx> {
        // The page is a file: an answer by `return` would come before the access list is asked.
        let folder = host.folder()?.join(name).join("www");
        std::fs::create_dir_all(&folder)?;
        if let Answer::Page(text) = &self.answer {
            std::fs::write(folder.join("page.txt"), text)?;
        }
        std::fs::write(folder.join("large.txt"), vec![b'x'; 1 << 20])?;
        Nginx::start(host, name, &self.http(), &self.ports())
    }

    /// Gives a running nginx this configuration.
    pub fn apply(&self, nginx: &mut Nginx) -> Result<()> {
        if let Answer::Page(text) = &self.answer {
            std::fs::write(nginx.folder().join("www/page.txt"), text)?;
        }
        nginx.reload(&self.http())
    }

    pub fn ports(&self) -> Vec<u16> {
        self.listen.iter().map(SocketAddr::port).collect()
    }

    fn http(&self) -> String {
        let mut text = format!("{}server {{\n", self.limits.0);
        for listen in &self.listen {
            let ssl = if self.tls.is_some() { " ssl" } else { "" };
            let _ = writeln!(text, "  listen {listen}{ssl};");
        }
        if let Some(leaf) = &self.tls {
            let _ = writeln!(text, "  ssl_certificate {};", leaf.certificate.display());
            let _ = writeln!(text, "  ssl_certificate_key {};", leaf.key.display());
        }
        if let Some((name, value)) = &self.marker {
            let _ = writeln!(text, "  add_header {name} \"{value}\" always;");
        }
        text.push_str(&self.extra);
        text.push_str(&self.limits.1);
        // Something large, at once and as a trickle: a connection that stays busy without any work for the origin.
        text.push_str("  location /large {\n    try_files /large.txt =404;\n  }\n");
        text.push_str("  location /trickle {\n    limit_rate 64;\n    try_files /large.txt =404;\n  }\n");
        text.push_str("  location / {\n");
        if let Some(allow) = &self.allow {
            for prefix in allow {
                let _ = writeln!(text, "    allow {prefix};");
            }
            text.push_str("    deny all;\n");
        }
        let _ = match &self.answer {
            Answer::Page(_) => writeln!(text, "    try_files /page.txt =404;"),
            Answer::Status(code) => writeln!(text, "    return {code};"),
            Answer::Redirect(to) => writeln!(text, "    return 301 {to};"),
            Answer::Close => writeln!(text, "    return 444;"),
        };
        text.push_str("  }\n}\n");
        text
    }
}
