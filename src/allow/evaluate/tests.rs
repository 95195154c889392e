use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::NetworkPolicy;

use super::*;

/// A web pod with two named ports in namespace `shop`.
fn pod() -> DestinationPod {
    let pod: Pod = serde_saphyr::from_str(
        "
        metadata: {name: web-1, namespace: shop, labels: {app: web, tier: front}}
        spec:
          containers:
          - {name: web, ports: [{name: http, containerPort: 8080}, {name: dns, containerPort: 5353, protocol: UDP}]}
          initContainers:
          - {name: sidecar, restartPolicy: Always, ports: [{name: metrics, containerPort: 9100}]}
          - {name: migrate, ports: [{name: once, containerPort: 9200}]}
        ",
    )
    .unwrap();
    DestinationPod::of(&pod, RangeSet::empty())
}

/// Policies of namespace `shop` with these specs, named p0, p1, ….
fn policies(specs: &[&str]) -> Vec<NetworkPolicy> {
    let named = |(index, spec): (usize, &&str)| {
        let text = format!("{{metadata: {{name: p{index}, namespace: shop}}, spec: {spec}}}");
        serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
    };
    specs.iter().enumerate().map(named).collect()
}

fn evaluator(specs: &[&str]) -> Evaluator {
    Evaluator::new(pod(), &policies(specs))
}

fn decide(specs: &[&str], source: &str, port: u16) -> Decision {
    evaluator(specs).decide_address(source.parse().unwrap(), PodPort::tcp(port))
}

fn admitted(specs: &[&str], port: PodPort) -> Vec<String> {
    evaluator(specs).admitted(port).unwrap().texts()
}

const EVERYTHING: [&str; 2] = ["0.0.0.0/0", "::/0"];

#[test]
fn a_pod_that_no_ingress_policy_selects_admits_everyone() {
    for specs in [
        &[][..],
        &["{podSelector: {matchLabels: {app: db}}}"],
        &["{podSelector: {}, policyTypes: [Egress], egress: []}"],
        &["{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [web]}]}}"],
        &["{podSelector: {matchExpressions: [{key: app, operator: DoesNotExist}]}}"],
    ] {
        assert_eq!(decide(specs, "192.0.2.1", 80), Decision::Allowed { by: AllowedBy::NotIsolated }, "{specs:?}");
        assert_eq!(admitted(specs, PodPort::tcp(80)), EVERYTHING, "{specs:?}");
    }
    let mut elsewhere = policies(&["{podSelector: {}}"]);
    elsewhere[0].metadata.namespace = Some("other".to_owned());
    assert_eq!(Evaluator::new(pod(), &elsewhere).isolating().count(), 0);
}

#[test]
fn a_policy_without_rules_admits_nobody() {
    for spec in [
        "{podSelector: {}}",
        "{podSelector: {}, ingress: []}",
        "{podSelector: {}, policyTypes: []}",
        "{podSelector: {}, policyTypes: [Ingress, Egress]}",
        "{policyTypes: [Ingress]}",
        "{podSelector: {matchLabels: {app: web, tier: front}}}",
        "{podSelector: {matchExpressions: [{key: app, operator: In, values: [db, web]}, {key: zone, operator: NotIn, values: [a]}]}}",
        "{podSelector: {matchExpressions: [{key: app, operator: Exists}, {key: zone, operator: DoesNotExist}]}}",
        "{podSelector: {}, egress: [{}]}",
    ] {
        let denied = Decision::Denied { isolating: vec!["p0".to_owned()], nearest: None };
        assert_eq!(decide(&[spec], "192.0.2.1", 80), denied, "{spec}");
        assert_eq!(admitted(&[spec], PodPort::tcp(80)), Vec::<String>::new(), "{spec}");
    }
}

#[test]
fn a_rule_without_from_admits_every_source_and_one_without_ports_every_port() {
    for spec in ["{ingress: [{}]}", "{ingress: [{from: [], ports: []}]}", "{ingress: [{ports: [{protocol: TCP}]}]}"] {
        assert_eq!(admitted(&[spec], PodPort::tcp(1)), EVERYTHING, "{spec}");
    }
    let some = "{ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}";
    for protocol in [Protocol::TCP, Protocol::UDP, Protocol::SCTP] {
        assert_eq!(admitted(&[some], PodPort { number: 65535, protocol }), ["192.0.2.0/24"]);
    }
}

#[test]
fn rules_and_policies_add_up_in_any_order() {
    let specs = [
        "{ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/25}}], ports: [{port: 8080}]}, {from: [{ipBlock: {cidr: 2001:db8::/32}}]}]}",
        "{ingress: [{from: [{ipBlock: {cidr: 192.0.2.128/25}}, {ipBlock: {cidr: 198.51.100.0/24}}]}]}",
    ];
    let union = ["192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32"];
    assert_eq!(admitted(&specs, PodPort::tcp(8080)), union);
    assert_eq!(admitted(&[specs[1], specs[0]], PodPort::tcp(8080)), union);
    let by = AllowedBy::Rule(RuleRef { policy: "p0".to_owned(), rule: 1 });
    assert_eq!(decide(&specs, "2001:db8::1", 1), Decision::Allowed { by });
}

#[test]
fn blocks_keep_families_apart_and_honour_their_exceptions() {
    let spec = "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16, 10.2.0.0/16]}}]}]}";
    for (source, allowed) in [
        ("10.0.0.1", true),
        ("10.1.0.1", false),
        ("10.2.255.255", false),
        ("10.3.0.0", true),
        ("::ffff:10.0.0.1", true),
        ("::a00:1", false),
        ("11.0.0.0", false),
    ] {
        assert_eq!(matches!(decide(&[spec], source, 80), Decision::Allowed { .. }), allowed, "{source}");
    }
    let v4_everyone = "{ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}";
    assert_eq!(admitted(&[v4_everyone], PodPort::tcp(80)), ["0.0.0.0/0"]);
}

#[test]
fn ports_have_a_protocol_a_range_or_a_name_of_the_pod() {
    let all = |ports: &str| format!("{{ingress: [{{ports: [{ports}]}}]}}");
    let udp = |number| PodPort { number, protocol: Protocol::UDP };
    for (ports, port, open) in [
        ("{port: 80}", PodPort::tcp(80), true),
        ("{port: 80}", PodPort::tcp(81), false),
        ("{port: 80}", udp(80), false),
        ("{port: 80, protocol: UDP}", udp(80), true),
        ("{port: 80, endPort: 90}", PodPort::tcp(80), true),
        ("{port: 80, endPort: 90}", PodPort::tcp(90), true),
        ("{port: 80, endPort: 90}", PodPort::tcp(91), false),
        ("{protocol: UDP}", udp(1), true),
        ("{protocol: UDP}", PodPort::tcp(1), false),
        ("{port: http}", PodPort::tcp(8080), true),
        ("{port: http}", PodPort::tcp(80), false),
        ("{port: dns}", PodPort::tcp(5353), false),
        ("{port: dns, protocol: UDP}", udp(5353), true),
        ("{port: http, protocol: UDP}", udp(8080), false),
        ("{port: metrics}", PodPort::tcp(9100), true),
        ("{port: once}", PodPort::tcp(9200), false),
        ("{port: nowhere}", PodPort::tcp(8080), false),
        ("{port: 1}, {port: http}", PodPort::tcp(8080), true),
    ] {
        assert_eq!(!admitted(&[&all(ports)], port).is_empty(), open, "{ports} and {port:?}");
    }
}

#[test]
fn selectors_match_pods_and_never_outside_addresses() {
    let spec = "{ingress: [
        {from: [{podSelector: {matchLabels: {role: gateway}}}], ports: [{port: 1}]},
        {from: [{namespaceSelector: {matchLabels: {team: edge}}}], ports: [{port: 2}]},
        {from: [{namespaceSelector: {matchLabels: {team: edge}}, podSelector: {matchLabels: {role: gateway}}}], ports: [{port: 3}]},
        {from: [{podSelector: {}}, {namespaceSelector: {}}], ports: [{port: 4}]},
        {from: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: 5}]},
        {ports: [{port: 6}]}]}";
    let evaluator = evaluator(&[spec]);
    let gateway = |namespace: &str, team: &str, role: &str| Source {
        address: "10.9.9.9".parse().unwrap(),
        pod: Some(SourcePod {
            namespace: namespace.to_owned(),
            namespace_labels: [("team".to_owned(), team.to_owned())].into(),
            labels: [("role".to_owned(), role.to_owned())].into(),
        }),
    };
    let ports = |source: &Source| -> Vec<u16> {
        (1..=6)
            .filter(|port| matches!(evaluator.decide(source, PodPort::tcp(*port)), Decision::Allowed { .. }))
            .collect()
    };
    assert_eq!(ports(&gateway("shop", "edge", "gateway")), [1, 2, 3, 4, 6]);
    assert_eq!(ports(&gateway("edge", "edge", "gateway")), [2, 3, 4, 6]);
    assert_eq!(ports(&gateway("edge", "edge", "other")), [2, 4, 6]);
    assert_eq!(ports(&gateway("shop", "shop", "other")), [4, 6]);
    assert_eq!(ports(&Source::external("10.9.9.9".parse().unwrap())), [5, 6]);
    let undefined = Decision::Undefined { why: Undefined::BlockOnPod };
    assert_eq!(evaluator.decide(&gateway("shop", "edge", "gateway"), PodPort::tcp(5)), undefined);
    assert_eq!(admitted(&[spec], PodPort::tcp(4)), Vec::<String>::new());
}

#[test]
fn the_pods_own_node_always_gets_through() {
    let mut pod = pod();
    pod.node_addresses = RangeSet::from_iter(["192.0.2.4".parse::<IpAddr>().unwrap()]);
    let evaluator = Evaluator::new(pod, &policies(&["{podSelector: {}}"]));
    let own_node = Decision::Allowed { by: AllowedBy::OwnNode };
    assert_eq!(evaluator.decide_address("192.0.2.4".parse().unwrap(), PodPort::tcp(80)), own_node);
    assert_eq!(evaluator.admitted(PodPort::tcp(80)).unwrap().texts(), ["192.0.2.4/32"]);
}

#[test]
fn what_the_specification_leaves_open_is_undefined() {
    let mut pod = pod();
    pod.host_network = true;
    let evaluator = Evaluator::new(pod, &policies(&["{podSelector: {}}"]));
    let why = Undefined::HostNetwork;
    assert_eq!(
        why.to_string(),
        "the pod uses the host's network, to which network plugins mostly do not apply policies"
    );
    assert_eq!(
        Undefined::BlockOnPod.to_string(),
        "only an ipBlock admits this pod, and network plugins differ on whether blocks match pods"
    );
    assert_eq!(evaluator.admitted(PodPort::tcp(80)), Err(why.clone()));
    assert_eq!(evaluator.decide_address("192.0.2.4".parse().unwrap(), PodPort::tcp(80)), Decision::Undefined { why });
}

#[test]
fn an_unreadable_part_casts_doubt_only_where_it_matters() {
    for (spec, problem) in [
        ("{ingress: [{from: [{ipBlock: {cidr: x}}, {ipBlock: {cidr: 10.0.0.0/8}}]}]}", "ipBlock \"x\" is not a prefix"),
        (
            "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: 80}, {port: 9, endPort: 8}]}]}",
            "a port lies outside 1 to 65535, or its endPort lies before it",
        ),
        (
            "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}, {podSelector: {matchExpressions: [{key: a, operator: Gt}]}}]}]}",
            "a label selector has an operator other than In, NotIn, Exists and DoesNotExist",
        ),
        (
            "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: 80}, {port: 80, protocol: QUIC}]}]}",
            "a port has a protocol other than TCP, UDP and SCTP",
        ),
    ] {
        assert!(matches!(decide(&[spec], "10.0.0.1", 80), Decision::Allowed { .. }), "{spec}");
        let why = Undefined::Unreadable { policy: "p0".to_owned(), problem: problem.to_owned() };
        assert_eq!(decide(&[spec], "11.0.0.1", 80), Decision::Undefined { why: why.clone() }, "{spec}");
        assert_eq!(why.to_string(), format!("policy p0 cannot be read: {problem}"));
        assert_eq!(evaluator(&[spec]).admitted(PodPort::tcp(80)), Err(why), "{spec}");
    }
}

#[test]
fn a_denial_names_the_policies_and_the_rule_that_comes_closest() {
    let specs = [
        "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: 80}]}]}",
        "{ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/24}}], ports: [{port: 443}]}]}",
    ];
    let isolating = vec!["p0".to_owned(), "p1".to_owned()];
    let closest = |policy: &str| RuleRef { policy: policy.to_owned(), rule: 0 };
    assert_eq!(
        decide(&specs, "192.0.2.1", 80),
        Decision::Denied { isolating: isolating.clone(), nearest: Some(NearMiss::OtherPorts(closest("p1"))) }
    );
    assert_eq!(
        decide(&specs, "203.0.113.1", 443),
        Decision::Denied { isolating, nearest: Some(NearMiss::OtherSources(closest("p1"))) }
    );
}

#[test]
fn the_missing_part_of_a_list_is_exact() {
    let spec = "{ingress: [{from: [{ipBlock: {cidr: 104.16.0.0/13}}], ports: [{port: http}]}]}";
    let wanted: RangeSet =
        ["104.16.0.0/12", "2400:cb00::/32"].iter().map(|text| text.parse::<crate::net::Prefix>().unwrap()).collect();
    let missing = evaluator(&[spec]).missing(&wanted, PodPort::tcp(8080)).unwrap();
    assert_eq!(missing.texts(), ["104.24.0.0/13", "2400:cb00::/32"]);
}
