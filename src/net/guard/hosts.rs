//! The hosts that a namespace may name, from its annotation `leeward.dev/allowed-hosts`.

/// Hosts a namespace's origins may name: a comma list of names, `*.` in front for everything below a name.
///
/// `*.example.com` stands for `a.example.com` and `a.b.example.com`, not for `example.com`. A lone `*` stands for nothing:
/// the administrator who trusts everybody says so with `--require-allowed-hosts=false`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedHosts {
    exact: Vec<String>,
    /// With the dot in front: `.example.com`.
    below: Vec<String>,
}

impl AllowedHosts {
    /// Reads the annotation. What is no host matches no host.
    pub fn parse(annotation: &str) -> Self {
        let mut hosts = Self::default();
        for entry in annotation.split(',').map(plain).filter(|entry| !entry.is_empty()) {
            match entry.strip_prefix('*') {
                Some(suffix) if suffix.len() > 1 && suffix.starts_with('.') && !suffix.contains('*') => {
                    hosts.below.push(suffix.to_owned());
                }
                Some(_) => {}
                None => hosts.exact.push(entry),
            }
        }
        hosts
    }

    /// May this host be named?
    pub fn allows(&self, host: &str) -> bool {
        let host = plain(host);
        let names_more = |suffix: &String| host.len() > suffix.len() && host.ends_with(suffix.as_str());
        !host.is_empty() && (self.exact.contains(&host) || self.below.iter().any(names_more))
    }
}

/// Lower case, without blanks, brackets and the root's dot.
fn plain(host: &str) -> String {
    let host = host.trim();
    let host = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_exactly_and_below_a_star() {
        let hosts = AllowedHosts::parse(" Shop.Example.com , *.internal.example.com,203.0.113.10,2001:db8::1,, ");
        for host in [
            "shop.example.com",
            "SHOP.example.com.",
            "a.internal.example.com",
            "a.b.internal.example.com",
            "203.0.113.10",
            "[2001:db8::1]",
        ] {
            assert!(hosts.allows(host), "{host}");
        }
        for host in [
            "",
            ".",
            "example.com",
            "evilshop.example.com",
            "internal.example.com",
            ".internal.example.com",
            "a.internal.example.com.evil.com",
            "xinternal.example.com",
            "203.0.113.1",
            "shop.example.com:443",
        ] {
            assert!(!hosts.allows(host), "{host}");
        }
    }

    #[test]
    fn a_lone_star_or_an_absent_annotation_allows_nothing() {
        for annotation in ["", "*", "*.", "**", "*.*", "*example.com", ",", "*.*.com"] {
            for host in ["example.com", "a.example.com", "com", "*", "."] {
                assert!(!AllowedHosts::parse(annotation).allows(host), "{annotation:?} allowed {host:?}");
            }
        }
    }
}
