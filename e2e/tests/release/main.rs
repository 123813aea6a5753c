//! A release as its users check it: documents that other people's validators take, pushed to a real registry
//! beside their image, and the image made again from them on a second root.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod docs;
mod rebuilt;
mod validators;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use e2e::programs::well;
use e2e::registries::Running;
use e2e::{outsiders, programs, registries, tree};
use serde_json::{Value, json};

/// A `docker-registry` on a free port.
fn registry(folder: &Path) -> (Running, String) {
    registries::registry(folder, "", "")
}

fn write(folder: &Path, name: &str, value: &Value) {
    fs::write(folder.join(name), value.to_string()).unwrap();
}

/// Sources, and an image of them with its documents in `attested`; the digest of the image.
fn release(folder: &Path) -> String {
    let sources = folder.join("sources");
    fs::create_dir_all(&sources).unwrap();
    fs::write(sources.join("app"), "#!/bin/sh\necho app\n").unwrap();
    fs::write(sources.join("lib"), "a library\n").unwrap();
    let layer = json!({"kind": "layer", "version": 1, "origin": "//app:rootfs", "codec": {"gzip-v1": {}},
    "entries": [
        {"file": {"path": "usr/bin/app", "source": "sources/app", "origin": "//app:app", "attributes": {"mode": "0755"}}},
        {"file": {"path": "nix/store/0123456789abcdfghijklmnpqrsvwxyz-zlib-1.3.1/lib/libz.so", "source": "sources/lib", "origin": "/nix/store/zlib"}},
    ]});
    write(folder, "layer.json", &layer);
    let words = [
        "layer.json",
        "--out",
        "rootfs",
        "--receipt",
        "rootfs.receipt.json",
        "--listing",
        "rootfs.ndjson",
    ];
    well(folder, "layer", &words);
    let image = json!({"kind": "assemble", "version": 1, "origin": "//app:image",
        "make": {"image": {"platform": "linux/amd64", "layers": [{"receipt": "rootfs.receipt.json", "blob": "rootfs", "listing": "rootfs.ndjson"}],
            "config": {"entrypoint": {"replace": ["/usr/bin/app"]}}}}, "tags": ["1"]});
    write(folder, "image.json", &image);
    well(
        folder,
        "assemble",
        &[
            "image.json",
            "--out",
            "image",
            "--receipt",
            "image.receipt.json",
        ],
    );
    let step = |tool: &str, output: &str, request: &str| json!({"tool": tool, "output": output, "request": request, "receipt": format!("{output}.receipt.json")});
    let mut rootfs = step("layer", "rootfs", "layer.json");
    rootfs["listing_name"] = "rootfs.ndjson".into();
    let tool = |name: &str| json!({"name": name, "path": programs::path(name)});
    let attest = json!({"kind": "attest", "version": 1, "origin": "//app:attest", "image": "image.receipt.json",
        "name": "example.com/team/app", "time": "2026-01-02T03:04:05Z",
        "layers": [{"receipt": "rootfs.receipt.json", "listing": "rootfs.ndjson", "request": "layer.json"}],
        "packages": [{"name": "busybox", "package_version": "1.36", "purl": "pkg:generic/busybox@1.36", "licence": "GPL-2.0-only", "sha256": "0".repeat(64)}],
        "steps": [rootfs, step("assemble", "image", "image.json")],
        "tools": [tool("layer"), tool("assemble")],
        "sign": {"key": "key.pem"},
        "make": ["signature", "spdx", "cyclonedx", "sealed", {"provenance": {"builder": "https://example.com/builder", "invocation": "run/1",
            "materials": [{"uri": "git+https://example.com/team/app", "git_commit": "a".repeat(40)}]}}]});
    write(folder, "attest.json", &attest);
    let keys = programs::workspace().join("tools/signing/tests");
    for key in ["key.pem", "key.pub.pem"] {
        fs::copy(keys.join(key), folder.join(key)).unwrap();
    }
    well(
        folder,
        "attest",
        &[
            "attest.json",
            "--out",
            "attested",
            "--receipt",
            "attest.receipt.json",
        ],
    );
    let receipt: Value =
        serde_json::from_slice(&fs::read(folder.join("image.receipt.json")).unwrap()).unwrap();
    receipt["digest"].as_str().unwrap().to_owned()
}

fn blob(folder: &Path, digest: &Value) -> Vec<u8> {
    let path = digest.as_str().unwrap().replace(':', "/");
    fs::read(folder.join("attested/blobs").join(path)).unwrap()
}

/// The documents by their media types, each with the digest of its manifest.
fn documents(folder: &Path) -> Vec<(String, String, Vec<u8>)> {
    let index: Value =
        serde_json::from_slice(&fs::read(folder.join("attested/index.json")).unwrap()).unwrap();
    let list = index["manifests"].as_array().unwrap();
    list.iter()
        .map(|listed| {
            let manifest: Value = serde_json::from_slice(&blob(folder, &listed["digest"])).unwrap();
            assert_eq!(manifest["artifactType"], listed["artifactType"]);
            let layer = &manifest["layers"][0];
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (
                text(&layer["mediaType"]),
                text(&listed["digest"]),
                blob(folder, &layer["digest"]),
            )
        })
        .collect()
}

#[test]
fn documents_are_the_same_each_time_and_sound() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [one, two] = folders.each_ref().map(|folder| folder.path());
    release(one);
    std::thread::sleep(Duration::from_millis(1100));
    release(two);
    assert_eq!(
        tree::read(&one.join("attested")),
        tree::read(&two.join("attested"))
    );
    well(one, "verify", &["image", "attested", "--strict"]);
    let kinds: Vec<String> = documents(one)
        .into_iter()
        .map(|(kind, _, _)| kind)
        .collect();
    assert_eq!(
        kinds,
        [
            "application/vnd.dev.cosign.simplesigning.v1+json",
            "application/spdx+json",
            "application/vnd.cyclonedx+json",
            "application/vnd.rules-container.sealed.v1+json",
            "application/vnd.dsse.envelope.v1+json",
        ]
    );
}

/// The folder of the schemas that others have published, where Python has what reads them.
fn schemas(check: &str, modules: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("RULES_CONTAINER_SCHEMAS") else {
        outsiders::without(check, "published schemas");
        return None;
    };
    let has = Command::new("python3")
        .args(["-c", &format!("import {modules}")])
        .stderr(Stdio::null())
        .status();
    if !has.is_ok_and(|status| status.success()) {
        outsiders::without(check, modules);
        return None;
    }
    Some(folder.into())
}
