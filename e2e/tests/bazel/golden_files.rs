//! `e2e/bazel`, an outside workspace: what it builds against golden files, and what it refuses to build.

use std::collections::BTreeMap;
use std::path::Path;

use e2e::bazel::{self, Bazel};
use e2e::programs;
use e2e::reference::{self, Message};
use serde_json::Value;

use crate::{ONE, compare, user};

const LAYERS: [(&str, &str); 6] = [
    ("everything", ".tar.gz"),
    ("inner", ".tar.zst"),
    ("omitted_parents", ".tar"),
    ("server_layer", ".tar.gz"),
    ("split_layer", ".tar.zst"),
    ("split_layer.external", ".tar.zst"),
];

/// What the last build of `//layer/...` made: a golden text for each layer, its digest and then its listing.
pub(crate) fn layers(bazel: &Bazel) -> BTreeMap<&'static str, String> {
    let texts = LAYERS.map(|(name, suffix)| {
        let blob = bazel.read(&format!("layer/{name}{suffix}"));
        let listing = bazel.read(&format!("layer/{name}.listing.ndjson"));
        let receipt = bazel.read(&format!("layer/{name}.receipt.json"));
        let receipt: Value = serde_json::from_slice(&receipt).unwrap();
        let digest = e2e::blob::layer_digests(&blob).unwrap()["digest"].clone();
        assert_eq!(receipt["digest"], digest, "{name}: the receipt's digest");
        (
            name,
            format!("{digest}\n{}", String::from_utf8(listing).unwrap()),
        )
    });
    BTreeMap::from(texts)
}

const IMAGES: [&str; 13] = [
    "compat/any_platform",
    "compat/app",
    "compat/derived",
    "compat/from_files",
    "compat/index",
    "image/base",
    "image/image",
    "image/index",
    "image/mixed",
    "image/named_platform",
    "image/on_foreign",
    "image/on_index",
    "image/unset",
];

/// What the last build of `//image/...` and `//compat/...` made: a golden text for each image, its digest and then every file
/// of its layout, documents in full.
pub(crate) fn images(bazel: &Bazel) -> BTreeMap<&'static str, String> {
    let texts = IMAGES.map(|name| {
        let digest = String::from_utf8(bazel.read(&format!("{name}.digest"))).unwrap();
        let layout = e2e::tree::read(&bazel.output(&format!("{name}.layout")));
        let listing = e2e::blob::tree_listing(&layout).unwrap();
        let root = format!("blobs/sha256/{}", digest.replace("sha256:", ""));
        assert!(
            layout.contains_key(Path::new(&root)),
            "{name}: {digest} is not in the layout"
        );
        let sparse = e2e::tree::read(&bazel.output(&format!("{name}.sparse")));
        assert!(sparse.contains_key(Path::new(&root)), "{name}");
        assert!(sparse.contains_key(Path::new("sparse.json")), "{name}");
        (name, format!("{digest}\n{listing}"))
    });
    BTreeMap::from(texts)
}

pub(crate) const BUILD: [&str; 5] = [
    "build",
    "//compat/...",
    "//image/...",
    "//layer/...",
    "--output_groups=+layout,+listing,+receipt",
];

#[test]
fn layers_and_images_are_as_their_golden_files() {
    if !bazel::can("layers and images made by Bazel rules") {
        return;
    }
    let _one = ONE.lock();
    let bazel = user();
    bazel.succeed(&BUILD);
    let differ: Vec<String> = layers(&bazel)
        .into_iter()
        .chain(images(&bazel))
        .filter_map(|(name, text)| compare(&format!("{}.ndjson", name.replace('/', ".")), &text))
        .collect();
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

/// What the user reads when a build fails: Bazel's own words aside, the program's or the rule's, in full.
fn complaint(said: &str) -> String {
    let mut text = String::new();
    let mut ours = false;
    for line in said.lines() {
        if let Some(rest) = line.strip_prefix("Error in fail: ") {
            (text, ours) = (format!("{rest}\n"), true);
        } else if line.starts_with("layer: ") || line.starts_with("assemble: ") {
            (text, ours) = (format!("{line}\n"), true);
        } else if line.starts_with("Target ")
            || line.starts_with("Use --")
            || line.starts_with("ERROR: ")
        {
            ours = false;
        } else if ours {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[test]
fn errors_reach_the_user_as_they_are_written() {
    if !bazel::can("errors of Bazel rules") {
        return;
    }
    let _one = ONE.lock();
    let bazel = user();
    let targets = bazel.run(&[
        "query",
        "kind('container_.* rule', //wrong/...) except attr(tags, right, //wrong/...)",
    ]);
    let targets = String::from_utf8(targets.stdout).unwrap();
    assert!(targets.lines().count() > 3, "{targets}");
    let mut all = String::new();
    for target in targets.lines() {
        let output = bazel.run(&["build", target]);
        assert!(!output.status.success(), "{target} was built");
        let said = complaint(&String::from_utf8_lossy(&output.stderr));
        assert!(said.contains(target), "{target} is not named:\n{said}");
        all.push_str(&format!("# {target}\n{said}\n"));
    }
    if let Some(differ) = compare("wrong.txt", &all) {
        panic!("{differ}");
    }
}

/// The rules' own analysis tests, in this repository as the main one; and the reference, which is made of
/// their docstrings.
#[test]
fn analysis_tests_and_reference() {
    if !bazel::can("analysis tests of Bazel rules") {
        return;
    }
    let _one = ONE.lock();
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bazel-own");
    let bazel = Bazel::new(programs::workspace(), &root).with_programs();
    let said = bazel.succeed(&["test", "//rules/...", "--test_output=errors"]);
    assert!(said.contains("tests pass"), "{said}");

    let files = (0..5).map(|number| format!("rules/tests/{number}_doc.textproto"));
    let files: Vec<String> = files.collect();
    let targets = files
        .iter()
        .map(|file| file.replacen("rules/tests/", "//rules/tests:", 1));
    let targets: Vec<String> = targets.collect();
    let mut words = vec!["build"];
    words.extend(targets.iter().map(String::as_str));
    bazel.succeed(&words);
    let modules = files
        .iter()
        .map(|file| Message::parse(&String::from_utf8(bazel.read(file)).unwrap()));
    let page = reference::page(&modules.collect::<Vec<_>>());
    if let Some(differ) = compare("../../../docs/bazel/reference.md", &page) {
        panic!("{differ}");
    }
}
