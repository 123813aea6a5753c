//! Why two images differ: a tree of causes, each with the bytes concerned and the field that mends it.
//!
//! It goes from the outside in and stops where the two sides are equal: equal digests are not opened, an
//! equal diff_id leaves the compressor to blame, and only layers whose tars differ are read entry by entry;
//! where listings are given for both sides, not even those.
//!
//! Invariant: two images of different digests have at least one cause.

mod cause;
mod codec;
mod content;
mod documents;
mod layers;
mod tar;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use inspect::{Content, Store, Trouble};
use layout::Links;
use oci::index::{REF_NAME, is_attestation};
use oci::json::Limits;
use oci::media_type::Kind as MediaKind;
use oci::{Config, Descriptor, Digest, Index, Manifest};
use registry::Access;

use crate::error::{Error, Result};
use crate::request::Source;
use crate::source::{self, Opened};

pub(crate) use cause::{Cause, Kind};

/// Listings by the digest of their layer, or its diff_id.
pub(crate) type Listings = BTreeMap<Digest, PathBuf>;

/// What was found of two images.
pub(crate) struct Explained {
    /// The causes; none where both are the same.
    pub(crate) causes: Vec<Cause>,
    /// Whether the content is the same: files, platform, and what a container is started with.
    pub(crate) same_content: bool,
    /// The digests of what was compared.
    pub(crate) digests: [String; 2],
}

/// One of the two sides.
pub(crate) struct Side<'a> {
    /// What messages call it.
    pub(crate) name: &'a str,
    pub(crate) store: &'a dyn Store,
}

/// An image, read down to its config.
pub(crate) struct Image {
    pub(crate) manifest: Manifest,
    manifest_bytes: Vec<u8>,
    pub(crate) config: Option<Config>,
    config_bytes: Vec<u8>,
}

impl Side<'_> {
    fn trouble(&self, trouble: Trouble) -> Error {
        Error::trouble(self.name, trouble)
    }

    /// A document whose bytes have the digest that they must have.
    pub(crate) fn document(&self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>> {
        let wrong = |rule, message| self.trouble(Trouble::wrong(rule, message));
        let digest = descriptor.digest;
        if descriptor.size > limit {
            let message = format!(
                "{digest} is {} bytes long, more than the limit of {limit}",
                descriptor.size
            );
            return Err(wrong(inspect::Rule::TooLarge, message));
        }
        let bytes = self
            .store
            .document(descriptor, limit)
            .map_err(|trouble| self.trouble(trouble))?;
        let mut hasher = oci::Hasher::new(digest.algorithm());
        hasher.update(&bytes);
        let found = hasher.finish();
        match found == digest {
            true => Ok(bytes),
            false => Err(wrong(
                inspect::Rule::Digest,
                format!("{digest}: its bytes have the digest {found}"),
            )),
        }
    }

    pub(crate) fn invalid(&self, digest: &Digest, error: &oci::Error) -> Error {
        let message = format!("{digest}: {error}");
        self.trouble(Trouble::wrong(inspect::Rule::Document, message))
    }

    pub(crate) fn image(&self, descriptor: &Descriptor) -> Result<Image> {
        let manifest_bytes = self.document(descriptor, Limits::MANIFEST.size)?;
        let manifest = Manifest::read(&manifest_bytes, &descriptor.media_type)
            .map_err(|error| self.invalid(&descriptor.digest, &error))?;
        let config_bytes = self.document(&manifest.config, Limits::CONFIG.size)?;
        let config = match manifest.config.media_type.kind() {
            Some(MediaKind::Config) => Some(
                Config::read(&config_bytes)
                    .map_err(|error| self.invalid(&manifest.config.digest, &error))?,
            ),
            _ => None,
        };
        Ok(Image {
            manifest,
            manifest_bytes,
            config,
            config_bytes,
        })
    }

    pub(crate) fn index(&self, descriptor: &Descriptor) -> Result<(Index, Vec<u8>)> {
        let bytes = self.document(descriptor, Limits::MANIFEST.size)?;
        let index = Index::read(&bytes, &descriptor.media_type)
            .map_err(|error| self.invalid(&descriptor.digest, &error))?;
        Ok((index, bytes))
    }

    /// The bytes of a layer, where they are there.
    pub(crate) fn blob(&self, descriptor: &Descriptor) -> Result<Content<'_>> {
        self.store
            .blob(descriptor)
            .map_err(|trouble| self.trouble(trouble))
    }

    /// The one thing that the store lists; documents that refer to it do not count.
    pub(crate) fn root(&self) -> Result<Descriptor> {
        let images = self.store.roots().iter();
        let images: Vec<Descriptor> = images.filter(|one| !is_artifact(one)).cloned().collect();
        match images.as_slice() {
            [one] => Ok(one.clone()),
            [] if self.store.roots().len() == 1 => Ok(self.store.roots()[0].clone()),
            several => {
                let mut digests: Vec<Digest> = several.iter().map(|one| one.digest).collect();
                digests.dedup();
                match (digests.len(), several.first()) {
                    // One image under several tags.
                    (1, Some(one)) => Ok(one.clone()),
                    _ => Err(Error::Which {
                        image: self.name.to_owned(),
                        images: several.iter().map(shown).collect(),
                    }),
                }
            }
        }
    }
}

/// Whether it is listed as something else than an image.
pub(crate) fn is_artifact(listed: &Descriptor) -> bool {
    listed.artifact_type.is_some()
}

fn shown(descriptor: &Descriptor) -> String {
    let tag = descriptor
        .annotations
        .get(REF_NAME)
        .map(oci::error::Shown::new);
    let digest = &descriptor.digest;
    match (tag, &descriptor.platform) {
        (Some(tag), _) => format!("{digest} as `{tag}`"),
        (None, Some(platform)) => format!("{digest} for {platform}"),
        (None, None) => digest.to_string(),
    }
}

/// Explains why two images differ.
///
/// # Errors
/// One of them cannot be read, or is not sound as far as it is read.
pub(crate) fn explain(
    sources: [&Source; 2],
    links: Links,
    access: &Access,
    listings: &Listings,
) -> Result<Explained> {
    let names = sources.map(crate::plan::shown);
    let [first, second] = sources;
    let stores = [open(first, links, access)?, open(second, links, access)?];
    let [one, two] = &stores;
    let sides = [
        Side {
            name: &names[0],
            store: one.as_ref(),
        },
        Side {
            name: &names[1],
            store: two.as_ref(),
        },
    ];
    compare(&sides, listings)
}

/// Explains why the image of a layout is not the one that a file keeps the documents of.
///
/// # Errors
/// As [`explain`].
pub(crate) fn explain_kept(
    (path, kept): (&Path, Box<dyn Store>),
    layout: &Path,
    follow_links: bool,
) -> Result<Explained> {
    let source = Source::Layout(layout.to_owned());
    let names = [path.display().to_string(), crate::plan::shown(&source)];
    let store = open(&source, source::links(follow_links), &Access::default())?;
    let sides = [
        Side {
            name: &names[0],
            store: kept.as_ref(),
        },
        Side {
            name: &names[1],
            store: store.as_ref(),
        },
    ];
    compare(&sides, &Listings::new())
}

pub(crate) fn open(source: &Source, links: Links, access: &Access) -> Result<Box<dyn Store>> {
    match source::open(source, links, access)? {
        Opened::Store(store) => Ok(store),
        Opened::Wrong(finding) => Err(Error::Unsound {
            image: crate::plan::shown(source),
            findings: vec![crate::error::told(finding.rule, &finding.to_string())],
        }),
    }
}

fn compare(sides: &[Side<'_>; 2], listings: &Listings) -> Result<Explained> {
    let [one, two] = sides;
    let mut causes = Vec::new();
    // What is had by its digest has no tag, and is no other image for that.
    let tagged = [tags(one), tags(two)];
    if tagged.iter().all(|tags| !tags.is_empty()) && tagged[0] != tagged[1] {
        let [first, second] = tagged.map(|tags| format!("[{}]", tags.join(", ")));
        causes.push(Cause::new(Kind::LayoutTags, "").between(first, second));
    }
    let (first, second) = (one.root()?, two.root()?);
    let digests = [first.digest.to_string(), second.digest.to_string()];
    let mut same_content = true;
    if first.digest != second.digest {
        let mut walk = Walk {
            sides,
            listings,
            same_content: true,
        };
        causes.extend(walk.node(&first, &second)?);
        same_content = walk.same_content;
    }
    same_content &= causes.iter().all(Cause::keeps_content);
    Ok(Explained {
        causes,
        same_content,
        digests,
    })
}

fn tags(side: &Side<'_>) -> Vec<String> {
    let tag = |root: &Descriptor| root.annotations.get(REF_NAME).cloned();
    let mut tags: Vec<String> = side.store.roots().iter().filter_map(tag).collect();
    tags.sort();
    tags
}

struct Walk<'a> {
    sides: &'a [Side<'a>; 2],
    listings: &'a Listings,
    same_content: bool,
}

/// What an entry of an index is for: its platform, or that it is none.
fn key(descriptor: &Descriptor) -> String {
    match &descriptor.platform {
        _ if is_attestation(descriptor) => "attestation".to_owned(),
        Some(platform) => platform.normalized().to_string(),
        None => "no platform".to_owned(),
    }
}

impl Walk<'_> {
    fn node(&mut self, first: &Descriptor, second: &Descriptor) -> Result<Vec<Cause>> {
        match (first.media_type.is_index(), second.media_type.is_index()) {
            (true, true) => self.indexes(first, second),
            (false, false) => self.images(first, second),
            (is_index, _) => {
                let word = |is: bool| if is { "an index" } else { "an image" };
                let mut cause =
                    Cause::new(Kind::IndexOrImage, "").between(word(is_index), word(!is_index));
                // An index of one image, and that image alone.
                let [one, two] = self.sides;
                let (side, index, image) = match is_index {
                    true => (one, first, second),
                    false => (two, second, first),
                };
                let (inside, _) = side.index(index)?;
                let only = match inside.manifests.as_slice() {
                    [only] => only.clone(),
                    _ => {
                        self.same_content = false;
                        return Ok(vec![cause]);
                    }
                };
                if only.digest != image.digest {
                    cause.causes = match is_index {
                        true => self.node(&only, image)?,
                        false => self.node(image, &only)?,
                    };
                }
                Ok(vec![cause])
            }
        }
    }

    fn indexes(&mut self, first: &Descriptor, second: &Descriptor) -> Result<Vec<Cause>> {
        let [one, two] = self.sides;
        let ((a, a_bytes), (b, b_bytes)) = (one.index(first)?, two.index(second)?);
        let mut causes = documents::indexes(&a, &b);
        let mut left: Vec<&Descriptor> = b.manifests.iter().collect();
        let mut order = Vec::new();
        for child in &a.manifests {
            let name = key(child);
            let same = left
                .iter()
                .position(|other| other.digest == child.digest && key(other) == name);
            let at = same.or_else(|| left.iter().position(|other| key(other) == name));
            // An image that is listed for another platform is the same image all the same.
            let at = at.or_else(|| left.iter().position(|other| other.digest == child.digest));
            let Some(at) = at else {
                causes.push(
                    Cause::new(Kind::PlatformRemoved, &name).between(child.digest, "nothing"),
                );
                continue;
            };
            let other = left.remove(at);
            order.push(b.manifests.iter().position(|one| std::ptr::eq(one, other)));
            let mut inside = documents::descriptors(child, other, &name);
            if child.digest != other.digest {
                inside.extend(self.node(child, other)?);
            }
            if !inside.is_empty() {
                causes.push(Cause::new(Kind::Image, &name).because(inside));
            }
        }
        for other in &left {
            causes
                .push(Cause::new(Kind::PlatformAdded, key(other)).between("nothing", other.digest));
        }
        if !order.is_sorted() {
            let list = |index: &Index| {
                let names: Vec<String> = index.manifests.iter().map(key).collect();
                format!("[{}]", names.join(", "))
            };
            causes.push(Cause::new(Kind::IndexOrder, "").between(list(&a), list(&b)));
        }
        if causes.is_empty() {
            causes.push(documents::form("index", &a_bytes, &b_bytes));
        }
        Ok(causes)
    }

    fn images(&mut self, first: &Descriptor, second: &Descriptor) -> Result<Vec<Cause>> {
        let [one, two] = self.sides;
        let (a, b) = (one.image(first)?, two.image(second)?);
        let mut causes = documents::manifests(&a.manifest, &b.manifest);
        if a.manifest.config.digest != b.manifest.config.digest {
            causes.extend(documents::configs(&a, &b));
        }
        let (layers, same_files) = layers::compare(self.sides, [&a, &b], self.listings)?;
        causes.extend(layers);
        self.same_content &= same_files;
        if causes.is_empty() {
            causes.push(documents::form(
                "manifest",
                &a.manifest_bytes,
                &b.manifest_bytes,
            ));
        }
        Ok(causes)
    }
}
