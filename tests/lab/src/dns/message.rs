//! Reading one question and writing its answer, as bytes (RFC 1035 section 4).

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Answer;

const HEADER: usize = 12;
const A: u16 = 1;
const NS: u16 = 2;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
const TTL_SECONDS: u32 = 5;

struct Question {
    name: String,
    kind: u16,
    /// Where the question section ends.
    end: usize,
}

/// The reply to a query; `None` is silence.
pub(super) fn reply(query: &[u8], names: &BTreeMap<String, Answer>) -> Option<Vec<u8>> {
    let question = question(query)?;
    let (code, records) = match names.get(&question.name) {
        Some(Answer::Silent) => return None,
        Some(Answer::ServFail) => (2, Vec::new()),
        Some(Answer::Refused) => (5, Vec::new()),
        Some(Answer::NxDomain) | None => (3, Vec::new()),
        Some(Answer::Addresses(addresses)) => (0, addresses_of(addresses, question.kind, None)),
        Some(Answer::Zone(servers)) => {
            let records =
                servers.iter().filter(|_| question.kind == NS).map(|server| record(None, NS, &encoded(server)));
            (0, records.collect())
        }
        Some(Answer::Alias(target)) => {
            let mut records = vec![record(None, CNAME, &encoded(target))];
            if let Some(Answer::Addresses(addresses)) = names.get(target.trim_end_matches('.')) {
                records.extend(addresses_of(addresses, question.kind, Some(target)));
            }
            (0, records)
        }
    };

    let mut message = query[..2].to_vec();
    let recursion_desired = query[2] & 1;
    message.extend([0x84 | recursion_desired, 0x80 | code]); // an authoritative answer, recursion available
    message.extend([0, 1]);
    message.extend(u16::try_from(records.len()).ok()?.to_be_bytes());
    message.extend([0; 4]);
    message.extend(&query[HEADER..question.end]);
    message.extend(records.concat());
    Some(message)
}

fn question(query: &[u8]) -> Option<Question> {
    let mut at = HEADER;
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        if length > 63 {
            return None; // a compressed name has no place in a question
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes([*query.get(at)?, *query.get(at + 1)?]);
    let end = at + 4;
    (end <= query.len()).then(|| Question { name: labels.join("."), kind, end })
}

fn addresses_of(addresses: &[IpAddr], kind: u16, owner: Option<&str>) -> Vec<Vec<u8>> {
    addresses
        .iter()
        .filter_map(|address| match address {
            IpAddr::V4(address) if kind == A => Some(record(owner, A, &address.octets())),
            IpAddr::V6(address) if kind == AAAA => Some(record(owner, AAAA, &address.octets())),
            _ => None,
        })
        .collect()
}

/// One resource record; its owner is the name of the question unless given.
fn record(owner: Option<&str>, kind: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = owner.map_or_else(|| vec![0xC0, HEADER as u8], encoded);
    bytes.extend(kind.to_be_bytes());
    bytes.extend(1_u16.to_be_bytes());
    bytes.extend(TTL_SECONDS.to_be_bytes());
    bytes.extend((data.len() as u16).to_be_bytes());
    bytes.extend(data);
    bytes
}

fn encoded(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.trim_end_matches('.').split('.') {
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(name: &str, kind: u16) -> Vec<u8> {
        let mut bytes = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        bytes.extend(encoded(name));
        bytes.extend(kind.to_be_bytes());
        bytes.extend([0, 1]);
        bytes
    }

    #[test]
    fn a_known_name_is_answered_with_its_family_only() {
        let names = BTreeMap::from([(
            "shop.example.com".to_owned(),
            Answer::Addresses(vec!["198.51.100.10".parse().unwrap(), "2001:db8::1".parse().unwrap()]),
        )]);
        let reply = reply(&query("Shop.example.com", A), &names).unwrap();
        assert_eq!(reply[..2], [0x12, 0x34]);
        assert_eq!(reply[3] & 15, 0);
        assert_eq!(reply[6..8], [0, 1]);
        assert_eq!(reply[reply.len() - 4..], [198, 51, 100, 10]);
    }

    #[test]
    fn unknown_names_do_not_exist_and_silence_is_silent() {
        let names = BTreeMap::from([("mute.example.com".to_owned(), Answer::Silent)]);
        assert_eq!(reply(&query("nobody.example.com", A), &names).unwrap()[3] & 15, 3);
        assert_eq!(reply(&query("mute.example.com", A), &names), None);
    }

    #[test]
    fn a_query_that_is_cut_short_gets_no_answer() {
        let whole = query("shop.example.com", A);
        for length in 0..whole.len() {
            assert_eq!(reply(&whole[..length], &BTreeMap::new()), None, "{length} bytes");
        }
    }
}
