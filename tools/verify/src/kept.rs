//! The documents of an image in one file, which a source tree keeps: a review shows what moves, and a test tells it.
//!
//! It holds manifests, indexes and configs, and nothing of a layer. It is JSON as people write it; a
//! document that has other bytes in its canonical form stands in it as a text.
//!
//! Invariant: what is read out of it are the bytes that were written into it, or it is refused.

use std::collections::BTreeMap;
use std::path::Path;

use inspect::{Content, Directory, Rule, Store, Trouble};
use layout::Links;
use oci::json::{self, Limits};
use oci::{Descriptor, Digest, Index, Manifest, MediaType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};

/// What the file says that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DocumentsKind {
    /// The documents of an image or index.
    ImageDocuments,
}

/// The documents of an image or index.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Documents {
    /// What this is.
    kind: DocumentsKind,
    /// Always 1.
    version: u32,
    /// The digest of the image or index.
    digest: Digest,
    /// The image or index.
    image: Node,
}

/// An image, or an index of them.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Node {
    /// The digest of its document.
    digest: Digest,
    /// What its document is.
    media_type: MediaType,
    /// The manifest or index: an object, or a text where its bytes are not those of the canonical form.
    document: Value,
    /// The config of an image, in the same way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    config: Option<Value>,
    /// What an index lists, as far as it is there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    images: Vec<Node>,
}

/// The file for the one image of a layout, which may be sparse.
///
/// # Errors
/// A layout that cannot be read, or lists several images.
pub(crate) fn write(layout: &Path) -> Result<Vec<u8>> {
    let name = layout.display().to_string();
    let trouble = |trouble| Error::trouble(&name, trouble);
    let store = Directory::open(layout, Links::Follow).map_err(trouble)?;
    let [root] = store.roots() else {
        let images = store.roots().iter().map(|root| root.digest.to_string());
        return Err(Error::Which {
            image: name,
            images: images.collect(),
        });
    };
    let documents = Documents {
        kind: DocumentsKind::ImageDocuments,
        version: 1,
        digest: root.digest,
        image: node(&store, root).map_err(trouble)?,
    };
    let unwritable = |error| Error::Unwritable {
        what: "documents",
        error,
    };
    let value = json::to_value(&documents, "documents").map_err(unwritable)?;
    Ok(format!("{value:#}\n").into_bytes())
}

fn node(store: &Directory, descriptor: &Descriptor) -> std::result::Result<Node, Trouble> {
    let bytes = store.document(descriptor, Limits::MANIFEST.size)?;
    let invalid = |error: oci::Error| {
        Trouble::wrong(Rule::Document, format!("{}: {error}", descriptor.digest))
    };
    let (mut config, mut images) = (None, Vec::new());
    if descriptor.media_type.is_index() {
        let index = Index::read(&bytes, &descriptor.media_type).map_err(invalid)?;
        for child in &index.manifests {
            if !store.is_absent(&child.digest) {
                images.push(node(store, child)?);
            }
        }
    } else {
        let manifest = Manifest::read(&bytes, &descriptor.media_type).map_err(invalid)?;
        if !store.is_absent(&manifest.config.digest) {
            config = Some(value(
                &store.document(&manifest.config, Limits::CONFIG.size)?,
                &manifest.config.digest,
            )?);
        }
    }
    Ok(Node {
        digest: descriptor.digest,
        media_type: descriptor.media_type.clone(),
        document: value(&bytes, &descriptor.digest)?,
        config,
        images,
    })
}

/// A document as it stands in the file.
fn value(bytes: &[u8], digest: &Digest) -> std::result::Result<Value, Trouble> {
    if let Ok(value @ Value::Object(_)) = json::read(bytes, Limits::OURS, "document")
        && json::canonical(&value).is_ok_and(|canonical| canonical == bytes)
    {
        return Ok(value);
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Trouble::wrong(Rule::Document, format!("{digest}: it is not UTF-8")))?;
    Ok(text.into())
}

/// What [`value`] was made of.
fn bytes(value: &Value) -> std::result::Result<Vec<u8>, oci::Error> {
    match value {
        Value::String(text) => Ok(text.clone().into_bytes()),
        value => json::canonical(value),
    }
}

/// An image out of such a file. Its layers are somewhere else.
pub(crate) struct Kept {
    root: [Descriptor; 1],
    documents: BTreeMap<Digest, Vec<u8>>,
}

impl Kept {
    /// Reads a file.
    ///
    /// # Errors
    /// It is none, or its documents are not those that its digest tells of.
    pub(crate) fn read(path: &Path, content: &[u8]) -> Result<Self> {
        let bad = |reason: String| Error::NoDigest {
            path: path.to_owned(),
            reason,
        };
        let said = |error: oci::Error| bad(error.to_string());
        let kept: Documents =
            json::read_as(content, Limits::OURS, "file of documents").map_err(said)?;
        if kept.version != 1 {
            return Err(bad(format!("it is of version {}, not 1", kept.version)));
        }
        let mut documents = BTreeMap::new();
        let mut nodes = vec![&kept.image];
        let mut size = 0;
        while let Some(node) = nodes.pop() {
            let document = bytes(&node.document).map_err(said)?;
            let mut hasher = oci::Hasher::new(node.digest.algorithm());
            hasher.update(&document);
            let found = hasher.finish();
            if found != node.digest {
                let reason = format!("the document {} in it has the digest {found}", node.digest);
                return Err(bad(reason));
            }
            if node.digest == kept.digest {
                size = document.len() as u64;
            }
            documents.insert(node.digest, document);
            if let Some(config) = &node.config {
                let config = bytes(config).map_err(said)?;
                documents.insert(Digest::of(&config), config);
            }
            nodes.extend(&node.images);
        }
        if kept.image.digest != kept.digest {
            let reason = format!(
                "it is of {}, and its image is {}",
                kept.digest, kept.image.digest
            );
            return Err(bad(reason));
        }
        let root = Descriptor::new(kept.image.media_type, kept.digest, size);
        Ok(Kept {
            root: [root],
            documents,
        })
    }

    /// The digest of the image.
    pub(crate) fn digest(&self) -> Digest {
        self.root[0].digest
    }
}

impl Store for Kept {
    fn roots(&self) -> &[Descriptor] {
        &self.root
    }

    fn document(
        &self,
        descriptor: &Descriptor,
        _limit: u64,
    ) -> std::result::Result<Vec<u8>, Trouble> {
        let digest = &descriptor.digest;
        let found = self.documents.get(digest).cloned();
        found.ok_or_else(|| {
            Trouble::wrong(
                Rule::MissingBlob,
                format!("the document {digest} is not there"),
            )
        })
    }

    fn blob(&self, _descriptor: &Descriptor) -> std::result::Result<Content<'_>, Trouble> {
        Ok(Content::Absent)
    }

    fn is_absent(&self, digest: &Digest) -> bool {
        !self.documents.contains_key(digest)
    }
}

/// Whether a JSON object is such a file.
pub(crate) fn is_one(value: &Value) -> bool {
    value.get("kind").and_then(Value::as_str) == Some("image_documents")
}

#[cfg(test)]
#[allow(
    clippy::disallowed_methods,
    reason = "tests write what the program reads"
)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

    /// A sparse layout of an index of one image, whose config is not in canonical form.
    fn layout(folder: &Path) -> Digest {
        let blobs = folder.join("blobs/sha256");
        fs::create_dir_all(&blobs).unwrap();
        let put = |media_type: &str, bytes: &[u8]| {
            let digest = Digest::of(bytes);
            fs::write(blobs.join(digest.hex()), bytes).unwrap();
            json!({"mediaType": media_type, "digest": digest.to_string(), "size": bytes.len()})
        };
        let canonical = |value: &Value| json::canonical(value).unwrap();
        let config = put(
            CONFIG,
            br#"{ "os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []} }"#,
        );
        let manifest =
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []});
        let manifest = put(MANIFEST, &canonical(&manifest));
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [manifest]});
        let index = put(INDEX, &canonical(&index));
        let digest = index["digest"].as_str().unwrap().parse().unwrap();
        let list = json!({"schemaVersion": 2, "manifests": [index]});
        fs::write(folder.join("index.json"), list.to_string()).unwrap();
        fs::write(
            folder.join("oci-layout"),
            r#"{"imageLayoutVersion":"1.0.0"}"#,
        )
        .unwrap();
        digest
    }

    #[test]
    fn what_is_kept_is_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let digest = layout(folder.path());
        let text = write(folder.path()).unwrap();
        let kept = Kept::read(Path::new("kept.json"), &text).unwrap();
        assert_eq!(kept.digest(), digest);
        assert_eq!(kept.documents.len(), 3);
        for (digest, bytes) in &kept.documents {
            let path = folder.path().join("blobs/sha256").join(digest.hex());
            assert_eq!(*bytes, fs::read(path).unwrap());
        }
        let value: Value = serde_json::from_slice(&text).unwrap();
        assert!(is_one(&value));
        assert!(value["image"]["images"][0]["document"].is_object());
        assert!(value["image"]["images"][0]["config"].is_string());
    }

    #[test]
    fn what_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        layout(folder.path());
        let text = String::from_utf8(write(folder.path()).unwrap()).unwrap();
        for (old, new, reason) in [
            (
                "\"version\": 1",
                "\"version\": 2",
                "it is of version 2, not 1",
            ),
            (
                "\"schemaVersion\": 2",
                "\"schemaVersion\": 3",
                " in it has the digest sha256:",
            ),
            ("\"kind\":", "\"sort\":", "unknown field `sort`"),
        ] {
            assert!(text.contains(old), "{text}");
            let Err(error) = Kept::read(Path::new("f"), text.replacen(old, new, 1).as_bytes())
            else {
                panic!("{new} is taken");
            };
            assert!(error.to_string().contains(reason), "{error}");
        }
    }

    #[test]
    fn schema_has_not_drifted() {
        golden::check_schema("image_documents", &schemars::schema_for!(Documents));
    }
}
