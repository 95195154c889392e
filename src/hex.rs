//! Bytes in words that people compare: digests, nonces, names.

use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// Lower-case hexadecimal digits, two a byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The first bytes of the SHA-256 of some content, as digits: a short name for it that does not change.
pub fn short_digest(content: &[u8], bytes: usize) -> String {
    hex(Sha256::digest(content).get(..bytes).unwrap_or_default())
}
