//! Real registries, images small enough to be sent often, and `push` and `pull` as the checks of
//! registries call them.

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::{blob, outsiders, programs};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A process that ends with the test.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that nobody has.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Waits until somebody listens.
pub fn wait_for(port: u16) {
    for _ in 0..400 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("nobody listens at port {port}");
}

/// Starts `docker-registry`; `http` and `more` are of its configuration.
pub fn registry(folder: &Path, http: &str, more: &str) -> (Running, String) {
    let port = free_port();
    let config = folder.join(format!("registry-{port}.yml"));
    let text = format!(
        "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
         storage: {{filesystem: {{rootdirectory: {}/store-{port}}}}}\n\
         http:\n  addr: 127.0.0.1:{port}\n{http}{more}",
        folder.display()
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
    wait_for(port);
    (running, format!("127.0.0.1:{port}"))
}

/// Writes a file.
pub fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
}

/// One of our programs, in an empty environment.
pub fn ours(folder: &Path, tool: &str, words: &[&str]) -> Output {
    Command::new(programs::path(tool))
        .args(words)
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .output()
        .unwrap()
}

/// One of our programs, which has to succeed and to say nothing.
#[track_caller]
pub fn well(folder: &Path, tool: &str, words: &[&str]) {
    let output = ours(folder, tool, words);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.is_empty(),
        "{tool} {words:?}: {said}"
    );
}

/// What another program prints.
#[track_caller]
pub fn outsider(folder: &Path, program: &str, words: &[&str]) -> String {
    String::from_utf8(outsiders::run(folder, program, words)).unwrap()
}

/// A layout of an image with two layers, the second of `size` bytes; the digest of its manifest.
pub fn layout(folder: &Path, name: &str, size: usize) -> String {
    let root = folder.join(name);
    fs::create_dir_all(root.join("blobs/sha256")).unwrap();
    let put = |bytes: &[u8], media_type: &str| {
        let digest = blob::digest(bytes);
        fs::write(root.join("blobs").join(digest.replace(':', "/")), bytes).unwrap();
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    };
    let mut layers = Vec::new();
    for (path, content) in [("a", vec![b'a'; 5]), ("b", noise(size))] {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, &content[..]).unwrap();
        layers.push(tar.into_inner().unwrap());
    }
    let diff_ids: Vec<String> = layers.iter().map(|layer| blob::digest(layer)).collect();
    let config = json!({"architecture": "amd64", "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": diff_ids}});
    let config = put(
        config.to_string().as_bytes(),
        "application/vnd.oci.image.config.v1+json",
    );
    let layers: Vec<Value> = layers
        .iter()
        .map(|layer| {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(layer).unwrap();
            put(
                &gzip.finish().unwrap(),
                "application/vnd.oci.image.layer.v1.tar+gzip",
            )
        })
        .collect();
    let manifest =
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
    let manifest = put(manifest.to_string().as_bytes(), MANIFEST);
    let digest = manifest["digest"].as_str().unwrap().to_owned();
    write(
        &root.join("index.json"),
        &json!({"schemaVersion": 2, "manifests": [manifest]}).to_string(),
    );
    write(
        &root.join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    );
    digest
}

/// Bytes that do not compress, the same each time.
pub fn noise(size: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..size).map(|_| next()).collect()
}

/// Pushes `image` to `team/app:1`.
pub fn push(folder: &Path, host: &str, access: &Value) -> Output {
    let request = json!({"kind": "push", "version": 1, "origin": "//e2e:push", "access": access,
        "images": [{"layout": "image", "to": [{"repository": format!("{host}/team/app"), "tags": ["1"]}]}]});
    write(&folder.join("push.json"), &request.to_string());
    ours(folder, "push", &["push.json"])
}

/// Locks a reference as `app`, pulls it into `out`, and verifies that.
#[track_caller]
pub fn pull(folder: &Path, reference: &str, access: &Value) {
    for old in ["images.lock.json", "out"] {
        let _ = fs::remove_file(folder.join(old));
        let _ = fs::remove_dir_all(folder.join(old));
    }
    write(
        &folder.join("settings.json"),
        &json!({"access": access}).to_string(),
    );
    well(
        folder,
        "pull",
        &[
            "lock",
            &format!("app={reference}"),
            "--settings",
            "settings.json",
        ],
    );
    let request = json!({"kind": "pull", "version": 1, "origin": "//e2e:pull", "from": {"access": access},
        "image": {"locked": {"lock": "images.lock.json", "name": "app"}}});
    write(&folder.join("pull.json"), &request.to_string());
    well(folder, "pull", &["pull.json", "--out", "out"]);
    well(folder, "pull", &["verify", "out"]);
}

/// The blobs of a layout.
pub fn blobs(folder: &Path, name: &str) -> Vec<PathBuf> {
    let mut names: Vec<PathBuf> = fs::read_dir(folder.join(name).join("blobs/sha256"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into())
        .collect();
    names.sort();
    names
}

/// It has to have succeeded.
#[track_caller]
pub fn succeeded(output: &Output) {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
