//! Echo requests without privilege: the kernel's datagram ICMP sockets.
//!
//! The kernel gives every such socket an identifier of its own and delivers only replies to it, so two
//! pings of one address cannot take each other's replies. Where `net.ipv4.ping_group_range` does not
//! admit this process (it governs IPv6 too), the answer is an honest `Unavailable`, never a loss.

use crate::api::Outcome;
use crate::evidence::fact::Ping;
use crate::evidence::jitter::Jitter;
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket as StdUdpSocket};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

/// Between two requests.
const GAP: Duration = Duration::from_millis(200);
/// After the last request.
const PATIENCE: Duration = Duration::from_secs(1);
const ECHO_V4: u8 = 8;
const ECHO_V6: u8 = 128;
const REPLY_V4: u8 = 0;
const REPLY_V6: u8 = 129;

/// Whether this process may ping, by family; the reason where it may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EchoAbility {
    pub v4: Result<(), String>,
    pub v6: Result<(), String>,
}

impl EchoAbility {
    /// Tries to open a socket of each family.
    pub fn find_out() -> Self {
        let attempt = |domain| open(domain).map(|_| ()).map_err(|error| reason(&error));
        Self { v4: attempt(Domain::IPV4), v6: attempt(Domain::IPV6) }
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "net.ipv4.ping_group_range does not include this process's group".to_owned(),
        _ => format!("cannot open an ICMP socket: {error}"),
    }
}

fn open(domain: Domain) -> io::Result<Socket> {
    let protocol = if domain == Domain::IPV4 { Protocol::ICMPV4 } else { Protocol::ICMPV6 };
    Socket::new(domain, Type::DGRAM.nonblocking(), Some(protocol))
}

/// Sends `count` echo requests, one every 200 ms, and counts the replies.
pub(super) async fn ping(address: IpAddr, count: u32, vantage: &str) -> Ping {
    let mut fact = Ping {
        vantage: vantage.to_owned(),
        address,
        outcome: Outcome::Unavailable,
        sent: 0,
        received: 0,
        min_rtt_us: None,
        max_rtt_us: None,
        jitter_us: None,
    };
    let Ok(socket) = connected(address) else { return fact };
    let Ok(tally) = burst(&socket, address, u16::try_from(count).unwrap_or(u16::MAX)).await else { return fact };
    fact.sent = tally.sent;
    fact.received = u32::try_from(tally.times.len()).unwrap_or(u32::MAX);
    fact.min_rtt_us = tally.times.values().min().copied();
    fact.max_rtt_us = tally.times.values().max().copied();
    fact.jitter_us = jitter(&tally.times);
    fact.outcome = match (tally.sent, tally.times.is_empty()) {
        (0, _) => Outcome::Unavailable,
        (_, true) => Outcome::Lost,
        (_, false) => Outcome::OK,
    };
    fact
}

fn connected(address: IpAddr) -> io::Result<UdpSocket> {
    let target = SocketAddr::new(address, 0);
    let socket = open(Domain::for_address(target))?;
    socket.connect(&target.into())?;
    UdpSocket::from_std(StdUdpSocket::from(socket))
}

/// Requests that left, and round-trip times in microseconds by sequence number.
#[derive(Default)]
struct Tally {
    sent: u32,
    times: BTreeMap<u16, u32>,
}

async fn burst(socket: &UdpSocket, address: IpAddr, count: u16) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let mut departures = BTreeMap::new();
    let mut tick = interval(GAP);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for sequence in 0..count {
        collect_until(socket, address, &departures, &mut tally, tick.tick()).await;
        departures.insert(sequence, Instant::now());
        match socket.send(&packet(address, sequence)).await.map_err(|e| (e.raw_os_error(), e)) {
            // An ICMP error that answered an earlier request is reported here; that one was lost.
            Ok(_) | Err((Some(libc::EHOSTUNREACH | libc::ECONNREFUSED), _)) => tally.sent += 1,
            Err((_, error)) if tally.sent == 0 => return Err(error),
            Err(_) => {}
        }
    }
    let all = usize::from(count);
    let end = Instant::now() + PATIENCE;
    while tally.times.len() < all {
        if timeout_at(end, collect(socket, address, &departures, &mut tally)).await.is_err() {
            break;
        }
    }
    Ok(tally)
}

/// Collects replies while `other` is not ready.
async fn collect_until<T>(
    socket: &UdpSocket,
    address: IpAddr,
    departures: &BTreeMap<u16, Instant>,
    tally: &mut Tally,
    other: impl Future<Output = T>,
) {
    let mut other = std::pin::pin!(other);
    loop {
        tokio::select! {
            biased;
            _ = &mut other => return,
            () = collect(socket, address, departures, tally) => {}
        }
    }
}

/// Takes one datagram. Errors of earlier requests wake it too and count as nothing.
async fn collect(socket: &UdpSocket, address: IpAddr, departures: &BTreeMap<u16, Instant>, tally: &mut Tally) {
    let mut buffer = [0_u8; 128];
    let Ok(length) = socket.recv(&mut buffer).await else { return };
    let reply = if address.is_ipv4() { REPLY_V4 } else { REPLY_V6 };
    let Some([kind, _, _, _, _, _, high, low]) = buffer.get(..length).and_then(|b| b.first_chunk::<8>()) else {
        return;
    };
    let sequence = u16::from_be_bytes([*high, *low]);
    if let (true, Some(departure)) = (*kind == reply, departures.get(&sequence)) {
        let time = u32::try_from(departure.elapsed().as_micros()).unwrap_or(u32::MAX);
        // A duplicate keeps the first time.
        tally.times.entry(sequence).or_insert(time);
    }
}

/// Header and payload; the kernel fills in identifier and checksum (in IPv6 it always computes it).
fn packet(address: IpAddr, sequence: u16) -> [u8; 24] {
    let mut packet = *b"\0\0\0\0\0\0\0\0leeward-echo\0\0\0\0";
    let [high, low] = sequence.to_be_bytes();
    let kind = if address.is_ipv4() { ECHO_V4 } else { ECHO_V6 };
    for (slot, byte) in [(0, kind), (6, high), (7, low)] {
        if let Some(target) = packet.get_mut(slot) {
            *target = byte;
        }
    }
    packet
}

/// Jitter over the replies in the order of their requests.
fn jitter(times: &BTreeMap<u16, u32>) -> Option<u32> {
    let mut jitter = Jitter::default();
    let mut before: Option<u16> = None;
    for (sequence, time) in times {
        if before.is_some_and(|before| sequence.wrapping_sub(before) != 1) {
            jitter.lost();
        }
        jitter.add(*time);
        before = Some(*sequence);
    }
    jitter.value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_nobody_can_ping_is_told() {
        assert_eq!(
            reason(&io::ErrorKind::PermissionDenied.into()),
            "net.ipv4.ping_group_range does not include this process's group"
        );
        assert_eq!(reason(&io::Error::other("none left")), "cannot open an ICMP socket: none left");
    }

    #[test]
    fn jitter_skips_replies_that_are_missing() {
        let times = |list: &[(u16, u32)]| list.iter().copied().collect::<BTreeMap<_, _>>();
        assert_eq!(jitter(&times(&[(0, 100), (1, 180), (2, 180)])), Some(75));
        assert_eq!(jitter(&times(&[(0, 100), (2, 180)])), None);
    }

    #[tokio::test]
    async fn loopback_replies_or_pinging_is_unavailable() {
        let fact = ping("127.0.0.1".parse().unwrap(), 3, "test").await;
        match EchoAbility::find_out().v4 {
            Ok(()) => assert_eq!((fact.outcome, fact.sent, fact.received), (Outcome::OK, 3, 3)),
            Err(_) => assert_eq!((fact.outcome, fact.sent), (Outcome::Unavailable, 0)),
        }
    }
}
