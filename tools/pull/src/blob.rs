//! One blob of an image, as a file: for who has an image's documents and needs some layer after all.
//!
//! It resolves nothing and looks into nothing: the bytes have the digest and the size that were asked
//! for, or there is no file.

use action::Outputs;
use files::{OutDir, OutFile};
use oci::json;
use progress::Progress;
use serde::Serialize;
use std::path::Path;

use crate::error::{Error, Result};
use crate::fetch::Fetcher;
use crate::lock::Blob;
use crate::plan::PlannedBlob;
use crate::pull;
use crate::request::Request;

/// The plan as `--plan` prints it.
#[derive(Serialize)]
pub(crate) struct Shown<'a> {
    repository: String,
    blob: &'a Blob,
}

impl<'a> Shown<'a> {
    pub(crate) fn new(plan: &'a PlannedBlob) -> Self {
        Shown {
            repository: plan.name.repository(),
            blob: &plan.blob,
        }
    }
}

/// What is said of it.
#[derive(Serialize)]
struct Receipt<'a> {
    kind: &'static str,
    version: u32,
    origin: &'a str,
    repository: String,
    blob: &'a Blob,
}

/// Fetches the blob and writes it and the receipt.
///
/// # Errors
/// An output that exists; a blob that no place has; a full disk.
pub(crate) fn write(plan: &PlannedBlob, request: &Request, outputs: &Outputs) -> Result<()> {
    let mut out = OutFile::create(&outputs.out)?;
    let scratch: OutDir = pull::scratch(&outputs.out)?;
    let fetcher = Fetcher::new(&request.from, scratch.path())?;
    let media_type = &plan.blob.media_type;
    if media_type.is_index() || media_type.is_manifest() {
        // Registries keep these elsewhere.
        out.put(&fetcher.document(&plan.name, &plan.blob)?)?;
    } else {
        let progress = Progress::new(&plan.name.repository(), plan.blob.size);
        let file = fetcher.blob(&plan.name, &plan.blob, &progress)?;
        drop(progress);
        copy(&file, &mut out)?;
    }
    let mut all = vec![out];
    if let Some(path) = &outputs.receipt {
        let receipt = Receipt {
            kind: "blob_receipt",
            version: 1,
            origin: &request.origin,
            repository: plan.name.repository(),
            blob: &plan.blob,
        };
        let unwritable = |error| Error::Unwritable {
            what: "receipt",
            error,
        };
        let mut file = OutFile::create(path)?;
        file.put(&json::to_canonical(&receipt, "blob receipt").map_err(unwritable)?)?;
        all.insert(0, file);
    }
    Ok(files::commit_all(all)?)
}

fn copy(file: &Path, out: &mut OutFile) -> Result<()> {
    let mut failed = None;
    files::read_pieces(file, |piece| {
        if failed.is_none() {
            failed = out.put(piece).err();
        }
    })?;
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}
