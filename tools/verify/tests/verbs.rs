//! The verbs for people, through the real program: layouts, archives, and registries.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests fail by panics, and read what the program wrote"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use scripted::Store;
use serde_json::Value;

/// The layouts and archives of the cases.
fn case(name: &str) -> PathBuf {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e/cases/verify");
    cases.join(name).join("inputs").canonicalize().unwrap()
}

fn run(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_verify"))
        .args(words)
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .output()
        .unwrap()
}

/// Exit code, standard output, standard error.
fn told(folder: &Path, words: &[&str]) -> (i32, String, String) {
    let output = run(folder, words);
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn a_sound_image_in_every_form() {
    for (name, image, line) in [
        ("image_layout", "image", "1 manifest, 2 layers, "),
        ("image_archive", "image.tar", "1 manifest, 2 layers, "),
        (
            "image_docker_archive",
            "image.tar",
            "1 manifest, 2 layers, ",
        ),
        ("image_index", "image", "1 index, 1 manifest, 2 layers, "),
        (
            "image_sparse",
            "image",
            "1 blob not read, as they are elsewhere",
        ),
    ] {
        let (code, out, error) = told(&case(name), &["image", image]);
        assert_eq!((code, error.as_str()), (0, ""), "{name}");
        assert!(out.starts_with(&format!("{image}: sound: ")), "{out}");
        assert!(out.contains(line), "{out}");
    }
}

#[test]
fn findings_as_text_json_and_sarif() {
    let folder = case("error_path_twice");
    let (code, out, error) = told(&folder, &["image", "image"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(
        error.starts_with("verify: 2 things are wrong in `image`\n"),
        "{error}"
    );
    assert!(
        error.contains("the path `a` comes twice [duplicate_path]\n"),
        "{error}"
    );

    let (code, out, _) = told(&folder, &["image", "image", "--format", "json"]);
    assert_eq!(code, 1);
    let value: Value = serde_json::from_str(&out).unwrap();
    let finding = &value["findings"][0];
    assert_eq!(finding["rule"], "duplicate_path");
    assert_eq!(
        (&finding["level"], &finding["place"]),
        (&"error".into(), &"layer".into())
    );
    assert_eq!(finding["at"], "a");
    assert!(finding["digest"].as_str().unwrap().starts_with("sha256:"));

    let (code, out, _) = told(&folder, &["image", "image", "--format", "sarif"]);
    assert_eq!(code, 1);
    let log: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(log["version"], "2.1.0");
    assert_eq!(log["runs"][0]["results"][0]["ruleId"], "duplicate_path");
}

#[test]
fn warnings_fail_where_they_are_meant_to() {
    let folder = case("error_whiteout_of_nothing");
    let (code, out, error) = told(&folder, &["image", "image"]);
    assert_eq!((code, error.as_str()), (0, ""));
    assert!(out.contains("image: warning: "), "{out}");
    assert!(out.contains("[whiteout_of_nothing]"), "{out}");
    let (code, _, error) = told(&folder, &["image", "image", "--strict"]);
    assert_eq!(code, 1);
    assert!(error.contains("is in the lowest layer"), "{error}");
}

#[test]
fn what_names_no_image() {
    let folder = tempfile::tempdir().unwrap();
    for (name, reason) in [
        ("./nothing", "there is no such file"),
        ("nothing", "there is no such file"),
        (
            "Not/A/Name:",
            "is neither a file nor a folder nor the name of an image",
        ),
        ("example.com/app", "it has neither a tag nor a digest"),
    ] {
        let (code, _, error) = told(folder.path(), &["image", name]);
        assert_eq!(code, 1, "{error}");
        assert!(error.contains(reason), "{name}: {error}");
    }
    std::fs::write(folder.path().join("settings"), "{}x").unwrap();
    let (code, _, error) = told(
        folder.path(),
        &["image", "example.com/a:1", "--settings", "settings"],
    );
    assert_eq!(code, 1);
    assert!(error.contains("is not a file of settings"), "{error}");
}

/// Puts the layout of a case into a registry.
fn registry(store: &Store, layout: &Path, repository: &str) {
    let blobs = layout.join("blobs/sha256");
    for entry in std::fs::read_dir(blobs).unwrap() {
        store.add_blob(repository, &std::fs::read(entry.unwrap().path()).unwrap());
    }
    let index: Value =
        serde_json::from_slice(&std::fs::read(layout.join("index.json")).unwrap()).unwrap();
    for (at, root) in index["manifests"].as_array().unwrap().iter().enumerate() {
        put(
            store,
            layout,
            repository,
            root,
            Some(if at == 0 { "1" } else { "2" }),
        );
    }
}

fn put(store: &Store, layout: &Path, repository: &str, root: &Value, tag: Option<&str>) {
    let digest = root["digest"].as_str().unwrap();
    let bytes = std::fs::read(layout.join("blobs").join(digest.replace(':', "/"))).unwrap();
    let document: Value = serde_json::from_slice(&bytes).unwrap();
    for child in document["manifests"].as_array().into_iter().flatten() {
        put(store, layout, repository, child, None);
    }
    store.add_manifest(repository, tag, root["mediaType"].as_str().unwrap(), &bytes);
}

#[test]
fn an_image_in_a_registry() {
    let store = Store::new();
    registry(&store, &case("image_index").join("image"), "a/index");
    registry(&store, &case("error_path_twice").join("image"), "a/twice");
    registry(&store, &case("error_diff_id").join("image"), "a/diff");
    let server = store.serve();
    let folder = tempfile::tempdir().unwrap();
    let host = server.host();
    let settings = format!(r#"{{"hosts":{{"{host}":{{"plain_http":true}}}}}}"#);
    std::fs::write(folder.path().join("settings"), settings).unwrap();
    let verify = |name: &str| {
        let name = format!("{host}/{name}");
        told(folder.path(), &["image", &name, "--settings", "settings"])
    };
    let (code, out, error) = verify("a/index:1");
    assert_eq!((code, error.as_str()), (0, ""));
    assert!(out.contains("1 index, 1 manifest, 2 layers"), "{out}");
    let (code, _, error) = verify("a/twice:1");
    assert_eq!(code, 1);
    assert!(error.contains("[duplicate_path]"), "{error}");
    let (code, _, error) = verify("a/diff:1");
    assert_eq!(code, 1);
    assert!(error.contains("[diff_id]"), "{error}");
    let explained = |name: &str| {
        let layout = case("image_layout").join("image");
        let name = format!("{host}/{name}");
        let layout = layout.to_str().unwrap();
        told(
            folder.path(),
            &["explain", layout, &name, "--settings", "settings"],
        )
    };
    let (code, out, error) = explained("a/diff:1");
    assert_eq!(code, 10, "{error}");
    assert!(out.contains("config.diff_ids: "), "{out}");
    let (code, out, error) = explained("a/twice:1");
    assert_eq!(code, 11, "{error}");
    assert!(out.contains("layers.removed 2 of 2"), "{out}");
    let (code, _, error) = verify("a/none:1");
    assert_ne!(code, 0);
    assert!(error.contains("a/none"), "{error}");
}

#[test]
fn a_registry_that_lost_or_changed_a_blob() {
    let layout = case("image_layout").join("image");
    let index: Value =
        serde_json::from_slice(&std::fs::read(layout.join("index.json")).unwrap()).unwrap();
    let digest = index["manifests"][0]["digest"].as_str().unwrap();
    let bytes = std::fs::read(layout.join("blobs").join(digest.replace(':', "/"))).unwrap();
    let manifest: Value = serde_json::from_slice(&bytes).unwrap();
    let layer: oci::Digest = manifest["layers"][0]["digest"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    for lost in [true, false] {
        let store = Store::new();
        registry(&store, &layout, "a/app");
        if lost {
            store.remove_blob(&layer);
        } else {
            let path = format!("/v2/a/app/blobs/{layer}");
            store.set_fault(move |request| {
                (request.method == "GET" && request.path == path)
                    .then(|| scripted::Answer::new(200).body(vec![b'x'; 10]))
            });
        }
        let server = store.serve();
        let folder = tempfile::tempdir().unwrap();
        let host = server.host();
        let settings = format!(r#"{{"hosts":{{"{host}":{{"plain_http":true}}}}}}"#);
        std::fs::write(folder.path().join("settings"), settings).unwrap();
        let name = format!("{host}/a/app:1");
        let (code, _, error) = told(folder.path(), &["image", &name, "--settings", "settings"]);
        assert_eq!(code, 1, "{error}");
        let rule = if lost { "[missing_blob]" } else { "[size]" };
        assert!(error.contains(rule), "{error}");
        let other = case("error_path_twice").join("image");
        let words = [
            "explain",
            other.to_str().unwrap(),
            &name,
            "--settings",
            "settings",
        ];
        let (code, _, error) = told(folder.path(), &words);
        assert!(code == 1 && error.contains(rule), "{code}: {error}");
    }
}

#[test]
fn update_writes_into_the_source_tree() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let digest = oci::Digest::of(b"x");
    std::fs::write(at("receipt.json"), format!(r#"{{"digest":"{digest}"}}"#)).unwrap();
    std::fs::create_dir(at("tree")).unwrap();
    let update = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_verify"))
            .args([&["update"], words].concat())
            .current_dir(folder.path())
            .env_clear()
            .env("BUILD_WORKSPACE_DIRECTORY", at("tree"))
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    update(&["receipt.json", "pkg/app.digest"]);
    assert_eq!(
        std::fs::read_to_string(at("tree/pkg/app.digest")).unwrap(),
        format!("{digest}\n")
    );
    std::fs::write(at("golden"), "golden\n").unwrap();
    update(&["golden", "pkg/app.digest", "--copy"]);
    assert_eq!(
        std::fs::read_to_string(at("tree/pkg/app.digest")).unwrap(),
        "golden\n"
    );
    let absolute = at("elsewhere");
    update(&["golden", absolute.to_str().unwrap(), "--copy"]);
    assert_eq!(std::fs::read_to_string(absolute).unwrap(), "golden\n");
    let names: Vec<_> = std::fs::read_dir(at("tree/pkg")).unwrap().collect();
    assert_eq!(names.len(), 1, "nothing is left beside it");
}

#[test]
fn the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, error) = told(folder.path(), &[]);
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("no request"), "{error}");
    let request = r#"{"kind":"verify","version":1,"origin":"x","checks":[{"same":{"first":"a","second":"b"}}]}"#;
    std::fs::write(folder.path().join("r.json"), request).unwrap();
    std::fs::write(folder.path().join("a"), "1").unwrap();
    std::fs::write(folder.path().join("b"), "1").unwrap();
    // A test wants an exit code, and no file.
    assert_eq!(
        told(folder.path(), &["r.json"]),
        (0, String::new(), String::new())
    );
    let (code, out, _) = told(folder.path(), &["r.json", "--plan"]);
    assert_eq!(code, 0);
    assert!(out.contains("\"same\""), "{out}");
    std::fs::write(folder.path().join("b"), "2").unwrap();
    let (code, _, error) = told(folder.path(), &["r.json"]);
    assert_eq!(code, 11, "{error}");
}
