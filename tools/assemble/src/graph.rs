//! Taking an image or an index out of a layout, with everything below it.
//!
//! Documents are read, checked and taken as they are, byte for byte; layers are only located.
//! What has a media type that nobody here knows is taken as a blob.

use layout::{Contents, Place, Reader};
use oci::chain_id::chain_ids;
use oci::receipt::{ImageNode, IndexNode, LayerNode, Node, OtherNode};
use oci::{Descriptor, Digest, Index};

use crate::error::{Error, Result};
use crate::gather::Located;

/// The most levels of indexes.
const DEPTH: usize = 8;

/// What was taken.
pub(crate) struct Copied {
    /// The descriptor that led to it.
    pub(crate) descriptor: Descriptor,
    /// What it is, and what is below it.
    pub(crate) node: Node,
    /// The index, where it is one.
    pub(crate) index: Option<Index>,
    /// The platform, where it is an image.
    pub(crate) platform: Option<oci::Platform>,
    /// The artifact type that its manifest or index says.
    pub(crate) artifact_type: Option<oci::MediaType>,
    /// The documents and blobs.
    pub(crate) contents: Contents,
}

/// Takes what `descriptor` leads to; `locate` tells where layers are.
///
/// # Errors
/// Documents that are missing or not what they should be.
pub(crate) fn copy(
    descriptor: &Descriptor,
    locate: &dyn Fn(&Descriptor) -> Result<Located>,
    reader: &Reader,
) -> Result<Copied> {
    let mut walk = Walk {
        locate,
        reader,
        contents: Contents::default(),
    };
    let mut copied = walk.node(descriptor, 0)?;
    copied.contents = walk.contents;
    Ok(copied)
}

struct Walk<'a> {
    locate: &'a dyn Fn(&Descriptor) -> Result<Located>,
    reader: &'a Reader,
    contents: Contents,
}

impl Walk<'_> {
    fn node(&mut self, descriptor: &Descriptor, depth: usize) -> Result<Copied> {
        let mut copied = Copied {
            descriptor: descriptor.clone(),
            node: Node::Other(OtherNode {
                media_type: descriptor.media_type.clone(),
                digest: descriptor.digest,
                size: descriptor.size,
                present: false,
            }),
            index: None,
            platform: None,
            artifact_type: None,
            contents: Contents::default(),
        };
        if descriptor.media_type.is_index() {
            self.index(descriptor, depth, &mut copied)?;
        } else if descriptor.media_type.is_manifest() {
            self.image(descriptor, &mut copied)?;
        } else if let Node::Other(other) = &mut copied.node {
            let located = (self.locate)(descriptor)?;
            other.present = located.is_present();
            self.contents.add(descriptor, located.place)?;
        }
        Ok(copied)
    }

    fn index(&mut self, descriptor: &Descriptor, depth: usize, into: &mut Copied) -> Result<()> {
        if depth == DEPTH {
            let layout = self.reader.root().to_owned();
            return Err(layout::Error::TooDeep {
                layout,
                limit: DEPTH,
            }
            .into());
        }
        let (index, bytes) = self.reader.read_index(descriptor)?;
        let manifests = index
            .manifests
            .iter()
            .map(|child| Ok(self.node(child, depth + 1)?.node))
            .collect::<Result<_>>()?;
        self.contents.add(descriptor, Place::Bytes(bytes))?;
        into.node = Node::Index(IndexNode {
            media_type: descriptor.media_type.clone(),
            digest: descriptor.digest,
            size: descriptor.size,
            annotations: index.annotations.clone(),
            manifests,
        });
        into.artifact_type = index.artifact_type.clone();
        into.index = Some(index);
        Ok(())
    }

    fn image(&mut self, descriptor: &Descriptor, into: &mut Copied) -> Result<()> {
        let image = self.reader.read_image(descriptor)?;
        let in_config = |error| {
            Error::Layout(layout::Error::Document {
                path: self.reader.root().to_owned(),
                error,
            })
        };
        into.platform = image.platform().map_err(in_config)?;
        let diff_ids = match &image.config {
            Some(config) => config.diff_ids().map_err(in_config)?,
            None => Vec::new(),
        };
        let mut layers = Vec::new();
        for (at, layer) in image.manifest.layers.iter().enumerate() {
            let located = (self.locate)(layer)?;
            self.contents.add(layer, located.place.clone())?;
            layers.push(Layer {
                origin: None,
                descriptor: layer,
                diff_id: diff_ids.get(at).copied(),
                located,
            });
        }
        into.node = Node::Image(ImageNode {
            media_type: descriptor.media_type.clone(),
            digest: descriptor.digest,
            size: descriptor.size,
            platform: into.platform.as_ref().map(ToString::to_string),
            config_media_type: image.manifest.config.media_type.clone(),
            config_digest: image.manifest.config.digest,
            config_size: image.manifest.config.size,
            base: None,
            layers: layer_nodes(&layers),
        });
        into.artifact_type = image.manifest.artifact_type.clone();
        self.contents
            .add(&image.manifest.config, Place::Bytes(image.config_bytes))?;
        self.contents
            .add(descriptor, Place::Bytes(image.manifest_bytes))?;
        Ok(())
    }
}

/// A layer of an image, for its receipt.
pub(crate) struct Layer<'a> {
    /// The user's own name for it.
    pub(crate) origin: Option<&'a str>,
    /// What the manifest says of it.
    pub(crate) descriptor: &'a Descriptor,
    /// The digest of its tar.
    pub(crate) diff_id: Option<Digest>,
    /// Where it is.
    pub(crate) located: Located,
}

/// The layers of an image, as its receipt tells of them.
pub(crate) fn layer_nodes(layers: &[Layer]) -> Vec<LayerNode> {
    let diff_ids: Option<Vec<Digest>> = layers.iter().map(|layer| layer.diff_id).collect();
    let chain = diff_ids
        .map(|diff_ids| chain_ids(&diff_ids))
        .unwrap_or_default();
    let node = |(at, layer): (usize, &Layer)| LayerNode {
        origin: layer.origin.map(str::to_owned),
        media_type: layer.descriptor.media_type.clone(),
        digest: layer.descriptor.digest,
        size: layer.descriptor.size,
        diff_id: layer.diff_id,
        chain_id: chain.get(at).copied(),
        present: layer.located.is_present(),
        sources: layer.located.sources.clone(),
    };
    layers.iter().enumerate().map(node).collect()
}
