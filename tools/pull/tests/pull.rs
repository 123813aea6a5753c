//! Locking and pulling: the same bytes, whatever the registries say besides.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod common;

use common::{LAYER, MANIFEST, World, blob, image, index, tar, two_platforms};
use oci::{Descriptor, Digest, MediaType};
use scripted::{Answer, Server, Store};

/// A registry with the image `team/app:1`, and a world in which it is locked as `app`.
fn locked() -> (Store, Server, World, Digest) {
    let store = Store::new();
    let root = two_platforms(&store, "team/app", "1");
    let server = store.serve();
    let world = World::new();
    world.well(&["lock", &format!("app={}/team/app:1", server.host())]);
    (store, server, world, root)
}

#[test]
fn all_of_an_image() {
    let (_store, server, world, root) = locked();
    world.request("");
    world.pull("out");
    let tree = world.tree("out");
    // Root, two manifests, two configs, three layers, and two files.
    assert_eq!(tree.len(), 10, "{:?}", tree.keys());
    for (name, bytes) in &tree {
        if let Some(hex) = name.strip_prefix("blobs/sha256/") {
            assert_eq!(Digest::of(bytes).hex(), hex);
        }
    }
    let index = oci::Index::read(&tree["index.json"], &MediaType::known(common::INDEX)).unwrap();
    assert_eq!(index.manifests.len(), 1);
    assert_eq!(index.manifests[0].digest, root);
    assert_eq!(
        index.manifests[0].annotations["org.opencontainers.image.ref.name"],
        "1"
    );
    // A pull asks by digest only, each thing once, and leaves nothing behind.
    let lines: Vec<String> = server
        .lines()
        .into_iter()
        .skip_while(|line| !line.contains(&root.hex()))
        .collect();
    assert_eq!(lines.len(), 8, "{lines:?}");
    assert!(lines.iter().all(|line| line.contains("sha256:")));
    assert_eq!(
        world.names(),
        ["images.lock.json", "out", "out.receipt", "request.json"]
    );
    let receipt: serde_json::Value = serde_json::from_str(&world.read("out.receipt")).unwrap();
    assert_eq!(receipt["digest"], root.to_string());
    assert_eq!(receipt["manifests"][1]["platform"], "linux/arm64");
    world.well(&["verify", "out"]);
}

/// One blob by its digest, as a file; another digest is an error, and leaves none.
#[test]
fn one_blob() {
    let (_store, server, world, _) = locked();
    let lock: serde_json::Value = serde_json::from_str(&world.read("images.lock.json")).unwrap();
    let layer = &lock["images"]["app"]["manifests"][0]["layers"][0];
    let request = |digest: &serde_json::Value, size: &serde_json::Value| {
        let mut wanted = layer.clone();
        wanted["reference"] = lock["images"]["app"]["reference"].clone();
        wanted["digest"] = digest.clone();
        wanted["size"] = size.clone();
        let request = serde_json::json!({"kind": "pull", "version": 1, "origin": "@app",
            "image": {"blob": wanted}});
        world.write("request.json", &request.to_string());
    };
    request(&layer["digest"], &layer["size"]);
    let before = server.requests().len();
    world.pull("out");
    assert_eq!(server.requests().len(), before + 1);
    // A tar of text is text.
    let bytes = world.read("out").into_bytes();
    assert_eq!(Digest::of(&bytes).to_string(), layer["digest"]);
    let receipt: serde_json::Value = serde_json::from_str(&world.read("out.receipt")).unwrap();
    assert_eq!(receipt["blob"]["digest"], layer["digest"]);
    assert_eq!(receipt["kind"], "blob_receipt");
    let plan = world.well(&["request.json", "--plan"]);
    assert!(plan.contains("/team/app\"") && plan.contains(layer["digest"].as_str().unwrap()));

    request(&format!("sha256:{}", "0".repeat(64)).into(), &layer["size"]);
    let said = world.fails(1, &["request.json", "--out", "other"]);
    assert!(said.starts_with("pull: @app: "), "{said}");
    assert_eq!(
        world.names(),
        ["images.lock.json", "out", "out.receipt", "request.json"]
    );
}

/// Errors of `lock` begin with the name that its caller has for it.
#[test]
fn a_lock_with_a_name_of_its_own() {
    let (_store, _server, world, _) = locked();
    let said = world.fails(
        1,
        &["lock", "--origin", "@images//:update", "--update", "none"],
    );
    assert!(said.starts_with("pull: @images//:update: "), "{said}");
}

/// A year apart, from two mirrors: the same bytes.
#[test]
fn the_output_is_a_function_of_the_lock() {
    let (store, server, world, _) = locked();
    for (sparse, name) in [(false, "full"), (true, "sparse")] {
        world.request(&format!(r#""sparse":{sparse}"#));
        world.pull(&format!("{name}-direct"));
        let mirror = Store::new();
        two_platforms(&mirror, "cache/team/app", "other-tag");
        let mirror = mirror.serve();
        let list = format!("http://{}/cache,off", mirror.host());
        world.request(&format!(
            r#""sparse":{sparse},"from":{{"mirrors":"{list}"}}"#
        ));
        let before = server.requests().len();
        world.pull(&format!("{name}-mirror"));
        assert_eq!(server.requests().len(), before);
        // Out of order, one at a time, with a store.
        world.request(&format!(
            r#""sparse":{sparse},"from":{{"parallel":1,"store":"store"}}"#
        ));
        world.pull(&format!("{name}-store"));
        world.pull(&format!("{name}-store-again"));
        let expected = world.tree(&format!("{name}-direct"));
        for other in ["mirror", "store", "store-again"] {
            assert_eq!(
                world.tree(&format!("{name}-{other}")),
                expected,
                "{name} {other}"
            );
            let receipt = world.read(&format!("{name}-{other}.receipt"));
            assert_eq!(receipt, world.read(&format!("{name}-direct.receipt")));
        }
    }
    drop(store);
}

#[test]
fn a_sparse_layout_has_no_layers() {
    let (_store, server, world, _) = locked();
    world.request(r#""sparse":true,"platforms":["linux/arm64"]"#);
    world.pull("out");
    let tree = world.tree("out");
    assert_eq!(tree.len(), 5, "{:?}", tree.keys());
    let sparse: serde_json::Value = serde_json::from_slice(&tree["sparse.json"]).unwrap();
    let absent = sparse["absent"].as_array().unwrap();
    assert_eq!(absent.len(), 2);
    assert_eq!(absent[0]["sources"][0]["registry"], server.host());
    assert_eq!(absent[0]["sources"][0]["repository"], "team/app");
    world.well(&["verify", "out"]);
}

#[test]
fn platforms_are_chosen() {
    let (_store, server, world, _) = locked();
    for (wanted, listed) in [
        (r#""linux/amd64""#, vec!["amd64"]),
        (r#""linux/aarch64""#, vec!["arm64"]),
        (r#""linux/arm64","linux/amd64""#, vec!["arm64", "amd64"]),
    ] {
        world.request(&format!(r#""sparse":true,"platforms":[{wanted}]"#));
        let out = format!("out-{}", listed.join("-"));
        let _ = std::fs::remove_dir_all(world.path(&out));
        let _ = std::fs::remove_file(world.path(&format!("{out}.receipt")));
        world.pull(&out);
        let index = &world.tree(&out)["index.json"];
        let index = oci::Index::read(index, &MediaType::known(common::INDEX)).unwrap();
        let found: Vec<_> = index
            .manifests
            .iter()
            .map(|one| one.platform.clone().unwrap().architecture)
            .collect();
        assert_eq!(found, listed);
    }
    world.request(r#""platforms":["linux/s390x"]"#);
    let host = server.host();
    assert_eq!(
        world.fails(1, &["request.json", "--out", "none"]),
        format!(
            "pull: @app: `{host}/team/app:1` has no image for the platform linux/s390x\n  platform: linux/amd64\n  platform: linux/arm64\nhint: take one of the platforms\n"
        )
    );
    world.request(r#""platforms":["nonsense"]"#);
    world.fails(1, &["request.json", "--out", "none"]);
}

#[test]
fn a_plan_asks_nobody() {
    let (_store, server, world, root) = locked();
    let before = server.requests().len();
    world.request(r#""platforms":["linux/amd64"],"sparse":true"#);
    let plan: serde_json::Value =
        serde_json::from_str(&world.well(&["request.json", "--plan"])).unwrap();
    assert_eq!(plan["digest"], root.to_string());
    assert_eq!(plan["absent"].as_array().unwrap().len(), 2);
    assert_eq!(plan["documents"].as_array().unwrap().len(), 1);
    assert_eq!(server.requests().len(), before);
}

#[test]
fn locks_hold_until_they_are_told_to_move() {
    let (store, server, world, root) = locked();
    let first = world.read("images.lock.json");
    world.well(&["lock", "--check"]);
    // The tag moves.
    let moved = image(
        &store,
        "team/app",
        Some("1"),
        "linux/amd64",
        &[tar(&["new"])],
    );
    let host = server.host();
    assert_eq!(
        world.fails(1, &["lock", "--check"]),
        format!(
            "pull: 1 of the locked tags lead elsewhere now\n  image: `app` ({host}/team/app:1)\n    locked {root}\n    now    {}\nhint: run `pull lock --update`, and look at what changes\n",
            moved.digest
        )
    );
    // To say it again does not move it.
    world.well(&["lock", &format!("app={host}/team/app:1")]);
    assert_eq!(world.read("images.lock.json"), first);
    let other = world.fails(1, &["lock", &format!("app={host}/team/app:2")]);
    assert!(
        other.contains("has an image `app` with another reference"),
        "{other}"
    );
    // A build still gets what is locked.
    world.request("");
    world.pull("out");
    assert!(world.tree("out").contains_key(&blob(&root)));
    assert!(
        world
            .fails(1, &["lock", "--update", "other"])
            .contains("has no image `other`")
    );
    world.well(&["lock", "--update", "app"]);
    world.well(&["lock", "--check"]);
    assert!(
        world
            .read("images.lock.json")
            .contains(&moved.digest.to_string())
    );
    world.well(&["lock", "--update"]);
    assert_eq!(
        world.names(),
        ["images.lock.json", "out", "out.receipt", "request.json"]
    );
}

#[test]
fn what_a_lock_holds() {
    let (_store, server, world, root) = locked();
    let lock: serde_json::Value = serde_json::from_str(&world.read("images.lock.json")).unwrap();
    let entry = &lock["images"]["app"];
    assert_eq!(entry["reference"], format!("{}/team/app:1", server.host()));
    assert_eq!(entry["digest"], root.to_string());
    let manifest = &entry["manifests"][0];
    assert_eq!(manifest["platform"], "linux/amd64");
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 2);
    let lines: String = [tar(&["etc/os-release"]), tar(&["usr/bin/app"])]
        .iter()
        .map(|layer| format!("{}\n", Digest::of(layer)))
        .collect();
    assert_eq!(
        manifest["content"],
        format!("c1:{}", Digest::of(lines.as_bytes()).hex())
    );
}

#[test]
fn a_lock_that_was_edited_locks_nothing() {
    let (_store, _server, world, _) = locked();
    world.request("");
    let good = world.read("images.lock.json");
    let lock: serde_json::Value = serde_json::from_str(&good).unwrap();
    let layer = lock["images"]["app"]["manifests"][0]["layers"][1]["digest"]
        .as_str()
        .unwrap();
    let other = Digest::of(b"other").to_string();
    world.write("images.lock.json", &good.replace(layer, &other));
    let error = world.fails(1, &["request.json", "--out", "out"]);
    assert!(
        error.contains("the lock and") && error.contains("differ in the layers of"),
        "{error}"
    );
    assert!(error.contains("run `pull lock --update`"), "{error}");
    assert!(!world.path("out").exists());
    world.write(
        "images.lock.json",
        r#"{"kind":"images_lock","version":1,"images":{}}"#,
    );
    let error = world.fails(1, &["request.json", "--out", "out"]);
    assert_eq!(
        error,
        "pull: @app: `images.lock.json` has no image `app`\nhint: run `pull lock app=REFERENCE`, or take one of the images\n"
    );
}

#[test]
fn an_entry_may_stand_in_the_request() {
    let (_store, _server, world, root) = locked();
    let lock: serde_json::Value = serde_json::from_str(&world.read("images.lock.json")).unwrap();
    let entry = &lock["images"]["app"];
    world.write(
        "request.json",
        &format!(r#"{{"kind":"pull","version":1,"origin":"@app","image":{{"entry":{entry}}}}}"#),
    );
    world.pull("out");
    assert!(world.tree("out").contains_key(&blob(&root)));
}

/// Docker's own media types are kept, byte for byte.
#[test]
fn docker_schema_2_stays_as_it_is() {
    let store = Store::new();
    let layer = tar(&["a"]);
    let config = format!(
        r#"{{"os":"linux","architecture":"amd64","docker_version":"1.2","rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
        Digest::of(&layer)
    );
    // Spaces and order of Docker's own.
    let manifest = format!(
        "{{\n   \"schemaVersion\": 2,\n   \"mediaType\": \"application/vnd.docker.distribution.manifest.v2+json\",\n   \"config\": {{\"mediaType\": \"application/vnd.docker.container.image.v1+json\", \"size\": {}, \"digest\": \"{}\"}},\n   \"layers\": [{{\"mediaType\": \"application/vnd.docker.image.rootfs.diff.tar\", \"size\": {}, \"digest\": \"{}\"}}]\n}}",
        config.len(),
        Digest::of(config.as_bytes()),
        layer.len(),
        Digest::of(&layer)
    );
    store.add_blob("a", config.as_bytes());
    store.add_blob("a", &layer);
    let media_type = "application/vnd.docker.distribution.manifest.v2+json";
    let root = store.add_manifest("a", Some("latest"), media_type, manifest.as_bytes());
    let server = store.serve();
    let world = World::new();
    world.well(&["lock", &format!("app={}/a", server.host())]);
    world.request("");
    world.pull("out");
    let tree = world.tree("out");
    assert_eq!(tree[&blob(&root)], manifest.as_bytes());
    assert_eq!(
        tree[&blob(&Digest::of(config.as_bytes()))],
        config.as_bytes()
    );
    world.well(&["verify", "out"]);
}

#[test]
fn schema_1_is_refused() {
    let server = Server::start(|_| {
        Answer::new(200)
            .with(
                "Content-Type",
                "application/vnd.docker.distribution.manifest.v1+prettyjws",
            )
            .body(r#"{"schemaVersion":1}"#)
    });
    let world = World::new();
    let error = world.fails(1, &["lock", &format!("app={}/a:1", server.host())]);
    assert!(error.contains("Docker's schema 1"), "{error}");
    assert!(!world.path("images.lock.json").exists());
}

/// GHSA-298f-872v-2rcx (oras): cycles. By digest they can't be made; depth and number are bounded.
#[test]
fn ghsa_298f_indexes_are_bounded() {
    let store = Store::new();
    let mut child = image(&store, "a", None, "linux/amd64", &[]);
    for depth in 0..10 {
        let bytes = oci::Index::new(vec![child]).to_bytes().unwrap();
        let tag = format!("d{depth}");
        store.add_manifest("a", Some(&tag), common::INDEX, &bytes);
        child = Descriptor::of(MediaType::known(common::INDEX), &bytes);
    }
    let server = store.serve();
    let world = World::new();
    world.well(&["lock", &format!("app={}/a:d7", server.host())]);
    world.request("");
    world.pull("out");
    world.well(&["verify", "out"]);
    let error = world.fails(1, &["lock", &format!("deep={}/a:d9", server.host())]);
    assert!(error.contains("nested deeper than 8 levels"), "{error}");
}

#[test]
fn unsound_images_are_not_locked() {
    let store = Store::new();
    let config =
        br#"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}"#;
    store.add_blob("a", config);
    store.add_blob("a", b"layer");
    let descriptor = |media_type, bytes: &[u8]| Descriptor::of(MediaType::known(media_type), bytes);
    let manifest = oci::Manifest::new(
        descriptor(common::CONFIG, config),
        vec![descriptor(LAYER, b"layer")],
    );
    store.add_manifest("a", Some("1"), MANIFEST, &manifest.to_bytes().unwrap());
    let unknown = descriptor("application/vnd.example.thing", b"x");
    index(&store, "a", "2", vec![unknown]);
    let server = store.serve();
    let world = World::new();
    let error = world.fails(1, &["lock", &format!("app={}/a:1", server.host())]);
    assert!(
        error.contains("has 1 layers, its config 0 diff_ids"),
        "{error}"
    );
    let error = world.fails(1, &["lock", &format!("app={}/a:2", server.host())]);
    assert!(
        error.contains(", which is of the type application/vnd.example.thing\n"),
        "{error}"
    );
    for text in ["nonsense", "=docker.io/library/debian"] {
        let error = world.fails(1, &["lock", text]);
        assert!(error.contains("has no name to be locked under"), "{error}");
    }
    // A lock that is not there holds nothing, and is not made by looking.
    for words in [["lock", "--check"], ["lock", "--update"]] {
        let error = world.fails(1, &words);
        assert!(error.contains("images.lock.json"), "{error}");
    }
    world.fails(2, &["lock"]);
    assert_eq!(world.names(), [""; 0]);
    let error = world.fails(1, &["lock", "x=UPPER:y:z"]);
    assert!(error.contains("can't be locked"), "{error}");
}

#[test]
fn nothing_is_left_of_a_pull_that_fails() {
    let (store, server, world, _) = locked();
    let layer = Digest::of(&tar(&["usr/bin/app"]));
    store.remove_blob(&layer);
    world.request("");
    let error = world.fails(1, &["request.json", "--out", "out", "--receipt", "receipt"]);
    assert_eq!(
        error,
        format!(
            "pull: @app: GET blob {layer} of `{}/team/app`: it is not there\n  status:            404\n  code:              BLOB_UNKNOWN\n  the registry says: blob unknown to registry\nhint: see that the name is right; some registries say so of what you may not see\n",
            server.host()
        )
    );
    assert_eq!(world.names(), ["images.lock.json", "request.json"]);
    // An output that is there is not touched, and nothing is fetched for it.
    world.write("out/file", "mine");
    let before = server.requests().len();
    let error = world.fails(1, &["request.json", "--out", "out"]);
    assert!(error.contains("the output `out` exists"), "{error}");
    assert_eq!(server.requests().len(), before);
}

#[test]
fn where_a_login_is_found() {
    let world = World::new();
    world.write(
        "home/.docker/config.json",
        r#"{"auths":{"r.example":{"auth":"dTpodW50ZXIy"}}}"#,
    );
    let text = world.well(&["auth", "r.example/app:1"]);
    let shown: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&shown["repository"], &shown["login"]),
        (&"r.example/app".into(), &"password".into())
    );
    assert!(
        shown["source"]
            .as_str()
            .unwrap()
            .ends_with("home/.docker/config.json, entry `r.example`")
    );
    assert!(!text.contains("hunter2") && !text.contains("dTpodW50ZXIy"));
    let shown: serde_json::Value = serde_json::from_str(&world.well(&["auth", "debian"])).unwrap();
    assert_eq!(
        (&shown["repository"], &shown["login"]),
        (&"docker.io/library/debian".into(), &"anonymous".into())
    );
    world.write("settings.json", r#"{"access":{"credentials":"nobody"}}"#);
    let error = world.fails(1, &["auth", "debian", "--settings", "settings.json"]);
    assert!(
        error.contains("`settings.json` is not a file of settings"),
        "{error}"
    );
}

/// The same of a request: of each place that would be asked, and nobody is.
#[test]
fn where_the_logins_of_a_request_are_found() {
    let (_store, server, world, _) = locked();
    let before = server.requests().len();
    world.write(
        "auth.json",
        r#"{"auths":{"mirror.example/hub":{"auth":"dTpodW50ZXIy"}}}"#,
    );
    world.request(
        r#""from":{"mirrors":"mirror.example/hub,file:none|direct","access":{"credentials":{"file":"auth.json"}}}"#,
    );
    let text = world.well(&["request.json", "--explain-auth"]);
    let shown: serde_json::Value = serde_json::from_str(&text).unwrap();
    let list = shown.as_array().unwrap();
    assert_eq!(list.len(), 2);
    let start = list[0]["repository"].as_str().unwrap();
    assert!(start.starts_with("mirror.example/hub/"), "{start}");
    assert_eq!(list[0]["login"], "password");
    assert_eq!(list[0]["source"], "auth.json, entry `mirror.example/hub`");
    assert_eq!(list[1]["login"], "anonymous");
    assert_eq!(list[1]["source"], "none: no place knows this registry");
    assert!(!text.contains("hunter2") && !text.contains("dTpodW50ZXIy"));
    assert_eq!(server.requests().len(), before);
    assert!(!world.path("out").exists());
}

/// Logins of people are for people: a request says whose it takes.
#[test]
fn a_build_reads_no_home() {
    let (store, server, world, _) = locked();
    store.set_auth(scripted::Auth::Basic("u".into(), "hunter2".into()));
    let json = format!(
        r#"{{"auths":{{"{}":{{"auth":"dTpodW50ZXIy"}}}}}}"#,
        server.host()
    );
    world.write("home/.docker/config.json", &json);
    world.request("");
    let error = world.fails(1, &["request.json", "--out", "out"]);
    assert!(
        error.contains("credentials:       none: no credentials are given"),
        "{error}"
    );
    world.request(r#""from":{"access":{"credentials":{"file":"home/.docker/config.json"}}}"#);
    world.pull("out");
    world.request(r#""from":{"access":{"credentials":"lookup"}}"#);
    world.pull("out2");
    assert_eq!(world.tree("out"), world.tree("out2"));
}
