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

/// Files do not pass through the schema: what it bounds is bounded here again.
#[test]
fn every_bound_is_told_with_its_field() {
    let origin = "  origin: {type: Addresses, addresses: {ips: [203.0.113.10]}}\n";
    let url = |url: &str| format!("  proxy: {{url: '{url}'}}\n{origin}");
    let of = |origin: &str| format!("  proxy: {{url: 'https://x.example/'}}\n  origin: {origin}\n");
    let with = |more: &str| format!("{PLAIN}  {more}\n");
    let many = |item: &str, count: usize| vec![item; count].join(", ");
    let policy = "name: a, type: NetworkPolicy, networkPolicy";
    for (spec, said) in [
        (url("https://x.example/a#b"), "proxy.url must not carry a fragment: remove everything from # on"),
        (url("https://x.example/ä"), "proxy.url must hold only printable ASCII characters: percent-encode the others"),
        (url("https://[203.0.113.10]/"), "proxy.url has an IPv4 address in brackets: remove them"),
        (
            url("https://0x7f.1/"),
            "proxy.url names the host 0x7f.1: an address must be written in canonical form, such as 203.0.113.10",
        ),
        (of("{type: Addresses, addresses: {ips: []}}"), "origin.addresses.ips must hold 1 to 16 addresses, not 0"),
        (
            of("{type: Addresses, addresses: {ips: ['::ffff:203.0.113.10']}}"),
            "origin.addresses.ips[0] must not be an IPv4-mapped IPv6 address: write the IPv4 address",
        ),
        (
            of("{type: Addresses, addresses: {ips: ['2001:db8:0::1']}}"),
            "origin.addresses.ips[0] must be written in canonical form: 2001:db8::1",
        ),
        (
            of("{type: Addresses, addresses: {ips: [203.0.113.10], port: 0}}"),
            "origin.addresses.port must be from 1 to 65535, not 0",
        ),
        (
            of("{type: Hostname, hostname: {name: 203.0.113.10}}"),
            "origin.hostname.name must be a DNS name: use type Addresses for an address",
        ),
        (
            of("{type: Addresses, addresses: {ips: [203.0.113.10]}, vantages: [{name: a}, {name: a}]}"),
            "origin.vantages names the vantage a twice",
        ),
        (with("expect: {statuses: []}"), "expect.statuses must hold 1 to 16 codes or ranges, such as 200-399"),
        (
            with("expect: {firstByteMilliseconds: 60001}"),
            "expect.firstByteMilliseconds must be from 1 to 60000, not 60001",
        ),
        (with("expect: {bodyContains: ''}"), "expect.bodyContains must have 1 to 1024 characters"),
        (with("probe: {tlsTimeoutSeconds: 61}"), "probe.tlsTimeoutSeconds must be from 1 to 60 seconds, not 61"),
        (with("probe: {periodSeconds: 9}"), "probe.periodSeconds must be from 10 to 3600, not 9"),
        (with("probe: {pings: 101}"), "probe.pings must be from 0 to 100, not 101"),
        (
            with("probe: {largePath: big}"),
            "probe.largePath must be a path of 1 to 256 printable ASCII characters that begins with / and has no fragment, \
             such as /big",
        ),
        (
            with("traffic: {profile: 'My profile'}"),
            "traffic.profile must be the name of a traffic profile, such as default: lower-case letters, digits and dashes",
        ),
        (
            with(&format!("allowlist: {{extraCIDRs: [{}]}}", many("{cidr: 198.51.100.7/32, reason: x}", 257))),
            "allowlist.extraCIDRs must hold at most 256 prefixes",
        ),
        (
            with(&format!("allowlist: {{targets: [{}]}}", many("{name: a, type: ConfigMap}", 33))),
            "allowlist.targets must hold at most 32 targets",
        ),
        (
            with("allowlist: {targets: [{name: a, type: ConfigMap}, {name: a, type: ConfigMap}]}"),
            "allowlist.targets[1].name repeats a: give each target a name of its own",
        ),
        (
            with("allowlist: {targets: [{name: a, type: RouteAnnotation}]}"),
            "allowlist.targets[0].routeAnnotation must be set when type is RouteAnnotation",
        ),
        (
            with(&format!(
                "allowlist: {{targets: [{{{policy}: {{podSelector: {{matchLabels: {{a: b}}}}, ports: [0]}}}}]}}"
            )),
            "allowlist.targets[0].networkPolicy.ports holds 0; a port is from 1 to 65535",
        ),
    ] {
        assert_eq!(Validated::new(&resource(&spec)).unwrap_err().to_string(), format!("spec.{said}"), "{spec}");
    }
}
