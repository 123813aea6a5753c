//! What an image is, for comparison: its digests, its layers, what it is built on, and its files.

use std::collections::BTreeMap;

use inspect::Content;
use oci::{Descriptor, Digest, MediaType};

use crate::error::Result;
use crate::explain::{Listings, Side};
use crate::tree;

/// Names the image that another is built on, by digest.
const BASE: &str = "org.opencontainers.image.base.digest";

/// The files of a layer, by path, with the SHA-256 of their content.
pub(super) type Files = BTreeMap<Vec<u8>, String>;

/// What is known of an image.
pub(super) struct Facts<'a> {
    side: &'a Side<'a>,
    listings: &'a Listings,
    pub(super) root: Descriptor,
    /// The image, and what lies below it where it is an index.
    pub(super) images: Vec<Descriptor>,
    pub(super) layers: Vec<Descriptor>,
    pub(super) bases: Vec<Digest>,
    /// The diff_ids of layers, where the config tells.
    diff_ids: BTreeMap<Digest, Digest>,
}

impl<'a> Facts<'a> {
    /// Reads documents; layers are read when they are asked for.
    ///
    /// # Errors
    /// The image can't be read, or is not sound as far as it is read.
    pub(super) fn read(side: &'a Side<'a>, listings: &'a Listings) -> Result<Self> {
        let root = side.root()?;
        let mut facts = Facts {
            side,
            listings,
            root: root.clone(),
            images: Vec::new(),
            layers: Vec::new(),
            bases: Vec::new(),
            diff_ids: BTreeMap::new(),
        };
        facts.take(&root, 0)?;
        Ok(facts)
    }

    fn take(&mut self, descriptor: &Descriptor, depth: usize) -> Result<()> {
        let media_type: &MediaType = &descriptor.media_type;
        if depth > inspect::check::DEPTH || self.image(&descriptor.digest).is_some() {
            return Ok(());
        }
        self.images.push(descriptor.clone());
        if media_type.is_index() {
            let (index, _) = self.side.index(descriptor)?;
            self.base(&index.annotations);
            for child in &index.manifests {
                self.take(child, depth + 1)?;
            }
            return Ok(());
        }
        let image = self.side.image(descriptor)?;
        self.base(&image.manifest.annotations);
        let diff_ids = image
            .config
            .as_ref()
            .and_then(|config| config.diff_ids().ok());
        for (at, layer) in image.manifest.layers.iter().enumerate() {
            if let Some(diff_id) = diff_ids.as_ref().and_then(|diff_ids| diff_ids.get(at)) {
                self.diff_ids.insert(layer.digest, *diff_id);
            }
            if self.layers.iter().all(|known| known.digest != layer.digest) {
                self.layers.push(layer.clone());
            }
        }
        Ok(())
    }

    fn base(&mut self, annotations: &BTreeMap<String, String>) {
        let digest = annotations.get(BASE).and_then(|text| text.parse().ok());
        if let Some(digest) = digest.filter(|digest| !self.bases.contains(digest)) {
            self.bases.push(digest);
        }
    }

    /// The image, or one below it, of a digest.
    pub(super) fn image(&self, digest: &Digest) -> Option<&Descriptor> {
        self.images.iter().find(|image| image.digest == *digest)
    }

    /// The layer of a digest.
    pub(super) fn layer(&self, digest: &Digest) -> Option<&Descriptor> {
        self.layers.iter().find(|layer| layer.digest == *digest)
    }

    /// The files of a layer; nothing where they can't be had, or the reason why it is not sound.
    pub(super) fn files(&self, layer: &Descriptor) -> std::result::Result<Option<Files>, String> {
        let diff_id = self.diff_ids.get(&layer.digest);
        let listing = self.listings.get(&layer.digest);
        let listing = listing.or_else(|| self.listings.get(diff_id?));
        let lines = match listing {
            Some(path) => tree::read(path).map_err(|error| error.to_string())?,
            None => match self.side.blob(layer).map_err(|error| error.to_string())? {
                Content::Absent => return Ok(None),
                Content::Bytes(bytes) => {
                    inspect::listing::of_layer(bytes, layer).map_err(|trouble| {
                        crate::error::Error::trouble("layer", trouble).to_string()
                    })?
                }
            },
        };
        let files = lines.into_iter().filter(|line| line.kind == "file");
        Ok(Some(
            files
                .map(|line| {
                    let path = inspect::listing::clean(line.path.as_bytes());
                    (path, line.sha256.unwrap_or_default())
                })
                .collect(),
        ))
    }
}
