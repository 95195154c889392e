//! Hosts as network namespaces, joined by one router.
//!
//! Every host hangs on a veth of its own and reaches the others through the router, as machines in different data
//! centres do: there is no bridge, packets cross the router's forwarding path, and what a host's firewall or a route
//! does to them is the kernel's own doing. Addresses are documentation addresses and exist only in here; nothing is
//! added to the machine's own network.

mod host;

use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use tempfile::TempDir;

pub use host::Host;
use host::Uplink;

use crate::cleanup::{self, NAMESPACE_PREFIX, remove_namespace};
use crate::process::{run, run_with_input};

/// The router's address, IPv4: every host's gateway, and the sender of its ICMP errors.
pub const ROUTER: &str = "192.0.2.1";
/// The router's address, IPv6.
pub const ROUTER_V6: &str = "fe80::1";

/// A node's address towards its pods; link-local, so that it is the same on every node.
const POD_GATEWAY: &str = "169.254.1.1";

/// What the router does with packets to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Brings them to the host.
    Deliver,
    /// Drops them without a word, as a provider's blackhole does.
    Blackhole,
    /// Answers "administratively prohibited".
    Prohibit,
    /// Answers "host unreachable".
    Unreachable,
}

/// A router and its hosts; all gone when dropped.
#[derive(Debug)]
pub struct Network {
    prefix: String,
    router: Host,
    hosts: Vec<Host>,
    folder: TempDir,
}

impl Network {
    pub fn new() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let folder = cleanup::folder("network")?;
        let prefix = format!("{NAMESPACE_PREFIX}{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let namespace = format!("{prefix}-router");
        add_namespace(&namespace)?;
        let router = Host::new("router", &namespace, Uplink::none(&namespace), Vec::new(), folder.path());
        let this = Self { prefix, router, hosts: Vec::new(), folder };
        forward(&this.router)?;
        Ok(this)
    }

    /// Adds a host with these addresses. Names are short words: they become part of the namespace's name.
    pub fn host(&mut self, name: &str, addresses: &[&str]) -> Result<Host> {
        let addresses = addresses
            .iter()
            .map(|text| text.parse().with_context(|| format!("address {text} of host {name}")))
            .collect::<Result<Vec<IpAddr>>>()?;
        self.join(name, self.router.namespace().to_owned(), ROUTER, addresses)
    }

    /// Adds a host behind another one, which forwards between it and everybody else, as a node does for its pods:
    /// every packet of the pod crosses the node's `forward` hook.
    pub fn pod(&mut self, node: &Host, name: &str, address: &str) -> Result<Host> {
        let address: IpAddr = address.parse().with_context(|| format!("address {address} of pod {name}"))?;
        forward(node)?;
        let pod = self.join(name, node.namespace().to_owned(), POD_GATEWAY, vec![address])?;
        let line = format!("route replace {} via {} dev {} onlink\n", whole(address), node.address(), node.link());
        ip_batch(self.router.namespace(), &line)?;
        Ok(pod)
    }

    fn join(&mut self, name: &str, router: String, gateway: &'static str, addresses: Vec<IpAddr>) -> Result<Host> {
        let namespace = format!("{}-{name}", self.prefix);
        add_namespace(&namespace)?;
        let link = format!("v{}", self.hosts.len());
        ip_batch(
            &router,
            &format!(
                "link add {link} type veth peer name eth0 netns {namespace}\n\
                 addr add {gateway}/32 dev {link}\n\
                 addr add {ROUTER_V6}/64 dev {link} nodad\n\
                 link set {link} up\n"
            ),
        )?;
        let uplink = Uplink { router, link, gateway };
        let host = Host::new(name, &namespace, uplink, addresses.clone(), self.folder.path());
        self.hosts.push(host.clone());
        host.link_up()?;
        for address in addresses {
            host.attach(address)?;
        }
        Ok(host)
    }

    /// The router itself: its firewall sees every packet between two hosts in the `forward` hook.
    pub fn router(&self) -> &Host {
        &self.router
    }

    /// The router no longer tells anybody that a packet was too large.
    pub fn hush(&self) -> Result<()> {
        self.router.nft(
            "table inet hush {\n  chain output {\n    type filter hook output priority 0; policy accept;\n    \
             icmp type destination-unreachable icmp code frag-needed drop\n    \
             icmpv6 type packet-too-big drop\n  }\n}\n",
        )
    }

    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// A folder for files of this network's hosts.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Changes what the router does with packets to one address.
    pub fn route(&self, address: IpAddr, route: Route) -> Result<()> {
        let kind = match route {
            Route::Deliver => {
                let host = self
                    .hosts
                    .iter()
                    .find(|host| host.addresses().contains(&address))
                    .with_context(|| format!("no host of this network has the address {address}"))?;
                return host.attach_route(address);
            }
            Route::Blackhole => "blackhole",
            Route::Prohibit => "prohibit",
            Route::Unreachable => "unreachable",
        };
        ip_batch(self.router.namespace(), &format!("route replace {kind} {}\n", whole(address)))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for host in self.hosts.drain(..) {
            remove_namespace(host.namespace());
        }
        remove_namespace(self.router.namespace());
    }
}

/// An address as the prefix of itself alone.
fn whole(address: IpAddr) -> String {
    let length = if address.is_ipv4() { 32 } else { 128 };
    format!("{address}/{length}")
}

fn add_namespace(name: &str) -> Result<()> {
    run(Command::new("ip").args(["netns", "add", name])).context("a network namespace (needs root)")?;
    run(Command::new("ip").args(["-n", name, "link", "set", "lo", "up"]))?;
    Ok(())
}

/// Lets a host carry packets between others.
fn forward(host: &Host) -> Result<()> {
    host.inside(|| {
        write_setting("net/ipv4/ip_forward", "1")?;
        write_setting("net/ipv6/conf/all/forwarding", "1")
    })?
}

/// Runs lines of `ip` commands inside a namespace, in one process.
fn ip_batch(namespace: &str, lines: &str) -> Result<()> {
    run_with_input(Command::new("ip").args(["-n", namespace, "-batch", "-"]), lines)
        .with_context(|| format!("in {namespace}: {lines}"))?;
    Ok(())
}

/// Writes a kernel setting of the calling thread's namespace.
fn write_setting(name: &str, value: &str) -> Result<()> {
    std::fs::write(Path::new("/proc/sys").join(name), value).with_context(|| format!("setting {name} to {value}"))
}
