//! The route to an address, without privilege: datagrams with small hop limits, and what the kernel
//! keeps of the ICMP errors that they provoke (`IP_RECVERR`), as tracepath does it.
//!
//! For tickets only: a silent router proves nothing, so no rule reads a route.

use futures::future::join_all;
use jiff::Timestamp;
use nix::cmsg_space;
use nix::libc::{sock_extended_err, sockaddr_in6};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout};

/// The first port that tracers have always used: nobody listens there.
const FIRST_PORT: u16 = 33434;
const MOST_HOPS: u8 = 32;
/// Hops that are asked side by side. More would meet the routers' limits on ICMP errors.
const ABREAST: u8 = 4;
const QUERIES: u8 = 3;
const PATIENCE: Duration = Duration::from_millis(700);

/// The routers on the way to an address.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    pub address: IpAddr,
    pub at: Timestamp,
    pub hops: Vec<Hop>,
    /// The address itself answered.
    pub reached: bool,
    /// Why nothing could be traced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<String>,
}

/// What answered at one distance.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Hop {
    pub distance: u8,
    /// More than one where the way is shared out over several.
    pub routers: BTreeSet<IpAddr>,
    pub sent: u8,
    pub answered: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_rtt_us: Option<u32>,
    #[serde(skip)]
    pub(crate) last: bool,
}

/// Traces the way to an address: at most 96 small datagrams, within half a minute.
pub async fn trace(address: IpAddr) -> Route {
    let mut route = Route { address, at: Timestamp::now(), hops: Vec::new(), reached: false, unavailable: None };
    let mut distance = 1;
    while distance <= MOST_HOPS {
        let asked = join_all((distance..distance + ABREAST).map(|d| hop(address, d))).await;
        for answer in asked {
            match answer {
                Ok(hop) => {
                    let last = hop.last;
                    route.reached |= hop.routers.contains(&address);
                    route.hops.push(hop);
                    if last {
                        return route;
                    }
                }
                Err(error) => {
                    route.unavailable = Some(error.to_string());
                    return route;
                }
            }
        }
        distance += ABREAST;
    }
    // Silence at the far end is not a row of routers.
    while route.hops.last().is_some_and(|hop| hop.routers.is_empty()) {
        route.hops.pop();
    }
    route
}

async fn hop(address: IpAddr, distance: u8) -> io::Result<Hop> {
    let mut hop = Hop { distance, routers: BTreeSet::new(), sent: 0, answered: 0, min_rtt_us: None, last: false };
    for query in 0..QUERIES {
        let port = FIRST_PORT + u16::from(distance) * u16::from(QUERIES) + u16::from(query);
        let socket = socket(SocketAddr::new(address, port), distance).await?;
        let departure = Instant::now();
        socket.send(&[0; 32]).await?;
        hop.sent += 1;
        let Ok(answer) = timeout(PATIENCE, answer(&socket)).await else { continue };
        let Answer { router, last } = answer?;
        let rtt = u32::try_from(departure.elapsed().as_micros()).unwrap_or(u32::MAX);
        hop.answered += 1;
        hop.min_rtt_us = Some(hop.min_rtt_us.map_or(rtt, |best| best.min(rtt)));
        hop.last |= last;
        hop.routers.extend(router);
    }
    Ok(hop)
}

async fn socket(target: SocketAddr, distance: u8) -> io::Result<UdpSocket> {
    let any: IpAddr = if target.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    let options = socket2::SockRef::from(&socket);
    if target.is_ipv4() {
        setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?;
        options.set_ttl_v4(distance.into())?;
    } else {
        setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?;
        options.set_unicast_hops_v6(distance.into())?;
    }
    socket.connect(target).await?;
    Ok(socket)
}

/// One ICMP error.
struct Answer {
    router: Option<IpAddr>,
    /// Not "time exceeded": the way ends here.
    last: bool,
}

async fn answer(socket: &UdpSocket) -> io::Result<Answer> {
    loop {
        socket.ready(Interest::ERROR).await?;
        match socket.try_io(Interest::ERROR, || queued(socket)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => return done,
        }
    }
}

/// Takes one error from the socket's queue.
fn queued(socket: &UdpSocket) -> io::Result<Answer> {
    let mut bytes = [0; 512];
    let mut iov = [IoSliceMut::new(&mut bytes)];
    let mut space = cmsg_space!(sock_extended_err, sockaddr_in6);
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut iov, Some(&mut space), flags)?;
    for control in message.cmsgs()? {
        let (error, router) = match control {
            ControlMessageOwned::Ipv4RecvErr(error, from) => {
                (error, from.map(|a| IpAddr::from(Ipv4Addr::from(u32::from_be(a.sin_addr.s_addr)))))
            }
            ControlMessageOwned::Ipv6RecvErr(error, from) => {
                (error, from.map(|a| IpAddr::from(Ipv6Addr::from(a.sin6_addr.s6_addr))))
            }
            _ => continue,
        };
        return Ok(Answer { router, last: !exceeded(&error) });
    }
    Err(io::ErrorKind::WouldBlock.into())
}

/// "Time exceeded" of RFC 792 (type 11) and RFC 4443 (type 3).
const fn exceeded(error: &sock_extended_err) -> bool {
    const ICMP: u8 = 2;
    const ICMP6: u8 = 3;
    matches!((error.ee_origin, error.ee_type), (ICMP, 11) | (ICMP6, 3))
}
