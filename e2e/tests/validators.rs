//! What `verify` finds that others do not: each row of the table is a layout, the rule that it breaks, and
//! whether skopeo, umoci and crane notice. Nothing that they find is missed, and none of them finds all.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use e2e::tree::{self, Manner};
use e2e::{blob, outsiders, programs, registries};
use serde_json::{Value, json};

/// A row: the case, whether each of the others takes it (nothing: it cannot be asked), our rule.
struct Row {
    case: &'static str,
    skopeo: bool,
    umoci: bool,
    crane: Option<bool>,
    rule: Option<&'static str>,
}

const fn row(
    case: &'static str,
    skopeo: bool,
    umoci: bool,
    crane: Option<bool>,
    rule: Option<&'static str>,
) -> Row {
    Row {
        case,
        skopeo,
        umoci,
        crane,
        rule,
    }
}

/// `true`: takes it, and says nothing.
const TABLE: [Row; 19] = [
    row("image_layout", true, true, Some(true), None),
    row("error_blob_changed", false, false, None, Some("digest")),
    row("error_blob_cut", false, false, None, Some("size")),
    row("error_diff_id", true, false, Some(false), Some("diff_id")),
    row(
        "error_path_twice",
        true,
        true,
        Some(false),
        Some("duplicate_path"),
    ),
    row(
        "error_path_below_file",
        true,
        true,
        Some(true),
        Some("path_below_file"),
    ),
    row(
        "error_path_escapes",
        true,
        true,
        Some(true),
        Some("path_escape"),
    ),
    row("error_hardlink", true, false, Some(true), Some("hardlink")),
    row("error_whiteouts", true, true, Some(true), Some("whiteout")),
    row(
        "error_config_types",
        true,
        false,
        Some(false),
        Some("config"),
    ),
    row(
        "error_after_the_end",
        true,
        true,
        Some(true),
        Some("tar_end"),
    ),
    row(
        "error_whiteout_of_nothing",
        true,
        true,
        Some(true),
        Some("whiteout_of_nothing"),
    ),
    row("made_nested", false, true, None, None),
    row("made_no_layers", true, true, Some(true), None),
    // crane validates layers of gzip alone.
    row("made_plain_layer", true, true, Some(false), None),
    row("made_empty_layer", true, true, Some(true), None),
    row("made_zstd", true, true, Some(false), None),
    row("made_no_tag", true, false, Some(true), None),
    row(
        "made_platform_form",
        true,
        true,
        Some(true),
        Some("platform_form"),
    ),
];

/// Layouts of what is allowed and not taken by all: an index in an index, no layers at all, a layer of nothing, a plain one,
/// zstd, no tag, a platform in other words.
fn made(folder: &Path, name: &str) {
    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
    let root = folder.join(name);
    fs::create_dir_all(root.join("blobs/sha256")).unwrap();
    let put = |media_type: &str, bytes: &[u8]| {
        let digest = blob::digest(bytes);
        fs::write(root.join("blobs").join(digest.replace(':', "/")), bytes).unwrap();
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    };
    let mut entry = tar::Header::new_ustar();
    entry.set_path("file").unwrap();
    entry.set_mode(0o644);
    entry.set_cksum();
    let file = [&entry.as_bytes()[..], &[0; 1024]].concat();
    let gzip = |tar: &[u8]| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gzip, tar).unwrap();
        gzip.finish().unwrap()
    };
    let tar = if name == "made_empty_layer" {
        vec![0; 1024]
    } else {
        file
    };
    let (kind, packed) = match name {
        "made_zstd" => (
            format!("{LAYER}+zstd"),
            zstd::encode_all(&tar[..], 3).unwrap(),
        ),
        "made_plain_layer" => (LAYER.to_owned(), tar.clone()),
        _ => (format!("{LAYER}+gzip"), gzip(&tar)),
    };
    let has_layer = name != "made_no_layers";
    let architecture = if name == "made_platform_form" {
        "x86_64"
    } else {
        "amd64"
    };
    let diff_ids = if has_layer {
        json!([blob::digest(&tar)])
    } else {
        json!([])
    };
    let config = json!({"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}});
    let config = put(
        "application/vnd.oci.image.config.v1+json",
        config.to_string().as_bytes(),
    );
    let layers = if has_layer {
        json!([put(&kind, &packed)])
    } else {
        json!([])
    };
    let manifest =
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
    let mut top = put(MANIFEST, manifest.to_string().as_bytes());
    if name == "made_nested" {
        top["platform"] = json!({"architecture": "amd64", "os": "linux"});
        for _ in 0..2 {
            let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [top]});
            top = put(INDEX, index.to_string().as_bytes());
        }
    }
    if name != "made_no_tag" {
        top["annotations"] = json!({"org.opencontainers.image.ref.name": "latest"});
    }
    let top = json!({"schemaVersion": 2, "manifests": [top]});
    fs::write(root.join("index.json"), top.to_string()).unwrap();
    fs::write(root.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}

/// Whether a program takes it.
fn takes(folder: &Path, program: &str, words: &[&str]) -> (bool, String) {
    let output = Command::new(program)
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[test]
fn what_others_miss() {
    let tools = ["skopeo", "umoci", "crane", "docker-registry"];
    if !outsiders::can("`verify` finds what others miss", &tools) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_running, host) = registries::registry(folder, "", "");
    let mut wrong = Vec::new();
    for row in &TABLE {
        let name = row.case;
        if name.starts_with("made_") {
            made(folder, name);
        } else {
            let case = programs::workspace().join("e2e/cases/verify").join(name);
            tree::copy(
                &case.join("inputs/image"),
                &folder.join(name),
                Manner::PLAIN,
            );
        }
        let mut expect = |tool: &str, expected: bool, (found, said): (bool, String)| {
            if expected != found {
                wrong.push(format!(
                    "{name}: {tool} takes it: {found}, expected {expected}: {said}"
                ));
            }
        };
        // skopeo takes what has no tag by its place; umoci cannot.
        let from = match name {
            "made_no_tag" => format!("oci:{name}:@0"),
            _ => format!("oci:{name}:latest"),
        };
        let to = format!("dir:{name}.dir");
        let copied = takes(
            folder,
            "skopeo",
            &["copy", "-q", "--insecure-policy", &from, &to],
        );
        expect("skopeo", row.skopeo, copied);
        let at = format!("{name}:latest");
        let bundle = format!("{name}.bundle");
        let unpacked = takes(folder, "umoci", &["unpack", "--image", &at, &bundle]);
        expect("umoci", row.umoci, unpacked);
        if let Some(crane) = row.crane {
            let reference = format!("{host}/validators/{name}:1");
            let there = format!("docker://{reference}");
            let words = [
                "copy",
                "-q",
                "--insecure-policy",
                "--dest-tls-verify=false",
                "--all",
                "--preserve-digests",
                &from,
                &there,
            ];
            expect(
                "skopeo (to a registry)",
                true,
                takes(folder, "skopeo", &words),
            );
            let words = ["validate", "--insecure", "--remote", &reference];
            expect("crane", crane, takes(folder, "crane", &words));
        }
        let ours = Command::new(programs::path("verify"))
            .args(["image", name, "--format", "json", "--strict"])
            .current_dir(folder)
            .env_clear()
            .output()
            .unwrap();
        let report: Value = serde_json::from_slice(&ours.stdout).unwrap();
        let rules: Vec<&str> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|finding| finding["rule"].as_str().unwrap())
            .collect();
        let found = match row.rule {
            Some(rule) => ours.status.code() == Some(1) && rules.contains(&rule),
            None => ours.status.success() && rules.is_empty(),
        };
        if !found {
            wrong.push(format!(
                "{name}: we found {rules:?}, expected {:?}",
                row.rule
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `explain` says of another form of the image that its content is the same.
fn same(folder: &Path, path: &str) {
    let output = Command::new(programs::path("verify"))
        .args(["explain", "image", path])
        .current_dir(folder)
        .env_clear()
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(
        matches!(output.status.code(), Some(0 | 10)),
        "{path}: {said}"
    );
}

/// What others make, in the forms that they like, is sound: no tag, zstd, Docker's types, archives; and the same content.
#[test]
fn what_others_make_is_sound() {
    let check = "`verify` takes what others make";
    if !outsiders::can(
        check,
        &["skopeo", "umoci", "crane", "oras", "docker-registry", "tar"],
    ) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let inputs = programs::workspace().join("e2e/cases/verify/image_layout/inputs/image");
    tree::copy(&inputs, &folder.join("image"), Manner::PLAIN);
    for (to, more) in [
        ("oci:untagged", vec![]),
        ("oci:zstd:1", vec!["--dest-compress-format=zstd"]),
        ("oci:chunked:1", vec!["--dest-compress-format=zstd:chunked"]),
        ("oci-archive:a.tar:1", vec![]),
        ("docker-archive:d.tar:app:1", vec![]),
    ] {
        let mut words = vec!["copy", "-q", "--insecure-policy"];
        words.extend(more);
        words.extend(["oci:image:latest", to]);
        outsiders::run(folder, "skopeo", &words);
        let path = to.split(':').nth(1).unwrap();
        let (sound, said) = takes(
            folder,
            programs::path("verify").to_str().unwrap(),
            &["image", path, "--strict"],
        );
        assert!(sound, "{to}: {said}");
        same(folder, path);
    }
    // By way of a registry, as crane writes it: a layout, an archive, and one as Docker wrote it once.
    let (_running, host) = registries::registry(folder, "", "");
    let there = format!("{host}/others/app:1");
    let to = format!("docker://{there}");
    let words = [
        "copy",
        "-q",
        "--insecure-policy",
        "--dest-tls-verify=false",
        "oci:image:latest",
        &to,
    ];
    outsiders::run(folder, "skopeo", &words);
    for (form, name) in [
        ("oci", "crane"),
        ("tarball", "crane.tar"),
        ("legacy", "legacy.tar"),
    ] {
        outsiders::run(
            folder,
            "crane",
            &["pull", "--insecure", "--format", form, &there, name],
        );
        let verify = programs::path("verify");
        let (sound, said) = takes(folder, verify.to_str().unwrap(), &["image", name]);
        assert!(sound && !said.contains("warning"), "{form}: {said}");
        same(folder, name);
    }
    // An archive of somebody's `tar`, each name with `./` before it.
    outsiders::run(folder, "tar", &["-cf", "dot.tar", "-C", "image", "."]);
    same(folder, "dot.tar");
    // Artifacts: a file, and nothing at all.
    fs::write(folder.join("note"), "a note\n").unwrap();
    for (tag, words) in [
        ("note", vec!["note:text/plain"]),
        ("none", vec!["--artifact-type", "a/b"]),
    ] {
        let at = format!("artifacts:{tag}");
        let mut all = vec!["push", "--oci-layout", &at];
        all.extend(words);
        outsiders::run(folder, "oras", &all);
    }
    let verify = programs::path("verify");
    let (sound, said) = takes(
        folder,
        verify.to_str().unwrap(),
        &["image", "artifacts", "--strict"],
    );
    assert!(sound, "{said}");
    outsiders::run(folder, "umoci", &["init", "--layout", "made"]);
    outsiders::run(folder, "umoci", &["new", "--image", "made:1"]);
    fs::create_dir(folder.join("root")).unwrap();
    fs::write(folder.join("root/file"), "content").unwrap();
    outsiders::run(
        folder,
        "umoci",
        &["insert", "--image", "made:1", "root", "/root"],
    );
    // umoci leaves behind what it replaced: a warning.
    let (sound, said) = takes(
        folder,
        programs::path("verify").to_str().unwrap(),
        &["image", "made"],
    );
    assert!(sound, "{said}");
}
