//! What is said of an image, and whether it is so: signed and checked by our programs, by openssl and by cosign; and
//! everything that must not be believed.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod disbelief;
mod signers;

use std::fs;
use std::path::Path;

use e2e::programs::{start, well};
use e2e::tree::Manner;
use e2e::{programs, tree};
use serde_json::{Value, json};

const SPDX: &str = "application/spdx+json";

const CYCLONEDX: &str = "application/vnd.cyclonedx+json";

const SEALED: &str = "application/vnd.rules-container.sealed.v1+json";

const DSSE: &str = "application/vnd.dsse.envelope.v1+json";

const SIGNATURE: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";

#[track_caller]
fn fails(folder: &Path, tool: &str, words: &[&str], parts: &[&str]) {
    let output = start(folder, tool, words);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{tool} {words:?}: {said}");
    for part in parts {
        assert!(said.contains(part), "{part}: {said}");
    }
}

fn write(folder: &Path, name: &str, value: &Value) {
    fs::write(folder.join(name), value.to_string()).unwrap();
}

/// The keys of the tests, and what signs with them.
fn keys(folder: &Path) {
    let from = programs::workspace().join("tools/signing/tests");
    for name in ["key.pem", "key.pub.pem"] {
        fs::copy(from.join(name), folder.join(name)).unwrap();
    }
    // Another key of the same curve: the generator itself, that of the secret 1.
    let other = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n-----END PUBLIC KEY-----\n";
    fs::write(folder.join("other.pub.pem"), other).unwrap();
}

/// An image on a base, of two layers, and its documents in `attested`; its digest.
fn image(folder: &Path, sign: &Value, make: &Value) -> String {
    let layer = |origin: &str, path: &str| {
        json!({"kind": "layer", "version": 1, "origin": origin, "codec": {"gzip-v1": {}}, "entries": [
            {"file": {"path": path, "source": "source", "origin": "//app:source"}}, {"symlink": {"path": "link", "target": path}}]})
    };
    fs::write(folder.join("source"), "content\n").unwrap();
    for (name, path) in [("base", "etc/base"), ("rootfs", "usr/bin/app")] {
        write(
            folder,
            &format!("{name}.json"),
            &layer(&format!("//app:{name}"), path),
        );
        well(
            folder,
            "layer",
            &[
                &format!("{name}.json"),
                "--out",
                name,
                "--receipt",
                &format!("{name}.receipt.json"),
                "--listing",
                &format!("{name}.ndjson"),
            ],
        );
    }
    let assemble = |name: &str, layer: &str, base: Value| {
        let mut image = json!({"platform": "linux/amd64", "layers": [{"receipt": format!("{layer}.receipt.json"), "blob": layer, "listing": format!("{layer}.ndjson")}]});
        if base != Value::Null {
            image["base"] = base;
        }
        write(
            folder,
            &format!("{name}.json"),
            &json!({"kind": "assemble", "version": 1, "origin": format!("//app:{name}"), "make": {"image": image}, "tags": ["1"]}),
        );
        well(
            folder,
            "assemble",
            &[
                &format!("{name}.json"),
                "--out",
                name,
                "--receipt",
                &format!("{name}.receipt.json"),
            ],
        );
    };
    assemble("below", "base", Value::Null);
    assemble(
        "image",
        "rootfs",
        json!({"layout": "below", "name": "example.com/base:1"}),
    );
    attest(folder, "image", "attested", sign, make);
    digest(folder, "image")
}

fn attest(folder: &Path, image: &str, out: &str, sign: &Value, make: &Value) {
    let step = |tool: &str, output: &str| json!({"tool": tool, "output": output, "request": format!("{output}.json"), "receipt": format!("{output}.receipt.json")});
    let mut request = json!({"kind": "attest", "version": 1, "origin": "//app:attest", "image": format!("{image}.receipt.json"),
        "name": "example.com/team/app",
        "layers": [{"receipt": "rootfs.receipt.json", "listing": "rootfs.ndjson", "request": "rootfs.json"}],
        "steps": [step("layer", "rootfs"), step("assemble", image)],
        "tools": [{"name": "layer", "path": programs::path("layer")}, {"name": "assemble", "path": programs::path("assemble")}],
        "make": make});
    if *sign != Value::Null {
        request["sign"] = sign.clone();
    }
    write(folder, "attest.json", &request);
    well(
        folder,
        "attest",
        &[
            "attest.json",
            "--out",
            out,
            "--receipt",
            &format!("{out}.receipt.json"),
        ],
    );
}

fn digest(folder: &Path, image: &str) -> String {
    let receipt = fs::read(folder.join(format!("{image}.receipt.json"))).unwrap();
    let receipt: Value = serde_json::from_slice(&receipt).unwrap();
    receipt["digest"].as_str().unwrap().to_owned()
}

fn everything() -> Value {
    json!(["signature", "spdx", "cyclonedx", {"provenance": {"builder": "https://example.com/builder"}}, "sealed"])
}

fn key() -> Value {
    json!({"key": "key.pem"})
}

fn blob(layout: &Path, digest: &str) -> std::path::PathBuf {
    layout.join("blobs").join(digest.replace(':', "/"))
}

fn parse(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// Writes `attested` anew in `changed`, where the document of a type is another: what its manifest says of the
/// layer, and the layer's bytes.
fn change(folder: &Path, kind: &str, change: &dyn Fn(&mut Value, &mut Vec<u8>)) {
    let (from, to) = (folder.join("attested"), folder.join("changed"));
    let _ = fs::remove_dir_all(&to);
    tree::copy(&from, &to, Manner::PLAIN);
    let mut index = parse(&fs::read(to.join("index.json")).unwrap());
    let list = index["manifests"].as_array_mut().unwrap();
    let listed = list
        .iter_mut()
        .find(|one| one["artifactType"] == kind)
        .unwrap();
    let mut manifest = parse(&fs::read(blob(&to, listed["digest"].as_str().unwrap())).unwrap());
    let mut bytes = fs::read(blob(&to, manifest["layers"][0]["digest"].as_str().unwrap())).unwrap();
    let known = manifest["layers"][0]["digest"].clone();
    change(&mut manifest, &mut bytes);
    // Whoever changes more than bytes gives them their digest again.
    if manifest["layers"][0]["digest"] == known {
        let digest = e2e::blob::digest(&bytes);
        fs::write(blob(&to, &digest), &bytes).unwrap();
        manifest["layers"][0]["digest"] = digest.into();
        manifest["layers"][0]["size"] = bytes.len().into();
    }
    let manifest = manifest.to_string().into_bytes();
    listed["digest"] = e2e::blob::digest(&manifest).into();
    listed["size"] = manifest.len().into();
    fs::write(blob(&to, listed["digest"].as_str().unwrap()), &manifest).unwrap();
    fs::write(to.join("index.json"), index.to_string()).unwrap();
}

/// The same for a document that is JSON.
fn change_json(folder: &Path, kind: &str, edit: &dyn Fn(&mut Value)) {
    change(folder, kind, &|_, bytes| {
        let mut value = parse(bytes);
        edit(&mut value);
        *bytes = value.to_string().into_bytes();
    });
}

/// Words for `verify`: what `attested` says of `image`, with the key that signed it.
fn asked(require: &str) -> [&str; 8] {
    [
        "attested",
        "image",
        "--attached",
        "attested",
        "--key",
        "key.pub.pem",
        "--require",
        require,
    ]
}

#[test]
fn what_is_said_is_so() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    keys(folder);
    let digest = image(folder, &key(), &everything());
    let words = asked("spdx,cyclonedx,provenance,sealed");
    let said = well(folder, "verify", &words);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 6, "{said}");
    assert_eq!(lines[0], format!("{digest}: 5 documents refer to it"));
    for (line, kind, part) in [
        (lines[1], "signature", "good, by the key sha256:"),
        (lines[2], "spdx", "2 layers, 1 base, "),
        (lines[3], "cyclonedx", "1 file compared"),
        (
            lines[4],
            "provenance",
            "good, built by `https://example.com/builder`, 2 steps, by the key sha256:",
        ),
        (lines[5], "sealed", "2 steps"),
    ] {
        assert!(
            line.starts_with(&format!("  {kind} sha256:")) && line.contains(part),
            "{said}"
        );
    }
    // The signature is a function of key and image: all of it is the same once more.
    attest(folder, "image", "again", &key(), &everything());
    assert_eq!(
        tree::read(&folder.join("attested")),
        tree::read(&folder.join("again"))
    );
    well(folder, "verify", &["image", "attested", "--strict"]);
    // In a request, with a report; without a key nothing is said to be good.
    let check = json!({"attested": {"source": {"layout": "image"}, "attached": ["attested"], "keys": ["key.pub.pem"], "require": ["spdx"]}});
    write(
        folder,
        "verify.json",
        &json!({"kind": "verify", "version": 1, "origin": "//app:test", "checks": [check]}),
    );
    well(folder, "verify", &["verify.json", "--out", "report.json"]);
    let report = parse(&fs::read(folder.join("report.json")).unwrap());
    assert_eq!(report["checks"][0]["attested"]["image"], digest);
    let said = well(
        folder,
        "verify",
        &[
            "attested",
            "image",
            "--attached",
            "attested",
            "--format",
            "json",
        ],
    );
    let said = parse(said.as_bytes());
    assert!(said["documents"][0].get("key").is_none(), "{said}");
    assert_eq!(
        said["documents"][0]["says"],
        "not checked, as no key is given"
    );
    // Layers that are elsewhere: their listings do.
    let rootfs = parse(&fs::read(folder.join("rootfs.receipt.json")).unwrap());
    let listing = format!("{}=rootfs.ndjson", rootfs["digest"].as_str().unwrap());
    let said = well(
        folder,
        "verify",
        &[
            "attested",
            "image",
            "--attached",
            "attested",
            "--listing",
            &listing,
        ],
    );
    assert!(said.contains("1 file compared"), "{said}");
}

fn outside(text: &Value) -> Vec<u8> {
    data_encoding::BASE64
        .decode(text.as_str().unwrap().as_bytes())
        .unwrap()
}
