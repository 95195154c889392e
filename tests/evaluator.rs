//! The evaluator of NetworkPolicies against a second opinion: `network-config-analyzer`, an independent program in another
//! language. Random policies, and for every pod, protocol and port that any of them speaks of the two must name exactly the
//! same addresses.
//!
//! `LEEWARD_TEST_SEED` makes other policies; without it the same ones come every time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a test may fail

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use leeward::allow::evaluate::{Decision, DestinationPod, Evaluator, PodPort, Protocol, Source, SourcePod, Undefined};
use leeward::net::{Family, Prefix, RangeSet};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const RUNS: usize = 28;
const NAMESPACES_PER_RUN: usize = 10;
const PODS_PER_NAMESPACE: usize = 3;
const LEAST_POLICIES: usize = 500;

/// Numbers that look random and come again.
struct Dice(u64);

impl Dice {
    /// From 0 to `sides - 1` (splitmix64).
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).unwrap()
    }

    /// True once in `sides` rolls.
    fn once_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.roll(from.len())]
    }

    fn some<T>(&mut self, least: usize, most: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = least + self.roll(most - least + 1);
        (0..count).map(|_| make(self)).collect()
    }
}

/// A cluster of its own: what one run of the analyzer looks at.
struct Cluster {
    namespaces: Vec<Value>,
    pods: Vec<Value>,
    policies: Vec<Value>,
}

impl Cluster {
    /// What bears on one pod, for a failure's message.
    fn around(&self, pod: &str) -> String {
        let (namespace, name) = pod.split_once('/').unwrap();
        let pods = self.pods.iter().filter(|pod| pod["metadata"]["name"] == name);
        let there = pods.chain(&self.policies).filter(|object| object["metadata"]["namespace"] == namespace);
        there.map(Value::to_string).collect::<Vec<_>>().join("\n")
    }
}

fn labels(dice: &mut Dice) -> Value {
    let mut labels = serde_json::Map::new();
    for (key, values) in [("app", &["web", "db"][..]), ("tier", &["front", "back", "x"])] {
        if !dice.once_in(3) {
            labels.insert(key.to_owned(), json!(dice.pick(values)));
        }
    }
    Value::Object(labels)
}

fn selector(dice: &mut Dice) -> Value {
    match dice.roll(5) {
        0 => json!({}),
        1 => json!({"matchLabels": {"app": dice.pick(&["web", "db"])}}),
        2 => json!({"matchLabels": {"app": dice.pick(&["web", "db"]), "tier": dice.pick(&["front", "back"])}}),
        3 => {
            let key = dice.pick(&["app", "tier", "zone"]);
            json!({"matchExpressions": [{"key": key, "operator": dice.pick(&["Exists", "DoesNotExist"])}]})
        }
        _ => {
            let values = dice.some(1, 2, |dice| dice.pick(&["web", "db", "front", "x"]).to_owned());
            let key = dice.pick(&["app", "tier", "zone"]);
            json!({"matchExpressions": [{"key": key, "operator": dice.pick(&["In", "NotIn"]), "values": values}]})
        }
    }
}

/// A selector without `Exists` and `DoesNotExist`: beside a namespaceSelector, analyzer 2.1.0 looks those keys up in the
/// policy's own namespace only, which the API's definition contradicts ("selects the pods matching podSelector in the
/// namespaces selected by namespaceSelector").
fn valued_selector(dice: &mut Dice) -> Value {
    loop {
        let selector = selector(dice);
        if selector["matchExpressions"][0].get("values").is_some() || selector.get("matchExpressions").is_none() {
            return selector;
        }
    }
}

/// A namespace's or a pod's selector in a peer; namespaces have the label `app` and `tier` too.
fn peer(dice: &mut Dice) -> Value {
    match dice.roll(7) {
        0 => json!({"podSelector": selector(dice)}),
        1 => json!({"namespaceSelector": selector(dice)}),
        2 => json!({"namespaceSelector": selector(dice), "podSelector": valued_selector(dice)}),
        _ => json!({"ipBlock": block(dice)}),
    }
}

/// Blocks from a small part of the address space, so that they meet, nest and cover each other.
fn block(dice: &mut Dice) -> Value {
    let (address, length, longest) = if dice.once_in(3) {
        (format!("2001:db8:{:x}::", dice.roll(4) << 14), 30 + dice.roll(20), 64)
    } else {
        (format!("10.{}.{}.0", dice.roll(4) << 6, dice.roll(2) << 7), dice.roll(25), 32)
    };
    let outer = Prefix::containing(address.parse().unwrap(), u8::try_from(length).unwrap()).unwrap();
    let holes = if dice.once_in(2) {
        dice.some(1, 3, |dice| {
            let noise = dice.roll(usize::MAX) as u128 | (dice.roll(usize::MAX) as u128) << 64;
            let (first, last) = (bits(outer.first()), bits(outer.last()));
            let inside = first | (noise & (first ^ last));
            let length = length + 1 + dice.roll(longest - length);
            let hole = Prefix::containing(address_of(outer.family(), inside), u8::try_from(length).unwrap());
            hole.unwrap().to_string()
        })
    } else {
        Vec::new()
    };
    if holes.is_empty() { json!({"cidr": outer}) } else { json!({"cidr": outer, "except": holes}) }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn address_of(family: Family, bits: u128) -> IpAddr {
    match family {
        Family::V4 => IpAddr::V4(u32::try_from(bits).unwrap().into()),
        Family::V6 => IpAddr::V6(bits.into()),
    }
}

fn port(dice: &mut Dice) -> Value {
    let mut port = serde_json::Map::new();
    match dice.roll(4) {
        0 => {}
        1 => {
            port.insert("port".to_owned(), json!(dice.pick(&["http", "dns", "metrics"])));
        }
        2 => {
            let first = 1 + dice.roll(100);
            port.insert("port".to_owned(), json!(first));
            port.insert("endPort".to_owned(), json!(first + dice.roll(20)));
        }
        _ => {
            port.insert("port".to_owned(), json!(1 + dice.roll(100)));
        }
    }
    if port.is_empty() || dice.once_in(2) {
        port.insert("protocol".to_owned(), json!(dice.pick(&["TCP", "UDP", "SCTP"])));
    }
    Value::Object(port)
}

fn rule(dice: &mut Dice) -> Value {
    let mut rule = serde_json::Map::new();
    match dice.roll(8) {
        0 => {}
        1 => drop(rule.insert("from".to_owned(), json!([]))),
        _ => drop(rule.insert("from".to_owned(), json!(dice.some(1, 3, peer)))),
    }
    match dice.roll(6) {
        0 => {}
        1 => drop(rule.insert("ports".to_owned(), json!([]))),
        _ => drop(rule.insert("ports".to_owned(), json!(dice.some(1, 3, port)))),
    }
    Value::Object(rule)
}

fn policy(dice: &mut Dice, namespace: &str, name: &str) -> Value {
    let mut spec = serde_json::Map::new();
    spec.insert("podSelector".to_owned(), if dice.once_in(2) { json!({}) } else { selector(dice) });
    if !dice.once_in(8) {
        spec.insert("ingress".to_owned(), json!(dice.some(0, 3, rule)));
    }
    match dice.roll(6) {
        0 => {
            spec.insert("policyTypes".to_owned(), json!(["Ingress", "Egress"]));
            spec.insert("egress".to_owned(), json!([{}]));
        }
        1 => {
            // Says nothing about ingress. The analyzer rejects ingress rules in it.
            spec.remove("ingress");
            spec.insert("policyTypes".to_owned(), json!(["Egress"]));
            spec.insert("egress".to_owned(), json!([{}]));
        }
        2 => drop(spec.insert("egress".to_owned(), json!([{}]))),
        3 => {}
        _ => drop(spec.insert("policyTypes".to_owned(), json!(["Ingress"]))),
    }
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace}, "spec": spec})
}

fn container_ports(dice: &mut Dice) -> Vec<Value> {
    let mut ports = Vec::new();
    for name in ["http", "dns", "metrics"] {
        if !dice.once_in(3) {
            let protocol = dice.pick(&["TCP", "UDP"]);
            ports.push(json!({"name": name, "containerPort": 1 + dice.roll(100), "protocol": protocol}));
        }
    }
    ports
}

fn cluster(dice: &mut Dice) -> Cluster {
    let mut cluster = Cluster { namespaces: Vec::new(), pods: Vec::new(), policies: Vec::new() };
    for index in 0..NAMESPACES_PER_RUN {
        let namespace = format!("n{index}");
        cluster.namespaces.push(json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": namespace, "labels": labels(dice)}}));
        for pod in 0..PODS_PER_NAMESPACE {
            cluster.pods.push(json!({"apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": format!("p{pod}"), "namespace": namespace, "labels": labels(dice)},
                "spec": {"containers": [{"name": "main", "image": "example", "ports": container_ports(dice)}]}}));
        }
        for number in 0..=dice.roll(3) {
            cluster.policies.push(policy(dice, &namespace, &format!("policy{number}")));
        }
    }
    cluster
}

/// What the analyzer found: destination pod → source (an address range or a pod) → ports by protocol.
#[derive(Default)]
struct Opinion {
    from_outside: BTreeMap<String, Vec<(RangeSet, Connection)>>,
    from_pods: BTreeMap<(String, String), Vec<Connection>>,
}

/// Protocols with their ports; no protocol is all of them.
struct Connection {
    protocols: Option<BTreeSet<Protocol>>,
    ports: Vec<(u16, u16)>,
}

impl Connection {
    /// `All connections`, or cubes such as `{protocols:TCP,dst_ports:80,90-99}`; one cube a line in this format.
    fn parse(text: &str) -> Self {
        if text == "All connections" {
            return Self { protocols: None, ports: vec![(0, u16::MAX)] };
        }
        let cube = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).expect(text);
        let (protocols, ports) = cube.split_once("dst_ports:").unwrap_or((cube, ""));
        let protocols = protocols.trim_end_matches(',').strip_prefix("protocols:").map(|list| {
            list.split(", ").map(|name| name.parse().unwrap_or_else(|_| panic!("unknown protocol in {text}"))).collect()
        });
        let number = |text: &str| text.parse::<u16>().unwrap_or_else(|_| panic!("no port: {text}"));
        let range = |text: &str| {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            (number(first), number(last))
        };
        let ports = if ports.is_empty() { vec![(0, u16::MAX)] } else { ports.split(',').map(range).collect() };
        Self { protocols, ports }
    }

    fn admits(&self, port: PodPort) -> bool {
        self.protocols.as_ref().is_none_or(|protocols| protocols.contains(&port.protocol))
            && self.ports.iter().any(|(first, last)| (*first..=*last).contains(&port.number))
    }
}

impl Opinion {
    fn parse(output: &str) -> Self {
        let mut opinion = Self::default();
        for line in output.lines() {
            let Some((source, rest)) = line.split_once(" => ") else { continue };
            let (destination, connection) = rest.split_once(" : ").expect(line);
            let connection = Connection::parse(connection);
            if !destination.contains('/') {
                continue; // Egress to the outside.
            }
            if source.contains('/') {
                let pair = (source.to_owned(), destination.to_owned());
                opinion.from_pods.entry(pair).or_default().push(connection);
            } else {
                opinion.from_outside.entry(destination.to_owned()).or_default().push((ranges(source), connection));
            }
        }
        opinion
    }

    fn admitted(&self, pod: &str, port: PodPort) -> RangeSet {
        let admitting =
            self.from_outside.get(pod).into_iter().flatten().filter(|(_, connection)| connection.admits(port));
        admitting.fold(RangeSet::empty(), |sum, (ranges, _)| sum.union(ranges))
    }

    fn admits_pod(&self, source: &str, pod: &str, port: PodPort) -> bool {
        let pair = (source.to_owned(), pod.to_owned());
        self.from_pods.get(&pair).into_iter().flatten().any(|connection| connection.admits(port))
    }
}

/// `10.0.0.0-10.0.255.255`, or several with commas.
fn ranges(text: &str) -> RangeSet {
    text.split(',').fold(RangeSet::empty(), |sum, range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (IpAddr, IpAddr) = (first.parse().expect(text), last.parse().expect(text));
        sum.union(&from(first).subtract(&from(last)).union(&[last].into_iter().collect()))
    })
}

/// Every address of the family from this one on.
fn from(address: IpAddr) -> RangeSet {
    let (family, mut first) = (Family::of(address), bits(address));
    let end = bits(RangeSet::everything().only(family).prefixes()[0].last());
    let mut set = RangeSet::empty();
    loop {
        let free = first.trailing_zeros().min(u32::from(family.bits()));
        let block = Prefix::containing(address_of(family, first), family.bits() - u8::try_from(free).unwrap()).unwrap();
        set = set.union(&block.into());
        if bits(block.last()) == end {
            return set;
        }
        first = bits(block.last()) + 1;
    }
}

fn write(path: &Path, documents: &[&[Value]]) {
    let text: Vec<String> = documents.iter().flat_map(|list| list.iter()).map(Value::to_string).collect();
    fs::write(path, text.join("\n---\n")).unwrap();
}

fn analyze(program: &Path, folder: &Path, cluster: &Cluster) -> Opinion {
    let (policies, resources) = (folder.join("policies.yaml"), folder.join("resources.yaml"));
    write(&policies, &[&cluster.policies]);
    write(&resources, &[&cluster.namespaces, &cluster.pods]);
    let output = Command::new(program)
        .arg("--connectivity")
        .arg(&policies)
        .arg("--resource_list")
        .arg(&resources)
        .args(["--output_format", "txt_no_fw_rules", "--output_endpoints", "pods", "--print_ipv6"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "nca ended with {}:\n{text}\n{errors}", output.status);
    assert!(!text.contains("Error") && !errors.contains("Error"), "nca complains:\n{errors}\n{text}");
    Opinion::parse(&text)
}

fn typed<T: DeserializeOwned>(values: &[Value]) -> Vec<T> {
    values.iter().map(|value| serde_json::from_value(value.clone()).unwrap()).collect()
}

fn full_name(pod: &Pod) -> String {
    format!("{}/{}", pod.metadata.namespace.as_deref().unwrap(), pod.metadata.name.as_deref().unwrap())
}

/// Port numbers at which an answer can change, and their neighbours.
fn telling_ports(cluster: &Cluster) -> BTreeSet<u16> {
    fn walk(value: &Value, into: &mut BTreeSet<u16>) {
        match value {
            Value::Object(map) => {
                for key in ["port", "endPort", "containerPort"] {
                    if let Some(number) = map.get(key).and_then(Value::as_u64) {
                        let number = u16::try_from(number).unwrap();
                        into.extend([number.saturating_sub(1).max(1), number, number + 1]);
                    }
                }
                map.values().for_each(|value| walk(value, into));
            }
            Value::Array(list) => list.iter().for_each(|value| walk(value, into)),
            _ => {}
        }
    }
    let mut ports = BTreeSet::from([1, 65535]);
    for value in cluster.policies.iter().chain(&cluster.pods) {
        walk(value, &mut ports);
    }
    ports
}

/// How many answers were compared, and how many of them are neither "nobody" nor "everyone".
#[derive(Default)]
struct Compared {
    all: usize,
    telling: usize,
}

/// Compares all answers for one cluster.
fn compare(cluster: &Cluster, opinion: &Opinion) -> Compared {
    let pods: Vec<Pod> = typed(&cluster.pods);
    let policies: Vec<NetworkPolicy> = typed(&cluster.policies);
    let namespace_labels: BTreeMap<String, BTreeMap<String, String>> = cluster
        .namespaces
        .iter()
        .map(|namespace| {
            let metadata = &namespace["metadata"];
            let labels = serde_json::from_value(metadata["labels"].clone()).unwrap();
            (metadata["name"].as_str().unwrap().to_owned(), labels)
        })
        .collect();
    let sources: Vec<(String, Source)> = pods
        .iter()
        .map(|pod| {
            let namespace = pod.metadata.namespace.clone().unwrap();
            let facts = SourcePod {
                namespace_labels: namespace_labels[&namespace].clone(),
                namespace,
                labels: pod.metadata.labels.clone().unwrap_or_default(),
            };
            (full_name(pod), Source { address: "100.64.0.1".parse().unwrap(), pod: Some(facts) })
        })
        .collect();
    let mut compared = Compared::default();
    for pod in &pods {
        let name = full_name(pod);
        let evaluator = Evaluator::new(DestinationPod::of(pod, RangeSet::empty()), &policies);
        for protocol in [Protocol::TCP, Protocol::UDP, Protocol::SCTP] {
            for number in telling_ports(cluster) {
                let port = PodPort { number, protocol };
                let (ours, theirs) = (evaluator.admitted(port).unwrap(), opinion.admitted(&name, port));
                assert_eq!(ours, theirs, "outside → {name} on {port:?} in\n{}", cluster.around(&name));
                compared.all += 1;
                compared.telling += usize::from(!ours.is_empty() && ours != RangeSet::everything());
            }
            for (source_name, source) in sources.iter().filter(|(source_name, _)| *source_name != name) {
                let port = PodPort { number: 1 + u16::try_from(compared.all % 110).unwrap(), protocol };
                let ours = match evaluator.decide(source, port) {
                    Decision::Allowed { .. } => true,
                    // The analyzer holds that blocks never match pods.
                    Decision::Denied { .. } | Decision::Undefined { why: Undefined::BlockOnPod } => false,
                    Decision::Undefined { why } => panic!("{why}"),
                };
                let theirs = opinion.admits_pod(source_name, &name, port);
                assert_eq!(ours, theirs, "{source:?} → {name} on {port:?} in\n{}", cluster.around(&name));
                compared.all += 1;
            }
        }
    }
    compared
}

/// The analyzer, installed once into the user's cache.
fn program() -> PathBuf {
    let output = Command::new("hack/nca/install").current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

#[test]
fn the_evaluator_agrees_with_network_config_analyzer_on_random_policies() {
    let seed = std::env::var("LEEWARD_TEST_SEED").ok().map_or(7, |text| text.parse().expect("a number as seed"));
    let mut dice = Dice(seed);
    let clusters: Vec<Cluster> = (0..RUNS).map(|_| cluster(&mut dice)).collect();
    let policies: usize = clusters.iter().map(|cluster| cluster.policies.len()).sum();
    assert!(policies >= LEAST_POLICIES, "only {policies} policies");
    let program = program();
    let folder = std::env::temp_dir().join(format!("leeward-evaluator-{}", std::process::id()));
    // Two at a time: one process start costs more than the analysis.
    let compared: Vec<Compared> = thread::scope(|scope| {
        let halves = clusters.chunks(RUNS.div_ceil(2)).enumerate();
        let workers: Vec<_> = halves
            .map(|(half, clusters)| {
                let (program, folder) = (&program, &folder);
                scope.spawn(move || {
                    let runs = clusters.iter().enumerate().map(|(run, cluster)| {
                        let folder = folder.join(format!("{half}-{run}"));
                        fs::create_dir_all(&folder).unwrap();
                        compare(cluster, &analyze(program, &folder, cluster))
                    });
                    runs.collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    fs::remove_dir_all(&folder).unwrap();
    let all: usize = compared.iter().map(|run| run.all).sum();
    let telling: usize = compared.iter().map(|run| run.telling).sum();
    println!("{policies} policies, {all} answers compared, {telling} of them partial, no difference");
    assert!(telling >= 10_000, "only {telling} answers were neither nobody nor everyone");
}
