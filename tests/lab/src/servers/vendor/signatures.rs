//! Signatures, computed anew from what the vendors document. HMAC is written out here (RFC 2104), so that a mistake in a
//! library that Leeward uses cannot confirm itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{ID, Request, SECRET, TOKEN};

/// Why a request is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// No such key.
    Key,
    /// Another signature.
    Signature,
    /// Too early or too late.
    Clock,
    /// Not signed at all, or not as the scheme wants.
    Form,
}

/// What a good request brings.
pub struct Good {
    /// What must not come twice, where the scheme has it.
    pub nonce: Option<String>,
}

/// Tencent allows five minutes, the others more.
const MOST_SKEW: i64 = 300;

fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut block = [0u8; 64];
    let short = if key.len() > 64 { sha256(key) } else { key.to_vec() };
    block[..short.len()].copy_from_slice(&short);
    let pad = |with: u8| block.iter().map(|byte| byte ^ with).collect::<Vec<u8>>();
    let inner = sha256(&[pad(0x36), text.to_vec()].concat());
    sha256(&[pad(0x5c), inner].concat())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `name=value` pairs behind the scheme's name.
fn part<'a>(header: &'a str, name: &str, separator: char) -> &'a str {
    let found = header.split_once(' ').map_or("", |(_, rest)| rest).split(separator).map(str::trim);
    found.filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map_or("", |(_, value)| value)
}

fn in_time(at: Option<Timestamp>, now: Timestamp) -> Result<(), Bad> {
    let at = at.ok_or(Bad::Form)?;
    if (at.as_second() - now.as_second()).abs() <= MOST_SKEW { Ok(()) } else { Err(Bad::Clock) }
}

/// The signed headers as lines, if all that must be signed are.
fn canonical(request: &Request, names: &str, must: &[&str]) -> Result<String, Bad> {
    let listed: Vec<&str> = names.split(';').collect();
    if !must.iter().all(|name| listed.contains(name)) || !listed.is_sorted() {
        return Err(Bad::Form);
    }
    Ok(listed.iter().map(|name| format!("{name}:{}\n", request.header(name))).collect())
}

pub fn alibaba(request: &Request, now: Timestamp) -> Result<Good, Bad> {
    let header = request.header("authorization");
    let names = part(header, "SignedHeaders", ',');
    let must = ["host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"];
    let lines = canonical(request, names, &must)?;
    let body = hex(&sha256(request.body.as_bytes()));
    if part(header, "Credential", ',') != ID {
        return Err(Bad::Key);
    }
    if request.header("x-acs-content-sha256") != body {
        return Err(Bad::Signature);
    }
    let text = format!("{}\n{}\n{}\n{lines}\n{names}\n{body}", request.method, request.path, request.query);
    let signed = format!("ACS3-HMAC-SHA256\n{}", hex(&sha256(text.as_bytes())));
    if part(header, "Signature", ',') != hex(&hmac(SECRET.as_bytes(), signed.as_bytes())) {
        return Err(Bad::Signature);
    }
    in_time(request.header("x-acs-date").parse().ok(), now)?;
    Ok(Good { nonce: Some(request.header("x-acs-signature-nonce").to_owned()) })
}

pub fn tencent(request: &Request, service: &str, now: Timestamp) -> Result<Good, Bad> {
    let header = request.header("authorization");
    let names = part(header, "SignedHeaders", ',');
    let action = request.header("x-tc-action").to_ascii_lowercase();
    let mut lowered = request.clone();
    lowered.headers.insert("x-tc-action".to_owned(), action);
    let lines = canonical(&lowered, names, &["content-type", "host"])?;
    let seconds: i64 = request.header("x-tc-timestamp").parse().map_err(|_| Bad::Form)?;
    let at = Timestamp::from_second(seconds).map_err(|_| Bad::Form)?;
    let day = at.strftime("%Y-%m-%d").to_string();
    let scope = format!("{day}/{service}/tc3_request");
    if part(header, "Credential", ',') != format!("{ID}/{scope}") {
        return Err(Bad::Key);
    }
    let body = hex(&sha256(request.body.as_bytes()));
    let text = format!("{}\n{}\n{}\n{lines}\n{names}\n{body}", request.method, request.path, request.query);
    let signed = format!("TC3-HMAC-SHA256\n{seconds}\n{scope}\n{}", hex(&sha256(text.as_bytes())));
    let key = [day.as_str(), service, "tc3_request"]
        .iter()
        .fold(format!("TC3{SECRET}").into_bytes(), |key, word| hmac(&key, word.as_bytes()));
    if part(header, "Signature", ',') != hex(&hmac(&key, signed.as_bytes())) {
        return Err(Bad::Signature);
    }
    in_time(Some(at), now)?;
    Ok(Good { nonce: None })
}

pub fn akamai(request: &Request, now: Timestamp) -> Result<Good, Bad> {
    let header = request.header("authorization");
    let (unsigned, signature) = header.split_once("signature=").ok_or(Bad::Form)?;
    if part(unsigned, "client_token", ';') != ID || part(unsigned, "access_token", ';') != TOKEN {
        return Err(Bad::Key);
    }
    let timestamp = part(unsigned, "timestamp", ';');
    let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
    let hash = match (request.method.as_str(), request.body.as_str()) {
        ("POST", body) if !body.is_empty() => STANDARD.encode(sha256(body.as_bytes())),
        _ => String::new(),
    };
    let text =
        format!("{}\thttps\t{}\t{}{query}\t\t{hash}\t{unsigned}", request.method, request.header("host"), request.path);
    let key = STANDARD.encode(hmac(SECRET.as_bytes(), timestamp.as_bytes()));
    if signature != STANDARD.encode(hmac(key.as_bytes(), text.as_bytes())) {
        return Err(Bad::Signature);
    }
    in_time(Timestamp::strptime("%Y%m%dT%H:%M:%S%z", timestamp).ok(), now)?;
    Ok(Good { nonce: Some(part(unsigned, "nonce", ';').to_owned()) })
}

pub fn huawei(request: &Request) -> Result<Good, Bad> {
    if request.header("x-auth-token") == TOKEN { Ok(Good { nonce: None }) } else { Err(Bad::Key) }
}
