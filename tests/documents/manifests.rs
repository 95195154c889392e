//! Manifests that the pages show, and those of `examples/`: taken by a real API server that knows the kinds of every
//! project that they name, with unknown fields as errors.

use crate::blocks;
use lab::control_plane::ControlPlane;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Projects whose kinds are shown.
const PROJECTS: [&str; 4] = ["argo-cd", "cilium", "flux", "traefik"];

/// A part of a manifest by its first key, and what makes it whole.
const PARTS: [(&str, &str); 2] = [
    ("source:", "apiVersion: leeward.dev/v1alpha1\nkind: ProxyNetwork\nmetadata: {name: part}\nspec:\n"),
    (
        "allowlist:",
        "apiVersion: leeward.dev/v1alpha1\nkind: ProtectedOrigin\nmetadata: {name: part, namespace: shop}\nspec:\n  proxy: {url: 'https://shop.example.com/', networkRef: {name: part}}\n  origin: {type: Service, service: {name: shop, port: 443}}\n",
    ),
];

struct Manifest {
    place: String,
    text: String,
}

/// What the pages show.
fn shown() -> Vec<Manifest> {
    let mut found = Vec::new();
    for block in blocks::all().iter().filter(|b| b.language == "yaml" && b.mark.is_none()) {
        let text = if block.text.lines().any(|line| line.starts_with("apiVersion: ")) {
            block.text.clone()
        } else {
            let part = PARTS.iter().find(|(key, _)| block.text.starts_with(key));
            let (_, rest) = part.unwrap_or_else(|| {
                panic!(
                    "{}: neither a whole object nor a part that is known here: mark it as not run, and say why",
                    block.place()
                )
            });
            let indented = block.text.lines().map(|line| format!("  {line}\n"));
            format!("{rest}{}", indented.collect::<String>())
        };
        found.push(Manifest { place: block.place(), text });
    }
    found
}

/// Every file of `examples/`.
fn examples() -> Vec<Manifest> {
    let mut files = Vec::new();
    files_of(&lab::tools::checkout().join("examples"), &mut files);
    files.sort();
    let manifest = |path: &PathBuf| Manifest {
        place: path.strip_prefix(lab::tools::checkout()).unwrap().display().to_string(),
        text: std::fs::read_to_string(path).unwrap(),
    };
    files.iter().map(manifest).collect()
}

fn files_of(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            files_of(&path, found);
        } else if path.extension().is_some_and(|e| e == "yaml") {
            found.push(path);
        } else {
            assert!(path.extension().is_some_and(|e| e == "md"), "{} is no manifest", path.display());
        }
    }
}

fn objects(manifest: &Manifest) -> Vec<Value> {
    let parts =
        manifest.text.split("\n---\n").filter(|part| part.lines().any(|l| !l.is_empty() && !l.starts_with('#')));
    parts.map(|part| serde_saphyr::from_str(part).unwrap_or_else(|e| panic!("{}: {e}", manifest.place))).collect()
}

#[test]
fn the_api_server_takes_every_manifest() {
    let all: Vec<Manifest> = shown().into_iter().chain(examples()).collect();
    assert!(all.len() > 15, "{} manifests were found", all.len());
    let server = ControlPlane::start().unwrap();
    let crds = lab::tools::crds().unwrap();
    for folder in PROJECTS.iter().map(|project| crds.join(project)).chain([lab::tools::checkout().join("crds")]) {
        server.kubectl(&["apply", "--server-side", "-f", &folder.display().to_string()]).unwrap();
    }
    server.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"]).unwrap();
    let namespaces: BTreeSet<String> = all
        .iter()
        .flat_map(objects)
        .filter_map(|object| object["metadata"]["namespace"].as_str().map(str::to_owned))
        .filter(|namespace| namespace != "default")
        .collect();
    for namespace in namespaces {
        server.kubectl(&["create", "namespace", &namespace]).unwrap();
    }
    let mut refused = Vec::new();
    for manifest in &all {
        let strict = ["apply", "--dry-run=server", "--validate=strict", "-f", "-"];
        match server.kubectl_with_input(&strict, &manifest.text) {
            Ok(said) => assert_eq!(said.lines().count(), objects(manifest).len(), "{}: {said}", manifest.place),
            Err(error) => refused.push(format!("{}: {error:#}", manifest.place)),
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

/// The API server knows the schema; what a value means, Leeward itself has to say.
#[test]
fn leeward_reads_every_example_that_names_a_site() {
    let mut read = 0;
    for example in examples() {
        let all = objects(&example);
        let sites = all.iter().filter(|object| object["kind"] == "ProtectedOrigin").count();
        if sites != 1 {
            continue;
        }
        read += 1;
        let file = lab::tools::checkout().join(&example.place);
        let mut leeward = Command::new(env!("CARGO_BIN_EXE_leeward"));
        let output = leeward.args(["diagnose", "--offline", "-f"]).arg(file).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(0 | 2 | 3)), "{}: {told}", example.place);
        // Such as a network that the file names and does not hold.
        assert!(!told.contains("was not found"), "{}: {told}", example.place);
    }
    assert!(read > 5, "{read} examples name a site");
}
