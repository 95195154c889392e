//! What a reader concludes from `blackbox_exporter`'s debug output of both paths. The rule was written before the
//! first comparison and is generous: it grants the reader everything that the output says, and where the proxy
//! fails while the origin answers it lets him name what the vendors' pages name first.
//!
//! In order; the first line that applies is the conclusion:
//! 1. the site's name does not resolve: `DnsFailed`
//! 2. the edge's certificate is refused: `ProxyCertInvalid`
//! 3. the site answers well: `Healthy`
//! 4. an origin refuses connections: `OriginRefused`
//! 5. connections to an origin time out or have no route: `OriginUnreachable`
//! 6. an origin's certificate is refused: expired, another name, unknown authority
//! 7. an origin speaks no TLS, or wants it: `OriginProtocolMismatch`
//! 8. an origin hangs up: `OriginClosedEarly`
//! 9. an origin does not answer in time: `OriginTimeout`
//! 10. an origin's answer is malformed or cut short: `OriginResponseInvalid`
//! 11. an origin answers 5xx: `OriginReturns5xx`
//! 12. an origin answers with another status or text than wanted: `UnexpectedResponse`
//! 13. every origin answers well and the site fails with 5xx or in silence: `ProxyBlocked`
//! 14. every origin answers well and the site answers something else: `ProxyPolicyDenied`
//! 15. anything else: `Inconclusive`

use super::peer::Answers;

/// The cause that a reader would name.
pub fn conclude(answers: &Answers) -> &'static str {
    let Some(site) = &answers.site else { return "Inconclusive" };
    if has(site, &["no such host", "server misbehaving", "Error resolving address", "Resolution with"])
        && !succeeds(site)
    {
        return "DnsFailed";
    }
    if has(site, &["x509:", "tls: failed to verify"]) {
        return "ProxyCertInvalid";
    }
    if succeeds(site) {
        return "Healthy";
    }
    for origin in &answers.origins {
        if let Some(cause) = of_origin(origin) {
            return cause;
        }
    }
    match status(site) {
        _ if answers.origins.is_empty() => "Inconclusive",
        Some(400..=499) => "ProxyPolicyDenied",
        Some(500..=599) | None => "ProxyBlocked",
        Some(_) => "ProxyPolicyDenied",
    }
}

fn of_origin(text: &str) -> Option<&'static str> {
    if succeeds(text) {
        return None;
    }
    let table: [(&[&str], &str); 10] = [
        // "unexpected EOF" is a body cut short, "EOF" alone a connection closed before an answer.
        (&["unexpected EOF", "malformed HTTP"], "OriginResponseInvalid"),
        (&["connection refused"], "OriginRefused"),
        (&["i/o timeout", "no route to host", "network is unreachable", "host is unreachable"], "OriginUnreachable"),
        (&["certificate has expired"], "OriginCertExpired"),
        (
            &["certificate is valid for", "doesn't contain any IP SANs", "is not valid for any names"],
            "OriginCertMismatch",
        ),
        (&["x509:"], "OriginCertUntrusted"),
        (
            &["first record does not look like a TLS handshake", "HTTP response to HTTPS client"],
            "OriginProtocolMismatch",
        ),
        (&["EOF", "connection reset by peer"], "OriginClosedEarly"),
        (&["context deadline exceeded", "Timeout exceeded", "TLS handshake timeout"], "OriginTimeout"),
        (&["invalid"], "OriginResponseInvalid"),
    ];
    if let Some((_, cause)) = table.iter().find(|(words, _)| has(text, words)) {
        return Some(cause);
    }
    match status(text) {
        Some(500..=599) => Some("OriginReturns5xx"),
        Some(_) => Some("UnexpectedResponse"),
        None => Some("Inconclusive"),
    }
}

fn succeeds(text: &str) -> bool {
    text.lines().any(|line| line == "probe_success 1")
}

fn status(text: &str) -> Option<u16> {
    let value = text.lines().find_map(|line| line.strip_prefix("probe_http_status_code "))?;
    value.parse().ok().filter(|code| *code > 0)
}

/// Words of the log, not of the module's configuration, which the output repeats at its end.
fn has(text: &str, words: &[&str]) -> bool {
    let log = text.split("Metrics that would have been returned").next().unwrap_or_default();
    words.iter().any(|word| log.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(log: &str, status: u16, success: u8) -> String {
        format!(
            "Logs for the probe:\n{log}\n\nMetrics that would have been returned:\nprobe_http_status_code {status}\n\
             probe_success {success}\n\nModule configuration:\nprober: http\n"
        )
    }

    fn concluded(site: String, origin: String) -> &'static str {
        conclude(&Answers { site: Some(site), origins: vec![origin] })
    }

    #[test]
    fn the_rule_reads_both_paths() {
        let (good, bad) = (answer("", 200, 1), answer("Invalid HTTP response status code", 502, 0));
        assert_eq!(concluded(good.clone(), bad.clone()), "Healthy");
        assert_eq!(concluded(bad.clone(), good.clone()), "ProxyBlocked");
        assert_eq!(concluded(answer("", 403, 0), good), "ProxyPolicyDenied");
        assert_eq!(concluded(bad.clone(), answer("dial tcp: connect: connection refused", 0, 0)), "OriginRefused");
        assert_eq!(concluded(bad.clone(), answer("dial tcp 203.0.113.10:80: i/o timeout", 0, 0)), "OriginUnreachable");
        assert_eq!(concluded(bad.clone(), answer("x509: certificate has expired", 0, 0)), "OriginCertExpired");
        assert_eq!(concluded(bad.clone(), answer("unexpected EOF", 200, 0)), "OriginResponseInvalid");
        assert_eq!(concluded(bad.clone(), answer("Get: EOF", 0, 0)), "OriginClosedEarly");
        assert_eq!(concluded(bad.clone(), bad.clone()), "OriginReturns5xx");
        assert_eq!(concluded(answer("lookup shop: no such host", 0, 0), bad), "DnsFailed");
        assert_eq!(conclude(&Answers::default()), "Inconclusive");
    }
}
