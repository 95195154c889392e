//! What the kernel knows of a connection: `TCP_INFO`, read through a descriptor of our own.
//!
//! Loss, round-trip time and the signature of a path that swallows large packets are all in there,
//! without any privilege, and they are wanted most when the connection failed. By then tokio or hyper
//! has dropped the socket, so a [`Witness`] holds a duplicate of the descriptor.
//!
//! This is the one module with unsafe code: the standard library has no `getsockopt(TCP_INFO)`.
#![allow(unsafe_code)]

use crate::evidence::probe::TcpFacts;
use socket2::Socket;
use std::io;
use std::os::fd::AsRawFd;

/// The kernel writes at most this much of `struct tcp_info`; all fields read here lie in the first 232 bytes.
const LENGTH: usize = 256;

/// A duplicated descriptor of a probe's socket. The connection closes when this is dropped too.
#[derive(Debug)]
pub(super) struct Witness(Socket);

impl Witness {
    pub(super) fn of(socket: &Socket) -> io::Result<Self> {
        socket.try_clone().map(Self)
    }

    /// The facts as of now; `None` where the kernel refuses.
    pub(super) fn facts(&self) -> Option<TcpFacts> {
        self.read().map(|info| info.facts())
    }

    /// Whether a single segment left this machine. None did when the route was missing.
    pub(super) fn sent_anything(&self) -> bool {
        self.read().is_none_or(|info| info.u32(SEGMENTS_OUT) > 0)
    }

    fn read(&self) -> Option<Info> {
        let mut bytes = [0_u8; LENGTH];
        let mut length = libc::socklen_t::try_from(LENGTH).ok()?;
        // SAFETY: the descriptor is open for as long as `self` lives; `bytes` is writable for `length`
        // bytes and the kernel writes no more than that, storing in `length` how many it wrote.
        // Every bit pattern is a valid `u8`, and what an older kernel leaves out stays zero.
        let result = unsafe {
            libc::getsockopt(
                self.0.as_raw_fd(),
                libc::IPPROTO_TCP,
                libc::TCP_INFO,
                bytes.as_mut_ptr().cast::<libc::c_void>(),
                &raw mut length,
            )
        };
        (result == 0).then_some(Info(bytes))
    }
}

// Offsets into `struct tcp_info` of linux/tcp.h: a kernel ABI that only ever grows at its end, so
// reading by offset is independent of how much of it the C library's header knows.
const PATH_MTU: usize = 60;
const RTT: usize = 68;
const RTT_VAR: usize = 72;
const TOTAL_RETRANS: usize = 100;
const BYTES_ACKED: usize = 120;
const BYTES_RECEIVED: usize = 128;
const SEGMENTS_OUT: usize = 136;
const MIN_RTT: usize = 148;
const DATA_SEGMENTS_IN: usize = 152;
const OUT_OF_ORDER: usize = 224;

struct Info([u8; LENGTH]);

impl Info {
    fn u32(&self, offset: usize) -> u32 {
        self.0.get(offset..offset + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_ne_bytes)
    }

    fn u64(&self, offset: usize) -> u64 {
        self.0.get(offset..offset + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_ne_bytes)
    }

    fn facts(&self) -> TcpFacts {
        TcpFacts {
            rtt_us: self.u32(RTT),
            rtt_var_us: self.u32(RTT_VAR),
            // All ones: never measured.
            min_rtt_us: Some(self.u32(MIN_RTT)).filter(|us| *us != u32::MAX).unwrap_or_default(),
            retransmits: self.u32(TOTAL_RETRANS),
            bytes_acked: self.u64(BYTES_ACKED),
            bytes_received: self.u64(BYTES_RECEIVED),
            out_of_order: self.u32(OUT_OF_ORDER),
            segments_in: self.u32(DATA_SEGMENTS_IN),
            path_mtu: self.u32(PATH_MTU),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    #[test]
    fn a_witness_outlives_the_stream_and_counts_its_bytes() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let witness = Witness::of(&socket).unwrap();
        assert!(!witness.sent_anything());
        socket.connect(&listener.local_addr().unwrap().into()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        let mut stream: std::net::TcpStream = socket.into();
        peer.write_all(b"0123456789").unwrap();
        stream.write_all(b"hello").unwrap();
        let mut received = [0; 10];
        stream.read_exact(&mut received).unwrap();
        peer.read_exact(&mut received[..5]).unwrap();
        drop(stream);
        let facts = witness.facts().unwrap();
        assert_eq!((facts.bytes_received, facts.segments_in), (10, 1));
        assert!(facts.bytes_acked >= 5, "{facts:?}");
        assert!(facts.min_rtt_us > 0 && facts.min_rtt_us <= facts.rtt_us, "{facts:?}");
        assert!(facts.rtt_us > 0 && facts.path_mtu > 1000, "{facts:?}");
        assert!(witness.sent_anything());
    }
}
