//! Images that are stamped: what `{KEY}` stands for, when an image is made anew for it, and when not.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use e2e::bazel::Bazel;
use serde_json::Value;

/// For a BUILD file that has an image `one`.
pub(crate) const BUILD: &str = r#"
load("@rules_container//rules:defs.bzl", "container_index")
genrule(name = "labels", outs = ["labels.txt"], cmd = "printf 'made=by a rule of {STABLE_VERSION}\nplain={}\n' > $@")
genrule(name = "env", outs = ["env.txt"], cmd = "printf 'PATH=/opt/{STABLE_VERSION}:$$PATH\nFROM=file\n' > $@")
container_image(name = "paths", os = "linux", architecture = "amd64", env = {"PATH": "/bin"})
container_image(
    name = "stamped",
    annotations = {"org.opencontainers.image.version": "{STABLE_VERSION}"},
    annotations_files = [":labels"],
    base = ":paths",
    created = "{BUILD_TIMESTAMP}",
    env = {"FROM": "dict", "RUN": "{BUILD_RUN} of ${PATH}"},
    env_files = [":env"],
    labels = {"version": "v{STABLE_VERSION}", "json": "{\"a\": {}}"},
    labels_files = [":labels"],
    repo_tags = ["example.com/one:{STABLE_VERSION}"],
    stamp = -1,
    stamp_defaults = {"BUILD_RUN": "no run", "BUILD_TIMESTAMP": "0", "STABLE_VERSION": "none"},
)
container_index(name = "stamped_index", annotations = {"version": "{STABLE_VERSION}"}, images = [":one"], stamp = 1)
container_archive(name = "stamped_archive", image = ":one", repo_tags = ["example.com/one:v{STABLE_VERSION}"], stamp = 1)
container_image(name = "unknown_key", os = "linux", architecture = "amd64", labels = {"a": "{STABLE_NONE}"}, stamp = 1)
container_image(name = "no_line", os = "linux", architecture = "amd64", labels_files = ["tags.txt"])
"#;

/// The program of `--workspace_status_command`, which prints these values from now on; the option.
pub(crate) fn status(workspace: &Path, version: &str, run: &str) -> String {
    let status = workspace.join("status");
    let text = format!("#!/bin/sh\necho STABLE_VERSION {version}\necho BUILD_RUN {run}\n");
    fs::write(&status, text).unwrap();
    fs::set_permissions(&status, PermissionsExt::from_mode(0o755)).unwrap();
    format!("--workspace_status_command={}", status.display())
}

/// A document of a sparse layout that the last build made.
fn document(bazel: &Bazel, name: &str, digest: &str) -> Value {
    let path = format!("{name}.sparse/blobs/{}", digest.replace(':', "/"));
    serde_json::from_slice(&bazel.read(&path)).unwrap()
}

fn digest(bazel: &Bazel, name: &str) -> String {
    String::from_utf8(bazel.read(&format!("{name}.digest"))).unwrap()
}

/// Manifest and config of an image that the last build made.
fn image(bazel: &Bazel, name: &str) -> (Value, Value) {
    let manifest = document(bazel, name, &digest(bazel, name));
    let config = document(bazel, name, manifest["config"]["digest"].as_str().unwrap());
    (manifest, config)
}

/// What is looked at, in one line.
fn told(bazel: &Bazel) -> String {
    let (manifest, config) = image(bazel, "stamped");
    let (labels, annotations) = (&config["config"]["Labels"], &manifest["annotations"]);
    assert_eq!(labels["plain"], "{}");
    assert_eq!(labels["json"], "{\"a\": {}}");
    assert_eq!(labels["made"], annotations["made"]);
    let version = annotations["org.opencontainers.image.version"].as_str();
    assert_eq!(labels["version"].as_str().unwrap()[1..], *version.unwrap());
    let env: Vec<&str> = config["config"]["Env"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one.as_str().unwrap())
        .collect();
    format!("{}; {}", env.join(" "), labels["made"].as_str().unwrap())
}

/// In a workspace whose BUILD file has [`BUILD`].
pub(crate) fn check(bazel: &Bazel, workspace: &Path) {
    let build = |options: &[&str]| {
        let words = ["build", "//:stamped", "//:stamped_index"];
        bazel.succeed(&[&words, options].concat());
        (digest(bazel, "stamped"), told(bazel))
    };
    // Without `--stamp` the defaults, whatever the status is; but for the index, which is always stamped.
    let unstamped = build(&[&status(workspace, "7", "1")]);
    assert_eq!(
        unstamped.1,
        "PATH=/opt/none:/bin FROM=dict RUN=no run of /bin; by a rule of none"
    );
    let index = |version: &str| {
        let index = document(bazel, "stamped_index", &digest(bazel, "stamped_index"));
        assert_eq!(index["annotations"]["version"], version);
    };
    index("7");
    assert_eq!(build(&[&status(workspace, "8", "2")]), unstamped);
    index("8");

    let stamped = build(&[&status(workspace, "7", "1"), "--stamp"]);
    assert_eq!(
        stamped.1,
        "PATH=/opt/7:/bin FROM=dict RUN=1 of /bin; by a rule of 7"
    );
    let (_, config) = image(bazel, "stamped");
    assert_ne!(config["created"], "1970-01-01T00:00:00Z");
    // What changes all the time makes nothing anew by itself.
    assert_eq!(build(&[&status(workspace, "7", "2"), "--stamp"]), stamped);
    let again = build(&[&status(workspace, "8", "3"), "--stamp"]);
    assert_eq!(
        again.1,
        "PATH=/opt/8:/bin FROM=dict RUN=3 of /bin; by a rule of 8"
    );
    // The status files have their own paths where those of outputs are mapped.
    let mapped = build(&[
        &status(workspace, "8", "3"),
        "--stamp",
        "--experimental_output_paths=strip",
    ]);
    assert_eq!(mapped.1, again.1);
    let status = status(workspace, "8", "3");
    let words = ["build", "//:stamped", "--output_groups=layout", "--stamp"];
    bazel.succeed(&[&words[..], &[&status]].concat());
    let layout = fs::read_to_string(bazel.output("stamped.layout/index.json")).unwrap();
    // An archive of its own, as `container_archive` makes it, has the same names; always, and without `--stamp`.
    bazel.succeed(&["build", "//:stamped_archive", &status]);
    let archive = bazel.read("stamped_archive.tar");
    let name = b"\"example.com/one:v8\"";
    assert!(archive.windows(name.len()).any(|bytes| bytes == name));
    assert!(layout.contains("\"example.com/one:8\""), "{layout}");

    for (target, words) in [
        (
            "//:unknown_key",
            [
                "assemble: //:unknown_key: `config.labels.a` asks for `STABLE_NONE`, which no status file has",
                "hint: let the program of `--workspace_status_command` print the key, or give it a value in `stamp_defaults`",
            ],
        ),
        (
            "//:no_line",
            [
                "assemble: //:no_line: `tags.txt`, line 1, is `plain`, and not KEY=VALUE",
                "hint: write one `KEY=VALUE` a line; a value has no newline",
            ],
        ),
    ] {
        let output = bazel.run(&["build", target]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{target}");
        for word in words {
            assert!(said.contains(word), "`{word}` is not in:\n{said}");
        }
    }
}
