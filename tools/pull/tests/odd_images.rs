//! Images that are sound and not what most are: without layers, with one layer twice, for several platforms at
//! once, or not images at all; and locks that somebody has edited.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod common;

use common::{CONFIG, INDEX, LAYER, MANIFEST, World, blob, image, index, tar};
use oci::{Algorithm, Descriptor, Digest, Hasher, Platform};
use scripted::{Answer, Server, Store};
use serde_json::{Value, json};

/// Adds a blob, and says how documents name it.
fn add(store: &Store, media_type: &str, bytes: &[u8]) -> Value {
    let digest = store.add_blob("a", bytes);
    json!({"mediaType": media_type, "digest": digest.to_string(), "size": bytes.len()})
}

/// Adds a manifest with the tag `1`.
fn manifest(store: &Store, config: &Value, layers: &Value) -> Vec<u8> {
    let manifest =
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
    let bytes = manifest.to_string().into_bytes();
    store.add_manifest("a", Some("1"), MANIFEST, &bytes);
    bytes
}

/// A world in which `a:1` is locked as `app`, and the lock's entry.
fn locked(server: &Server) -> (World, Value) {
    let world = World::new();
    world.well(&["lock", &format!("app={}/a:1", server.host())]);
    let lock: Value = serde_json::from_str(&world.read("images.lock.json")).unwrap();
    (world, lock["images"]["app"].clone())
}

/// Pulls all of it, and has it read again.
fn whole(world: &World) {
    world.request("");
    world.pull("out");
    world.well(&["verify", "out"]);
}

fn fails(world: &World, platform: &str) -> String {
    world.request(&format!(r#""platforms":["{platform}"]"#));
    world.fails(1, &["request.json", "--out", "no"])
}

/// One manifest that an index lists for two platforms is there for both.
#[test]
fn one_manifest_for_several_platforms() {
    let store = Store::new();
    let amd64 = image(&store, "a", None, "linux/amd64", &[tar(&["data"])]);
    let arm64 = Descriptor {
        platform: Some(Platform::parse("linux/arm64").unwrap()),
        ..amd64.clone()
    };
    let root = index(&store, "a", "1", vec![amd64.clone(), arm64, amd64.clone()]);
    let server = store.serve();
    let (world, entry) = locked(&server);
    let platforms: Vec<&Value> = entry["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["platform"])
        .collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
    whole(&world);
    assert!(world.tree("out").contains_key(&blob(&root)));
    for platform in ["linux/amd64", "linux/arm64"] {
        world.request(&format!(r#""platforms":["{platform}"]"#));
        let out = platform.replace('/', "-");
        world.pull(&out);
        assert!(world.tree(&out).contains_key(&blob(&amd64.digest)));
    }
    world.well(&["lock", "--check"]);
    world.well(&["vendor", "--out", "vendored"]);
    world.well(&["vendor", "--out", "vendored"]);
}

/// The variants of arm, and what BuildKit attaches: it is for no platform, and pulled with the rest.
#[test]
fn variants_and_attestations() {
    let store = Store::new();
    let layers = [tar(&["app"])];
    let mut listed = Vec::new();
    for (platform, name) in [("linux/arm/v6", "6"), ("linux/arm/v7", "7")] {
        listed.push(image(&store, "a", None, platform, &[tar(&[name])]));
    }
    listed.push(image(&store, "a", None, "unknown/unknown", &layers));
    index(&store, "a", "1", listed);
    let server = store.serve();
    let (world, entry) = locked(&server);
    assert_eq!(entry["manifests"][2].get("content"), None);
    for (platform, place) in [("linux/arm/v6", 0), ("linux/arm", 1), ("linux/arm/v7", 1)] {
        world.request(&format!(r#""platforms":["{platform}"]"#));
        let out = platform.replace('/', "-");
        world.pull(&out);
        let listed: Value =
            serde_json::from_str(&world.read(&format!("{out}/index.json"))).unwrap();
        let digest = &entry["manifests"][place]["digest"];
        assert_eq!(&listed["manifests"][0]["digest"], digest, "{platform}");
    }
    let error = fails(&world, "linux/arm/v8");
    assert!(
        error.contains("has no image for the platform linux/arm/v8\n  platform: linux/arm/v6\n"),
        "{error}"
    );
    whole(&world);
}

/// Two builds of Windows fit one name: which is meant is for the user to say.
#[test]
fn a_platform_that_several_images_fit() {
    let store = Store::new();
    let mut listed = Vec::new();
    for version in ["10.0.17763.1", "10.0.20348.2"] {
        let mut one = image(&store, "a", None, "windows/amd64", &[tar(&[version])]);
        one.platform.as_mut().unwrap().os_version = Some(version.into());
        listed.push(one);
    }
    listed.push(image(&store, "a", None, "linux/amd64", &[tar(&["app"])]));
    index(&store, "a", "1", listed);
    let server = store.serve();
    let (world, _) = locked(&server);
    let host = server.host();
    assert_eq!(
        fails(&world, "windows/amd64"),
        format!(
            "pull: @app: `{host}/a:1` has several images for the platform windows/amd64\n  platform: windows(10.0.17763.1)/amd64\n  platform: windows(10.0.20348.2)/amd64\nhint: take one of the platforms\n"
        )
    );
    world.request(r#""platforms":["windows(10.0.20348.2)/amd64"]"#);
    world.pull("out");
}

/// No layers, as different tools write it; one layer twice; layers that registries are not to have.
#[test]
fn few_layers_and_one_twice() {
    let layer = tar(&["a"]);
    let digest = Digest::of(&layer);
    let foreign = json!({"mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "digest": Digest::of(b"elsewhere").to_string(), "size": 9, "urls": ["https://example.com/layer"]});
    for (case, rootfs, twice) in [
        ("empty", json!({"type": "layers", "diff_ids": []}), false),
        ("null", json!({"type": "layers", "diff_ids": null}), false),
        ("absent", json!({"type": "layers"}), false),
        (
            "twice",
            json!({"type": "layers", "diff_ids": [digest, digest]}),
            true,
        ),
        (
            "foreign",
            json!({"type": "layers", "diff_ids": [Digest::of(b"unknown")]}),
            false,
        ),
    ] {
        let store = Store::new();
        let config = json!({"os": "linux", "architecture": "amd64", "rootfs": rootfs}).to_string();
        let config = add(&store, CONFIG, config.as_bytes());
        let one = add(&store, LAYER, &layer);
        let layers = match case {
            "null" => Value::Null,
            "foreign" => json!([foreign]),
            _ if twice => json!([one, one]),
            _ => json!([]),
        };
        let bytes = manifest(&store, &config, &layers);
        let server = store.serve();
        let (world, entry) = locked(&server);
        assert_eq!(entry["digest"], Digest::of(&bytes).to_string());
        whole(&world);
        // The manifest, the config, and the layer once; `oci-layout` and `index.json`.
        let count = 4 + usize::from(twice) + usize::from(case == "foreign");
        assert_eq!(world.tree("out").len(), count, "{case}");
        if case == "foreign" {
            assert!(
                world
                    .read("out/sparse.json")
                    .contains(&Digest::of(b"elsewhere").to_string())
            );
        }
    }
}

/// Signatures and other artifacts are locked and pulled as they are. They say of no platform that they run on it.
#[test]
fn what_is_no_image() {
    let payload = b"{}";
    for (case, config_type, config) in [
        (
            "empty",
            "application/vnd.oci.empty.v1+json",
            "{}".to_owned(),
        ),
        (
            "chart",
            "application/vnd.cncf.helm.config.v1+json",
            "name: chart".to_owned(),
        ),
        // As cosign writes them, with two signatures and one diff_id.
        (
            "signature",
            CONFIG,
            json!({"architecture": "", "os": "", "config": {}, "created": "0001-01-01T00:00:00Z",
            "rootfs": {"type": "layers", "diff_ids": [Digest::of(payload)]}})
            .to_string(),
        ),
    ] {
        let store = Store::new();
        let config = add(&store, config_type, config.as_bytes());
        let layer = add(&store, "application/vnd.example.thing+json", payload);
        manifest(&store, &config, &json!([layer, layer]));
        let server = store.serve();
        let (world, entry) = locked(&server);
        let only = &entry["manifests"][0];
        assert_eq!(
            (only.get("platform"), only.get("content")),
            (None, None),
            "{case}"
        );
        world.request("");
        world.pull("out");
        assert!(fails(&world, "linux/amd64").ends_with(
            "has no image for the platform linux/amd64\nhint: leave the platform out: it does not say what it runs on\n"
        ), "{case}");
    }
}

/// What no lock could describe is told with the image's name, and nothing that locking anew would mend.
#[test]
fn images_that_are_not_sound() {
    let of = |config: &str| {
        let store = Store::new();
        let config = add(&store, CONFIG, config.as_bytes());
        manifest(&store, &config, &json!([]));
        let (server, world) = (store.serve(), World::new());
        let error = world.fails(1, &["lock", &format!("app={}/a:1", server.host())]);
        assert!(!world.path("images.lock.json").exists());
        let (first, rest) = error.split_once('\n').unwrap();
        assert_eq!(rest, "hint: tell who made the image, or take another one\n");
        let start = format!("pull: `{}/a:1` is not sound: ", server.host());
        first.strip_prefix(&start).unwrap().to_owned()
    };
    let config = r#"{"os":"linux","rootfs":{"type":"layers"}}"#;
    let digest = Digest::of(config.as_bytes());
    assert_eq!(
        of(config),
        format!("the config {digest}: config has a bad `architecture`: it is missing")
    );
    let config =
        r#"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["x"]}}"#;
    assert!(of(config).contains("config has a bad `rootfs.diff_ids[0]`"));
    assert!(of("[]").starts_with(&format!("the config {}: ", Digest::of(b"[]"))));
}

/// Another algorithm than most use.
#[test]
fn layers_by_sha512() {
    let layer = tar(&["a"]);
    let mut hasher = Hasher::new(Algorithm::Sha512);
    hasher.update(&layer);
    let digest = hasher.finish();
    let store = Store::new();
    let config = json!({"os": "linux", "architecture": "amd64",
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(&layer)]}});
    let config = add(&store, CONFIG, config.to_string().as_bytes());
    let of_layer = json!({"mediaType": LAYER, "digest": digest.to_string(), "size": layer.len()});
    manifest(&store, &config, &json!([of_layer]));
    let bytes = layer.clone();
    store.set_fault(move |request| {
        let blob = request.path.ends_with(&digest.to_string());
        blob.then(|| Answer::new(200).body(bytes.clone()))
    });
    let server = store.serve();
    let (world, _) = locked(&server);
    whole(&world);
    assert_eq!(
        world.tree("out")[&format!("blobs/sha512/{}", digest.hex())],
        layer
    );
}

/// 4 MiB, and not a byte more.
#[test]
fn the_largest_manifest() {
    for (size, fits) in [(4 << 20, true), ((4 << 20) + 1, false)] {
        let store = Store::new();
        let config = add(&store, "application/vnd.oci.empty.v1+json", b"{}");
        let of = |text: &str| {
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [],
                "annotations": {"a": text}})
            .to_string()
        };
        let bytes = of(&"x".repeat(size - of("").len())).into_bytes();
        assert_eq!(bytes.len(), size);
        store.add_manifest("a", Some("1"), MANIFEST, &bytes);
        let server = store.serve();
        if fits {
            whole(&locked(&server).0);
            continue;
        }
        let error = World::new().fails(1, &["lock", &format!("app={}/a:1", server.host())]);
        assert!(error.contains("is larger than 4194304 bytes"), "{error}");
    }
}

/// What people do to a lock by hand.
#[test]
fn locks_that_were_edited() {
    let store = Store::new();
    let root = image(&store, "a", Some("1"), "linux/amd64", &[tar(&["a"])]);
    store.add_manifest(
        "a",
        Some("latest"),
        MANIFEST,
        &store.manifest("a", "1").unwrap().1,
    );
    let server = store.serve();
    let (world, _) = locked(&server);
    let (good, host, digest) = (world.read("images.lock.json"), server.host(), root.digest);
    let other = Digest::of(b"other");
    let mend = "hint: run `pull lock --update`\n";
    let told = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        world.write("images.lock.json", &good.replace(from, to));
        world.request("");
        world.fails(1, &["request.json", "--out", "out"])
    };
    let entry = |reference: &str| format!("pull: @app: the entry of `{reference}` is not sound: ");
    let pinned = format!("{host}/a@{other}");
    assert_eq!(
        told(&format!("{host}/a:1"), &pinned),
        format!(
            "{}its reference has the digest {other}, and it has {digest}\n{mend}",
            entry(&pinned)
        )
    );
    let error = told("linux/amd64", "linux");
    assert!(
        error.starts_with(&entry(&format!("{host}/a:1"))) && error.ends_with(mend),
        "{error}"
    );
    // What the hint says mends it.
    world.well(&["lock", "--update"]);
    assert_eq!(world.read("images.lock.json"), good);
    for (from, to, words) in [
        ("\"version\": 1", "\"version\": 2", "version"),
        ("{\n", "<<<<<<< ours\n{\n", "line 1"),
        ("\"images\"", "\"images\": {}, \"images\"", "images"),
        ("sha256:", "sha256:A", "digest"),
        ("\"digest\"", "\"Digest\"", "Digest"),
    ] {
        let error = told(from, to);
        assert!(
            error.contains("images.lock.json") && error.contains(words),
            "{from}: {error}"
        );
        assert!(
            error.contains("hint: it is written by `pull lock`"),
            "{from}: {error}"
        );
    }
    // A reference without a tag stands for `latest`, and is checked as that.
    world.write("images.lock.json", &good.replace("/a:1", "/a"));
    world.well(&["lock", "--check"]);
    let bytes = store.manifest("a", "1").unwrap().1;
    let moved = [b" ", bytes.as_slice()].concat();
    store.add_manifest("a", Some("latest"), MANIFEST, &moved);
    let error = world.fails(1, &["lock", "--check"]);
    assert!(error.contains(&Digest::of(&moved).to_string()), "{error}");
}

/// An index of nothing is an image of nothing.
#[test]
fn an_empty_index() {
    let store = Store::new();
    let bytes = br#"{"schemaVersion":2,"manifests":null}"#;
    store.add_manifest("a", Some("1"), INDEX, bytes);
    let server = store.serve();
    let (world, _) = locked(&server);
    whole(&world);
}
