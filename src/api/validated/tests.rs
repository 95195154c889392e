//! Specs that are wrong are refused with the field and the fix; right ones get their defaults.

use super::*;
use crate::api::spec::Scheme;

fn resource(spec: &str) -> ProtectedOrigin {
    let text = format!(
        "apiVersion: leeward.dev/v1alpha1\nkind: ProtectedOrigin\nmetadata: {{name: shop, namespace: shop}}\nspec:\n{spec}"
    );
    serde_saphyr::from_str(&text).unwrap()
}

const PLAIN: &str = "  proxy: {url: 'https://shop.example.com/healthz'}\n  origin: {type: Addresses, addresses: {ips: [203.0.113.10]}}\n";

#[test]
fn a_short_spec_gets_every_default() {
    let v = Validated::new(&resource(PLAIN)).unwrap();
    assert_eq!(v.url.authority(), "shop.example.com");
    assert_eq!(v.url.to_string(), "https://shop.example.com/healthz");
    assert_eq!(v.origin.whereabouts, Whereabouts::Addresses { ips: vec!["203.0.113.10".parse().unwrap()], port: 443 });
    assert_eq!(v.origin.host_header, "shop.example.com");
    assert_eq!(v.origin.short("shop"), "203.0.113.10:443");
    assert!(v.expect.admits(200) && v.expect.admits(399) && !v.expect.admits(404));
    assert_eq!(v.probe.deadlines.total, Duration::from_secs(20));
    assert_eq!(v.proxy_timers(Provider::Cloudflare), (19, 100));
    assert_eq!(v.proxy_timers(Provider::Generic), (60, 60));
}

#[test]
fn a_probe_never_outlasts_its_period() {
    let v = Validated::new(&resource(&format!("{PLAIN}  probe: {{periodSeconds: 10}}\n"))).unwrap();
    assert_eq!(v.probe.deadlines.total, Duration::from_secs(9));
}

#[test]
fn urls_are_taken_apart_strictly() {
    let parse = |t: &str| SiteUrl::parse("proxy.url", t);
    assert_eq!(parse("http://a.example:8080").unwrap().to_string(), "http://a.example:8080/");
    assert_eq!(parse("https://[2001:db8::1]/x?y").unwrap().authority(), "[2001:db8::1]");
    assert_eq!(parse("https://EXAMPLE.com./").unwrap().host, Host::Name("example.com".into()));
    assert_eq!(parse("https://a.example?x").unwrap().path, "/?x");
    for bad in [
        "ftp://a.example/",
        "https://user@a.example/",
        "https://a.example/#x",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://127.1/",
        "https://0177.0.0.1/",
        "https://[::ffff:127.0.0.1]/",
        "https://a.example:0/",
        "https://a.example:70000/",
        "https:///x",
        "https://a..example/",
        "https://-a.example/",
        "https://exämple.com/",
    ] {
        assert!(parse(bad).is_err(), "{bad} was taken");
    }
}

#[test]
fn problems_name_the_field_and_the_fix() {
    let fails = |spec: &str| Validated::new(&resource(spec)).unwrap_err().to_string();
    insta::assert_snapshot!([
        fails("  proxy: {url: 'https://u:p@x.example/'}\n  origin: {type: Addresses, addresses: {ips: [203.0.113.10]}}\n"),
        fails("  proxy: {url: 'https://x.example/'}\n  origin: {type: Addresses, addresses: {ips: [203.0.113.010]}}\n"),
        fails("  proxy: {url: 'https://x.example/'}\n  origin: {type: Service, addresses: {ips: [203.0.113.10]}}\n"),
        fails(&format!("{PLAIN}  expect: {{statuses: ['300-200']}}\n")),
        fails(&format!("{PLAIN}  allowlist: {{mode: Enforce}}\n")),
        fails(&format!("{PLAIN}  allowlist: {{targets: [{{name: a, type: NetworkPolicy}}]}}\n")),
        fails(&format!("{PLAIN}  allowlist: {{extraCIDRs: [{{cidr: 198.51.100.7/24, reason: x}}]}}\n")),
    ]
    .join("\n"));
}

#[test]
fn only_the_first_policy_target_carries_the_origin_name_alone() {
    let v = Validated::new(&resource(
        "  proxy: {url: 'https://x.example/', networkRef: {name: n}}\n  origin: {type: Service, scheme: HTTP, service: {name: web, port: 80}}\n  allowlist:\n    mode: Plan\n    targets:\n    - {name: web, type: IngressAnnotation, ingressAnnotation: {name: web, preset: IngressNginx}}\n    - {name: pods, type: NetworkPolicy}\n    - {name: more, type: NetworkPolicy}\n",
    ))
    .unwrap();
    let firsts: Vec<bool> =
        v.allowlist.targets.iter().map(|t| matches!(t, ValidTarget::NetworkPolicy { first: true, .. })).collect();
    assert_eq!(firsts, [false, true, false]);
    assert_eq!(v.origin.scheme, Scheme::HTTP);
}
