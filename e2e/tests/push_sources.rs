//! From layer requests to a registry and to a container engine with nothing on disk in between: `layer`
//! makes its layers again while `push` sends them, and podman and docker read an archive as it is written.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use std::fs;
use std::path::Path;

use e2e::docker::{self, Docker};
use e2e::{
    blob, outsiders,
    programs::{self, start, well},
};
use serde_json::{Value, json};

fn write(folder: &Path, name: &str, value: &Value) {
    fs::write(folder.join(name), value.to_string()).unwrap();
}

/// Two layers of each codec that are kept as receipts only, and a sparse image of them; its digest.
fn image(folder: &Path) -> String {
    let noise: Vec<u8> = (0..400_000u32)
        .flat_map(|n| n.wrapping_mul(0x9E37_79B1).to_le_bytes())
        .collect();
    fs::write(folder.join("noise"), &noise).unwrap();
    let mut layers = Vec::new();
    for (name, codec) in [
        ("plain", json!("none")),
        ("gzip", json!({"gzip-v1": {}})),
        ("zstd", json!({"zstd-v1": {}})),
    ] {
        let request = json!({"kind": "layer", "version": 1, "origin": format!("//e2e:{name}"), "codec": codec,
        "entries": [
            {"file": {"path": format!("srv/{name}"), "source": "noise"}},
            {"file": {"path": format!("etc/{name}"), "text": name}},
        ]});
        write(folder, &format!("{name}.request"), &request);
        let receipt = format!("{name}.receipt");
        well(
            folder,
            "layer",
            &[
                &format!("{name}.request"),
                "--out",
                name,
                "--receipt",
                &receipt,
            ],
        );
        fs::rename(folder.join(name), folder.join(format!("{name}.expected"))).unwrap();
        layers.push(json!({"receipt": receipt}));
    }
    let request = json!({"kind": "assemble", "version": 1, "origin": "//e2e:image",
        "make": {"image": {"platform": "linux/amd64", "layers": layers}}});
    write(folder, "assemble.request", &request);
    let words = [
        "assemble.request",
        "--out",
        "sparse",
        "--receipt",
        "image.receipt",
        "--digest",
        "digest",
    ];
    well(folder, "assemble", &words);
    fs::read_to_string(folder.join("digest")).unwrap()
}

/// A push of the image by its receipt, with layers made by `layer`.
fn request(folder: &Path, image: Value) {
    let mut image = image;
    image["receipt"] = "image.receipt".into();
    image["documents"] = "sparse".into();
    image["blobs"] = ["plain", "gzip", "zstd"]
        .map(|name| json!({"receipt": format!("{name}.receipt"), "request": format!("{name}.request")}))
        .into_iter()
        .collect();
    let request = json!({"kind": "push", "version": 1, "origin": "//e2e:push",
        "layer_program": programs::path("layer"), "images": [image]});
    write(folder, "push.request", &request);
}

#[test]
fn a_layer_on_standard_output_is_the_layer() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    image(folder);
    for name in ["plain", "gzip", "zstd"] {
        let request = format!("{name}.request");
        let output = start(folder, "layer", &[&request, "--out", "-"]);
        assert!(output.status.success());
        let expected = fs::read(folder.join(format!("{name}.expected"))).unwrap();
        assert!(output.stdout == expected, "{name} differs");
    }
    assert!(!folder.join("-").exists() && !folder.join("standard output").exists());
    // A failure is known by the exit code, and a receipt is not written then.
    fs::remove_file(folder.join("noise")).unwrap();
    let output = start(
        folder,
        "layer",
        &["gzip.request", "--out", "-", "--receipt", "r"],
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(!folder.join("r").exists());
}

#[test]
fn an_image_whose_layers_are_made_again_while_they_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let digest = image(folder);
    request(
        folder,
        json!({"into": [{"layout": {"path": "layout"}}, {"oci_archive": {"path": "oci.tar"}}]}),
    );
    well(folder, "push", &["push.request", "--receipt", "receipt"]);
    well(folder, "pull", &["verify", "layout"]);
    for name in ["plain", "gzip", "zstd"] {
        let expected = fs::read(folder.join(format!("{name}.expected"))).unwrap();
        let path = blob::digest(&expected).replace(':', "/");
        assert!(fs::read(folder.join("layout/blobs").join(path)).unwrap() == expected);
    }
    let receipt: Value =
        serde_json::from_slice(&fs::read(folder.join("receipt")).unwrap()).unwrap();
    assert_eq!(receipt["into"][0]["layout"]["digest"], digest);
    // An input that has changed since is found, and nothing of the output stays.
    fs::write(folder.join("noise"), "other").unwrap();
    request(
        folder,
        json!({"into": [{"oci_archive": {"path": "again.tar"}}]}),
    );
    let output = start(folder, "push", &["push.request"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("made again, is not the one of its receipt"),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(!folder.join("again.tar").exists());
}

#[test]
fn docker_loads_what_is_streamed_to_it() {
    if !outsiders::can("docker loads a stream", &docker::TOOLS) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let place = tempfile::tempdir().unwrap();
    image(folder.path());
    let engine = Docker::start(place.path(), &[]);
    let command = ["docker", "--host", &engine.host(), "load"];
    request(
        folder.path(),
        json!({"into": [{"load": {"command": command, "names": ["e2e/streamed:1", "e2e/streamed:2"]}}]}),
    );
    let said = well(folder.path(), "push", &["push.request"]);
    assert!(said.contains("e2e/streamed:1"), "{said}");
    let format = "{{.Id}} {{len .RootFS.Layers}}";
    let said = engine.run(&["image", "inspect", "--format", format, "e2e/streamed:2"]);
    let (id, layers) = said.trim().split_once(' ').unwrap();
    let receipt = fs::read_to_string(folder.path().join("image.receipt")).unwrap();
    assert!(receipt.contains(id), "the id is not the config's digest");
    assert_eq!(layers, "3");
}

#[test]
fn podman_loads_what_is_streamed_to_it() {
    if !outsiders::can("podman loads a stream", &["podman"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    image(folder);
    let conf = folder.join("containers.conf");
    // Its locks would be in memory shared by the whole machine, and stay there.
    fs::write(&conf, "[engine]\nlock_type = \"file\"\n").unwrap();
    let conf = format!("CONTAINERS_CONF={}", conf.display());
    let podman = |words: &[&str]| -> Vec<String> {
        let before = [
            "env",
            &conf,
            "PODMAN_IGNORE_CGROUPSV1_WARNING=1",
            "podman",
            "--root",
            "store/root",
            "--runroot",
            "store/run",
            "--storage-driver",
            "vfs",
            "--cgroup-manager",
            "cgroupfs",
            "--events-backend",
            "file",
        ];
        before
            .iter()
            .chain(words)
            .map(|word| (*word).to_owned())
            .collect()
    };
    let command = podman(&["load", "--quiet"]);
    request(
        folder,
        json!({"into": [{"load": {"command": command, "names": ["e2e/streamed:1", "e2e/streamed:2"]}}]}),
    );
    let said = well(folder, "push", &["push.request"]);
    assert!(said.contains("docker.io/e2e/streamed:1"), "{said}");
    let words = podman(&[
        "image",
        "inspect",
        "--format",
        "{{.Id}} {{len .RootFS.Layers}}",
        "e2e/streamed:2",
    ]);
    let said = outsiders::run(folder, &words[0], &words[1..]);
    let said = String::from_utf8(said).unwrap();
    let (id, layers) = said.trim().split_once(' ').unwrap();
    let receipt = fs::read_to_string(folder.join("image.receipt")).unwrap();
    assert!(
        receipt.contains(&format!("sha256:{id}")),
        "the id is not the config's digest"
    );
    assert_eq!(layers, "3");
}
