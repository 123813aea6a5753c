//! Pushed, promoted, signed, and made again somewhere else.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use e2e::programs::{start, well};
use e2e::{outsiders, programs, tree};
use serde_json::{Value, json};

use super::{documents, registry, release, write};

/// A program of a folder, with that folder as its root. One that needs a dynamic linker, as a bare `cargo test` builds it,
/// has none there and runs beside it; releases and `cargo xtask test` have static ones.
fn alone(root: &Path, program: &str) -> Command {
    let bytes = fs::read(root.join(program)).unwrap();
    let mut command = match (is_static(&bytes), rustix::process::geteuid().is_root()) {
        (false, _) => Command::new(root.join(program)),
        (true, true) => Command::new("chroot"),
        (true, false) => {
            let mut unshare = Command::new("unshare");
            unshare.args(["--user", "--map-root-user", "chroot"]);
            unshare
        }
    };
    if is_static(&bytes) {
        command.arg(root).arg(format!("/{program}"));
    }
    command
        .current_dir(root)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command
}

/// Whether an ELF file names no dynamic linker: no program header of type 3.
fn is_static(elf: &[u8]) -> bool {
    let number = |at: usize, size: usize| {
        let bytes = elf[at..at + size].iter().rev();
        bytes.fold(0, |number, byte| number << 8 | usize::from(*byte))
    };
    let (table, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    (0..count).all(|at| number(table + at * size, 4) != 3)
}

/// Pushed with what refers to it, promoted to another registry, checked by others, and made again on a root that has
/// our programs and nothing else: the same bytes.
#[test]
fn pushed_promoted_and_made_again() {
    let check = "a release is promoted, and made again from a registry";
    if !outsiders::can(check, &["docker-registry", "oras", "cosign"]) {
        return;
    }
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (here, there) = (here.path(), there.path());
    let digest = release(here);
    fs::create_dir(here.join("staging")).unwrap();
    fs::create_dir(here.join("production")).unwrap();
    let (_staging, first) = registry(&here.join("staging"));
    let (_production, second) = registry(&here.join("production"));
    let access = json!({"hosts": {(first.as_str()): {"plain_http": true}, (second.as_str()): {"plain_http": true}}});
    let staged = format!("{first}/staging/app");
    let push = json!({"kind": "push", "version": 1, "origin": "//app:push", "access": access, "images": [
        {"layout": "image", "attached": ["attested"], "to": [{"repository": staged, "tags": ["1"]}]}]});
    write(here, "push.json", &push);
    well(here, "push", &["push.json"]);
    write(here, "settings.json", &access);
    let (from, to) = (format!("{staged}:1"), format!("{second}/team/app"));
    let (tag, copy) = (format!("{to}:1.0"), format!("{first}/copy:1"));
    let mut words = vec![
        "promote",
        &from,
        "--expect-digest",
        &digest,
        "--settings",
        "settings.json",
    ];
    words.extend(["--to", &tag, &copy, "--receipt", "promoted.json"]);
    well(here, "push", &words);
    let receipt: Value =
        serde_json::from_slice(&fs::read(here.join("promoted.json")).unwrap()).unwrap();
    assert_eq!(receipt["complete"], true);
    for (repository, sent) in [(0, true), (1, false)] {
        let done = &receipt["repositories"][repository];
        assert_eq!(done["referrers"].as_object().unwrap().len(), 5, "{done}");
        // Within one registry everything is mounted.
        assert_eq!(!done["sent"].as_array().unwrap().is_empty(), sent, "{done}");
    }
    let image = format!("{to}@{digest}");
    let listed = outsiders::run(
        here,
        "oras",
        &["discover", "--plain-http", "--format", "json", &image],
    );
    let listed = String::from_utf8(listed).unwrap();
    for kind in ["spdx", "cyclonedx", "sealed", "dsse", "cosign.artifact.sig"] {
        assert!(listed.contains(kind), "{kind}: {listed}");
    }
    // cosign takes the signature and the statement that `attest` made, and `verify` takes the same.
    let cosign = [
        "--key",
        "key.pub.pem",
        "--allow-http-registry",
        "--insecure-ignore-tlog=true",
    ];
    let verify = [&["verify"], &cosign[..], &[&image]].concat();
    let said = String::from_utf8(outsiders::run(here, "cosign", &verify)).unwrap();
    assert!(
        said.contains(&digest) && said.contains("example.com/team/app"),
        "{said}"
    );
    let statement = [
        &["verify-attestation", "--type", "slsaprovenance1"],
        &cosign[..],
        &[&image],
    ]
    .concat();
    let said = String::from_utf8(outsiders::run(here, "cosign", &statement)).unwrap();
    assert!(said.contains("payloadType"), "{said}");
    let words = [
        "attested",
        &image,
        "--key",
        "key.pub.pem",
        "--require",
        "spdx,cyclonedx,provenance,sealed",
        "--settings",
        "settings.json",
    ];
    let said = well(here, "verify", &words);
    assert!(
        said.starts_with(&format!("{digest}: 5 documents refer to it\n")),
        "{said}"
    );

    // Somebody else: a root with the programs, the sources, and nothing besides.
    tree::copy(
        &here.join("sources"),
        &there.join("inputs/sources"),
        tree::Manner::PLAIN,
    );
    write(there, "settings.json", &access);
    fs::create_dir_all(there.join("tools")).unwrap();
    for tool in ["verify", "layer", "assemble"] {
        fs::copy(programs::path(tool), there.join("tools").join(tool)).unwrap();
    }
    let rebuild = |work: &str| {
        let words = [
            "rebuild",
            &image,
            "--inputs",
            "inputs",
            "--tools",
            "tools",
            "--settings",
            "settings.json",
            "--work",
            work,
        ];
        alone(there, "tools/verify").args(words).output().unwrap()
    };
    let output = rebuild("again");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        format!("{digest}: made again in 2 steps, the same bytes\n")
    );
    assert_eq!(
        tree::read(&here.join("image")),
        tree::read(&there.join("again/image"))
    );

    // Another source makes another image, and why is said.
    fs::write(
        there.join("inputs/sources/app"),
        "#!/bin/sh\necho changed\n",
    )
    .unwrap();
    let output = rebuild("changed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(11), "{said}");
    assert!(said.contains("content.text `usr/bin/app`"), "{said}");
    let output = rebuild("changed");
    assert_eq!(
        output.status.code(),
        Some(1),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// With `recursive` each image of an index has a signature, and cosign takes it by its own digest; without, the index alone has one.
#[test]
fn images_of_an_index_are_signed() {
    let check = "cosign takes the signature of an image in an index";
    if !outsiders::can(check, &["docker-registry", "cosign"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let child = release(folder);
    let index = json!({"kind": "assemble", "version": 1, "origin": "//app:index", "make": {"index": {"entries": [{"layout": "image"}]}}, "tags": ["1"]});
    write(folder, "index.json", &index);
    well(
        folder,
        "assemble",
        &[
            "index.json",
            "--out",
            "index",
            "--receipt",
            "index.receipt.json",
        ],
    );
    let receipt: Value =
        serde_json::from_slice(&fs::read(folder.join("index.receipt.json")).unwrap()).unwrap();
    let digest = receipt["digest"].as_str().unwrap();
    let (_running, host) = registry(folder);
    let access = json!({"hosts": {(host.as_str()): {"plain_http": true}}});
    for recursive in [false, true] {
        let attest = json!({"kind": "attest", "version": 1, "origin": "//app:attest", "image": "index.receipt.json", "name": "example.com/team/app",
            "sign": {"key": "key.pem"}, "recursive": recursive, "make": ["signature"]});
        write(folder, "sign.json", &attest);
        let signed = format!("signed-{recursive}");
        well(folder, "attest", &["sign.json", "--out", &signed]);
        let repository = format!("{host}/team/{recursive}");
        let push = json!({"kind": "push", "version": 1, "origin": "//app:push", "access": access, "images": [
            {"layout": "index", "attached": [signed], "to": [{"repository": repository, "tags": ["1"]}]}]});
        write(folder, "push.json", &push);
        well(folder, "push", &["push.json"]);
        for (one, expected) in [(digest, true), (child.as_str(), recursive)] {
            let output = Command::new("cosign")
                .args([
                    "verify",
                    "--key",
                    "key.pub.pem",
                    "--allow-http-registry",
                    "--insecure-ignore-tlog=true",
                ])
                .arg(format!("{repository}@{one}"))
                .current_dir(folder)
                .output()
                .unwrap();
            let said =
                String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            assert_eq!(output.status.success(), expected, "{one}: {said}");
        }
    }
    // The same documents in a layout: both are good, and that of the child is none of the index.
    let words = [
        "attested",
        "index",
        "--attached",
        "signed-true",
        "--key",
        "key.pub.pem",
    ];
    let said = well(folder, "verify", &words);
    assert!(
        said.starts_with(&format!("{digest}: 2 documents refer to it\n")),
        "{said}"
    );
    assert!(
        said.contains(&format!("of {child}, good, by the key sha256:")),
        "{said}"
    );
    let child_only = folder.join("signed-child");
    tree::copy(
        &folder.join("signed-true"),
        &child_only,
        tree::Manner::PLAIN,
    );
    let mut listed: Value =
        serde_json::from_slice(&fs::read(child_only.join("index.json")).unwrap()).unwrap();
    listed["manifests"].as_array_mut().unwrap().remove(0);
    fs::write(child_only.join("index.json"), listed.to_string()).unwrap();
    let output = start(
        folder,
        "verify",
        &[
            "attested",
            "index",
            "--attached",
            "signed-child",
            "--key",
            "key.pub.pem",
        ],
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(1) && said.contains("there is no signature"),
        "{said}"
    );
}

/// Without a registry: from the layout that `attest` wrote; and what is refused.
#[test]
fn made_again_from_a_layout() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let digest = release(folder);
    fs::create_dir(folder.join("inputs")).unwrap();
    tree::copy(
        &folder.join("sources"),
        &folder.join("inputs/sources"),
        tree::Manner::PLAIN,
    );
    let tools = programs::folder().to_str().unwrap().to_owned();
    let rebuild = |sealed: &str, tools: &str, work: &str| {
        start(
            folder,
            "verify",
            &[
                "rebuild", sealed, "--inputs", "inputs", "--tools", tools, "--work", work,
            ],
        )
    };
    // As a flag of the program, too.
    let words = [
        "--rebuild",
        "attested",
        "--inputs",
        "inputs",
        "--tools",
        &tools,
        "--work",
        "flag",
    ];
    assert!(well(folder, "verify", &words).starts_with(&digest));
    let output = rebuild("attested", &tools, "again");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .starts_with(&digest)
    );

    let refused = |output: Output, part: &str| {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(part), "{said}");
    };
    refused(
        rebuild("image", &tools, "w1"),
        "it lists no sealed requests",
    );
    fs::create_dir(folder.join("others")).unwrap();
    for tool in ["layer", "assemble"] {
        fs::write(folder.join("others").join(tool), "another").unwrap();
    }
    refused(
        rebuild("attested", "others", "w2"),
        "is not the program that the image was made by",
    );
    let (_, _, sealed) = documents(folder)
        .into_iter()
        .find(|(kind, _, _)| kind.contains("sealed"))
        .unwrap();
    let mut sealed: Value = serde_json::from_slice(&sealed).unwrap();
    let mut with = |change: &dyn Fn(&mut Value), part: &str| {
        let before = sealed.clone();
        change(&mut sealed);
        write(folder, "sealed.json", &sealed);
        sealed = before;
        refused(
            rebuild("sealed.json", &tools, &format!("w-{}", part.len())),
            part,
        );
    };
    with(
        &|sealed| sealed["steps"][0]["tool"] = "sh".into(),
        "it wants to run `sh`",
    );
    with(
        &|sealed| sealed["steps"][0]["output"] = "../out".into(),
        "is not the name of an output",
    );
    with(&|sealed| sealed["version"] = 2.into(), "of version 2");
    with(&|sealed| sealed["steps"] = json!([]), "it has no steps");
}
