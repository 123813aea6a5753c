//! Several layers from one graph, without Nix: what comes out, that each can be made again by itself,
//! and what bad input gets.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use e2e::{blob, programs};
use serde_json::{Value, json};

fn layer(folder: &Path, request: &Value, words: &[&str]) -> Output {
    fs::write(folder.join("request.json"), request.to_string()).unwrap();
    Command::new(programs::path("layer"))
        .arg("request.json")
        .args(words)
        .current_dir(folder)
        .env_clear()
        .output()
        .unwrap()
}

#[track_caller]
fn well(folder: &Path, request: &Value, words: &[&str]) -> String {
    let output = layer(folder, request, words);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn refused(folder: &Path, request: &Value) -> String {
    let output = layer(folder, request, &["--out", "none"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!folder.join("none").exists());
    String::from_utf8(output.stderr).unwrap()
}

/// A store of three paths: a folder that needs a file, and a link.
fn store(folder: &Path) -> Value {
    let store = folder.join("store");
    fs::create_dir_all(store.join("0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-app-2/bin")).unwrap();
    fs::write(
        store.join("0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-app-2/bin/app"),
        "#!/bin/sh\n",
    )
    .unwrap();
    fs::write(
        store.join("0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-data-1"),
        "d".repeat(5000),
    )
    .unwrap();
    std::os::unix::fs::symlink(
        "0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-data-1",
        store.join("0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-link-1"),
    )
    .unwrap();
    let at = |name: &str| store.join(name).display().to_string();
    let path = |name: &str, size: u32, references: &[&str]| {
        let references: Vec<String> = references.iter().map(|name| at(name)).collect();
        json!({"path": at(name), "narSize": size, "narHash": "sha256:x", "valid": true, "references": references})
    };
    let graph = json!([
        path(
            "0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-app-2",
            200,
            &[
                "0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-app-2",
                "0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-data-1",
                "0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-link-1"
            ]
        ),
        path("0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-data-1", 5000, &[]),
        path(
            "0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-link-1",
            100,
            &["0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-data-1"]
        ),
    ]);
    fs::write(folder.join("graph.json"), graph.to_string()).unwrap();
    json!({"kind": "layers", "version": 1, "origin": "//e2e:layers",
        "defaults": {"mtime": 1},
        "graph": {"nix": {"file": "graph.json"}}})
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_closure_is_packed_and_each_layer_can_be_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let request = store(folder);
    let words = [
        "--out",
        "out",
        "--requests",
        "requests",
        "--receipt",
        "receipt.json",
    ];
    well(folder, &request, &words);
    let layers = read(&folder.join("out/layers.json"));
    assert_eq!(layers, read(&folder.join("receipt.json")));
    assert_eq!(layers["layers"].as_array().unwrap().len(), 3);
    for place in ["000", "001", "002"] {
        let of = folder.join("out").join(place);
        let receipt = read(&of.join("receipt.json"));
        let bytes = fs::read(of.join("blob")).unwrap();
        assert_eq!(receipt["digest"], blob::digest(&bytes).as_str());
        let again = read(&folder.join(format!("requests/{place}.json")));
        well(folder, &again, &["--out", &format!("again-{place}")]);
        assert_eq!(
            fs::read(folder.join(format!("again-{place}"))).unwrap(),
            bytes
        );
    }
    // By receipts alone they are the same, and there are no bytes.
    let mut thin = request.clone();
    thin["make"] = "receipts".into();
    well(folder, &thin, &["--out", "thin"]);
    for place in ["000", "001", "002"] {
        let receipt = format!("{place}/receipt.json");
        assert_eq!(
            fs::read(folder.join("thin").join(&receipt)).unwrap(),
            fs::read(folder.join("out").join(&receipt)).unwrap()
        );
        assert!(!folder.join("thin").join(place).join("blob").exists());
    }
    // `assemble` takes them together; `layer` counts them.
    let image = json!({"kind": "assemble", "version": 1, "origin": "x",
        "make": {"image": {"platform": "linux/amd64", "layers": [{"planned": "out"}]}}});
    fs::write(folder.join("image"), image.to_string()).unwrap();
    let output = Command::new(programs::path("assemble"))
        .args(["image", "--out", "layout", "--receipt", "image.json"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut full = request;
    full["planning"] = json!({"max_layers": 3, "below": ["image.json"]});
    let said = refused(folder, &full);
    assert!(
        said.contains("the base has 3 layers and the image may have 3: none is left"),
        "{said}"
    );
}

#[test]
fn the_plan_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut request = store(folder);
    request["planning"] = json!({"max_layers": 2});
    let plan = well(folder, &request, &["--plan"]);
    fs::write(folder.join("plan.json"), &plan).unwrap();
    assert!(!plan.contains("store/"), "{plan}");
    request["planning"]["previous"] = "plan.json".into();
    assert_eq!(well(folder, &request, &["--plan"]), plan);
    request["make"] = "plan".into();
    well(folder, &request, &["--out", "only"]);
    assert_eq!(
        fs::read_to_string(folder.join("only/plan.json")).unwrap(),
        plan
    );
    assert!(!folder.join("only/layers.json").exists());
    let explained: Value = serde_json::from_str(&well(folder, &request, &["--explain"])).unwrap();
    assert_eq!(explained["paths"].as_array().unwrap().len(), 3);
    assert_eq!(explained, read(&folder.join("only/explanation.json")));
}

#[test]
fn what_the_image_has_is_not_packed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let request = store(folder);
    let keys = |request: &Value| -> Vec<String> {
        let plan: Value = serde_json::from_str(&well(folder, request, &["--plan"])).unwrap();
        let layers = plan["layers"].as_array().unwrap().clone();
        layers
            .iter()
            .map(|layer| layer["key"].as_str().unwrap().to_owned())
            .collect()
    };
    let at = |name: &str| folder.join("store").join(name).display().to_string();
    let with = |field: &str, value: Value| {
        let mut request = request.clone();
        request[field] = value;
        keys(&request).len()
    };
    assert_eq!(keys(&request).len(), 3);
    assert_eq!(
        with(
            "packed",
            json!([at("0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-data-1")])
        ),
        2
    );
    assert_eq!(
        with(
            "copied",
            json!([at("0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-app-2")])
        ),
        2
    );
    // Others need it.
    assert_eq!(
        with(
            "copied",
            json!([at("0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-data-1")])
        ),
        3
    );
    assert_eq!(with("subtract", json!([{"file": "graph.json"}])), 0);
    let mut none = request.clone();
    none["subtract"] = json!([{"file": "graph.json"}]);
    well(folder, &none, &["--out", "nothing"]);
    assert_eq!(
        read(&folder.join("nothing/layers.json"))["layers"],
        json!([])
    );
}

#[test]
fn what_is_wrong_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let request = store(folder);
    fs::write(folder.join("other.json"), "{}").unwrap();
    for (change, expected) in [
        (
            json!({"packed": ["/x"]}),
            "`/x` is not in the graph, and `packed` names it",
        ),
        (json!({"copied": ["/x"]}), "hint: name a path of the graph"),
        (
            json!({"graph": {"nix": {"file": "other.json"}}}),
            "the graph `other.json` is not one of Nix's",
        ),
        (
            json!({"graph": {"nix": {"attribute": "closure"}}}),
            "NIX_ATTRS_JSON_FILE is not set",
        ),
        (
            json!({"planning": {"previous": "other.json"}}),
            "the plan `other.json` is none",
        ),
        (
            json!({"planning": {"below": ["other.json"]}}),
            "`other.json` tells of no layers",
        ),
        (
            json!({"planning": {"max_layers": 128}}),
            "hint: leave it out for 100",
        ),
        (
            json!({"planning": {"budgets": [{"change": "application", "max_bytes": 1}]}}),
            "and may move 1",
        ),
        (
            json!({"codec": {"gzip-v1": {"level": 99}}}),
            "has no level 99",
        ),
    ] {
        let mut request = request.clone();
        for (key, value) in change.as_object().unwrap() {
            request[key] = value.clone();
        }
        let output = layer(folder, &request, &["--out", "none"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.contains(expected) && !output.status.success(),
            "{change}: {said}"
        );
        assert!(!folder.join("none").exists());
    }
}
