//! Signatures of requests, one scheme a file. All of them are HMAC-SHA256 over a canonical form of the request; they differ
//! in that form, and in how the key is derived.

pub mod acs3;
pub mod edgegrid;
pub mod tc3;

use crate::hex::hex;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::{digest, hmac};

/// What RFC 3986 leaves as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A request that is not signed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub method: http::Method,
    pub path: String,
    /// In any order; signed and sent in that of the names.
    pub query: Vec<(&'static str, String)>,
    pub body: String,
    /// Name of the operation, for schemes that carry it in a header.
    pub action: &'static str,
    /// Version of the API, likewise.
    pub version: &'static str,
}

/// The moment of a request, and a word that is used once.
#[derive(Clone, Debug)]
pub struct Stamp {
    pub now: Timestamp,
    pub nonce: String,
}

impl Stamp {
    /// Of this moment. Where the system has no randomness, the nanoseconds have to do: a nonce must be new, not secret.
    pub fn of_now() -> Self {
        let now = Timestamp::now();
        let mut bytes = [0; 16];
        if SystemRandom::new().fill(&mut bytes).is_err() {
            bytes = now.as_nanosecond().to_be_bytes();
        }
        Self { now, nonce: hex(&bytes) }
    }
}

impl Call {
    /// The query as it is signed and sent: names in order, everything encoded that RFC 3986 reserves.
    pub fn canonical_query(&self) -> String {
        let encode = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
        let mut pairs: Vec<String> =
            self.query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        pairs.sort();
        pairs.join("&")
    }
}

fn sha256(text: &str) -> digest::Digest {
    digest::digest(&digest::SHA256, text.as_bytes())
}

fn sign(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}
