//! Bills of materials: SPDX 2 and CycloneDX, both as JSON. What is compared: the image that they describe, its
//! layers, what it is built on, and the files of layers.

use std::collections::{BTreeMap, BTreeSet};

use oci::error::Shown;
use oci::json::{self, Limits};
use oci::media_type::Kind as MediaKind;
use oci::{Digest, MediaType};
use serde_json::Value;

use super::Reading;
use super::facts::{Facts, Files};

/// What a bill of materials says of the image.
#[derive(Default)]
struct Said {
    /// The digests by which it names the image.
    image: Vec<Digest>,
    layers: Vec<Digest>,
    bases: Vec<Digest>,
    packages: usize,
}

impl Said {
    /// Compares it with the image.
    fn compare(self, reading: &mut Reading, facts: &Facts<'_>) {
        if self.image.is_empty() {
            reading.says("names no image by digest");
        } else if !self.image.contains(&facts.root.digest) {
            let said: Vec<String> = self.image.iter().map(Digest::to_string).collect();
            reading.wrong(format!("it describes {}", said.join(", ")));
        }
        let mut one_sided = |what: &str, said: &[Digest], is: &[Digest]| {
            for digest in said.iter().filter(|digest| !is.contains(digest)) {
                reading.wrong(format!(
                    "it names the {what} {digest}, which the image does not have"
                ));
            }
            // Who names some names all.
            for digest in is
                .iter()
                .filter(|digest| !said.is_empty() && !said.contains(digest))
            {
                reading.wrong(format!("it does not name the {what} {digest}"));
            }
        };
        let layers: Vec<Digest> = facts.layers.iter().map(|layer| layer.digest).collect();
        one_sided("layer", &self.layers, &layers);
        if !facts.bases.is_empty() {
            one_sided("base", &self.bases, &facts.bases);
        }
        let some = |count: usize, word: &str| match count {
            1 => format!("1 {word}"),
            count => format!("{count} {word}s"),
        };
        reading.says(some(self.layers.len(), "layer"));
        if !self.bases.is_empty() {
            reading.says(some(self.bases.len(), "base"));
        }
        reading.says(some(self.packages, "package"));
    }
}

fn parse(reading: &mut Reading, bytes: &[u8], what: &'static str) -> Option<Value> {
    match json::read(bytes, Limits::OURS, what) {
        Ok(value @ Value::Object(_)) => Some(value),
        Ok(_) => {
            reading.wrong(format!("it is no {what}"));
            None
        }
        Err(error) => {
            reading.wrong(error.to_string());
            None
        }
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    let list = value.get(field).and_then(Value::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}

/// A hash with its algorithm, as both formats write it.
fn hashed(algorithm: &str, hex: &str) -> Option<Digest> {
    let name = algorithm.to_ascii_lowercase().replace('-', "");
    format!("{name}:{hex}").parse().ok()
}

/// Compares an SPDX document.
pub(super) fn spdx(reading: &mut Reading, bytes: &[u8], facts: &Facts<'_>) {
    let Some(document) = parse(reading, bytes, "SPDX document") else {
        return;
    };
    let version = text(&document, "spdxVersion");
    if !version.starts_with("SPDX-2.") {
        return reading.wrong(format!("its `spdxVersion` is `{}`", Shown::new(version)));
    }
    let mut packages: BTreeMap<&str, &Value> = BTreeMap::new();
    for package in list(&document, "packages") {
        let id = text(package, "SPDXID");
        if id.is_empty() || packages.insert(id, package).is_some() {
            reading.wrong(format!("two packages are `{}`", Shown::new(id)));
        }
    }
    let relations = list(&document, "relationships").iter().map(|relation| {
        let field = |name| text(relation, name);
        (
            field("spdxElementId"),
            field("relationshipType"),
            field("relatedSpdxElement"),
        )
    });
    let relations: Vec<(&str, &str, &str)> = relations.collect();
    let mut described: BTreeSet<&str> = list(&document, "documentDescribes")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    for (from, how, to) in &relations {
        match *how {
            "DESCRIBES" if *from == "SPDXRef-DOCUMENT" => described.insert(to),
            "DESCRIBED_BY" if *to == "SPDXRef-DOCUMENT" => described.insert(from),
            _ => false,
        };
    }
    let digests = |id: &str| -> Vec<Digest> {
        let Some(package) = packages.get(id) else {
            return Vec::new();
        };
        let sums = list(package, "checksums").iter();
        let sums =
            sums.filter_map(|sum| hashed(text(sum, "algorithm"), text(sum, "checksumValue")));
        sums.chain(text(package, "versionInfo").parse().ok())
            .collect()
    };
    let mut said = Said {
        packages: packages.len(),
        ..Said::default()
    };
    for id in &described {
        if !packages.contains_key(id) {
            reading.wrong(format!(
                "it describes `{}`, which is not in it",
                Shown::new(id)
            ));
        }
        said.image.extend(digests(id));
    }
    for (from, how, to) in &relations {
        if !described.contains(from) {
            continue;
        }
        let is_archive = packages
            .get(to)
            .is_some_and(|package| text(package, "primaryPackagePurpose") == "ARCHIVE");
        match *how {
            "CONTAINS" if is_archive => said.layers.extend(digests(to)),
            "DESCENDANT_OF" => said.bases.extend(digests(to)),
            _ => {}
        }
    }
    said.layers.sort();
    said.layers.dedup();
    said.bases.sort();
    said.bases.dedup();
    said.compare(reading, facts);
}

/// Compares a CycloneDX document.
pub(super) fn cyclonedx(reading: &mut Reading, bytes: &[u8], facts: &Facts<'_>) {
    let Some(document) = parse(reading, bytes, "CycloneDX document") else {
        return;
    };
    let (format, version) = (text(&document, "bomFormat"), text(&document, "specVersion"));
    if format != "CycloneDX" || !version.starts_with("1.") {
        return reading.wrong(format!(
            "it is `{}` of version `{}`",
            Shown::new(format),
            Shown::new(version)
        ));
    }
    let digests = |component: &Value| -> Vec<Digest> {
        let sums = list(component, "hashes").iter();
        let sums = sums.filter_map(|sum| hashed(text(sum, "alg"), text(sum, "content")));
        sums.chain(text(component, "version").parse().ok())
            .collect()
    };
    let mut said = Said::default();
    if let Some(image) = document.pointer("/metadata/component") {
        said.image = digests(image);
    }
    let mut references = BTreeSet::new();
    let mut files = 0;
    for component in list(&document, "components") {
        let reference = text(component, "bom-ref");
        if !reference.is_empty() && !references.insert(reference) {
            reading.wrong(format!("two components are `{}`", Shown::new(reference)));
        }
        let media_type: Option<MediaType> = text(component, "mime-type").parse().ok();
        let is_layer =
            media_type.is_some_and(|one| matches!(one.kind(), Some(MediaKind::Layer { .. })));
        match text(component, "type") {
            "file" if is_layer => {
                let layers = digests(component);
                for digest in &layers {
                    files += compare_files(reading, component, digest, facts);
                }
                said.layers.extend(layers);
            }
            "container" => said.bases.extend(digests(component)),
            "file" => {}
            _ => said.packages += 1,
        }
    }
    said.bases.sort();
    said.bases.dedup();
    said.compare(reading, facts);
    match files {
        0 => {}
        1 => reading.says("1 file compared"),
        files => reading.says(format!("{files} files compared")),
    }
}

/// Compares the files that a layer has by the document with those that it has; how many.
fn compare_files(
    reading: &mut Reading,
    component: &Value,
    digest: &Digest,
    facts: &Facts<'_>,
) -> usize {
    let said = list(component, "components");
    let Some(layer) = facts.layer(digest).filter(|_| !said.is_empty()) else {
        return 0;
    };
    let mut files: Files = match facts.files(layer) {
        Ok(Some(files)) => files,
        Ok(None) => return 0,
        Err(reason) => {
            reading.wrong(format!("the layer {digest}: {reason}"));
            return 0;
        }
    };
    let mut compared = 0;
    // Names that are not UTF-8 are not written as they are.
    let unreadable = |path: &Vec<u8>| std::str::from_utf8(path).is_err();
    for file in said.iter().filter(|file| text(file, "type") == "file") {
        let name = text(file, "name");
        let sums = list(file, "hashes").iter();
        let said: Vec<&str> = sums
            .filter(|sum| text(sum, "alg") == "SHA-256")
            .map(|sum| text(sum, "content"))
            .collect();
        match files.remove(name.as_bytes()) {
            None if files.keys().any(unreadable) => {}
            None => reading.wrong(format!(
                "it names the file `{}`, which the layer {digest} does not have",
                Shown::new(name)
            )),
            Some(found) if said.iter().any(|said| *said != found) => {
                reading.wrong(format!("the file `{}` has the SHA-256 {found} in the layer {digest}, and another in it", Shown::new(name)));
            }
            Some(_) => compared += 1,
        }
    }
    for path in files.keys().filter(|path| !unreadable(path)) {
        let path = String::from_utf8_lossy(path);
        reading.wrong(format!(
            "it does not name the file `{}` of the layer {digest}",
            Shown::new(path.as_ref())
        ));
    }
    compared
}
