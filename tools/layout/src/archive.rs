//! A layout as one file: a tar of its directory, sorted by name.
//!
//! An archive for `docker load` is an OCI archive with Docker's `manifest.json` beside `index.json`,
//! the form that Docker itself writes since version 25. Its layers are the blobs as they are:
//! `docker load` and `podman load` both unpack them. Older readers take `manifest.json`, newer ones
//! `index.json`.
//!
//! An archive is whole: an absent blob that is not supplied is an error.

use std::io;
use std::path::Path;

use files::OutFile;
use oci::index::REF_NAME;
use oci::reference::Reference;
use oci::{Digest, Hasher, Manifest};
use serde_json::{Value, json};
use ustar::{Header, Metadata, Type};

use crate::contents::{Contents, Place, document};
use crate::directory::{Verify, compare_digest, compare_size, pour};
use crate::{Error, IMAGE_NAME, INDEX_FILE, LAYOUT_FILE, Nothing, Result, Supply, blob_path};

/// Docker's file beside `index.json`.
const DOCKER_FILE: &str = "manifest.json";

/// The form of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A tar of a layout.
    Oci,
    /// One that `docker load` takes, too.
    Docker,
}

/// Writes an OCI archive that becomes `out` when it is committed.
///
/// # Errors
/// An output that exists; a blob that is absent or not what its descriptor says; a full disk.
pub fn oci_archive(contents: &Contents, out: &Path, verify: Verify) -> Result<OutFile> {
    archive(contents, Form::Oci, out, verify, &Nothing)
}

/// Writes an archive for `docker load` that becomes `out` when it is committed. The image's names
/// are those that its descriptors in `index.json` have.
///
/// # Errors
/// As [`oci_archive`]; an index instead of an image.
pub fn docker_archive(contents: &Contents, out: &Path, verify: Verify) -> Result<OutFile> {
    archive(contents, Form::Docker, out, verify, &Nothing)
}

/// Writes an archive that becomes `out` when it is committed, with the bytes of absent blobs that
/// `supply` has.
///
/// # Errors
/// As [`oci_archive`] and [`docker_archive`]; bytes that cannot be had, or are not those of the blob.
pub fn archive(
    contents: &Contents,
    form: Form,
    out: &Path,
    verify: Verify,
    supply: &dyn Supply,
) -> Result<OutFile> {
    let entries = entries(contents, form, supply)?;
    let mut file = OutFile::create(out)?;
    let put = &mut |bytes: &[u8]| Ok(file.put(bytes)?);
    write(contents, entries, verify, supply, put)?;
    Ok(file)
}

/// Writes an archive for `docker load` to whoever reads it as it comes.
///
/// # Errors
/// As [`archive`]; [`Error::Stream`].
pub fn docker_stream(
    contents: &Contents,
    verify: Verify,
    supply: &dyn Supply,
    to: &mut dyn io::Write,
) -> Result<()> {
    let entries = entries(contents, Form::Docker, supply)?;
    let put = &mut |bytes: &[u8]| {
        to.write_all(bytes)
            .map_err(|source| Error::Stream { source })
    };
    write(contents, entries, verify, supply, put)
}

/// Docker's `manifest.json`.
fn docker_manifest(contents: &Contents) -> Result<Value> {
    let [first, others @ ..] = contents.manifests() else {
        return Err(Error::DockerIndex);
    };
    let is_other = |other: &oci::Descriptor| other.digest != first.digest;
    if !first.media_type.is_manifest() || others.iter().any(is_other) {
        return Err(Error::DockerIndex);
    }
    let Some(Place::Bytes(bytes)) = contents.blobs().get(&first.digest).map(|blob| &blob.place)
    else {
        return Err(Error::Absent {
            digest: first.digest,
        });
    };
    let manifest =
        Manifest::read(bytes, &first.media_type).map_err(|error| Error::Unwritable { error })?;
    let mut names = Vec::new();
    for descriptor in contents.manifests() {
        let Some(name) = descriptor.annotations.get(IMAGE_NAME) else {
            // A tag alone names nothing in Docker.
            if let Some(tag) = descriptor.annotations.get(REF_NAME) {
                return Err(Error::DockerName { name: tag.into() });
            }
            continue;
        };
        match Reference::parse(name) {
            Ok(reference) if reference.tag.is_some() => names.push(name.as_str()),
            _ => return Err(Error::DockerName { name: name.into() }),
        }
    }
    let layers: Vec<String> = manifest
        .layers
        .iter()
        .map(|layer| blob_path(&layer.digest))
        .collect();
    Ok(json!([{
        "Config": blob_path(&manifest.config.digest),
        "RepoTags": names,
        "Layers": layers,
    }]))
}

/// What one entry of the archive holds.
enum Content<'a> {
    Directory,
    Bytes(Vec<u8>),
    Blob(&'a Digest),
}

/// Takes the bytes of an archive, in order.
type Put<'a> = dyn FnMut(&[u8]) -> Result<()> + 'a;

/// The entries of an archive, sorted by path.
fn entries<'a>(
    contents: &'a Contents,
    form: Form,
    supply: &dyn Supply,
) -> Result<Vec<(String, Content<'a>)>> {
    let mut entries: Vec<(String, Content)> = vec![
        ("blobs".into(), Content::Directory),
        (INDEX_FILE.into(), Content::Bytes(contents.index_file()?)),
        (LAYOUT_FILE.into(), Content::Bytes(contents.layout_file())),
    ];
    if form == Form::Docker {
        let bytes = document(&docker_manifest(contents)?)?;
        entries.push((DOCKER_FILE.into(), Content::Bytes(bytes)));
    }
    for (digest, blob) in contents.blobs() {
        if matches!(blob.place, Place::Absent(_)) && !supply.has(digest) {
            return Err(Error::Absent { digest: *digest });
        }
        entries.push((blob_path(digest), Content::Blob(digest)));
        entries.push((
            format!("blobs/{}", digest.algorithm().name()),
            Content::Directory,
        ));
    }
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    entries.dedup_by(|a, b| a.0 == b.0);
    Ok(entries)
}

fn write(
    contents: &Contents,
    entries: Vec<(String, Content)>,
    verify: Verify,
    supply: &dyn Supply,
    put: &mut Put<'_>,
) -> Result<()> {
    for (path, content) in entries {
        match content {
            Content::Directory => put(&header(&path, Type::Directory, 0))?,
            Content::Bytes(bytes) => put_file(put, &path, &bytes)?,
            Content::Blob(digest) => blob(put, &path, contents, digest, verify, supply)?,
        }
    }
    put(&ustar::END)
}

/// Writes a blob's entry.
fn blob(
    put: &mut Put<'_>,
    path: &str,
    contents: &Contents,
    digest: &Digest,
    verify: Verify,
    supply: &dyn Supply,
) -> Result<()> {
    let blob = &contents.blobs()[digest];
    let from = match &blob.place {
        Place::Bytes(bytes) => return put_file(put, path, bytes),
        Place::File(from) => from,
        Place::Absent(_) => {
            put(&header(path, Type::File, blob.size))?;
            pour(supply, digest, blob.size, &mut *put)?;
            return put(padding(blob.size));
        }
    };
    compare_size(from, digest, blob, files::open(from)?.size)?;
    put(&header(path, Type::File, blob.size))?;
    let mut hasher = Hasher::new(digest.algorithm());
    let mut failed = None;
    let found = files::read_pieces(from, |piece| {
        if failed.is_some() {
            return;
        }
        if verify == Verify::Digest {
            hasher.update(piece);
        }
        failed = put(piece).err();
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    compare_size(from, digest, blob, found)?;
    if verify == Verify::Digest {
        compare_digest(from, digest, hasher.finish())?;
    }
    put(padding(blob.size))
}

fn put_file(put: &mut Put<'_>, path: &str, bytes: &[u8]) -> Result<()> {
    let size = bytes.len() as u64;
    put(&header(path, Type::File, size))?;
    put(bytes)?;
    put(padding(size))
}

/// The header of an entry: owner 0, time 0, modes 0644 and 0755.
fn header(path: &str, kind: Type, size: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let header = Header {
        path: path.as_bytes(),
        kind,
        mode: if kind == Type::Directory {
            0o755
        } else {
            0o644
        },
        metadata: &Metadata::default(),
        size,
        link: b"",
        device: (0, 0),
    };
    header.encode(&mut bytes);
    bytes
}

/// What fills the last block of a content of `size` bytes.
fn padding(size: u64) -> &'static [u8] {
    &[0; ustar::BLOCK][..ustar::padding(size)]
}

#[cfg(test)]
mod tests;
