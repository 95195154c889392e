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
    /// A login: a visitor without the session's cookie is sent to a page that sets one, and back.
    Login,
    /// Closes the connection without an answer.
    Close,
}

/// What a server does with a host that is not its own.
#[derive(Clone, Debug)]
pub enum Strangers {
    /// 404, as a default server does.
    NotFound,
    /// No handshake without a server name that is known.
    NoHandshake,
    /// The same site, with another certificate.
    Certificate(Leaf),
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
    /// Offers HTTP/2.
    pub http2: bool,
    /// A PROXY protocol preamble must come first.
    pub preamble: bool,
    /// The one host that it knows, and what strangers get.
    pub only: Option<(String, Strangers)>,
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
            http2: false,
            preamble: false,
            only: None,
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
        let listens = |default: &str| {
            let ssl = if self.tls.is_some() { " ssl" } else { "" };
            let http2 = if self.http2 { " http2" } else { "" };
            let preamble = if self.preamble { " proxy_protocol" } else { "" };
            self.listen.iter().fold(String::new(), |mut text, listen| {
                let _ = writeln!(text, "  listen {listen}{ssl}{http2}{preamble}{default};");
                text
            })
        };
        let mut text = self.limits.0.clone();
        if let Some((_, strangers)) = &self.only {
            let leaf = if let Strangers::Certificate(leaf) = strangers { Some(leaf) } else { self.tls.as_ref() };
            let _ = write!(text, "server {{\n{}{}", listens(" default_server"), certificate(leaf));
            if let Some((name, value)) = &self.marker {
                let _ = writeln!(text, "  add_header {name} \"{value}\" always;");
            }
            text.push_str(match strangers {
                Strangers::NotFound => "  return 404;\n}\n",
                Strangers::NoHandshake => "  ssl_reject_handshake on;\n}\n",
                Strangers::Certificate(_) => "  location / {\n    try_files /page.txt =404;\n  }\n}\n",
            });
        }
        text.push_str("server {\n");
        text.push_str(&listens(""));
        if let Some((name, _)) = &self.only {
            let _ = writeln!(text, "  server_name {name};");
        }
        text.push_str(&certificate(self.tls.as_ref()));
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
            Answer::Login => writeln!(
                text,
                "    if ($cookie_session = \"\") {{ return 302 /login; }}\n    return 200 \"ok: the site\\n\";\n  }}\n  \
                 location = /login {{\n    add_header Set-Cookie \"session=1; Path=/\";\n    return 302 /;"
            ),
            Answer::Close => writeln!(text, "    return 444;"),
        };
        text.push_str("  }\n}\n");
        text
    }
}

fn certificate(leaf: Option<&Leaf>) -> String {
    leaf.map_or_else(String::new, |leaf| {
        let (certificate, key) = (leaf.certificate.display(), leaf.key.display());
        format!("  ssl_certificate {certificate};\n  ssl_certificate_key {key};\n")
    })
}
