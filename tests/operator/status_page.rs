//! The status page of a running operator, as curl, a browser and a tool for accessibility see it.

use crate::stage::{Operator, PROXY, origin, stage};
use lab::network::Host;
use lab::process::{run, wait_until};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const PAGE: &str = "127.0.0.1:8081";

/// What the page says to curl, from the operator's own host.
fn ask(host: &Host, path: &str) -> Option<String> {
    let mut command: Command = host.command("curl");
    command.args(["-sS", "-f", "-m", "5", &format!("http://{PAGE}{path}")]);
    run(&mut command).ok()
}

fn json(host: &Host, path: &str) -> Value {
    serde_json::from_str(&ask(host, path).unwrap_or_default()).unwrap_or_default()
}

/// A browser without a window, in a folder of its own.
fn browser(host: &Host, folder: &Path, arguments: &[&str]) -> Command {
    let mut command: Command = host.command("chromium");
    command
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .args(arguments);
    command
}

fn await_paths(operator: &Operator, host: &Host, path: &str) -> Value {
    let mut seen = Value::Null;
    wait_until("phases of both paths", Duration::from_mins(1), || {
        seen = json(host, path);
        seen["paths"].as_array().is_some_and(|paths| paths.len() >= 2)
    })
    .unwrap_or_else(|e| panic!("{e}: {seen:#}\n{}", operator.process.log()));
    seen
}

#[test]
fn the_page_says_what_is_wrong_and_costs_the_api_server_nothing() {
    let stage = stage();
    stage.namespace("shop", "", "");
    stage.apply(&origin("shop", "shop", ""));
    stage.block_proxy();
    let operator = stage.run(&["--status-page", PAGE, "--vantage", "hall-1"]);
    operator.await_leader(30);
    wait_until("the verdict on the page", Duration::from_mins(2), || {
        json(&stage.operator, "/api/v1alpha1/origins")["items"][0]["state"] == "Unhealthy"
    })
    .unwrap();
    let seen = await_paths(&operator, &stage.operator, "/api/v1alpha1/origins/shop/shop");
    let status = &stage.get("shop", "shop")["status"];
    assert_eq!(seen["diagnosis"], status["diagnosis"], "the page and the status differ");
    assert_eq!((&seen["replica"]["role"], &seen["healthy"]), (&"Leader".into(), &false.into()));
    let via = seen["paths"].as_array().unwrap().iter().find(|p| p["observation"] == "ViaProxy").unwrap();
    assert!(via["address"].as_str().unwrap().starts_with(PROXY) && via["timings"]["connectMs"].is_u64(), "{via:#}");

    // A real browser renders it, without a script of ours and without an error of its policy.
    let folder = tempfile::tempdir().unwrap();
    let url = format!("http://{PAGE}/origins/shop/shop");
    let dom = run(&mut browser(&stage.operator, folder.path(), &["--dump-dom", &url])).unwrap();
    let cause = seen["cause"].as_str().unwrap();
    for wanted in
        [cause, "<main id=\"main\"", "scope=\"col\"", "role=\"img\" aria-label=\"", "lang=\"en\"", "<h1>shop/shop"]
    {
        assert!(dom.contains(wanted), "{wanted} is not in {dom}");
    }
    assert!(!dom.contains("<script"));
    accessible(&stage.operator, folder.path());

    // Pages come out of memory.
    let asked = || stage.server.audit_events().unwrap().iter().filter(|e| is_read(e)).count();
    let before = asked();
    for _ in 0..20 {
        ask(&stage.operator, "/origins/shop/shop").unwrap();
        ask(&stage.operator, "/").unwrap();
    }
    assert_eq!(asked(), before, "the operator asked the API server for something while 40 pages were served");
    assert!(
        stage.operator.exec(&["curl", "-sS", "-m", "2", "http://127.0.0.1:8080/"]).is_ok_and(|s| !s.contains("shop"))
    );

    // A second replica knows the states, and says that it does not lead.
    let standby = stage.run_in(&stage.standby.clone(), &["--status-page", PAGE]);
    wait_until("the page of the standby", Duration::from_secs(30), || {
        json(&stage.standby, "/api/v1alpha1/origins")["items"][0]["state"] == "Unhealthy"
    })
    .unwrap_or_else(|e| panic!("{e}: {}", standby.process.log()));
    let page = ask(&stage.standby, "/origins/shop/shop").unwrap();
    assert!(page.contains("does not lead") && page.contains("Known to the replica that leads"), "{page}");
}

/// A read by the operator; its Lease is read all the time.
fn is_read(event: &Value) -> bool {
    event["user"]["username"] == "system:serviceaccount:leeward-system:leeward"
        && (event["verb"] == "get" || event["verb"] == "list")
        && event["objectRef"]["resource"] != "leases"
}

/// Without the flag nothing listens.
#[test]
fn nobody_gets_the_page_unasked() {
    let stage = stage();
    let operator = stage.run(&[]);
    operator.await_leader(30);
    assert!(!stage.operator.listens_on(8081) && ask(&stage.operator, "/").is_none());
    assert_eq!(operator.ask("/origins/shop/shop").unwrap().0, 404);
}

/// What axe finds, written over the page, or sent to the page around it. What is wider than the window would scroll.
const REPORT: &str = r#"<script src="axe.js"></script><script>
    axe.run().then(r => {
        const wide = document.documentElement.scrollWidth > innerWidth ? 'wider than the window; ' : '';
        const found = r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' ')).join('; ');
        const said = wide + found + 'axe: ' + r.passes.length + ' rules passed';
        if (parent === window) document.body.textContent = said; else parent.postMessage(said, '*');
    });
</script></body>"#;

/// A browser's window is never as narrow as a telephone, but a frame can be.
const NARROW: &str = r#"<body><script>onmessage = m => document.body.textContent = m.data</script>
    <iframe src="PAGE" width="320" height="640"></iframe></body>"#;

/// axe-core finds nothing on either page, light, dark and narrow. It is put into a copy, since the page itself runs no
/// script.
fn accessible(host: &Host, folder: &Path) {
    std::fs::copy(lab::tools::axe().unwrap(), folder.join("axe.js")).unwrap();
    std::fs::write(folder.join("style.css"), ask(host, "/style.css").unwrap()).unwrap();
    for (name, path) in [("fleet", "/"), ("origin", "/origins/shop/shop")] {
        let page = ask(host, path).unwrap().replace("\"/style.css\"", "\"style.css\"").replace("</body>", REPORT);
        let (wide, narrow) = (format!("{name}.html"), format!("{name}-narrow.html"));
        std::fs::write(folder.join(&wide), page).unwrap();
        std::fs::write(folder.join(&narrow), NARROW.replace("PAGE", &wide)).unwrap();
        // 0 is dark, 1 is light.
        for (file, scheme) in [(&wide, 1), (&wide, 0), (&narrow, 1)] {
            let scheme = format!("--blink-settings=preferredColorScheme={scheme}");
            let url = format!("file://{}", folder.join(file).display());
            let arguments =
                [scheme.as_str(), "--window-size=1280,900", "--virtual-time-budget=20000", "--dump-dom", &url];
            let dom = run(&mut browser(host, folder, &arguments)).unwrap();
            let said = dom.split_once("<body>").map_or(dom.as_str(), |(_, said)| said);
            assert!(said.starts_with("axe: ") && !said.starts_with("axe: 0"), "{file}, {scheme}: {said}");
        }
    }
}
