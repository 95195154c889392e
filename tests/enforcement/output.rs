//! The output ConfigMap: its keys, written to files as a sidecar does it, are what a real nginx and a real HAProxy read.

use crate::life::Site;
use crate::stage::{OPERATOR, at_once, stage, status};
use lab::network::Host;
use lab::process::wait_until;
use lab::servers::nginx::Nginx;
use lab::servers::{Kind, Proxy};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Beside those of the life: together as many as a ProxyNetwork may hold.
fn many() -> Vec<String> {
    let prefix = |number: u32| std::net::Ipv4Addr::from((20 << 24) + number * 32);
    (0..3997).map(|number| format!("{}/28", prefix(number))).collect()
}

/// The text under a key of the ConfigMap that the operator wrote.
fn key(namespace: &str, key: &str) -> String {
    let map = stage().server.get(namespace, "configmap", "leeward-site").unwrap();
    map["data"][key].as_str().unwrap().to_owned()
}

fn site(name: &'static str, old: &'static str, new: &'static str, origin: SocketAddr, provider: &str) -> Site {
    Site {
        name,
        edge: Site::edge(&format!("{name}-edge"), old, new),
        port: 80,
        old,
        new,
        origin,
        spec: Site::at_address(origin.ip(), provider),
        target: "type: ConfigMap",
    }
}

/// The resource is there, and its list is in the ConfigMap.
fn enforce(site: &Site) {
    Site::permit(site.name, &["config-map"]);
    site.publish(&[site.old], &[]);
    site.apply("Enforce");
    site.await_condition("AllowlistSynced", "True/Synced");
    site.await_condition("OriginHealthy", "True/Healthy");
    site.shows(&["True True Healthy Enforce", "Synced High"]);
}

/// The lists that nginx includes: who is let in, whose header is believed, and the same as a map.
fn write_nginx(folder: &Path, allow: &str, lines: &str) {
    let each = |line: fn(&str) -> String| lines.lines().map(line).collect::<String>();
    fs::write(folder.join("allow.conf"), allow).unwrap();
    fs::write(folder.join("trusted.conf"), each(|prefix| format!("set_real_ip_from {prefix};\n"))).unwrap();
    fs::write(folder.join("proxied.conf"), each(|prefix| format!("{prefix} 1;\n"))).unwrap();
}

/// Three ways to use the list, each on a port of its own:
/// 80 lets in whom the list names; 81 does so as well, and takes the visitor's address from the header; 82 does the same in the
/// way that defeats itself, since `allow` is then compared with the visitor.
const NGINX_ORIGIN: &str = "
log_format seen '$remote_addr';
geo $realip_remote_addr $proxied { default 0; include proxied.conf; }
real_ip_header X-Forwarded-For;
real_ip_recursive on;
server { listen 80; include allow.conf; location / { try_files /page.txt =404; } }
server {
  listen 81;
  access_log seen.log seen;
  include trusted.conf;
  location / {
    if ($proxied = 0) { return 403; }
    try_files /page.txt =404;
  }
}
server { listen 82; include trusted.conf; include allow.conf; location / { try_files /page.txt =404; } }
";

#[test]
fn nginx_and_haproxy_read_what_the_config_map_holds() {
    at_once(nginx_includes_what_the_config_map_holds, haproxy_reads_what_the_config_map_holds);
}

fn nginx_includes_what_the_config_map_holds() {
    let stage = stage();
    let host = stage.host("nginx-origin", &["203.0.113.50"]);
    let site = site("nginx", "198.51.100.60", "198.51.100.65", host.at(80), "Nginx");
    // Before Leeward comes, somebody keeps the list by hand.
    let folder = host.folder().unwrap().join("web");
    fs::create_dir_all(folder.join("www")).unwrap();
    fs::write(folder.join("www/page.txt"), "ok: the site\n").unwrap();
    let by_hand = format!("allow {}/32;\nallow {OPERATOR}/32;\ndeny all;\n", site.old);
    write_nginx(&folder, &by_hand, &format!("{}/32\n{OPERATOR}/32\n", site.old));
    let mut origin = Nginx::start(&host, "web", NGINX_ORIGIN, &[80, 81, 82]).unwrap();
    let forward = |port: u16| {
        format!(
            "server {{ listen {edge}:{port}; location / {{ proxy_pass http://{to}:{port}; proxy_connect_timeout 2s; proxy_read_timeout 3s;\n  \
             proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }} }}\n",
            edge = site.edge.address(),
            to = host.address()
        )
    };
    let edge: String = [80, 81, 82].map(forward).concat();
    let _proxy = Nginx::start(&site.edge, "proxy", &edge, &[80, 81, 82]).unwrap();
    enforce(&site);

    let mut reload = || {
        write_nginx(&folder, &key(site.name, "nginx"), &key(site.name, "lines"));
        let test = ["nginx", "-t", "-e", "error.log", "-c"].map(Into::into);
        let words = [&test[..], &[path(&folder.join("nginx.conf")), "-p".to_owned(), path(&folder)]].concat();
        host.exec(&words.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
        origin.reload(NGINX_ORIGIN).unwrap();
    };
    reload();
    let through =
        |port: u16| status(&stage.visitor, None, SocketAddr::new(site.edge.address(), port), "nginx.example.com");
    assert_eq!([80, 81, 82].map(through), [200, 200, 403]);
    let past = |port: u16| status(&stage.stranger, None, host.at(port), "nginx.example.com");
    assert_eq!([80, 81, 82].map(past), [403, 403, 403]);
    // Who lies about where he comes from gets no further, and the visitor is known by his own address.
    assert_eq!(forged(&stage.stranger, host.at(81), site.old), 403);
    let seen = fs::read_to_string(folder.join("seen.log")).unwrap();
    assert!(seen.lines().any(|line| line == stage.visitor.address().to_string()), "{seen}");

    site.moves(&many(), 403, &mut reload);
    assert_eq!(key(site.name, "lines").lines().count(), 3 + many().len());
    assert_eq!([80, 81, 82].map(through), [200, 200, 403]);
}

/// What somebody gets who says that he was forwarded for a proxy.
fn forged(host: &Host, to: SocketAddr, claimed: &str) -> u16 {
    let mut command = host.command("curl");
    command.args(["-s", "-m", "3", "-o", "/dev/null", "-w", "%{http_code}", "--noproxy", "*"]);
    command.args(["-H", &format!("X-Forwarded-For: {claimed}")]).arg(format!("http://{to}/"));
    String::from_utf8_lossy(&command.output().unwrap().stdout).parse().unwrap()
}

fn path(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// A master with workers, whose listeners survive a reload.
fn haproxy(folder: &Path, listen: SocketAddr) -> String {
    format!(
        "global\n  maxconn 256\n  stats socket {socket} mode 600 level admin expose-fd listeners\n\
         defaults\n  mode http\n  timeout client 30s\n  timeout server 30s\n  timeout connect 2s\n\
         frontend site\n  bind {listen}\n  acl proxied src -f {list}\n  http-request deny deny_status 403 unless proxied\n  \
         http-request return status 200 content-type text/plain string \"ok: the site\"\n",
        socket = path(&folder.join("admin.sock")),
        list = path(&folder.join("proxied.txt")),
    )
}

fn haproxy_reads_what_the_config_map_holds() {
    let stage = stage();
    let host = stage.host("haproxy-origin", &["203.0.113.51"]);
    let site = site("haproxy", "198.51.100.70", "198.51.100.75", host.at(80), "HAProxy");
    let folder: PathBuf = host.folder().unwrap();
    let (config, list) = (folder.join("haproxy.cfg"), folder.join("proxied.txt"));
    fs::write(&config, haproxy(&folder, host.at(80))).unwrap();
    fs::write(&list, format!("# by hand\n{}/32\n{OPERATOR}/32\n", site.old)).unwrap();
    let mut command = host.command("haproxy");
    command.args(["-W", "-db", "-f"]).arg(&config);
    let mut origin = host.spawn("haproxy", &command).unwrap();
    origin.wait_until("listening", Duration::from_secs(10), || host.listens_on(80)).unwrap();
    let _proxy = Proxy::new(Kind::Haproxy, &[site.edge.at(80)], &[host.at(80)]).start(&site.edge, "proxy").unwrap();
    enforce(&site);

    let mut reload = || {
        fs::write(&list, key(site.name, "haproxy")).unwrap();
        host.exec(&["haproxy", "-c", "-f", &path(&config)]).unwrap();
        let workers = || origin.log().matches("New worker").count();
        let before = workers();
        origin.signal(libc::SIGUSR2);
        wait_until("reloaded", Duration::from_secs(10), || workers() > before).unwrap();
    };
    reload();
    assert_eq!((site.visit(), site.stranger()), (200, 403));
    site.moves(&many(), 403, &mut reload);
    assert_eq!(key(site.name, "haproxy").lines().count(), 1 + 3 + many().len());
}
