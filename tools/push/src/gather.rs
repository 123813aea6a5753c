//! What the layouts hold: the documents in the order in which they are put, the blobs and where their
//! bytes are. No registry is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use layout::{Links, Place, Reader};
use oci::media_type::Kind;
use oci::reference::Reference;
use oci::{Descriptor, Digest, MediaType};

use crate::error::{Error, Result};
use crate::request::{Existing, Image, Request};

/// An index or manifest.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) descriptor: Descriptor,
    pub(crate) bytes: Vec<u8>,
    /// What it refers to, for registries that keep no list of that.
    pub(crate) subject: Option<Descriptor>,
}

/// A config or layer.
#[derive(Debug, Clone)]
pub(crate) struct Blob {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    pub(crate) place: Place,
    pub(crate) layout: PathBuf,
}

/// One image or index on its way to one repository.
#[derive(Debug, Clone)]
pub(crate) struct Shipment {
    pub(crate) registry: String,
    pub(crate) path: String,
    pub(crate) root: Digest,
    /// Children before their parents; the root is the last.
    pub(crate) documents: Vec<Document>,
    pub(crate) blobs: Vec<Blob>,
    pub(crate) tags: Vec<String>,
    pub(crate) existing: Existing,
}

impl Shipment {
    /// `registry/path`.
    pub(crate) fn repository(&self) -> String {
        format!("{}/{}", self.registry, self.path)
    }
}

/// Reads the layouts of a request.
///
/// # Errors
/// A layout that is not sound; a destination that is none; a tag for two images.
pub(crate) fn gather(request: &Request) -> Result<Vec<Shipment>> {
    let mut shipments = Vec::new();
    let mut tags: BTreeMap<(String, String), Digest> = BTreeMap::new();
    for image in &request.images {
        let (root, documents, blobs) = read(image)?;
        for to in &image.to {
            let (registry, path) = repository(&to.repository)?;
            for tag in &to.tags {
                if !oci::reference::is_tag(tag) {
                    return Err(Error::Tag { tag: tag.into() });
                }
                let key = (format!("{registry}/{path}"), tag.clone());
                let first = *tags.entry(key.clone()).or_insert(root);
                if first != root {
                    return Err(Error::TagTwice {
                        repository: key.0,
                        tag: key.1,
                        first: Box::new(first),
                        second: Box::new(root),
                    });
                }
            }
            shipments.push(Shipment {
                registry,
                path,
                root,
                documents: documents.clone(),
                blobs: blobs.clone(),
                tags: to.tags.clone(),
                existing: to.existing.clone(),
            });
        }
    }
    Ok(shipments)
}

fn repository(text: &str) -> Result<(String, String)> {
    let bad = |reason: String| Error::Repository {
        text: text.into(),
        reason,
    };
    let reference = Reference::normalized(text).map_err(|error| bad(error.to_string()))?;
    if reference.tag.is_some() || reference.digest.is_some() {
        return Err(bad("it has a tag or a digest".into()));
    }
    let host = reference
        .host
        .unwrap_or_else(|| oci::reference::DEFAULT_HOST.to_owned());
    Ok((host, reference.path))
}

fn read(image: &Image) -> Result<(Digest, Vec<Document>, Vec<Blob>)> {
    let links = match image.follow_links {
        true => Links::Follow,
        false => Links::Refuse,
    };
    let reader = Reader::open(&image.layout, links)?;
    let root = reader.select(image.digest.as_ref(), image.tag.as_deref())?;
    let mut walk = Walk {
        reader: &reader,
        seen: BTreeSet::new(),
        documents: Vec::new(),
        blobs: BTreeMap::new(),
    };
    walk.take(&root)?;
    Ok((
        root.digest,
        walk.documents,
        walk.blobs.into_values().collect(),
    ))
}

struct Walk<'a> {
    reader: &'a Reader,
    seen: BTreeSet<Digest>,
    documents: Vec<Document>,
    blobs: BTreeMap<Digest, Blob>,
}

impl Walk<'_> {
    fn take(&mut self, descriptor: &Descriptor) -> Result<()> {
        if !self.seen.insert(descriptor.digest) {
            return Ok(());
        }
        let (bytes, subject);
        if descriptor.media_type.is_index() {
            let (index, read) = self.reader.read_index(descriptor)?;
            for child in &index.manifests {
                self.take(child)?;
            }
            (bytes, subject) = (read, index.subject);
        } else {
            let image = self.reader.read_image(descriptor)?;
            self.blob(&image.manifest.config)?;
            for layer in &image.manifest.layers {
                self.blob(layer)?;
            }
            (bytes, subject) = (image.manifest_bytes, image.manifest.subject);
        }
        let mut plain = Descriptor::new(
            descriptor.media_type.clone(),
            descriptor.digest,
            descriptor.size,
        );
        plain.artifact_type = artifact_type(&bytes);
        self.documents.push(Document {
            descriptor: plain,
            bytes,
            subject,
        });
        Ok(())
    }

    fn blob(&mut self, descriptor: &Descriptor) -> Result<()> {
        let digest = descriptor.digest;
        let place = self.reader.place(descriptor)?;
        let foreign = matches!(
            descriptor.media_type.kind(),
            Some(Kind::Layer { foreign: true, .. })
        );
        if let Place::Absent(sources) = &place
            && sources.is_empty()
        {
            // Registries are not to have them, and take manifests without them.
            if foreign {
                return Ok(());
            }
            return Err(Error::NoSource {
                layout: self.reader.root().to_owned(),
                digest,
            });
        }
        self.blobs.entry(digest).or_insert(Blob {
            digest,
            size: descriptor.size,
            place,
            layout: self.reader.root().to_owned(),
        });
        Ok(())
    }
}

/// What a list of referrers says of a document: its own artifact type, or its config's media type.
fn artifact_type(bytes: &[u8]) -> Option<MediaType> {
    let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    let own = value.get("artifactType").and_then(|own| own.as_str());
    let config = value
        .get("config")
        .and_then(|config| config.get("mediaType"));
    own.filter(|own| !own.is_empty())
        .or(config.and_then(|config| config.as_str()))?
        .parse()
        .ok()
}
