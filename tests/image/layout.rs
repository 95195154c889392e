//! The folder that `hack/image/build` prints, as an OCI runtime reads it.

use lab::process::run;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// Built, or from the cache while nothing that goes into it has changed.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("hack/image/build");
    run(&mut Command::new(script)).unwrap().trim().into()
});

pub fn folder() -> &'static Path {
    &FOLDER
}

fn blob(digest: &str) -> PathBuf {
    folder().join("image/blobs").join(digest.replace(':', "/"))
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn manifest() -> Value {
    let index = json(&folder().join("image/index.json"));
    let manifests = index["manifests"].as_array().unwrap();
    assert_eq!(manifests.len(), 1);
    json(&blob(manifests[0]["digest"].as_str().unwrap()))
}

/// The image's own configuration.
pub fn config() -> Value {
    json(&blob(manifest()["config"]["digest"].as_str().unwrap()))
}

/// Archives of its layers, lowest first.
pub fn layers() -> Vec<PathBuf> {
    manifest()["layers"].as_array().unwrap().iter().map(|layer| blob(layer["digest"].as_str().unwrap())).collect()
}

/// Its root file system, unpacked into a folder.
pub fn unpack(root: &Path) {
    for layer in layers() {
        run(Command::new("tar").args(["--extract", "--same-permissions", "--file"]).arg(layer).arg("-C").arg(root))
            .unwrap();
    }
}
