//! Tools that wait for a resource after they have applied it: Helm 4 with a chart that carries one, kubectl, and whatever
//! reads kstatus from a watch.

use crate::stage::{Stage, condition, origin, stage};
use lab::process::{Process, run};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A network whose list is in the spec.
const NETWORK: &str = "\
apiVersion: leeward.dev/v1alpha1
kind: ProxyNetwork
metadata: {name: waited}
spec: {source: {type: Inline, inline: {cidrs: [198.51.100.0/24]}}}
";

/// How Helm ends when it has waited as long as it may.
const TIME_IS_UP: &str = "context deadline exceeded";

/// A chart of a site, with these resources.
fn chart(templates: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("templates")).unwrap();
    fs::write(folder.path().join("Chart.yaml"), "apiVersion: v2\nname: site\nversion: 0.1.0\n").unwrap();
    fs::write(folder.path().join("templates/site.yaml"), templates.join("---\n")).unwrap();
    folder
}

fn install(stage: &Stage, namespace: &str, chart: &Path, seconds: u32) -> Command {
    let mut command = lab::helm::helm_for(&stage.server).unwrap();
    command.args(["install", "site"]).arg(chart).args(["-n", namespace, "--wait", "--timeout", &format!("{seconds}s")]);
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Every version of a kind's objects from now on, in a file.
fn watch(stage: &Stage, kind: &str, folder: &Path) -> Process {
    let mut command = stage.server.kubectl_command();
    command.args(["get", kind, "-A", "--watch", "-o", "json"]);
    Process::start("watch", &command, &folder.join(kind)).unwrap()
}

fn seen(process: &Process) -> Vec<Value> {
    let text = process.log();
    // The last one may still be on its way.
    serde_json::Deserializer::from_str(&text).into_iter::<Value>().map_while(Result::ok).collect()
}

/// Whether somebody has looked: the operator's first status is there.
fn looked_at(object: &Value) -> bool {
    object["status"]["conditions"].is_array()
}

#[test]
fn whoever_waits_waits_until_leeward_has_looked() {
    let stage = stage();
    stage.namespace("waited", "", "");
    let folder = tempfile::tempdir().unwrap();
    let watches = ["protectedorigins", "proxynetworks"].map(|kind| watch(&stage, kind, folder.path()));
    let chart = chart(&[NETWORK, &origin("waited", "shop", "")]);

    // Nobody is there who could look.
    let mut command = install(&stage, "waited", chart.path(), 60);
    let mut helm = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let applied = || watches.iter().all(|watch| !seen(watch).is_empty());
    lab::process::wait_until("the chart's objects", Duration::from_secs(20), applied).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    assert!(helm.try_wait().unwrap().is_none(), "Helm was content before anybody had looked");
    let operator = stage.run(&[]);
    operator.await_leader(30);
    let output = helm.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let object = stage.get("waited", "shop");
    assert_eq!(object["status"]["diagnosis"]["cause"], "Healthy");

    for wanted in ["condition=Ready", "condition=OriginHealthy", "jsonpath={.status.diagnosis.cause}=Healthy"] {
        let wait = ["wait", "-n", "waited", "protectedorigin/shop", "--timeout=5s", &format!("--for={wanted}")];
        stage.server.kubectl(&wait).unwrap();
    }
    stage.server.kubectl(&["wait", "proxynetwork/waited", "--timeout=5s", "--for=condition=Ready"]).unwrap();

    for watch in &watches {
        let versions = seen(watch);
        let answers = lab::gitops::kstatus(&versions).unwrap();
        let first_look = versions.iter().position(looked_at).expect("somebody has looked");
        assert!(first_look > 0, "no version from before was seen");
        for (status, message) in &answers[..first_look] {
            assert_eq!(status, "InProgress");
            assert!(message.ends_with("latest observed generation is -1"), "{message}");
        }
        for (version, (status, _)) in versions.iter().zip(&answers).filter(|(_, (status, _))| status == "Current") {
            let known = version["status"]["diagnosis"]["cause"].is_string() || version["status"]["active"].is_object();
            assert!(known, "{status} without a verdict or a list:\n{:#}", version["status"]);
        }
        assert_eq!(answers.last().unwrap().0, "Current");
    }
}

#[test]
fn whoever_asks_for_it_waits_for_the_site_and_reads_what_is_wrong_with_it() {
    let stage = stage();
    stage.namespace("sick", "", "");
    let operator = stage.run(&[]);
    operator.await_leader(30);
    let sick = "  expect: {statuses: ['204']}\n";

    // By default a site that is down holds up nobody.
    let converged = chart(&[&origin("sick", "shop", sick)]);
    run(&mut install(&stage, "sick", converged.path(), 60)).unwrap();
    stage.await_condition("sick", "shop", "OriginHealthy", "False/UnexpectedResponse", 30);
    run(lab::helm::helm_for(&stage.server).unwrap().args(["uninstall", "site", "-n", "sick", "--wait"])).unwrap();

    let asked = chart(&[&origin("sick", "shop", &format!("{sick}  readyWhen: OriginHealthy\n"))]);
    let output = install(&stage, "sick", asked.path(), 15).output().unwrap();
    assert!(!output.status.success());
    let object = stage.await_condition("sick", "shop", "Ready", "False/UnexpectedResponse", 15);
    let summary = object["status"]["diagnosis"]["summary"].as_str().unwrap();
    let said = stderr(&output);
    assert!(said.contains(summary) && said.contains(TIME_IS_UP), "{summary:?} is not in what Helm says:\n{said}");

    let wait = ["wait", "-n", "sick", "protectedorigin/shop", "--for=condition=Ready", "--timeout=1s"];
    let error = stage.server.kubectl(&wait).unwrap_err().to_string();
    assert!(error.contains("timed out waiting for the condition"), "{error}");
    let cause = ["wait", "-n", "sick", "protectedorigin/shop", "--timeout=5s"];
    let named = "--for=jsonpath={.status.conditions[?(@.type==\"Ready\")].reason}=UnexpectedResponse";
    stage.server.kubectl(&[cause.as_slice(), &[named]].concat()).unwrap();
}

/// Helm takes it for an end: it does not wait until the time is up.
#[test]
fn what_only_a_hand_can_change_fails_with_its_message() {
    let stage = stage();
    stage.namespace("denied", "", "");
    let operator = stage.run(&[]);
    operator.await_leader(30);
    let forbidden = origin("denied", "shop", "").replace("203.0.113.10", "169.254.169.254");
    let chart = chart(&[&forbidden]);
    let output = install(&stage, "denied", chart.path(), 60).output().unwrap();
    assert!(!output.status.success());
    let object = stage.await_condition("denied", "shop", "Ready", "False/TargetForbidden", 5);
    let stalled = condition(&object, "Stalled").unwrap();
    let said = stderr(&output);
    assert!(said.contains(stalled["message"].as_str().unwrap()), "{said}");
    assert!(!said.contains(TIME_IS_UP), "{said}");
}
