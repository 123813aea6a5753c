//! The command line of `layer`: where the request comes from, where outputs go, and what happens to
//! them when something is in the way. What is common to all programs is shown on this one.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use e2e::{outsiders, programs, tree};

const REQUEST: &str = r#"{"kind": "layer", "version": 1, "origin": "//e2e:line", "codec": "none",
    "entries": [{"file": {"path": "f", "source": "f"}}]}"#;

/// A folder with a request and its input.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("request.json"), REQUEST).unwrap();
    fs::write(folder.path().join("f"), "f\n").unwrap();
    folder
}

fn layer(folder: &Path, arguments: &[&str], environment: &[(&str, &Path)]) -> Output {
    Command::new(programs::path("layer"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// The run ended with this code and these words, and the folder is as it was.
fn refused(folder: &Path, arguments: &[&str], code: i32, words: &[&str]) {
    let before = tree::read(folder);
    let output = layer(folder, arguments, &[]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "`{word}` is not in:\n{said}");
    }
    assert!(output.stdout.is_empty());
    assert!(tree::read(folder) == before, "files came, went or changed");
}

/// What the plain run writes.
fn plain() -> Vec<u8> {
    let folder = folder();
    let output = layer(folder.path(), &["request.json", "--out", "out"], &[]);
    assert!(output.status.success() && output.stderr.is_empty() && output.stdout.is_empty());
    fs::read(folder.path().join("out")).unwrap()
}

#[test]
fn a_request_from_standard_input() {
    let folder = folder();
    let mut child = Command::new(programs::path("layer"))
        .args(["-", "--out", "out"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(REQUEST.as_bytes())
        .unwrap();
    assert!(child.wait().unwrap().success());
    assert!(fs::read(folder.path().join("out")).unwrap() == plain());
}

#[test]
fn a_request_from_structured_attributes() {
    let attributes = |folder: &Path| {
        let outputs = r#"{"out": "made", "receipt": "made.receipt", "listing": "made.listing"}"#;
        let other = r#""name": "x", "system": "x86_64-linux", "builder": "/layer""#;
        let text = format!(r#"{{"request": {REQUEST}, "outputs": {outputs}, {other}}}"#);
        let path = folder.join("attributes");
        fs::write(&path, text).unwrap();
        path
    };
    // By the variable, and by the file of old.
    for old in [false, true] {
        let folder = folder();
        let path = attributes(folder.path());
        let variable = [("NIX_ATTRS_JSON_FILE", path.as_path())];
        let environment = if old {
            fs::rename(&path, folder.path().join(".attrs.json")).unwrap();
            &[][..]
        } else {
            &variable
        };
        let output = layer(folder.path(), &["--nix"], environment);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(fs::read(folder.path().join("made")).unwrap() == plain());
        for name in ["made.receipt", "made.listing"] {
            assert!(folder.path().join(name).is_file(), "{name}");
        }
    }
}

#[test]
fn a_wrong_command_line() {
    let folder = folder();
    let folder = folder.path();
    refused(folder, &[], 2, &["layer: no request", "hint: "]);
    refused(
        folder,
        &["request.json"],
        2,
        &["layer: no `--out`", "--plan"],
    );
    refused(
        folder,
        &["request.json", "--nix", "--out", "o"],
        2,
        &["takes no REQUEST"],
    );
    refused(
        folder,
        &["--nix", "--out", "o"],
        2,
        &["no structured attributes", "__structuredAttrs"],
    );
    refused(
        folder,
        &["request.json", "--out", "o", "--level", "9"],
        2,
        &["layer: ", "--level"],
    );
    refused(
        folder,
        &["nothing.json", "--out", "o"],
        1,
        &["cannot open `nothing.json`"],
    );
    refused(
        folder,
        &[".", "--out", "o"],
        1,
        &["is a directory, not a file"],
    );
}

#[test]
fn help_and_version() {
    let folder = folder();
    for (argument, word) in [
        ("--help", "--listing"),
        ("--version", env!("CARGO_PKG_VERSION")),
    ] {
        let output = layer(folder.path(), &[argument], &[]);
        assert!(output.status.success());
        assert!(String::from_utf8(output.stdout).unwrap().contains(word));
    }
}

/// For Bazel's `unused_inputs_list`: names that are looked at no further, and that a list of lines can hold.
#[test]
fn what_is_not_used_is_listed() {
    let folder = folder();
    let request = r#"{"kind": "layer", "version": 1, "origin": "//e2e:unused", "entries": [],
        "unused": ["not/there", "with space", "two\nlines", {"base64": "/w=="}]}"#;
    fs::write(folder.path().join("unused.json"), request).unwrap();
    let words = ["unused.json", "--out", "out", "--unused", "unused"];
    let output = layer(folder.path(), &words, &[]);
    assert!(output.status.success(), "{output:?}");
    let listed = fs::read(folder.path().join("unused")).unwrap();
    assert_eq!(listed, b"not/there\nwith space\n\xff\n");
}

#[test]
fn outputs_in_the_way() {
    let folder = folder();
    let folder = folder.path();
    let all = [
        "request.json",
        "--out",
        "out",
        "--receipt",
        "receipt",
        "--listing",
        "listing",
        "--unused",
        "unused",
    ];
    for name in ["out", "receipt", "listing", "unused"] {
        fs::write(folder.join(name), "mine").unwrap();
        refused(
            folder,
            &all,
            1,
            &[&format!("the output `{name}` exists"), "never overwritten"],
        );
        fs::remove_file(folder.join(name)).unwrap();
    }
    // Two outputs of one name: neither is left.
    let same = ["request.json", "--out", "o", "--receipt", "o"];
    refused(folder, &same, 1, &["the output `o` exists"]);
    fs::create_dir(folder.join("o")).unwrap();
    refused(
        folder,
        &["request.json", "--out", "o"],
        1,
        &["the output `o` exists"],
    );
    refused(
        folder,
        &["request.json", "--out", "no/where"],
        3,
        &["cannot create `no/where`"],
    );
    refused(
        folder,
        &["request.json", "--out", "f/o"],
        3,
        &["cannot create `f/o`"],
    );
}

#[test]
fn a_plan_writes_nothing() {
    let folder = folder();
    let before = tree::read(folder.path());
    let arguments = [
        "request.json",
        "--out",
        "out",
        "--receipt",
        "receipt",
        "--plan",
    ];
    let output = layer(folder.path(), &arguments, &[]);
    assert!(output.status.success());
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(plan["entries"][0]["path"], "f");
    assert!(tree::read(folder.path()) == before);
}

#[test]
fn a_file_that_the_system_fails_to_read() {
    // The memory of a process, at 0, is what nobody can read, root included: EIO.
    let folder = folder();
    let request = REQUEST.replace(r#""source": "f""#, r#""source": "/proc/self/mem""#);
    fs::write(folder.path().join("request.json"), request).unwrap();
    let words = [
        "layer: //e2e:line: the input of `f` can't be read",
        "entry: /proc/self/mem",
        "caused by: cannot read `/proc/self/mem`",
        "caused by: Input/output error",
    ];
    refused(folder.path(), &["request.json", "--out", "out"], 3, &words);
}

#[test]
fn a_header_that_no_reader_takes() {
    let folder = folder();
    // The value, its key and the length before them: a mebibyte, and a byte more.
    for (size, fits) in [((1 << 20) - 29, true), ((1 << 20) - 28, false)] {
        let value = "x".repeat(size);
        let xattrs =
            format!(r#""source": "f", "attributes": {{"xattrs": {{"user.a": "{value}"}}}}"#);
        let request = REQUEST.replace(r#""source": "f""#, &xattrs);
        fs::write(folder.path().join("request.json"), request).unwrap();
        let arguments = ["request.json", "--out", "out"];
        if fits {
            let output = layer(folder.path(), &arguments, &[]);
            assert!(output.status.success() && output.stderr.is_empty());
            fs::remove_file(folder.path().join("out")).unwrap();
            continue;
        }
        let words = [
            "layer: //e2e:line: the header of `f` is too large for readers of layers",
            "entry:       f",
            "pax records: 1048577 bytes",
            "at most:     1048576 bytes",
            "hint: names, link targets and extended attributes count; take some of them out",
        ];
        refused(folder.path(), &arguments, 1, &words);
    }
}

#[test]
fn a_file_that_nobody_may_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let mode =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    mode(&folder.path().join("f"), 0o000);
    mode(folder.path(), 0o777);
    let program = programs::path("layer");
    let mut command = if rustix::process::geteuid().is_root() {
        // Root may read all: somebody else has to try, with a copy where he may come.
        if !outsiders::can("a file that nobody may read", &["setpriv"]) {
            return;
        }
        let copy = folder.path().join("layer");
        fs::copy(&program, &copy).unwrap();
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
            .arg(copy);
        command
    } else {
        Command::new(program)
    };
    let output = command
        .args(["request.json", "--out", "out"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("cannot open `f`") && said.contains("Permission denied"),
        "{said}"
    );
    assert!(!folder.path().join("out").exists());
}
