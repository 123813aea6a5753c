//! What images come as: texts, listings, archives, indexes of one image.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::model::model;
use super::{explain, leaves};

#[test]
fn text_for_people() {
    let folder = tempfile::tempdir().unwrap();
    model().write(&folder.path().join("a"));
    let mut other = model();
    other.entry(1).content = b"hello\nthere\n".to_vec();
    other.first().config["config"]["User"] = json!("2");
    for at in 0..4 {
        other.entry(at).mtime = 9;
    }
    other.write(&folder.path().join("b"));
    let output = Command::new(env!("CARGO_BIN_EXE_verify"))
        .args(["explain", "a", "b"])
        .current_dir(folder.path())
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(11));
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "image linux/amd64 (",
        "    config.user: \"1\" → \"2\" (",
        "      mend: assemble: make.image.config.user\n",
        "  layer 1 of 2 (",
        "    tar.time `etc`: 0 → 9, and 3 more (2048 bytes)\n",
        " (12 bytes, seen in a container)\n        line 2\n",
        "    content.text `etc/motd`: 12 bytes, sha256 ",
        "        line 2\n        - world\n        + there\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// Where listings of both sides are given, layers are not read: they need not even be there.
#[test]
fn listings_stand_for_layers() {
    let folder = tempfile::tempdir().unwrap();
    let listing = |mode: &str| {
        format!(
            r#"{{"gid":0,"mode":"{mode}","mtime":0,"path":"etc/motd","type":"file","uid":0,"size":1,"sha256":"00"}}"#
        )
    };
    let mut other = model();
    other.entry(1).mode = 0o600;
    let mut digests = Vec::new();
    for (name, model, mode) in [("a", model(), "0644"), ("b", other, "0600")] {
        let root = folder.path().join(name);
        model.write(&root);
        let find = |digest: &str| -> Value {
            let path = root.join("blobs").join(digest.replace(':', "/"));
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
        };
        let top: Value =
            serde_json::from_slice(&std::fs::read(root.join("index.json")).unwrap()).unwrap();
        let index = find(top["manifests"][0]["digest"].as_str().unwrap());
        let manifest = find(index["manifests"][0]["digest"].as_str().unwrap());
        let layer = &manifest["layers"][0];
        let digest = layer["digest"].as_str().unwrap().to_owned();
        let sparse = json!({"kind": "sparse_layout", "version": 1,
            "absent": [{"digest": digest, "size": layer["size"], "media_type": layer["mediaType"]}]});
        std::fs::write(root.join("sparse.json"), sparse.to_string()).unwrap();
        std::fs::remove_file(root.join("blobs").join(digest.replace(':', "/"))).unwrap();
        std::fs::write(folder.path().join(format!("{name}.ndjson")), listing(mode)).unwrap();
        digests.push(format!("{digest}={name}.ndjson"));
    }
    let names = |value: &Value| {
        let mut all = Vec::new();
        leaves(&value["causes"], &mut all);
        let name = |leaf: &Value| leaf["cause"].as_str().unwrap().to_owned();
        all.iter().map(name).collect::<Vec<String>>()
    };
    let words = ["a", "b", "--format", "json"];
    let (code, value, _) = explain(folder.path(), &words);
    assert_eq!((code, names(&value)), (11, vec!["layer.unread".to_owned()]));
    let listed = ["--listing", &digests[0], "--listing", &digests[1]];
    let (code, value, error) = explain(folder.path(), &[&words[..], &listed[..]].concat());
    assert_eq!(
        (code, names(&value)),
        (11, vec!["tar.mode".to_owned()]),
        "{error}"
    );
    let (code, _, error) = explain(folder.path(), &[&words[..], &["--listing", "x"]].concat());
    assert_eq!(code, 1);
    assert!(error.contains("DIGEST=FILE"), "{error}");
}

/// Archives are images like any other, and one side may be an index of the other.
#[test]
fn other_forms_of_images() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e/cases/verify");
    let at = |name: &str| cases.join(name).to_str().unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let layout = at("image_layout/inputs/image");
    let archive = at("image_archive/inputs/image.tar");
    let (code, value, error) = explain(folder.path(), &[&layout, &archive, "--format", "json"]);
    assert_eq!((code, &value["causes"]), (0, &json!([])), "{error}");
    let index = at("image_index/inputs/image");
    let (code, value, _) = explain(folder.path(), &[&layout, &index, "--format", "json"]);
    assert_eq!(code, 10);
    let names: Vec<&str> = value["causes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["cause"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["index.kind"]);
    let docker = at("image_docker_archive/inputs/image.tar");
    let (code, value, _) = explain(folder.path(), &[&layout, &docker, "--format", "json"]);
    assert_eq!(code, 10);
    let mut all = Vec::new();
    leaves(&value["causes"], &mut all);
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for leaf in &all {
        *counts.entry(leaf["cause"].as_str().unwrap()).or_default() += 1;
    }
    let expected = [
        ("compressor.algorithm", 2),
        ("config.media_type", 1),
        ("layer.media_type", 2),
        ("manifest.media_type", 1),
    ];
    assert_eq!(counts, BTreeMap::from(expected));
}
