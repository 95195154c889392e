//! The PROXY protocol preamble: who is connected to whom, before the first byte of anything else.

use super::fault::{self, Ended};
use crate::api::Phase;
use crate::api::spec::ProxyProtocol;
use std::net::SocketAddr;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// The twelve bytes that version 2 begins with.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Version 2, command PROXY.
const COMMAND: u8 = 0x21;

/// Sends the preamble. It is a single small write, which the socket's buffer takes at once.
pub(super) async fn send(stream: &mut TcpStream, version: ProxyProtocol) -> Result<(), Ended> {
    if version == ProxyProtocol::None {
        return Ok(());
    }
    let written = async {
        let bytes = bytes(version, stream.local_addr()?, stream.peer_addr()?);
        stream.write_all(&bytes).await
    };
    written.await.map_err(|error| fault::established(&error, Phase::Connect))
}

fn bytes(version: ProxyProtocol, from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    match version {
        ProxyProtocol::None => Vec::new(),
        ProxyProtocol::V1 => {
            let family = if from.is_ipv4() { "TCP4" } else { "TCP6" };
            format!("PROXY {family} {} {} {} {}\r\n", from.ip(), to.ip(), from.port(), to.port()).into_bytes()
        }
        ProxyProtocol::V2 => {
            let mut all = SIGNATURE.to_vec();
            all.push(COMMAND);
            let mut place = |kind: u8, length: u16, addresses: &[&[u8]]| {
                all.push(kind);
                all.extend(length.to_be_bytes());
                for address in addresses {
                    all.extend(*address);
                }
            };
            match (from, to) {
                (SocketAddr::V4(a), SocketAddr::V4(b)) => place(0x11, 12, &[&a.ip().octets(), &b.ip().octets()]),
                (SocketAddr::V6(a), SocketAddr::V6(b)) => place(0x21, 36, &[&a.ip().octets(), &b.ip().octets()]),
                // A connection has one family; without one the preamble says so.
                _ => {
                    place(0x00, 0, &[]);
                    return all;
                }
            }
            all.extend(from.port().to_be_bytes());
            all.extend(to.port().to_be_bytes());
            all
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_as_the_protocol_says() {
        let (from, to) = ("192.0.2.1:50000".parse().unwrap(), "203.0.113.10:443".parse().unwrap());
        assert_eq!(bytes(ProxyProtocol::V1, from, to), b"PROXY TCP4 192.0.2.1 203.0.113.10 50000 443\r\n");
        let v2 = bytes(ProxyProtocol::V2, from, to);
        assert_eq!(v2.len(), 28);
        assert_eq!(&v2[12..16], &[0x21, 0x11, 0, 12]);
        assert_eq!(&v2[16..24], &[192, 0, 2, 1, 203, 0, 113, 10]);
        assert_eq!(&v2[24..], &[0xc3, 0x50, 0x01, 0xbb]);
        let (from, to) = ("[2001:db8::1]:50000".parse().unwrap(), "[2001:db8::2]:80".parse().unwrap());
        assert_eq!(bytes(ProxyProtocol::V2, from, to).len(), 52);
        assert_eq!(bytes(ProxyProtocol::V1, from, to), b"PROXY TCP6 2001:db8::1 2001:db8::2 50000 80\r\n");
    }
}
