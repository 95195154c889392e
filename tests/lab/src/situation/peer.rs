//! `blackbox_exporter` asked about the same situation, from the same vantage, with `debug=true`: what a reader
//! of its answer has before him. What he may conclude of it is fixed in [`super::reader`].

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::file::{Ask, Situation};
use super::stage::{SITE, Stage};
use crate::process::Process;

const ADDRESS: &str = "127.0.0.1:9115";
/// As long as one of Leeward's own probes may take.
const TIMEOUT: Duration = Duration::from_secs(15);

/// What the exporter said of both paths; `None` for a path that it cannot be given.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    pub site: Option<String>,
    pub origins: Vec<String>,
}

/// Asks the exporter about the site and about every origin address.
pub fn ask(exporter: &Path, situation: &Situation, stage: &Stage) -> Result<Answers> {
    if situation.vantage.ask == Ask::Offline {
        return Ok(Answers::default());
    }
    let folder = stage.vantage.folder()?;
    let (config, names) = (folder.join("blackbox.yml"), folder.join("resolv.conf"));
    std::fs::write(&config, modules(situation, stage))?;
    std::fs::write(&names, format!("nameserver {}\noptions timeout:2 attempts:1\n", stage.name_server.address().ip()))?;
    // The exporter asks the resolvers of its file system, so it gets a view of it with the lab's own.
    let mut command = stage.vantage.command("unshare");
    command.args(["-m", "sh", "-c", "mount --bind \"$1\" /etc/resolv.conf; shift; exec \"$@\"", "sh"]).arg(&names);
    command.arg(exporter).arg(format!("--config.file={}", config.display()));
    command.arg(format!("--web.listen-address={ADDRESS}"));
    let mut process = Process::start("blackbox_exporter", &command, &folder.join("blackbox.log"))?;
    let ready =
        || stage.vantage.command("curl").args(["-s", "-o", "/dev/null", &format!("http://{ADDRESS}/")]).status();
    process
        .wait_until("blackbox_exporter", Duration::from_secs(10), || ready().is_ok_and(|status| status.success()))?;
    let scheme = if situation.site.tls.is_some() { "https" } else { "http" };
    let site = probe(stage, "site", &format!("{scheme}://{SITE}{}", situation.site.path))?;
    let mut origins = Vec::new();
    for (origin, address) in situation.origins.iter().zip(&stage.origins) {
        let scheme = if origin.tls.is_some() { "https" } else { "http" };
        origins.push(probe(stage, "origin", &format!("{scheme}://{address}{}", situation.site.path))?);
    }
    Ok(Answers { site: Some(site), origins })
}

/// The exporter's module for either path, as its users write them: the origin by its address, with Host and SNI of
/// the site; no redirects; the text that the situation expects.
fn modules(situation: &Situation, stage: &Stage) -> String {
    let text = situation.spec["expect"]["bodyContains"].as_str();
    let body = text.map_or_else(String::new, |text| format!(", fail_if_body_not_matches_regexp: [{text:?}]"));
    let statuses = "[200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308]";
    let http = |headers: &str, server_name: &str| {
        format!(
            "{{follow_redirects: false, enable_http2: false, ip_protocol_fallback: true, \
             valid_status_codes: {statuses}{body}{headers}, tls_config: {{ca_file: {:?}{server_name}}}}}",
            stage.authority.file()
        )
    };
    format!(
        "modules:\n  site: {{prober: http, timeout: {seconds}s, http: {}}}\n  origin: {{prober: http, timeout: {seconds}s, http: {}}}\n",
        http("", ""),
        http(&format!(", headers: {{Host: {SITE}}}"), &format!(", server_name: {SITE}")),
        seconds = TIMEOUT.as_secs(),
    )
}

fn probe(stage: &Stage, module: &str, target: &str) -> Result<String> {
    let output = stage
        .vantage
        .command("curl")
        .args(["-s", "-m", &(TIMEOUT.as_secs() + 5).to_string(), "-G", "--noproxy", "*", "-d", "debug=true"])
        .args(["-d", &format!("module={module}"), "--data-urlencode", &format!("target={target}")])
        .arg(format!("http://{ADDRESS}/probe"))
        .output()
        .context("curl to blackbox_exporter")?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
