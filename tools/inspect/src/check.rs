//! Everything that is wrong with what a store lists: documents first, then layers, each once.
//!
//! Findings come in the order of the walk: an index before what it lists, a manifest before its config,
//! layers in the order in which they were met.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::BASE64;
use oci::index::{REF_NAME, is_attestation};
use oci::json::Limits;
use oci::media_type::{Compression, Family, Kind};
use oci::{Config, Descriptor, Digest, Index, Manifest, Platform};

use crate::store::{Content, Store, Trouble, rule_of};
use crate::{Finding, Level, Place, Rule};

mod config;
mod layer;

pub use layer::{LayerFacts, Limit};

/// The most levels of indexes.
pub const DEPTH: usize = 8;

/// The most layers that runtimes take.
const LAYERS: usize = 127;

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether layers are read; without, their sizes and names are all that is known of them.
    pub layers: bool,
    /// How much a layer may unpack to.
    pub limit: Limit,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            layers: true,
            limit: Limit::default(),
        }
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// The digests of the images and indexes that are listed.
    pub roots: Vec<Digest>,
    /// How many indexes were read.
    pub indexes: u64,
    /// How many manifests were read.
    pub manifests: u64,
    /// How many layers were read.
    pub layers: u64,
    /// How many blobs are said to be somewhere else.
    pub absent: u64,
    /// How many bytes of blobs were read.
    pub bytes: u64,
}

impl Report {
    /// Whether nothing is wrong but what is only a warning.
    pub fn is_sound(&self) -> bool {
        self.findings
            .iter()
            .all(|finding| finding.rule.level() == Level::Warning)
    }
}

/// Checks all that a store lists.
///
/// # Errors
/// [`Trouble::Environment`] alone: the image could not be read to its end.
pub fn check(store: &dyn Store, options: Options) -> Result<Report, Trouble> {
    let mut check = Check {
        store,
        options,
        report: Report::default(),
        seen: BTreeSet::new(),
        layers: BTreeMap::new(),
        order: Vec::new(),
    };
    check.tags();
    for descriptor in store.roots() {
        check.report.roots.push(descriptor.digest);
        check.descriptor(descriptor, Place::Whole);
        check.document(descriptor, 0)?;
    }
    for digest in std::mem::take(&mut check.order) {
        check.layer(&digest)?;
    }
    let leftovers = store.leftovers(&check.seen)?;
    check.report.findings.extend(leftovers);
    Ok(check.report)
}

/// What manifests say of one layer.
struct Known {
    descriptor: Descriptor,
    /// None for artifacts that are no images.
    diff_id: Option<Digest>,
    image: bool,
    lowest: bool,
}

struct Check<'a> {
    store: &'a dyn Store,
    options: Options,
    report: Report,
    seen: BTreeSet<Digest>,
    layers: BTreeMap<Digest, Known>,
    order: Vec<Digest>,
}

impl Check<'_> {
    fn note(&mut self, rule: Rule, place: Place, message: impl Into<String>) {
        self.report
            .findings
            .push(Finding::new(rule, place, message));
    }

    /// The value, or a finding in its place.
    fn take<T>(&mut self, place: &Place, found: Result<T, Trouble>) -> Result<Option<T>, Trouble> {
        match found {
            Ok(found) => Ok(Some(found)),
            Err(trouble) => {
                let finding = trouble.finding(place.clone())?;
                self.report.findings.push(finding);
                Ok(None)
            }
        }
    }

    fn read<T>(&mut self, place: Place, read: Result<T, oci::Error>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(error) => {
                self.note(rule_of(&error), place, error.to_string());
                None
            }
        }
    }

    /// The tags of a layout.
    fn tags(&mut self) {
        let mut tags = BTreeSet::new();
        for descriptor in self.store.roots() {
            let Some(tag) = descriptor.annotations.get(REF_NAME) else {
                continue;
            };
            let shown = oci::error::Shown::new(tag);
            if !is_ref_name(tag) {
                self.note(
                    Rule::RefName,
                    Place::Whole,
                    format!("`{shown}` is not a tag"),
                );
            }
            if !tags.insert(tag.clone()) {
                let message = format!("the tag `{shown}` comes twice");
                self.note(Rule::RefName, Place::Whole, message);
            }
        }
    }

    /// What a descriptor says beside digest and size.
    fn descriptor(&mut self, descriptor: &Descriptor, place: Place) {
        let digest = descriptor.digest;
        if let Some(data) = &descriptor.data {
            match BASE64.decode(data.as_bytes()) {
                Err(_) => {
                    let message = format!("the data of the descriptor of {digest} is not base64");
                    self.note(Rule::Data, place.clone(), message);
                }
                Ok(bytes) => {
                    let mut hasher = oci::Hasher::new(digest.algorithm());
                    hasher.update(&bytes);
                    if bytes.len() as u64 != descriptor.size || hasher.finish() != digest {
                        let message =
                            format!("the data of the descriptor of {digest} is not that blob");
                        self.note(Rule::Data, place.clone(), message);
                    }
                }
            }
        }
        if let Some(platform) = &descriptor.platform {
            self.platform_form(platform, place);
        }
    }

    fn platform_form(&mut self, platform: &Platform, place: Place) {
        let normal = platform.normalized();
        // 32-bit ARM may leave its variant out.
        let variant = platform.variant.is_none() && normal.architecture == "arm";
        if normal != *platform && !variant {
            let message =
                format!("the platform `{platform}` is written `{normal}` in its normal form");
            self.note(Rule::PlatformForm, place, message);
        }
    }

    fn document(&mut self, descriptor: &Descriptor, depth: usize) -> Result<(), Trouble> {
        let digest = descriptor.digest;
        if !self.seen.insert(digest) {
            return Ok(());
        }
        if self.store.is_absent(&digest) {
            self.report.absent += 1;
            return Ok(());
        }
        let media_type = &descriptor.media_type;
        let place = match media_type.kind() {
            Some(Kind::Index) => Place::Index(digest),
            Some(Kind::Manifest) => Place::Manifest(digest),
            Some(Kind::Schema1) => {
                let message = "a manifest of Docker's schema 1, which is no image of today";
                self.note(Rule::MediaType, Place::Manifest(digest), message);
                return Ok(());
            }
            _ => return self.other(descriptor),
        };
        let Some(bytes) = self.document_bytes(descriptor, &place, Limits::MANIFEST.size)? else {
            return Ok(());
        };
        if media_type.is_index() {
            self.report.indexes += 1;
            let Some(index) = self.read(place.clone(), Index::read(&bytes, media_type)) else {
                return Ok(());
            };
            if depth == DEPTH {
                let message = format!("indexes are nested deeper than {DEPTH} levels");
                self.note(Rule::Nesting, place, message);
                return Ok(());
            }
            return self.index(&index, &place, depth);
        }
        self.report.manifests += 1;
        match self.read(place, Manifest::read(&bytes, media_type)) {
            Some(manifest) => self.manifest(descriptor, &manifest),
            None => Ok(()),
        }
    }

    /// Something that is neither image nor index: its bytes are compared, no more.
    fn other(&mut self, descriptor: &Descriptor) -> Result<(), Trouble> {
        let place = Place::Blob(descriptor.digest);
        if descriptor.media_type.kind().is_some() {
            let message = format!(
                "it is listed as an image, and its media type is {}",
                descriptor.media_type
            );
            self.note(Rule::MediaType, place.clone(), message);
        }
        let found = self.store.blob(descriptor);
        if let Some(Content::Bytes(reader)) = self.take(&place, found)? {
            self.report.bytes += descriptor.size;
            layer::plain(reader, descriptor, &place, &mut self.report.findings)?;
        }
        Ok(())
    }

    /// A document's bytes, with the size and the digest that they must have.
    fn document_bytes(
        &mut self,
        descriptor: &Descriptor,
        place: &Place,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, Trouble> {
        if descriptor.size > limit {
            let message = format!(
                "it is {} bytes long, more than the limit of {limit}",
                descriptor.size
            );
            self.note(Rule::TooLarge, place.clone(), message);
            return Ok(None);
        }
        let found = self.store.document(descriptor, limit);
        let Some(bytes) = self.take(place, found)? else {
            return Ok(None);
        };
        self.report.bytes += bytes.len() as u64;
        if bytes.len() as u64 != descriptor.size {
            let message = format!(
                "it is {} bytes long, its descriptor says {}",
                bytes.len(),
                descriptor.size
            );
            self.note(Rule::Size, place.clone(), message);
            return Ok(None);
        }
        let mut hasher = oci::Hasher::new(descriptor.digest.algorithm());
        hasher.update(&bytes);
        let digest = hasher.finish();
        if digest != descriptor.digest {
            let message = format!("its bytes have the digest {digest}");
            self.note(Rule::Digest, place.clone(), message);
            return Ok(None);
        }
        Ok(Some(bytes))
    }

    fn index(&mut self, index: &Index, place: &Place, depth: usize) -> Result<(), Trouble> {
        let mut platforms = BTreeSet::new();
        for child in &index.manifests {
            self.descriptor(child, place.clone());
            if let Some(platform) = &child.platform
                && !is_attestation(child)
                && !platforms.insert(platform.normalized().to_string())
            {
                let message = format!("the platform `{platform}` comes twice");
                self.note(Rule::SamePlatform, place.clone(), message);
            }
            if let (Some(own), Some(family)) =
                (index.media_type.family(), child.media_type.family())
                && own == Family::Docker
                && family == Family::Oci
            {
                let message = format!(
                    "Docker's list of manifests names {}, which is OCI's",
                    child.digest
                );
                self.note(Rule::MediaType, place.clone(), message);
            }
            self.document(child, depth + 1)?;
        }
        Ok(())
    }

    fn manifest(&mut self, descriptor: &Descriptor, manifest: &Manifest) -> Result<(), Trouble> {
        let place = Place::Manifest(descriptor.digest);
        let may_be_image = matches!(manifest.config.media_type.kind(), Some(Kind::Config))
            && !is_attestation(descriptor);
        self.descriptor(&manifest.config, place.clone());
        for layer in &manifest.layers {
            self.descriptor(layer, place.clone());
        }
        let mut diff_ids: Vec<Option<Digest>> = vec![None; manifest.layers.len()];
        self.seen.insert(manifest.config.digest);
        let at = Place::Config(manifest.config.digest);
        let bytes = self.document_bytes(&manifest.config, &at, Limits::CONFIG.size)?;
        let config = match may_be_image {
            true => bytes.and_then(|bytes| self.read(at.clone(), Config::read(&bytes))),
            false => None,
        };
        let is_image = may_be_image
            && !(config.as_ref()).is_some_and(|config| is_dressed_up(manifest, config));
        if is_image {
            self.families(manifest, &place);
            if manifest.layers.len() > LAYERS {
                let message = format!(
                    "it has {} layers, and {LAYERS} is what runtimes take",
                    manifest.layers.len()
                );
                self.note(Rule::ManyLayers, place.clone(), message);
            }
            if let Some(config) = config {
                config::check(
                    &config,
                    &at,
                    manifest.layers.len(),
                    &mut self.report.findings,
                );
                self.config(descriptor, manifest, &config, &mut diff_ids);
            }
        }
        for (level, (layer, diff_id)) in manifest.layers.iter().zip(diff_ids).enumerate() {
            self.known(layer, diff_id, is_image, level == 0);
        }
        Ok(())
    }

    /// Media types of a manifest of one format, config and layers of the other: readers differ.
    fn families(&mut self, manifest: &Manifest, place: &Place) {
        let own = manifest.media_type.family();
        let mut all = vec![&manifest.config];
        all.extend(&manifest.layers);
        for one in all {
            let kind = one.media_type.kind();
            let is_right = match std::ptr::eq(one, &manifest.config) {
                true => matches!(kind, Some(Kind::Config)),
                false => matches!(kind, Some(Kind::Layer { .. })),
            };
            if !is_right {
                let message = format!(
                    "{} has the media type {}, which is no layer's",
                    one.digest, one.media_type
                );
                self.note(Rule::MediaType, place.clone(), message);
            } else if one.media_type.family() != own {
                let message = format!(
                    "{} has the media type {}, of another format than the manifest's",
                    one.digest, one.media_type
                );
                self.note(Rule::MediaType, place.clone(), message);
            }
        }
    }

    /// What the config and the manifest say of each other.
    fn config(
        &mut self,
        descriptor: &Descriptor,
        manifest: &Manifest,
        config: &Config,
        diff_ids: &mut [Option<Digest>],
    ) {
        let at = Place::Config(manifest.config.digest);
        if let Some(found) = self.read(at.clone(), config.diff_ids()) {
            if found.len() != diff_ids.len() {
                let message = format!(
                    "it has {} layers, its config {} diff_ids",
                    diff_ids.len(),
                    found.len()
                );
                self.note(Rule::DiffIds, Place::Manifest(descriptor.digest), message);
            }
            for (place, diff_id) in diff_ids.iter_mut().zip(found) {
                *place = Some(diff_id);
            }
        }
        let Some(platform) = self.read(at.clone(), config.platform()) else {
            return;
        };
        self.platform_form(&platform, at.clone());
        if let Some(listed) = &descriptor.platform {
            let (one, two) = (listed.normalized(), platform.normalized());
            // A version that the index leaves out says nothing.
            let differs = one.os != two.os
                || one.architecture != two.architecture
                || one.variant.is_some() && two.variant.is_some() && one.variant != two.variant
                || one.os_version.is_some() && one.os_version != two.os_version;
            if differs {
                let message = format!("it is for `{platform}`, and the index says `{listed}`");
                self.note(Rule::Platform, at, message);
            }
        }
    }

    fn known(&mut self, layer: &Descriptor, diff_id: Option<Digest>, image: bool, lowest: bool) {
        let digest = layer.digest;
        self.seen.insert(digest);
        let Some(known) = self.layers.get_mut(&digest) else {
            self.order.push(digest);
            let descriptor = layer.clone();
            let known = Known {
                descriptor,
                diff_id,
                image,
                lowest,
            };
            self.layers.insert(digest, known);
            return;
        };
        let differ = known.diff_id.is_some() && diff_id.is_some() && known.diff_id != diff_id;
        let sizes = known.descriptor.size != layer.size;
        known.diff_id = known.diff_id.or(diff_id);
        known.image |= image;
        // Where it is not the lowest of all its images, its whiteouts have a use.
        known.lowest &= lowest;
        if differ {
            self.note(Rule::DiffId, Place::Layer(digest), "it has two diff_ids");
        }
        if sizes {
            self.note(
                Rule::Size,
                Place::Layer(digest),
                "it is described with two sizes",
            );
        }
    }

    fn layer(&mut self, digest: &Digest) -> Result<(), Trouble> {
        let Some(known) = self.layers.remove(digest) else {
            return Ok(());
        };
        let descriptor = &known.descriptor;
        let place = match known.image {
            true => Place::Layer(*digest),
            false => Place::Blob(*digest),
        };
        let found = match self.store.blob(descriptor) {
            Err(Trouble::Wrong { rule, .. })
                if rule == Rule::MissingBlob && is_elsewhere(descriptor) =>
            {
                Ok(Content::Absent)
            }
            found => found,
        };
        let reader = match self.take(&place, found)? {
            Some(Content::Bytes(reader)) => reader,
            Some(Content::Absent) => {
                self.report.absent += 1;
                return Ok(());
            }
            None => return Ok(()),
        };
        if !self.options.layers {
            return Ok(());
        }
        self.report.layers += 1;
        self.report.bytes += descriptor.size;
        let compression = match descriptor.media_type.kind() {
            Some(Kind::Layer { compression, .. }) => compression,
            // An artifact's blob, or something that is said elsewhere to be no layer.
            _ => return layer::plain(reader, descriptor, &place, &mut self.report.findings),
        };
        let wanted = layer::Wanted {
            descriptor,
            diff_id: known.diff_id,
            compression,
            lowest: known.lowest && known.image,
            limit: self.options.limit,
        };
        layer::check(reader, &wanted, &place, &mut self.report.findings).map(drop)
    }
}

/// Whether it is an artifact in the form of an image, as cosign writes signatures: for no platform at all, and of
/// things that are no layers.
fn is_dressed_up(manifest: &Manifest, config: &Config) -> bool {
    let no_layer =
        |layer: &Descriptor| !matches!(layer.media_type.kind(), Some(Kind::Layer { .. }));
    !manifest.layers.is_empty()
        && manifest.layers.iter().all(no_layer)
        && !config.names_a_platform()
}

/// Whether a layer may be missing: its bytes are kept out of registries and layouts, and come from its URLs
/// (layer.md, "Non-Distributable Layers").
pub fn is_elsewhere(layer: &Descriptor) -> bool {
    matches!(
        layer.media_type.kind(),
        Some(Kind::Layer { foreign: true, .. })
    )
}

/// The grammar of `org.opencontainers.image.ref.name` (annotations.md): components joined by one of
/// `/`, `:`, `@`, `+` and the like; full references are in use and follow it.
fn is_ref_name(text: &str) -> bool {
    let joins = |c: char| "-._:@/+".contains(c);
    !text.is_empty()
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || joins(c))
}

/// The word for a compression.
pub(crate) fn name(compression: Compression) -> &'static str {
    match compression {
        Compression::None => "a plain tar",
        Compression::Gzip => "gzip",
        Compression::Zstd => "zstd",
    }
}
