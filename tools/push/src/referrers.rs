//! What refers to an image and goes along with it: signatures, bills of materials, provenance; also what refers
//! to those.
//!
//! They are found by the registry's list of referrers, by the tags that cosign gives them (the image's digest
//! and `.sig`, `.att` or `.sbom`), and in layouts by what they say themselves.
//!
//! Invariant: what goes along says itself that it refers to what goes along, or has the tag that says so.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;

use layout::{Links, Reader};
use oci::index::REF_NAME;
use oci::{Descriptor, Digest, Manifest};
use registry::{Registries, Repository, Target};

use crate::error::{Error, Result};
use crate::remote;
use crate::request::{Image, Referrers};
use crate::source::{self, Cargo, Document};

/// The most documents that go along with one image.
const MOST: usize = 1000;

/// What cosign puts behind a digest to make a tag.
const SUFFIXES: [&str; 3] = ["sig", "att", "sbom"];

/// One that goes along.
#[derive(Debug, Clone)]
pub(crate) struct Referrer {
    pub(crate) cargo: Cargo,
    /// The tags by which it is found where there is no list.
    pub(crate) tags: Vec<String>,
}

/// Where they are looked for.
enum Place {
    Registry(Repository),
    Layout {
        path: PathBuf,
        reader: Box<Reader>,
        /// By the digest that it refers to.
        known: BTreeMap<Digest, Vec<(Descriptor, Vec<String>)>>,
        /// Whether it is there for nothing else.
        attached: bool,
    },
}

/// Finds what goes along with an image, each once, what it refers to before it.
///
/// # Errors
/// A layout in which nothing refers to the image; a list that is wrong; the registry.
pub(crate) fn find(image: &Image, cargo: &Cargo, registries: &Registries) -> Result<Vec<Referrer>> {
    let wanted = image.referrers.clone().unwrap_or(Referrers::All);
    let own = !matches!(image.referrers, None | Some(Referrers::None));
    let mut places = Vec::new();
    if let (true, Some(from)) = (own, &image.from) {
        places.push(Place::Registry(remote::parse(registries, from)?.0));
    }
    let links = match image.follow_links {
        true => Links::Follow,
        false => Links::Refuse,
    };
    let folder = image.layout.as_ref().or(image.documents.as_ref());
    if let Some(path) = folder.filter(|_| own) {
        places.push(layout(path.clone(), links, false)?);
    }
    for path in &image.attached {
        places.push(layout(path.clone(), links, true)?);
    }
    let mut found: Vec<Referrer> = Vec::new();
    let documents = cargo.documents.iter().rev();
    let mut queue: VecDeque<Digest> = documents.map(|one| one.descriptor.digest).collect();
    let mut seen: BTreeSet<Digest> = queue.iter().copied().collect();
    while let Some(subject) = queue.pop_front() {
        for place in &places {
            for (referrer, tags) in place.refer_to(&subject, &wanted)? {
                let digest = referrer.root.digest;
                let known = found
                    .iter_mut()
                    .find(|known| known.cargo.root.digest == digest);
                if let Some(known) = known {
                    known.tags.extend(tags);
                    known.tags.sort();
                    known.tags.dedup();
                } else if seen.insert(digest) {
                    queue.push_back(digest);
                    found.push(Referrer {
                        cargo: referrer,
                        tags,
                    });
                }
                if found.len() > MOST {
                    return Err(Error::TooMany {
                        text: cargo.root.digest.to_string().into(),
                        limit: MOST,
                        what: "referrers",
                    });
                }
            }
        }
    }
    for place in &places {
        place.had_something(&seen, cargo)?;
    }
    Ok(found)
}

/// A layout, with what each document in it refers to.
fn layout(path: PathBuf, links: Links, attached: bool) -> Result<Place> {
    let reader = Reader::open(&path, links)?;
    let mut known: BTreeMap<Digest, Vec<(Descriptor, Vec<String>)>> = BTreeMap::new();
    for listed in &reader.index().manifests {
        let name = listed.annotations.get(REF_NAME);
        let by_tag = name.and_then(|name| subject_of_tag(name));
        let subject = match listed.media_type.is_index() {
            true => reader.read_index(listed)?.0.subject,
            false => reader.read_image(listed)?.manifest.subject,
        };
        let tags = by_tag.is_some().then(|| name.cloned()).flatten();
        let tags: Vec<String> = tags.into_iter().collect();
        for digest in [subject.map(|subject| subject.digest), by_tag]
            .into_iter()
            .flatten()
        {
            let list = known.entry(digest).or_default();
            match list.iter_mut().find(|(one, _)| one.digest == listed.digest) {
                Some((_, known)) => known.extend(tags.iter().cloned()),
                None => list.push((listed.clone(), tags.clone())),
            }
        }
    }
    Ok(Place::Layout {
        path,
        reader: Box::new(reader),
        known,
        attached,
    })
}

impl Place {
    fn refer_to(&self, subject: &Digest, wanted: &Referrers) -> Result<Vec<(Cargo, Vec<String>)>> {
        let mut found = Vec::new();
        match self {
            Place::Layout { reader, known, .. } => {
                for (listed, tags) in known.get(subject).into_iter().flatten() {
                    let mut cargo = source::listed(reader, listed.clone())?;
                    if takes(wanted, cargo.documents.last()) {
                        let mut tags = tags.clone();
                        tags.dedup();
                        cargo.root = layout::unnamed(&cargo.root);
                        found.push((cargo, tags));
                    }
                }
            }
            Place::Registry(repository) => {
                for listed in repository.referrers(subject)? {
                    let target = Target::Digest(listed.digest);
                    let fetched = repository.manifest(&target, Some(&listed))?;
                    let cargo = remote::walk(repository, fetched)?;
                    let last = cargo.documents.last();
                    let refers = last.and_then(|last| last.subject.as_ref());
                    if refers.is_none_or(|refers| refers.digest != *subject) {
                        return Err(Error::NoReferrer {
                            digest: listed.digest,
                            subject: Box::new(*subject),
                        });
                    }
                    if takes(wanted, last) {
                        found.push((cargo, Vec::new()));
                    }
                }
                for suffix in SUFFIXES {
                    let tag = format!("{}.{suffix}", oci::reference::referrers_tag(subject));
                    let fetched = match repository.manifest(&Target::Tag(tag.clone()), None) {
                        Ok(fetched) => fetched,
                        Err(error) if error.is_absent() => continue,
                        Err(error) => return Err(error.into()),
                    };
                    let cargo = remote::walk(repository, fetched)?;
                    if takes(wanted, cargo.documents.last()) {
                        found.push((cargo, vec![tag]));
                    }
                }
            }
        }
        Ok(found)
    }

    /// A layout that was given for what refers to the image has something that does.
    fn had_something(&self, seen: &BTreeSet<Digest>, cargo: &Cargo) -> Result<()> {
        match self {
            Place::Layout {
                path,
                known,
                attached: true,
                ..
            } if !known.keys().any(|subject| seen.contains(subject)) => {
                Err(Error::NothingAttached {
                    layout: path.clone(),
                    digest: cargo.root.digest,
                })
            }
            _ => Ok(()),
        }
    }
}

/// Whether a document is of a type that goes along: its artifact type, or the media type of what it holds, as
/// cosign's older signatures have no artifact type.
fn takes(wanted: &Referrers, document: Option<&Document>) -> bool {
    let Some(document) = document else {
        return false;
    };
    let kind = document.descriptor.artifact_type.as_ref();
    let held = Manifest::read(&document.bytes, &document.descriptor.media_type)
        .ok()
        .and_then(|manifest| manifest.layers.into_iter().next())
        .map(|layer| layer.media_type);
    wanted.take(kind.map(|kind| kind.as_str()))
        || wanted.take(held.as_ref().map(|held| held.as_str()))
}

/// The digest that a tag of cosign's is made of.
fn subject_of_tag(name: &str) -> Option<Digest> {
    let (digest, suffix) = name.rsplit_once('.')?;
    let known = SUFFIXES.contains(&suffix);
    known.then(|| digest.replacen('-', ":", 1).parse().ok())?
}
