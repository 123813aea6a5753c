//! From the plan to a layout: a pure function of the lock, whatever the registries say besides.

use std::path::Path;

use action::Outputs;
use files::{OutDir, OutFile};
use layout::{Contents, Place, Transfer, Verify};
use oci::media_type::Kind;
use oci::{Index, Manifest, json};
use progress::Progress;
use registry::Explained;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::fetch::Fetcher;
use crate::lock::{Blob, Name};
use crate::plan::Plan;
use crate::request::Request;

/// What is said of a pull: what the output holds, and nothing of how it came.
#[derive(Serialize)]
struct Receipt<'a> {
    kind: &'static str,
    version: u32,
    origin: &'a str,
    reference: &'a str,
    digest: String,
    manifests: Vec<ReceiptManifest<'a>>,
    absent: usize,
    bytes: u64,
}

#[derive(Serialize)]
struct ReceiptManifest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<&'a str>,
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
}

/// Fetches what the plan wants and writes the layout and the receipt.
///
/// # Errors
/// An output that exists; what no place has; what is not what the lock says; a full disk.
pub(crate) fn write(plan: &Plan, request: &Request, outputs: &Outputs) -> Result<()> {
    // It is said before anything is fetched that the output can't be written.
    drop(OutDir::create(&outputs.out)?);
    let scratch = scratch(&outputs.out)?;
    let fetcher = Fetcher::new(&request.from, scratch.path())?;
    let mut contents = Contents::default();
    gather(plan, &fetcher, &mut contents)?;
    for descriptor in &plan.listed {
        contents.list(descriptor.clone());
    }
    let mut beside = Vec::new();
    if let Some(path) = &outputs.receipt {
        let mut file = OutFile::create(path)?;
        file.put(&receipt(plan, request)?)?;
        beside.push(file);
    }
    let linked = !request.from.files.is_empty() && fetcher.has_all(&plan.blobs);
    let transfer = match linked {
        true => Transfer::Symlink,
        false => transfer(&fetcher),
    };
    let directory = layout::directory(&contents, &outputs.out, transfer, Verify::Size)?;
    files::commit_with(beside, directory)?;
    Ok(())
}

/// Where the logins are found that the places of the request want.
///
/// # Errors
/// Credentials that can't be read; a helper that fails.
pub(crate) fn explain(name: &Name, request: &Request) -> Result<Vec<Explained>> {
    Fetcher::new(&request.from, Path::new(""))?.explain(name)
}

/// How files get from the store into an output: what nobody else has is given away.
pub(crate) fn transfer(fetcher: &Fetcher) -> Transfer {
    match fetcher.is_scratch() {
        true => Transfer::HardLink,
        false => Transfer::Copy,
    }
}

/// A folder beside an output, which goes with this value.
pub(crate) fn scratch(out: &Path) -> Result<OutDir> {
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    Ok(OutDir::create(
        &out.with_file_name(format!(".{name}.blobs")),
    )?)
}

/// Fetches what a plan wants.
pub(crate) fn gather(plan: &Plan, fetcher: &Fetcher, contents: &mut Contents) -> Result<()> {
    for document in &plan.documents {
        let bytes = fetcher.document(&plan.name, document)?;
        check(plan, document, &bytes)?;
        contents.add(&document.descriptor(), Place::Bytes(bytes))?;
    }
    let (here, foreign): (Vec<Blob>, Vec<Blob>) = plan
        .blobs
        .iter()
        .cloned()
        .partition(|blob| !is_foreign(blob));
    let bytes = here.iter().map(|blob| blob.size).sum();
    let progress = Progress::new(&plan.entry.reference, bytes);
    let files = fetcher.blobs(&plan.name, &here, &progress)?;
    drop(progress);
    for (blob, file) in here.iter().zip(files) {
        contents.add(&blob.descriptor(), Place::File(file))?;
    }
    for blob in plan.absent.iter().chain(&foreign) {
        contents.add(&blob.descriptor(), Place::Absent(vec![plan.source()]))?;
    }
    Ok(())
}

/// Whether a layer is one that registries are not to have.
fn is_foreign(blob: &Blob) -> bool {
    matches!(
        blob.media_type.kind(),
        Some(Kind::Layer { foreign: true, .. })
    )
}

/// Compares a document with the lock. Its bytes have the digest that the lock says: if the lock says
/// other things of what it holds, it was edited by hand.
fn check(plan: &Plan, blob: &Blob, bytes: &[u8]) -> Result<()> {
    let differs = |what: String, locked: String, found: String| Error::Differs {
        reference: plan.entry.reference.as_str().into(),
        what,
        locked,
        found,
    };
    let show = |blob: &Blob| {
        format!(
            "{} ({} bytes, {})",
            blob.digest,
            blob.size,
            blob.media_type.as_str()
        )
    };
    let unreadable = |error: oci::Error| {
        differs(
            format!("the document {}", blob.digest),
            blob.media_type.as_str().into(),
            error.to_string(),
        )
    };
    if blob.media_type.is_index() {
        let index = Index::read(bytes, &blob.media_type).map_err(unreadable)?;
        for child in &index.manifests {
            let child = Blob::of(child);
            if !plan.documents.contains(&child) {
                let what = format!("what the index {} lists", blob.digest);
                return Err(differs(what, "nothing".into(), show(&child)));
            }
        }
        return Ok(());
    }
    let manifest = Manifest::read(bytes, &blob.media_type).map_err(unreadable)?;
    let locked = plan.manifests.iter().find(|one| one.digest == blob.digest);
    let locked = locked.expect("the documents that are no indexes are the manifests of the plan");
    let found: Vec<Blob> = manifest.layers.iter().map(Blob::of).collect();
    let config = Blob::of(&manifest.config);
    if config != locked.config {
        let what = format!("the config of {}", blob.digest);
        return Err(differs(what, show(&locked.config), show(&config)));
    }
    if found != locked.layers {
        let what = format!("the layers of {}", blob.digest);
        let all = |blobs: &[Blob]| blobs.iter().map(show).collect::<Vec<_>>().join("\n");
        return Err(differs(what, all(&locked.layers), all(&found)));
    }
    Ok(())
}

fn receipt(plan: &Plan, request: &Request) -> Result<Vec<u8>> {
    let manifests = plan.manifests.iter().map(|manifest| ReceiptManifest {
        platform: manifest.platform.as_deref(),
        digest: manifest.digest.to_string(),
        content: manifest.content.as_deref(),
    });
    let sizes = plan
        .documents
        .iter()
        .chain(&plan.blobs)
        .map(|blob| blob.size);
    let receipt = Receipt {
        kind: "pull_receipt",
        version: 1,
        origin: &request.origin,
        reference: &plan.entry.reference,
        digest: plan.entry.digest.to_string(),
        manifests: manifests.collect(),
        absent: plan.absent.len(),
        bytes: sizes.sum(),
    };
    json::to_canonical(&receipt, "pull receipt").map_err(|error| Error::Unwritable {
        what: "receipt",
        error,
    })
}
