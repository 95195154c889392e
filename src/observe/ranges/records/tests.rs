use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Mutex;

use proptest::prelude::*;

use super::*;
use crate::net::{AdmissionError, AdmittedRanges};
use crate::observe::ranges::resolve::LookupError;

/// A DNS of TXT records that remembers what it was asked for.
#[derive(Debug, Default)]
struct Zone {
    records: BTreeMap<String, Vec<String>>,
    asked: Mutex<Vec<String>>,
}

impl Zone {
    fn new(records: &[(&str, &[&str])]) -> Self {
        let records = records.iter().map(|(name, texts)| {
            ((*name).to_owned(), texts.iter().map(|text| (*text).to_owned()).collect::<Vec<String>>())
        });
        Self { records: records.collect(), asked: Mutex::default() }
    }

    async fn list(&self, name: &str) -> Result<Vec<String>, String> {
        follow(self, name).await.map(|list| list.texts()).map_err(|error| error.to_string())
    }
}

impl Lookup for Zone {
    fn lookup(&self, _: String) -> Pin<Box<dyn Future<Output = Result<Vec<IpAddr>, LookupError>> + Send + '_>> {
        Box::pin(std::future::ready(Err(LookupError::Unresolved)))
    }

    fn texts(&self, name: String) -> Pin<Box<dyn Future<Output = Result<Vec<String>, LookupError>> + Send + '_>> {
        self.asked.lock().unwrap().push(name.clone());
        Box::pin(std::future::ready(self.records.get(&name).cloned().ok_or(LookupError::Unresolved)))
    }
}

fn one(text: &str) -> Result<Vec<String>, ParseProblem> {
    read(&[text.to_owned()], 0).map(|said| said.list.texts())
}

const TWO: [&str; 2] = ["34.96.0.0/20", "34.127.192.0/18"];

#[test]
fn a_list_in_the_form_of_spf_is_read() {
    for text in [
        "v=spf1 ip4:34.96.0.0/20 ip4:34.127.192.0/18 ~all",
        "v=spf1  ip4:34.96.0.0/20   +ip4:34.127.192.0/18 -all ",
        "V=SPF1 IP4:34.96.0.0/20 ip4:34.127.192.0/18 ?all",
        "v=spf1 ip4:34.96.0.0/20 exp=why.example.com ip4:34.127.192.7/18 unknown=x",
        "v=spf1 ip4:34.96.0.0/20 ip4:34.127.192.0/18 ~all ip4:1.0.0.0/24",
    ] {
        assert_eq!(one(text).unwrap(), TWO, "{text}");
    }
    assert_eq!(
        one("v=spf1 ip4:34.96.0.1 ip6:2600:1901:8001::/48 ~all").unwrap(),
        ["34.96.0.1/32", "2600:1901:8001::/48"]
    );
}

#[test]
fn a_list_of_plain_prefixes_is_read() {
    assert_eq!(one("34.96.0.0/20 34.127.192.0/18").unwrap(), TWO);
    let said = read(&["34.96.0.0/20,".to_owned(), "34.127.192.0/18".to_owned()], 0).unwrap();
    assert_eq!(said.list.texts(), TWO);
    for (text, place) in [("34.96.0.0/20 and", 2), ("google-site-verification=x", 1), ("<html>", 1), ("v=spf10 a", 1)] {
        assert_eq!(one(text), Err(ParseProblem::Entry { position: place, problem: None }), "{text}");
    }
    assert_eq!(one(""), Err(ParseProblem::Empty));
}

#[test]
fn a_term_that_is_no_list_refuses_all_of_it() {
    for bad in [
        "ip4:34.96.0.0/33",
        "ip4:2600:1901::/32",
        "ip6:34.96.0.0/20",
        "ip4:",
        "-ip4:34.96.0.0/20",
        "~include:other.example.com",
        "include:",
        "include:%{d}.example.com",
        "include:localhost",
        "redirect=%{d}.example.com",
        "a",
        "a:www.example.com",
        "mx",
        "ptr",
        "exists:%{i}.example.com",
        "34.96.0.0/20",
        "<html>",
        "-all2",
    ] {
        let text = format!("v=spf1 ip4:1.0.0.0/24 {bad} ~all");
        let problem = one(&text).unwrap_err();
        assert_eq!(problem, ParseProblem::Term(2), "{bad}");
        assert!(problem.to_string().contains("term 2 of its v=spf1 record"), "{problem}");
        assert_eq!(one(&format!("v=spf1 ~all {bad}")), Err(ParseProblem::Term(2)), "{bad} after all");
    }
    for everyone in ["v=spf1 ip4:1.0.0.0/24 all", "v=spf1 +all"] {
        assert_eq!(one(everyone), Err(ParseProblem::Everyone));
    }
    let redirects = "v=spf1 redirect=a.example.com redirect=b.example.com";
    assert_eq!(one(redirects), Err(ParseProblem::Term(2)));
}

#[test]
fn one_record_of_spf_may_stand_beside_others_but_not_two() {
    let records = |texts: &[&str]| read(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>(), 0);
    let spf = "v=spf1 ip4:34.96.0.0/20 ip4:34.127.192.0/18 ~all";
    assert_eq!(records(&["proof=abc", spf]).unwrap().list.texts(), TWO);
    assert_eq!(records(&[spf, spf]), Err(ParseProblem::SeveralRecords));
}

#[tokio::test]
async fn included_names_are_followed_and_each_is_asked_once() {
    let zone = Zone::new(&[
        ("all.example.com", &["v=spf1 include:a.example.com include:B.example.com ip4:1.0.0.0/24 -all"]),
        ("a.example.com", &["v=spf1 ip4:34.96.0.0/20 include:b.example.com include:all.example.com ~all"]),
        ("b.example.com", &["v=spf1 redirect=c.example.com"]),
        ("c.example.com", &["v=spf1 ip6:2600:1901:8001::/48 -all"]),
    ]);
    let list = zone.list("All.example.com").await.unwrap();
    assert_eq!(list, ["1.0.0.0/24", "34.96.0.0/20", "2600:1901:8001::/48"]);
    assert_eq!(*zone.asked.lock().unwrap(), ["all", "a", "b", "c"].map(|name| format!("{name}.example.com")));
    // A redirect beside `all` is not followed (RFC 7208, 6.1).
    let zone = Zone::new(&[("x.example.com", &["v=spf1 ip4:1.0.0.0/24 redirect=gone.example.com -all"])]);
    assert_eq!(zone.list("x.example.com").await.unwrap(), ["1.0.0.0/24"]);
}

#[tokio::test]
async fn a_name_that_cannot_be_read_refuses_all_and_is_not_repeated() {
    let zone = Zone::new(&[
        ("x.example.com", &["v=spf1 ip4:1.0.0.0/24 include:canary.example.com -all"]),
        ("y.example.com", &["v=spf1 ip4:1.0.0.0/24 include:z.example.com -all"]),
        ("z.example.com", &["2.0.0.0/24"]),
        ("empty.example.com", &["v=spf1 -all"]),
    ]);
    for (name, said) in [
        ("gone.example.com", "gone.example.com has no TXT record, or no resolver answers for it"),
        ("x.example.com", "x.example.com includes other names, of which number 1 has no TXT record"),
        ("y.example.com", "TXT y.example.com is not taken: it includes a name without a v=spf1 record, number 1"),
        ("empty.example.com", "TXT empty.example.com is not taken: it holds no prefix"),
    ] {
        let error = zone.list(name).await.unwrap_err();
        assert!(error.starts_with(said) && !error.contains("canary"), "{error}");
    }
}

#[tokio::test]
async fn a_default_route_is_read_and_never_admitted() {
    let zone = Zone::new(&[("x.example.com", &["v=spf1 ip4:104.16.0.0/13 ip4:0.0.0.0/0 ip6:::/0 ~all"])]);
    let list = follow(&zone, "x.example.com").await.unwrap();
    let refused = AdmittedRanges::admit(list, Provenance::Remote).unwrap_err();
    assert!(matches!(refused, AdmissionError::DefaultRoute { .. }), "{refused}");
}

proptest! {
    #[test]
    fn whatever_a_record_says_it_is_read_or_refused(text in "(v=spf1 )?([-~?+]?(ip4|ip6|include|all|a|redirect=|x=)[:0-9a-f./ %]{0,12}){0,4}.{0,8}") {
        // What is read says nothing that does not stand in the record.
        if let Ok(said) = read(std::slice::from_ref(&text), 0) {
            prop_assert!(said.names.iter().all(|name| text.to_ascii_lowercase().contains(name.as_str())));
            prop_assert!(!said.list.is_empty() || text.to_ascii_lowercase().starts_with("v=spf1"));
        }
    }
}

#[tokio::test]
async fn ten_names_are_followed_and_no_more() {
    let chain = |length: usize| -> Zone {
        let records = (0..=length).map(|index| {
            let next = if index < length { format!("include:n{}.example.com ", index + 1) } else { String::new() };
            (format!("n{index}.example.com"), vec![format!("v=spf1 {next}ip4:1.0.{}.0/24 -all", 2 * index)])
        });
        Zone { records: records.collect(), asked: Mutex::default() }
    };
    assert_eq!(chain(10).list("n0.example.com").await.unwrap().len(), 11);
    let zone = chain(30);
    let error = zone.list("n0.example.com").await.unwrap_err();
    assert_eq!(
        error,
        "TXT n0.example.com is not taken: it includes more than 10 names, the bound of RFC 7208; a source of type ConfigMap can hold such a list"
    );
    assert_eq!(zone.asked.lock().unwrap().len(), 11);
}

#[test]
fn names_that_can_be_asked_for() {
    for name in ["_cloud-eoips.googleusercontent.com", "a.b", "x_y.example.com"] {
        assert!(is_name(name), "{name}");
    }
    for name in [
        "",
        "com",
        "a..b",
        ".a.b",
        "a.b.",
        "-a.b",
        "a-.b",
        "a b.c",
        "a/b.c",
        "%{d}.c",
        &"a".repeat(64),
        &"a.".repeat(130),
    ] {
        assert!(!is_name(name), "{name}");
    }
}
