use super::*;
use crate::observe::ranges::LookupError;

fn lines(text: &str) -> Result<Vec<String>, ParseProblem> {
    document(text.as_bytes(), &Shape::Lines).map(|set| set.texts())
}

fn csv(text: &str) -> Result<Vec<String>, ParseProblem> {
    document(text.as_bytes(), &Shape::Columns(vec![Column::Number(1)])).map(|set| set.texts())
}

fn json(text: &str, extract: &[&str]) -> Result<Vec<String>, ParseProblem> {
    let extract = extract.iter().map(|&path| path.to_owned()).collect();
    document(text.as_bytes(), &Shape::Json { extract, require: Vec::new() }).map(|set| set.texts())
}

const TWO: [&str; 2] = ["104.16.0.0/13", "2400:cb00::/32"];

#[test]
fn the_same_list_is_read_from_every_shape_that_providers_use() {
    for text in [
        "104.16.0.0/13\n2400:cb00::/32\n",
        "104.16.0.0/13\n2400:cb00::/32",
        "104.16.0.0/13\r\n2400:cb00::/32\r\n",
        "\u{feff}104.16.0.0/13\n\n2400:CB00::/32\n\n",
        "104.16.0.0/13 2400:cb00::/32",
        "104.16.0.0/13, 2400:cb00::/32",
        "104.20.0.0/14\n104.16.0.0/14\n104.16.7.7/13\n104.17.0.1\n2400:cb00::1/32\n",
    ] {
        assert_eq!(lines(text).unwrap(), TWO, "{text:?}");
    }
    assert_eq!(csv("ip_prefix,region\n\"104.16.0.0/13\",eu\n2400:cb00::/32,us\n").unwrap(), TWO);
    assert_eq!(csv("104.16.0.0/13\n2400:cb00::/32").unwrap(), TWO);
    for (text, extract) in [
        (
            r#"{"result": {"ipv4_cidrs": ["104.16.0.0/13"], "ipv6_cidrs": ["2400:cb00::/32"]}}"#,
            &["$.result.ipv4_cidrs[*]", "$.result.ipv6_cidrs[*]"][..],
        ),
        (r#"{"Cidrs": ["104.16.0.0/13", "2400:cb00::/32"]}"#, &["$.Cidrs[*]"]),
        (r#"{"CidrList": {"Cidr": ["104.16.0.0/13", "2400:cb00::/32"]}}"#, &["$.CidrList.Cidr[*]"]),
        (
            r#"{"WafSourceIp": {"Ips": "104.16.0.0/13,2400:cb00::/32", "IpV6s": ""}}"#,
            &["$.WafSourceIp.Ips", "$.WafSourceIp.IpV6s"],
        ),
        (r#"["104.16.0.0/13", "2400:cb00::/32"]"#, &["$[*]"]),
        (
            r#"{"prefixes": [{"service": "EC2", "ip_prefix": "3.0.0.0/8"}, {"service": "X", "ip_prefix": "104.16.0.0/13"}],
             "v6": [{"service": "X", "p": "2400:cb00::/32"}]}"#,
            &["$.prefixes[?@.service=='X'].ip_prefix", "$.v6[?@.service=='X'].p"],
        ),
    ] {
        assert_eq!(json(text, extract).unwrap(), TWO, "{text}");
    }
}

#[test]
fn a_page_for_people_is_no_list() {
    let page = "<!DOCTYPE html><html><title>Just a moment...</title>104.16.0.0/13</html>";
    for text in [page.to_owned(), format!("\n\n  {page}"), format!("\u{feff}{page}")] {
        assert_eq!(lines(&text), Err(ParseProblem::WebPage));
        assert_eq!(csv(&text), Err(ParseProblem::WebPage));
        assert_eq!(json(&text, &["$[*]"]), Err(ParseProblem::WebPage));
    }
}

#[test]
fn one_bad_entry_refuses_all_and_is_named_by_its_place_only() {
    for bad in ["104.16.0.0/33", "canary.example", "::ffff:104.16.0.0/110", "104.016.0.0/13", "104.16.0.0/13;", "-"] {
        let text = format!("104.16.0.0/13\n{bad}\n2400:cb00::/32\n");
        let problem = lines(&text).unwrap_err();
        assert_eq!(problem, ParseProblem::Entry { position: 2, problem: None }, "{bad}");
        assert_eq!(problem.to_string(), "entry 2 is not a prefix");
        let array = serde_json::json!(["104.16.0.0/13", bad]).to_string();
        assert_eq!(json(&array, &["$[*]"]).unwrap_err(), problem);
    }
    assert!(csv("104.16.0.0/13\nheading\n").is_err());
    assert!(csv("10.0.0.0/99,x\n").is_err());
}

#[test]
fn a_notice_of_retirement_is_not_skipped() {
    let tombstone = "# This list has been retired, see the documentation\n0.0.0.0/0\n::/0\n";
    assert_eq!(lines(tombstone), Err(ParseProblem::Comment(1)));
    assert_eq!(lines("104.16.0.0/13\n  ; gone\n"), Err(ParseProblem::Comment(2)));
}

#[test]
fn nothing_is_no_list_either() {
    for text in ["", "\n", "  \r\n ", "\u{feff}", ","] {
        assert_eq!(lines(text), Err(ParseProblem::Empty), "{text:?}");
    }
    assert_eq!(json(r#"{"result": null, "errors": ["no"]}"#, &["$.result.ipv4_cidrs[*]"]), Err(ParseProblem::Empty));
    assert_eq!(json(r#"{"Response": {"Error": {"Code": "X"}}}"#, &["$.Response.IPs[*]"]), Err(ParseProblem::Empty));
    assert_eq!(json("[]", &["$[*]"]), Err(ParseProblem::Empty));
}

#[test]
fn json_that_is_not_as_described_is_named() {
    assert_eq!(json("104.16.0.0/13", &["$[*]"]), Err(ParseProblem::NotJson));
    assert_eq!(json(&"[".repeat(100_000), &["$[*]"]), Err(ParseProblem::NotJson));
    assert_eq!(json("[1]", &["$[*]"]), Err(ParseProblem::PathOfOther("$[*]".to_owned())));
    assert_eq!(json(r#"{"a": ["1.0.0.0/8"]}"#, &["$.a"]), Err(ParseProblem::PathOfOther("$.a".to_owned())));
    assert_eq!(document(b"\xff\xfe1\x00", &Shape::Lines), Err(ParseProblem::NotText));
    let many = "1.1.1.1\n".repeat(MOST_ENTRIES + 1);
    assert_eq!(lines(&many), Err(ParseProblem::TooMany));
}

#[test]
fn an_error_inside_a_good_answer_is_seen() {
    let shape = |path: &str, wanted: Value| Shape::Json {
        extract: vec!["$.ips[*]".to_owned()],
        require: vec![("$.ips".to_owned(), serde_json::json!(["104.16.0.0/13"])), (path.to_owned(), wanted)],
    };
    let text = br#"{"success": false, "res": 0, "ips": ["104.16.0.0/13"]}"#;
    assert_eq!(document(text, &shape("$.success", true.into())), Err(ParseProblem::ReportsError));
    assert_eq!(document(text, &shape("$.missing", true.into())), Err(ParseProblem::ReportsError));
    assert_eq!(document(text, &shape("$.res", 1.into())), Err(ParseProblem::ReportsError));
    assert_eq!(document(text, &shape("$.res", "0".into())), Err(ParseProblem::ReportsError));
    assert!(document(text, &shape("$.res", 0.into())).is_ok());
    let text = br#"{"success": true, "ips": ["104.16.0.0/13"]}"#;
    assert!(document(text, &shape("$.success", true.into())).is_ok());
}

#[test]
fn the_clusters_own_lists_may_have_comments_and_get_full_answers() {
    let set = local_text("# office\n10.0.0.0/8  # all of it\n\n192.0.2.1, 192.0.2.2\n").unwrap();
    assert_eq!(set.texts(), ["10.0.0.0/8", "192.0.2.1/32", "192.0.2.2/32"]);
    let problem = local_text("10.0.0.0/8\n10.0.0.0/08\n").unwrap_err();
    assert_eq!(
        problem.to_string(),
        "entry 2 is not a prefix: \"10.0.0.0/08\" is not a prefix: its length must be a number from 0 to 32"
    );
    assert_eq!(local_text("# nothing"), Err(ParseProblem::Empty));
}

/// What the condition Fetched says of a document, whatever made it so.
#[test]
fn a_document_that_is_no_list_is_told_with_its_place_and_what_is_wrong() {
    let path = || "$.a".to_owned();
    for (problem, said) in [
        (lines("<html>").unwrap_err(), "it is a web page, not a list"),
        (ParseProblem::ContentType, "its content type or encoding is not that of a list"),
        (document(b"\xff\xfe1\x00", &Shape::Lines).unwrap_err(), "it is not text"),
        (json("no", &["$[*]"]).unwrap_err(), "it is not JSON"),
        (ParseProblem::ReportsError, "it reports an error of its own"),
        (check_path("$[").unwrap_err(), "the JSONPath $[ cannot be evaluated on it"),
        (
            ParseProblem::PathOfOther(path()),
            "the JSONPath $.a finds something that is not text; paths of arrays end with [*]",
        ),
        (
            ParseProblem::NoColumn("ip".to_owned()),
            "its first row has no column ip; source.http.extract has to name columns as the first row writes them, or by \
             number",
        ),
        (
            ParseProblem::Row(2),
            "line 2 is not a row of comma-separated values with a prefix in the columns that source.http.extract names \
             (the first where it names none)",
        ),
        (
            ParseProblem::Term(3),
            "term 3 of its v=spf1 record is none of ip4:PREFIX, ip6:PREFIX, include:NAME, redirect=NAME and a last ~all or \
             -all; source.dnsTXT.name has to be a name that lists addresses",
        ),
        (
            ParseProblem::Everyone,
            "its v=spf1 record ends with all, which allows everyone; a list ends with -all or ~all",
        ),
        (
            ParseProblem::SeveralRecords,
            "it has several v=spf1 records, of which none counts (RFC 7208, 4.5); its owner has to join them",
        ),
        (
            ParseProblem::NotIncludable(2),
            "it includes a name without a v=spf1 record, number 2; ask its owner to correct that, or name another one in \
             source.dnsTXT.name",
        ),
        (
            ParseProblem::TooManyNames,
            "it includes more than 10 names, the bound of RFC 7208; a source of type ConfigMap can hold such a list",
        ),
        (
            ParseProblem::NoList,
            "it has not the lists that this API documents; if the API has changed, Leeward has to be updated",
        ),
        (lines("").unwrap_err(), "it holds no prefix"),
        (lines("# gone").unwrap_err(), "line 1 is a comment, which this source does not have; look at what it says"),
        (ParseProblem::TooMany, "it has more than 50000 entries"),
    ] {
        let error = FeedError::Unparsable { document: "lists.example.com/v4".to_owned(), problem };
        assert_eq!(error.to_string(), format!("lists.example.com/v4 is not taken: {said}"));
        assert_eq!(error.reason(), Reason::Unparsable);
    }
}

/// Each of these ways to fail is caused in `fetch`, `records` or `account`; here is how it reads.
#[test]
fn a_source_that_gives_nothing_is_named_with_what_to_do() {
    for (how, said) in [
        (Unreachable::Name, "does not resolve"),
        (
            Unreachable::NoText,
            "has no TXT record, or no resolver answers for it (--resolver names another one); ask for it with dig TXT",
        ),
        (
            Unreachable::NoIncludedText(2),
            "includes other names, of which number 2 has no TXT record or gets no answer; ask for it with dig TXT",
        ),
        (Unreachable::Connect, "cannot be connected to, or its certificate is not trusted (--ca-file adds trust)"),
        (Unreachable::Timeout, "does not answer in time"),
        (Unreachable::Status(404), "answers with status 404; only 200 is a list"),
        (Unreachable::Redirect, "redirects to another place; put that URL into the resource if it is meant"),
        (Unreachable::TooLarge, "answers with more than 16 MiB"),
        (Unreachable::Interrupted, "breaks off its answer"),
    ] {
        let error = FeedError::Unreachable { host: "lists.example.com".to_owned(), how };
        assert_eq!((error.to_string(), error.reason()), (format!("lists.example.com {said}"), Reason::Unreachable));
    }
    let forbidden = FeedError::Forbidden { host: "lists.example.com".to_owned() };
    assert_eq!(
        forbidden.to_string(),
        "lists.example.com is not fetched: the target is not allowed by this installation's egress rules"
    );
    let map = FeedError::NoConfigMap { name: "ranges".to_owned(), key: "cidrs".to_owned() };
    assert_eq!(
        map.to_string(),
        "ConfigMap ranges with the key cidrs does not exist in Leeward's own namespace; create it"
    );
    assert_eq!(LookupError::Unresolved.to_string(), "the name does not resolve");
}
