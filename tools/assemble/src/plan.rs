//! The plan: every byte of the output that is not a layer's, and where the layers' bytes are.
//!
//! Invariant: a plan is a function of the request and of what it names. It touches nothing.

use layout::{Contents, Place};
use oci::receipt::{ImageReceipt, Node};
use oci::{Descriptor, Digest, MediaType};
use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::gather::{Inputs, Parts};
use crate::graph::Copied;
use crate::request::{Form, Make, Output, Request};
use crate::words::Words;
use crate::{image, index, names};

/// An image or an index, decided.
pub(crate) struct Made {
    /// Its descriptor.
    pub(crate) root: Descriptor,
    /// It, and what is below it, for the receipt.
    pub(crate) node: Node,
    /// Its documents and blobs.
    pub(crate) contents: Contents,
    /// The bytes of the manifest or index.
    pub(crate) manifest: Vec<u8>,
    /// The bytes of the config, of an image.
    pub(crate) config: Option<Vec<u8>>,
    /// What the checks found that is only worth a warning.
    pub(crate) warnings: Vec<Error>,
}

/// What is to be written.
pub(crate) struct Plan {
    /// The form of the output.
    pub(crate) output: Output,
    /// The image or index.
    pub(crate) made: Made,
    /// The receipt.
    pub(crate) receipt: ImageReceipt,
}

/// Decides everything.
///
/// # Errors
/// Whatever is wrong with the request or with what it names.
pub(crate) fn plan(request: &Request, inputs: &Inputs) -> Result<Plan> {
    let mut made = match (&request.make, &inputs.parts) {
        (Make::Image(image), Parts::Image { base, layers }) => {
            image::plan(image, inputs, base.as_deref(), layers)?
        }
        (Make::Index(index), Parts::Index(entries)) => index::plan(index, inputs, entries)?,
        (Make::Copy(_), Parts::Copy(copied)) => copy(copied),
        _ => unreachable!("the parts were gathered for this request"),
    };
    let words = Words {
        stamps: &inputs.stamps,
        env: &[],
    };
    let tags = words.list(&request.tags, "tags")?;
    for descriptor in names::named(&made.root, &tags)? {
        made.contents.list(descriptor);
    }
    let receipt = ImageReceipt::new(request.origin.clone(), made.node.clone());
    Ok(Plan {
        output: request.output,
        made,
        receipt,
    })
}

/// What a layout holds, as it is.
fn copy(copied: &Copied) -> Made {
    let document = |digest: &Digest| match &copied.contents.blobs().get(digest)?.place {
        Place::Bytes(bytes) => Some(bytes.clone()),
        _ => None,
    };
    let config = match &copied.node {
        Node::Image(image) => document(&image.config_digest),
        _ => None,
    };
    let from = &copied.descriptor;
    let mut root = Descriptor::new(from.media_type.clone(), from.digest, from.size);
    root.platform = copied.platform.clone();
    root.artifact_type = copied.artifact_type.clone();
    Made {
        manifest: document(&root.digest).unwrap_or_default(),
        root,
        node: copied.node.clone(),
        contents: copied.contents.clone(),
        config,
        warnings: Vec::new(),
    }
}

/// A plan for people and tests: what `--plan` prints.
#[derive(Serialize)]
pub(crate) struct Shown<'a> {
    form: Form,
    digest: Digest,
    manifest: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<Value>,
    index_json: Vec<Value>,
    blobs: Vec<ShownBlob<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    receipt: &'a ImageReceipt,
}

#[derive(Serialize)]
struct ShownBlob<'a> {
    digest: &'a Digest,
    size: u64,
    media_type: &'a MediaType,
    place: ShownPlace<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum ShownPlace<'a> {
    Document,
    File(String),
    Absent(&'a [oci::receipt::Source]),
}

impl<'a> Shown<'a> {
    pub(crate) fn new(plan: &'a Plan) -> Self {
        let json = |bytes: &[u8]| {
            serde_json::from_slice(bytes).expect("canonical JSON that was just written is JSON")
        };
        let made = &plan.made;
        let place = |place: &'a Place| match place {
            Place::Bytes(_) => ShownPlace::Document,
            Place::File(path) => ShownPlace::File(path.display().to_string()),
            Place::Absent(sources) => ShownPlace::Absent(sources),
        };
        let blob = |(digest, blob): (&'a Digest, &'a layout::Blob)| ShownBlob {
            digest,
            size: blob.size,
            media_type: &blob.media_type,
            place: place(&blob.place),
        };
        Shown {
            form: plan.output.form,
            digest: made.root.digest,
            manifest: json(&made.manifest),
            config: made.config.as_deref().map(json),
            index_json: made
                .contents
                .manifests()
                .iter()
                .map(Descriptor::to_value)
                .collect(),
            blobs: made.contents.blobs().iter().map(blob).collect(),
            warnings: made.warnings.iter().map(ToString::to_string).collect(),
            receipt: &plan.receipt,
        }
    }
}
