//! What must not be believed: every document changed in every way.

use std::fs;

use e2e::programs::well;
use serde_json::{Value, json};

use super::{
    CYCLONEDX, DSSE, SEALED, SIGNATURE, SPDX, asked, blob, change, change_json, digest, everything,
    fails, image, key, keys, outside, parse,
};

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
    let words = asked("provenance");
    fails(
        folder,
        "verify",
        &words,
        &["there is no signature", "no provenance is good for the key"],
    );
}
