//! The forms for pipelines, from the real command: each is valid by the schema that its readers use, and says the same as
//! the exit code.

use lab::process::run_with_input;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

static SCHEMAS: LazyLock<PathBuf> = LazyLock::new(|| lab::tools::schemas().unwrap());

const SITE: &str = "\
# A comment, so that the resource does not stand in line 1.
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {leeward.dev/enforce: allowed}}
---
apiVersion: leeward.dev/v1alpha1
kind: ProtectedOrigin
metadata: {name: shop, namespace: shop}
spec:
  proxy: {url: 'http://shop.example.com/', networkRef: {name: office}}
  origin: {type: Addresses, addresses: {ips: [203.0.113.10]}, scheme: HTTP}
  allowlist:
    mode: Enforce
    targets:
    - {name: pods, type: NetworkPolicy, networkPolicy: {podSelector: {matchLabels: {app: shop}}, ports: [8080], isolation: Allow}}
---
apiVersion: leeward.dev/v1alpha1
kind: ProxyNetwork
metadata: {name: office}
spec: {source: {type: Inline, inline: {cidrs: [198.51.100.0/24]}}}
";

/// What a command printed, and how it ended.
struct Said {
    text: String,
    code: i32,
}

fn leeward(folder: &Path, arguments: &str) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leeward"));
    command.args(arguments.split_whitespace()).current_dir(folder).env_remove("KUBECONFIG").stdin(Stdio::null());
    let output = command.output().unwrap();
    let code = output.status.code().unwrap();
    assert_ne!(code, 1, "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    Said { text: String::from_utf8(output.stdout).unwrap(), code }
}

/// Holds a report to its schema.
fn valid(kind: &str, text: &str) {
    let script = lab::tools::checkout().join("hack/schemas/validate");
    let mut command = Command::new(SCHEMAS.join("bin/python"));
    command.arg(script).arg(&*SCHEMAS).arg(kind);
    run_with_input(&mut command, text).unwrap_or_else(|e| panic!("{e:#}\n{text}"));
}

/// Counts of a report: tests, failures, errors, skipped.
fn counts(report: &str) -> [usize; 4] {
    let count = |what: &str| report.matches(what).count();
    let found = [count("<testcase "), count("<failure "), count("<error "), count("<skipped ")];
    for (name, number) in [("tests", found[0]), ("failures", found[1]), ("errors", found[2]), ("skipped", found[3])] {
        assert!(report.contains(&format!("{name}=\"{number}\"")), "{name} is not {number} in\n{report}");
    }
    found
}

fn both(folder: &Path, arguments: &str) -> (Said, Value) {
    let junit = leeward(folder, &format!("{arguments} -o junit"));
    let sarif = leeward(folder, &format!("{arguments} -o sarif"));
    assert_eq!(junit.code, sarif.code, "{arguments}");
    valid("junit", &junit.text);
    valid("sarif", &sarif.text);
    let log: Value = serde_json::from_str(&sarif.text).unwrap();
    let invocation = &log["runs"][0]["invocations"][0];
    assert_eq!(invocation["exitCode"], sarif.code);
    let words = match sarif.code {
        0 => "nothing to be done",
        2 => "something was found",
        _ => "inconclusive",
    };
    assert_eq!(invocation["exitCodeDescription"], words);
    (junit, log)
}

fn results(log: &Value) -> &[Value] {
    log["runs"][0]["results"].as_array().unwrap()
}

#[test]
fn a_fault_in_the_files_is_a_failure_at_the_line_of_the_resource() {
    let folder = lab::tools::checkout().join("tests/cli");
    let (junit, log) = both(&folder, "diagnose -f no-endpoints.yaml --offline");
    // The Ingress lacks a prefix as well.
    assert_eq!((junit.code, counts(&junit.text)), (2, [2, 2, 0, 0]));
    assert!(junit.text.contains("type=\"NoReadyEndpoints\""), "{}", junit.text);
    let result = &results(&log)[0];
    assert_eq!(result["ruleId"], "NoReadyEndpoints");
    let physical = &result["locations"][0]["physicalLocation"];
    assert_eq!(physical["artifactLocation"]["uri"], "no-endpoints.yaml");
    let text = std::fs::read_to_string(folder.join("no-endpoints.yaml")).unwrap();
    let line = usize::try_from(physical["region"]["startLine"].as_u64().unwrap()).unwrap();
    // The document's first line: the kind stands in it or below it, and in no document before.
    let at = text.lines().position(|l| l.contains("kind: ProtectedOrigin")).unwrap() + 1;
    assert!(
        line <= at && !text.lines().skip(line - 1).take(at - line).any(|l| l == "---"),
        "line {line}, kind in {at}"
    );
    let rule = &log["runs"][0]["tool"]["driver"]["rules"][0];
    assert!(rule["helpUri"].as_str().unwrap().ends_with("docs/causes/NoReadyEndpoints.md"));
}

#[test]
fn nothing_found_in_files_alone_is_skipped_and_nothing_told_by_a_look_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("site.yaml"), SITE).unwrap();
    let (junit, log) = both(folder.path(), "diagnose -f site.yaml --offline");
    assert_eq!((junit.code, counts(&junit.text)), (3, [1, 0, 0, 1]));
    assert!(results(&log).is_empty());
    // Nobody listens there, and no control target says whether anything can be reached.
    let look = "diagnose --via http://127.0.0.1:9/ --origin 127.0.0.1:9 --rounds 1 --long-probe 0";
    let (junit, log) = both(folder.path(), look);
    assert_eq!((junit.code, counts(&junit.text)), (3, [1, 0, 1, 0]));
    assert!(results(&log).is_empty());
    let told = &log["runs"][0]["invocations"][0]["toolExecutionNotifications"];
    assert_eq!(told.as_array().unwrap().len(), 1);
}

#[test]
fn what_enforce_would_write_is_a_failure_for_each_target() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("site.yaml"), SITE).unwrap();
    let (junit, log) = both(folder.path(), "plan -f ./site.yaml");
    assert_eq!((junit.code, counts(&junit.text)), (2, [1, 1, 0, 0]));
    assert!(junit.text.contains("198.51.100.0/24"), "{}", junit.text);
    let result = &results(&log)[0];
    assert_eq!((&result["ruleId"], &result["level"]), (&"WouldChange".into(), &"warning".into()));
    let rule = |log: &Value| log["runs"][0]["tool"]["driver"]["rules"][0]["shortDescription"]["text"].clone();
    assert_eq!(rule(&log), "An object in front of the origin is not as mode Enforce would write it.");
    let physical = &result["locations"][0]["physicalLocation"];
    assert_eq!(physical["artifactLocation"]["uri"], "site.yaml");
    assert_eq!(physical["region"]["startLine"], 6);

    std::fs::write(folder.path().join("denied.yaml"), SITE.replace("leeward.dev/enforce: allowed", "team: edge"))
        .unwrap();
    let (junit, log) = both(folder.path(), "plan -f denied.yaml");
    assert_eq!((junit.code, counts(&junit.text)), (2, [1, 1, 0, 0]));
    assert_eq!(results(&log)[0]["level"], "error", "{log:#}");
    assert_eq!(rule(&log), "A write is refused, and AllowlistSynced would be False: EnforceNotPermitted.");

    // Without a target there is nothing to check, and that is valid as well.
    let (without, _) = SITE.split_once("  allowlist:").unwrap();
    let rest = SITE.rsplit_once("---").unwrap().1;
    std::fs::write(folder.path().join("idle.yaml"), format!("{without}---{rest}")).unwrap();
    let (junit, log) = both(folder.path(), "plan -f idle.yaml");
    assert_eq!((junit.code, counts(&junit.text)), (0, [0, 0, 0, 0]));
    assert!(results(&log).is_empty());
}

#[test]
fn a_risk_fails_only_who_asks_for_it() {
    let folder = lab::tools::checkout().join("tests/cli");
    let exposed = "diagnose --offline -f exposed.yaml --merge healthy-origin-exposed.json";
    let (junit, log) = both(&folder, exposed);
    assert_eq!((junit.code, counts(&junit.text)), (0, [2, 0, 0, 1]));
    assert_eq!(results(&log)[0]["ruleId"], "OriginExposed");
    let (junit, log) = both(&folder, &format!("{exposed} --fail-on-risk"));
    assert_eq!((junit.code, counts(&junit.text)), (2, [2, 1, 0, 0]));
    assert_eq!(results(&log).len(), 1);
}
