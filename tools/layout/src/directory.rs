//! A layout as a directory.
//!
//! Blobs that are files are copied, hard-linked or symbolically linked, as asked, after their
//! content has been compared with their digest, or at least their size. Blobs are looked at on
//! several threads where they are large; what is written does not depend on how many.
//!
//! Invariant: nothing stands at the output's path until the caller commits.

use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use files::OutDir;
use oci::{Digest, Hasher, sparse};

use crate::contents::{Blob, Contents, Place};
use crate::{Error, INDEX_FILE, LAYOUT_FILE, Nothing, Result, Supply, blob_path};

/// How a blob's file gets into the layout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transfer {
    /// Its bytes are copied.
    #[default]
    Copy,
    /// It gets a second name.
    HardLink,
    /// A link to it is made: absolute where its path is, otherwise relative.
    Symlink,
}

/// How a blob's file is compared with what is said of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// All of it is read and hashed.
    #[default]
    Digest,
    /// Only its size: for files that the caller has made himself.
    Size,
}

/// Below this many bytes one thread is enough.
const SMALL: u64 = 4 << 20;

/// Fills a directory that becomes `out` when it is committed.
///
/// # Errors
/// An output that exists; a blob that is not what its descriptor says; a link that would lead
/// nowhere; a full disk.
pub fn directory(
    contents: &Contents,
    out: &Path,
    transfer: Transfer,
    verify: Verify,
) -> Result<OutDir> {
    directory_with(contents, out, transfer, verify, &Nothing)
}

/// As [`directory`], with the bytes of absent blobs that `supply` has.
///
/// # Errors
/// As [`directory`]; bytes that cannot be had, or are not those of the blob.
pub fn directory_with(
    contents: &Contents,
    out: &Path,
    transfer: Transfer,
    verify: Verify,
    supply: &dyn Supply,
) -> Result<OutDir> {
    let directory = OutDir::create(out)?;
    let root = directory.path().to_owned();
    files::write(&root.join(LAYOUT_FILE), &contents.layout_file())?;
    files::write(&root.join(INDEX_FILE), &contents.index_file()?)?;
    if let Some(bytes) = contents.sparse_file(supply)? {
        files::write(&root.join(sparse::FILE), &bytes)?;
    }
    let mut from_files = Vec::new();
    for (digest, blob) in contents.blobs() {
        match &blob.place {
            Place::Bytes(bytes) => files::write(&root.join(blob_path(digest)), bytes)?,
            Place::File(path) => from_files.push((digest, blob, Some(path.as_path()))),
            Place::Absent(_) if supply.has(digest) => from_files.push((digest, blob, None)),
            Place::Absent(_) => {}
        }
    }
    let bring = |at: usize| -> Result<()> {
        let (digest, blob, path) = from_files[at];
        let to = root.join(blob_path(digest));
        let Some(path) = path else {
            return supplied(&to, digest, blob, supply);
        };
        match transfer {
            Transfer::Copy => copy(path, &to, digest, blob, verify),
            Transfer::HardLink => {
                check(path, digest, blob, verify)?;
                Ok(files::hard_link(path, &to)?)
            }
            Transfer::Symlink => {
                check(path, digest, blob, verify)?;
                Ok(files::symlink(&link_target(out, path)?, &to)?)
            }
        }
    };
    let bytes: u64 = from_files.iter().map(|(_, blob, _)| blob.size).sum();
    let threads = if bytes < SMALL {
        1
    } else {
        parallelism().min(from_files.len())
    };
    each(from_files.len(), threads, &bring)?;
    Ok(directory)
}

/// Does `work` for all numbers below `count`; the error of the lowest number is returned, so that
/// it does not depend on the threads.
fn each(count: usize, threads: usize, work: &(impl Fn(usize) -> Result<()> + Sync)) -> Result<()> {
    if threads <= 1 {
        return (0..count).try_for_each(work);
    }
    let next = AtomicUsize::new(0);
    let run = || {
        let mut first = None;
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= count || first.is_some() {
                return first;
            }
            first = work(at).err().map(|error| (at, error));
        }
    };
    let errors: Vec<(usize, Error)> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        handles
            .into_iter()
            .filter_map(|handle| match handle.join() {
                Ok(first) => first,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    });
    match errors.into_iter().min_by_key(|(at, _)| *at) {
        Some((_, error)) => Err(error),
        None => Ok(()),
    }
}

fn parallelism() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Copies a blob, comparing it on the way.
fn copy(from: &Path, to: &Path, digest: &Digest, blob: &Blob, verify: Verify) -> Result<()> {
    if verify == Verify::Size {
        check(from, digest, blob, verify)?;
        let found = files::copy(from, to)?;
        return compare_size(from, digest, blob, found);
    }
    compare_size(from, digest, blob, files::open(from)?.size)?;
    let mut hasher = Hasher::new(digest.algorithm());
    let found = files::copy_pieces(from, to, |piece| hasher.update(piece))?;
    compare_size(from, digest, blob, found)?;
    compare_digest(from, digest, hasher.finish())
}

/// Writes a blob that comes from somewhere else.
fn supplied(to: &Path, digest: &Digest, blob: &Blob, supply: &dyn Supply) -> Result<()> {
    let mut file = files::OutFile::create_with_parents(to)?;
    pour(supply, digest, blob.size, |piece| Ok(file.put(piece)?))?;
    Ok(file.commit()?)
}

/// Hands on the bytes that a supply has of a blob, and compares them: never more than its size.
pub(crate) fn pour(
    supply: &dyn Supply,
    digest: &Digest,
    size: u64,
    mut put: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let failed = |source| Error::Supply {
        digest: *digest,
        source,
    };
    let mut bytes = supply.open(digest).map_err(failed)?;
    let mut hasher = Hasher::new(digest.algorithm());
    let mut buffer = vec![0; 256 << 10];
    let mut left = size;
    loop {
        let read = match bytes.read(&mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed(error)),
        };
        // Too long or too short.
        if read as u64 > left || (read == 0 && left > 0) {
            return Err(Error::WrongSupply {
                expected: Box::new(*digest),
                found: None,
            });
        }
        if read == 0 {
            break;
        }
        left -= read as u64;
        hasher.update(&buffer[..read]);
        put(&buffer[..read])?;
    }
    let found = hasher.finish();
    if found != *digest {
        return Err(Error::WrongSupply {
            expected: Box::new(*digest),
            found: Some(Box::new(found)),
        });
    }
    Ok(())
}

/// Compares a blob's file with what is said of it.
pub(crate) fn check(path: &Path, digest: &Digest, blob: &Blob, verify: Verify) -> Result<()> {
    compare_size(path, digest, blob, files::open(path)?.size)?;
    if verify == Verify::Size {
        return Ok(());
    }
    let mut hasher = Hasher::new(digest.algorithm());
    let found = files::read_pieces(path, |piece| hasher.update(piece))?;
    compare_size(path, digest, blob, found)?;
    compare_digest(path, digest, hasher.finish())
}

pub(crate) fn compare_size(path: &Path, digest: &Digest, blob: &Blob, found: u64) -> Result<()> {
    if found == blob.size {
        return Ok(());
    }
    Err(Error::WrongSize {
        path: path.to_owned(),
        digest: *digest,
        expected: blob.size,
        found,
    })
}

pub(crate) fn compare_digest(path: &Path, expected: &Digest, found: Digest) -> Result<()> {
    if found == *expected {
        return Ok(());
    }
    Err(Error::WrongDigest {
        path: path.to_owned(),
        expected: Box::new(*expected),
        found: Box::new(found),
    })
}

/// What a link in `<out>/blobs/<algorithm>/` has to say to lead to `blob`.
fn link_target(out: &Path, blob: &Path) -> Result<PathBuf> {
    if blob.is_absolute() {
        return Ok(blob.to_owned());
    }
    let unlinkable = || Error::Unlinkable {
        blob: blob.to_owned(),
        out: out.to_owned(),
    };
    let mut depth = 0;
    for component in out.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(_) => depth += 1,
            // The way back from there is not known.
            _ => return Err(unlinkable()),
        }
    }
    let up = std::iter::repeat_n(OsStr::new(".."), depth + 2);
    let parts = blob.components().filter(|part| *part != Component::CurDir);
    Ok(up.chain(parts.map(|part| part.as_os_str())).collect())
}

#[cfg(test)]
mod tests;
