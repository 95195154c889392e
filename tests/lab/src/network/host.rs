//! One host: a place to run processes and code, with addresses, a firewall and a link that can fail.

use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};

use super::{ROUTER_V6, ip_batch, whole, write_setting};
use crate::cleanup::NAMESPACES;
use crate::process::{Process, run, run_with_input};

/// A host of a [`Network`](super::Network); clones are the same host.
#[derive(Clone, Debug)]
pub struct Host(Arc<Inner>);

/// Where a host's cable ends.
#[derive(Debug)]
pub(super) struct Uplink {
    /// The namespace that forwards for this host.
    pub router: String,
    /// The name of the cable's end over there.
    pub link: String,
    /// The address of that end.
    pub gateway: &'static str,
}

impl Uplink {
    /// Of the router itself, which has nobody above it.
    pub(super) fn none(namespace: &str) -> Self {
        Self { router: namespace.to_owned(), link: "lo".to_owned(), gateway: super::ROUTER }
    }
}

#[derive(Debug)]
struct Inner {
    name: String,
    namespace: String,
    uplink: Uplink,
    addresses: Mutex<Vec<IpAddr>>,
    folder: PathBuf,
}

impl Host {
    pub(super) fn new(name: &str, namespace: &str, uplink: Uplink, addresses: Vec<IpAddr>, folder: &Path) -> Self {
        Self(Arc::new(Inner {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            uplink,
            addresses: Mutex::new(addresses),
            folder: folder.join(name),
        }))
    }

    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The name of its namespace, for `ip netns exec`.
    pub fn namespace(&self) -> &str {
        &self.0.namespace
    }

    pub fn addresses(&self) -> Vec<IpAddr> {
        self.0.addresses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first address.
    pub fn address(&self) -> IpAddr {
        self.addresses().first().copied().unwrap_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED))
    }

    /// The first address with a port.
    pub fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.address(), port)
    }

    /// A folder for files of this host.
    pub fn folder(&self) -> Result<PathBuf> {
        std::fs::create_dir_all(&self.0.folder)?;
        Ok(self.0.folder.clone())
    }

    /// A command that runs inside this host.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", self.namespace()]).arg(program);
        command
    }

    /// Runs a program inside this host to its end; stdout, or an error with stderr.
    pub fn exec(&self, words: &[&str]) -> Result<String> {
        let (program, arguments) = words.split_first().context("a command has at least one word")?;
        run(self.command(program).args(arguments))
    }

    /// Starts a program inside this host (made with [`Self::command`]); its output goes to a log in its folder.
    pub fn spawn(&self, name: &str, command: &Command) -> Result<Process> {
        Process::start(&format!("{name} on {}", self.name()), command, &self.folder()?.join(format!("{name}.log")))
    }

    /// Runs code in this host: a thread of its own enters the namespace, and sockets made there stay there, also
    /// when they are moved out.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        let path = Path::new(NAMESPACES).join(self.namespace());
        let namespace = File::open(&path).with_context(|| format!("opening namespace {}", path.display()))?;
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || -> Result<T> {
                // SAFETY: setns takes a valid descriptor and changes only the calling thread, which ends below.
                let entered = unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
                ensure!(entered == 0, "entering {}: {}", path.display(), std::io::Error::last_os_error());
                Ok(work())
            });
            match thread.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// Loads an nftables ruleset, in addition to what is loaded.
    pub fn nft(&self, ruleset: &str) -> Result<()> {
        run_with_input(self.command("nft").args(["-f", "-"]), ruleset)
            .with_context(|| format!("nftables on {}: {ruleset}", self.name()))?;
        Ok(())
    }

    /// Makes these rules the host's whole firewall for incoming packets; what no rule judges is accepted.
    /// Without rules the firewall is gone.
    pub fn firewall(&self, rules: &[&str]) -> Result<()> {
        let body: String = rules.iter().map(|rule| format!("    {rule}\n")).collect();
        self.nft(&format!(
            "flush ruleset\ntable inet host {{\n  chain input {{\n    \
             type filter hook input priority 0; policy accept;\n{body}  }}\n}}\n"
        ))
    }

    /// Adds an address, routed to this host.
    pub fn add_address(&self, address: IpAddr) -> Result<()> {
        self.attach(address)?;
        self.0.addresses.lock().unwrap_or_else(PoisonError::into_inner).push(address);
        Ok(())
    }

    /// Takes an address away. The router goes on looking for it on the wire, as for a machine that was switched off.
    pub fn remove_address(&self, address: IpAddr) -> Result<()> {
        ip_batch(self.namespace(), &format!("addr del {} dev eth0\n", whole(address)))?;
        self.0.addresses.lock().unwrap_or_else(PoisonError::into_inner).retain(|own| *own != address);
        Ok(())
    }

    /// Pulls the cable.
    pub fn link_down(&self) -> Result<()> {
        ip_batch(self.namespace(), "link set eth0 down\n")
    }

    /// Plugs it in; also what makes a new host ready.
    pub fn link_up(&self) -> Result<()> {
        self.inside(|| {
            // Any user may ping, as in a container of a current runtime; in a user namespace there is only one.
            write_setting("net/ipv4/ping_group_range", "0 2147483647")
                .or_else(|_| write_setting("net/ipv4/ping_group_range", "0 0"))?;
            write_setting("net/ipv6/conf/eth0/accept_ra", "0")
        })??;
        let gateway = self.0.uplink.gateway;
        ip_batch(
            self.namespace(),
            &format!(
                "link set eth0 up\n\
                 route replace {gateway} dev eth0 scope link\n\
                 route replace default via {gateway} dev eth0\n\
                 route replace ::/0 via {ROUTER_V6} dev eth0\n"
            ),
        )
    }

    /// A TCP socket of this host listens on the port, whatever its firewall says.
    pub fn listens_on(&self, port: u16) -> bool {
        let wanted = format!(":{port:04X}");
        self.inside(|| {
            ["tcp", "tcp6"].iter().any(|family| {
                let table = std::fs::read_to_string(Path::new("/proc/thread-self/net").join(family));
                table.unwrap_or_default().lines().any(|line| {
                    let mut columns = line.split_ascii_whitespace().skip(1);
                    let local = columns.next().unwrap_or_default();
                    local.ends_with(&wanted) && columns.nth(1) == Some("0A")
                })
            })
        })
        .unwrap_or(false)
    }

    pub(super) fn attach(&self, address: IpAddr) -> Result<()> {
        let nodad = if address.is_ipv6() { " nodad" } else { "" };
        ip_batch(self.namespace(), &format!("addr add {} dev eth0{nodad}\n", whole(address)))?;
        self.attach_route(address)
    }

    pub(super) fn attach_route(&self, address: IpAddr) -> Result<()> {
        let Uplink { router, link, .. } = &self.0.uplink;
        ip_batch(router, &format!("route replace {} dev {link}\n", whole(address)))
    }

    /// Makes the way to this host take no larger packet than this.
    pub fn narrow(&self, largest: u32) -> Result<()> {
        let Uplink { router, link, .. } = &self.0.uplink;
        let routes = self
            .addresses()
            .into_iter()
            .map(|address| format!("route replace {} dev {link} mtu lock {largest}\n", whole(address)));
        ip_batch(router, &routes.collect::<String>())
    }

    pub(super) fn link(&self) -> &str {
        &self.0.uplink.link
    }
}
