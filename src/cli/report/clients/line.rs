//! One line of the file: `ADDRESS TIME [status=502] [edge=ADDRESS] [pop=FRA]`, parted by blanks or commas.

use super::Client;
use jiff::Timestamp;
use std::net::IpAddr;

/// Longest name of a point of presence.
const POP: usize = 32;

/// Reads one line; the error says what is wrong and what would be right.
pub fn parse(line: &str) -> Result<Client, String> {
    let mut words = line.split([' ', '\t', ',', ';']).filter(|w| !w.is_empty()).peekable();
    let address = ip(words.next().unwrap_or_default(), "the address")?;
    let first = words.next().ok_or("the time is missing; write it as 2026-11-27T10:00:00Z")?;
    // `2026-11-27 10:00:00+08:00` is a time in two words.
    let second = words.next_if(|w| !w.contains('=') && w.starts_with(|c: char| c.is_ascii_digit()));
    let mut client = Client { address, at: time(first, second)?, status: None, edge: None, pop: None };
    for word in words {
        let (key, value) =
            word.split_once('=').ok_or_else(|| format!("{word:?} is none of status=, edge= and pop="))?;
        match key.to_ascii_lowercase().as_str() {
            "status" => client.status = Some(status(value)?),
            "edge" => client.edge = Some(ip(value, "edge")?),
            "pop" => client.pop = Some(pop(value)?),
            other => return Err(format!("{other} is none of status, edge and pop")),
        }
    }
    Ok(client)
}

fn ip(text: &str, what: &str) -> Result<IpAddr, String> {
    let address: IpAddr = text.parse().map_err(|_| format!("{what} must be an IP address, not {text:?}"))?;
    Ok(address.to_canonical())
}

/// A time without its zone is worth nothing to a provider on another continent.
fn time(first: &str, second: Option<&str>) -> Result<Timestamp, String> {
    let text = second.map_or_else(|| first.to_owned(), |second| format!("{first}T{second}"));
    text.parse().map_err(|_| match text.parse::<jiff::civil::DateTime>() {
        Ok(_) => format!("the time {text} has no zone; write {text}Z or {text}+08:00"),
        Err(_) => format!("the time must be like 2026-11-27T10:00:00Z or 2026-11-27T18:00:00+08:00, not {text:?}"),
    })
}

fn status(text: &str) -> Result<u16, String> {
    let code = text.parse().ok().filter(|code| (100..=999).contains(code));
    code.ok_or_else(|| format!("status must be from 100 to 999, not {text:?}"))
}

fn pop(text: &str) -> Result<String, String> {
    let plain = text.len() <= POP && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if plain && !text.is_empty() {
        Ok(text.to_ascii_uppercase())
    } else {
        Err(format!("pop must be letters, digits and hyphens, at most {POP}, not {text:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_however_it_is_parted() {
        let whole = Client {
            address: "203.0.113.7".parse().unwrap(),
            at: "2026-11-27T10:00:00Z".parse().unwrap(),
            status: Some(502),
            edge: Some("198.51.100.1".parse().unwrap()),
            pop: Some("FRA".to_owned()),
        };
        for line in [
            "203.0.113.7 2026-11-27T10:00:00Z status=502 edge=198.51.100.1 pop=fra",
            "203.0.113.7,2026-11-27T18:00:00+08:00,pop=FRA,edge=198.51.100.1,status=502",
            "::ffff:203.0.113.7\t2026-11-27 18:00:00+08:00 status=502 pop=fra edge=198.51.100.1",
        ] {
            assert_eq!(parse(line), Ok(whole.clone()), "{line}");
        }
    }

    #[test]
    fn a_bad_line_says_what_would_be_right() {
        let why = |line| parse(line).unwrap_err();
        assert_eq!(why("example.com 2026-11-27T10:00:00Z"), "the address must be an IP address, not \"example.com\"");
        assert_eq!(why("203.0.113.7"), "the time is missing; write it as 2026-11-27T10:00:00Z");
        assert_eq!(
            why("203.0.113.7 2026-11-27 10:00:00"),
            "the time 2026-11-27T10:00:00 has no zone; write 2026-11-27T10:00:00Z or 2026-11-27T10:00:00+08:00"
        );
        assert_eq!(
            why("203.0.113.7 yesterday"),
            "the time must be like 2026-11-27T10:00:00Z or 2026-11-27T18:00:00+08:00, not \"yesterday\""
        );
        assert_eq!(
            why("203.0.113.7 2026-11-27T10:00:00Z pop=fra_1"),
            "pop must be letters, digits and hyphens, at most 32, not \"fra_1\""
        );
        assert_eq!(why("203.0.113.7 2026-11-27T10:00:00Z status=5"), "status must be from 100 to 999, not \"5\"");
        assert_eq!(why("203.0.113.7 2026-11-27T10:00:00Z isp=x"), "isp is none of status, edge and pop");
        assert_eq!(why("203.0.113.7 2026-11-27T10:00:00Z slow"), "\"slow\" is none of status=, edge= and pop=");
    }
}
