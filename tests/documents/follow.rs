//! Page by page, command by command.

use crate::blocks::{self, Block, Command};
use crate::reader::Reader;
use std::time::{Duration, Instant};

/// Pages that begin without Leeward in the cluster, in this order; all others are read once it is installed.
const BEGINNINGS: [&str; 3] = ["README.md", "docs/installing.md", "docs/quickstart.md"];

/// What stands for a name of the reader's own.
const NAMES: [(&str, &str); 6] = [
    ("NAMESPACE", "shop"),
    ("NAME", "shop"),
    ("NETWORK", "edge"),
    ("INGRESS", "shop"),
    ("HASH", "sha256:0000000000000000000000000000000000000000000000000000000000000000"),
    ("CAUSE", "ProxyBlocked"),
];

/// What the pages for a running installation speak of.
const STAGE: &str = "
kubectl apply --server-side -f - <<MANIFESTS
apiVersion: leeward.dev/v1alpha1
kind: ProxyNetwork
metadata: {name: edge}
spec: {source: {type: Inline, inline: {cidrs: [198.51.100.0/28]}}}
---
apiVersion: leeward.dev/v1alpha1
kind: ProtectedOrigin
metadata: {name: shop, namespace: shop}
spec:
  proxy: {url: 'https://shop.example.com/healthz', networkRef: {name: edge}}
  origin: {type: Addresses, addresses: {ips: [203.0.113.10]}}
  probe: {periodSeconds: 10}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop, namespace: shop}
spec: {defaultBackend: {service: {name: shop, port: {number: 80}}}}
MANIFESTS
kubectl apply --server-side --field-manager=leeward-shop -f - <<MANIFESTS
{apiVersion: cilium.io/v2, kind: CiliumCIDRGroup, metadata: {name: edge}, spec: {externalCIDRs: []}}
MANIFESTS
";

#[test]
fn every_command_of_every_page_works_as_it_stands() {
    let reader = Reader::start();
    let blocks = blocks::all();
    let commands: usize = blocks.iter().filter(|b| b.is_shell()).map(|b| b.commands().len()).sum();
    assert!(commands > 80, "{commands} commands were found");
    let (first, rest): (Vec<&Block>, Vec<&Block>) =
        blocks.iter().filter(|b| b.is_shell()).partition(|b| BEGINNINGS.contains(&b.page.as_str()));
    let mut problems = Vec::new();
    reader.break_site();
    for page in BEGINNINGS {
        reader.forget();
        for block in first.iter().filter(|b| b.page == page) {
            problems.extend(follow(&reader, block));
        }
    }

    reader.repair_site();
    let cilium = lab::tools::crds().unwrap().join("cilium/ciliumcidrgroups.yaml").display().to_string();
    reader.server.kubectl(&["apply", "--server-side", "-f", &cilium]).unwrap();
    let established = ["wait", "--for=condition=Established", "--timeout=20s", "crd/ciliumcidrgroups.cilium.io"];
    reader.server.kubectl(&established).unwrap();
    let staged = reader.run(STAGE);
    assert!(staged.status.success(), "{}", String::from_utf8_lossy(&staged.stderr));
    for block in rest {
        problems.extend(follow(&reader, block));
    }
    assert!(problems.is_empty(), "{}\n{}", problems.join("\n\n"), reader.kubelet.logs());
}

/// Runs the commands of a block, and says what came otherwise than the page has it.
fn follow(reader: &Reader, block: &Block) -> Vec<String> {
    let mut problems = Vec::new();
    for command in block.commands() {
        let place = format!("{}:{}", block.page, command.line);
        let text = if BEGINNINGS.contains(&block.page.as_str()) { command.text.clone() } else { named(&command.text) };
        let begun = Instant::now();
        // A verdict takes some rounds; what is shown is what comes of it.
        let waits = command.text.starts_with("kubectl get") && !command.shown.is_empty();
        let within = if waits { Duration::from_mins(2) } else { Duration::ZERO };
        while let Err(problem) = follow_one(reader, &command, &text) {
            if begun.elapsed() >= within {
                problems.push(format!("{place}: $ {text}\n{problem}"));
                break;
            }
            std::thread::sleep(Duration::from_secs(1));
        }
        eprintln!("{place}: {:.1} s", begun.elapsed().as_secs_f64());
    }
    problems
}

fn follow_one(reader: &Reader, command: &Command, text: &str) -> Result<(), String> {
    let output = reader.run(text);
    let said = String::from_utf8_lossy(&output.stdout);
    let told = format!("{said}{}", String::from_utf8_lossy(&output.stderr));
    let code = output.status.code().unwrap_or(-1);
    if !expected(text).contains(&code) {
        return Err(format!("ends with {code}:\n{told}"));
    }
    if command.shown.is_empty() || shows(&said, &command.shown) {
        return Ok(());
    }
    Err(format!("the page shows\n{}\nand the command says\n{said}", command.shown.join("\n")))
}

/// Codes that are an answer.
fn expected(text: &str) -> &'static [i32] {
    let begins = |words: &str| text.trim_start().starts_with(words);
    // A script handles what its commands answer.
    if text.trim().lines().count() > 1 && !text.contains("\\\n") {
        return &[0];
    }
    if begins("leeward diagnose") || begins("leeward report") || begins("leeward explain --evidence") {
        &[0, 2, 3]
    } else if begins("leeward plan") {
        &[0, 2]
    } else if begins("kubectl auth can-i") {
        &[0, 1]
    } else {
        &[0]
    }
}

/// Whether these are the lines: spacing and times aside, `…` standing for any lines.
fn shows(said: &str, shown: &[String]) -> bool {
    let lines: Vec<&str> = said.lines().collect();
    let mut at = 0;
    let mut anywhere = false;
    for line in shown {
        if line.trim() == "…" {
            anywhere = true;
            continue;
        }
        let rest = lines.get(at..).unwrap_or_default();
        let found = if anywhere {
            rest.iter().position(|l| same(l, line))
        } else {
            rest.first().filter(|l| same(l, line)).map(|_| 0)
        };
        let Some(found) = found else { return false };
        at += found + 1;
        anywhere = false;
    }
    anywhere || lines.get(at..).is_none_or(|rest| rest.iter().all(|l| l.trim().is_empty()))
}

fn same(one: &str, other: &str) -> bool {
    let is_age = |word: &str| {
        word.ends_with(['s', 'm', 'h', 'd']) && word.starts_with(|c: char| c.is_ascii_digit()) && word.len() < 7
    };
    let words = |line: &str| -> Vec<String> {
        line.split_whitespace().map(|w| if is_age(w) { "AGE".to_owned() } else { w.to_owned() }).collect()
    };
    words(one) == words(other)
}

/// With names in the place of words in capitals.
fn named(text: &str) -> String {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\0']) {
        if part(c) {
            word.push(c);
            continue;
        }
        found += NAMES.iter().find(|(name, _)| *name == word).map_or(word.as_str(), |(_, stands)| stands);
        word.clear();
        if c != '\0' {
            found.push(c);
        }
    }
    found
}

#[test]
fn what_is_shown_is_compared_and_names_are_put_in() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(shows("NAME   AGE\nshop  2m1s\n", &lines("NAME AGE\nshop   9s")));
    assert!(!shows("NAME AGE\nshop 2m\n", &lines("NAME AGE\nblog 2m")));
    assert!(!shows("NAME AGE\nshop 2m\nblog 2m\n", &lines("NAME AGE\nshop 2m")), "a line too many");
    assert!(shows("a\nb\nc\nd\n", &lines("a\n…\nc\n…")));
    assert!(!shows("a\nb\n", &lines("a\n…\nc")));
    assert_eq!(
        named("describe -n NAMESPACE NAME --for x/NAME KNOWN_NAME"),
        "describe -n shop shop --for x/shop KNOWN_NAME"
    );
}
