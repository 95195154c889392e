//! Lists that providers tell only to customers: a key in a Secret, what status says when something is wrong with it, and the
//! acknowledgement of what was announced. The vendors are the lab's: it computes every signature anew.

use crate::stage::{ORIGIN, Operator, Stage, condition, origin, stage};
use lab::certificates::{Authority, State};
use lab::process::wait_until;
use lab::servers::Vendor;
use lab::servers::vendor::{ID, SECRET, TOKEN, Trouble};
use serde_json::Value;
use std::time::Duration;

const HOST: &str = "api.vendor.example.com";
const PORT: u16 = 8443;

/// Vendors on a host of their own, and what trusts them.
struct Vendors {
    vendor: Vendor,
    ca: String,
    _folder: tempfile::TempDir,
}

fn vendors(stage: &mut Stage, address: &str, list: &[&str]) -> Vendors {
    // What a test before this one has left.
    withdraw(stage);
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path()).unwrap();
    let leaf = authority.leaf("vendor", &[HOST], State::Valid).unwrap();
    let host = stage.network.host(&format!("vendor-{}", address.rsplit('.').next().unwrap()), &[address]).unwrap();
    let vendor = Vendor::start(&host, PORT, &leaf, list).unwrap();
    stage.dns.answer(HOST, &[vendor.ip()]);
    Vendors { vendor, ca: authority.file().display().to_string(), _folder: folder }
}

fn network(name: &str, refresh: u32, account: &str, more: &str) -> String {
    format!(
        "apiVersion: leeward.dev/v1alpha1\nkind: ProxyNetwork\nmetadata: {{name: {name}}}\nspec:\n  refreshSeconds: {refresh}\n  \
         source: {{type: Account, account: {{{account}, endpoint: 'https://{HOST}:{PORT}', secretRef: {{name: provider-key}}}}}}\n{more}"
    )
}

const ANTI_DDOS: &str = "product: AlibabaAntiDDoS, region: Mainland";

fn secret(data: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: provider-key, namespace: leeward-system}}\nstringData: {{{data}}}\n"
    )
}

fn get(stage: &Stage, name: &str) -> Value {
    stage.server.get("default", "proxynetwork", name).unwrap()
}

/// Waits until a condition says so; its message.
fn until(stage: &Stage, operator: &Operator, name: &str, kind: &str, wanted: &str, seconds: u64) -> String {
    let mut message = String::new();
    wait_until(&format!("{kind} {wanted}"), Duration::from_secs(seconds), || {
        let Some(found) = condition(&get(stage, name), kind) else { return false };
        found["message"].as_str().unwrap().clone_into(&mut message);
        format!("{}/{}", found["status"].as_str().unwrap(), found["reason"].as_str().unwrap()) == wanted
    })
    .unwrap_or_else(|e| panic!("{e}:\n{:#}\n{}", get(stage, name)["status"], operator.process.log()));
    message
}

fn may_read(stage: &Stage) {
    let role = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/accounts/role.yaml");
    stage.server.kubectl(&["apply", "-f", role.to_str().unwrap()]).unwrap();
}

fn withdraw(stage: &Stage) {
    for kind in ["secret/provider-key", "rolebinding/leeward-accounts", "role/leeward-accounts"] {
        let _ = stage.server.kubectl(&["delete", "-n", "leeward-system", kind]);
    }
}

#[test]
fn a_key_in_a_secret_gives_the_list_and_shows_nowhere() {
    let mut stage = stage();
    let vendors = vendors(&mut stage, "203.0.113.61", &["47.0.0.0/25", "47.1.0.0/24", "2408:400a::/56"]);
    let counted = stage.server.audit_events().unwrap().len();
    let operator = stage.run(&["--ca-file", &vendors.ca]);
    operator.await_leader(30);

    // Each apply changes the spec, so that it is read at once.
    let read = |refresh: u32| stage.apply(&network("ddos", refresh, ANTI_DDOS, ""));
    read(3600);
    let said = until(&stage, &operator, "ddos", "Fetched", "False/Forbidden", 20);
    assert!(said.contains("may not get Secret provider-key in namespace leeward-system"), "{said}");
    may_read(&stage);
    read(3601);
    let missing = || get(&stage, "ddos")["status"].to_string().contains("does not exist in namespace leeward-system");
    wait_until("the Secret is missed", Duration::from_secs(20), missing).unwrap();

    let wrong = "wrong-canary-7f3a9c";
    stage.apply(&secret(&format!("ALIBABA_CLOUD_ACCESS_KEY_ID: {ID}, ALIBABA_CLOUD_ACCESS_KEY_SECRET: {wrong}")));
    read(3602);
    let refused = || get(&stage, "ddos")["status"].to_string().contains("refuses the key in Secret provider-key");
    wait_until("the key is refused", Duration::from_secs(20), refused).unwrap();
    stage.apply(&secret(&format!("ALIBABA_CLOUD_ACCESS_KEY_ID: {ID}, ALIBABA_CLOUD_ACCESS_KEY_SECRET: {SECRET}")));
    vendors.vendor.book().trouble = Some(Trouble::NoRightToRead);
    read(3603);
    let lacking = || get(&stage, "ddos")["status"].to_string().contains("yundun-ddoscoo:DescribeBackSourceCidr");
    wait_until("the right is missing", Duration::from_secs(20), lacking).unwrap();

    vendors.vendor.book().trouble = None;
    read(3604);
    until(&stage, &operator, "ddos", "Ready", "True/Ready", 20);
    let active = |field: &str| get(&stage, "ddos")["status"]["active"][field].clone();
    assert_eq!((active("ipv4Prefixes"), active("ipv6Prefixes")), (2.into(), 1.into()), "both families");

    // The guards are those of every other list.
    vendors.vendor.book().list = vec!["47.1.0.0/24".to_owned()];
    read(3605);
    until(&stage, &operator, "ddos", "Plausible", "False/Loss", 20);
    assert_eq!(active("prefixes"), 3, "the list in use stays");
    vendors.vendor.book().list = vec!["0.0.0.0/0".to_owned()];
    read(3606);
    until(&stage, &operator, "ddos", "Plausible", "False/TooWide", 20);

    // What holds a key is searched for it, and for what the vendor said.
    let status = get(&stage, "ddos")["status"].to_string();
    let events = stage.server.kubectl(&["get", "events.v1.events.k8s.io", "-A", "-o", "json"]).unwrap();
    let (_, metrics) = operator.ask("/metrics").unwrap();
    let log = operator.process.log();
    for word in [SECRET, wrong, ID, "canary"] {
        for (place, text) in [("status", &status), ("events", &events), ("metrics", &metrics), ("log", &log)] {
            assert!(!text.contains(word), "{place} shows {word}");
        }
    }
    drop(operator);
    // One Secret was asked for by name, and none listed or watched.
    let asked = stage.server.audit_events().unwrap();
    let mine = asked[counted..].iter().filter(|event| {
        event["user"]["username"] == "system:serviceaccount:leeward-system:leeward"
            && event["objectRef"]["resource"] == "secrets"
    });
    let mine: Vec<(&Value, &Value)> = mine.map(|event| (&event["verb"], &event["objectRef"]["name"])).collect();
    assert!(!mine.is_empty() && mine.iter().all(|(verb, name)| *verb == "get" && *name == "provider-key"), "{mine:?}");
    withdraw(&stage);
}

#[test]
fn an_announced_list_is_acknowledged_once_every_origin_carries_it() {
    let mut stage = stage();
    let vendors = vendors(&mut stage, "203.0.113.62", &["47.1.0.0/24"]);
    may_read(&stage);
    stage.apply(&secret(&format!(
        "AKAMAI_CLIENT_TOKEN: {ID}, AKAMAI_CLIENT_SECRET: {SECRET}, AKAMAI_ACCESS_TOKEN: {TOKEN}"
    )));
    stage.namespace("announced", "leeward.dev/enforce: allowed", "");
    let operator = stage.run(&["--ca-file", &vendors.ca]);
    operator.await_leader(30);
    let account = "product: AkamaiSiteShield, resourceID: '1234'";
    stage.apply(&network("shield", 10, account, "  acknowledge: AfterEnforced\n"));
    until(&stage, &operator, "shield", "Ready", "True/Ready", 20);
    assert!(condition(&get(&stage, "shield"), "Acknowledged").is_none(), "nothing is announced");

    // A schema of tomorrow lets in what today's types do not know; nobody can say whether that one carries the list.
    let tomorrow = r#"[{"op": "add", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/readyWhen/enum/-", "value": "Tomorrow"}]"#;
    stage.server.kubectl(&["patch", "crd", "protectedorigins.leeward.dev", "--type=json", "-p", tomorrow]).unwrap();
    let targets = "  allowlist:\n    mode: Enforce\n    targets:\n    - {name: pods, type: NetworkPolicy, networkPolicy: {podSelector: {matchLabels: {app: web}}, ports: [80], isolation: Allow}}\n";
    let enforcing = |name: &str, more: &str| {
        let manifest = origin("announced", name, &format!("{targets}{more}"));
        assert!(manifest.contains(ORIGIN));
        manifest
            .replace("url: 'http://shop.example.com/'", "url: 'http://shop.example.com/', networkRef: {name: shield}")
    };
    let odd = enforcing("odd", "  readyWhen: Tomorrow\n");
    wait_until("taken", Duration::from_secs(15), || stage.server.apply(&odd).is_ok()).unwrap();
    vendors.vendor.book().announce("lab-2", &["47.1.0.0/24", "47.2.0.0/24"]);
    let said = until(&stage, &operator, "shield", "Acknowledged", "False/AwaitingOrigins", 30);
    assert!(said.contains("announced/odd") && said.contains("correct or delete"), "{said}");
    stage.server.kubectl(&["delete", "-n", "announced", "protectedorigin", "odd"]).unwrap();
    stage.install();
    until(&stage, &operator, "shield", "Acknowledged", "False/NoEnforcingOrigin", 30);
    let status = get(&stage, "shield")["status"].clone();
    assert_eq!(
        (&status["active"]["prefixes"], &status["upstream"]["deadline"]),
        (&2.into(), &"2099-01-31T00:00:00Z".into())
    );
    assert!(vendors.vendor.book().acknowledged.is_empty());

    stage.apply(&enforcing("shop", ""));
    until(&stage, &operator, "shield", "Acknowledged", "True/Acknowledged", 120);
    assert_eq!(vendors.vendor.book().acknowledged, ["lab-2"]);
    let synced = stage.condition("announced", "shop", "AllowlistSynced").unwrap();
    assert_eq!(synced["reason"], "Synced");
    assert!(!synced["message"].as_str().unwrap().ends_with("probing after the write"), "{synced}");
    assert!(get(&stage, "shield")["status"]["upstream"]["acknowledgedTime"].is_string());
    vendors.vendor.book().switch();
    wait_until("nothing is announced any more", Duration::from_secs(30), || {
        condition(&get(&stage, "shield"), "Acknowledged").is_none()
    })
    .unwrap();

    // The provider takes it, and the answer never arrives: as if the operator had died just then. And it does.
    {
        let mut book = vendors.vendor.book();
        book.announce("lab-3", &["47.1.0.0/24", "47.2.0.0/24", "47.3.0.0/24"]);
        book.trouble = Some(Trouble::LosesAcknowledgement);
    }
    until(&stage, &operator, "shield", "Acknowledged", "False/Unreachable", 120);
    let mut operator = operator;
    operator.process.kill();
    vendors.vendor.book().trouble = None;
    drop(operator);
    let operator = stage.run(&["--ca-file", &vendors.ca]);
    operator.await_leader(30);
    until(&stage, &operator, "shield", "Acknowledged", "True/Acknowledged", 60);
    assert_eq!(vendors.vendor.book().acknowledged, ["lab-2", "lab-3"], "once for each announcement");
    let version = || get(&stage, "shield")["metadata"]["resourceVersion"].clone();
    let before = version();
    std::thread::sleep(Duration::from_secs(15));
    assert_eq!(version(), before, "nothing changed and something was written");
    assert_eq!(vendors.vendor.book().acknowledged, ["lab-2", "lab-3"]);
    withdraw(&stage);
}
