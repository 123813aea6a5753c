//! Programs that have the key, and openssl on the other side.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use e2e::outsiders;
use e2e::programs::well;
use serde_json::{Value, json};

use super::{asked, attest, blob, everything, fails, image, key, keys, outside, parse, write};

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
    well(folder, "verify", &asked("provenance"));
    // It may leave something running that holds its output open, as an agent does.
    let agent = program(
        "agent",
        "sleep 100 2>/dev/null &\njq -r .message | base64 -d | openssl dgst -sha256 -sign \"$1\" | base64 -w0",
    );
    let begin = std::time::Instant::now();
    attest(folder, "image", "by_agent", &agent, &json!(["signature"]));
    assert!(begin.elapsed().as_secs() < 60, "{:?}", begin.elapsed());
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
