//! Choosing one image of a layout: by digest, by tag, by platform, through nested indexes.
//!
//! It does not guess: where two images could be meant, that is an error which lists them.
//! Attestations and the like are passed over.

use std::collections::BTreeSet;

use oci::index::{REF_NAME, is_attestation};
use oci::platform::Selector;
use oci::{Descriptor, Digest};

use crate::{Error, Image, Reader, Result};

/// The most levels of indexes below `index.json`.
const DEPTH: usize = 8;

/// Which image is meant. What is not given does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The digest of the image, or of an index that holds it.
    pub digest: Option<Digest>,
    /// Its tag in `index.json`.
    pub tag: Option<String>,
    /// What it has to run on.
    pub platform: Option<Selector>,
}

impl Reader {
    /// The one descriptor of `index.json`, or below, that the digest and the tag choose: an image
    /// or an index.
    ///
    /// # Errors
    /// Nothing or more than one thing is chosen.
    pub fn select(&self, digest: Option<&Digest>, tag: Option<&str>) -> Result<Descriptor> {
        let mut found = self.listed(tag)?;
        if let Some(digest) = digest {
            let mut walk = Walk::new(self);
            for descriptor in &found {
                walk.everything(descriptor, 0)?;
            }
            found = walk.found;
            found.retain(|descriptor| descriptor.digest == *digest);
            if found.is_empty() {
                let layout = self.root().to_owned();
                return Err(Error::NoSuchDigest {
                    layout,
                    digest: *digest,
                });
            }
        }
        let mut seen = BTreeSet::new();
        found.retain(|descriptor| seen.insert(descriptor.digest));
        match <[Descriptor; 1]>::try_from(found) {
            Ok([one]) => Ok(one),
            Err(found) if found.is_empty() => Err(self.no_image()),
            Err(found) => Err(Error::Ambiguous {
                layout: self.root().to_owned(),
                images: found.iter().map(described).collect(),
                tagged: found.iter().any(|one| name_of(one).is_some()),
                platform_given: false,
            }),
        }
    }

    /// The one image that is chosen.
    ///
    /// # Errors
    /// No image or more than one is chosen; an image that is not valid.
    pub fn select_image(&self, selection: &Selection) -> Result<Image> {
        let mut roots = self.listed(selection.tag.as_deref())?;
        if let Some(digest) = &selection.digest {
            roots = vec![self.select(Some(digest), selection.tag.as_deref())?];
        }
        let mut walk = Walk::new(self);
        for root in &roots {
            walk.images(root, 0)?;
        }
        let Some(wanted) = &selection.platform else {
            return self.only(walk.found, false);
        };
        let mut chosen = Vec::new();
        let mut platforms = Vec::new();
        for descriptor in walk.found {
            // What the descriptor says is enough; where it says nothing the config is asked.
            let platform = match &descriptor.platform {
                Some(platform) => Some(platform.clone()),
                None => {
                    let image = self.read_image(&descriptor)?;
                    image.platform().map_err(|error| Error::Document {
                        path: self
                            .root()
                            .join(crate::blob_path(&image.manifest.config.digest)),
                        error,
                    })?
                }
            };
            let Some(platform) = platform else { continue };
            if wanted.matches(&platform) {
                chosen.push(descriptor);
            }
            platforms.push(platform.to_string().into());
        }
        if chosen.is_empty() {
            return Err(Error::NoSuchPlatform {
                layout: self.root().to_owned(),
                platform: wanted.to_string().into(),
                platforms,
            });
        }
        self.only(chosen, true)
    }

    fn only(&self, found: Vec<Descriptor>, platform_given: bool) -> Result<Image> {
        match found.as_slice() {
            [] => Err(self.no_image()),
            [one] => self.read_image(one),
            several => Err(Error::Ambiguous {
                layout: self.root().to_owned(),
                images: several.iter().map(described).collect(),
                tagged: several.iter().any(|one| name_of(one).is_some()),
                platform_given,
            }),
        }
    }

    fn no_image(&self) -> Error {
        let kind = |one: &Descriptor| one.media_type.to_string();
        let media_types: BTreeSet<String> = self.index().manifests.iter().map(kind).collect();
        Error::NoImage {
            layout: self.root().to_owned(),
            media_types: media_types.into_iter().map(Into::into).collect(),
        }
    }

    /// What `index.json` lists, with a tag where one is asked for.
    fn listed(&self, tag: Option<&str>) -> Result<Vec<Descriptor>> {
        let all = &self.index().manifests;
        let Some(tag) = tag else {
            return Ok(all.clone());
        };
        let tag_of = |descriptor: &Descriptor| descriptor.annotations.get(REF_NAME).cloned();
        let found: Vec<Descriptor> = all
            .iter()
            .filter(|one| tag_of(one).as_deref() == Some(tag))
            .cloned()
            .collect();
        if found.is_empty() {
            let tags: BTreeSet<String> = all.iter().filter_map(tag_of).collect();
            return Err(Error::NoSuchTag {
                layout: self.root().to_owned(),
                tag: tag.into(),
                tags: tags.into_iter().map(Into::into).collect(),
            });
        }
        Ok(found)
    }
}

/// A descriptor for people: its platform and its digest.
fn described(descriptor: &Descriptor) -> String {
    let mut text = match &descriptor.platform {
        Some(platform) => format!("{platform} {}", descriptor.digest),
        None => format!("{} {}", descriptor.media_type, descriptor.digest),
    };
    if let Some(tag) = name_of(descriptor) {
        text.push_str(&format!(" with the tag `{}`", oci::error::Shown::new(tag)));
    }
    text
}

fn name_of(descriptor: &Descriptor) -> Option<&str> {
    descriptor.annotations.get(REF_NAME).map(String::as_str)
}

/// A walk through nested indexes. Each is opened once, whatever refers to it.
struct Walk<'a> {
    reader: &'a Reader,
    visited: BTreeSet<Digest>,
    found: Vec<Descriptor>,
}

impl<'a> Walk<'a> {
    fn new(reader: &'a Reader) -> Self {
        Walk {
            reader,
            visited: BTreeSet::new(),
            found: Vec::new(),
        }
    }

    /// Finds the images.
    fn images(&mut self, descriptor: &Descriptor, depth: usize) -> Result<()> {
        if is_attestation(descriptor) || !self.visited.insert(descriptor.digest) {
            return Ok(());
        }
        if descriptor.media_type.is_index() {
            return self.children(descriptor, depth, Self::images);
        }
        if descriptor.media_type.is_manifest() {
            self.found.push(descriptor.clone());
        }
        Ok(())
    }

    /// Finds everything, indexes too.
    fn everything(&mut self, descriptor: &Descriptor, depth: usize) -> Result<()> {
        if !self.visited.insert(descriptor.digest) {
            return Ok(());
        }
        self.found.push(descriptor.clone());
        if descriptor.media_type.is_index() {
            return self.children(descriptor, depth, Self::everything);
        }
        Ok(())
    }

    fn children(
        &mut self,
        descriptor: &Descriptor,
        depth: usize,
        visit: fn(&mut Self, &Descriptor, usize) -> Result<()>,
    ) -> Result<()> {
        if depth == DEPTH {
            return Err(Error::TooDeep {
                layout: self.reader.root().to_owned(),
                limit: DEPTH,
            });
        }
        let (index, _) = self.reader.read_index(descriptor)?;
        for child in &index.manifests {
            visit(self, child, depth + 1)?;
        }
        Ok(())
    }
}
