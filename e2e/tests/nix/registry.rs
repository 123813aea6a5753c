//! To a real registry and back.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use e2e::outsiders;
use serde_json::Value;

use crate::world::World;

/// A registry that ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(world: &World) -> (Running, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let config = world.folder.parent().unwrap().join("registry.yml");
    let text = format!(
        "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
         storage: {{filesystem: {{rootdirectory: {}/registry}}}}\nhttp: {{addr: \"127.0.0.1:{port}\"}}\n",
        world.folder.parent().unwrap().display()
    );
    fs::write(&config, text).unwrap();
    let child = Command::new("docker-registry")
        .arg("serve")
        .arg(&config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let running = Running(child);
    for _ in 0..400 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return (running, port.to_string());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("nobody listens at port {port}");
}

pub(crate) fn all(world: &World) {
    if !outsiders::can("push and pull, under Nix", &["docker-registry", "skopeo"]) {
        return;
    }
    let (running, port) = start(world);
    let packages = world.folder.join("packages.nix");
    let text = fs::read_to_string(&packages).unwrap();
    fs::write(&packages, text.replace("REGISTRY_PORT", &port)).unwrap();
    let host = format!("127.0.0.1:{port}");

    let digests = pushed(world, &host);
    pulled(world, running, &host, &digests);
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
