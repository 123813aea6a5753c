//! Mirrors, vendored layouts, stores: where things come from, and what happens when they don't.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by a panic"
)]

mod common;

use common::{World, blob, image, tar, two_platforms};
use oci::Digest;
use scripted::{Answer, Server, Store};

fn locked() -> (Store, Server, World, Digest) {
    let store = Store::new();
    let root = two_platforms(&store, "team/app", "1");
    let server = store.serve();
    let world = World::new();
    world.well(&["lock", &format!("app={}/team/app:1", server.host())]);
    (store, server, world, root)
}

fn from(list: &str, more: &str) -> String {
    format!(r#""from":{{"mirrors":"{list}"{more}}}"#)
}

/// c/image #2038: a mirror that has the manifest but has lost a blob failed the pull.
#[test]
fn the_list_holds_for_each_blob() {
    let (_store, server, world, root) = locked();
    let mirror = Store::new();
    two_platforms(&mirror, "team/app", "1");
    let lost = Digest::of(&tar(&["usr/bin/app"]));
    mirror.remove_blob(&lost);
    let mirror = mirror.serve();
    world.request(&from(&format!("http://{},direct", mirror.host()), ""));
    let before = server.requests().len();
    world.pull("out");
    assert!(world.tree("out").contains_key(&blob(&root)));
    let asked: Vec<String> = server.lines().split_off(before);
    assert_eq!(asked, [format!("GET /v2/team/app/blobs/{lost}")]);
}

#[test]
fn what_leads_on() {
    let (_store, _server, world, _) = locked();
    let refusing = Server::start(|_| Answer::error(403, "DENIED", "the gate is closed"));
    let empty = Store::new().serve();
    let gone = Server::start(|_| Answer::new(410));
    let (refusing, empty, gone) = (refusing.host(), empty.host(), gone.host());
    // Nobody listens there.
    let dead = "http://127.0.0.1:1";
    for (at, (list, expected)) in [
        (format!("http://{empty},http://{gone},direct"), ""),
        (format!("http://{refusing}|direct"), ""),
        (format!("http://{refusing},direct"), "the gate is closed"),
        (
            format!("http://{empty},http://{refusing}"),
            "the gate is closed",
        ),
        (
            format!("http://{refusing}|http://{empty}"),
            "the gate is closed",
        ),
        (format!("http://{empty},off"), "may not be pulled"),
        (format!("http://{empty}"), "it is not there"),
        ("off".into(), "may not be pulled"),
        ("file:///no/such,direct".into(), "is not an OCI layout"),
        ("nonsense:///".into(), "is not a place to pull from"),
        (format!("{dead}|direct"), ""),
    ]
    .into_iter()
    .enumerate()
    {
        world.request(&from(&list, ""));
        let out = format!("out{at}");
        let output = world.run(&["request.json", "--out", &out]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(
            output.status.success(),
            expected.is_empty(),
            "{list}: {error}"
        );
        assert!(error.contains(expected), "{list}: {error}");
    }
}

#[test]
fn private_names_reach_no_mirror() {
    let (_store, server, world, _) = locked();
    let mirror = Server::start(|_| Answer::new(404));
    let list = format!("http://{},off", mirror.host());
    let private = format!(r#","private":"other.example,{}/team""#, server.host());
    world.request(&from(&list, &private));
    world.pull("out");
    assert_eq!(mirror.requests(), []);
}

/// A mirror that lies is found out, and the next one is asked only if any error leads on.
#[test]
fn a_mirror_cannot_lie() {
    let (_store, _server, world, _) = locked();
    let liar = Store::new();
    two_platforms(&liar, "team/app", "1");
    liar.set_fault(|request| {
        let is_blob = request.method == "GET" && request.path.contains("/blobs/");
        is_blob.then(|| Answer::new(200).body(vec![0; 2048]))
    });
    let liar = liar.serve();
    world.request(&from(&format!("http://{},direct", liar.host()), ""));
    let error = world.fails(1, &["request.json", "--out", "out"]);
    assert!(
        error.contains("the size is wrong") || error.contains("do not have the digest"),
        "{error}"
    );
    assert!(!world.path("out").exists());
    world.request(&from(&format!("http://{}|direct", liar.host()), ""));
    world.pull("out");
    world.well(&["verify", "out"]);
}

#[test]
fn a_vendored_layout_is_a_mirror_without_a_network() {
    let (_store, server, world, root) = locked();
    world.well(&["vendor", "--out", "vendor"]);
    world.well(&["verify", "vendor"]);
    // Once more: it is what the lock says.
    let before = server.requests().len();
    world.well(&["vendor", "--out", "vendor"]);
    assert_eq!(server.requests().len(), before);
    let vendor = world.path("vendor");
    world.request(&from(&format!("file://{},off", vendor.display()), ""));
    world.pull("offline");
    assert_eq!(server.requests().len(), before);
    world.request("");
    world.pull("online");
    assert_eq!(world.tree("offline"), world.tree("online"));
    assert!(world.tree("offline").contains_key(&blob(&root)));
    // What it does not have is absent, and the next place is asked.
    std::fs::remove_file(vendor.join(blob(&Digest::of(&tar(&["usr/bin/app"]))))).unwrap();
    world.request(&from(&format!("file://{},direct", vendor.display()), ""));
    world.pull("mixed");
    world.request(&from(&format!("file://{}", vendor.display()), ""));
    let error = world.fails(1, &["request.json", "--out", "none"]);
    assert!(error.contains("does not have blob"), "{error}");
    // A blob in it that is not what its name says.
    let common = vendor.join(blob(&Digest::of(&tar(&["etc/os-release"]))));
    let size = std::fs::metadata(&common).unwrap().len() as usize;
    std::fs::write(&common, vec![0; size]).unwrap();
    world.request(&from(&format!("file://{},direct", vendor.display()), ""));
    let error = world.fails(1, &["request.json", "--out", "none"]);
    assert!(error.contains("does not have its digest"), "{error}");
}

#[test]
fn all_differences_in_one_message() {
    let (store, server, world, _) = locked();
    let other = image(
        &store,
        "team/other",
        Some("1"),
        "linux/amd64",
        &[tar(&["other"])],
    );
    world.well(&["vendor", "--out", "vendor"]);
    world.well(&["lock", &format!("other={}/team/other:1", server.host())]);
    let lost = Digest::of(&tar(&["usr/bin/app"]));
    std::fs::remove_file(world.path("vendor").join(blob(&lost))).unwrap();
    let short = Digest::of(&tar(&["etc/os-release"]));
    std::fs::write(world.path("vendor").join(blob(&short)), "x").unwrap();
    let extra = Digest::of(b"extra");
    std::fs::write(world.path("vendor").join(blob(&extra)), "extra").unwrap();
    std::fs::write(world.path("vendor/blobs/stray"), "").unwrap();
    let error = world.fails(1, &["vendor", "--out", "vendor"]);
    for part in [
        "pull: `vendor` is not what the lock says\n".to_owned(),
        "`other` is in the lock and not in the folder".into(),
        format!("the blob {} is missing", other.digest),
        format!("the blob {lost} is missing"),
        format!("the blob {short} has 1 bytes, and 2048 in the lock"),
        format!("the blob {extra} is not in the lock"),
        "the file `stray` is no blob".into(),
        "hint: remove the folder and run `pull vendor` again\n".into(),
    ] {
        assert!(error.contains(&part), "{part}: {error}");
    }
    // Some of the lock's images.
    world.well(&["vendor", "other", "--out", "some"]);
    let error = world.fails(1, &["vendor", "nobody", "--out", "none"]);
    assert!(error.contains("has no image `nobody`"), "{error}");
}

#[test]
fn everything_that_verify_finds() {
    let store = Store::new();
    // A layer with a name that comes twice, one that leads out, one that is no tar.
    let layers = [
        tar(&["a", "./a", "../b"]),
        b"no tar".repeat(200),
        tar(&["good"]),
    ];
    image(&store, "a", Some("1"), "linux/amd64", &layers);
    let server = store.serve();
    let world = World::new();
    world.well(&["lock", &format!("app={}/a:1", server.host())]);
    world.request("");
    world.pull("out");
    let out = world.path("out");
    let good = Digest::of(&layers[2]);
    let mut bytes = std::fs::read(out.join(blob(&good))).unwrap();
    bytes[600] ^= 1;
    std::fs::write(out.join(blob(&good)), bytes).unwrap();
    std::fs::write(out.join(blob(&Digest::of(b"x"))), "x").unwrap();
    let error = world.fails(1, &["verify", "out"]);
    for part in [
        "the path `./a` comes twice".to_owned(),
        "the path `../b` has the part `..`".into(),
        format!("the layer {}: it is no tar", Digest::of(&layers[1])),
        format!("the layer {good}: its bytes have the digest"),
        format!("nothing refers to the blob {}", Digest::of(b"x")),
        "things are wrong in `out`".into(),
    ] {
        assert!(error.contains(&part), "{part}: {error}");
    }
    let error = world.fails(1, &["verify", "nowhere"]);
    assert!(error.contains("is not an OCI layout"), "{error}");
}

/// One tar entry of a type, with a link's target.
fn entry(kind: tar::EntryType, name: &str, target: &str) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(kind);
    header.set_size(0);
    header.set_mode(0o777);
    let old = header.as_old_mut();
    old.name[..name.len()].copy_from_slice(name.as_bytes());
    old.linkname[..target.len()].copy_from_slice(target.as_bytes());
    header.set_cksum();
    header.as_bytes().to_vec()
}

/// CVE-2026-50163, GHSA-fxhp-mv3v-67qp (oras-go): a hard link was resolved from where the program ran.
/// GHSA-m37j-52j7-pjw7 (oras-go), CVE-2026-42574, GHSA-qq3r-w4hj-gjp6, GHSA-5g94-c2wx-8pxw (apko): a file was
/// written through symbolic links. Nothing of ours unpacks a layer; one that tries is found out, and what it
/// leads to stays as it is.
#[test]
fn cve_2026_50163_ghsa_fxhp_ghsa_m37j_cve_2026_42574_ghsa_qq3r_ghsa_5g94_links_lead_nowhere() {
    use tar::EntryType::{Link, Regular, Symlink};
    let end = vec![0; 1024];
    for (at, (entries, expected)) in [
        // In the folder where it runs there is a file of that name.
        (
            vec![entry(Link, "copy", "victim")],
            "the hard link `copy` leads to `victim`, which does not come before it",
        ),
        (
            vec![entry(Link, "copy", "/etc/passwd")],
            "the hard link `copy` leads to `/etc/passwd`, which does not come before it",
        ),
        (
            vec![entry(Link, "copy", "../victim")],
            "which has the part `..`",
        ),
        // A chain of links, and a file through it.
        (
            vec![
                entry(Symlink, "a", "."),
                entry(Symlink, "a/b", ".."),
                entry(Regular, "a/b/victim", ""),
            ],
            "",
        ),
        (
            vec![entry(Symlink, "d", "/"), entry(Regular, "d/victim", "")],
            "",
        ),
        (
            vec![entry(Regular, "../victim", "")],
            "the path `../victim` has the part `..`",
        ),
        (
            vec![entry(Regular, "x/../../victim", "")],
            "has the part `..`",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let store = Store::new();
        let layer = [entries.concat(), end.clone()].concat();
        image(&store, "a", Some("1"), "linux/amd64", &[layer]);
        let server = store.serve();
        let world = World::new();
        world.write("victim", "untouched");
        world.well(&["lock", &format!("app={}/a:1", server.host())]);
        world.request("");
        world.pull("out");
        let before = world.names();
        let output = world.run(&["verify", "out"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.success(), expected.is_empty(), "{at}: {said}");
        assert!(said.contains(expected), "{at}: {said}");
        assert_eq!(world.names(), before);
        assert_eq!(world.read("victim"), "untouched");
    }
}

/// ggcr #2306: a blob of a layout was a link to a file outside of it.
#[test]
fn ggcr_2306_blobs_that_lead_out_of_a_layout() {
    let (_store, _server, world, _) = locked();
    world.well(&["vendor", "--out", "vendor"]);
    let common = Digest::of(&tar(&["etc/os-release"]));
    let path = world.path("vendor").join(blob(&common));
    // Even where it is the same content.
    std::fs::rename(&path, world.path("outside")).unwrap();
    std::os::unix::fs::symlink(world.path("outside"), &path).unwrap();
    world.request(&from("file:vendor,direct", ""));
    let error = world.fails(1, &["request.json", "--out", "out"]);
    assert!(
        error.contains("is a link that leads out of the layout"),
        "{error}"
    );
    assert!(!world.path("out").exists());
    // One that stays inside is followed.
    std::fs::rename(world.path("outside"), world.path("vendor/aside")).unwrap();
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("../../aside", &path).unwrap();
    world.pull("out");
}

/// cosign's GHSA-88jx-383q-w4qc, GHSA-95pr-fxf5-86gv, GHSA-vfp6-jrw2-99g9, GHSA-w6c6-c85g-mmv6: numbers and bodies
/// that a registry chooses have no bound; a check passes over what binds. Each number here is bounded, and
/// what is locked is bound to the digest above it.
#[test]
fn ghsa_88jx_95pr_vfp6_w6c6_what_a_registry_counts_is_bounded() {
    let server = Server::start(|request| {
        if request.path.ends_with("/manifests/many") {
            // Each to be asked for by itself, none of them small.
            let one = format!(
                r#"{{"mediaType":"{}","size":9223372036854775807,"digest":"sha256:{:064x}"}}"#,
                common::MANIFEST,
                7
            );
            let all = vec![one; 20_000].join(",");
            let body = format!(r#"{{"schemaVersion":2,"manifests":[{all}]}}"#);
            return Answer::new(200)
                .with("Content-Type", common::INDEX)
                .body(body);
        }
        if request.path.contains("/manifests/sha256:") || request.path.ends_with("/manifests/one") {
            return Answer::new(200)
                .with("Content-Type", common::MANIFEST)
                .endless();
        }
        Answer::new(404)
    });
    let world = World::new();
    for tag in ["many", "one"] {
        let image = format!("app={}/a:{tag}", server.host());
        let error = world.fails(1, &["lock", &image]);
        assert!(
            error.contains("larger than 4194304 bytes")
                || error.contains("it lists 20000, more than 10000"),
            "{tag}: {error}"
        );
    }
    assert!(server.requests().len() <= 3, "{:?}", server.lines());
    assert!(!world.path("images.lock.json").exists());
}

/// The same layer that docker writes where a step of a build changes nothing, by its well-known digests.
#[test]
fn the_empty_layer_of_docker() {
    let store = Store::new();
    let layer = data_encoding::HEXLOWER
        .decode(b"1f8b080000096e8800ff621805a360148c5800080000ffff2eafb5ef00040000")
        .unwrap();
    let digest = store.add_blob("a", &layer);
    assert_eq!(
        digest.to_string(),
        "sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4"
    );
    let diff_id = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":["{diff_id}"]}}}}"#
    );
    store.add_blob("a", config.as_bytes());
    let of = |kind, bytes: &[u8]| oci::Descriptor::of(oci::MediaType::known(kind), bytes);
    let layer = of("application/vnd.oci.image.layer.v1.tar+gzip", &layer);
    let manifest = oci::Manifest::new(of(common::CONFIG, config.as_bytes()), vec![layer]);
    store.add_manifest(
        "a",
        Some("1"),
        common::MANIFEST,
        &manifest.to_bytes().unwrap(),
    );
    let server = store.serve();
    let world = World::new();
    world.well(&["lock", &format!("app={}/a:1", server.host())]);
    world.request("");
    world.pull("out");
    world.well(&["verify", "out"]);
}

/// A layer whose diff_id is not what it unpacks to: skopeo does not notice.
#[test]
fn verify_reads_what_a_layer_unpacks_to() {
    for (codec, suffix) in [("gzip", "+gzip"), ("zstd", "+zstd")] {
        let store = Store::new();
        let plain = tar(&["a"]);
        let compress = |bytes: &[u8]| match codec {
            "gzip" => {
                let mut encoder =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                std::io::Write::write_all(&mut encoder, bytes).unwrap();
                encoder.finish().unwrap()
            }
            _ => zstd::encode_all(bytes, 1).unwrap(),
        };
        for (tag, diff_id) in [("good", Digest::of(&plain)), ("bad", Digest::of(b"other"))] {
            let layer = compress(&plain);
            let config = format!(
                r#"{{"os":"linux","architecture":"amd64","rootfs":{{"type":"layers","diff_ids":["{diff_id}"]}}}}"#
            );
            store.add_blob("a", config.as_bytes());
            store.add_blob("a", &layer);
            let media_type: oci::MediaType = format!("{}{suffix}", common::LAYER).parse().unwrap();
            let manifest = oci::Manifest::new(
                oci::Descriptor::of(oci::MediaType::known(common::CONFIG), config.as_bytes()),
                vec![oci::Descriptor::of(media_type, &layer)],
            );
            store.add_manifest(
                "a",
                Some(tag),
                common::MANIFEST,
                &manifest.to_bytes().unwrap(),
            );
        }
        let server = store.serve();
        for tag in ["good", "bad"] {
            let world = World::new();
            world.well(&["lock", &format!("app={}/a:{tag}", server.host())]);
            world.request("");
            world.pull("out");
            match tag {
                "good" => drop(world.well(&["verify", "out"])),
                _ => {
                    let error = world.fails(1, &["verify", "out"]);
                    assert!(error.contains("its diff_id says otherwise"), "{error}");
                }
            }
        }
    }
}
