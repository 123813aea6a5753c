//! The receipt of an image or of an index of images: the whole graph, with every digest.
//!
//! It does not repeat what the documents say; it tells which documents and blobs there are, which
//! of the blobs are in the layout, and where the others are.
//!
//! Invariant: `root` is what the layout's `index.json` names first.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Source, check};
use crate::{Digest, Error, MediaType, json};

const KIND: &str = "image_receipt";
const VERSION: u32 = 1;

/// The kind of an image receipt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ImageReceiptKind {
    /// The only one.
    #[default]
    #[serde(rename = "image_receipt")]
    ImageReceipt,
}

/// What `assemble` made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageReceipt {
    /// `image_receipt`.
    kind: ImageReceiptKind,
    /// 1.
    #[schemars(range(min = 1, max = 1))]
    version: u32,
    /// The user's own name for the image.
    pub origin: String,
    /// The digest of the image or index: what to pull it by.
    pub digest: Digest,
    /// The image or the index.
    pub root: Node,
}

/// An image, an index of images, or something in an index that is neither.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Node {
    /// An image.
    Image(ImageNode),
    /// An index.
    Index(IndexNode),
    /// Something of a media type that is not known.
    Other(OtherNode),
}

/// Something in an index that is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OtherNode {
    /// Its media type.
    pub media_type: MediaType,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Whether the layout holds it.
    pub present: bool,
}

/// One image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageNode {
    /// The media type of the manifest.
    pub media_type: MediaType,
    /// The digest of the manifest.
    pub digest: Digest,
    /// The size of the manifest in bytes.
    pub size: u64,
    /// The platform, as `os/architecture/variant`; absent for artifacts that are not images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// The media type of the config.
    pub config_media_type: MediaType,
    /// The digest of the config: Docker's image ID.
    pub config_digest: Digest,
    /// The size of the config in bytes.
    pub config_size: u64,
    /// The image that it was built on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<BaseOfImage>,
    /// The layers, the lowest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerNode>,
}

/// The image that another was built on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BaseOfImage {
    /// Its reference, where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The digest of its manifest.
    pub digest: Digest,
    /// How many of the layers are its own.
    pub layers: u64,
}

/// One layer of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayerNode {
    /// The user's own name for the layer; absent for a base's layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// The media type of the blob.
    pub media_type: MediaType,
    /// The digest of the blob.
    pub digest: Digest,
    /// The size of the blob in bytes.
    pub size: u64,
    /// The digest of the tar, uncompressed; absent for artifacts that are not images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff_id: Option<Digest>,
    /// The digest of the stack up to this layer, as runtimes name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain_id: Option<Digest>,
    /// Whether the layout holds the blob.
    pub present: bool,
    /// Repositories that have the blob.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
}

/// One index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IndexNode {
    /// The media type of the index.
    pub media_type: MediaType,
    /// The digest of the index.
    pub digest: Digest,
    /// The size of the index in bytes.
    pub size: u64,
    /// The annotations of the index.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// What it lists, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub manifests: Vec<Node>,
}

impl Node {
    /// How many layers it has itself: an index has none.
    pub fn layers(&self) -> usize {
        match self {
            Node::Image(image) => image.layers.len(),
            Node::Index(_) | Node::Other(_) => 0,
        }
    }

    /// The digest of the manifest or index.
    pub fn digest(&self) -> Digest {
        match self {
            Node::Image(image) => image.digest,
            Node::Index(index) => index.digest,
            Node::Other(other) => other.digest,
        }
    }

    /// The media type of the manifest or index.
    pub fn media_type(&self) -> &MediaType {
        match self {
            Node::Image(image) => &image.media_type,
            Node::Index(index) => &index.media_type,
            Node::Other(other) => &other.media_type,
        }
    }

    /// The size of the manifest or index in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Node::Image(image) => image.size,
            Node::Index(index) => index.size,
            Node::Other(other) => other.size,
        }
    }
}

impl ImageReceipt {
    /// The receipt of `root`.
    pub fn new(origin: String, root: Node) -> Self {
        ImageReceipt {
            kind: ImageReceiptKind::ImageReceipt,
            version: VERSION,
            origin,
            digest: root.digest(),
            root,
        }
    }

    /// Reads a receipt.
    ///
    /// # Errors
    /// JSON that is not strict; another kind, version or shape; a digest that is not the root's.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let value = json::read(bytes, json::Limits::OURS, KIND)?;
        check(&value, KIND, VERSION)?;
        let receipt: ImageReceipt = json::from_value(value, KIND)?;
        if receipt.digest != receipt.root.digest() {
            return Err(Error::Field {
                what: KIND,
                field: "digest".into(),
                reason: format!(
                    "it is {}, its root is {}",
                    receipt.digest,
                    receipt.root.digest()
                ),
            });
        }
        Ok(receipt)
    }

    /// The bytes of the receipt: canonical JSON.
    ///
    /// # Errors
    /// None that can be reached: all of it is strings and integers.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        json::to_canonical(self, KIND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media_type::{OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST};

    fn image() -> ImageNode {
        ImageNode {
            media_type: MediaType::known(OCI_MANIFEST),
            digest: Digest::of(b"m"),
            size: 1,
            platform: Some("linux/amd64".into()),
            config_media_type: MediaType::known(OCI_CONFIG),
            config_digest: Digest::of(b"c"),
            config_size: 1,
            base: Some(BaseOfImage {
                name: None,
                digest: Digest::of(b"b"),
                layers: 1,
            }),
            layers: vec![LayerNode {
                origin: None,
                media_type: MediaType::known(OCI_LAYER),
                digest: Digest::of(b"l"),
                size: 1,
                diff_id: Some(Digest::of(b"l")),
                chain_id: Some(Digest::of(b"l")),
                present: false,
                sources: vec![Source {
                    registry: "r".into(),
                    repository: "x".into(),
                }],
            }],
        }
    }

    #[test]
    fn written_and_read_back() {
        let index = IndexNode {
            media_type: MediaType::known(OCI_INDEX),
            digest: Digest::of(b"i"),
            size: 1,
            annotations: BTreeMap::from([("k".into(), "v".into())]),
            manifests: vec![Node::Image(image())],
        };
        let receipt = ImageReceipt::new("//app:all".into(), Node::Index(index));
        let bytes = receipt.to_bytes().unwrap();
        assert_eq!(ImageReceipt::read(&bytes).unwrap(), receipt);
        assert_eq!(receipt.digest, Digest::of(b"i"));
    }

    #[test]
    fn the_digest_is_the_roots() {
        let mut receipt = ImageReceipt::new("x".into(), Node::Image(image()));
        receipt.digest = Digest::of(b"other");
        let error = ImageReceipt::read(&receipt.to_bytes().unwrap()).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("image_receipt has a bad `digest`: it is ")
        );
    }
}
