//! The arithmetic of sets, held against another implementation: Python's `ipaddress`, over lists of fixed seeds.

use std::io::Write as _;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde::{Deserialize, Serialize};

use super::{Family, Prefix, RangeSet, any_prefix, any_prefixes};

/// Two lists, and prefixes to look for in the first.
#[derive(Debug, Serialize)]
struct Question {
    a: Vec<Prefix>,
    b: Vec<Prefix>,
    probes: Vec<Prefix>,
}

/// What either side says.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Answer {
    collapsed: Vec<String>,
    /// Addresses of IPv4 and IPv6, in decimal.
    counts: [String; 2],
    union: Vec<String>,
    difference: Vec<String>,
    intersection: Vec<String>,
    covered: Vec<bool>,
}

/// One question a line in, one answer a line out.
const IPADDRESS: &str = r#"
import ipaddress, json, sys

def collapse(nets):
    return [n for v in (4, 6) for n in ipaddress.collapse_addresses(m for m in nets if m.version == v)]

def subtract(a, b):
    left = []
    for net in a:
        parts = [net]
        for hole in b:
            if hole.version != net.version or not hole.overlaps(net):
                continue
            kept = []
            for part in parts:
                if part.subnet_of(hole):
                    continue
                kept += part.address_exclude(hole) if hole.subnet_of(part) else [part]
            parts = kept
        left += parts
    return collapse(left)

for line in sys.stdin:
    question = json.loads(line)
    a, b, probes = ([ipaddress.ip_network(text) for text in question[key]] for key in ("a", "b", "probes"))
    union, a, b = collapse(a + b), collapse(a), collapse(b)
    difference = subtract(a, b)
    print(json.dumps({
        "collapsed": [str(net) for net in a],
        "counts": [str(sum(net.num_addresses for net in a if net.version == v)) for v in (4, 6)],
        "union": [str(net) for net in union],
        "difference": [str(net) for net in difference],
        "intersection": [str(net) for net in subtract(a, difference)],
        "covered": [any(p.version == net.version and p.subnet_of(net) for net in a) for p in probes],
    }))
"#;

/// Lists as providers publish them: blocks of a few networks, now and then cut into halves, and single addresses.
fn any_published() -> impl Strategy<Value = Vec<Prefix>> {
    let near =
        (0_u32..6, 0_u32..1 << 14, prop_oneof![3 => 14_u8..=24, 1 => Just(32_u8)]).prop_map(|(net, low, length)| {
            let number = (23_u32 + 37 * net) << 24 | low << 10 | (low & 0x3ff);
            Prefix::containing(std::net::IpAddr::V4(number.into()), length).unwrap()
        });
    let far =
        (0_u128..3, 0_u128..1 << 16, prop_oneof![3 => 28_u8..=48, 1 => Just(128_u8)]).prop_map(|(net, low, length)| {
            let number = (0x2400_cb00_u128 + (net << 24)) << 96 | low << 80 | low;
            Prefix::containing(std::net::IpAddr::V6(number.into()), length).unwrap()
        });
    prop::collection::vec(prop_oneof![4 => near, 1 => far], 50..250)
}

/// A later version of a list: some entries gone, some cut into halves, some new.
fn later(list: &[Prefix], news: Vec<Prefix>) -> Vec<Prefix> {
    let halves = |prefix: &Prefix| {
        let length = (prefix.length() + 1).min(prefix.family().bits());
        [prefix.first(), prefix.last()].map(|end| Prefix::containing(end, length).unwrap())
    };
    let kept = list.iter().enumerate().filter(|(index, _)| index % 7 != 0);
    let kept = kept.flat_map(|(index, prefix)| if index % 3 == 0 { halves(prefix).to_vec() } else { vec![*prefix] });
    kept.chain(news.into_iter().take(10)).collect()
}

fn questions() -> Vec<Question> {
    let mut all = Vec::new();
    for seed in 1..=4_u8 {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let mut draw = |published: bool| {
            let tree = if published { any_published().boxed() } else { any_prefixes().boxed() };
            tree.new_tree(&mut runner).unwrap().current()
        };
        let mut pairs: Vec<(Vec<Prefix>, Vec<Prefix>)> = (0..100).map(|_| (draw(false), draw(false))).collect();
        for _ in 0..2 {
            let list = draw(true);
            let next = later(&list, draw(true));
            pairs.push((list, next));
        }
        for (a, b) in pairs {
            let mut probes: Vec<Prefix> =
                (0..4).map(|_| any_prefix().new_tree(&mut runner).unwrap().current()).collect();
            probes.extend(a.iter().chain(&b).take(12));
            all.push(Question { a, b, probes });
        }
    }
    all
}

fn ours(question: &Question) -> Answer {
    let (a, b): (RangeSet, RangeSet) = (question.a.iter().collect(), question.b.iter().collect());
    // The whole of IPv6 is one more than fits.
    let whole = Prefix::parse("::/0").unwrap();
    let v6 = if a.covers(whole) {
        "340282366920938463463374607431768211456".to_owned()
    } else {
        a.coverage(Family::V6).to_string()
    };
    Answer {
        collapsed: a.texts(),
        counts: [a.coverage(Family::V4).to_string(), v6],
        union: a.union(&b).texts(),
        difference: a.subtract(&b).texts(),
        intersection: a.intersect(&b).texts(),
        covered: question.probes.iter().map(|probe| a.covers(*probe)).collect(),
    }
}

#[test]
fn sets_agree_with_pythons_ipaddress_on_random_and_published_lists() {
    let questions = questions();
    let mut python = Command::new("python3")
        .args(["-c", IPADDRESS])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is needed for this test");
    let mut input = python.stdin.take().unwrap();
    let lines: String = questions.iter().map(|question| serde_json::to_string(question).unwrap() + "\n").collect();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Answer> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), questions.len());
    for (question, theirs) in questions.iter().zip(answers) {
        assert_eq!(ours(question), theirs, "for {question:?}");
    }
}
