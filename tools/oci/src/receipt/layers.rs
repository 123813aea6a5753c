//! The receipt of several layers that were made in one run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check;
use crate::{Error, json};

const LAYERS: &str = "layers_receipt";
const VERSION: u32 = 1;

/// The kind of a receipt of several layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LayersReceiptKind {
    /// The only one.
    #[default]
    #[serde(rename = "layers_receipt")]
    LayersReceipt,
}

/// What one run made, in a folder: this receipt is its `layers.json`, and each layer has a folder in it,
/// named by its place with three digits, `000` first, with its `receipt.json` and perhaps its `blob`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayersReceipt {
    /// `layers_receipt`.
    pub kind: LayersReceiptKind,
    /// 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// The user's own name for the layers.
    pub origin: String,
    /// Whether the layers' bytes are there too.
    pub blobs: bool,
    /// The layers, the lowest first.
    pub layers: Vec<PlannedLayer>,
}

/// One of several layers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedLayer {
    /// What the plan calls it.
    pub key: String,
}

impl LayersReceipt {
    /// The version that this crate reads and writes.
    pub const VERSION: u32 = VERSION;

    /// Reads a receipt.
    ///
    /// # Errors
    /// JSON that is not strict; another kind, version or shape.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let value = json::read(bytes, json::Limits::OURS, LAYERS)?;
        check(&value, LAYERS, VERSION)?;
        json::from_value(value, LAYERS)
    }

    /// The bytes of the receipt: canonical JSON.
    ///
    /// # Errors
    /// None that can be reached: all of it is strings, integers and booleans.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        json::to_canonical(self, LAYERS)
    }

    /// The folder of the layer at a place.
    pub fn folder(place: usize) -> String {
        format!("{place:03}")
    }
}

/// The file of a receipt of several layers.
pub const LAYERS_FILE: &str = "layers.json";
/// The file of a layer's receipt, in the layer's folder.
pub const RECEIPT_FILE: &str = "receipt.json";
/// The file of a layer's bytes, in the layer's folder.
pub const BLOB_FILE: &str = "blob";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read_back() {
        let receipt = LayersReceipt {
            kind: LayersReceiptKind::LayersReceipt,
            version: LayersReceipt::VERSION,
            origin: "app".into(),
            blobs: true,
            layers: vec![PlannedLayer {
                key: "glibc".into(),
            }],
        };
        let bytes = receipt.to_bytes().unwrap();
        assert_eq!(
            String::from_utf8(bytes.clone()).unwrap(),
            r#"{"blobs":true,"kind":"layers_receipt","layers":[{"key":"glibc"}],"origin":"app","version":1}"#
        );
        assert_eq!(LayersReceipt::read(&bytes).unwrap(), receipt);
        let other = br#"{"kind":"layer_receipt","version":1}"#;
        assert!(LayersReceipt::read(other).is_err());
        assert_eq!(LayersReceipt::folder(7), "007");
    }
}
