//! Where images come from and where else than to registries they go.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by a panic"
)]

mod common;

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;

use common::{LAYER, World, to, writes};
use layout::{Contents, Links, Reader};
use oci::receipt::{
    ImageNode, ImageReceipt, LayerNode, LayerReceipt, LayerReceiptKind, Node, Source,
};
use oci::{Digest, MediaType};
use scripted::Store;
use serde_json::{Value, json};

const ONE: &[u8] = b"layer one";
const TWO: &[u8] = b"the other layer";

/// A sparse layout of an image of `ONE` and `TWO` that says of no place that has them.
fn nowhere(world: &World, name: &str) -> Digest {
    let mut contents = Contents::default();
    let here: [&[u8]; 2] = [ONE, TWO];
    let descriptor = world.image_without(&mut contents, &here, Vec::new());
    contents.list(descriptor.clone());
    world.finish(&contents, name);
    descriptor.digest
}

/// The receipt of a layer.
fn receipt(world: &World, name: &str, bytes: &[u8]) {
    let digest = Digest::of(bytes);
    let receipt = LayerReceipt {
        kind: LayerReceiptKind::LayerReceipt,
        version: LayerReceipt::VERSION,
        origin: format!("//:{name}"),
        media_type: MediaType::known(LAYER),
        digest,
        size: bytes.len() as u64,
        diff_id: digest,
        unpacked_size: None,
        codec: None,
        annotations: BTreeMap::new(),
        history: None,
        sources: Vec::new(),
        entries: None,
        elf_machines: Vec::new(),
    };
    std::fs::write(world.path(name), receipt.to_bytes().unwrap()).unwrap();
}

/// A program in the place of `layer`: it notes how it was called, and says what the request holds.
fn program(world: &World, script: &str) {
    let path = world.path("maker");
    world.write(
        "maker",
        &format!("#!/bin/sh\necho \"$@\" >>called\n{script}\n"),
    );
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn request(world: &World, images: &Value, more: &[(&str, Value)]) {
    let mut request =
        json!({"kind": "push", "version": 1, "origin": "//app:push", "images": images});
    for (key, value) in more {
        request[*key] = value.clone();
    }
    world.write("request.json", &request.to_string());
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Names and contents of the files in a tar.
fn untar(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(bytes).entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.header().entry_type().is_file() {
            let name = entry.path().unwrap().display().to_string();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            files.insert(name, content);
        }
    }
    files
}

#[test]
fn layers_from_files_and_from_the_program_that_makes_them() {
    let (store, world) = (Store::new(), World::new());
    let server = store.serve();
    let digest = nowhere(&world, "sparse");
    for (name, bytes) in [("one.receipt", ONE), ("two.receipt", TWO)] {
        receipt(&world, name, bytes);
    }
    std::fs::write(world.path("one.tar"), ONE).unwrap();
    std::fs::write(world.path("two.request"), TWO).unwrap();
    program(&world, r#"cat "$1""#);
    let blobs = json!([
        {"receipt": "one.receipt", "file": "one.tar"},
        {"receipt": "two.receipt", "request": "two.request"},
    ]);
    let image =
        json!([{"layout": "sparse", "blobs": blobs, "to": [value(&to(&server, "a", "1"))]}]);
    let program = [("layer_program", json!(world.path("maker")))];
    request(&world, &image, &program);
    // The plan makes nothing.
    let plan = value(&world.well(&["request.json", "--plan"]));
    assert_eq!(plan["repositories"][0]["bytes"], 24 + config_size(&plan));
    assert!(!world.path("called").exists());
    let done = world.push();
    assert_eq!(done["repositories"][0]["sent"].as_array().unwrap().len(), 3);
    assert_eq!(store.blob("a", &Digest::of(ONE)).unwrap(), ONE);
    assert_eq!(store.blob("a", &Digest::of(TWO)).unwrap(), TWO);
    assert!(store.manifest("a", &digest.to_string()).is_some());
    let called = std::fs::read_to_string(world.path("called")).unwrap();
    assert_eq!(called, "two.request --out -\n");
    // What is there is not made again.
    world.push();
    let called = std::fs::read_to_string(world.path("called")).unwrap();
    assert_eq!(called.lines().count(), 1);
    // Without the program it is said which layer wants it; a blob that nothing needs does no harm.
    request(&world, &image, &[]);
    let error = world.fails(1, &["request.json"]);
    assert!(
        error.contains("the layer of `two.request` can only be made again"),
        "{error}"
    );
}

fn config_size(plan: &Value) -> u64 {
    let missing = plan["repositories"][0]["missing"].as_array().unwrap();
    let sizes = missing.iter().map(|one| one["size"].as_u64().unwrap());
    sizes.sum::<u64>() - (ONE.len() + TWO.len()) as u64
}

#[test]
fn a_layer_that_is_not_made_as_before_is_not_sent() {
    let (store, world) = (Store::new(), World::new());
    let server = store.serve();
    nowhere(&world, "sparse");
    receipt(&world, "one.receipt", ONE);
    receipt(&world, "two.receipt", TWO);
    std::fs::write(world.path("one.tar"), ONE).unwrap();
    let blobs = json!([
        {"receipt": "one.receipt", "file": "one.tar"},
        {"receipt": "two.receipt", "request": "two.request"},
    ]);
    let to = value(&to(&server, "a", "1"));
    let image = json!([{"layout": "sparse", "blobs": blobs, "to": [to],
        "into": [{"oci_archive": {"path": "a.tar"}}]}]);
    request(
        &world,
        &image,
        &[("layer_program", json!(world.path("maker")))],
    );
    let other = "is not the one of its receipt";
    for (script, expected) in [
        // Other bytes of the same size, more, fewer, a failure, no program.
        ("printf 'THE OTHER LAYER'", other),
        ("printf 'the other layer and more'", other),
        ("printf 'the other'", other),
        (
            "printf 'the other layer'; exit 3",
            "ended with exit status: 3",
        ),
        ("printf 'the'; exit 1", "ended with exit status: 1"),
    ] {
        program(&world, script);
        let error = world.fails(1, &["request.json"]);
        assert!(error.contains(expected), "{script}: {error}");
        assert!(error.contains("the layer of `two.request`"), "{error}");
        assert!(store.blob("a", &Digest::of(TWO)).is_none());
        assert!(store.manifest("a", "1").is_none());
        assert!(!world.path("a.tar").exists());
    }
    std::fs::remove_file(world.path("maker")).unwrap();
    let error = world.fails(1, &["request.json"]);
    assert!(error.contains("can't be run"), "{error}");
    // A file that is not the layer: by its size, before anything is asked; else by the registry.
    let before = server.requests().len();
    world.write("one.tar", "short");
    let error = world.fails(1, &["request.json"]);
    assert!(error.contains("does not have its size"), "{error}");
    assert_eq!(server.requests().len(), before);
}

#[test]
fn a_receipt_of_assemble_says_which_image_and_where_its_layers_are() {
    let (store, world) = (Store::new(), World::new());
    let server = store.serve();
    let digest = nowhere(&world, "sparse");
    store.add_blob("base", ONE);
    store.add_blob("base", TWO);
    let layer = |bytes: &[u8]| LayerNode {
        origin: None,
        media_type: MediaType::known(LAYER),
        digest: Digest::of(bytes),
        size: bytes.len() as u64,
        diff_id: None,
        chain_id: None,
        present: false,
        sources: vec![Source {
            registry: server.host(),
            repository: "base".into(),
        }],
    };
    let reader = Reader::open(&world.path("sparse"), Links::Refuse).unwrap();
    let image = reader.read_image(&reader.index().manifests[0]).unwrap();
    let node = |digest| {
        Node::Image(ImageNode {
            media_type: image.descriptor.media_type.clone(),
            digest,
            size: image.descriptor.size,
            platform: None,
            config_media_type: image.manifest.config.media_type.clone(),
            config_digest: image.manifest.config.digest,
            config_size: image.manifest.config.size,
            base: None,
            layers: vec![layer(ONE), layer(TWO)],
        })
    };
    let write = |digest| {
        let receipt = ImageReceipt::new("//app".into(), node(digest));
        std::fs::write(world.path("image.receipt"), receipt.to_bytes().unwrap()).unwrap();
    };
    write(digest);
    let to = value(&to(&server, "a", "1"));
    let image = |more: Value| {
        let mut image = json!({"receipt": "image.receipt", "documents": "sparse", "to": [to]});
        for (key, value) in more.as_object().unwrap() {
            image[key] = value.clone();
        }
        request(&world, &json!([image]), &[]);
    };
    image(json!({}));
    let done = world.push();
    assert_eq!(
        done["repositories"][0]["mounted"].as_array().unwrap().len(),
        2
    );
    assert_eq!(done["repositories"][0]["tags"]["1"], digest.to_string());
    // A receipt of another image, no documents, two sources.
    write(Digest::of(b"other"));
    assert!(world.fails(1, &["request.json"]).contains("has the digest"));
    write(digest);
    for (more, expected) in [
        (
            json!({"documents": null}),
            "its `receipt` goes with `documents`",
        ),
        (json!({"layout": "sparse"}), "a `layout` and something else"),
        (
            json!({"digest": digest.to_string()}),
            "says the digest already",
        ),
        (
            json!({"receipt": null}),
            "it has none of `layout`, `receipt` and `from`",
        ),
        (json!({"to": []}), "`images[0]` goes nowhere"),
        (json!({"blobs": [{"receipt": "r"}]}), "cannot open `r`"),
    ] {
        image(more);
        let error = world.fails(1, &["request.json"]);
        assert!(error.contains(expected), "{expected}: {error}");
    }
    receipt(&world, "one.receipt", ONE);
    image(json!({"blobs": [{"receipt": "one.receipt"}]}));
    let error = world.fails(1, &["request.json"]);
    assert!(error.contains("either a `file` or a `request`"), "{error}");
    image(json!({"blobs": [{"receipt": "image.receipt", "file": "x"}]}));
    let error = world.fails(1, &["request.json"]);
    assert!(
        error.contains("`image.receipt`: expected a document of kind `layer_receipt`"),
        "{error}"
    );
}

#[test]
fn stamped_tags_and_repositories() {
    let (store, world) = (Store::new(), World::new());
    let server = store.serve();
    let digest = world.layout("image", &[ONE]);
    world.write("repository", &format!("\n {}/team/app \n", server.host()));
    world.write("tags", "1.0\n\n  1 \r\nlatest\n1.0");
    let to = |more: Value| {
        let mut to = json!({"repository_from": "repository", "tags": ["1"], "tags_from": ["tags"]});
        for (key, value) in more.as_object().unwrap() {
            to[key] = value.clone();
        }
        request(&world, &json!([{"layout": "image", "to": [to]}]), &[]);
    };
    to(json!({}));
    let done = world.push();
    let tags: Vec<_> = done["repositories"][0]["tags"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(tags, ["1", "1.0", "latest"]);
    for tag in ["1", "1.0", "latest"] {
        let (_, bytes) = store.manifest("team/app", tag).unwrap();
        assert_eq!(Digest::of(&bytes), digest);
    }
    let refused = |more: Value| {
        to(more);
        world.fails(1, &["request.json"])
    };
    world.write("tags", "1.0 rc");
    assert_eq!(
        refused(json!({})),
        "push: //app:push: `1.0 rc` is not a tag\n  file: tags\nhint: a tag has letters, digits, `_`, `.` and `-`, and at most 128 of them\n"
    );
    std::fs::write(world.path("tags"), b"\xff").unwrap();
    assert!(refused(json!({})).contains("`tags` is not text"));
    let error = refused(json!({"tags_from": ["none"]}));
    assert!(error.contains("cannot open `none`"), "{error}");
    world.write("repository", "{STABLE_REPOSITORY}");
    let error = refused(json!({"tags_from": []}));
    assert!(
        error.contains("is not a repository") && error.contains("file: repository"),
        "{error}"
    );
    let error = refused(json!({"repository": "r.example/a"}));
    assert!(
        error.contains("either a `repository` or a `repository_from`"),
        "{error}"
    );
    let error = refused(json!({"repository_from": null}));
    assert!(
        error.contains("either a `repository` or a `repository_from`"),
        "{error}"
    );
}

#[test]
fn layouts_and_archives_are_whole_whatever_lacked() {
    let world = World::new();
    let digest = nowhere(&world, "sparse");
    receipt(&world, "one.receipt", ONE);
    receipt(&world, "two.receipt", TWO);
    std::fs::write(world.path("one.tar"), ONE).unwrap();
    program(&world, "printf 'the other layer'");
    let image = json!([{"layout": "sparse",
    "blobs": [
        {"receipt": "one.receipt", "file": "one.tar"},
        {"receipt": "two.receipt", "request": "two.request"},
    ],
    "into": [
        {"layout": {"path": "layout", "names": ["1.0", "example.com/app:2"]}},
        {"oci_archive": {"path": "oci.tar", "names": ["1.0"]}},
        {"docker_archive": {"path": "docker.tar", "names": ["app:latest"], "names_from": ["names"]}},
        {"load": {"command": ["sh", "-c", "cat >loaded.tar"], "names": ["app:latest", "app:2"]}},
    ]}]);
    world.write("names", "app:2\n");
    request(
        &world,
        &image,
        &[("layer_program", json!(world.path("maker")))],
    );
    let plan = value(&world.well(&["request.json", "--plan"]));
    let expected = json!([
        {"layout": {"path": "layout", "digest": digest.to_string(), "names": ["1.0", "example.com/app:2"]}},
        {"oci_archive": {"path": "oci.tar", "digest": digest.to_string(), "names": ["1.0"]}},
        {"docker_archive": {"path": "docker.tar", "digest": digest.to_string(),
            "names": ["docker.io/library/app:latest", "docker.io/library/app:2"]}},
        {"load": {"command": ["sh", "-c", "cat >loaded.tar"], "digest": digest.to_string(),
            "names": ["docker.io/library/app:latest", "docker.io/library/app:2"]}},
    ]);
    assert_eq!(plan["into"], expected);
    assert!(!world.path("layout").exists() && !world.path("called").exists());
    assert_eq!(world.push()["into"], expected);
    // The layout is whole, and has both names.
    assert!(!world.path("layout/sparse.json").exists());
    let reader = Reader::open(&world.path("layout"), Links::Refuse).unwrap();
    assert_eq!(reader.select(None, Some("1.0")).unwrap().digest, digest);
    assert_eq!(reader.select(None, Some("2")).unwrap().digest, digest);
    for bytes in [ONE, TWO] {
        let blob = world
            .path("layout/blobs/sha256")
            .join(Digest::of(bytes).hex());
        assert_eq!(std::fs::read(blob).unwrap(), bytes);
    }
    let read = |name: &str| std::fs::read(world.path(name)).unwrap();
    let oci = untar(&read("oci.tar"));
    assert!(oci.contains_key("oci-layout") && !oci.contains_key("manifest.json"));
    assert_eq!(oci[&format!("blobs/sha256/{}", Digest::of(TWO).hex())], TWO);
    // What is loaded is what would be the archive.
    assert_eq!(read("docker.tar"), read("loaded.tar"));
    let docker = value(std::str::from_utf8(&untar(&read("docker.tar"))["manifest.json"]).unwrap());
    assert_eq!(
        docker[0]["RepoTags"],
        json!(["docker.io/library/app:latest", "docker.io/library/app:2"])
    );
    // An output that is there stays.
    let error = world.fails(1, &["request.json"]);
    assert!(error.contains("the output `layout` exists"), "{error}");
}

#[test]
fn layers_of_archives_come_from_registries_as_they_are_written() {
    let (store, world) = (Store::new(), World::new());
    let server = store.serve();
    store.add_blob("base", ONE);
    let source = |path: &str| Source {
        registry: server.host(),
        repository: path.into(),
    };
    let mut contents = Contents::default();
    let sources = vec![source("base"), source("nowhere")];
    let descriptor = world.image_without(&mut contents, &[ONE], sources);
    contents.list(descriptor);
    world.finish(&contents, "sparse");
    let image = json!([{"layout": "sparse", "into": [{"oci_archive": {"path": "a.tar"}}]}]);
    request(&world, &image, &[]);
    world.well(&["request.json"]);
    let files = untar(&std::fs::read(world.path("a.tar")).unwrap());
    assert_eq!(
        files[&format!("blobs/sha256/{}", Digest::of(ONE).hex())],
        ONE
    );
    assert_eq!(writes(&server), Vec::<String>::new());
    // Where nobody has it any more, the registry's words are shown, and nothing is left.
    std::fs::remove_file(world.path("a.tar")).unwrap();
    store.set_fault(|_| Some(scripted::Answer::error(404, "BLOB_UNKNOWN", "gone")));
    let error = world.fails(1, &["request.json"]);
    assert!(error.contains("the registry says: gone"), "{error}");
    assert_eq!(std::fs::read_dir(world.path(".")).unwrap().count(), 2);
}

#[test]
fn several_images_share_a_layout_and_no_docker_archive() {
    let world = World::new();
    let (one, two) = (
        world.layout("one", &[ONE]),
        world.layout("two", &[ONE, TWO]),
    );
    let images = |form: &str| {
        let into = |name: &str| json!([{form: {"path": "out", "names": [name]}}]);
        json!([
            {"layout": "one", "into": into("app:1")},
            {"layout": "two", "into": into("app:2")},
        ])
    };
    request(&world, &images("layout"), &[]);
    world.well(&["request.json"]);
    let reader = Reader::open(&world.path("out"), Links::Refuse).unwrap();
    assert_eq!(reader.select(None, Some("1")).unwrap().digest, one);
    assert_eq!(reader.select(None, Some("2")).unwrap().digest, two);
    request(&world, &images("docker_archive"), &[]);
    let error = world.fails(1, &["request.json"]);
    assert!(error.contains("two images want to be `out`"), "{error}");
    for (into, expected) in [
        (
            json!({"load": {"command": []}}),
            "the `command` of its `load` is empty",
        ),
        (
            json!({"docker_archive": {"path": "x", "names": ["latest"]}}),
            "cannot name an image",
        ),
        (
            json!({"layout": {"path": "x", "names": ["A:b"]}}),
            "neither a tag nor a reference",
        ),
    ] {
        request(&world, &json!([{"layout": "one", "into": [into]}]), &[]);
        let error = world.fails(1, &["request.json"]);
        assert!(error.contains(expected), "{error}");
        assert!(!world.path("x").exists());
    }
}

/// Whoever loads and fails is told of; tags have not moved then.
#[test]
fn a_load_that_fails_ends_the_push_before_its_tags() {
    let (store, world) = (Store::new(), World::new());
    let server = store.serve();
    let noise: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
    world.layout("image", &[&noise]);
    let image = |command: Value| {
        let to = value(&to(&server, "a", "1"));
        json!([{"layout": "image", "to": [to], "into": [{"load": {"command": command}}]}])
    };
    for (command, expected) in [
        (
            json!(["sh", "-c", "exit 7"]),
            "`sh -c exit 7` did not take the image: exit status: 7",
        ),
        (
            json!(["sh", "-c", "cat >/dev/null; exit 7"]),
            "did not take the image: exit status: 7",
        ),
        (
            json!(["no-such-program"]),
            "`no-such-program` did not take the image: it can't be run",
        ),
        (
            json!(["true"]),
            "cannot write the archive to who is to read it",
        ),
    ] {
        request(&world, &image(command), &[]);
        let _ = std::fs::remove_file(world.path("receipt.json"));
        let error = world.fails(3, &["request.json", "--receipt", "receipt.json"]);
        assert!(error.contains(expected), "{error}");
        assert_eq!(world.receipt()["complete"], false);
        assert!(store.manifest("a", "1").is_none());
    }
    request(&world, &image(json!(["sh", "-c", "cat >/dev/null"])), &[]);
    world.push();
    assert!(store.manifest("a", "1").is_some());
}

#[test]
fn one_platform_of_an_index() {
    let world = World::new();
    let mut contents = Contents::default();
    let mut list = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let mut image = world.image(&mut contents, &[architecture.as_bytes()], None);
        image.platform = Some(oci::Platform::parse(&format!("linux/{architecture}")).unwrap());
        list.push(image);
    }
    let bytes = oci::Index::new(list.clone()).to_bytes().unwrap();
    let index = contents.add_document(MediaType::known(common::INDEX), bytes);
    contents.list(index);
    world.finish(&contents, "index");
    let image = |platform: &str| {
        let into = json!([{"docker_archive": {"path": "a.tar", "names": ["app:1"]}}]);
        request(
            &world,
            &json!([{"layout": "index", "platform": platform, "into": into}]),
            &[],
        );
    };
    image("linux/arm64");
    assert_eq!(
        world.push()["into"][0]["docker_archive"]["digest"],
        list[1].digest.to_string()
    );
    image("linux/s390x");
    let error = world.fails(1, &["request.json"]);
    assert!(
        error.contains("platforms: linux/amd64, linux/arm64"),
        "{error}"
    );
    image("what/is/this/here");
    let error = world.fails(1, &["request.json"]);
    assert!(error.contains("is not a platform"), "{error}");
    let into = json!([{"docker_archive": {"path": "b.tar"}}]);
    request(&world, &json!([{"layout": "index", "into": into}]), &[]);
    assert!(world.fails(1, &["request.json"]).contains("not an index"));
}
