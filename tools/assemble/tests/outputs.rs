//! The command line: where outputs go, and that a failed run leaves none of them.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that looks at what the program has written"
)]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const REQUEST: &str = r#"{"kind":"assemble","version":1,"origin":"//app:image",
    "make":{"image":{"platform":"linux/amd64"}}}"#;

/// The digest of the image that the request makes.
const DIGEST: &str = "sha256:58129030911144d496ef5406b995b751ee26e4533e170a2109e752a0db030be3";

fn assemble(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_assemble"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("NIX_ATTRS_JSON_FILE", folder.join("attributes.json"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A run that fails early may not read it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn all_outputs_from_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "-",
        "--out",
        "out",
        "--receipt",
        "receipt",
        "--digest",
        "digest",
    ];
    let output = assemble(folder.path(), &arguments, REQUEST);
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout.is_empty() && output.stderr.is_empty());
    assert_eq!(names(folder.path()), ["digest", "out", "receipt"]);
    assert_eq!(
        fs::read_to_string(folder.path().join("digest")).unwrap(),
        DIGEST
    );
    let receipt = fs::read(folder.path().join("receipt")).unwrap();
    let receipt = oci::receipt::ImageReceipt::read(&receipt).unwrap();
    assert_eq!(receipt.digest.to_string(), DIGEST);
}

#[test]
fn outputs_of_nix() {
    let folder = tempfile::tempdir().unwrap();
    let attributes = format!(
        r#"{{"request":{REQUEST},"outputs":{{"out":"o","receipt":"r","digest":"d"}},"name":"x"}}"#
    );
    fs::write(folder.path().join("attributes.json"), attributes).unwrap();
    let output = assemble(folder.path(), &["--nix"], "");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(names(folder.path()), ["attributes.json", "d", "o", "r"]);
    assert_eq!(fs::read_to_string(folder.path().join("d")).unwrap(), DIGEST);
}

/// A layout of links: its documents lie elsewhere, and go with it where it cannot be.
#[test]
fn documents_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let request = REQUEST.trim_end().strip_suffix('}').unwrap();
    let request = format!(r#"{request},"output":{{"transfer":"symlink"}}}}"#);
    let whole = assemble(folder.path(), &["-", "--out", "whole"], REQUEST);
    assert!(whole.status.success(), "{whole:?}");
    let words = ["-", "--out", "out", "--documents", "documents"];
    let output = assemble(folder.path(), &words, &request);
    assert!(output.status.success(), "{output:?}");
    let blobs = at("whole/blobs/sha256");
    assert!(names(&blobs).len() >= 2);
    for name in names(&blobs) {
        let link = at("out/blobs/sha256").join(&name);
        let target = fs::read_link(&link).unwrap();
        assert!(
            target.ends_with(format!("documents/blobs/sha256/{name}")),
            "{target:?}"
        );
        assert_eq!(fs::read(link).unwrap(), fs::read(blobs.join(name)).unwrap());
    }
    let words = ["-", "--out", "whole", "--documents", "more"];
    let output = assemble(folder.path(), &words, &request);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(!at("more").exists());
}

#[test]
fn a_plan_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let output = assemble(folder.path(), &["-", "--plan"], REQUEST);
    assert!(output.status.success(), "{output:?}");
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(plan["digest"], DIGEST);
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[test]
fn where_one_output_cannot_be_all_are_missing() {
    let folder = tempfile::tempdir().unwrap();
    for taken in ["out", "receipt", "digest"] {
        fs::write(folder.path().join(taken), "mine").unwrap();
        let arguments = [
            "-",
            "--out",
            "out",
            "--receipt",
            "receipt",
            "--digest",
            "digest",
        ];
        let output = assemble(folder.path(), &arguments, REQUEST);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(
            message.contains(&format!("the output `{taken}` exists")),
            "{message}"
        );
        assert_eq!(names(folder.path()), [taken]);
        assert_eq!(
            fs::read_to_string(folder.path().join(taken)).unwrap(),
            "mine"
        );
        fs::remove_file(folder.path().join(taken)).unwrap();
    }
}

#[test]
fn a_directory_that_bazel_has_made() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("out")).unwrap();
    let output = assemble(folder.path(), &["-", "--out", "out"], REQUEST);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        names(&folder.path().join("out")),
        ["blobs", "index.json", "oci-layout"]
    );
}
