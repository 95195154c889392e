//! IPv4 addresses inside IPv6 ones.
//!
//! A gateway, a tunnel or the kernel itself turns such an address back into IPv4, so `64:ff9b::a9fe:a9fe` reaches the
//! metadata service as well as `169.254.169.254` does. Every form that carries an IPv4 address is taken apart, and one
//! address may carry more than one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Shift of the IPv4 address in the IPv6 number, when it sits in one piece.
const AT_END: u32 = 0;
const BEHIND_16: u32 = 80;
const BEHIND_32: u32 = 64;

/// Every IPv4 address that this one may stand for. Empty for IPv4 and for plain IPv6.
pub(super) fn unwrap(address: IpAddr) -> Vec<Ipv4Addr> {
    let IpAddr::V6(v6) = address else {
        return Vec::new();
    };
    let mut found = Vec::new();
    match v6.segments() {
        // ::a.b.c.d (RFC 4291, deprecated), ::ffff:a.b.c.d (mapped), ::ffff:0:a.b.c.d (RFC 2765, translated).
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => found.push(at(v6, AT_END)),
        // Then NAT64 with the well-known prefix (RFC 6052).
        [0, 0, 0, 0, 0, 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => {
            found.push(at(v6, AT_END));
        }
        // NAT64, local use (RFC 8215): the operator chooses the length, so each position that RFC 6052 has counts.
        [0x64, 0xff9b, 1, ..] => found.extend([at(v6, AT_END), around(v6, 48), around(v6, 56), at(v6, 24)]),
        // 6to4 (RFC 3056).
        [0x2002, ..] => found.push(at(v6, BEHIND_16)),
        // Teredo (RFC 4380): the server, and the client with its bits flipped.
        [0x2001, 0, ..] => found.extend([at(v6, BEHIND_32), Ipv4Addr::from_bits(!at(v6, AT_END).to_bits())]),
        _ => {}
    }
    // ISATAP (RFC 5214) works under any prefix.
    if let [_, _, _, _, 0 | 0x200, 0x5efe, ..] = v6.segments() {
        found.push(at(v6, AT_END));
    }
    found
}

/// The 32 bits that end `shift` bits before the end.
fn at(v6: Ipv6Addr, shift: u32) -> Ipv4Addr {
    low_32(v6.to_bits() >> shift)
}

/// The 32 bits from `start` on, around the octet 64 to 71 that RFC 6052 leaves zero.
fn around(v6: Ipv6Addr, start: u32) -> Ipv4Addr {
    let bits = v6.to_bits();
    let before = 64 - start;
    let head = (bits >> 64) & ((1 << before) - 1);
    let tail = (bits >> (56 - (32 - before))) & ((1 << (32 - before)) - 1);
    low_32((head << (32 - before)) | tail)
}

/// The lowest 32 bits as an address.
fn low_32(bits: u128) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::try_from(bits & u128::from(u32::MAX)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_gives_back_the_address_it_carries() {
        let metadata = Ipv4Addr::new(169, 254, 169, 254);
        for text in [
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "::ffff:0:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            // RFC 8215 at the lengths /96, /48, /56 and /64.
            "64:ff9b:1::169.254.169.254",
            "64:ff9b:1:a9fe:a9:fe00::",
            "64:ff9b:1:a9:fe:a9fe::",
            "64:ff9b:1:0:a9:fea9:fe00:0",
            "2002:a9fe:a9fe::1",
            "2001:0:a9fe:a9fe::1",
            "2001:0:1:1:0:0:5601:5601",
            "2001:db8::5efe:169.254.169.254",
            "2001:db8::200:5efe:169.254.169.254",
        ] {
            let address: IpAddr = text.parse().unwrap();
            assert!(unwrap(address).contains(&metadata), "{text} gave {:?}", unwrap(address));
        }
    }

    #[test]
    fn plain_addresses_carry_none() {
        for text in ["169.254.169.254", "2606:4700::1111", "::1", "::", "2001:db8::a9fe:a9fe", "fd00:ec2::254"] {
            assert_eq!(unwrap(text.parse().unwrap()), Vec::<Ipv4Addr>::new(), "{text}");
        }
    }
}
