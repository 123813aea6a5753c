//! Promoting: one digest from a registry or a layout to others, with what refers to it.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by a panic"
)]

mod common;

use common::{CONFIG, INDEX, LAYER, MANIFEST, World, writes};
use layout::Contents;
use oci::{Descriptor, Digest, Index, Manifest, MediaType};
use scripted::{Answer, Server, Store};
use serde_json::{Value, json};

const SPDX: &str = "application/spdx+json";
const SIGNATURE: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";

/// A staging registry with an index of two images; the descriptor of the index.
fn staged(store: &Store) -> Descriptor {
    let mut list = Vec::new();
    for name in ["one", "two"] {
        let layer = Descriptor::of(MediaType::known(LAYER), name.as_bytes());
        store.add_blob("staging", name.as_bytes());
        let config = format!(
            r#"{{"architecture":"{name}","os":"linux","rootfs":{{"diff_ids":["{}"],"type":"layers"}}}}"#,
            layer.digest
        );
        store.add_blob("staging", config.as_bytes());
        let config = Descriptor::of(MediaType::known(CONFIG), config.as_bytes());
        let bytes = Manifest::new(config, vec![layer]).to_bytes().unwrap();
        store.add_manifest("staging", None, MANIFEST, &bytes);
        list.push(Descriptor::of(MediaType::known(MANIFEST), &bytes));
    }
    let bytes = Index::new(list).to_bytes().unwrap();
    store.add_manifest("staging", Some("1.0"), INDEX, &bytes);
    Descriptor::of(MediaType::known(INDEX), &bytes)
}

/// A document of a type that refers to `subject`.
fn refer(store: &Store, subject: &Descriptor, kind: &str, tag: Option<&str>) -> Descriptor {
    let kind: MediaType = kind.parse().unwrap();
    let text = format!("{kind} of {}", subject.digest);
    store.add_blob("staging", b"{}");
    store.add_blob("staging", text.as_bytes());
    let empty = Descriptor::of(MediaType::known("application/vnd.oci.empty.v1+json"), b"{}");
    let layer = Descriptor::of(kind.clone(), text.as_bytes());
    let mut manifest = Manifest::new(empty, vec![layer]);
    manifest.artifact_type = Some(kind.clone());
    manifest.subject = Some(Descriptor::new(
        subject.media_type.clone(),
        subject.digest,
        subject.size,
    ));
    let bytes = manifest.to_bytes().unwrap();
    store.add_manifest("staging", tag, MANIFEST, &bytes);
    let mut listed = Descriptor::of(MediaType::known(MANIFEST), &bytes);
    listed.artifact_type = Some(kind);
    listed
}

/// The list of referrers that clients keep.
fn list(store: &Store, subject: &Digest, referrers: Vec<Descriptor>) {
    let tag = oci::reference::referrers_tag(subject);
    let bytes = Index::new(referrers).to_bytes().unwrap();
    store.add_manifest("staging", Some(&tag), INDEX, &bytes);
}

fn request(world: &World, image: Value) {
    let request =
        json!({"kind": "push", "version": 1, "origin": "//app:promote", "images": [image]});
    world.write("request.json", &request.to_string());
}

fn from(server: &Server) -> String {
    format!("{}/staging:1.0", server.host())
}

fn promote<'a>(world: &World, words: &[&'a str], from: &'a str, to: &'a [String]) -> Vec<&'a str> {
    let _ = std::fs::remove_file(world.path("receipt.json"));
    let mut all = vec![
        "promote",
        from,
        "--settings",
        "settings.json",
        "--receipt",
        "receipt.json",
    ];
    for to in to {
        all.extend(["--to", to.as_str()]);
    }
    all.extend(words);
    all
}

fn world() -> World {
    let world = World::new();
    world.write("settings.json", "{}");
    world
}

#[test]
fn one_digest_to_several_registries_and_tags() {
    let (store, one, two) = (Store::new(), Store::new(), Store::new());
    let index = staged(&store);
    let child = {
        let (_, bytes) = store.manifest("staging", "1.0").unwrap();
        Index::read(&bytes, &MediaType::known(INDEX))
            .unwrap()
            .manifests[0]
            .clone()
    };
    let signature = refer(&store, &index, SIGNATURE, None);
    let of_child = refer(&store, &child, SPDX, None);
    let of_signature = refer(&store, &signature, SPDX, None);
    list(&store, &index.digest, vec![signature.clone()]);
    list(&store, &child.digest, vec![of_child.clone()]);
    list(&store, &signature.digest, vec![of_signature.clone()]);
    two.set_referrers(Some(1));
    let servers = [store.serve(), one.serve(), two.serve()];
    let to = [
        format!("{}/prod/app:1.0", servers[1].host()),
        format!("{}/prod/app:latest", servers[1].host()),
        format!("{}/mirror/app:1.0", servers[2].host()),
    ];
    let world = world();
    let digest = index.digest.to_string();
    let from = from(&servers[0]);
    world.well(&promote(&world, &["--expect-digest", &digest], &from, &to));
    let receipt = world.receipt();
    assert_eq!(
        (&receipt["complete"], &receipt["origin"]),
        (&json!(true), &json!(from))
    );
    for (at, (store, path)) in [(&one, "prod/app"), (&two, "mirror/app")]
        .into_iter()
        .enumerate()
    {
        let done = &receipt["repositories"][at];
        assert_eq!(done["manifests"].as_array().unwrap().len(), 6, "{done}");
        let mut referrers = serde_json::Map::new();
        for one in [&signature, &of_child, &of_signature] {
            let kind = one.artifact_type.as_ref().unwrap().to_string();
            referrers.insert(one.digest.to_string(), kind.into());
        }
        assert_eq!(done["referrers"], Value::from(referrers));
        assert_eq!(done["tags"]["1.0"], digest);
        assert!(done.get("replaced").is_none());
        for one in [&index, &child, &signature, &of_child, &of_signature] {
            assert!(store.manifest(path, &one.digest.to_string()).is_some());
        }
        assert_eq!(store.blob(path, &Digest::of(b"two")).unwrap(), b"two");
        assert_eq!(store.open_uploads(), 0);
    }
    assert!(one.manifest("prod/app", "latest").is_some());
    // A list where the registry keeps none, and none where it does.
    let tag = oci::reference::referrers_tag(&index.digest);
    assert!(one.manifest("prod/app", &tag).is_some());
    assert!(two.manifest("mirror/app", &tag).is_none());
    // Blobs everywhere before the first tag anywhere; tags at the end.
    let of = |server: &Server| {
        writes(server)
            .into_iter()
            .filter(|line| line.starts_with("PUT"))
            .collect::<Vec<_>>()
    };
    let (first, second) = (of(&servers[1]), of(&servers[2]));
    assert!(
        first[first.len() - 2].ends_with("manifests/1.0"),
        "{first:?}"
    );
    assert!(first[first.len() - 1].ends_with("manifests/latest"));
    assert!(second[second.len() - 1].ends_with("manifests/1.0"));

    // Once more: nothing is written.
    let before = [writes(&servers[1]).len(), writes(&servers[2]).len()];
    world.well(&promote(&world, &[], &from, &to));
    assert_eq!(
        [writes(&servers[1]).len(), writes(&servers[2]).len()],
        before
    );
    assert_eq!(
        world.receipt()["repositories"][0]["unchanged"],
        json!(["1.0", "latest"])
    );
}

#[test]
fn by_type_and_by_cosigns_tags() {
    let (store, target) = (Store::new(), Store::new());
    let index = staged(&store);
    let tag = format!("{}.sig", oci::reference::referrers_tag(&index.digest));
    let sbom = refer(&store, &index, SPDX, None);
    let signature = refer(&store, &index, SIGNATURE, Some(&tag));
    list(&store, &index.digest, vec![sbom.clone()]);
    let servers = [store.serve(), target.serve()];
    let (from, world) = (from(&servers[0]), world());
    let to = |path: &str| [format!("{}/{path}:1", servers[1].host())];
    let has =
        |path: &str, one: &Descriptor| target.manifest(path, &one.digest.to_string()).is_some();
    world.well(&promote(
        &world,
        &["--referrers", SIGNATURE],
        &from,
        &to("a"),
    ));
    assert!(!has("a", &sbom) && has("a", &signature));
    assert_eq!(
        world.receipt()["repositories"][0]["tags"][&tag],
        signature.digest.to_string()
    );
    world.well(&promote(
        &world,
        &["--referrers", SPDX, "application/x"],
        &from,
        &to("b"),
    ));
    assert!(has("b", &sbom) && !has("b", &signature) && target.manifest("b", &tag).is_none());
    world.well(&promote(&world, &["--referrers", "none"], &from, &to("c")));
    assert!(has("c", &index) && !has("c", &sbom) && !has("c", &signature));
    let plan = world.well(&promote(&world, &["--plan"], &from, &to("d")));
    let plan: Value = serde_json::from_str(&plan).unwrap();
    let planned = &plan["repositories"][0]["referrers"];
    assert_eq!(planned[sbom.digest.to_string()], SPDX);
    assert!(target.manifest("d", "1").is_none());
    // Within one registry blobs are mounted.
    let to = [format!("{}/prod:1", servers[0].host())];
    world.well(&promote(&world, &[], &from, &to));
    let done = &world.receipt()["repositories"][0];
    assert_eq!(
        (&done["sent"], &done["bytes_sent"]),
        (&json!([]), &json!(0))
    );
    assert_eq!(done["mounted"].as_array().unwrap().len(), 7);
}

#[test]
fn a_registry_with_a_list_of_its_own_page_by_page() {
    let (store, target) = (Store::new(), Store::new());
    let index = staged(&store);
    let all: Vec<Descriptor> = (0..5)
        .map(|at| refer(&store, &index, &format!("application/x-{at}"), None))
        .collect();
    store.set_referrers(Some(2));
    let servers = [store.serve(), target.serve()];
    let (from, world) = (from(&servers[0]), world());
    let to = [format!("{}/a:1", servers[1].host())];
    world.well(&promote(&world, &[], &from, &to));
    for one in &all {
        assert!(target.manifest("a", &one.digest.to_string()).is_some());
    }
    // Pages elsewhere, and pages without end.
    for (link, expected) in [
        (
            "<http://127.0.0.1:1/x>; rel=\"next\"",
            "a page on another host",
        ),
        (
            "</v2/staging/referrers/again>; rel=\"next\"",
            "more than 100 pages",
        ),
    ] {
        store.set_fault(move |request| {
            request.path.contains("/referrers/").then(|| {
                Answer::new(200)
                    .with("Content-Type", INDEX)
                    .with("Link", link)
                    .body(r#"{"schemaVersion":2,"manifests":[]}"#)
            })
        });
        let error = world.fails(1, &promote(&world, &[], &from, &to));
        assert!(error.contains(expected), "{error}");
    }
    // A list that names what refers to something else.
    let other = refer(&store, &all[0], SPDX, None);
    let body = Index::new(vec![other.clone()]).to_bytes().unwrap();
    store.set_fault(move |request| {
        let body = body.clone();
        request
            .path
            .contains("/referrers/")
            .then(|| Answer::new(200).with("Content-Type", INDEX).body(body))
    });
    let error = world.fails(1, &promote(&world, &[], &from, &to));
    assert!(
        error.contains(&format!(
            "{} is listed as a referrer of {}",
            other.digest, index.digest
        )),
        "{error}"
    );
}

#[test]
fn what_is_expected_of_tags() {
    let (store, target) = (Store::new(), Store::new());
    let index = staged(&store);
    let servers = [store.serve(), target.serve()];
    let (from, world) = (from(&servers[0]), world());
    let to = [format!("{}/a:1", servers[1].host())];
    let other = Digest::of(b"another").to_string();
    let error = world.fails(
        1,
        &promote(&world, &["--expect-digest", &other], &from, &to),
    );
    assert_eq!(
        error,
        format!(
            "push: {from}: the tag `1.0` of `{}/staging` does not lead where it is expected to\n  expected: {other}\n  found:    {}\nhint: see who has moved it; nothing has been written\n",
            servers[0].host(),
            index.digest
        )
    );
    assert!(writes(&servers[1]).is_empty());
    let error = world.fails(1, &promote(&world, &["--existing", &other], &from, &to));
    assert!(error.contains("found:    nothing"), "{error}");
    let error = world.fails(1, &promote(&world, &["--existing", "perhaps"], &from, &to));
    assert!(
        error.contains("neither `replace` nor `keep` nor a digest"),
        "{error}"
    );
    let error = world.fails(1, &promote(&world, &[], "./nowhere", &to));
    assert!(error.contains("there is no such layout"), "{error}");
    let error = world.fails(
        1,
        &promote(&world, &[], &format!("{}/staging", servers[0].host()), &to),
    );
    assert!(
        error.contains("it has neither a tag nor a digest"),
        "{error}"
    );
    // What a tag led to before is in the receipt.
    let before = target.add_manifest("a", Some("1"), MANIFEST, b"{}");
    world.well(&promote(&world, &["--existing", "keep"], &from, &to));
    assert_eq!(world.receipt()["repositories"][0]["kept"], json!(["1"]));
    world.well(&promote(
        &world,
        &["--existing", &before.to_string()],
        &from,
        &to,
    ));
    let done = &world.receipt()["repositories"][0];
    assert_eq!(done["replaced"], json!({"1": before.to_string()}));
    assert_eq!(done["tags"], json!({"1": index.digest.to_string()}));
}

#[test]
fn one_that_fails_half_way_says_what_moved() {
    let (store, one, two) = (Store::new(), Store::new(), Store::new());
    let index = staged(&store);
    let signature = refer(&store, &index, SIGNATURE, None);
    list(&store, &index.digest, vec![signature.clone()]);
    let servers = [store.serve(), one.serve(), two.serve()];
    let (from, world) = (from(&servers[0]), world());
    let to = [
        format!("{}/a:1", servers[1].host()),
        format!("{}/a:1", servers[2].host()),
    ];
    // The second registry takes no manifests: the first has everything but its tag.
    let refuse = |request: &scripted::Request| {
        (request.method == "PUT" && request.path.contains("/manifests/"))
            .then(|| Answer::error(400, "MANIFEST_INVALID", "no"))
    };
    two.set_fault(refuse);
    world.fails(1, &promote(&world, &[], &from, &to));
    let receipt = world.receipt();
    assert_eq!(receipt["complete"], false);
    let done = &receipt["repositories"];
    assert_eq!(done[0]["manifests"].as_array().unwrap().len(), 4);
    assert_eq!(
        done[0]["referrers"][signature.digest.to_string()],
        SIGNATURE
    );
    assert_eq!(
        (&done[0]["tags"], &done[1]["tags"]),
        (&json!({}), &json!({}))
    );
    assert_eq!(done[1]["manifests"], json!([]));
    assert!(!done[1]["sent"].as_array().unwrap().is_empty());
    assert!(one.manifest("a", "1").is_none());
    // The registry has a referrer, and the list of them was not written.
    let tag = oci::reference::referrers_tag(&index.digest);
    let listed = tag.clone();
    two.set_fault(move |request| {
        (request.method == "PUT" && request.path.ends_with(&listed))
            .then(|| Answer::error(400, "MANIFEST_INVALID", "no"))
    });
    world.fails(1, &promote(&world, &[], &from, &to));
    assert!(
        two.manifest("a", &signature.digest.to_string()).is_some()
            && two.manifest("a", &tag).is_none()
    );
    two.set_fault(|_| None);
    world.well(&promote(&world, &[], &from, &to));
    assert!(two.manifest("a", &tag).is_some() && one.manifest("a", "1").is_some());
}

#[test]
fn from_layouts_with_what_is_attached() {
    let (world, target) = (world(), Store::new());
    let digest = world.layout("image", &[b"one"]);
    let (subject, tag) = {
        let bytes = std::fs::read(world.path("image/index.json")).unwrap();
        let index = Index::read(&bytes, &MediaType::known(INDEX)).unwrap();
        (
            index.manifests[0].clone(),
            format!("{}.sig", oci::reference::referrers_tag(&digest)),
        )
    };
    let mut contents = Contents::default();
    let empty = contents.add_document(
        MediaType::known("application/vnd.oci.empty.v1+json"),
        b"{}".to_vec(),
    );
    let mut listed = Vec::new();
    for (kind, name) in [(SPDX, None), (SIGNATURE, Some(&tag))] {
        let kind: MediaType = kind.parse().unwrap();
        let layer = contents.add_document(kind.clone(), format!("a {kind}").into_bytes());
        let mut manifest = Manifest::new(empty.clone(), vec![layer]);
        manifest.artifact_type = Some(kind);
        manifest.subject = Some(subject.clone());
        let mut one =
            contents.add_document(MediaType::known(MANIFEST), manifest.to_bytes().unwrap());
        one.annotations
            .extend(name.map(|name| (oci::index::REF_NAME.to_owned(), name.clone())));
        listed.push(one.digest.to_string());
        contents.list(one);
    }
    world.finish(&contents, "attested");
    let server = target.serve();
    let repository = format!("{}/a", server.host());
    let image = json!({"layout": "image", "attached": ["attested"], "to": [{"repository": repository, "tags": ["1"]}],
        "into": [{"layout": {"path": "together", "names": ["1"]}}]});
    request(&world, image);
    world.push();
    assert!(listed.iter().all(|one| target.manifest("a", one).is_some()));
    assert_eq!(
        Digest::of(&target.manifest("a", &tag).unwrap().1).to_string(),
        listed[1]
    );
    // From a layout that holds all of it, into another repository.
    let to = [format!("{}/b:1", server.host())];
    world.well(&promote(
        &world,
        &["--expect-digest", &digest.to_string()],
        "together",
        &to,
    ));
    assert!(listed.iter().all(|one| target.manifest("b", one).is_some()));
    assert!(target.manifest("b", &tag).is_some() && target.manifest("b", "1").is_some());
    // What refers to something else is nobody's.
    let other = world.layout("other", &[b"two"]);
    let error = world.fails(
        1,
        &promote(&world, &["--attached", "attested"], "other", &to),
    );
    assert_eq!(
        error,
        format!(
            "push: other: nothing in `attested` refers to the image\n  image: {other}\nhint: give the layout that `attest` made of this image\n"
        )
    );
    for (image, reason) in [
        (
            json!({"layout": "image", "from": "r.example/a:1", "to": [{"repository": repository}]}),
            "it has `from` and a layout besides",
        ),
        (
            json!({"from": "r.example/a:1", "platform": "linux/amd64", "to": [{"repository": repository}]}),
            "with `from` it has no `tag`, `platform` or `blobs` of its own",
        ),
    ] {
        request(&world, image);
        let error = world.fails(1, &["request.json"]);
        assert!(error.contains(reason), "{error}");
    }
}
