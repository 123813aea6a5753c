//! `pull lock`: tags become digests, and what they lead to is written down.
//!
//! This alone resolves tags, and it asks the registry itself: whether a tag has moved is nothing that a
//! mirror can know.

use std::collections::BTreeSet;

use oci::json::Limits;
use oci::media_type::Kind;
use oci::{Config, Descriptor, Digest, Manifest};
use registry::{Document, Fetched, Registries, Repository, Target};

use crate::error::{Error, Moved, Result};
use crate::lock::{Blob, Entry, Lock, LockedManifest, Name, content};

/// The tag of a reference that has none.
const LATEST: &str = "latest";

/// The most levels of indexes.
const DEPTH: usize = 8;

/// The most manifests of one image.
const MANIFESTS: usize = 10_000;

/// Resolves a reference, all of it.
///
/// # Errors
/// It is not there, or not sound; the network.
pub(crate) fn resolve(registries: &Registries, reference: &str) -> Result<Entry> {
    let name = Name::parse(reference)?;
    let target = match (&name.digest, &name.tag) {
        (Some(digest), _) => Target::Digest(*digest),
        (None, tag) => Target::Tag(tag.clone().unwrap_or_else(|| LATEST.to_owned())),
    };
    let repository = registries.repository(&name.registry, &name.path)?;
    let fetched = repository.manifest(&target, None)?;
    let root = Blob::of(&fetched.descriptor);
    let mut walk = Walk {
        repository: &repository,
        reference,
        indexes: Vec::new(),
        manifests: Vec::new(),
        seen: BTreeSet::new(),
    };
    let descriptor = fetched.descriptor.clone();
    walk.take(&descriptor, fetched, 0)?;
    let separator = if name.digest.is_some() { "@" } else { ":" };
    let entry = Entry {
        reference: format!("{}{separator}{target}", name.repository()),
        media_type: root.media_type,
        digest: root.digest,
        size: root.size,
        // The root itself is the first.
        indexes: walk.indexes.into_iter().skip(1).collect(),
        manifests: walk.manifests,
    };
    entry.check()?;
    Ok(entry)
}

struct Walk<'a> {
    repository: &'a Repository,
    reference: &'a str,
    indexes: Vec<Blob>,
    manifests: Vec<LockedManifest>,
    seen: BTreeSet<Digest>,
}

impl Walk<'_> {
    fn unsound(&self, reason: String) -> Error {
        Error::Image {
            reference: self.reference.into(),
            reason,
        }
    }

    fn take(&mut self, descriptor: &Descriptor, fetched: Fetched, depth: usize) -> Result<()> {
        if !self.seen.insert(descriptor.digest) {
            return Ok(());
        }
        match fetched.document {
            Document::Manifest(manifest) => self.manifest(descriptor, &manifest),
            Document::Index(index) => {
                if depth == DEPTH {
                    return Err(
                        self.unsound(format!("its indexes are nested deeper than {DEPTH} levels"))
                    );
                }
                self.indexes.push(Blob::of(descriptor));
                for child in &index.manifests {
                    if self.seen.len() > MANIFESTS {
                        return Err(self.unsound(format!("it has more than {MANIFESTS} manifests")));
                    }
                    if !(child.media_type.is_index() || child.media_type.is_manifest()) {
                        let media_type = oci::error::Shown::new(child.media_type.as_str());
                        return Err(self.unsound(format!(
                            "an index of it lists {}, which is of the type {media_type}",
                            child.digest
                        )));
                    }
                    if self.seen.contains(&child.digest) {
                        self.again(child);
                        continue;
                    }
                    let target = Target::Digest(child.digest);
                    let fetched = self.repository.manifest(&target, Some(child))?;
                    self.take(child, fetched, depth + 1)?;
                }
                Ok(())
            }
        }
    }

    /// What is listed once more: a manifest that is for several platforms.
    fn again(&mut self, descriptor: &Descriptor) {
        let mut known = self
            .manifests
            .iter()
            .filter(|known| known.digest == descriptor.digest);
        let platform = descriptor.platform.as_ref().map(ToString::to_string);
        let Some(first) = known.clone().next() else {
            return;
        };
        if platform.is_none() || known.any(|known| known.platform == platform) {
            return;
        }
        let also = LockedManifest {
            platform,
            ..first.clone()
        };
        self.manifests.push(also);
    }

    fn manifest(&mut self, descriptor: &Descriptor, manifest: &Manifest) -> Result<()> {
        let mut platform = descriptor.platform.clone();
        let mut hash = None;
        if matches!(manifest.config.media_type.kind(), Some(Kind::Config)) {
            let config = self.config(&manifest.config)?;
            let bad =
                |error| self.unsound(format!("the config {}: {error}", manifest.config.digest));
            // Things that do not run are in the form of images, too: signatures name no platform at all.
            if platform.is_none() && config.names_a_platform() {
                platform = Some(config.platform().map_err(bad)?);
            }
            if platform
                .as_ref()
                .is_some_and(|platform| !platform.is_unknown())
            {
                let diff_ids = config.diff_ids().map_err(bad)?;
                if diff_ids.len() != manifest.layers.len() {
                    let (layers, found) = (manifest.layers.len(), diff_ids.len());
                    return Err(self.unsound(format!(
                        "the manifest {} has {layers} layers, its config {found} diff_ids",
                        descriptor.digest
                    )));
                }
                hash = Some(content(&diff_ids));
            }
        }
        let blob = Blob::of(descriptor);
        self.manifests.push(LockedManifest {
            platform: platform.map(|platform| platform.to_string()),
            media_type: blob.media_type,
            digest: blob.digest,
            size: blob.size,
            content: hash,
            config: Blob::of(&manifest.config),
            layers: manifest.layers.iter().map(Blob::of).collect(),
        });
        Ok(())
    }

    fn config(&self, descriptor: &Descriptor) -> Result<Config> {
        if descriptor.size > Limits::CONFIG.size {
            return Err(self.unsound(format!(
                "the config {} is {} bytes long, more than {}",
                descriptor.digest,
                descriptor.size,
                Limits::CONFIG.size
            )));
        }
        let mut bytes = Vec::new();
        let mut stream = self.repository.blob(&descriptor.digest, descriptor.size);
        let mut buffer = vec![0; 64 << 10];
        loop {
            match stream.next(&mut buffer)? {
                0 => break,
                read => bytes.extend(&buffer[..read]),
            }
        }
        Config::read(&bytes)
            .map_err(|error| self.unsound(format!("the config {}: {error}", descriptor.digest)))
    }
}

/// The tags of a lock that lead elsewhere now.
///
/// # Errors
/// The network, or a registry that refuses; a tag that is gone is no error but has moved.
pub(crate) fn moved(registries: &Registries, lock: &Lock) -> Result<Vec<Moved>> {
    let mut moved = Vec::new();
    for (name, entry) in &lock.images {
        let parsed = entry.name()?;
        if parsed.digest.is_some() {
            continue;
        }
        // Who wrote the reference by hand may have left the tag out.
        let tag = parsed.tag.unwrap_or_else(|| LATEST.to_owned());
        let repository = registries.repository(&parsed.registry, &parsed.path)?;
        let now = repository.resolve(&Target::Tag(tag))?;
        if now != Some(entry.digest) {
            moved.push(Moved {
                name: name.clone(),
                reference: entry.reference.clone(),
                locked: entry.digest,
                now,
            });
        }
    }
    Ok(moved)
}
