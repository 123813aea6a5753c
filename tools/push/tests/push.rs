//! Pushing to registries in memory: what is sent, what is not, and in which order.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by a panic"
)]

mod common;

use std::path::Path;

use common::{INDEX, MANIFEST, World, sparse, to, to_with, writes};
use layout::Contents;
use oci::{Descriptor, Digest, Index, Manifest, MediaType};
use scripted::{Answer, Auth, Server, Store};

#[test]
fn an_image_arrives_and_is_not_sent_again() {
    let (store, world) = (Store::new(), World::new());
    let digest = world.layout("image", &[b"one", b"two"]);
    let server = store.serve();
    world.request(&[("image", to(&server, "team/app", "1.0 latest"))], "");
    let receipt = world.push();
    assert_eq!(receipt["complete"], true);
    let done = &receipt["repositories"][0];
    assert_eq!(done["sent"].as_array().unwrap().len(), 3);
    assert_eq!(done["tags"]["1.0"], digest.to_string());
    for reference in ["1.0", "latest", &digest.to_string()] {
        let (media_type, bytes) = store.manifest("team/app", reference).unwrap();
        assert_eq!(
            (media_type.as_str(), Digest::of(&bytes)),
            (MANIFEST, digest)
        );
    }
    assert_eq!(store.blob("team/app", &Digest::of(b"two")).unwrap(), b"two");
    assert_eq!(store.open_uploads(), 0);
    // Blobs, then the manifest, then the tags.
    let puts: Vec<String> = writes(&server)
        .into_iter()
        .filter(|line| line.contains("/manifests/"))
        .collect();
    let manifest = |reference: &str| format!("PUT /v2/team/app/manifests/{reference}");
    assert_eq!(
        puts,
        [
            manifest(&digest.to_string()),
            manifest("1.0"),
            manifest("latest")
        ]
    );
    assert!(writes(&server).last().unwrap().contains("manifests/latest"));
    // Once more: one question for each tag, and not a word more.
    let before = server.requests().len();
    let receipt = world.push();
    assert_eq!(
        receipt["repositories"][0]["unchanged"],
        serde_json::json!(["1.0", "latest"])
    );
    let again = server.lines().split_off(before);
    let head = |tag: &str| format!("HEAD /v2/team/app/manifests/{tag}");
    assert_eq!(again, [head("1.0"), head("latest")]);
}

/// Repositories with tags that can't move refuse even the same content (containers-roadmap #2179).
#[test]
fn immutable_tags() {
    let (store, world) = (Store::new(), World::new());
    world.layout("image", &[b"one"]);
    let server = store.serve();
    world.request(&[("image", to(&server, "a", "1"))], "");
    world.push();
    store.set_fault(|request| {
        (request.method == "PUT").then(|| Answer::error(400, "TAG_INVALID", "immutable"))
    });
    world.push();
}

#[test]
fn a_plan_writes_nothing() {
    let (store, world) = (Store::new(), World::new());
    let digest = world.layout("image", &[b"one", b"two"]);
    store.add_blob("a", b"one");
    let server = store.serve();
    world.request(&[("image", to(&server, "a", "1"))], "");
    let plan: serde_json::Value =
        serde_json::from_str(&world.well(&["request.json", "--plan"])).unwrap();
    let stop = &plan["repositories"][0];
    assert_eq!(
        stop["present"],
        serde_json::json!([Digest::of(b"one").to_string()])
    );
    assert_eq!(stop["missing"].as_array().unwrap().len(), 2);
    assert_eq!(stop["manifests"], serde_json::json!([digest.to_string()]));
    assert_eq!(stop["tags"]["1"], "write");
    assert_eq!(writes(&server), Vec::<String>::new());
}

#[test]
fn only_what_changed_is_sent() {
    let (store, world) = (Store::new(), World::new());
    world.layout("first", &[b"base", b"app 1"]);
    world.layout("second", &[b"base", b"app 2"]);
    let server = store.serve();
    world.request(&[("first", to(&server, "a", "1"))], "");
    world.push();
    world.request(&[("second", to(&server, "a", "1"))], "");
    let receipt = world.push();
    let done = &receipt["repositories"][0];
    // The layer and the config.
    assert_eq!(
        (&done["present"], done["sent"].as_array().unwrap().len()),
        (&1.into(), 2)
    );
}

#[test]
fn twenty_images_that_share_layers() {
    let (store, world) = (Store::new(), World::new());
    let names: Vec<String> = (0..20).map(|n| format!("image{n}")).collect();
    for name in &names {
        world.layout(name, &[b"base", b"runtime", name.as_bytes()]);
    }
    let server = store.serve();
    let images: Vec<(&str, String)> = names
        .iter()
        .map(|name| (name.as_str(), to(&server, "a", name)))
        .collect();
    world.request(&images, "");
    world.push();
    // Each blob is asked for once and sent once: two in common, a layer and a config of each.
    let count = |word: &str, part: &str| {
        server
            .lines()
            .iter()
            .filter(|line| line.starts_with(word) && line.contains(part))
            .count()
    };
    assert_eq!(
        (
            count("HEAD", "/blobs/"),
            count("POST", "/blobs/uploads/"),
            count("PUT", "/blobs/uploads/")
        ),
        (42, 42, 42)
    );
    assert_eq!(count("PUT", "/manifests/"), 40);
}

#[test]
fn a_blob_goes_once_to_a_registry() {
    let (store, world) = (Store::new(), World::new());
    world.layout("image", &[b"one", b"two"]);
    let server = store.serve();
    let both = format!("{},{}", to(&server, "a", "1"), to(&server, "b", "1"));
    world.request(&[("image", both)], "");
    let receipt = world.push();
    assert_eq!(
        receipt["repositories"][0]["sent"].as_array().unwrap().len(),
        3
    );
    assert_eq!(
        receipt["repositories"][1]["mounted"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    assert_eq!(receipt["repositories"][1]["bytes_sent"], 0);
    assert!(store.manifest("b", "1").is_some());
}

#[test]
fn layers_that_are_elsewhere_are_mounted_or_sent_on() {
    // The same registry: mounted.
    let (store, world) = (Store::new(), World::new());
    store.add_blob("library/base", b"base layer");
    let server = store.serve();
    sparse(&world, "near", &server.host(), &[b"base layer"]);
    world.request(&[("near", to(&server, "a", "1"))], "");
    let receipt = world.push();
    assert_eq!(
        receipt["repositories"][0]["mounted"],
        serde_json::json!([Digest::of(b"base layer").to_string()])
    );
    // Another registry: on its way through memory.
    let other = Store::new();
    other.add_blob("library/base", b"base layer");
    let other = other.serve();
    let target = Store::new();
    let target_server = target.serve();
    sparse(&world, "far", &other.host(), &[b"base layer"]);
    world.request(&[("far", to(&target_server, "a", "1"))], "");
    world.push();
    assert_eq!(
        target.blob("a", &Digest::of(b"base layer")).unwrap(),
        b"base layer"
    );
    // A source that gives other bytes: nothing gets there.
    let liar = Server::start(|_| Answer::new(200).body("base LAYER"));
    let target = Store::new();
    let target_server = target.serve();
    sparse(&world, "lied", &liar.host(), &[b"base layer"]);
    world.request(&[("lied", to(&target_server, "a", "1"))], "");
    let error = world.run(&["request.json"]);
    assert!(!error.status.success());
    assert!(target.blob("a", &Digest::of(b"base layer")).is_none());
    assert!(target.manifest("a", "1").is_none());
}

#[test]
fn an_index_children_first() {
    let (store, world) = (Store::new(), World::new());
    let mut contents = Contents::default();
    let children = vec![
        world.image(&mut contents, &[b"amd64"], None),
        world.image(&mut contents, &[b"arm64"], None),
    ];
    let index = Index::new(children).to_bytes().unwrap();
    let root = contents.add_document(MediaType::known(INDEX), index);
    contents.list(root.clone());
    world.finish(&contents, "index");
    let server = store.serve();
    world.request(&[("index", to(&server, "a", "1"))], "");
    world.push();
    // A strict registry refuses an index before its children.
    assert_eq!(store.manifest("a", "1").unwrap().0, INDEX);
    let receipt = world.receipt();
    let manifests = receipt["repositories"][0]["manifests"].as_array().unwrap();
    assert_eq!(
        (manifests.len(), &manifests[2]),
        (3, &root.digest.to_string().into())
    );
}

#[test]
fn what_is_done_with_a_tag_that_is_there() {
    let (store, world) = (Store::new(), World::new());
    let (old, new) = (
        world.layout("old", &[b"old"]),
        world.layout("new", &[b"new"]),
    );
    let server = store.serve();
    let push = |layout: &str, existing: &str| {
        world.request(&[(layout, to_with(&server, "a", "1", existing))], "");
        let _ = std::fs::remove_file(world.path("receipt.json"));
        world.run(&["request.json", "--receipt", "receipt.json"])
    };
    let now = || Digest::of(&store.manifest("a", "1").unwrap().1);
    assert!(push("old", r#""keep""#).status.success());
    assert_eq!(now(), old);
    assert!(push("new", r#""keep""#).status.success());
    assert_eq!(now(), old);
    assert_eq!(
        world.receipt()["repositories"][0]["kept"],
        serde_json::json!(["1"])
    );
    let output = push("new", &format!(r#"{{"expect":"{new}"}}"#));
    assert_eq!(now(), old, "not yet");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(
        error,
        format!(
            "push: //app:push: the tag `1` of `{}/a` does not lead where it is expected to\n  expected: {new}\n  found:    {old}\nhint: see who has moved it; nothing has been written\n",
            server.host()
        )
    );
    assert!(!world.path("receipt.json").exists());
    assert!(
        push("new", &format!(r#"{{"expect":"{old}"}}"#))
            .status
            .success()
    );
    assert_eq!(now(), new);
    assert!(push("old", r#""replace""#).status.success());
    assert_eq!(now(), old);
}

#[test]
fn a_push_that_fails_moves_no_tag_and_says_how_far_it_came() {
    let (store, world) = (Store::new(), World::new());
    world.layout("one", &[b"one"]);
    world.layout("two", &[b"two"]);
    let server = store.serve();
    store.set_fault(|request| {
        let fails = request.method == "PUT" && request.path.starts_with("/v2/b/manifests/");
        fails.then(|| Answer::error(403, "DENIED", "read only"))
    });
    world.request(
        &[
            ("one", to(&server, "a", "1")),
            ("two", to(&server, "b", "1")),
        ],
        "",
    );
    let error = world.fails(1, &["request.json", "--receipt", "receipt.json"]);
    assert!(
        error.contains("the registry refuses") && error.contains("read only"),
        "{error}"
    );
    let receipt = world.receipt();
    assert_eq!(receipt["complete"], false);
    assert_eq!(
        receipt["repositories"][0]["manifests"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        receipt["repositories"][1]["sent"].as_array().unwrap().len(),
        2
    );
    assert_eq!(
        receipt["repositories"][1]["manifests"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
    for repository in ["a", "b"] {
        assert!(store.manifest(repository, "1").is_none());
    }
}

/// Layouts of two things that refer to `subject`, `first` and `second`; their digests.
fn referrers(world: &World, subject: &Descriptor) -> Vec<Digest> {
    let mut roots = Vec::new();
    for name in ["first", "second"] {
        let mut contents = Contents::default();
        let config = contents.add_document(
            "application/vnd.example.sbom".parse().unwrap(),
            name.as_bytes().to_vec(),
        );
        let mut manifest = Manifest::new(config, vec![]);
        manifest.subject = Some(subject.clone());
        let descriptor =
            contents.add_document(MediaType::known(MANIFEST), manifest.to_bytes().unwrap());
        contents.list(descriptor.clone());
        world.finish(&contents, name);
        roots.push(descriptor.digest);
    }
    roots
}

/// The same with the API: the registry says that it has taken note, and keeps the list itself.
#[test]
fn referrers_of_a_registry_that_lists_them_get_no_tag() {
    let (store, world) = (Store::new(), World::new());
    let subject = Descriptor::of(MediaType::known(MANIFEST), b"the subject");
    let mut roots = referrers(&world, &subject);
    store.set_referrers(Some(10));
    let server = store.serve();
    for name in ["first", "second", "second"] {
        world.request(&[(name, to(&server, "a", ""))], "");
        world.push();
    }
    let tag = oci::reference::referrers_tag(&subject.digest);
    assert!(store.manifest("a", &tag).is_none());
    assert!(!server.lines().iter().any(|line| line.ends_with(&tag)));
    // The list, as anybody gets it.
    let list = store.answer(&scripted::Request {
        method: "GET".into(),
        path: format!("/v2/a/referrers/{}", subject.digest),
        ..scripted::Request::default()
    });
    let index = Index::read(list.bytes(), &MediaType::known(INDEX)).unwrap();
    let mut listed: Vec<Digest> = index.manifests.iter().map(|one| one.digest).collect();
    listed.sort();
    roots.sort();
    assert_eq!(listed, roots);
}

#[test]
fn referrers_are_listed_where_the_registry_keeps_no_list() {
    let (store, world) = (Store::new(), World::new());
    let subject = Descriptor::of(MediaType::known(MANIFEST), b"the subject");
    let roots = referrers(&world, &subject);
    // The strict store wants what a manifest refers to; the subject's digest is one of those.
    store.add_blob("a", b"the subject");
    let server = store.serve();
    for name in ["first", "second", "second"] {
        world.request(&[(name, to(&server, "a", ""))], "");
        world.push();
    }
    let tag = oci::reference::referrers_tag(&subject.digest);
    let (media_type, bytes) = store.manifest("a", &tag).unwrap();
    assert_eq!(media_type, INDEX);
    let index = Index::read(&bytes, &MediaType::known(INDEX)).unwrap();
    let listed: Vec<Digest> = index.manifests.iter().map(|one| one.digest).collect();
    assert_eq!(listed, roots);
    let kind = index.manifests[0].artifact_type.clone().unwrap();
    assert_eq!(kind.as_str(), "application/vnd.example.sbom");
}

#[test]
fn logins() {
    let (store, world) = (Store::new(), World::new());
    world.layout("image", &[b"one"]);
    store.set_auth(Auth::Token("u".into(), "hunter2".into()));
    let server = store.serve();
    world.request(&[("image", to(&server, "a", "1"))], "");
    let error = world.fails(1, &["request.json"]);
    assert!(error.contains("none: no credentials are given"), "{error}");
    world.write(
        "auth.json",
        &format!(
            r#"{{"auths":{{"{}":{{"username":"u","password":"hunter2"}}}}}}"#,
            server.host()
        ),
    );
    world.request(
        &[("image", to(&server, "a", "1"))],
        r#""access":{"credentials":{"file":"auth.json"}}"#,
    );
    world.push();
    assert!(store.manifest("a", "1").is_some());
}

#[test]
fn requests_that_cannot_be() {
    let (store, world) = (Store::new(), World::new());
    world.layout("one", &[b"one"]);
    world.layout("two", &[b"two"]);
    let server = store.serve();
    for (images, expected) in [
        (
            vec![("one", r#"{"repository":"r.example/a:1"}"#.to_owned())],
            "it has a tag or a digest",
        ),
        (
            vec![("one", r#"{"repository":"r.example/A"}"#.to_owned())],
            "is not a repository to push to",
        ),
        (vec![("one", to(&server, "a", "-x"))], "`-x` is not a tag"),
        (
            vec![
                ("one", to(&server, "a", "1")),
                ("two", to(&server, "a", "1")),
            ],
            "two images want the tag `1`",
        ),
        (
            vec![("nowhere", to(&server, "a", "1"))],
            "is not an OCI layout",
        ),
        (
            vec![(
                "one",
                r#"{"repository":"r.example/a","tag":"1"}"#.to_owned(),
            )],
            "unknown field `tag`",
        ),
    ] {
        world.request(&images, "");
        let error = world.fails(1, &["request.json"]);
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(server.requests(), []);
    let error = world.fails(2, &[]);
    assert!(error.contains("required arguments"), "{error}");
    // A receipt that is there is not overwritten, and nothing is sent.
    world.write("receipt.json", "mine");
    world.request(&[("one", to(&server, "a", "1"))], "");
    let error = world.fails(1, &["request.json", "--receipt", "receipt.json"]);
    assert!(
        error.contains("the output `receipt.json` exists"),
        "{error}"
    );
    assert_eq!(writes(&server), Vec::<String>::new());
    assert!(Path::new(&world.path("receipt.json")).exists());
}

/// An image that a repository has already is where others mount its blobs from.
#[test]
fn what_is_there_is_mounted_elsewhere() {
    let (store, world) = (Store::new(), World::new());
    let server = store.serve();
    world.layout("image", &[b"one", b"two"]);
    world.request(&[("image", to(&server, "a", "1"))], "");
    world.push();
    // Only where it is named: the registry knows by itself of nothing.
    store.set_fault(|request| {
        let anonymous = request.parameter("mount").is_some() && request.parameter("from").is_none();
        anonymous.then(|| Answer::error(400, "UNSUPPORTED", "from where"))
    });
    let both = [to(&server, "a", "1"), to(&server, "b", "1")].join(",");
    world.request(&[("image", both)], "");
    let done = world.push();
    assert_eq!(done["repositories"][0]["unchanged"][0], "1");
    assert_eq!(
        done["repositories"][1]["mounted"].as_array().unwrap().len(),
        3
    );
    assert_eq!(done["repositories"][1]["bytes_sent"], 0);
}

#[test]
fn where_logins_are_found() {
    let (store, world) = (Store::new(), World::new());
    store.set_auth(Auth::Basic("u".into(), "hunter2".into()));
    let server = store.serve();
    world.layout("image", &[b"x"]);
    let host = server.host();
    world.write(
        "auth.json",
        &format!(r#"{{"auths":{{"{host}":{{"auth":"dTpodW50ZXIy"}}}}}}"#),
    );
    let places = [
        to(&server, "a/b", "1"),
        to(&server, "a/b", "2"),
        to(&server, "c", "1"),
    ]
    .join(",");
    world.request(
        &[("image", places)],
        r#""access":{"credentials":{"file":"auth.json"}}"#,
    );
    let text = world.well(&["request.json", "--explain-auth"]);
    let shown: serde_json::Value = serde_json::from_str(&text).unwrap();
    let source = format!("auth.json, entry `{host}`");
    assert_eq!(
        shown,
        serde_json::json!([
            {"repository": format!("{host}/a/b"), "login": "password", "source": source},
            {"repository": format!("{host}/c"), "login": "password", "source": source},
        ])
    );
    assert!(!text.contains("hunter2") && !text.contains("dTpodW50ZXIy"));
    assert_eq!(server.requests(), []);
    world.request(&[("image", to(&server, "c", "1"))], "");
    let text = world.well(&["request.json", "--explain-auth"]);
    assert!(text.contains("none: no credentials are given"), "{text}");
}
