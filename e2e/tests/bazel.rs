//! The Bazel rules, under real Bazel, as a user has them: `e2e/bazel` is an outside workspace.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use e2e::bazel::{self, Bazel};
use e2e::{golden, programs};
use serde_json::Value;

/// One Bazel at a time: each takes a gigabyte of memory.
static ONE: Mutex<()> = Mutex::new(());

/// A folder that is new for each run and not below `/tmp`.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn workspace() -> PathBuf {
    programs::workspace().join("e2e/bazel")
}

/// Bazel on the user's workspace, with outputs that are there since the last time.
fn user() -> Bazel {
    Bazel::new(
        &workspace(),
        &Path::new(env!("CARGO_TARGET_TMPDIR")).join("bazel-user"),
    )
    .with_programs()
}

/// Compares a text with a golden file of the workspace, or writes it.
fn compare(file: &str, got: &str) -> Option<String> {
    let path = workspace().join("golden").join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        fs::write(path, got).unwrap();
        return None;
    }
    let want = fs::read_to_string(path).unwrap_or_default();
    (want != got).then(|| format!("{file}:\n{}", golden::diff(&want, got)))
}

const LAYERS: [(&str, &str); 6] = [
    ("everything", ".tar.gz"),
    ("inner", ".tar.zst"),
    ("omitted_parents", ".tar"),
    ("server_layer", ".tar.gz"),
    ("split_layer", ".tar.zst"),
    ("split_layer.external", ".tar.zst"),
];

/// What the last build of `//layer/...` made: a golden text for each layer, its digest and then its listing.
fn layers(bazel: &Bazel) -> BTreeMap<&'static str, String> {
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

const BUILD: [&str; 3] = ["build", "//layer/...", "--output_groups=+listing,+receipt"];

#[test]
fn layers_are_as_their_golden_files() {
    if !bazel::can("layers made by Bazel rules") {
        return;
    }
    let _one = ONE.lock();
    let bazel = user();
    bazel.succeed(&BUILD);
    let differ: Vec<String> = layers(&bazel)
        .into_iter()
        .filter_map(|(name, text)| compare(&format!("{name}.ndjson"), &text))
        .collect();
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

/// Another output base, another workspace folder, optimised, many jobs, mapped paths: the same bytes.
/// Then a disk cache serves a clean output base, and another target platform, with nothing run.
#[test]
fn the_same_bytes_everywhere() {
    if !bazel::can("layers made by Bazel rules are the same in any output base and mode") {
        return;
    }
    let _one = ONE.lock();
    let here = user();
    here.succeed(&BUILD);
    let want = layers(&here);
    drop(here);

    let folder = scratch();
    let other = Bazel::new(&workspace(), &folder.path().join("root")).with_programs();
    let cache = format!("--disk_cache={}", folder.path().join("cache").display());
    let build = |options: &[&str]| {
        let said = other.succeed(&[&BUILD[..], options].concat());
        assert_eq!(layers(&other), want, "{options:?}");
        bazel::processes(&said).to_owned()
    };
    build(&["-c", "opt", "--jobs=16", "--copt=-O3"]);
    let strip = "--experimental_output_paths=strip";
    let apart = "--experimental_platform_in_output_dir";
    let first = build(&[strip, apart, &cache, "--platforms=//:linux_amd64"]);
    assert!(first.contains("linux-sandbox"), "{first}");
    // Layers do not know what they are for: they are there already. But for one: the list of what a
    // part of a split program leaves out is written by Bazel itself, which does not map paths in it.
    let log = folder.path().join("log.json");
    let log_option = format!("--execution_log_json_file={}", log.display());
    build(&[
        strip,
        apart,
        &cache,
        "--platforms=//:linux_arm64",
        &log_option,
    ]);
    let ran: Vec<String> = bazel::spawns(&log)
        .into_iter()
        .filter(|spawn| !spawn.cached && spawn.mnemonic != "Tree")
        .map(|spawn| spawn.target)
        .collect();
    assert_eq!(ran, ["//layer:split_layer"]);
    other.succeed(&["clean"]);
    let clean = build(&[strip, apart, &cache, "--platforms=//:linux_amd64"]);
    assert!(clean.contains("disk cache hit"), "{clean}");
    assert!(!clean.contains("linux-sandbox"), "{clean}");
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
    let targets = bazel.run(&["query", "kind('container_.* rule', //wrong/...)"]);
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

/// The rules' own analysis tests, in this repository as the main one.
#[test]
fn analysis_tests() {
    if !bazel::can("analysis tests of Bazel rules") {
        return;
    }
    let _one = ONE.lock();
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bazel-own");
    let bazel = Bazel::new(programs::workspace(), &root).with_programs();
    let said = bazel.succeed(&["test", "//rules/...", "--test_output=errors"]);
    assert!(said.contains("tests pass"), "{said}");
}

/// A module of one layer that says where the programs come from.
fn module(folder: &Path, module: &str, build: &str) -> PathBuf {
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
    let head = "load(\"@rules_container//rules:defs.bzl\", \"container_layer\")\n\
                container_layer(name = \"layer\", contents = {\"/file\": \"text\"})\n";
    fs::write(workspace.join("BUILD.bazel"), format!("{build}\n{head}")).unwrap();
    workspace
}

/// An archive of the programs, as a release has it, and its SHA-256.
fn archive(folder: &Path) -> (String, String) {
    let path = folder.join("programs.tar");
    let mut tar = tar::Builder::new(fs::File::create(&path).unwrap());
    for name in programs::TOOLS
        .iter()
        .filter(|name| programs::path(name).exists())
    {
        tar.append_path_with_name(programs::path(name), name)
            .unwrap();
    }
    tar.into_inner().unwrap();
    let digest = e2e::blob::digest(&fs::read(&path).unwrap()).replace("sha256:", "");
    (format!("file://{}", path.display()), digest)
}

#[test]
fn the_programs_come_in_three_ways() {
    if !bazel::can("Bazel finds the programs in three ways, and says so where it does not") {
        return;
    }
    let _one = ONE.lock();
    let folder = scratch();
    let bazel = Bazel::new(&module(folder.path(), "", ""), &folder.path().join("root"));
    let fails = |options: &[&str], words: &[&str]| {
        let output = bazel.run(&[&["build", "//:layer"], options].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{said}");
        for word in words {
            assert!(said.contains(word), "`{word}` is not in:\n{said}");
        }
    };

    // Nothing says where: what is asked says how to say it.
    fails(
        &[],
        &[
            "there is no toolchain for the platform",
            "  1. built from source: --repo_env=",
            "  2. prebuilt: tools.prebuilt(",
            "  3. your own targets: container_toolchain(",
        ],
    );
    // A build that needs no program is not disturbed.
    bazel.succeed(&["build", "//:BUILD.bazel"]);

    let named = format!(
        "--repo_env=RULES_CONTAINER_TOOLS={}",
        programs::folder().display()
    );
    bazel.succeed(&["build", "//:layer", &named]);
    let want = bazel.read("layer.tar.gz");
    fails(
        &["--repo_env=RULES_CONTAINER_TOOLS=some/where"],
        &[
            "RULES_CONTAINER_TOOLS is `some/where`, which is not an absolute path",
            "hint: name the folder as in --repo_env=RULES_CONTAINER_TOOLS=$PWD/some/where",
        ],
    );
    let empty = format!(
        "--repo_env=RULES_CONTAINER_TOOLS={}",
        folder.path().display()
    );
    fails(
        &[&empty],
        &[
            "where there is none of the programs: pull, layer, assemble, push",
            "hint: build them with `cargo build --release`",
        ],
    );

    let (url, sha256) = archive(folder.path());
    let prebuilt = |platform: &str, sha256: &str, urls: &str| {
        let tag = format!(
            "tools.prebuilt(platform = \"{platform}\", sha256 = \"{sha256}\", urls = [{urls}])\n"
        );
        module(folder.path(), &tag, "");
    };
    let host = if cfg!(target_arch = "aarch64") {
        "linux_arm64"
    } else {
        "linux_amd64"
    };
    // The first mirror does not have it.
    prebuilt(
        host,
        &sha256,
        &format!("\"file:///not/there.tar\", \"{url}\""),
    );
    bazel.succeed(&["build", "//:layer"]);
    assert!(
        bazel.read("layer.tar.gz") == want,
        "prebuilt programs write other bytes"
    );
    prebuilt(host, &"0".repeat(64), &format!("\"{url}\""));
    fails(&[], &[&sha256, &"0".repeat(64)]);
    prebuilt("plan9_mips", &sha256, &format!("\"{url}\""));
    fails(
        &[],
        &[
            "tools.prebuilt: `platform` is `plan9_mips`; allowed: linux_amd64, linux_arm64, darwin_amd64, darwin_arm64, windows_amd64",
        ],
    );
    prebuilt(host, "abc", &format!("\"{url}\""));
    fails(
        &[],
        &[
            "`sha256` of ",
            " is `abc`; allowed: 64 hexadecimal digits",
            "hint: `sha256sum` prints them",
        ],
    );
    prebuilt(host, &sha256, "");
    fails(
        &[],
        &[
            "`urls` of ",
            " is empty; allowed: one URL or more, tried in order",
        ],
    );

    let own = "load(\"@rules_container//rules:toolchain.bzl\", \"container_toolchain\")\n\
               container_toolchain(name = \"own\", layer = \"my_layer\")\n";
    let workspace = module(folder.path(), "register_toolchains(\"//:all\")\n", own);
    fs::copy(programs::path("layer"), workspace.join("my_layer")).unwrap();
    bazel.succeed(&["build", "//:layer"]);
    assert!(
        bazel.read("layer.tar.gz") == want,
        "a target's programs write other bytes"
    );
}
