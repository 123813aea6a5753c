//! Small modules, made here or among the examples.

use std::fs;
use std::path::Path;

use e2e::bazel::{self, Bazel};
use e2e::programs;
use e2e::registries::registry;

use crate::private::Private;
use crate::{ONE, attested, module, scratch, stamps, start};

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
         container_layer(name = \"names\", contents = {{\"/naïve/日\": \"böx\\n\"}}, symlinks = {{\"/ü\": \"é\"}})\n\
         container_image(name = \"image\", os = \"linux\", architecture = \"amd64\", layers = [{names}])\n"
    );
    let workspace = module(folder.path(), "", &build);
    for number in 0..10 {
        fs::write(workspace.join(format!("{number}.txt")), "before").unwrap();
    }
    let mut bazel = Bazel::new(&workspace, &folder.path().join("root")).with_programs();
    // Java takes from it how it writes names of files; texts of a BUILD file are its own bytes all the same.
    bazel.set("LC_ALL", Path::new("C"));
    bazel.succeed(&["build", "//:names", "--output_groups=listing"]);
    let listing = String::from_utf8(bazel.read("names.listing.ndjson")).unwrap();
    let digest = e2e::blob::digest("böx\n".as_bytes()).replace("sha256:", "");
    for words in [
        format!("\"path\":\"naïve/日\",\"sha256\":\"{digest}\""),
        "\"link\":\"é\"".to_owned(),
        "\"path\":\"ü\"".to_owned(),
    ] {
        assert!(listing.contains(&words), "`{words}` is not in:\n{listing}");
    }
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

/// A program with files of another repository, split: an edit of our own file packs the layer of our own files
/// alone, although the action of the other one could read it.
#[test]
fn an_edit_leaves_the_layer_of_other_repositories() {
    if !bazel::can("an edit of a program that is split by repository") {
        return;
    }
    let _one = ONE.lock();
    let folder = scratch();
    let neighbour = crate::workspace().join("neighbour");
    let head = format!(
        "bazel_dep(name = \"neighbour\", version = \"1.0\")\n\
         local_path_override(module_name = \"neighbour\", path = \"{}\")\n",
        neighbour.display()
    );
    let build = "\
        load(\"@rules_container//rules:defs.bzl\", \"container_binary_layer\")\n\
        load(\":fixtures.bzl\", \"program\")\n\
        program(name = \"program\", data = [\"data.txt\", \"@neighbour//:words.txt\"])\n\
        container_binary_layer(name = \"split\", binary = \":program\", path = \"/app/program\", split = \"repository\")\n";
    let workspace = module(folder.path(), &head, build);
    let fixtures = crate::workspace().join("fixtures.bzl");
    fs::copy(fixtures, workspace.join("fixtures.bzl")).unwrap();
    fs::write(workspace.join("data.txt"), "before").unwrap();
    let bazel = Bazel::new(&workspace, &folder.path().join("root")).with_programs();
    let log = folder.path().join("log.json");
    let option = format!("--execution_log_json_file={}", log.display());
    let build = || {
        bazel.succeed(&["build", "//:split", "--output_groups=+receipt", &option]);
        let layers =
            ["split", "split.external"].map(|name| bazel.read(&format!("{name}.receipt.json")));
        (bazel::spawns(&log).len(), layers)
    };
    let (ran, before) = build();
    assert_eq!(ran, 2);
    fs::write(workspace.join("data.txt"), "after").unwrap();
    let (ran, after) = build();
    assert_eq!(ran, 1);
    assert_ne!(before[0], after[0]);
    assert_eq!(before[1], after[1]);
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
         container_image(name = \"image\", base = \":base\", layers = [\":layer\"], entrypoint = [\"/bin/sh\", \"-c\"], cmd = [\"cat file; echo ' in' $PWD\"], workdir = \"/\", repo_tags = [\"example.com/e2e:latest\"])\n"
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

    let said = start(here.path(), &bazel.output("image.layout"));
    assert_eq!(said, "text in /\n");
}

/// `bazel run` pushes to a real registry: two images in one run, one of them by itself before. crane finds
/// them there, by tag and with the digest that the build said.
#[test]
fn a_push_to_a_registry() {
    let check = "`bazel run` of a push to a registry";
    let tools = ["docker-registry", "crane", "podman", "skopeo", "openssl"];
    if !(bazel::can(check) && e2e::outsiders::can(check, &tools)) {
        return;
    }
    let _one = ONE.lock();
    let folder = scratch();
    let (_registry, host) = registry(folder.path(), "", "");
    let private = Private::start(folder.path());
    let podman = podman(folder.path());
    let command: Vec<String> = [&podman[..], &["load".to_owned()]]
        .concat()
        .iter()
        .map(|word| format!("\"{word}\""))
        .collect();
    let command = command.join(", ");
    let build = format!(
        "load(\"@rules_container//rules:defs.bzl\", \"attested_package\", \"container_archive\", \"container_attest\", \"container_load\", \"container_push\", \"container_push_all\")\n\
         container_push(name = \"push_stamped\", image = \"one\", plain_http = [\"{host}\"], remote_tags = [\"v{{STABLE_VERSION}}-{{BUILD_RUN}}\"], remote_tags_files = [\"tags.txt\"], repository_file = \"repository.txt\", stamp = True)\n\
         container_push(name = \"push_unknown\", image = \"one\", plain_http = [\"{host}\"], remote_tags = [\"{{STABLE_NONE}}\"], repositories = [\"{host}/x\"], stamp = True)\n\
         container_archive(name = \"archive\", image = \"one\", repo_tags = [\"example.com/one:1\"])\n\
         container_load(name = \"load\", image = \"one\", command = [{command}], repo_tags = [\"example.com/one:1\"])\n\
         [container_image(name = name, os = \"linux\", architecture = \"amd64\", layers = [\":layer\"], labels = {{\"name\": name}}) for name in [\"one\", \"two\"]]\n\
         [container_push(name = \"push_\" + name, image = name, plain_http = [\"{host}\"], remote_tags = [\"1.0\", \"latest\"], repositories = [\"{host}/team/\" + name]) for name in [\"one\", \"two\"]]\n\
         container_push_all(name = \"push_all\", pushes = [\":push_one\", \":push_two\"])\n\
         load(\"@rules_container//rules/compat:rules_oci.bzl\", \"oci_load\", \"oci_push\")\n\
         oci_push(name = \"oci_push\", image = \":one\", remote_tags = \":oci_tags.txt\", repository = \":oci_repository.txt\")\n\
         oci_load(name = \"oci_load\", command = [{command}], image = \":one\", repo_tags = \":oci_names.txt\")\n\
         {}{}{}",
        stamps::BUILD,
        private.build(),
        attested::build(&host),
    );
    let workspace = module(folder.path(), "", &build);
    let mut bazel = Bazel::new(&workspace, &folder.path().join("root")).with_programs();
    let digest = |name: &str, tag: &str| {
        let reference = format!("{host}/team/{name}:{tag}");
        let said = e2e::outsiders::run(
            folder.path(),
            "crane",
            &["digest", "--insecure", &reference],
        );
        String::from_utf8(said).unwrap().trim().to_owned()
    };
    bazel.succeed(&["build", "//:one", "//:two"]);
    let built = |name: &str| String::from_utf8(bazel.read(&format!("{name}.digest"))).unwrap();
    let (one, two) = (built("one"), built("two"));
    assert_ne!(one, two);
    bazel.succeed(&["run", "//:push_one"]);
    assert_eq!(digest("one", "1.0"), one);
    bazel.succeed(&["run", "//:push_all"]);
    assert_eq!(digest("one", "latest"), one);
    assert_eq!(digest("two", "latest"), two);
    let reference = format!("{host}/team/two:1.0");
    e2e::outsiders::run(
        folder.path(),
        "crane",
        &["validate", "--insecure", "--remote", &reference],
    );

    // Tags of files, and of the status that this very run has: `push` reads it, no action does.
    fs::write(
        workspace.join("repository.txt"),
        format!("{host}/team/stamped\n"),
    )
    .unwrap();
    fs::write(workspace.join("tags.txt"), "plain\n\nof-{STABLE_VERSION}\n").unwrap();
    for run in ["1", "2"] {
        let option = stamps::status(&workspace, "7", run);
        bazel.succeed(&["run", "//:push_stamped", &option]);
        for tag in [&format!("v7-{run}"), "plain", "of-7"] {
            assert_eq!(digest("stamped", tag), one);
        }
    }
    let output = bazel.run(&["run", "//:push_unknown"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("push: //:push_unknown: `{STABLE_NONE}` asks for `STABLE_NONE`, which no status file has")
            && said.contains("hint: let the program of `--workspace_status_command` print the key"),
        "{said}"
    );

    stamps::check(&bazel, &workspace);
    attested::check(&bazel, &host);

    // An engine gets the same image, and so does a file.
    bazel.succeed(&["run", "//:load"]);
    bazel.succeed(&["build", "//:archive", "//:load", "--output_groups=+tarball"]);
    assert_eq!(bazel.read("load.tar"), bazel.read("archive.tar"));
    let archive = format!("docker-archive:{}", bazel.output("archive.tar").display());
    let config = e2e::outsiders::run(folder.path(), "skopeo", &["inspect", "--raw", &archive]);
    let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
    let words = [
        "image",
        "inspect",
        "--format",
        "{{.Id}}",
        "example.com/one:1",
    ];
    let inspect = [&podman[1..], &words.map(str::to_owned)].concat();
    let id = e2e::outsiders::run(folder.path(), "podman", &inspect);
    let id = format!("sha256:{}", String::from_utf8(id).unwrap().trim());
    assert_eq!(config["config"]["digest"], id.as_str());

    private.check(&mut bazel, &workspace);

    // The same by the names of rules_oci, with files in the place of lists.
    let files = [
        ("oci_repository.txt", format!("{host}/team/oci")),
        ("oci_tags.txt", "1.0\nnext\n".to_owned()),
        ("oci_names.txt", "example.com/oci:1\n".to_owned()),
    ];
    for (file, text) in files {
        fs::write(workspace.join(file), text).unwrap();
    }
    bazel.succeed(&["run", "//:oci_push"]);
    assert_eq!([digest("oci", "1.0"), digest("oci", "next")], [&one[..]; 2]);
    bazel.succeed(&["run", "//:oci_load"]);
    let words = ["image", "exists", "example.com/oci:1"].map(str::to_owned);
    let exists = [&podman[1..], &words].concat();
    e2e::outsiders::run(folder.path(), "podman", &exists);

    // What the program says reaches the user, with the target's label.
    drop(_registry);
    let output = bazel.run(&["run", "//:push_two"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("push: //:push_two: "),
        "{said}"
    );
}

/// podman, with storage of its own.
pub(crate) fn podman(folder: &Path) -> Vec<String> {
    let folder = folder.join("podman").display().to_string();
    let words = format!(
        "podman --root {folder}/root --runroot {folder}/run --storage-driver=vfs --cgroup-manager=cgroupfs --events-backend=file"
    );
    words.split(' ').map(str::to_owned).collect()
}

/// Each example is a module of its own.
#[test]
fn the_examples_do_what_they_say() {
    let tools = ["umoci", "runc", "gcc", "python3", "tar"];
    let check = "the examples for Bazel";
    if !(bazel::can(check) && e2e::outsiders::can(check, &tools)) {
        return;
    }
    let _one = ONE.lock();
    let folder = scratch();
    let workspace = programs::workspace().join("examples/bazel/c");
    let bazel = Bazel::with_c(&workspace, &folder.path().join("root")).with_programs();
    bazel.succeed(&[
        "build",
        "//:image",
        "--output_groups=+layout,+docker_archive",
    ]);
    let here = tempfile::tempdir().unwrap();
    let said = start(here.path(), &bazel.output("image.layout"));
    assert_eq!(said, "hello from a container\n");
    drop(bazel);

    let workspace = programs::workspace().join("examples/bazel/python");
    let bazel = Bazel::new(&workspace, &folder.path().join("root")).with_programs();
    bazel.succeed(&["test", "//...", "--test_output=errors"]);
    bazel.succeed(&["build", "//:layer"]);
    let here = tempfile::tempdir().unwrap();
    let layer = bazel.output("layer.tar.gz").display().to_string();
    e2e::outsiders::run(here.path(), "tar", &["-xzf", &layer]);
    let said = e2e::outsiders::run(here.path(), "python3", &["app/greet"]);
    assert_eq!(
        String::from_utf8(said).unwrap(),
        "hello, container\nhello, bazel\n"
    );
}

/// Bazel's own rule for Python programs puts empty files into runfiles that no action makes: they are in the
/// layer, and the program runs from it.
#[test]
fn a_program_with_empty_runfiles() {
    let check = "a layer of a `py_binary` with empty runfiles";
    if !(bazel::can(check) && e2e::outsiders::can(check, &["gcc", "python3", "tar"])) {
        return;
    }
    let _one = ONE.lock();
    let folder = scratch();
    let build = "\
        load(\"@rules_container//rules:defs.bzl\", \"container_binary_layer\")\n\
        py_library(name = \"words\", srcs = [\"a/b/words.py\"])\n\
        py_binary(name = \"main\", srcs = [\"main.py\"], deps = [\":words\"], legacy_create_init = 1)\n\
        container_binary_layer(name = \"program\", binary = \":main\", path = \"/app/main\")\n";
    let toolchain = "register_toolchains(\"@bazel_tools//tools/python:autodetecting_toolchain\")\n";
    let workspace = module(folder.path(), toolchain, build);
    fs::create_dir_all(workspace.join("a/b")).unwrap();
    fs::write(workspace.join("a/b/words.py"), "WORDS = 'from a package'\n").unwrap();
    let main = "import a, a.b.words\nprint(a.b.words.WORDS, a.__file__ is not None)\n";
    fs::write(workspace.join("main.py"), main).unwrap();
    let bazel = Bazel::with_c(&workspace, &folder.path().join("root")).with_programs();
    bazel.succeed(&["build", "//:program", "--output_groups=+listing"]);
    let listing = String::from_utf8(bazel.read("program.listing.ndjson")).unwrap();
    for path in ["a/__init__.py", "a/b/__init__.py"] {
        let path = format!("\"path\":\"app/main.runfiles/_main/{path}\"");
        let line = listing.lines().find(|line| line.contains(&path));
        assert!(
            line.is_some_and(|line| line.contains("\"size\":0,")),
            "{listing}"
        );
    }
    let here = tempfile::tempdir().unwrap();
    let layer = bazel.output("program.tar.gz").display().to_string();
    e2e::outsiders::run(here.path(), "tar", &["-xzf", &layer]);
    let said = e2e::outsiders::run(here.path(), "python3", &["app/main"]);
    assert_eq!(String::from_utf8(said).unwrap(), "from a package True\n");
}

/// Macros refuse when their BUILD file is loaded.
#[test]
fn the_macros_for_who_comes_from_rules_oci_say_what_they_do_not_take() {
    if !bazel::can("what macros refuse") {
        return;
    }
    let _one = ONE.lock();
    let folder = scratch();
    let root = folder.path().join("root");
    let workspace = module(folder.path(), "", "");
    let bazel = Bazel::new(&workspace, &root).with_programs();
    for (attribute, value, allowed, hint) in [
        (
            "loader",
            "\":podman\"",
            "nothing",
            "write the program and its words: `command = [\"podman\", \"load\"]`",
        ),
        (
            "format",
            "\"oci\"",
            "docker",
            "use `container_archive(form = \"oci\")` for a file",
        ),
    ] {
        let macros = workspace.join("use.bzl");
        let text = format!(
            "load(\"@rules_container//rules/compat:rules_oci.bzl\", \"oci_load\")\n\
             def use():\n    oci_load(image = \":layer\", name = \"app\", {attribute} = {value})\n"
        );
        fs::write(macros, text).unwrap();
        fs::write(
            workspace.join("BUILD.bazel"),
            "load(\":use.bzl\", \"use\")\nuse()\n",
        )
        .unwrap();
        let output = bazel.run(&["build", "//:app"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{attribute}: {said}");
        let words = [
            format!("app: attribute `{attribute}` has `"),
            format!("  allowed: {allowed}"),
            format!("hint: {hint}"),
        ];
        for word in words {
            assert!(said.contains(&word), "`{word}` is not in:\n{said}");
        }
    }
}
