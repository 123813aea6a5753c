//! What the tests share: images in a registry in memory, and the program run in an empty world.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "each test takes what it needs, and a test fails by a panic"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use oci::{Descriptor, Digest, MediaType};
use scripted::Store;

pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// A tar of files with these names.
pub fn tar(names: &[&str]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for name in names {
        let mut header = tar::Header::new_ustar();
        header.set_size(name.len() as u64);
        header.set_mode(0o644);
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        builder.append(&header, name.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

/// Puts an image of these layers into a repository; returns its descriptor with its platform.
pub fn image(
    store: &Store,
    repository: &str,
    tag: Option<&str>,
    platform: &str,
    layers: &[Vec<u8>],
) -> Descriptor {
    let diff_ids: Vec<String> = layers
        .iter()
        .map(|layer| format!("\"{}\"", Digest::of(layer)))
        .collect();
    let platform = oci::Platform::parse(platform).unwrap();
    let variant = platform.variant.as_ref();
    let variant = variant.map_or(String::new(), |variant| {
        format!(r#","variant":"{variant}""#)
    });
    let config = format!(
        r#"{{"architecture":"{}","os":"{}"{variant},"rootfs":{{"type":"layers","diff_ids":[{}]}}}}"#,
        platform.architecture,
        platform.os,
        diff_ids.join(",")
    );
    let config = Descriptor::of(
        MediaType::known(CONFIG),
        &add(store, repository, config.into_bytes()),
    );
    let layers = layers
        .iter()
        .map(|layer| {
            Descriptor::of(
                MediaType::known(LAYER),
                &add(store, repository, layer.clone()),
            )
        })
        .collect();
    let bytes = oci::Manifest::new(config, layers).to_bytes().unwrap();
    store.add_manifest(repository, tag, MANIFEST, &bytes);
    let mut descriptor = Descriptor::of(MediaType::known(MANIFEST), &bytes);
    descriptor.platform = Some(platform);
    descriptor
}

fn add(store: &Store, repository: &str, bytes: Vec<u8>) -> Vec<u8> {
    store.add_blob(repository, &bytes);
    bytes
}

/// Puts an index into a repository.
pub fn index(store: &Store, repository: &str, tag: &str, manifests: Vec<Descriptor>) -> Digest {
    let bytes = oci::Index::new(manifests).to_bytes().unwrap();
    store.add_manifest(repository, Some(tag), INDEX, &bytes)
}

/// An index of two platforms, with one layer in common.
pub fn two_platforms(store: &Store, repository: &str, tag: &str) -> Digest {
    let (common, other) = (tar(&["etc/os-release"]), tar(&["usr/bin/app"]));
    let amd64 = image(
        store,
        repository,
        None,
        "linux/amd64",
        &[common.clone(), other],
    );
    let arm64 = image(
        store,
        repository,
        None,
        "linux/arm64",
        &[common, tar(&["usr/bin/app", "arm"])],
    );
    index(store, repository, tag, vec![amd64, arm64])
}

/// A folder in which the program is run.
pub struct World(pub tempfile::TempDir);

impl World {
    pub fn new() -> Self {
        World(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pull"));
        command.args(words).current_dir(self.0.path()).env_clear();
        command.env("HOME", self.path("home"));
        command
    }

    pub fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Runs it; it must go well, and silently.
    #[track_caller]
    pub fn well(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success() && error.is_empty(),
            "{words:?}: {error}"
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs it; it must fail with this code. What it says.
    #[track_caller]
    pub fn fails(&self, code: i32, words: &[&str]) -> String {
        let output = self.run(words);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {error}");
        error
    }

    /// Writes a request for the image `app` of the lock.
    pub fn request(&self, more: &str) {
        let more = if more.is_empty() {
            String::new()
        } else {
            format!(",{more}")
        };
        self.write(
            "request.json",
            &format!(
                r#"{{"kind":"pull","version":1,"origin":"@app","image":{{"locked":{{"lock":"images.lock.json","name":"app"}}}}{more}}}"#
            ),
        );
    }

    /// Pulls into `out`.
    #[track_caller]
    pub fn pull(&self, out: &str) {
        self.well(&[
            "request.json",
            "--out",
            out,
            "--receipt",
            &format!("{out}.receipt"),
        ]);
    }

    /// All files below a folder, with their bytes.
    pub fn tree(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.path(name), "", &mut files);
        files
    }

    /// The names in the world's folder.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().into_string().unwrap());
        match entry.file_type().unwrap().is_dir() {
            true => collect(&entry.path(), &format!("{name}/"), files),
            false => drop(files.insert(name, std::fs::read(entry.path()).unwrap())),
        }
    }
}

/// The path of a blob in a layout.
pub fn blob(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}
