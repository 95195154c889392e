//! Building a situation: hosts, servers, firewalls and names, as its file says.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::file::{Ask, Behaviour, Control, Dns, Origin, Reachability, Rule, Situation, Verdict};
use super::load::{Loading, Target};
use crate::certificates::{Authority, State};
use crate::dns::{Answer as DnsAnswer, NameServer};
use crate::network::{Host, Network, Route};
use crate::servers::nginx::Nginx;
use crate::servers::{
    Answer, Exporter, Fault, FaultServer, Origin as OriginServer, Prometheus, Proxy, Strangers, proxy::RunningProxy,
};

pub const SITE: &str = "shop.example.com";
/// The zone that the site's name is in, and where its own name server is.
const ZONE: &str = "example.com";
const ZONE_SERVER: &str = "192.0.2.54";
pub const MARKER: (&str, &str) = ("X-Origin", "shop-1");

/// A staged situation; gone when dropped.
#[derive(Debug)]
pub struct Stage {
    pub vantage: Host,
    pub visitor: Host,
    pub edges: Vec<Host>,
    pub origins: Vec<SocketAddr>,
    pub authority: Authority,
    pub name_server: NameServer,
    /// The zone's own, where a situation has one.
    zone_server: Option<NameServer>,
    pub control: SocketAddr,
    /// Where a Prometheus answers, if the situation has one.
    pub metrics: SocketAddr,
    _servers: Vec<Running>,
    pub network: Network,
}

/// Whatever runs on a stage.
#[derive(Debug)]
#[expect(dead_code, reason = "held so that it goes on running")]
enum Running {
    Origin(Nginx),
    Fault(FaultServer),
    Proxy(RunningProxy),
    Prometheus(Prometheus),
    Exporter(Exporter),
}

impl Stage {
    pub fn build(situation: &Situation) -> Result<Self> {
        let mut network = Network::new()?;
        let authority = Authority::new(&network.folder().join("certificates"))?;
        let six = situation.origins.iter().any(|origin| origin.address.as_ref().is_some_and(|a| a.contains(':')));
        let vantage = network.host("vantage", &both("198.51.100.20", "2001:db8:1::20", six))?;
        let visitor = network.host("visitor", &["198.51.100.30"])?;
        let dns = network.host("dns", &["192.0.2.53"])?;
        let name_server = NameServer::start(&dns)?;
        let zone_server = match situation.zone_server {
            Some(_) => Some(NameServer::start(&network.host("zone", &[ZONE_SERVER])?)?),
            None => None,
        };
        let control_host = network.host("control", &["192.0.2.80"])?;
        let control = control_host.at(80);
        let mut servers = Vec::new();
        if situation.control == Control::Up {
            let answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_vec();
            servers.push(Running::Fault(FaultServer::start(&control_host, control, Fault::Respond(answer))?));
        }

        let mut origin_hosts = Vec::new();
        let mut origins = Vec::new();
        for (number, origin) in situation.origins.iter().enumerate() {
            let default = format!("203.0.113.{}", 10 + number);
            let host = network.host(&numbered("origin", number), &[origin.address.as_deref().unwrap_or(&default)])?;
            let listen = host.at(origin.port());
            servers.extend(start_origin(&host, origin, listen, &authority)?);
            origins.push(listen);
            origin_hosts.push(host);
        }

        let metrics_host = network.host("metrics", &["192.0.2.90"])?;
        let metrics = metrics_host.at(9090);
        if let Some(wanted) = &situation.metrics {
            let mut targets = Vec::new();
            if let Some(host) = origin_hosts.first().filter(|_| wanted.kernel) {
                servers.push(Running::Exporter(Exporter::start(host, host.at(9100))?));
                targets.push(host.at(9100));
            }
            if !wanted.dead {
                servers.push(Running::Prometheus(Prometheus::start(&metrics_host, metrics, &wanted.series, &targets)?));
            }
        }

        let mut edges = Vec::new();
        if let Some(description) = &situation.proxy {
            for number in 0..usize::from(description.edges) {
                let addresses = [format!("198.51.100.{}", 10 + number), format!("2001:db8:1::{}", 10 + number)];
                edges.push(network.host(&numbered("proxy", number), &both(&addresses[0], &addresses[1], six))?);
            }
            for host in edges.iter().filter(|_| !description.stopped) {
                let port = if situation.site.tls.is_some() { 443 } else { 80 };
                let targets = match &description.forwards_to {
                    Some(text) => vec![text.parse().with_context(|| format!("forwardsTo {text}"))?],
                    None => origins.clone(),
                };
                let mut proxy = Proxy::new(description.kind, &[host.at(port)], &targets);
                proxy.tls = situation.site.tls.map(|state| authority.leaf("edge", &[SITE], state)).transpose()?;
                proxy.origin_tls = description
                    .speaks_tls
                    .unwrap_or_else(|| situation.origins.first().is_some_and(|origin| origin.tls.is_some()));
                proxy.verify = description.verify.then(|| authority.file());
                proxy.server_name = proxy.origin_tls.then(|| SITE.to_owned());
                proxy.connect_timeout = Duration::from_secs(description.connect_timeout_seconds);
                proxy.read_timeout = Duration::from_secs(description.read_timeout_seconds);
                proxy.cache = description.cache;
                proxy.max_connections = description.max_connections;
                proxy.own_answer = description.answers.clone();
                proxy.adds.clone_from(&description.adds);
                proxy.manner = description.manner.clone();
                servers.push(Running::Proxy(proxy.start(host, "edge")?));
                if situation.site.redirects_http {
                    let mut server = OriginServer::new(&[host.at(80)]);
                    server.answer = Answer::Redirect("https://$host$request_uri".to_owned());
                    servers.push(Running::Origin(server.start(host, "redirect")?));
                }
            }
        }

        let stage = Self {
            vantage,
            visitor,
            edges,
            origins,
            authority,
            name_server,
            zone_server,
            control,
            metrics,
            _servers: servers,
            network,
        };
        stage.name(&stage.name_server, &situation.dns);
        if let (Some(said), Some(server)) = (&situation.zone_server, &stage.zone_server) {
            stage.name(server, said);
            let name = format!("ns1.{ZONE}");
            stage.name_server.answer(&name, &[server.address().ip()]);
            stage.name_server.set(ZONE, DnsAnswer::Zone(vec![name]));
        }
        stage.raise_firewalls(situation)?;
        if let Some(largest) = situation.largest_packet {
            for host in stage.edges.iter().chain([&stage.vantage, &stage.visitor]) {
                host.narrow(largest)?;
            }
            stage.network.hush()?;
        }
        for (host, origin) in origin_hosts.iter().zip(&situation.origins) {
            if let Some(kbit) = origin.uplink_kbit {
                let rate = format!("{kbit}kbit");
                host.exec(&[
                    "tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", &rate, "burst", "4k", "latency", "3s",
                ])?;
            }
            match origin.network {
                Reachability::Up => {}
                Reachability::Blackhole => stage.network.route(host.address(), Route::Blackhole)?,
                Reachability::Prohibited => stage.network.route(host.address(), Route::Prohibit)?,
                Reachability::Down => host.link_down()?,
            }
        }
        Ok(stage)
    }

    /// Begins the load that the situation has; it ends with what is returned.
    pub fn load(&self, situation: &Situation) -> Result<Vec<Loading>> {
        let loads = situation.load.iter().map(|load| {
            let host = self.find(&load.from).with_context(|| format!("no host {} in this situation", load.from))?;
            let port = port_of(if situation.site.tls.is_some() { "https" } else { "http" });
            let to = match load.to {
                Target::Proxy => self.edges.first().context("load needs a proxy")?.at(port),
                Target::Origin => *self.origins.first().context("load needs an origin")?,
            };
            Loading::start(load, host, to, SITE)
        });
        let loads = loads.collect::<Result<Vec<_>>>()?;
        if !loads.is_empty() {
            // It is the load under which the site is to be looked at, not its beginning.
            std::thread::sleep(Duration::from_secs(4));
        }
        Ok(loads)
    }

    /// Asks as a visitor and as the vantage, and says where the set-up is not what its file claims.
    pub fn check_visitors(&self, situation: &Situation) -> Result<Vec<String>> {
        if situation.vantage.ask == Ask::Offline {
            return Ok(Vec::new());
        }
        let mut wrong = Vec::new();
        if let (Some(wanted), Some(edge)) = (situation.visitor.status, self.edges.first()) {
            let scheme = if situation.site.tls.is_some() { "https" } else { "http" };
            let got = self.status(&self.visitor, scheme, edge.at(port_of(scheme)), &situation.site.path, 10)?;
            if got != wanted {
                wrong.push(format!("set-up: a visitor gets {got}, the file says {wanted}"));
            }
        }
        if let (Some(wanted), Some((origin, address))) =
            (situation.visitor.direct, situation.origins.first().zip(self.origins.first()))
        {
            let scheme = if origin.tls.is_some() { "https" } else { "http" };
            let got = self.status(&self.vantage, scheme, *address, &situation.site.path, 5)?;
            if got != wanted {
                wrong.push(format!("set-up: the vantage gets {got} directly, the file says {wanted}"));
            }
        }
        Ok(wrong)
    }

    /// The status of one request; 0 when there is none within so many seconds.
    fn status(&self, from: &Host, scheme: &str, to: SocketAddr, path: &str, seconds: u8) -> Result<u16> {
        let output = from
            .command("curl")
            .args(["-s", "-k", "-m", &seconds.to_string(), "-o", "/dev/null", "-w", "%{http_code}", "--noproxy", "*"])
            .args(["--connect-to", &format!("{SITE}::{to}"), &format!("{scheme}://{SITE}{path}")])
            .output()
            .context("curl as a visitor")?;
        String::from_utf8_lossy(&output.stdout).parse().context("the status that curl prints")
    }

    fn name(&self, server: &NameServer, dns: &Dns) {
        let edges = || self.edges.iter().map(Host::address).collect();
        let answer = match dns {
            Dns::Proxy => DnsAnswer::Addresses(edges()),
            Dns::Origin => DnsAnswer::Addresses(self.origins.iter().map(SocketAddr::ip).collect()),
            Dns::Addresses(addresses) => DnsAnswer::Addresses(addresses.clone()),
            Dns::Alias(name) => {
                server.set(name, DnsAnswer::Addresses(edges()));
                DnsAnswer::Alias(name.clone())
            }
            Dns::NxDomain => DnsAnswer::NxDomain,
            Dns::ServFail => DnsAnswer::ServFail,
            Dns::Silent => DnsAnswer::Silent,
        };
        server.set(SITE, answer);
    }

    fn raise_firewalls(&self, situation: &Situation) -> Result<()> {
        let port = situation.origins.first().map_or(80, Origin::port);
        for host in self.network.hosts() {
            let mut rules = Vec::new();
            for rule in situation.firewall.iter().filter(|rule| rule.on == host.name()) {
                rules.extend(self.rule(rule, port)?);
            }
            if host.name() == "vantage" && situation.vantage.cut_off {
                rules.push("iifname eth0 drop".to_owned());
            }
            if !rules.is_empty() {
                host.firewall(&rules.iter().map(String::as_str).collect::<Vec<_>>())?;
            }
        }
        if let Some(rule) = situation.firewall.iter().find(|rule| self.find(&rule.on).is_none()) {
            bail!("a firewall rule is on {}, which is no host of this situation", rule.on);
        }
        Ok(())
    }

    fn rule(&self, rule: &Rule, port: u16) -> Result<Vec<String>> {
        let from = match rule.from.as_str() {
            "anyone" => vec!["iifname eth0".to_owned()],
            name => {
                let host = self.find(name).with_context(|| format!("no host {name} in this situation"))?;
                let saddr = |address: &IpAddr| match address {
                    IpAddr::V4(address) => format!("ip saddr {address}"),
                    IpAddr::V6(address) => format!("ip6 saddr {address}"),
                };
                host.addresses().iter().map(saddr).collect()
            }
        };
        let what = if rule.everything { String::new() } else { format!(" tcp dport {port}") };
        let first = if rule.new { " ct state new" } else { "" };
        let share = rule.percent.map_or_else(String::new, |percent| format!(" numgen random mod 100 < {percent}"));
        let beyond = match (rule.beyond_per_second, rule.beyond_connections) {
            (Some(rate), _) => format!(" ct state new limit rate over {rate}/second burst {rate} packets"),
            (None, Some(count)) => format!(" ct state new ct count over {count}"),
            (None, None) => String::new(),
        };
        let verdict = match rule.verdict {
            Verdict::Accept => "accept",
            Verdict::Drop => "drop",
            Verdict::Reject => "reject with icmpx type port-unreachable",
            Verdict::Reset => "reject with tcp reset",
            Verdict::Prohibited => "reject with icmpx type admin-prohibited",
        };
        Ok(from.iter().map(|from| format!("{from}{what}{first}{share}{beyond} {verdict}")).collect())
    }

    fn find(&self, name: &str) -> Option<&Host> {
        self.network.hosts().iter().find(|host| host.name() == name)
    }
}

fn port_of(scheme: &str) -> u16 {
    if scheme == "https" { 443 } else { 80 }
}

/// The IPv4 address of a host, and its IPv6 address where origins have such.
fn both<'a>(four: &'a str, six: &'a str, wanted: bool) -> Vec<&'a str> {
    if wanted { vec![four, six] } else { vec![four] }
}

/// `origin`, `origin2`, `origin3` …
fn numbered(word: &str, number: usize) -> String {
    if number == 0 { word.to_owned() } else { format!("{word}{}", number + 1) }
}

fn start_origin(host: &Host, origin: &Origin, listen: SocketAddr, authority: &Authority) -> Result<Option<Running>> {
    let leaf = origin.tls.map(|state: State| authority.leaf(host.name(), &[SITE], state)).transpose()?;
    let fault = match &origin.behaviour {
        Behaviour::Page => {
            return nginx_origin(host, origin, listen, leaf, Answer::Page("ok: the site\n".to_owned()), authority);
        }
        Behaviour::OtherPage(text) => {
            return nginx_origin(host, origin, listen, leaf, Answer::Page(text.clone()), authority);
        }
        Behaviour::Status(code) => {
            return nginx_origin(host, origin, listen, leaf, Answer::Status(*code), authority);
        }
        Behaviour::Redirect(to) => {
            return nginx_origin(host, origin, listen, leaf, Answer::Redirect(to.clone()), authority);
        }
        Behaviour::Login => return nginx_origin(host, origin, listen, leaf, Answer::Login, authority),
        Behaviour::Close => return nginx_origin(host, origin, listen, leaf, Answer::Close, authority),
        Behaviour::Stopped => return Ok(None),
        Behaviour::FullBacklog => Fault::FullBacklog,
        Behaviour::Silent => Fault::Silent,
        Behaviour::Hang => Fault::Hang,
        Behaviour::CloseBeforeHeaders => Fault::CloseBeforeHeaders,
        Behaviour::ResetBeforeHeaders => Fault::ResetBeforeHeaders,
        Behaviour::CloseMidHeaders => Fault::CloseMidHeaders,
        Behaviour::CloseMidBody => Fault::CloseMidBody,
        Behaviour::StallMidBody => Fault::StallMidBody,
        Behaviour::Garbage => Fault::Garbage,
        Behaviour::DropsReused(seconds) => Fault::DropsReused(Duration::from_secs(*seconds)),
        Behaviour::DemandsCertificate => Fault::DemandsCertificate(authority.file()),
        Behaviour::CrashesEvery(count) => Fault::CrashesEvery(*count),
        Behaviour::ErrsFirst(count) => Fault::ErrsFirst(*count),
        Behaviour::BreaksHttp2 => Fault::BreaksHttp2,
        Behaviour::SlowSeconds(seconds) => Fault::Slow(Duration::from_secs(*seconds)),
    };
    Ok(Some(Running::Fault(match leaf {
        Some(leaf) => FaultServer::start_tls(host, listen, &leaf, fault)?,
        None => FaultServer::start(host, listen, fault)?,
    })))
}

fn nginx_origin(
    host: &Host,
    origin: &Origin,
    listen: SocketAddr,
    leaf: Option<crate::certificates::Leaf>,
    answer: Answer,
    authority: &Authority,
) -> Result<Option<Running>> {
    let mut server = OriginServer::new(&[listen]);
    server.tls = leaf;
    server.answer = answer;
    server.limits = limits(origin);
    server.marker = origin.marker.then(|| (MARKER.0.to_owned(), MARKER.1.to_owned()));
    server.allow = origin.allow.as_ref().map(|names| names.iter().map(|name| allowed(name)).collect());
    server.preamble = origin.wants.preamble;
    server.http2 = origin.gives.http2;
    let other = origin.wants.server_name_for_certificate;
    let other = other.then(|| authority.leaf("stranger", &[SITE], State::Mismatch)).transpose()?;
    server.only = match (&origin.wants.host, origin.wants.server_name) {
        _ if other.is_some() => other.map(|leaf| (SITE.to_owned(), Strangers::Certificate(leaf))),
        (Some(name), _) => Some((name.clone(), Strangers::NotFound)),
        (None, true) => Some((SITE.to_owned(), Strangers::NoHandshake)),
        (None, false) => None,
    };
    server.extra = extra(origin, authority);
    if origin.gives.large_kibibytes > 0 {
        let folder = host.folder()?.join("site/www");
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("big"), "a large response\n".repeat(origin.gives.large_kibibytes * 64))?;
    }
    Ok(Some(Running::Origin(server.start(host, "site")?)))
}

/// Lines of nginx for what the origin wants and gives.
fn extra(origin: &Origin, authority: &Authority) -> String {
    let mut text = String::new();
    if origin.wants.tls13 {
        text.push_str("  ssl_protocols TLSv1.3;\n");
    }
    if origin.wants.client_certificate {
        let file = authority.file();
        text.push_str(&format!("  ssl_client_certificate {};\n  ssl_verify_client on;\n", file.display()));
    }
    if let Some(seconds) = origin.gives.keep_alive_seconds {
        text.push_str(&format!("  keepalive_timeout {seconds}s;\n"));
    }
    if origin.gives.header_kibibytes > 0 {
        text.push_str("  location = /healthz {\n    try_files /page.txt =404;\n");
        text.push_str(&format!("    add_header {} \"{}\" always;\n", MARKER.0, MARKER.1));
        for number in 0..origin.gives.header_kibibytes {
            text.push_str(&format!("    add_header X-Filler-{number} {};\n", "x".repeat(1000)));
        }
        text.push_str("  }\n");
    }
    if origin.gives.large_kibibytes > 0 {
        let rate = match origin.gives.large_kibibytes_per_second {
            0 => String::new(),
            rate => format!("limit_rate {rate}k; "),
        };
        text.push_str(&format!("  location = /big {{ {rate}}}\n"));
    }
    text
}

/// What nginx needs for the origin's limits: the `http` block's lines, and the `server` block's.
fn limits(origin: &Origin) -> (String, String) {
    let (mut http, mut server) = (String::new(), String::new());
    if let Some(rate) = origin.limits.requests_per_second {
        http += &format!("limit_req_zone $binary_remote_addr zone=requests:1m rate={rate}r/s;\n");
        server += "  limit_req zone=requests;\n";
    }
    if let Some(count) = origin.limits.connections {
        http += "limit_conn_zone $binary_remote_addr zone=connections:1m;\n";
        server += &format!("  limit_conn connections {count};\n");
    }
    if origin.limits.too_many {
        http += "limit_req_status 429;\nlimit_conn_status 429;\n";
    }
    (http, server)
}

/// A host's address by its name; anything else is taken as an address or prefix.
fn allowed(name: &str) -> String {
    match name {
        "proxy" => "198.51.100.10",
        "proxy2" => "198.51.100.11",
        "vantage" => "198.51.100.20",
        "visitor" => "198.51.100.30",
        other => other,
    }
    .to_owned()
}
