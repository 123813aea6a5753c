//! From the plan to files: the output, the receipt, the digest; all of them or none.

use std::path::{Path, PathBuf};

use action::Outputs;
use files::{OutDir, OutFile};
use layout::Contents;

use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::request::Form;

/// Writes the output, and beside it the receipt, the file that holds the digest and the folder of a
/// layout's documents, where they are wanted. In that folder store paths that a config speaks of are
/// bytes, while the layout's links are references.
///
/// # Errors
/// An output that exists; a blob that is not what its receipt says; a full disk.
pub(crate) fn write(
    plan: &Plan,
    outputs: &Outputs,
    digest: Option<PathBuf>,
    documents: Option<PathBuf>,
) -> Result<()> {
    let receipt = plan.receipt.to_bytes().map_err(|error| Error::Unwritable {
        what: "receipt",
        error,
    })?;
    let text = plan.made.root.digest.to_string();
    let digest = outputs.or_named(digest, "digest");
    let mut beside = Vec::new();
    for (path, bytes) in [
        (&outputs.receipt, receipt.as_slice()),
        (&digest, text.as_bytes()),
    ] {
        if let Some(path) = path {
            let mut file = OutFile::create(path)?;
            file.put(bytes)?;
            beside.push(file);
        }
    }
    let (contents, out) = (&plan.made.contents, outputs.out.as_path());
    let (transfer, verify) = (plan.output.transfer.into(), plan.output.verify.into());
    match plan.output.form {
        Form::Layout => {
            let write = |contents: &Contents| -> Result<()> {
                let directory = layout::directory(contents, out, transfer, verify)?;
                Ok(files::commit_with(beside, directory)?)
            };
            match outputs.or_named(documents, "documents") {
                None => write(contents)?,
                Some(folder) => {
                    let linked = contents.with_documents_in(&folder)?;
                    write(&linked).inspect_err(|_| files::take_back(&folder))?;
                }
            }
        }
        Form::Metadata => files::commit_with(beside, metadata(plan, out)?)?,
        Form::OciArchive => {
            beside.push(layout::oci_archive(contents, out, verify)?);
            files::commit_all(beside)?;
        }
        Form::DockerArchive => {
            beside.push(layout::docker_archive(contents, out, verify)?);
            files::commit_all(beside)?;
        }
    }
    Ok(())
}

/// The documents alone.
fn metadata(plan: &Plan, out: &Path) -> Result<OutDir> {
    let directory = OutDir::create(out)?;
    let made = &plan.made;
    let put = |name: &str, bytes: &[u8]| files::write(&directory.path().join(name), bytes);
    put("manifest.json", &made.manifest)?;
    if let Some(config) = &made.config {
        put("config.json", config)?;
    }
    let descriptor =
        oci::json::canonical(&made.root.to_value()).map_err(|error| Error::Unwritable {
            what: "descriptor",
            error,
        })?;
    put("descriptor.json", &descriptor)?;
    put("digest", made.root.digest.to_string().as_bytes())?;
    Ok(directory)
}
