//! What the documents say of `pull` and `push`: each example is a request that is planned and carried out,
//! on a registry in memory that stands for those that the examples name.

use std::fs;
use std::path::Path;
use std::process::Output;

use e2e::programs::{self, start, well};
use e2e::registries::layout;
use scripted::{Server, Store};
use serde_json::{Value, json};

use super::{blocks, read};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).unwrap();
}

/// The JSON examples of a document, with the lines on which they begin.
fn examples(document: &str) -> Vec<(usize, Value)> {
    let text = read(document);
    let all = blocks(&text)
        .into_iter()
        .filter(|(_, words, _)| *words == "json");
    all.map(|(line, _, block)| {
        let example = serde_json::from_str(&block);
        (
            line,
            example.unwrap_or_else(|error| panic!("{document}:{line}: {error}")),
        )
    })
    .collect()
}

/// A layer of one file, with its receipt, under the names that the examples have for them.
fn layer(folder: &Path, name: &str, out: &str) {
    let request = json!({"kind": "layer", "version": 1, "origin": name,
        "entries": [{"file": {"path": name, "text": name}}]});
    let (request_name, receipt) = (
        format!("{name}.request.json"),
        format!("{name}.receipt.json"),
    );
    write(folder, &request_name, &request.to_string());
    well(
        folder,
        "layer",
        &[&request_name, "--out", out, "--receipt", &receipt],
    );
}

/// All that the examples name: images, receipts, files of tags; and the registry's own images, a base and one
/// that is staged. The digest of the latter.
fn lay_out(folder: &Path, store: &Store) -> String {
    let staged = layout(folder, "app.layout", 1000);
    layer(folder, "rootfs", "rootfs.tar.gz");
    layer(folder, "data", "data.tar.gz");
    // It is made again.
    fs::remove_file(folder.join("data.tar.gz")).unwrap();
    let request = json!({"kind": "assemble", "version": 1, "origin": "app",
        "make": {"image": {"platform": "linux/amd64",
            "layers": [{"receipt": "rootfs.receipt.json"}, {"receipt": "data.receipt.json"}]}}});
    write(folder, "app.json", &request.to_string());
    let words = [
        "app.json",
        "--out",
        "app.sparse",
        "--receipt",
        "app.receipt.json",
    ];
    well(folder, "assemble", &words);
    write(folder, "tags.txt", "1.0\nlatest\n");
    write(folder, "names.txt", "app:1.0\n");
    write(folder, "auth.json", r#"{"auths":{}}"#);
    // The base image is for one platform of an index.
    let root = folder.join("app.layout/blobs");
    let bytes = |digest: &str| fs::read(root.join(digest.replace(':', "/"))).unwrap();
    let index = fs::read(folder.join("app.layout/index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    let mut listed = index["manifests"][0].clone();
    let manifest = bytes(listed["digest"].as_str().unwrap());
    let document: Value = serde_json::from_slice(&manifest).unwrap();
    let layers = document["layers"].as_array().unwrap();
    for child in layers.iter().chain([&document["config"]]) {
        for repository in ["library/debian", "staging/app"] {
            store.add_blob(repository, &bytes(child["digest"].as_str().unwrap()));
        }
    }
    let media_type = listed["mediaType"].as_str().unwrap().to_owned();
    store.add_manifest("library/debian", None, &media_type, &manifest);
    store.add_manifest("staging/app", Some("1.0"), &media_type, &manifest);
    listed["platform"] = json!({"os": "linux", "architecture": "amd64"});
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [listed]}).to_string();
    store.add_manifest("library/debian", Some("12"), INDEX, index.as_bytes());
    staged
}

/// Puts what is there in place of what the examples name: registries, a digest, `layer`, an engine.
fn real(example: &Value, server: &Server, other: &Server, digest: &str) -> Value {
    let text = example.to_string();
    assert!(!text.contains("127.0.0.1"), "{text}");
    let text = text
        .replace("registry.example.com", &server.host())
        .replace("mirror.example.org", &other.host())
        .replace("sha256:…", digest)
        .replace("/usr/bin/layer", programs::path("layer").to_str().unwrap())
        .replace(
            r#"["podman","load"]"#,
            r#"["/bin/sh","-c","cat > loaded.tar"]"#,
        );
    serde_json::from_str(&text).unwrap()
}

#[test]
fn examples_of_push_requests_run() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (store, elsewhere) = (Store::new(), Store::new());
    let digest = lay_out(folder, &store);
    let (server, other) = (store.serve(), elsewhere.serve());
    write(
        folder,
        "repository.txt",
        &format!("{}/team/made\n", server.host()),
    );
    let examples = examples("docs/requests/push.md");
    assert_eq!(examples.len(), 4);
    for (line, example) in &examples {
        let request = real(example, &server, &other, &digest);
        write(folder, "request.json", &request.to_string());
        let said = |output: Output| {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(
                output.status.success() && said.is_empty(),
                "docs/requests/push.md:{line}: {said}"
            );
        };
        said(start(folder, "push", &["request.json", "--plan"]));
        let receipt = format!("receipt-{line}");
        said(start(
            folder,
            "push",
            &["request.json", "--receipt", &receipt],
        ));
        let receipt: Value =
            serde_json::from_slice(&fs::read(folder.join(&receipt)).unwrap()).unwrap();
        assert_eq!(receipt["complete"], true, "docs/requests/push.md:{line}");
    }
    // What they say that they do.
    for (repository, tag) in [
        ("team/app", "1.0"),
        ("team/app", "latest"),
        ("team/made", "1.0"),
        ("team/made", "latest"),
        ("app", "1.0"),
        ("app", "latest"),
    ] {
        assert!(
            store.manifest(repository, tag).is_some(),
            "{repository}:{tag}"
        );
    }
    assert!(elsewhere.manifest("app", "1.0").is_some());
    for output in ["out/index.json", "app.oci.tar", "app.tar", "loaded.tar"] {
        assert!(folder.join(output).exists(), "{output}");
    }
}

#[test]
fn examples_of_pull_requests_and_access_run() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let store = Store::new();
    lay_out(folder, &store);
    let server = store.serve();
    write(folder, "settings.json", "{}");
    let name = format!("debian={}/library/debian:12", server.host());
    well(
        folder,
        "pull",
        &["lock", &name, "--settings", "settings.json"],
    );
    let examples = examples("docs/requests/pull.md");
    assert_eq!(examples.len(), 1);
    write(folder, "request.json", &examples[0].1.to_string());
    let plan: Value =
        serde_json::from_str(&well(folder, "pull", &["request.json", "--plan"])).unwrap();
    assert_eq!(plan["listed"].as_array().unwrap().len(), 1);
    well(folder, "pull", &["request.json", "--out", "debian"]);
    well(folder, "pull", &["verify", "debian"]);
    let index = fs::read(folder.join("debian/index.json")).unwrap();
    assert!(String::from_utf8_lossy(&index).contains(plan["listed"][0].as_str().unwrap()));
    // How registries are reached is the same for both.
    let examples = self::examples("docs/registries.md");
    assert_eq!(examples.len(), 1);
    for (line, access) in &examples {
        let pull = json!({"kind": "pull", "version": 1, "origin": "x", "from": {"access": access},
            "image": {"locked": {"lock": "images.lock.json", "name": "debian"}}});
        let push = json!({"kind": "push", "version": 1, "origin": "x", "access": access,
            "images": [{"layout": "app.layout", "to": [{"repository": "registry.corp.example:5000/a"}]}]});
        for (tool, request) in [("pull", pull), ("push", push)] {
            write(folder, "request.json", &request.to_string());
            let output = start(folder, tool, &["request.json", "--explain-auth"]);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "docs/registries.md:{line}: {said}");
        }
    }
    // The list of mirrors that is shown, too.
    let text = read("docs/registries.md");
    let list = blocks(&text)
        .into_iter()
        .find(|(.., block)| block.contains("|direct"))
        .unwrap()
        .2;
    let request = json!({"kind": "pull", "version": 1, "origin": "x", "from": {"mirrors": list.trim()},
        "image": {"locked": {"lock": "images.lock.json", "name": "debian"}}});
    write(folder, "request.json", &request.to_string());
    let logins = well(folder, "pull", &["request.json", "--explain-auth"]);
    assert!(
        logins.contains("mirror.example/hub/library/debian"),
        "{logins}"
    );
}
