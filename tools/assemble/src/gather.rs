//! Reading everything that a request names, before anything is decided.
//!
//! Layers are not opened: a receipt says all that is needed. Of a base, manifest and config are
//! read, and checked against their digests.
//!
//! Invariant: what is planned from [`Inputs`] needs no further look at a file system.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use layout::{Place, Reader, Selection};
use oci::platform::Selector;
use oci::receipt::{
    BLOB_FILE, ImageReceipt, LAYERS_FILE, LayerReceipt, LayersReceipt, RECEIPT_FILE, Source,
};
use oci::{Descriptor, Digest, MediaType};

use crate::error::{Error, Result};
use crate::graph::{Copied, copy};
use crate::request::{
    Base, Blobs, Entry, Image, IndexOf, Make, Nested, Request, Severity, Subject, Text, Texts,
    Time, Whose,
};
use crate::stamps::Stamps;

/// The most bytes of a receipt.
const RECEIPT: u64 = 64 << 20;

/// Files of layers by their digests.
type Given = BTreeMap<Digest, PathBuf>;

/// A listing: where it was, and its bytes.
pub(crate) type Listing = (PathBuf, Vec<u8>);

/// What a request names, read.
pub(crate) struct Inputs {
    /// What files say in the place of the request.
    pub(crate) stamps: Stamps,
    /// The manifest that the new one refers to.
    pub(crate) subject: Option<Descriptor>,
    /// What it is made of.
    pub(crate) parts: Parts,
}

/// What an image or an index is made of.
pub(crate) enum Parts {
    /// An image's.
    Image {
        base: Option<Box<BaseInput>>,
        layers: Vec<LayerInput>,
    },
    /// An index's: for each entry what it leads to.
    Index(Vec<Copied>),
    /// What is taken as it is.
    Copy(Box<Copied>),
}

/// Where a blob is.
#[derive(Clone)]
pub(crate) struct Located {
    /// Its bytes, as far as they are wanted.
    pub(crate) place: Place,
    /// Repositories that have it, wherever its bytes are.
    pub(crate) sources: Vec<Source>,
}

impl Located {
    /// Whether the output will hold it.
    pub(crate) fn is_present(&self) -> bool {
        !matches!(self.place, Place::Absent(_))
    }
}

/// A base.
pub(crate) struct BaseInput {
    /// Manifest and config.
    pub(crate) image: layout::Image,
    /// Where each layer is.
    pub(crate) places: Vec<Located>,
    /// The listings of its layers, all or none.
    pub(crate) listings: Vec<Listing>,
}

/// A layer.
pub(crate) struct LayerInput {
    /// Its receipt.
    pub(crate) receipt: LayerReceipt,
    /// Where its bytes are.
    pub(crate) place: Located,
    /// Its listing.
    pub(crate) listing: Option<Listing>,
}

/// Reads what the request names.
///
/// # Errors
/// Files that are missing or not what they should be.
pub(crate) fn gather(request: &Request) -> Result<Inputs> {
    let given = given(request)?;
    let (texts, subject, parts) = match &request.make {
        Make::Image(image) => (
            image.texts(),
            &image.subject,
            Parts::Image {
                base: image
                    .base
                    .as_ref()
                    .map(|base| read_base(base, image, request, &given).map(Box::new))
                    .transpose()?,
                layers: read_layers(image, request)?,
            },
        ),
        Make::Index(index) => (
            index.texts(),
            &index.subject,
            Parts::Index(
                index
                    .entries
                    .iter()
                    .enumerate()
                    .map(|(at, entry)| {
                        let field = format!("make.index.entries[{at}]");
                        read_entry(entry, &field, request, &given)
                    })
                    .collect::<Result<_>>()?,
            ),
        ),
        Make::Copy(copy) => {
            let entry = Entry {
                layout: copy.layout.clone(),
                digest: copy.digest,
                tag: copy.tag.clone(),
                platform: copy.platform.clone(),
                nested: Nested::Keep,
                links: copy.links,
                annotations: Texts::default(),
                sources: Vec::new(),
            };
            let copied = read_entry(&entry, "make.copy", request, &given)?;
            (Vec::new(), &None, Parts::Copy(Box::new(copied)))
        }
    };
    let stamps = Stamps::read(request, texts.into_iter().chain(&request.tags))?;
    Ok(Inputs {
        stamps,
        subject: read_subject(subject)?,
        parts,
    })
}

fn read_base(base: &Base, image: &Image, request: &Request, given: &Given) -> Result<BaseInput> {
    let reader = Reader::open(&base.layout, base.links.into())?;
    let platform = match (&base.platform, &image.platform) {
        (Some(text), _) => Some((text, "make.image.base.platform")),
        // With a digest there is one image to choose; whether it is for the platform is seen later.
        (None, Some(text)) => Some((text, "make.image.platform")),
        (None, None) => None,
    };
    let selection = Selection {
        digest: base.digest,
        tag: base.tag.clone(),
        platform: platform
            .map(|(text, field)| selector(text, field))
            .transpose()?,
    };
    let image_of_base = reader.select_image(&selection)?;
    let places = image_of_base
        .manifest
        .layers
        .iter()
        .map(|layer| locate(&reader, layer, request, given, &base.sources))
        .collect::<Result<_>>()?;
    let wanted = image.checks.entrypoint != Severity::Ignore;
    let listings = base
        .listings
        .iter()
        .filter(|_| wanted)
        .map(|path| listing(path));
    Ok(BaseInput {
        image: image_of_base,
        places,
        listings: listings.collect::<Result<_>>()?,
    })
}

fn read_receipt(path: &Path) -> Result<LayerReceipt> {
    let bytes = files::read_at_most(path, RECEIPT)?;
    LayerReceipt::read(&bytes).map_err(|error| Error::Receipt {
        path: path.to_owned(),
        error,
    })
}

/// The files of layers that the request gives beside its layouts, where they are wanted.
fn given(request: &Request) -> Result<Given> {
    let mut given = Given::new();
    if request.output.blobs == Blobs::Include {
        for blob in &request.blobs {
            let digest = match &blob.of {
                Whose::Digest(digest) => *digest,
                Whose::Receipt(path) => read_receipt(path)?.digest,
            };
            given.insert(digest, blob.file.clone());
        }
    }
    Ok(given)
}

/// The layers of an image, those that were planned together in their places.
fn read_layers(image: &Image, request: &Request) -> Result<Vec<LayerInput>> {
    let mut layers = Vec::new();
    for (at, layer) in image.layers.iter().enumerate() {
        match (&layer.receipt, &layer.planned, &layer.blob, &layer.listing) {
            (Some(receipt), None, blob, listing) => {
                let blob = blob.as_deref();
                layers.push(read_layer(
                    receipt,
                    blob,
                    listing.as_deref(),
                    image,
                    request,
                )?);
            }
            (None, Some(folder), None, None) => {
                layers.extend(read_planned(folder, image, request)?);
            }
            _ => return Err(Error::Layer { at }),
        }
    }
    Ok(layers)
}

fn read_planned(folder: &Path, image: &Image, request: &Request) -> Result<Vec<LayerInput>> {
    let path = folder.join(LAYERS_FILE);
    let bytes = files::read_at_most(&path, RECEIPT)?;
    let planned = LayersReceipt::read(&bytes).map_err(|error| Error::Receipt { path, error })?;
    let mut layers = Vec::new();
    for place in 0..planned.layers.len() {
        let folder = folder.join(LayersReceipt::folder(place));
        let blob = planned.blobs.then(|| folder.join(BLOB_FILE));
        let receipt = folder.join(RECEIPT_FILE);
        layers.push(read_layer(&receipt, blob.as_deref(), None, image, request)?);
    }
    Ok(layers)
}

fn read_layer(
    path: &Path,
    blob: Option<&Path>,
    list: Option<&Path>,
    image: &Image,
    request: &Request,
) -> Result<LayerInput> {
    let receipt = read_receipt(path)?;
    let place = match blob {
        Some(blob) if request.output.blobs == Blobs::Include => Place::File(blob.to_owned()),
        _ => Place::Absent(receipt.sources.clone()),
    };
    let place = Located {
        place,
        sources: receipt.sources.clone(),
    };
    let wanted = image.checks.entrypoint != Severity::Ignore;
    let listing = list.filter(|_| wanted).map(listing).transpose()?;
    Ok(LayerInput {
        receipt,
        place,
        listing,
    })
}

fn listing(path: &Path) -> Result<Listing> {
    Ok((path.to_owned(), files::read(path)?))
}

fn read_entry(entry: &Entry, field: &str, request: &Request, given: &Given) -> Result<Copied> {
    let reader = Reader::open(&entry.layout, entry.links.into())?;
    let descriptor = match &entry.platform {
        Some(text) => {
            let platform = selector(text, &format!("{field}.platform"))?;
            let selection = Selection {
                digest: entry.digest,
                tag: entry.tag.clone(),
                platform: Some(platform),
            };
            reader.select_image(&selection)?.descriptor
        }
        None => reader.select(entry.digest.as_ref(), entry.tag.as_deref())?,
    };
    copy(
        &descriptor,
        &|layer| locate(&reader, layer, request, given, &entry.sources),
        &reader,
    )
}

/// Where a layer in a layout is.
fn locate(
    reader: &Reader,
    layer: &Descriptor,
    request: &Request,
    given: &Given,
    sources: &[Source],
) -> Result<Located> {
    let absent = reader.sparse().and_then(|sparse| sparse.get(&layer.digest));
    let mut known = absent.map(|blob| blob.sources.clone()).unwrap_or_default();
    known.extend_from_slice(sources);
    known.sort();
    known.dedup();
    let place = match request.output.blobs {
        Blobs::Omit => Place::Absent(known.clone()),
        Blobs::Include => match reader.place(layer)? {
            Place::Absent(_) => match given.get(&layer.digest) {
                Some(file) => Place::File(file.clone()),
                None => Place::Absent(known.clone()),
            },
            present => present,
        },
    };
    Ok(Located {
        place,
        sources: known,
    })
}

fn selector(text: &str, field: &str) -> Result<Selector> {
    Selector::parse(text).map_err(|error| Error::Value {
        field: field.to_owned(),
        error,
    })
}

fn read_subject(subject: &Option<Subject>) -> Result<Option<Descriptor>> {
    Ok(match subject {
        None => None,
        Some(Subject::Descriptor(given)) if i64::try_from(given.size).is_err() => {
            let error = oci::Error::Field {
                what: "descriptor",
                field: "size".into(),
                reason: format!("{} is not a size", given.size),
            };
            return Err(Error::Value {
                field: "subject".into(),
                error,
            });
        }
        Some(Subject::Descriptor(given)) => Some(Descriptor::new(
            given.media_type.clone(),
            given.digest,
            given.size,
        )),
        Some(Subject::Receipt(path)) => {
            let bytes = files::read_at_most(path, RECEIPT)?;
            let receipt = ImageReceipt::read(&bytes).map_err(|error| Error::Receipt {
                path: path.clone(),
                error,
            })?;
            let media_type: MediaType = receipt.root.media_type().clone();
            Some(Descriptor::new(
                media_type,
                receipt.digest,
                receipt.root.size(),
            ))
        }
    })
}

impl Image {
    /// Every text of the request.
    fn texts(&self) -> Vec<&Text> {
        let fields = &self.config;
        let mut texts: Vec<&Text> = Vec::new();
        if let Time::Text(created) = &self.created {
            texts.push(created);
        }
        let single = [
            &self.author,
            &fields.user,
            &fields.working_dir,
            &fields.stop_signal,
        ];
        texts.extend(single.into_iter().filter_map(|choice| choice.given()));
        let lists = [
            &fields.entrypoint,
            &fields.cmd,
            &fields.exposed_ports,
            &fields.volumes,
        ];
        texts.extend(
            lists
                .into_iter()
                .filter_map(|change| change.given())
                .flatten(),
        );
        texts.extend(
            fields
                .env
                .given()
                .into_iter()
                .flatten()
                .map(|variable| &variable.value),
        );
        let maps = [&fields.labels, &self.annotations];
        texts.extend(
            maps.into_iter()
                .filter_map(|map| map.given())
                .flat_map(|map| map.0.values()),
        );
        texts
    }
}

impl IndexOf {
    /// Every text of the request.
    fn texts(&self) -> Vec<&Text> {
        let entries = self
            .entries
            .iter()
            .flat_map(|entry| entry.annotations.0.values());
        self.annotations.0.values().chain(entries).collect()
    }
}
