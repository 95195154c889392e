//! What a release is made of, packed as the release workflow does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a test may fail

use lab::process::run;
use lab::tools::checkout;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

fn script(name: &str) -> Command {
    Command::new(checkout().join("hack/release").join(name))
}

fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    object.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("{path} is no text in {object:#}"))
}

/// What `validate-krew-manifest` and the naming guide of krew ask; the program itself is not in the Go proxy. Each rule
/// with what breaks it.
fn problems(plugin: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut rule = |holds: bool, said: &str| {
        if !holds {
            found.push(said.to_owned());
        }
    };
    rule(text(plugin, "/apiVersion") == "krew.googlecontainertools.github.com/v1alpha2", "apiVersion");
    rule(text(plugin, "/kind") == "Plugin", "kind");
    let name = text(plugin, "/metadata/name");
    rule(
        name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
        "name: lower case and dashes",
    );
    rule(!name.starts_with("kube"), "name: no kube prefix");
    let version = text(plugin, "/spec/version");
    let numbers = version.strip_prefix('v').unwrap_or_default().split('-').next().unwrap();
    rule(numbers.split('.').filter(|n| n.parse::<u32>().is_ok()).count() == 3, "version: v and semver");
    rule(text(plugin, "/spec/homepage").starts_with("https://"), "homepage");
    let short = text(plugin, "/spec/shortDescription");
    rule(!short.is_empty() && short.len() < 50 && !short.contains('\n'), "shortDescription: one line under 50");
    rule(!short.to_lowercase().contains("kubectl") && !short.ends_with('.'), "shortDescription: words");
    for field in ["/spec/description", "/spec/caveats"] {
        rule(text(plugin, field).lines().all(|line| line.len() <= 80), "a line is longer than 80");
    }
    let platforms = plugin["spec"]["platforms"].as_array().cloned().unwrap_or_default();
    rule(!platforms.is_empty(), "platforms");
    let mut selected: Vec<String> = Vec::new();
    for platform in &platforms {
        let labels = platform["selector"]["matchLabels"].as_object().unwrap();
        rule(labels.keys().all(|key| key == "os" || key == "arch"), "selector: os and arch");
        selected.push(format!(
            "{}/{}",
            text(platform, "/selector/matchLabels/os"),
            text(platform, "/selector/matchLabels/arch")
        ));
        rule(text(platform, "/uri").starts_with("https://") && text(platform, "/uri").ends_with(".tar.gz"), "uri");
        let sum = text(platform, "/sha256");
        rule(sum.len() == 64 && sum.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)), "sha256");
        let files = platform["files"].as_array().cloned().unwrap_or_default();
        let moved = |name: &str| files.iter().any(|f| text(f, "/from") == name && text(f, "/to") == ".");
        rule(moved(text(platform, "/bin")), "bin is among files");
        rule(moved("LICENSE"), "LICENSE is among files");
    }
    let all = selected.len();
    selected.sort();
    selected.dedup();
    rule(selected.len() == all, "two platforms select the same machine");
    found
}

#[test]
fn the_manifest_for_krew_keeps_its_rules_and_names_the_archives() {
    let folder = tempfile::tempdir().unwrap();
    let (binaries, dist) = (folder.path().join("binaries"), folder.path().join("dist"));
    for architecture in ["amd64", "arm64"] {
        std::fs::create_dir_all(binaries.join(architecture)).unwrap();
        std::fs::write(binaries.join(architecture).join("leeward"), architecture).unwrap();
    }
    let version = env!("CARGO_PKG_VERSION");
    let mut pack = script("archives");
    run(pack.args([version]).args([&binaries, &dist]).env("SOURCE_DATE_EPOCH", "0")).unwrap();
    run(script("krew").arg(version).arg(&dist)).unwrap();
    // Run again, it says the same.
    let read = || std::fs::read_to_string(dist.join("krew-leeward.yaml")).unwrap();
    let (first, sums) = (read(), std::fs::read_to_string(dist.join("checksums.txt")).unwrap());
    run(script("krew").arg(version).arg(&dist)).unwrap();
    assert_eq!((read(), std::fs::read_to_string(dist.join("checksums.txt")).unwrap()), (first.clone(), sums));

    let plugin: Value = serde_saphyr::from_str(&first).unwrap();
    assert_eq!(problems(&plugin), [""; 0]);
    let platforms = plugin["spec"]["platforms"].as_array().unwrap();
    assert_eq!(platforms.len(), 2);
    for platform in platforms {
        unpacks(platform, &dist);
    }
    run(Command::new("sha256sum").args(["--check", "--strict", "checksums.txt"]).current_dir(&dist)).unwrap();
}

/// As krew does: the archive of the address, its sum, and the files that are named.
fn unpacks(platform: &Value, dist: &Path) {
    let archive = text(platform, "/uri").rsplit('/').next().unwrap();
    let sum = run(Command::new("sha256sum").arg(dist.join(archive))).unwrap();
    assert!(sum.starts_with(text(platform, "/sha256")), "{archive}: {sum}");
    let listed = run(Command::new("tar").arg("tzf").arg(dist.join(archive))).unwrap();
    for file in platform["files"].as_array().unwrap() {
        assert!(listed.lines().any(|line| line == text(file, "/from")), "{archive} holds {listed}");
    }
}

#[test]
fn what_breaks_a_rule_of_krew_is_found() {
    let good = serde_json::json!({
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2", "kind": "Plugin", "metadata": {"name": "x"},
        "spec": {"version": "v1.2.3", "homepage": "https://x", "shortDescription": "x", "description": "x", "caveats": "x",
            "platforms": [{"selector": {"matchLabels": {"os": "linux", "arch": "amd64"}}, "uri": "https://x/x.tar.gz",
                "sha256": "a".repeat(64), "bin": "x", "files": [{"from": "x", "to": "."}, {"from": "LICENSE", "to": "."}]}]},
    });
    assert_eq!(problems(&good), [""; 0]);
    for (path, value) in [
        ("/metadata/name", "Leeward"),
        ("/metadata/name", "kubectl-leeward"),
        ("/spec/version", "1.2.3"),
        ("/spec/shortDescription", "A kubectl plugin"),
        ("/spec/shortDescription", "Find out why a site that stands behind a proxy fails"),
        ("/spec/platforms/0/sha256", "A"),
        ("/spec/platforms/0/bin", "y"),
        ("/spec/platforms/0/uri", "http://x/x.tar.gz"),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(path).unwrap() = value.into();
        assert_eq!(problems(&bad).len(), 1, "{path}: {value}");
    }
    let mut twice = good.clone();
    let platform = twice["spec"]["platforms"][0].clone();
    twice["spec"]["platforms"].as_array_mut().unwrap().push(platform);
    assert_eq!(problems(&twice), ["two platforms select the same machine"]);
}
