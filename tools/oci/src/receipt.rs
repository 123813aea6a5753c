//! Receipts: what one tool tells the next.
//!
//! A *layer receipt* is all that `assemble` needs of a layer: it never opens the layer's bytes. An
//! *image receipt* is what `assemble` says of what it made, and what `push` reads.
//!
//! They hold no path: a file is where whoever runs the tools put it.
//!
//! Invariant: a receipt of another kind or version is refused before anything else is read of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Shown;
use crate::{Digest, Error, MediaType, RawPath, json};

mod image;
mod layers;

pub use image::{
    BaseOfImage, ImageNode, ImageReceipt, ImageReceiptKind, IndexNode, LayerNode, Node, OtherNode,
};
pub use layers::{
    BLOB_FILE, LAYERS_FILE, LayersReceipt, LayersReceiptKind, PlannedLayer, RECEIPT_FILE,
};

const LAYER: &str = "layer_receipt";
const VERSION: u32 = 1;

/// The kind of a layer receipt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LayerReceiptKind {
    /// The only one.
    #[default]
    #[serde(rename = "layer_receipt")]
    LayerReceipt,
}

/// What is known of one layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayerReceipt {
    /// `layer_receipt`.
    pub kind: LayerReceiptKind,
    /// 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// The user's own name for the layer.
    pub origin: String,
    /// What the blob is.
    pub media_type: MediaType,
    /// The digest of the blob, as it is stored and sent.
    pub digest: Digest,
    /// The size of the blob in bytes.
    pub size: u64,
    /// The digest of the tar, uncompressed.
    pub diff_id: Digest,
    /// The size of the tar in bytes, uncompressed; absent where nobody has unpacked it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unpacked_size: Option<u64>,
    /// How the blob was compressed; absent where the layer was not made by us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codec: Option<Codec>,
    /// For the layer's descriptor in the manifest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// For the layer's entry in the history of the config.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<LayerHistory>,
    /// Repositories that have the blob.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// The number of tar entries; absent where nobody has counted them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entries: Option<u64>,
    /// The machines that the ELF files in the layer are for, sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elf_machines: Vec<ElfMachine>,
}

/// A named, frozen way to compress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Codec {
    /// `none`, `gzip-v1`, `zstd-v1`.
    pub name: String,
    /// The level, for codecs that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<i32>,
}

/// What a layer says of how it came about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayerHistory {
    /// The command or tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
}

/// A repository that has some blob.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The registry's host, with a port where it has one.
    pub registry: String,
    /// The repository's name.
    pub repository: String,
}

/// How many ELF files of a layer are for one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ElfMachine {
    /// The machine, in the names of `uname -m`: `x86_64`, `aarch64`, `riscv64`.
    pub machine: String,
    /// How many files are for it.
    pub count: u64,
    /// The first of them, in tar order.
    pub first: RawPath,
}

impl LayerReceipt {
    /// The version that this crate reads and writes.
    pub const VERSION: u32 = VERSION;

    /// Reads a receipt.
    ///
    /// # Errors
    /// JSON that is not strict; another kind, version or shape.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let value = json::read(bytes, json::Limits::OURS, LAYER)?;
        check(&value, LAYER, VERSION)?;
        let receipt: LayerReceipt = json::from_value(value, LAYER)?;
        if i64::try_from(receipt.size).is_err() {
            return Err(Error::Field {
                what: LAYER,
                field: "size".into(),
                reason: format!("{} is not a size", receipt.size),
            });
        }
        Ok(receipt)
    }

    /// The bytes of the receipt: canonical JSON.
    ///
    /// # Errors
    /// None that can be reached: all of it is strings and integers.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        json::to_canonical(self, LAYER)
    }
}

/// Looks at kind and version before anything else, so that an older or newer document is called
/// that, and not a document with unknown fields.
pub(crate) fn check(value: &Value, kind: &'static str, version: u32) -> Result<(), Error> {
    match value.get("kind") {
        Some(Value::String(found)) if found == kind => {}
        found => {
            return Err(Error::Kind {
                expected: kind,
                found: shown(found),
            });
        }
    }
    match value.get("version") {
        Some(Value::Number(found)) if found.as_u64() == Some(u64::from(version)) => Ok(()),
        found => Err(Error::Version {
            kind,
            expected: version,
            found: shown(found),
        }),
    }
}

fn shown(value: Option<&Value>) -> Shown {
    match value {
        None => "nothing".into(),
        Some(Value::String(text)) => text.into(),
        Some(value) => value.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn full() -> Value {
        json!({
            "kind": "layer_receipt",
            "version": 1,
            "origin": "//app:rootfs",
            "media_type": "application/vnd.oci.image.layer.v1.tar+gzip",
            "digest": Digest::of(b"a"),
            "size": 1,
            "diff_id": Digest::of(b"b"),
            "unpacked_size": 1024,
            "codec": {"name": "gzip-v1", "level": 6},
            "annotations": {"k": "v"},
            "history": {"created_by": "layer"},
            "sources": [{"registry": "example.com", "repository": "a/b"}],
            "entries": 3,
            "elf_machines": [{"machine": "x86_64", "count": 2, "first": {"base64": "/w=="}}],
        })
    }

    fn read(value: &Value) -> Result<LayerReceipt, Error> {
        LayerReceipt::read(value.to_string().as_bytes())
    }

    #[test]
    fn written_and_read_back() {
        let receipt = read(&full()).unwrap();
        let bytes = receipt.to_bytes().unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), full());
        assert_eq!(LayerReceipt::read(&bytes).unwrap(), receipt);
    }

    #[test]
    fn what_may_be_absent_is_left_out() {
        let mut value = full();
        let object = value.as_object_mut().unwrap();
        for field in [
            "unpacked_size",
            "codec",
            "annotations",
            "history",
            "sources",
            "entries",
            "elf_machines",
        ] {
            object.remove(field);
        }
        let receipt = read(&value).unwrap();
        let bytes = receipt.to_bytes().unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), value);
    }

    #[test]
    fn refusals() {
        let refused = |key: &str, new: Value| {
            let mut value = full();
            value[key] = new;
            read(&value).unwrap_err().to_string()
        };
        assert_eq!(
            refused("kind", json!("image_receipt")),
            "expected a document of kind `layer_receipt`, found `image_receipt`"
        );
        // Another version is called that, whatever else it holds.
        let mut later = full();
        later["version"] = json!(2);
        later["new_field"] = json!(true);
        let error = read(&later).unwrap_err();
        assert_eq!(
            error.to_string(),
            "layer_receipt has version 2, this program reads version 1"
        );
        assert!(error.hint().unwrap().contains("the same release"));
        assert_eq!(
            refused("x", json!(1)).split(", expected").next().unwrap(),
            "layer_receipt is not valid: at `x`: unknown field `x`"
        );
        assert!(refused("diff_id", json!("x")).contains("at `diff_id`: `x` is not a digest"));
        assert_eq!(
            refused("size", json!(u64::MAX)),
            "layer_receipt has a bad `size`: 18446744073709551615 is not a size"
        );
        assert_eq!(
            LayerReceipt::read(b"[]").unwrap_err().to_string(),
            "expected a document of kind `layer_receipt`, found `nothing`"
        );
    }
}
