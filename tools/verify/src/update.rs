//! `verify update`: writes what a test expects into the source tree, for `bazel run`.
//!
//! It replaces one file, whole or not at all, and writes nothing where the bytes are the same.

use std::path::{Path, PathBuf};

use files::PartFile;

use crate::error::Result;
use crate::{digest, kept};

/// What is written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum What {
    /// The digest that the file holds.
    Digest,
    /// The file itself.
    Copy,
    /// The documents of the layout.
    Documents,
}

/// Writes what `actual` has to `to`. A relative `to` is in `workspace`, where there is one.
///
/// # Errors
/// `actual` holds no digest, or is no layout; the file cannot be written.
pub(crate) fn update(actual: &Path, to: &Path, what: What, workspace: Option<&Path>) -> Result<()> {
    let bytes = match what {
        What::Digest => format!("{}\n", digest::read(actual)?).into_bytes(),
        What::Copy => files::read(actual)?,
        What::Documents => kept::write(actual)?,
    };
    let to = workspace.map_or_else(|| to.to_owned(), |folder| folder.join(to));
    if files::exists(&to) && files::read(&to)? == bytes {
        return Ok(());
    }
    let mut part = PartFile::open(&beside(&to))?;
    part.clear()?;
    part.put(&bytes)?;
    Ok(part.finish(&to)?)
}

/// A name in the same folder, so that the file can be put in its place at once.
fn beside(to: &Path) -> PathBuf {
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    to.with_file_name(format!(".{name}.part"))
}
