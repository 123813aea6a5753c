//! Other people's tools take what `layer` and `assemble` write: skopeo copies it, crane validates it,
//! umoci unpacks it, podman and docker load it, and runc starts a container from it whose process prints what
//! it should.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    reason = "tests"
)]

use std::fs;
use std::path::{Path, PathBuf};

use e2e::case::Case;
use e2e::docker::{self, Docker};
use e2e::run::{self, Surroundings};
use e2e::{blob, outsiders, programs};
use rayon::prelude::*;
use serde_json::{Value, json};

/// The codecs, as requests name them.
fn codecs() -> [Value; 3] {
    [
        json!("none"),
        json!({ "gzip-v1": {} }),
        json!({ "zstd-v1": {} }),
    ]
}

/// Runs one of our programs on a request in `folder`; its output is called `name`.
fn make(folder: &Path, tool: &str, name: &str, request: &Value, more: &[&str]) {
    fs::write(folder.join("request.json"), request.to_string()).unwrap();
    let receipt = format!("{name}.receipt.json");
    let words = [
        &["request.json", "--out", name, "--receipt", &receipt],
        more,
    ]
    .concat();
    outsiders::run(folder, programs::path(tool).to_str().unwrap(), &words);
}

/// Makes an image `image` in `folder`: busybox and our own program in one layer, files in another.
fn image(folder: &Path, codec: &Value, form: &str) -> PathBuf {
    let busybox = outsiders::find("busybox").unwrap();
    let inputs = folder.join("inputs");
    fs::create_dir_all(&inputs).unwrap();
    fs::write(inputs.join("greeting"), "hello").unwrap();
    let programs = json!([
        { "file": { "path": "bin/busybox", "source": busybox } },
        { "file": { "path": "bin/layer", "source": programs::path("layer") } },
        { "symlink": { "path": "bin/sh", "target": "busybox" } },
        { "symlink": { "path": "bin/cat", "target": "/bin/busybox" } },
    ]);
    let data = json!([
        { "tree": { "path": "srv", "source": "inputs" } },
        { "directory": { "path": "home/user", "attributes": { "uid": 1000, "gid": 1000, "mode": "0700" } } },
        { "file": { "path": "home/user/name", "text": "image", "attributes": { "uid": 1000, "mode": "0400" } } },
        { "hardlink": { "path": "home/user/again", "target": "home/user/name" } },
    ]);
    for (name, entries) in [("programs", programs), ("data", data)] {
        let request = json!({
            "kind": "layer", "version": 1, "origin": format!("//e2e:{name}"), "codec": codec,
            "entries": entries,
        });
        make(
            folder,
            "layer",
            name,
            &request,
            &["--listing", &format!("{name}.ndjson")],
        );
    }
    let layer = |name: &str| {
        json!({
            "receipt": format!("{name}.receipt.json"), "blob": name, "listing": format!("{name}.ndjson"),
        })
    };
    let script =
        "echo \"$(cat /srv/greeting) $(cat again) as $(id -u) in $(pwd) with $G\"; layer --version";
    let request = json!({
        "kind": "assemble", "version": 1, "origin": "//e2e:image",
        "make": { "image": {
            "platform": "linux/amd64",
            "layers": [layer("programs"), layer("data")],
            "config": {
                "entrypoint": { "replace": ["/bin/sh", "-c"] },
                "cmd": { "replace": [script] },
                "env": { "replace": [
                    { "name": "PATH", "value": "/bin" }, { "name": "G", "value": "a value" },
                ] },
                "working_dir": { "replace": "/home/user" },
                "user": { "replace": "1000:1000" },
            },
        } },
        "tags": ["localhost/e2e:latest"],
        "output": { "form": form },
    });
    make(folder, "assemble", "image", &request, &[]);
    folder.join("image")
}

/// The name of the only image in a layout, as others find it.
fn name(layout: &Path) -> String {
    let index: Value =
        serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
    let annotations = &index["manifests"][0]["annotations"];
    annotations["org.opencontainers.image.ref.name"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Our gzip has many members, and the tests below are about that: seen, not assumed.
fn members(gzip: &[u8]) -> usize {
    let (mut rest, mut count) = (gzip, 0);
    while !rest.is_empty() {
        let mut decoder = flate2::bufread::GzDecoder::new(rest);
        std::io::copy(&mut decoder, &mut std::io::sink()).unwrap();
        rest = decoder.into_inner();
        count += 1;
    }
    count
}

#[test]
fn runc_runs_the_image() {
    let tools = ["umoci", "runc", "busybox"];
    if !outsiders::can(
        "a container runs, unpacked by umoci and started by runc",
        &tools,
    ) {
        return;
    }
    let version = outsiders::run(
        Path::new("/"),
        programs::path("layer").to_str().unwrap(),
        &["--version"],
    );
    let version = String::from_utf8(version).unwrap();
    for codec in codecs() {
        let folder = tempfile::tempdir().unwrap();
        let layout = image(folder.path(), &codec, "layout");
        if codec["gzip-v1"].is_object() {
            let members = members(&fs::read(folder.path().join("programs")).unwrap());
            assert!(members > 1, "one member says nothing about many");
        }
        let source = format!("image:{}", name(&layout));
        outsiders::run(
            folder.path(),
            "umoci",
            &["unpack", "--image", &source, "bundle"],
        );
        let bundle = folder.path().join("bundle");
        outsiders::without_cgroups(&bundle.join("config.json"));
        let container = format!("e2e-{}", std::process::id());
        let words = ["--root", "state", "run", "--bundle", "bundle", &container];
        let said = outsiders::run(folder.path(), "runc", &words);
        let said = String::from_utf8(said).unwrap();
        let want = format!("hello image as 1000 in /home/user with a value\n{version}");
        assert_eq!(said, want, "{codec}");
    }
}

#[test]
fn skopeo_copies_the_layout() {
    if !outsiders::can("skopeo copies a layout", &["skopeo", "busybox"]) {
        return;
    }
    for codec in codecs() {
        let folder = tempfile::tempdir().unwrap();
        let layout = image(folder.path(), &codec, "layout");
        let source = format!("oci:image:{}", name(&layout));
        outsiders::run(
            folder.path(),
            "skopeo",
            &["copy", "--quiet", &source, "dir:copy"],
        );
        // In a `dir:` each blob's file is called by its digest: every one is there, byte for byte.
        let read = |path: PathBuf| fs::read(path).unwrap();
        let manifest = read(folder.path().join("copy/manifest.json"));
        let ours = layout
            .join("blobs")
            .join(blob::digest(&manifest).replace(':', "/"));
        assert_eq!(read(ours), manifest, "{codec}: skopeo has another manifest");
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        for layer in manifest["layers"].as_array().unwrap() {
            let digest = layer["digest"].as_str().unwrap();
            let theirs = read(folder.path().join("copy").join(&digest["sha256:".len()..]));
            assert_eq!(blob::digest(&theirs), digest, "{codec}");
        }
    }
}

/// Every image and index that the cases of `assemble` make, as layout or archive, is copied whole by
/// skopeo, or else by oras: they follow every descriptor and compute every digest anew.
#[test]
fn every_case_is_copied() {
    let tools = ["skopeo", "oras", "tar"];
    if !outsiders::can(
        "skopeo and oras copy what every case of assemble makes",
        &tools,
    ) {
        return;
    }
    let cases = Case::all("assemble")
        .into_iter()
        .filter(|case| !case.fails());
    let seen: Vec<(String, Result<usize, String>)> = cases
        .collect::<Vec<_>>()
        .par_iter()
        .map(|case| (case.name.clone(), copy_all(case)))
        .collect();
    let wrong: Vec<String> = seen
        .iter()
        .filter_map(|(name, done)| Some(format!("{name}: {}", done.as_ref().err()?)))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} cases:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    let copied: usize = seen.iter().filter_map(|(_, done)| done.as_ref().ok()).sum();
    assert!(copied > 30, "only {copied} images were copied");
}

/// Copies each manifest that the index of a case's output names; returns how many there were.
fn copy_all(case: &Case) -> Result<usize, String> {
    let folder = tempfile::tempdir().unwrap();
    case.lay_out(folder.path());
    run::run(
        programs::folder(),
        case,
        folder.path(),
        &Surroundings::plain(),
    );
    let request = fs::read_to_string(case.golden("request.json")).unwrap();
    let copy = |program: &str, words: &[&str]| {
        let mut command = std::process::Command::new(program);
        let output = command
            .args(words)
            .current_dir(folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            Ok(())
        } else {
            Err(format!("{program} {words:?}: {said}"))
        }
    };
    if request.contains("\"docker_archive\"") {
        copy(
            "skopeo",
            &["copy", "--quiet", "docker-archive:out", "dir:copy"],
        )?;
        return Ok(1);
    }
    let mut layout = folder.path().join("out");
    if request.contains("\"oci_archive\"") {
        layout = folder.path().join("unpacked");
        fs::create_dir(&layout).unwrap();
        copy(
            "tar",
            &["--extract", "--file", "out", "--directory", "unpacked"],
        )?;
    }
    if !layout.join("index.json").exists() || layout.join("sparse.json").exists() {
        // Neither a sparse layout nor bare documents have blobs to copy.
        return Ok(0);
    }
    let index = fs::read(layout.join("index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    let manifests = index["manifests"].as_array().unwrap();
    let layout = layout.file_name().unwrap().to_str().unwrap();
    // Skopeo knows neither an index in an index nor SHA-512 in what it writes. Oras knows both.
    let beyond_skopeo = [
        "index_nested",
        "copy_of_an_index",
        "index_with_something_unknown",
        "base_by_sha512",
    ];
    for (number, manifest) in manifests.iter().enumerate() {
        if beyond_skopeo.iter().any(|name| case.name.ends_with(name)) {
            let from = format!("{layout}@{}", manifest["digest"].as_str().unwrap());
            let to = format!("copy:{number}");
            copy(
                "oras",
                &["cp", "--from-oci-layout", &from, "--to-oci-layout", &to],
            )?;
        } else {
            let (from, to) = (format!("oci:{layout}:@{number}"), format!("dir:{number}"));
            copy("skopeo", &["copy", "--all", "--quiet", &from, &to])?;
        }
    }
    Ok(manifests.len())
}

#[test]
fn crane_validates_the_archive() {
    if !outsiders::can("crane validates a docker-archive", &["crane", "busybox"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    image(folder.path(), &json!({ "gzip-v1": {} }), "docker_archive");
    // It reads every layer, and computes its digest, diff_id and size anew.
    outsiders::run(folder.path(), "crane", &["validate", "--tarball", "image"]);
}

#[test]
fn podman_loads_the_archives() {
    if !outsiders::can(
        "podman loads an OCI archive and a docker-archive",
        &["podman", "busybox"],
    ) {
        return;
    }
    for (form, codec) in [
        ("docker_archive", json!({ "gzip-v1": {} })),
        ("docker_archive", json!("none")),
        ("oci_archive", json!({ "gzip-v1": {} })),
        ("oci_archive", json!({ "zstd-v1": {} })),
    ] {
        let folder = tempfile::tempdir().unwrap();
        image(folder.path(), &codec, form);
        let conf = "[engine]\nlock_type = \"file\"\n";
        fs::write(folder.path().join("containers.conf"), conf).unwrap();
        let podman = |words: &[&str]| {
            let store = [
                "--root",
                "store/root",
                "--runroot",
                "store/run",
                "--storage-driver",
                "vfs",
            ];
            let quiet = ["--cgroup-manager", "cgroupfs", "--events-backend", "file"];
            // Its locks would be in memory shared by the whole machine, and stay there.
            let locks = format!(
                "CONTAINERS_CONF={}",
                folder.path().join("containers.conf").display()
            );
            let env = [&locks, "PODMAN_IGNORE_CGROUPSV1_WARNING=1", "podman"];
            let words = [&env[..], &store, &quiet, words].concat();
            String::from_utf8(outsiders::run(folder.path(), "env", &words)).unwrap()
        };
        let said = podman(&["load", "--quiet", "--input", "image"]);
        assert!(said.contains("localhost/e2e:latest"), "{form}: {said}");
        let format = "{{.Id}} {{.Config.User}} {{.Config.WorkingDir}}";
        let said = podman(&[
            "image",
            "inspect",
            "--format",
            format,
            "localhost/e2e:latest",
        ]);
        let receipt = fs::read_to_string(folder.path().join("image.receipt.json")).unwrap();
        let (id, rest) = said.trim().split_once(' ').unwrap();
        assert!(
            receipt.contains(&format!("sha256:{id}")),
            "{form}: the id is not the config's digest"
        );
        assert_eq!(rest, "1000:1000 /home/user", "{form}");
    }
}

/// An engine with the store that it has had for long takes docker-archives; one with containerd's store
/// takes OCI archives too, and calls images by the digest of their manifest.
#[test]
fn docker_loads_the_archives() {
    if !outsiders::can(
        "docker loads archives",
        &[&docker::TOOLS[..], &["busybox"]].concat(),
    ) {
        return;
    }
    for (options, forms) in [
        (&[][..], &["docker_archive"][..]),
        (
            &["--feature", "containerd-snapshotter"],
            &["docker_archive", "oci_archive"],
        ),
    ] {
        let place = tempfile::tempdir().unwrap();
        let engine = Docker::start(place.path(), options);
        for (form, codec) in forms
            .iter()
            .flat_map(|form| codecs().map(|codec| (form, codec)))
        {
            let folder = tempfile::tempdir().unwrap();
            let archive = image(folder.path(), &codec, form);
            let said = engine.run(&["load", "--input", archive.to_str().unwrap()]);
            assert!(said.contains("localhost/e2e:latest"), "{form}: {said}");
            let format = "{{.Id}} {{.Config.User}} {{.Config.WorkingDir}}";
            let said = engine.run(&[
                "image",
                "inspect",
                "--format",
                format,
                "localhost/e2e:latest",
            ]);
            let receipt = fs::read_to_string(folder.path().join("image.receipt.json")).unwrap();
            let (id, rest) = said.trim().split_once(' ').unwrap();
            let of = if options.is_empty() {
                "config"
            } else {
                "manifest"
            };
            assert!(
                receipt.contains(id),
                "{form}: the id is not the {of}'s digest"
            );
            assert_eq!(rest, "1000:1000 /home/user", "{form}");
            if options.is_empty() {
                // It has unpacked the layers, and checked them by their diff_ids.
                let container = engine.run(&["create", "localhost/e2e:latest"]);
                let from = format!("{}:/home/user/again", container.trim());
                let to = folder.path().join("again");
                engine.run(&["cp", &from, to.to_str().unwrap()]);
                assert_eq!(fs::read_to_string(to).unwrap(), "image", "{codec}");
                engine.run(&["rm", container.trim()]);
            }
            // What it saves is sound, from either store.
            let saved = folder.path().join("saved.tar");
            let saved = saved.to_str().unwrap();
            engine.run(&["save", "--output", saved, "localhost/e2e:latest"]);
            let said = programs::well(folder.path(), "verify", &["image", saved]);
            assert!(said.contains(": sound: 1 manifest, "), "{said}");
            engine.run(&["image", "rm", "localhost/e2e:latest"]);
        }
    }
}
