//! Who reads the documents: somebody with a laptop, a cluster without Leeward, and the site of the quickstart behind its
//! proxy. The site's own firewall drops the proxy, and answers everybody else.

use crate::kubelet::Kubelet;
use lab::certificates::{Authority, State};
use lab::control_plane::{Bridge, ControlPlane};
use lab::dns::NameServer;
use lab::network::{Host, Network};
use lab::process::run;
use lab::servers::nginx::Nginx;
use lab::servers::proxy::RunningProxy;
use lab::servers::{Kind, Origin, Proxy};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use tempfile::TempDir;

pub const NAMESPACE: &str = "leeward-system";
const EDGE: &str = "198.51.100.10";
const FIREWALL: &str = "table inet host {\n  chain input {\n    type filter hook input priority 0; policy accept;\n    \
                        ip saddr 198.51.100.10 tcp dport 443 drop\n  }\n}\n";

pub struct Reader {
    pub kubelet: Kubelet,
    pub server: Arc<ControlPlane>,
    laptop: Host,
    origin_host: Host,
    roots: PathBuf,
    /// Holds a checkout, programs, and what commands write.
    folder: TempDir,
    _bridge: Bridge,
    _names: NameServer,
    _origin: Nginx,
    _proxy: RunningProxy,
}

impl Reader {
    pub fn start() -> Self {
        let mut network = Network::new().unwrap();
        let folder = lab::cleanup::folder("reader").unwrap();
        let authority = Authority::new(&folder.path().join("authority")).unwrap();
        let leaf = |name: &str| authority.leaf(name, &["shop.example.com"], State::Valid).unwrap();

        let names = NameServer::start(&network.host("dns", &["192.0.2.53"]).unwrap()).unwrap();
        names.answer("shop.example.com", &[EDGE.parse().unwrap()]);
        let origin_host = network.host("origin", &["203.0.113.10"]).unwrap();
        let mut origin = Origin::new(&[origin_host.at(443)]);
        origin.tls = Some(leaf("origin"));
        let origin = origin.start(&origin_host, "nginx").unwrap();
        let edge = network.host("edge", &[EDGE]).unwrap();
        let mut proxy = Proxy::new(Kind::Nginx, &[edge.at(443)], &[origin_host.at(443)]);
        proxy.tls = Some(leaf("edge"));
        proxy.origin_tls = true;
        proxy.server_name = Some("shop.example.com".to_owned());
        let proxy = proxy.start(&edge, "nginx").unwrap();
        let laptop = network.host("laptop", &["198.51.100.30"]).unwrap();

        let server = Arc::new(ControlPlane::start().unwrap());
        server.kubectl(&["create", "namespace", "shop"]).unwrap();
        let bridge = server.open_in(&laptop).unwrap();
        let roots = authority.file();
        let kubelet = Kubelet::start_in(&server, NAMESPACE, network, Some(roots.clone()));
        let reader = Self {
            kubelet,
            server,
            laptop,
            origin_host,
            roots,
            folder,
            _bridge: bridge,
            _names: names,
            _origin: origin,
            _proxy: proxy,
        };
        reader.check_out();
        reader
    }

    /// The site's firewall begins to drop the proxy.
    pub fn break_site(&self) {
        self.origin_host.nft(FIREWALL).unwrap();
    }

    pub fn repair_site(&self) {
        self.origin_host.nft("delete table inet host\n").unwrap();
    }

    /// Files of the checkout, programs on the path, and files of the reader's own that pages speak of.
    fn check_out(&self) {
        let (checkout, place) = (lab::tools::checkout(), self.folder.path());
        for name in ["charts", "crds", "deploy", "docs", "examples", "hack", "tests"] {
            std::fs::create_dir_all(place.join("checkout")).unwrap();
            symlink(checkout.join(name), place.join("checkout").join(name)).unwrap();
        }
        std::fs::create_dir_all(place.join("bin")).unwrap();
        let leeward = PathBuf::from(env!("CARGO_BIN_EXE_leeward"));
        for (name, program) in [
            ("kubectl", self.server.kubectl_program()),
            ("helm", lab::tools::helm().unwrap()),
            ("leeward", leeward.clone()),
            ("kubectl-leeward", leeward),
        ] {
            symlink(program, place.join("bin").join(name)).unwrap();
        }
        let own = checkout.join("tests/documents/shop");
        run(Command::new("cp").arg("-r").arg(&own).arg(place.join("checkout/shop"))).unwrap();
        run(Command::new("cp").arg(checkout.join("tests/cli/visitors.txt")).arg(place.join("checkout"))).unwrap();
        for file in ["origin.yaml", "network.yaml"] {
            run(Command::new("cp").arg(own.join(file)).arg(place.join("checkout"))).unwrap();
        }
        std::fs::write(place.join("resolv.conf"), "nameserver 192.0.2.53\n").unwrap();
    }

    /// Runs it in a shell on the laptop, in the checkout, as the administrator of the cluster.
    pub fn run(&self, text: &str) -> Output {
        let place = self.folder.path();
        let mut command = self.laptop.command("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c"]);
        command.arg("mount --bind \"$RESOLV\" /etc/resolv.conf; mount --bind \"$ROOTS\" /etc/ssl/certs/ca-certificates.crt; exec timeout 300 bash -euo pipefail -c \"$1\"");
        command.arg("sh").arg(text).current_dir(place.join("checkout"));
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", place.join("bin").display()));
        command.env("RESOLV", place.join("resolv.conf")).env("ROOTS", &self.roots);
        command.env("KUBECONFIG", self.server.kubeconfig()).env("HOME", place);
        command.env_remove("KUBECACHEDIR").env("NO_COLOR", "1");
        for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"] {
            command.env_remove(proxy);
        }
        command.output().unwrap()
    }

    /// A cluster as if Leeward had never been there.
    pub fn forget(&self) {
        let said = self.run(
            "helm uninstall leeward --namespace leeward-system --ignore-not-found --wait
             kubectl delete crd,clusterrole,clusterrolebinding -l app.kubernetes.io/name=leeward --ignore-not-found
             kubectl delete crd protectedorigins.leeward.dev proxynetworks.leeward.dev --ignore-not-found
             kubectl delete namespace leeward-system --ignore-not-found",
        );
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    }
}
