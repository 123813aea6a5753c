//! From the plan to layers: a request for each, done one after the other.

use super::Planned;
use crate::error::{Error, Result};
use crate::request::{Layers, Make, Request};
use action::Outputs;
use files::{OutDir, OutFile};
use oci::receipt::{
    BLOB_FILE, LAYERS_FILE, LayersReceipt, LayersReceiptKind, PlannedLayer, RECEIPT_FILE,
};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The file of the plan, to be checked in.
const PLAN_FILE: &str = "plan.json";
/// The file of the explanation.
const EXPLANATION_FILE: &str = "explanation.json";
/// What the request for one layer has from that for all.
const COMMON: [&str; 5] = ["codec", "defaults", "parents", "hardlinks", "limits"];

/// Writes the folder of the layers, and that of their requests where one is wanted.
///
/// # Errors
/// Those of each layer; [`Error::Files`] for what is written.
pub(crate) fn write(
    planned: &Planned,
    request: &Layers,
    outputs: &Outputs,
    requests: Option<PathBuf>,
) -> Result<()> {
    let out = OutDir::create(&outputs.out)?;
    let beside = outputs.receipt.as_deref();
    let mut beside = beside.map(OutFile::create).transpose()?;
    let requests = outputs.or_named(requests, "requests");
    let requests = requests.as_deref().map(OutDir::create).transpose()?;
    pretty(&out.path().join(PLAN_FILE), &planned.plan())?;
    pretty(&out.path().join(EXPLANATION_FILE), &planned.explain())?;
    if request.make != Make::Plan {
        let asked: Value = parsed(&outputs.text)?;
        let mut layers = Vec::new();
        for (place, (key, members)) in planned.layers().enumerate() {
            let text = one(planned, request, &asked, key, members)?;
            let folder = LayersReceipt::folder(place);
            make(&text, &out.path().join(&folder), request.make)?;
            if let Some(requests) = &requests {
                let file = requests.path().join(folder).with_extension("json");
                files::write(&file, &text)?;
            }
            layers.push(PlannedLayer {
                key: key.to_owned(),
            });
        }
        let receipt = LayersReceipt {
            kind: LayersReceiptKind::LayersReceipt,
            version: LayersReceipt::VERSION,
            origin: request.origin.clone(),
            blobs: request.make == Make::Blobs,
            layers,
        };
        let bytes = (receipt.to_bytes()).map_err(|source| Error::Receipt { source })?;
        files::write(&out.path().join(LAYERS_FILE), &bytes)?;
        if let Some(file) = &mut beside {
            file.put(&bytes)?;
        }
    }
    if let Some(requests) = requests {
        requests.commit()?;
    }
    Ok(files::commit_with(beside, out)?)
}

/// The request for one layer, in canonical JSON.
fn one(
    planned: &Planned,
    request: &Layers,
    asked: &Value,
    key: &str,
    members: &[usize],
) -> Result<Vec<u8>> {
    let closure = &planned.closure;
    let mut entries: Vec<Value> = Vec::new();
    for &node in members {
        if closure.is_store {
            let source = &closure.nodes[node].path;
            entries.push(json!({"store_path": {"source": source}}));
        } else {
            let own = &asked["graph"]["nodes"][node]["entries"];
            entries.extend(own.as_array().into_iter().flatten().cloned());
        }
    }
    let mut layer: BTreeMap<&str, Value> = BTreeMap::new();
    for field in COMMON {
        if let Some(value) = asked.get(field) {
            layer.insert(field, value.clone());
        }
    }
    layer.insert("kind", "layer".into());
    layer.insert("version", 1.into());
    layer.insert("origin", format!("{}#{key}", request.origin).into());
    let created_by = format!("layer {key}");
    layer.insert("history", json!({"created_by": created_by}));
    layer.insert("entries", entries.into());
    oci::json::to_canonical(&layer, "layer request").map_err(|source| Error::Receipt { source })
}

/// Does the request for one layer.
fn make(text: &[u8], folder: &Path, make: Make) -> Result<()> {
    let request: Request = parsed(text)?;
    let receipt = folder.join(RECEIPT_FILE);
    files::create_folder(folder)?;
    let outputs = Outputs {
        out: match make {
            Make::Blobs => folder.join(BLOB_FILE),
            Make::Receipts | Make::Plan => PathBuf::new(),
        },
        receipt: Some(receipt),
        named: BTreeMap::new(),
        plan: false,
        text: Vec::new(),
    };
    let plan = crate::plan::plan(&request, &folder.join(BLOB_FILE))?;
    crate::layer::write(&plan, &request, &outputs, crate::layer::Reports::default())
}

/// Text that has been parsed before, or was written here.
fn parsed<T: serde::de::DeserializeOwned>(text: &[u8]) -> Result<T> {
    serde_json::from_slice(text).map_err(|source| Error::Listing { source })
}

fn pretty(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|source| Error::Listing { source })?;
    bytes.push(b'\n');
    Ok(files::write(path, &bytes)?)
}
