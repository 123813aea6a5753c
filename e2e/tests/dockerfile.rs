//! What a request says of a base's config, a Dockerfile says too: podman builds it, and both agree.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    reason = "tests"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use e2e::case::Case;
use e2e::run::{self, Surroundings};
use e2e::{outsiders, programs};
use serde_json::Value;

/// The request of the case `assemble/base_merged_as_a_dockerfile`, as a Dockerfile.
const DOCKERFILE: &str = r#"FROM localhost/base
ENV PATH=/app/bin:${PATH} LEVEL=$LEVEL.1 LANG='$LEVEL' HOME=/home/${USER:-app} PRICE=5\$
WORKDIR work/$LEVEL
ENTRYPOINT ["/app"]
LABEL version=2 path=$PATH
EXPOSE 443
VOLUME /logs
USER ${UID:-65532}
"#;

fn podman(folder: &Path, words: &[&str]) -> String {
    fs::write(
        folder.join("containers.conf"),
        "[engine]\nlock_type = \"file\"\n",
    )
    .unwrap();
    let output = Command::new("podman")
        .args(["--root", "store/root", "--runroot", "store/run"])
        .args(["--storage-driver", "vfs", "--cgroup-manager", "cgroupfs"])
        .args(["--events-backend", "file"])
        .args(words)
        .env("CONTAINERS_CONF", folder.join("containers.conf"))
        .env_remove("UID")
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "podman {words:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// The document in a layout that has the key.
fn document(layout: &Path, key: &str) -> Value {
    let blobs = fs::read_dir(layout.join("blobs/sha256")).unwrap();
    blobs
        .filter_map(|blob| fs::read(blob.unwrap().path()).ok())
        .filter_map(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
        .find(|document| document.get(key).is_some())
        .unwrap()
}

fn sorted(list: &Value) -> Vec<&str> {
    let mut list: Vec<&str> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item.as_str().unwrap())
        .collect();
    list.sort_unstable();
    list
}

#[test]
fn a_dockerfile_says_the_same() {
    if !outsiders::can("a Dockerfile merges a base as assemble does", &["podman"]) {
        return;
    }
    let case = Case::all("assemble")
        .into_iter()
        .find(|case| case.name == "assemble/base_merged_as_a_dockerfile")
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    case.lay_out(folder);
    let done = run::run(programs::folder(), &case, folder, &Surroundings::plain());
    assert_eq!(done.code, 0, "{}", done.stderr);

    fs::write(folder.join("Dockerfile"), DOCKERFILE).unwrap();
    let base = podman(folder, &["pull", "--quiet", "oci:inputs/base:latest"]);
    podman(folder, &["tag", base.trim(), "localhost/base"]);
    let words = [
        "build",
        "--quiet",
        "--isolation",
        "chroot",
        "--network",
        "host",
    ];
    podman(folder, &[&words[..], &["--tag", "built", "."]].concat());
    podman(folder, &["push", "--quiet", "built", "oci:built:x"]);

    let (ours, theirs) = (
        document(&folder.join("out"), "architecture"),
        document(&folder.join("built"), "architecture"),
    );
    let (ours, mut theirs) = (&ours["config"], theirs["config"].clone());
    let labels = theirs["Labels"].as_object_mut().unwrap();
    labels
        .remove("io.buildah.version")
        .expect("podman signs its work");
    for field in [
        "Entrypoint",
        "Cmd",
        "ExposedPorts",
        "Volumes",
        "Labels",
        "WorkingDir",
        "User",
        "StopSignal",
    ] {
        assert_eq!(ours.get(field), theirs.get(field), "{field}");
    }
    // Podman moves a variable that gets another value to the end; Docker leaves it in its place.
    assert_eq!(sorted(&ours["Env"]), sorted(&theirs["Env"]));
}
