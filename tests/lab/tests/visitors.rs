//! Who is not served is counted.

use std::net::SocketAddr;
use std::time::Duration;

use lab::network::Network;
use lab::servers::{Fault, FaultServer};
use lab::visitors::{Count, Visitors};

#[test]
fn only_a_whole_answer_with_200_counts_as_served() {
    let mut network = Network::new().unwrap();
    let visitor = network.host("visitor", &["192.0.2.60"]).unwrap();
    let host = network.host("server", &["203.0.113.10"]).unwrap();
    let answer = |port: u16, text: &str| {
        FaultServer::start(&host, host.at(port), Fault::Respond(text.as_bytes().to_vec())).unwrap()
    };
    let _servers = [
        answer(80, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"),
        answer(81, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\nConnection: close\r\n\r\nok"),
        answer(82, "HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\n"),
        answer(83, ""),
    ];
    let count = |to: SocketAddr| -> Count {
        let visitors = Visitors::start(&visitor, to, "shop.example.com", 40);
        std::thread::sleep(Duration::from_millis(500));
        visitors.count()
    };
    let served = count(host.at(80));
    assert!(served.lost.is_empty() && served.served >= 8, "{served}");
    for (port, why) in [(81, "cut off"), (82, "502"), (83, "no head"), (84, "connecting")] {
        let lost = count(host.at(port));
        assert!(lost.served == 0 && lost.all() >= 8, "{port}: {lost}");
        assert!(lost.lost.iter().all(|one| one.contains(why)), "{port}: {lost}");
    }
}
