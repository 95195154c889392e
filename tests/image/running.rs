//! The image's root with a real control plane outside of it: unprivileged, read-only, with what a kubelet adds (`/proc`,
//! `/dev`, `resolv.conf`) and a kubeconfig that names the API server by a name.

use crate::layout::unpack;
use lab::control_plane::{Bridge, ControlPlane};
use lab::dns::NameServer;
use lab::network::{Host, Network};
use lab::process::{Process, run, wait_until};
use lab::servers::{Kind, Origin, Proxy};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const PROXY: &str = "198.51.100.10";
const ORIGIN: &str = "203.0.113.10";

/// `enter IMAGE ROOT COMMAND…`: what a runtime does before it starts the image's program. The variables of the caller are
/// the container's.
const ENTER: &str = r#"
set -e
image=$1 root=$2 chroot=$(command -v chroot); shift 2
mount -t tmpfs -o mode=755 tmpfs "$root"
cp -a "$image/." "$root/"
mkdir "$root/proc" "$root/dev"
mount --rbind /proc "$root/proc"; mount --rbind /dev "$root/dev"
mount -o remount,ro "$root"
exec setpriv --no-new-privs "$chroot" --userspec=65532:65532 --groups= "$root" "$@"
"#;

/// Where the image runs.
struct Pod {
    server: ControlPlane,
    host: Host,
    image: PathBuf,
    root: PathBuf,
    _bridge: Bridge,
}

impl Pod {
    fn new(server: ControlPlane, host: Host) -> Self {
        let bridge = server.open_in(&host).unwrap();
        let (image, root) = (host.folder().unwrap().join("image"), host.folder().unwrap().join("root"));
        for folder in [&image, &root] {
            fs::create_dir_all(folder).unwrap();
        }
        unpack(&image);
        fs::write(image.join("etc/resolv.conf"), "nameserver 192.0.2.53\n").unwrap();
        // By name, as in a kubeconfig of a managed cluster; and once more without an authority of its own, so that the
        // bundle of the image has to vouch, to which the test adds that authority.
        let text = server.service_account_kubeconfig("leeward-system", "leeward").unwrap();
        let text = text.replace("https://127.0.0.1:", "https://kubernetes.default.svc:");
        assert!(text.contains("kubernetes.default.svc"), "{text}");
        let (with, without): (Vec<&str>, Vec<&str>) =
            text.lines().partition(|line| line.trim_start().starts_with("certificate-authority-data:"));
        assert_eq!(with.len(), 1);
        fs::write(image.join("kubeconfig"), &text).unwrap();
        fs::write(image.join("kubeconfig-without-authority"), without.join("\n")).unwrap();
        let bundle = image.join("etc/ssl/certs/ca-certificates.crt");
        fs::write(&bundle, fs::read_to_string(&bundle).unwrap() + &server.ca_pem()).unwrap();
        Self { server, host, image, root, _bridge: bridge }
    }

    fn command(&self, kubeconfig: &str, arguments: &[&str]) -> Command {
        let mut command = self.host.command("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", ENTER, "enter"]);
        command.arg(&self.image).arg(&self.root).arg("/leeward").args(arguments);
        command.env("KUBECONFIG", kubeconfig).env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR").env_remove("HOME");
        command
    }

    fn await_condition(&self, wanted: &str, seconds: u64, log: &Process) {
        let jsonpath = "jsonpath={range .status.conditions[?(@.type==\"OriginHealthy\")]}{.status}/{.reason}{end}";
        let mut said = String::new();
        wait_until(wanted, Duration::from_secs(seconds), || {
            said = self.server.kubectl(&["get", "porigin", "-n", "shop", "shop", "-o", jsonpath]).unwrap_or_default();
            said == wanted
        })
        .unwrap_or_else(|e| panic!("{e}, but {said}\n{}", log.log()));
    }
}

fn install(server: &ControlPlane) {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").display().to_string();
    server.kubectl(&["apply", "--server-side", "-k", &deploy]).unwrap();
    for kind in ["protectedorigins", "proxynetworks"] {
        let crd = format!("crd/{kind}.leeward.dev");
        server.kubectl(&["wait", "--for=condition=Established", "--timeout=20s", &crd]).unwrap();
    }
    server.kubectl(&["delete", "deployment", "-n", "leeward-system", "--all"]).unwrap();
    server.kubectl(&["create", "namespace", "shop"]).unwrap();
}

/// As whom a process runs, and on what root.
fn identity(id: u32) -> (String, String) {
    let read = |file: &str| fs::read_to_string(format!("/proc/{id}/{file}")).unwrap();
    let wanted = ["Uid:", "Gid:", "Groups:", "CapPrm:", "CapEff:", "CapAmb:", "NoNewPrivs:"];
    let status = read("status");
    let lines = status.lines().filter(|line| wanted.iter().any(|w| line.starts_with(w)));
    let who = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("\n");
    let mounts = read("mountinfo");
    // Fields: id, parent, device, root, mount point, options.
    let root = mounts.lines().find(|line| line.split(' ').nth(4) == Some("/")).unwrap_or_default();
    (who, root.split(' ').nth(5).unwrap_or_default().to_owned())
}

#[test]
fn it_leads_diagnoses_and_checks_itself_with_nothing_but_its_own_files() {
    let server = ControlPlane::start().unwrap();
    install(&server);
    let mut network = Network::new().unwrap();
    let host = network.host("pod", &["192.0.2.50"]).unwrap();
    let proxy_host = network.host("proxy", &[PROXY]).unwrap();
    let origin_host = network.host("origin", &[ORIGIN]).unwrap();
    let dns_host = network.host("dns", &["192.0.2.53"]).unwrap();
    let dns = NameServer::start(&dns_host).unwrap();
    dns.answer("shop.example.com", &[PROXY.parse().unwrap()]);
    dns.answer("kubernetes.default.svc", &["127.0.0.1".parse().unwrap()]);
    let _origin = Origin::new(&["0.0.0.0:80".parse().unwrap()]).start(&origin_host, "site").unwrap();
    let _proxy =
        Proxy::new(Kind::Nginx, &[proxy_host.at(80)], &[origin_host.at(80)]).start(&proxy_host, "proxy").unwrap();
    let pod = Pod::new(server, host);

    let mut run_it = pod.command("/kubeconfig", &["run", "--recheck-seconds", "1", "--lease-duration-seconds", "5"]);
    run_it.env("POD_NAME", "leeward-0").env("LEEWARD_NAMESPACE", "leeward-system");
    let mut operator = pod.host.spawn("leeward", &run_it).unwrap();
    let ready = || {
        let mut curl = pod.host.command("curl");
        run(curl.args(["-sf", "-m", "2", "-o", "/dev/null", "--noproxy", "*", "http://127.0.0.1:8080/readyz"])).is_ok()
    };
    wait_until("ready", Duration::from_secs(30), ready).unwrap_or_else(|e| panic!("{e}\n{}", operator.log()));
    let holder = ["get", "lease", "-n", "leeward-system", "leeward", "-o", "jsonpath={.spec.holderIdentity}"];
    wait_until("the Lease", Duration::from_secs(30), || {
        pod.server.kubectl(&holder).is_ok_and(|holder| holder.contains("leeward-0"))
    })
    .unwrap_or_else(|e| panic!("{e}\n{}", operator.log()));
    let (who, root) = identity(operator.id());
    assert_eq!(
        who,
        "Uid: 65532 65532 65532 65532\nGid: 65532 65532 65532 65532\nGroups:\nCapPrm: 0000000000000000\nCapEff: 0000000000000000\nCapAmb: 0000000000000000\nNoNewPrivs: 1"
    );
    assert!(root.split(',').any(|option| option == "ro"), "its root is mounted {root}");

    pod.server
        .apply(&format!(
            "apiVersion: leeward.dev/v1alpha1\nkind: ProtectedOrigin\nmetadata: {{name: shop, namespace: shop}}\nspec:\n  proxy: {{url: 'http://shop.example.com/', connectTimeoutSeconds: 2, readTimeoutSeconds: 3}}\n  origin: {{type: Addresses, scheme: HTTP, addresses: {{ips: [{ORIGIN}]}}}}\n  probe: {{periodSeconds: 10, connectTimeoutSeconds: 1, firstByteTimeoutSeconds: 3, pings: 0}}\n"
        ))
        .unwrap();
    pod.await_condition("True/Healthy", 60, &operator);
    origin_host.firewall(&[&format!("ip saddr {PROXY} drop")]).unwrap();
    pod.await_condition("False/ProxyBlocked", 90, &operator);

    // The second kubeconfig has no authority: the image's bundle has to be found.
    for kubeconfig in ["/kubeconfig", "/kubeconfig-without-authority"] {
        let output = pod.command(kubeconfig, &["check", "--namespace", "leeward-system"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        for line in ["rights are there", "holds the Lease leeward-system/leeward"] {
            assert!(said.contains(line), "{kubeconfig}: no {line:?} in\n{said}");
        }
        assert_eq!(output.status.code(), Some(0), "{kubeconfig}: {said}");
    }
    assert_eq!(operator.stop(Duration::from_secs(20)).unwrap(), 0, "{}", operator.log());
}
