//! The hosts of the demo: two proxies, two machines and a pod as origins, a visitor, the operator's host. What is
//! broken here is broken for real: by a firewall, by a stop, by a certificate, by a route.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::interrupt;
use crate::certificates::{Authority, State};
use crate::dns::NameServer;
use crate::network::{Host, Network};
use crate::servers::nginx::Nginx;
use crate::servers::proxy::RunningProxy;
use crate::servers::{Fault, FaultServer, Kind, Origin, Proxy};

/// Where the proxies connect from, as the ProxyNetwork of `demo/sites.yaml` says.
pub const EDGE: &str = "198.51.100.128/26";
/// A range that the provider adds later.
pub const NEW_EDGE: &str = "198.51.100.208/28";
/// The operator's address, which every origin lets in.
pub const OPERATOR: &str = "198.51.100.20";
pub const POD: &str = "10.244.7.10";

const PROXY1: &str = "198.51.100.130";
const PROXY1_DOCS: &str = "198.51.100.131";
const PROXY1_NEW: &str = "198.51.100.210";
const PROXY2: &str = "198.51.100.140";

/// A site; its namespace, its resource and its name before `.example.com` are one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// nginx in front of a machine with a host firewall.
    Shop,
    /// HAProxy, verifying certificates, in front of a machine with TLS.
    Blog,
    /// nginx in front of a pod behind kube-router.
    Docs,
}

impl Site {
    pub const ALL: [Self; 3] = [Self::Shop, Self::Blog, Self::Docs];

    pub fn name(self) -> &'static str {
        match self {
            Self::Shop => "shop",
            Self::Blog => "blog",
            Self::Docs => "docs",
        }
    }

    pub fn url(self) -> String {
        let scheme = if self == Self::Blog { "https" } else { "http" };
        format!("{scheme}://{}.example.com/", self.name())
    }

    /// Has curl find the proxy under the site's name.
    pub fn resolved(self) -> [String; 2] {
        let edge = self.edge();
        ["--resolve".to_owned(), format!("{}.example.com:{}:{}", self.name(), edge.port(), edge.ip())]
    }

    fn edge(self) -> SocketAddr {
        let (address, port) = match self {
            Self::Shop => (PROXY1, 80),
            Self::Blog => (PROXY2, 443),
            Self::Docs => (PROXY1_DOCS, 80),
        };
        SocketAddr::new(address.parse().expect("an address of the lab"), port)
    }
}

/// The hosts with everything that runs on them; gone when dropped.
#[derive(Debug)]
pub struct Stage {
    pub operator: Host,
    pub node: Host,
    pub pod: Host,
    pub visitor: Host,
    pub authority: Authority,
    pub names: NameServer,
    /// A web server that has nothing to do with the sites, for `--control`.
    pub control: String,
    shop: Nginx,
    blog: Nginx,
    blog_origin: Origin,
    proxy1: Host,
    shop_host: Host,
    _docs: Nginx,
    _proxies: [RunningProxy; 3],
    _control: FaultServer,
    // Last: its hosts carry all of the above.
    pub network: Network,
}

impl Stage {
    pub fn build() -> Result<Self> {
        let mut network = Network::new()?;
        let authority = Authority::new(&network.folder().join("certificates"))?;
        let visitor = network.host("visitor", &["198.51.100.30"])?;
        let operator = network.host("operator", &[OPERATOR])?;
        let names = NameServer::start(&network.host("dns", &["192.0.2.53"])?)?;
        let control_host = network.host("control", &["192.0.2.80"])?;
        let answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_vec();
        let control = FaultServer::start(&control_host, control_host.at(80), Fault::Respond(answer))?;

        let shop_host = network.host("shop", &["203.0.113.10"])?;
        let shop = origin(Site::Shop, shop_host.at(80)).start(&shop_host, "nginx")?;
        // A host firewall as fail2ban and its like keep it: a set of addresses that have come too often.
        shop_host.nft(
            "table inet host {\n  set banned { type ipv4_addr; }\n  chain input {\n    \
             type filter hook input priority 0; policy accept;\n    ip saddr @banned drop\n  }\n}\n",
        )?;

        let blog_host = network.host("blog", &["203.0.113.20"])?;
        let mut blog_origin = origin(Site::Blog, blog_host.at(443));
        blog_origin.tls = Some(authority.leaf("blog", &["blog.example.com"], State::Valid)?);
        let blog = blog_origin.start(&blog_host, "nginx")?;

        let node = network.host("node1", &["203.0.113.30"])?;
        let pod = network.pod(&node, "pod", POD)?;
        let docs = origin(Site::Docs, pod.at(8080)).start(&pod, "nginx")?;

        let proxy1 = network.host("proxy1", &[PROXY1, PROXY1_DOCS, PROXY1_NEW])?;
        let proxy2 = network.host("proxy2", &[PROXY2])?;
        let shop_proxy = Proxy::new(Kind::Nginx, &[Site::Shop.edge()], &[shop_host.at(80)]);
        let docs_proxy = Proxy::new(Kind::Nginx, &[Site::Docs.edge()], &[pod.at(8080)]);
        let mut blog_proxy = Proxy::new(Kind::Haproxy, &[Site::Blog.edge()], &[blog_host.at(443)]);
        blog_proxy.tls = Some(authority.leaf("edge", &["blog.example.com"], State::Valid)?);
        blog_proxy.origin_tls = true;
        blog_proxy.verify = Some(authority.file());
        blog_proxy.server_name = Some("blog.example.com".to_owned());
        let proxies = [
            shop_proxy.start(&proxy1, "nginx-shop")?,
            docs_proxy.start(&proxy1, "nginx-docs")?,
            blog_proxy.start(&proxy2, "haproxy")?,
        ];

        for site in Site::ALL {
            names.answer(&format!("{}.example.com", site.name()), &[site.edge().ip()]);
        }
        Ok(Self {
            operator,
            node,
            pod,
            visitor,
            authority,
            names,
            control: format!("http://{}/", control_host.address()),
            shop,
            blog,
            blog_origin,
            proxy1,
            shop_host,
            _docs: docs,
            _proxies: proxies,
            _control: control,
            network,
        })
    }

    /// The status that a visitor gets; 0 without an answer.
    pub fn visit(&self, site: Site) -> Result<u16> {
        let output = self
            .visitor
            .command("curl")
            .args(["-s", "-m", "10", "-o", "/dev/null", "-w", "%{http_code}", "--noproxy", "*", "--cacert"])
            .arg(self.authority.file())
            .args(site.resolved())
            .arg(site.url())
            .output()
            .context("curl as a visitor")?;
        String::from_utf8_lossy(&output.stdout).parse().context("the status that curl prints")
    }

    /// Visits until one of these statuses is what visitors get.
    pub fn visit_until(&self, site: Site, wanted: &[u16], within: Duration) -> Result<u16> {
        let deadline = std::time::Instant::now() + within;
        loop {
            interrupt::check()?;
            let got = self.visit(site)?;
            if wanted.contains(&got) {
                return Ok(got);
            }
            if std::time::Instant::now() >= deadline {
                bail!("a visitor of {} still gets {got} after {within:?}, not {wanted:?}", site.url());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Has the shop's firewall drop what the proxy sends. Returns the command.
    pub fn ban_proxy(&self) -> Result<String> {
        run(&self.shop_host, &format!("nft add element inet host banned {{ {PROXY1} }}"))
    }

    pub fn pardon_proxy(&self) -> Result<String> {
        run(&self.shop_host, &format!("nft delete element inet host banned {{ {PROXY1} }}"))
    }

    pub fn stop_shop(&mut self) {
        self.shop.stop();
    }

    pub fn start_shop(&mut self) -> Result<()> {
        self.shop.start_again()
    }

    /// Gives the blog's server a certificate in this state.
    pub fn certify_blog(&mut self, state: State) -> Result<()> {
        self.blog_origin.tls = Some(self.authority.leaf("blog", &["blog.example.com"], state)?);
        self.blog_origin.apply(&mut self.blog)
    }

    /// Has the proxy connect to its origins from [`NEW_EDGE`]. Returns the command.
    pub fn move_proxy(&self) -> Result<String> {
        run(&self.proxy1, &format!("ip route replace default via {} dev eth0 src {PROXY1_NEW}", crate::network::ROUTER))
    }
}

fn origin(site: Site, listen: SocketAddr) -> Origin {
    let mut origin = Origin::new(&[listen]);
    origin.marker = Some(("X-Origin".to_owned(), site.name().to_owned()));
    origin
}

fn run(host: &Host, command: &str) -> Result<String> {
    host.exec(&command.split_whitespace().collect::<Vec<_>>())?;
    Ok(command.to_owned())
}
