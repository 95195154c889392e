//! The API server inside a host: a listener that relays to the real one, at the same loopback address or at one that other
//! hosts reach.
//!
//! With it one kubeconfig works everywhere, and the machine's own network stays untouched.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::network::Host;

/// A relay; connections through it end when it is dropped or the network is.
#[derive(Debug)]
pub struct Bridge {
    closed: Arc<AtomicBool>,
}

impl Bridge {
    pub(super) fn open(host: &Host, listen: SocketAddr, port: u16) -> Result<Self> {
        let listener = host
            .inside(|| TcpListener::bind(listen))?
            .with_context(|| format!("listening on {listen} of {}", host.name()))?;
        listener.set_nonblocking(true)?;
        let closed = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&closed);
        std::thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((client, _)) => relay(client, port, &until),
                    Err(_) => std::thread::sleep(Duration::from_millis(5)),
                }
            }
        });
        Ok(Self { closed })
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}

/// Copies both ways until either side ends; a server that is away closes the client's connection at once.
fn relay(client: TcpStream, port: u16, closed: &Arc<AtomicBool>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else {
        return;
    };
    let both = [(&client, &server), (&server, &client)].map(|(from, to)| Ok((from.try_clone()?, to.try_clone()?)));
    for pair in both {
        let pair: io::Result<(TcpStream, TcpStream)> = pair;
        let Ok((mut from, mut to)) = pair else { return };
        let closed = Arc::clone(closed);
        std::thread::spawn(move || {
            let _ = from.set_nonblocking(false);
            let _ = copy_while_open(&mut from, &mut to, &closed);
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
}

fn copy_while_open(from: &mut TcpStream, to: &mut TcpStream, closed: &AtomicBool) -> io::Result<()> {
    use std::io::{ErrorKind, Read, Write};
    from.set_read_timeout(Some(Duration::from_millis(500)))?;
    let mut buffer = vec![0; 32 * 1024];
    while !closed.load(Ordering::Relaxed) {
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => to.write_all(&buffer[..length])?,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
