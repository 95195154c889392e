//! What is in the image, how large it is, and what it says of itself.

use crate::layout::{config, folder, layers, unpack};
use lab::process::run;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

const MEBIBYTE: u64 = 1024 * 1024;
/// What it had when it was last measured, rounded up: it may not grow unseen. The aim is 15 (docs/releasing.md). The whole
/// image may have three more.
const LARGEST_PROGRAM: u64 = 20 * MEBIBYTE;

fn files(root: &Path) -> Vec<String> {
    let text = run(Command::new("find").arg(root).args(["!", "-type", "d", "-printf", "%P\n"])).unwrap();
    let mut all: Vec<String> = text.lines().map(str::to_owned).collect();
    all.sort();
    all
}

#[test]
fn it_holds_one_program_and_what_that_reads() {
    let root = tempfile::tempdir().unwrap();
    unpack(root.path());
    assert_eq!(files(root.path()), ["etc/group", "etc/passwd", "etc/ssl/certs/ca-certificates.crt", "leeward"]);
    for file in files(root.path()) {
        let metadata = fs::metadata(root.path().join(&file)).unwrap();
        let mode = if file == "leeward" { 0o755 } else { 0o644 };
        assert_eq!(metadata.permissions().mode() & 0o7777, mode, "{file}");
        assert_eq!((metadata.uid(), metadata.gid()), (0, 0), "{file}");
    }
    let roots = fs::read_to_string(root.path().join("etc/ssl/certs/ca-certificates.crt")).unwrap();
    assert!(roots.matches("BEGIN CERTIFICATE").count() > 100);
    assert!(fs::read_to_string(root.path().join("etc/passwd")).unwrap().contains(":65532:65532:"));
}

#[test]
fn it_is_small() {
    let root = tempfile::tempdir().unwrap();
    unpack(root.path());
    let size = |file: &str| fs::metadata(root.path().join(file)).unwrap().len();
    let (program, all) = (size("leeward"), files(root.path()).iter().map(|file| size(file)).sum::<u64>());
    println!("leeward {program} bytes, the image {all} bytes");
    assert!(program <= LARGEST_PROGRAM, "the program has {program} bytes");
    assert!(all <= LARGEST_PROGRAM + 3 * MEBIBYTE, "the image has {all} bytes");
}

#[test]
fn it_runs_as_nobody_and_says_what_it_is() {
    let config = config();
    let run = &config["config"];
    assert_eq!(run["User"], "65532:65532");
    assert_eq!(run["Entrypoint"], serde_json::json!(["/leeward"]));
    assert_eq!(run["Cmd"], serde_json::json!(["run"]));
    assert!(run["ExposedPorts"]["8080/tcp"].is_object());
    let label = |name: &str| run["Labels"][format!("org.opencontainers.image.{name}")].as_str().unwrap_or_default();
    assert_eq!(label("version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(label("licenses"), env!("CARGO_PKG_LICENSE"));
    assert_eq!(label("source"), env!("CARGO_PKG_REPOSITORY"));
    assert!(label("revision").len() == 40 && label("revision").bytes().all(|b| b.is_ascii_hexdigit()));
    for name in ["title", "description", "url", "documentation"] {
        assert!(!label(name).is_empty(), "no label {name}");
    }
    assert_eq!(layers().len(), 1, "what was added and taken away again would still be in it");
}

/// Everything that a scanner reads out of the program stands in the SBOM, and nothing of the tests does.
#[test]
fn the_program_and_the_sbom_name_the_same_dependencies() {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tool = run(Command::new(checkout.join("hack/image/cargo-tool")).arg("rust-audit-info")).unwrap();
    let text =
        run(Command::new(Path::new(tool.trim()).join("rust-audit-info")).arg(folder().join("files/leeward"))).unwrap();
    let inside: Value = serde_json::from_str(&text).unwrap();
    let text = fs::read_to_string(folder().join("leeward.cdx.json")).unwrap();
    let sbom: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(sbom["bomFormat"], "CycloneDX");

    let pair = |entry: &Value| {
        let text = |key: &str| entry[key].as_str().unwrap().to_owned();
        (text("name"), text("version"))
    };
    let is_runtime = |package: &&Value| package["kind"].is_null() && package["root"] != true;
    let inside: BTreeSet<_> = inside["packages"].as_array().unwrap().iter().filter(is_runtime).map(pair).collect();
    let listed: BTreeSet<_> = sbom["components"].as_array().unwrap().iter().map(pair).collect();
    assert!(inside.len() > 50, "only {}", inside.len());
    let missing: Vec<_> = inside.difference(&listed).collect();
    assert!(missing.is_empty(), "in the program and not in the SBOM: {missing:?}");
    for absent in ["lab", "insta", "proptest", "rcgen"] {
        assert!(listed.iter().all(|(name, _)| name != absent), "{absent} is of the tests");
    }
}

#[test]
fn it_needs_no_library_and_shows_no_path_of_the_machine_that_built_it() {
    let program = folder().join("files/leeward");
    let headers =
        run(Command::new("readelf").args(["--wide", "--program-headers", "--dynamic"]).arg(&program)).unwrap();
    assert!(!headers.contains("INTERP") && !headers.contains("NEEDED"), "{headers}");
    let bytes = fs::read(&program).unwrap();
    let home = std::env::var("HOME").unwrap_or_default() + "/.cargo";
    for path in [home.as_str(), env!("CARGO_MANIFEST_DIR"), ".cache/leeward"] {
        assert!(!bytes.windows(path.len()).any(|window| window == path.as_bytes()), "{path} stands in the program");
    }
}
