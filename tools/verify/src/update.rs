//! `verify update`: writes what a test expects into the source tree, for `bazel run`.
//!
//! It replaces one file, whole or not at all, and writes nothing where the bytes are the same.

use std::path::{Path, PathBuf};

use files::PartFile;

use crate::digest;
use crate::error::Result;

/// Writes the digest that `actual` holds, or `actual` itself, to `to`. A relative `to` is in `workspace`,
/// where there is one.
///
/// # Errors
/// `actual` holds no digest; the file cannot be written.
pub(crate) fn update(actual: &Path, to: &Path, copy: bool, workspace: Option<&Path>) -> Result<()> {
    let bytes = match copy {
        true => files::read(actual)?,
        false => format!("{}\n", digest::read(actual)?).into_bytes(),
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
