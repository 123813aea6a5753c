//! A folder with layouts and requests, and the program.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::PathBuf;
use std::process::{Command, Output};

use layout::{Contents, Place, Transfer, Verify};
use oci::receipt::Source;
use oci::{Descriptor, Digest, Manifest, MediaType};
use scripted::Server;

pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

pub(crate) struct World(pub(crate) tempfile::TempDir);

impl World {
    pub(crate) fn new() -> Self {
        World(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_push"));
        command.args(words).current_dir(self.0.path()).env_clear();
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    #[track_caller]
    pub(crate) fn well(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && error.is_empty(), "{error}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    pub(crate) fn fails(&self, code: i32, words: &[&str]) -> String {
        let output = self.run(words);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{error}");
        error
    }

    /// Writes a request; images are `layout` and what they go to, as JSON.
    pub(crate) fn request(&self, images: &[(&str, String)], more: &str) {
        let images: Vec<String> = images
            .iter()
            .map(|(layout, to)| format!(r#"{{"layout":"{layout}","to":[{to}]}}"#))
            .collect();
        let images = images.join(",");
        let more = if more.is_empty() {
            String::new()
        } else {
            format!(",{more}")
        };
        self.write(
            "request.json",
            &format!(
                r#"{{"kind":"push","version":1,"origin":"//app:push","images":[{images}]{more}}}"#
            ),
        );
    }

    #[track_caller]
    pub(crate) fn push(&self) -> serde_json::Value {
        let _ = std::fs::remove_file(self.path("receipt.json"));
        self.well(&["request.json", "--receipt", "receipt.json"]);
        self.receipt()
    }

    pub(crate) fn receipt(&self) -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(self.path("receipt.json")).unwrap()).unwrap()
    }

    /// Makes a layout of an image with these layers; the digest of its manifest.
    pub(crate) fn layout(&self, name: &str, layers: &[&[u8]]) -> Digest {
        let mut contents = Contents::default();
        let descriptor = self.image(&mut contents, layers, None);
        contents.list(descriptor.clone());
        self.finish(&contents, name);
        descriptor.digest
    }

    pub(crate) fn image(
        &self,
        contents: &mut Contents,
        layers: &[&[u8]],
        absent: Option<&Source>,
    ) -> Descriptor {
        let place = |layer: &[u8]| match absent {
            Some(source) => Place::Absent(vec![source.clone()]),
            None => Place::Bytes(layer.to_vec()),
        };
        self.image_with(contents, layers, &place)
    }

    /// An image whose layers are in these places.
    pub(crate) fn image_without(
        &self,
        contents: &mut Contents,
        layers: &[&[u8]],
        sources: Vec<Source>,
    ) -> Descriptor {
        self.image_with(contents, layers, &|_| Place::Absent(sources.clone()))
    }

    fn image_with(
        &self,
        contents: &mut Contents,
        layers: &[&[u8]],
        place: &dyn Fn(&[u8]) -> Place,
    ) -> Descriptor {
        let diff_ids: Vec<String> = layers
            .iter()
            .map(|layer| format!("\"{}\"", Digest::of(layer)))
            .collect();
        let config = format!(
            r#"{{"architecture":"amd64","os":"linux","rootfs":{{"diff_ids":[{}],"type":"layers"}}}}"#,
            diff_ids.join(",")
        );
        let config = contents.add_document(MediaType::known(CONFIG), config.into_bytes());
        let mut list = Vec::new();
        for layer in layers {
            let descriptor = Descriptor::of(MediaType::known(LAYER), layer);
            contents.add(&descriptor, place(layer)).unwrap();
            list.push(descriptor);
        }
        let manifest = Manifest::new(config, list).to_bytes().unwrap();
        contents.add_document(MediaType::known(MANIFEST), manifest)
    }

    pub(crate) fn finish(&self, contents: &Contents, name: &str) {
        layout::directory(contents, &self.path(name), Transfer::Copy, Verify::Digest)
            .unwrap()
            .commit()
            .unwrap();
    }
}

pub(crate) fn to(server: &Server, path: &str, tags: &str) -> String {
    to_with(server, path, tags, r#""replace""#)
}

pub(crate) fn to_with(server: &Server, path: &str, tags: &str, existing: &str) -> String {
    let tags: Vec<String> = tags
        .split_whitespace()
        .map(|tag| format!("\"{tag}\""))
        .collect();
    let (host, tags) = (server.host(), tags.join(","));
    format!(r#"{{"repository":"{host}/{path}","tags":[{tags}],"existing":{existing}}}"#)
}

/// The requests that write something.
pub(crate) fn writes(server: &Server) -> Vec<String> {
    let writes = |line: &String| !(line.starts_with("GET") || line.starts_with("HEAD"));
    server.lines().into_iter().filter(writes).collect()
}

pub(crate) fn sparse(world: &World, name: &str, registry: &str, layers: &[&[u8]]) -> Digest {
    let source = Source {
        registry: registry.to_owned(),
        repository: "library/base".into(),
    };
    let mut contents = Contents::default();
    let descriptor = world.image(&mut contents, layers, Some(&source));
    contents.list(descriptor.clone());
    world.finish(&contents, name);
    descriptor.digest
}
