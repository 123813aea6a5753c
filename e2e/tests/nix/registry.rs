//! To a real registry and back.

use std::fs;
use std::path::Path;

use data_encoding::HEXLOWER;
use e2e::registries::{self, Running};
use e2e::{blob, outsiders};
use serde_json::{Value, json};
use sha2::{Digest, Sha512};

use crate::world::World;

pub(crate) fn all(world: &World) {
    if !outsiders::can("push and pull, under Nix", &["docker-registry", "skopeo"]) {
        return;
    }
    let folder = world.folder.parent().unwrap();
    let (running, host) = registries::registry(folder, "", "");
    let port = host.rsplit(':').next().unwrap();
    let packages = world.folder.join("packages.nix");
    let text = fs::read_to_string(&packages).unwrap();
    fs::write(&packages, text.replace("REGISTRY_PORT", port)).unwrap();

    let digests = pushed(world, &host);
    pulled(world, running, &host, &digests);
    private(world, folder);
    wide(world);
}

/// `nix run .#push`: an image with its bytes and one without come to be the same in the registry.
fn pushed(world: &World, host: &str) -> String {
    let nix = &world.nix;
    nix.succeed(
        "nix",
        &["run", &format!("path:{}#push", world.folder.display())],
    );
    for name in ["push_thin", "push_index"] {
        nix.succeed("nix", &["run", &nix.attribute(name)]);
    }
    let paths = nix.build(&["image", "index", "push_fat", "push_thin"]);
    let remote = |repository: &str| {
        let raw = outsiders::run(
            &world.folder,
            "skopeo",
            &[
                "inspect",
                "--raw",
                "--tls-verify=false",
                &format!("docker://{host}/{repository}:1"),
            ],
        );
        e2e::blob::digest(&raw)
    };
    assert_eq!(remote("fat"), world.digest(&paths[0]));
    assert_eq!(remote("thin"), world.digest(&paths[0]));
    assert_eq!(remote("index"), world.digest(&paths[1]));
    // All blobs of the thin one are there: somebody else takes it as a whole.
    let copy = format!("oci:{}/copied:1", world.folder.display());
    let from = format!("docker://{host}/thin:1");
    outsiders::run(
        &world.folder,
        "skopeo",
        &["copy", "-q", "--src-tls-verify=false", &from, &copy],
    );
    // The program is the script's interpreter.
    let script = nix.read(&format!("{}/bin/push-fat", paths[2]));
    let first = script.lines().next().unwrap();
    assert!(
        first.starts_with("#!/nix/store/") && first.ends_with("/bin/push"),
        "{first}"
    );
    // What makes the layers again comes along with the program that pushes a thin image, and with no other.
    let closure = |path: &str| nix.succeed("nix-store", &["-qR", path]).1;
    assert!(closure(&paths[3]).contains("-bash-5.3"));
    assert!(!closure(&paths[2]).contains("-bash-5.3"));
    // Where no such program stands, nothing else is started.
    nix.succeed("nix", &["run", &nix.attribute("load")]);
    let archive = format!("docker-archive:{}/loaded.tar", world.folder.display());
    nix.succeed("skopeo", &["inspect", &archive]);
    world.digest(&paths[0])
}

/// By fixed-output derivations, through a mirror that is a layout, from a layout in the sources.
fn pulled(world: &World, running: Running, host: &str, digest: &str) {
    let nix = &world.nix;
    let folder = &world.folder;
    let pull = e2e::programs::path("pull").display().to_string();
    let settings = folder.join("settings.json");
    fs::write(
        &settings,
        format!(r#"{{"access": {{"hosts": {{"{host}": {{"plain_http": true}}}}}}}}"#),
    )
    .unwrap();
    let settings = settings.display().to_string();
    let (fat, index) = (format!("fat={host}/fat:1"), format!("index={host}/index:1"));
    nix.succeed(&pull, &["lock", &fat, &index, "--settings", &settings]);
    let lock: Value =
        serde_json::from_str(&fs::read_to_string(folder.join("images.lock.json")).unwrap())
            .unwrap();
    assert_eq!(lock["images"]["fat"]["digest"], digest);
    nix.succeed(
        &pull,
        &["vendor", "--out", "vendored", "--settings", &settings],
    );

    let names = [
        "pulled",
        "pulled_sparse",
        "pulled_index",
        "pulled_mirror",
        "pulled_vendored",
        "on_pulled",
    ];
    let paths = nix.build(&names);
    assert_eq!(world.digest(&paths[0]), digest);
    assert_eq!(world.digest(&paths[1]), digest);
    assert_eq!(world.digest(&paths[3]), digest);
    assert_eq!(world.digest(&paths[4]), digest);
    assert_ne!(world.digest(&paths[2]), digest);
    nix.build_with(&["pulled"], &["--rebuild"]);
    // One store path a blob, named and hashed by its digest: no matter where it came from.
    let hex = digest.strip_prefix("sha256:").unwrap();
    let blobs = |path: &str| {
        let (_, all) = nix.succeed("nix-store", &["-q", "--references", path]);
        all.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let of_registry = blobs(&paths[0]);
    assert_eq!(of_registry, blobs(&paths[3]));
    assert_eq!(of_registry, blobs(&paths[4]));
    assert_eq!(of_registry.len(), 7 + 1, "{of_registry:?}");
    let (_, manifest) = nix.succeed(
        "nix",
        &[
            "eval",
            "--raw",
            &format!("{}.blobs.\"{digest}\"", nix.attribute("pulled")),
        ],
    );
    assert!(manifest.ends_with(hex), "{manifest}");
    // An image on it.
    let printed = world.start(&paths[5], "on_pulled");
    assert!(printed.starts_with("Hello, world!"), "{printed}");

    // A registry that a sandbox has no login for: the blobs are added to the store from outside.
    let other = e2e::nix::Nix::new(folder, &folder.parent().unwrap().join("by_hand"));
    other.succeed(
        &pull,
        &["vendor", "fat", "--to-nix-store", "--settings", &settings],
    );
    for blob in &of_registry {
        other.succeed("nix-store", &["-q", "--hash", blob]);
    }
    // With nobody to ask.
    drop(running);
    let again = other.build(&["pulled"]);
    assert_eq!(again[0], paths[0]);
}

/// A registry that wants a login: `pull` outside of the sandbox adds the blobs to the store, and the build
/// finds them there.
fn private(world: &World, folder: &Path) {
    let nix = &world.nix;
    // `u` and `hunter2`, by bcrypt.
    let line = "u:$2b$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8.\n";
    fs::write(folder.join("htpasswd"), line).unwrap();
    let htpasswd = folder.join("htpasswd");
    let auth = format!(
        "auth: {{htpasswd: {{realm: test, path: {}}}}}\n",
        htpasswd.display()
    );
    let (_running, host) = registries::registry(folder, "", &auth);
    let login = json!({"auths": {host.clone(): {"username": "u", "password": "hunter2"}}});
    fs::write(folder.join("auth.json"), login.to_string()).unwrap();
    let access = json!({"credentials": {"file": folder.join("auth.json")}});
    let write = |name: &str, value: &Value| {
        fs::write(folder.join(name), value.to_string()).unwrap();
        folder.join(name).display().to_string()
    };
    // Not one whose blobs have been fetched before.
    let image = &nix.build(&["few"])[0];
    let request = json!({"kind": "push", "version": 1, "origin": "private", "access": access, "images": [
        {"layout": image, "follow_links": true, "to": [{"repository": format!("{host}/team/app"), "tags": ["1"]}]}]});
    let request = write("push.json", &request);
    let push = e2e::programs::path("push").display().to_string();
    nix.succeed(&push, &[&request]);

    let settings = write("login.json", &json!({"access": access}));
    let pull = e2e::programs::path("pull").display().to_string();
    let reference = format!("private={host}/team/app:1");
    nix.succeed(&pull, &["lock", &reference, "--settings", &settings]);
    let said = nix.refused("pulled_private");
    assert!(said.contains("no credentials are given"), "{said}");
    let words = [
        "vendor",
        "private",
        "--to-nix-store",
        "--settings",
        &settings,
    ];
    nix.succeed(&pull, &words);
    let pulled = &nix.build(&["pulled_private"])[0];
    assert_eq!(world.digest(pulled), world.digest(image));
}

/// A layer whose digest is a SHA-512 is a fixed output by that.
fn wide(world: &World) {
    let layout = world.folder.join("wide");
    for algorithm in ["sha256", "sha512"] {
        fs::create_dir_all(layout.join("blobs").join(algorithm)).unwrap();
    }
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(5);
    header.set_mode(0o644);
    tar.append_data(&mut header, "file", &b"wide\n"[..])
        .unwrap();
    let layer = tar.into_inner().unwrap();
    let put = |bytes: &[u8], digest: String, kind: &str| {
        let at = layout.join("blobs").join(digest.replace(':', "/"));
        fs::write(at, bytes).unwrap();
        json!({"media_type": kind, "digest": digest, "size": bytes.len()})
    };
    let sha512 = format!("sha512:{}", HEXLOWER.encode(&Sha512::digest(&layer)));
    let diff_id = blob::digest(&layer);
    let layer = put(
        &layer,
        sha512.clone(),
        "application/vnd.oci.image.layer.v1.tar",
    );
    let document = |value: Value, kind: &str| {
        let bytes = value.to_string().into_bytes();
        put(&bytes, blob::digest(&bytes), kind)
    };
    let config = document(
        json!({"architecture": "amd64", "os": "linux", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [diff_id]}}),
        "application/vnd.oci.image.config.v1+json",
    );
    let descriptor = |blob: &Value| json!({"mediaType": blob["media_type"], "digest": blob["digest"], "size": blob["size"]});
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let manifest = document(
        json!({"schemaVersion": 2, "mediaType": kind, "config": descriptor(&config),
            "layers": [descriptor(&layer)]}),
        kind,
    );
    let index = json!({"schemaVersion": 2, "manifests": [descriptor(&manifest)]});
    fs::write(layout.join("index.json"), index.to_string()).unwrap();
    fs::write(
        layout.join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
    .unwrap();
    let mut entry = manifest.clone();
    entry["reference"] = "registry.example.com/wide:1".into();
    let mut of_platform = manifest.clone();
    of_platform["platform"] = "linux/amd64".into();
    of_platform["config"] = config;
    of_platform["layers"] = json!([layer]);
    let content = blob::digest(format!("{diff_id}\n").as_bytes());
    of_platform["content"] = content.replace("sha256:", "c1:").into();
    entry["manifests"] = json!([of_platform]);
    let lock = json!({"kind": "images_lock", "version": 1, "images": {"wide": entry}});
    fs::write(world.folder.join("sha512.json"), lock.to_string()).unwrap();

    let pulled = &world.nix.build(&["pulled_sha512"])[0];
    assert_eq!(world.digest(pulled), manifest["digest"].as_str().unwrap());
    let (_, blobs) = world
        .nix
        .succeed("nix-store", &["-q", "--references", pulled]);
    let hex = sha512.strip_prefix("sha512:").unwrap();
    assert!(blobs.lines().any(|path| path.ends_with(hex)), "{blobs}");
}
