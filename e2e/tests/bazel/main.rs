//! The Bazel rules, under real Bazel, as a user has them.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    reason = "tests"
)]

mod attested;
mod caches;
mod cases;
mod costs;
mod golden_files;
mod image_tests;
mod images;
mod modules;
mod private;
mod remote;
mod stamps;
mod toolchains;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use e2e::bazel::Bazel;
use e2e::{golden, programs};

/// One Bazel at a time: each takes a gigabyte of memory.
pub(crate) static ONE: Mutex<()> = Mutex::new(());

/// A folder that is new for each run and not below `/tmp`.
pub(crate) fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

pub(crate) fn workspace() -> PathBuf {
    programs::workspace().join("e2e/bazel")
}

/// Bazel on the user's workspace, with outputs that are there since the last time.
pub(crate) fn user() -> Bazel {
    Bazel::new(
        &workspace(),
        &Path::new(env!("CARGO_TARGET_TMPDIR")).join("bazel-user"),
    )
    .with_programs()
}

/// Compares a text with a golden file of the workspace, or writes it.
pub(crate) fn compare(file: &str, got: &str) -> Option<String> {
    let path = workspace().join("golden").join(file);
    if ::golden::updating() {
        fs::write(path, got).unwrap();
        return None;
    }
    let want = fs::read_to_string(path).unwrap_or_default();
    (want != got).then(|| format!("{file}:\n{}", golden::diff(&want, got)))
}

/// What a container of the image `latest` of a layout prints: umoci unpacks it, runc starts it.
pub(crate) fn start(here: &Path, layout: &Path) -> String {
    let source = format!("{}:latest", layout.display());
    e2e::outsiders::run(here, "umoci", &["unpack", "--image", &source, "bundle"]);
    e2e::outsiders::without_cgroups(&here.join("bundle/config.json"));
    let container = here
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .replace('.', "e2e-");
    let words = ["--root", "state", "run", "--bundle", "bundle", &container];
    String::from_utf8(e2e::outsiders::run(here, "runc", &words)).unwrap()
}

/// A module of one layer that says where the programs come from.
pub(crate) fn module(folder: &Path, module: &str, build: &str) -> PathBuf {
    let workspace = folder.join("module");
    fs::create_dir_all(&workspace).unwrap();
    let rules = programs::workspace().display();
    let head = format!(
        "module(name = \"one\")\n\
         bazel_dep(name = \"platforms\", version = \"0.0.9\")\n\
         bazel_dep(name = \"rules_container\", version = \"0.1.0\")\n\
         local_path_override(module_name = \"rules_container\", path = \"{rules}\")\n\
         tools = use_extension(\"@rules_container//rules:extensions.bzl\", \"tools\")\n"
    );
    fs::write(workspace.join("MODULE.bazel"), head + module).unwrap();
    let head =
        "load(\"@rules_container//rules:defs.bzl\", \"container_image\", \"container_layer\")\n";
    let layer = "container_layer(name = \"layer\", contents = {\"/file\": \"text\"})\n";
    fs::write(
        workspace.join("BUILD.bazel"),
        format!("{head}{build}\n{layer}"),
    )
    .unwrap();
    workspace
}
