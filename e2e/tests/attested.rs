//! What is said of an image, and whether it is so: signed and checked by our programs, by openssl and by cosign; and
//! everything that must not be believed.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use e2e::tree::{self, Manner};
use e2e::{
    outsiders,
    programs::{self, start, well},
};
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

#[test]
fn what_is_said_is_so() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    keys(folder);
    let digest = image(folder, &key(), &everything());
    let words = [
        "attested",
        "image",
        "--attached",
        "attested",
        "--key",
        "key.pub.pem",
        "--require",
        "spdx,cyclonedx,provenance,sealed",
    ];
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

#[test]
fn what_must_not_be_believed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    keys(folder);
    image(folder, &key(), &everything());
    let words = [
        "attested",
        "image",
        "--attached",
        "changed",
        "--key",
        "key.pub.pem",
    ];
    // The image lists nothing, or something is missing.
    fails(
        folder,
        "verify",
        &["attested", "image"],
        &["nothing refers to it"],
    );
    fails(
        folder,
        "verify",
        &["attested", "image", "--require", "spdx"],
        &["there is no spdx"],
    );
    fails(
        folder,
        "verify",
        &["attested", "image", "--key", "key.pub.pem"],
        &["there is no signature"],
    );
    // Another key.
    let other = [
        "attested",
        "image",
        "--attached",
        "attested",
        "--key",
        "other.pub.pem",
    ];
    fails(
        folder,
        "verify",
        &other,
        &[
            "no signature is good for the key sha256:",
            "its signature is not good for a key that is given",
        ],
    );
    fails(
        folder,
        "verify",
        &["attested", "image", "--key", "key.pem"],
        &["it is a private key, and a public one is wanted", "-pubout"],
    );
    // One of two is enough for an image.
    well(
        folder,
        "verify",
        &[
            "attested",
            "image",
            "--attached",
            "attested",
            "--key",
            "other.pub.pem",
            "--key",
            "key.pub.pem",
        ],
    );
    // A payload that is changed: another digest, another name, cut off.
    let digest = digest(folder, "image");
    let stranger = e2e::blob::digest(b"another");
    let text = |from: &str, to: &str| {
        let (from, to) = (from.to_owned(), to.to_owned());
        move |_: &mut Value, bytes: &mut Vec<u8>| {
            *bytes = String::from_utf8(bytes.clone())
                .unwrap()
                .replace(&from, &to)
                .into_bytes()
        }
    };
    change(folder, SIGNATURE, &text(&digest, &stranger));
    fails(
        folder,
        "verify",
        &words,
        &[
            &format!("it is a signature of {stranger}"),
            "no signature is good",
        ],
    );
    change(
        folder,
        SIGNATURE,
        &text("example.com/team/app", "example.com/team/other"),
    );
    fails(
        folder,
        "verify",
        &words,
        &["no signature is good for the key"],
    );
    change(folder, SIGNATURE, &|_, bytes| {
        bytes.truncate(bytes.len() - 10)
    });
    fails(
        folder,
        "verify",
        &words,
        &[
            "the payload is not what cosign signs",
            "no signature is good",
        ],
    );
    change(folder, SIGNATURE, &|manifest, _| {
        manifest["layers"][0]["annotations"] = json!({});
    });
    fails(folder, "verify", &words, &["its payload has no signature"]);
    // Bytes that are not those of the digest.
    change(folder, SIGNATURE, &|_, _| {});
    let index = parse(&fs::read(folder.join("changed/index.json")).unwrap());
    let listed = index["manifests"][0]["digest"].as_str().unwrap();
    let manifest = parse(&fs::read(blob(&folder.join("changed"), listed)).unwrap());
    let payload = blob(
        &folder.join("changed"),
        manifest["layers"][0]["digest"].as_str().unwrap(),
    );
    let bytes = fs::read(&payload).unwrap();
    fs::write(&payload, [&bytes[..bytes.len() - 1], b" "].concat()).unwrap();
    fails(folder, "verify", &words, &["[digest]"]);
    fs::write(&payload, &bytes[..bytes.len() - 1]).unwrap();
    fails(folder, "verify", &words, &["[size]"]);
    // A document of another subject.
    change(folder, SPDX, &|manifest, _| {
        manifest["subject"]["digest"] = stranger.clone().into()
    });
    fails(
        folder,
        "verify",
        &words,
        &[&format!("it refers to {stranger}")],
    );
    change(folder, SPDX, &|manifest, _| {
        manifest["subject"]["size"] = 1.into()
    });
    fails(
        folder,
        "verify",
        &words,
        &["it refers to the image by another size or media type"],
    );
    // Bills of materials that do not agree.
    let hex = &stranger[7..];
    change_json(folder, SPDX, &|value| {
        value["packages"][0]["checksums"][0]["checksumValue"] = hex.into();
        value["packages"][0]["versionInfo"] = stranger.clone().into();
    });
    fails(
        folder,
        "verify",
        &words,
        &[&format!("it describes {stranger}")],
    );
    let find = |value: &mut Value, id: &str, edit: &dyn Fn(&mut Value)| {
        let all = value["packages"].as_array_mut().unwrap();
        edit(all.iter_mut().find(|one| one["SPDXID"] == id).unwrap());
    };
    change_json(folder, SPDX, &|value| {
        find(value, "SPDXRef-Layer-0", &|one| {
            one["checksums"][0]["checksumValue"] = hex.into()
        })
    });
    fails(
        folder,
        "verify",
        &words,
        &[
            &format!("it names the layer {stranger}, which the image does not have"),
            "it does not name the layer sha256:",
        ],
    );
    change_json(folder, SPDX, &|value| {
        find(value, "SPDXRef-Base-0", &|one| {
            one["checksums"][0]["checksumValue"] = hex.into();
            one["versionInfo"] = stranger.clone().into();
        })
    });
    fails(
        folder,
        "verify",
        &words,
        &[&format!("it names the base {stranger}")],
    );
    change_json(folder, SPDX, &|value| {
        value["spdxVersion"] = "SPDX-9".into()
    });
    fails(folder, "verify", &words, &["its `spdxVersion` is `SPDX-9`"]);
    change_json(folder, SPDX, &|value| {
        value["relationships"][0]["relatedSpdxElement"] = "SPDXRef-Nothing".into()
    });
    fails(
        folder,
        "verify",
        &words,
        &["it describes `SPDXRef-Nothing`, which is not in it"],
    );
    change(folder, SPDX, &|_, bytes| bytes.truncate(bytes.len() / 2));
    fails(folder, "verify", &words, &["spdx sha256:", "SPDX document"]);
    change(folder, SPDX, &|_, bytes| {
        bytes.pop();
        bytes.extend_from_slice(b",\"name\":\"twice\"}");
    });
    fails(folder, "verify", &words, &["name"]);
    change(folder, SPDX, &|_, bytes| *bytes = b"[]".to_vec());
    fails(folder, "verify", &words, &["it is no SPDX document"]);
    let layer = |value: &mut Value, edit: &dyn Fn(&mut Value)| {
        let all = value["components"].as_array_mut().unwrap();
        edit(
            all.iter_mut()
                .find(|one| one["components"].is_array())
                .unwrap(),
        );
    };
    change_json(folder, CYCLONEDX, &|value| {
        layer(value, &|one| {
            one["components"][0]["hashes"][0]["content"] = hex.into()
        })
    });
    fails(
        folder,
        "verify",
        &words,
        &[
            "the file `usr/bin/app` has the SHA-256",
            "and another in it",
        ],
    );
    change_json(folder, CYCLONEDX, &|value| {
        layer(value, &|one| {
            one["components"][0]["name"] = "usr/bin/other".into()
        })
    });
    fails(
        folder,
        "verify",
        &words,
        &[
            "it names the file `usr/bin/other`",
            "it does not name the file `usr/bin/app`",
        ],
    );
    change_json(folder, CYCLONEDX, &|value| {
        value["metadata"]["component"]["hashes"][0]["content"] = hex.into();
        value["metadata"]["component"]["version"] = "1".into();
    });
    fails(
        folder,
        "verify",
        &words,
        &[&format!("it describes {stranger}")],
    );
    change_json(folder, CYCLONEDX, &|value| value["bomFormat"] = 1.into());
    fails(
        folder,
        "verify",
        &words,
        &["cyclonedx sha256:", "of version"],
    );
    // Provenance: whatever is changed in an envelope is not signed any more.
    change_json(folder, DSSE, &|value| {
        value["payloadType"] = "application/json".into()
    });
    fails(
        folder,
        "verify",
        &words,
        &["its envelope holds `application/json`"],
    );
    change_json(folder, DSSE, &|value| value["signatures"] = json!([]));
    fails(folder, "verify", &words, &["its signature is not good"]);
    change_json(folder, DSSE, &|value| {
        let payload = outside(&value["payload"]);
        let payload = String::from_utf8(payload)
            .unwrap()
            .replace("example.com/builder", "example.com/evil");
        value["payload"] = data_encoding::BASE64.encode(payload.as_bytes()).into();
    });
    fails(
        folder,
        "verify",
        &words,
        &["its signature is not good", "provenance sha256:"],
    );
    // Sealed requests of something else.
    change_json(folder, SEALED, &|value| {
        value["subject"] = stranger.clone().into()
    });
    fails(folder, "verify", &words, &[&format!("it is of {stranger}")]);
    change_json(folder, SEALED, &|value| {
        value["steps"][1]["receipt"]["digest"] = stranger.clone().into()
    });
    fails(
        folder,
        "verify",
        &words,
        &[&format!("its last step made {stranger}")],
    );
    change_json(folder, SEALED, &|value| {
        value["steps"][0]["request"]["origin"] = "//evil:app".into()
    });
    fails(
        folder,
        "verify",
        &words,
        &["it names other requests than the sealed ones"],
    );
}

fn outside(text: &Value) -> Vec<u8> {
    data_encoding::BASE64
        .decode(text.as_str().unwrap().as_bytes())
        .unwrap()
}

/// Documents that others sign by our payloads, and provenance that says what is not so, signed by the right key.
#[test]
fn statements_that_are_signed_and_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    keys(folder);
    image(
        folder,
        &Value::Null,
        &json!(["sealed", {"provenance": {"builder": "https://example.com/builder"}}]),
    );
    let words = ["attested", "image", "--attached", "changed"];
    const IN_TOTO: &str = "application/vnd.in-toto+json";
    let stranger = e2e::blob::digest(b"another");
    let hex = &stranger[7..];
    for (edit, part) in [
        (
            &(|value: &mut Value| value["subject"][0]["digest"]["sha256"] = hex.into())
                as &dyn Fn(&mut Value),
            format!("it is of {stranger}"),
        ),
        (
            &|value| value["subject"] = json!([]),
            "it is of nothing".into(),
        ),
        (
            &|value| value["_type"] = "https://example.com".into(),
            "its `_type` is `https://example.com`".into(),
        ),
        (
            &|value| value["predicate"]["runDetails"]["builder"] = json!({}),
            "it names no builder".into(),
        ),
        (
            &|value| value["predicate"]["buildDefinition"]["resolvedDependencies"] = json!([]),
            "it does not name the base sha256:".into(),
        ),
        (
            &|value| {
                value["predicate"]["buildDefinition"]["externalParameters"]["steps"][0]["request"]
                    ["origin"] = "x".into()
            },
            "the request of step 1 has the SHA-256".into(),
        ),
        (
            &|value| {
                value["predicate"]["runDetails"]["byproducts"][0]["digest"]["sha256"] = hex.into()
            },
            "it names other receipts than the sealed ones".into(),
        ),
    ] {
        change_json(folder, IN_TOTO, edit);
        fails(folder, "verify", &words, &[&part]);
    }
    // With a key, provenance that nobody signed is none.
    let words = [
        "attested",
        "image",
        "--attached",
        "attested",
        "--key",
        "key.pub.pem",
        "--require",
        "provenance",
    ];
    fails(
        folder,
        "verify",
        &words,
        &["there is no signature", "no provenance is good for the key"],
    );
}

#[test]
fn a_program_that_signs() {
    let check = "a program signs, and openssl takes our signatures";
    if !outsiders::can(check, &["openssl", "jq"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    keys(folder);
    let program = |name: &str, script: &str| {
        let path = folder.join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        json!({"program": {"command": [path, "key.pem"], "public_key": "key.pub.pem"}})
    };
    // As docs/requests/attest.md has it.
    let signer = program(
        "sign",
        "jq -r .message | base64 -d | openssl dgst -sha256 -sign \"$1\" | base64 -w0",
    );
    let digest = image(folder, &signer, &everything());
    well(
        folder,
        "verify",
        &[
            "attested",
            "image",
            "--attached",
            "attested",
            "--key",
            "key.pub.pem",
            "--require",
            "provenance",
        ],
    );
    // The other way round: openssl checks what the key in the file signed.
    attest(folder, "image", "by_key", &key(), &json!(["signature"]));
    let index = parse(&fs::read(folder.join("by_key/index.json")).unwrap());
    let listed = &index["manifests"][0];
    let tag = format!("{}.sig", digest.replace(':', "-"));
    assert_eq!(
        listed["annotations"]["org.opencontainers.image.ref.name"],
        tag
    );
    let manifest = parse(
        &fs::read(blob(
            &folder.join("by_key"),
            listed["digest"].as_str().unwrap(),
        ))
        .unwrap(),
    );
    let layer = &manifest["layers"][0];
    fs::copy(
        blob(&folder.join("by_key"), layer["digest"].as_str().unwrap()),
        folder.join("payload"),
    )
    .unwrap();
    fs::write(
        folder.join("signature"),
        outside(&layer["annotations"]["dev.cosignproject.cosign/signature"]),
    )
    .unwrap();
    let openssl = |payload: &str| {
        let words = [
            "dgst",
            "-sha256",
            "-verify",
            "key.pub.pem",
            "-signature",
            "signature",
            payload,
        ];
        let output = Command::new("openssl")
            .args(words)
            .current_dir(folder)
            .output()
            .unwrap();
        output.status.success()
    };
    assert!(openssl("payload"));
    fs::write(folder.join("changed-payload"), "something else").unwrap();
    assert!(!openssl("changed-payload"));
    // Programs that do not.
    for (script, part) in [
        ("exit 3", "has not signed: exit status: 3"),
        ("echo no signature", "it wrote `no signature`"),
        ("true", "it wrote ``"),
        (
            "echo AAAA",
            "the signature is not base64 of an ECDSA signature",
        ),
    ] {
        let sign = program("bad", script);
        let mut request = parse(&fs::read(folder.join("attest.json")).unwrap());
        request["sign"] = sign;
        write(folder, "bad.json", &request);
        fails(folder, "attest", &["bad.json", "--out", "bad-out"], &[part]);
    }
    let mut request = parse(&fs::read(folder.join("attest.json")).unwrap());
    for (sign, part) in [
        (Value::Null, "`signature` needs `sign`"),
        (
            json!({"program": {"command": []}}),
            "its `command` is empty",
        ),
        (
            json!({"program": {"command": ["/nowhere"]}}),
            "it can't be run",
        ),
        (
            json!({"key": "key.pub.pem"}),
            "it is not a private key of P-256",
        ),
    ] {
        request["sign"] = sign;
        write(folder, "bad.json", &request);
        fails(folder, "attest", &["bad.json", "--out", "bad-out"], &[part]);
    }
}
