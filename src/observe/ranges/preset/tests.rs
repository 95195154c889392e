use strum::IntoEnumIterator as _;

use super::*;
use crate::api::proxy_network::{ProxyNetworkSpec, SourceType};
use crate::net::{AdmittedRanges, Prefix, Provenance, RangeSet};
use crate::observe::ranges::plausible;
use crate::observe::ranges::revise::Limits;

fn spec(preset: Preset) -> ProxyNetworkSpec {
    let text = format!("{{source: {{type: Preset, preset: {{name: {preset}}}}}}}");
    serde_saphyr::from_str(&text).unwrap()
}

#[test]
fn every_preset_has_a_readable_file_that_says_all_there_is_to_say() {
    for preset in Preset::iter() {
        let sheet = sheet(preset).unwrap();
        assert!(sheet.page.starts_with("https://"), "{preset}");
        assert!(!sheet.families.is_empty(), "{preset}");
        for text in [&sheet.what, &sheet.notice, &sheet.trap] {
            assert!(text.split_whitespace().count() > 1 && !text.ends_with('.'), "{preset}: {text:?}");
        }
        assert!(sheet.source.is_none() || sheet.dns_txt.is_none(), "{preset} has two sources");
        let json = sheet.source.as_ref().is_some_and(|http| !http.extract.is_empty());
        assert!(sheet.require.is_empty() || json, "{preset} requires something of a document that is no JSON");
        for (family, floor) in [(Family::V4, 8), (Family::V6, 20)] {
            assert!(sheet.widest.of(family).is_none_or(|widest| widest > floor && widest < family.bits()), "{preset}");
        }
    }
}

#[test]
fn every_shipped_list_is_dated_canonical_admissible_and_has_its_families() {
    for preset in Preset::iter() {
        let sheet = sheet(preset).unwrap();
        let Some(shipped) = &sheet.listed else { continue };
        assert!(shipped.as_of > jiff::civil::date(2026, 1, 1), "{preset}");
        let listed = shipped.ranges();
        assert_eq!(listed.prefixes(), shipped.cidrs, "{preset}: not canonical");
        for family in &sheet.families {
            assert!(listed.coverage((*family).into()) > 0, "{preset} ships no {family}");
        }
        for prefix in &shipped.cidrs {
            // Some bits of room, or the next change of the provider would be refused.
            let widest = sheet.widest.of(prefix.family());
            assert!(widest.is_none_or(|widest| widest + 1 < prefix.length()), "{preset}: {prefix}");
        }
        let feed = feed(preset).unwrap();
        let limits = Limits::new(&spec(preset), feed.default_hold());
        let admitted = plausible::judge(listed.clone(), Provenance::Remote, &feed.known, &limits).unwrap();
        // What is written down is read again as the same.
        let again: RangeSet = admitted.ranges().texts().iter().map(|text| Prefix::parse(text).unwrap()).collect();
        assert_eq!(AdmittedRanges::admit(again, Provenance::Remote).unwrap().hash(), admitted.hash(), "{preset}");
    }
}

#[test]
fn every_preset_can_be_read_or_says_what_to_do_instead() {
    let mut none = Vec::new();
    for preset in Preset::iter() {
        let spec = spec(preset);
        assert_eq!(spec.source.kind, SourceType::Preset);
        assert_eq!(preset.to_string().parse::<Preset>().unwrap(), preset);
        assert_eq!(serde_json::to_value(preset).unwrap(), preset.to_string());
        match Feed::new(&spec.source) {
            Ok(feed) => assert_eq!(feed.provenance(), Provenance::Remote, "{preset}"),
            Err(invalid) => none.push(invalid.to_string()),
        }
    }
    assert_eq!(
        none,
        [
            "spec.source.preset.name names DDoSGuard, which publishes no list that a program can read, and none came with this \
             release: copy the networks of https://ddos-guard.net/en/tutorials/general/l7-settings into a source of type Inline"
        ]
    );
}

#[test]
fn each_preset_is_read_in_its_own_way() {
    let way = |preset| match feed(preset).map(|feed| feed.way) {
        Ok(Way::Http(http)) if http.urls.len() > 1 => "documents",
        Ok(Way::Http(_)) => "a document",
        Ok(Way::DnsText(_)) => "records",
        Ok(Way::Release(_)) => "of the release",
        Ok(Way::ConfigMap { .. } | Way::Inline(_)) => "local",
        Ok(Way::Account(_)) => "with a key",
        Err(_) => "none",
    };
    let all: Vec<(String, &str)> = Preset::iter().map(|preset| (preset.to_string(), way(preset))).collect();
    let all: Vec<(&str, &str)> = all.iter().map(|(name, way)| (name.as_str(), *way)).collect();
    assert_eq!(
        all,
        [
            ("Akamai", "documents"),
            ("ArvanCloud", "a document"),
            ("Bunny", "documents"),
            ("CDN77", "a document"),
            ("CacheFly", "a document"),
            ("CloudFront", "a document"),
            ("Cloudflare", "a document"),
            ("DDoSGuard", "none"),
            ("Fastly", "a document"),
            ("Gcore", "a document"),
            ("GoCache", "a document"),
            ("GoogleCloud", "of the release"),
            ("GoogleCloudInternetNEG", "records"),
            ("Imperva", "a document"),
            ("KeyCDN", "a document"),
            ("Medianova", "a document"),
            ("ParsPack", "a document"),
            ("QUICcloud", "a document"),
            ("RedShield", "a document"),
            ("Sucuri", "of the release"),
        ]
    );
}

/// The shape in which a provider answers, and what is read from it.
#[test]
fn the_documents_of_the_providers_are_read() {
    let read = |preset, text: &str| {
        let Way::Http(http) = feed(preset).unwrap().way else { panic!("{preset} has no document") };
        parse::document(text.as_bytes(), &http.shape).map(|list| list.texts())
    };
    let both = ["104.16.0.0/13", "2400:cb00::/32"];
    for (preset, text) in [
        (Preset::Akamai, "104.16.0.0/13\n2400:cb00::/32"),
        (Preset::Bunny, "104.16.0.0/13\r\n2400:cb00::/32\r\n"),
        (
            Preset::CloudFront,
            r#"{"syncToken": "1", "prefixes": [
                {"ip_prefix": "104.16.0.0/13", "region": "GLOBAL", "service": "CLOUDFRONT_ORIGIN_FACING"},
                {"ip_prefix": "3.0.0.0/8", "region": "GLOBAL", "service": "CLOUDFRONT"}],
              "ipv6_prefixes": [
                {"ipv6_prefix": "2400:cb00::/32", "service": "CLOUDFRONT_ORIGIN_FACING"},
                {"ipv6_prefix": "2600:9000::/28", "service": "AMAZON"}]}"#,
        ),
        (
            Preset::Cloudflare,
            r#"{"result": {"ipv4_cidrs": ["104.16.0.0/13"], "ipv6_cidrs": ["2400:cb00::/32"], "etag": "x"},
               "success": true, "errors": []}"#,
        ),
        (Preset::Fastly, r#"{"addresses": ["104.16.0.0/13"], "ipv6_addresses": ["2400:cb00::/32"]}"#),
        (Preset::Gcore, r#"{"addresses": ["104.16.0.0/13"], "addresses_v6": ["2400:cb00::/32"]}"#),
        (
            Preset::Imperva,
            r#"{"ipRanges": ["104.16.0.0/13"], "ipv6Ranges": ["2400:cb00::/32"], "res": 0, "res_message": "OK"}"#,
        ),
        (Preset::QUICcloud, r#"["104.16.0.0/13", "2400:cb00::/32"]"#),
        (Preset::RedShield, "104.16.0.0/13 2400:cb00::/32"),
        (Preset::KeyCDN, r#"{"prefixes": ["104.16.0.0/13", "2400:cb00::/32"]}"#),
        (
            Preset::Medianova,
            r#"{"result": {"ipv4_cidrs": ["104.16.0.9/13", "104.17.0.0/16"], "ipv6_cidrs": ["2400:cb00::/32"]},
               "success": true}"#,
        ),
        (
            Preset::CDN77,
            r#"{"updated_at": "x", "prefixes": [{"prefix": "104.16.0.0/13"}, {"prefix": "2400:cb00::/32"}]}"#,
        ),
    ] {
        assert_eq!(read(preset, text).unwrap(), both, "{preset}");
    }
    let error = r#"{"ipRanges": ["104.16.0.0/13"], "ipv6Ranges": ["2400:cb00::/32"], "res": 9414}"#;
    assert_eq!(read(Preset::Imperva, error), Err(parse::ParseProblem::ReportsError));
    let error = r#"{"result": {"ipv4_cidrs": ["104.16.0.0/13"], "ipv6_cidrs": []}, "success": false}"#;
    assert_eq!(read(Preset::Medianova, error), Err(parse::ParseProblem::ReportsError));
}

#[test]
fn a_prefix_that_this_provider_never_had_refuses_its_list() {
    let feed = feed(Preset::Fastly).unwrap();
    let limits = Limits::new(&spec(Preset::Fastly), feed.default_hold());
    let list = |more: &str| feed.known.shipped.as_ref().unwrap().ranges().union(&Prefix::parse(more).unwrap().into());
    assert!(plausible::judge(list("1.0.0.0/15"), Provenance::Remote, &feed.known, &limits).is_ok());
    let refused = plausible::judge(list("1.0.0.0/12"), Provenance::Remote, &feed.known, &limits).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "1.0.0.0/12 is refused: it is wider than /14, the widest IPv4 prefix that is expected in this list; if the provider \
         really has it, read the list with a source of type HTTP instead of the preset"
    );
}

#[test]
fn the_list_of_cloudflare_is_the_known_one() {
    let listed = sheet(Preset::Cloudflare).unwrap().listed.unwrap().ranges();
    assert_eq!((listed.prefix_count(Family::V4), listed.prefix_count(Family::V6)), (15, 7));
}

#[test]
fn every_preset_stands_in_the_documentation_as_it_is() {
    let page = include_str!("../../../../docs/providers.md");
    for preset in Preset::iter() {
        let sheet = sheet(preset).unwrap();
        let start = format!("| [{preset}]({}) |", sheet.page);
        let row = page.lines().find(|line| line.starts_with(&start));
        let row = row.unwrap_or_else(|| panic!("docs/providers.md has no row that begins with {start}"));
        let as_of = sheet.listed.as_ref().map_or_else(|| "not shipped".to_owned(), |listed| listed.as_of.to_string());
        let families = sheet.families.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        for said in [&sheet.what, &sheet.notice, &sheet.trap, &as_of, &families] {
            assert!(row.contains(&format!("| {said} |")), "docs/providers.md: {preset} lacks {said:?}");
        }
        for published in sheet.published() {
            assert!(row.contains(&published), "docs/providers.md: {preset} lacks {published}");
        }
    }
}

#[test]
fn the_readme_counts_the_lists_that_are_known_by_name() {
    let lists = Preset::iter().filter(|preset| feed(*preset).is_ok()).count();
    let readme = include_str!("../../../../README.md");
    assert!(lists == 19 && readme.contains("Nineteen lists of providers are known by name"), "{lists} lists");
}
