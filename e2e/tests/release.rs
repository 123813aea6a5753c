//! A release as its users check it: documents that other people's validators take, pushed to a real registry
//! beside their image, and the image made again from them on a second root.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use e2e::tree;
use e2e::{
    outsiders,
    programs::{self, start, well},
};
use serde_json::{Value, json};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A `docker-registry` on a free port.
fn registry(folder: &Path) -> (Running, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let config = folder.join("registry.yml");
    let text = format!(
        "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
         storage: {{filesystem: {{rootdirectory: {}/store}}}}\nhttp:\n  addr: 127.0.0.1:{port}\n",
        folder.display()
    );
    fs::write(&config, text).unwrap();
    let child = Command::new("docker-registry")
        .arg("serve")
        .arg(&config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let running = Running(child);
    for _ in 0..400 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return (running, format!("127.0.0.1:{port}"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("nobody listens at port {port}");
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

/// Reads the documents by other people's code, and checks them against the published schemas.
const VALIDATE: &str = r#"
import json, sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
text = open("cyclonedx.json").read()
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
assert error is None, error
broken = json.loads(text); broken["components"][0]["type"] = "nothing"
assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(broken)) is not None
from cyclonedx.model.bom import Bom
bom = Bom.from_json(json.loads(text))
names = {component.name for component in bom.components}
assert {"zlib", "busybox", "//app:rootfs", "//app:app"} <= names, names
assert bom.metadata.component.name == "example.com/team/app"

from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
document = parse_file("spdx.spdx.json")
messages = validate_full_spdx_document(document)
assert not messages, messages
names = {package.name for package in document.packages}
assert {"zlib", "busybox", "//app:rootfs", "//app:app", "example.com/team/app"} <= names, names
assert document.creation_info.spdx_version == "SPDX-2.3"

import base64
envelope = json.load(open("envelope.json"))
assert envelope["payloadType"] == "application/vnd.in-toto+json"
statement = json.loads(base64.b64decode(envelope["payload"]))
assert statement["_type"] == "https://in-toto.io/Statement/v1"
assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
assert "sha256:" + statement["subject"][0]["digest"]["sha256"] == sys.argv[1]
definition = statement["predicate"]["buildDefinition"]
assert definition["buildType"] and definition["externalParameters"]["steps"]
assert statement["predicate"]["runDetails"]["builder"]["id"] == "https://example.com/builder"
for dependency in definition["resolvedDependencies"]:
    assert dependency["uri"] and dependency["digest"], dependency
"#;

#[test]
fn other_peoples_validators_take_the_documents() {
    let check = "SBOM and provenance are valid";
    let ready = outsiders::can(check, &["python3"])
        && (Command::new("python3")
            .args(["-c", "import cyclonedx, spdx_tools"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
            || outsiders::without(check, "python3-cyclonedx-lib, python3-spdx-tools"));
    if !ready {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let digest = release(folder);
    for (kind, _, bytes) in documents(folder) {
        let name = match kind.as_str() {
            "application/spdx+json" => "spdx.spdx.json",
            "application/vnd.cyclonedx+json" => "cyclonedx.json",
            "application/vnd.dsse.envelope.v1+json" => "envelope.json",
            _ => continue,
        };
        fs::write(folder.join(name), bytes).unwrap();
    }
    outsiders::run(folder, "python3", &["-c", VALIDATE, &digest]);
}

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

/// The lines of docs/releasing.md, as they stand.
#[test]
fn check_a_release_yourself() {
    if !outsiders::can("the lines of docs/releasing.md", &["docker-registry"]) {
        return;
    }
    let text = fs::read_to_string(programs::workspace().join("docs/releasing.md")).unwrap();
    let lines = text
        .split("```sh\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let digest = release(folder);
    let (_running, host) = registry(folder);
    let repository = format!("{host}/team/app");
    let access = json!({"hosts": {(host.as_str()): {"plain_http": true}}});
    let images =
        json!([{"layout": "image", "attached": ["attested"], "to": [{"repository": repository}]}]);
    let push = json!({"kind": "push", "version": 1, "origin": "//app:push", "access": access, "images": images});
    write(folder, "push.json", &push);
    well(folder, "push", &["push.json"]);
    write(folder, "settings.json", &access);
    tree::copy(
        &folder.join("sources"),
        &folder.join("checkout/sources"),
        tree::Manner::PLAIN,
    );
    let path = std::env::join_paths([programs::folder(), Path::new("/usr/bin"), Path::new("/bin")])
        .unwrap();
    let output = Command::new("/bin/sh")
        .args(["-euc", lines])
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder)
        .env("IMAGE", format!("{repository}@{digest}"))
        .env("SOURCES", "checkout")
        .env("TOOLS", programs::folder())
        .env("KEY", "key.pub.pem")
        .env("SETTINGS", "--settings settings.json")
        .output()
        .unwrap();
    let (said, error) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success() && error.is_empty(), "{said}{error}");
    for part in [
        "sound: 1 manifest, 1 layer, ",
        "5 documents refer to it",
        "good, by the key sha256:",
        "made again in 2 steps, the same bytes",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
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
