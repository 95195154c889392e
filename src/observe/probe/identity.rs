//! How a probe names itself: an identifier for the origin's log, a nonce that no cache has seen, and
//! a User-Agent that says which software, but not which machine.

use crate::hex::hex;
use rustls::crypto::SecureRandom;

/// Header that carries the identifier.
pub const ID_HEADER: &str = "leeward-probe-id";
/// Query parameter that carries the nonce.
pub const NONCE_PARAMETER: &str = "leeward-probe";
/// Value of the User-Agent header.
pub const USER_AGENT: &str = concat!("leeward/", env!("CARGO_PKG_VERSION"), " (+", env!("CARGO_PKG_REPOSITORY"), ")");

/// 128 random bits in hexadecimal.
pub(super) fn random(source: &dyn SecureRandom) -> String {
    let mut bytes = [0_u8; 16];
    // A system without randomness cannot shake hands either; a constant identifier is no worse.
    let _ = source.fill(&mut bytes);
    hex(&bytes)
}

/// The path with a nonce in its query.
pub(super) fn with_nonce(path: &str, nonce: &str) -> String {
    let joint = match path.find('?') {
        None => "?",
        Some(at) if at + 1 == path.len() || path.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{path}{joint}{NONCE_PARAMETER}={nonce}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nonce_joins_whatever_query_is_there() {
        assert_eq!(with_nonce("/", "1"), "/?leeward-probe=1");
        assert_eq!(with_nonce("/a?b=c", "1"), "/a?b=c&leeward-probe=1");
        assert_eq!(with_nonce("/a?", "1"), "/a?leeward-probe=1");
    }
}
