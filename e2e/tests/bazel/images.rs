//! Images out of a lock: what is asked of whom, and when.

use std::fs;
use std::path::Path;
use std::process::Command;

use e2e::bazel::{self, Bazel};
use e2e::{blob, programs};
use scripted::{Server, Store};
use serde_json::{Value, json};

use crate::{ONE, module, scratch};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

fn tar(path: &str, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o755);
    tar.append_data(&mut header, path, content).unwrap();
    tar.into_inner().unwrap()
}

fn described(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": blob::digest(bytes), "size": bytes.len()})
}

/// Puts an image into a repository; its descriptor.
fn image(store: &Store, name: &str, tag: Option<&str>, cpu: &str, layers: &[Vec<u8>]) -> Value {
    let diff_ids: Vec<String> = layers.iter().map(|layer| blob::digest(layer)).collect();
    let config = json!({"architecture": cpu, "os": "linux", "config": {"Env": ["FROM=base"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids}})
    .to_string();
    let blobs = [config.as_bytes()].into_iter();
    for bytes in blobs.chain(layers.iter().map(Vec::as_slice)) {
        store.add_blob(name, bytes);
    }
    let layers: Vec<Value> = layers.iter().map(|bytes| described(LAYER, bytes)).collect();
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST,
        "config": described(CONFIG, config.as_bytes()), "layers": layers})
    .to_string();
    store.add_manifest(name, tag, MANIFEST, manifest.as_bytes());
    let mut descriptor = described(MANIFEST, manifest.as_bytes());
    descriptor["platform"] = json!({"os": "linux", "architecture": cpu});
    descriptor
}

/// `team/base:12` for two platforms and `team/other:1` for one; all three have a layer in common.
fn fill(store: &Store, release: &str) {
    let common = tar("etc/common", "common");
    let amd64 = [common.clone(), tar("bin/app", format!("amd64 {release}"))];
    let arm64 = [common.clone(), tar("bin/app", format!("arm64 {release}"))];
    let manifests = [
        image(store, "team/base", None, "amd64", &amd64),
        image(store, "team/base", None, "arm64", &arm64),
    ];
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}).to_string();
    store.add_manifest("team/base", Some("12"), INDEX, index.as_bytes());
    image(store, "team/other", Some("1"), "amd64", &[common]);
}

fn pull(workspace: &Path, words: &[&str]) {
    let output = Command::new(programs::path("pull"))
        .args(words)
        .current_dir(workspace)
        .env_clear()
        .env("HOME", workspace)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

const MODULE: &str = "\
    images = use_extension(\"@rules_container//rules:extensions.bzl\", \"images\")\n\
    images.lock(file = \"//:images.lock.json\", images = [\"base\", \"absent\"])\n\
    use_repo(images, \"images\")\n";

const BUILD: &str = "\
    load(\"@rules_container//rules:defs.bzl\", \"container_index\")\n\
    [platform(name = name, constraint_values = [\"@platforms//os:linux\", \"@platforms//cpu:\" + cpu]) for name, cpu in [(\"amd64\", \"x86_64\"), (\"arm64\", \"aarch64\"), (\"riscv64\", \"riscv64\")]]\n\
    container_image(name = \"image\", base = \"@images//:base\", layers = [\":layer\"], repo_tags = [\"example.com/image:1\"])\n\
    container_image(name = \"on_other\", base = \"@images//:other\", layers = [\":layer\"], repo_tags = [\"example.com/other:1\"])\n\
    container_image(name = \"on_one_platform\", base = \"@images//base:linux_arm64\", platform = \":arm64\")\n\
    container_image(name = \"on_index\", base = \"@images//base:index\", platform = \":arm64\")\n\
    container_image(name = \"any\", base = \"@images//:base\", layers = [\":layer\"])\n\
    container_index(name = \"index\", images = [\":any\"], platforms = [\":amd64\", \":arm64\"])\n\
    container_image(name = \"no_platform\", base = \"@images//:base\", platform = \":riscv64\")\n\
    container_image(name = \"no_entry\", base = \"@images//:absent\", platform = \":amd64\")\n";

const SANDBOX: [&str; 2] = [
    "--spawn_strategy=linux-sandbox",
    "--nosandbox_default_allow_network",
];

/// What was asked of the registry since `from`, sorted; and that no tag was.
#[track_caller]
fn asked(server: &Server, from: &mut usize) -> Vec<String> {
    let mut lines = server.lines().split_off(*from);
    *from += lines.len();
    assert!(
        lines.iter().all(|line| line.contains("sha256:")),
        "{lines:?}"
    );
    lines.sort();
    lines
}

/// No registry is asked before something names an image; then for documents alone; for a layer when its bytes
/// are wanted, once for all images; and never for a tag.
#[test]
fn a_lock_is_asked_for_no_more_than_is_needed() {
    if !bazel::can("Bazel's images out of a lock") {
        return;
    }
    let _one = ONE.lock();
    let folder = scratch();
    let store = Store::new();
    fill(&store, "one");
    let server = store.serve();
    let workspace = module(folder.path(), MODULE, BUILD);
    let base = format!("base={}/team/base:12", server.host());
    let other = format!("other={}/team/other:1", server.host());
    pull(&workspace, &["lock", &base, &other]);
    let bazel = Bazel::new(&workspace, &folder.path().join("root"))
        .with_programs()
        .with(SANDBOX);
    let mut from = server.lines().len();

    bazel.succeed(&["build", "//:layer", "@images//:update"]);
    assert_eq!(asked(&server, &mut from), [""; 0]);
    bazel.succeed(&["build", "//:image"]);
    let lines = asked(&server, &mut from);
    // One platform: what the tag led to is not needed to get there.
    assert_eq!(lines.len(), 2, "{lines:?}");
    let digest = |name: &str| String::from_utf8(bazel.read(&format!("{name}.digest"))).unwrap();
    bazel.succeed(&["build", "//:on_one_platform"]);
    let one_platform = digest("on_one_platform");
    bazel.succeed(&["build", "//:on_index"]);
    assert_eq!(one_platform, digest("on_index"));
    let lines = asked(&server, &mut from);
    // Another platform, and all of it: root, two manifests, two configs.
    assert_eq!(lines.len(), 2 + 5, "{lines:?}");

    // All bytes: three layers of `base`, one of which `other` has too.
    let whole = "--output_groups=layout,archive,docker_archive";
    bazel.succeed(&["build", "//:image", "//:on_other", "//:index", whole]);
    let lines = asked(&server, &mut from);
    assert_eq!(lines.len(), 3 + 2, "{lines:?}");
    let tree = e2e::tree::read(&bazel.output("index.layout"));
    // Layers: ours and three; configs, manifests and the index.
    let blobs = tree.keys().filter(|path| path.components().count() == 3);
    assert_eq!(blobs.count(), 4 + 2 + 2 + 1, "{:?}", tree.keys());
    assert!(!tree.contains_key(Path::new("sparse.json")));
    let archive = bazel.read("image.docker.tar");

    // What the programs say reaches the user, with a label.
    for (target, words) in [
        (
            "//:no_platform",
            vec![
                "assemble: //:no_platform: no image in `",
                "is for the platform linux/riscv64",
                "platforms: linux/amd64, linux/arm64",
            ],
        ),
        (
            "//:no_entry",
            vec![
                "pull: @images//:absent: ",
                "has no image `absent`",
                "  image: base\n  image: other\n",
                "hint: run `pull lock absent=REFERENCE`, or take one of the images",
                "with Bazel: bazel run @images//:lock -- absent=REFERENCE",
            ],
        ),
    ] {
        let output = bazel.run(&["build", target]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{target}");
        for word in words {
            assert!(said.contains(word), "`{word}` is not in:\n{said}");
        }
    }

    // The tag moves: a check says so, and an update takes it over, in the source tree.
    bazel.succeed(&["run", "@images//:check"]);
    fill(&store, "two");
    let output = bazel.run(&["run", "@images//:check"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    for word in [
        "pull: @images//:check: ",
        "`base` (",
        "/team/base:12)",
        "locked sha256:",
        "now    sha256:",
    ] {
        assert!(said.contains(word), "`{word}` is not in:\n{said}");
    }
    let lock = || fs::read_to_string(workspace.join("images.lock.json")).unwrap();
    let before = (lock(), digest("image"));
    from = server.lines().len();
    bazel.succeed(&["build", "//:image"]);
    assert_eq!(
        (lock(), digest("image")),
        before,
        "a tag moved, and a build"
    );
    assert_eq!(asked(&server, &mut from), [""; 0]);
    bazel.succeed(&["run", "@images//:update", "--", "base"]);
    assert_ne!(lock(), before.0);
    bazel.succeed(&["build", "//:image"]);
    assert_ne!(digest("image"), before.1);
    let third = format!("third={}/team/other:1", server.host());
    bazel.succeed(&["run", "@images//:lock", "--", &third]);
    assert!(lock().contains("\"third\""));

    // Without any registry: all images in a folder of the module.
    fs::write(workspace.join("images.lock.json"), &before.0).unwrap();
    fill(&store, "one");
    pull(&workspace, &["vendor", "--out", "vendor"]);
    drop(server);
    module(
        folder.path(),
        &format!("{MODULE}images.settings(mirrors = \"file:vendor,off\")\n"),
        BUILD,
    );
    drop(bazel);
    let bazel = Bazel::new(&workspace, &folder.path().join("other"))
        .with_programs()
        .with(SANDBOX);
    bazel.succeed(&["build", "//:image", whole]);
    assert!(bazel.read("image.docker.tar") == archive);
}

/// What the extension does not take, in the words that its user reads.
#[test]
fn what_the_extension_of_images_refuses() {
    if !bazel::can("what Bazel's extension of images refuses") {
        return;
    }
    let _one = ONE.lock();
    let folder = scratch();
    let use_it = "images = use_extension(\"@rules_container//rules:extensions.bzl\", \"images\")\n";
    let lock = "images.lock(file = \"//:images.lock.json\")\n";
    let good = "{\"kind\": \"images_lock\", \"version\": 1, \"images\": {}}";
    let dependency = |text: &str| {
        format!(
            "bazel_dep(name = \"dep\", version = \"1\")\nlocal_path_override(module_name = \"dep\", path = \"dep\")\n{text}"
        )
    };
    let of_dependency = |text: &str| {
        format!(
            "module(name = \"dep\", version = \"1\")\nbazel_dep(name = \"rules_container\", version = \"0.1.0\")\n{use_it}{text}"
        )
    };
    let workspace = module(folder.path(), "", "");
    fs::create_dir_all(workspace.join("dep")).unwrap();
    fs::write(workspace.join("dep/BUILD.bazel"), "").unwrap();
    fs::write(workspace.join("dep/images.lock.json"), good).unwrap();
    let bazel = Bazel::new(&workspace, &folder.path().join("root"));
    let refuses = |ours: &str, dep: &str, file: &str, words: &[&str]| {
        let text = format!("{use_it}{ours}use_repo(images, \"images\")\n");
        let text = if dep.is_empty() {
            text
        } else {
            dependency(&text)
        };
        module(folder.path(), &text, "");
        fs::write(workspace.join("dep/MODULE.bazel"), of_dependency(dep)).unwrap();
        fs::write(workspace.join("images.lock.json"), file).unwrap();
        let output = bazel.run(&["build", "@images//:all"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{said}");
        for word in words {
            assert!(said.contains(word), "`{word}` is not in:\n{said}");
        }
    };

    refuses(
        lock,
        "",
        "{}",
        &[
            "images.lock: `file` is `@@//:images.lock.json`, which is not a lock file",
            "allowed: JSON as `pull lock` writes it",
            "hint: write `{\"kind\": \"images_lock\", \"version\": 1, \"images\": {}}` into it, and then `bazel run @images//:lock -- NAME=REFERENCE`",
        ],
    );
    refuses(
        lock,
        "",
        &good.replace('1', "2"),
        &[
            "images.lock: `file` is `@@//:images.lock.json`, of version 2",
            "allowed: version 1",
            "hint: take the version of rules_container that it was written for",
        ],
    );
    refuses(
        &lock.replace("json\"", "json\", images = [\"update\"]"),
        "",
        good,
        &[
            "images.lock: an image of `@@//:images.lock.json` is named `update`",
            "allowed: letters, digits, `_`, `.` and `-`, the first a letter or digit, and none of: blobs, check, lock, update",
            "hint: give it another name",
        ],
    );
    refuses(
        &lock.replace("json\"", "json\", name = \"lock\""),
        "",
        good,
        &[
            "images.lock: a repository is named `lock`",
            "allowed: letters, digits, `_`, `.` and `-`, the first a letter or digit, and none of: blobs, check, lock, update",
            "hint: give it another name",
        ],
    );
    refuses(
        &format!("{lock}{lock}"),
        "",
        good,
        &[
            "images.lock: `name` is `images` twice, in the modules `one` and `one`",
            "hint: give one of them another name",
        ],
    );
    refuses(
        &format!("{lock}images.settings(credentials = \"mine\")\n"),
        "",
        good,
        &[
            "images.settings: `credentials` is `mine`",
            "allowed: `lookup`, `anonymous`, or the absolute path of a file as docker's config.json",
            "hint: remove it to take what your own tools take",
        ],
    );
    refuses(
        &format!("{lock}images.settings(requests_at_once = {{\"example.com\": \"many\"}})\n"),
        "",
        good,
        &[
            "images.settings: attribute `requests_at_once` has `many`",
            "allowed: for each host a number from 1 to 255",
            "hint: write `{\"example.com\": \"4\"}`",
        ],
    );
    refuses(
        &format!("{lock}images.settings()\nimages.settings()\n"),
        "",
        good,
        &["images.settings is there twice", "hint: put both into one"],
    );
    refuses(
        lock,
        "images.settings()\n",
        good,
        &[
            "images.settings is in the module `dep`; only the root module says how registries are reached",
            "hint: write it in your own MODULE.bazel, or mark the extension there `dev_dependency = True`",
        ],
    );
    refuses(
        lock,
        lock,
        good,
        &[
            "images.lock in the module `dep`: `name` is `images`",
            "allowed: a name that begins with that of the module, where it is not the root module",
            "hint: write `name = \"dep_images\"` there",
        ],
    );

    // No `pull` for what is fetched before anything is built.
    let text = format!(
        "{use_it}{}use_repo(images, \"images\")\n",
        lock.replace("json\"", "json\", images = [\"absent\"]")
    );
    module(folder.path(), &text, "");
    fs::write(workspace.join("images.lock.json"), good).unwrap();
    for (options, words) in [
        (
            vec![],
            [
                "repositories of images need the program `pull` for this machine (linux_",
                "It is found in one of two ways:",
            ],
        ),
        (
            vec!["--repo_env=RULES_CONTAINER_TOOLS=/usr/share"],
            [
                "RULES_CONTAINER_TOOLS is `/usr/share`, where there is no `pull`",
                "hint: build it with `cargo build --release`, and name the folder it is in",
            ],
        ),
    ] {
        let output = bazel.run(&[vec!["build", "@images//:absent"], options].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        for word in words {
            assert!(said.contains(word), "`{word}` is not in:\n{said}");
        }
    }
}

/// The example that builds on a base out of a registry, loads and pushes.
#[test]
fn the_example_with_a_registry() {
    let tools = ["umoci", "runc", "busybox", "skopeo", "podman", "crane"];
    let check = "the example for Bazel with a registry";
    if !(bazel::can(check) && e2e::outsiders::can(check, &tools)) {
        return;
    }
    let _one = ONE.lock();
    let folder = scratch();
    let busybox = fs::read(e2e::outsiders::find("busybox").unwrap()).unwrap();
    let store = Store::new();
    let cpu = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    image(&store, "base", Some("1"), cpu, &[tar("bin/cat", &busybox)]);
    let server = store.serve();
    let host = server.host();

    // Its own copy, for the lock is written into it.
    let example = programs::workspace().join("examples/bazel/registry");
    let here = folder.path().join("example");
    e2e::tree::copy(&example, &here, e2e::tree::Manner::PLAIN);
    let podman = crate::modules::podman(folder.path());
    let words: Vec<String> = podman.iter().map(|word| format!("\"{word}\"")).collect();
    let command = format!("command = [{}, \"load\"],", words.join(", "));
    for file in ["BUILD.bazel", "MODULE.bazel"] {
        let text = fs::read_to_string(here.join(file)).unwrap();
        let text = text
            .replace("../../..", &programs::workspace().display().to_string())
            .replace("localhost:5000", &host)
            .replace("name = \"load\",", &format!("name = \"load\",\n{command}"));
        fs::write(here.join(file), text).unwrap();
    }
    let bazel = Bazel::new(&here, &folder.path().join("root")).with_programs();
    let base = format!("base={host}/base:1");
    bazel.succeed(&["run", "@images//:lock", "--", &base]);
    bazel.succeed(&["run", "//:push"]);
    bazel.succeed(&["run", "//:load"]);
    bazel.succeed(&["build", "//:image", "//:archive"]);
    let digest = String::from_utf8(bazel.read("image.digest")).unwrap();
    for tag in ["latest", "1.0"] {
        let reference = format!("{host}/motd:{tag}");
        let words = ["digest", "--insecure", &reference];
        let said = e2e::outsiders::run(&here, "crane", &words);
        assert_eq!(String::from_utf8(said).unwrap().trim(), digest);
    }
    let words = ["image", "exists", "example.com/motd:latest"].map(str::to_owned);
    e2e::outsiders::run(&here, "podman", &[&podman[1..], &words].concat());
    let archive = format!("docker-archive:{}", bazel.output("archive.tar").display());
    let work = tempfile::tempdir().unwrap();
    let words = ["copy", "--quiet", &archive, "oci:layout:latest"];
    e2e::outsiders::run(work.path(), "skopeo", &words);
    let said = crate::start(work.path(), &work.path().join("layout"));
    assert_eq!(said, "hello from a registry\n");
}
