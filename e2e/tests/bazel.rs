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

const IMAGES: [&str; 8] = [
    "base",
    "image",
    "index",
    "mixed",
    "named_platform",
    "on_foreign",
    "on_index",
    "unset",
];

/// What the last build of `//image/...` made: a golden text for each image, its digest and then every file
/// of its layout, documents in full.
fn images(bazel: &Bazel) -> BTreeMap<&'static str, String> {
    let texts = IMAGES.map(|name| {
        let digest = String::from_utf8(bazel.read(&format!("image/{name}.digest"))).unwrap();
        let layout = e2e::tree::read(&bazel.output(&format!("image/{name}.layout")));
        let listing = e2e::blob::tree_listing(&layout).unwrap();
        let root = format!("blobs/sha256/{}", digest.replace("sha256:", ""));
        assert!(
            layout.contains_key(Path::new(&root)),
            "{name}: {digest} is not in the layout"
        );
        let sparse = e2e::tree::read(&bazel.output(&format!("image/{name}.sparse")));
        assert!(sparse.contains_key(Path::new(&root)), "{name}");
        assert!(sparse.contains_key(Path::new("sparse.json")), "{name}");
        (name, format!("{digest}\n{listing}"))
    });
    BTreeMap::from(texts)
}

const BUILD: [&str; 4] = [
    "build",
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
        .filter_map(|(name, text)| compare(&format!("{name}.ndjson"), &text))
        .collect();
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

/// Another output base, another workspace folder, optimised, many jobs, mapped paths: the same bytes.
/// Then a disk cache serves a clean output base, and another target platform, with nothing run.
#[test]
fn the_same_bytes_everywhere() {
    if !bazel::can("what Bazel rules make is the same in any output base and mode") {
        return;
    }
    let _one = ONE.lock();
    let here = user();
    here.succeed(&BUILD);
    let (want, want_images) = (layers(&here), images(&here));
    drop(here);

    let folder = scratch();
    let other = Bazel::new(&workspace(), &folder.path().join("root")).with_programs();
    let cache = format!("--disk_cache={}", folder.path().join("cache").display());
    let build = |options: &[&str]| {
        let said = other.succeed(&[&["build", BUILD[3]], options].concat());
        assert_eq!(layers(&other), want, "{options:?}");
        bazel::processes(&said).to_owned()
    };
    build(&[BUILD[1], BUILD[2], "-c", "opt", "--jobs=16", "--copt=-O3"]);
    assert_eq!(images(&other), want_images);
    let strip = "--experimental_output_paths=strip";
    let apart = "--experimental_platform_in_output_dir";
    let first = build(&[BUILD[2], strip, apart, &cache, "--platforms=//:linux_amd64"]);
    assert!(first.contains("linux-sandbox"), "{first}");
    // Layers do not know what they are for: they are there already. But for one: the list of what a
    // part of a split program leaves out is written by Bazel itself, which does not map paths in it.
    let log = folder.path().join("log.json");
    let log_option = format!("--execution_log_json_file={}", log.display());
    build(&[
        BUILD[2],
        strip,
        apart,
        &cache,
        "--platforms=//:linux_arm64",
        &log_option,
    ]);
    let ran: Vec<String> = bazel::spawns(&log)
        .into_iter()
        .filter(|spawn| !spawn.cached && spawn.mnemonic == "ContainerLayer")
        .map(|spawn| spawn.target)
        .collect();
    assert_eq!(ran, ["//layer:split_layer"]);
    other.succeed(&["clean"]);
    let clean = build(&[BUILD[2], strip, apart, &cache, "--platforms=//:linux_amd64"]);
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

/// An image of ten layers; then one source file is edited: its layer's action runs, and the one that
/// makes the documents. Nothing that an action of documents reads is a layer.
#[test]
fn an_edit_moves_one_layer() {
    if !bazel::can("an edit packs one layer and writes documents") {
        return;
    }
    let _one = ONE.lock();
    let folder = scratch();
    let layers: String = (0..10)
        .map(|number| format!("container_layer(name = \"layer{number}\", srcs = {{\"/{number}\": \"{number}.txt\"}})\n"))
        .collect();
    let names: Vec<String> = (0..10)
        .map(|number| format!("\":layer{number}\""))
        .collect();
    let names = names.join(", ");
    let build = format!(
        "{layers}\
         container_image(name = \"image\", os = \"linux\", architecture = \"amd64\", layers = [{names}])\n"
    );
    let workspace = module(folder.path(), "", &build);
    for number in 0..10 {
        fs::write(workspace.join(format!("{number}.txt")), "before").unwrap();
    }
    let bazel = Bazel::new(&workspace, &folder.path().join("root")).with_programs();
    let log = folder.path().join("log.json");
    let option = format!("--execution_log_json_file={}", log.display());
    let build = || {
        bazel.succeed(&["build", "//:image", &option]);
        let mut ran: Vec<_> = bazel::spawns(&log);
        ran.sort_by(|a, b| a.target.cmp(&b.target));
        ran
    };
    assert_eq!(build().len(), 11);
    let digest = bazel.read("image.digest");
    fs::write(workspace.join("7.txt"), "after").unwrap();
    let ran = build();
    let what: Vec<_> = ran
        .iter()
        .map(|spawn| (spawn.target.as_str(), spawn.mnemonic.as_str()))
        .collect();
    assert_eq!(
        what,
        [
            ("//:image", "ContainerImage"),
            ("//:layer7", "ContainerLayer")
        ]
    );
    assert_ne!(bazel.read("image.digest"), digest);
    let blobs: Vec<&str> = ran[0]
        .inputs
        .iter()
        .map(|input| input.path.as_str())
        .filter(|path| path.contains(".tar"))
        .collect();
    assert!(blobs.is_empty(), "the documents were made from {blobs:?}");
    assert!(build().is_empty(), "nothing changed, and something ran");
}

/// skopeo copies what was built, with every digest checked; umoci unpacks it and runc starts it.
#[test]
fn a_container_of_what_was_built() {
    let tools = ["skopeo", "umoci", "runc", "busybox"];
    let check = "a container of an image that Bazel rules made";
    if !(bazel::can(check) && e2e::outsiders::can(check, &tools)) {
        return;
    }
    let _one = ONE.lock();
    let folder = scratch();
    let architecture = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    let build = format!(
        "\
         container_layer(name = \"box\", srcs = {{\"/bin/busybox\": \"program\"}}, symlinks = {{\"/bin/sh\": \"busybox\", \"/bin/cat\": \"busybox\"}})\n\
         container_image(name = \"base\", os = \"linux\", architecture = \"{architecture}\", layers = [\":box\"], env = {{\"PATH\": \"/bin\"}})\n\
         container_image(name = \"image\", base = \":base\", layers = [\":layer\"], entrypoint = [\"/bin/sh\", \"-c\"], cmd = [\"cat file; echo ' in' $PWD\"], workdir = \"/\", repo_tags = [\"latest\"])\n"
    );
    let workspace = module(folder.path(), "", &build);
    let busybox = e2e::outsiders::find("busybox").unwrap();
    fs::copy(busybox, workspace.join("program")).unwrap();
    let bazel = Bazel::new(&workspace, &folder.path().join("root")).with_programs();
    bazel.succeed(&[
        "build",
        "//:image",
        "--output_groups=+archive,+docker_archive,+layout",
    ]);

    let here = tempfile::tempdir().unwrap();
    for (form, name) in [
        ("oci-archive", "image.oci.tar"),
        ("docker-archive", "image.docker.tar"),
    ] {
        let archive = format!("{form}:{}", bazel.output(name).display());
        let copy = format!("dir:{form}");
        e2e::outsiders::run(here.path(), "skopeo", &["copy", "--quiet", &archive, &copy]);
    }
    let manifest = fs::read(here.path().join("oci-archive/manifest.json")).unwrap();
    let digest = String::from_utf8(bazel.read("image.digest")).unwrap();
    assert_eq!(e2e::blob::digest(&manifest), digest);

    let source = format!("{}:latest", bazel.output("image.layout").display());
    e2e::outsiders::run(
        here.path(),
        "umoci",
        &["unpack", "--image", &source, "bundle"],
    );
    e2e::outsiders::without_cgroups(&here.path().join("bundle/config.json"));
    let container = format!("e2e-bazel-{}", std::process::id());
    let words = ["--root", "state", "run", "--bundle", "bundle", &container];
    let said = e2e::outsiders::run(here.path(), "runc", &words);
    assert_eq!(String::from_utf8(said).unwrap(), "text in /\n");
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
