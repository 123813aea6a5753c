//! Another reader of OCI documents agrees with us on everything in the golden files: the crate
//! `oci-spec` reads each document and says the same, and every digest that a document names is that
//! of something that is there.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that reads golden files"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use oci_spec::image::{Descriptor, ImageConfiguration, ImageIndex, ImageManifest, OciLayout};
use serde_json::Value;

/// The JSON documents of a case's output, by path; other files have none.
type Files = BTreeMap<String, Option<Value>>;

/// Every case that makes a layout, whole or sparse.
fn layouts() -> Vec<(PathBuf, Files)> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e/cases/assemble");
    let mut layouts = Vec::new();
    for case in std::fs::read_dir(cases).unwrap() {
        let case = case.unwrap().path();
        let Ok(listing) = std::fs::read_to_string(case.join("listing.ndjson")) else {
            continue;
        };
        let files: Files = listing
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|line| line["type"] != "directory")
            .map(|mut line| {
                let path = line["path"].as_str().unwrap().to_owned();
                let document = line.get_mut("json").map(Value::take);
                (path, document)
            })
            .collect();
        if files.contains_key("oci-layout") {
            layouts.push((case, files));
        }
    }
    layouts
}

fn bytes(document: &Value) -> Vec<u8> {
    serde_json::to_vec(document).unwrap()
}

struct Check<'a> {
    case: &'a Path,
    files: &'a Files,
    absent: Vec<String>,
    images: usize,
}

impl Check<'_> {
    fn document(&self, descriptor: &Descriptor) -> &Value {
        let path = format!(
            "blobs/{}",
            descriptor.digest().to_string().replace(':', "/")
        );
        let document = self.files.get(&path).and_then(Option::as_ref);
        document.unwrap_or_else(|| panic!("{}: no {path}", self.case.display()))
    }

    fn layer(&self, descriptor: &Descriptor) {
        let digest = descriptor.digest().to_string();
        let present = self
            .files
            .contains_key(&format!("blobs/{}", digest.replace(':', "/")));
        let absent = self.absent.contains(&digest);
        assert!(present != absent, "{}: {digest}", self.case.display());
    }

    fn node(&mut self, descriptor: &Descriptor) {
        let kind = descriptor.media_type().to_string();
        let case = self.case.display();
        if kind.ends_with(".image.index.v1+json") || kind.ends_with(".manifest.list.v2+json") {
            let document = self.document(descriptor);
            let index = ImageIndex::from_reader(&bytes(document)[..]).unwrap();
            assert_eq!(document["mediaType"], kind, "{case}");
            for child in index.manifests() {
                self.node(child);
            }
        } else if kind.ends_with(".manifest.v1+json") || kind.ends_with(".manifest.v2+json") {
            let document = self.document(descriptor);
            let manifest = ImageManifest::from_reader(&bytes(document)[..]).unwrap();
            self.images += 1;
            manifest.layers().iter().for_each(|layer| self.layer(layer));
            let document = self.document(manifest.config());
            if !manifest
                .config()
                .media_type()
                .to_string()
                .contains("config")
            {
                return;
            }
            let config = ImageConfiguration::from_reader(&bytes(document)[..]).unwrap();
            if config.os().to_string() == "unknown" {
                return;
            }
            let layers = manifest.layers().len();
            assert_eq!(config.rootfs().diff_ids().len(), layers, "{case}");
            let history = config.history().iter().flatten();
            let steps = history
                .filter(|step| step.empty_layer() != Some(true))
                .count();
            assert_eq!(steps, layers, "{case}: the history agrees with the layers");
            if let Some(platform) = descriptor.platform() {
                assert_eq!(platform.os(), config.os(), "{case}");
                assert_eq!(platform.architecture(), config.architecture(), "{case}");
                assert_eq!(platform.variant(), config.variant(), "{case}");
            }
        } else {
            self.layer(descriptor);
        }
    }
}

#[test]
fn every_golden_layout() {
    let layouts = layouts();
    assert!(layouts.len() > 40, "only {} layouts", layouts.len());
    let mut images = 0;
    for (case, files) in &layouts {
        let document = |name: &str| bytes(files[name].as_ref().unwrap());
        assert_eq!(
            OciLayout::from_reader(&document("oci-layout")[..])
                .unwrap()
                .image_layout_version(),
            "1.0.0"
        );
        let absent = match files.get("sparse.json") {
            Some(sparse) => sparse.as_ref().unwrap()["absent"]
                .as_array()
                .unwrap()
                .iter()
                .map(|blob| blob["digest"].as_str().unwrap().to_owned())
                .collect(),
            None => Vec::new(),
        };
        let index = ImageIndex::from_reader(&document("index.json")[..]).unwrap();
        let mut check = Check {
            case,
            files,
            absent,
            images: 0,
        };
        index
            .manifests()
            .iter()
            .for_each(|descriptor| check.node(descriptor));
        images += check.images;
    }
    assert!(images > layouts.len(), "only {images} images");
}
