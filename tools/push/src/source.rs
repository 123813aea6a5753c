//! What an image is made of: its documents in the order in which they are put, its blobs, and where
//! their bytes may be had. No registry is asked, no layer is opened.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use layout::{Links, Place, Reader, Selection};
use oci::media_type::Kind;
use oci::platform::Selector;
use oci::receipt::{
    BLOB_FILE, ImageReceipt, LAYERS_FILE, LayerReceipt, LayersReceipt, Node, RECEIPT_FILE, Source,
};
use oci::{Descriptor, Digest, MediaType};
use registry::Registries;

use crate::error::{Error, Result};
use crate::remote;
use crate::request::{GivenBlob, Image};

/// An index or manifest.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) descriptor: Descriptor,
    pub(crate) bytes: Vec<u8>,
    /// What it refers to, for registries that keep no list of that.
    pub(crate) subject: Option<Descriptor>,
}

impl Document {
    /// A document as it is put: by media type, digest and size, with what a list of referrers says of it.
    pub(crate) fn new(listed: &Descriptor, bytes: Vec<u8>, subject: Option<Descriptor>) -> Self {
        let mut descriptor = Descriptor::new(listed.media_type.clone(), listed.digest, listed.size);
        descriptor.artifact_type = artifact_type(&bytes);
        Document {
            descriptor,
            bytes,
            subject,
        }
    }

    /// Its digest and artifact type, where it refers to something.
    pub(crate) fn referrer(&self) -> Option<(String, String)> {
        self.subject.as_ref()?;
        let kind = self.descriptor.artifact_type.as_ref();
        let kind = kind.map_or("", |kind| kind.as_str()).to_owned();
        Some((self.descriptor.digest.to_string(), kind))
    }
}

/// A config or layer.
#[derive(Debug, Clone)]
pub(crate) struct Blob {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    pub(crate) media_type: MediaType,
    /// Where its bytes may be had, the best place first.
    pub(crate) origins: Vec<Origin>,
    /// Where it lies beside `origins`: repositories that it may be mounted from.
    pub(crate) sources: Vec<Source>,
    /// The layout that names it.
    pub(crate) layout: PathBuf,
}

/// Where bytes may be had, the best first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// In a file.
    File(PathBuf),
    /// From the program `layer`.
    Made(Recipe),
    /// From a repository.
    Registry(Source),
}

/// How a layer is made again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Recipe {
    pub(crate) program: PathBuf,
    pub(crate) request: PathBuf,
}

impl Blob {
    /// Adds what another layout says of the same blob.
    pub(crate) fn merge(&mut self, other: &Blob) {
        self.origins.extend(other.origins.iter().cloned());
        self.origins.sort();
        self.origins.dedup();
        self.sources.extend(other.sources.iter().cloned());
        self.sources.sort();
        self.sources.dedup();
    }
}

/// An image or index, ready to go.
#[derive(Debug, Clone)]
pub(crate) struct Cargo {
    /// As the layout lists it.
    pub(crate) root: Descriptor,
    /// Children before their parents; the root is the last.
    pub(crate) documents: Vec<Document>,
    pub(crate) blobs: Vec<Blob>,
}

/// Reads the source of an image, the one at `at` in the request.
///
/// # Errors
/// A source that is none; a layout or receipt that is not sound; a layer that is nowhere; a registry.
pub(crate) fn read(
    image: &Image,
    at: usize,
    program: Option<&Path>,
    registries: &Registries,
) -> Result<Cargo> {
    let bad = |reason| Err(Error::Source { at, reason });
    if let Some(from) = &image.from {
        if image.layout.is_some() || image.receipt.is_some() || image.documents.is_some() {
            return bad("it has `from` and a layout besides");
        }
        if image.tag.is_some() || image.platform.is_some() || !image.blobs.is_empty() {
            return bad("with `from` it has no `tag`, `platform` or `blobs` of its own");
        }
        return remote::read(registries, from, image.digest, at);
    }
    let (root, receipt) = match (&image.layout, &image.receipt, &image.documents) {
        (Some(layout), None, None) => (layout, None),
        (None, Some(receipt), Some(documents)) => (documents, Some(read_receipt(receipt)?)),
        (None, Some(_), None) => return bad("its `receipt` goes with `documents`"),
        (Some(_), _, _) => return bad("it has a `layout` and something else besides"),
        (None, _, _) => return bad("it has none of `layout`, `receipt` and `from`"),
    };
    let digest = match (&image.digest, &receipt) {
        (Some(_), Some(_)) => return bad("its `receipt` says the digest already"),
        (digest, None) => *digest,
        (None, Some(receipt)) => Some(receipt.digest),
    };
    let links = match image.follow_links {
        true => Links::Follow,
        false => Links::Refuse,
    };
    let reader = Reader::open(root, links)?;
    let root = match &image.platform {
        None => reader.select(digest.as_ref(), image.tag.as_deref())?,
        Some(platform) => {
            let platform = Selector::parse(platform).map_err(|error| Error::Platform {
                text: platform.as_str().into(),
                error,
            })?;
            let selection = Selection {
                digest,
                tag: image.tag.clone(),
                platform: Some(platform),
            };
            reader.select_image(&selection)?.descriptor
        }
    };
    let mut known = BTreeMap::new();
    if let Some(receipt) = &receipt {
        sources(&receipt.root, &mut known);
    }
    walk(&reader, root, known, given(&image.blobs, at, program)?)
}

/// What a layout lists, with all that it refers to.
///
/// # Errors
/// A layout that is not sound; a blob that is nowhere.
pub(crate) fn listed(reader: &Reader, root: Descriptor) -> Result<Cargo> {
    walk(reader, root, BTreeMap::new(), BTreeMap::new())
}

fn walk(
    reader: &Reader,
    root: Descriptor,
    known: BTreeMap<Digest, Vec<Source>>,
    given: BTreeMap<Digest, (u64, Vec<Origin>)>,
) -> Result<Cargo> {
    let mut walk = Walk {
        reader,
        known,
        given,
        seen: BTreeSet::new(),
        documents: Vec::new(),
        blobs: BTreeMap::new(),
    };
    walk.take(&root)?;
    Ok(Cargo {
        root,
        documents: walk.documents,
        blobs: walk.blobs.into_values().collect(),
    })
}

fn read_receipt(path: &Path) -> Result<ImageReceipt> {
    let bytes = files::read_at_most(path, oci::json::Limits::OURS.size)?;
    ImageReceipt::read(&bytes).map_err(|error| Error::Receipt {
        path: path.to_owned(),
        error,
    })
}

/// What a receipt knows of where layers are.
fn sources(node: &Node, known: &mut BTreeMap<Digest, Vec<Source>>) {
    match node {
        Node::Image(image) => {
            for layer in &image.layers {
                let list = known.entry(layer.digest).or_default();
                list.extend(layer.sources.iter().cloned());
            }
        }
        Node::Index(index) => index.manifests.iter().for_each(|one| sources(one, known)),
        Node::Other(_) => {}
    }
}

/// The layers one by one, where some were planned together.
fn singly(blobs: &[GivenBlob], at: usize) -> Result<Vec<GivenBlob>> {
    let mut all = Vec::new();
    for blob in blobs {
        let Some(folder) = &blob.planned else {
            all.push(blob.clone());
            continue;
        };
        if blob.receipt.is_some() || blob.file.is_some() || blob.request.is_some() {
            let reason = "what is `planned` has no `receipt`, `file` or `request` of its own";
            return Err(Error::Source { at, reason });
        }
        let path = folder.join(LAYERS_FILE);
        let bytes = files::read_at_most(&path, oci::json::Limits::OURS.size)?;
        let planned =
            LayersReceipt::read(&bytes).map_err(|error| Error::Receipt { path, error })?;
        for place in 0..planned.layers.len() {
            let name = LayersReceipt::folder(place);
            let layer = folder.join(&name);
            let request = (blob.requests.as_ref())
                .map(|requests| requests.join(&name).with_extension("json"));
            all.push(GivenBlob {
                receipt: Some(layer.join(RECEIPT_FILE)),
                // Bytes that are there are the better place.
                file: planned.blobs.then(|| layer.join(BLOB_FILE)),
                request: request.filter(|_| !planned.blobs),
                ..GivenBlob::default()
            });
        }
    }
    Ok(all)
}

/// The layers that the request gives, by digest.
fn given(
    blobs: &[GivenBlob],
    at: usize,
    program: Option<&Path>,
) -> Result<BTreeMap<Digest, (u64, Vec<Origin>)>> {
    let mut given: BTreeMap<Digest, (u64, Vec<Origin>)> = BTreeMap::new();
    for blob in singly(blobs, at)? {
        let Some(path) = &blob.receipt else {
            let reason = "each of its `blobs` has a `receipt` or is `planned`";
            return Err(Error::Source { at, reason });
        };
        let bytes = files::read_at_most(path, oci::json::Limits::OURS.size)?;
        let receipt = LayerReceipt::read(&bytes).map_err(|error| Error::Receipt {
            path: path.clone(),
            error,
        })?;
        let origin = match (&blob.file, &blob.request) {
            (Some(file), None) => Origin::File(file.clone()),
            (None, Some(request)) => Origin::Made(Recipe {
                program: program
                    .ok_or_else(|| Error::NoProgram {
                        request: request.clone(),
                    })?
                    .to_owned(),
                request: request.clone(),
            }),
            _ => {
                let reason = "each of its `blobs` has either a `file` or a `request`";
                return Err(Error::Source { at, reason });
            }
        };
        let entry = given.entry(receipt.digest);
        let (_, origins) = entry.or_insert((receipt.size, Vec::new()));
        origins.push(origin);
        origins.extend(receipt.sources.into_iter().map(Origin::Registry));
    }
    Ok(given)
}

struct Walk<'a> {
    reader: &'a Reader,
    known: BTreeMap<Digest, Vec<Source>>,
    given: BTreeMap<Digest, (u64, Vec<Origin>)>,
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
        self.documents
            .push(Document::new(descriptor, bytes, subject));
        Ok(())
    }

    fn blob(&mut self, descriptor: &Descriptor) -> Result<()> {
        let digest = descriptor.digest;
        if self.blobs.contains_key(&digest) {
            return Ok(());
        }
        let foreign = matches!(
            descriptor.media_type.kind(),
            Some(Kind::Layer { foreign: true, .. })
        );
        let mut origins = Vec::new();
        match self.reader.place(descriptor)? {
            Place::File(path) => origins.push(Origin::File(path)),
            Place::Absent(sources) => origins.extend(sources.into_iter().map(Origin::Registry)),
            // A reader knows no bytes in memory.
            Place::Bytes(_) => {}
        }
        let known = self.known.get(&digest).into_iter().flatten();
        origins.extend(known.cloned().map(Origin::Registry));
        if let Some((size, given)) = self.given.get(&digest) {
            for origin in given {
                let found = match origin {
                    Origin::File(path) => files::open(path)?.size,
                    _ => *size,
                };
                if found != descriptor.size {
                    return Err(Error::GivenSize {
                        digest,
                        expected: descriptor.size,
                        found,
                    });
                }
                origins.push(origin.clone());
            }
        }
        origins.sort();
        origins.dedup();
        if origins.is_empty() {
            // Registries are not to have them, and take manifests without them.
            if foreign {
                return Ok(());
            }
            return Err(Error::NoSource {
                layout: self.reader.root().to_owned(),
                digest,
            });
        }
        let sources = origins.iter().filter_map(|origin| match origin {
            Origin::Registry(source) => Some(source.clone()),
            _ => None,
        });
        let blob = Blob {
            digest,
            size: descriptor.size,
            media_type: descriptor.media_type.clone(),
            sources: sources.collect(),
            origins,
            layout: self.reader.root().to_owned(),
        };
        self.blobs.insert(digest, blob);
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
