//! The network lab by itself: what the real parts do is known before Leeward is asked about it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use lab::certificates::{Authority, State};
use lab::control_plane::free_port;
use lab::dns::{Answer, NameServer};
use lab::network::{Host, Network, Route};
use lab::servers::{Fault, FaultServer, Kind, Origin, Proxy};

/// The status that `from` gets from a URL on an address; 0 when there is no answer.
fn status(from: &Host, url: &str, to: SocketAddr) -> u16 {
    let host = url.split('/').nth(2).unwrap().split(':').next().unwrap();
    let output = from
        .command("curl")
        .args(["-s", "-k", "-m", "10", "-o", "/dev/null", "-w", "%{http_code}", "--noproxy", "*"])
        .args(["--connect-to", &format!("{host}:{}:{to}", to.port()), url])
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).parse().unwrap()
}

#[test]
fn hosts_reach_each_other_and_routes_fail_as_told() {
    let mut network = Network::new().unwrap();
    let a = network.host("a", &["203.0.113.10", "2001:db8::10"]).unwrap();
    let b = network.host("b", &["198.51.100.10", "2001:db8:1::10"]).unwrap();
    for address in a.addresses() {
        b.exec(&["ping", "-c", "1", "-W", "2", &address.to_string()]).unwrap();
    }
    let target = a.at(80);
    let connect = || {
        b.inside(|| {
            let begin = Instant::now();
            let error = std::net::TcpStream::connect_timeout(&target, Duration::from_secs(1)).unwrap_err();
            (error.kind(), error.raw_os_error(), begin.elapsed())
        })
        .unwrap()
    };
    assert_eq!(connect().1, Some(libc::ECONNREFUSED));
    network.route(a.address(), Route::Prohibit).unwrap();
    assert_eq!(connect().1, Some(libc::EHOSTUNREACH));
    network.route(a.address(), Route::Blackhole).unwrap();
    assert_eq!(connect().0, std::io::ErrorKind::TimedOut);
    network.route(a.address(), Route::Deliver).unwrap();
    assert_eq!(connect().1, Some(libc::ECONNREFUSED));
    a.link_down().unwrap();
    assert_eq!(connect().0, std::io::ErrorKind::TimedOut);
    a.link_up().unwrap();
    b.exec(&["ping", "-c", "1", "-W", "2", "203.0.113.10"]).unwrap();

    let namespaces: Vec<String> = network.hosts().iter().map(|host| host.namespace().to_owned()).collect();
    drop(network);
    for namespace in namespaces {
        assert!(!std::path::Path::new("/run/netns").join(&namespace).exists(), "{namespace} is left");
    }
}

#[test]
fn each_proxy_reports_the_same_dropped_connection_with_its_own_status() {
    let mut network = Network::new().unwrap();
    let visitor = network.host("visitor", &["198.51.100.20"]).unwrap();
    let edge = network.host("proxy", &["198.51.100.10"]).unwrap();
    let origin = network.host("origin", &["203.0.113.10"]).unwrap();
    let _site = Origin::new(&[origin.at(80)]).start(&origin, "site").unwrap();
    let ports = [(Kind::Nginx, 80, 504, 502), (Kind::Haproxy, 81, 503, 503), (Kind::Envoy, 82, 503, 503)];
    let _proxies: Vec<_> = ports
        .iter()
        .map(|(kind, port, ..)| {
            Proxy::new(*kind, &[edge.at(*port)], &[origin.at(80)]).start(&edge, &format!("{kind:?}")).unwrap()
        })
        .collect();
    let ask = |port: u16| status(&visitor, &format!("http://shop.example.com:{port}/"), edge.at(port));

    for (kind, port, ..) in ports {
        assert_eq!(ask(port), 200, "{kind:?} with a healthy origin");
    }
    let rule = |verdict: &str| format!("ip saddr {} tcp dport 80 {verdict}", edge.address());
    origin.firewall(&[&rule("drop")]).unwrap();
    for (kind, port, dropped, _) in ports {
        assert_eq!(ask(port), dropped, "{kind:?} when the origin's firewall drops");
    }
    assert_eq!(status(&visitor, "http://shop.example.com:80/", origin.at(80)), 200, "the direct path");
    origin.firewall(&[&rule("reject with tcp reset")]).unwrap();
    for (kind, port, _, reset) in ports {
        assert_eq!(ask(port), reset, "{kind:?} when the origin's firewall resets");
    }
}

#[test]
fn a_proxy_that_verifies_refuses_an_expired_certificate_until_it_is_renewed() {
    let mut network = Network::new().unwrap();
    let visitor = network.host("visitor", &["198.51.100.20"]).unwrap();
    let edge = network.host("proxy", &["198.51.100.10"]).unwrap();
    let origin = network.host("origin", &["203.0.113.10"]).unwrap();
    let authority = Authority::new(&network.folder().join("certificates")).unwrap();
    let mut configuration = Origin::new(&[origin.at(443)]);
    configuration.tls = Some(authority.leaf("origin", &["shop.example.com"], State::Expired).unwrap());
    let mut site = configuration.start(&origin, "site").unwrap();
    let kinds = [(Kind::Nginx, 443, 502), (Kind::Haproxy, 444, 503), (Kind::Envoy, 445, 503)];
    let _proxies: Vec<_> = kinds
        .iter()
        .map(|(kind, port, _)| {
            let mut proxy = Proxy::new(*kind, &[edge.at(*port)], &[origin.at(443)]);
            proxy.tls = Some(authority.leaf("edge", &["shop.example.com"], State::Valid).unwrap());
            proxy.origin_tls = true;
            proxy.verify = Some(authority.file());
            proxy.server_name = Some("shop.example.com".into());
            proxy.start(&edge, &format!("{kind:?}")).unwrap()
        })
        .collect();
    let ask = |port: u16| status(&visitor, &format!("https://shop.example.com:{port}/"), edge.at(port));
    for (kind, port, refused) in kinds {
        assert_eq!(ask(port), refused, "{kind:?} with an expired certificate");
    }
    configuration.tls = Some(authority.leaf("origin", &["shop.example.com"], State::Valid).unwrap());
    configuration.apply(&mut site).unwrap();
    for (kind, port, _) in kinds {
        assert_eq!(ask(port), 200, "{kind:?} after the renewal");
    }
}

#[test]
fn the_name_server_answers_as_it_is_told() {
    let mut network = Network::new().unwrap();
    let visitor = network.host("visitor", &["198.51.100.20"]).unwrap();
    let dns = network.host("dns", &["192.0.2.53"]).unwrap();
    let server = NameServer::start(&dns).unwrap();
    server.answer("shop.example.com", &["198.51.100.10".parse().unwrap()]);
    server.set("mute.example.com", Answer::Silent);
    let address = server.address();
    let ask = |name: &'static str| {
        visitor
            .inside(move || {
                let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
                socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
                let mut query = vec![1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
                for label in name.split('.') {
                    query.push(u8::try_from(label.len()).unwrap());
                    query.extend(label.as_bytes());
                }
                query.extend([0, 0, 1, 0, 1]);
                socket.send_to(&query, address).unwrap();
                let mut buffer = [0; 512];
                socket.recv(&mut buffer).map(|length| buffer[..length].to_vec()).ok()
            })
            .unwrap()
    };
    assert!(ask("shop.example.com").unwrap().ends_with(&[198, 51, 100, 10]));
    assert_eq!(ask("mute.example.com"), None);
    assert_eq!(server.queries(), 2);
}

#[test]
fn a_fault_server_counts_the_one_request_it_fails() {
    let (server, address) = FaultServer::on_loopback(None, Fault::CloseMidHeaders).unwrap();
    let output = std::process::Command::new("curl")
        .args(["-s", "-m", "5", "--noproxy", "*", &format!("http://{address}/")])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert_eq!((server.connections(), server.requests()), (1, 1));
    server.set(Fault::CloseAtOnce);
    assert!(std::net::TcpStream::connect(address).is_ok());
    assert_ne!(free_port().unwrap(), 0);
}
