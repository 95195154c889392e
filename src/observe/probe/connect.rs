//! The TCP phase: one address, one attempt, and a witness of the socket whatever comes of it.

use super::fault::{self, Ended};
use super::manner::SMALL_SEGMENT;
use super::tcp_info::Witness;
use crate::api::Phase;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

/// What became of an attempt. The witness is there also when it failed, except where not even a
/// socket could be had.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) witness: Option<Witness>,
    pub(super) result: Result<TcpStream, Ended>,
}

/// Connects within the deadline; with small segments announced if wanted.
pub(super) async fn connect(address: SocketAddr, deadline: Instant, small_segments: bool) -> Attempt {
    let started = Instant::now();
    let socket = match open(address, small_segments) {
        Ok(socket) => socket,
        Err(error) => return Attempt { witness: None, result: Err(fault::connect(&error, started.elapsed(), false)) },
    };
    let witness = Witness::of(&socket).ok();
    let sent = || witness.as_ref().is_none_or(Witness::sent_anything);
    let result = match establish(socket, address, deadline).await {
        Ok(Some(stream)) => Ok(stream),
        Ok(None) => Err(Ended::deadline(Phase::Connect)),
        Err(error) => Err(fault::connect(&error, started.elapsed(), sent())),
    };
    Attempt { witness, result }
}

fn open(address: SocketAddr, small_segments: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    // A probe is a handful of small writes; waiting to merge them would be measured as the server's time.
    socket.set_tcp_nodelay(true)?;
    if small_segments {
        socket.set_tcp_mss(SMALL_SEGMENT)?;
    }
    Ok(socket)
}

/// `None` when the deadline passed.
async fn establish(socket: Socket, address: SocketAddr, deadline: Instant) -> io::Result<Option<TcpStream>> {
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
        _ => {}
    }
    let stream = TcpStream::from_std(socket.into())?;
    match timeout_at(deadline, stream.writable()).await {
        Err(_) => return Ok(None),
        Ok(ready) => ready?,
    }
    match stream.take_error()? {
        Some(error) => Err(error),
        None => Ok(Some(stream)),
    }
}
